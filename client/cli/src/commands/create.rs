//! `create`: a deployment from its JSON.

use crate::{
    commands::read,
    context::Context,
    exit::invalid,
    format::counted,
    ipfs::Ipfs,
    submit::{TransactionOptions, TransactionPlan},
};
use anyhow::Result;
use clap::Args;
use nosana_deploy_client::{
    digest,
    filters::DeploymentFilter,
    instructions::{self as ix, Vault},
    json, seeds,
    spec::unused_vault,
    DeploymentSpec,
};
use solana_program::pubkey::Pubkey;
use std::path::PathBuf;

/// Create a deployment from its JSON
///
/// Nothing runs before it is funded and started, unless the file says `"autostart": true`. The
/// wallet pays rent for the account, which `close` returns.
#[derive(Args)]
pub(crate) struct Create {
    /// The deployment's JSON; comments are allowed
    file: PathBuf,
    /// Its number among the wallet's deployments, the next free one; needed with --blockhash
    #[arg(long, value_name = "NUMBER")]
    id: Option<u64>,
    /// Pin the job definition here first, for example http://127.0.0.1:5001
    #[arg(long, value_name = "URL")]
    ipfs_api: Option<String>,
    #[command(flatten)]
    transaction: TransactionOptions,
}

impl Create {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let mut spec = DeploymentSpec::from_json(&read(&self.file)?)?;
        let signers = self.transaction.signers()?;
        let wallet = context.wallet(&signers)?;
        let owner = wallet.pubkey();
        let id = context.block_on(self.prepare(context, &owner, &mut spec))?;

        let address = seeds::deployment_address(&owner, id).0;
        let vault = Vault::new(owner, spec.vault_index);
        let mut plan = TransactionPlan::default()
            .name(address, "deployment")
            .name(seeds::owner_address(&owner).0, "counter")
            .name_vault(&vault);
        plan.instructions = ix::create(&owner, id, &spec).into();
        let facts = &mut plan.facts;
        facts.text("Deployment", "deployment", address);
        facts.add("Number", id, "id", id);
        facts.text(
            "Job definition",
            "job_definition",
            digest::cid(&spec.job_definition_digest),
        );
        facts.add(
            "Vault",
            format!("{} {}", vault.index, vault.address),
            "vault",
            vault.address.to_string(),
        );
        facts.add("", "", "vault_index", vault.index);
        let name = &spec.name;
        let replicas = counted(spec.settings.replicas, "replica");
        plan = plan.ask(format!(
            "Create deployment {name:?} of {replicas}, paying rent for its account?"
        ));
        self.transaction
            .submit(context, &signers, wallet.as_ref(), plan)
    }

    /// What the cluster and IPFS have to do with it. Offline, only the command line counts.
    async fn prepare(
        &self,
        context: &Context,
        owner: &Pubkey,
        spec: &mut DeploymentSpec,
    ) -> Result<u64> {
        if let Some(url) = &self.ipfs_api {
            let definition = json::stringify(&spec.job_definition);
            Ipfs::new(url)?
                .pin(&definition, &spec.job_definition_digest)
                .await?;
        }
        if self.transaction.is_offline() {
            if spec.new_vault {
                return Err(invalid("new_vault: use vault and its number with --blockhash, so that every signer makes the same transaction"));
            }
            let missing = || {
                invalid("--id: missing; use the deployment's number with --blockhash, so that every signer makes the same transaction")
            };
            return self.id.ok_or_else(missing);
        }
        context.cluster.require_program().await?;
        context.cluster.market(&spec.market).await?;
        if spec.new_vault {
            spec.vault_index = new_vault(context, owner).await?;
        }
        match self.id {
            Some(id) => Ok(id),
            None => Ok(context.cluster.next_deployment_id(owner).await?),
        }
    }
}

/// The first vault of a wallet that no deployment uses and that holds nothing.
async fn new_vault(context: &Context, owner: &Pubkey) -> Result<u16> {
    let filter = DeploymentFilter {
        owner: Some(*owner),
        ..Default::default()
    };
    let found = context.cluster.deployments(&filter).await?;
    let mut used: Vec<u16> = Vec::new();
    for (_, deployment) in &found {
        used.extend(
            deployment
                .as_ref()
                .map(|deployment| deployment.header.vault_index),
        );
    }
    while let Some(index) = unused_vault(&used) {
        let funds = context.cluster.funds(&Vault::new(*owner, index)).await?;
        if funds.lamports == 0 && funds.nos == 0 {
            return Ok(index);
        }
        used.push(index);
    }
    Err(invalid(
        "new_vault: all 65,536 vaults are in use; use vault with the number of one",
    ))
}
