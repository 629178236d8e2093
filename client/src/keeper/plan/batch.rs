//! Actions of many jobs in parts that fit into transactions.

use super::Action;
use crate::instructions::JobRun;
use deployments_domain::jobs::StopReason;
use solana_program::pubkey::Pubkey;

impl Action {
    /// How many jobs it handles; one where it records a status.
    pub fn jobs(&self) -> usize {
        match self {
            Self::List(count) => usize::try_from(*count).unwrap_or(usize::MAX),
            Self::RecordShortage | Self::RecordError(_) | Self::RecordFiring | Self::Resume => 1,
            Self::Settle(indices) => indices.len(),
            Self::Stop(jobs) => jobs.len(),
            Self::Track(jobs) | Self::Extend(jobs) => jobs.len(),
        }
    }

    /// The same for its first `count` jobs, or all if there are fewer.
    pub fn first(&self, count: usize) -> Self {
        fn head<T: Clone>(all: &[T], count: usize) -> Vec<T> {
            all.get(..count).unwrap_or(all).to_vec()
        }
        match self {
            Self::List(all) => Self::List(u32::try_from(count).unwrap_or(u32::MAX).min(*all)),
            Self::RecordShortage | Self::RecordError(_) | Self::RecordFiring | Self::Resume => {
                self.clone()
            }
            Self::Settle(indices) => Self::Settle(head(indices, count)),
            Self::Stop(jobs) => Self::Stop(head(jobs, count)),
            Self::Track(jobs) => Self::Track(head(jobs, count)),
            Self::Extend(jobs) => Self::Extend(head(jobs, count)),
        }
    }

    /// The same without its first `count` jobs; `None` if nothing is left, or if the rest needs that
    /// the first are done.
    pub fn after(&self, count: usize) -> Option<Self> {
        fn tail<T: Clone>(all: &[T], count: usize) -> Option<Vec<T>> {
            let tail = all.get(count..)?;
            (!tail.is_empty()).then(|| tail.to_vec())
        }
        match self {
            Self::List(_)
            | Self::RecordShortage
            | Self::RecordError(_)
            | Self::RecordFiring
            | Self::Resume => None,
            Self::Settle(indices) => tail(indices, count).map(Self::Settle),
            Self::Stop(jobs) => tail(jobs, count).map(Self::Stop),
            Self::Track(jobs) => tail(jobs, count).map(Self::Track),
            Self::Extend(jobs) => tail(jobs, count).map(Self::Extend),
        }
    }

    /// The job that comes first, if the action is about certain jobs.
    pub fn first_index(&self) -> Option<u64> {
        match self {
            Self::List(_)
            | Self::RecordShortage
            | Self::RecordError(_)
            | Self::RecordFiring
            | Self::Resume => None,
            Self::Settle(indices) => indices.first().copied(),
            Self::Stop(jobs) => jobs.first().map(|(job, _)| job.index),
            Self::Track(jobs) | Self::Extend(jobs) => jobs.first().map(|job| job.index),
        }
    }

    /// The same with those of its jobs that `keep` keeps, which gets the index and, for a job that is
    /// stopped while it runs, the node. `None` if no job is left.
    pub fn only(&self, keep: impl Fn(u64, Option<&Pubkey>) -> bool) -> Option<Self> {
        fn some<T: Clone>(all: &[T], keep: impl Fn(&T) -> bool) -> Option<Vec<T>> {
            let kept: Vec<T> = all.iter().filter(|one| keep(one)).cloned().collect();
            (!kept.is_empty()).then_some(kept)
        }
        match self {
            Self::List(_)
            | Self::RecordShortage
            | Self::RecordError(_)
            | Self::RecordFiring
            | Self::Resume => Some(self.clone()),
            Self::Settle(indices) => some(indices, |index| keep(*index, None)).map(Self::Settle),
            Self::Stop(jobs) => {
                let keep = |(job, _): &(JobRun, StopReason)| {
                    keep(job.index, job.run.as_ref().map(|run| &run.node))
                };
                some(jobs, keep).map(Self::Stop)
            }
            Self::Track(jobs) => some(jobs, |job| keep(job.index, None)).map(Self::Track),
            Self::Extend(jobs) => some(jobs, |job| keep(job.index, None)).map(Self::Extend),
        }
    }

    /// One word, for logs and metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::List(_) => "list",
            Self::RecordShortage | Self::RecordError(_) | Self::RecordFiring | Self::Resume => {
                "record"
            }
            Self::Settle(_) => "settle",
            Self::Stop(_) => "stop",
            Self::Track(_) => "track",
            Self::Extend(_) => "extend",
        }
    }
}
