//! Who may read a definition, and leave a result: the node that runs the job, and nobody else.

use crate::definitions;
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    confidential::{commitment, Authorization},
    definition::Definition,
    markets::{decode_job_over, JobOver},
    rpc::{Cluster, ClusterError},
};
use solana_program::pubkey::Pubkey;
use solana_signature::Signature;
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Why a request is refused. Nothing else is said: whoever is refused learns nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No authorisation of the right shape and age.
    Unauthorized,
    /// It is not by the node that runs the job.
    Forbidden,
    /// No such job of the owner's deployments, or nothing is kept for it.
    NotFound,
    /// The cluster does not answer.
    Unavailable,
}

impl From<ClusterError> for Refusal {
    fn from(_: ClusterError) -> Self {
        Self::Unavailable
    }
}

/// How long it is believed which deployments an owner has.
const FRESH: Duration = Duration::from_secs(5);

/// An owner's deployments, and the cluster that knows who runs their jobs.
pub(super) struct Registry {
    cluster: Cluster,
    owner: Pubkey,
    known: Mutex<Option<(Instant, Vec<DeploymentAccount>)>>,
}

/// A job, and the node that may ask for it.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) job: Pubkey,
    deployment: DeploymentAccount,
    revision: u32,
}

impl Registry {
    pub(super) fn new(cluster: Cluster, owner: Pubkey) -> Self {
        Self {
            cluster,
            owner,
            known: Mutex::default(),
        }
    }

    /// The job that a request is about, if it is by the node that runs it. `now_ms` is the time, unix
    /// milliseconds. What is cheap to check is checked first.
    pub(super) async fn authorize(
        &self,
        job: &str,
        header: Option<&str>,
        now_ms: u64,
    ) -> Result<Served, Refusal> {
        let authorization = header.and_then(Authorization::read);
        let authorization = authorization
            .filter(|it| it.message == job && it.is_timely(now_ms))
            .ok_or(Refusal::Unauthorized)?;
        let signature: Signature = authorization
            .signature
            .parse()
            .map_err(|_| Refusal::Unauthorized)?;
        let job: Pubkey = job.parse().map_err(|_| Refusal::NotFound)?;
        let (deployment, revision) = self.deployment_of(&job).await?;
        let nodes = self.nodes_of(&job).await?;
        let is_by = |node: &Pubkey| signature.verify(node.as_ref(), job.to_string().as_bytes());
        match nodes.iter().any(is_by) {
            true => Ok(Served {
                job,
                deployment,
                revision,
            }),
            false => Err(Refusal::Forbidden),
        }
    }

    /// The definition that a job runs, as its deployment commits to it.
    pub(super) async fn definition(&self, served: &Served) -> Result<Definition, Refusal> {
        let all = self.cluster.revisions(&served.deployment).await?;
        let of_job = all.iter().find(|(number, ..)| *number == served.revision);
        let (_, digest, _) = of_job.ok_or(Refusal::NotFound)?;
        let stub = definitions::find(digest).ok_or(Refusal::NotFound)?;
        // What is public is fetched where everybody fetches it.
        let committed = commitment(&stub).ok_or(Refusal::NotFound)?;
        definitions::find(&committed).ok_or(Refusal::NotFound)
    }

    /// The owner's deployment that a job belongs to, and the revision that it runs.
    async fn deployment_of(&self, job: &Pubkey) -> Result<(DeploymentAccount, u32), Refusal> {
        let found = |all: &[DeploymentAccount]| {
            all.iter().find_map(|deployment| {
                let addresses = deployment.job_addresses();
                let position = addresses.iter().position(|address| address == job)?;
                let slot = deployment.jobs.get(position)?;
                Some((deployment.clone(), slot.revision))
            })
        };
        let is_fresh = |known: &(Instant, Vec<_>)| known.0.elapsed() < FRESH;
        let known = self.known().as_ref().filter(|it| is_fresh(it)).cloned();
        if let Some((_, all)) = known {
            return found(&all).ok_or(Refusal::NotFound);
        }
        let all = self.cluster.deployments_of(&self.owner).await?;
        let all: Vec<_> = all
            .into_iter()
            .filter_map(|(_, found)| found.ok())
            .collect();
        let answer = found(&all);
        *self.known() = Some((Instant::now(), all));
        answer.ok_or(Refusal::NotFound)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Option<(Instant, Vec<DeploymentAccount>)>> {
        // Whoever panicked left a whole list, or none.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The nodes whose run a job is, or was, if it is over.
    async fn nodes_of(&self, job: &Pubkey) -> Result<Vec<Pubkey>, Refusal> {
        let runs = self.cluster.runs(Some(job)).await?;
        let mut nodes: Vec<Pubkey> = runs.into_iter().map(|run| run.node).collect();
        if nodes.is_empty() {
            let account = self.cluster.accounts(&[*job]).await?.pop().flatten();
            let over = account.and_then(|it| decode_job_over(&it.owner, &it.data).ok());
            let node = over.map(|JobOver { node, .. }| node);
            nodes.extend(node.filter(|node| *node != Pubkey::default()));
        }
        Ok(nodes)
    }
}
