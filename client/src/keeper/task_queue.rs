//! Which of many deployments a keeper has to look at, and when. Pure: notifications and the time go
//! in, deployments to look at come out. What a change costs does not depend on how many deployments
//! are watched.
//!
//! Notifications may come twice, late, in any order, with a wrong slot, or not at all: each only says
//! "look there" if it says something new, and what a look finds is what counts.

mod turns;
mod vaults;

use crate::{
    accounts::{Compact, DeploymentAccount},
    keeper::observe::RunAddresses,
    keeper::plan::Snapshot,
    markets::JobState,
};
use deployments_domain::{lifecycle::Listing, status::Status};
use solana_program::pubkey::Pubkey;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use turns::Turns;
use vaults::Vaults;

/// Longest time between two looks at a deployment that could not be dealt with, in seconds.
const LONGEST_RETRY_SECONDS: i64 = 300;
/// When to look again for a place in a market's queue, in seconds.
const QUEUE_RETRY_SECONDS: i64 = 30;
/// First and longest time between two looks at a deployment whose vault is short of money, in seconds. A
/// change of the vault is told besides, so each look that finds nothing doubles the time to the next.
const SHORTAGE_RETRY_SECONDS: (i64, i64) = (300, 86_400);
/// Likewise where its market is too dear or takes no jobs, of which nothing tells.
const MARKET_RETRY_SECONDS: (i64, i64) = (60, 3_600);

/// A deployment to look at.
#[derive(Clone, Debug)]
pub struct Task {
    /// As it was last seen.
    pub account: DeploymentAccount,
    /// Where the runs of its jobs are, as far as that is known: by job.
    pub runs: RunAddresses,
    /// The slot of the last change that is known of: what is older is not worth reading.
    pub slot: u64,
    /// On-chain time since when it waits to be looked at, unix seconds.
    pub since: i64,
}

/// The deployments that a keeper watches.
#[derive(Debug, Default)]
pub struct TaskQueue {
    deployments: HashMap<Pubkey, Box<Watched>>,
    /// Addresses of active jobs, and whose they are.
    jobs: HashMap<Pubkey, Pubkey>,
    /// Where the runs of active jobs are, by job.
    runs: RunAddresses,
    vaults: Vaults,
    timers: BTreeSet<(i64, Pubkey)>,
    /// Deployments that no worker has, and since when they wait.
    waiting: BTreeSet<(i64, Pubkey)>,
    /// Those of them that [`Self::noticed`] has not named yet.
    noticed: VecDeque<Pubkey>,
    /// Those of them that a worker may take.
    turns: Turns,
    /// Whether [`Self::ready`] says when a worker may take one.
    is_staggered: bool,
    /// What is due with another key is not this keeper's work.
    access_keys: Vec<Pubkey>,
    now: i64,
}

#[derive(Debug)]
struct Watched {
    account: Compact,
    /// Of the newest account that was seen.
    slot: u64,
    timer: Option<i64>,
    /// On-chain time since when it waits to be looked at.
    since: Option<i64>,
    is_busy: bool,
    failures: u8,
    /// Looks in a row that found it waiting for the same thing: money, or its market.
    vain_looks: u8,
}

impl TaskQueue {
    /// A queue whose deployments wait, once they are noticed, until [`Self::ready`] is called.
    pub fn staggered() -> Self {
        Self {
            is_staggered: true,
            ..Self::default()
        }
    }

    /// The same for a keeper that has these access keys.
    pub fn with_access_keys(self, access_keys: Vec<Pubkey>) -> Self {
        Self {
            access_keys,
            ..self
        }
    }

    /// Deployments that are watched.
    pub fn len(&self) -> usize {
        self.deployments.len()
    }

    /// Whether no deployment is watched.
    pub fn is_empty(&self) -> bool {
        self.deployments.is_empty()
    }

    /// On-chain time as far as it is known, unix seconds.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Deployments that wait to be looked at.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// For how long the first of those waits, seconds.
    pub fn waits_seconds(&self) -> i64 {
        let first = self.waiting.first();
        first.map_or(0, |(since, _)| self.now.saturating_sub(*since).max(0))
    }

    /// A deployment that waits and was not named before; [`Self::ready`] is to be called for it. None
    /// unless the queue is [`Self::staggered`].
    pub fn noticed(&mut self) -> Option<Pubkey> {
        self.noticed.pop_front()
    }

    /// A worker may take a deployment, if it still waits.
    pub fn ready(&mut self, key: &Pubkey) {
        let Some(watched) = self.deployments.get(key) else {
            return;
        };
        if watched.since.is_some() && !watched.is_busy {
            let header = &watched.account.header;
            let reward = header.keeper_reward_lamports;
            self.turns.push(*key, &header.owner, reward);
        }
    }

    /// Accounts whose balance would make something due: vaults, and their token accounts.
    pub fn awaited_vaults(&self) -> impl Iterator<Item = &Pubkey> {
        self.vaults.awaited()
    }

    /// Whether they changed since this was last asked.
    pub fn awaited_vaults_changed(&mut self) -> bool {
        self.vaults.take_changed()
    }

    /// A deployment's account is now this, as of `slot`.
    pub fn deployment(&mut self, account: &DeploymentAccount, slot: u64) {
        if self.note(account, slot) {
            self.look_at(account.address);
        }
    }

    /// Takes note of an account, and returns whether it says anything new.
    fn note(&mut self, account: &DeploymentAccount, slot: u64) -> bool {
        let key = account.address;
        let Some(watched) = self.deployments.get_mut(&key) else {
            let watched = Watched {
                account: Compact::of(account),
                slot,
                timer: None,
                since: None,
                is_busy: false,
                failures: 0,
                vain_looks: 0,
            };
            self.deployments.insert(key, Box::new(watched));
            let jobs = account.job_addresses();
            self.jobs.extend(jobs.into_iter().map(|job| (job, key)));
            return true;
        };
        let is_new = !watched.account.is(account);
        if slot >= watched.slot {
            watched.slot = slot;
            self.replace(account);
        }
        is_new
    }

    /// Takes all existing deployments that may have something due, as of `slot`, and forgets the others.
    /// Returns those worth a look, for [`Self::seen`], because notifications get lost: those that changed
    /// and those with active jobs, which change by themselves. Of the others nothing but the time, or
    /// money, makes something due; `everything` looks at them too, because some of that may have been
    /// missed.
    pub fn scanned(
        &mut self,
        found: Vec<DeploymentAccount>,
        slot: u64,
        everything: bool,
    ) -> Vec<DeploymentAccount> {
        let there: HashSet<Pubkey> = found.iter().map(|account| account.address).collect();
        let gone = self.deployments.iter().filter(|(key, watched)| {
            !there.contains(*key) && watched.slot <= slot && !watched.is_busy
        });
        for key in gone.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.forget(&key);
        }
        let mut may_be_due = Vec::new();
        for account in found {
            let is_new = self.note(&account, slot);
            if !account.may_be_due() {
                self.set_timer(&account.address, None); // what it waited for is over
            } else if everything || is_new || !account.jobs.is_empty() {
                may_be_due.push(account);
            }
        }
        may_be_due
    }

    /// A look from outside of [`Self::take`], at one of many.
    pub fn seen(&mut self, snapshot: Snapshot, slot: u64) {
        let key = snapshot.deployment.address;
        let Some(watched) = self.deployments.get(&key) else {
            return;
        };
        if watched.is_busy || watched.since.is_some() {
            return; // a worker has it, or will have it, and sees more
        }
        if snapshot.due_with(&self.access_keys).is_empty() {
            self.done(&snapshot, slot);
        } else {
            self.look_at(key);
        }
    }

    /// A look from outside of [`Self::take`] failed: a worker looks again.
    pub fn unseen(&mut self, key: &Pubkey) {
        self.look_at(*key);
    }

    /// A job's account is now in this state. An open job changes nothing by itself.
    pub fn job(&mut self, job: &Pubkey, state: JobState) {
        if let (Some(key), false) = (self.jobs.get(job), matches!(state, JobState::Open(_))) {
            self.look_at(*key);
        }
    }

    /// A node took a job: there is a run of it.
    pub fn run(&mut self, address: Pubkey, job: Pubkey) {
        if let Some(key) = self.jobs.get(&job).copied() {
            if self.runs.insert(job, address) != Some(address) {
                self.look_at(key);
            }
        }
    }

    /// A vault, or its token account, changed.
    pub fn vault(&mut self, account: &Pubkey) {
        for key in self.vaults.waiting_for(account) {
            if let Some(watched) = self.deployments.get_mut(&key) {
                watched.vain_looks = 0;
            }
            self.look_at(key);
        }
    }

    /// The on-chain time, unix seconds. An earlier one than is known changes nothing.
    pub fn set_time(&mut self, now: i64) {
        self.now = self.now.max(now);
        while let Some((at, key)) = self.timers.first().copied() {
            if at > self.now {
                break;
            }
            self.timers.pop_first();
            if let Some(watched) = self.deployments.get_mut(&key) {
                watched.timer = None;
            }
            self.look_since(key, at);
        }
    }

    /// The next deployment to look at. It is busy until [`Self::done`] or [`Self::failed`].
    pub fn take(&mut self) -> Option<Task> {
        // Busy ones come back when they are done.
        let key = self.turns.pop()?;
        let watched = self.deployments.get_mut(&key)?;
        let account = watched.account.expand(key)?;
        let since = watched.since.take().unwrap_or(self.now);
        self.waiting.remove(&(since, key));
        watched.is_busy = true;
        let slot = watched.slot;
        let jobs = account.job_addresses().into_iter();
        let runs = jobs.filter_map(|job| Some((job, *self.runs.get(&job)?)));
        Some(Task {
            runs: runs.collect(),
            slot,
            since,
            account,
        })
    }

    /// Something due for a deployment is not worth its while to this keeper, or too dear, as of `slot`: fees
    /// fall, and budgets and wallets are filled again.
    pub fn left_undone(&mut self, snapshot: &Snapshot, slot: u64) {
        self.done(snapshot, slot);
        let again = snapshot.now.saturating_add(LONGEST_RETRY_SECONDS);
        let key = snapshot.deployment.address;
        let timer = self.deployments.get(&key).and_then(|watched| watched.timer);
        self.set_timer(&key, Some(timer.map_or(again, |at| at.min(again))));
    }

    /// Everything due for a deployment is done, or cannot be, as of `slot`.
    pub fn done(&mut self, snapshot: &Snapshot, slot: u64) {
        let key = snapshot.deployment.address;
        if let Some(watched) = self.deployments.get_mut(&key) {
            watched.failures = 0;
            if watched.slot <= slot {
                watched.slot = slot;
                self.replace(&snapshot.deployment);
            }
        }
        for (job, address) in snapshot.run_addresses() {
            if self.jobs.contains_key(&job) {
                self.runs.insert(job, address);
            }
        }
        let is_short = snapshot.deployment.status() == Status::InsufficientFunds;
        self.await_money(&key, is_short);
        let retry = self.retry_seconds(snapshot);
        let retry = retry.map(|seconds| snapshot.now.saturating_add(seconds));
        self.rest(&key, snapshot.next_at().into_iter().chain(retry).min());
    }

    /// When to look again at a deployment that waits for something which is not told, or not surely.
    fn retry_seconds(&mut self, snapshot: &Snapshot) -> Option<i64> {
        if snapshot.listing() == Listing::QueueFull {
            return Some(QUEUE_RETRY_SECONDS);
        }
        let watched = self.deployments.get_mut(&snapshot.deployment.address)?;
        let (first, longest) = match snapshot.deployment.status() {
            Status::InsufficientFunds => SHORTAGE_RETRY_SECONDS,
            Status::Error if snapshot.deployment.may_be_due() => MARKET_RETRY_SECONDS,
            _ => {
                watched.vain_looks = 0;
                return None;
            }
        };
        let seconds = doubled(first, watched.vain_looks, longest);
        watched.vain_looks = watched.vain_looks.saturating_add(1);
        Some(seconds)
    }

    /// It could not be looked at or dealt with: again later, each time twice as late.
    pub fn failed(&mut self, key: &Pubkey) {
        let Some(watched) = self.deployments.get_mut(key) else {
            return;
        };
        let wait = doubled(1, watched.failures, LONGEST_RETRY_SECONDS);
        watched.failures = watched.failures.saturating_add(1);
        let again = self.now.saturating_add(wait);
        watched.since = None; // or it would be looked at again at once
        self.rest(key, Some(again));
    }

    /// A deployment is closed.
    pub fn forget(&mut self, key: &Pubkey) {
        self.await_money(key, false);
        if let Some(watched) = self.deployments.remove(key) {
            self.forget_jobs(&watched.account.job_addresses(key));
            if let Some(at) = watched.timer {
                self.timers.remove(&(at, *key));
            }
            if let Some(since) = watched.since {
                self.waiting.remove(&(since, *key));
                self.turns.remove(key);
            }
        }
    }

    fn look_at(&mut self, key: Pubkey) {
        self.look_since(key, self.now);
    }

    fn look_since(&mut self, key: Pubkey, since: i64) {
        if let Some(watched) = self.deployments.get_mut(&key) {
            if watched.since.is_none() {
                watched.since = Some(since);
                if !watched.is_busy {
                    self.wait(key, since);
                }
            }
        }
    }

    fn wait(&mut self, key: Pubkey, since: i64) {
        self.waiting.insert((since, key));
        if self.is_staggered {
            self.noticed.push_back(key);
        } else {
            self.ready(&key);
        }
    }

    fn rest(&mut self, key: &Pubkey, next_at: Option<i64>) {
        let Some(watched) = self.deployments.get_mut(key) else {
            return;
        };
        watched.is_busy = false;
        if let Some(since) = watched.since {
            self.wait(*key, since); // something changed meanwhile
        }
        self.set_timer(key, next_at);
    }

    fn set_timer(&mut self, key: &Pubkey, next_at: Option<i64>) {
        let Some(watched) = self.deployments.get_mut(key) else {
            return;
        };
        if let Some(at) = std::mem::replace(&mut watched.timer, next_at) {
            self.timers.remove(&(at, *key));
        }
        if let Some(at) = next_at {
            self.timers.insert((at, *key));
        }
    }

    fn replace(&mut self, account: &DeploymentAccount) {
        let key = account.address;
        let Some(watched) = self.deployments.get_mut(&key) else {
            return;
        };
        let same_jobs = *watched.account.jobs == *account.jobs;
        let old = std::mem::replace(&mut watched.account, Compact::of(account));
        if same_jobs {
            return;
        }
        let mut over = old.job_addresses(&key);
        for address in account.job_addresses() {
            self.jobs.insert(address, key);
            over.retain(|old| *old != address);
        }
        self.forget_jobs(&over);
    }

    fn forget_jobs(&mut self, jobs: &[Pubkey]) {
        for job in jobs {
            self.jobs.remove(job);
            self.runs.remove(job);
        }
    }

    fn await_money(&mut self, key: &Pubkey, waits: bool) {
        if let Some(watched) = self.deployments.get(key) {
            let header = &watched.account.header;
            for account in [header.vault, header.vault_nos] {
                self.vaults.set(account, key, waits);
            }
        }
    }
}

/// `first`, doubled so many times, at most `longest`.
fn doubled(first: i64, times: u8, longest: i64) -> i64 {
    first
        .saturating_mul(2_i64.saturating_pow(times.into()))
        .min(longest)
}

#[cfg(test)]
mod tests;
