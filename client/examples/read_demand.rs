//! A node operator reads what deployments want from a market: how many jobs are due now, and when more
//! will be.

mod shared;

use nosana_deploy_client::{
    filters::DeploymentFilter,
    keeper::plan::{Action, Snapshot},
};
use shared::{localnet, start_deployment, wallet, MARKET};
use std::error::Error;

/// Jobs that a keeper would list on the market right now.
fn jobs_due(snapshot: &Snapshot) -> u32 {
    let listed = snapshot.due().into_iter().map(|action| match action {
        Action::List(count) => count,
        _ => 0,
    });
    listed.sum()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (localnet, cluster) = localnet().await?;

    // Someone has started a deployment of two replicas.
    let owner = wallet(&localnet)?;
    start_deployment(&cluster, &owner).await?;

    // Reading needs no key. The filter runs on the RPC node.
    let on_this_market = DeploymentFilter {
        market: Some(MARKET),
        ..Default::default()
    };
    let found = cluster.deployments(&on_this_market).await?;
    let readable = found.into_iter().filter_map(|(_, account)| account.ok());
    let (_, seen) = cluster.overview(readable.collect()).await?;
    let snapshots = seen.into_iter().filter_map(|(_, snapshot)| snapshot.ok());
    for snapshot in snapshots {
        println!(
            "{}: {} jobs due now, {} active, pays up to {} NOS base units a second",
            snapshot.deployment.header.name(),
            jobs_due(&snapshot),
            snapshot.jobs.len(),
            snapshot.deployment.lifecycle.settings.max_price_per_second
        );
    }
    Ok(())
}
