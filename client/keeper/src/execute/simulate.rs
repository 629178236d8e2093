//! Finds the largest part of an action that a simulation accepts, and what it costs and earns.

use super::Prepared;
use crate::{lookup_tables::Wish, Keeper};
use nosana_deploy_client::{
    instructions::{common_addresses, create_nos_account, nos_account_address},
    keeper::plan::{Action, Snapshot},
    rpc::{ClusterError, Simulation},
    transaction::{
        assemble, compute_unit_limit, Budget, Lifetime, LAMPORTS_PER_SIGNATURE, MAX_COMPUTE_UNITS,
    },
};
use solana_message::AddressLookupTableAccount;
use solana_program::{instruction::Instruction, pubkey::Pubkey};

/// More jobs than this never fit into one transaction.
const MAX_JOBS: usize = 32;

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

/// What a transaction is made of.
pub(super) struct Plan<'a> {
    pub(super) instructions: &'a [Instruction],
    pub(super) tables: &'a [AddressLookupTableAccount],
    /// The market that it has to do with: recent fees are asked for by market.
    pub(super) market: Option<Pubkey>,
    /// Accounts for which the keeper pays the rent.
    pub(super) paid_for: &'a [Pubkey],
}

impl Keeper {
    /// The largest first part of an action that fits into a transaction and passes a simulation, or
    /// why the simulation refuses even its first job.
    pub(super) async fn prepare(
        &self,
        snapshot: &Snapshot,
        action: &Action,
        missing: &[Pubkey],
    ) -> Result<Result<Prepared, String>, ClusterError> {
        let lifetime = self.blockhash().await?;
        loop {
            let error = match self.try_parts(snapshot, action, missing, lifetime).await {
                Ok(prepared) => return Ok(Ok(prepared)),
                Err(error) => error,
            };
            // A lookup table that was deactivated meanwhile must not stop what can do without it. Nodes
            // call such a message invalid instead of simulating it.
            let is_suspect = matches!(error, ClusterError::Refused(_) | ClusterError::Rpc { .. })
                && !self.tables.known().is_empty();
            if is_suspect && self.reread_lookup_tables().await? {
                continue;
            }
            return match error {
                ClusterError::Refused(reason) => Ok(Err(reason)),
                error => Err(error),
            };
        }
    }

    /// Simulates as many jobs as fit, and ever fewer until the simulation accepts.
    async fn try_parts(
        &self,
        snapshot: &Snapshot,
        action: &Action,
        missing: &[Pubkey],
        lifetime: Lifetime,
    ) -> Result<Prepared, ClusterError> {
        let tables = self.tables.known();
        let wanted = action.jobs().min(MAX_JOBS);
        let fit = |tables: &[AddressLookupTableAccount]| {
            let fits = (1..=wanted).rev().find(|jobs| {
                let instructions = self.instructions(snapshot, &action.first(*jobs), missing);
                assemble(&self.address(), &instructions, tables, &FULL, lifetime).is_ok()
            });
            fits.unwrap_or(1)
        };
        let most = fit(&tables);
        let wishes = self.wishes(snapshot, &tables, (most, wanted), fit);
        let paid_for: Vec<Pubkey> = missing.iter().map(nos_account_address).collect();
        let mut jobs = most;
        loop {
            let plan = Plan {
                instructions: &self.instructions(snapshot, &action.first(jobs), missing),
                tables: &tables,
                market: Some(snapshot.deployment.header.market),
                paid_for: &paid_for,
            };
            match self.simulate(&plan, lifetime, jobs).await {
                // Too many compute units, too little heap, or one job that stops all: fewer do.
                Err(ClusterError::Refused(_)) if jobs > 1 => jobs /= 2,
                Ok(prepared) if jobs == most => return Ok(Prepared { wishes, ..prepared }),
                done => return done,
            }
        }
    }

    /// What tables should hold, and how many jobs would then fit, if `most` of all that are `wanted` do.
    fn wishes(
        &self,
        snapshot: &Snapshot,
        tables: &[AddressLookupTableAccount],
        (most, wanted): (usize, usize),
        fit: impl Fn(&[AddressLookupTableAccount]) -> usize,
    ) -> Vec<Wish> {
        if most >= wanted || !self.config.grows_lookup_tables() {
            return Vec::new();
        }
        let deployment = &snapshot.deployment;
        let header = &deployment.header;
        let of_its_own = vec![deployment.address, header.vault, header.vault_nos];
        let candidates = [
            (header.market, common_addresses(&header.market)),
            (deployment.address, of_its_own),
        ];
        let mut imagined = tables.to_vec();
        let (mut wishes, mut before) = (Vec::new(), most);
        for (of, addresses) in candidates {
            let addresses = self.tables.lacks(&addresses);
            if addresses.is_empty() {
                continue;
            }
            imagined.push(AddressLookupTableAccount {
                key: of, // any, that no other has
                addresses: addresses.clone(),
            });
            let jobs = (before, fit(&imagined));
            before = jobs.1;
            wishes.push(Wish {
                of,
                addresses,
                jobs,
            });
        }
        wishes
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
        plan: &Plan<'_>,
        lifetime: Lifetime,
        jobs: usize,
    ) -> Result<Prepared, ClusterError> {
        let me = self.address();
        let assembled = |budget: &Budget| {
            assemble(&me, plan.instructions, plan.tables, budget, lifetime)
                .map_err(|error| ClusterError::Refused(error.to_string()))
        };
        let trial = assembled(&TRIAL)?;
        let price = self.compute_unit_price(plan.market);
        let (simulation, price) = tokio::join!(self.cluster.simulate(&trial, lifetime), price);
        let simulation = simulation?;
        let budget = Budget {
            compute_unit_limit: Some(compute_unit_limit(simulation.compute_units)),
            compute_unit_price_micro_lamports: (price > 0).then_some(price),
        };
        let message = assembled(&budget)?;
        let signatures = u64::from(message.header().num_required_signatures);
        let fee_lamports = signatures
            .saturating_mul(LAMPORTS_PER_SIGNATURE)
            .saturating_add(budget.priority_fee_lamports());
        let rent_lamports = rent(&simulation, plan.paid_for);
        Ok(Prepared {
            message,
            lifetime,
            jobs,
            wishes: Vec::new(),
            fee_lamports,
            rent_lamports,
            gain_lamports: match simulation.is_exact {
                true => gain(&simulation, &me, budget.priority_fee_lamports()),
                // What other transactions of this keeper do meanwhile must not count.
                false => {
                    i128::from(simulation.rewards_lamports(&me))
                        - i128::from(fee_lamports)
                        - i128::from(rent_lamports)
                }
            },
            left_lamports: simulation
                .lamports_after(&me)
                .unwrap_or(0)
                .saturating_sub(budget.priority_fee_lamports()),
        })
    }
}

/// What accounts hold more after a transaction, in lamports.
fn rent(simulation: &Simulation, paid_for: &[Pubkey]) -> u64 {
    let changes = simulation.changes.iter();
    let paid = changes.filter(|change| paid_for.contains(&change.key));
    paid.map(|change| change.lamports.1.saturating_sub(change.lamports.0))
        .sum()
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
