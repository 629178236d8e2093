//! `down`: the end of a deployment, and everything back.

use super::keep::KeepOptions;
use crate::{
    context::Context,
    format::{counted, nos, sol},
    output::Facts,
    submit::{Owned, TransactionOptions, TransactionPlan},
};
use anyhow::{anyhow, Result};
use clap::Args;
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    domain::{funding::Funds, status::Status},
    instructions::{self as ix, Amount, Vault},
};
use solana_program::pubkey::Pubkey;
use std::time::{Duration, Instant};

/// End a deployment: stop it, wait until nothing of it is active, archive it, withdraw and close
///
/// What its vault holds returns to the wallet, unless another deployment of the wallet's uses the vault. The
/// rent of jobs that ended within the last day comes back to the vault when somebody cleans them:
/// `withdraw` takes that later.
#[derive(Args)]
pub(crate) struct Down {
    /// The deployment's address, or its number among the wallet's deployments
    deployment: String,
    /// How long to wait at most until keepers have ended its jobs, for example 90s or 2h; exits 1 then
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    timeout: Duration,
    #[command(flatten)]
    keep: KeepOptions,
    #[command(flatten)]
    transaction: TransactionOptions,
}

/// Between two looks of one who waits.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

impl Down {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        self.transaction
            .require_online("stop, archive, withdraw and close")?;
        let keeper = self.keep.keeper(context, &self.transaction, self.timeout)?;
        let signers = self.transaction.signers()?;
        let wallet = context.wallet(&signers)?;
        let owner = wallet.pubkey();
        let address = context.deployment_address(&self.deployment)?;
        let found = context.block_on(Owned::read(context, &address, &owner))?;
        let before = Remains::read(context, &found.deployment)?;

        let mut transaction = self.transaction.clone();
        if stops(&found.deployment) {
            let mut plan = TransactionPlan::default().name(address, "deployment");
            plan.question = before.question(&found);
            plan.facts.text("Deployment", "deployment", address);
            plan.instructions.push(ix::stop(&owner, &address));
            let stopped = transaction.transact(context, &signers, wallet.as_ref(), plan)?;
            if stopped.is_none() {
                return Ok(()); // it was a dry run
            }
            transaction = transaction.agreed();
        }
        match keeper {
            Some(keeper) => keeper.until_it_stopped(context, &address)?,
            // It would be refused as things are, and says so.
            None if transaction.is_dry_run() => {}
            None => self.wait(context, &address)?,
        }
        let last = context.block_on(Owned::read(context, &address, &owner))?;
        let remains = Remains::read(context, &last.deployment)?;
        let plan = remains.plan(&last);
        let closed = transaction.transact(context, &signers, wallet.as_ref(), plan)?;
        closed.map_or(Ok(()), |facts| context.output.print(&facts))
    }

    fn wait(&self, context: &Context, address: &Pubkey) -> Result<()> {
        let since = Instant::now();
        context.block_on(async {
            let _spinner = context.output.spinner("waiting for keepers to end its jobs");
            loop {
                let deployment = context.cluster.deployment(address).await?;
                let active = deployment.header.active;
                if active == 0 {
                    return Ok(());
                }
                if since.elapsed() >= self.timeout {
                    return Err(anyhow!(
                        "{}: {} not ended yet. Try again later, or with --keep, which ends them itself",
                        humantime::format_duration(self.timeout),
                        counted(active, "job"),
                    ));
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        })
    }
}

/// Whether it is to be stopped first.
fn stops(deployment: &DeploymentAccount) -> bool {
    !matches!(
        deployment.status(),
        Status::Draft | Status::Stopped | Status::Stopping | Status::Archived
    )
}

/// What a deployment leaves when it ends.
struct Remains {
    vault: Vault,
    funds: Funds,
    /// Another deployment's funds are in the vault, too.
    is_shared: bool,
    /// Revisions with accounts of their own.
    revisions: Vec<u32>,
}

impl Remains {
    fn read(context: &Context, deployment: &DeploymentAccount) -> Result<Self> {
        let header = &deployment.header;
        let vault = Vault::new(header.owner, header.vault_index);
        context.block_on(async {
            let all = context.cluster.deployments_of(&header.owner).await?;
            // One that cannot be read may use it.
            let is_shared = all.iter().any(|(key, found)| {
                *key != deployment.address
                    && found.as_ref().map_or(true, |found| {
                        found.header.vault == vault.address && found.status() != Status::Archived
                    })
            });
            let revisions = context.cluster.revisions(deployment).await?.into_iter();
            Ok(Self {
                vault,
                is_shared,
                funds: context.cluster.funds(&vault).await?,
                // The first came with the deployment.
                revisions: revisions.skip(1).map(|(number, ..)| number).collect(),
            })
        })
    }

    fn returned(&self) -> String {
        let Funds {
            nos: units,
            lamports,
        } = self.funds;
        let index = self.vault.index;
        match self.is_shared {
            true => format!("vault {index} stays as it is: another deployment uses it"),
            false => format!(
                "{} and {} return from vault {index}",
                nos(units),
                sol(lamports)
            ),
        }
    }

    fn question(&self, found: &Owned) -> String {
        let name = Owned::name(Some(found), &found.deployment.address);
        let jobs = match found.deployment.header.active {
            0 => "Nothing of it is active".into(),
            active => format!("Keepers end its {}", counted(active, "active job")),
        };
        format!(
            "Take {name} down, for good? {jobs}; {}, and what jobs do not use comes on top.",
            self.returned()
        )
    }

    /// What archives, withdraws and closes.
    fn plan(&self, found: &Owned) -> TransactionPlan {
        /// More would not fit into a transaction.
        const MOST_REVISIONS: usize = 8;
        let deployment = &found.deployment;
        let (owner, address) = (deployment.header.owner, deployment.address);
        let mut plan = TransactionPlan::default()
            .name(address, "deployment")
            .name_vault(&self.vault);
        let name = Owned::name(Some(found), &address);
        plan.question = format!("Close {name}, for good? {}.", self.returned());
        if deployment.status() == Status::Stopped {
            plan.instructions.push(ix::archive(&owner, &address));
        }
        let Funds {
            nos: units,
            lamports,
        } = self.funds;
        if !self.is_shared && (units, lamports) != (0, 0) {
            let all = |amount| match amount {
                0 => Amount::Exact(0),
                _ => Amount::All,
            };
            let withdraw = ix::withdraw(&self.vault, all(units), all(lamports));
            plan.instructions.extend(withdraw);
        }
        plan.instructions.push(ix::close(&owner, &address));
        let closed = self.revisions.iter().take(MOST_REVISIONS);
        let closing = closed.map(|number| ix::close_revision(&owner, &address, *number));
        plan.instructions.extend(closing);
        self.facts(deployment, MOST_REVISIONS, &mut plan.facts);
        plan
    }

    fn facts(&self, deployment: &DeploymentAccount, most_revisions: usize, facts: &mut Facts) {
        facts.text("Deployment", "deployment", deployment.address);
        facts.text("Down", "down", self.returned());
        let returned = |amount: u64| if self.is_shared { 0 } else { amount };
        facts.add("", "", "returned_nos", returned(self.funds.nos));
        facts.add("", "", "returned_lamports", returned(self.funds.lamports));
        let left = self.revisions.len().saturating_sub(most_revisions);
        if left > 0 {
            let first = self.revisions.get(most_revisions).copied().unwrap_or(0);
            let shown = format!(
                "{left} revisions keep their rent: `revisions {} close {first}` and so on",
                deployment.address
            );
            facts.add("Left", shown, "revisions_left", left);
        }
    }
}
