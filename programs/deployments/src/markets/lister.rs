//! `list`, for a batch of jobs.

use super::{Markets, Rewards};
use anchor_lang::{
    prelude::*,
    solana_program::{instruction::Instruction, program::invoke_signed_unchecked},
};
use nosana_jobs_interface::instruction::List;

/// `list` for a batch of jobs: one instruction and one account vector serve all, because the heap
/// of 32 KiB is never freed.
pub struct Lister<'a, 'info> {
    vault_seeds: &'a [&'a [u8]],
    instruction: Instruction,
    infos: Vec<AccountInfo<'info>>,
}

impl<'a, 'info> Lister<'a, 'info> {
    /// Prepares to list jobs with one definition and one timeout; `authority` signs. The vault stands in
    /// for each job and run until [`Self::list`] puts them in their places.
    pub fn new(
        markets: &Markets<'a, 'info>,
        authority: &AccountInfo<'info>,
        rewards: &Rewards<'a, 'info>,
        system_program: &AccountInfo<'info>,
        job_definition: &[u8; 32],
        timeout_seconds: u32,
    ) -> Self {
        let list = List {
            job: markets.vault.key,
            market: markets.market.key,
            run: markets.vault.key,
            user: markets.vault_nos.key,
            vault: markets.market_vault.key,
            payer: markets.vault.key,
            authority: authority.key,
        };
        let infos = vec![
            markets.vault.clone(),
            markets.market.clone(),
            markets.vault.clone(),
            markets.vault_nos.clone(),
            markets.market_vault.clone(),
            markets.vault.clone(),
            rewards.reflection.clone(),
            rewards.vault.clone(),
            authority.clone(),
            rewards.program.clone(),
            markets.token_program.clone(),
            system_program.clone(),
        ];
        Self {
            vault_seeds: markets.vault_seeds,
            instruction: list.instruction(job_definition, timeout_seconds.into()),
            infos,
        }
    }

    /// Lists one job. The seeds make `job` and `run` sign.
    ///
    /// # Errors
    /// Whatever the markets' program returns.
    pub fn list(
        &mut self,
        job: &AccountInfo<'info>,
        run: &AccountInfo<'info>,
        job_seeds: &[&[u8]],
        run_seeds: &[&[u8]],
    ) -> Result<()> {
        for (position, account) in [(List::JOB_POSITION, job), (List::RUN_POSITION, run)] {
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
