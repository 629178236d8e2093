//! `status`: all that a person wants to know of a deployment.

mod facts;
mod runway;

pub(crate) use facts::why;
pub(crate) use runway::{runway_brief, runway_json};

use crate::{
    commands::list::parse_status,
    context::Context,
    format::{duration, when},
    output::{bold, table, with_fields, Facts},
    profile::Profile,
};
use anyhow::{anyhow, Result};
use clap::Args;
use nosana_deploy_client::domain::status::Status;
use nosana_deploy_client::{
    keeper::plan::{Action, ObservedJob, Snapshot},
    markets::JobState,
};
use nosana_deploy_client::{rpc::ClusterError, text::printable};
use serde::Serialize;
use serde_json::json;
use solana_program::pubkey::Pubkey;
use std::{
    fmt,
    time::{Duration, Instant},
};

/// Show a deployment: its status and why, its jobs, its vault, and what is due
#[derive(Args)]
pub(crate) struct Show {
    /// The deployment's address, or its number among the wallet's deployments
    deployment: String,
    /// Wait until it has this status, for example RUNNING
    #[arg(long, value_name = "STATUS", value_parser = parse_status)]
    wait: Option<Status>,
    /// How long to wait at most, for example 90s or 2h; exits 1 then
    #[arg(long, value_name = "TIME", requires = "wait", default_value = "10m", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

/// Between two looks of one who waits.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

impl Show {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let address = context.deployment_address(&self.deployment)?;
        let since = Instant::now();
        let snapshot = context.block_on(async {
            let _spinner = context.output.spinner("reading the deployment");
            context.cluster.require_program().await?;
            loop {
                let snapshot = look(context, &address).await?;
                let is_there = self
                    .wait
                    .is_none_or(|status| status == snapshot.deployment.status());
                let left = self.timeout.saturating_sub(since.elapsed());
                if is_there || left.is_zero() {
                    return Ok(snapshot);
                }
                tokio::time::sleep(LOOK_AGAIN.min(left)).await;
            }
        })?;
        context
            .output
            .print(&StatusReport::new(&context.profile, &snapshot))?;
        match (self.wait, snapshot.deployment.status()) {
            (Some(wanted), status) if status != wanted => Err(anyhow!(
                "the deployment is {status}, and was waited for {} to be {wanted}",
                humantime::format_duration(self.timeout)
            )),
            _ => Ok(()),
        }
    }
}

/// All that is known of a deployment; without runs, said so, if the node does not search for them.
async fn look(context: &Context, address: &Pubkey) -> Result<Snapshot> {
    match context.cluster.snapshot(address).await {
        Err(error @ (ClusterError::Rpc { .. } | ClusterError::Unreachable { .. })) => {
            let without = context.cluster.snapshot_without_search(address).await;
            let Ok(snapshot) = without else {
                return Err(error.into());
            };
            eprintln!("The node does not search for runs, so a job that a node has may be shown as queued: {error}");
            Ok(snapshot)
        }
        searched => Ok(searched?),
    }
}

/// A deployment for people, and for programs.
pub(crate) struct StatusReport {
    pub(crate) name: String,
    pub(crate) status: Status,
    pub(crate) facts: Facts,
    pub(crate) jobs: Vec<JobLine>,
    pub(crate) due: Vec<Action>,
    next_at: Option<i64>,
    now: i64,
}

/// A job, a line in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JobLine {
    pub(crate) index: u64,
    pub(crate) address: String,
    pub(crate) revision: u32,
    pub(crate) state: &'static str,
    pub(crate) node: Option<String>,
    pub(crate) listed_at: i64,
    pub(crate) ends_at: Option<i64>,
    pub(crate) timeout_seconds: u32,
    now: i64,
}

impl StatusReport {
    pub(crate) fn new(profile: &Profile, snapshot: &Snapshot) -> Self {
        let jobs = snapshot.jobs.iter().map(|job| JobLine::new(snapshot, job));
        let mut jobs: Vec<JobLine> = jobs.collect();
        jobs.sort_by_key(|job| job.index);
        Self {
            name: printable(snapshot.deployment.header.name()),
            status: snapshot.deployment.status(),
            facts: facts::facts(profile, snapshot),
            jobs,
            due: snapshot.due(),
            next_at: snapshot.next_at(),
            now: snapshot.now,
        }
    }

    /// When it was read, on-chain time in unix seconds.
    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    /// What a keeper would do now, or when to look again.
    pub(crate) fn keeper(&self) -> String {
        if !self.due.is_empty() {
            let due: Vec<String> = self.due.iter().map(Action::to_string).collect();
            return due.join(", then ");
        }
        match self.next_at {
            Some(at) => format!("nothing is due before {}", when(at, self.now)),
            None => "nothing is due".into(),
        }
    }
}

impl JobLine {
    fn new(snapshot: &Snapshot, job: &ObservedJob) -> Self {
        let view = job.view();
        let state = match (job.state, job.run) {
            (JobState::Done { .. }, _) => "done",
            (JobState::Quit(_), _) => "quit",
            (JobState::Gone, _) => "cleaned",
            (JobState::Open(_), Some(_)) if view.is_overdue(snapshot.now) => "overdue",
            (JobState::Open(_), Some(_)) => "running",
            (JobState::Open(_), None) if job.is_missing() => "lost",
            (JobState::Open(_), None) => "queued",
        };
        let address = snapshot.deployment.job_address(job.slot.index);
        Self {
            index: job.slot.index,
            address: address.to_string(),
            revision: job.slot.revision,
            state,
            node: job.run.map(|run| run.node.to_string()),
            listed_at: job.slot.listed_at,
            ends_at: job.run.and_then(|_| view.deadline()),
            timeout_seconds: view.timeout_seconds,
            now: snapshot.now,
        }
    }

    /// Time left, or how long it has waited.
    pub(crate) fn remaining(&self) -> String {
        let span = |seconds: i64| duration(seconds.unsigned_abs());
        match (self.state, self.ends_at) {
            ("running", Some(end)) => format!("{} left", span(end.saturating_sub(self.now))),
            ("overdue", Some(end)) => format!("{} over", span(end.saturating_sub(self.now))),
            ("queued", _) => format!(
                "waits for {}",
                span(self.now.saturating_sub(self.listed_at))
            ),
            // Nodes show no run, and it waits nowhere: keepers can do nothing for it.
            ("lost", _) => "write-off gives it up".into(),
            _ => "to be settled".into(),
        }
    }
}

impl fmt::Display for StatusReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", bold(&self.name))?;
        write!(f, "{}", self.facts)?;
        writeln!(f, "{} {}", bold("Keepers:"), self.keeper())?;
        if self.jobs.is_empty() {
            return writeln!(f, "\nNo active jobs.");
        }
        let rows: Vec<Vec<String>> = self
            .jobs
            .iter()
            .map(|job| {
                vec![
                    job.index.to_string(),
                    job.state.to_owned(),
                    job.remaining(),
                    job.node.clone().unwrap_or_default(),
                    job.revision.to_string(),
                    job.address.clone(),
                ]
            })
            .collect();
        writeln!(f)?;
        table(
            f,
            &["JOB", "STATE", "TIME", "NODE", "REVISION", "ADDRESS"],
            &rows,
        )
    }
}

impl Serialize for StatusReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let jobs = self.jobs.iter().map(|job| {
            json!({
                "index": job.index,
                "address": job.address,
                "state": job.state,
                "node": job.node,
                "revision": job.revision,
                "listed_at": job.listed_at,
                "ends_at": job.ends_at,
                "timeout_seconds": job.timeout_seconds,
            })
        });
        let due = self.due.iter().map(Action::to_string);
        let fields = [
            ("now", json!(self.now)),
            ("jobs", json!(jobs.collect::<Vec<_>>())),
            ("due", json!(due.collect::<Vec<_>>())),
            ("next_at", json!(self.next_at)),
        ];
        with_fields(&self.facts, fields).serialize(serializer)
    }
}
