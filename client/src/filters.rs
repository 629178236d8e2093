//! Which accounts to ask an RPC node for: memcmp filters at offsets that never change.

use crate::accounts::{MARKET_OFFSET, OWNER_OFFSET, STATUS_OFFSET, VAULT_OFFSET};
use anchor_lang::Discriminator;
use deployments::state::Deployment;
use deployments_domain::status::Status;
use nosana_jobs_interface::account::{Job, Run, JOB_DONE, JOB_STOPPED};
use solana_program::pubkey::Pubkey;

/// An account passes if its data has `bytes` at `offset`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memcmp {
    /// From the account's first byte.
    pub offset: usize,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Memcmp {
    /// An account passes if its data has `bytes` at `offset`.
    pub fn new(offset: usize, bytes: &[u8]) -> Self {
        let bytes = bytes.to_vec();
        Self { offset, bytes }
    }

    /// Whether an account's data passes.
    pub fn matches(&self, data: &[u8]) -> bool {
        data.get(self.offset..)
            .is_some_and(|tail| tail.starts_with(&self.bytes))
    }
}

/// Which deployments to find; all of them by default.
///
/// ```
/// use nosana_deploy_client::{domain::status::Status, filters::DeploymentFilter};
///
/// let running = DeploymentFilter { status: Some(Status::Running), ..Default::default() };
/// assert_eq!(running.memcmp().len(), 2); // the kind of account, and its status
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeploymentFilter {
    /// Of this wallet.
    pub owner: Option<Pubkey>,
    /// On this GPU market.
    pub market: Option<Pubkey>,
    /// Paid for by this vault.
    pub vault: Option<Pubkey>,
    /// In this status.
    pub status: Option<Status>,
}

impl DeploymentFilter {
    /// As an RPC node takes it.
    pub fn memcmp(&self) -> Vec<Memcmp> {
        let key = |offset, key: Option<Pubkey>| key.map(|key| Memcmp::new(offset, key.as_ref()));
        let status = self
            .status
            .map(|status| Memcmp::new(STATUS_OFFSET, &[status as u8]));
        let kind = Some(Memcmp::new(0, Deployment::DISCRIMINATOR));
        let wanted = [
            kind,
            status,
            key(OWNER_OFFSET, self.owner),
            key(VAULT_OFFSET, self.vault),
            key(MARKET_OFFSET, self.market),
        ];
        wanted.into_iter().flatten().collect()
    }
}

/// Runs of the markets' program: of one job, or all.
pub fn runs(job: Option<&Pubkey>) -> Vec<Memcmp> {
    let mut filters = vec![Memcmp::new(0, &Run::DISCRIMINATOR)];
    filters.extend(job.map(|job| Memcmp::new(Run::JOB_OFFSET, job.as_ref())));
    filters
}

/// Jobs of the markets' program: all, or those in a state.
pub fn jobs(state: Option<JobPhase>) -> Vec<Memcmp> {
    let mut filters = vec![Memcmp::new(0, &Job::DISCRIMINATOR)];
    filters.extend(state.map(|state| Memcmp::new(Job::STATE_OFFSET, &[state as u8])));
    filters
}

/// States of jobs that leave something to do when no deployment has them any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum JobPhase {
    /// Its deposit is shared out; once expired, anyone may clean it.
    Done = JOB_DONE,
    /// A node quit it: its deposit waits.
    Quit = JOB_STOPPED,
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    #[test]
    fn a_filter_finds_what_it_names_and_nothing_else() {
        let mut header = Deployment::zeroed();
        let keys: [Pubkey; 3] = std::array::from_fn(|_| Pubkey::new_unique());
        (header.owner, header.vault, header.market) = (keys[0], keys[1], keys[2]);
        header.status = Status::Stopped as u8;
        let data = [Deployment::DISCRIMINATOR, bytemuck::bytes_of(&header)].concat();
        let passes = |filter: DeploymentFilter| filter.memcmp().iter().all(|f| f.matches(&data));

        let exact = DeploymentFilter {
            owner: Some(keys[0]),
            vault: Some(keys[1]),
            market: Some(keys[2]),
            status: Some(Status::Stopped),
        };
        assert!(passes(DeploymentFilter::default()) && passes(exact));
        for other in [
            DeploymentFilter {
                owner: Some(keys[1]),
                ..exact
            },
            DeploymentFilter {
                vault: Some(keys[2]),
                ..exact
            },
            DeploymentFilter {
                market: Some(keys[0]),
                ..exact
            },
            DeploymentFilter {
                status: Some(Status::Draft),
                ..exact
            },
        ] {
            assert!(!passes(other), "{other:?}");
        }
        assert!(runs(None).iter().all(|filter| !filter.matches(&data)));
    }
}
