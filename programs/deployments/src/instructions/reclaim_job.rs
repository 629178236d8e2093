//! `reclaim_job`: what is left of a written-off job's deposit, back into the vault: of one that a node
//! quit, that still waits in the queue, or that still runs.

// All of `events` and of `vault`: Anchor's derive needs what it made of their accounts.
use crate::{
    errors::DeployError,
    events::*,
    markets::{
        is_queued, job_payer, job_state, require_market_vault, run_of, Markets, RunAccounts,
    },
    state::{seeds::JobAddresses, OpenDeployment},
    vault::*,
};
use anchor_lang::prelude::*;
use anchor_spl::token::Token;
use nosana_jobs_interface::{account::JobState, JOBS_PROGRAM};

/// Which job, of whose vault.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReclaimArgs {
    /// The wallet whose vault paid for the job.
    pub owner: Pubkey,
    /// Number of that vault.
    pub vault_index: u16,
    /// The job's index.
    pub index: u64,
    /// Bump of the job's address.
    pub job_bump: u8,
}

/// Accounts of `reclaim_job`. No signature is needed but that of the access key, if the job was listed with
/// one: it comes after these. Only the vault is paid.
#[derive(Accounts)]
pub struct ReclaimJob<'info> {
    /// CHECK: pinned by the job's address, which derives from it; may be closed.
    pub deployment: UncheckedAccount<'info>,

    /// The job's account says that it paid for the job.
    pub vault: VaultAccounts<'info>,

    /// CHECK: the markets' program checks that it is the job's. Writable to delist a queued job.
    pub market: UncheckedAccount<'info>,

    /// CHECK: pinned to the market's own field.
    #[account(mut)]
    pub market_vault: UncheckedAccount<'info>,

    /// CHECK: its address is checked.
    #[account(mut)]
    pub job: UncheckedAccount<'info>,

    /// CHECK: the job's run, if it runs; else any account, as for the next two.
    #[account(mut)]
    pub run: UncheckedAccount<'info>,

    /// CHECK: pinned by the run: the node's NOS token account.
    #[account(mut)]
    pub node_nos: UncheckedAccount<'info>,

    /// CHECK: pinned by the run: who paid for it.
    #[account(mut)]
    pub run_payer: UncheckedAccount<'info>,

    /// CHECK: by address.
    #[account(address = JOBS_PROGRAM @ DeployError::WrongJobsProgram)]
    pub jobs_program: UncheckedAccount<'info>,

    pub token_program: Program<'info, Token>,
    pub telling: Telling<'info>,
}

impl ReclaimJob<'_> {
    /// The vault's bump.
    fn validate(&self, args: &ReclaimArgs) -> Result<u8> {
        // vault
        let bump = self.vault.bump_of(&args.owner, args.vault_index)?;

        // job
        let mut ours = JobAddresses::of(self.deployment.key);
        require!(
            ours.is_job(self.job.key, args.index, args.job_bump),
            DeployError::WrongJobAddress
        );
        let payer = job_payer(&self.job)?;
        require!(
            payer.is_none_or(|payer| payer == *self.vault.vault.key),
            DeployError::WrongVault
        );

        // market_vault
        require_market_vault(&self.market, &self.market_vault)?;

        // A job with a slot is for `settle_jobs` and `stop_jobs`: the fail-safe must see its end.
        if *self.deployment.owner == crate::ID {
            let open = OpenDeployment::load(&self.deployment)?;
            require!(
                open.slots.position(args.index).is_none(),
                DeployError::JobStillActive
            );
        }
        Ok(bump)
    }
}

/// Recovers the deposit of a job that was quit, delists a queued one, and ends a running one. The rent
/// comes with it, of an ended job once it is cleaned.
pub(crate) fn handler<'info>(
    ctx: Context<'info, ReclaimJob<'info>>,
    args: ReclaimArgs,
) -> Result<()> {
    let bump = ctx.accounts.validate(&args)?;
    let accounts = &*ctx.accounts;
    let seeds = VaultSeeds::new(args.owner, args.vault_index, bump);
    let markets = Markets {
        market: &accounts.market,
        market_vault: &accounts.market_vault,
        vault: &accounts.vault.vault,
        vault_nos: &accounts.vault.vault_nos,
        token_program: &accounts.token_program,
        vault_seeds: &seeds.as_slices(),
        access_key: ctx.remaining_accounts.first().filter(|key| key.is_signer),
    };
    let job = &accounts.job;
    let (outcome, deposit, run) = match (job_state(job)?, run_of(&accounts.run, job.key)?) {
        (JobState::Quit(deposit), _) => {
            markets.recover(job, &deposit)?;
            (Outcome::Recovered, deposit, None)
        }
        (JobState::Open(deposit), Some(found)) => {
            let (node_nos, payer) = (&accounts.node_nos, &accounts.run_payer);
            let of_run = RunAccounts::check(&accounts.run, &found, node_nos, payer)?;
            let now = Clock::get()?.unix_timestamp;
            let seconds = now.saturating_sub(found.started_at());
            markets.end(job, &of_run, &deposit, seconds)?;
            (Outcome::Ended, deposit, Some(Ran::until(&found, now)))
        }
        (JobState::Open(deposit), None) if is_queued(&accounts.market, job.key)? => {
            markets.delist(job, &deposit)?;
            (Outcome::Delisted, deposit, None)
        }
        _ => return err!(DeployError::NothingDue),
    };
    accounts.telling.tell(&JobReclaimed {
        deployment: accounts.deployment.key(),
        index: args.index,
        outcome,
        left: Left::of(&deposit, run),
    })
}
