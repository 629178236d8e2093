//! `create`: a deployment from its JSON.

use crate::{
    commands::{endpoints::endpoint_facts, read},
    context::Context,
    exit::invalid,
    format::counted,
    ipfs::Ipfs,
    publishing::PublishOptions,
    submit::{TransactionOptions, TransactionPlan},
    terms::Terms,
};
use anyhow::Result;
use clap::Args;
use nosana_deploy_client::{
    endpoints::of_deployment,
    instructions::{self as ix, Vault},
    markets::price_per_second,
    rpc::ClusterError,
    seeds,
    spec::{unused_vault, VAULTS_LOOKED_AT},
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
    #[command(flatten)]
    publish: PublishOptions,
    #[command(flatten)]
    transaction: TransactionOptions,
}

impl Create {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let mut spec = DeploymentSpec::from_json(&read(&self.file)?)?;
        if spec.confidential {
            let is_offline = self.transaction.is_offline();
            spec.definitions_url = self.publish.definitions_url(context, is_offline)?;
        }
        let pin = self.publish.ipfs(context)?;
        let signers = self.transaction.signers()?;
        let wallet = context.wallet(&signers)?;
        let owner = wallet.pubkey();
        require_vault(&mut spec, &owner)?;
        let (id, terms) = match self.transaction.is_offline() {
            true => (self.offline(&spec)?, None),
            false => {
                let (next, terms) = context.block_on(prepare(context, &owner, &mut spec))?;
                match self.id {
                    Some(id) if id != next => return Err(taken(&owner, id, next)),
                    _ => (next, Some(terms)),
                }
            }
        };
        let mut plan = plan(context, &owner, id, &spec, terms.as_ref());
        let then = match spec.autostart {
            true => "at once: keepers list its jobs as soon as the vault can pay",
            false => "with `start`",
        };
        plan.terms
            .add("It starts", then, "autostart", spec.autostart);
        let name = &spec.name;
        let replicas = counted(spec.settings.replicas, "replica");
        plan = plan.ask(format!(
            "Create deployment {name:?} of {replicas}, paying rent for its account?"
        ));
        let address = seeds::deployment_address(&owner, id).0;
        publish(&mut plan, &spec, &address, pin);
        let outcome = self
            .transaction
            .submit(context, &signers, wallet.as_ref(), plan);
        // Somebody else may have used the number meanwhile.
        match outcome {
            Err(error) if error.is::<ClusterError>() && !self.transaction.is_offline() => {
                let next = context
                    .block_on(async { Ok(context.cluster.next_deployment_id(&owner).await?) });
                Err(match next {
                    Ok(next) if id < next => error.context(taken(&owner, id, next)),
                    _ => error,
                })
            }
            outcome => outcome,
        }
    }

    /// The number that the command line names: offline, only that counts.
    fn offline(&self, spec: &DeploymentSpec) -> Result<u64> {
        if spec.new_vault {
            return Err(invalid("new_vault: use vault and its number with --blockhash, so that every signer makes the same transaction"));
        }
        if spec.default_price_cap {
            return Err(invalid("max_price: missing; give one, or \"none\", with --blockhash: the market's price is not looked up then"));
        }
        self.id.ok_or_else(|| {
            invalid("--id: missing; use the deployment's number with --blockhash, so that every signer makes the same transaction")
        })
    }
}

/// Has what nodes fetch published, and keeps what only this machine hands to them.
pub(super) fn publish(
    plan: &mut TransactionPlan,
    spec: &DeploymentSpec,
    address: &Pubkey,
    pin: Option<Ipfs>,
) {
    plan.publish(spec.pinned(address), pin);
    plan.secret = spec.confidential.then(|| spec.definition(address));
}

/// Finds the vault that a file names by its address.
///
/// # Errors
/// It is none of the owner's.
pub(crate) fn require_vault(spec: &mut DeploymentSpec, owner: &Pubkey) -> Result<()> {
    match spec.find_vault(owner) {
        true => Ok(()),
        false => Err(invalid(format!(
            "vault: that is none of the first {VAULTS_LOOKED_AT} vaults of {owner}; use its number, or the address that `vault` shows"
        ))),
    }
}

/// Completes what a file leaves open by what the cluster and the profile say. Returns the deployment's
/// number, and where it spends.
pub(crate) async fn prepare(
    context: &Context,
    owner: &Pubkey,
    spec: &mut DeploymentSpec,
) -> Result<(u64, Terms)> {
    if let Some(reward) = context.profile.keeper_reward {
        spec.offer_reward(reward);
    }
    context.cluster.require_program().await?;
    let market = context.cluster.market(&spec.market).await?;
    if let Some(price) = price_per_second(&market) {
        spec.cap_price(price);
    } else if spec.default_price_cap {
        return Err(invalid("max_price: missing; the market takes no jobs now and has no price, so give a cap, or \"none\""));
    }
    if spec.new_vault {
        spec.vault_index = new_vault(context, owner).await?;
    }
    let vault = Vault::new(*owner, spec.vault_index);
    let terms = Terms::read(&context.cluster, spec.market, market, vault).await?;
    let next = context.cluster.next_deployment_id(owner).await?;
    Ok((next, terms))
}

/// What creates a deployment, and what there is to know of it.
pub(crate) fn plan(
    context: &Context,
    owner: &Pubkey,
    id: u64,
    spec: &DeploymentSpec,
    terms: Option<&Terms>,
) -> TransactionPlan {
    let address = seeds::deployment_address(owner, id).0;
    let vault = Vault::new(*owner, spec.vault_index);
    let mut plan = TransactionPlan::default()
        .name(address, "deployment")
        .name(seeds::owner_address(owner).0, "counter")
        .name_vault(&vault);
    plan.instructions = ix::create(owner, id, spec).into();
    let facts = &mut plan.facts;
    facts.text("Deployment", "deployment", address);
    facts.add("Number", id, "id", id);
    let definition = spec.definition(&address);
    let pinned = spec.pinned(&address).cid();
    let shown = match spec.confidential {
        true => format!(
            "{pinned}, a stub: nodes fetch {} from {}",
            definition.cid(),
            spec.definitions_url
        ),
        false => pinned.clone(),
    };
    facts.add("Job definition", shown, "job_definition", pinned);
    let endpoints = of_deployment(&definition, &spec.project(owner));
    endpoint_facts(&context.profile.reached(endpoints), facts);
    facts.add(
        "Vault",
        format!("{} {}", vault.index, vault.address),
        "vault",
        vault.address.to_string(),
    );
    facts.add("", "", "vault_index", vault.index);
    if let Some(terms) = terms {
        plan.terms = terms.of(&spec.settings);
    }
    plan
}

/// Names the deployment that has a number already, and the number that is free.
fn taken(owner: &Pubkey, id: u64, next: u64) -> anyhow::Error {
    let address = seeds::deployment_address(owner, id).0;
    match id < next {
        true => invalid(format!(
            "--id: number {id} was given to deployment {address} already; the next is {next}"
        )),
        false => invalid(format!("--id: {id} is not the next number; use {next}")),
    }
}

/// The first vault of a wallet that no deployment uses and that holds nothing.
async fn new_vault(context: &Context, owner: &Pubkey) -> Result<u16> {
    let found = context.cluster.deployments_of(owner).await?;
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
