//! What keepers do to a deployment.

use super::Lifecycle;
use crate::{
    failsafe::is_rapid,
    funding::{Rents, RewardTerms},
    jobs::{End, Job, StopReason},
    settings::{Overlap, Strategy},
    status::{Event, Reason, Refused, Status},
};

impl Lifecycle {
    /// Keeper: `count` jobs were listed beside `jobs`, 1 to [`Lifecycle::missing`]. Returns for how
    /// many of them the keeper is paid: not for what replaces a rapid end, or a keeper with a node of
    /// its own would live on quitting.
    ///
    /// # Errors
    /// [`Refused::Status`] if that many were not missing; nothing changes.
    pub fn listed(
        &mut self,
        count: u32,
        jobs: impl Iterator<Item = Job> + Clone,
        now: i64,
    ) -> Result<u32, Refused> {
        let missing = self.missing(jobs.clone(), now);
        let left = missing.checked_sub(count).ok_or(Refused::Status)?;
        let active = self.active.checked_add(count).ok_or(Refused::Status)?;
        if count == 0 || active > self.slots {
            return Err(Refused::Status);
        }
        self.end_error()?;
        self.apply(Event::Listed)?;
        self.fire(jobs, now);
        if self.settings.strategy != Strategy::Infinite {
            self.owed = left;
        }
        self.active = active;
        Ok(count.saturating_sub(self.fail_safe.listed(count, now)))
    }

    /// Keeper: a job is due and the vault cannot pay for one. The round stays owed.
    ///
    /// # Errors
    /// [`Refused`] if the status does not allow it.
    pub fn cannot_pay(&mut self, jobs: impl Iterator<Item = Job>, now: i64) -> Result<(), Refused> {
        self.end_error()?;
        self.apply(Event::CannotPay)?;
        self.fire(jobs, now);
        Ok(())
    }

    /// Keeper: a firing is due, and its jobs are all queued already.
    ///
    /// # Errors
    /// [`Refused::Status`] if none is due.
    pub fn fired(
        &mut self,
        jobs: impl Iterator<Item = Job> + Clone,
        now: i64,
    ) -> Result<(), Refused> {
        if !self.may_list() || !self.fires(now) {
            return Err(Refused::Status);
        }
        self.end_error()?;
        self.fire(jobs.clone(), now);
        self.note_if_satisfied(jobs, now)
    }

    /// Keeper: no job is due, and what a shortage or an error was about is over.
    ///
    /// # Errors
    /// [`Refused`] if there is neither, or the error does not end by itself.
    pub fn resumed(&mut self) -> Result<(), Refused> {
        match self.status {
            Status::Error => self.end_error(),
            _ => self.apply(Event::Resumed),
        }
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

    /// Keeper: nothing can be listed as things are. The round stays owed; active jobs are still
    /// settled.
    ///
    /// # Errors
    /// [`Refused`] if the status does not allow it.
    pub fn fail(
        &mut self,
        reason: Reason,
        jobs: impl Iterator<Item = Job>,
        now: i64,
    ) -> Result<(), Refused> {
        self.apply(Event::Fail)?;
        self.fire(jobs, now);
        self.reason = reason;
        Ok(())
    }

    /// Keeper: a node was seen to have taken `job`, of which no run was known before. If a firing
    /// took it for a queued one, that firing's job is still to be listed.
    pub fn started(&mut self, job: &Job) {
        let was_early = job.listed_at < self.fired_at
            && job.started_at.is_some_and(|start| start < self.fired_at);
        if self.settings.overlap == Overlap::Replace
            && self.is_in_round()
            && was_early
            && self.is_current(job)
        {
            self.owed = self.owed.saturating_add(1).min(self.settings.replicas);
        }
    }

    /// `job` ended and is accounted for; `jobs` are the others. Allowed in every status, so that a
    /// finished job never blocks anything. Returns for how many jobs the keeper is paid: not for a
    /// rapid end.
    ///
    /// # Errors
    /// [`Refused::Status`] if none was active; nothing changes.
    pub fn settled(
        &mut self,
        job: &Job,
        end: End,
        jobs: impl Iterator<Item = Job> + Clone,
        now: i64,
    ) -> Result<u32, Refused> {
        self.active = self.active.checked_sub(1).ok_or(Refused::Status)?;
        let was_active_at_firing = end.at(now).is_some_and(|at| at >= self.next_due_at);
        if self.settings.overlap == Overlap::Forbid && self.fires(now) && was_active_at_firing {
            // Skipped, and with it what an earlier firing still owed.
            self.next_due_at = self.next_firing(now);
            self.owed = 0;
        }
        let held = self.fail_safe.held;
        if self.is_current(job) && self.is_in_round() {
            if end == End::Stopped(StopReason::NotTaken) {
                self.not_taken = self.not_taken.saturating_add(1);
            }
            match self.settings.strategy {
                Strategy::Simple | Strategy::SimpleExtend => self.count_end(end),
                Strategy::Infinite => self.note_health(job, end, jobs, now)?,
                Strategy::Scheduled => self.note_late_start(job, end),
            }
        }
        self.note_if_over()?;
        Ok(u32::from(self.fail_safe.held <= held))
    }

    /// Lamports that a keeper is paid for `jobs` jobs now, and notes them; see [`crate::funding::Rewards::pay`].
    pub fn pay_keeper(&mut self, jobs: u32, vault_lamports: u64, rents: &Rents, now: i64) -> u64 {
        let terms = RewardTerms {
            per_job: self.settings.keeper_reward_lamports,
            per_day: self.settings.max_rewards_lamports_per_day,
            jobs_ahead: self.jobs_ahead(),
        };
        self.rewards.pay(jobs, &terms, vault_lamports, rents, now)
    }

    /// Counts a job of a round that is over. One that its node quit is listed again while
    /// `retries` are left; one that no node took is not; one that was ended because it was not wanted
    /// counts for nothing.
    fn count_end(&mut self, end: End) {
        let is_retried = match end {
            End::Stopped(StopReason::Overdue | StopReason::NotTaken) | End::Finished { .. } => {
                false
            }
            End::Gone | End::WrittenOff => false,
            End::Stopped(_) => return,
            End::Quit => {
                self.quit = self.quit.saturating_add(1);
                self.quit <= self.settings.retries
            }
        };
        let counter = match is_retried {
            true => &mut self.owed,
            false => &mut self.ended,
        };
        *counter = counter.saturating_add(1).min(self.settings.replicas);
    }

    /// A job may be over before anyone has shown its run.
    fn note_late_start(&mut self, job: &Job, end: End) {
        if let (None, End::Finished { started_at, .. }) = (job.started_at, end) {
            self.started(&Job {
                started_at: Some(started_at),
                ..*job
            });
        }
    }

    /// Tells the fail-safe, and ends listing if it says so.
    fn note_health(
        &mut self,
        job: &Job,
        end: End,
        jobs: impl Iterator<Item = Job>,
        now: i64,
    ) -> Result<(), Refused> {
        let revision = self.revision;
        let serves = |other: Job| {
            let start = other.started_at.filter(|_| other.revision == revision);
            start.is_some_and(|start| !is_rapid(start, now))
        };
        let ending = end.ending(job, now);
        let is_error = self
            .fail_safe
            .note(ending, job.listed_at, || { jobs }.any(serves), now);
        if is_error && self.status.lists_jobs() {
            self.fail(Reason::RapidCompletion, core::iter::empty(), now)?;
        }
        Ok(())
    }

    /// Ends an error that ends by itself; does nothing in any other status.
    fn end_error(&mut self) -> Result<(), Refused> {
        if self.status == Status::Error {
            if !self.reason.ends_by_itself() {
                return Err(Refused::Status);
            }
            self.apply(Event::Resumed)?;
            self.reason = Reason::None;
        }
        Ok(())
    }
}
