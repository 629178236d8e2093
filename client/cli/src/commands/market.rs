//! `market`: a GPU market as deployments see it.

use crate::{
    commands::LeftOut,
    context::Context,
    format::{self, counted},
    output::Facts,
};
use anyhow::Result;
use clap::Args;
use nosana_deploy_client::domain::lifecycle::Market;
use nosana_deploy_client::{
    filters::DeploymentFilter,
    instructions::market_vault_address,
    markets::{price_per_second, QUEUE_CAPACITY},
};
use solana_program::pubkey::Pubkey;

/// Show a GPU market: its price, its queue, and what deployments want of it
#[derive(Args)]
pub(crate) struct ShowMarket {
    /// The market's address
    market: Pubkey,
}

impl ShowMarket {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let key = self.market;
        let (market, deployments) = context.block_on(async {
            context.cluster.require_program().await?;
            let market = context.cluster.market(&key).await?;
            let filter = DeploymentFilter {
                market: Some(key),
                ..Default::default()
            };
            // Some nodes search for no accounts; the market's own is there all the same.
            Ok((market, context.cluster.deployments(&filter).await))
        })?;
        let mut facts = Facts::default();
        facts.text("Market", "market", key);
        facts.add(
            "Price",
            format::market(&market),
            "price_per_second",
            price_per_second(&market),
        );
        facts.text("Deposits", "vault", market_vault_address(&key));
        if let Market::Open {
            nodes_waiting,
            queue_room,
            ..
        } = market
        {
            let jobs_waiting = QUEUE_CAPACITY.saturating_sub(queue_room);
            facts.add("Jobs waiting", jobs_waiting, "jobs_waiting", jobs_waiting);
            facts.add(
                "Nodes waiting",
                nodes_waiting,
                "nodes_waiting",
                nodes_waiting,
            );
        }
        let deployments = match deployments {
            Ok(deployments) => deployments,
            Err(error) => {
                eprintln!("What deployments want of it is not known: {error}");
                return context.output.print(&facts);
            }
        };
        let mut left_out = LeftOut::default();
        let deployments = left_out.sift(deployments);
        let listing = deployments
            .iter()
            .filter(|deployment| deployment.status().lists_jobs());
        let (count, replicas) = listing.fold((0_u64, 0_u64), |(count, replicas), deployment| {
            let more = u64::from(deployment.header.replicas);
            (count + 1, replicas + more)
        });
        facts.add(
            "Demand",
            format!(
                "{} of {}",
                counted(replicas, "replica"),
                counted(count, "deployment")
            ),
            "replicas_wanted",
            replicas,
        );
        facts.add("", "", "deployments", count);
        facts.add("", "", "left_out", left_out.json().collect::<Vec<_>>());
        context.output.print(&facts)
    }
}
