//! Finds the largest part of an action that a simulation accepts, and what it costs and earns.

use super::Prepared;
use crate::Keeper;
use nosana_deploy_client::{
    instructions::{common_addresses, create_nos_account, nos_account_address},
    keeper::plan::{Action, Snapshot},
    rpc::{ClusterError, Simulation},
    transaction::{assemble, compute_unit_limit, Budget, Lifetime, MAX_COMPUTE_UNITS},
};
use solana_message::AddressLookupTableAccount;
use solana_program::{instruction::Instruction, pubkey::Pubkey};

/// More jobs than this never fit into one transaction.
const MAX_JOBS: usize = 32;
const LAMPORTS_PER_SIGNATURE: u64 = 5_000;

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

impl Keeper {
    /// The largest first part of an action that fits into a transaction and passes a simulation, or
    /// why the simulation refuses even its first job.
    pub(super) async fn prepare(
        &self,
        snapshot: &Snapshot,
        action: &Action,
        missing: &[Pubkey],
    ) -> Result<Result<Prepared, String>, ClusterError> {
        let lifetime = Lifetime::Blockhash(self.cluster.latest_blockhash().await?.0);
        let mut jobs = self.fitting(snapshot, action, missing, lifetime).await?;
        loop {
            let part = action.first(jobs);
            let instructions = self.instructions(snapshot, &part, missing);
            let tables = self.tables.known().await;
            match self.simulate(&instructions, &tables, lifetime, jobs).await {
                Ok(prepared) => return Ok(Ok(prepared)),
                // Too many compute units, too little heap, or one job that stops all: fewer do.
                Err(ClusterError::Refused(_)) if jobs > 1 => jobs /= 2,
                Err(ClusterError::Refused(reason)) => return Ok(Err(reason)),
                Err(error) => return Err(error),
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
    ) -> Result<usize, ClusterError> {
        let wanted = action.jobs().min(MAX_JOBS);
        let fits = |tables: &[AddressLookupTableAccount]| {
            (1..=wanted).rev().find(|jobs| {
                let instructions = self.instructions(snapshot, &action.first(*jobs), missing);
                assemble(&self.address(), &instructions, tables, &FULL, lifetime).is_ok()
            })
        };
        let mut most = fits(&self.tables.known().await).unwrap_or(1);
        let header = &snapshot.deployment.header;
        let of_the_market = common_addresses(&header.market);
        let of_its_own = vec![snapshot.deployment.address, header.vault, header.vault_nos];
        for wanting in [of_the_market, of_its_own] {
            let pays = most < wanted && !self.config.profitable_only;
            if pays && self.add_to_lookup_table(&wanting).await? {
                most = fits(&self.tables.known().await).unwrap_or(1);
            }
        }
        Ok(most)
    }

    /// Nodes whose NOS account must exist before their job can be ended, and does not.
    pub(super) async fn missing_accounts(
        &self,
        action: &Action,
    ) -> Result<Vec<Pubkey>, ClusterError> {
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

    /// The message with a budget made of its simulation, what it costs in fees and what it earns in
    /// all.
    pub(super) async fn simulate(
        &self,
        instructions: &[Instruction],
        tables: &[AddressLookupTableAccount],
        lifetime: Lifetime,
        jobs: usize,
    ) -> Result<Prepared, ClusterError> {
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
        Ok(Prepared {
            message,
            lifetime,
            jobs,
            fee_lamports: signatures
                .saturating_mul(LAMPORTS_PER_SIGNATURE)
                .saturating_add(budget.priority_fee_lamports()),
            gain_lamports: gain(&simulation, &me, budget.priority_fee_lamports()),
            left_lamports: left(&simulation, &me, budget.priority_fee_lamports()),
        })
    }
}

/// What a keeper's wallet holds after a transaction, in lamports. The fee changes it, so the simulation
/// names it.
fn left(simulation: &Simulation, keeper: &Pubkey, priority_fee_lamports: u64) -> u64 {
    let mut changes = simulation.changes.iter();
    let mine = changes.find(|change| change.key == *keeper);
    mine.map_or(0, |change| {
        change.lamports.1.saturating_sub(priority_fee_lamports)
    })
}

/// What a keeper has more after a transaction, in lamports: the simulation's fee is in it, and the
/// priority fee, which it did not know, is not.
fn gain(simulation: &Simulation, keeper: &Pubkey, priority_fee_lamports: u64) -> i128 {
    let changes = simulation.changes.iter();
    let mine = changes.filter(|change| change.key == *keeper);
    let change = mine.map(|change| {
        let (before, after) = change.lamports;
        i128::from(after) - i128::from(before)
    });
    change.sum::<i128>() - i128::from(priority_fee_lamports)
}
