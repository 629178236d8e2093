//! What somebody wants done, as instructions and in words. The server signs it for its own key, or hands it out
//! for a wallet to sign.

use super::{refusal::Refusal, Server};
use crate::{
    commands::create::{plan as creation, prepare, require_vault},
    definitions::is_stub,
    format::{counted, nos, sol},
};
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    confidential::stub,
    definition::Definition,
    domain::status::Status,
    instructions::{self as ix, Amount, UpdateArgs, Vault},
    seeds,
    spec::{vault_number, SpecErrors, VAULTS_LOOKED_AT},
    DeploymentSpec,
};
use serde_json::Value;
use solana_program::{instruction::Instruction, pubkey::Pubkey};

/// What is to be done.
#[derive(Clone, Debug)]
pub(super) enum Wish {
    /// Create a deployment.
    Create(Box<DeploymentSpec>),
    /// Put NOS base units and lamports into the vault of this number.
    Fund { vault: u16, nos: u64, lamports: u64 },
    /// Take them out.
    Withdraw {
        vault: u16,
        nos: Amount,
        lamports: Amount,
    },
    /// Do something with a deployment.
    With(Box<DeploymentAccount>, Deed),
}

/// What is to be done with a deployment.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    Start,
    Stop,
    Archive,
    /// Archive it, if it has stopped, and close its account.
    Delete,
    Update(UpdateArgs),
    /// List jobs on another market from now on.
    Move(Pubkey),
    /// Add so many replicas.
    Extend(u32),
    /// Run this job definition from now on.
    AddRevision(Value),
}

/// A wish as a wallet signs it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) instructions: Vec<Instruction>,
    /// What it does, in a sentence.
    pub(super) message: String,
    /// What nodes will fetch, to be published before it is sent.
    pub(super) publish: Option<Publish>,
    /// The deployment that it is about, or makes.
    pub(super) deployment: Option<Pubkey>,
}

/// What nodes will fetch, and what it is a stub of.
#[derive(Clone, Debug)]
pub(super) struct Publish {
    pub(super) pinned: Definition,
    pub(super) secret: Option<Definition>,
}

impl Publish {
    fn of(server: &Server, definition: Definition, is_confidential: bool) -> Result<Self, Refusal> {
        Ok(match is_confidential {
            true => Self {
                pinned: stub(&definition, server.definitions_url()?),
                secret: Some(definition),
            },
            false => Self {
                pinned: definition,
                secret: None,
            },
        })
    }
}

impl Server {
    /// The instructions of a wish of `owner`'s, and the words for it.
    pub(super) async fn plan(&self, owner: &Pubkey, wish: Wish) -> Result<Plan, Refusal> {
        self.context.cluster.require_program().await?;
        match wish {
            Wish::Create(spec) => self.creation(owner, *spec).await,
            Wish::Fund {
                vault,
                nos: units,
                lamports,
            } => Ok(Plan {
                instructions: ix::fund(owner, &Vault::new(*owner, vault), units, lamports).into(),
                message: format!(
                    "Move {} and {} into vault {vault}",
                    nos(units),
                    sol(lamports)
                ),
                publish: None,
                deployment: None,
            }),
            Wish::Withdraw {
                vault,
                nos: units,
                lamports,
            } => Ok(Plan {
                instructions: ix::withdraw(&Vault::new(*owner, vault), units, lamports).into(),
                message: format!(
                    "Take {} and {} out of vault {vault}",
                    amount(units, nos, "all NOS"),
                    amount(lamports, sol, "all SOL")
                ),
                publish: None,
                deployment: None,
            }),
            Wish::With(deployment, deed) => {
                if deployment.header.owner != *owner {
                    return Err(Refusal::forbidden(format!(
                        "deployment {} belongs to {}, not to {owner}",
                        deployment.address, deployment.header.owner
                    )));
                }
                self.deed(&deployment, deed)
            }
        }
    }

    async fn creation(&self, owner: &Pubkey, mut spec: DeploymentSpec) -> Result<Plan, Refusal> {
        if spec.confidential {
            spec.definitions_url = self.definitions_url()?.to_owned();
        }
        require_vault(&mut spec, owner)?;
        let (id, terms) = prepare(&self.context, owner, &mut spec).await?;
        let plan = creation(&self.context, owner, id, &spec, Some(&terms));
        let address = seeds::deployment_address(owner, id).0;
        let replicas = counted(spec.settings.replicas, "replica");
        let cost = plan
            .terms
            .line("round_nos")
            .map(|(_, cost)| format!("; a round costs {cost}"));
        Ok(Plan {
            instructions: plan.instructions,
            message: format!(
                "Create deployment {:?} of {replicas}, {}{}",
                spec.name,
                spec.settings.strategy,
                cost.unwrap_or_default()
            ),
            publish: Some(Publish::of(
                self,
                spec.definition(&address),
                spec.confidential,
            )?),
            deployment: Some(address),
        })
    }

    fn deed(&self, deployment: &DeploymentAccount, deed: Deed) -> Result<Plan, Refusal> {
        let (owner, address) = (deployment.header.owner, deployment.address);
        let name = format!("{:?} ({address})", deployment.header.name());
        let mut publish = None;
        let (instructions, message) = match deed {
            Deed::Start => (vec![ix::start(&owner, &address)], format!("Start {name}")),
            Deed::Stop => (vec![ix::stop(&owner, &address)], format!("Stop {name}")),
            Deed::Archive => (
                vec![ix::archive(&owner, &address)],
                format!("Archive {name}, for good"),
            ),
            Deed::Delete => {
                let archive = ix::archive(&owner, &address);
                let archive = (deployment.status() == Status::Stopped).then_some(archive);
                let close = ix::close(&owner, &address);
                (
                    archive.into_iter().chain([close]).collect(),
                    format!("Close {name}; its rent comes back"),
                )
            }
            Deed::Update(args) => {
                let settings = args.settings.changed(deployment.lifecycle.settings);
                settings
                    .map_err(|error| Refusal::invalid(format!("{}: {error}", error.field())))?;
                (
                    vec![ix::update(&owner, &address, args)],
                    format!("Change the settings of {name}"),
                )
            }
            Deed::Move(market) => (
                vec![ix::move_to(
                    &owner,
                    &address,
                    &market,
                    UpdateArgs::default(),
                )],
                format!("List the jobs of {name} on market {market}"),
            ),
            Deed::Extend(more) => (
                vec![ix::extend(&owner, &address, more)],
                format!("Add {} to {name}", counted(more, "replica")),
            ),
            Deed::AddRevision(value) => {
                let errors = SpecErrors::of_job("", &value);
                if !errors.0.is_empty() {
                    return Err(errors.into());
                }
                let definition = Definition::new(&value, &address);
                let was_confidential = is_stub(&deployment.header.job_definition);
                let number = deployment.header.latest_revision.saturating_add(1);
                let published = Publish::of(self, definition, was_confidential)?;
                let add = ix::add_revision(&owner, &address, number, *published.pinned.digest());
                publish = Some(published);
                (
                    vec![add],
                    format!("Have {name} run revision {number} of its job definition"),
                )
            }
        };
        Ok(Plan {
            instructions,
            message,
            publish,
            deployment: Some(address),
        })
    }

    /// The number of a vault of an owner's, from its address.
    pub(super) fn vault_number(owner: &Pubkey, vault: &str) -> Result<u16, Refusal> {
        let address: Option<Pubkey> = vault.parse().ok();
        let found = address.and_then(|address| vault_number(owner, &address));
        found.ok_or_else(|| {
            Refusal::missing(format!(
                "vault {vault:?} is none of the first {VAULTS_LOOKED_AT} of {owner}"
            ))
        })
    }
}

fn amount(amount: Amount, shown: impl Fn(u64) -> String, all: &str) -> String {
    match amount {
        Amount::All => all.to_owned(),
        Amount::Exact(units) => shown(units),
    }
}
