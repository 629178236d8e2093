//! What keepers do.

use super::{
    play::{nothing, to_any},
    scenario::Step,
    stage::{Listed, Stage},
};
use crate::Failure;
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    instructions::{self as ix, JobRun},
    jobs_program::account::{JOB_DONE, JOB_STOPPED},
    seeds,
};
use solana_program::{instruction::Instruction, pubkey::Pubkey};

pub(super) fn by_a_keeper(stage: &mut Stage, step: &Step) -> Result<(), Failure> {
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
        Step::ReclaimRent => {
            let keys = stage.accounts_of_the_owner();
            let reclaim = ix::reclaim_rent(&stage.owner, &keys);
            stage.by_attacker(reclaim)
        }
        Step::Rent { lamports_per_byte } => {
            // It only falls.
            if lamports_per_byte * 128 >= stage.chain.rent().minimum_balance(0) {
                return nothing();
            }
            stage.chain.set_rent(lamports_per_byte);
            Ok(())
        }
        Step::List { d, count } => to_any(stage, d, |stage, d| {
            let keeper = stage.keeper;
            let Some(deployment) = stage.deployment(d) else {
                return nothing();
            };
            stage.listed_last = d;
            let list = ix::list_jobs(&keeper, &deployment, count);
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
fn handle_jobs(stage: &mut Stage, d: usize, step: &Step) -> Result<(), Failure> {
    let keeper = stage.keeper;
    let Some(deployment) = stage.deployment(d) else {
        return nothing();
    };
    let (mut all, mut running) = (
        jobs_and_runs(stage, &deployment),
        running_jobs(stage, &deployment),
    );
    let instruction = match step {
        Step::Settle { .. } => stage.signed(&deployment, &mut all, |jobs| {
            let indices: Vec<u64> = jobs.iter().map(|job| job.index).collect();
            ix::settle_jobs(&keeper, &deployment, &indices)
        }),
        Step::StopJobs { .. } => stage.signed(&deployment, &mut all, |jobs| {
            ix::stop_jobs(&keeper, &deployment, jobs)
        }),
        Step::Track { .. } => ix::track_jobs(&keeper, &deployment, &running),
        _ => stage.signed(&deployment, &mut running, |jobs| {
            ix::extend_jobs(&keeper, &deployment, jobs)
        }),
    };
    stage.by_keeper(instruction)
}

/// Lists jobs and records the new ones.
pub(super) fn list_jobs(
    stage: &mut Stage,
    d: usize,
    before: &DeploymentAccount,
    instruction: Instruction,
) -> Result<(), Failure> {
    stage.by_keeper(instruction)?;
    let key = stage.deployments[d];
    let after = stage.deployment(d).unwrap();
    for slot in &after.jobs {
        if slot.index >= before.header.next_job_index {
            let (address, bump) = seeds::job_address(&key, slot.index);
            assert_eq!(slot.job_bump, bump, "an address that nobody looks for");
            let listed = Listed {
                deployment: d,
                index: slot.index,
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
    let reclaim = ix::reclaim_job(
        &stage.vault_of(listed.deployment),
        &stage.deployments[listed.deployment],
        &stage.job(job).map_or(stage.market, |job| job.market),
        &JobRun {
            index: listed.index,
            run: stage.known_run(job),
        },
    );
    match stage.access_key_of(job) {
        Some(key) => ix::with_access_key(reclaim, &key),
        None => reclaim,
    }
}

/// What an honest keeper passes: every active job, with its run if it has one.
pub(super) fn jobs_and_runs(stage: &Stage, deployment: &DeploymentAccount) -> Vec<JobRun> {
    let jobs = deployment.jobs.iter().map(|slot| JobRun {
        index: slot.index,
        run: stage.known_run(&deployment.job_address(slot.index)),
    });
    jobs.collect()
}

fn running_jobs(stage: &Stage, deployment: &DeploymentAccount) -> Vec<JobRun> {
    let mut jobs = jobs_and_runs(stage, deployment);
    jobs.retain(|job| job.run.is_some());
    jobs
}
