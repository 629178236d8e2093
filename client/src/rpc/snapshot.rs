//! All inputs to the plan, read together.

use super::{Cluster, ClusterError};
use crate::{
    accounts::DeploymentAccount,
    keeper::observe::{addresses, confirmed, AccountView, Accounts, RunAddresses, Runs},
    keeper::plan::Snapshot,
};
use deployments::vault::rents_by;
use solana_account::{from_account, Account};
use solana_program::{pubkey::Pubkey, rent::Rent, sysvar};
use std::collections::HashMap;

/// A snapshot, and what the next one builds on.
#[derive(Clone, Debug)]
pub struct Look {
    /// What was seen.
    pub snapshot: Snapshot,
    /// The slot that it was seen in, or a later one.
    pub slot: u64,
}

/// More runs than this are fetched all at once.
const RUNS_FETCHED_ONE_BY_ONE: usize = 3;

impl Cluster {
    /// All inputs to a deployment's plan, read together.
    ///
    /// # Errors
    /// [`ClusterError`] if there is no deployment at this address.
    pub async fn snapshot(&self, key: &Pubkey) -> Result<Snapshot, ClusterError> {
        let deployment = self.deployment(key).await?;
        let look = self.look(deployment, &RunAddresses::new(), 0).await?;
        Ok(look.snapshot)
    }

    /// As [`Self::snapshot`], without searching for runs that are not where jobs' own ones are, which some
    /// nodes refuse: a job whose run is not known counts as queued.
    ///
    /// # Errors
    /// [`ClusterError`] if there is no deployment at this address.
    pub async fn snapshot_without_search(&self, key: &Pubkey) -> Result<Snapshot, ClusterError> {
        let deployment = self.deployment(key).await?;
        let (_, read) = self.read(addresses(&deployment), 0).await?;
        let (snapshot, _) = self.observed(deployment, &read, &Runs::new())?;
        Ok(snapshot)
    }

    /// As [`Self::snapshot`], in one request where `known` is how the deployment still is. What a
    /// node says of a time before slot `at_least` is not believed. Runs at `known_runs` need not be
    /// searched for.
    ///
    /// # Errors
    /// [`ClusterError`] if there is no deployment at this address, or the node stays behind.
    pub async fn look(
        &self,
        mut known: DeploymentAccount,
        known_runs: &RunAddresses,
        at_least: u64,
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
            let mut runs = confirmed(known_runs, &read);
            let snapshot = self.searched(deployment, &read, &mut runs).await?;
            return Ok(Look { snapshot, slot });
        }
    }

    /// Snapshots of many deployments, with few requests, and the slot that all are at least of.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub async fn overview(
        &self,
        deployments: Vec<DeploymentAccount>,
    ) -> Result<(u64, Vec<Snapshot>), ClusterError> {
        const DEPLOYMENTS_AT_ONCE: usize = 500;
        let (mut oldest, mut snapshots) = (u64::MAX, Vec::with_capacity(deployments.len()));
        let mut runs = Runs::new();
        let mut rest = deployments.into_iter().peekable();
        while rest.peek().is_some() {
            let some: Vec<_> = rest.by_ref().take(DEPLOYMENTS_AT_ONCE).collect();
            let keys = some.iter().flat_map(addresses);
            let (slot, read) = self.read(keys.collect(), 0).await?;
            for deployment in some {
                snapshots.push(self.searched(deployment, &read, &mut runs).await?);
            }
            oldest = oldest.min(slot);
        }
        Ok((oldest, snapshots))
    }

    /// The snapshot that accounts make, and the jobs whose runs are not known.
    fn observed(
        &self,
        deployment: DeploymentAccount,
        read: &Read,
        runs: &Runs,
    ) -> Result<(Snapshot, Vec<Pubkey>), ClusterError> {
        let rent = sysvar_in::<Rent>(read, &sysvar::rent::ID);
        let rent = rent.ok_or_else(|| self.missing("sysvar", &sysvar::rent::ID))?;
        let now = self.clock(read.0.get(&sysvar::clock::ID))?;
        let key = deployment.address;
        let decode = |error| ClusterError::Decode { key, error };
        let facts = (rents_by(&rent), now);
        let snapshot = Snapshot::observe(deployment, read, runs, facts).map_err(decode)?;
        let unknown = snapshot.jobs_without_run().collect();
        Ok((snapshot, unknown))
    }

    /// The snapshot that accounts make, with the runs that are not known yet.
    async fn searched(
        &self,
        deployment: DeploymentAccount,
        read: &Read,
        runs: &mut Runs,
    ) -> Result<Snapshot, ClusterError> {
        let (snapshot, unknown) = self.observed(deployment.clone(), read, runs)?;
        if unknown.is_empty() {
            return Ok(snapshot);
        }
        if unknown.len() > RUNS_FETCHED_ONE_BY_ONE {
            let all = self.runs(None).await?;
            runs.extend(all.into_iter().map(|run| (run.job, run)));
        } else {
            for job in unknown {
                let found = self.runs(Some(&job)).await?;
                runs.extend(found.into_iter().map(|run| (job, run)));
            }
        }
        Ok(self.observed(deployment, read, runs)?.0)
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
