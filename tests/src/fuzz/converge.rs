//! Whatever happened, in a fair world every deployment reaches what its owner asked for: an open market
//! at a price under the cap, full vaults, nodes that work, a keeper that does what the planner
//! proposes, and an owner who writes off what is lost.

use super::{agree::observe, check::ensure, stage::Stage};
use crate::{market_account, measure::Measure, token_account, Bank, PRICE, SOL};
use deployments_domain::{settings::Strategy, status::Status};
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    instructions::{self as ix, market_vault_address},
    jobs_program::{account::QUEUE_OF_JOBS, NOS_MINT},
};
use nosana_jobs_interface::node::Node;
use nosana_jobs_localnet::state::{MarketAccount, RunAccount};
use solana_program::pubkey::Pubkey;

/// Seconds between two looks at the world.
const STEP: i64 = 600;
/// The longest timeout, the longest wait of the fail-safe and a queue in between fit twice.
const STEPS: usize = 60;
const PLENTY: u64 = 1_000_000_000_000;

/// Plays a fair world on from here, in a copy.
pub(super) fn in_a_fair_world(stage: &Stage) -> Result<(), String> {
    let mut fair = stage.clone();
    let before: Vec<_> = (0..3).map(|d| fair.deployment(d)).collect();
    make_fair(&mut fair);
    for _ in 0..STEPS {
        fair.now += STEP;
        fair.chain.set_time(fair.now);
        nodes_work(&mut fair)?;
        for d in 0..3 {
            keep(&mut fair, d)?;
        }
    }
    for (d, before) in before.iter().enumerate() {
        let Some(before) = before.as_ref().filter(|before| can_list(before)) else {
            continue;
        };
        let after = fair.deployment(d).unwrap();
        ensure(is_as_asked(&fair, before, &after), || {
            let (was, is) = (&before.lifecycle, &after.lifecycle);
            format!("deployment {d} in a fair world: {was:?} became {is:?}")
        })?;
    }
    Ok(())
}

/// Its owner's cap allows the fair price.
fn can_list(deployment: &DeploymentAccount) -> bool {
    deployment.header.max_price_per_second >= PRICE
}

fn make_fair(fair: &mut Stage) {
    for market in [fair.market, fair.second_market] {
        let mut state = fair
            .chain
            .read::<MarketAccount>(&market)
            .unwrap_or_else(|| market_account(fair.authority, &market));
        (state.job_price, state.job_type) = (PRICE, 0);
        fair.chain.set(&market, crate::market_on_chain(&state));
        let escrow = market_vault_address(&market);
        let full = token_account(escrow, NOS_MINT, 1_000 * PLENTY);
        fair.chain.set(&escrow, full);
    }
    fair.set_fee(0);
    for vault in fair.vaults {
        fair.chain
            .put_wallet(vault.address, 100 * SOL, Some(PLENTY));
    }
}

/// Runs end at their deadline, and waiting jobs are taken.
fn nodes_work(fair: &mut Stage) -> Result<(), String> {
    let runs: Vec<(Pubkey, RunAccount)> = fair
        .runs
        .iter()
        .filter_map(|key| Some((*key, fair.chain.read(key)?)))
        .collect();
    for (_, run) in runs {
        let Some(job) = fair.job(&run.job) else {
            continue;
        };
        if fair.now < run.time + job.timeout {
            continue;
        }
        let (node, assignment) = fair.assignment(run.job).unwrap();
        let finish = node.finish(&assignment, &[1; 32]);
        fair.chain
            .send(&[finish], &node.0)
            .map_err(|refusal| format!("finish: {refusal:?}"))?;
    }
    for _ in 0..30 {
        let key = fair.market_with_jobs();
        let market: MarketAccount = fair.chain.read(&key).unwrap();
        if market.queue_type != QUEUE_OF_JOBS || market.queue.is_empty() {
            break;
        }
        let (run, node) = (fair.key(), Node(fair.nodes[0]));
        let work = node.work(&run, &key);
        fair.chain
            .send(&[work], &node.0)
            .map_err(|refusal| format!("work: {refusal:?}"))?;
        fair.runs.insert(run);
    }
    Ok(())
}

/// Does what the planner proposes until nothing is due, and writes lost jobs off.
fn keep(fair: &mut Stage, d: usize) -> Result<(), String> {
    for _ in 0..40 {
        let Some(deployment) = fair.deployment(d) else {
            return Ok(());
        };
        if deployment.status() == Status::Archived {
            return Ok(());
        }
        let snapshot = observe(fair, deployment);
        let lost = snapshot.jobs.iter().find(|job| job.is_missing());
        if let Some(lost) = lost {
            let DeploymentAccount {
                address, header, ..
            } = &snapshot.deployment;
            let write_off = ix::write_off(&fair.owner, address, &header.market, lost.slot.index);
            fair.by_owner(write_off)
                .map_err(|refusal| format!("write_off: {refusal:?}"))?;
            continue;
        }
        let due = snapshot.due_with(&fair.access_keys);
        let Some(action) = due.first() else {
            return Ok(());
        };
        let instruction = action.instruction(&fair.keeper, &snapshot);
        let keeper = fair.keeper;
        fair.chain
            .run(&[instruction], &keeper, &[])
            .map_err(|refusal| format!("{action}: {refusal:?}"))?;
        let after = fair.deployment(d).unwrap();
        for slot in &after.jobs {
            let run = nosana_deploy_client::seeds::run_address(&after.address, slot.index).0;
            fair.runs.insert(run);
        }
    }
    Err(format!("deployment {d}: a keeper is never done"))
}

fn is_as_asked(fair: &Stage, before: &DeploymentAccount, after: &DeploymentAccount) -> bool {
    let (was, is) = (&before.lifecycle, &after.lifecycle);
    let census = is.census(after.job_views(), fair.now);
    match (was.status, was.settings.strategy) {
        (Status::Stopping, _) => is.status == Status::Stopped,
        (Status::Error, _) if !was.reason.ends_by_itself() => is.reason == was.reason,
        (Status::Draft | Status::Stopped | Status::Archived, _) => is.status == was.status,
        (_, Strategy::SimpleExtend) if was.settings.auto_extend => {
            is.status == Status::Stopped || is.active > 0
        }
        (_, Strategy::Simple | Strategy::SimpleExtend) => is.status == Status::Stopped,
        (_, Strategy::Infinite) => {
            is.status == Status::Running
                && (census.fresh, census.outdated) == (is.settings.replicas, 0)
        }
        (_, Strategy::Scheduled) => {
            matches!(is.status, Status::Running | Status::Starting)
                && (is.next_due_at > fair.now || is.active > 0)
        }
    }
}
