//! What an owner does to a deployment that exists: start, trigger, restart, extend, stop, archive, close,
//! write off.

use crate::{
    commands::keep::ServeOptions,
    context::Context,
    exit::invalid,
    format::counted,
    ipfs::IpfsOptions,
    submit::{Owned, TransactionOptions, TransactionPlan},
    terms::who_acts,
};
use anyhow::{anyhow, Result};
use clap::Args;
use nosana_deploy_client::domain::{
    lifecycle::Lifecycle,
    settings::Settings,
    status::{transition, Event, Refused, Status},
};
use nosana_deploy_client::instructions as ix;
use solana_program::{instruction::Instruction, pubkey::Pubkey};

/// What every command here takes.
#[derive(Args)]
pub(crate) struct Target {
    /// The deployment's address, or its number among the wallet's deployments
    deployment: String,
    #[command(flatten)]
    transaction: TransactionOptions,
}

impl Target {
    /// Builds from the wallet and the address, and submits. Online, the deployment is looked at
    /// first: it must be the wallet's, and its status allow the event.
    fn submit(
        &self,
        context: &Context,
        event: impl FnOnce(&Lifecycle) -> Event,
        build: impl FnOnce(&Pubkey, &Pubkey) -> Instruction,
        ask: impl FnOnce(&mut TransactionPlan, &str, Option<&Owned>) -> Result<()>,
    ) -> Result<()> {
        let address = context.deployment_address(&self.deployment)?;
        self.transaction
            .submit_to(context, &address, |plan, owner, found| {
                let name = Owned::name(found, &address);
                if let Some(Owned { deployment, .. }) = found {
                    let event = event(&deployment.lifecycle);
                    require_allowed(&name, deployment.status(), event)?;
                }
                ask(plan, &name, found)?;
                Ok(build(owner, &address))
            })
    }
}

/// Says which statuses would do, which the program's own refusal does not.
fn require_allowed(name: &str, status: Status, event: Event) -> Result<()> {
    let Err(refused) = transition(status, event) else {
        return Ok(());
    };
    let possible = |from: &Status| {
        let mut alike = Event::ALL
            .iter()
            .filter(|other| other.name() == event.name());
        alike.any(|event| transition(*from, *event).is_ok())
    };
    match refused {
        Refused::Status if !possible(&status) => {
            let from = Status::ALL.into_iter().filter(possible).map(Status::name);
            let (event, from) = (event.name(), from.collect::<Vec<_>>().join(", "));
            Err(anyhow!(
                "deployment {name} is {status}; {event} is possible in {from}"
            ))
        }
        refused => Err(anyhow!("deployment {name} is {status}; {refused}")),
    }
}

/// What a transition would refuse once the status allows it, before anything is sent.
fn require_possible(
    name: &str,
    found: Option<&Owned>,
    transition: impl FnOnce(&mut Lifecycle, &Owned) -> Result<(), Refused>,
) -> Result<()> {
    let Some(found) = found else {
        return Ok(());
    };
    let mut after = found.deployment.lifecycle;
    transition(&mut after, found).map_err(|refused| {
        anyhow!(
            "deployment {name} is {}; {refused}",
            found.settings().strategy
        )
    })
}

/// Start a deployment, or start it again
///
/// From then on keepers list its jobs, paid by its vault.
#[derive(Args)]
pub(crate) struct Start {
    #[command(flatten)]
    target: Target,
    /// Refuse to start unless the job definition is pinned here, for example http://127.0.0.1:5001
    #[arg(long, value_name = "URL", conflicts_with = "blockhash")]
    ipfs_api: Option<String>,
    #[command(flatten)]
    ipfs: IpfsOptions,
    #[command(flatten)]
    keep: ServeOptions,
}

impl Start {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let ipfs = context
            .profile
            .ipfs_api(self.ipfs_api.as_deref(), &self.ipfs)?;
        if let Some(ipfs) = ipfs.filter(|_| !self.target.transaction.is_offline()) {
            let address = context.deployment_address(&self.target.deployment)?;
            context.block_on(async {
                let deployment = context.cluster.deployment(&address).await?;
                ipfs.require_pinned(&deployment.header.job_definition).await
            })?;
        }
        let keeper = self.keep.keeper(context, &self.target.transaction)?;
        self.target.submit(
            context,
            |_| Event::Start,
            ix::start,
            |plan, name, found| {
                plan.question = format!("Start {name}? Keepers list its jobs, paid by its vault.");
                if let Some(found) = found {
                    plan.terms = found.terms(found.settings());
                    let access_key = found.deployment.access_key();
                    who_acts(found.settings(), access_key, &mut plan.terms);
                }
                Ok(())
            },
        )?;
        match keeper {
            Some(keeper) => {
                let address = context.deployment_address(&self.target.deployment)?;
                keeper.until_it_serves(context, &address)
            }
            None => Ok(()),
        }
    }
}

/// Add replicas to a SIMPLE-EXTEND deployment
#[derive(Args)]
pub(crate) struct Extend {
    #[command(flatten)]
    target: Target,
    /// How many replicas more
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100))]
    replicas: u32,
}

impl Extend {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let more = self.replicas;
        let build = |owner: &Pubkey, address: &Pubkey| ix::extend(owner, address, more);
        self.target.submit(
            context,
            |_| Event::Extend,
            build,
            |plan, name, found| {
                let replicas = counted(more, "replica");
                plan.question = format!("Extend {name} by {replicas}, paid by its vault?");
                if let Some(found) = found {
                    let more = found.deployment.lifecycle.extended_replicas(more);
                    plan.terms = found.terms(&Settings {
                        replicas: more.unwrap_or(u32::MAX),
                        ..*found.settings()
                    });
                }
                Ok(())
            },
        )
    }
}

/// List one round of a SCHEDULED deployment now, as if its schedule fired
///
/// The schedule goes on. Jobs of earlier firings are dealt with as --overlap says.
#[derive(Args)]
pub(crate) struct Trigger {
    #[command(flatten)]
    target: Target,
}

impl Trigger {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        self.target.submit(
            context,
            |_| Event::Trigger,
            ix::trigger,
            |plan, name, found| {
                require_possible(name, found, |lifecycle, found| {
                    lifecycle.trigger(found.deployment.job_views(), found.now())
                })?;
                plan.question = format!("Run a round of {name} now, paid by its vault?");
                if let Some(found) = found {
                    plan.terms = found.terms(found.settings());
                }
                Ok(())
            },
        )
    }
}

/// Have jobs of a deployment replaced, while enough keep serving
///
/// Every active job, or one. For INFINITE, SIMPLE and SIMPLE-EXTEND: new jobs are listed, and the old ones
/// end once enough of the new ones serve, as with a new revision.
#[derive(Args)]
pub(crate) struct Restart {
    #[command(flatten)]
    target: Target,
    /// The job's number, as `status` shows it [default: all]
    job: Option<u64>,
}

impl Restart {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let job = self.job;
        self.target.submit(
            context,
            |_| Event::Restart,
            |owner, address| ix::restart(owner, address, job),
            |plan, name, found| {
                require_possible(name, found, |lifecycle, found| {
                    lifecycle.restart(job, found.deployment.job_views())
                })?;
                let jobs = match job {
                    Some(job) => format!("job {job}"),
                    None => "every active job".into(),
                };
                plan.question = format!("Replace {jobs} of {name}, paid by its vault?");
                if let Some(found) = found {
                    plan.terms = found.terms(found.settings());
                }
                Ok(())
            },
        )
    }
}

/// Stop a deployment; keepers end its active jobs
#[derive(Args)]
pub(crate) struct Stop {
    #[command(flatten)]
    target: Target,
    /// Let jobs that nodes run end by themselves or at their deadline; stop again ends them at once
    #[arg(long)]
    drain: bool,
}

impl Stop {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let drain = self.drain;
        let event = |lifecycle: &Lifecycle| match lifecycle.draining && !drain {
            true => Event::Hasten,
            false => Event::Stop {
                jobs_active: lifecycle.active > 0,
            },
        };
        let build = if drain { ix::drain } else { ix::stop };
        self.target
            .submit(context, event, build, |plan, name, found| {
                let active = found.map_or(0, |found| found.deployment.header.active);
                let jobs = match (active, drain) {
                    (0, _) => "It lists nothing more.".into(),
                    (jobs, false) => format!("Keepers end its {}.", counted(jobs, "active job")),
                    (jobs, true) => format!(
                        "Of its {}, those that nodes run end by themselves or at their deadline.",
                        counted(jobs, "active job")
                    ),
                };
                plan.question = format!("Stop {name}? {jobs}");
                Ok(())
            })
    }
}

/// Archive a deployment of which nothing is active, for good
#[derive(Args)]
pub(crate) struct Archive {
    #[command(flatten)]
    target: Target,
}

impl Archive {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let event = |lifecycle: &Lifecycle| Event::Archive {
            jobs_active: lifecycle.active > 0,
        };
        self.target
            .submit(context, event, ix::archive, |plan, name, _| {
                plan.question = format!("Archive {name}? It can never be started again.");
                Ok(())
            })
    }
}

/// Close the account of a DRAFT or ARCHIVED deployment; its rent returns to the wallet
#[derive(Args)]
pub(crate) struct Close {
    #[command(flatten)]
    target: Target,
}

impl Close {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        self.target.submit(
            context,
            |_| Event::Close,
            ix::close,
            |plan, name, _| {
                plan.question = format!("Close {name} and return its rent to the wallet?");
                Ok(())
            },
        )
    }
}

/// Give up a job that no keeper can settle any more, for example because its market is gone
#[derive(Args)]
pub(crate) struct WriteOff {
    /// The deployment's address, or its number among the wallet's deployments
    deployment: String,
    /// The job's number, as `status` shows it
    job: u64,
    /// The deployment's market; needed with --blockhash
    #[arg(long, value_name = "PUBKEY")]
    market: Option<Pubkey>,
    #[command(flatten)]
    transaction: TransactionOptions,
}

impl WriteOff {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let address = context.deployment_address(&self.deployment)?;
        let (job, transaction) = (self.job, &self.transaction);
        transaction.submit_to(context, &address, |plan, owner, found| {
            let of_the_account = found.map(|found| found.deployment.header.market);
            let market = self.market.or(of_the_account).ok_or_else(|| {
                invalid("--market: missing; use the deployment's with --blockhash, so that every signer makes the same transaction")
            })?;
            let name = Owned::name(found, &address);
            plan.question = format!("Write off job {job} of {name} and give up its deposit?");
            plan.facts.add("Job", job, "job", job);
            Ok(ix::write_off(owner, &address, &market, job))
        })
    }
}
