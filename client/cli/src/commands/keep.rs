//! `--keep`: a keeper for one deployment, as long as a command needs it.

use crate::{
    commands::status::why,
    context::Context,
    format::counted,
    keeper::{keypair, unwrapped},
    output::say,
    submit::TransactionOptions,
};
use anyhow::{anyhow, Result};
use clap::Args;
use nosana_deploy_client::{domain::status::Status, keeper::plan::Snapshot};
use nosana_deploy_keeper::{Config, Keeper, KeeperError};
use solana_keypair::Keypair;
use solana_program::pubkey::Pubkey;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// A keeper of one's own.
#[derive(Args, Clone)]
pub(super) struct KeepOptions {
    /// Run a keeper for this deployment, as long as this command needs one; the wallet pays its fees
    #[arg(long, conflicts_with_all = ["sign_only", "dry_run", "blockhash"])]
    keep: bool,
    /// Keypair file of the deployment's access key, for --keep
    #[arg(long, value_name = "FILE", requires = "keep")]
    access_keypair: Option<String>,
}

/// A keeper of one's own until the deployment serves.
#[derive(Args, Clone)]
pub(super) struct ServeOptions {
    #[command(flatten)]
    keep: KeepOptions,
    /// How long --keep waits until nodes run all jobs, for example 90s or 2h; exits 1 then
    #[arg(long, value_name = "TIME", requires = "keep", default_value = "10m", value_parser = humantime::parse_duration)]
    keep_timeout: Duration,
}

impl ServeOptions {
    /// The keeper that is asked for, if one is.
    ///
    /// # Errors
    /// As [`KeepOptions::keeper`].
    pub(super) fn keeper(
        &self,
        context: &Context,
        transaction: &TransactionOptions,
    ) -> Result<Option<OwnKeeper>> {
        self.keep.keeper(context, transaction, self.keep_timeout)
    }
}

/// What a keeper needs, read before anything is sent.
pub(super) struct OwnKeeper {
    wallet: Keypair,
    access_keys: Vec<Keypair>,
    timeout: Duration,
}

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

impl KeepOptions {
    /// The keeper that is asked for, if one is.
    ///
    /// # Errors
    /// The wallet, or the access key, is no file.
    pub(super) fn keeper(
        &self,
        context: &Context,
        transaction: &TransactionOptions,
        timeout: Duration,
    ) -> Result<Option<OwnKeeper>> {
        if !self.keep || transaction.is_dry_run() {
            return Ok(None);
        }
        let access_keys = self.access_keypair.iter();
        let access_keys = access_keys.map(|path| keypair("access-keypair", path));
        Ok(Some(OwnKeeper {
            wallet: keypair("keypair", context.keypair_path())?,
            access_keys: access_keys.collect::<Result<_>>()?,
            timeout,
        }))
    }
}

impl OwnKeeper {
    /// Keeps a deployment until nodes run as many jobs as it has replicas.
    ///
    /// # Errors
    /// That takes too long, or cannot be: the deployment's status says why.
    pub(super) fn until_it_serves(self, context: &Context, deployment: &Pubkey) -> Result<()> {
        let last = self.until(context, deployment, |snapshot| {
            let status = snapshot.deployment.status();
            match status {
                Status::Starting => Ok(false),
                Status::Running => Ok(serving(snapshot) >= replicas(snapshot)),
                // Its jobs may be done already.
                Status::Stopped => Ok(true),
                _ => Err(anyhow!("the deployment is {status}: {}", why(snapshot))),
            }
        })?;
        match (context.output.is_json(), last.deployment.status()) {
            (true, _) => Ok(()),
            (false, Status::Running) => say("It serves."),
            (false, _) => say("Its jobs are over; `results` shows what they left."),
        }
    }

    /// Keeps a deployment until nothing of it is active.
    ///
    /// # Errors
    /// As [`Self::until_it_serves`].
    pub(super) fn until_it_stopped(self, context: &Context, deployment: &Pubkey) -> Result<()> {
        self.until(context, deployment, |snapshot| {
            Ok(snapshot.deployment.header.active == 0)
        })
        .map(|_| ())
    }

    fn until(
        self,
        context: &Context,
        deployment: &Pubkey,
        is_done: impl Fn(&Snapshot) -> Result<bool>,
    ) -> Result<Snapshot> {
        let since = Instant::now();
        context.block_on(async {
            let _spinner = context.output.spinner("keeping the deployment");
            let owner = context.cluster.deployment(deployment).await?.header.owner;
            let timeout = self.timeout;
            let keeper = self.keeper(context, deployment, &owner);
            loop {
                match keeper.clone().run_once().await {
                    // Tried again in a moment; if it goes on, the timeout ends it.
                    Err(KeeperError::Unfinished(_)) => {}
                    Err(KeeperError::Cluster(error)) if error.is_temporary() => {}
                    Err(error) => return Err(unwrapped(error)),
                    Ok(()) => {}
                }
                let snapshot = context.cluster.snapshot(deployment).await?;
                if is_done(&snapshot)? {
                    return Ok(snapshot);
                }
                if since.elapsed() >= timeout {
                    return Err(anyhow!(
                        "{}: nodes run {} of its {}; a keeper may go on: `nosana-deploy keeper --owner {owner}`",
                        humantime::format_duration(timeout),
                        serving(&snapshot),
                        counted(replicas(&snapshot), "replica"),
                    ));
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        })
    }

    fn keeper(self, context: &Context, deployment: &Pubkey, owner: &Pubkey) -> Arc<Keeper> {
        let config = Config {
            owners: vec![*owner],
            deployments: vec![*deployment],
            profitable_only: false,
            creates_lookup_table: false,
            low_balance_lamports: 0,
            stagger: Duration::ZERO,
            ..Config::new(context.ws_url())
        };
        let cluster = context.another_cluster();
        Keeper::new(cluster, self.wallet, self.access_keys, config)
    }
}

/// Jobs that nodes run.
fn serving(snapshot: &Snapshot) -> u32 {
    let running = snapshot.jobs.iter().filter(|job| job.run.is_some());
    u32::try_from(running.count()).unwrap_or(u32::MAX)
}

fn replicas(snapshot: &Snapshot) -> u32 {
    snapshot.deployment.lifecycle.settings.replicas
}
