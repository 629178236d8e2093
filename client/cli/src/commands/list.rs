//! `list`: the deployments of a wallet or of a market.

use crate::terms::cap;
use crate::{
    commands::{
        endpoints,
        status::{runway_brief, runway_json},
        LeftOut,
    },
    context::Context,
    format::{self, brief, counted, duration},
    output::{bold, table, with_fields},
    profile::Profile,
};
use anyhow::Result;
use clap::Args;
use nosana_deploy_client::domain::status::Status;
use nosana_deploy_client::text::printable;
use nosana_deploy_client::{
    filters::DeploymentFilter,
    forecast::{firings, forecast, Forecast},
    keeper::plan::Snapshot,
    markets::price_per_second,
};
use serde::Serialize;
use serde_json::{json, Value};
use solana_program::pubkey::Pubkey;
use std::{collections::BTreeMap, fmt};

/// List deployments: the wallet's, or for node operators the demand of markets
///
/// With --market, a table for each market: what is wanted there, at which price at most, for how
/// long it is paid, and when schedules fire in the coming day.
#[derive(Args)]
pub(crate) struct List {
    /// Of this wallet [default: your wallet, or everyone with --market or --all]
    #[arg(long, value_name = "PUBKEY")]
    owner: Option<Pubkey>,
    /// The demand of this market, or of every market
    #[arg(long, value_name = "PUBKEY", num_args = 0..=1)]
    market: Option<Option<Pubkey>>,
    /// In this status only, for example RUNNING
    #[arg(long, value_parser = parse_status)]
    status: Option<Status>,
    /// Everyone's
    #[arg(long, conflicts_with = "owner")]
    all: bool,
    /// Also where they are served, as far as this machine knows what they run
    #[arg(long, conflicts_with = "market")]
    wide: bool,
}

pub(crate) fn parse_status(text: &str) -> Result<Status, String> {
    let found = Status::ALL
        .into_iter()
        .find(|status| status.name().eq_ignore_ascii_case(text));
    found.ok_or_else(|| {
        let names: Vec<&str> = Status::ALL.iter().map(|status| status.name()).collect();
        format!("use one of {}", names.join(", "))
    })
}

const DAY_SECONDS: i64 = 86_400;

impl List {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let everyone = self.all || self.market.is_some();
        let owner = match self.owner {
            None if !everyone => Some(context.wallet_address()?),
            owner => owner,
        };
        let filter = DeploymentFilter {
            owner,
            market: self.market.flatten(),
            status: self.status,
            vault: None,
        };
        let mut left_out = LeftOut::default();
        let snapshots = context.block_on(async {
            let _spinner = context.output.spinner("reading deployments");
            context.cluster.require_program().await?;
            let mut readable = left_out.sift(context.cluster.deployments(&filter).await?);
            readable.sort_by_key(|found| (found.header.owner, found.header.id));
            Ok(left_out.sift(context.cluster.overview(readable).await?.1))
        })?;
        let (snapshots, left_out) = (&snapshots, &left_out);
        match self.market {
            Some(_) => context.output.print(&Demand {
                snapshots,
                left_out,
            }),
            None => context.output.print(&Deployments {
                snapshots,
                left_out,
                wide: self.wide.then_some(&context.profile),
            }),
        }
    }
}

/// The owner's view.
struct Deployments<'a> {
    snapshots: &'a [Snapshot],
    left_out: &'a LeftOut,
    /// Also where they are served, as this profile reaches it.
    wide: Option<&'a Profile>,
}

impl fmt::Display for Deployments<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.snapshots.is_empty() {
            return writeln!(f, "No deployments.");
        }
        let rows: Vec<Vec<String>> = self
            .snapshots
            .iter()
            .map(|snapshot| {
                let header = &snapshot.deployment.header;
                let mut row = vec![
                    header.id.to_string(),
                    printable(header.name()),
                    snapshot.deployment.status().name().to_owned(),
                    snapshot.deployment.strategy().name().to_owned(),
                    format!("{}/{}", header.active, header.replicas),
                    brief(&header.market),
                    snapshot.deployment.address.to_string(),
                ];
                row.extend(self.wide.map(|profile| {
                    let known = endpoints::known(profile, &snapshot.deployment);
                    known.map_or_else(String::new, |known| endpoints::brief(&known))
                }));
                row
            })
            .collect();
        let mut head = vec![
            "ID", "NAME", "STATUS", "STRATEGY", "ACTIVE", "MARKET", "ADDRESS",
        ];
        head.extend(self.wide.map(|_| "ENDPOINTS"));
        table(f, &head, &rows)
    }
}

impl Serialize for Deployments<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let readable = self.snapshots.iter().map(|snapshot| {
            let mut value = summary(snapshot);
            let known = self
                .wide
                .and_then(|profile| endpoints::known(profile, &snapshot.deployment));
            if let Some(known) = known {
                value["endpoints"] = endpoints::endpoints_json(&known);
            }
            value
        });
        serializer.collect_seq(readable.chain(self.left_out.json()))
    }
}

fn summary(snapshot: &Snapshot) -> Value {
    let header = &snapshot.deployment.header;
    json!({
        "deployment": snapshot.deployment.address.to_string(),
        "id": header.id,
        "owner": header.owner.to_string(),
        "name": header.name(),
        "status": snapshot.deployment.status().name(),
        "strategy": snapshot.deployment.strategy().name(),
        "market": header.market.to_string(),
        "replicas": header.replicas,
        "active": header.active,
        "timeout_seconds": header.timeout_seconds,
        "max_price_per_second": cap(header.max_price_per_second),
        "revision": header.revision,
    })
}

/// The node operator's view: what is wanted, per market.
struct Demand<'a> {
    snapshots: &'a [Snapshot],
    left_out: &'a LeftOut,
}

impl<'a> Demand<'a> {
    fn by_market(&self) -> BTreeMap<Pubkey, Vec<&'a Snapshot>> {
        let mut markets: BTreeMap<Pubkey, Vec<&Snapshot>> = BTreeMap::new();
        for snapshot in self.snapshots {
            markets
                .entry(snapshot.deployment.header.market)
                .or_default()
                .push(snapshot);
        }
        markets
    }
}

/// Firings in the coming day.
fn coming(snapshot: &Snapshot) -> Vec<i64> {
    firings(snapshot, snapshot.now.saturating_add(DAY_SECONDS))
}

fn wanted(snapshots: &[&Snapshot]) -> u64 {
    let listing = snapshots
        .iter()
        .filter(|snapshot| snapshot.deployment.status().lists_jobs());
    listing
        .map(|snapshot| u64::from(snapshot.deployment.header.replicas))
        .sum()
}

fn active(snapshots: &[&Snapshot]) -> u64 {
    snapshots
        .iter()
        .map(|snapshot| u64::from(snapshot.deployment.header.active))
        .sum()
}

impl fmt::Display for Demand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.snapshots.is_empty() {
            return writeln!(f, "No deployments.");
        }
        for (market, snapshots) in self.by_market() {
            let price = snapshots
                .first()
                .map(|first| format::market(&first.market))
                .unwrap_or_default();
            writeln!(f, "{} {price}", bold(format!("Market {market}:")))?;
            writeln!(
                f,
                "{} wanted by {}, {} active\n",
                counted(wanted(&snapshots), "replica"),
                counted(
                    u64::try_from(snapshots.len()).unwrap_or(u64::MAX),
                    "deployment"
                ),
                active(&snapshots)
            )?;
            let rows: Vec<Vec<String>> = snapshots.iter().map(|snapshot| row(snapshot)).collect();
            let header = [
                "STATUS",
                "STRATEGY",
                "REPLICAS",
                "ACTIVE",
                "JOB",
                "PRICE CAP",
                "FUNDED",
                "FIRES IN A DAY",
                "ADDRESS",
            ];
            table(f, &header, &rows)?;
            writeln!(f)?;
        }
        Ok(())
    }
}

fn row(snapshot: &Snapshot) -> Vec<String> {
    let header = &snapshot.deployment.header;
    let cap = match header.max_price_per_second {
        u64::MAX => "none".into(),
        cap => format::grouped(cap),
    };
    let times = coming(snapshot);
    let fires = match (times.first(), times.len()) {
        (None, _) => String::new(),
        (Some(first), 1) => format::time(*first),
        (Some(first), count) => format!("{count}, first {}", format::time(*first)),
    };
    vec![
        snapshot.deployment.status().name().to_owned(),
        snapshot.deployment.strategy().name().to_owned(),
        header.replicas.to_string(),
        header.active.to_string(),
        duration(header.timeout_seconds.into()),
        cap,
        runway_brief(&forecast(snapshot), snapshot.now),
        fires,
        snapshot.deployment.address.to_string(),
    ]
}

impl Serialize for Demand<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let markets = self.by_market().into_iter().map(|(market, snapshots)| {
            let deployments = snapshots.iter().map(|snapshot| {
                let forecast: Forecast = forecast(snapshot);
                with_fields(
                    &summary(snapshot),
                    [
                        ("runway", runway_json(&forecast)),
                        ("firings_in_a_day", json!(coming(snapshot))),
                    ],
                )
            });
            json!({
                "market": market.to_string(),
                "price_per_second": snapshots.first().and_then(|first| price_per_second(&first.market)),
                "replicas_wanted": wanted(&snapshots),
                "jobs_active": active(&snapshots),
                "deployments": deployments.collect::<Vec<_>>(),
            })
        });
        serializer.collect_seq(markets.chain(self.left_out.json()))
    }
}
