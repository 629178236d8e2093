//! Plays a scenario, step by step.

use super::{
    agree, attack,
    check::{self, Books},
    converge, ending,
    keeper::by_a_keeper,
    market::{on_the_market, pick_running},
    owner::by_the_owner,
    scenario::{Scenario, Step},
    stage::Stage,
};
use crate::{Chain, Failure};
use deployments_domain::lifecycle::NEVER;
use nosana_deploy_client::jobs_program::account::{JOB_QUEUED, JOB_STOPPED};
use nosana_jobs_localnet::state::JobAccount;
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
        if let Err(Failure::Crash(logs)) = &outcome {
            return Err(format!("step {number}, {step:?}: crashed: {logs}"));
        }
        check::after(&stage, step, &before, &outcome)
            .and_then(|()| agree::on_what_is_due(&stage, number % 3))
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
    converge::in_a_fair_world(&stage)?;
    ending::reach(&mut stage).map_err(|broken| format!("at the end: {broken}"))?;
    Ok(played)
}

/// The scenario lacks what the step needs, which counts as a refusal.
pub(super) fn nothing() -> Result<(), Failure> {
    Err(Failure::Named("nothing to do it with".into()))
}

fn act(stage: &mut Stage, step: &Step) -> Result<(), Failure> {
    match *step {
        Step::Work { .. }
        | Step::Finish { .. }
        | Step::Quit { .. }
        | Step::Claim { .. }
        | Step::LeaveQueue { .. }
        | Step::Price { .. }
        | Step::JobType { .. }
        | Step::Fee { .. }
        | Step::CloseMarket
        | Step::OpenAnew => on_the_market(stage, step),
        Step::List { .. }
        | Step::Settle { .. }
        | Step::StopJobs { .. }
        | Step::Track { .. }
        | Step::ExtendJobs { .. }
        | Step::Clean { .. }
        | Step::Reclaim { .. }
        | Step::ReclaimRent
        | Step::Rent { .. } => by_a_keeper(stage, step),
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

/// Acts on deployment `d` or, if that is refused, on the next one: most actions are due for at most
/// one of the three, and a refusal changes nothing.
pub(super) fn to_any(
    stage: &mut Stage,
    d: usize,
    mut act: impl FnMut(&mut Stage, usize) -> Result<(), Failure>,
) -> Result<(), Failure> {
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

/// Whether a job's deposit is still with the market.
pub(super) fn is_open(job: &JobAccount) -> bool {
    matches!(job.state, JOB_QUEUED | JOB_STOPPED) && job.time_end == 0
}
