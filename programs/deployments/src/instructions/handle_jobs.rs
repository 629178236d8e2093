//! What `settle_jobs`, `stop_jobs`, `track_jobs` and `extend_jobs` share: accounts, finding a job's
//! slot, noting what became of it, paying.

use crate::{
    constants::JOBS_PROGRAM,
    errors::DeployError,
    events::{JobExtended, JobSettled, JobStarted, Outcome},
    jobs_cpi::{JobsCpi, MarketView},
    state::{
        deployment::{free, in_use, views, ActiveJob, Deployment},
        seeds::JobAddresses,
    },
    vault::{pay_keeper, rents, VaultSeeds},
};
use anchor_lang::prelude::*;
use anchor_spl::token::Token;
use deployments_domain::lifecycle::{Ended, Lifecycle};

/// Accounts of `settle_jobs`, `stop_jobs` and `track_jobs`. After these come, for each index, what
/// the instruction says.
#[derive(Accounts)]
pub struct HandleJobs<'info> {
    /// Anyone; pays the fee, earns the reward.
    #[account(mut)]
    pub keeper: Signer<'info>,

    #[account(
        mut,
        has_one = vault @ DeployError::WrongVault,
        has_one = vault_nos @ DeployError::WrongVaultTokenAccount,
        has_one = market @ DeployError::WrongMarket,
    )]
    pub deployment: AccountLoader<'info, Deployment>,

    #[account(mut)]
    pub vault: SystemAccount<'info>,

    /// CHECK: pinned by `deployment`; every refund goes there.
    #[account(mut)]
    pub vault_nos: UncheckedAccount<'info>,

    /// CHECK: pinned by `deployment`.
    #[account(mut)]
    pub market: UncheckedAccount<'info>,

    /// CHECK: pinned to the market's own field, unless the market is gone and nothing can move.
    #[account(mut)]
    pub market_vault: UncheckedAccount<'info>,

    /// CHECK: by address.
    #[account(address = JOBS_PROGRAM @ DeployError::WrongJobsProgram)]
    pub jobs_program: UncheckedAccount<'info>,

    pub token_program: Program<'info, Token>,
    pub system_program: Program<'info, System>,
}

/// One job of a batch, and what decides about it.
pub struct Scene<'a, 'info> {
    /// For calling the jobs program.
    pub cpi: &'a JobsCpi<'a, 'info>,
    /// The deployment's facts, jobs of this batch that were handled before included.
    pub lifecycle: &'a Lifecycle,
    /// The owner's price cap, NOS base units per second.
    pub max_price_per_second: u64,
    /// Cluster time, unix seconds.
    pub now: i64,
    /// Every slot in use.
    pub slots: &'a mut [ActiveJob],
    /// This job's slot among them.
    pub position: usize,
}

impl Scene<'_, '_> {
    /// This job's slot.
    ///
    /// # Errors
    /// Never: the position was found among the slots.
    pub fn slot(&mut self) -> Result<&mut ActiveJob> {
        let slot = self.slots.get_mut(self.position);
        Ok(slot.ok_or(DeployError::CorruptAccount)?)
    }
}

/// What became of one job of a batch.
pub enum Effect {
    /// Nothing was due.
    Nothing,
    /// It is over.
    Ended {
        /// What became of it.
        outcome: Outcome,
        /// How and when it ended.
        ended: Ended,
    },
    /// A node was seen running it; the slot says since when.
    Started,
    /// It was prolonged; the slot says for how long.
    Extended,
    /// It should be prolonged and the vault cannot pay.
    Shortage,
}

/// Handles a batch of jobs: `handle_one` looks at one job and the accounts passed for it, acts, and
/// says what became of it. Stores what that changes, and pays the keeper.
///
/// A job that has no slot any more was handled by another keeper: it is passed over, so that the
/// rest of the batch still counts.
pub fn handle<'info, const ACCOUNTS_PER_JOB: usize>(
    accounts: &HandleJobs<'info>,
    remaining: &[AccountInfo<'info>],
    indices: &[u64],
    handle_one: impl Fn(
        &mut Scene<'_, 'info>,
        &[AccountInfo<'info>; ACCOUNTS_PER_JOB],
    ) -> Result<Effect>,
) -> Result<()> {
    accounts.validate()?;
    let now = Clock::get()?.unix_timestamp;
    let key = accounts.deployment.key();
    let mut data = accounts.deployment.as_ref().try_borrow_mut_data()?;
    let (deployment, slots) = Deployment::split_mut(&mut data)?;
    let mut lifecycle = deployment.active_lifecycle(slots.len())?;

    let (groups, rest) = remaining.as_chunks::<ACCOUNTS_PER_JOB>();
    require!(
        rest.is_empty() && groups.len() == indices.len(),
        DeployError::WrongAccountCount
    );
    let seeds = VaultSeeds::of(deployment);
    let vault_seeds = seeds.as_slices();
    let cpi = accounts.cpi(&vault_seeds);

    let mut ours = JobAddresses::of(&key);
    let (mut handled, mut extended, mut shortage) = (0_u32, false, false);
    for (index, group) in indices.iter().zip(groups) {
        let active = usize::try_from(lifecycle.active).map_err(|_| DeployError::CorruptAccount)?;
        let in_use = slots.get_mut(..active).ok_or(DeployError::CorruptAccount)?;
        let Some(position) = in_use.iter().position(|slot| slot.index == *index) else {
            continue;
        };
        require_job_address(&mut ours, in_use, position, group)?;
        let mut scene = Scene {
            cpi: &cpi,
            lifecycle: &lifecycle,
            max_price_per_second: deployment.max_price_per_second,
            now,
            slots: in_use,
            position,
        };
        let effect = handle_one(&mut scene, group)?;
        let slot = *scene.slot()?;
        match effect {
            Effect::Nothing => continue,
            Effect::Shortage => {
                shortage = true;
                continue;
            }
            Effect::Ended { outcome, ended } => {
                free(slots, lifecycle.active, position)?;
                lifecycle.settled(ended, now).map_err(DeployError::from)?;
                deployment.count(outcome);
                emit!(JobSettled {
                    deployment: key,
                    index: *index,
                    outcome: outcome as u8
                });
            }
            Effect::Started => emit!(JobStarted {
                deployment: key,
                index: *index,
                started_at: slot.view().started_at.unwrap_or(now),
            }),
            Effect::Extended => {
                extended = true;
                emit!(JobExtended {
                    deployment: key,
                    index: *index,
                    timeout_seconds: slot.timeout_seconds,
                });
            }
        }
        handled = handled.checked_add(1).ok_or(DeployError::Overflow)?;
    }
    require!(handled > 0 || shortage, DeployError::NothingDue);
    if shortage {
        // Jobs that were prolonged before it stay prolonged.
        lifecycle.cannot_pay(now).map_err(DeployError::from)?;
    } else if extended {
        let jobs = views(in_use(slots, lifecycle.active)?);
        lifecycle.extended(jobs, now).map_err(DeployError::from)?;
    }
    deployment.store(&key, &lifecycle, now)?;
    pay_keeper(
        &key,
        deployment,
        &lifecycle,
        &accounts.vault,
        &accounts.keeper,
        handled,
        &rents()?,
    )
}

impl<'info> HandleJobs<'info> {
    fn validate(&self) -> Result<()> {
        // market_vault
        if let Some(market) = MarketView::open(&self.market)? {
            require_keys_eq!(
                self.market_vault.key(),
                market.token_vault()?,
                DeployError::WrongMarketVault
            );
        }
        // keeper, deployment, vault, vault_nos, market, programs: checked by Anchor.
        Ok(())
    }

    fn cpi<'a>(&'a self, vault_seeds: &'a [&'a [u8]]) -> JobsCpi<'a, 'info> {
        JobsCpi {
            market: &self.market,
            market_vault: &self.market_vault,
            vault: &self.vault,
            vault_nos: &self.vault_nos,
            token_program: &self.token_program,
            vault_seeds,
        }
    }
}

/// The first account of a group must be the job's: a keeper could pass a finished job of its own.
fn require_job_address<const N: usize>(
    ours: &mut JobAddresses,
    slots: &[ActiveJob],
    position: usize,
    group: &[AccountInfo; N],
) -> Result<()> {
    let (Some(slot), Some(job)) = (slots.get(position), group.first()) else {
        return err!(DeployError::WrongAccountCount);
    };
    require!(
        ours.is_job(job.key, slot.index, slot.job_bump),
        DeployError::WrongJobAddress
    );
    Ok(())
}
