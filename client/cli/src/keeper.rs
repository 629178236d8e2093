//! `keeper`: runs a keeper with what flags, the environment and a file say.

mod flags;

use crate::{
    context::{Context, Options},
    exit::invalid,
    secrets::refuse_secret,
};
use anyhow::Result;
use clap::Args;
use flags::{Flags, LogFormat, Logging};
use nosana_deploy_keeper::{Keeper, KeeperError};
use solana_keypair::{read_keypair_file, Keypair};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Run a keeper: do what is due for deployments, and earn their rewards
///
/// Lists jobs when they are due, settles, stops, prolongs and tracks them, cleans up, and needs no
/// key but its own, which pays fees and receives rewards. Deployments with an access key are listed and
/// ended by keepers that have it (--access-keypair). Any number may run. Every
/// option can be set in a TOML file (--settings) or in the environment; docs/keeper.md has more.
#[derive(Args)]
#[command(next_help_heading = "Keeper options")]
pub(crate) struct KeeperCommand {
    #[command(flatten)]
    flags: Flags,
}

impl KeeperCommand {
    pub(crate) fn run(self, options: &Options) -> Result<()> {
        let flags = self.flags.with_file()?;
        let once = flags.once();
        let access_keypairs = flags.access_keypairs().to_vec();
        let context = Context::new(&flags.over_options(options))?;
        let (config, logging) = flags.complete(context.ws_url())?;
        start_logging(&logging)?;
        let path = context.keypair_path().to_owned();
        let wallet = keypair("keypair", &path)?;
        let access_keys = access_keypairs
            .iter()
            .map(|path| keypair("access-keypair", path));
        let access_keys = access_keys.collect::<Result<_>>()?;
        let (cluster, runtime) = context.into_cluster();
        runtime.block_on(async move {
            let keeper = Keeper::new(cluster, wallet, access_keys, config);
            let done = match once {
                true => keeper.run_once().await,
                false => keeper.run().await,
            };
            done.map_err(unwrapped)
        })
    }
}

/// The keypair in a file that an option names.
pub(crate) fn keypair(option: &str, path: &str) -> Result<Keypair> {
    refuse_secret(&format!("--{option}"), path)?;
    read_keypair_file(path).map_err(|error| {
        invalid(format!(
            "--{option} {path}: {error}; use a file, because no one is there to sign"
        ))
    })
}

/// What the cluster said, as every command reports it; else the keeper's own words.
pub(crate) fn unwrapped(error: KeeperError) -> anyhow::Error {
    match error {
        KeeperError::Cluster(error) => error.into(),
        error => error.into(),
    }
}

fn start_logging(logging: &Logging) -> Result<()> {
    let filter = EnvFilter::try_new(&logging.filter)
        .map_err(|error| invalid(format!("--log {}: {error}", logging.filter)))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match logging.format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}
