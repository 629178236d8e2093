//! What the program tells: one event for each call, with everything that the call did in it.
//!
//! Logs are cut off at 10,000 bytes, so an event is no log line. It is the data of an instruction that the
//! program calls on itself, as Anchor's `emit_cpi!` does it, and stays with the transaction. Fields
//! are append-only.

use crate::errors::DeployError;
use anchor_lang::{
    event::EVENT_IX_TAG_LE,
    prelude::*,
    solana_program::{instruction::Instruction, program::invoke_signed_unchecked},
    Discriminator, Event,
};
use nosana_jobs_interface::account::{Deposit, Run};

/// Accounts of every instruction, by which it tells what it did.
#[derive(Accounts)]
pub struct Telling<'info> {
    /// CHECK: by address. It signs for this program alone, so nobody else can tell an event.
    #[account(address = crate::EVENT_AUTHORITY_AND_BUMP.0 @ DeployError::WrongEventAccount)]
    pub event_authority: UncheckedAccount<'info>,

    /// CHECK: by address: this program, which calls itself.
    #[account(address = crate::ID @ DeployError::WrongEventAccount)]
    pub program: UncheckedAccount<'info>,
}

/// Room for the events of most calls.
const USUAL_EVENT_BYTES: usize = 512;

impl Telling<'_> {
    /// Tells an event.
    ///
    /// # Errors
    /// None of its own; the runtime's, for example if the transaction's trace is full.
    pub fn tell<E: Event>(&self, event: &E) -> Result<()> {
        let mut data = Vec::with_capacity(USUAL_EVENT_BYTES);
        data.extend_from_slice(EVENT_IX_TAG_LE);
        data.extend_from_slice(E::DISCRIMINATOR);
        event.serialize(&mut data)?;
        let authority = &self.event_authority;
        let instruction = Instruction {
            program_id: crate::ID,
            accounts: vec![AccountMeta::new_readonly(*authority.key, true)],
            data,
        };
        let bump = [crate::EVENT_AUTHORITY_AND_BUMP.1];
        let seeds: [&[u8]; 2] = [b"__event_authority", &bump];
        // Unchecked: nothing here borrows the authority, which is all that is passed on.
        invoke_signed_unchecked(&instruction, &[authority.to_account_info()], &[&seeds])?;
        Ok(())
    }
}

/// A deployment was created.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// Status byte: DRAFT or STARTING.
    pub status: u8,
    /// Cluster time, unix seconds.
    pub at: i64,
}

/// A call changed a deployment: its owner's, or a keeper's.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentChanged {
    /// The deployment's account.
    pub deployment: Pubkey,
    /// Its changes are numbered from 1, so that a reader knows whether one is missing.
    pub sequence: u64,
    /// Cluster time, unix seconds.
    pub at: i64,
    /// Status byte before.
    pub from: u8,
    /// Status byte after.
    pub to: u8,
    /// Reason byte after, not zero in ERROR.
    pub reason: u8,
    /// Replicas from now on.
    pub replicas: u32,
    /// Revision that new jobs run from now on.
    pub revision: u32,
    /// sha2-256 digest of that revision's job definition.
    pub job_definition: [u8; 32],
    /// What happened to which jobs, in that order.
    pub jobs: Vec<JobChange>,
    /// What the vault paid for the call, if anything.
    pub reward: Option<Reward>,
    /// The market from now on, if the call moved the deployment to it.
    pub moved_to: Option<Pubkey>,
}

/// What happened to one job.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobChange {
    /// The job's index.
    pub index: u64,
    /// What happened.
    pub what: JobEvent,
}

/// What can happen to a job. The numbers are part of [`DeploymentChanged`] and never change.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEvent {
    /// It was listed on the market.
    Listed {
        /// NOS base units that the market holds for it.
        deposit: u64,
    },
    /// A node was seen running it.
    Started {
        /// Unix seconds.
        started_at: i64,
    },
    /// It was prolonged while running.
    Extended {
        /// Longest run from its start, from now on.
        timeout_seconds: u32,
    },
    /// It is over, and its slot is free.
    Settled {
        /// How it ended.
        outcome: Outcome,
        /// What it left behind; `None` where nothing on chain tells: it was cleaned before, or given up.
        left: Option<Left>,
    },
}

/// What a job left behind. Once its account is cleaned, the chain knows nothing else of it.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// NOS base units that its node was paid.
    pub nos_paid: u64,
    /// NOS base units of its deposit that came back to the vault.
    pub nos_returned: u64,
    /// Its run; `None` if no node ran it to an end.
    pub run: Option<Ran>,
}

/// A job's run, from its start to its end.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ran {
    /// The node's wallet.
    pub node: Pubkey,
    /// Unix seconds.
    pub started_at: i64,
    /// Unix seconds.
    pub ended_at: i64,
    /// sha2-256 digest of the result that the node stored, zero if it stored none; base58 of
    /// `12 20 | digest` is its IPFS CIDv0.
    pub result: [u8; 32],
}

impl Ran {
    /// A run that was ended at `now`.
    pub fn until(run: &Run, now: i64) -> Self {
        Self {
            node: run.node,
            started_at: run.started_at(),
            ended_at: now,
            result: [0; 32],
        }
    }
}

impl Left {
    /// What is left of a job with this deposit, after this run. Infallible, so that what a changed markets'
    /// program writes keeps no job from being settled: a deposit that no vault holds counts as none.
    pub fn of(deposit: &Deposit, run: Option<Ran>) -> Self {
        let amount = deposit.amount().unwrap_or(0);
        let seconds = run.map_or(0, |run| run.ended_at.saturating_sub(run.started_at));
        let nos_returned = deposit.rest_after(seconds).unwrap_or(0);
        Self {
            nos_paid: amount.saturating_sub(nos_returned),
            nos_returned,
            run,
        }
    }
}

/// How a job's life ended.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The node finished it, or someone ended it elsewhere.
    Done,
    /// The node quit; the deposit came back to the vault.
    Recovered,
    /// Its account is gone: finished and cleaned.
    Gone,
    /// Taken off the queue; the deposit came back to the vault.
    Delisted,
    /// Ended while running; the node was paid for its time, the rest came back.
    Ended,
    /// Given up by the owner.
    WrittenOff,
}

/// What a keeper was paid.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reward {
    /// Who was paid.
    pub keeper: Pubkey,
    /// How much.
    pub lamports: u64,
}

/// A vault received funds through `fund`.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentClosed {
    /// The account that is gone.
    pub deployment: Pubkey,
    /// Number of its last [`DeploymentChanged`].
    pub sequence: u64,
}

/// A revision's account was closed; nothing can be rolled back to it any more.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionClosed {
    /// The deployment whose revision it was, closed or not.
    pub deployment: Pubkey,
    /// From 2.
    pub number: u32,
}

/// Finished jobs were closed, and their rent came back to the vault.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobsCleaned {
    /// The deployment that listed them, closed or not.
    pub deployment: Pubkey,
    /// The jobs' indices.
    pub indices: Vec<u64>,
    /// Lamports that came back to the vault.
    pub returned_lamports: u64,
    /// What the vault paid out of them.
    pub reward: Reward,
}

/// The deposit of a job that has no slot any more, or what was left of it, came back to the vault.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobReclaimed {
    /// The deployment that listed it, closed or not.
    pub deployment: Pubkey,
    /// The job's index.
    pub index: u64,
    /// How: recovered, delisted or ended.
    pub outcome: Outcome,
    /// What it left behind.
    pub left: Left,
}

/// Rent that accounts held above today's minimum went to their owner.
#[event]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RentReclaimed {
    /// The wallet.
    pub owner: Pubkey,
    /// Lamports, of all accounts.
    pub lamports: u64,
}
