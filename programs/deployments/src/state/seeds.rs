//! Every seed of every program-derived address.

use crate::errors::DeployError;
use anchor_lang::prelude::*;
use anchor_spl::{associated_token, token};
use bytemuck::{Pod, Zeroable};
use nosana_jobs_interface::NOS_MINT;
use solana_curve25519::edwards::{validate_edwards, PodEdwardsPoint};
use solana_sha256_hasher::hash;

/// `["owner", wallet]`: the wallet's counter of deployments.
pub const OWNER: &[u8] = b"owner";
/// `["vault", wallet, index u16]`: SOL, and the owner of the NOS token account.
pub const VAULT: &[u8] = b"vault";
/// `["deployment", wallet, id u64]`.
pub const DEPLOYMENT: &[u8] = b"deployment";
/// `["revision", deployment, number u32]`.
pub const REVISION: &[u8] = b"revision";
/// `["job", deployment, index u64]`: an account of the jobs program, signed for by this one.
pub const JOB: &[u8; 3] = b"job";
/// `["run", deployment, index u64]`: likewise, used when a node was waiting for the job.
pub const RUN: &[u8; 3] = b"run";

const MARKER: &[u8; 21] = b"ProgramDerivedAddress";

/// Address and bump of a wallet's owner account.
pub fn owner_address(wallet: &Pubkey) -> (Pubkey, u8) {
    Pubkey::find_program_address(&[OWNER, wallet.as_ref()], &crate::ID)
}

/// Address and bump of a wallet's vault number `index`.
pub fn vault_address(wallet: &Pubkey, index: u16) -> (Pubkey, u8) {
    Pubkey::find_program_address(&[VAULT, wallet.as_ref(), &index.to_le_bytes()], &crate::ID)
}

/// Address and bump of a wallet's deployment number `id`.
pub fn deployment_address(wallet: &Pubkey, id: u64) -> (Pubkey, u8) {
    Pubkey::find_program_address(
        &[DEPLOYMENT, wallet.as_ref(), &id.to_le_bytes()],
        &crate::ID,
    )
}

/// Address and bump of a deployment's revision `number`, from 2.
pub fn revision_address(deployment: &Pubkey, number: u32) -> (Pubkey, u8) {
    Pubkey::find_program_address(
        &[REVISION, deployment.as_ref(), &number.to_le_bytes()],
        &crate::ID,
    )
}

/// Address and bump of a deployment's job number `index`.
pub fn job_address(deployment: &Pubkey, index: u64) -> (Pubkey, u8) {
    Pubkey::find_program_address(
        &[JOB, deployment.as_ref(), &index.to_le_bytes()],
        &crate::ID,
    )
}

/// Address of a deployment's job number `index` with a given bump: the one that its slot stores.
/// `None` if these derive no address.
pub fn job_address_with_bump(deployment: &Pubkey, index: u64, bump: u8) -> Option<Pubkey> {
    let seeds: [&[u8]; 4] = [JOB, deployment.as_ref(), &index.to_le_bytes(), &[bump]];
    Pubkey::create_program_address(&seeds, &crate::ID).ok()
}

/// Address and bump of the run that is created with job number `index` when a node is waiting.
pub fn run_address(deployment: &Pubkey, index: u64) -> (Pubkey, u8) {
    Pubkey::find_program_address(
        &[RUN, deployment.as_ref(), &index.to_le_bytes()],
        &crate::ID,
    )
}

/// The addresses of one deployment's jobs and runs: checks which of them an account's is.
///
/// One hash instead of `create_program_address`'s curve check, at a tenth of its cost: equality
/// needs none, because the runtime lets only an address off the curve sign, and every job in a slot
/// signed when it was listed.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub struct JobAddresses {
    prefix: [u8; 3],
    deployment: [u8; 32],
    index: [u8; 8],
    bump: u8,
    program: [u8; 32],
    marker: [u8; 21],
}

impl JobAddresses {
    /// The addresses for the deployment at this address.
    pub fn of(deployment: &Pubkey) -> Self {
        Self {
            prefix: *JOB,
            deployment: deployment.to_bytes(),
            index: [0; 8],
            bump: 0,
            program: crate::ID.to_bytes(),
            marker: *MARKER,
        }
    }

    /// Whether `key` is the address of job number `index`, with this bump.
    pub fn is_job(&mut self, key: &Pubkey, index: u64, bump: u8) -> bool {
        self.is(key, JOB, index, bump)
    }

    /// Whether `key` is the address of the run that is created with job number `index`.
    pub fn is_run(&mut self, key: &Pubkey, index: u64, bump: u8) -> bool {
        self.is(key, RUN, index, bump)
    }

    /// As [`Self::is_job`], and no higher bump derives an address: tools look for that one alone.
    pub fn is_canonical_job(&mut self, key: &Pubkey, index: u64, bump: u8) -> bool {
        self.is(key, JOB, index, bump) && self.is_canonical()
    }

    /// As [`Self::is_run`], and no higher bump derives an address.
    pub fn is_canonical_run(&mut self, key: &Pubkey, index: u64, bump: u8) -> bool {
        self.is(key, RUN, index, bump) && self.is_canonical()
    }

    /// Whether every bump above the last one that was checked hashes to a point of the curve. Half of
    /// all addresses have the highest bump, and nothing to check.
    fn is_canonical(&mut self) -> bool {
        let higher = self.bump.checked_add(1).unwrap_or(0);
        higher == 0
            || (higher..=u8::MAX).all(|bump| {
                self.bump = bump;
                let hash = hash(bytemuck::bytes_of(self)).to_bytes();
                validate_edwards(&PodEdwardsPoint(hash))
            })
    }

    fn is(&mut self, key: &Pubkey, prefix: &[u8; 3], index: u64, bump: u8) -> bool {
        (self.prefix, self.index, self.bump) = (*prefix, index.to_le_bytes(), bump);
        hash(bytemuck::bytes_of(self)).as_ref() == key.as_ref()
    }
}

/// The bump that makes `key` the canonical address of these seeds, or `None` if it is not.
///
/// The search of `find_program_address`, by the same rule: the first hash, from bump 255 down, that
/// is not a point of the curve. The runtime charges 1,500 compute units for each bump that it tries,
/// this takes some 340.
pub fn canonical_bump(key: &Pubkey, seeds: &[&[u8]], program: &Pubkey) -> Option<u8> {
    let mut hashed = seeds.concat();
    let position = hashed.len();
    hashed.push(u8::MAX);
    hashed.extend_from_slice(program.as_ref());
    hashed.extend_from_slice(MARKER);
    for bump in (1..=u8::MAX).rev() {
        *hashed.get_mut(position)? = bump;
        let found = hash(&hashed).to_bytes();
        if !validate_edwards(&PodEdwardsPoint(found)) {
            return (found == key.to_bytes()).then_some(bump);
        }
    }
    None
}

/// Whether `key` is the associated token account for NOS of `wallet`.
pub fn is_nos_account(key: &Pubkey, wallet: &Pubkey) -> bool {
    let seeds = [wallet.as_ref(), token::ID.as_ref(), NOS_MINT.as_ref()];
    canonical_bump(key, &seeds, &associated_token::ID).is_some()
}

/// The bump of `owner`'s vault number `index`.
///
/// # Errors
/// [`DeployError::WrongVault`] and [`DeployError::WrongVaultTokenAccount`] if the accounts are not
/// that vault and its associated token account for NOS.
pub fn require_vault(owner: &Pubkey, index: u16, vault: &Pubkey, vault_nos: &Pubkey) -> Result<u8> {
    let seeds = [VAULT, owner.as_ref(), &index.to_le_bytes()];
    let bump = canonical_bump(vault, &seeds, &crate::ID).ok_or(DeployError::WrongVault)?;
    require!(
        is_nos_account(vault_nos, vault),
        DeployError::WrongVaultTokenAccount
    );
    Ok(bump)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchor_spl::associated_token::get_associated_token_address;

    #[test]
    fn the_cheap_check_agrees_with_the_runtime_s_derivation() {
        let deployment = Pubkey::new_from_array([7; 32]);
        let mut ours = JobAddresses::of(&deployment);
        for index in [0, 1, 255, u64::MAX] {
            let (job, bump) = job_address(&deployment, index);
            assert!(ours.is_job(&job, index, bump));
            assert!(!ours.is_run(&job, index, bump));
            assert!(!ours.is_job(&job, index ^ 1, bump));
            assert!(!ours.is_job(&job, index, bump ^ 1));
            let (run, bump) = run_address(&deployment, index);
            assert!(ours.is_run(&run, index, bump));
            assert!(!ours.is_job(&run, index, bump));
        }
    }

    #[test]
    fn the_cheap_search_finds_what_the_runtime_s_does_and_nothing_else() {
        let mut tried = [0; 3];
        for number in 0..300_u16 {
            let wallet = Pubkey::new_from_array(
                hash(&number.to_le_bytes()).to_bytes(), // any
            );
            let index = number.to_le_bytes();
            let seeds = [VAULT, wallet.as_ref(), &index];
            let (vault, bump) = vault_address(&wallet, number);
            assert_eq!(canonical_bump(&vault, &seeds, &crate::ID), Some(bump));
            assert_eq!(canonical_bump(&vault, &seeds, &token::ID), None);
            assert_eq!(canonical_bump(&wallet, &seeds, &crate::ID), None);
            // Lower bumps derive addresses too, which are not the canonical one.
            let lower = (0..bump).rev().find_map(|bump| {
                let seeds = [VAULT, wallet.as_ref(), &index, &[bump]];
                Pubkey::create_program_address(&seeds, &crate::ID).ok()
            });
            let lower = lower.unwrap_or_default();
            assert_eq!(canonical_bump(&lower, &seeds, &crate::ID), None);

            let nos = get_associated_token_address(&vault, &NOS_MINT);
            let vault_of = |index, vault, nos| require_vault(&wallet, index, vault, nos).ok();
            assert_eq!(vault_of(number, &vault, &nos), Some(bump));
            assert_eq!(vault_of(number ^ 1, &vault, &nos), None);
            assert_eq!(vault_of(number, &lower, &nos), None);
            assert_eq!(vault_of(number, &vault, &wallet), None);
            let tries = usize::from(u8::MAX.saturating_sub(bump)).min(2);
            if let Some(count) = tried.get_mut(tries) {
                *count += 1;
            }
        }
        assert!(tried.into_iter().all(|count| count > 30), "{tried:?}");
    }
}
