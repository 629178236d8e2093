//! What keepers do to a deployment.

use super::{Ended, Lifecycle};
use crate::{
    jobs::Job,
    settings::{Overlap, Strategy},
    status::{Event, Reason, Refused, Status},
};

impl Lifecycle {
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
        if self.settings.strategy != Strategy::Infinite {
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
        if self.settings.overlap == Overlap::Forbid && self.fires(now) && was_active_at_firing {
            self.next_due_at = self.next_firing(now); // skipped
        }
        if self.settings.strategy == Strategy::Infinite
            && self.status.lists_jobs()
            && self
                .fail_safe
                .note(ended.ending, self.settings.replicas, now)
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
}
