//! Records what became of actions, in the log and in the metrics.

use super::{Prepared, Progress};
use crate::{metrics::Outcome, Keeper, KeeperError};
use nosana_deploy_client::{
    keeper::plan::{Action, Snapshot},
    rpc::{ClusterError, Receipt},
};
use std::time::Instant;

/// An action whose outcome is to be recorded.
pub(super) struct Entry<'a> {
    snapshot: &'a Snapshot,
    action: Action,
    /// On-chain time since when it was due, unix seconds.
    due_since: i64,
    looked: Instant,
}

impl Keeper {
    /// An entry for `action`, which was due when it was `noticed` unless the chain knows better.
    pub(super) fn entry<'a>(
        &self,
        snapshot: &'a Snapshot,
        action: Action,
        noticed: i64,
        looked: Instant,
    ) -> Entry<'a> {
        let (_, since) = snapshot.why(&action);
        Entry {
            snapshot,
            action,
            due_since: since.unwrap_or(noticed),
            looked,
        }
    }

    /// Sends what is worth sending, and records the outcome.
    pub(super) async fn finish(
        &self,
        entry: Entry<'_>,
        prepared: &Prepared,
    ) -> Result<Progress, KeeperError> {
        if let Some(outcome) = self.why_not(entry.snapshot, prepared) {
            self.record(&entry, prepared.jobs, outcome, "");
            return Ok(Progress::Skipped);
        }
        if self.config.dry_run {
            entry.log_dry_run(prepared);
            return Ok(Progress::Skipped);
        }
        let kind = entry.action.kind();
        let sent = self.sign_and_send(kind, prepared).await;
        if matches!(sent, Ok(_) | Err(ClusterError::Failed { .. })) {
            let (fee, rents) = (prepared.fee_lamports, &entry.snapshot.rents);
            self.tables.wish(&prepared.wishes, fee, rents);
        }
        self.record_sent(&entry, prepared.jobs, sent)
    }

    /// Why a transaction is not worth sending, if it is not.
    fn why_not(&self, snapshot: &Snapshot, prepared: &Prepared) -> Option<Outcome> {
        let loss = u64::try_from(prepared.gain_lamports.saturating_neg()).unwrap_or(0);
        if loss == 0 {
            return None;
        }
        if self.config.profitable_only {
            return Some(Outcome::Unprofitable);
        }
        if prepared.left_lamports < self.config.low_balance_lamports {
            return Some(Outcome::LowBalance);
        }
        let owner = &snapshot.deployment.header.owner;
        let affordable = self.config.dry_run || self.losses.take(owner, loss, snapshot.now);
        (!affordable).then_some(Outcome::OverBudget)
    }

    fn record_sent(
        &self,
        entry: &Entry,
        jobs: usize,
        sent: Result<Receipt, ClusterError>,
    ) -> Result<Progress, KeeperError> {
        match sent {
            Ok(receipt) => {
                let signature = receipt.signature.to_string();
                self.record(entry, jobs, Outcome::Done, &signature);
                Ok(Progress::Changed(receipt.slot))
            }
            Err(ClusterError::Failed { slot, reason, .. }) => {
                self.record(entry, jobs, Outcome::Lost, &reason);
                Ok(Progress::Changed(slot))
            }
            Err(ClusterError::Refused(reason)) => {
                self.record(entry, jobs, Outcome::Refused, &reason);
                Ok(Progress::Refused(reason))
            }
            Err(error @ (ClusterError::Expired(_) | ClusterError::Unconfirmed { .. })) => {
                self.record(entry, jobs, Outcome::Expired, &error.to_string());
                Err(error.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn record(&self, entry: &Entry, jobs: usize, outcome: Outcome, detail: &str) {
        let lag = match outcome {
            Outcome::Unprofitable | Outcome::OverBudget | Outcome::LowBalance => 0,
            _ => entry.lag_seconds(),
        };
        self.metrics.acted(entry.action.kind(), outcome, jobs, lag);
        tracing::info!(
            deployment = %entry.snapshot.deployment.address, action = %entry.action,
            reason = entry.reason(), outcome = outcome.name(), lag_seconds = lag, detail,
        );
    }

    /// Records that simulations refused every part of an action.
    pub(super) fn record_refusal(&self, snapshot: &Snapshot, action: &Action, refusal: &str) {
        self.metrics.acted(action.kind(), Outcome::Refused, 0, 0);
        let deployment = snapshot.deployment.address;
        tracing::debug!(%deployment, %action, refusal, "refused by a simulation");
    }
}

impl Entry<'_> {
    fn reason(&self) -> &'static str {
        self.snapshot.why(&self.action).0
    }

    fn lag_seconds(&self) -> i64 {
        let elapsed = i64::try_from(self.looked.elapsed().as_secs()).unwrap_or(0);
        let now = self.snapshot.now.saturating_add(elapsed);
        now.saturating_sub(self.due_since)
    }

    fn log_dry_run(&self, prepared: &Prepared) {
        tracing::info!(
            deployment = %self.snapshot.deployment.address, action = %self.action,
            reason = self.reason(), fee_lamports = prepared.fee_lamports,
            gain_lamports = i64::try_from(prepared.gain_lamports).unwrap_or(0),
            "would be sent"
        );
    }
}
