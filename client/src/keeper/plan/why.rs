//! Why an action is due, and since when.

use super::{why, Action, Snapshot};
use crate::markets::JobState;
use deployments_domain::{jobs::StopReason, settings::Strategy, status::Status};

impl Snapshot {
    /// Why one of [`Snapshot::due`] is due, and since when, unix seconds; `None` where nothing on
    /// chain tells the time.
    pub fn why(&self, action: &Action) -> (&'static str, Option<i64>) {
        match action {
            Action::List(_) => self.why_listed(),
            Action::RecordShortage => ("its vault cannot pay for a job", self.firing()),
            Action::RecordError(reason) => (reason.name(), self.firing()),
            Action::RecordFiring => ("its jobs are queued already", self.firing()),
            Action::Resume => ("its market and its vault serve again", None),
            Action::Settle(_) => ("ended", self.first_end()),
            Action::Stop(jobs) => {
                let reason = jobs.first().map(|(_, reason)| *reason);
                let since = match reason {
                    Some(StopReason::Overdue) => self.first_deadline().map(past),
                    _ => None,
                };
                (reason.map_or("", why), since)
            }
            Action::Track(_) => ("a node has taken it", None),
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
            (Strategy::Infinite, _) => ("fewer jobs than replicas serve", None),
            _ => ("its round is not all listed", None),
        }
    }

    /// When a firing that is due came.
    fn firing(&self) -> Option<i64> {
        let at = self.deployment.lifecycle.next_due_at;
        (at <= self.now).then_some(at)
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
