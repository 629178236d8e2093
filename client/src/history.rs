//! What happened to a deployment, from its transactions alone: nobody has to keep a diary.

use crate::events::{DeploymentChanged, Event, JobChange, JobEvent, Left, Outcome, Ran};
use deployments_domain::status::{Reason, Status};
use solana_program::pubkey::Pubkey;
use solana_signature::Signature;
use std::collections::BTreeMap;

const DAY_SECONDS: i64 = 86_400;

/// A transaction that succeeded, and what the program told in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its name.
    pub signature: Signature,
    /// The slot that holds it.
    pub slot: u64,
    /// When, unix seconds, if the node says so.
    pub at: Option<i64>,
    /// Who signed it; the first paid its fee.
    pub signers: Vec<Pubkey>,
    /// What the program told.
    pub events: Vec<Event>,
}

impl Call {
    /// When it happened by the cluster's clock, which the program tells; else when the node says, unix seconds.
    pub fn told_at(&self) -> Option<i64> {
        let told = self.events.iter().find_map(|event| match event {
            Event::DeploymentCreated(created) => Some(created.at),
            Event::DeploymentChanged(changed) => Some(changed.at),
            _ => None,
        });
        told.or(self.at)
    }
}

/// A call that did something to the deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The transaction.
    pub signature: Signature,
    /// Unix seconds.
    pub at: i64,
    /// Who signed it; the first paid its fee.
    pub signers: Vec<Pubkey>,
    /// What happened.
    pub what: What,
}

/// What a call did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// It made the deployment.
    Created {
        /// The wallet that owns it.
        owner: Pubkey,
        /// DRAFT or STARTING.
        status: Option<Status>,
        /// Where its jobs were to be listed at first.
        market: Pubkey,
    },
    /// It changed the deployment.
    Changed(DeploymentChanged),
    /// It closed the deployment's account.
    Closed {
        /// Number of the last change.
        sequence: u64,
    },
}

impl Entry {
    /// The status before and after; the same if the call left it, `None` if the deployment was not there.
    pub fn statuses(&self) -> (Option<Status>, Option<Status>) {
        match &self.what {
            What::Created { status, .. } => (None, *status),
            What::Changed(changed) => (
                Status::from_byte(changed.from),
                Status::from_byte(changed.to),
            ),
            What::Closed { .. } => (None, None),
        }
    }

    /// Why it is in ERROR, if it is.
    pub fn reason(&self) -> Option<Reason> {
        match &self.what {
            What::Changed(changed) => Reason::from_byte(changed.reason),
            _ => None,
        }
        .filter(|reason| *reason != Reason::None)
    }

    /// What happened to which jobs.
    pub fn jobs(&self) -> &[JobChange] {
        match &self.what {
            What::Changed(changed) => &changed.jobs,
            _ => &[],
        }
    }

    /// Its number among the deployment's changes: 0 is its creation.
    pub fn sequence(&self) -> u64 {
        match &self.what {
            What::Created { .. } => 0,
            What::Changed(changed) => changed.sequence,
            What::Closed { sequence } => sequence.saturating_add(1),
        }
    }
}

/// A job's life, as far as calls told of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobRecord {
    /// Its number.
    pub index: u64,
    /// The revision that it runs.
    pub revision: Option<u32>,
    /// When it was listed, unix seconds.
    pub listed_at: Option<i64>,
    /// NOS base units that the market held for it when it was listed.
    pub deposit_nos: Option<u64>,
    /// When its node took it, unix seconds.
    pub started_at: Option<i64>,
    /// When it ended, unix seconds; `None` while it has not, or if nothing on chain told.
    pub ended_at: Option<i64>,
    /// The node's wallet.
    pub node: Option<Pubkey>,
    /// How it ended, once it is settled.
    pub outcome: Option<Outcome>,
    /// NOS base units that its node was paid.
    pub nos_paid: Option<u64>,
    /// NOS base units that came back to the vault.
    pub nos_returned: Option<u64>,
    /// sha2-256 digest of its result, if the node stored one.
    pub result: Option<[u8; 32]>,
}

impl JobRecord {
    fn settle(&mut self, outcome: Outcome, left: Option<&Left>) {
        self.outcome = Some(outcome);
        let Some(Left {
            nos_paid,
            nos_returned,
            run,
        }) = left
        else {
            return;
        };
        self.nos_paid = Some(*nos_paid);
        self.nos_returned = Some(*nos_returned);
        if let Some(Ran {
            node,
            started_at,
            ended_at,
            result,
        }) = run
        {
            self.node = Some(*node);
            self.started_at = Some(*started_at);
            self.ended_at = Some(*ended_at);
            self.result = Some(*result).filter(|digest| *digest != [0; 32]);
        }
    }
}

/// Changes that no transaction told of: the node that was asked has forgotten them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first that is missing.
    pub first: u64,
    /// The last that is missing.
    pub last: u64,
}

/// Sums of a day, in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Jobs that were listed.
    pub listed: u64,
    /// Jobs that were settled.
    pub settled: u64,
    /// NOS base units that nodes were paid, for jobs that were settled on this day.
    pub nos_paid: u64,
    /// Lamports that keepers were paid.
    pub rewards_lamports: u64,
}

/// What happened to a deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// By their number.
    pub jobs: BTreeMap<u64, JobRecord>,
    /// Between, before and after the entries.
    pub gaps: Vec<Gap>,
    /// By when they begin, unix seconds.
    pub days: BTreeMap<i64, Day>,
}

impl History {
    /// The history of the deployment at this address, whatever order the calls come in. `from` is the first
    /// change that should be there, 0 for the creation, `None` if that is not known; `to` the last one,
    /// which a deployment's account has as `changes`.
    pub fn of(
        deployment: &Pubkey,
        calls: impl IntoIterator<Item = Call>,
        from: Option<u64>,
        to: Option<u64>,
    ) -> Self {
        let mut history = Self::default();
        let mut late = Vec::new();
        for call in calls {
            for event in &call.events {
                if let Some(what) = what(deployment, event) {
                    history.entries.push(Entry::new(&call, what));
                }
                late.extend(after_settling(deployment, event).map(|told| (call.told_at(), told)));
            }
        }
        history.entries.sort_by_key(Entry::sequence);
        history.entries.dedup_by_key(|entry| entry.sequence());
        history.find_gaps(from, to);
        for position in 0..history.entries.len() {
            history.enter(position);
        }
        // Only after a job was settled: what it left came back later.
        for (at, told) in late {
            history.add_late(at, &told);
        }
        history
    }

    fn find_gaps(&mut self, from: Option<u64>, to: Option<u64>) {
        let numbers = self.entries.iter().map(Entry::sequence);
        let mut next = from;
        for number in numbers {
            if let Some(first) = next.filter(|first| *first < number) {
                let last = number.saturating_sub(1);
                self.gaps.push(Gap { first, last });
            }
            next = Some(number.saturating_add(1));
        }
        if let (Some(first), Some(last)) = (next, to) {
            if first <= last {
                self.gaps.push(Gap { first, last });
            }
        }
    }

    fn enter(&mut self, position: usize) {
        let Some(Entry {
            at,
            what: What::Changed(changed),
            ..
        }) = self.entries.get(position)
        else {
            return;
        };
        let day = self.days.entry(day(*at)).or_default();
        if let Some(reward) = changed.reward {
            day.rewards_lamports = day.rewards_lamports.saturating_add(reward.lamports);
        }
        for JobChange { index, what } in &changed.jobs {
            let job = self.jobs.entry(*index).or_default();
            job.index = *index;
            match what {
                JobEvent::Listed { deposit } => {
                    job.revision = Some(changed.revision);
                    job.listed_at = Some(*at);
                    job.deposit_nos = Some(*deposit);
                    day.listed = day.listed.saturating_add(1);
                }
                JobEvent::Started { started_at } => job.started_at = Some(*started_at),
                JobEvent::Extended { .. } => {}
                JobEvent::Settled { outcome, left } => {
                    job.settle(*outcome, left.as_ref());
                    day.settled = day.settled.saturating_add(1);
                    let paid = left.map_or(0, |left| left.nos_paid);
                    day.nos_paid = day.nos_paid.saturating_add(paid);
                }
            }
        }
    }

    fn add_late(&mut self, at: Option<i64>, told: &Late) {
        let day = at.map(|at| self.days.entry(day(at)).or_default());
        match told {
            Late::Reclaimed {
                index,
                outcome,
                left,
            } => {
                let job = self.jobs.entry(*index).or_default();
                job.index = *index;
                job.settle(*outcome, Some(left));
                if let Some(day) = day {
                    day.nos_paid = day.nos_paid.saturating_add(left.nos_paid);
                }
            }
            Late::Rewarded { lamports } => {
                if let Some(day) = day {
                    day.rewards_lamports = day.rewards_lamports.saturating_add(*lamports);
                }
            }
        }
    }
}

impl Entry {
    fn new(call: &Call, what: What) -> Self {
        Self {
            signature: call.signature,
            at: call.told_at().unwrap_or(0),
            signers: call.signers.clone(),
            what,
        }
    }
}

fn what(deployment: &Pubkey, event: &Event) -> Option<What> {
    match event {
        Event::DeploymentCreated(created) if created.deployment == *deployment => {
            Some(What::Created {
                owner: created.owner,
                status: Status::from_byte(created.status),
                market: created.market,
            })
        }
        Event::DeploymentChanged(changed) if changed.deployment == *deployment => {
            Some(What::Changed(changed.clone()))
        }
        Event::DeploymentClosed(closed) if closed.deployment == *deployment => Some(What::Closed {
            sequence: closed.sequence,
        }),
        _ => None,
    }
}

/// What happens to jobs that have no slot any more.
enum Late {
    Reclaimed {
        index: u64,
        outcome: Outcome,
        left: Left,
    },
    Rewarded {
        lamports: u64,
    },
}

fn after_settling(deployment: &Pubkey, event: &Event) -> Option<Late> {
    match event {
        Event::JobReclaimed(reclaimed) if reclaimed.deployment == *deployment => {
            Some(Late::Reclaimed {
                index: reclaimed.index,
                outcome: reclaimed.outcome,
                left: reclaimed.left,
            })
        }
        Event::JobsCleaned(cleaned) if cleaned.deployment == *deployment => Some(Late::Rewarded {
            lamports: cleaned.reward.lamports,
        }),
        _ => None,
    }
}

/// When the day of a time begins, unix seconds.
fn day(at: i64) -> i64 {
    at.saturating_sub(at.rem_euclid(DAY_SECONDS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{DeploymentCreated, JobReclaimed, JobsCleaned, Reward};

    const HERE: Pubkey = Pubkey::new_from_array([1; 32]);
    const NODE: Pubkey = Pubkey::new_from_array([2; 32]);
    const KEEPER: Pubkey = Pubkey::new_from_array([3; 32]);
    const DAY: i64 = 20_000 * DAY_SECONDS;

    fn call(at: i64, event: Event) -> Call {
        Call {
            signature: Signature::new_unique(),
            slot: 1,
            at: Some(at),
            signers: vec![KEEPER],
            events: vec![event],
        }
    }

    fn changed(sequence: u64, at: i64, jobs: Vec<(u64, JobEvent)>) -> Call {
        let jobs = jobs.into_iter();
        let jobs = jobs.map(|(index, what)| JobChange { index, what });
        let change = DeploymentChanged {
            deployment: HERE,
            sequence,
            at,
            from: Status::Starting as u8,
            to: Status::Running as u8,
            reason: 0,
            replicas: 1,
            revision: 1,
            job_definition: [0; 32],
            jobs: jobs.collect(),
            reward: Some(Reward {
                keeper: KEEPER,
                lamports: 7,
            }),
            moved_to: None,
        };
        call(at, Event::DeploymentChanged(change))
    }

    fn left(nos_paid: u64, result: [u8; 32]) -> Left {
        Left {
            nos_paid,
            nos_returned: 40,
            run: Some(Ran {
                node: NODE,
                started_at: DAY,
                ended_at: DAY + 60,
                result,
            }),
        }
    }

    #[test]
    fn a_job_s_life_and_a_day_s_sums_come_out_of_calls_in_any_order() {
        let created = Event::DeploymentCreated(DeploymentCreated {
            deployment: HERE,
            owner: KEEPER,
            market: NODE,
            vault: NODE,
            job_definition: [0; 32],
            status: Status::Draft as u8,
            at: DAY - 10,
        });
        let settled = JobEvent::Settled {
            outcome: Outcome::Done,
            left: Some(left(60, [9; 32])),
        };
        let tomorrow = DAY + DAY_SECONDS;
        let calls = [
            changed(2, tomorrow, vec![(0, settled)]),
            call(DAY - 10, created),
            changed(1, DAY, vec![(0, JobEvent::Listed { deposit: 100 })]),
            changed(1, DAY, vec![(0, JobEvent::Listed { deposit: 100 })]),
        ];
        let history = History::of(&HERE, calls, Some(0), Some(2));
        assert_eq!(history.gaps, []);
        let numbers: Vec<u64> = history.entries.iter().map(Entry::sequence).collect();
        assert_eq!(numbers, [0, 1, 2]);
        let job = &history.jobs[&0];
        assert_eq!(
            (job.listed_at, job.node, job.ended_at, job.result),
            (Some(DAY), Some(NODE), Some(DAY + 60), Some([9; 32]))
        );
        assert_eq!((job.deposit_nos, job.nos_paid), (Some(100), Some(60)));
        let day = history.days[&DAY];
        assert_eq!((day.listed, day.settled, day.rewards_lamports), (1, 0, 7));
        assert_eq!(history.days[&tomorrow].nos_paid, 60);
        // Of another deployment.
        let none = History::of(&NODE, [changed(1, DAY, vec![])], None, None);
        assert_eq!(none, History::default());
    }

    #[test]
    fn what_came_back_late_is_entered_after_what_was_given_up() {
        let given_up = JobEvent::Settled {
            outcome: Outcome::WrittenOff,
            left: None,
        };
        let reclaimed = Event::JobReclaimed(JobReclaimed {
            deployment: HERE,
            index: 0,
            outcome: Outcome::Ended,
            left: left(60, [0; 32]),
        });
        let cleaned = Event::JobsCleaned(JobsCleaned {
            deployment: HERE,
            indices: vec![0],
            returned_lamports: 1,
            reward: Reward {
                keeper: KEEPER,
                lamports: 5,
            },
        });
        let calls = [
            call(DAY + 2, reclaimed),
            call(DAY + 3, cleaned),
            changed(1, DAY, vec![(0, given_up)]),
        ];
        let history = History::of(&HERE, calls, Some(1), None);
        let job = &history.jobs[&0];
        assert_eq!(job.outcome, Some(Outcome::Ended));
        assert_eq!((job.nos_paid, job.result), (Some(60), None));
        assert_eq!(history.days[&DAY].rewards_lamports, 7 + 5);
    }

    #[test]
    fn changes_that_nobody_told_are_gaps() {
        let calls = || [3, 4, 7].map(|sequence| changed(sequence, DAY, vec![]));
        let gaps = |from, to| {
            let found = History::of(&HERE, calls(), from, to).gaps.into_iter();
            found.map(|gap| (gap.first, gap.last)).collect::<Vec<_>>()
        };
        assert_eq!(gaps(Some(0), Some(9)), [(0, 2), (5, 6), (8, 9)]);
        assert_eq!(gaps(None, Some(7)), [(5, 6)]);
        let none = History::of(&HERE, [], Some(0), Some(2)).gaps;
        assert_eq!(none, [Gap { first: 0, last: 2 }]);
    }
}
