//! A deployment together with its jobs, as the program keeps both.

use super::*;
use std::vec::Vec;

pub(super) struct Fleet {
    pub(super) lifecycle: Lifecycle,
    pub(super) jobs: Vec<Job>,
    next_index: u64,
}

impl Fleet {
    pub(super) fn new(lifecycle: Lifecycle) -> Self {
        Self {
            lifecycle,
            jobs: Vec::new(),
            next_index: 0,
        }
    }

    pub(super) fn jobs(&self) -> impl Iterator<Item = Job> + Clone + use<> {
        self.jobs.clone().into_iter()
    }

    pub(super) fn missing(&self, now: i64) -> u32 {
        self.lifecycle.missing(self.jobs(), now)
    }

    pub(super) fn stop_reason(&self, index: u64, now: i64) -> Option<StopReason> {
        let job = self.jobs.iter().find(|job| job.index == index).unwrap();
        self.lifecycle.stop_reason(job, self.jobs(), now)
    }

    pub(super) fn start(&mut self, now: i64) {
        self.lifecycle.start(self.jobs(), now).unwrap();
    }

    pub(super) fn scale(&mut self, replicas: u32, now: i64) {
        let settings = Settings {
            replicas,
            ..self.lifecycle.settings
        };
        self.lifecycle
            .configure(settings, false, self.jobs(), now)
            .unwrap();
        self.make_room();
    }

    /// Slots for as many jobs as the settings allow, as the program makes.
    pub(super) fn make_room(&mut self) {
        let slots = self.lifecycle.settings.slots();
        self.lifecycle.slots = self.lifecycle.slots.max(slots);
    }

    pub(super) fn roll(&mut self, revision: u32, now: i64) {
        self.lifecycle
            .change_revision(revision, self.jobs(), now)
            .unwrap();
    }

    pub(super) fn restart(&mut self, index: Option<u64>) -> Result<(), Refused> {
        self.lifecycle.restart(index, self.jobs())?;
        for job in &mut self.jobs {
            job.restarts |= self.lifecycle.restarts(job, index);
        }
        Ok(())
    }

    pub(super) fn prolong(&mut self, index: u64, timeout_seconds: u32, now: i64) {
        let job = self.jobs.iter_mut().find(|job| job.index == index).unwrap();
        job.timeout_seconds = timeout_seconds;
        self.lifecycle.extended(self.jobs(), now).unwrap();
    }

    pub(super) fn list(&mut self, count: u32, now: i64) {
        self.lifecycle.listed(count, self.jobs(), now).unwrap();
        for _ in 0..count {
            self.jobs.push(Job {
                index: self.next_index,
                listed_at: now,
                started_at: None,
                timeout_seconds: self.lifecycle.settings.timeout_seconds,
                revision: self.lifecycle.revision,
                restarts: false,
            });
            self.next_index += 1;
        }
    }

    pub(super) fn take(&mut self, index: u64, now: i64) {
        let job = self.jobs.iter_mut().find(|job| job.index == index).unwrap();
        job.started_at = Some(now);
        let job = *job;
        self.lifecycle.started(&job);
    }

    pub(super) fn end(&mut self, index: u64, end: End, now: i64) {
        let position = self.jobs.iter().position(|job| job.index == index);
        let job = self.jobs.remove(position.unwrap());
        let jobs = self.jobs();
        self.lifecycle.settled(&job, end, jobs, now).unwrap();
    }
}
