//! The accounts of the markets' program, read in place.
//!
//! Each struct mirrors the bytes on chain: Borsh without gaps, little-endian, alignment 1. Numbers
//! are therefore byte arrays behind accessors, and field offsets come from the structs themselves.

use crate::{Address, JOBS_PROGRAM};
use bytemuck::{Pod, Zeroable};
use core::{fmt, mem::offset_of};

/// The first eight bytes of an account of the markets' program.
pub type Discriminator = [u8; 8];

/// Bytes of a market's account; the queue fills what its header leaves.
pub const MARKET_SIZE: usize = 10_232;
/// Keys that fit into the queue of a market of [`MARKET_SIZE`].
pub const QUEUE_CAPACITY: u32 = 315;
/// Bytes of a job's account, of which 233 are used.
pub const JOB_SIZE: usize = 240;
/// Bytes of a run's account, of which 113 are used.
pub const RUN_SIZE: usize = 120;

/// `queue_type` of a queue of jobs.
pub const QUEUE_OF_JOBS: u8 = 0;
/// `queue_type` of a queue of nodes.
pub const QUEUE_OF_NODES: u8 = 1;
/// `queue_type` of an empty queue.
pub const QUEUE_EMPTY: u8 = 255;
/// `job_type` of a market that takes a deposit and queues nothing.
pub const JOB_TYPE_UNKNOWN: u8 = 255;

/// `state` of a job that is queued or running.
pub const JOB_QUEUED: u8 = 0;
/// `state` of a job that its node finished or its project ended.
pub const JOB_DONE: u8 = 2;
/// `state` of a job that its node quit.
pub const JOB_STOPPED: u8 = 3;
/// `state` of every run.
pub const RUN_RUNNING: u8 = 1;

/// An account carries the right discriminator but is shorter than its layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated;

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the account of the markets' program is shorter than its layout")
    }
}

impl core::error::Error for Truncated {}

/// Splits `data` of an account of the markets' program into a `T` and what follows, or `None` if it is
/// a different kind of account.
fn split<'a, T: Pod>(
    data: &'a [u8],
    discriminator: &Discriminator,
) -> Result<Option<(&'a T, &'a [u8])>, Truncated> {
    if data.first_chunk() != Some(discriminator) {
        return Ok(None);
    }
    let (head, tail) = data.split_at_checked(size_of::<T>()).ok_or(Truncated)?;
    let head = bytemuck::try_from_bytes(head).map_err(|_| Truncated)?;
    Ok(Some((head, tail)))
}

/// The fixed part of a market, as it is on chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct MarketHeader {
    discriminator: Discriminator,
    /// May change, and close, the market.
    pub authority: Address,
    job_expiration: [u8; 8],
    job_price: [u8; 8],
    job_timeout: [u8; 8],
    /// Kind of jobs; [`JOB_TYPE_UNKNOWN`] queues nothing.
    pub job_type: u8,
    /// The token account that holds the market's deposits.
    pub vault: Address,
    /// Bump of that account.
    pub vault_bump: u8,
    /// Collection of the NFT that a node needs.
    pub node_access_key: Address,
    node_xnos_minimum: [u8; 16],
    /// [`QUEUE_OF_JOBS`], [`QUEUE_OF_NODES`] or [`QUEUE_EMPTY`].
    pub queue_type: u8,
    queue_len: [u8; 4],
}

impl MarketHeader {
    /// NOS base units per second of a job's timeout.
    pub fn price_per_second(&self) -> u64 {
        u64::from_le_bytes(self.job_price)
    }

    /// Seconds after its end until anyone may clean a job.
    pub fn job_expiration_seconds(&self) -> i64 {
        i64::from_le_bytes(self.job_expiration)
    }

    /// What the market suggests; not enforced.
    pub fn job_timeout_seconds(&self) -> i64 {
        i64::from_le_bytes(self.job_timeout)
    }

    /// Whether a listed job is queued or given to a node.
    pub fn takes_jobs(&self) -> bool {
        self.job_type != JOB_TYPE_UNKNOWN
    }

    fn len_if(&self, queue_type: u8) -> u32 {
        match self.queue_type == queue_type {
            true => u32::from_le_bytes(self.queue_len),
            false => 0,
        }
    }

    /// Nodes that wait: each takes a job as soon as it is listed.
    pub fn nodes_waiting(&self) -> u32 {
        self.len_if(QUEUE_OF_NODES)
    }

    /// Jobs that wait for a node.
    pub fn jobs_waiting(&self) -> u32 {
        self.len_if(QUEUE_OF_JOBS)
    }
}

/// A market: its fixed part and its queue, which can hold ten thousand bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Market<'a> {
    /// The fixed part.
    pub header: &'a MarketHeader,
    queue: &'a [u8],
}

impl<'a> Market<'a> {
    /// `sha256("account:MarketAccount")[..8]`.
    pub const DISCRIMINATOR: Discriminator = [0xc9, 0x4e, 0xbb, 0xe1, 0xf0, 0xc6, 0xc9, 0xfb];

    /// Reads a market, or `None` if the account is not a market (any more).
    ///
    /// # Errors
    /// [`Truncated`].
    pub fn read(owner: &Address, data: &'a [u8]) -> Result<Option<Self>, Truncated> {
        match *owner == JOBS_PROGRAM {
            true => Self::parse(data),
            false => Ok(None),
        }
    }

    /// As [`Self::read`], for an account that the markets' program owns.
    ///
    /// # Errors
    /// [`Truncated`].
    pub fn parse(data: &'a [u8]) -> Result<Option<Self>, Truncated> {
        let found = split(data, &Self::DISCRIMINATOR)?;
        Ok(found.map(|(header, queue)| Self { header, queue }))
    }

    fn len(&self) -> usize {
        let len = u32::from_le_bytes(self.header.queue_len);
        usize::try_from(len).unwrap_or(usize::MAX)
    }

    /// Keys that fit into the queue, by the account's length: one more fails to serialize, and nothing
    /// is listed.
    pub fn queue_capacity(&self) -> u32 {
        let (keys, _) = self.queue.as_chunks::<32>();
        u32::try_from(keys.len()).unwrap_or(u32::MAX)
    }

    /// Jobs that still fit into the queue.
    pub fn queue_room(&self) -> u32 {
        self.queue_capacity()
            .saturating_sub(self.header.jobs_waiting())
    }

    /// The keys in the queue, of jobs or of nodes.
    pub fn queue(&self) -> impl Iterator<Item = &'a Address> {
        let (keys, _) = self.queue.as_chunks::<32>();
        keys.iter().take(self.len()).map(bytemuck::cast_ref)
    }

    /// Whether `job` waits in the queue.
    pub fn has_queued(&self, job: &Address) -> bool {
        self.job_keys().any(|key| key == job.as_ref())
    }

    /// Tells `found` the position, among `jobs`, of each that waits in the queue, in one pass. Nearly
    /// all keys of a long queue are passed over by their first byte alone.
    pub fn find_queued(&self, jobs: &[Address], mut found: impl FnMut(usize)) {
        let first = |key: &[u8]| key.first().map_or(0, |byte| usize::from(*byte));
        let mut is_first = [false; 256];
        for job in jobs {
            if let Some(flag) = is_first.get_mut(first(job.as_ref())) {
                *flag = true;
            }
        }
        for key in self.job_keys() {
            if is_first.get(first(key)) == Some(&true) {
                if let Some(position) = jobs.iter().position(|job| job.as_ref() == key) {
                    found(position);
                }
            }
        }
    }

    /// As slices: on chain, comparing arrays takes two compute units more for each key.
    fn job_keys(&self) -> impl Iterator<Item = &'a [u8]> {
        let len = match self.header.queue_type {
            QUEUE_OF_JOBS => self.len(),
            _ => 0,
        };
        self.queue.chunks_exact(size_of::<Address>()).take(len)
    }
}

/// A job's account, as it is on chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Job {
    discriminator: Discriminator,
    /// sha2-256 digest of the job definition.
    pub ipfs_job: [u8; 32],
    /// sha2-256 digest of the result; zero until there is one.
    pub ipfs_result: [u8; 32],
    /// Its market.
    pub market: Address,
    /// The node that finished it.
    pub node: Address,
    /// Gets refunds and the rent.
    pub payer: Address,
    price: [u8; 8],
    /// The authority that listed it: it alone can delist, end, extend and recover.
    pub project: Address,
    /// [`JOB_QUEUED`], [`JOB_DONE`] or [`JOB_STOPPED`].
    pub state: u8,
    time_end: [u8; 8],
    time_start: [u8; 8],
    timeout: [u8; 8],
}

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Queued or running: it runs if a [`Run`] of it exists.
    Open(Deposit),
    /// Finished or ended: the deposit is shared out. A job that several nodes claimed may be marked as
    /// quit after that; nothing is to be recovered then.
    Done {
        /// Unix seconds.
        started_at: i64,
        /// Unix seconds.
        ended_at: i64,
    },
    /// The node quit: the deposit waits to be recovered.
    Quit(Deposit),
    /// The account is gone: the job was done and then cleaned, or delisted, or recovered.
    Gone,
}

/// What was deposited for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deposit {
    /// NOS base units per second: the market's price when the job was listed.
    pub price_per_second: u64,
    /// Longest run from the start, extensions included.
    pub timeout_seconds: i64,
    /// Who alone may take it back: the job's project.
    pub authority: Address,
}

impl Deposit {
    /// The deposit in NOS base units, or `None` if no deposit is that large.
    pub fn amount(&self) -> Option<u64> {
        let seconds = u64::try_from(self.timeout_seconds).ok()?;
        self.price_per_second.checked_mul(seconds)
    }

    /// What returns of the deposit if the job ends after `seconds`.
    pub fn rest_after(&self, seconds: i64) -> Option<u64> {
        let seconds = seconds.clamp(0, self.timeout_seconds.max(0));
        let earned = u64::try_from(seconds)
            .ok()?
            .checked_mul(self.price_per_second)?;
        self.amount()?.checked_sub(earned)
    }
}

impl Job {
    /// `sha256("account:JobAccount")[..8]`.
    pub const DISCRIMINATOR: Discriminator = [0x5b, 0x10, 0xa2, 0x05, 0x2d, 0xd2, 0x7d, 0x41];
    /// Byte offset of `market`, for filters.
    pub const MARKET_OFFSET: usize = offset_of!(Job, market);
    /// Byte offset of `payer`, for filters.
    pub const PAYER_OFFSET: usize = offset_of!(Job, payer);
    /// Byte offset of `project`, for filters.
    pub const PROJECT_OFFSET: usize = offset_of!(Job, project);
    /// Byte offset of `state`, for filters.
    pub const STATE_OFFSET: usize = offset_of!(Job, state);

    /// Reads a job, or `None` if the account is not a job (any more).
    ///
    /// # Errors
    /// [`Truncated`].
    pub fn read<'a>(owner: &Address, data: &'a [u8]) -> Result<Option<&'a Self>, Truncated> {
        match *owner == JOBS_PROGRAM {
            true => Self::parse(data),
            false => Ok(None),
        }
    }

    /// As [`Self::read`], for an account that the markets' program owns.
    ///
    /// # Errors
    /// [`Truncated`].
    pub fn parse(data: &[u8]) -> Result<Option<&Self>, Truncated> {
        Ok(split(data, &Self::DISCRIMINATOR)?.map(|(job, _)| job))
    }

    /// NOS base units per second that were deposited: the market's price of that time.
    pub fn price_per_second(&self) -> u64 {
        u64::from_le_bytes(self.price)
    }

    /// Longest run from the start, extensions included.
    pub fn timeout_seconds(&self) -> i64 {
        i64::from_le_bytes(self.timeout)
    }

    /// Unix seconds; 0 until it ends.
    pub fn started_at(&self) -> i64 {
        i64::from_le_bytes(self.time_start)
    }

    /// Unix seconds; 0 until it ends.
    pub fn ended_at(&self) -> i64 {
        i64::from_le_bytes(self.time_end)
    }

    /// What became of it.
    pub fn outcome(&self) -> JobState {
        match self.state {
            JOB_DONE => JobState::Done {
                started_at: self.started_at(),
                ended_at: self.ended_at(),
            },
            JOB_STOPPED if self.ended_at() != 0 => JobState::Done {
                started_at: self.started_at(),
                ended_at: self.ended_at(),
            },
            JOB_STOPPED => JobState::Quit(self.deposit()),
            _ => JobState::Open(self.deposit()),
        }
    }

    /// What was deposited.
    pub fn deposit(&self) -> Deposit {
        Deposit {
            price_per_second: self.price_per_second(),
            timeout_seconds: self.timeout_seconds(),
            authority: self.project,
        }
    }
}

impl JobState {
    /// What became of the job that was listed at an address, by the account that is there now. Only
    /// the markets' program can have owned it, so an account of any other owner means that the job
    /// is gone; lamports that someone sent there since change nothing.
    ///
    /// # Errors
    /// [`Truncated`], also for an account of the markets' program that is not a job.
    pub fn at(owner: &Address, data: &[u8]) -> Result<Self, Truncated> {
        match *owner == JOBS_PROGRAM {
            true => Ok(Job::parse(data)?.ok_or(Truncated)?.outcome()),
            false => Ok(Self::Gone),
        }
    }
}

/// A running job's run, as it is on chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Run {
    discriminator: Discriminator,
    /// The job that it runs.
    pub job: Address,
    /// The node's wallet.
    pub node: Address,
    /// Who paid the run's rent and gets it back.
    pub payer: Address,
    /// [`RUN_RUNNING`].
    pub state: u8,
    time: [u8; 8],
}

impl Run {
    /// `sha256("account:RunAccount")[..8]`.
    pub const DISCRIMINATOR: Discriminator = [0xc2, 0xa9, 0x6e, 0xe6, 0xeb, 0x0b, 0xe1, 0x16];
    /// Byte offset of `job`, for filters.
    pub const JOB_OFFSET: usize = offset_of!(Run, job);
    /// Byte offset of `node`, for filters.
    pub const NODE_OFFSET: usize = offset_of!(Run, node);

    /// Reads a run, or `None` if the account is not a run (any more).
    ///
    /// # Errors
    /// [`Truncated`].
    pub fn read<'a>(owner: &Address, data: &'a [u8]) -> Result<Option<&'a Self>, Truncated> {
        match *owner == JOBS_PROGRAM {
            true => Self::parse(data),
            false => Ok(None),
        }
    }

    /// As [`Self::read`], for an account that the markets' program owns.
    ///
    /// # Errors
    /// [`Truncated`].
    pub fn parse(data: &[u8]) -> Result<Option<&Self>, Truncated> {
        Ok(split(data, &Self::DISCRIMINATOR)?.map(|(run, _)| run))
    }

    /// Unix seconds when the node took the job.
    pub fn started_at(&self) -> i64 {
        i64::from_le_bytes(self.time)
    }
}

// Released layouts never change. `nosana-jobs-localnet` has them a second time, as Borsh structs;
// its tests compare every field.
const _: () = assert!(size_of::<MarketHeader>() == 151);
const _: () = assert!((MARKET_SIZE - size_of::<MarketHeader>()) / 32 == QUEUE_CAPACITY as usize);
const _: () = assert!(size_of::<Job>() == 233);
const _: () = assert!(size_of::<Run>() == 113);
