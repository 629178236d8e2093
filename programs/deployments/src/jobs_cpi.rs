//! The only file that knows the markets' program: where its fields are, and how to call it.
//!
//! Its source is public and its bytecode cannot change, so offsets and discriminators are pinned
//! here and tested against an independent copy (`nosana-jobs-localnet`).

use crate::{
    constants::{JOBS_PROGRAM, REWARDS_PROGRAM, REWARDS_REFLECTION, REWARDS_VAULT},
    errors::DeployError,
};
use anchor_lang::{
    prelude::*,
    solana_program::{
        instruction::Instruction,
        program::{invoke_signed, invoke_signed_unchecked},
    },
};
use deployments_domain::lifecycle::Market as MarketState;

/// `sha256("global:list")[..8]`.
pub const LIST: [u8; 8] = [0x36, 0xae, 0xc1, 0x43, 0x11, 0x29, 0x84, 0x26];
/// `sha256("global:delist")[..8]`.
pub const DELIST: [u8; 8] = [0x37, 0x88, 0xcd, 0x6b, 0x6b, 0xad, 0x04, 0x1f];
/// `sha256("global:extend")[..8]`.
pub const EXTEND: [u8; 8] = [0xe4, 0x7f, 0x00, 0x01, 0xe3, 0x9a, 0x36, 0xa8];
/// `sha256("global:end")[..8]`.
pub const END: [u8; 8] = [0xb4, 0xa0, 0xf9, 0xd9, 0xc2, 0x79, 0x46, 0x10];
/// `sha256("global:recover")[..8]`.
pub const RECOVER: [u8; 8] = [0x6c, 0xd8, 0x26, 0x3a, 0x6d, 0x92, 0x74, 0x11];
/// `sha256("account:MarketAccount")[..8]`.
pub const MARKET: [u8; 8] = [0xc9, 0x4e, 0xbb, 0xe1, 0xf0, 0xc6, 0xc9, 0xfb];
/// `sha256("account:JobAccount")[..8]`.
pub const JOB: [u8; 8] = [0x5b, 0x10, 0xa2, 0x05, 0x2d, 0xd2, 0x7d, 0x41];
/// `sha256("account:RunAccount")[..8]`.
pub const RUN: [u8; 8] = [0xc2, 0xa9, 0x6e, 0xe6, 0xeb, 0x0b, 0xe1, 0x16];

/// Bytes of a job account: its rent is the vault's while the job exists.
pub const JOB_SIZE: usize = 240;
/// Bytes of a run account.
pub const RUN_SIZE: usize = 120;
/// Keys that fit into a market's queue.
pub const QUEUE_CAPACITY: u32 = 315;

const JOB_TYPE_UNKNOWN: u8 = 255;
const QUEUE_OF_JOBS: u8 = 0;
const QUEUE_OF_NODES: u8 = 1;

/// A field's bytes, or [`DeployError`] if the account is shorter than its layout.
fn field<const N: usize>(data: &[u8], offset: usize, otherwise: DeployError) -> Result<[u8; N]> {
    data.get(offset..)
        .and_then(|tail| tail.first_chunk::<N>())
        .copied()
        .ok_or_else(|| otherwise.into())
}

/// Whether an account is the jobs program's and of the kind that `discriminator` names.
fn is_of_kind(account: &AccountInfo, discriminator: [u8; 8]) -> Result<bool> {
    Ok(*account.owner == JOBS_PROGRAM
        && account.try_borrow_data()?.first_chunk::<8>() == Some(&discriminator))
}

/// A market account, read field by field: its queue can hold ten thousand bytes.
pub struct MarketView<Data> {
    data: Data,
}

impl<'a> MarketView<core::cell::Ref<'a, [u8]>> {
    /// Reads a market, or `None` if the account is no market (any more).
    ///
    /// # Errors
    /// If its data is borrowed.
    pub fn open(account: &'a AccountInfo) -> Result<Option<Self>> {
        if *account.owner != JOBS_PROGRAM {
            return Ok(None);
        }
        let data = core::cell::Ref::map(account.try_borrow_data()?, |data| &**data);
        Ok(Self::parse(data))
    }
}

impl<Data: core::ops::Deref<Target = [u8]>> MarketView<Data> {
    /// Reads the data of an account of the jobs program, or `None` if it is no market's.
    pub fn parse(data: Data) -> Option<Self> {
        (data.first_chunk::<8>() == Some(&MARKET)).then_some(Self { data })
    }

    fn byte(&self, offset: usize) -> Result<u8> {
        field::<1>(&self.data, offset, DeployError::WrongMarket).map(|[byte]| byte)
    }

    /// NOS base units per second.
    ///
    /// # Errors
    /// [`DeployError::WrongMarket`] if the account is too short, as for every field here.
    pub fn price_per_second(&self) -> Result<u64> {
        field(&self.data, 48, DeployError::WrongMarket).map(u64::from_le_bytes)
    }

    /// The token account that holds the market's deposits.
    ///
    /// # Errors
    /// As [`Self::price_per_second`].
    pub fn token_vault(&self) -> Result<Pubkey> {
        field(&self.data, 65, DeployError::WrongMarket).map(Pubkey::new_from_array)
    }

    fn queue_len(&self) -> Result<u32> {
        field(&self.data, 147, DeployError::WrongMarket).map(u32::from_le_bytes)
    }

    /// The market as a listing sees it.
    ///
    /// # Errors
    /// As [`Self::price_per_second`].
    pub fn state(&self) -> Result<MarketState> {
        if self.byte(64)? == JOB_TYPE_UNKNOWN {
            // Such a market takes a deposit and queues nothing.
            return Ok(MarketState::Unusable);
        }
        let (kind, len) = (self.byte(146)?, self.queue_len()?);
        let (nodes_waiting, jobs_waiting) = match kind {
            QUEUE_OF_NODES => (len, 0),
            QUEUE_OF_JOBS => (0, len),
            _ => (0, 0),
        };
        Ok(MarketState::Open {
            price_per_second: self.price_per_second()?,
            nodes_waiting,
            queue_room: QUEUE_CAPACITY.saturating_sub(jobs_waiting),
        })
    }

    /// Whether `job` waits in the queue.
    ///
    /// # Errors
    /// As [`Self::price_per_second`].
    pub fn has_queued(&self, job: &Pubkey) -> Result<bool> {
        if self.byte(146)? != QUEUE_OF_JOBS {
            return Ok(false);
        }
        let len = usize::try_from(self.queue_len()?).map_err(|_| DeployError::WrongMarket)?;
        let queue = self.data.get(151..).ok_or(DeployError::WrongMarket)?;
        Ok(queue
            .chunks_exact(32)
            .take(len)
            .any(|key| key == job.as_ref()))
    }
}

/// Refuses an account that is no market.
///
/// # Errors
/// [`DeployError::WrongMarket`].
pub fn require_market(account: &AccountInfo) -> Result<()> {
    require!(
        MarketView::open(account)?.is_some(),
        DeployError::WrongMarket
    );
    Ok(())
}

/// Whether `job` waits in the queue of `market`, which may be gone.
///
/// # Errors
/// [`DeployError::WrongMarket`] for a damaged market.
pub fn is_queued(market: &AccountInfo, job: &Pubkey) -> Result<bool> {
    match MarketView::open(market)? {
        Some(market) => market.has_queued(job),
        None => Ok(false),
    }
}

/// What became of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Queued or running.
    Open {
        /// NOS base units per second that were deposited: the market's price of that time.
        price_per_second: u64,
    },
    /// Finished or ended: the deposit is shared out.
    Done {
        /// Unix seconds.
        started_at: i64,
        /// Unix seconds.
        ended_at: i64,
    },
    /// The node quit: the deposit waits to be recovered.
    Quit,
    /// The account is gone: it was done and then cleaned.
    Gone,
}

/// Reads a job's account, whose address the caller has checked.
///
/// # Errors
/// [`DeployError::CorruptAccount`] for data that the jobs program never writes.
pub fn job_state(account: &AccountInfo) -> Result<JobState> {
    if *account.owner != JOBS_PROGRAM {
        // Its address is ours, so only the jobs program can have owned it: it was closed. Lamports
        // that someone sent there since change nothing.
        return Ok(JobState::Gone);
    }
    require!(is_of_kind(account, JOB)?, DeployError::CorruptAccount);
    let data = account.try_borrow_data()?;
    let [state] = field::<1>(&data, 208, DeployError::CorruptAccount)?;
    let number = |offset| field(&data, offset, DeployError::CorruptAccount);
    Ok(match state {
        2 => JobState::Done {
            started_at: number(217).map(i64::from_le_bytes)?,
            ended_at: number(209).map(i64::from_le_bytes)?,
        },
        3 => JobState::Quit,
        _ => JobState::Open {
            price_per_second: number(168).map(u64::from_le_bytes)?,
        },
    })
}

/// A running job's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The node's wallet.
    pub node: Pubkey,
    /// Who paid the run's rent and gets it back.
    pub payer: Pubkey,
    /// Unix seconds when the node took the job.
    pub started_at: i64,
}

/// Reads the run of `job`, or `None` if the account is no run of it: a keeper may pass anything.
///
/// # Errors
/// If the account's data is borrowed.
pub fn run_of(account: &AccountInfo, job: &Pubkey) -> Result<Option<Run>> {
    if !is_of_kind(account, RUN)? {
        return Ok(None);
    }
    let data = account.try_borrow_data()?;
    let key =
        |offset| field(&data, offset, DeployError::CorruptAccount).map(Pubkey::new_from_array);
    if key(8)? != *job {
        return Ok(None);
    }
    Ok(Some(Run {
        node: key(40)?,
        payer: key(72)?,
        started_at: field(&data, 105, DeployError::CorruptAccount).map(i64::from_le_bytes)?,
    }))
}

/// The accounts that every call shares. The vault is payer and authority in each.
pub struct JobsCpi<'a, 'info> {
    /// The market; pinned to the deployment's.
    pub market: &'a AccountInfo<'info>,
    /// Pinned to the market's own field.
    pub market_vault: &'a AccountInfo<'info>,
    /// The paying vault; pinned to the deployment's.
    pub vault: &'a AccountInfo<'info>,
    /// Its NOS token account; every refund is pinned to it.
    pub vault_nos: &'a AccountInfo<'info>,
    /// SPL Token.
    pub token_program: &'a AccountInfo<'info>,
    /// Seeds that the vault signs with.
    pub vault_seeds: &'a [&'a [u8]],
}

/// What a listing and an extension need besides.
pub struct ListAccounts<'a, 'info> {
    /// Address pinned to [`REWARDS_REFLECTION`].
    pub rewards_reflection: &'a AccountInfo<'info>,
    /// Address pinned to [`REWARDS_VAULT`].
    pub rewards_vault: &'a AccountInfo<'info>,
    /// Address pinned to [`REWARDS_PROGRAM`].
    pub rewards_program: &'a AccountInfo<'info>,
    /// The system program.
    pub system_program: &'a AccountInfo<'info>,
}

/// `list` for a batch of jobs: one instruction and one account vector serve all, because the heap
/// of 32 KiB is never freed.
pub struct Lister<'a, 'info> {
    vault_seeds: &'a [&'a [u8]],
    instruction: Instruction,
    infos: Vec<AccountInfo<'info>>,
}

const JOB_POSITION: usize = 0;
const RUN_POSITION: usize = 2;

impl<'a, 'info> Lister<'a, 'info> {
    /// Prepares to list jobs with one definition and one timeout. The vault stands in for each job
    /// and run until [`Self::list`] puts them in their places.
    pub fn new(
        cpi: &JobsCpi<'a, 'info>,
        list: &ListAccounts<'a, 'info>,
        job_definition: &[u8; 32],
        timeout_seconds: i64,
    ) -> Self {
        let mut data = Vec::with_capacity(48);
        data.extend_from_slice(&LIST);
        data.extend_from_slice(job_definition);
        data.extend_from_slice(&timeout_seconds.to_le_bytes());
        let writable = |key: &Pubkey| AccountMeta::new(*key, false);
        let accounts = vec![
            AccountMeta::new(*cpi.vault.key, true),
            writable(cpi.market.key),
            AccountMeta::new(*cpi.vault.key, true),
            writable(cpi.vault_nos.key),
            writable(cpi.market_vault.key),
            AccountMeta::new(*cpi.vault.key, true),
            writable(&REWARDS_REFLECTION),
            writable(&REWARDS_VAULT),
            AccountMeta::new_readonly(*cpi.vault.key, true),
            AccountMeta::new_readonly(REWARDS_PROGRAM, false),
            AccountMeta::new_readonly(*cpi.token_program.key, false),
            AccountMeta::new_readonly(*list.system_program.key, false),
        ];
        let infos = vec![
            cpi.vault.clone(),
            cpi.market.clone(),
            cpi.vault.clone(),
            cpi.vault_nos.clone(),
            cpi.market_vault.clone(),
            cpi.vault.clone(),
            list.rewards_reflection.clone(),
            list.rewards_vault.clone(),
            list.rewards_program.clone(),
            cpi.token_program.clone(),
            list.system_program.clone(),
        ];
        let instruction = Instruction {
            program_id: JOBS_PROGRAM,
            accounts,
            data,
        };
        Self {
            vault_seeds: cpi.vault_seeds,
            instruction,
            infos,
        }
    }

    /// Lists one job. The seeds make `job` and `run` sign.
    ///
    /// # Errors
    /// Those of the jobs program.
    pub fn list(
        &mut self,
        job: &AccountInfo<'info>,
        run: &AccountInfo<'info>,
        job_seeds: &[&[u8]],
        run_seeds: &[&[u8]],
    ) -> Result<()> {
        for (position, account) in [(JOB_POSITION, job), (RUN_POSITION, run)] {
            if let Some(meta) = self.instruction.accounts.get_mut(position) {
                meta.pubkey = *account.key;
            }
            if let Some(info) = self.infos.get_mut(position) {
                *info = account.clone();
            }
        }
        // Unchecked: the checked variant walks every account's borrow flags again for each job;
        // nothing here holds a borrow of an account that is passed on.
        invoke_signed_unchecked(
            &self.instruction,
            &self.infos,
            &[self.vault_seeds, job_seeds, run_seeds],
        )?;
        Ok(())
    }
}

impl<'info> JobsCpi<'_, 'info> {
    /// Takes a queued job off the market: the deposit returns to the vault, the job closes.
    ///
    /// # Errors
    /// Those of the jobs program.
    pub fn delist(&self, job: &AccountInfo<'info>) -> Result<()> {
        self.call(
            DELIST.to_vec(),
            &[
                (job, WRITABLE),
                (self.market, WRITABLE),
                (self.vault_nos, WRITABLE),
                (self.vault, WRITABLE),
                (self.market_vault, WRITABLE),
                (self.token_program, READONLY),
                (self.vault, WRITABLE_SIGNER),
            ],
        )
    }

    /// Ends a running job: the node is paid for its time, the rest returns to the vault, the run's
    /// rent to whoever paid it.
    ///
    /// # Errors
    /// Those of the jobs program.
    pub fn end(
        &self,
        job: &AccountInfo<'info>,
        run: &AccountInfo<'info>,
        node_nos: &AccountInfo<'info>,
        run_payer: &AccountInfo<'info>,
    ) -> Result<()> {
        self.call(
            END.to_vec(),
            &[
                (job, WRITABLE),
                (self.market, WRITABLE),
                (run, WRITABLE),
                (self.vault_nos, WRITABLE),
                (node_nos, WRITABLE),
                (self.market_vault, WRITABLE),
                (run_payer, WRITABLE),
                (self.vault, WRITABLE_SIGNER),
                (self.token_program, READONLY),
            ],
        )
    }

    /// Prolongs a job to `timeout_seconds` from its start, and deposits the difference at the price
    /// that the job was listed for.
    ///
    /// # Errors
    /// Those of the jobs program.
    pub fn extend(
        &self,
        job: &AccountInfo<'info>,
        list: &ListAccounts<'_, 'info>,
        timeout_seconds: u32,
    ) -> Result<()> {
        let mut data = EXTEND.to_vec();
        data.extend_from_slice(&i64::from(timeout_seconds).to_le_bytes());
        self.call(
            data,
            &[
                (job, WRITABLE),
                (self.market, READONLY),
                (self.vault_nos, WRITABLE),
                (self.market_vault, WRITABLE),
                (list.rewards_reflection, WRITABLE),
                (list.rewards_vault, WRITABLE),
                (self.vault, READONLY_SIGNER),
                (self.vault, READONLY_SIGNER),
                (list.rewards_program, READONLY),
                (self.token_program, READONLY),
            ],
        )
    }

    /// Takes the whole deposit of a job that its node quit back into the vault; the job closes.
    ///
    /// # Errors
    /// Those of the jobs program.
    pub fn recover(&self, job: &AccountInfo<'info>) -> Result<()> {
        self.call(
            RECOVER.to_vec(),
            &[
                (job, WRITABLE),
                (self.market, WRITABLE),
                (self.market_vault, WRITABLE),
                // Not constrained by the jobs program: pinned here.
                (self.vault_nos, WRITABLE),
                (self.vault, WRITABLE),
                (self.vault, READONLY_SIGNER),
                (self.token_program, READONLY),
            ],
        )
    }

    fn call(&self, data: Vec<u8>, accounts: &[(&AccountInfo<'info>, Access)]) -> Result<()> {
        let instruction = Instruction {
            program_id: JOBS_PROGRAM,
            accounts: accounts
                .iter()
                .map(|(account, access)| AccountMeta {
                    pubkey: *account.key,
                    is_signer: access.signs,
                    is_writable: access.writes,
                })
                .collect(),
            data,
        };
        let infos: Vec<_> = accounts
            .iter()
            .map(|(account, _)| (*account).clone())
            .collect();
        invoke_signed(&instruction, &infos, &[self.vault_seeds])?;
        Ok(())
    }
}

/// How a call uses an account.
#[derive(Clone, Copy)]
struct Access {
    signs: bool,
    writes: bool,
}

const READONLY: Access = Access {
    signs: false,
    writes: false,
};
const READONLY_SIGNER: Access = Access {
    signs: true,
    writes: false,
};
const WRITABLE: Access = Access {
    signs: false,
    writes: true,
};
const WRITABLE_SIGNER: Access = Access {
    signs: true,
    writes: true,
};
