//! The lines of a deployment.

use super::runway::{runway, runway_json};
use crate::{
    commands::endpoints::{self, endpoint_facts},
    format::{self, counted, duration, nos, nos_sum, sol, when},
    output::{self, Facts},
    profile::Profile,
    terms,
};
use nosana_deploy_client::domain::{
    settings::{Overlap, Strategy},
    status::{Reason, Status},
};
use nosana_deploy_client::{
    digest,
    forecast::{forecast, Forecast},
    keeper::plan::Snapshot,
};
use serde_json::{json, Value};

pub(super) fn facts(profile: &Profile, snapshot: &Snapshot) -> Facts {
    let (deployment, now) = (&snapshot.deployment, snapshot.now);
    let header = &deployment.header;
    let mut facts = Facts::default();
    facts.text("Deployment", "deployment", snapshot.deployment.address);
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
        format!("{}, {}", header.market, format::market(&snapshot.market)),
        "market",
        header.market.to_string(),
    );
    if let Some(access_key) = deployment.access_key() {
        let shown = format!("{access_key}: only keepers that have it list its jobs");
        facts.add("Access key", shown, "access_key", access_key.to_string());
    }
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
    if let Some(endpoints) = endpoints::known(profile, deployment) {
        endpoint_facts(&endpoints, &mut facts);
    }
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
    let settings = &deployment.lifecycle.settings;
    if let Some(schedule) = settings.schedule {
        facts.add("", "", "schedule", schedule.to_string());
        facts.add("", "", "overlap", settings.overlap.name());
    }
    if settings.strategy == Strategy::Infinite {
        facts.add("", "", "rotation_seconds", settings.rotation_seconds);
    }
    facts.add(
        "Strategy",
        terms::strategy(settings),
        "strategy",
        settings.strategy.name(),
    );
    facts.add("", "", "auto_extend", header.auto_extend != 0);
    terms::replicas(settings, facts);
    terms::price_cap(settings, facts);
    terms::keeper_reward(settings, facts);
    let fee = format!(
        "at most {} % of a deposit; if keepers report FeeTooHigh, raise it with update --max-fee-bps",
        format::percent(header.max_fee_bps)
    );
    facts.add("Network fee", fee, "max_fee_bps", header.max_fee_bps);
    if header.retries > 0 {
        let shown = format!("{} of a round", counted(header.retries, "quit job"));
        facts.add("Listed again", shown, "retries", header.retries);
    }
    queue_facts(snapshot, facts);
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

/// How long jobs may wait for a node, and what waits behind one that does.
fn queue_facts(snapshot: &Snapshot, facts: &mut Facts) {
    let lifecycle = &snapshot.deployment.lifecycle;
    let wait = lifecycle.settings.max_queue_seconds;
    if wait > 0 {
        let shown = format!(
            "at most {} for a node, then a job is taken off the market",
            duration(wait.into())
        );
        facts.add("Waits", shown, "max_queue_seconds", wait);
    }
    let not_taken = snapshot.deployment.header.not_taken;
    if not_taken > 0 {
        let of = match lifecycle.settings.strategy {
            Strategy::Scheduled => "the last firing",
            _ => "the round",
        };
        let shown = format!(
            "{} of {of} in time; the deposits are back",
            counted(not_taken, "job")
        );
        facts.add("No node took", shown, "jobs_not_taken", not_taken);
    }
    let mut queued = snapshot.jobs.iter().filter(|job| job.queued);
    let is_held =
        lifecycle.settings.overlap == Overlap::Forbid && lifecycle.next_due_at <= snapshot.now;
    if let (true, Some(job)) = (is_held, queued.next()) {
        let (index, limit) = (
            job.slot.index,
            match wait {
                0 => "; update --max-queue-minutes limits that",
                _ => "",
            },
        );
        let shown =
            format!("job {index} waits for a node, and overlap FORBID lists none beside it{limit}");
        facts.add("Firing held", shown, "firing_held_by", index);
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

/// The status in a sentence, with what brought it about.
pub(crate) fn why(snapshot: &Snapshot) -> String {
    let deployment = &snapshot.deployment;
    let header = &deployment.header;
    match deployment.status() {
        Status::Error => deployment.reason().description().into(),
        Status::InsufficientFunds => {
            let Forecast { needed_nos, .. } = forecast(snapshot);
            let needed = needed_nos.map_or_else(String::new, |job| {
                format!(
                    " A job needs {}, the network's highest fee included, and rent of {}.",
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
        Status::Stopping if deployment.lifecycle.draining => {
            format!(
                "Asked to drain; {} to end by themselves or at their deadline. stop ends them at once.",
                counted(header.active, "job")
            )
        }
        Status::Stopping => {
            format!(
                "Asked to stop; {} to be ended by keepers.",
                counted(header.active, "job")
            )
        }
        // Not as if it had run.
        Status::Stopped if header.quit > 0 => {
            let jobs = counted(header.quit, "job");
            let were = if header.quit == 1 { "was" } else { "were" };
            let stopped = deployment.status().description();
            format!("{stopped} Of its last round, {jobs} {were} quit by their nodes.")
        }
        status => status.meaning(deployment.strategy()).into(),
    }
}
