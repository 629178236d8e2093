//! `history`: what happened to a deployment.

use crate::{
    context::Context,
    exit::Unprinted,
    format::{self, brief, counted, nos, sol, time},
    output::{bold, table, Output},
};
use anyhow::Result;
use clap::Args;
use nosana_deploy_client::{
    digest,
    events::{JobChange, JobEvent, Outcome},
    history::{Day, Entry, Gap, History, JobRecord, What},
    rpc::{ClusterError, Span},
};
use serde::Serialize;
use serde_json::{json, Value};
use solana_program::pubkey::Pubkey;
use std::{fmt, str::FromStr};

/// Show what happened to a deployment: every change and who signed it, its jobs, and sums per day
///
/// It comes from the deployment's transactions alone, so it is there after the deployment is closed, too.
/// RPC nodes forget old transactions; what is missing is said.
#[derive(Args)]
pub(crate) struct ShowHistory {
    /// The deployment's address, or its number among the wallet's deployments
    deployment: String,
    /// Its jobs instead of its changes: nodes, times, costs, results
    #[arg(long)]
    jobs: bool,
    /// Nothing older, for example 7d, 2026-11-01 or 2026-11-01T12:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Since>,
}

/// A time, or how long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    At(i64),
    Ago(i64),
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = |duration: std::time::Duration| i64::try_from(duration.as_secs()).ok();
        let day = format!("{text}T00:00:00Z");
        let at = humantime::parse_rfc3339(text).or_else(|_| humantime::parse_rfc3339(&day));
        let at = at
            .ok()
            .and_then(|at| seconds(at.duration_since(std::time::UNIX_EPOCH).ok()?));
        let ago = || seconds(humantime::parse_duration(text).ok()?);
        at.map(Self::At)
            .or_else(|| ago().map(Self::Ago))
            .ok_or_else(|| "use a time such as 7d, 2026-11-01 or 2026-11-01T12:00:00Z".into())
    }
}

impl ShowHistory {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let deployment = context.deployment_address(&self.deployment)?;
        let report = context.block_on(async {
            let _spinner = context.output.spinner("reading transactions");
            context.cluster.require_program().await?;
            let since = match self.since {
                None => None,
                Some(Since::At(at)) => Some(at),
                Some(Since::Ago(seconds)) => {
                    Some(context.cluster.now().await?.saturating_sub(seconds))
                }
            };
            let history = read(context, &deployment, since).await?;
            Ok(HistoryReport {
                deployment,
                history,
                of_jobs: self.jobs,
            })
        })?;
        match context.output {
            Output::Csv => report.csv(),
            output => output.print(&report),
        }
    }
}

/// The history of a deployment, which may be closed.
pub(super) async fn read(
    context: &Context,
    deployment: &Pubkey,
    since: Option<i64>,
) -> Result<History> {
    // Before the transactions, so that none is missing among them.
    let changes = match context.cluster.deployment(deployment).await {
        Ok(found) => Ok(found.header.changes),
        // It may be closed; whoever sends lamports there makes no wallet of it.
        Err(error @ (ClusterError::Missing { .. } | ClusterError::Decode { .. }))
            if !deployment.is_on_curve() =>
        {
            Err(error)
        }
        Err(error) => return Err(error.into()),
    };
    let span = Span { since, after: None };
    let mut calls = context.cluster.calls(deployment, span).await?;
    // Some nodes do not say when a transaction was; the program does.
    calls.retain(|call| since.is_none_or(|since| call.told_at().is_none_or(|at| at >= since)));
    let from = since.is_none().then_some(0);
    let history = History::of(deployment, calls, from, changes.as_ref().ok().copied());
    match changes {
        Err(error) if history.entries.is_empty() && since.is_none() => Err(error.into()),
        _ => Ok(history),
    }
}

struct HistoryReport {
    deployment: Pubkey,
    history: History,
    of_jobs: bool,
}

/// A change, as JSON.
pub(super) fn entry_json(entry: &Entry) -> Value {
    let (from, to) = entry.statuses();
    let name = |status: Option<nosana_deploy_client::domain::status::Status>| {
        status.map(|status| status.name())
    };
    let jobs = entry.jobs().iter().map(|JobChange { index, what }| {
        let (what, more) = told(what);
        let mut value = json!({"job": index, "what": what});
        if let (Value::Object(fields), Value::Object(more)) = (&mut value, more) {
            fields.extend(more);
        }
        value
    });
    let signers = entry.signers.iter().map(Pubkey::to_string);
    let mut value = json!({
        "sequence": entry.sequence(),
        "at": entry.at,
        "what": kind(entry),
        "from": name(from),
        "to": name(to),
        "reason": entry.reason().map(|reason| reason.name()),
        "signers": signers.collect::<Vec<_>>(),
        "signature": entry.signature.to_string(),
        "jobs": jobs.collect::<Vec<_>>(),
    });
    if let What::Changed(changed) = &entry.what {
        value["replicas"] = json!(changed.replicas);
        value["revision"] = json!(changed.revision);
        value["market"] = json!(changed.moved_to.map(|market| market.to_string()));
        value["reward_lamports"] = json!(changed.reward.map(|reward| reward.lamports));
    }
    value
}

fn kind(entry: &Entry) -> &'static str {
    match entry.what {
        What::Created { .. } => "created",
        What::Changed(_) => "changed",
        What::Closed { .. } => "closed",
    }
}

/// What happened to a job: a word, and the figures.
fn told(event: &JobEvent) -> (&'static str, Value) {
    match event {
        JobEvent::Listed { deposit } => ("listed", json!({"deposit_nos": deposit})),
        JobEvent::Started { started_at } => ("started", json!({"started_at": started_at})),
        JobEvent::Extended { timeout_seconds } => {
            ("prolonged", json!({"timeout_seconds": timeout_seconds}))
        }
        JobEvent::Settled { outcome, .. } => (outcome_name(*outcome), json!({})),
    }
}

fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Recovered => "recovered",
        Outcome::Gone => "gone",
        Outcome::Delisted => "delisted",
        Outcome::Ended => "ended",
        Outcome::WrittenOff => "written off",
    }
}

/// What a change did to jobs, in few words: `0, 1 listed; 2 done`.
fn jobs_brief(jobs: &[JobChange]) -> String {
    let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
    for JobChange { index, what } in jobs {
        let (what, _) = told(what);
        match groups.last_mut() {
            Some((last, indices)) if *last == what => indices.push(index.to_string()),
            _ => groups.push((what, vec![index.to_string()])),
        }
    }
    let each = groups.into_iter().map(|(what, indices)| {
        let jobs = match indices.len() {
            1 => "job",
            _ => "jobs",
        };
        format!("{jobs} {} {what}", indices.join(", "))
    });
    each.collect::<Vec<_>>().join("; ")
}

fn job_json(job: &JobRecord) -> Value {
    json!({
        "job": job.index,
        "revision": job.revision,
        "listed_at": job.listed_at,
        "started_at": job.started_at,
        "ended_at": job.ended_at,
        "node": job.node.map(|node| node.to_string()),
        "outcome": job.outcome.map(outcome_name),
        "deposit_nos": job.deposit_nos,
        "paid_nos": job.nos_paid,
        "returned_nos": job.nos_returned,
        "result": job.result.map(|digest| digest::cid(&digest)),
    })
}

impl HistoryReport {
    fn statuses(entry: &Entry) -> String {
        let (from, to) = entry.statuses();
        match (from, to) {
            (None, None) => kind(entry).to_owned(),
            (None, Some(to)) => format!("created {to}"),
            (Some(from), Some(to)) if from != to => format!("{from} → {to}"),
            (from, to) => to.or(from).map(|it| it.to_string()).unwrap_or_default(),
        }
    }

    fn changes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<Vec<String>> = self
            .history
            .entries
            .iter()
            .map(|entry| {
                let mut status = Self::statuses(entry);
                if let Some(reason) = entry.reason() {
                    status.push_str(&format!(" ({})", reason.name()));
                }
                let signers = entry.signers.iter().map(Pubkey::to_string);
                vec![
                    entry.sequence().to_string(),
                    time(entry.at),
                    status,
                    jobs_brief(entry.jobs()),
                    signers.collect::<Vec<_>>().join(", "),
                ]
            })
            .collect();
        table(f, &["", "TIME (UTC)", "STATUS", "JOBS", "SIGNED BY"], &rows)
    }

    fn jobs(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let jobs = self.history.jobs.values();
        let at = |at: Option<i64>| at.map(time).unwrap_or_default();
        let amount = |units: Option<u64>| units.map(nos).unwrap_or_default();
        let rows: Vec<Vec<String>> = jobs
            .map(|job| {
                let result = job.result.map(|digest| digest::cid(&digest));
                vec![
                    job.index.to_string(),
                    job.outcome.map_or("active", outcome_name).to_owned(),
                    at(job.listed_at),
                    at(job.started_at),
                    at(job.ended_at),
                    amount(job.nos_paid),
                    job.node.as_ref().map(brief).unwrap_or_default(),
                    result.unwrap_or_default(),
                ]
            })
            .collect();
        let head = [
            "JOB",
            "OUTCOME",
            "LISTED (UTC)",
            "STARTED",
            "ENDED",
            "PAID",
            "NODE",
            "RESULT",
        ];
        table(f, &head, &rows)
    }

    fn days(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<Vec<String>> = self
            .history
            .days
            .iter()
            .map(|(at, day)| {
                vec![
                    date(*at),
                    day.listed.to_string(),
                    day.settled.to_string(),
                    nos(day.nos_paid),
                    sol(day.rewards_lamports),
                ]
            })
            .collect();
        let head = ["DAY (UTC)", "JOBS LISTED", "SETTLED", "PAID", "REWARDS"];
        table(f, &head, &rows)
    }

    /// Prints comma-separated values: a line for each job or change.
    fn csv(&self) -> Result<()> {
        let mut writer = csv::Writer::from_writer(std::io::stdout().lock());
        let written = match self.of_jobs {
            true => self.csv_jobs(&mut writer),
            false => self.csv_changes(&mut writer),
        };
        let written = written.and_then(|()| Ok(writer.flush()?));
        Ok(written.map_err(|error| Unprinted(error.into()))?)
    }

    fn csv_jobs(&self, writer: &mut csv::Writer<impl std::io::Write>) -> csv::Result<()> {
        let rows = self.history.jobs.values().map(job_json);
        let names = [
            "job",
            "revision",
            "listed_at",
            "started_at",
            "ended_at",
            "node",
            "outcome",
            "deposit_nos",
            "paid_nos",
            "returned_nos",
            "result",
        ];
        csv_rows(writer, &names, rows)
    }

    fn csv_changes(&self, writer: &mut csv::Writer<impl std::io::Write>) -> csv::Result<()> {
        let rows = self.history.entries.iter().map(|entry| {
            let mut value = entry_json(entry);
            value["jobs"] = json!(jobs_brief(entry.jobs()));
            let signers = entry.signers.iter().map(Pubkey::to_string);
            value["signers"] = json!(signers.collect::<Vec<_>>().join(" "));
            value
        });
        let names = [
            "sequence",
            "at",
            "what",
            "from",
            "to",
            "reason",
            "replicas",
            "revision",
            "jobs",
            "reward_lamports",
            "signers",
            "signature",
        ];
        csv_rows(writer, &names, rows)
    }
}

fn csv_rows(
    writer: &mut csv::Writer<impl std::io::Write>,
    names: &[&str],
    rows: impl Iterator<Item = Value>,
) -> csv::Result<()> {
    writer.write_record(names)?;
    for row in rows {
        writer.write_record(names.iter().map(|name| match row.get(name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }))?;
    }
    Ok(())
}

/// A time's date.
fn date(at: i64) -> String {
    let shown = format::time(at);
    shown.split(' ').next().unwrap_or_default().to_owned()
}

impl fmt::Display for HistoryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.of_jobs {
            true => self.jobs(f)?,
            false => self.changes(f)?,
        }
        if !self.history.days.is_empty() {
            writeln!(f)?;
            self.days(f)?;
        }
        for Gap { first, last } in &self.history.gaps {
            let count = last.saturating_sub(*first).saturating_add(1);
            writeln!(
                f,
                "{} {} missing, numbers {first} to {last}: the RPC node has forgotten them. Another node may know, with --url.",
                bold("Gap:"),
                counted(count, "change"),
            )?;
        }
        Ok(())
    }
}

impl Serialize for HistoryReport {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let history = &self.history;
        let days = history.days.iter().map(|(at, day)| {
            let Day {
                listed,
                settled,
                nos_paid,
                rewards_lamports,
            } = day;
            json!({
                "day": date(*at),
                "jobs_listed": listed,
                "jobs_settled": settled,
                "paid_nos": nos_paid,
                "reward_lamports": rewards_lamports,
            })
        });
        let gaps = history.gaps.iter();
        let gaps = gaps.map(|Gap { first, last }| json!({"first": first, "last": last}));
        json!({
            "deployment": self.deployment.to_string(),
            "changes": history.entries.iter().map(entry_json).collect::<Vec<_>>(),
            "jobs": history.jobs.values().map(job_json).collect::<Vec<_>>(),
            "days": days.collect::<Vec<_>>(),
            "gaps": gaps.collect::<Vec<_>>(),
        })
        .serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_date_a_moment_or_an_age() {
        let midnight = 1_793_491_200;
        assert_eq!("2026-11-01".parse(), Ok(Since::At(midnight)));
        assert_eq!("2026-11-01T00:00:05Z".parse(), Ok(Since::At(midnight + 5)));
        assert_eq!("7d".parse(), Ok(Since::Ago(7 * 86_400)));
        for wrong in ["", "yesterday", "2026-13-01", "7"] {
            assert!(wrong.parse::<Since>().is_err(), "{wrong}");
        }
    }
}
