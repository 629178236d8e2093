//! `list`, for a batch of jobs.

use super::{JobsCpi, ListAccounts, LIST};
use crate::constants::{JOBS_PROGRAM, REWARDS_PROGRAM, REWARDS_REFLECTION, REWARDS_VAULT};
use anchor_lang::{
    prelude::*,
    solana_program::{instruction::Instruction, program::invoke_signed_unchecked},
};

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
