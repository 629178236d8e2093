//! The events that the program emits. Fields are append-only.

use anchor_lang::prelude::*;

/// A deployment was created.
#[event]
pub struct DeploymentCreated {
    /// The deployment's account.
    pub deployment: Pubkey,
    /// The wallet that owns it.
    pub owner: Pubkey,
    /// The market its jobs run on.
    pub market: Pubkey,
    /// The vault that pays.
    pub vault: Pubkey,
    /// sha2-256 digest of the job definition.
    pub job_definition: [u8; 32],
}

/// A deployment's status changed; one event for every transition.
#[event]
pub struct StatusChanged {
    /// The deployment's account.
    pub deployment: Pubkey,
    /// Status byte before.
    pub from: u8,
    /// Status byte after.
    pub to: u8,
    /// Reason byte, not zero in ERROR.
    pub reason: u8,
    /// Cluster time, unix seconds.
    pub at: i64,
}

/// Jobs with consecutive indices were listed on the market.
#[event]
pub struct JobsListed {
    /// The deployment's account.
    pub deployment: Pubkey,
    /// Index of the first one.
    pub first_index: u64,
    /// How many.
    pub count: u32,
    /// NOS base units that the market took for each.
    pub deposit_per_job: u64,
}

/// How a job's life ended. The numbers are part of [`JobSettled`] and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Outcome {
    /// The node finished it, or someone ended it elsewhere.
    Done = 0,
    /// The node quit; the deposit came back to the vault.
    Recovered = 1,
    /// Its account is gone: finished and cleaned.
    Gone = 2,
    /// Taken off the queue; the deposit came back to the vault.
    Delisted = 3,
    /// Ended while running; the node was paid for its time, the rest came back.
    Ended = 4,
    /// Given up by the owner.
    WrittenOff = 5,
}

/// A job's slot was freed.
#[event]
pub struct JobSettled {
    /// The deployment's account.
    pub deployment: Pubkey,
    /// The job's index.
    pub index: u64,
    /// An [`Outcome`].
    pub outcome: u8,
}

/// A keeper was paid for the jobs it handled.
#[event]
pub struct KeeperRewarded {
    /// The deployment's account.
    pub deployment: Pubkey,
    /// Who was paid.
    pub keeper: Pubkey,
    /// How much.
    pub lamports: u64,
}

/// A vault received funds through `fund`.
#[event]
pub struct VaultFunded {
    /// The vault.
    pub vault: Pubkey,
    /// Who paid.
    pub funder: Pubkey,
    /// NOS base units.
    pub nos: u64,
    /// Lamports.
    pub lamports: u64,
}

/// An owner withdrew from a vault.
#[event]
pub struct VaultWithdrawn {
    /// The vault.
    pub vault: Pubkey,
    /// NOS base units.
    pub nos: u64,
    /// Lamports.
    pub lamports: u64,
}

/// A deployment's account was closed; its id is never used again.
#[event]
pub struct DeploymentClosed {
    /// The account that is gone.
    pub deployment: Pubkey,
}

/// An owner changed settings of a deployment.
#[event]
pub struct DeploymentUpdated {
    /// The deployment's account.
    pub deployment: Pubkey,
    /// Replicas from now on.
    pub replicas: u32,
    /// Revision that new jobs run from now on.
    pub revision: u32,
}

/// A deployment got a new revision of its job definition, and runs it from now on.
#[event]
pub struct RevisionAdded {
    /// The deployment's account.
    pub deployment: Pubkey,
    /// From 2.
    pub number: u32,
    /// sha2-256 digest of the job definition.
    pub job_definition: [u8; 32],
}

/// A node was seen running a job.
#[event]
pub struct JobStarted {
    /// The deployment's account.
    pub deployment: Pubkey,
    /// The job's index.
    pub index: u64,
    /// Unix seconds.
    pub started_at: i64,
}

/// A running job was prolonged.
#[event]
pub struct JobExtended {
    /// The deployment's account.
    pub deployment: Pubkey,
    /// The job's index.
    pub index: u64,
    /// Longest run from its start, from now on.
    pub timeout_seconds: u32,
}

/// Finished jobs were closed, and their rent came back to the vault.
#[event]
pub struct JobsCleaned {
    /// The deployment that listed them, closed or not.
    pub deployment: Pubkey,
    /// Who was paid.
    pub keeper: Pubkey,
    /// How many.
    pub count: u32,
    /// Lamports that came back to the vault.
    pub returned_lamports: u64,
    /// How many of them the vault paid to the keeper.
    pub reward_lamports: u64,
}

/// The deposit of a job that has no slot any more came back to the vault.
#[event]
pub struct JobReclaimed {
    /// The deployment that listed it, closed or not.
    pub deployment: Pubkey,
    /// The job's index.
    pub index: u64,
}
