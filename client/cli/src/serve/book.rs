//! What the chain says, in the words of the service's API. Nothing is kept but what may be read again.

use super::{
    bodies::{
        date_time, DeploymentBody, EndpointBody, EventBody, JobBody, RevisionBody, TaskBody,
        VaultBody,
    },
    refusal::Refusal,
    Server,
};
use crate::{
    commands::endpoints::known as known_endpoints, definitions, ipfs::Gateway, results_kept,
};
use futures_util::future::join_all;
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    confidential::commitment,
    definition::Definition,
    digest,
    domain::settings::Strategy,
    endpoints::{of_deployment, Endpoints},
    events::{JobChange, JobEvent, Outcome},
    forecast::firings,
    history::{Call, Entry, History, JobRecord, What},
    job_result::MAX_RESULT_BYTES,
    keeper::plan::{Action, ObservedJob, Snapshot},
    rpc::Span,
};
use serde_json::Value;
use solana_program::pubkey::Pubkey;
use solana_signature::Signature;
use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

/// What was read before, to be read on from.
#[derive(Default)]
pub(super) struct Memory {
    /// A deployment's transactions, newest first.
    calls: HashMap<Pubkey, Vec<Call>>,
    /// Job definitions that are not on this machine, by digest; `None` for those that the gateway lacks.
    definitions: HashMap<[u8; 32], (Instant, Option<Definition>)>,
}

/// So many deployments' transactions, and so many definitions, are remembered.
const MOST_REMEMBERED: usize = 256;
/// How long it is believed that a gateway lacks something.
const LACKING: Duration = Duration::from_secs(60);
/// How long a gateway may take: whoever reads a list waits for it.
const GATEWAY_PATIENCE: Duration = Duration::from_secs(5);
/// How far ahead firings are told: a week.
const AHEAD_SECONDS: i64 = 7 * 86_400;
/// At most so many firings.
const MOST_FIRINGS: usize = 100;

/// A deployment and what happened to it.
pub(super) struct Read {
    pub(super) deployment: DeploymentAccount,
    pub(super) history: History,
}

impl Server {
    /// The deployment at an address.
    pub(super) async fn deployment(&self, address: &str) -> Result<DeploymentAccount, Refusal> {
        let key = address.parse().map_err(|_| {
            Refusal::missing(format!(
                "deployment {address:?}: use the base58 address of one"
            ))
        })?;
        Ok(self.context.cluster.deployment(&key).await?)
    }

    /// The cluster's time: accounts do not say when a setting changed.
    pub(super) async fn now(&self) -> Result<String, Refusal> {
        Ok(date_time(self.context.cluster.now().await?))
    }

    /// A deployment with its history.
    pub(super) async fn read(&self, address: &str) -> Result<Read, Refusal> {
        // Before the transactions, so that none is missing among them.
        let deployment = self.deployment(address).await?;
        let key = deployment.address;
        let known = self.memory.lock().await.calls.get(&key).cloned();
        let known = known.unwrap_or_default();
        let after = known.first().map(|call| call.signature);
        let span = Span { since: None, after };
        let mut calls = self.context.cluster.calls(&key, span).await?;
        calls.extend(known);
        let mut memory = self.memory.lock().await;
        if memory.calls.len() >= MOST_REMEMBERED {
            memory.calls.clear();
        }
        memory.calls.insert(key, calls.clone());
        drop(memory);
        let history = History::of(&key, calls, Some(0), Some(deployment.header.changes));
        Ok(Read {
            deployment,
            history,
        })
    }

    /// What the jobs of a digest run: from this machine, or through the gateway. A stub counts for what it
    /// stands for, if that is here.
    pub(super) async fn definition(&self, digest: &[u8; 32]) -> Option<Definition> {
        if let Some(found) = definitions::find_real(digest) {
            return Some(found);
        }
        let gateway = self.gateway.as_ref()?;
        if let Some((at, found)) = self.memory.lock().await.definitions.get(digest) {
            if found.is_some() || at.elapsed() < LACKING {
                return found.clone();
            }
        }
        let found = fetch(gateway, digest).await;
        let mut memory = self.memory.lock().await;
        if memory.definitions.len() >= MOST_REMEMBERED {
            memory.definitions.clear();
        }
        let entry = (Instant::now(), found.clone());
        memory.definitions.insert(*digest, entry);
        found
    }

    /// Deployments as the API has them, read side by side: a gateway may keep each waiting.
    pub(super) async fn deployment_bodies(&self, all: &[DeploymentAccount]) -> Vec<DeploymentBody> {
        join_all(all.iter().map(|one| self.deployment_body(one))).await
    }

    /// A deployment as the API has it.
    pub(super) async fn deployment_body(&self, of: &DeploymentAccount) -> DeploymentBody {
        let (header, settings) = (&of.header, &of.lifecycle.settings);
        DeploymentBody {
            id: of.address.to_string(),
            name: header.name().to_string(),
            vault: header.vault.to_string(),
            market: header.market.to_string(),
            owner: header.owner.to_string(),
            status: of.status().name(),
            strategy: of.strategy().name(),
            replicas: settings.replicas,
            timeout: settings.timeout_seconds.div_ceil(60),
            schedule: settings.schedule.map(|schedule| schedule.to_string()),
            rotation_time: (of.strategy() == Strategy::Infinite)
                .then_some(settings.rotation_seconds),
            endpoints: self.endpoints(of).await,
            confidential: definitions::is_stub(&header.job_definition),
            active_revision: header.revision,
            active_jobs: header.active,
            created_at: date_time(header.created_at),
            updated_at: date_time(header.status_changed_at.max(header.created_at)),
        }
    }

    /// Where a deployment is served, as far as this server knows what it runs.
    pub(super) async fn endpoints(&self, of: &DeploymentAccount) -> Vec<EndpointBody> {
        let profile = &self.context.profile;
        let known = match known_endpoints(profile, of) {
            Some(known) => known,
            None => match self.definition(&of.header.job_definition).await {
                Some(definition) => profile.reached(of_deployment(&definition, &of.project())),
                None => Endpoints::default(),
            },
        };
        let each = known.known.into_iter().map(|endpoint| EndpointBody {
            op_id: endpoint.op,
            port: endpoint.port,
            url: endpoint.url,
        });
        each.collect()
    }

    /// A deployment's jobs, oldest first, and what was seen of it besides.
    pub(super) async fn jobs(&self, read: &Read) -> Result<(Vec<JobBody>, Snapshot), Refusal> {
        let address = read.deployment.address;
        let snapshot = self.context.cluster.snapshot(&address).await?;
        let observed = snapshot.jobs.iter();
        let observed: BTreeMap<u64, &ObservedJob> =
            observed.map(|job| (job.slot.index, job)).collect();
        let listings = Listings::of(read);
        let jobs = read.history.jobs.values();
        let bodies = jobs.map(|record| {
            let observed = observed.get(&record.index).copied();
            job_body(read, &listings, record, observed)
        });
        let bodies = bodies.collect();
        Ok((bodies, snapshot))
    }

    /// A deployment's revisions, oldest first.
    pub(super) async fn revisions(
        &self,
        deployment: &DeploymentAccount,
    ) -> Result<Vec<RevisionBody>, Refusal> {
        let all = self
            .context
            .cluster
            .revisions(deployment)
            .await?
            .into_iter();
        let bodies = all.map(|(revision, digest, at)| async move {
            let definition = self.definition(&digest).await;
            RevisionBody {
                revision,
                deployment: deployment.address.to_string(),
                ipfs_definition_hash: digest::cid(&digest),
                job_definition: definition.map(|definition| definition.value().clone()),
                created_at: date_time(at.unwrap_or_default()),
            }
        });
        Ok(join_all(bodies).await)
    }

    /// What keepers will do for a deployment, the next first.
    pub(super) async fn tasks(&self, address: &str) -> Result<Vec<TaskBody>, Refusal> {
        let key = self.deployment(address).await?.address;
        let snapshot = self.context.cluster.snapshot(&key).await?;
        Ok(tasks(&snapshot))
    }

    /// An owner's vaults: the first, and every one that a deployment of today uses.
    pub(super) async fn vaults(&self, owner: &Pubkey) -> Result<Vec<VaultBody>, Refusal> {
        let found = self.context.cluster.deployments_of(owner).await?;
        let mut since: BTreeMap<u16, i64> = BTreeMap::from([(0, i64::MAX)]);
        for deployment in found.into_iter().filter_map(|(_, found)| found.ok()) {
            let header = &deployment.header;
            let first = since.entry(header.vault_index).or_insert(i64::MAX);
            *first = header.created_at.min(*first);
        }
        let now = self.context.cluster.now().await?;
        let bodies = since.into_iter().map(|(index, at)| {
            let vault = nosana_deploy_client::instructions::Vault::new(*owner, index);
            VaultBody {
                vault: vault.address.to_string(),
                owner: owner.to_string(),
                created_at: date_time(if at == i64::MAX { now } else { at }),
            }
        });
        Ok(bodies.collect())
    }

    /// What a job left, from this machine or through the gateway.
    pub(super) async fn result(&self, job: &Pubkey, digest: Option<[u8; 32]>) -> Option<Value> {
        let bytes = match results_kept::find(job) {
            Some(kept) => kept,
            None => {
                let gateway = self.gateway.as_ref()?;
                let asked = gateway.fetch(digest.as_ref()?, MAX_RESULT_BYTES);
                let answer = tokio::time::timeout(GATEWAY_PATIENCE, asked).await;
                answer.ok()?.ok()?
            }
        };
        serde_json::from_slice(&bytes).ok()
    }
}

async fn fetch(gateway: &Gateway, digest: &[u8; 32]) -> Option<Definition> {
    let asked = gateway.definition(digest);
    let found = tokio::time::timeout(GATEWAY_PATIENCE, asked)
        .await
        .ok()?
        .ok()?;
    match commitment(&found) {
        Some(real) => definitions::find(&real),
        None => Some(found),
    }
}

/// A job by what happened to it, and what is seen of it now.
pub(super) fn job_body(
    read: &Read,
    listings: &Listings,
    job: &JobRecord,
    observed: Option<&ObservedJob>,
) -> JobBody {
    let listed = listings.0.get(&job.index);
    let market = listed.map_or(read.deployment.header.market, |listing| listing.market);
    let run = observed.and_then(|observed| observed.run);
    let started_at = job.started_at.or(run.map(|run| run.started_at));
    let created_at = job.listed_at.unwrap_or_default();
    let latest = job.ended_at.or(started_at).unwrap_or(created_at);
    let node = job.node.or(run.map(|run| run.node));
    JobBody {
        tx: listed.map_or_else(String::new, |listing| listing.signature.to_string()),
        job: read.deployment.job_address(job.index).to_string(),
        deployment: read.deployment.address.to_string(),
        market: market.to_string(),
        revision: job.revision.unwrap_or(0),
        state: state(job, started_at),
        time_start: started_at.unwrap_or(0),
        time_end: job.ended_at.unwrap_or(0),
        node: node.map(|node| node.to_string()),
        created_at: date_time(created_at),
        updated_at: date_time(latest),
    }
}

/// How each job of a deployment was listed, by its index.
pub(super) struct Listings(HashMap<u64, Listing>);

struct Listing {
    signature: Signature,
    /// The one to which the deployment had moved last.
    market: Pubkey,
}

impl Listings {
    pub(super) fn of(read: &Read) -> Self {
        let (mut listings, mut market) = (HashMap::new(), read.deployment.header.market);
        for entry in &read.history.entries {
            market = match &entry.what {
                What::Created { market, .. } => *market,
                What::Changed(changed) => changed.moved_to.unwrap_or(market),
                What::Closed { .. } => market,
            };
            let listed = entry.jobs().iter();
            let listed = listed.filter(|change| matches!(change.what, JobEvent::Listed { .. }));
            for change in listed {
                let signature = entry.signature;
                listings.insert(change.index, Listing { signature, market });
            }
        }
        Self(listings)
    }
}

fn state(job: &JobRecord, started_at: Option<i64>) -> &'static str {
    match job.outcome {
        Some(Outcome::Done | Outcome::Gone) => "COMPLETED",
        Some(_) => "STOPPED",
        None if started_at.is_some() => "RUNNING",
        None => "QUEUED",
    }
}

/// What happened, oldest first: a line for the deployment where its status changed or nothing happened to a job,
/// and one for each job.
pub(super) fn events(deployment: &Pubkey, entries: &[Entry]) -> Vec<EventBody> {
    entries
        .iter()
        .flat_map(|entry| {
            let line = |category, kind: String, message| EventBody {
                category,
                deployment_id: deployment.to_string(),
                r#type: kind,
                message,
                tx: entry.signature.to_string(),
                created_at: date_time(entry.at),
            };
            let of_all =
                of_deployment_event(entry).map(|(kind, message)| line("Deployment", kind, message));
            let of_jobs = entry.jobs().iter().map(move |JobChange { index, what }| {
                let (kind, message) = of_job_event(*index, what);
                line("Event", kind.into(), message)
            });
            of_all.into_iter().chain(of_jobs).collect::<Vec<_>>()
        })
        .collect()
}

fn of_deployment_event(entry: &Entry) -> Option<(String, String)> {
    let (from, to) = entry.statuses();
    match (&entry.what, from, to) {
        (What::Created { .. }, _, to) => {
            let status = to.map_or("unknown", |status| status.name());
            Some(("CREATED".into(), format!("Created; it is {status}")))
        }
        (What::Closed { .. }, ..) => Some(("CLOSED".into(), "Its account was closed".into())),
        (What::Changed(_), from, Some(to)) if from != Some(to) => {
            let why = entry
                .reason()
                .map(|reason| format!(": {}", reason.description()));
            let message = format!("{}{}", to.description(), why.unwrap_or_default());
            Some((to.name().into(), message))
        }
        (What::Changed(_), ..) if entry.jobs().is_empty() => {
            Some(("UPDATED".into(), "Its settings were changed".into()))
        }
        (What::Changed(_), ..) => None,
    }
}

fn of_job_event(index: u64, what: &JobEvent) -> (&'static str, String) {
    match what {
        JobEvent::Listed { .. } => ("JOB_LISTED", format!("Job {index} was listed")),
        JobEvent::Started { .. } => ("JOB_STARTED", format!("A node runs job {index}")),
        JobEvent::Extended { timeout_seconds } => (
            "JOB_EXTENDED",
            format!("Job {index} may run for {timeout_seconds} seconds"),
        ),
        JobEvent::Settled { outcome, .. } => match outcome {
            Outcome::Done => ("JOB_COMPLETED", format!("Job {index} is done")),
            Outcome::Gone => ("JOB_COMPLETED", format!("Job {index} is done and gone")),
            Outcome::Recovered => ("JOB_QUIT", format!("The node of job {index} quit")),
            Outcome::Delisted => ("JOB_STOPPED", format!("Job {index} left the queue")),
            Outcome::Ended => ("JOB_STOPPED", format!("Job {index} was ended")),
            Outcome::WrittenOff => ("JOB_STOPPED", format!("Job {index} was written off")),
        },
    }
}

/// What keepers will do, the next first.
pub(super) fn tasks(snapshot: &Snapshot) -> Vec<TaskBody> {
    let (now, header) = (snapshot.now, &snapshot.deployment.header);
    let task = |task, limit: usize, due_at| TaskBody {
        task,
        deployment_id: snapshot.deployment.address.to_string(),
        limit: u32::try_from(limit).unwrap_or(u32::MAX),
        active_revision: header.revision,
        due_at: date_time(due_at),
        created_at: date_time(header.status_changed_at),
    };
    let due = snapshot
        .due()
        .into_iter()
        .filter_map(|action| match action {
            Action::List(count) => Some(task("LIST", usize::try_from(count).unwrap_or(0), now)),
            Action::Extend(jobs) => Some(task("EXTEND", jobs.len(), now)),
            Action::Stop(jobs) => Some(task("STOP", jobs.len(), now)),
            _ => None,
        });
    let replicas = usize::try_from(header.replicas).unwrap_or(0);
    let until = now.saturating_add(AHEAD_SECONDS);
    let later = firings(snapshot, until).into_iter().filter(|at| *at > now);
    let later = later
        .take(MOST_FIRINGS)
        .map(|at| task("LIST", replicas, at));
    due.chain(later).collect()
}
