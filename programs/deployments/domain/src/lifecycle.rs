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
    cron::Schedule,
    failsafe::{Ending, FailSafe},
    jobs::Job,
    settings::{Overlap, Strategy},
    status::{transition, Event, Next, Reason, Refused, Status},
};

/// `next_due_at` of a deployment that waits for no point in time.
pub const NEVER: i64 = i64::MAX;

/// How and when a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// What that says of the deployment's health.
    pub ending: Ending,
    /// Unix seconds, or `None` if nobody can tell any more.
    pub at: Option<i64>,
}

/// The part of a deployment that decides what is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// Where the deployment stands.
    pub status: Status,
    /// Why it is in ERROR; [`Reason::None`] in every other status.
    pub reason: Reason,
    /// When and how often replicas are listed.
    pub strategy: Strategy,
    /// The firings of a SCHEDULED deployment.
    pub schedule: Option<Schedule>,
    /// What a firing does while jobs of an earlier one are active (SCHEDULED).
    pub overlap: Overlap,
    /// Jobs per round, or jobs to keep serving (INFINITE).
    pub replicas: u32,
    /// Longest run of a job that is listed now; and by how much an extension prolongs one.
    pub timeout_seconds: u32,
    /// How long before a job's deadline its replacement is listed (INFINITE).
    pub rotation_seconds: u32,
    /// Whether running jobs are prolonged before their deadline (SIMPLE-EXTEND).
    pub auto_extend: bool,
    /// Revision of the job definition that new jobs run.
    pub revision: u32,
    /// Jobs of the current round that are not listed yet; always 0 for INFINITE.
    pub owed: u32,
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
}

impl Lifecycle {
    /// A deployment as it is created: DRAFT, revision 1, with a slot for every job it may have.
    /// The settings are valid ([`crate::settings::Settings::validate`]).
    pub fn draft(strategy: Strategy, replicas: u32, timeout_seconds: u32) -> Self {
        Self {
            status: Status::Draft,
            reason: Reason::None,
            strategy,
            schedule: None,
            overlap: Overlap::Allow,
            replicas,
            timeout_seconds,
            rotation_seconds: 0,
            auto_extend: false,
            revision: 1,
            owed: 0,
            active: 0,
            slots: strategy.slots(replicas),
            next_due_at: NEVER,
            fired_at: 0,
            fail_safe: FailSafe::default(),
        }
    }

    /// What must hold after every transition.
    pub fn invariant(&self) -> bool {
        let quiet = matches!(
            self.status,
            Status::Draft | Status::Stopped | Status::Archived
        );
        let waits = self.next_due_at != NEVER;
        self.active <= self.slots
            && self.owed <= self.replicas
            && (self.reason != Reason::None) == (self.status == Status::Error)
            && !(quiet && (self.active > 0 || self.owed > 0 || waits))
            && !(self.status == Status::Stopping && (self.active == 0 || self.owed > 0 || waits))
            && !(waits && self.strategy != Strategy::Scheduled)
            && !(self.owed > 0 && self.strategy == Strategy::Infinite)
    }

    /// SIMPLE and SIMPLE-EXTEND: the round ends when its last job does.
    const fn lists_round_once(&self) -> bool {
        matches!(self.strategy, Strategy::Simple | Strategy::SimpleExtend)
    }

    /// Between start and stop.
    const fn is_in_round(&self) -> bool {
        self.status.lists_jobs() || matches!(self.status, Status::Error)
    }

    /// With jobs active and none missing, a deployment that waits for jobs to be listed is RUNNING.
    fn note_if_satisfied(
        &mut self,
        jobs: impl Iterator<Item = Job> + Clone,
        now: i64,
    ) -> Result<(), Refused> {
        let waits = matches!(self.status, Status::Starting | Status::InsufficientFunds);
        if waits && self.active > 0 && self.missing(jobs, now) == 0 {
            self.apply(Event::Satisfied)?;
        }
        Ok(())
    }

    /// Takes note of a firing that is due: the whole round is owed, and the next firing is the
    /// first one after `now`.
    fn fire(&mut self, now: i64) {
        if self.fires(now) && !self.holds_firing() {
            self.owed = self.replicas;
            self.fired_at = now;
            self.next_due_at = self.next_firing(now);
        }
    }

    const fn fires(&self, now: i64) -> bool {
        self.next_due_at != NEVER && now >= self.next_due_at
    }

    /// Whether a firing that is due has to wait: it is skipped if one of the active jobs turns out to
    /// have been active when it came, and else lists late, when the last one is settled.
    fn holds_firing(&self) -> bool {
        self.overlap == Overlap::Forbid && self.active > 0
    }

    fn next_firing(&self, now: i64) -> i64 {
        match (self.strategy, &self.schedule) {
            (Strategy::Scheduled, Some(schedule)) => schedule.next_after(now).unwrap_or(NEVER),
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
