//! A wallet creates a deployment from JSON, funds its vault and starts it.

mod shared;

use nosana_deploy_client::{
    instructions::{self as ix, Vault},
    seeds, DeploymentSpec,
};
use shared::{localnet, send, wallet};
use solana_signer::Signer;
use std::error::Error;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (localnet, cluster) = localnet().await?;
    let owner = wallet(&localnet)?;
    let spec =
        DeploymentSpec::from_json(include_str!("../../examples/pytorch-jupyter-simple.json"))?;

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
