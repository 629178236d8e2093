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
            (self.ended, self.quit, self.not_taken) = (0, 0, 0);
            self.owed = match self.settings.strategy {
                Strategy::Simple | Strategy::SimpleExtend => self.settings.replicas,
                Strategy::Scheduled | Strategy::Infinite => 0,
            };
        }
        self.note_if_satisfied(jobs, now)
    }

    /// Owner: end what is active and list nothing more. With `drain`, what nodes run ends by itself or at
    /// its deadline, unless this is asked for again without.
    ///
    /// # Errors
    /// [`Refused`] if the status does not allow it.
    pub fn stop(&mut self, drain: bool) -> Result<(), Refused> {
        self.apply(match self.draining && !drain {
            true => Event::Hasten,
            false => Event::Stop {
                jobs_active: self.active > 0,
            },
        })?;
        self.draining = drain && self.status == Status::Stopping;
        self.forget_round();
        Ok(())
    }

    /// Owner: one round now, as if the schedule fired; the schedule goes on. Overlap decides about jobs
    /// of earlier firings as it does for those.
    ///
    /// # Errors
    /// [`Refused`] if the status or the strategy does not allow it, [`Refused::Overlap`] with FORBID while
    /// jobs are active, [`Refused::Nothing`] without replicas; nothing changes.
    pub fn trigger(
        &mut self,
        jobs: impl Iterator<Item = Job> + Clone,
        now: i64,
    ) -> Result<(), Refused> {
        if self.settings.strategy != Strategy::Scheduled {
            return Err(Refused::Strategy);
        }
        self.apply(Event::Trigger)?;
        if self.settings.replicas == 0 {
            return Err(Refused::Nothing);
        }
        if self.holds_firing() {
            return Err(Refused::Overlap);
        }
        self.begin_round(jobs.clone(), now);
        self.note_if_satisfied(jobs, now)
    }

    /// Owner: have active jobs replaced, all or the one with this index, as a new revision would: enough
    /// keep serving. The caller then marks what [`Self::restarts`]. The fail-safe goes on counting.
    ///
    /// # Errors
    /// [`Refused`] if the status does not allow it, or the strategy is SCHEDULED, whose jobs are not
    /// replaced; [`Refused::Nothing`] if no such job is active; nothing changes.
    pub fn restart(
        &mut self,
        index: Option<u64>,
        jobs: impl Iterator<Item = Job>,
    ) -> Result<(), Refused> {
        if self.settings.strategy == Strategy::Scheduled {
            return Err(Refused::Strategy);
        }
        self.apply(Event::Restart)?;
        let count = jobs.filter(|job| self.restarts(job, index)).count();
        if count == 0 {
            return Err(Refused::Nothing);
        }
        if self.lists_round_once() {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            self.owed = self.owed.saturating_add(count).min(self.settings.replicas);
        }
        Ok(())
    }

    /// Whether [`Self::restart`] concerns `job`: one of another revision is replaced anyway.
    pub fn restarts(&self, job: &Job, index: Option<u64>) -> bool {
        self.is_current(job) && index.is_none_or(|index| index == job.index)
    }

    /// Owner: a different market for jobs from now on, while no job is active on this one. An error that
    /// the market caused ends once a keeper has looked at the new one.
    ///
    /// # Errors
    /// [`Refused`] if the status does not allow it, or jobs are active.
    pub fn change_market(&mut self) -> Result<(), Refused> {
        self.apply(Event::Move {
            jobs_active: self.active > 0,
        })
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
            (self.ended, self.quit, self.not_taken) = (0, 0, 0);
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
    ///   jobs stay as they are, unless there are to be none at all.
    /// - *timeout*: jobs that run with less are prolonged to it; see [`Lifecycle::extension`].
    /// - *schedule*: what an earlier firing still owes, and a firing that is due, are dropped; with
    ///   `run_due` they stay.
    /// - everything else counts for decisions from now on.
    ///
    /// The caller has validated the settings and made room for their slots.
    ///
    /// # Errors
    /// [`Refused`] if the status does not allow it, or the strategy differs; nothing changes.
    pub fn configure(
        &mut self,
        settings: Settings,
        run_due: bool,
        jobs: impl Iterator<Item = Job> + Clone,
        now: i64,
    ) -> Result<(), Refused> {
        if settings.strategy != self.settings.strategy {
            return Err(Refused::Strategy);
        }
        self.apply(Event::Update)?;
        let is_rescheduled = settings.schedule != self.settings.schedule && self.is_in_round();
        if is_rescheduled && run_due {
            self.fire(jobs.clone(), now);
        }
        let before = core::mem::replace(&mut self.settings, settings);
        if is_rescheduled && !run_due {
            self.owed = 0;
        }
        if is_rescheduled && !(run_due && self.fires(now)) {
            self.next_due_at = self.next_firing(now);
        }
        if settings.replicas != before.replicas {
            self.scale(before.replicas, jobs.clone(), now);
        }
        self.note_if_over()?;
        self.note_if_satisfied(jobs, now)
    }

    /// Adapts what the round owes to a number of replicas that was different before.
    fn scale(&mut self, before: u32, jobs: impl Iterator<Item = Job>, now: i64) {
        let replicas = self.settings.replicas;
        if (before == 0 || replicas == 0) && self.is_in_round() {
            self.next_due_at = self.next_firing(now);
        }
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
