//! What a transaction would do: shown before the question, and by `--dry-run`.

use super::TransactionPlan;
use crate::{
    format::{decimal, grouped, signed, sol, SOL_DECIMALS},
    output::{table, with_fields},
};
use nosana_deploy_client::{
    instructions::nos_account_address,
    jobs_program::NOS_DECIMALS,
    rpc::{BalanceChange, Simulation},
};
use serde::Serialize;
use serde_json::json;
use solana_program::pubkey::Pubkey;
use std::fmt;

/// What is agreed to, and every balance that the transaction would change.
pub(super) struct Preview<'a> {
    /// `None` if the transaction is made of the command line alone.
    pub(super) simulation: Option<&'a Simulation>,
    pub(super) plan: &'a TransactionPlan,
    pub(super) wallet: Pubkey,
    pub(super) fee_payer: Pubkey,
    pub(super) priority_fee_lamports: u64,
}

/// A preview that is all there is.
pub(super) struct DryRun<'a>(pub(super) Preview<'a>);

impl Preview<'_> {
    fn name(&self, key: &Pubkey) -> String {
        let given = self.plan.names.iter().find(|(named, _)| named == key);
        match given {
            Some((_, name)) => name.clone(),
            None if *key == self.wallet => "wallet".into(),
            None if *key == nos_account_address(&self.wallet) => "wallet's NOS".into(),
            None if *key == self.fee_payer => "fee payer".into(),
            None => String::new(),
        }
    }
}

fn delta((before, after): (u64, u64)) -> i128 {
    i128::from(after) - i128::from(before)
}

impl fmt::Display for Preview<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.plan.facts, self.plan.terms)?;
        let Some(simulation) = self.simulation else {
            return Ok(());
        };
        let cells = |(before, after): (u64, u64), decimals: u32| match before == after {
            true => [String::new(), String::new()],
            false => [
                signed(delta((before, after)), decimals),
                decimal(after.into(), decimals),
            ],
        };
        let rows: Vec<Vec<String>> = simulation
            .changes
            .iter()
            .map(|change| {
                let BalanceChange {
                    key, lamports, nos, ..
                } = change;
                let [sol, sol_after] = cells(*lamports, SOL_DECIMALS);
                let [nos, nos_after] = cells(*nos, NOS_DECIMALS.into());
                vec![
                    key.to_string(),
                    self.name(key),
                    sol,
                    sol_after,
                    nos,
                    nos_after,
                ]
            })
            .collect();
        table(f, &["ACCOUNT", "", "SOL", "THEN", "NOS", "THEN"], &rows)?;
        let units = grouped(simulation.compute_units);
        let fee = sol(self.priority_fee_lamports);
        writeln!(f, "{units} compute units, priority fee {fee}.")
    }
}

impl fmt::Display for DryRun<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}Simulated; nothing was signed or sent.", self.0)
    }
}

impl Serialize for DryRun<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(preview) = self;
        let changes = preview.simulation.iter().flat_map(|it| &it.changes);
        let changes = changes.map(|change| {
            json!({
                "account": change.key.to_string(),
                "name": preview.name(&change.key),
                "lamports": {"before": change.lamports.0, "after": change.lamports.1},
                "nos": {"before": change.nos.0, "after": change.nos.1},
            })
        });
        let units = preview.simulation.map(|it| it.compute_units);
        let fields = [
            ("dry_run", json!(true)),
            ("compute_units", json!(units)),
            (
                "priority_fee_lamports",
                json!(preview.priority_fee_lamports),
            ),
            ("terms", json!(preview.plan.terms)),
            ("changes", json!(changes.collect::<Vec<_>>())),
        ];
        with_fields(&preview.plan.facts, fields).serialize(serializer)
    }
}
