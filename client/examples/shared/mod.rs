//! What the examples share: a cluster of their own, and a way to send.

use nosana_deploy_client::{
    instructions::{self as ix, Vault},
    localnet::{Localnet, Programs},
    markets::price_per_second,
    rpc::{Cluster, ClusterError, Receipt},
    transaction::{assemble, Budget, Lifetime, MAX_COMPUTE_UNITS},
    DeploymentSpec,
};
use solana_commitment_config::CommitmentConfig;
use solana_keypair::Keypair;
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;
use std::{error::Error, path::PathBuf};

/// The market of `examples/pytorch-jupyter-simple.json`.
pub(crate) const MARKET: Pubkey =
    Pubkey::from_str_const("CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ");

/// A localnet with that market, and a connection to it.
pub(crate) async fn localnet() -> Result<(Localnet, Cluster), Box<dyn Error>> {
    // `cargo xtask build-program` leaves the programs there; the tasks name the folder.
    let folder = std::env::var_os("SBF_OUT_DIR").map_or("target/deploy".into(), PathBuf::from);
    let localnet = Localnet::start(Programs::read(&folder)?).await?;
    localnet.open_market(&MARKET, &Keypair::new().pubkey(), 100)?;
    let cluster = Cluster::new(localnet.rpc_url(), CommitmentConfig::confirmed());
    Ok((localnet, cluster))
}

/// A wallet with SOL and NOS.
pub(crate) fn wallet(localnet: &Localnet) -> Result<Keypair, Box<dyn Error>> {
    let wallet = Keypair::new();
    localnet.fund(&wallet.pubkey(), 10_000_000_000, 1_000_000_000)?;
    Ok(wallet)
}

/// Signs with one wallet, sends, and waits until the transaction is confirmed.
pub(crate) async fn send(
    cluster: &Cluster,
    wallet: &Keypair,
    instructions: &[Instruction],
) -> Result<Receipt, ClusterError> {
    let refused = |error: String| ClusterError::Refused(error);
    let lifetime = Lifetime::Blockhash(cluster.latest_blockhash().await?.0);
    let budget = Budget {
        compute_unit_limit: Some(MAX_COMPUTE_UNITS),
        ..Budget::default()
    };
    let message = assemble(&wallet.pubkey(), instructions, &[], &budget, lifetime)
        .map_err(|error| refused(error.to_string()))?;
    let transaction = VersionedTransaction::try_new(message, &[wallet])
        .map_err(|error| refused(error.to_string()))?;
    cluster.send(&transaction, lifetime).await
}

/// Creates and funds a deployment of two replicas, the wallet's first, that starts at once.
#[allow(dead_code, reason = "create_and_fund shows each step by itself")]
pub(crate) async fn start_deployment(
    cluster: &Cluster,
    owner: &Keypair,
) -> Result<(), Box<dyn Error>> {
    let mut spec = DeploymentSpec::from_json(include_str!(
        "../../../examples/pytorch-jupyter-simple.json"
    ))?;
    spec.autostart = true;
    let market = cluster.market(&spec.market).await?;
    spec.cap_price(price_per_second(&market).ok_or("the market takes no jobs")?);
    send(cluster, owner, &ix::create(&owner.pubkey(), 0, &spec)).await?;
    let vault = Vault::new(owner.pubkey(), spec.vault_index);
    let fund = ix::fund(&owner.pubkey(), &vault, 900_000_000, 1_000_000_000);
    send(cluster, owner, &fund).await?;
    Ok(())
}
