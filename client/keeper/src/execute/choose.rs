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
use std::time::{Duration, Instant};

/// More actions than this in a row are another keeper's turn, or a mistake.
const MAX_ACTIONS: usize = 64;
/// After a lost race, until the cluster's nodes agree on what happened.
const SETTLING_TIME: Duration = Duration::from_millis(500);

impl Keeper {
    /// Does everything that is due for a deployment. Unless `at_once`, it first gives a faster keeper
    /// time to do it.
    ///
    /// # Errors
    /// [`KeeperError`] if something due could not be done.
    pub(crate) async fn execute(&self, task: Task, at_once: bool) -> Result<Executed, KeeperError> {
        let (key, mut known) = (task.account.address, task.account);
        let (mut at_least, mut retries) = (task.slot, 1);
        let mut is_my_turn = at_once || self.config.stagger.is_zero();
        let mut skipped: Vec<&'static str> = Vec::new();
        for _ in 0..MAX_ACTIONS {
            let look = match self.cluster.look(known, &task.runs, at_least).await {
                Err(ClusterError::Missing { .. }) => return Ok(Executed::Closed),
                look => look?,
            };
            let (snapshot, slot) = (look.snapshot, look.slot);
            tracing::trace!(deployment = %key, slot, at_least, now = snapshot.now, "looked");
            let mut due = snapshot.due().into_iter();
            let Some(action) = due.find(|action| !skipped.contains(&action.kind())) else {
                return Ok(Executed::NothingDue(Box::new(snapshot), slot));
            };
            if !is_my_turn {
                tokio::time::sleep(self.delay(&key, snapshot.now)).await;
                (known, at_least, is_my_turn) = (snapshot.deployment, slot, true);
                continue;
            }
            match self.attempt(&snapshot, &action, task.since).await? {
                Progress::Changed(slot) => (at_least, retries) = (slot, 1),
                Progress::Skipped => skipped.push(action.kind()),
                // It may have been done between the look and the simulation.
                Progress::Refused(_) if retries > 0 => {
                    retries = 0;
                    at_least = slot.saturating_add(1);
                    tokio::time::sleep(SETTLING_TIME).await;
                }
                Progress::Refused(reason) => return Err(KeeperError::Refused { action, reason }),
            }
            known = snapshot.deployment;
        }
        Err(KeeperError::TooManyActions(MAX_ACTIONS))
    }

    /// How long to wait before acting. Gives each keeper a different delay for each deployment and
    /// minute, so that the keepers take turns.
    fn delay(&self, key: &Pubkey, now: i64) -> Duration {
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
    /// no other.
    async fn attempt(
        &self,
        snapshot: &Snapshot,
        action: &Action,
        noticed: i64,
    ) -> Result<Progress, KeeperError> {
        let looked = Instant::now();
        let mut rest = Some(action.clone());
        let mut refusal = String::new();
        while let Some(part) = rest {
            match self.prepare(snapshot, &part).await? {
                Ok(prepared) => {
                    let part = part.first(prepared.jobs);
                    let entry = self.entry(snapshot, part, noticed, looked);
                    return self.finish(entry, &prepared).await;
                }
                Err(reason) => {
                    refusal = reason;
                    rest = part.after(1);
                }
            }
        }
        self.record_refusal(snapshot, action, &refusal);
        Ok(Progress::Refused(refusal))
    }
}
