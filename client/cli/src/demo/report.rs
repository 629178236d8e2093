//! Prints the demo: a timeline and a table for people, or JSON lines.

use super::ledger::{Balance, Change, Ledger};
use crate::format::{decimal, grouped, signed, time};
use serde_json::{json, Value};
use std::io::{stdout, Write};

/// As `println!`, which panics when the reader of a pipe (`… | head`) has seen enough.
macro_rules! tell {
    ($($text:tt)*) => {
        if writeln!(stdout(), $($text)*).is_err() {
            std::process::exit(1);
        }
    };
}

/// One step that happened on chain.
pub(crate) struct DemoStep<'a> {
    /// What was done.
    pub(crate) name: &'a str,
    /// On-chain time, unix seconds.
    pub(crate) at: i64,
    /// The deployment's status afterwards; empty before it exists.
    pub(crate) status: &'a str,
    /// The transaction's signature.
    pub(crate) signature: &'a str,
    /// Compute units that it took.
    pub(crate) compute_units: u64,
    /// Its network fee.
    pub(crate) fee_lamports: u64,
    /// Who paid what.
    pub(crate) changes: &'a [Change],
}

/// Where the demo's story goes.
pub(crate) struct DemoOutput {
    json: bool,
}

impl DemoOutput {
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// A remark for people; JSON has none.
    pub(crate) fn say(&self, text: &str) {
        if !self.json {
            tell!("{text}");
        }
    }

    /// The clock was moved.
    pub(crate) fn clock(&self, at: i64, why: &str) {
        if self.json {
            tell!("{}", json!({"step": "clock", "time": at, "why": why}));
        } else {
            tell!("{}  ── {why}", time(at));
        }
    }

    /// A transaction was confirmed.
    pub(crate) fn step(&self, step: &DemoStep) {
        if self.json {
            tell!("{}", step_json(step));
            return;
        }
        let signature = step.signature.get(..8).unwrap_or(step.signature);
        tell!(
            "{}  {:<12} {:<18} {signature}…  {:>9} CU",
            time(step.at),
            step.name,
            step.status,
            grouped(step.compute_units)
        );
        for change in step.changes {
            tell!("{:21}{:<18} {}", "", change.name, moved(change));
        }
    }

    /// The last table, or the last line of JSON.
    pub(crate) fn books(&self, ledger: &Ledger) {
        let (nos, lamports) = ledger.imbalance();
        let balanced = (nos, lamports) == (0, 0);
        if self.json {
            tell!("{}", books_json(ledger, balanced));
            return;
        }
        tell!("\n{:<18} {:>37}   {:>43}", "", "NOS", "SOL");
        tell!(
            "{:<18} {:>12} {:>12} {:>12}   {:>14} {:>14} {:>14}",
            "account",
            "start",
            "end",
            "change",
            "start",
            "end",
            "change"
        );
        for (first, now, change) in ledger.lines() {
            tell!("{}", line(change.name, first, now, &change));
        }
        let fees = i128::from(ledger.fees_lamports());
        tell!(
            "{:<18} {:>38}   {:>29} {:>14}",
            "network fees",
            "",
            "",
            signed(fees, 9)
        );
        tell!(
            "{:<18} {:>38}   {:>29} {:>14}",
            "unaccounted for",
            signed(nos, 6),
            "",
            signed(lamports, 9)
        );
        tell!(
            "\nbooks {}",
            if balanced { "balanced" } else { "NOT BALANCED" }
        );
    }
}

fn line(name: &str, first: Balance, now: Balance, change: &Change) -> String {
    format!(
        "{name:<18} {:>12} {:>12} {:>12}   {:>14} {:>14} {:>14}",
        decimal(first.nos.into(), 6),
        decimal(now.nos.into(), 6),
        signed(change.nos, 6),
        decimal(first.lamports.into(), 9),
        decimal(now.lamports.into(), 9),
        signed(change.lamports, 9),
    )
}

fn step_json(step: &DemoStep) -> Value {
    let changes = step.changes.iter().map(change_json);
    json!({
        "step": step.name,
        "time": step.at,
        "status": step.status,
        "signature": step.signature,
        "compute_units": step.compute_units,
        "fee_lamports": step.fee_lamports,
        "changes": changes.collect::<Vec<_>>(),
    })
}

fn change_json(change: &Change) -> Value {
    // Numbers that no double holds exactly go out as strings.
    json!({
        "account": change.name,
        "nos": change.nos.to_string(),
        "lamports": change.lamports.to_string(),
    })
}

fn books_json(ledger: &Ledger, balanced: bool) -> Value {
    let (nos, lamports) = ledger.imbalance();
    let lines = ledger.lines().into_iter().map(|(first, now, change)| {
        json!({
            "account": change.name,
            "start": {"nos": first.nos.to_string(), "lamports": first.lamports.to_string()},
            "end": {"nos": now.nos.to_string(), "lamports": now.lamports.to_string()},
        })
    });
    json!({
        "books": lines.collect::<Vec<_>>(),
        "fees_lamports": ledger.fees_lamports().to_string(),
        "unaccounted_for": {"nos": nos.to_string(), "lamports": lamports.to_string()},
        "balanced": balanced,
    })
}

fn moved(change: &Change) -> String {
    let nos = (change.nos != 0).then(|| format!("{} NOS", signed(change.nos, 6)));
    let sol = (change.lamports != 0).then(|| format!("{} SOL", signed(change.lamports, 9)));
    nos.into_iter().chain(sol).collect::<Vec<_>>().join("  ")
}
