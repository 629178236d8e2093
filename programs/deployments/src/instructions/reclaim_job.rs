//! `reclaim_job`: the deposit of a job that was written off and then quit, back into the vault.

use crate::{
    constants::{JOBS_PROGRAM, NOS_MINT},
    errors::DeployError,
    events::JobReclaimed,
    jobs_cpi::{job_state, JobState, JobsCpi},
    state::{
        seeds::{self, JobAddresses},
        Deployment,
    },
    vault::VaultSeeds,
};
use anchor_lang::{prelude::*, Discriminator};
use anchor_spl::token::{Token, TokenAccount};

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

/// Accounts of `reclaim_job`. Nobody needs to sign, and nobody is paid but the vault.
#[derive(Accounts)]
pub struct ReclaimJob<'info> {
    /// CHECK: pinned by the job's address, which derives from it; may be closed.
    pub deployment: UncheckedAccount<'info>,

    /// Its address is checked in `validate`; the jobs program checks that it paid for the job.
    #[account(mut)]
    pub vault: SystemAccount<'info>,

    /// CHECK: by address.
    #[account(address = NOS_MINT @ DeployError::WrongMint)]
    pub nos_mint: UncheckedAccount<'info>,

    /// Its address is checked in `validate`.
    #[account(mut, token::mint = nos_mint, token::authority = vault)]
    pub vault_nos: Account<'info, TokenAccount>,

    /// CHECK: the jobs program checks that it is the job's.
    #[account(mut)]
    pub market: UncheckedAccount<'info>,

    /// CHECK: the jobs program checks that it is the market's, and pays out of it.
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
        // vault, vault_nos
        let (vault, vault_nos) = (self.vault.key, self.vault_nos.key());
        let bump = seeds::require_vault(&args.owner, args.vault_index, vault, &vault_nos)?;

        // job
        let mut ours = JobAddresses::of(self.deployment.key);
        require!(
            ours.is_job(self.job.key, args.index, args.job_bump),
            DeployError::WrongJobAddress
        );
        // A job with a slot is for `settle_jobs`: the fail-safe must see that its node quit.
        if *self.deployment.owner == crate::ID {
            // Read in place, where it is aligned; a copy need not be. Nothing is written.
            let mut data = self.deployment.try_borrow_mut_data()?;
            require!(
                data.starts_with(Deployment::DISCRIMINATOR),
                DeployError::WrongDeployment
            );
            let (header, slots) = Deployment::split_any_version_mut(&mut data)?;
            let in_use = crate::state::deployment::in_use(slots, header.active)?;
            require!(
                in_use.iter().all(|slot| slot.index != args.index),
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
    let cpi = JobsCpi {
        market: &accounts.market,
        market_vault: &accounts.market_vault,
        vault: &accounts.vault,
        vault_nos: accounts.vault_nos.as_ref(),
        token_program: &accounts.token_program,
        vault_seeds: &seeds.as_slices(),
    };
    cpi.recover(&accounts.job)?;
    emit!(JobReclaimed {
        deployment: accounts.deployment.key(),
        index: args.index
    });
    Ok(())
}
