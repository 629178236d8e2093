//! How this program reads the markets' accounts and calls the markets' program. The facts about both
//! are `nosana-jobs-interface`'s.

mod lister;
mod read;

pub use lister::Lister;
pub use read::{
    can_refund, is_market, is_queued, job_market, job_payer, job_state, left_by, listing_market,
    market, require_market_vault, run_of, which_are_queued,
};

use crate::{errors::DeployError, state::seeds::is_nos_account, vault::Guard};
use anchor_lang::{
    prelude::*,
    solana_program::{instruction::Instruction, program::invoke_signed_unchecked},
};
use nosana_jobs_interface::{
    account::{Deposit, Run},
    instruction::{Delist, End, Extend, Recover},
};

/// The accounts that every call shares. The vault is payer in each, and authority of jobs that were listed
/// without an access key.
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
    /// What signs besides, if anything does: the access key of some jobs.
    pub access_key: Option<&'a AccountInfo<'info>>,
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

/// What `end` needs besides: the run, where its node is paid, and who gets the run's rent.
pub struct RunAccounts<'a, 'info> {
    /// The job's run.
    pub run: &'a AccountInfo<'info>,
    /// The node's NOS token account.
    pub node_nos: &'a AccountInfo<'info>,
    /// Who paid for the run.
    pub payer: &'a AccountInfo<'info>,
}

impl<'a, 'info> RunAccounts<'a, 'info> {
    /// These accounts, if the node's pay and the run's rent go where the run says, whatever the keeper
    /// passed.
    ///
    /// # Errors
    /// [`DeployError::WrongNodeTokenAccount`], [`DeployError::WrongRunPayer`].
    pub fn check(
        run: &'a AccountInfo<'info>,
        found: &Run,
        node_nos: &'a AccountInfo<'info>,
        payer: &'a AccountInfo<'info>,
    ) -> Result<Self> {
        require!(
            is_nos_account(node_nos.key, &found.node),
            DeployError::WrongNodeTokenAccount
        );
        require_keys_eq!(*payer.key, found.payer, DeployError::WrongRunPayer);
        Ok(Self {
            run,
            node_nos,
            payer,
        })
    }
}

/// After each call the vault checks that it is still a vault, and what the call cost or gave back.
impl<'info> Markets<'_, 'info> {
    /// The account of the authority at `key`, which signs: the vault, or the access key.
    ///
    /// # Errors
    /// [`DeployError::AccessKeyMissing`] if it is an access key that was not passed.
    pub fn authority(&self, key: &Pubkey) -> Result<&AccountInfo<'info>> {
        if key == self.vault.key {
            return Ok(self.vault);
        }
        let access_key = self.access_key.filter(|access| access.key == key);
        Ok(access_key.ok_or(DeployError::AccessKeyMissing)?)
    }

    /// Whether the market can give a deposit back: it is there, and holds that much.
    ///
    /// # Errors
    /// [`DeployError::WrongMarket`] if the market is damaged.
    pub fn can_refund(&self, deposit: &Deposit) -> Result<bool> {
        can_refund(self.market, self.market_vault, deposit)
    }

    /// Takes a queued job off the market: the deposit returns to the vault, the job closes.
    ///
    /// # Errors
    /// [`DeployError::AccessKeyMissing`], [`DeployError::RefundTooLow`], those of [`Guard`], and whatever
    /// the markets' program returns.
    pub fn delist(&self, job: &AccountInfo<'info>, deposit: &Deposit) -> Result<()> {
        let delist = Delist {
            job: job.key,
            market: self.market.key,
            deposit: self.vault_nos.key,
            payer: self.vault.key,
            vault: self.market_vault.key,
            authority: &deposit.authority,
        };
        let guard = Guard::new(self.vault, self.vault_nos)?;
        self.call(&delist.instruction(), &[job], deposit)?;
        guard.require_got_back(deposit.amount().ok_or(DeployError::Overflow)?)
    }

    /// Ends a job that runs for `seconds`: the node is paid for its time, the rest returns to the
    /// vault, the run's rent to whoever paid it.
    ///
    /// # Errors
    /// As [`Self::delist`].
    pub fn end(
        &self,
        job: &AccountInfo<'info>,
        of_run: &RunAccounts<'_, 'info>,
        deposit: &Deposit,
        seconds: i64,
    ) -> Result<()> {
        let end = End {
            job: job.key,
            market: self.market.key,
            run: of_run.run.key,
            deposit: self.vault_nos.key,
            user: of_run.node_nos.key,
            vault: self.market_vault.key,
            payer: of_run.payer.key,
            authority: &deposit.authority,
        };
        let guard = Guard::new(self.vault, self.vault_nos)?;
        self.call(
            &end.instruction(),
            &[job, of_run.run, of_run.node_nos, of_run.payer],
            deposit,
        )?;
        guard.require_got_back(deposit.rest_after(seconds).ok_or(DeployError::Overflow)?)
    }

    /// Prolongs a job to `timeout_seconds` from its start, and deposits the difference at the price
    /// that the job was listed for: `most_nos` base units at most, fee included.
    ///
    /// # Errors
    /// [`DeployError::AccessKeyMissing`], [`DeployError::FeeTooHigh`], those of [`Guard`], and whatever the
    /// markets' program returns.
    pub fn extend(
        &self,
        job: &AccountInfo<'info>,
        rewards: &Rewards<'_, 'info>,
        deposit: &Deposit,
        (timeout_seconds, most_nos): (u32, u64),
    ) -> Result<()> {
        let extend = Extend {
            job: job.key,
            market: self.market.key,
            user: self.vault_nos.key,
            vault: self.market_vault.key,
            authority: &deposit.authority,
            payer: self.vault.key,
        };
        let guard = Guard::new(self.vault, self.vault_nos)?;
        self.call(
            &extend.instruction(timeout_seconds.into()),
            &[job, rewards.reflection, rewards.vault, rewards.program],
            deposit,
        )?;
        guard.require_spent_at_most(most_nos, 0)
    }

    /// Takes the whole deposit of a job that its node quit back into the vault; the job closes.
    ///
    /// # Errors
    /// As [`Self::delist`].
    pub fn recover(&self, job: &AccountInfo<'info>, deposit: &Deposit) -> Result<()> {
        let recover = Recover {
            job: job.key,
            market: self.market.key,
            vault: self.market_vault.key,
            // Not constrained by the markets' program: pinned here.
            user: self.vault_nos.key,
            payer: self.vault.key,
            authority: &deposit.authority,
        };
        let guard = Guard::new(self.vault, self.vault_nos)?;
        self.call(&recover.instruction(), &[job], deposit)?;
        guard.require_got_back(deposit.amount().ok_or(DeployError::Overflow)?)
    }

    /// Calls with the signature of whoever may take `deposit` back.
    ///
    /// Unchecked: the only account that is borrowed meanwhile is the deployment, which is never among
    /// those that are passed on.
    fn call(
        &self,
        instruction: &Instruction,
        others: &[&AccountInfo<'info>],
        deposit: &Deposit,
    ) -> Result<()> {
        let shared = [
            self.authority(&deposit.authority)?,
            self.market,
            self.market_vault,
            self.vault,
            self.vault_nos,
            self.token_program,
        ];
        let mut infos = Vec::with_capacity(10);
        infos.extend(shared.iter().chain(others).map(|info| (*info).clone()));
        invoke_signed_unchecked(instruction, &infos, &[self.vault_seeds])?;
        Ok(())
    }
}
