//! A wallet creates a deployment from JSON, funds its vault and starts it.

mod shared;

use nosana_deploy_client::{
    instructions::{self as ix, Vault},
    markets::price_per_second,
    seeds, DeploymentSpec,
};
use shared::{localnet, send, wallet};
use solana_signer::Signer;
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (localnet, cluster) = localnet().await?;
    let owner = wallet(&localnet)?;
    let mut spec =
        DeploymentSpec::from_json(include_str!("../../examples/pytorch-jupyter-simple.json"))?;

    // The JSON names no cap: half as much again as the market asks now.
    let market = cluster.market(&spec.market).await?;
    spec.cap_price(price_per_second(&market).ok_or("the market takes no jobs")?);

    // A wallet's deployments are numbered; the number is part of the address.
    let id = cluster.next_deployment_id(&owner.pubkey()).await?;
    let deployment = seeds::deployment_address(&owner.pubkey(), id).0;
    send(&cluster, &owner, &ix::create(&owner.pubkey(), id, &spec)).await?;

    let vault = Vault::new(owner.pubkey(), spec.vault_index);
    let fund = ix::fund(&owner.pubkey(), &vault, 500_000_000, 1_000_000_000);
    send(&cluster, &owner, &fund).await?;
    send(&cluster, &owner, &[ix::start(&owner.pubkey(), &deployment)]).await?;

    let account = cluster.deployment(&deployment).await?;
    println!(
        "{} is {} with {} replicas",
        account.header.name(),
        account.status(),
        account.lifecycle.settings.replicas
    );
    Ok(())
}
