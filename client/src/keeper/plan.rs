//! What a keeper would do for a deployment now. Pure: the domain crate decides, as it does on
//! chain, from facts that somebody read off a cluster.
//!
//! Two properties hold it to the program, both tested on random worlds and real bytecode
//! (`tests/src/fuzz/agree.rs`): what is proposed is accepted, and what is not proposed is refused.

mod batch;
mod why;

use crate::{
    accounts::DeploymentAccount,
    instructions::{self as ix, JobRun},
    markets::{Deposit, JobState, Run},
};
use deployments::state::ActiveJob;
use deployments_domain::{
    funding::{Funds, Rents},
    jobs::{Job, StopReason},
    lifecycle::{Extension, Listing, Market, Offer},
    settings::Strategy,
    status::Reason,
};
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use std::fmt;

/// An active job as the markets' program sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObservedJob {
    /// The slot that it takes.
    pub slot: ActiveJob,
    /// What became of it.
    pub state: JobState,
    /// Where it runs, if a node has taken it.
    pub run: Option<Run>,
    /// Whether it waits in the market's queue.
    pub queued: bool,
}

impl ObservedJob {
    /// The job and its run, as instructions take them.
    pub fn job_run(&self) -> JobRun {
        let (index, run) = (self.slot.index, self.run);
        JobRun { index, run }
    }

    /// Whether it neither waits in the queue nor has a run that is known: a node has it, or it is lost.
    pub fn is_missing(&self) -> bool {
        matches!(self.state, JobState::Open(_)) && !self.queued && self.run.is_none()
    }

    /// The job as rules see it once its run has been shown.
    pub fn view(&self) -> Job {
        let mut slot = self.slot;
        if let Some(run) = &self.run {
            slot.note_start(run.started_at);
        }
        slot.view()
    }
}

/// All inputs to the plan, read together.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The deployment.
    pub deployment: DeploymentAccount,
    /// Its market, as listings see it.
    pub market: Market,
    /// NOS base units that its market's vault holds, `None` if the market is gone: one that takes no
    /// jobs still gives deposits back.
    pub market_nos: Option<u64>,
    /// What its vault holds.
    pub funds: Funds,
    /// The cluster's rents.
    pub rents: Rents,
    /// The active jobs.
    pub jobs: Vec<ObservedJob>,
    /// On-chain time, unix seconds.
    pub now: i64,
}

/// Something that is due.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `list_jobs`, for this many.
    List(u32),
    /// `list_jobs`, which records INSUFFICIENT_FUNDS.
    RecordShortage,
    /// `list_jobs`, which records ERROR.
    RecordError(Reason),
    /// `list_jobs`, which records a firing whose jobs are queued already.
    RecordFiring,
    /// `list_jobs`, which records that a shortage or an error is over.
    Resume,
    /// `settle_jobs`: these ended by themselves.
    Settle(Vec<u64>),
    /// `stop_jobs`: these should not go on.
    Stop(Vec<(JobRun, StopReason)>),
    /// `track_jobs`: nodes have taken these.
    Track(Vec<JobRun>),
    /// `extend_jobs`: these near their deadline.
    Extend(Vec<JobRun>),
}

impl Action {
    /// The instruction that does it.
    pub fn instruction(&self, keeper: &Pubkey, snapshot: &Snapshot) -> Instruction {
        let deployment = &snapshot.deployment;
        match self {
            Self::List(count) => ix::list_jobs(keeper, deployment, *count),
            Self::RecordShortage | Self::RecordError(_) | Self::RecordFiring | Self::Resume => {
                ix::list_jobs(keeper, deployment, 0)
            }
            Self::Settle(indices) => ix::settle_jobs(keeper, deployment, indices),
            Self::Stop(jobs) => {
                let jobs: Vec<JobRun> = jobs.iter().map(|(job, _)| *job).collect();
                ix::stop_jobs(keeper, deployment, &jobs)
            }
            Self::Track(jobs) => ix::track_jobs(keeper, deployment, jobs),
            Self::Extend(jobs) => ix::extend_jobs(keeper, deployment, jobs),
        }
    }
}

/// As a person reads it: "list 2 jobs", "stop 1 job (SURPLUS)".
impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let jobs = |count: usize| if count == 1 { "job" } else { "jobs" };
        match self {
            Self::List(count) => {
                let jobs = if *count == 1 { "job" } else { "jobs" };
                write!(f, "list {count} {jobs}")
            }
            Self::RecordShortage => f.write_str("record INSUFFICIENT_FUNDS"),
            Self::RecordError(reason) => write!(f, "record ERROR ({})", reason.name()),
            Self::RecordFiring => f.write_str("record a firing"),
            Self::Resume => f.write_str("resume"),
            Self::Settle(indices) => {
                write!(f, "settle {} {}", indices.len(), jobs(indices.len()))
            }
            Self::Stop(stopped) => {
                write!(f, "stop {} {}", stopped.len(), jobs(stopped.len()))?;
                let mut reasons: Vec<&str> =
                    stopped.iter().map(|(_, reason)| why(*reason)).collect();
                reasons.sort_unstable();
                reasons.dedup();
                write!(f, " ({})", reasons.join(", "))
            }
            Self::Track(shown) => {
                write!(f, "note the start of {} {}", shown.len(), jobs(shown.len()))
            }
            Self::Extend(extended) => {
                write!(f, "prolong {} {}", extended.len(), jobs(extended.len()))
            }
        }
    }
}

fn why(reason: StopReason) -> &'static str {
    match reason {
        StopReason::Stopping => "the deployment is STOPPING",
        StopReason::Overdue => "past the deadline",
        StopReason::Superseded => "a later firing is due",
        StopReason::Outdated => "of a different revision",
        StopReason::Surplus => "more than replicas",
        StopReason::Rotated => "replaced before its deadline",
    }
}

impl Snapshot {
    /// What is due now, in the order in which a keeper should do it: an action may make a later one
    /// unnecessary, so look again after each.
    pub fn due(&self) -> Vec<Action> {
        let settle = self.settle();
        let mut actions = Vec::new();
        if !settle.is_empty() {
            actions.push(Action::Settle(settle));
        }
        let (track, extend, mut stop) = (self.track(), self.extend(), self.stop());
        // Which job goes first is decided by when nodes took them, so all of that is shown before.
        let by_start = |reason| {
            use StopReason::{Outdated, Rotated, Superseded, Surplus};
            matches!(reason, Surplus | Outdated | Superseded | Rotated)
        };
        stop.retain(|(_, reason)| track.is_empty() || !by_start(*reason));
        if !track.is_empty() {
            actions.push(Action::Track(track));
        }
        if !extend.is_empty() {
            actions.push(Action::Extend(extend));
        }
        actions.extend(self.list());
        if !stop.is_empty() {
            actions.push(Action::Stop(stop));
        }
        actions
    }

    /// When the schedule fires next, the back-off ends or a job's deadline comes into reach,
    /// whichever is first and later than now: nothing becomes due before, unless somebody changes
    /// something.
    pub fn next_at(&self) -> Option<i64> {
        let lifecycle = &self.deployment.lifecycle;
        let deadlines = self.jobs.iter().filter_map(|job| job.view().deadline());
        let lead = match lifecycle.settings.strategy {
            Strategy::Infinite => Some(lifecycle.settings.rotation_seconds),
            _ if lifecycle.settings.auto_extend => Some(lifecycle.extension_margin_seconds()),
            _ => None,
        };
        let of_jobs = deadlines.flat_map(|deadline| {
            let before = lead.map(|seconds| deadline.saturating_sub(seconds.into()));
            before.into_iter().chain([deadline.saturating_add(1)])
        });
        let times = [lifecycle.next_due_at, lifecycle.fail_safe.backoff_until];
        times
            .into_iter()
            .chain(of_jobs)
            .filter(|time| *time > self.now && *time < i64::MAX)
            .min()
    }

    fn views(&self) -> impl Iterator<Item = Job> + Clone + '_ {
        self.jobs.iter().map(ObservedJob::view)
    }

    /// As the slots say it, without what is known besides: the program sees no more when it lists.
    fn slots(&self) -> impl Iterator<Item = Job> + Clone + '_ {
        self.jobs.iter().map(|job| job.slot.view())
    }

    /// What `list_jobs` would do.
    pub fn listing(&self) -> Listing {
        let offer = Offer {
            market: self.market,
            funds: self.funds,
            rents: self.rents,
        };
        self.deployment
            .lifecycle
            .listing(self.slots(), &offer, self.now)
    }

    fn list(&self) -> Option<Action> {
        match self.listing() {
            Listing::NothingDue | Listing::NoFreeSlot | Listing::QueueFull => None,
            Listing::CannotPay => Some(Action::RecordShortage),
            Listing::Fail(reason) => Some(Action::RecordError(reason)),
            Listing::Jobs(count) => Some(Action::List(count)),
            Listing::Fire => Some(Action::RecordFiring),
            Listing::Resume => Some(Action::Resume),
        }
    }

    fn settle(&self) -> Vec<u64> {
        let ended = self.jobs.iter().filter(|job| match job.state {
            JobState::Open(_) => false,
            JobState::Quit(deposit) => self.can_refund(&deposit),
            JobState::Done { .. } | JobState::Gone => true,
        });
        ended.map(|job| job.slot.index).collect()
    }

    /// Whether the market can give a job's deposit back.
    fn can_refund(&self, deposit: &Deposit) -> bool {
        let held = self.market_nos.zip(deposit.amount());
        held.is_some_and(|(nos, deposit)| nos >= deposit)
    }

    fn open_jobs(&self) -> impl Iterator<Item = (&ObservedJob, Deposit)> {
        self.jobs.iter().filter_map(|job| match job.state {
            JobState::Open(deposit) => Some((job, deposit)),
            _ => None,
        })
    }

    fn track(&self) -> Vec<JobRun> {
        if !self
            .deployment
            .lifecycle
            .tracks_runs(self.slots(), self.now)
        {
            return Vec::new();
        }
        let unknown = self
            .open_jobs()
            .filter(|(job, _)| job.slot.view().started_at.is_none());
        unknown
            .filter(|(job, _)| job.run.is_some())
            .map(|(job, _)| job.job_run())
            .collect()
    }

    fn extend(&self) -> Vec<JobRun> {
        if self.market_nos.is_none() {
            return Vec::new();
        }
        let mut nos = self.funds.nos;
        let timeout_seconds = self.deployment.lifecycle.settings.timeout_seconds.into();
        let due = self.open_jobs().filter(|(job, deposit)| {
            let price = deposit.price_per_second;
            let lifecycle = &self.deployment.lifecycle;
            let extension = lifecycle.extension(&job.view(), price, nos, self.now);
            if let Extension::To(_) = extension {
                nos = nos.saturating_sub(price.saturating_mul(timeout_seconds));
            }
            extension != Extension::NotDue
        });
        due.filter(|(job, _)| job.run.is_some())
            .map(|(job, _)| job.job_run())
            .collect()
    }

    fn stop(&self) -> Vec<(JobRun, StopReason)> {
        let stopped = self
            .open_jobs()
            .filter(|(job, deposit)| (job.run.is_some() || job.queued) && self.can_refund(deposit));
        stopped
            .filter_map(|(job, _)| {
                let lifecycle = &self.deployment.lifecycle;
                let reason = lifecycle.stop_reason(&job.view(), self.views(), self.now)?;
                Some((job.job_run(), reason))
            })
            .collect()
    }
}

#[cfg(test)]
pub(crate) mod tests;
