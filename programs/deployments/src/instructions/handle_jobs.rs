//! What `settle_jobs` and `stop_jobs` share: accounts, finding a job's slot, freeing it, paying.

use crate::{
    constants::JOBS_PROGRAM,
    errors::DeployError,
    events::{JobSettled, KeeperRewarded, Outcome},
    jobs_cpi::JobsCpi,
    state::{
        deployment::{ActiveJob, Deployment},
        seeds,
    },
    vault::{rent_floor, send_lamports, VaultSeeds},
};
use anchor_lang::prelude::*;
use anchor_spl::token::Token;
use deployments_domain::{funding::keeper_reward, lifecycle::Lifecycle};

/// Accounts of `settle_jobs` and `stop_jobs`. After these come, for each index, what the
/// instruction says.
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

    /// CHECK: the jobs program pins it to the market, and pays out of it, never into it.
    #[account(mut)]
    pub market_vault: UncheckedAccount<'info>,

    /// CHECK: by address.
    #[account(address = JOBS_PROGRAM @ DeployError::WrongJobsProgram)]
    pub jobs_program: UncheckedAccount<'info>,

    pub token_program: Program<'info, Token>,
    pub system_program: Program<'info, System>,
}

/// Handles a batch of jobs: `handle_one` looks at one job and the accounts passed for it, and says
/// what became of it, or `None` if nothing was due. Frees the slots, stores, pays the keeper.
///
/// A job that has no slot any more was handled by another keeper: it is passed over, so that the
/// rest of the batch still counts.
pub fn handle<'info, const ACCOUNTS_PER_JOB: usize>(
    ctx: Context<'info, HandleJobs<'info>>,
    indices: &[u64],
    handle_one: impl Fn(
        &JobsCpi<'_, 'info>,
        &Lifecycle,
        &[AccountInfo<'info>; ACCOUNTS_PER_JOB],
        i64,
    ) -> Result<Option<Outcome>>,
) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let accounts = &*ctx.accounts;
    let key = accounts.deployment.key();
    let mut data = accounts.deployment.as_ref().try_borrow_mut_data()?;
    let (deployment, slots) = Deployment::split_mut(&mut data)?;
    let mut lifecycle = deployment.active_lifecycle(slots.len())?;

    let (groups, rest) = ctx.remaining_accounts.as_chunks::<ACCOUNTS_PER_JOB>();
    require!(
        rest.is_empty() && groups.len() == indices.len(),
        DeployError::WrongAccountCount
    );
    let seeds = VaultSeeds::new(
        deployment.owner,
        deployment.vault_index,
        deployment.vault_bump,
    );
    let vault_seeds = seeds.as_slices();
    let cpi = JobsCpi {
        market: &accounts.market,
        market_vault: &accounts.market_vault,
        vault: &accounts.vault,
        vault_nos: &accounts.vault_nos,
        token_program: &accounts.token_program,
        vault_seeds: &vault_seeds,
    };

    let mut handled: u32 = 0;
    for (index, group) in indices.iter().zip(groups) {
        let Some(position) = find(slots, lifecycle.active, *index) else {
            continue;
        };
        require_job_address(slots, position, &key, group)?;
        let Some(outcome) = handle_one(&cpi, &lifecycle, group, now)? else {
            continue;
        };
        free(slots, lifecycle.active, position)?;
        lifecycle.settled(1).map_err(DeployError::from)?;
        deployment.count(outcome);
        handled = handled.checked_add(1).ok_or(DeployError::Overflow)?;
        emit!(JobSettled {
            deployment: key,
            index: *index,
            outcome: outcome as u8
        });
    }
    require!(handled > 0, DeployError::NothingDue);
    deployment.store(&key, &lifecycle, now)?;
    pay_keeper(&key, deployment, &accounts.vault, &accounts.keeper, handled)
}

fn in_use(slots: &[ActiveJob], active: u32) -> Result<&[ActiveJob]> {
    let active = usize::try_from(active).map_err(|_| DeployError::CorruptAccount)?;
    Ok(slots.get(..active).ok_or(DeployError::CorruptAccount)?)
}

fn find(slots: &[ActiveJob], active: u32, index: u64) -> Option<usize> {
    in_use(slots, active)
        .ok()?
        .iter()
        .position(|slot| slot.index == index)
}

/// The first account of a group must be the job's: a keeper could pass a finished job of its own.
fn require_job_address<const N: usize>(
    slots: &[ActiveJob],
    position: usize,
    deployment: &Pubkey,
    group: &[AccountInfo; N],
) -> Result<()> {
    let (Some(slot), Some(job)) = (slots.get(position), group.first()) else {
        return err!(DeployError::WrongAccountCount);
    };
    require!(
        seeds::is_job_address(job.key, seeds::JOB, deployment, slot.index, slot.job_bump),
        DeployError::WrongJobAddress
    );
    Ok(())
}

/// Moves the last slot in use into the freed one's place.
fn free(slots: &mut [ActiveJob], active: u32, position: usize) -> Result<()> {
    let used = usize::try_from(active).map_err(|_| DeployError::CorruptAccount)?;
    let last = used.checked_sub(1).ok_or(DeployError::CorruptAccount)?;
    let moved = *slots.get(last).ok_or(DeployError::CorruptAccount)?;
    *slots.get_mut(position).ok_or(DeployError::CorruptAccount)? = moved;
    *slots.get_mut(last).ok_or(DeployError::CorruptAccount)? = bytemuck::Zeroable::zeroed();
    Ok(())
}

/// Pays the reward for `handled` jobs out of what the vault holds above its floor.
///
/// # Errors
/// Those of the system program.
pub fn pay_keeper<'info>(
    key: &Pubkey,
    deployment: &Deployment,
    vault: &AccountInfo<'info>,
    keeper: &AccountInfo<'info>,
    handled: u32,
) -> Result<()> {
    let lamports = keeper_reward(
        deployment.keeper_reward_lamports,
        handled,
        vault.lamports(),
        rent_floor()?,
    );
    if lamports == 0 {
        return Ok(());
    }
    let seeds = VaultSeeds::new(
        deployment.owner,
        deployment.vault_index,
        deployment.vault_bump,
    );
    send_lamports(vault, keeper, lamports, &seeds.as_slices())?;
    emit!(KeeperRewarded {
        deployment: *key,
        keeper: keeper.key(),
        lamports
    });
    Ok(())
}
