//! `clean_jobs`: closes finished jobs of the markets' program, whose rent returns to the vault that paid
//! it. The keeper is paid out of that rent, so that nobody has to do it for charity.

// All of `events`: Anchor's derive needs what it made of `Telling`.
use crate::{
    batch::groups,
    errors::DeployError,
    events::*,
    markets::job_market,
    state::{
        seeds::{self, JobAddresses},
        OpenDeployment,
    },
    vault::{send_lamports, VaultSeeds},
};
use anchor_lang::{prelude::*, solana_program::program::invoke};
use deployments_domain::funding::cleaning_reward;
use nosana_jobs_interface::{instruction::Clean, JOBS_PROGRAM};

/// Which jobs, of whose vault.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Debug, PartialEq, Eq)]
pub struct CleanArgs {
    /// The wallet whose vault paid for the jobs.
    pub owner: Pubkey,
    /// Number of that vault.
    pub vault_index: u16,
    /// The jobs, in the order of their accounts.
    pub jobs: Vec<CleanedJob>,
}

/// One job to clean.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanedJob {
    /// The job's index.
    pub index: u64,
    /// Bump of the job's address.
    pub bump: u8,
}

/// Accounts of `clean_jobs`. After these comes each job.
#[derive(Accounts)]
pub struct CleanJobs<'info> {
    /// Anyone; pays the fee, earns a part of the rent.
    #[account(mut)]
    pub keeper: Signer<'info>,

    /// CHECK: pinned by the jobs' addresses, which derive from it; may be closed.
    pub deployment: UncheckedAccount<'info>,

    /// Its address is checked against the arguments.
    #[account(mut)]
    pub vault: SystemAccount<'info>,

    /// CHECK: pinned to each job's own field: with any other market a job could be cleaned at once.
    pub market: UncheckedAccount<'info>,

    /// CHECK: by address.
    #[account(address = JOBS_PROGRAM @ DeployError::WrongJobsProgram)]
    pub jobs_program: UncheckedAccount<'info>,

    pub system_program: Program<'info, System>,
    pub telling: Telling<'info>,
}

impl<'info> CleanJobs<'info> {
    /// The vault's bump.
    fn validate(&self, args: &CleanArgs, jobs: &[[AccountInfo<'info>; 1]]) -> Result<u8> {
        // vault
        let index = args.vault_index.to_le_bytes();
        let seeds = [seeds::VAULT, args.owner.as_ref(), &index];
        let bump = seeds::canonical_bump(self.vault.key, &seeds, &crate::ID)
            .ok_or(DeployError::WrongVault)?;

        // jobs, market
        let mut ours = JobAddresses::of(self.deployment.key);
        for ([account], job) in jobs.iter().zip(&args.jobs) {
            require!(
                ours.is_job(account.key, job.index, job.bump),
                DeployError::WrongJobAddress
            );
            let market = job_market(account)?.ok_or(DeployError::NothingDue)?;
            require_keys_eq!(market, *self.market.key, DeployError::WrongMarket);
        }

        // A job with a slot says how it ended: that is for `settle_jobs` to read first.
        if *self.deployment.owner == crate::ID {
            let open = OpenDeployment::load(&self.deployment)?;
            for job in &args.jobs {
                require!(
                    open.slots.position(job.index).is_none(),
                    DeployError::JobStillActive
                );
            }
        }
        Ok(bump)
    }
}

/// Cleans the jobs. The markets' program checks that they are done and expired, and that the vault paid
/// for them; whatever it did, only what the vault gained is shared.
pub(crate) fn handler<'info>(ctx: Context<'info, CleanJobs<'info>>, args: CleanArgs) -> Result<()> {
    let accounts = &*ctx.accounts;
    let (jobs, _) = groups::<1>(ctx.remaining_accounts, args.jobs.len())?;
    let bump = accounts.validate(&args, jobs)?;
    let before = accounts.vault.lamports();
    for [job] in jobs {
        let clean = Clean {
            job: job.key,
            market: accounts.market.key,
            payer: accounts.vault.key,
        };
        let infos = [
            job.clone(),
            accounts.market.to_account_info(),
            accounts.vault.to_account_info(),
        ];
        invoke(&clean.instruction(), &infos)?;
    }
    let returned = accounts.vault.lamports().saturating_sub(before);
    require!(returned > 0, DeployError::NothingDue);
    let reward = Reward {
        keeper: accounts.keeper.key(),
        lamports: cleaning_reward(returned),
    };
    let seeds = VaultSeeds::new(args.owner, args.vault_index, bump);
    send_lamports(
        &accounts.vault,
        &accounts.keeper,
        reward.lamports,
        &seeds.as_slices(),
    )?;
    accounts.telling.tell(&JobsCleaned {
        deployment: accounts.deployment.key(),
        indices: args.jobs.iter().map(|job| job.index).collect(),
        returned_lamports: returned,
        reward,
    })
}
