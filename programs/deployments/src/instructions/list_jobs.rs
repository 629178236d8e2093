//! `list_jobs`: lists what is due on the market, or records why nothing can be.

use crate::{
    constants::{JOBS_PROGRAM, REWARDS_PROGRAM, REWARDS_REFLECTION, REWARDS_VAULT},
    errors::DeployError,
    events::JobsListed,
    jobs_cpi::{JobsCpi, ListAccounts, Lister, MarketView},
    state::{
        deployment::{in_use, views, ActiveJob, Deployment},
        seeds::{self, JobAddresses},
    },
    vault::{nos_balance, pay_keeper, rents, send_lamports, VaultSeeds},
};
use anchor_lang::prelude::*;
use anchor_spl::token::Token;
use deployments_domain::{
    funding::{job_cost, Funds},
    lifecycle::{Listing, Market, Offer},
};

/// Canonical bumps of one job's two addresses.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobBumps {
    /// Bump of `["job", deployment, index]`.
    pub job: u8,
    /// Bump of `["run", deployment, index]`.
    pub run: u8,
}

/// Accounts of `list_jobs`. After these come a job and a run address for each pair of bumps, in the
/// order of the indices, from the deployment's `next_job_index`.
#[derive(Accounts)]
pub struct ListJobs<'info> {
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

    /// CHECK: pinned by `deployment`, which checked it when it was created.
    #[account(mut)]
    pub vault_nos: UncheckedAccount<'info>,

    /// CHECK: pinned by `deployment`. It may be gone by now, which the handler records.
    #[account(mut)]
    pub market: UncheckedAccount<'info>,

    /// CHECK: pinned to the market's own field before funds move.
    #[account(mut)]
    pub market_vault: UncheckedAccount<'info>,

    /// CHECK: only passed on; by address.
    #[account(mut, address = REWARDS_REFLECTION @ DeployError::WrongRewardsAccount)]
    pub rewards_reflection: UncheckedAccount<'info>,

    /// CHECK: only passed on; by address.
    #[account(mut, address = REWARDS_VAULT @ DeployError::WrongRewardsAccount)]
    pub rewards_vault: UncheckedAccount<'info>,

    /// CHECK: only passed on; by address.
    #[account(address = REWARDS_PROGRAM @ DeployError::WrongRewardsAccount)]
    pub rewards_program: UncheckedAccount<'info>,

    /// CHECK: by address.
    #[account(address = JOBS_PROGRAM @ DeployError::WrongJobsProgram)]
    pub jobs_program: UncheckedAccount<'info>,

    pub token_program: Program<'info, Token>,
    pub system_program: Program<'info, System>,
}

impl<'info> ListJobs<'info> {
    fn offer(&self, deployment: &Deployment) -> Result<Offer> {
        let market = match MarketView::open(&self.market)? {
            Some(market) => market.state()?,
            None => Market::Unusable,
        };
        Ok(Offer {
            market,
            funds: Funds {
                nos: nos_balance(&self.vault_nos)?,
                lamports: self.vault.lamports(),
            },
            rents: rents()?,
            max_price_per_second: deployment.max_price_per_second,
        })
    }

    /// What is read while the market's data is borrowed: its price, and proof that the vault a
    /// keeper passed is the market's own.
    fn checked_price(&self) -> Result<u64> {
        let market = MarketView::open(&self.market)?.ok_or(DeployError::WrongMarket)?;
        require_keys_eq!(
            self.market_vault.key(),
            market.token_vault()?,
            DeployError::WrongMarketVault
        );
        market.price_per_second()
    }
}

/// Decides through the domain crate, then does it.
pub(crate) fn handler<'info>(
    ctx: Context<'info, ListJobs<'info>>,
    bumps: Vec<JobBumps>,
) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    let accounts = &*ctx.accounts;
    let key = accounts.deployment.key();
    let mut data = accounts.deployment.as_ref().try_borrow_mut_data()?;
    let (deployment, slots) = Deployment::split_mut(&mut data)?;
    let mut lifecycle = deployment.active_lifecycle(slots.len())?;

    let jobs = views(in_use(slots, lifecycle.active)?);
    let offer = accounts.offer(deployment)?;
    let listing = lifecycle.listing(jobs, &offer, now);
    let listed = match listing {
        Listing::NothingDue => return err!(DeployError::NothingDue),
        Listing::NoFreeSlot => return err!(DeployError::NoFreeSlot),
        Listing::QueueFull => return err!(DeployError::MarketQueueFull),
        Listing::CannotPay => {
            lifecycle.cannot_pay(now).map_err(DeployError::from)?;
            0
        }
        Listing::Fail(reason) => {
            lifecycle.fail(reason, now).map_err(DeployError::from)?;
            0
        }
        Listing::Jobs(most) => {
            let addresses = pairs(ctx.remaining_accounts, &bumps)?;
            let count = most.min(u32::try_from(bumps.len()).unwrap_or(u32::MAX));
            require!(count > 0, DeployError::WrongAccountCount);
            let before = lifecycle.active;
            let jobs = views(in_use(slots, before)?);
            lifecycle
                .listed(count, jobs, now)
                .map_err(DeployError::from)?;
            let new = take_slots(deployment, slots, before, &bumps, count, now)?;
            list(accounts, deployment, &key, addresses, new)?;
            count
        }
    };
    deployment.store(&key, &lifecycle, now)?;
    pay_keeper(
        &key,
        deployment,
        &lifecycle,
        &accounts.vault,
        &accounts.keeper,
        listed,
        &offer.rents,
    )
}

/// The passed accounts as (job, run), one pair for each pair of bumps.
fn pairs<'a, 'info>(
    accounts: &'a [AccountInfo<'info>],
    bumps: &[JobBumps],
) -> Result<&'a [[AccountInfo<'info>; 2]]> {
    let (pairs, rest) = accounts.as_chunks::<2>();
    require!(
        rest.is_empty() && pairs.len() == bumps.len(),
        DeployError::WrongAccountCount
    );
    Ok(pairs)
}

/// Notes the new jobs in the first free slots, after the `taken` ones, and counts their indices up.
fn take_slots<'a>(
    deployment: &mut Deployment,
    slots: &'a mut [ActiveJob],
    taken: u32,
    bumps: &[JobBumps],
    count: u32,
    now: i64,
) -> Result<&'a mut [ActiveJob]> {
    let first = usize::try_from(taken).map_err(|_| DeployError::CorruptAccount)?;
    let count = usize::try_from(count).map_err(|_| DeployError::Overflow)?;
    let new = slots
        .get_mut(first..)
        .and_then(|free| free.get_mut(..count))
        .ok_or(DeployError::CorruptAccount)?;
    let timeout_seconds =
        u32::try_from(deployment.timeout_seconds).map_err(|_| DeployError::CorruptAccount)?;
    for (slot, bumps) in new.iter_mut().zip(bumps) {
        *slot = ActiveJob {
            index: deployment.next_job_index,
            listed_at: now,
            revision: deployment.revision,
            job_bump: bumps.job,
            run_bump: bumps.run,
            reserved: [0; 2],
            timeout_seconds,
            waited_seconds: ActiveJob::NOT_RUNNING,
        };
        deployment.next_job_index = deployment
            .next_job_index
            .checked_add(1)
            .ok_or(DeployError::Overflow)?;
    }
    Ok(new)
}

/// Lists the `new` jobs, one for each of the first addresses, and checks what it cost.
fn list<'info>(
    accounts: &ListJobs<'info>,
    deployment: &Deployment,
    key: &Pubkey,
    addresses: &[[AccountInfo<'info>; 2]],
    new: &mut [ActiveJob],
) -> Result<()> {
    let price = accounts.checked_price()?;
    let cost = job_cost(price, deployment.timeout_seconds).ok_or(DeployError::Overflow)?;
    let count = u32::try_from(new.len()).map_err(|_| DeployError::Overflow)?;
    let total = cost
        .checked_mul(u64::from(count))
        .ok_or(DeployError::Overflow)?;
    let nos_before = nos_balance(&accounts.vault_nos)?;
    let timeout = i64::try_from(deployment.timeout_seconds).map_err(|_| DeployError::Overflow)?;

    let vault_seeds = VaultSeeds::of(deployment);
    let vault_seeds = vault_seeds.as_slices();
    let cpi = JobsCpi {
        market: &accounts.market,
        market_vault: &accounts.market_vault,
        vault: &accounts.vault,
        vault_nos: &accounts.vault_nos,
        token_program: &accounts.token_program,
        vault_seeds: &vault_seeds,
    };
    let others = ListAccounts {
        rewards_reflection: &accounts.rewards_reflection,
        rewards_vault: &accounts.rewards_vault,
        rewards_program: &accounts.rewards_program,
        system_program: &accounts.system_program,
    };
    let mut lister = Lister::new(&cpi, &others, &deployment.job_definition, timeout);
    let mut ours = JobAddresses::of(key);
    for (slot, [job, run]) in new.iter_mut().zip(addresses) {
        let index = slot.index.to_le_bytes();
        let (job_bump, run_bump) = ([slot.job_bump], [slot.run_bump]);
        let job_seeds: [&[u8]; 4] = [seeds::JOB, key.as_ref(), &index, &job_bump];
        let run_seeds: [&[u8]; 4] = [seeds::RUN, key.as_ref(), &index, &run_bump];
        require!(
            ours.is_job(job.key, slot.index, slot.job_bump)
                && ours.is_run(run.key, slot.index, slot.run_bump),
            DeployError::WrongJobAddress
        );
        sweep(job, &accounts.vault, &job_seeds)?;
        sweep(run, &accounts.vault, &run_seeds)?;
        lister.list(job, run, &job_seeds, &run_seeds)?;
        // The market creates the run only if a node was waiting, which then has the job already.
        if run.lamports() > 0 {
            slot.note_start(slot.listed_at);
        }
    }

    // The market's bytecode cannot change, but a vault should not have to believe that.
    require!(
        nos_balance(&accounts.vault_nos)?.checked_add(total) == Some(nos_before),
        DeployError::DepositMismatch
    );
    emit!(JobsListed {
        deployment: *key,
        first_index: new.first().map_or(0, |slot| slot.index),
        count,
        deposit_per_job: cost
    });
    Ok(())
}

/// Anyone can send lamports to a future job's or run's address, which the jobs program would then
/// refuse to create. They become the vault's: the attack pays its victim.
fn sweep<'info>(
    address: &AccountInfo<'info>,
    vault: &AccountInfo<'info>,
    signer: &[&[u8]],
) -> Result<()> {
    match address.lamports() {
        0 => Ok(()),
        lamports => send_lamports(address, vault, lamports, signer),
    }
}
