//! Which of many deployments a keeper has to look at, and when. Pure: notifications and the time go
//! in, deployments to look at come out. What a change costs does not depend on how many deployments
//! are watched.
//!
//! Notifications may come twice, late, in any order, with a wrong slot, or not at all: each only says
//! "look there" if it says something new, and what a look finds is what counts.

use crate::{
    accounts::{Compact, DeploymentAccount},
    keeper::observe::RunAddresses,
    keeper::plan::Snapshot,
    markets::JobState,
};
use deployments_domain::{lifecycle::Listing, status::Status};
use solana_program::pubkey::Pubkey;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

/// Longest time between two looks at a deployment that could not be dealt with, in seconds.
const LONGEST_RETRY_SECONDS: i64 = 300;
/// When to look again for a place in a market's queue, in seconds.
const QUEUE_RETRY_SECONDS: i64 = 30;

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
    /// Vaults and their token accounts, and who waits for money in them.
    vaults: BTreeMap<Pubkey, BTreeSet<Pubkey>>,
    vaults_changed: bool,
    timers: BTreeSet<(i64, Pubkey)>,
    ready: VecDeque<Pubkey>,
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
}

impl TaskQueue {
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
        self.ready.len()
    }

    /// For how long the first of those waits, seconds.
    pub fn waits_seconds(&self) -> i64 {
        let first = self.ready.front().and_then(|key| self.deployments.get(key));
        let since = first.and_then(|watched| watched.since);
        since.map_or(0, |since| self.now.saturating_sub(since).max(0))
    }

    /// Every deployment, by the vault that pays for it.
    pub fn by_vault(&self) -> HashMap<Pubkey, Vec<DeploymentAccount>> {
        let mut by_vault: HashMap<Pubkey, Vec<_>> = HashMap::new();
        for (key, watched) in &self.deployments {
            let of_vault = by_vault.entry(watched.account.header.vault).or_default();
            of_vault.extend(watched.account.expand(*key));
        }
        by_vault
    }

    /// Accounts whose balance would make something due: vaults, and their token accounts.
    pub fn awaited_vaults(&self) -> impl Iterator<Item = &Pubkey> {
        self.vaults.keys()
    }

    /// Whether they changed since this was last asked.
    pub fn awaited_vaults_changed(&mut self) -> bool {
        std::mem::take(&mut self.vaults_changed)
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

    /// Takes all existing deployments, as of `slot`, and forgets the others. Returns those that may have
    /// something due, for [`Self::seen`], because notifications get lost.
    pub fn scanned(&mut self, found: Vec<DeploymentAccount>, slot: u64) -> Vec<DeploymentAccount> {
        let there: HashSet<Pubkey> = found.iter().map(|account| account.address).collect();
        let gone = self.deployments.iter().filter(|(key, watched)| {
            !there.contains(*key) && watched.slot <= slot && !watched.is_busy
        });
        for key in gone.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.forget(&key);
        }
        let mut may_be_due = Vec::new();
        for account in found {
            self.note(&account, slot);
            if account.may_be_due() {
                may_be_due.push(account);
            } else {
                self.set_timer(&account.address, None); // what it waited for is over
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
        if snapshot.due().is_empty() {
            self.done(&snapshot, slot);
        } else {
            self.look_at(key);
        }
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
        let waiting = self.vaults.get(account).cloned();
        for key in waiting.into_iter().flatten() {
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
        let key = self.ready.pop_front()?;
        let watched = self.deployments.get_mut(&key)?;
        let account = watched.account.expand(key)?;
        let since = watched.since.take().unwrap_or(self.now);
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
        self.await_money(
            &key,
            snapshot.deployment.status() == Status::InsufficientFunds,
        );
        let retry = (snapshot.listing() == Listing::QueueFull)
            .then(|| snapshot.now.saturating_add(QUEUE_RETRY_SECONDS));
        self.rest(&key, snapshot.next_at().into_iter().chain(retry).min());
    }

    /// It could not be looked at or dealt with: again later, each time twice as late.
    pub fn failed(&mut self, key: &Pubkey) {
        let Some(watched) = self.deployments.get_mut(key) else {
            return;
        };
        let wait = 1_i64
            .checked_shl(u32::from(watched.failures))
            .unwrap_or(LONGEST_RETRY_SECONDS)
            .min(LONGEST_RETRY_SECONDS);
        watched.failures = (watched.failures + 1).min(16);
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
            if watched.since.is_some() {
                self.ready.retain(|ready| ready != key);
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
                    self.ready.push_back(key);
                }
            }
        }
    }

    fn rest(&mut self, key: &Pubkey, next_at: Option<i64>) {
        let Some(watched) = self.deployments.get_mut(key) else {
            return;
        };
        watched.is_busy = false;
        if watched.since.is_some() {
            self.ready.push_back(*key); // something changed meanwhile
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
        let Some(watched) = self.deployments.get(key) else {
            return;
        };
        let header = &watched.account.header;
        for account in [header.vault, header.vault_nos] {
            let before = self.vaults.contains_key(&account);
            if waits {
                self.vaults.entry(account).or_default().insert(*key);
            } else if let Some(waiting) = self.vaults.get_mut(&account) {
                waiting.remove(key);
                if waiting.is_empty() {
                    self.vaults.remove(&account);
                }
            }
            self.vaults_changed |= self.vaults.contains_key(&account) != before;
        }
    }
}

#[cfg(test)]
mod tests;
