//! A keeper: carries out due work for deployments, next to any number of others that do the same.
//!
//! Nothing depends on a keeper being right, or alone: the program decides what is due, and rejects
//! everything else. A keeper only has to look often enough. So notifications are hints, scans find
//! what they missed, every action is simulated on the cluster before the keeper pays for it, and after
//! anything uncertain the keeper looks again.
//!
//! | module | what it does |
//! |---|---|
//! | [`config`] | which deployments, how often, at what price |
//! | `run_loop` | waits for events and hands deployments to workers |
//! | `subscriptions` | turns the cluster's notifications into events |
//! | `scan` | reads all deployments now and then |
//! | `execute` | one deployment: choose an action, simulate it, send it, record the outcome |
//! | `housekeeping` | cleans finished jobs and reclaims deposits |
//! | `recent` | what many transactions need, asked for once: a blockhash, recent fees |
//! | `refusals` | jobs that simulations refused lately, to be tried again later |
//! | `lookup_tables` | makes room for more jobs in a transaction |
//! | `spending` | bounds what the keeper gives away |
//! | `metrics`, `health` | figures for Prometheus; liveness and readiness |
//!
//! The pure half, what is due and which deployment is next, is `nosana_deploy_client::keeper`.

pub mod config;
mod error;
mod execute;
mod health;
mod housekeeping;
mod lookup_tables;
mod metrics;
mod recent;
mod refusals;
mod run_loop;
mod scan;
mod spending;
mod subscriptions;

pub use config::Config;
pub use error::KeeperError;

use backon::{ExponentialBuilder, Retryable};
use lookup_tables::LookupTables;
use metrics::Metrics;
use nosana_deploy_client::rpc::{Cluster, ClusterError};
use recent::Recent;
use refusals::Refusals;
use solana_keypair::Keypair;
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;
use spending::Losses;
use std::{
    sync::{
        atomic::{AtomicBool, Ordering},
        Arc,
    },
    time::Duration,
};

/// After waits of 1, 2, 4, 8 and 16 seconds.
const CONNECTION_RETRIES: usize = 5;

/// A keeper, ready to run.
pub struct Keeper {
    cluster: Cluster,
    wallet: Keypair,
    /// Of deployments that have one: without it, their jobs are listed and ended by others.
    access_keys: Vec<Keypair>,
    config: Config,
    metrics: Metrics,
    tables: LookupTables,
    losses: Losses,
    refusals: Refusals,
    recent: Recent,
    /// Set once the keeper is told to stop: nothing new is signed from then on.
    stopping: AtomicBool,
}

impl Keeper {
    /// A keeper that pays with `wallet`, which also receives the rewards. Where a deployment has one of these
    /// `access_keys`, it signs with that besides.
    pub fn new(
        cluster: Cluster,
        wallet: Keypair,
        access_keys: Vec<Keypair>,
        config: Config,
    ) -> Arc<Self> {
        Arc::new(Self {
            access_keys,
            refusals: Refusals::default(),
            recent: Recent::default(),
            losses: Losses::new(config.max_loss_lamports_per_hour),
            stopping: AtomicBool::new(false),
            cluster,
            wallet,
            config,
            metrics: Metrics::default(),
            tables: LookupTables::default(),
        })
    }

    /// Runs until SIGINT or SIGTERM, and then lets actions under way come to their end.
    ///
    /// # Errors
    /// [`KeeperError`] if it cannot start: the cluster does not answer for half a minute, or lacks the
    /// program or a lookup table. What fails later is logged and tried again.
    pub async fn run(self: Arc<Self>) -> Result<(), KeeperError> {
        self.connect(CONNECTION_RETRIES).await?;
        if let Some(address) = self.config.metrics {
            let address = health::serve(self.clone(), address).await?;
            tracing::info!(%address, "metrics");
        }
        run_loop::forever(self).await
    }

    /// Does what is due now, and returns.
    ///
    /// # Errors
    /// [`KeeperError::Cluster`] as for [`Self::run`], at the first failure;
    /// [`KeeperError::Unfinished`] if deployments could not be dealt with.
    pub async fn run_once(self: Arc<Self>) -> Result<(), KeeperError> {
        self.connect(0).await?;
        run_loop::once(self).await
    }

    /// Signs nothing new from now on.
    fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// The wallet's address.
    pub fn address(&self) -> Pubkey {
        self.wallet.pubkey()
    }

    /// The access keys' addresses.
    fn access_keys(&self) -> Vec<Pubkey> {
        self.access_keys.iter().map(Signer::pubkey).collect()
    }

    /// Checks the cluster, and reads the lookup tables. A node that is away for a moment, when a
    /// service manager has just restarted the keeper, must not end it again.
    async fn connect(&self, retries: usize) -> Result<(), ClusterError> {
        let waits = ExponentialBuilder::new()
            .with_min_delay(Duration::from_secs(1))
            .with_max_times(retries);
        let connecting = || self.try_to_connect();
        connecting
            .retry(waits)
            .when(ClusterError::is_temporary)
            .notify(|error, _| self.rpc_failed("connecting", error))
            .await
    }

    async fn try_to_connect(&self) -> Result<(), ClusterError> {
        self.cluster.require_program().await?;
        self.load_lookup_tables().await
    }

    /// Records that a request failed.
    fn rpc_failed(&self, doing: &'static str, error: &ClusterError) {
        self.metrics.rpc_failed();
        tracing::warn!(doing, %error, "the RPC node failed");
    }
}
