//! `list_jobs`: lists what is due on the market, or records why nothing can be.

use crate::{
    batch::{commit_and_pay, groups, Groups, SpendOnJobs},
    errors::DeployError,
    events::{JobChange, JobEvent},
    markets::{market, Lister},
    state::{
        seeds::{self, JobAddresses},
        ActiveJob, OpenDeployment,
    },
    vault::{nos_balance, rents, send_lamports, Guard, VaultSeeds},
};
use anchor_lang::prelude::*;
use deployments_domain::{
    funding::{job_cost, listing_lamports, with_fee, Funds},
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

/// Decides through the domain crate, then does it. A job and a run address follow the named accounts
/// for each pair of bumps, in the order of the indices, from the deployment's `next_job_index`.
pub(crate) fn handler<'info>(
    ctx: Context<'info, SpendOnJobs<'info>>,
    bumps: Vec<JobBumps>,
) -> Result<()> {
    let accounts = &*ctx.accounts;
    let common = &accounts.common;
    let mut open = OpenDeployment::load_unarchived(common.deployment.as_ref())?;
    common.require_of(&open.header)?;
    let (market, is_its_vault) = market(&common.market, common.market_vault.key)?;
    let offer = Offer {
        market,
        funds: Funds {
            nos: nos_balance(&common.vault_nos)?,
            lamports: common.vault.lamports(),
        },
        rents: rents()?,
    };
    let listing = open.lifecycle.listing(open.slots.jobs(), &offer, open.now);
    // A call that only records something is paid as one job.
    let paid = match listing {
        Listing::NothingDue => return err!(DeployError::NothingDue),
        Listing::NoFreeSlot => return err!(DeployError::NoFreeSlot),
        Listing::QueueFull => return err!(DeployError::MarketQueueFull),
        Listing::CannotPay => {
            open.apply(|lifecycle, jobs, now| lifecycle.cannot_pay(jobs, now))?;
            1
        }
        Listing::Fail(reason) => {
            open.apply(|lifecycle, jobs, now| lifecycle.fail(reason, jobs, now))?;
            1
        }
        Listing::Fire => {
            open.apply(|lifecycle, jobs, now| lifecycle.fired(jobs, now))?;
            1
        }
        Listing::Resume => {
            open.apply(|lifecycle, _, _| lifecycle.resumed())?;
            1
        }
        Listing::Jobs(most) => {
            require!(is_its_vault, DeployError::WrongMarketVault);
            let groups = groups(ctx.remaining_accounts, bumps.len())?;
            let bumps = bumps.get(..most as usize).unwrap_or(&bumps);
            require!(!bumps.is_empty(), DeployError::WrongAccountCount);
            list(accounts, &mut open, &offer, groups, bumps)?
        }
    };
    commit_and_pay(&mut open, common, paid, &offer.rents)
}

/// Takes a slot for each pair of bumps, lists a job at each of the first addresses, and checks what that
/// cost. Returns for how many jobs the keeper is paid.
fn list<'info>(
    accounts: &SpendOnJobs<'info>,
    open: &mut OpenDeployment,
    offer: &Offer,
    (addresses, access_key): Groups<'_, 'info, 2>,
    bumps: &[JobBumps],
) -> Result<u32> {
    let Market::Open {
        price_per_second, ..
    } = offer.market
    else {
        return err!(DeployError::WrongMarket);
    };
    let timeout_seconds = open.lifecycle.settings.timeout_seconds;
    let cost = job_cost(price_per_second, timeout_seconds).ok_or(DeployError::Overflow)?;
    let count = u32::try_from(bumps.len()).map_err(|_| DeployError::Overflow)?;
    let most = with_fee(cost, open.lifecycle.settings.max_fee_bps)
        .and_then(|cost| cost.checked_mul(count.into()))
        .ok_or(DeployError::Overflow)?;

    let paid = open.apply(|lifecycle, jobs, now| lifecycle.listed(count, jobs, now))?;
    let (key, first_index) = (open.key, open.header.next_job_index);
    let next_index = first_index.checked_add(count.into());
    open.header.next_job_index = next_index.ok_or(DeployError::Overflow)?;
    let (listed_at, revision) = (open.now, open.lifecycle.revision);
    let jobs = bumps
        .iter()
        .zip(first_index..)
        .map(|(bumps, index)| ActiveJob {
            index,
            listed_at,
            revision,
            job_bump: bumps.job,
            run_bump: bumps.run,
            restarts: 0,
            reserved: [0; 1],
            timeout_seconds,
            waited_seconds: ActiveJob::NOT_RUNNING,
        });
    let new = open.slots.take(bumps.len(), jobs)?;

    let common = &accounts.common;
    let vault_seeds = VaultSeeds::of(&open.header);
    let vault_seeds = vault_seeds.as_slices();
    let markets = common.markets(&vault_seeds, access_key);
    let authority = match open.header.access_key == Pubkey::default() {
        true => &common.vault,
        false => markets.authority(&open.header.access_key)?,
    };
    let mut lister = Lister::new(
        &markets,
        authority,
        &accounts.rewards(),
        &common.system_program,
        &open.header.job_definition,
        timeout_seconds,
    );
    let mut ours = JobAddresses::of(&key);
    let mut guard = Guard::holding(offer.funds.nos, &common.vault, &common.vault_nos);
    let mut runs = 0_u32;
    for (slot, [job, run]) in new.iter_mut().zip(addresses) {
        let index = slot.index.to_le_bytes();
        let (job_bump, run_bump) = ([slot.job_bump], [slot.run_bump]);
        let job_seeds: [&[u8]; 4] = [seeds::JOB, key.as_ref(), &index, &job_bump];
        let run_seeds: [&[u8]; 4] = [seeds::RUN, key.as_ref(), &index, &run_bump];
        require!(
            ours.is_canonical_job(job.key, slot.index, slot.job_bump)
                && ours.is_canonical_run(run.key, slot.index, slot.run_bump),
            DeployError::WrongJobAddress
        );
        guard.received(sweep(job, &common.vault, &job_seeds)?);
        guard.received(sweep(run, &common.vault, &run_seeds)?);
        lister.list(job, run, &job_seeds, &run_seeds)?;
        open.changes.push(JobChange {
            index: slot.index,
            what: JobEvent::Listed { deposit: cost },
        });
        // The market creates the run only if a node was waiting, which then has the job already.
        if run.lamports() > 0 {
            let started_at = slot.listed_at;
            slot.note_start(started_at);
            open.changes.push(JobChange {
                index: slot.index,
                what: JobEvent::Started { started_at },
            });
            runs = runs.saturating_add(1);
        }
    }
    // Once for all calls: what counts is what the transaction leaves behind.
    let rents = listing_lamports(count, runs, &offer.rents).ok_or(DeployError::Overflow)?;
    guard.require_spent_at_most(most, rents)?;
    Ok(paid)
}

/// Anyone can send lamports to a future job's or run's address, which the markets' program would then
/// refuse to create. They become the vault's: the attack pays its victim. Returns how many they were.
fn sweep<'info>(
    address: &AccountInfo<'info>,
    vault: &AccountInfo<'info>,
    signer: &[&[u8]],
) -> Result<u64> {
    let lamports = address.lamports();
    if lamports > 0 {
        send_lamports(address, vault, lamports, signer)?;
    }
    Ok(lamports)
}
