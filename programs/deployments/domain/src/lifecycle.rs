//! What a deployment looks like after everything that can happen to it.
//!
//! [`Lifecycle`] holds the facts that decide; every method is a pure transition that either changes
//! it as documented or leaves it as it was and says why. What is due is asked in [`due`]. Times are
//! unix seconds, UTC.

mod due;

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

    /// Owner: begin, or begin again. From DRAFT and STOPPED a new round begins; from ERROR and
    /// INSUFFICIENT_FUNDS the interrupted one goes on, so that no job is listed twice. The
    /// fail-safe starts afresh.
    ///
    /// # Errors
    /// [`Refused`] if the status does not allow it.
    pub fn start(
        &mut self,
        jobs: impl Iterator<Item = Job> + Clone,
        now: i64,
    ) -> Result<(), Refused> {
        let begins_round = matches!(self.status, Status::Draft | Status::Stopped);
        self.apply(Event::Start)?;
        self.reason = Reason::None;
        self.fail_safe = FailSafe::default();
        if begins_round {
            self.next_due_at = self.next_firing(now);
        }
        if begins_round || (self.active == 0 && self.owed == 0) {
            self.owed = match self.strategy {
                Strategy::Simple | Strategy::SimpleExtend => self.replicas,
                Strategy::Scheduled | Strategy::Infinite => 0,
            };
        }
        self.note_if_satisfied(jobs, now)
    }

    /// Owner: end what is active and list nothing more.
    ///
    /// # Errors
    /// [`Refused`] if the status does not allow it.
    pub fn stop(&mut self) -> Result<(), Refused> {
        self.apply(Event::Stop {
            jobs_active: self.active > 0,
        })?;
        self.forget_round();
        Ok(())
    }

    /// Owner: end for good.
    ///
    /// # Errors
    /// [`Refused`] if the status does not allow it, or jobs are active.
    pub fn archive(&mut self) -> Result<(), Refused> {
        self.apply(Event::Archive {
            jobs_active: self.active > 0,
        })?;
        self.forget_round();
        Ok(())
    }

    /// Owner: `more` replicas on top of those asked for, listed now; after the end as a round of
    /// their own. The caller has validated the sum and made room for it.
    ///
    /// # Errors
    /// [`Refused`] if the status or the strategy does not allow it.
    pub fn extend(&mut self, more: u32) -> Result<(), Refused> {
        if self.strategy != Strategy::SimpleExtend {
            return Err(Refused::Strategy);
        }
        let replicas = self.replicas.checked_add(more).ok_or(Refused::Status)?;
        let owed = self.owed.checked_add(more).ok_or(Refused::Status)?;
        self.apply(Event::Extend)?;
        self.replicas = replicas;
        self.owed = owed;
        Ok(())
    }

    /// Owner: another number of replicas. What a round still owes grows by the difference, and
    /// shrinks so that active and owed jobs together are no more than `replicas`; active jobs above
    /// that number are then due to be stopped. A schedule's active jobs stay as they are.
    ///
    /// # Errors
    /// [`Refused`] if the status does not allow it.
    pub fn scale(
        &mut self,
        replicas: u32,
        jobs: impl Iterator<Item = Job> + Clone,
        now: i64,
    ) -> Result<(), Refused> {
        self.apply(Event::Update)?;
        let grown = replicas.saturating_sub(self.replicas);
        let room = replicas.saturating_sub(self.census(jobs.clone(), now).fresh);
        self.replicas = replicas;
        self.owed = match self.strategy {
            Strategy::Infinite => 0,
            Strategy::Scheduled => self.owed.min(replicas),
            _ if self.is_in_round() => self.owed.saturating_add(grown).min(room),
            _ => 0,
        };
        self.note_if_satisfied(jobs, now)
    }

    /// Owner: another revision of the job definition, a new one or an old one. Replicas of the
    /// round that run another revision are owed again, those that run this one no longer.
    ///
    /// # Errors
    /// [`Refused`] if the status does not allow it.
    pub fn change_revision(
        &mut self,
        revision: u32,
        jobs: impl Iterator<Item = Job> + Clone,
        now: i64,
    ) -> Result<(), Refused> {
        self.apply(Event::Update)?;
        let before = self.census(jobs.clone(), now).fresh;
        self.revision = revision;
        let after = self.census(jobs.clone(), now).fresh;
        if self.is_in_round() && self.lists_round_once() {
            self.owed = self
                .owed
                .saturating_add(before)
                .saturating_sub(after)
                .min(self.replicas);
        }
        self.note_if_satisfied(jobs, now)
    }

    /// Owner: another schedule. A firing that is already due stays due.
    ///
    /// # Errors
    /// [`Refused`] if the status or the strategy does not allow it.
    pub fn reschedule(&mut self, schedule: Schedule, now: i64) -> Result<(), Refused> {
        if self.strategy != Strategy::Scheduled {
            return Err(Refused::Strategy);
        }
        self.apply(Event::Update)?;
        self.fire(now);
        self.schedule = Some(schedule);
        if self.is_in_round() {
            self.next_due_at = self.next_firing(now);
        }
        Ok(())
    }

    /// Keeper: `count` jobs were listed beside `jobs`, 1 to [`Lifecycle::missing`].
    ///
    /// # Errors
    /// [`Refused::Status`] if that many were not missing; nothing changes.
    pub fn listed(
        &mut self,
        count: u32,
        jobs: impl Iterator<Item = Job> + Clone,
        now: i64,
    ) -> Result<(), Refused> {
        let missing = self.missing(jobs, now);
        let left = missing.checked_sub(count).ok_or(Refused::Status)?;
        let active = self.active.checked_add(count).ok_or(Refused::Status)?;
        if count == 0 || active > self.slots {
            return Err(Refused::Status);
        }
        self.apply(Event::Listed)?;
        self.fire(now);
        if self.strategy != Strategy::Infinite {
            self.owed = left;
        }
        self.active = active;
        Ok(())
    }

    /// Keeper: a job is due and the vault cannot pay for one. The round stays owed.
    ///
    /// # Errors
    /// [`Refused`] if the status does not allow it.
    pub fn cannot_pay(&mut self, now: i64) -> Result<(), Refused> {
        self.apply(Event::CannotPay)?;
        self.fire(now);
        Ok(())
    }

    /// Keeper: running jobs were prolonged. Ends a shortage that concerned nothing else.
    ///
    /// # Errors
    /// Never; as every transition.
    pub fn extended(
        &mut self,
        jobs: impl Iterator<Item = Job> + Clone,
        now: i64,
    ) -> Result<(), Refused> {
        self.note_if_satisfied(jobs, now)
    }

    /// Owner: settings changed that this lifecycle already shows.
    ///
    /// # Errors
    /// [`Refused`] if the status does not allow it.
    pub fn updated(
        &mut self,
        jobs: impl Iterator<Item = Job> + Clone,
        now: i64,
    ) -> Result<(), Refused> {
        self.apply(Event::Update)?;
        self.note_if_satisfied(jobs, now)
    }

    /// Keeper: listing can never succeed as things are. The round stays owed; active jobs are still
    /// settled.
    ///
    /// # Errors
    /// [`Refused`] if the status does not allow it.
    pub fn fail(&mut self, reason: Reason, now: i64) -> Result<(), Refused> {
        self.apply(Event::Fail)?;
        self.fire(now);
        self.reason = reason;
        Ok(())
    }

    /// One active job ended and is accounted for. Allowed in every status, so that a finished job
    /// never blocks anything.
    ///
    /// # Errors
    /// [`Refused::Status`] if none was active; nothing changes.
    pub fn settled(&mut self, ended: Ended, now: i64) -> Result<(), Refused> {
        self.active = self.active.checked_sub(1).ok_or(Refused::Status)?;
        let was_active_at_firing = ended.at.is_some_and(|at| at >= self.next_due_at);
        if self.overlap == Overlap::Forbid && self.fires(now) && was_active_at_firing {
            self.next_due_at = self.next_firing(now); // skipped
        }
        if self.strategy == Strategy::Infinite
            && self.status.lists_jobs()
            && self.fail_safe.note(ended.ending, self.replicas, now)
        {
            self.fail(Reason::RapidCompletion, now)?;
        }
        if self.active > 0 {
            return Ok(());
        }
        let round_over = self.owed == 0 && self.lists_round_once();
        match self.status {
            Status::Stopping => self.apply(Event::Drained),
            Status::Running | Status::InsufficientFunds if round_over => self.apply(Event::Drained),
            _ => Ok(()),
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

    fn forget_round(&mut self) {
        self.reason = Reason::None;
        self.owed = 0;
        self.next_due_at = NEVER;
        self.fail_safe = FailSafe::default();
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
