//! Housekeeping: what nothing waits for, and what would be lost to vaults without it. Rent of
//! finished jobs, and deposits of jobs that their owner wrote off and whose node then quit.

use crate::Keeper;
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    filters::JobPhase,
    instructions::{clean_job, clean_jobs, reclaim_job, JobRun, Vault},
    markets::{decode_job_expiration, JobOver},
    rpc::ClusterError,
    seeds,
    transaction::{assemble, Budget, Lifetime},
};
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use std::collections::{HashMap, HashSet};

/// The deployments that the keeper watches.
pub(crate) struct Watched {
    /// Each deployment by its vault.
    pub(crate) by_vault: HashMap<Pubkey, Vec<DeploymentAccount>>,
    /// On-chain time, unix seconds.
    pub(crate) now: i64,
}

/// Jobs that one instruction cleans, so that it fits into a transaction.
const JOBS_AT_ONCE: usize = 12;

impl Watched {
    /// The deployment that listed each of these jobs, and the job's index, as far as a watched one
    /// did. Each vault's addresses are derived once, the newest first, until its jobs are found.
    fn locate(&self, jobs: &[(Pubkey, JobOver)]) -> HashMap<Pubkey, (&DeploymentAccount, u64)> {
        let mut wanted: HashMap<Pubkey, HashSet<Pubkey>> = HashMap::new();
        for (job, over) in jobs {
            wanted.entry(over.payer).or_default().insert(*job);
        }
        let mut found = HashMap::new();
        for (vault, mut jobs) in wanted {
            for account in self.by_vault.get(&vault).into_iter().flatten() {
                for index in (0..account.header.next_job_index).rev() {
                    if jobs.is_empty() {
                        break;
                    }
                    let job = seeds::job_address(&account.address, index).0;
                    if jobs.remove(&job) {
                        found.insert(job, (account, index));
                    }
                }
            }
        }
        found
    }
}

impl Keeper {
    /// Cleans finished jobs and reclaims deposits.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub(crate) async fn keep_house(&self, watched: Watched) -> Result<(), ClusterError> {
        let cleaned = self.clean_jobs(&watched).await?;
        let reclaimed = self.reclaim_jobs(&watched).await?;
        if cleaned > 0 || reclaimed > 0 {
            tracing::info!(cleaned, reclaimed, "housekeeping done");
        }
        Ok(())
    }

    async fn clean_jobs(&self, watched: &Watched) -> Result<usize, ClusterError> {
        let done = self.cluster.jobs_over(JobPhase::Done).await?;
        let is_ours = |job: &JobOver| {
            watched.by_vault.contains_key(&job.payer)
                || self.config.wants_all() && job.is_of_a_vault
        };
        // A job that its deployment has not settled yet says how it ended; once it is gone, nothing does.
        let unsettled = |key: &Pubkey, job: &JobOver| {
            let deployments = watched.by_vault.get(&job.payer);
            deployments.is_some_and(|all| {
                all.iter()
                    .any(|account| account.job_addresses().contains(key))
            })
        };
        let ours: Vec<_> = done
            .into_iter()
            .filter(|(key, job)| is_ours(job) && !unsettled(key, job))
            .collect();
        let expirations = self.expirations(&ours).await?;
        let is_expired = |job: &JobOver| {
            expirations
                .get(&job.market)
                .is_some_and(|seconds| watched.now > job.ended_at.saturating_add(*seconds))
        };
        let expired: Vec<_> = ours
            .into_iter()
            .filter(|(_, job)| is_expired(job))
            .collect();
        let located = watched.locate(&expired);
        // With a reward where the deployment is known, without one else.
        let mut of_deployments: HashMap<(Pubkey, Pubkey), (Vault, Vec<u64>)> = HashMap::new();
        let mut cleaning = Vec::new();
        for (key, job) in expired {
            match located.get(&key) {
                Some((account, index)) => {
                    let vault = Vault::new(account.header.owner, account.header.vault_index);
                    let place = (account.address, job.market);
                    let (_, indices) = of_deployments.entry(place).or_insert((vault, Vec::new()));
                    indices.push(*index);
                }
                None => cleaning.push(clean_job(&key, &job.market, &job.payer)),
            }
        }
        for ((deployment, market), (vault, indices)) in of_deployments {
            for some in indices.chunks(JOBS_AT_ONCE) {
                let keeper = self.address();
                cleaning.push(clean_jobs(&keeper, &vault, &deployment, &market, some));
            }
        }
        self.submit_all("clean", &cleaning).await
    }

    async fn expirations(
        &self,
        jobs: &[(Pubkey, JobOver)],
    ) -> Result<HashMap<Pubkey, i64>, ClusterError> {
        let mut markets: Vec<Pubkey> = jobs.iter().map(|(_, job)| job.market).collect();
        markets.sort_unstable();
        markets.dedup();
        let found = self.cluster.accounts(&markets).await?;
        let expirations = markets.into_iter().zip(found).filter_map(|(key, account)| {
            let account = account?;
            let seconds = decode_job_expiration(&account.owner, &account.data).ok()?;
            Some((key, seconds))
        });
        Ok(expirations.collect())
    }

    async fn reclaim_jobs(&self, watched: &Watched) -> Result<usize, ClusterError> {
        let writing_off = |account: &DeploymentAccount| account.header.jobs_written_off > 0;
        let all = watched.by_vault.values().flatten();
        if !all.into_iter().any(writing_off) {
            return Ok(0);
        }
        let quit = self.cluster.jobs_over(JobPhase::Quit).await?;
        let mut reclaiming = Vec::new();
        // One that ended before it was quit again has nothing left to give back.
        let quit: Vec<_> = quit
            .into_iter()
            .filter(|(_, over)| over.ended_at == 0)
            .collect();
        let located = watched.locate(&quit);
        for (job, over) in quit {
            let found = located.get(&job);
            let Some((account, index)) = found.filter(|(account, _)| writing_off(account)) else {
                continue;
            };
            if !account.job_addresses().contains(&job) {
                let header = &account.header;
                let vault = Vault::new(header.owner, header.vault_index);
                let (index, run) = (*index, None);
                let job = JobRun { index, run };
                reclaiming.push(reclaim_job(&vault, &account.address, &over.market, &job));
            }
        }
        self.submit_all("reclaim", &reclaiming).await
    }

    /// Sends instructions in as few transactions as hold them. One that is refused holds up no other.
    async fn submit_all(
        &self,
        kind: &'static str,
        all: &[Instruction],
    ) -> Result<usize, ClusterError> {
        let mut done = 0_usize;
        let mut rest = all;
        while !rest.is_empty() {
            let tables = self.tables.known().await;
            let some_hash = Lifetime::Blockhash(Default::default());
            let fits = |count: &usize| {
                let head = rest.get(..*count).unwrap_or(rest);
                assemble(
                    &self.address(),
                    head,
                    &tables,
                    &Budget::default(),
                    some_hash,
                )
                .is_ok()
            };
            const MAX_AT_ONCE: usize = 20;
            let mut count = (1..=rest.len().min(MAX_AT_ONCE))
                .rev()
                .find(fits)
                .unwrap_or(1);
            loop {
                let (head, tail) = rest.split_at(count);
                match self.submit(head, &tables).await {
                    Ok(receipt) => {
                        tracing::debug!(kind, count, signature = %receipt.signature, "done");
                        done += count;
                        rest = tail;
                        break;
                    }
                    Err(ClusterError::Refused(_)) if count > 1 => count /= 2,
                    Err(error @ (ClusterError::Refused(_) | ClusterError::Failed { .. })) => {
                        tracing::debug!(kind, %error, "left alone");
                        rest = tail;
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(done)
    }
}
