//! How long a vault lasts, for people and for programs.

use crate::format::{self, counted, duration};
use nosana_deploy_client::forecast::{Forecast, Runway};
use serde_json::{json, Value};

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
                format::time(until)
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

pub(crate) fn runway_json(forecast: &Forecast) -> Value {
    match forecast.runway {
        Runway::Idle => json!({"kind": "idle"}),
        Runway::Free => json!({"kind": "free"}),
        Runway::Enough => json!({"kind": "enough"}),
        Runway::Short { paid, wanted } => json!({"kind": "short", "paid": paid, "wanted": wanted}),
        Runway::Until(until) => json!({"kind": "until", "until": until}),
    }
}
