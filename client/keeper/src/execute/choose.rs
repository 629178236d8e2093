//! Chooses what to do next for a deployment.

use super::{Executed, Progress};
use crate::{Keeper, KeeperError};
use nosana_deploy_client::{
    keeper::{
        plan::{Action, Snapshot},
        task_queue::Task,
    },
    rpc::ClusterError,
};
use solana_program::pubkey::Pubkey;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// More actions than this in a row are another keeper's turn, or a mistake.
const MAX_ACTIONS: usize = 64;
/// After so many refused simulations for one action, the rest of it waits for its next turn.
const MAX_REFUSALS: usize = 4;
/// After a lost race, until the cluster's nodes agree on what happened.
const SETTLING_TIME: Duration = Duration::from_millis(500);

impl Keeper {
    /// Does everything that is due for a deployment, and goes on past what is refused.
    ///
    /// # Errors
    /// [`KeeperError`] if something due could not be done; the first such thing, once the rest is.
    pub(crate) async fn execute(&self, task: Task) -> Result<Executed, KeeperError> {
        let (key, mut known) = (task.account.address, task.account);
        let (mut at_least, mut retries) = (task.slot, 1);
        let mut skipped: Vec<&'static str> = Vec::new();
        let mut refused = None;
        // What the first look shows was due when this deployment was noticed; what comes up later, by
        // what was done meanwhile, since then.
        let mut due_since: HashMap<&'static str, i64> = HashMap::new();
        let mut noticed = task.since;
        let access_keys = self.access_keys();
        for _ in 0..MAX_ACTIONS {
            if self.is_stopping() {
                return Err(KeeperError::Stopping);
            }
            let look = match self.cluster.look(known, &task.runs, at_least).await {
                Err(ClusterError::Missing { .. }) => return Ok(Executed::Closed),
                look => look?,
            };
            let (snapshot, slot) = (look.snapshot, look.slot);
            tracing::trace!(deployment = %key, slot, at_least, now = snapshot.now, "looked");
            let due = snapshot.due_with(&access_keys);
            for action in &due {
                due_since.entry(action.kind()).or_insert(noticed);
            }
            noticed = snapshot.now;
            let mut due = due.into_iter();
            let Some(action) = due.find(|action| !skipped.contains(&action.kind())) else {
                return match refused {
                    Some(refused) => Err(refused),
                    None if skipped.is_empty() => {
                        Ok(Executed::NothingDue(Box::new(snapshot), slot))
                    }
                    None => Ok(Executed::LeftUndone(Box::new(snapshot), slot)),
                };
            };
            let since = due_since.get(action.kind()).copied().unwrap_or(noticed);
            match self
                .attempt(&snapshot, &action, since, retries == 0)
                .await?
            {
                Progress::Changed(slot) => (at_least, retries) = (slot, 1),
                Progress::Skipped => skipped.push(action.kind()),
                // It may have been done between the look and the simulation.
                Progress::Refused(_) if retries > 0 => {
                    retries = 0;
                    at_least = slot.saturating_add(1);
                    tokio::time::sleep(SETTLING_TIME).await;
                }
                Progress::Held => {
                    skipped.push(action.kind());
                    let reason = "its jobs wait after earlier refusals".to_owned();
                    refused.get_or_insert(KeeperError::Refused { action, reason });
                }
                // The deployment's other kinds of action do not wait for it.
                Progress::Refused(reason) => {
                    skipped.push(action.kind());
                    retries = 1;
                    refused.get_or_insert(KeeperError::Refused { action, reason });
                }
            }
            known = snapshot.deployment;
        }
        Err(KeeperError::TooManyActions(MAX_ACTIONS))
    }

    /// How long to wait before acting, so that a faster keeper is not raced: different for each keeper,
    /// deployment and minute, so that the keepers take turns.
    pub(crate) fn delay(&self, key: &Pubkey, now: i64) -> Duration {
        let minute = now.div_euclid(60).to_le_bytes();
        let parts = [&self.address().to_bytes()[..], &key.to_bytes(), &minute];
        let hash = solana_program::hash::hashv(&parts).to_bytes();
        let share = u32::from(u16::from_le_bytes([hash[0], hash[1]]));
        self.config
            .stagger
            .saturating_mul(share)
            .checked_div(u32::from(u16::MAX))
            .unwrap_or_default()
    }

    /// Does as much of an action as fits into one transaction. One job that cannot be handled holds up
    /// no other. Refused jobs are remembered once others went through without them, or if `is_last`:
    /// before that, somebody may just have been faster.
    async fn attempt(
        &self,
        snapshot: &Snapshot,
        action: &Action,
        noticed: i64,
        is_last: bool,
    ) -> Result<Progress, KeeperError> {
        let looked = Instant::now();
        let (key, now) = (snapshot.deployment.address, snapshot.now);
        let missing = self.missing_accounts(action).await?;
        let is_payable = |node: Option<&Pubkey>| {
            self.config.creates_node_accounts || node.is_none_or(|node| !missing.contains(node))
        };
        let Some(payable) = action.only(|_, node| is_payable(node)) else {
            self.record_refusal(snapshot, action, "its nodes have no NOS accounts");
            return Ok(Progress::Skipped);
        };
        let Some(possible) = payable.only(|index, _| !self.refusals.holds(&key, index, now)) else {
            return Ok(Progress::Held);
        };
        let (mut rest, mut refused, mut refusal) = (Some(possible), Vec::new(), String::new());
        let remember = |refused: &[u64]| {
            for index in refused {
                self.refusals.note(&key, *index, now);
            }
        };
        while let Some(part) = rest.take().filter(|_| refused.len() < MAX_REFUSALS) {
            match self.prepare(snapshot, &part, &missing).await? {
                Ok(prepared) => {
                    remember(&refused);
                    let part = part.first(prepared.jobs);
                    if let Some(index) = part.first_index() {
                        self.refusals.forget(&key, index);
                    }
                    let entry = self.entry(snapshot, part, noticed, looked);
                    return self.finish(entry, &prepared).await;
                }
                Err(reason) => {
                    refusal = reason;
                    refused.extend(part.first_index());
                    rest = part.after(1);
                }
            }
        }
        if is_last {
            remember(&refused);
        }
        self.record_refusal(snapshot, action, &refusal);
        Ok(Progress::Refused(refusal))
    }
}
