//! What an owner does to a deployment.

use super::{Lifecycle, NEVER};
use crate::{
    failsafe::FailSafe,
    jobs::Job,
    settings::{Settings, Strategy},
    status::{Event, Reason, Refused, Status},
};

impl Lifecycle {
    /// Owner: begin, or begin again. From DRAFT and STOPPED a new round begins; from ERROR and
    /// INSUFFICIENT_FUNDS the interrupted one goes on, so that no job is listed twice. A schedule that
    /// was in ERROR waits for its next firing. The fail-safe starts afresh.
    ///
    /// # Errors
    /// [`Refused`] if the status does not allow it.
    pub fn start(
        &mut self,
        jobs: impl Iterator<Item = Job> + Clone,
        now: i64,
    ) -> Result<(), Refused> {
        let begins_round = match self.status {
            Status::Draft | Status::Stopped => true,
            Status::Error => self.settings.strategy == Strategy::Scheduled,
            _ => false,
        };
        self.apply(Event::Start)?;
        self.reason = Reason::None;
        self.fail_safe = FailSafe::default();
        if begins_round {
            self.next_due_at = self.next_firing(now);
            (self.ended, self.quit) = (0, 0);
            self.owed = match self.settings.strategy {
                Strategy::Simple | Strategy::SimpleExtend => self.settings.replicas,
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

    /// Owner: `more` jobs. During a round they come on top of its replicas; after its end they are a
    /// round of their own, of that many replicas. The caller has validated
    /// [`Self::extended_replicas`] and made room for them.
    ///
    /// # Errors
    /// [`Refused`] if the status or the strategy does not allow it.
    pub fn extend(&mut self, more: u32) -> Result<(), Refused> {
        if self.settings.strategy != Strategy::SimpleExtend {
            return Err(Refused::Strategy);
        }
        let replicas = self.extended_replicas(more).ok_or(Refused::Status)?;
        let owed = self.owed.checked_add(more).ok_or(Refused::Status)?;
        if self.status == Status::Stopped {
            (self.ended, self.quit) = (0, 0);
        }
        self.apply(Event::Extend)?;
        self.settings.replicas = replicas;
        self.owed = owed;
        Ok(())
    }

    /// The replicas after [`Self::extend`] by `more`, or `None` on overflow.
    pub fn extended_replicas(&self, more: u32) -> Option<u32> {
        match self.status {
            Status::Stopped => Some(more),
            _ => self.settings.replicas.checked_add(more),
        }
    }

    /// Owner: new settings, from now on. What that makes due is for keepers to do.
    ///
    /// - *replicas*: a round owes what is neither active nor over; active jobs above that number are
    ///   then due to be stopped, and a round of which nothing is left is over. A schedule's active
    ///   jobs stay as they are.
    /// - *schedule*: a firing that is already due stays due.
    /// - everything else counts for decisions from now on.
    ///
    /// The caller has validated the settings and made room for their slots.
    ///
    /// # Errors
    /// [`Refused`] if the status does not allow it, or the strategy differs; nothing changes.
    pub fn configure(
        &mut self,
        settings: Settings,
        jobs: impl Iterator<Item = Job> + Clone,
        now: i64,
    ) -> Result<(), Refused> {
        if settings.strategy != self.settings.strategy {
            return Err(Refused::Strategy);
        }
        self.apply(Event::Update)?;
        if settings.schedule != self.settings.schedule {
            self.fire(jobs.clone(), now);
        }
        let before = core::mem::replace(&mut self.settings, settings);
        let is_rescheduled = settings.schedule != before.schedule && self.is_in_round();
        if is_rescheduled && !self.fires(now) {
            self.next_due_at = self.next_firing(now);
        }
        if settings.replicas != before.replicas {
            self.scale(jobs.clone(), now);
        }
        self.note_if_over()?;
        self.note_if_satisfied(jobs, now)
    }

    /// Adapts what the round owes to a different number of replicas.
    fn scale(&mut self, jobs: impl Iterator<Item = Job>, now: i64) {
        let replicas = self.settings.replicas;
        self.owed = match self.settings.strategy {
            Strategy::Infinite => 0,
            Strategy::Scheduled => self.owed.min(replicas),
            _ if self.is_in_round() => replicas
                .saturating_sub(self.ended)
                .saturating_sub(self.census(jobs, now).fresh),
            _ => 0,
        };
    }

    /// Owner: a different revision of the job definition, new or old. Replicas of the
    /// round that run a different revision are owed again; replicas that run this one are not. The
    /// fail-safe starts afresh.
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
        if revision != self.revision {
            self.fail_safe = FailSafe::default();
        }
        self.revision = revision;
        let after = self.census(jobs.clone(), now).fresh;
        if self.is_in_round() && self.lists_round_once() {
            self.owed = self
                .owed
                .saturating_add(before)
                .saturating_sub(after)
                .min(self.settings.replicas);
        }
        self.note_if_satisfied(jobs, now)
    }

    fn forget_round(&mut self) {
        self.reason = Reason::None;
        self.owed = 0;
        self.next_due_at = NEVER;
        self.fail_safe = FailSafe::default();
    }
}
