//! Housekeeping: what nothing waits for, and what would be lost to vaults without it. Rent of
//! finished jobs, and deposits of jobs that their owner wrote off and whose node then quit.

mod round;

use crate::Keeper;
use futures_util::{stream, FutureExt, StreamExt, TryStreamExt};
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    filters::JobPhase,
    instructions::{clean_job, clean_jobs, reclaim_job, with_access_key, JobRun, Vault},
    markets::{decode_job_expiration, JobOver},
    rpc::ClusterError,
    transaction::{assemble, Budget, Lifetime},
};
use round::Round;
use solana_message::AddressLookupTableAccount;
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use std::collections::HashMap;

/// Jobs that one instruction cleans, so that it fits into a transaction.
const JOBS_AT_ONCE: usize = 12;
/// Instructions in one transaction.
const INSTRUCTIONS_AT_ONCE: usize = 20;

impl Keeper {
    /// Cleans finished jobs and reclaims deposits, for every chosen deployment, the quiet ones included.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub(crate) async fn keep_house(&self, now: i64) -> Result<(), ClusterError> {
        self.reread_lookup_tables().await?;
        let deployments = self.found(&self.config.filters()).await?;
        let expired = self.expired(now).await?;
        // One that ended before it was quit again has nothing left to give back.
        let mut quit = match deployments.iter().any(writes_off) {
            true => self.cluster.jobs_over(JobPhase::Quit).await?,
            false => Vec::new(),
        };
        quit.retain(|(_, over)| over.ended_at == 0);
        let jobs = [&expired[..], &quit].concat();
        // Deriving addresses takes a while, and would hold up everything else on this thread.
        let round = tokio::task::spawn_blocking(move || Round::new(deployments, &jobs));
        let Ok(round) = round.await else {
            return Ok(()); // the keeper is ending
        };
        let cleaning = self.cleaning(&round, &expired);
        let cleaned = self.submit_all("clean", &cleaning).await?;
        let reclaiming = reclaiming(&round, &quit, &self.access_keys());
        let reclaimed = self.submit_all("reclaim", &reclaiming).await?;
        if cleaned > 0 || reclaimed > 0 {
            tracing::info!(cleaned, reclaimed, "housekeeping done");
        }
        Ok(())
    }

    /// Finished jobs that anyone may clean by now.
    async fn expired(&self, now: i64) -> Result<Vec<(Pubkey, JobOver)>, ClusterError> {
        let mut done = self.cluster.jobs_over(JobPhase::Done).await?;
        done.retain(|(_, job)| job.is_of_a_vault);
        let expirations = self.expirations(&done).await?;
        done.retain(|(_, job)| {
            let seconds = expirations.get(&job.market);
            seconds.is_some_and(|seconds| now > job.ended_at.saturating_add(*seconds))
        });
        Ok(done)
    }

    /// What cleans these jobs: with a reward where the deployment is known, without one else.
    fn cleaning(&self, round: &Round, expired: &[(Pubkey, JobOver)]) -> Vec<Instruction> {
        let mut of_deployments: HashMap<(Pubkey, Pubkey), (Vault, Vec<u64>)> = HashMap::new();
        let mut cleaning = Vec::new();
        for (key, job) in expired {
            let is_ours = round.serves(&job.payer) || self.config.wants_all();
            if !is_ours || round.is_active(key) {
                continue;
            }
            match round.origin(key) {
                Some((account, index)) => {
                    let vault = Vault::new(account.header.owner, account.header.vault_index);
                    let place = (account.address, job.market);
                    let (_, indices) = of_deployments.entry(place).or_insert((vault, Vec::new()));
                    indices.push(index);
                }
                None => cleaning.push(clean_job(key, &job.market, &job.payer)),
            }
        }
        for ((deployment, market), (vault, indices)) in of_deployments {
            for some in indices.chunks(JOBS_AT_ONCE) {
                let keeper = self.address();
                cleaning.push(clean_jobs(&keeper, &vault, &deployment, &market, some));
            }
        }
        cleaning
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

    /// Sends instructions in as few transactions as hold them, several at a time. One that is refused
    /// holds up no other. Returns how many were done.
    async fn submit_all(
        &self,
        kind: &'static str,
        all: &[Instruction],
    ) -> Result<usize, ClusterError> {
        let tables = self.tables.known();
        let batches = self.batches(all, &tables);
        let sending = batches.into_iter();
        let sending = sending.map(|batch| self.submit_batch(kind, batch, &tables).boxed());
        stream::iter(sending.collect::<Vec<_>>())
            .buffer_unordered(self.config.parallel)
            .try_fold(0, |sum, done| std::future::ready(Ok(sum + done)))
            .await
    }

    /// Instructions by the transaction, as many as fit.
    fn batches<'a>(
        &self,
        all: &'a [Instruction],
        tables: &[AddressLookupTableAccount],
    ) -> Vec<&'a [Instruction]> {
        let me = self.address();
        let some_hash = Lifetime::Blockhash(Default::default());
        let fits = |some: &[Instruction]| {
            assemble(&me, some, tables, &Budget::default(), some_hash).is_ok()
        };
        let mut batches = Vec::new();
        let mut rest = all;
        while !rest.is_empty() {
            let most = rest.len().min(INSTRUCTIONS_AT_ONCE);
            let count = (1..=most)
                .rev()
                .find(|count| rest.get(..*count).is_some_and(fits));
            let (batch, tail) = rest.split_at(count.unwrap_or(1));
            batches.push(batch);
            rest = tail;
        }
        batches
    }

    /// Sends a batch, in ever smaller parts if it is refused. Returns how much of it was done.
    async fn submit_batch(
        &self,
        kind: &'static str,
        batch: &[Instruction],
        tables: &[AddressLookupTableAccount],
    ) -> Result<usize, ClusterError> {
        let mut done = 0;
        let mut parts = vec![batch];
        while let Some(part) = parts.pop() {
            match self.submit(kind, part, tables, &[]).await {
                Ok(receipt) => {
                    let count = part.len();
                    tracing::debug!(kind, count, signature = %receipt.signature, "done");
                    done += count;
                }
                Err(ClusterError::Refused(_)) if part.len() > 1 => {
                    let (head, tail) = part.split_at(part.len() / 2);
                    parts.extend([tail, head]);
                }
                Err(error @ (ClusterError::Refused(_) | ClusterError::Failed { .. })) => {
                    tracing::debug!(kind, %error, "left alone");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }
}

/// Whether an owner has written jobs off, whose deposits may come back.
fn writes_off(account: &DeploymentAccount) -> bool {
    account.header.jobs_written_off > 0
}

/// What brings the deposits of these jobs back that their owner wrote off, as far as the vault or one of
/// these access keys can sign for it.
fn reclaiming(
    round: &Round,
    quit: &[(Pubkey, JobOver)],
    access_keys: &[Pubkey],
) -> Vec<Instruction> {
    let written_off = quit.iter().filter(|(job, _)| !round.is_active(job));
    let reclaiming = written_off.filter_map(|(job, over)| {
        let (account, index) = round.origin(job)?;
        let header = &account.header;
        let vault = Vault::new(header.owner, header.vault_index);
        let job = JobRun { index, run: None };
        let reclaim = writes_off(account)
            .then(|| reclaim_job(&vault, &account.address, &over.market, &job))?;
        match over.authority {
            authority if authority == vault.address => Some(reclaim),
            key => access_keys
                .contains(&key)
                .then(|| with_access_key(reclaim, &key)),
        }
    });
    reclaiming.collect()
}
