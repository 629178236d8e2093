//! Accounts, field for field as the real program stores them.

use crate::errors::JobsError;
use anchor_lang::prelude::*;
pub use nosana_jobs_interface::account::{
    JOB_DONE, JOB_QUEUED, JOB_SIZE, JOB_STOPPED, JOB_TYPE_UNKNOWN, MARKET_SIZE, QUEUE_EMPTY,
    QUEUE_OF_JOBS, QUEUE_OF_NODES, RUN_RUNNING, RUN_SIZE,
};

/// A GPU market.
#[account]
#[derive(Debug, PartialEq, Eq)]
pub struct MarketAccount {
    pub authority: Pubkey,
    pub job_expiration: i64,
    pub job_price: u64,
    pub job_timeout: i64,
    pub job_type: u8,
    pub vault: Pubkey,
    pub vault_bump: u8,
    pub node_access_key: Pubkey,
    pub node_xnos_minimum: u128,
    pub queue_type: u8,
    pub queue: Vec<Pubkey>,
}

/// A job on a market.
#[account]
#[derive(Debug, PartialEq, Eq)]
pub struct JobAccount {
    pub ipfs_job: [u8; 32],
    pub ipfs_result: [u8; 32],
    pub market: Pubkey,
    pub node: Pubkey,
    pub payer: Pubkey,
    pub price: u64,
    pub project: Pubkey,
    pub state: u8,
    pub time_end: i64,
    pub time_start: i64,
    pub timeout: i64,
}

/// A job that runs on a node.
#[account]
#[derive(Debug, PartialEq, Eq)]
pub struct RunAccount {
    pub job: Pubkey,
    pub node: Pubkey,
    pub payer: Pubkey,
    pub state: u8,
    pub time: i64,
}

impl MarketAccount {
    /// Appends a job or a node. A market of unknown type silently drops it.
    pub fn enqueue(&mut self, kind: u8, key: Pubkey) {
        if self.job_type != JOB_TYPE_UNKNOWN {
            self.queue.push(key);
            self.queue_type = kind;
        }
    }

    /// Takes the first of `kind`, if the queue is of that kind.
    pub fn dequeue(&mut self, kind: u8) -> Option<Pubkey> {
        if self.queue_type != kind || self.queue.is_empty() {
            return None;
        }
        let first = self.queue.remove(0);
        self.note_empty();
        Some(first)
    }

    /// Takes `key` out.
    ///
    /// # Errors
    /// `MarketInWrongState` if the queue is of a different kind, `NotInMarketQueue` if it lacks the key.
    pub fn remove(&mut self, kind: u8, key: &Pubkey) -> Result<()> {
        require!(self.queue_type == kind, JobsError::MarketInWrongState);
        let position = self.queue.iter().position(|other| other == key);
        self.queue
            .remove(position.ok_or(JobsError::NotInMarketQueue)?);
        self.note_empty();
        Ok(())
    }

    fn note_empty(&mut self) {
        if self.queue.is_empty() {
            self.queue_type = QUEUE_EMPTY;
        }
    }
}

impl JobAccount {
    /// NOS base units deposited for a timeout. As on the real program a negative timeout and an
    /// overflow abort it, unless the price is zero.
    #[allow(clippy::panic)]
    pub fn deposit(price: u64, timeout: i64) -> u64 {
        if price == 0 {
            return 0;
        }
        let seconds = u64::try_from(timeout).ok();
        match seconds.and_then(|seconds| seconds.checked_mul(price)) {
            Some(deposit) => deposit,
            None => panic!("deposit out of range"),
        }
    }

    /// What a node has earned after `elapsed` seconds, and what returns to the payer.
    pub fn shares(&self, elapsed: i64) -> (u64, u64) {
        let deposit = Self::deposit(self.price, self.timeout);
        let earned = Self::deposit(self.price, elapsed.clamp(0, self.timeout.max(0)));
        (earned, deposit.saturating_sub(earned))
    }

    /// Marks the job as done by a run's node; the run's seconds. As on the real program, a time before
    /// the run's start aborts it.
    #[allow(clippy::panic)]
    pub fn finish(&mut self, run: &RunAccount, now: i64) -> i64 {
        self.state = JOB_DONE;
        self.node = run.node;
        self.time_start = run.time;
        self.time_end = now;
        match now.checked_sub(run.time) {
            Some(elapsed) if elapsed >= 0 => elapsed,
            _ => panic!("ended before it began"),
        }
    }
}
