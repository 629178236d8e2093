//! What a deployment looks like after everything that can happen to it.
//!
//! [`Lifecycle`] holds the facts that decide. Its transitions, the owner's in `owner.rs` and the
//! keepers' in `keeper.rs`, either change it as documented or leave it as it was and say why; what is
//! due is asked in `due.rs`. Times are unix seconds, UTC.

mod due;
mod keeper;
mod owner;

pub use due::{Extension, Listing, Market, Offer};

use crate::{
    failsafe::FailSafe,
    funding::Rewards,
    jobs::Job,
    settings::{Overlap, Settings, Strategy},
    status::{transition, Event, Next, Reason, Refused, Status},
};
use core::fmt;

/// `next_due_at` of a deployment that waits for no point in time.
pub const NEVER: i64 = i64::MAX;

/// A rule of [`Lifecycle::invariant`] that a transition would break: always a bug in this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// More jobs are active than the account has slots.
    ActiveAboveSlots,
    /// A round owes more jobs than there are replicas.
    OwedAboveReplicas,
    /// A reason is set outside of ERROR, or none in it.
    ReasonWithoutError,
    /// Jobs are active in DRAFT, STOPPED or ARCHIVED.
    ActiveWhileQuiet,
    /// STOPPING without a job to wait for.
    StoppingNothing,
    /// Something is owed or scheduled in DRAFT, STOPPING, STOPPED or ARCHIVED.
    OwedWhileEnding,
    /// A firing is planned without strategy SCHEDULED.
    FiringWithoutSchedule,
    /// INFINITE owes a round, though it has none.
    OwedByInfinite,
    /// It drains without being STOPPING.
    DrainingNothing,
}

impl Broken {
    /// The rule, in words.
    pub const fn rule(self) -> &'static str {
        match self {
            Self::ActiveAboveSlots => "no more jobs are active than there are slots",
            Self::OwedAboveReplicas => "a round owes at most its replicas",
            Self::ReasonWithoutError => "ERROR has a reason, and no other status has one",
            Self::ActiveWhileQuiet => "no job is active in DRAFT, STOPPED or ARCHIVED",
            Self::StoppingNothing => "STOPPING waits for an active job",
            Self::OwedWhileEnding => "nothing is owed or scheduled outside of a round",
            Self::FiringWithoutSchedule => "only SCHEDULED waits for a firing",
            Self::OwedByInfinite => "INFINITE has no round that could owe jobs",
            Self::DrainingNothing => "only what is STOPPING drains",
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule())
    }
}

impl core::error::Error for Broken {}

/// The part of a deployment that decides what is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// Its status.
    pub status: Status,
    /// Why it is in ERROR; [`Reason::None`] in every other status.
    pub reason: Reason,
    /// What the owner chose.
    pub settings: Settings,
    /// Revision of the job definition that new jobs run.
    pub revision: u32,
    /// STOPPING: whether jobs that nodes run may end by themselves.
    pub draining: bool,
    /// Jobs of the current round that are not listed yet; always 0 for INFINITE.
    pub owed: u32,
    /// SIMPLE and SIMPLE-EXTEND: jobs of the current round that are over and not listed again.
    pub ended: u32,
    /// SIMPLE and SIMPLE-EXTEND: jobs of the current round that their nodes quit.
    pub quit: u32,
    /// Jobs of the current round, or of the last firing, that no node took in time. Informs, decides nothing.
    pub not_taken: u32,
    /// Jobs that are queued, running or not settled yet.
    pub active: u32,
    /// Most jobs that the account has room for.
    pub slots: u32,
    /// When the schedule fires next, or [`NEVER`].
    pub next_due_at: i64,
    /// When the schedule last fired.
    pub fired_at: i64,
    /// What INFINITE remembers of jobs that ended too soon.
    pub fail_safe: FailSafe,
    /// What keepers were paid lately.
    pub rewards: Rewards,
}

impl Lifecycle {
    /// A deployment as it is created: DRAFT, revision 1, with a slot for every job it may have.
    /// The caller has validated the settings ([`Settings::validate`]).
    pub const fn draft(settings: Settings) -> Self {
        Self {
            status: Status::Draft,
            reason: Reason::None,
            settings,
            revision: 1,
            draining: false,
            owed: 0,
            ended: 0,
            quit: 0,
            not_taken: 0,
            active: 0,
            slots: settings.slots(),
            next_due_at: NEVER,
            fired_at: 0,
            fail_safe: FailSafe::new(),
            rewards: Rewards::new(),
        }
    }

    /// What must hold after every transition.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn invariant(&self) -> Result<(), Broken> {
        let is_quiet = self.status.is_quiet();
        let is_stopping = self.status == Status::Stopping;
        let waits = self.next_due_at != NEVER;
        let strategy = self.settings.strategy;
        if self.active > self.slots {
            Err(Broken::ActiveAboveSlots)
        } else if self.owed > self.settings.replicas {
            Err(Broken::OwedAboveReplicas)
        } else if (self.reason != Reason::None) != (self.status == Status::Error) {
            Err(Broken::ReasonWithoutError)
        } else if is_quiet && self.active > 0 {
            Err(Broken::ActiveWhileQuiet)
        } else if is_stopping && self.active == 0 {
            Err(Broken::StoppingNothing)
        } else if (is_quiet || is_stopping) && (self.owed > 0 || waits) {
            Err(Broken::OwedWhileEnding)
        } else if waits && strategy != Strategy::Scheduled {
            Err(Broken::FiringWithoutSchedule)
        } else if self.owed > 0 && strategy == Strategy::Infinite {
            Err(Broken::OwedByInfinite)
        } else if self.draining && !is_stopping {
            Err(Broken::DrainingNothing)
        } else {
            Ok(())
        }
    }

    /// SIMPLE and SIMPLE-EXTEND: the round ends when its last job does.
    const fn lists_round_once(&self) -> bool {
        matches!(
            self.settings.strategy,
            Strategy::Simple | Strategy::SimpleExtend
        )
    }

    /// Whether `list_jobs` may find something to do: the status lists jobs, or the error that keeps it
    /// from that ends by itself.
    pub const fn may_list(&self) -> bool {
        self.status.lists_jobs()
            || (matches!(self.status, Status::Error) && self.reason.ends_by_itself())
    }

    /// Between start and stop.
    const fn is_in_round(&self) -> bool {
        self.status.lists_jobs() || matches!(self.status, Status::Error)
    }

    /// Whether `job` is one that the deployment wants: of its revision, and not to be restarted.
    const fn is_current(&self, job: &Job) -> bool {
        job.revision == self.revision && !job.restarts
    }

    /// Moves a deployment that waits for a listing to RUNNING if none is missing, and jobs are active or
    /// none are wanted.
    fn note_if_satisfied(
        &mut self,
        jobs: impl Iterator<Item = Job> + Clone,
        now: i64,
    ) -> Result<(), Refused> {
        let waits = matches!(self.status, Status::Starting | Status::InsufficientFunds);
        let is_served = self.active > 0 || self.settings.replicas == 0;
        if waits && is_served && self.missing(jobs, now) == 0 {
            self.apply(Event::Satisfied)?;
        }
        Ok(())
    }

    /// Ends a round whose jobs are all over: nothing is active, and nothing more is to be listed.
    fn note_if_over(&mut self) -> Result<(), Refused> {
        let round_over = self.owed == 0 && self.lists_round_once() && self.is_in_round();
        if self.active == 0 && (round_over || self.status == Status::Stopping) {
            self.apply(Event::Drained)?;
            self.reason = Reason::None;
            self.draining = false;
        }
        Ok(())
    }

    /// Records a firing that is due: its round is owed, and the next firing is the first one after
    /// `now`.
    fn fire(&mut self, jobs: impl Iterator<Item = Job>, now: i64) {
        if self.fires(now) && !self.holds_firing() {
            self.begin_round(jobs, now);
        }
    }

    /// SCHEDULED: owes a round from `now` on, in place of whatever an earlier one still owes.
    fn begin_round(&mut self, jobs: impl Iterator<Item = Job>, now: i64) {
        self.owed = self.round_of_firing(jobs);
        self.not_taken = 0;
        self.fired_at = now;
        if self.fires(now) {
            self.next_due_at = self.next_firing(now);
        }
    }

    /// Jobs that a firing lists. With REPLACE, a job of this revision that still waits for a node is
    /// the new firing's: stopping it to list it again would only send it to the end of the queue.
    fn round_of_firing(&self, jobs: impl Iterator<Item = Job>) -> u32 {
        let replicas = self.settings.replicas;
        match self.settings.overlap {
            Overlap::Allow | Overlap::Forbid => replicas,
            Overlap::Replace => {
                let waiting = |job: &Job| job.started_at.is_none() && self.is_current(job);
                jobs.filter(waiting)
                    .fold(replicas, |owed, _| owed.saturating_sub(1))
            }
        }
    }

    /// When the firing came whose round counts now, unix seconds.
    const fn last_firing(&self, now: i64) -> i64 {
        if self.fires(now) {
            self.next_due_at
        } else {
            self.fired_at
        }
    }

    const fn fires(&self, now: i64) -> bool {
        self.next_due_at != NEVER && now >= self.next_due_at
    }

    /// Whether a firing that is due has to wait. When the last active job is settled, the firing lists
    /// late, or is skipped if one of these jobs was still active when the firing came.
    fn holds_firing(&self) -> bool {
        self.settings.overlap == Overlap::Forbid && self.active > 0
    }

    /// The first firing after `now`. Without replicas there is none, so that none is caught up with once
    /// there are some.
    fn next_firing(&self, now: i64) -> i64 {
        match (self.settings.strategy, &self.settings.schedule) {
            (Strategy::Scheduled, Some(schedule)) if self.settings.replicas > 0 => {
                schedule.next_after(now).unwrap_or(NEVER)
            }
            _ => NEVER,
        }
    }

    fn apply(&mut self, event: Event) -> Result<(), Refused> {
        match transition(self.status, event)? {
            Next::Status(status) => {
                self.status = status;
                Ok(())
            }
            // Closing removes the account; it never goes through a lifecycle.
            Next::Closed => Err(Refused::Status),
        }
    }
}

#[cfg(test)]
mod tests;
