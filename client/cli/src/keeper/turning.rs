//! The loop: hears what happens, gives deployments to those who tend them, scans now and then.

use super::{
    act::Tended,
    chores::Household,
    feed::{clock, feed, Event},
    Keeper,
};
use anyhow::Result;
use nosana_deploy_client::{
    accounts::DeploymentAccount, plan::Snapshot, rpc::ClusterError, watch::Watch,
};
use solana_program::pubkey::Pubkey;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{interval, MissedTickBehavior},
};

/// Events that wait; more of them wait with those who tell them.
const EVENTS: usize = 4_096;
/// How long actions that are under way may take when the keeper is told to stop.
const LONGEST_FAREWELL: Duration = Duration::from_secs(60);

/// What a job of the loop's came back with.
enum Report {
    Tended(Pubkey, Result<Tended>),
    Listed(Result<(u64, Vec<(Pubkey, DeploymentAccount)>), ClusterError>),
    Surveyed(Result<(u64, Vec<Snapshot>), ClusterError>),
    Chores(Result<(usize, usize)>),
    Balance(Result<u64, ClusterError>),
}

struct Turning {
    keeper: Arc<Keeper>,
    watch: Watch,
    /// Deployments that are being tended, a scan, and housekeeping.
    work: JoinSet<Report>,
    tending: usize,
    is_scanning: bool,
    does_chores: bool,
    failures: usize,
}

/// Keeps until it is told to stop; with `--once`, until nothing is due.
pub(super) async fn turn(keeper: Arc<Keeper>) -> Result<()> {
    let (address, url) = (keeper.address(), keeper.cluster.url());
    tracing::info!(keeper = %address, url, "started");
    let turning = Turning {
        watch: Watch::default(),
        work: JoinSet::new(),
        tending: 0,
        is_scanning: false,
        does_chores: false,
        failures: 0,
        keeper,
    };
    match turning.keeper.config.once {
        true => turning.once().await,
        false => turning.forever().await,
    }
}

impl Turning {
    async fn once(mut self) -> Result<()> {
        let now = self.keeper.cluster.now().await?;
        self.watch.set_time(now);
        self.scan();
        let mut chores_left = !self.keeper.config.profitable_only;
        loop {
            self.start_tending();
            match self.work.join_next().await {
                Some(report) => self.hear(report?)?,
                None if std::mem::take(&mut chores_left) => self.do_chores(),
                None => break,
            }
        }
        match self.failures {
            0 => Ok(()),
            failures => {
                anyhow::bail!("{failures} deployments could not be dealt with; see the log")
            }
        }
    }

    async fn forever(mut self) -> Result<()> {
        let (sender, mut events) = mpsc::channel(EVENTS);
        let (awaited, awaiting) = watch::channel(BTreeSet::new());
        let listening = [
            tokio::spawn(feed(self.keeper.clone(), sender.clone(), awaiting)),
            tokio::spawn(clock(self.keeper.clone(), sender)),
        ];
        let every = |period| {
            let mut ticks = interval(period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let config = &self.keeper.config;
        let (mut scans, mut chores) = (every(config.rescan), every(config.housekeeping));
        let mut balances = every(Duration::from_secs(60));
        let mut told_to_stop = Box::pin(told_to_stop());
        loop {
            self.start_tending();
            self.show(&awaited);
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.happen(event),
                    None => anyhow::bail!("nobody tells the time any more"),
                },
                Some(report) = self.work.join_next() => {
                    if let Err(error) = self.hear(report?) {
                        tracing::warn!(error = format!("{error:#}"), "went wrong");
                    }
                }
                _ = scans.tick() => self.scan(),
                _ = chores.tick() => self.do_chores(),
                _ = balances.tick() => self.read_balance(),
                signal = &mut told_to_stop => {
                    tracing::info!(signal, tending = self.tending, "stopping");
                    break;
                }
            }
        }
        listening.iter().for_each(tokio::task::JoinHandle::abort);
        let farewell = async { while self.work.join_next().await.is_some() {} };
        if tokio::time::timeout(LONGEST_FAREWELL, farewell)
            .await
            .is_err()
        {
            tracing::warn!("stopped with actions under way; their outcome is on chain");
        }
        tracing::info!("stopped");
        Ok(())
    }

    fn happen(&mut self, event: Event) {
        tracing::trace!(?event);
        match event {
            Event::Deployment(key, account, slot) => self.watch.deployment(key, *account, slot),
            Event::Job(job, state) => self.watch.job(&job, state),
            Event::Run(address, job) => self.watch.run(address, job),
            Event::Vault(key) => self.watch.vault(&key),
            Event::Connected => self.scan(),
            Event::Time(now) => self.watch.set_time(now),
        }
    }

    fn show(&mut self, awaited: &watch::Sender<BTreeSet<Pubkey>>) {
        let (metrics, watch) = (&self.keeper.metrics, &self.watch);
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        metrics.turned.is_now();
        metrics.watched.set(gauge(watch.len()));
        metrics.waiting.set(gauge(watch.waiting()));
        metrics.waits_seconds.set(watch.waits_seconds());
        if self.watch.awaits_others() {
            awaited.send_replace(self.watch.awaited_vaults().copied().collect());
        }
    }

    fn start_tending(&mut self) {
        while self.tending < self.keeper.config.parallel {
            let Some(task) = self.watch.take() else {
                return;
            };
            let keeper = self.keeper.clone();
            self.tending = self.tending.saturating_add(1);
            self.work.spawn(async move {
                let key = task.key;
                Report::Tended(key, keeper.tend(task).await)
            });
        }
    }

    fn scan(&mut self) {
        if std::mem::replace(&mut self.is_scanning, true) {
            return;
        }
        let keeper = self.keeper.clone();
        self.work
            .spawn(async move { Report::Listed(keeper.list().await) });
    }

    fn do_chores(&mut self) {
        let config = &self.keeper.config;
        let wanted = !config.profitable_only && !config.dry_run;
        if !wanted || std::mem::replace(&mut self.does_chores, true) {
            return;
        }
        let household = Household {
            by_vault: self.watch.by_vault(),
            now: self.watch.now(),
        };
        let keeper = self.keeper.clone();
        self.work
            .spawn(async move { Report::Chores(keeper.do_chores(household).await) });
    }

    fn read_balance(&mut self) {
        let keeper = self.keeper.clone();
        self.work.spawn(async move {
            let funds = keeper.cluster.wallet_funds(&keeper.address()).await;
            Report::Balance(funds.map(|funds| funds.lamports))
        });
    }

    fn hear(&mut self, report: Report) -> Result<()> {
        match report {
            Report::Tended(key, tended) => {
                self.tending = self.tending.saturating_sub(1);
                match tended {
                    Ok(Tended::Rest(snapshot, slot)) => self.watch.done(&snapshot, slot),
                    Ok(Tended::Gone) => self.watch.forget(&key),
                    Err(error) => self.could_not_tend(&key, &error),
                }
            }
            Report::Listed(listed) => {
                let Ok((slot, found)) = listed.inspect_err(|error| self.scan_failed(error)) else {
                    self.is_scanning = false;
                    self.failures = self.failures.saturating_add(1);
                    return Ok(());
                };
                let may_be_due = self.watch.scanned(found, slot);
                let keeper = self.keeper.clone();
                self.work.spawn(async move {
                    Report::Surveyed(keeper.cluster.overview(may_be_due).await)
                });
            }
            Report::Surveyed(surveyed) => {
                self.is_scanning = false;
                match surveyed {
                    Ok((slot, snapshots)) => {
                        self.keeper.metrics.scanned.is_now();
                        let seen = snapshots.len();
                        for snapshot in snapshots {
                            self.watch.seen(snapshot, slot);
                        }
                        let (watched, ready) = (self.watch.len(), self.watch.waiting());
                        tracing::info!(watched, seen, ready, "scanned");
                    }
                    Err(error) => {
                        self.scan_failed(&error);
                        self.failures = self.failures.saturating_add(1);
                    }
                }
            }
            Report::Chores(done) => {
                self.does_chores = false;
                done?;
            }
            Report::Balance(lamports) => self.note_balance(lamports),
        }
        Ok(())
    }

    fn scan_failed(&self, error: &ClusterError) {
        self.keeper.rpc_failed("scanning deployments", error);
    }

    fn could_not_tend(&mut self, key: &Pubkey, error: &anyhow::Error) {
        self.failures = self.failures.saturating_add(1);
        if error.is::<ClusterError>() {
            self.keeper.metrics.rpc_failed();
        }
        tracing::warn!(deployment = %key, error = format!("{error:#}"), "tried again later");
        if self.keeper.config.once {
            self.watch.forget(key);
        } else {
            self.watch.failed(key);
        }
    }

    fn note_balance(&self, lamports: Result<u64, ClusterError>) {
        match lamports {
            Ok(lamports) => {
                let metrics = &self.keeper.metrics;
                metrics
                    .balance
                    .set(i64::try_from(lamports).unwrap_or(i64::MAX));
                if lamports < self.keeper.config.low_balance_lamports {
                    tracing::warn!(lamports, "low balance: send SOL to the keeper's wallet");
                }
            }
            Err(error) => self.keeper.rpc_failed("reading the balance", &error),
        }
    }
}

impl Keeper {
    /// All chosen deployments, and a slot that they are not older than.
    async fn list(&self) -> Result<(u64, Vec<(Pubkey, DeploymentAccount)>), ClusterError> {
        let (slot, _) = self.cluster.accounts_since(&[self.address()], 0).await?;
        let mut all = Vec::new();
        for filter in self.config.filters() {
            for (key, found) in self.cluster.deployments(&filter).await? {
                match found {
                    Ok(account) if self.config.wants(&account) => all.push((key, account)),
                    Ok(_) => {}
                    Err(error) => tracing::warn!(deployment = %key, %error, "left out"),
                }
            }
        }
        Ok((slot, all))
    }
}

/// Ctrl-C, or what systemd and Kubernetes send.
async fn told_to_stop() -> &'static str {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => "SIGINT",
        _ = terminated => "SIGTERM",
    }
}
