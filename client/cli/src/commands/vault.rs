//! `vault`: what a wallet's vaults hold, and for how long that lasts.

use crate::{
    commands::LeftOut,
    context::Context,
    format::{self, duration, nos, nos_sum, sol},
    output::table,
};
use anyhow::Result;
use clap::Args;
use nosana_deploy_client::domain::funding::Funds;
use nosana_deploy_client::{
    forecast::forecast,
    instructions::Vault,
    keeper::plan::Snapshot,
    rpc::{Cluster, ClusterError},
};
use serde::Serialize;
use serde_json::{json, Value};
use solana_program::pubkey::Pubkey;
use std::{collections::BTreeMap, fmt};

/// Show the wallet's vaults: what they hold, what draws on them, and how long they last
#[derive(Args)]
pub(crate) struct ShowVault {
    /// A vault's number [default: every vault that a deployment uses]
    vault: Option<u16>,
    /// Whose vaults [default: the wallet's]
    #[arg(long, value_name = "PUBKEY")]
    owner: Option<Pubkey>,
}

impl ShowVault {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let owner = match self.owner {
            Some(owner) => owner,
            None => context.wallet_address()?,
        };
        let mut left_out = LeftOut::default();
        let lines = context.block_on(async {
            let _spinner = context.output.spinner("reading vaults");
            let cluster = &context.cluster;
            cluster.require_program().await?;
            let snapshots = snapshots_of(cluster, &owner, &mut left_out).await?;
            Ok(vault_lines(cluster, &owner, &snapshots, self.vault).await?)
        })?;
        context.output.print(&Vaults { lines, left_out })
    }
}

/// An owner's deployments. Where jobs run is not searched for: it says nothing of what a vault pays.
pub(crate) async fn snapshots_of(
    cluster: &Cluster,
    owner: &Pubkey,
    left_out: &mut LeftOut,
) -> Result<Vec<Snapshot>, ClusterError> {
    let mut snapshots = Vec::new();
    for found in left_out.sift(cluster.deployments_of(owner).await?) {
        let seen = match cluster.snapshot_without_search(&found.address).await {
            Ok(snapshot) => Ok(snapshot),
            Err(ClusterError::Decode { error, .. }) => Err(error),
            Err(error) => return Err(error),
        };
        snapshots.extend(left_out.sift([(found.address, seen)]));
    }
    Ok(snapshots)
}

/// An owner's vaults, the one of this number or all that a deployment uses, and the first.
pub(crate) async fn vault_lines(
    cluster: &Cluster,
    owner: &Pubkey,
    snapshots: &[Snapshot],
    only: Option<u16>,
) -> Result<Vec<VaultLine>, ClusterError> {
    let mut lines = Vec::new();
    for (index, snapshots) in by_vault(snapshots, only) {
        let vault = Vault::new(*owner, index);
        let funds = cluster.funds(&vault).await?;
        lines.push(VaultLine::new(vault, funds, &snapshots));
    }
    Ok(lines)
}

fn by_vault(snapshots: &[Snapshot], only: Option<u16>) -> BTreeMap<u16, Vec<&Snapshot>> {
    let mut vaults: BTreeMap<u16, Vec<&Snapshot>> = BTreeMap::new();
    vaults.entry(only.unwrap_or(0)).or_default();
    for snapshot in snapshots {
        vaults
            .entry(snapshot.deployment.header.vault_index)
            .or_default()
            .push(snapshot);
    }
    vaults.retain(|index, _| only.is_none_or(|only| only == *index));
    vaults
}

/// One vault.
pub(crate) struct VaultLine {
    vault: Vault,
    funds: Funds,
    /// Deployments that list jobs, paid by it.
    drawing: usize,
    nos_per_day: u128,
}

impl VaultLine {
    fn new(vault: Vault, funds: Funds, snapshots: &[&Snapshot]) -> Self {
        let drawing = snapshots
            .iter()
            .filter(|snapshot| snapshot.deployment.status().lists_jobs());
        Self {
            vault,
            funds,
            drawing: drawing.count(),
            nos_per_day: snapshots
                .iter()
                .map(|snapshot| forecast(snapshot).nos_per_day)
                .sum(),
        }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "vault": self.vault.address.to_string(),
            "vault_index": self.vault.index,
            "owner": self.vault.owner.to_string(),
            "nos_account": self.vault.nos.to_string(),
            "nos": self.funds.nos,
            "lamports": self.funds.lamports,
            "deployments_listing": self.drawing,
            "nos_per_day": u64::try_from(self.nos_per_day).unwrap_or(u64::MAX),
            "runway_seconds": self.runway_seconds(),
        })
    }

    /// Seconds until its NOS are gone at today's prices.
    fn runway_seconds(&self) -> Option<u64> {
        const DAY_SECONDS: u128 = 86_400;
        let seconds = u128::from(self.funds.nos) * DAY_SECONDS;
        u64::try_from(seconds.checked_div(self.nos_per_day)?).ok()
    }
}

struct Vaults {
    lines: Vec<VaultLine>,
    left_out: LeftOut,
}

impl fmt::Display for Vaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<Vec<String>> = self
            .lines
            .iter()
            .map(|line| {
                vec![
                    line.vault.index.to_string(),
                    nos(line.funds.nos),
                    sol(line.funds.lamports),
                    format::grouped(u64::try_from(line.drawing).unwrap_or(u64::MAX)),
                    nos_sum(line.nos_per_day),
                    line.runway_seconds().map_or_else(|| "-".into(), duration),
                    line.vault.address.to_string(),
                ]
            })
            .collect();
        table(
            f,
            &[
                "VAULT",
                "NOS",
                "SOL",
                "DEPLOYMENTS",
                "A DAY",
                "LASTS",
                "ADDRESS",
            ],
            &rows,
        )
    }
}

impl Serialize for Vaults {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let lines = self.lines.iter().map(VaultLine::json);
        serializer.collect_seq(lines.chain(self.left_out.json()))
    }
}
