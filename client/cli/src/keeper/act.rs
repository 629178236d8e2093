//! Deals with one deployment: looks, does what is due, looks again, until nothing is.

use super::{metrics::Outcome, Keeper};
use anyhow::Result;
use nosana_deploy_client::{
    instructions::{common_addresses, create_nos_account, nos_account_address},
    plan::{Action, Snapshot},
    rpc::{ClusterError, Receipt, Simulation},
    transaction::{assemble, compute_unit_limit, Budget, Lifetime, MAX_COMPUTE_UNITS},
    watch::Task,
};
use solana_message::{AddressLookupTableAccount, VersionedMessage};
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_transaction::versioned::VersionedTransaction;
use std::time::{Duration, Instant};

/// More actions than this in a row are another keeper's turn, or a mistake.
const MOST_ACTIONS: usize = 64;
/// More jobs than this never fit into one transaction.
const MOST_JOBS: usize = 32;
/// After a lost race, until the cluster's nodes agree on what happened.
const SETTLING_TIME: Duration = Duration::from_millis(500);

/// How it stands with a deployment.
pub(super) enum Tended {
    /// Everything due is done, or cannot be done now, as of this slot.
    Rest(Box<Snapshot>, u64),
    /// It is closed.
    Gone,
}

/// What became of an action, as far as going on is concerned.
enum Acted {
    /// Something is done, or somebody did it, by this slot: look again.
    Changed(u64),
    /// A simulation refused all of it, for this reason.
    Refused(String),
    /// Not worth it.
    Unprofitable,
}

/// A part of an action that a simulation accepts, ready to be signed.
struct Prepared {
    message: VersionedMessage,
    lifetime: Lifetime,
    jobs: usize,
    /// What it costs the keeper and earns it, in lamports.
    fee_lamports: u64,
    gain_lamports: i128,
}

/// What a simulation made of a part of an action.
enum Attempt {
    Ready(Box<Prepared>),
    Refused(String),
}

impl Keeper {
    /// Does everything that is due for a deployment.
    pub(super) async fn tend(&self, task: Task) -> Result<Tended> {
        let (key, mut known) = (task.key, task.account);
        let (mut at_least, mut patience) = (task.slot, 1);
        let mut is_my_turn = self.config.once || self.config.stagger.is_zero();
        let mut skipped: Vec<&'static str> = Vec::new();
        for _ in 0..MOST_ACTIONS {
            let look = match self.cluster.look(&key, known, &task.runs, at_least).await {
                Err(ClusterError::Missing { .. }) => return Ok(Tended::Gone),
                look => look?,
            };
            let (snapshot, slot) = (look.snapshot, look.slot);
            tracing::trace!(deployment = %key, slot, at_least, now = snapshot.now, "looked");
            let mut due = snapshot.due().into_iter();
            let Some(action) = due.find(|action| !skipped.contains(&action.kind())) else {
                return Ok(Tended::Rest(Box::new(snapshot), slot));
            };
            if !is_my_turn {
                tokio::time::sleep(self.turn(&key, snapshot.now)).await;
                (known, at_least, is_my_turn) = (snapshot.deployment, slot, true);
                continue;
            }
            match self.act(&snapshot, &action, task.since).await? {
                Acted::Changed(slot) => (at_least, patience) = (slot, 1),
                Acted::Unprofitable => skipped.push(action.kind()),
                // It may have been done between the look and the simulation.
                Acted::Refused(_) if patience > 0 => {
                    patience = 0;
                    at_least = slot.saturating_add(1);
                    tokio::time::sleep(SETTLING_TIME).await;
                }
                Acted::Refused(reason) => anyhow::bail!("{action} is refused: {reason}"),
            }
            known = snapshot.deployment;
        }
        anyhow::bail!("{MOST_ACTIONS} actions in a row")
    }

    /// How long to wait before acting: another time for each keeper, deployment and minute, so that
    /// the turn goes round.
    fn turn(&self, key: &Pubkey, now: i64) -> Duration {
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

    /// Does as much of an action as fits into one transaction.
    async fn act(&self, snapshot: &Snapshot, action: &Action, noticed: i64) -> Result<Acted> {
        let looked = Instant::now();
        let (reason, since) = snapshot.why(action);
        let mut rest = Some(action.clone());
        let mut refusal = String::new();
        while let Some(part) = rest {
            let prepared = match self.prepare(snapshot, &part).await? {
                Attempt::Ready(prepared) => prepared,
                // One job that cannot be handled holds up no other.
                Attempt::Refused(why) => {
                    refusal = why;
                    rest = part.after(1);
                    continue;
                }
            };
            let part = part.first(prepared.jobs);
            let entry = |outcome: Outcome, lag: i64, detail: &str| {
                self.metrics
                    .acted(action.kind(), outcome, prepared.jobs, lag);
                tracing::info!(
                    deployment = %snapshot.key, action = %part, reason,
                    outcome = outcome.name(), lag_seconds = lag, detail,
                );
            };
            if self.config.profitable_only && prepared.gain_lamports < 0 {
                entry(Outcome::Unprofitable, 0, "");
                return Ok(Acted::Unprofitable);
            }
            if self.config.dry_run {
                tracing::info!(
                    deployment = %snapshot.key, action = %part, reason,
                    fee_lamports = prepared.fee_lamports,
                    gain_lamports = i64::try_from(prepared.gain_lamports).unwrap_or(0),
                    "would be sent"
                );
                return Ok(Acted::Unprofitable);
            }
            let outcome = self.sign_and_send(&prepared).await;
            let elapsed = i64::try_from(looked.elapsed().as_secs()).unwrap_or(0);
            let lag = snapshot
                .now
                .saturating_add(elapsed)
                .saturating_sub(since.unwrap_or(noticed));
            return match outcome {
                Ok(receipt) => {
                    entry(Outcome::Done, lag, &receipt.signature.to_string());
                    Ok(Acted::Changed(receipt.slot))
                }
                Err(ClusterError::Failed { slot, reason, .. }) => {
                    entry(Outcome::Lost, lag, &reason);
                    Ok(Acted::Changed(slot))
                }
                Err(ClusterError::Refused(why)) => {
                    entry(Outcome::Refused, lag, &why);
                    Ok(Acted::Refused(why))
                }
                Err(error @ ClusterError::Expired(_)) => {
                    entry(Outcome::Expired, lag, &error.to_string());
                    Err(error.into())
                }
                Err(error) => Err(error.into()),
            };
        }
        self.metrics.acted(action.kind(), Outcome::Refused, 0, 0);
        tracing::debug!(deployment = %snapshot.key, %action, refusal, "refused by a simulation");
        Ok(Acted::Refused(refusal))
    }

    /// The largest first part of an action that fits into a transaction and passes a simulation.
    async fn prepare(&self, snapshot: &Snapshot, action: &Action) -> Result<Attempt> {
        let lifetime = Lifetime::Blockhash(self.cluster.latest_blockhash().await?.0);
        let missing = self.missing_accounts(action).await?;
        let mut jobs = self.fitting(snapshot, action, &missing, lifetime).await?;
        loop {
            let part = action.first(jobs);
            let instructions = self.instructions(snapshot, &part, &missing);
            let tables = self.tables.known().await;
            match self.simulated(&instructions, &tables, lifetime).await {
                Ok((message, fee_lamports, gain_lamports)) => {
                    return Ok(Attempt::Ready(Box::new(Prepared {
                        message,
                        lifetime,
                        jobs,
                        fee_lamports,
                        gain_lamports,
                    })))
                }
                // Too many compute units, too little heap, or one job that stops all: fewer do.
                Err(ClusterError::Refused(_)) if jobs > 1 => jobs /= 2,
                Err(ClusterError::Refused(why)) => return Ok(Attempt::Refused(why)),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// How many jobs of an action fit into a packet. With many, a lookup table pays.
    async fn fitting(
        &self,
        snapshot: &Snapshot,
        action: &Action,
        missing: &[Pubkey],
        lifetime: Lifetime,
    ) -> Result<usize> {
        let wanted = action.jobs().min(MOST_JOBS);
        let fits = |tables: &[AddressLookupTableAccount]| {
            (1..=wanted).rev().find(|jobs| {
                let instructions = self.instructions(snapshot, &action.first(*jobs), missing);
                assemble(&self.address(), &instructions, tables, &FULL, lifetime).is_ok()
            })
        };
        let mut most = fits(&self.tables.known().await).unwrap_or(1);
        let header = &snapshot.deployment.header;
        let of_the_market = common_addresses(&header.market);
        let of_its_own = vec![snapshot.key, header.vault, header.vault_nos];
        for wanting in [of_the_market, of_its_own] {
            let pays = most < wanted && !self.config.profitable_only;
            if pays && self.add_to_lookup_table(&wanting).await? {
                most = fits(&self.tables.known().await).unwrap_or(1);
            }
        }
        Ok(most)
    }

    /// Nodes whose NOS account must exist before their job can be ended, and does not.
    async fn missing_accounts(&self, action: &Action) -> Result<Vec<Pubkey>, ClusterError> {
        let Action::Stop(jobs) = action else {
            return Ok(Vec::new());
        };
        let runs = jobs.iter().filter_map(|(job, _)| job.run);
        let mut nodes: Vec<Pubkey> = runs.map(|run| run.node).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let keys: Vec<Pubkey> = nodes.iter().map(nos_account_address).collect();
        let found = self.cluster.accounts(&keys).await?;
        let missing = nodes.into_iter().zip(found);
        let missing = missing.filter_map(|(node, account)| account.is_none().then_some(node));
        Ok(missing.collect())
    }

    fn instructions(
        &self,
        snapshot: &Snapshot,
        action: &Action,
        missing: &[Pubkey],
    ) -> Vec<Instruction> {
        let me = self.address();
        let mut instructions = Vec::new();
        if let Action::Stop(jobs) = action {
            let of_a_job = |node: &&Pubkey| {
                jobs.iter()
                    .any(|(job, _)| job.run.is_some_and(|run| run.node == **node))
            };
            let nodes = missing.iter().filter(of_a_job);
            instructions.extend(nodes.map(|node| create_nos_account(&me, node)));
        }
        instructions.push(action.instruction(&me, snapshot));
        instructions
    }

    /// The message with a budget made of its simulation, what it costs in fees and what it earns
    /// all told.
    pub(super) async fn simulated(
        &self,
        instructions: &[Instruction],
        tables: &[AddressLookupTableAccount],
        lifetime: Lifetime,
    ) -> Result<(VersionedMessage, u64, i128), ClusterError> {
        const LAMPORTS_PER_SIGNATURE: u64 = 5_000;
        let me = self.address();
        let assembled = |budget: &Budget| {
            assemble(&me, instructions, tables, budget, lifetime)
                .map_err(|error| ClusterError::Refused(error.to_string()))
        };
        let trial = assembled(&TRIAL)?;
        let simulation = self.cluster.simulate(&trial, lifetime).await?;
        let mut budget = Budget {
            compute_unit_limit: Some(compute_unit_limit(simulation.compute_units)),
            compute_unit_price_micro_lamports: None,
        };
        if self.config.pays_priority_fees() {
            let keys = trial.static_account_keys();
            let recent = self.cluster.recent_fees(keys).await?;
            let price = self.config.compute_unit_price(&recent);
            budget.compute_unit_price_micro_lamports = (price > 0).then_some(price);
        }
        let message = assembled(&budget)?;
        let signatures = u64::from(message.header().num_required_signatures);
        let fee_lamports = signatures
            .saturating_mul(LAMPORTS_PER_SIGNATURE)
            .saturating_add(budget.priority_fee_lamports());
        let gain_lamports = gain(&simulation, &me, budget.priority_fee_lamports());
        Ok((message, fee_lamports, gain_lamports))
    }

    async fn sign_and_send(&self, prepared: &Prepared) -> Result<Receipt, ClusterError> {
        let message = prepared.message.clone();
        let transaction = VersionedTransaction::try_new(message, &[&self.wallet])
            .map_err(|error| ClusterError::Refused(error.to_string()))?;
        let sent = self.cluster.send(&transaction, prepared.lifetime).await;
        if matches!(sent, Ok(_) | Err(ClusterError::Failed { .. })) {
            self.metrics.paid(prepared.fee_lamports);
        }
        sent
    }

    /// Simulates, signs and sends instructions of the keeper's own.
    pub(super) async fn submit(
        &self,
        instructions: &[Instruction],
        tables: &[AddressLookupTableAccount],
    ) -> Result<Receipt, ClusterError> {
        let lifetime = Lifetime::Blockhash(self.cluster.latest_blockhash().await?.0);
        let (message, fee_lamports, gain_lamports) =
            self.simulated(instructions, tables, lifetime).await?;
        let prepared = Prepared {
            message,
            lifetime,
            jobs: 0,
            fee_lamports,
            gain_lamports,
        };
        self.sign_and_send(&prepared).await
    }
}

/// A budget as large as any, to see what a message needs. It costs nothing: there is no price.
const TRIAL: Budget = Budget {
    compute_unit_limit: Some(MAX_COMPUTE_UNITS),
    compute_unit_price_micro_lamports: None,
};
/// As [`TRIAL`], with as many bytes as a message with a price has.
const FULL: Budget = Budget {
    compute_unit_limit: Some(MAX_COMPUTE_UNITS),
    compute_unit_price_micro_lamports: Some(u64::MAX),
};

/// What a keeper has more after a transaction, in lamports: the simulation's fee is in it, and the
/// priority fee, which it did not know, is not.
fn gain(simulation: &Simulation, keeper: &Pubkey, priority_fee_lamports: u64) -> i128 {
    let changes = simulation.changes.iter();
    let mine = changes.filter(|change| change.key == *keeper);
    let change = mine.map(|change| {
        let (before, after) = change.lamports;
        i128::from(after).saturating_sub(i128::from(before))
    });
    change
        .sum::<i128>()
        .saturating_sub(priority_fee_lamports.into())
}
