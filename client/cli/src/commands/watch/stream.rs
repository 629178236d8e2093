//! A deployment as lines of JSON: its state, then every change.

use crate::{
    commands::{history::entry_json, status::StatusReport},
    context::Context,
    output::{say, with_fields},
};
use anyhow::Result;
use nosana_deploy_client::{
    history::{History, What},
    rpc::{ClusterError, Span},
};
use serde::Serialize;
use serde_json::{json, Value};
use solana_program::pubkey::Pubkey;
use solana_signature::Signature;
use std::time::{Duration, Instant};

/// How often something happens.
pub(super) struct Pace {
    /// Between two looks.
    pub(super) interval: Duration,
    /// A line at least this often, so that a reader knows the stream is alive.
    pub(super) heartbeat: Duration,
}

/// Prints the deployment's state, and at a pace, if one is given, each change until it is closed or Ctrl-C.
pub(super) async fn stream(context: &Context, address: &Pubkey, pace: Option<Pace>) -> Result<()> {
    context.cluster.require_program().await?;
    // Before the state, so that no change falls between.
    let mut last = context.cluster.latest_call(address).await?;
    let snapshot = context.cluster.snapshot(address).await?;
    let report = StatusReport::new(&context.profile, &snapshot);
    let (mut seen, mut told_at) = (snapshot.deployment.header.changes, Instant::now());
    line("deployment", &report)?;
    let Some(Pace {
        interval,
        heartbeat,
    }) = pace
    else {
        return Ok(());
    };
    loop {
        let wait = interval.min(heartbeat.saturating_sub(told_at.elapsed()));
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(()),
            () = tokio::time::sleep(wait) => {}
        }
        match newest(context, address, last).await {
            Ok((history, newest)) => {
                last = newest.or(last);
                for entry in &history.entries {
                    if entry.sequence() <= seen {
                        continue;
                    }
                    seen = entry.sequence();
                    line("change", &entry_json(entry))?;
                    told_at = Instant::now();
                    if let What::Closed { .. } = entry.what {
                        return Ok(());
                    }
                }
            }
            // A node that stumbles must not end the stream.
            Err(error) if error.downcast_ref().is_some_and(ClusterError::is_temporary) => {
                line("trouble", &json!({"error": error.to_string()}))?;
                told_at = Instant::now();
            }
            Err(error) => return Err(error),
        }
        if told_at.elapsed() >= heartbeat {
            line("heartbeat", &json!({}))?;
            told_at = Instant::now();
        }
    }
}

/// What happened after a transaction, and the newest one.
async fn newest(
    context: &Context,
    address: &Pubkey,
    after: Option<Signature>,
) -> Result<(History, Option<Signature>)> {
    let span = Span { since: None, after };
    let calls = context.cluster.calls(address, span).await?;
    let newest = calls.first().map(|call| call.signature);
    Ok((History::of(address, calls, None, None), newest))
}

fn line(kind: &str, object: &impl Serialize) -> Result<()> {
    let value: Value = with_fields(object, [("type", json!(kind))]);
    say(value)
}
