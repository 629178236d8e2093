//! One active job, as rules see it.

use crate::failsafe::{is_rapid, Ending};

/// What is known of a job that is queued, running or not settled yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// The job's index: larger is younger.
    pub index: u64,
    /// Unix seconds.
    pub listed_at: i64,
    /// When a node took it, unix seconds, or `None` if no run has been shown.
    pub started_at: Option<i64>,
    /// Longest run from the start, extensions included.
    pub timeout_seconds: u32,
    /// Revision of the job definition that it runs.
    pub revision: u32,
    /// Whether its owner asked for its replacement.
    pub restarts: bool,
}

impl Job {
    /// When the job has used up its timeout, or `None` while no run is known.
    pub fn deadline(&self) -> Option<i64> {
        self.started_at
            .map(|start| start.saturating_add(i64::from(self.timeout_seconds)))
    }

    /// Whether a node has it and its deadline has not passed.
    pub fn is_serving(&self, now: i64) -> bool {
        self.deadline().is_some_and(|deadline| now <= deadline)
    }

    /// Whether the deadline has passed: the node earns nothing more.
    pub fn is_overdue(&self, now: i64) -> bool {
        self.deadline().is_some_and(|deadline| now > deadline)
    }

    /// Whether the deadline is at most `seconds` away, or passed.
    pub fn ends_within(&self, seconds: u32, now: i64) -> bool {
        self.deadline()
            .is_some_and(|deadline| now >= deadline.saturating_sub(i64::from(seconds)))
    }

    /// Whether no node has taken it for longer than `seconds`.
    pub fn waits_longer_than(&self, seconds: u32, now: i64) -> bool {
        self.started_at.is_none() && now.saturating_sub(self.listed_at) > i64::from(seconds)
    }

    /// Whether this job is given up before `other` when there are too many: queued ones first, of
    /// those the one that waits shortest; then the one that runs longest.
    pub fn goes_before(&self, other: &Job) -> bool {
        match (self.started_at, other.started_at) {
            (None, Some(_)) => true,
            (Some(_), None) => false,
            (None, None) => self.index > other.index,
            (Some(mine), Some(theirs)) => (mine, self.index) < (theirs, other.index),
        }
    }
}

/// How many of a deployment's active jobs are of which kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Of the current revision, and not about to be rotated out or restarted.
    pub fresh: u32,
    /// Of a different revision, or to be restarted.
    pub outdated: u32,
    /// With a node, and within their deadline.
    pub serving: u32,
    /// Both fresh and serving.
    pub ready: u32,
}

/// Why a job is to be ended before it ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// The deployment is STOPPING; if it drains, only what no node has taken.
    Stopping,
    /// Past its deadline: the node vanished, or forgot to finish.
    Overdue,
    /// No node has taken it within the time that its owner allows.
    NotTaken,
    /// SCHEDULED with overlap REPLACE: it ran already when a later firing came.
    Superseded,
    /// The deployment runs a different revision, or restarts this job, and enough jobs serve without it.
    Outdated,
    /// More jobs than replicas, and this one is the first to go.
    Surplus,
    /// INFINITE: its replacement was due, and enough fresh jobs serve without it.
    Rotated,
}

/// How an active job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Its node finished it, or someone ended it elsewhere.
    Finished {
        /// Unix seconds.
        started_at: i64,
        /// Unix seconds.
        ended_at: i64,
    },
    /// Its node quit; the market does not record when.
    Quit,
    /// Its account is gone, and with it everything about its run.
    Gone,
    /// A keeper ended it, for this reason.
    Stopped(StopReason),
    /// Its owner gave it up.
    WrittenOff,
}

impl End {
    /// When it ended, unix seconds, or `None` if that is not known any more.
    pub const fn at(&self, now: i64) -> Option<i64> {
        match self {
            Self::Finished { ended_at, .. } => Some(*ended_at),
            Self::Stopped(_) | Self::WrittenOff => Some(now),
            Self::Quit | Self::Gone => None,
        }
    }

    /// What it says of the deployment's health. Ends by decision say nothing. Where the run's length
    /// is not on record, only the time since its start, or since it was listed, can prove it short.
    pub fn ending(&self, job: &Job, now: i64) -> Ending {
        match self {
            Self::Finished {
                started_at,
                ended_at,
            } if is_rapid(*started_at, *ended_at) => Ending::Rapid,
            Self::Finished { .. } => Ending::Healthy,
            Self::Quit if is_rapid(job.started_at.unwrap_or(job.listed_at), now) => {
                Ending::RapidQuit
            }
            Self::Gone if is_rapid(job.listed_at, now) => Ending::Rapid,
            Self::Quit | Self::Gone | Self::Stopped(_) | Self::WrittenOff => Ending::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_to_be_short_is_rapid() {
        let job = |started_at| Job {
            index: 0,
            listed_at: 1_000,
            started_at,
            timeout_seconds: 3_600,
            revision: 1,
            restarts: false,
        };
        let queued = job(None);
        let running = job(Some(5_000));
        let ran = |started_at, ended_at| End::Finished {
            started_at,
            ended_at,
        };
        let cases = [
            (End::Quit, queued, 1_299, Ending::RapidQuit),
            (End::Quit, queued, 1_300, Ending::Unknown),
            (End::Quit, running, 5_299, Ending::RapidQuit),
            (End::Quit, running, 5_300, Ending::Unknown),
            (End::Gone, running, 1_299, Ending::Rapid),
            (End::Gone, running, 1_300, Ending::Unknown),
            (ran(5_000, 5_299), running, 9_000, Ending::Rapid),
            (ran(5_000, 5_300), running, 9_000, Ending::Healthy),
            (End::WrittenOff, queued, 1_001, Ending::Unknown),
            (
                End::Stopped(StopReason::Surplus),
                queued,
                1_001,
                Ending::Unknown,
            ),
        ];
        for (end, job, now, ending) in cases {
            assert_eq!(end.ending(&job, now), ending, "{end:?} at {now}");
        }
    }
}
