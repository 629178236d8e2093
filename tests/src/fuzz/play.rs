//! Plays a scenario, step by step.

use super::{
    attack,
    check::{self, Books},
    ending,
    scenario::{Scenario, Step},
    stage::{Listed, Stage},
};
use crate::chain::{Chain, Refusal};
use crate::{node::build, COST};
use anchor_lang::system_program;
use anchor_spl::associated_token::get_associated_token_address as nos_account;
use deployments::{
    constants::NOS_MINT,
    instructions::{Amount, UpdateArgs},
};
use deployments_domain::{cron::Schedule, lifecycle::NEVER};
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    instructions::{self as ix, market_vault_address, JobToStop, RunOfJob, RunningJob},
    seeds,
};
use nosana_jobs_localnet::{
    accounts, instruction,
    state::{JobAccount, MarketAccount, JOB_DONE, JOB_QUEUED, JOB_STOPPED},
};
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use std::collections::BTreeMap;

/// What a scenario did.
#[derive(Debug, Default)]
pub struct Played {
    /// Each step's kind, and whether it went through.
    pub steps: Vec<(String, bool)>,
    /// How often a deployment was seen in each status after a step.
    pub statuses: BTreeMap<&'static str, u32>,
    /// Jobs that were listed.
    pub jobs: u32,
}

/// Plays a scenario on a clone of `base`; `tell` hears each step and its outcome.
///
/// # Errors
/// Which invariant broke, after which step.
pub fn play(
    base: &Chain,
    scenario: &Scenario,
    mut tell: impl FnMut(String),
) -> Result<Played, String> {
    let mut stage = Stage::new(base, scenario);
    let mut played = Played::default();
    for (number, step) in scenario.steps.iter().enumerate() {
        let before = Books::take(&stage);
        let outcome = act(&mut stage, step);
        tell(format!("{number:3} {step:?}: {outcome:?}"));
        if let Err(Refusal::Crash(logs)) = &outcome {
            return Err(format!("step {number}, {step:?}: crashed: {logs}"));
        }
        check::after(&stage, step, &before, &outcome)
            .map_err(|broken| format!("step {number}, {step:?}: {broken}"))?;
        played.steps.push((step.kind(), outcome.is_ok()));
        for d in 0..stage.deployments.len() {
            if let Some(deployment) = stage.deployment(d) {
                *played
                    .statuses
                    .entry(deployment.status().name())
                    .or_default() += 1;
            }
        }
    }
    played.jobs = u32::try_from(stage.jobs.len()).unwrap();
    ending::reach(&mut stage).map_err(|broken| format!("at the end: {broken}"))?;
    Ok(played)
}

/// Nothing to do it with, which is as good as a refusal.
fn nothing() -> Result<(), Refusal> {
    Err(Refusal::Named("nothing to do it with".into()))
}

fn act(stage: &mut Stage, step: &Step) -> Result<(), Refusal> {
    match *step {
        Step::Work { .. }
        | Step::Finish { .. }
        | Step::Quit { .. }
        | Step::Claim { .. }
        | Step::LeaveQueue { .. }
        | Step::Price { .. }
        | Step::JobType { .. }
        | Step::CloseMarket => on_the_market(stage, step),
        Step::List { .. }
        | Step::Settle { .. }
        | Step::StopJobs { .. }
        | Step::Track { .. }
        | Step::ExtendJobs { .. }
        | Step::Clean { .. }
        | Step::Reclaim { .. } => by_a_keeper(stage, step),
        Step::Wait { seconds } => {
            stage.now += seconds;
            stage.chain.set_time(stage.now);
            Ok(())
        }
        Step::WaitForDeadline { job, early } => {
            let Some(job) = pick_running(stage, job) else {
                return nothing();
            };
            let (_, run) = stage.run_of(&job).unwrap();
            let deadline = run.time + stage.job(&job).unwrap().timeout;
            stage.now = stage.now.max(deadline - early);
            stage.chain.set_time(stage.now);
            Ok(())
        }
        Step::WaitForFiring { d } => {
            let due = stage.deployment(d).map(|d| d.lifecycle.next_due_at);
            let Some(due) = due.filter(|due| *due != NEVER) else {
                return nothing();
            };
            stage.now = stage.now.max(due);
            stage.chain.set_time(stage.now);
            Ok(())
        }
        Step::Attack { kind, d, job } => attack::attack(stage, kind, d, job),
        _ => by_the_owner(stage, step),
    }
}

/// Does something to deployment `d`, or if it refuses to the next one that does not: most things
/// are due for one of three at most, and a refusal changes nothing.
fn to_any(
    stage: &mut Stage,
    d: usize,
    mut act: impl FnMut(&mut Stage, usize) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let first = act(stage, d);
    if first.is_ok() {
        return first;
    }
    let next = (1..3).map(|offset| act(stage, (d + offset) % 3));
    let next: Vec<_> = next.take_while(Result::is_err).collect();
    if next.len() < 2 {
        Ok(())
    } else {
        first
    }
}

fn by_the_owner(stage: &mut Stage, step: &Step) -> Result<(), Refusal> {
    let owner = stage.owner;
    let update = |d: &usize, stage: &Stage, args| ix::update(&owner, &stage.deployments[*d], args);
    let none = UpdateArgs::default();
    let instruction = match step {
        Step::Start { d } => {
            return to_any(stage, *d, |stage, d| {
                stage.by_owner(ix::start(&owner, &stage.deployments[d]))
            })
        }
        Step::Stop { d } => ix::stop(&owner, &stage.deployments[*d]),
        Step::Archive { d } => {
            return to_any(stage, *d, |stage, d| {
                stage.by_owner(ix::archive(&owner, &stage.deployments[d]))
            })
        }
        Step::Close { d } => {
            return to_any(stage, *d, |stage, d| {
                stage.by_owner(ix::close(&owner, &stage.deployments[d]))
            })
        }
        Step::Extend { d, more } => {
            return to_any(stage, *d, |stage, d| {
                stage.by_owner(ix::extend(&owner, &stage.deployments[d], *more))
            })
        }
        Step::Scale { d, replicas } => {
            let replicas = Some(*replicas);
            update(d, stage, UpdateArgs { replicas, ..none })
        }
        Step::Retime { d, minutes } => {
            let timeout_seconds = Some(minutes * 60);
            update(
                d,
                stage,
                UpdateArgs {
                    timeout_seconds,
                    ..none
                },
            )
        }
        Step::Reprice { d, cap } => {
            let max_price_per_second = Some(*cap);
            update(
                d,
                stage,
                UpdateArgs {
                    max_price_per_second,
                    ..none
                },
            )
        }
        Step::Reschedule { d, hourly, overlap } => {
            let text = if *hourly { "0 * * * *" } else { "*/10 * * * *" };
            let schedule = Some(Schedule::parse(text).unwrap().into());
            let overlap = Some(*overlap);
            let args = UpdateArgs {
                schedule,
                overlap,
                ..none
            };
            return to_any(stage, *d, |stage, d| {
                stage.by_owner(ix::update(&owner, &stage.deployments[d], args.clone()))
            });
        }
        Step::RollTo { d, revision } => {
            let revision = Some(*revision);
            update(d, stage, UpdateArgs { revision, ..none })
        }
        Step::AddRevision { d } => {
            let Some(deployment) = stage.deployment(*d) else {
                return nothing();
            };
            let number = deployment.header.latest_revision + 1;
            let digest = [u8::try_from(number % 250).unwrap(); 32];
            ix::add_revision(&owner, &stage.deployments[*d], number, digest)
        }
        Step::CloseRevision { d, revision } => {
            ix::close_revision(&owner, &stage.deployments[*d], *revision)
        }
        Step::WriteOff { d, job } => {
            return to_any(stage, *d, |stage, d| write_off(stage, d, *job))
        }
        Step::Fund { v, jobs, lamports } => {
            let vault = stage.vaults[*v];
            let fund = ix::fund(&owner, &vault, jobs * COST, *lamports);
            return stage.chain.send(&fund, &owner);
        }
        Step::Withdraw {
            v,
            nos_percent,
            lamports_percent,
        } => {
            let vault = stage.vaults[*v];
            let share = |balance: u64, percent: u64| match percent {
                100 => Amount::All,
                _ => Amount::Exact(balance / 100 * percent),
            };
            let nos = share(stage.chain.nos(&vault.nos), *nos_percent);
            let lamports = share(stage.chain.lamports(&vault.address), *lamports_percent);
            let withdraw = ix::withdraw(&vault, nos, lamports);
            return stage.chain.send(&withdraw, &owner);
        }
        other => unreachable!("{other:?} is not an owner's"),
    };
    stage.by_owner(instruction)
}

pub(super) fn write_off(stage: &mut Stage, d: usize, job: usize) -> Result<(), Refusal> {
    let Some(deployment) = stage
        .deployment(d)
        .filter(|deployment| !deployment.jobs.is_empty())
    else {
        return nothing();
    };
    let key = stage.deployments[d];
    let index = deployment.jobs[job % deployment.jobs.len()].index;
    let address = deployment.job_address(&key, index);
    stage.by_owner(ix::write_off(&stage.owner, &key, &deployment, index))?;
    stage.written_off.insert(address);
    Ok(())
}

fn by_a_keeper(stage: &mut Stage, step: &Step) -> Result<(), Refusal> {
    match *step {
        Step::Clean { job } => {
            let Some(job) = stage.pick(job, |_, state| state.state == JOB_DONE) else {
                return nothing();
            };
            let vault = stage.job(&job).unwrap().payer;
            stage.by_keeper(ix::clean_job(&job, &stage.market, &vault))
        }
        Step::Reclaim { job } => {
            let Some(job) = stage.pick(job, |_, state| state.state == JOB_STOPPED) else {
                return nothing();
            };
            stage.by_keeper(reclaim(stage, &job))
        }
        Step::List { d, count } => to_any(stage, d, |stage, d| {
            let (keeper, key) = (stage.keeper, stage.deployments[d]);
            let Some(deployment) = stage.deployment(d) else {
                return nothing();
            };
            stage.listed_last = d;
            let list = ix::list_jobs(&keeper, &key, &deployment, count);
            list_jobs(stage, d, &deployment, list)
        })
        .inspect_err(|_| stage.listed_last = d),
        Step::Settle { d } | Step::StopJobs { d } | Step::Track { d } | Step::ExtendJobs { d } => {
            to_any(stage, d, |stage, d| handle_jobs(stage, d, step))
        }
        ref other => unreachable!("{other:?} is not a keeper's"),
    }
}

/// Every active job of a deployment, with what an honest keeper passes for it.
fn handle_jobs(stage: &mut Stage, d: usize, step: &Step) -> Result<(), Refusal> {
    let (keeper, key) = (stage.keeper, stage.deployments[d]);
    let Some(deployment) = stage.deployment(d) else {
        return nothing();
    };
    let indices: Vec<u64> = deployment.jobs.iter().map(|job| job.index).collect();
    let instruction = match step {
        Step::Settle { .. } => ix::settle_jobs(&keeper, &key, &deployment, &indices),
        Step::StopJobs { .. } => {
            let jobs = jobs_to_stop(stage, &key, &deployment);
            ix::stop_jobs(&keeper, &key, &deployment, &jobs)
        }
        Step::Track { .. } => {
            let jobs = running_jobs(stage, &key, &deployment);
            ix::track_jobs(&keeper, &key, &deployment, &jobs)
        }
        _ => {
            let jobs = running_jobs(stage, &key, &deployment);
            ix::extend_jobs(&keeper, &key, &deployment, &jobs)
        }
    };
    stage.by_keeper(instruction)
}

/// Lists, and notes what is new.
pub(super) fn list_jobs(
    stage: &mut Stage,
    d: usize,
    before: &DeploymentAccount,
    instruction: Instruction,
) -> Result<(), Refusal> {
    stage.by_keeper(instruction)?;
    let key = stage.deployments[d];
    let after = stage.deployment(d).unwrap();
    for slot in &after.jobs {
        if slot.index >= before.header.next_job_index {
            let address = seeds::job_address_with_bump(&key, slot.index, slot.job_bump).unwrap();
            let listed = Listed {
                deployment: d,
                index: slot.index,
                bump: slot.job_bump,
            };
            let again = stage.jobs.insert(address, listed);
            assert!(again.is_none(), "a job's address was used twice");
            stage.runs.insert(seeds::run_address(&key, slot.index).0);
        }
    }
    Ok(())
}

pub(super) fn reclaim(stage: &Stage, job: &Pubkey) -> Instruction {
    let listed = stage.jobs[job];
    ix::reclaim_job(
        &stage.vault_of(listed.deployment),
        &stage.deployments[listed.deployment],
        &stage.market,
        listed.index,
        listed.bump,
    )
}

/// What an honest keeper passes to `stop_jobs`: every active job, with its run if it has one.
pub(super) fn jobs_to_stop(
    stage: &Stage,
    key: &Pubkey,
    deployment: &DeploymentAccount,
) -> Vec<JobToStop> {
    let jobs = deployment.jobs.iter().map(|slot| JobToStop {
        index: slot.index,
        run: stage
            .run_of(&deployment.job_address(key, slot.index))
            .map(|(address, run)| RunOfJob {
                address,
                node: run.node,
                payer: run.payer,
            }),
    });
    jobs.collect()
}

fn running_jobs(stage: &Stage, key: &Pubkey, deployment: &DeploymentAccount) -> Vec<RunningJob> {
    let jobs = deployment.jobs.iter().filter_map(|slot| {
        let (run, _) = stage.run_of(&deployment.job_address(key, slot.index))?;
        Some(RunningJob {
            index: slot.index,
            run,
        })
    });
    jobs.collect()
}

fn on_the_market(stage: &mut Stage, step: &Step) -> Result<(), Refusal> {
    let market = stage.market;
    let token_program = anchor_spl::token::ID;
    match *step {
        Step::Work { n } => {
            let (run, node) = (stage.key(), stage.nodes[n]);
            let work = accounts::Work {
                run,
                market,
                payer: node,
                stake: Pubkey::default(),
                nft: Pubkey::default(),
                metadata: Pubkey::default(),
                authority: node,
                system_program: system_program::ID,
            };
            stage
                .chain
                .send(&[build(work, instruction::Work {})], &node)?;
            stage.runs.insert(run);
            Ok(())
        }
        Step::Claim { n, job } => {
            let Some(job) = stage.pick(job, |_, state| state.state == JOB_STOPPED) else {
                return nothing();
            };
            let (run, node) = (stage.key(), stage.nodes[n]);
            let claim = accounts::Claim {
                job,
                run,
                market,
                stake: Pubkey::default(),
                nft: Pubkey::default(),
                metadata: Pubkey::default(),
                payer: node,
                authority: node,
                system_program: system_program::ID,
            };
            stage
                .chain
                .send(&[build(claim, instruction::Claim {})], &node)?;
            stage.runs.insert(run);
            Ok(())
        }
        Step::Finish { job } => finish(stage, job),
        Step::Quit { job } => {
            let Some(job) = pick_running(stage, job) else {
                return nothing();
            };
            let (run, state) = stage.run_of(&job).unwrap();
            let quit = accounts::Quit {
                job,
                run,
                payer: state.payer,
                authority: state.node,
            };
            let quit = build(quit, instruction::Quit {});
            stage.chain.send(&[quit], &state.node)
        }
        Step::LeaveQueue { n } => {
            let authority = stage.nodes[n];
            let stop = build(accounts::Stop { market, authority }, instruction::Stop {});
            stage.chain.send(&[stop], &authority)
        }
        Step::Price { price } => update_market(stage, |market| market.job_price = price),
        Step::JobType { job_type } => update_market(stage, |market| market.job_type = job_type),
        Step::CloseMarket => {
            let authority = stage.authority;
            let close = accounts::CloseMarket {
                market,
                vault: market_vault_address(&market),
                user: nos_account(&authority, &NOS_MINT),
                authority,
                token_program,
            };
            let close = build(close, instruction::Close {});
            stage.chain.send(&[close], &authority)?;
            stage.market_closed = true;
            stage.market_robbed = true;
            Ok(())
        }
        ref other => unreachable!("{other:?} is not the market's"),
    }
}

fn pick_running(stage: &Stage, job: usize) -> Option<Pubkey> {
    stage.pick(job, |key, _| stage.run_of(key).is_some())
}

fn finish(stage: &mut Stage, job: usize) -> Result<(), Refusal> {
    let Some(job) = pick_running(stage, job) else {
        return nothing();
    };
    let state: JobAccount = stage.job(&job).unwrap();
    let (run, run_state) = stage.run_of(&job).unwrap();
    let finish = accounts::Finish {
        job,
        run,
        market: stage.market,
        vault: market_vault_address(&stage.market),
        deposit: nos_account(&state.payer, &NOS_MINT),
        user: nos_account(&run_state.node, &NOS_MINT),
        payer_run: run_state.payer,
        payer_job: state.payer,
        authority: run_state.node,
        token_program: anchor_spl::token::ID,
    };
    let ipfs_result = [1; 32];
    let finish = build(finish, instruction::Finish { ipfs_result });
    stage.chain.send(&[finish], &run_state.node)?;
    if state.state == JOB_DONE {
        // After a double claim the market paid twice, out of others' deposits.
        stage.market_robbed = true;
    }
    Ok(())
}

/// The market's authority changes something, as `update` would.
fn update_market(
    stage: &mut Stage,
    change: impl FnOnce(&mut MarketAccount),
) -> Result<(), Refusal> {
    let Some(mut market) = stage.chain.read::<MarketAccount>(&stage.market) else {
        return nothing();
    };
    change(&mut market);
    let (key, account) = (stage.market, crate::accounts::market_on_chain(&market));
    stage.chain.set(&key, account);
    Ok(())
}

/// Whether a job's deposit is still with the market.
pub(super) fn is_open(job: &JobAccount) -> bool {
    matches!(job.state, JOB_QUEUED | JOB_STOPPED)
}
