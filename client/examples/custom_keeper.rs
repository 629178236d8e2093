//! A keeper with a policy of its own: it looks after one owner's deployments and nothing else, and does
//! not use a lookup table, priority fees or subscriptions. `nosana-deploy keeper` has all of these.

mod shared;

use nosana_deploy_client::{filters::DeploymentFilter, rpc::Cluster};
use shared::{localnet, send, start_deployment, wallet};
use solana_keypair::Keypair;
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;
use std::error::Error;

/// Jobs that fit into one transaction without a lookup table.
const JOBS_PER_TRANSACTION: usize = 8;

/// Does the first thing that is due for each of the owner's deployments. Returns how much was done.
async fn tick(
    cluster: &Cluster,
    keeper: &Keypair,
    owner: &Pubkey,
) -> Result<usize, Box<dyn Error>> {
    let of_the_owner = DeploymentFilter {
        owner: Some(*owner),
        ..Default::default()
    };
    let found = cluster.deployments(&of_the_owner).await?;
    let readable = found.into_iter().filter_map(|(_, account)| account.ok());
    let (_, seen) = cluster.overview(readable.collect()).await?;
    let snapshots = seen.into_iter().filter_map(|(_, snapshot)| snapshot.ok());
    let mut done = 0;
    for snapshot in snapshots {
        // The plan says what the program will accept; the program decides again.
        let Some(action) = snapshot.due().into_iter().next() else {
            continue;
        };
        let action = action.first(JOBS_PER_TRANSACTION);
        let instruction = action.instruction(&keeper.pubkey(), &snapshot);
        send(cluster, keeper, &[instruction]).await?;
        println!("{}: {action}", snapshot.deployment.header.name());
        done += 1;
    }
    Ok(done)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (localnet, cluster) = localnet().await?;
    let (owner, keeper) = (wallet(&localnet)?, wallet(&localnet)?);
    start_deployment(&cluster, &owner).await?;

    // A real keeper would sleep between two ticks, and never end.
    while tick(&cluster, &keeper, &owner.pubkey()).await? > 0 {}
    println!("nothing is due");
    Ok(())
}
