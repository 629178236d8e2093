//! All inputs to the plan, read together.

use super::{Cluster, ClusterError, Found};
use crate::{
    accounts::{DecodeError, DeploymentAccount},
    keeper::observe::{addresses, confirmed, AccountView, Accounts, RunAddresses, Runs},
    keeper::plan::Snapshot,
};
use deployments::vault::rents_by;
use deployments_domain::funding::Rents;
use solana_account::{from_account, Account};
use solana_program::{pubkey::Pubkey, rent::Rent, sysvar};
use std::collections::HashMap;

/// A snapshot, and what the next one builds on.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Look {
    /// What was seen.
    pub snapshot: Snapshot,
    /// The slot that it was seen in, or a later one.
    pub slot: u64,
}

/// More runs than this are fetched all at once.
const RUNS_FETCHED_ONE_BY_ONE: usize = 3;

/// A search for runs that are not where jobs' own ones are: nodes choose their addresses. However many
/// are missing, all runs are fetched at most once.
struct Search {
    found: Runs,
    /// Runs that may still be fetched one by one.
    one_by_one: usize,
    has_all: bool,
    /// Jobs of closed markets too. Nothing can be done for those, so keepers need not know.
    in_closed_markets: bool,
}

impl Search {
    fn new(found: Runs) -> Self {
        Self {
            found,
            one_by_one: RUNS_FETCHED_ONE_BY_ONE,
            has_all: false,
            in_closed_markets: false,
        }
    }

    /// Jobs whose runs have to be searched for before the snapshot is complete.
    fn lacks(&self, snapshot: &Snapshot) -> Vec<Pubkey> {
        if self.has_all || snapshot.market_nos.is_none() && !self.in_closed_markets {
            return Vec::new();
        }
        snapshot.jobs_without_run().collect()
    }

    async fn fetch(&mut self, cluster: &Cluster, jobs: &[Pubkey]) -> Result<(), ClusterError> {
        if jobs.len() > self.one_by_one {
            let all = cluster.runs(None).await?;
            self.found.extend(all.into_iter().map(|run| (run.job, run)));
            self.has_all = true;
            return Ok(());
        }
        self.one_by_one -= jobs.len();
        for job in jobs {
            let found = cluster.runs(Some(job)).await?;
            self.found.extend(found.into_iter().map(|run| (*job, run)));
        }
        Ok(())
    }
}

impl Cluster {
    /// All inputs to a deployment's plan, read together.
    ///
    /// # Errors
    /// [`ClusterError`] if there is no deployment at this address.
    pub async fn snapshot(&self, key: &Pubkey) -> Result<Snapshot, ClusterError> {
        let deployment = self.deployment(key).await?;
        let mut search = Search::new(Runs::new());
        search.in_closed_markets = true;
        let none_known = RunAddresses::new();
        let look = self.search(deployment, &none_known, 0, search).await?;
        Ok(look.snapshot)
    }

    /// As [`Self::snapshot`], without searching for runs that are not where jobs' own ones are, which some
    /// nodes refuse: a job whose run is not known counts as queued.
    ///
    /// # Errors
    /// [`ClusterError`] if there is no deployment at this address.
    pub async fn snapshot_without_search(&self, key: &Pubkey) -> Result<Snapshot, ClusterError> {
        let deployment = self.deployment(key).await?;
        let (key, (_, read)) = (*key, self.read(addresses(&deployment), 0).await?);
        let facts = self.facts(&read)?;
        Snapshot::observe(deployment, &read, &Runs::new(), facts)
            .map_err(|error| ClusterError::Decode { key, error })
    }

    /// As [`Self::snapshot`], in one request where `known` is how the deployment still is. What a
    /// node says of a time before slot `at_least` is not believed. Runs at `known_runs` need not be
    /// searched for, and those of a closed market's jobs are not: nothing can be done for them.
    ///
    /// # Errors
    /// [`ClusterError`] if there is no deployment at this address, or the node stays behind.
    pub async fn look(
        &self,
        known: DeploymentAccount,
        known_runs: &RunAddresses,
        at_least: u64,
    ) -> Result<Look, ClusterError> {
        let search = Search::new(Runs::new());
        self.search(known, known_runs, at_least, search).await
    }

    async fn search(
        &self,
        mut known: DeploymentAccount,
        known_runs: &RunAddresses,
        at_least: u64,
        mut search: Search,
    ) -> Result<Look, ClusterError> {
        let key = known.address;
        loop {
            let mut keys = addresses(&known);
            keys.extend(known_runs.values());
            let (slot, read) = self.read(keys, at_least).await?;
            let deployment = self.decode_deployment(&key, read.0.get(&key).cloned())?;
            if deployment.jobs != known.jobs {
                known = deployment; // it changed between the two reads
                continue;
            }
            search.found.extend(confirmed(known_runs, &read));
            let mut seen = self.observed(vec![deployment], &read, &mut search).await?;
            let (_, snapshot) = seen.pop().ok_or_else(|| self.missing("deployment", &key))?;
            let snapshot = snapshot.map_err(|error| ClusterError::Decode { key, error })?;
            return Ok(Look { snapshot, slot });
        }
    }

    /// Snapshots of many deployments, with few requests, and the slot that all are at least of. One that
    /// cannot be understood spoils no other. Runs are searched for as in [`Self::look`].
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub async fn overview(
        &self,
        deployments: Vec<DeploymentAccount>,
    ) -> Result<(u64, Vec<Found<Snapshot>>), ClusterError> {
        const DEPLOYMENTS_AT_ONCE: usize = 500;
        let (mut oldest, mut seen) = (u64::MAX, Vec::with_capacity(deployments.len()));
        let mut search = Search::new(Runs::new());
        let mut rest = deployments.into_iter().peekable();
        while rest.peek().is_some() {
            let some: Vec<_> = rest.by_ref().take(DEPLOYMENTS_AT_ONCE).collect();
            let keys = some.iter().flat_map(addresses);
            let (slot, read) = self.read(keys.collect(), 0).await?;
            seen.extend(self.observed(some, &read, &mut search).await?);
            oldest = oldest.min(slot);
        }
        Ok((oldest, seen))
    }

    /// The snapshots that accounts make, with the runs that are not known yet.
    async fn observed(
        &self,
        deployments: Vec<DeploymentAccount>,
        read: &Read,
        search: &mut Search,
    ) -> Result<Vec<Found<Snapshot>>, ClusterError> {
        let facts = self.facts(read)?;
        let observe = |deployment: DeploymentAccount, runs: &Runs| {
            let key = deployment.address;
            let seen: Result<Snapshot, DecodeError> =
                Snapshot::observe(deployment, read, runs, facts);
            (key, seen)
        };
        let seen = deployments.into_iter();
        let mut seen: Vec<_> = seen
            .map(|deployment| observe(deployment, &search.found))
            .collect();
        let readable = seen.iter().filter_map(|(_, seen)| seen.as_ref().ok());
        let lacking: Vec<Pubkey> = readable.flat_map(|seen| search.lacks(seen)).collect();
        if lacking.is_empty() {
            return Ok(seen);
        }
        search.fetch(self, &lacking).await?;
        for (_, snapshot) in &mut seen {
            if let Ok(seen) = snapshot {
                if seen.jobs_without_run().next().is_some() {
                    *snapshot = observe(seen.deployment.clone(), &search.found).1;
                }
            }
        }
        Ok(seen)
    }

    /// The cluster's rents and time.
    fn facts(&self, read: &Read) -> Result<(Rents, i64), ClusterError> {
        let rent = sysvar_in::<Rent>(read, &sysvar::rent::ID);
        let rent = rent.ok_or_else(|| self.missing("sysvar", &sysvar::rent::ID))?;
        Ok((rents_by(&rent), self.clock(read.0.get(&sysvar::clock::ID))?))
    }

    async fn read(
        &self,
        mut keys: Vec<Pubkey>,
        at_least: u64,
    ) -> Result<(u64, Read), ClusterError> {
        keys.extend([sysvar::clock::ID, sysvar::rent::ID]);
        keys.sort_unstable();
        keys.dedup();
        let (slot, accounts) = self.accounts_since(&keys, at_least).await?;
        let found = keys.into_iter().zip(accounts);
        let found = found.filter_map(|(key, account)| Some((key, account?)));
        Ok((slot, Read(found.collect())))
    }
}

/// Accounts of one answer, or of a few.
struct Read(HashMap<Pubkey, Account>);

impl Accounts for Read {
    fn get(&self, key: &Pubkey) -> Option<AccountView<'_>> {
        self.0.get(key).map(Into::into)
    }
}

fn sysvar_in<S: solana_program::sysvar::SysvarSerialize>(read: &Read, key: &Pubkey) -> Option<S> {
    read.0.get(key).and_then(from_account::<S, Account>)
}
