//! How this program reads the markets' accounts and calls the markets' program. The facts about both
//! are `nosana-jobs-interface`'s.

mod lister;
mod read;

pub use lister::Lister;
pub use read::{
    is_market, is_queued, job_state, listing_market, market, require_market_vault, run_of,
};

use anchor_lang::{
    prelude::*,
    solana_program::{instruction::Instruction, program::invoke_signed_unchecked},
};
use nosana_jobs_interface::instruction::{Delist, End, Extend, Recover};

/// The accounts that every call shares. The vault is payer and authority in each.
pub struct Markets<'a, 'info> {
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
pub struct Rewards<'a, 'info> {
    /// Address pinned to [`nosana_jobs_interface::REWARDS_REFLECTION`].
    pub reflection: &'a AccountInfo<'info>,
    /// Address pinned to [`nosana_jobs_interface::REWARDS_VAULT`].
    pub vault: &'a AccountInfo<'info>,
    /// Address pinned to [`nosana_jobs_interface::REWARDS_PROGRAM`].
    pub program: &'a AccountInfo<'info>,
}

impl<'info> Markets<'_, 'info> {
    /// Takes a queued job off the market: the deposit returns to the vault, the job closes.
    ///
    /// # Errors
    /// Whatever the markets' program returns.
    pub fn delist(&self, job: &AccountInfo<'info>) -> Result<()> {
        let delist = Delist {
            job: job.key,
            market: self.market.key,
            deposit: self.vault_nos.key,
            payer: self.vault.key,
            vault: self.market_vault.key,
            authority: self.vault.key,
        };
        self.call(&delist.instruction(), &[job])
    }

    /// Ends a running job: the node is paid for its time, the rest returns to the vault, the run's
    /// rent to whoever paid it.
    ///
    /// # Errors
    /// Whatever the markets' program returns.
    pub fn end(
        &self,
        job: &AccountInfo<'info>,
        run: &AccountInfo<'info>,
        node_nos: &AccountInfo<'info>,
        run_payer: &AccountInfo<'info>,
    ) -> Result<()> {
        let end = End {
            job: job.key,
            market: self.market.key,
            run: run.key,
            deposit: self.vault_nos.key,
            user: node_nos.key,
            vault: self.market_vault.key,
            payer: run_payer.key,
            authority: self.vault.key,
        };
        self.call(&end.instruction(), &[job, run, node_nos, run_payer])
    }

    /// Prolongs a job to `timeout_seconds` from its start, and deposits the difference at the price
    /// that the job was listed for.
    ///
    /// # Errors
    /// Whatever the markets' program returns.
    pub fn extend(
        &self,
        job: &AccountInfo<'info>,
        rewards: &Rewards<'_, 'info>,
        timeout_seconds: u32,
    ) -> Result<()> {
        let extend = Extend {
            job: job.key,
            market: self.market.key,
            user: self.vault_nos.key,
            vault: self.market_vault.key,
            authority: self.vault.key,
            payer: self.vault.key,
        };
        self.call(
            &extend.instruction(timeout_seconds.into()),
            &[job, rewards.reflection, rewards.vault, rewards.program],
        )
    }

    /// Takes the whole deposit of a job that its node quit back into the vault; the job closes.
    ///
    /// # Errors
    /// Whatever the markets' program returns.
    pub fn recover(&self, job: &AccountInfo<'info>) -> Result<()> {
        let recover = Recover {
            job: job.key,
            market: self.market.key,
            vault: self.market_vault.key,
            // Not constrained by the markets' program: pinned here.
            user: self.vault_nos.key,
            payer: self.vault.key,
            authority: self.vault.key,
        };
        self.call(&recover.instruction(), &[job])
    }

    /// Unchecked: the only account that is borrowed meanwhile is the deployment, which is never among
    /// those that are passed on.
    fn call(&self, instruction: &Instruction, others: &[&AccountInfo<'info>]) -> Result<()> {
        let shared = [
            self.market,
            self.market_vault,
            self.vault,
            self.vault_nos,
            self.token_program,
        ];
        let mut infos = Vec::with_capacity(9);
        infos.extend(shared.iter().chain(others).map(|info| (*info).clone()));
        invoke_signed_unchecked(instruction, &infos, &[self.vault_seeds])?;
        Ok(())
    }
}
