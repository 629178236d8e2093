//! `up`: a deployment as its file says, whatever there is so far.

use super::keep::ServeOptions;
use crate::{
    commands::{
        create::{plan, prepare, publish, require_vault},
        funds::require_held,
        read,
        status::why,
        update::prolonged,
    },
    context::Context,
    exit::invalid,
    format::{counted, nos, sol},
    ipfs::Ipfs,
    output::Facts,
    publishing::PublishOptions,
    submit::{Owned, TransactionOptions, TransactionPlan},
    terms::who_acts,
};
use anyhow::{anyhow, Result};
use clap::Args;
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    domain::{
        settings::{Settings, Strategy},
        status::Status,
    },
    forecast::{Need, Prolonged, Stretch},
    instructions::{self as ix, UpdateArgs, Vault},
    markets::{price_per_second, rents_by},
    seeds,
    spec::{differences, Difference},
    text::printable,
    DeploymentSpec,
};
use serde_json::{json, Value};
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_signer::Signer;
use std::path::PathBuf;

/// Have a deployment run as its file says: create, fund and start it, or change what differs
///
/// The first time, the deployment is created, its vault funded for so many hours or rounds, and the
/// deployment started, in one transaction. With the same file again, only what differs is changed:
/// settings, replicas, the market, the job definition. The file's name tells which deployment it is. If
/// nothing differs, nothing is sent.
#[derive(Args)]
pub(crate) struct Up {
    /// The deployment's JSON; comments are allowed
    file: PathBuf,
    /// Fund a new deployment for so many hours
    #[arg(long, value_name = "HOURS", value_parser = clap::value_parser!(u32).range(1..=87_600))]
    hours: Option<u32>,
    /// Fund a new deployment for so many rounds [default: 1]
    #[arg(long, value_name = "COUNT", conflicts_with = "hours", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    #[command(flatten)]
    publish: PublishOptions,
    #[command(flatten)]
    keep: ServeOptions,
    #[command(flatten)]
    transaction: TransactionOptions,
}

impl Up {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        self.transaction
            .require_online("create, fund and start, or update")?;
        let mut spec = DeploymentSpec::from_json(&read(&self.file)?)?;
        if spec.confidential {
            spec.definitions_url = self.publish.definitions_url(context, false)?;
        }
        let pin = self.publish.ipfs(context)?;
        let keeper = self.keep.keeper(context, &self.transaction)?;
        let signers = self.transaction.signers()?;
        let wallet = context.wallet(&signers)?;
        let owner = wallet.pubkey();
        require_vault(&mut spec, &owner)?;
        let found = context.block_on(namesakes(context, &owner, &spec.name))?;
        let plan = match found.as_slice() {
            [] => Some(self.create(context, &owner, &mut spec, pin)?),
            [found] => self.change(context, found, &mut spec, pin)?,
            several => {
                let ids = several.iter().map(|found| found.header.id.to_string());
                return Err(invalid(format!(
                    "name: your deployments {} have the name {:?}, and it must tell which one the file is; use a name of its own, or update",
                    ids.collect::<Vec<_>>().join(" and "),
                    printable(&spec.name)
                )));
            }
        };
        let address = match (plan, found.first()) {
            (Some(Planned { address, plan }), _) => {
                let transaction = &self.transaction;
                transaction.submit(context, &signers, wallet.as_ref(), plan)?;
                address
            }
            (None, Some(found)) => {
                nothing(context, found)?;
                found.address
            }
            (None, None) => return Ok(()),
        };
        match keeper {
            Some(keeper) => keeper.until_it_serves(context, &address),
            None => Ok(()),
        }
    }

    /// What creates, funds and starts a deployment.
    fn create(
        &self,
        context: &Context,
        owner: &Pubkey,
        spec: &mut DeploymentSpec,
        pin: Option<Ipfs>,
    ) -> Result<Planned> {
        let stretch = match (self.hours, self.rounds) {
            (Some(hours), _) => Stretch::Hours(hours),
            (None, rounds) => Stretch::Rounds(rounds.unwrap_or(1)),
        };
        spec.autostart = true;
        let (id, terms, rents) = context.block_on(async {
            let (id, terms) = prepare(context, owner, spec).await?;
            let rents = rents_by(&context.cluster.rent().await?);
            Ok((id, terms, rents))
        })?;
        let price = price_per_second(&terms.state).ok_or_else(|| {
            invalid("market: it takes no jobs now, so what a round costs is not known; choose a different one, or use create")
        })?;
        let need =
            Need::of(&spec.settings, price, &rents, stretch, terms.now).ok_or_else(|| {
                invalid("--hours, --rounds: that costs more than a vault can hold; use fewer")
            })?;
        let vault = Vault::new(*owner, spec.vault_index);
        let more_nos = need.nos.saturating_sub(terms.funds.nos);
        let more_lamports = need.lamports.saturating_sub(terms.funds.lamports);
        context.block_on(require_held(
            context,
            owner,
            &vault,
            more_nos,
            more_lamports,
        ))?;

        let mut plan = plan(context, owner, id, spec, Some(&terms));
        if more_nos > 0 || more_lamports > 0 {
            let [_, fund] = ix::fund(owner, &vault, more_nos, more_lamports);
            plan.instructions.push(fund);
        }
        let rounds = counted(need.rounds, "round");
        let shown = format!(
            "{} and {} for {rounds}; what is not used stays in the vault",
            nos(more_nos),
            sol(more_lamports)
        );
        plan.terms.add("Deposit", shown, "deposit_nos", more_nos);
        plan.terms.add("", "", "deposit_lamports", more_lamports);
        plan.terms.add("", "", "rounds", need.rounds);
        who_acts(&spec.settings, spec.access_key, &mut plan.terms);
        let replicas = counted(spec.settings.replicas, "replica");
        let plan_question = format!(
            "Create deployment {:?} of {replicas}, move {} and {} into vault {}, and start it?",
            printable(&spec.name),
            nos(more_nos),
            sol(more_lamports),
            vault.index
        );
        plan = plan.ask(plan_question);
        let address = seeds::deployment_address(owner, id).0;
        publish(&mut plan, spec, &address, pin);
        Ok(Planned { address, plan })
    }

    /// What changes a deployment to what the file says; `None` if nothing differs.
    fn change(
        &self,
        context: &Context,
        found: &DeploymentAccount,
        spec: &mut DeploymentSpec,
        pin: Option<Ipfs>,
    ) -> Result<Option<Planned>> {
        let (address, owner) = (found.address, found.header.owner);
        let owned = context.block_on(Owned::read(context, &address, &owner))?;
        let mut change = Change::new(context, &owned, spec)?;
        change.definition(context, spec)?;
        change.status()?;
        if change.instructions.is_empty() {
            return Ok(None);
        }
        let vault = Vault::new(owner, found.header.vault_index);
        let mut plan = TransactionPlan::default()
            .name(address, "deployment")
            .name_vault(&vault);
        plan.facts.text("Deployment", "deployment", address);
        plan.facts
            .add("Number", found.header.id, "id", found.header.id);
        plan.terms = change.terms(context)?;
        who_acts(&spec.settings, spec.access_key, &mut plan.terms);
        let name = Owned::name(Some(&owned), &address);
        let changes = counted(u64::try_from(change.differences.len())?, "change");
        plan.question = format!("Make {changes} to {name}?");
        plan.instructions = change.instructions;
        if change.is_published {
            publish(&mut plan, spec, &address, pin);
        }
        Ok(Some(Planned { address, plan }))
    }
}

/// Says that nothing is to be done, and how the deployment is.
fn nothing(context: &Context, found: &DeploymentAccount) -> Result<()> {
    let address = found.address;
    let snapshot = context.block_on(async { Ok(context.cluster.snapshot(&address).await?) })?;
    let mut facts = Facts::default();
    facts.text("Deployment", "deployment", address);
    facts.add("Number", found.header.id, "id", found.header.id);
    facts.text("Status", "status", snapshot.deployment.status().name());
    facts.text("Why", "why", why(&snapshot));
    let shown = "nothing: it is as the file says, and nothing was sent";
    facts.add("Differs", shown, "changes", json!([]));
    context.output.print(&facts)
}

/// What is to be done to the deployment at an address.
struct Planned {
    address: Pubkey,
    plan: TransactionPlan,
}

/// The wallet's deployments of a name that are not archived.
async fn namesakes(
    context: &Context,
    owner: &Pubkey,
    name: &str,
) -> Result<Vec<DeploymentAccount>> {
    context.cluster.require_program().await?;
    let all = context.cluster.deployments_of(owner).await?.into_iter();
    let readable = all.filter_map(|(_, found)| found.ok());
    let alike =
        readable.filter(|found| found.header.name() == name && found.status() != Status::Archived);
    Ok(alike.collect())
}

/// From what a deployment is to what its file says.
struct Change<'a> {
    owned: &'a Owned,
    /// The settings of the file.
    settings: Settings,
    /// Where it lists from now on, if that changes.
    moved: Option<Owned>,
    differences: Vec<Difference>,
    instructions: Vec<Instruction>,
    is_published: bool,
}

impl<'a> Change<'a> {
    /// The settings, the market and the access key.
    fn new(context: &Context, owned: &'a Owned, spec: &mut DeploymentSpec) -> Result<Self> {
        let deployment = &owned.deployment;
        let (header, now) = (&deployment.header, *owned.settings());
        require_same(
            "strategy",
            now.strategy.name(),
            spec.settings.strategy.name(),
        )?;
        if !spec.new_vault {
            let [from, to] = [header.vault_index, spec.vault_index].map(|index| index.to_string());
            require_same("vault", &from, &to)?;
        }
        // What the file does not name stays as it was chosen then.
        if spec.default_price_cap {
            spec.settings.max_price_per_second = now.max_price_per_second;
        }
        if let Some(reward) = context.profile.keeper_reward {
            spec.offer_reward(reward);
        }
        let (settings, mut all) = differences(&now, &spec.settings);
        let access_key = spec.access_key.unwrap_or_default();
        let changes_key = header.access_key != access_key;
        if changes_key {
            all.push(differs(
                "access_key",
                key(header.access_key),
                key(access_key),
            ));
        }
        let args = UpdateArgs {
            settings,
            access_key: changes_key.then_some(access_key),
            ..UpdateArgs::default()
        };
        let (owner, address) = (header.owner, deployment.address);
        let mut moved = None;
        let mut instructions = Vec::new();
        if header.market != spec.market {
            let mut after = deployment.lifecycle;
            after.change_market().map_err(|refused| {
                anyhow!(
                    "market: the deployment is {}; {refused}",
                    deployment.status()
                )
            })?;
            let market = spec.market;
            let state = context.block_on(async { Ok(context.cluster.market(&market).await?) })?;
            moved = Some(owned.on(market, state));
            all.push(differs(
                "market",
                header.market.to_string(),
                market.to_string(),
            ));
            instructions.push(ix::move_to(&owner, &address, &market, args.clone()));
        } else if args != UpdateArgs::default() {
            instructions.push(ix::update(&owner, &address, args));
        }
        Ok(Self {
            owned,
            settings: spec.settings,
            moved,
            differences: all,
            instructions,
            is_published: false,
        })
    }

    /// The job definition: an earlier revision, or a new one.
    fn definition(&mut self, context: &Context, spec: &DeploymentSpec) -> Result<()> {
        let deployment = &self.owned.deployment;
        let (owner, address) = (deployment.header.owner, deployment.address);
        let definition = spec.pinned(&address);
        if *definition.digest() == deployment.header.job_definition {
            return Ok(());
        }
        let earlier = context.block_on(async {
            let all = context.cluster.revisions(deployment).await?.into_iter();
            let mut same = all.filter(|(_, digest, _)| digest == definition.digest());
            Ok(same.next().map(|(number, ..)| number))
        })?;
        let number = earlier.unwrap_or(deployment.header.latest_revision.saturating_add(1));
        self.instructions.push(match earlier {
            Some(_) => ix::update(
                &owner,
                &address,
                UpdateArgs {
                    revision: Some(number),
                    ..UpdateArgs::default()
                },
            ),
            None => ix::add_revision(&owner, &address, number, *definition.digest()),
        });
        self.is_published = true;
        self.differences.push(differs(
            "job_definition",
            format!("revision {}", deployment.header.revision),
            format!("revision {number}, {}", definition.cid()),
        ));
        Ok(())
    }

    /// Whether it is to be started: not a round that came to its end.
    fn status(&mut self) -> Result<()> {
        let deployment = &self.owned.deployment;
        let status = deployment.status();
        let goes_on = matches!(
            deployment.strategy(),
            Strategy::Infinite | Strategy::Scheduled
        );
        let starts = match status {
            Status::Draft => true,
            Status::Stopped => goes_on,
            Status::Stopping => {
                return Err(anyhow!(
                "the deployment is {status}; wait with `status {} --wait STOPPED`, then try again",
                deployment.header.id
            ))
            }
            _ => false,
        };
        if starts {
            let (owner, address) = (deployment.header.owner, deployment.address);
            self.instructions.push(ix::start(&owner, &address));
            let to = Status::Starting.name().to_owned();
            self.differences
                .push(differs("status", status.name().to_owned(), to));
        }
        Ok(())
    }

    /// What the owner agrees to.
    fn terms(&self, context: &Context) -> Result<Facts> {
        let where_it_spends = self.moved.as_ref().unwrap_or(self.owned);
        let mut terms = where_it_spends.terms(&self.settings);
        let shown = self
            .differences
            .iter()
            .map(|Difference { field, from, to }| {
                format!("{field} {} → {}", printable(from), printable(to))
            });
        let each = self
            .differences
            .iter()
            .map(|Difference { field, from, to }| json!({"field": field, "from": from, "to": to}));
        terms.add(
            "Differs",
            shown.collect::<Vec<_>>().join(", "),
            "changes",
            each.collect::<Value>(),
        );
        let deployment = &self.owned.deployment;
        let raises = self.settings.timeout_seconds > self.owned.settings().timeout_seconds;
        if raises || deployment.status() == Status::Error {
            let address = deployment.address;
            let snapshot =
                context.block_on(async { Ok(context.cluster.snapshot(&address).await?) })?;
            if raises {
                prolonged(&Prolonged::by(&snapshot, &self.settings), &mut terms);
            }
            if deployment.status() == Status::Error {
                terms.text("Still", "why", why(&snapshot));
            }
        }
        Ok(terms)
    }
}

fn differs(field: &'static str, from: String, to: String) -> Difference {
    Difference { field, from, to }
}

fn key(key: Pubkey) -> String {
    match key == Pubkey::default() {
        true => "none".into(),
        false => key.to_string(),
    }
}

fn require_same(field: &str, from: &str, to: &str) -> Result<()> {
    match from == to {
        true => Ok(()),
        false => Err(invalid(format!(
            "{field}: it is {from} and never changes, but the file says {to}; use {from}, or a different name for a deployment of its own"
        ))),
    }
}
