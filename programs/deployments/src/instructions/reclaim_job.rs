//! `reclaim_job`: the deposit of a job that was written off and then quit, back into the vault.

use crate::{
    errors::DeployError,
    events::JobReclaimed,
    markets::{job_state, Markets},
    state::{seeds::JobAddresses, OpenDeployment},
    // All of it: Anchor's derive needs what it made of `VaultAccounts`.
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

/// Accounts of `reclaim_job`. No signature is needed, and only the vault is paid.
#[derive(Accounts)]
pub struct ReclaimJob<'info> {
    /// CHECK: pinned by the job's address, which derives from it; may be closed.
    pub deployment: UncheckedAccount<'info>,

    /// The markets' program checks that it paid for the job.
    pub vault: VaultAccounts<'info>,

    /// CHECK: the markets' program checks that it is the job's.
    #[account(mut)]
    pub market: UncheckedAccount<'info>,

    /// CHECK: the markets' program checks that it is the market's, and pays out of it.
    #[account(mut)]
    pub market_vault: UncheckedAccount<'info>,

    /// CHECK: its address is checked.
    #[account(mut)]
    pub job: UncheckedAccount<'info>,

    /// CHECK: by address.
    #[account(address = JOBS_PROGRAM @ DeployError::WrongJobsProgram)]
    pub jobs_program: UncheckedAccount<'info>,

    pub token_program: Program<'info, Token>,
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
        // A job with a slot is for `settle_jobs`: the fail-safe must see that its node quit.
        if *self.deployment.owner == crate::ID {
            let open = OpenDeployment::load(&self.deployment)?;
            require!(
                open.slots.position(args.index).is_none(),
                DeployError::JobStillActive
            );
        }
        require!(
            job_state(&self.job)? == JobState::Quit,
            DeployError::NothingDue
        );
        Ok(bump)
    }
}

/// Recovers the deposit, and the job's rent with it.
pub(crate) fn handler(ctx: Context<ReclaimJob>, args: ReclaimArgs) -> Result<()> {
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
    };
    markets.recover(&accounts.job)?;
    emit!(JobReclaimed {
        deployment: accounts.deployment.key(),
        index: args.index
    });
    Ok(())
}
