//! Why an action is due, and since when.

use super::{why, Action, Snapshot};
use crate::{instructions::JobRun, markets::JobState};
use deployments_domain::{jobs::StopReason, settings::Strategy, status::Status};

impl Snapshot {
    /// Why one of [`Snapshot::due`] is due, and since when, unix seconds; `None` where nothing on
    /// chain tells the time.
    pub fn why(&self, action: &Action) -> (&'static str, Option<i64>) {
        match action {
            Action::List(_) => self.why_listed(),
            Action::RecordShortage => ("its vault cannot pay for a job", self.round_since()),
            Action::RecordError(reason) => (reason.name(), self.round_since()),
            Action::RecordFiring => ("its jobs are queued already", self.firing()),
            Action::Resume => ("its market and its vault serve again", None),
            Action::Settle(_) => ("ended", self.first_end()),
            Action::Stop(jobs) => {
                let reason = jobs.first().map(|(_, reason)| *reason);
                let since = match reason {
                    Some(StopReason::Overdue) => self.first_deadline().map(past),
                    Some(StopReason::Stopping) => Some(self.status_since()),
                    Some(StopReason::Superseded) => self.firing(),
                    Some(StopReason::NotTaken) => self.first_given_up(),
                    _ => None,
                };
                (reason.map_or("", why), since)
            }
            Action::Track(jobs) => {
                let starts = jobs.iter().filter_map(|job| Some(job.run?.started_at));
                ("a node has taken it", starts.min())
            }
            Action::Extend(jobs) if self.is_raise(jobs) => ("its timeout was raised", None),
            Action::Extend(_) => {
                let margin = self.deployment.lifecycle.extension_margin_seconds();
                let due = |deadline: i64| deadline.saturating_sub(i64::from(margin));
                ("its deadline nears", self.first_deadline().map(due))
            }
        }
    }

    fn why_listed(&self) -> (&'static str, Option<i64>) {
        let lifecycle = &self.deployment.lifecycle;
        match (lifecycle.settings.strategy, self.firing()) {
            (Strategy::Scheduled, Some(at)) => ("its schedule fired", Some(at)),
            _ if lifecycle.status == Status::InsufficientFunds => ("its vault can pay again", None),
            (Strategy::Infinite, _) => ("fewer jobs than replicas serve", self.round_since()),
            _ => ("its round is not all listed", self.round_since()),
        }
    }

    /// Since when a round waits for its first job: a firing, the end of the wait after rapid ends, or the
    /// start.
    fn round_since(&self) -> Option<i64> {
        let lifecycle = &self.deployment.lifecycle;
        let fail_safe = &lifecycle.fail_safe;
        // Without replacements that are held back it says when an earlier wait ended.
        let waited = (fail_safe.held > 0 && fail_safe.backoff_until <= self.now)
            .then_some(fail_safe.backoff_until);
        let started = (lifecycle.status == Status::Starting).then(|| self.status_since());
        self.firing().or(waited).or(started)
    }

    fn status_since(&self) -> i64 {
        self.deployment.header.status_changed_at
    }

    /// When a firing that is due came.
    fn firing(&self) -> Option<i64> {
        let at = self.deployment.lifecycle.next_due_at;
        (at <= self.now).then_some(at)
    }

    /// Whether the first of these jobs runs with less than the deployment's timeout.
    fn is_raise(&self, jobs: &[JobRun]) -> bool {
        let timeout = self.deployment.lifecycle.settings.timeout_seconds;
        let first = jobs.first().map(|job| job.index);
        let mut slots = self.deployment.jobs.iter();
        slots.any(|slot| Some(slot.index) == first && slot.timeout_seconds < timeout)
    }

    /// When the first queued job had waited long enough.
    fn first_given_up(&self) -> Option<i64> {
        let wait = i64::from(self.deployment.lifecycle.settings.max_queue_seconds);
        let queued = self.jobs.iter().filter(|job| job.queued);
        let listed = queued.map(|job| job.slot.listed_at).min();
        listed.map(|listed_at| past(listed_at.saturating_add(wait)))
    }

    fn first_end(&self) -> Option<i64> {
        let ends = self.jobs.iter().filter_map(|job| match job.state {
            JobState::Done { ended_at, .. } => Some(ended_at),
            _ => None,
        });
        ends.min()
    }

    fn first_deadline(&self) -> Option<i64> {
        let open = self.open_jobs();
        open.filter_map(|(job, _)| job.view().deadline()).min()
    }
}

/// The first second after a deadline.
fn past(deadline: i64) -> i64 {
    deadline.saturating_add(1)
}
