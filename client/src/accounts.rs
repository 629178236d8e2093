//! Decodes the program's accounts. An account is believed only after its owner, discriminator,
//! version and size are checked: an RPC node answers with whatever is at an address.

use crate::{seeds, PROGRAM_ID};
use anchor_lang::{AccountDeserialize, Discriminator};
use deployments::state::{deployment::FIRST_REVISION, ActiveJob, Deployment, Owner, Revision};
use deployments_domain::{
    jobs::Job,
    lifecycle::Lifecycle,
    settings::{Strategy, MAX_REPLICAS},
    status::{Reason, Status},
};
use solana_program::pubkey::Pubkey;
use std::mem::offset_of;

const fn offset(of_field: usize) -> usize {
    of_field + Deployment::DISCRIMINATOR.len()
}

/// Byte offset of the status byte in a Deployment account, for memcmp filters.
pub const STATUS_OFFSET: usize = offset(offset_of!(Deployment, status));
/// Byte offset of the owner's key.
pub const OWNER_OFFSET: usize = offset(offset_of!(Deployment, owner));
/// Byte offset of the vault's key.
pub const VAULT_OFFSET: usize = offset(offset_of!(Deployment, vault));
/// Byte offset of the market's key.
pub const MARKET_OFFSET: usize = offset(offset_of!(Deployment, market));

/// Why an account is not what was asked for.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A different program, or none, owns the account.
    #[error("the account is not owned by the deployments program {PROGRAM_ID}; is this the right cluster and address?")]
    WrongProgram,
    /// The discriminator is a different account kind's.
    #[error("the account is of a different kind")]
    WrongKind,
    /// Not a market of Nosana's.
    #[error("the account is not a GPU market of Nosana's")]
    NotAMarket,
    /// A different version of the program wrote it.
    #[error(
        "the account has layout version {0}, which this client does not know; update the client"
    )]
    UnknownVersion(u8),
    /// Too short, or fields without meaning.
    #[error("the account's data is damaged")]
    Damaged,
}

/// A Deployment account: its header and the jobs that are active.
#[derive(Clone, Debug)]
pub struct DeploymentAccount {
    /// Where it is.
    pub address: Pubkey,
    /// The fixed part, as on chain.
    pub header: Deployment,
    /// The slots in use.
    pub jobs: Vec<ActiveJob>,
    /// The facts that decide what is due.
    pub lifecycle: Lifecycle,
}

impl DeploymentAccount {
    /// Decodes an account's data.
    ///
    /// # Errors
    /// [`DecodeError`] if the account is not a Deployment of this program.
    pub fn decode(address: Pubkey, program: &Pubkey, data: &[u8]) -> Result<Self, DecodeError> {
        check(
            program,
            data,
            Deployment::DISCRIMINATOR,
            Deployment::VERSION,
        )?;
        let (header, slots) = data
            .split_at_checked(Deployment::HEADER)
            .ok_or(DecodeError::Damaged)?;
        let header = header
            .get(Deployment::DISCRIMINATOR.len()..)
            .and_then(|bytes| bytemuck::try_pod_read_unaligned::<Deployment>(bytes).ok())
            .ok_or(DecodeError::Damaged)?;
        let slots: Vec<ActiveJob> = slots
            .chunks_exact(size_of::<ActiveJob>())
            .map(bytemuck::pod_read_unaligned)
            .collect();
        let lifecycle = header
            .lifecycle(slots.len())
            .map_err(|_| DecodeError::Damaged)?;
        // Searches and sums go through these, so a node that lies must not make them endless.
        let settings = &lifecycle.settings;
        let is_bounded = settings.replicas <= MAX_REPLICAS
            && settings
                .schedule
                .is_none_or(|schedule| schedule.validate().is_ok());
        if !is_bounded {
            return Err(DecodeError::Damaged);
        }
        let active = usize::try_from(header.active).map_err(|_| DecodeError::Damaged)?;
        let jobs = slots.get(..active).ok_or(DecodeError::Damaged)?.to_vec();
        Ok(Self {
            address,
            header,
            jobs,
            lifecycle,
        })
    }

    /// Address of job number `index`. An active job's is derived with the bump in its slot.
    pub fn job_address(&self, index: u64) -> Pubkey {
        let slot = self.jobs.iter().find(|job| job.index == index);
        slot.map_or_else(
            || seeds::job_address(&self.address, index).0,
            |slot| job_address(&self.address, slot),
        )
    }

    /// Addresses of the active jobs, in the slots' order.
    pub fn job_addresses(&self) -> Vec<Pubkey> {
        job_addresses(&self.address, &self.jobs)
    }

    /// The active jobs, as rules see them.
    pub fn job_views(&self) -> impl Iterator<Item = Job> + Clone + '_ {
        self.jobs.iter().map(ActiveJob::view)
    }

    /// Whether anything can become due without its owner: it has active jobs, or lists some, perhaps
    /// once its market serves again.
    pub fn may_be_due(&self) -> bool {
        !self.jobs.is_empty() || self.lifecycle.may_list()
    }

    /// The key that lists its jobs from now on, if it has one: anyone's keeper lists them otherwise.
    pub fn access_key(&self) -> Option<Pubkey> {
        let key = self.header.access_key;
        (key != Pubkey::default()).then_some(key)
    }

    /// Who lists its jobs from now on: the access key, or else the vault. Nodes answer to it alone.
    pub fn project(&self) -> Pubkey {
        self.access_key().unwrap_or(self.header.vault)
    }

    /// Numbers and addresses of the revisions that may have accounts: the first came with the deployment.
    pub fn later_revisions(&self) -> impl Iterator<Item = (u32, Pubkey)> + '_ {
        let later = (FIRST_REVISION..=self.header.latest_revision).skip(1);
        later.map(|number| (number, seeds::revision_address(&self.address, number).0))
    }

    /// Its status.
    pub fn status(&self) -> Status {
        self.lifecycle.status
    }

    /// Why it is in ERROR.
    pub fn reason(&self) -> Reason {
        self.lifecycle.reason
    }

    /// When and how often replicas are listed.
    pub fn strategy(&self) -> Strategy {
        self.lifecycle.settings.strategy
    }
}

/// A [`DeploymentAccount`] in as little memory as it needs: who watches many keeps them like this.
#[derive(Clone, Debug)]
pub(crate) struct Compact {
    pub(crate) header: Deployment,
    pub(crate) jobs: Box<[ActiveJob]>,
    slots: u32,
}

impl Compact {
    pub(crate) fn of(account: &DeploymentAccount) -> Self {
        Self {
            header: account.header,
            jobs: account.jobs.clone().into(),
            slots: account.lifecycle.slots,
        }
    }

    /// What it was made of.
    pub(crate) fn expand(&self, address: Pubkey) -> Option<DeploymentAccount> {
        let slots = usize::try_from(self.slots).ok()?;
        Some(DeploymentAccount {
            address,
            header: self.header,
            jobs: self.jobs.to_vec(),
            lifecycle: self.header.lifecycle(slots).ok()?,
        })
    }

    pub(crate) fn is(&self, account: &DeploymentAccount) -> bool {
        bytemuck::bytes_of(&self.header) == bytemuck::bytes_of(&account.header)
            && *self.jobs == *account.jobs
    }

    pub(crate) fn job_addresses(&self, key: &Pubkey) -> Vec<Pubkey> {
        job_addresses(key, &self.jobs)
    }
}

fn job_addresses(key: &Pubkey, slots: &[ActiveJob]) -> Vec<Pubkey> {
    slots.iter().map(|slot| job_address(key, slot)).collect()
}

/// With the bump in its slot: a keeper may have listed it with a bump that is not the canonical one.
fn job_address(key: &Pubkey, slot: &ActiveJob) -> Pubkey {
    seeds::job_address_with_bump(key, slot.index, slot.job_bump)
        .unwrap_or_else(|| seeds::job_address(key, slot.index).0)
}

/// Decodes a wallet's Owner account.
///
/// # Errors
/// [`DecodeError`] if the account is not an Owner account of this program.
pub fn decode_owner(program: &Pubkey, mut data: &[u8]) -> Result<Owner, DecodeError> {
    check(program, data, Owner::DISCRIMINATOR, Owner::VERSION)?;
    Owner::try_deserialize(&mut data).map_err(|_| DecodeError::Damaged)
}

/// Decodes a Revision account.
///
/// # Errors
/// [`DecodeError`] if the account is not a Revision account of this program.
pub fn decode_revision(program: &Pubkey, mut data: &[u8]) -> Result<Revision, DecodeError> {
    check(program, data, Revision::DISCRIMINATOR, Revision::VERSION)?;
    Revision::try_deserialize(&mut data).map_err(|_| DecodeError::Damaged)
}

fn check(
    program: &Pubkey,
    data: &[u8],
    discriminator: &[u8],
    version: u8,
) -> Result<(), DecodeError> {
    if *program != PROGRAM_ID {
        return Err(DecodeError::WrongProgram);
    }
    let tail = data
        .strip_prefix(discriminator)
        .ok_or(DecodeError::WrongKind)?;
    match tail.first() {
        Some(found) if *found == version => Ok(()),
        Some(found) => Err(DecodeError::UnknownVersion(*found)),
        None => Err(DecodeError::Damaged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    fn account(slots: u32) -> Vec<u8> {
        let mut header = Deployment::zeroed();
        header.version = Deployment::VERSION;
        let mut data = Deployment::DISCRIMINATOR.to_vec();
        data.extend_from_slice(bytemuck::bytes_of(&header));
        data.resize(Deployment::space(slots), 0);
        data
    }

    #[test]
    fn offsets_for_filters_are_the_layout_s() {
        let offsets = [STATUS_OFFSET, OWNER_OFFSET, VAULT_OFFSET, MARKET_OFFSET];
        assert_eq!(offsets, [10, 16, 48, 112]);
    }

    #[test]
    fn only_a_deployment_of_this_program_decodes() {
        let good = account(2);
        let decoded = DeploymentAccount::decode(HERE, &PROGRAM_ID, &good).unwrap();
        assert_eq!((decoded.status(), decoded.jobs.len()), (Status::Draft, 0));
        assert_eq!(decoded.lifecycle.slots, 2);

        let decode = |program: &Pubkey, data: &[u8]| {
            DeploymentAccount::decode(HERE, program, data).unwrap_err()
        };
        assert_eq!(decode(&SYSTEM, &good), DecodeError::WrongProgram);
        assert_eq!(decode(&PROGRAM_ID, &[]), DecodeError::WrongKind);
        assert_eq!(decode(&PROGRAM_ID, &good[..100]), DecodeError::Damaged);
        let changed = |at: usize, to: u8| {
            let mut data = good.clone();
            data[at] = to;
            decode(&PROGRAM_ID, &data)
        };
        assert_eq!(changed(0, good[0] ^ 1), DecodeError::WrongKind);
        assert_eq!(changed(8, 0), DecodeError::UnknownVersion(0));
        assert_eq!(changed(8, 2), DecodeError::UnknownVersion(2));
        assert_eq!(changed(STATUS_OFFSET, 8), DecodeError::Damaged);
        assert_eq!(
            changed(8 + offset_of!(Deployment, active), 3),
            DecodeError::Damaged
        );
        let most_significant = 8 + offset_of!(Deployment, replicas) + 3;
        assert_eq!(changed(most_significant, 1), DecodeError::Damaged);
        // SCHEDULED, at no minute of any hour.
        let strategy = 8 + offset_of!(Deployment, strategy);
        let scheduled = Strategy::Scheduled as u8;
        assert_eq!(changed(strategy, scheduled), DecodeError::Damaged);
    }

    const SYSTEM: Pubkey = anchor_lang::system_program::ID;
    const HERE: Pubkey = Pubkey::new_from_array([1; 32]);
}
