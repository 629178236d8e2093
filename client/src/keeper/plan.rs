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

    /// Who alone can end it or take its deposit back: the vault, or an access key. `None` if it is over.
    pub fn authority(&self) -> Option<Pubkey> {
        match self.state {
            JobState::Open(deposit) | JobState::Quit(deposit) => Some(deposit.authority),
            JobState::Done { .. } | JobState::Gone => None,
        }
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
    /// The access key that has to sign for it, if one does.
    pub fn access_key(&self, snapshot: &Snapshot) -> Option<Pubkey> {
        match self {
            Self::List(_) => snapshot.deployment.access_key(),
            Self::RecordShortage | Self::RecordError(_) | Self::RecordFiring | Self::Resume => None,
            Self::Track(_) => None,
            Self::Settle(indices) => snapshot.first_key(indices.iter().copied()),
            Self::Stop(jobs) => snapshot.first_key(jobs.iter().map(|(job, _)| job.index)),
            Self::Extend(jobs) => {
                let is_paid = |job: &&JobRun| !snapshot.is_too_dear(job.index);
                snapshot.first_key(jobs.iter().filter(is_paid).map(|job| job.index))
            }
        }
    }

    /// The instruction that does it.
    pub fn instruction(&self, keeper: &Pubkey, snapshot: &Snapshot) -> Instruction {
        let instruction = self.unsigned(keeper, snapshot);
        match self.access_key(snapshot) {
            // A listing names its deployment's key itself.
            Some(key) if !matches!(self, Self::List(_)) => ix::with_access_key(instruction, &key),
            _ => instruction,
        }
    }

    fn unsigned(&self, keeper: &Pubkey, snapshot: &Snapshot) -> Instruction {
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
        StopReason::NotTaken => "no node took it in time",
        StopReason::Superseded => "a later firing is due",
        StopReason::Outdated => "of a different revision, or restarted",
        StopReason::Surplus => "more than replicas",
        StopReason::Rotated => "replaced before its deadline",
    }
}

impl Snapshot {
    /// What is due now and any keeper can do, in the order in which one should: an action may make a later
    /// one unnecessary, so look again after each.
    pub fn due(&self) -> Vec<Action> {
        self.due_with(&[])
    }

    /// As [`Self::due`], for a keeper that has these access keys. What is to be done with another is left
    /// out.
    pub fn due_with(&self, keys: &[Pubkey]) -> Vec<Action> {
        let keys = Keys {
            vault: self.deployment.header.vault,
            held: keys,
        };
        let settle = self.settle(&keys);
        let mut actions = Vec::new();
        if !settle.is_empty() {
            actions.push(Action::Settle(settle));
        }
        let (track, extend) = (self.track(), self.extend(&keys));
        let mut stop = self.stop(&keys);
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
        let lists = self
            .deployment
            .access_key()
            .is_none_or(|key| keys.has(&key));
        let list = self.list();
        actions.extend(list.filter(|action| lists || !matches!(action, Action::List(_))));
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
        let wait = i64::from(lifecycle.settings.max_queue_seconds);
        let queued = self.jobs.iter().filter(|job| wait > 0 && job.queued);
        let given_up = queued.map(|job| job.slot.listed_at.saturating_add(wait).saturating_add(1));
        let times = [lifecycle.next_due_at, lifecycle.fail_safe.backoff_until];
        times
            .into_iter()
            .chain(of_jobs)
            .chain(given_up)
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

    fn settle(&self, keys: &Keys) -> Vec<u64> {
        let ended = self.jobs.iter().filter(|job| match job.state {
            JobState::Open(_) => false,
            JobState::Quit(deposit) => self.can_refund(&deposit),
            JobState::Done { .. } | JobState::Gone => true,
        });
        let ended = ended.filter(|job| keys.may_sign(job));
        let ended = keys.by_one_key(ended.map(|job| (job, ())), |_| true);
        ended.map(|(job, ())| job.slot.index).collect()
    }

    /// The access key of the first of these jobs that needs one.
    fn first_key(&self, mut indices: impl Iterator<Item = u64>) -> Option<Pubkey> {
        let vault = self.deployment.header.vault;
        let keys = Keys { vault, held: &[] };
        indices.find_map(|index| {
            let job = self.jobs.iter().find(|job| job.slot.index == index)?;
            keys.needed_by(job)
        })
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

    fn extend(&self, keys: &Keys) -> Vec<JobRun> {
        if self.market_nos.is_none() {
            return Vec::new();
        }
        let mut nos = self.funds.nos;
        let due = self.open_jobs().filter_map(|(job, deposit)| {
            job.run?;
            let extension = self.extension(job, &deposit, nos);
            if let Extension::To { most_nos, .. } = extension {
                nos = nos.saturating_sub(most_nos);
            }
            (extension != Extension::NotDue).then_some((job, ()))
        });
        // A shortage is anyone's to record.
        let due = due.filter(|(job, ())| keys.may_sign(job) || self.is_too_dear(job.slot.index));
        let due = keys.by_one_key(due, |job| !self.is_too_dear(job.slot.index));
        due.map(|(job, ())| job.job_run()).collect()
    }

    fn extension(&self, job: &ObservedJob, deposit: &Deposit, nos: u64) -> Extension {
        let price = deposit.price_per_second;
        let lifecycle = &self.deployment.lifecycle;
        lifecycle.extension(&job.view(), price, nos, self.now)
    }

    /// Whether prolonging this job records a shortage, because the vault cannot pay for it.
    fn is_too_dear(&self, index: u64) -> bool {
        let mut jobs = self.open_jobs();
        jobs.any(|(job, deposit)| {
            job.slot.index == index
                && self.extension(job, &deposit, self.funds.nos) == Extension::CannotPay
        })
    }

    fn stop(&self, keys: &Keys) -> Vec<(JobRun, StopReason)> {
        let lifecycle = &self.deployment.lifecycle;
        let can_be_stopped = self
            .open_jobs()
            .filter(|(job, deposit)| (job.run.is_some() || job.queued) && self.can_refund(deposit));
        let due = can_be_stopped.filter_map(|(job, _)| {
            let reason = lifecycle.stop_reason(&job.view(), self.views(), self.now)?;
            Some((job, reason))
        });
        let due = keys.by_one_key(due.filter(|(job, _)| keys.may_sign(job)), |_| true);
        due.map(|(job, reason)| (job.job_run(), reason)).collect()
    }
}

/// The access keys that a keeper has.
struct Keys<'a> {
    vault: Pubkey,
    held: &'a [Pubkey],
}

impl Keys<'_> {
    fn has(&self, key: &Pubkey) -> bool {
        self.held.contains(key)
    }

    /// Whether the vault signs for a job, or a key that the keeper has.
    fn may_sign(&self, job: &ObservedJob) -> bool {
        self.needed_by(job).is_none_or(|key| self.has(&key))
    }

    /// Of what is due for jobs, what needs the signature of no key but one, if it `moves` a deposit: a
    /// transaction names one. What needs another is due again after it.
    fn by_one_key<'a, T>(
        &'a self,
        due: impl Iterator<Item = (&'a ObservedJob, T)> + 'a,
        moves: impl Fn(&ObservedJob) -> bool + 'a,
    ) -> impl Iterator<Item = (&'a ObservedJob, T)> + 'a {
        let mut chosen = None;
        due.filter(move |(job, _)| {
            let needed = self.needed_by(job).filter(|_| moves(job));
            needed.is_none_or(|key| *chosen.get_or_insert(key) == key)
        })
    }

    /// The key that has to sign for a job's deposit to move, unless the vault does.
    fn needed_by(&self, job: &ObservedJob) -> Option<Pubkey> {
        job.authority().filter(|authority| *authority != self.vault)
    }
}

#[cfg(test)]
pub(crate) mod tests;
