//! `reclaim_job`: the deposit of a job that was written off and then quit, back into the vault.

use crate::{
    constants::{JOBS_PROGRAM, NOS_MINT},
    errors::DeployError,
    events::JobReclaimed,
    jobs_cpi::{job_state, JobState, JobsCpi},
    state::{seeds, Deployment},
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
#[instruction(args: ReclaimArgs)]
pub struct ReclaimJob<'info> {
    /// CHECK: pinned by the job's address, which derives from it; may be closed.
    pub deployment: UncheckedAccount<'info>,

    /// The jobs program checks that it paid for the job.
    #[account(
        mut,
        seeds = [seeds::VAULT, args.owner.as_ref(), &args.vault_index.to_le_bytes()],
        bump,
    )]
    pub vault: SystemAccount<'info>,

    /// CHECK: by address.
    #[account(address = NOS_MINT @ DeployError::WrongMint)]
    pub nos_mint: UncheckedAccount<'info>,

    #[account(
        mut,
        associated_token::mint = nos_mint,
        associated_token::authority = vault,
    )]
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
    fn validate(&self, args: &ReclaimArgs) -> Result<()> {
        let key = self.deployment.key();
        require!(
            seeds::is_job_address(self.job.key, seeds::JOB, &key, args.index, args.job_bump),
            DeployError::WrongJobAddress
        );
        // A job with a slot is for `settle_jobs`: the fail-safe must see that its node quit.
        if *self.deployment.owner == crate::ID {
            let mut data = self.deployment.try_borrow_data()?.to_vec();
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
        Ok(())
    }
}

/// Recovers the deposit, and the job's rent with it.
pub(crate) fn handler(ctx: Context<ReclaimJob>, args: ReclaimArgs) -> Result<()> {
    ctx.accounts.validate(&args)?;
    let accounts = &*ctx.accounts;
    let seeds = VaultSeeds::new(args.owner, args.vault_index, ctx.bumps.vault);
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
