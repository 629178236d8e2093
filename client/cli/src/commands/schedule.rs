//! `schedule`: when a cron expression fires.

use crate::{
    exit::invalid,
    format::{duration, time},
    output::Output,
};
use anyhow::{Context as _, Result};
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use clap::Args;
use nosana_deploy_client::domain::cron::Schedule;
use serde::Serialize;
use serde_json::json;
use std::{fmt, time::SystemTime};

/// Show when a cron expression fires, in UTC, without a cluster
#[derive(Args)]
pub(crate) struct Show {
    /// Five fields: minute, hour, day of month, month, day of week; for example "0 0 * * *"
    cron: String,
    /// How many firings
    #[arg(long, short = 'n', default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
    /// After this time: 2026-01-31, "2026-01-31 12:00:00" or unix seconds, in UTC [default: now]
    #[arg(long, value_parser = parse_time, value_name = "TIME")]
    after: Option<i64>,
}

fn parse_time(text: &str) -> Result<i64, String> {
    let day = || {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    };
    let moment = || NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok();
    let unix = || DateTime::from_timestamp(text.parse().ok()?, 0).map(|time| time.naive_utc());
    let found = unix().or_else(moment).or_else(day);
    found
        .map(|time| time.and_utc().timestamp())
        .ok_or_else(|| "use 2026-01-31, \"2026-01-31 12:00:00\" or unix seconds".into())
}

impl Show {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let schedule = Schedule::parse(&self.cron)
            .map_err(|error| invalid(format!("schedule: {:?} is not valid; {error}", self.cron)))?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = i64::try_from(now.context("the clock is before 1970")?.as_secs())?;
        let after = self.after.unwrap_or(now);
        let mut firings: Vec<i64> = Vec::new();
        while firings.len() < usize::from(self.count) {
            let last = firings.last().copied().unwrap_or(after);
            let Some(next) = schedule.next_after(last) else {
                break;
            };
            firings.push(next);
        }
        output.print(&Firings {
            cron: schedule.to_string(),
            after,
            firings,
        })
    }
}

struct Firings {
    cron: String,
    after: i64,
    firings: Vec<i64>,
}

impl fmt::Display for Firings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for firing in &self.firings {
            let away = duration(firing.saturating_sub(self.after).unsigned_abs());
            let day =
                DateTime::from_timestamp(*firing, 0).map(|time| time.format("%a").to_string());
            writeln!(
                f,
                "{} {} UTC  in {away}",
                day.unwrap_or_default(),
                time(*firing)
            )?;
        }
        Ok(())
    }
}

impl Serialize for Firings {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = json!({"schedule": self.cron, "after": self.after, "firings": self.firings});
        value.serialize(serializer)
    }
}
