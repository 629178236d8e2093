//! The planner and the program agree: what the planner proposes the program accepts, and what it does
//! not propose the program refuses, because nothing is due.

use super::{check::ensure, stage::Stage};
use crate::Failure;
use deployments::errors::DeployError;
use deployments_domain::{jobs::StopReason, status::Status};
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    instructions::JobRun,
    keeper::observe::{addresses, AccountView, Accounts, Runs},
    keeper::plan::{Action, ObservedJob, Snapshot},
    markets::decode_run,
};
use solana_account::Account;
use solana_program::pubkey::Pubkey;
use std::collections::HashMap;

/// Checks deployment `d` in its present state.
pub(super) fn on_what_is_due(stage: &Stage, d: usize) -> Result<(), String> {
    let Some(deployment) = stage.deployment(d) else {
        return Ok(());
    };
    // An archived deployment has an error of its own.
    if deployment.status() == Status::Archived {
        return Ok(());
    }
    let fee = stage.fee_bps;
    let bound = deployment.header.max_fee_bps;
    let snapshot = observe(stage, deployment);
    let due = snapshot.due_with(&stage.access_keys);
    let said = || format!("deployment {d}, planned {due:?}, {snapshot:?}");
    for action in &due {
        let outcome = simulate(stage, action, &snapshot);
        let is_too_dear = fee > bound && is_refused_fee(&outcome);
        ensure(outcome.is_ok() || is_too_dear, || {
            format!("{action} is refused: {outcome:?}; {}", said())
        })?;
        keys_are_needed(stage, action, &snapshot)?;
    }
    for action in all_else(&snapshot, &due) {
        let outcome = simulate(stage, &action, &snapshot);
        let reasons = match action {
            Action::List(_) => &NOTHING_TO_LIST[..],
            _ => &[DeployError::NothingDue],
        };
        let nothing_due = |reason: &DeployError| outcome == Err(Failure::Code((*reason).into()));
        ensure(reasons.iter().any(nothing_due), || {
            format!("{action} was not proposed: {outcome:?}; {}", said())
        })?;
    }
    Ok(())
}

/// What an access key signs for is refused without it, and not proposed to whoever lacks it.
fn keys_are_needed(stage: &Stage, action: &Action, snapshot: &Snapshot) -> Result<(), String> {
    if action.access_key(snapshot).is_none() {
        return Ok(());
    }
    let mut unsigned = action.instruction(&stage.keeper, snapshot);
    unsigned.accounts.pop();
    let outcome = stage.chain.simulate(&[unsigned], &stage.keeper);
    let missing = Failure::Code(DeployError::AccessKeyMissing.into());
    // A listing may be too dear besides.
    ensure(outcome == Err(missing) || is_refused_fee(&outcome), || {
        format!("{action} without its key: {outcome:?}")
    })?;
    let proposed = snapshot.due();
    let needs = |other: &Action| other.access_key(snapshot).is_some();
    ensure(!proposed.iter().any(needs), || {
        format!("proposed to a keeper without keys: {proposed:?}")
    })
}

/// A fee above the owner's bound: refused by us, or by the token program if the vault lacks as much.
pub(super) fn is_refused_fee(outcome: &Result<(), Failure>) -> bool {
    const TOKEN_INSUFFICIENT_FUNDS: u32 = 1;
    let codes = [DeployError::FeeTooHigh.into(), TOKEN_INSUFFICIENT_FUNDS];
    codes.map(|code| Err(Failure::Code(code))).contains(outcome)
}

const NOTHING_TO_LIST: [DeployError; 3] = [
    DeployError::NothingDue,
    DeployError::NoFreeSlot,
    DeployError::MarketQueueFull,
];

fn simulate(stage: &Stage, action: &Action, snapshot: &Snapshot) -> Result<(), Failure> {
    let instruction = action.instruction(&stage.keeper, snapshot);
    stage.chain.simulate(&[instruction], &stage.keeper)
}

/// Every kind of action that is not proposed, for every job that it could be for.
fn all_else(snapshot: &Snapshot, due: &[Action]) -> Vec<Action> {
    let jobs = || snapshot.jobs.iter();
    let stopped = |job: &ObservedJob| (job.job_run(), StopReason::Stopping);
    let with_runs: Vec<JobRun> = jobs()
        .filter(|job| job.run.is_some())
        .map(ObservedJob::job_run)
        .collect();
    let lists = |action: &Action| matches!(action.kind(), "list" | "record");
    let mut all = vec![
        Action::Settle(jobs().map(|job| job.slot.index).collect()),
        Action::Stop(jobs().map(stopped).collect()),
        Action::Track(with_runs.clone()),
        Action::Extend(with_runs),
    ];
    // Until it is shown when nodes took jobs, it is open which of them goes first.
    let is_open = due.iter().any(|action| action.kind() == "track");
    all.retain(|action| !(is_open && action.kind() == "stop"));
    all.retain(|action| action.jobs() > 0 && due.iter().all(|due| due.kind() != action.kind()));
    if !due.iter().any(lists) {
        all.push(Action::List(1));
    }
    all
}

pub(super) fn observe(stage: &Stage, deployment: DeploymentAccount) -> Snapshot {
    let read = |key: Pubkey| Some((key, stage.chain.account(&key)?));
    let accounts = addresses(&deployment).into_iter().filter_map(read);
    let accounts = Read(accounts.collect());
    let runs = stage.runs.iter().filter_map(|key| {
        let account = stage.chain.account(key)?;
        let run = decode_run(*key, &account.owner, &account.data).ok()?;
        Some((run.job, run))
    });
    let runs: Runs = runs.collect();
    let rents = stage.rents();
    Snapshot::observe(deployment, &accounts, &runs, (rents, stage.now)).unwrap()
}

struct Read(HashMap<Pubkey, Account>);

impl Accounts for Read {
    fn get(&self, key: &Pubkey) -> Option<AccountView<'_>> {
        self.0.get(key).map(|account| AccountView {
            owner: &account.owner,
            lamports: account.lamports,
            data: &account.data,
        })
    }
}
