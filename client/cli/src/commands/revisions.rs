//! `revisions`: the job definitions that a deployment has run.

use crate::{
    commands::read,
    context::Context,
    exit::invalid,
    format::time,
    ipfs::Ipfs,
    output::table,
    publishing::PublishOptions,
    submit::{Owned, TransactionOptions, TransactionPlan},
};
use anyhow::Result;
use clap::{Args, Subcommand};
use nosana_deploy_client::{
    confidential::stub,
    definition::Definition,
    digest,
    instructions::{self as ix, UpdateArgs},
    seeds,
    spec::{parse_json, SpecErrors},
    DeploymentSpec,
};
use serde::Serialize;
use serde_json::{json, Value};
use solana_program::{instruction::Instruction, pubkey::Pubkey as Address};
use std::{fmt, path::PathBuf};

/// Show a deployment's revisions, add one, roll back to one, or close one
#[derive(Args)]
pub(crate) struct Revisions {
    /// The deployment's address, or its number among the wallet's deployments
    deployment: String,
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Subcommand)]
enum Action {
    /// Show them; what happens if nothing else is asked for
    List,
    Add(Add),
    Use(Use),
    Close(Close),
}

/// Add a job definition and run it from now on
#[derive(Args)]
struct Add {
    /// A job definition's JSON, or a deployment's, of which only the definition is used
    file: PathBuf,
    /// Its number, the latest and one; needed with --blockhash
    #[arg(long)]
    number: Option<u32>,
    /// Pin a stub, and keep the definition for your `definitions serve`; a deployment's file says so itself
    #[arg(long)]
    confidential: bool,
    #[command(flatten)]
    publish: PublishOptions,
    #[command(flatten)]
    transaction: TransactionOptions,
}

/// Run a revision that was added before, from now on
#[derive(Args)]
struct Use {
    /// Its number
    number: u32,
    #[command(flatten)]
    transaction: TransactionOptions,
}

/// Close the account of a revision that does not run; its rent returns to the wallet
#[derive(Args)]
struct Close {
    /// Its number, from 2: the first has no account of its own
    #[arg(value_parser = clap::value_parser!(u32).range(2..))]
    number: u32,
    #[command(flatten)]
    transaction: TransactionOptions,
}

impl Revisions {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let address = context.deployment_address(&self.deployment)?;
        match self.action.unwrap_or(Action::List) {
            Action::List => list(context, &address),
            Action::Add(add) => add.run(context, &address),
            Action::Use(Use {
                number,
                transaction,
            }) => {
                let args = UpdateArgs {
                    revision: Some(number),
                    ..Default::default()
                };
                let build = |owner: &Address| ix::update(owner, &address, args);
                run(context, &transaction, &address, number, None, build)
            }
            Action::Close(Close {
                number,
                transaction,
            }) => transaction.submit_to(context, &address, |plan, owner, found| {
                let name = Owned::name(found, &address);
                name_revision(plan, &address, number);
                plan.question = format!(
                    "Close revision {number} of {name}? Nothing can be rolled back to it then."
                );
                Ok(ix::close_revision(owner, &address, number))
            }),
        }
    }
}

/// What a revision brings.
struct Published {
    pinned: Definition,
    /// What it is a stub of.
    secret: Option<Definition>,
    pin: Option<Ipfs>,
}

/// Asks whether a revision is to run from now on, and has it run.
fn run(
    context: &Context,
    transaction: &TransactionOptions,
    address: &Address,
    number: u32,
    published: Option<Published>,
    build: impl FnOnce(&Address) -> Instruction,
) -> Result<()> {
    transaction.submit_to(context, address, |plan, owner, found| {
        let name = Owned::name(found, address);
        name_revision(plan, address, number);
        plan.question = format!("Run revision {number} of {name} from now on?");
        if let Some(found) = found {
            plan.terms = found.terms(found.settings());
        }
        if let Some(Published {
            pinned,
            secret,
            pin,
        }) = published
        {
            plan.publish(pinned, pin);
            plan.secret = secret;
        }
        Ok(build(owner))
    })
}

fn name_revision(plan: &mut TransactionPlan, address: &Address, number: u32) {
    let revision = seeds::revision_address(address, number).0;
    plan.names.push((revision, "revision".into()));
    plan.facts.add("Revision", number, "revision", number);
}

impl Add {
    fn run(self, context: &Context, address: &Address) -> Result<()> {
        let (definition, is_confidential) = definition(&read(&self.file)?)?;
        let definition = Definition::new(&definition, address);
        let (pinned, secret) = match self.confidential || is_confidential {
            true => {
                let is_offline = self.transaction.is_offline();
                let server = self.publish.definitions_url(context, is_offline)?;
                (stub(&definition, &server), Some(definition))
            }
            false => (definition, None),
        };
        let digest = *pinned.digest();
        let pin = self.publish.ipfs(context)?;
        let number = context.block_on(async {
            match self.number {
                Some(number) => Ok(number),
                None if self.transaction.is_offline() => {
                    Err(invalid("--number: missing; use the revision's number with --blockhash, so that every signer makes the same transaction"))
                }
                None => {
                    let deployment = context.cluster.deployment(address).await?;
                    Ok(deployment.header.latest_revision.saturating_add(1))
                }
            }
        })?;
        let build = |owner: &Address| ix::add_revision(owner, address, number, digest);
        let published = Some(Published {
            pinned,
            secret,
            pin,
        });
        run(
            context,
            &self.transaction,
            address,
            number,
            published,
            build,
        )
    }
}

/// The job definition in a file that holds one, or a deployment with one, and whether it is confidential.
fn definition(text: &str) -> Result<(Value, bool)> {
    let value = parse_json(text)?;
    if value.get("job_definition").is_some() {
        let spec = DeploymentSpec::from_json(text)?;
        return Ok((spec.job_definition, spec.confidential));
    }
    let errors = SpecErrors::of_job("", &value);
    match errors.0.is_empty() {
        true => Ok((value, false)),
        false => Err(errors.into()),
    }
}

fn list(context: &Context, address: &Address) -> Result<()> {
    let lines = context.block_on(async {
        context.cluster.require_program().await?;
        let deployment = context.cluster.deployment(address).await?;
        let revisions = context.cluster.revisions(&deployment).await?;
        let runs = deployment.header.revision;
        Ok(revisions
            .into_iter()
            .map(move |(number, digest, added_at)| Line {
                number,
                job_definition: digest::cid(&digest),
                added_at,
                runs: number == runs,
            }))
    })?;
    context.output.print(&Lines(lines.collect()))
}

struct Line {
    number: u32,
    job_definition: String,
    added_at: Option<i64>,
    runs: bool,
}

struct Lines(Vec<Line>);

impl fmt::Display for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<Vec<String>> = self
            .0
            .iter()
            .map(|line| {
                vec![
                    line.number.to_string(),
                    if line.runs {
                        "runs".into()
                    } else {
                        String::new()
                    },
                    line.added_at.map(time).unwrap_or_default(),
                    line.job_definition.clone(),
                ]
            })
            .collect();
        table(f, &["REVISION", "", "ADDED (UTC)", "JOB DEFINITION"], &rows)
    }
}

impl Serialize for Lines {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|line| {
            json!({
                "revision": line.number,
                "runs": line.runs,
                "added_at": line.added_at,
                "job_definition": line.job_definition,
            })
        }))
    }
}
