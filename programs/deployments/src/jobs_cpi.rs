//! The only module that knows the markets' program: where its fields are, and how to call it.
//!
//! Its source is public and its bytecode cannot change, so offsets and discriminators are pinned
//! here and tested against an independent copy (`nosana-jobs-localnet`).

mod jobs;
mod lister;
mod market;

pub use jobs::{job_state, run_of, JobState, Run};
pub use lister::Lister;
pub use market::{is_queued, require_market, MarketView};

use crate::{constants::JOBS_PROGRAM, errors::DeployError};
use anchor_lang::{
    prelude::*,
    solana_program::{instruction::Instruction, program::invoke_signed_unchecked},
};

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

/// A field's bytes, or [`DeployError`] if the account is shorter than its layout.
fn field<const N: usize>(data: &[u8], offset: usize, otherwise: DeployError) -> Result<[u8; N]> {
    data.get(offset..)
        .and_then(|tail| tail.first_chunk::<N>())
        .copied()
        .ok_or_else(|| otherwise.into())
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
    /// Address pinned to [`crate::constants::REWARDS_REFLECTION`].
    pub rewards_reflection: &'a AccountInfo<'info>,
    /// Address pinned to [`crate::constants::REWARDS_VAULT`].
    pub rewards_vault: &'a AccountInfo<'info>,
    /// Address pinned to [`crate::constants::REWARDS_PROGRAM`].
    pub rewards_program: &'a AccountInfo<'info>,
    /// The system program.
    pub system_program: &'a AccountInfo<'info>,
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
        // Unchecked, as in `Lister`: the one account that is borrowed meanwhile is the deployment, and
        // each account that is passed on was proven to be another before.
        invoke_signed_unchecked(&instruction, &infos, &[self.vault_seeds])?;
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
