//! Everything that decides what is due, read together.

use super::{read::funds, Cluster, ClusterError};
use crate::{
    accounts::DeploymentAccount,
    markets::{decode_job, decode_market, is_queued, JobState, JOB_SIZE, RUN_SIZE},
    plan::{ObservedJob, ObservedRun, Snapshot},
};
use deployments_domain::{funding::Rents, lifecycle::Market};
use solana_account::{from_account, Account};
use solana_program::{pubkey::Pubkey, rent::Rent, sysvar};
use std::collections::BTreeMap;

impl Cluster {
    /// Everything that decides what is due for a deployment, read at one time.
    ///
    /// # Errors
    /// [`ClusterError`] if there is no deployment at this address.
    pub async fn snapshot(&self, key: &Pubkey) -> Result<Snapshot, ClusterError> {
        let mut known = self.deployment(key).await?;
        loop {
            let header = &known.header;
            let mut keys = vec![*key, header.market, header.vault, header.vault_nos];
            keys.extend([sysvar::clock::ID, sysvar::rent::ID]);
            let fixed = keys.len();
            keys.extend(
                known
                    .jobs
                    .iter()
                    .map(|slot| known.job_address(key, slot.index)),
            );
            let mut accounts = self.accounts(&keys).await?;
            let jobs = accounts.split_off(fixed.min(accounts.len()));
            let [deployment, market, vault, vault_nos, clock, rent] =
                <[Option<Account>; 6]>::try_from(accounts)
                    .map_err(|_| self.missing("deployment", key))?;
            let deployment = self.decode_deployment(key, deployment)?;
            if deployment.jobs != known.jobs {
                known = deployment; // it changed between the two reads
                continue;
            }
            let rent = rent
                .as_ref()
                .and_then(from_account::<Rent, Account>)
                .ok_or_else(|| self.missing("sysvar", &sysvar::rent::ID))?;
            return Ok(Snapshot {
                key: *key,
                market: market_state(market.as_ref()),
                funds: funds(&[vault, vault_nos]),
                rents: rents(&rent),
                jobs: self
                    .observe(key, &deployment, &jobs, market.as_ref())
                    .await?,
                now: self.clock(clock.as_ref())?,
                deployment,
            });
        }
    }

    /// Snapshots of many deployments for their forecasts, with few requests: their jobs are as the
    /// slots say, so nothing can be planned from them.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub async fn overview(
        &self,
        deployments: Vec<(Pubkey, DeploymentAccount)>,
    ) -> Result<Vec<Snapshot>, ClusterError> {
        let mut keys: Vec<Pubkey> = Vec::new();
        for (_, deployment) in &deployments {
            let header = &deployment.header;
            keys.extend([header.market, header.vault, header.vault_nos]);
        }
        keys.sort_unstable();
        keys.dedup();
        let found = self.accounts(&keys).await?;
        let accounts: BTreeMap<Pubkey, Account> = keys
            .into_iter()
            .zip(found)
            .filter_map(|(key, account)| Some((key, account?)))
            .collect();
        let (now, rents) = (self.now().await?, rents(&self.rent().await?));
        let snapshots = deployments.into_iter().map(|(key, deployment)| {
            let header = &deployment.header;
            let vault = [&header.vault, &header.vault_nos].map(|key| accounts.get(key).cloned());
            let jobs = deployment.jobs.iter().map(|slot| ObservedJob {
                slot: *slot,
                state: JobState::Open {
                    price_per_second: 0,
                },
                run: None,
                queued: false,
            });
            Snapshot {
                key,
                market: market_state(accounts.get(&header.market)),
                funds: funds(&vault),
                rents,
                jobs: jobs.collect(),
                now,
                deployment,
            }
        });
        Ok(snapshots.collect())
    }

    async fn observe(
        &self,
        key: &Pubkey,
        deployment: &DeploymentAccount,
        accounts: &[Option<Account>],
        market: Option<&Account>,
    ) -> Result<Vec<ObservedJob>, ClusterError> {
        let mut jobs = Vec::with_capacity(accounts.len());
        for (slot, account) in deployment.jobs.iter().zip(accounts) {
            let address = deployment.job_address(key, slot.index);
            let account = account
                .as_ref()
                .map(|account| (&account.owner, &account.data[..]));
            let state = decode_job(account).map_err(|error| ClusterError::Decode {
                key: address,
                error,
            })?;
            let queued = market.is_some_and(|market| {
                is_queued(&market.owner, &market.data, &address).unwrap_or(false)
            });
            jobs.push(ObservedJob {
                slot: *slot,
                state,
                run: None,
                queued,
            });
        }
        let with_a_node =
            |job: &ObservedJob| matches!(job.state, JobState::Open { .. }) && !job.queued;
        if jobs.iter().any(with_a_node) {
            let runs = self.runs(None).await?;
            for job in jobs.iter_mut().filter(|job| with_a_node(job)) {
                let address = deployment.job_address(key, job.slot.index);
                let found = runs.iter().find(|(_, run)| run.job == address);
                job.run = found.map(|(address, run)| ObservedRun {
                    address: *address,
                    node: run.node,
                    payer: run.payer,
                    started_at: run.started_at,
                });
            }
        }
        Ok(jobs)
    }
}

fn market_state(account: Option<&Account>) -> Market {
    let decoded = account.map(|account| decode_market(&account.owner, &account.data));
    match decoded {
        Some(Ok(market)) => market,
        _ => Market::Unusable,
    }
}

/// Rent-exempt minimums as the domain's rules take them.
fn rents(rent: &Rent) -> Rents {
    Rents {
        floor: rent.minimum_balance(0),
        job: rent.minimum_balance(JOB_SIZE),
        run: rent.minimum_balance(RUN_SIZE),
    }
}
