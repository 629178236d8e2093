//! A deployment that an instruction has opened: loaded, changed through pure transitions, committed.

use super::{slots::Slots, ActiveJob, Deployment};
use crate::{
    errors::DeployError,
    events::{DeploymentChanged, JobChange, JobEvent, Left, Outcome, Reward, Telling},
};
use anchor_lang::prelude::*;
use core::cell::RefMut;
use deployments_domain::{
    jobs::{End, Job},
    lifecycle::Lifecycle,
    status::{Refused, Status},
};

/// An account of a deployment, open for changes. It stays borrowed as long as this lives; what was
/// changed counts once it is [committed](OpenDeployment::commit).
pub struct OpenDeployment<'a> {
    /// The account's address.
    pub key: Pubkey,
    /// Cluster time when it was opened, unix seconds.
    pub now: i64,
    /// The fixed part, in place.
    pub header: RefMut<'a, Deployment>,
    /// The active jobs, in place.
    pub slots: Slots<'a>,
    /// The facts that decide; written to the header by [`Self::commit`].
    pub lifecycle: Lifecycle,
    /// What happened to jobs since it was opened; [`Self::commit`] tells it.
    pub changes: Vec<JobChange>,
    /// The market that it was moved to since; [`Self::commit`] tells it.
    pub moved_to: Option<Pubkey>,
}

/// The active jobs, for a transition to look at.
#[derive(Clone)]
pub struct Jobs<'a>(core::slice::Iter<'a, ActiveJob>);

impl Iterator for Jobs<'_> {
    type Item = Job;

    fn next(&mut self) -> Option<Job> {
        self.0.next().map(ActiveJob::view)
    }
}

impl<'a> OpenDeployment<'a> {
    /// Opens a deployment in any status.
    ///
    /// # Errors
    /// [`DeployError::WrongDeployment`] if it is not one, [`DeployError::UnknownVersion`] if a
    /// different program wrote it, [`DeployError::CorruptAccount`] if its data makes no sense.
    #[inline(always)] // or the bytecode copies it twice
    pub fn load(account: &'a AccountInfo<'_>) -> Result<Self> {
        let data = RefMut::map(account.try_borrow_mut_data()?, |data| &mut **data);
        let (header, slots) = Deployment::split(data)?;
        require!(
            header.version == Deployment::VERSION,
            DeployError::UnknownVersion
        );
        let lifecycle = header.lifecycle(slots.len())?;
        Ok(Self {
            key: *account.key,
            now: Clock::get()?.unix_timestamp,
            slots: Slots::new(slots, lifecycle.active)?,
            header,
            lifecycle,
            changes: Vec::new(),
            moved_to: None,
        })
    }

    /// Opens a deployment that is not archived, for instructions that have nothing to do with one
    /// that is.
    ///
    /// # Errors
    /// [`DeployError::Archived`], and whatever [`Self::load`] returns.
    #[inline(always)] // as above
    pub fn load_unarchived(account: &'a AccountInfo<'_>) -> Result<Self> {
        let open = Self::load(account)?;
        require!(
            open.lifecycle.status != Status::Archived,
            DeployError::Archived
        );
        Ok(open)
    }

    /// Applies a transition of the owner's or a keeper's.
    ///
    /// # Errors
    /// The [`DeployError`] of what the transition [`Refused`].
    pub fn apply<T>(
        &mut self,
        transition: impl FnOnce(&mut Lifecycle, Jobs<'_>, i64) -> core::result::Result<T, Refused>,
    ) -> Result<T> {
        let jobs = Jobs(self.slots.in_use().iter());
        Ok(transition(&mut self.lifecycle, jobs, self.now).map_err(DeployError::from)?)
    }

    /// Notes what happened to a job, for [`Self::commit`] to tell.
    pub fn note(&mut self, index: u64, what: JobEvent) {
        self.changes.push(JobChange { index, what });
    }

    /// Notes when a node took a job, if that was not known before. Returns the job.
    ///
    /// # Errors
    /// [`DeployError::JobNotActive`] if no slot in use has this position.
    pub fn note_start(&mut self, position: usize, started_at: i64) -> Result<Job> {
        let slot = self.slots.at(position)?;
        if slot.view().started_at.is_some() {
            return Ok(slot.view());
        }
        slot.note_start(started_at);
        let job = slot.view();
        self.lifecycle.started(&job);
        self.note(job.index, JobEvent::Started { started_at });
        Ok(job)
    }

    /// Frees the slot of a job that is over, and counts the job. Returns for how many jobs the keeper
    /// is paid.
    ///
    /// # Errors
    /// [`DeployError::JobNotActive`] if no slot in use has this position.
    pub fn settle(
        &mut self,
        position: usize,
        outcome: Outcome,
        end: End,
        left: Option<Left>,
    ) -> Result<u32> {
        let job = self.slots.at(position)?.view();
        self.slots.free(position)?;
        let paid = self.apply(|lifecycle, jobs, now| lifecycle.settled(&job, end, jobs, now))?;
        self.header.count(outcome);
        self.note(job.index, JobEvent::Settled { outcome, left });
        Ok(paid)
    }

    /// As [`Self::commit`], after a transition that changed settings. No keeper's does.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn commit_settings(&mut self, telling: &Telling) -> Result<()> {
        self.header.set_settings(&self.lifecycle.settings);
        self.commit(telling, None)
    }

    /// Stores what changed, and tells it together with what the keeper is paid.
    ///
    /// # Errors
    /// As [`Self::store`].
    #[inline(always)] // called once by each handler
    pub fn commit(&mut self, telling: &Telling, reward: Option<Reward>) -> Result<()> {
        let from = self.header.status;
        self.store()?;
        let sequence = self.header.changes.checked_add(1);
        self.header.changes = sequence.ok_or(DeployError::Overflow)?;
        let header = &*self.header;
        telling.tell(&DeploymentChanged {
            deployment: self.key,
            sequence: header.changes,
            at: self.now,
            from,
            to: header.status,
            reason: header.reason,
            replicas: header.replicas,
            revision: header.revision,
            job_definition: header.job_definition,
            jobs: core::mem::take(&mut self.changes),
            reward,
            moved_to: self.moved_to,
        })
    }

    /// Checks the invariant and writes the progress to the account.
    ///
    /// # Errors
    /// [`DeployError::InvariantBroken`], which undoes the instruction; the log names the rule.
    #[inline(always)] // as above
    pub fn store(&mut self) -> Result<()> {
        let (lifecycle, header) = (&self.lifecycle, &mut *self.header);
        if let Err(broken) = lifecycle.invariant() {
            msg!("Broken: {}", broken.rule());
            return err!(DeployError::InvariantBroken);
        }
        require!(
            u32::try_from(self.slots.in_use().len()) == Ok(lifecycle.active),
            DeployError::InvariantBroken
        );
        let from = header.status;
        header.set_progress(lifecycle);
        if from != header.status {
            header.status_changed_at = self.now;
        }
        Ok(())
    }
}
