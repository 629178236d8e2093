//! What `list_jobs`, `settle_jobs`, `stop_jobs`, `track_jobs` and `extend_jobs` share: accounts, finding
//! a job's slot, noting what became of it, paying the keeper.

// All of `events`: Anchor's derive needs what it made of `Telling`.
use crate::{
    errors::DeployError,
    events::*,
    markets::{require_market_vault, Markets, Rewards},
    state::{seeds::JobAddresses, ActiveJob, Deployment, OpenDeployment},
    vault::{rents, send_lamports, VaultSeeds},
};
use anchor_lang::prelude::*;
use anchor_spl::token::Token;
use deployments_domain::{
    funding::Rents,
    jobs::{End, Job},
};
use nosana_jobs_interface::{JOBS_PROGRAM, REWARDS_PROGRAM, REWARDS_REFLECTION, REWARDS_VAULT};

/// Accounts of `settle_jobs`, `stop_jobs` and `track_jobs`. After these come, for each index, what
/// the instruction says, and at the end the access key of jobs that were listed with one, if it signs.
#[derive(Accounts)]
pub struct HandleJobs<'info> {
    /// Anyone; pays the fee, earns the reward.
    #[account(mut)]
    pub keeper: Signer<'info>,

    /// Says which vault and which market the next three are; [`Self::require_of`] compares, because Anchor
    /// would load the deployment anew for each.
    #[account(mut)]
    pub deployment: AccountLoader<'info, Deployment>,

    #[account(mut)]
    pub vault: SystemAccount<'info>,

    /// CHECK: pinned by `deployment`, which checked it when it was created; every refund goes there.
    #[account(mut)]
    pub vault_nos: UncheckedAccount<'info>,

    /// CHECK: pinned by `deployment`. It may be gone by now. Writable where the markets' program writes
    /// it, which is to list and to delist: keepers of one market would else queue behind each other.
    pub market: UncheckedAccount<'info>,

    /// CHECK: pinned to the market's own field, unless the market is gone and nothing can move.
    #[account(mut)]
    pub market_vault: UncheckedAccount<'info>,

    /// CHECK: by address.
    #[account(address = JOBS_PROGRAM @ DeployError::WrongJobsProgram)]
    pub jobs_program: UncheckedAccount<'info>,

    pub token_program: Program<'info, Token>,
    pub system_program: Program<'info, System>,
    pub telling: Telling<'info>,
}

/// Accounts of `list_jobs` and `extend_jobs`, which spend. After these come, for each job, what the
/// instruction says, and then the access key, as above.
#[derive(Accounts)]
pub struct SpendOnJobs<'info> {
    pub common: HandleJobs<'info>,

    /// CHECK: only passed on; by address.
    #[account(mut, address = REWARDS_REFLECTION @ DeployError::WrongRewardsAccount)]
    pub rewards_reflection: UncheckedAccount<'info>,

    /// CHECK: only passed on; by address.
    #[account(mut, address = REWARDS_VAULT @ DeployError::WrongRewardsAccount)]
    pub rewards_vault: UncheckedAccount<'info>,

    /// CHECK: only passed on; by address.
    #[account(address = REWARDS_PROGRAM @ DeployError::WrongRewardsAccount)]
    pub rewards_program: UncheckedAccount<'info>,
}

impl<'info> HandleJobs<'info> {
    /// Checks that vault and market are the deployment's. Anchor has checked the keeper, the kinds of
    /// accounts and the programs; the market's vault is left to the caller.
    ///
    /// # Errors
    /// [`DeployError::WrongVault`], [`DeployError::WrongVaultTokenAccount`], [`DeployError::WrongMarket`].
    pub fn require_of(&self, deployment: &Deployment) -> Result<()> {
        require!(deployment.vault == *self.vault.key, DeployError::WrongVault);
        require!(
            deployment.vault_nos == *self.vault_nos.key,
            DeployError::WrongVaultTokenAccount
        );
        require!(
            deployment.market == *self.market.key,
            DeployError::WrongMarket
        );
        Ok(())
    }

    /// For calling the markets' program; the vault signs, and `access_key` did if there is one.
    pub fn markets<'a>(
        &'a self,
        vault_seeds: &'a [&'a [u8]],
        access_key: Option<&'a AccountInfo<'info>>,
    ) -> Markets<'a, 'info> {
        Markets {
            access_key,
            market: &self.market,
            market_vault: &self.market_vault,
            vault: &self.vault,
            vault_nos: &self.vault_nos,
            token_program: &self.token_program,
            vault_seeds,
        }
    }
}

impl<'info> SpendOnJobs<'info> {
    /// What a listing and an extension pass on.
    pub fn rewards(&self) -> Rewards<'_, 'info> {
        Rewards {
            reflection: &self.rewards_reflection,
            vault: &self.rewards_vault,
            program: &self.rewards_program,
        }
    }
}

/// One job of a batch, and what decides about it.
pub struct JobOfBatch<'a, 'o, 'info> {
    /// For calling the markets' program.
    pub markets: &'a Markets<'a, 'info>,
    /// The deployment, after what was done for the jobs before this one.
    pub open: &'a mut OpenDeployment<'o>,
    /// Which of the batch's jobs it is.
    pub number: usize,
    /// This job's slot.
    pub position: usize,
}

impl JobOfBatch<'_, '_, '_> {
    /// This job's slot.
    ///
    /// # Errors
    /// Never: the position was found among the slots in use.
    pub fn slot(&mut self) -> Result<&mut ActiveJob> {
        self.open.slots.at(self.position)
    }

    /// Notes when a node took this job, if that was not known before. Returns the job.
    ///
    /// # Errors
    /// Never, as above.
    pub fn note_start(&mut self, started_at: i64) -> Result<Job> {
        self.open.note_start(self.position, started_at)
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
        /// How it ended.
        end: End,
        /// What it left behind, as far as that is known.
        left: Option<Left>,
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
/// A job that has no slot any more was handled by a different keeper. It is skipped, so that the
/// rest of the batch still counts.
pub fn handle<'info, const ACCOUNTS_PER_JOB: usize>(
    accounts: &HandleJobs<'info>,
    remaining: &[AccountInfo<'info>],
    indices: &[u64],
    handle_one: impl Fn(
        &mut JobOfBatch<'_, '_, 'info>,
        &[AccountInfo<'info>; ACCOUNTS_PER_JOB],
    ) -> Result<Effect>,
) -> Result<()> {
    require_market_vault(&accounts.market, &accounts.market_vault)?;
    let mut open = OpenDeployment::load_unarchived(accounts.deployment.as_ref())?;
    accounts.require_of(&open.header)?;
    let (groups, access_key) = groups(remaining, indices.len())?;
    let seeds = VaultSeeds::of(&open.header);
    let vault_seeds = seeds.as_slices();
    let markets = accounts.markets(&vault_seeds, access_key);

    open.changes.reserve(indices.len()); // at once: the heap is never freed
    let mut ours = JobAddresses::of(&open.key);
    let (mut handled, mut paid, mut extended, mut shortage) = (0_u32, 0_u32, false, false);
    for (number, (index, group)) in indices.iter().zip(groups).enumerate() {
        let Some(position) = open.slots.position(*index) else {
            continue;
        };
        require_job_address(&mut ours, open.slots.at(position)?, group)?;
        let mut job = JobOfBatch {
            markets: &markets,
            open: &mut open,
            number,
            position,
        };
        let pays = match handle_one(&mut job, group)? {
            Effect::Nothing => continue,
            Effect::Shortage => {
                shortage = true;
                continue;
            }
            Effect::Ended { outcome, end, left } => open.settle(position, outcome, end, left)?,
            Effect::Started => 1,
            Effect::Extended => {
                extended = true;
                let timeout_seconds = open.slots.at(position)?.timeout_seconds;
                open.note(*index, JobEvent::Extended { timeout_seconds });
                1
            }
        };
        handled = handled.checked_add(1).ok_or(DeployError::Overflow)?;
        paid = paid.checked_add(pays).ok_or(DeployError::Overflow)?;
    }
    require!(handled > 0 || shortage, DeployError::NothingDue);
    if shortage {
        // Jobs that were prolonged before it stay prolonged.
        open.apply(|lifecycle, jobs, now| lifecycle.cannot_pay(jobs, now))?;
        paid = paid.max(1);
    } else if extended {
        open.apply(|lifecycle, jobs, now| lifecycle.extended(jobs, now))?;
    }
    commit_and_pay(&mut open, accounts, paid, &rents()?)
}

/// Commits what a keeper's call changed, and pays the keeper for `jobs` jobs: only out of what the
/// vault holds above its floor and the rents of jobs to come, and what the owner allows a day.
///
/// # Errors
/// [`DeployError::InvariantBroken`], and whatever the system program returns.
pub fn commit_and_pay(
    open: &mut OpenDeployment,
    accounts: &HandleJobs,
    jobs: u32,
    rents: &Rents,
) -> Result<()> {
    let (vault, keeper, now) = (&accounts.vault, &accounts.keeper, open.now);
    let lamports = open
        .lifecycle
        .pay_keeper(jobs, vault.lamports(), rents, now);
    let reward = (lamports > 0).then(|| Reward {
        keeper: *keeper.key,
        lamports,
    });
    open.commit(&accounts.telling, reward)?;
    if lamports == 0 {
        return Ok(());
    }
    let seeds = VaultSeeds::of(&open.header);
    send_lamports(vault, keeper, lamports, &seeds.as_slices())
}

/// `N` accounts for each job of a batch, and the access key that signs for some of them, if one does.
pub type Groups<'a, 'info, const N: usize> = (
    &'a [[AccountInfo<'info>; N]],
    Option<&'a AccountInfo<'info>>,
);

/// The accounts passed for each of `jobs` jobs, all of them, and after them no more than one that signs:
/// an access key.
///
/// # Errors
/// [`DeployError::WrongAccountCount`].
pub fn groups<'a, 'info, const N: usize>(
    remaining: &'a [AccountInfo<'info>],
    jobs: usize,
) -> Result<Groups<'a, 'info, N>> {
    let groups = N
        .checked_mul(jobs)
        .and_then(|count| remaining.split_at_checked(count));
    let (groups, rest) = groups.ok_or(DeployError::WrongAccountCount)?;
    let access_key = match rest {
        [] => None,
        [key] if key.is_signer => Some(key),
        _ => return err!(DeployError::WrongAccountCount),
    };
    Ok((groups.as_chunks().0, access_key))
}

/// The first account of a group must be the job's: a keeper could pass a finished job of its own.
fn require_job_address<const N: usize>(
    ours: &mut JobAddresses,
    slot: &ActiveJob,
    group: &[AccountInfo; N],
) -> Result<()> {
    let job = group.first().ok_or(DeployError::WrongAccountCount)?;
    require!(
        ours.is_job(job.key, slot.index, slot.job_bump),
        DeployError::WrongJobAddress
    );
    Ok(())
}
