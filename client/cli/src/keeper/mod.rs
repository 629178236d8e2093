//! `keeper`: does what is due for every deployment, next to any number of others who do the same.
//!
//! Nothing depends on a keeper being right, or alone: the program decides what is due, once more and
//! finally. A keeper only has to look often enough. So notifications are hints, scans find what they
//! missed, every action is simulated on the cluster before it is paid for, and after anything that
//! is not certain it looks again.

mod act;
mod chores;
mod feed;
mod metrics;
mod serve;
mod settings;
mod tables;
mod turning;

use crate::{context::Context, exit::invalid};
use anyhow::Result;
use clap::Args;
use metrics::Metrics;
use nosana_deploy_client::rpc::{Cluster, ClusterError};
use settings::{Config, LogFormat, Settings};
use solana_keypair::{read_keypair_file, Keypair};
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;
use std::{io::IsTerminal, sync::Arc};
use tables::Tables;
use tracing_subscriber::EnvFilter;

/// Run a keeper: do what is due for deployments, and earn their rewards
///
/// Lists jobs when they are due, settles, stops, prolongs and tracks them, cleans up, and never
/// needs anyone's key but its own, which pays fees and receives rewards. Any number may run. Every
/// option can stand in a TOML file (--settings) and in the environment; docs/keeper.md has more.
#[derive(Args)]
#[command(next_help_heading = "Keeper options")]
pub(crate) struct Run {
    #[command(flatten)]
    settings: Settings,
}

/// A running keeper.
pub(crate) struct Keeper {
    cluster: Cluster,
    wallet: Keypair,
    config: Config,
    metrics: Metrics,
    tables: Tables,
}

impl Run {
    pub(crate) fn run(self, context: Context) -> Result<()> {
        let config = self.settings.complete(context.rpc_url())?;
        start_logging(&config)?;
        let path = context.keypair_path().to_owned();
        let wallet = read_keypair_file(&path).map_err(|error| {
            invalid(format!(
                "--keypair {path}: {error}; a keeper needs a file, because nobody is there to sign"
            ))
        })?;
        let (cluster, runtime) = context.into_cluster();
        runtime.block_on(async move {
            cluster.require_program().await?;
            let tables = Tables::read(&cluster, &config.lookup_tables).await?;
            let keeper = Arc::new(Keeper {
                cluster,
                wallet,
                config,
                metrics: Metrics::default(),
                tables,
            });
            if let Some(address) = keeper.config.metrics.filter(|_| !keeper.config.once) {
                let address = serve::serve(keeper.clone(), address).await?;
                tracing::info!(%address, "metrics");
            }
            turning::turn(keeper).await
        })
    }
}

impl Keeper {
    fn address(&self) -> Pubkey {
        self.wallet.pubkey()
    }

    /// Notes that a request failed.
    fn rpc_failed(&self, doing: &'static str, error: &ClusterError) {
        self.metrics.rpc_failed();
        tracing::warn!(doing, %error, "the RPC node failed");
    }
}

fn start_logging(config: &Config) -> Result<()> {
    let filter = EnvFilter::try_new(&config.log)
        .map_err(|error| invalid(format!("--log {}: {error}", config.log)))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match config.log_format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().flatten_event(true).init(),
    }
    Ok(())
}
