//! The slots of a Deployment account, one for each job that may be active.

use crate::errors::DeployError;
use anchor_lang::prelude::*;
use bytemuck::{Pod, Zeroable};
use core::cell::RefMut;
use deployments_domain::jobs::Job;

/// One active job. Slots in use come first, in no particular order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct ActiveJob {
    /// The job's index, a seed of its address.
    pub index: u64,
    /// When it was listed, unix seconds.
    pub listed_at: i64,
    /// Revision of the job definition that it runs.
    pub revision: u32,
    /// Bump of the job's address.
    pub job_bump: u8,
    /// Bump of the run's address.
    pub run_bump: u8,
    /// 1 if the owner asked for its replacement.
    pub restarts: u8,
    /// Zero; for later versions.
    pub reserved: [u8; 1],
    /// Longest run from the start in seconds, extensions included.
    pub timeout_seconds: u32,
    /// Seconds from listing to the start of the run, or [`ActiveJob::NOT_RUNNING`].
    pub waited_seconds: u32,
}

impl ActiveJob {
    /// `waited_seconds` of a job of which no run has been shown.
    pub const NOT_RUNNING: u32 = u32::MAX;

    /// The job as rules see it.
    pub fn view(&self) -> Job {
        let waited = i64::from(self.waited_seconds);
        Job {
            index: self.index,
            listed_at: self.listed_at,
            started_at: (self.waited_seconds != Self::NOT_RUNNING)
                .then(|| self.listed_at.saturating_add(waited)),
            timeout_seconds: self.timeout_seconds,
            revision: self.revision,
            restarts: self.restarts != 0,
        }
    }

    /// Notes when the run began. A clock that stepped back counts as no waiting at all.
    pub fn note_start(&mut self, started_at: i64) {
        let waited = started_at.saturating_sub(self.listed_at).max(0);
        self.waited_seconds = u32::try_from(waited)
            .unwrap_or(u32::MAX)
            .min(Self::NOT_RUNNING.saturating_sub(1));
    }
}

// Released layouts never change.
const _: () = assert!(size_of::<ActiveJob>() == 32);

/// The slots of an open account. The first ones are in use, one for each active job.
pub struct Slots<'a> {
    all: RefMut<'a, [ActiveJob]>,
    in_use: usize,
}

impl<'a> Slots<'a> {
    /// The slots, of which the first `active` are in use.
    ///
    /// # Errors
    /// [`DeployError::CorruptAccount`] if there are fewer.
    pub fn new(all: RefMut<'a, [ActiveJob]>, active: u32) -> Result<Self> {
        let in_use = usize::try_from(active).map_err(|_| DeployError::CorruptAccount)?;
        require!(in_use <= all.len(), DeployError::CorruptAccount);
        Ok(Self { all, in_use })
    }

    /// The slots in use.
    pub fn in_use(&self) -> &[ActiveJob] {
        self.all.get(..self.in_use).unwrap_or_default()
    }

    /// The active jobs, as rules see them.
    pub fn jobs(&self) -> impl Iterator<Item = Job> + Clone + '_ {
        self.in_use().iter().map(ActiveJob::view)
    }

    /// Where job number `index` has its slot, if it is active.
    pub fn position(&self, index: u64) -> Option<usize> {
        self.in_use().iter().position(|slot| slot.index == index)
    }

    /// One slot in use.
    ///
    /// # Errors
    /// [`DeployError::JobNotActive`] if no slot in use has this position.
    pub fn at(&mut self, position: usize) -> Result<&mut ActiveJob> {
        let in_use = self.all.get_mut(..self.in_use);
        let slot = in_use.and_then(|slots| slots.get_mut(position));
        Ok(slot.ok_or(DeployError::JobNotActive)?)
    }

    /// Marks the jobs of which `restarts` says so as ones to replace.
    pub fn restart(&mut self, restarts: impl Fn(&Job) -> bool) {
        let in_use = self.all.get_mut(..self.in_use).unwrap_or_default();
        for slot in in_use {
            slot.restarts |= u8::from(restarts(&slot.view()));
        }
    }

    /// Takes `count` free slots for the first `jobs`, and returns them.
    ///
    /// # Errors
    /// [`DeployError::NoFreeSlot`] if there are fewer; nothing changes.
    pub fn take(
        &mut self,
        count: usize,
        jobs: impl Iterator<Item = ActiveJob>,
    ) -> Result<&mut [ActiveJob]> {
        let first = self.in_use;
        let free = self.all.get_mut(first..);
        let taken = free
            .and_then(|free| free.get_mut(..count))
            .ok_or(DeployError::NoFreeSlot)?;
        for (slot, job) in taken.iter_mut().zip(jobs) {
            *slot = job;
        }
        self.in_use = first.checked_add(count).ok_or(DeployError::Overflow)?;
        Ok(taken)
    }

    /// Frees one slot in use: the last one in use takes its place.
    ///
    /// # Errors
    /// [`DeployError::JobNotActive`] if no slot in use has this position.
    pub fn free(&mut self, position: usize) -> Result<()> {
        let in_use = self.all.get_mut(..self.in_use).unwrap_or_default();
        let (last, others) = in_use.split_last_mut().ok_or(DeployError::JobNotActive)?;
        match others.get_mut(position) {
            Some(slot) => *slot = *last,
            None => require!(position == others.len(), DeployError::JobNotActive),
        }
        *last = Zeroable::zeroed();
        self.in_use = others.len();
        Ok(())
    }
}
