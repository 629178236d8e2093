//! `status`: all that a person wants to know of a deployment.

use crate::{
    context::Context,
    human::{self, counted, duration, nos, nos_sum, sol, when},
    output::{self, bold, table, with_fields, Facts},
};
use anyhow::Result;
use clap::Args;
use deployments_domain::{
    settings::Strategy,
    status::{Reason, Status},
};
use nosana_deploy_client::{
    digest,
    forecast::{forecast, Forecast, Runway},
    markets::JobState,
    plan::{Action, ObservedJob, Snapshot},
};
use serde::Serialize;
use serde_json::{json, Value};
use std::fmt;

/// Show a deployment: its status and why, its jobs, its vault, and what is due
#[derive(Args)]
pub(crate) struct Show {
    /// The deployment's address, or its number among those of the wallet
    deployment: String,
}

impl Show {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let address = context.deployment_address(&self.deployment)?;
        let snapshot = context.block_on(async {
            let _spinner = context.output.spinner("reading the deployment");
            context.cluster.require_program().await?;
            Ok(context.cluster.snapshot(&address).await?)
        })?;
        context.output.print(&Report::new(&snapshot))
    }
}

/// A deployment for people, and for programs.
pub(crate) struct Report {
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

impl Report {
    pub(crate) fn new(snapshot: &Snapshot) -> Self {
        let jobs = snapshot.jobs.iter().map(|job| JobLine::new(snapshot, job));
        let mut jobs: Vec<JobLine> = jobs.collect();
        jobs.sort_by_key(|job| job.index);
        Self {
            name: snapshot.deployment.header.name().to_owned(),
            status: snapshot.deployment.status(),
            facts: facts(snapshot),
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

fn facts(snapshot: &Snapshot) -> Facts {
    let (deployment, now) = (&snapshot.deployment, snapshot.now);
    let header = &deployment.header;
    let mut facts = Facts::default();
    facts.text("Deployment", "deployment", snapshot.key);
    facts.add("", "", "id", header.id);
    facts.add("", "", "name", header.name());
    let status = format!(
        "{} since {}",
        output::status(deployment.status()),
        when(header.status_changed_at, now)
    );
    facts.add("Status", status, "status", deployment.status().name());
    facts.text("Why", "why", why(snapshot));
    let reason = match deployment.reason() {
        Reason::None => Value::Null,
        reason => json!(reason.name()),
    };
    facts.add("", "", "reason", reason);
    facts.add("", "", "status_changed_at", header.status_changed_at);
    facts.text("Owner", "owner", header.owner);
    facts.add(
        "Market",
        format!("{}, {}", header.market, human::market(&snapshot.market)),
        "market",
        header.market.to_string(),
    );
    strategy_facts(snapshot, &mut facts);
    facts.add(
        "Job definition",
        format!(
            "{}, revision {}",
            digest::cid(&header.job_definition),
            header.revision
        ),
        "job_definition",
        digest::cid(&header.job_definition),
    );
    facts.add("", "", "revision", header.revision);
    fund_facts(snapshot, &forecast(snapshot), &mut facts);
    let done = format!(
        "{} listed, {} done, {} stopped, {} quit by nodes, {} written off",
        header.next_job_index,
        header.jobs_done,
        header.jobs_stopped,
        header.jobs_quit,
        header.jobs_written_off
    );
    facts.add("So far", done, "jobs_listed", header.next_job_index);
    facts.add("", "", "jobs_done", header.jobs_done);
    facts.add("", "", "jobs_stopped", header.jobs_stopped);
    facts.add("", "", "jobs_quit", header.jobs_quit);
    facts.add("", "", "jobs_written_off", header.jobs_written_off);
    facts
}

fn strategy_facts(snapshot: &Snapshot, facts: &mut Facts) {
    let (deployment, header) = (&snapshot.deployment, &snapshot.deployment.header);
    let strategy = deployment.strategy();
    let mut shown = strategy.name().to_owned();
    if let Some(schedule) = deployment.lifecycle.schedule {
        let overlap = deployment.lifecycle.overlap.name();
        shown = format!("{shown} \"{schedule}\" UTC, overlap {overlap}");
        facts.add("", "", "schedule", schedule.to_string());
        facts.add("", "", "overlap", overlap);
    }
    if strategy == Strategy::Infinite {
        let rotation = header.rotation_seconds;
        shown = format!(
            "{shown}, replaced {} before the deadline",
            duration(rotation.into())
        );
        facts.add("", "", "rotation_seconds", rotation);
    }
    if strategy == Strategy::SimpleExtend && header.auto_extend != 0 {
        shown.push_str(", prolonged before the deadline");
    }
    facts.add("Strategy", shown, "strategy", strategy.name());
    facts.add("", "", "auto_extend", header.auto_extend != 0);
    let timeout = duration(header.timeout_seconds);
    let replicas = counted(header.replicas, "job");
    facts.add(
        "Replicas",
        format!("{replicas} of at most {timeout}"),
        "replicas",
        header.replicas,
    );
    facts.add("", "", "timeout_seconds", header.timeout_seconds);
    let cap = match header.max_price_per_second {
        u64::MAX => "none".into(),
        cap => human::price(cap),
    };
    facts.add(
        "Price cap",
        cap,
        "max_price_per_second",
        price_cap(header.max_price_per_second),
    );
    let reward = header.keeper_reward_lamports;
    facts.add(
        "Keeper reward",
        format!("{} a job", sol(reward)),
        "keeper_reward_lamports",
        reward,
    );
    let due = header.next_due_at;
    if due < i64::MAX && deployment.status().lists_jobs() {
        facts.add(
            "Next firing",
            when(due, snapshot.now),
            "next_firing_at",
            due,
        );
    }
}

fn fund_facts(snapshot: &Snapshot, forecast: &Forecast, facts: &mut Facts) {
    let header = &snapshot.deployment.header;
    let funds = snapshot.funds;
    let held = format!(
        "{} {}: {} and {}",
        header.vault_index,
        header.vault,
        nos(funds.nos),
        sol(funds.lamports)
    );
    facts.add("Vault", held, "vault", header.vault.to_string());
    facts.add("", "", "vault_index", header.vault_index);
    facts.add("", "", "vault_nos", funds.nos);
    facts.add("", "", "vault_lamports", funds.lamports);
    if let Some(job_nos) = forecast.job_nos {
        facts.add(
            "A job costs",
            format!("{} for its whole timeout", nos(job_nos)),
            "job_nos",
            job_nos,
        );
    }
    let burn = u64::try_from(forecast.nos_per_day).unwrap_or(u64::MAX);
    facts.add(
        "Burn rate",
        format!("{} a day", nos_sum(forecast.nos_per_day)),
        "nos_per_day",
        burn,
    );
    facts.add(
        "Runway",
        runway(forecast, snapshot.now),
        "runway",
        runway_json(forecast),
    );
}

/// How long the vault lasts, in words.
pub(crate) fn runway(forecast: &Forecast, now: i64) -> String {
    match forecast.runway {
        Runway::Idle => "nothing is listed".into(),
        Runway::Free => "the market is free".into(),
        Runway::Enough => "everything that is still to be listed is paid for".into(),
        Runway::Short { paid, wanted } => {
            format!(
                "the vault pays for {paid} of {} that {} due",
                counted(wanted, "job"),
                if wanted == 1 { "is" } else { "are" }
            )
        }
        Runway::Until(None) => "NOS for more than a year at today's price".into(),
        Runway::Until(Some(until)) => {
            let left = duration(until.saturating_sub(now).unsigned_abs());
            format!(
                "NOS for {left} at today's price, until {} UTC",
                human::time(until)
            )
        }
    }
}

/// The same in a word or two.
pub(crate) fn runway_brief(forecast: &Forecast, now: i64) -> String {
    match forecast.runway {
        Runway::Idle => "-".into(),
        Runway::Free => "free".into(),
        Runway::Enough => "paid".into(),
        Runway::Short { paid, wanted } => format!("short, {paid}/{wanted}"),
        Runway::Until(None) => "> 1 year".into(),
        Runway::Until(Some(until)) => duration(until.saturating_sub(now).unsigned_abs()),
    }
}

/// NOS base units per second, or nothing for no cap.
pub(crate) fn price_cap(per_second: u64) -> Option<u64> {
    (per_second < u64::MAX).then_some(per_second)
}

pub(crate) fn runway_json(forecast: &Forecast) -> Value {
    match forecast.runway {
        Runway::Idle => json!({"kind": "idle"}),
        Runway::Free => json!({"kind": "free"}),
        Runway::Enough => json!({"kind": "enough"}),
        Runway::Short { paid, wanted } => json!({"kind": "short", "paid": paid, "wanted": wanted}),
        Runway::Until(until) => json!({"kind": "until", "until": until}),
    }
}

/// The status in a sentence, with what brought it about.
fn why(snapshot: &Snapshot) -> String {
    let deployment = &snapshot.deployment;
    let header = &deployment.header;
    match deployment.status() {
        Status::Error => deployment.reason().description().into(),
        Status::InsufficientFunds => {
            let Forecast { job_nos, .. } = forecast(snapshot);
            let needed = job_nos.map_or_else(String::new, |job| {
                format!(
                    " A job needs {} and rent of {}.",
                    nos(job),
                    sol(snapshot.rents.job)
                )
            });
            format!("{}{needed}", deployment.status().description())
        }
        Status::Starting | Status::Running
            if deployment.lifecycle.fail_safe.holds_back(snapshot.now) =>
        {
            let until = when(deployment.lifecycle.fail_safe.backoff_until, snapshot.now);
            format!("Jobs ended within minutes; the next ones wait until {until}.")
        }
        Status::Stopping => {
            format!(
                "Asked to stop; {} to be ended by keepers.",
                counted(header.active, "job")
            )
        }
        status => status.description().into(),
    }
}

impl JobLine {
    fn new(snapshot: &Snapshot, job: &ObservedJob) -> Self {
        let view = job.view();
        let state = match (job.state, job.run) {
            (JobState::Done { .. }, _) => "done",
            (JobState::Quit, _) => "quit",
            (JobState::Gone, _) => "cleaned",
            (JobState::Open { .. }, Some(_)) if view.is_overdue(snapshot.now) => "overdue",
            (JobState::Open { .. }, Some(_)) => "running",
            (JobState::Open { .. }, None) => "queued",
        };
        let address = snapshot
            .deployment
            .job_address(&snapshot.key, job.slot.index);
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
            _ => "to be settled".into(),
        }
    }
}

impl fmt::Display for Report {
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

impl Serialize for Report {
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
