//! The run loop: waits for events, hands deployments to workers, scans now and then.

use crate::{
    execute::Executed,
    scan::Scans,
    subscriptions::{clock, subscriptions, Event},
    Keeper, KeeperError,
};
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    keeper::{plan::Snapshot, task_queue::TaskQueue},
    rpc::{ClusterError, Found},
};
use solana_program::pubkey::Pubkey;
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::{
    signal::unix::{signal, Signal, SignalKind},
    sync::{mpsc, watch},
    task::JoinSet,
    time::{interval, Interval, MissedTickBehavior},
};

/// Events that wait; more of them wait at their senders.
const EVENTS: usize = 4_096;
/// How long actions under way may take when the keeper has to stop.
const GRACE_PERIOD: Duration = Duration::from_secs(60);
/// Before a scan that failed is tried again.
const SCAN_RETRY: Duration = Duration::from_secs(5);
/// Between two looks at the wallet's balance.
const BALANCE_PERIOD: Duration = Duration::from_secs(60);

/// What a task of the loop's returned.
enum TaskResult {
    /// A faster keeper has had its time: this one may act.
    Ready(Pubkey),
    Executed(Pubkey, Result<Executed, KeeperError>),
    Scanned(Result<(u64, Vec<DeploymentAccount>), ClusterError>),
    Surveyed(Result<(u64, Vec<Found<Snapshot>>), ClusterError>),
    Housekeeping(Result<(), ClusterError>),
    TableGrown(Result<(), ClusterError>),
    Balance(Result<u64, ClusterError>),
}

struct RunLoop {
    keeper: Arc<Keeper>,
    queue: TaskQueue,
    /// Workers, a scan, and housekeeping.
    tasks: JoinSet<TaskResult>,
    workers: usize,
    scans: Scans,
    is_housekeeping: bool,
    is_growing_table: bool,
    failures: usize,
    /// Leave a deployment alone after a failure, instead of trying again later.
    gives_up: bool,
}

/// Runs until SIGINT or SIGTERM.
pub(crate) async fn forever(keeper: Arc<Keeper>) -> Result<(), KeeperError> {
    RunLoop::new(keeper, false).forever().await
}

/// Runs until nothing is due.
pub(crate) async fn once(keeper: Arc<Keeper>) -> Result<(), KeeperError> {
    RunLoop::new(keeper, true).once().await
}

fn every(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

impl RunLoop {
    fn new(keeper: Arc<Keeper>, gives_up: bool) -> Self {
        let (address, url) = (keeper.address(), keeper.cluster.url());
        tracing::info!(keeper = %address, url, "started");
        let is_staggered = !gives_up && !keeper.config.stagger.is_zero();
        Self {
            queue: match is_staggered {
                true => TaskQueue::staggered(),
                false => TaskQueue::default(),
            }
            .with_access_keys(keeper.access_keys()),
            tasks: JoinSet::new(),
            workers: 0,
            scans: Scans::default(),
            is_housekeeping: false,
            is_growing_table: false,
            failures: 0,
            gives_up,
            keeper,
        }
    }

    async fn once(mut self) -> Result<(), KeeperError> {
        self.queue.set_time(self.keeper.cluster.now().await?);
        self.start_scan();
        let mut is_housekeeping_left = self.keeper.config.keeps_house();
        loop {
            self.start_workers();
            match self.tasks.join_next().await {
                Some(result) => self.handle_result(result)?,
                None if std::mem::take(&mut is_housekeeping_left) => self.start_housekeeping(),
                None => break,
            }
        }
        match self.failures {
            0 => Ok(()),
            failures => Err(KeeperError::Unfinished(failures)),
        }
    }

    async fn forever(mut self) -> Result<(), KeeperError> {
        let (sender, mut events) = mpsc::channel(EVENTS);
        let (awaited, awaiting) = watch::channel(BTreeSet::new());
        let listeners = [
            tokio::spawn(subscriptions(self.keeper.clone(), sender.clone(), awaiting)),
            tokio::spawn(clock(self.keeper.clone(), sender)),
        ];
        let config = &self.keeper.config;
        let (mut scans, mut housekeeping) = (every(config.rescan), every(config.housekeeping));
        let mut balances = every(BALANCE_PERIOD);
        let mut stop_signals = StopSignals::new();
        loop {
            self.start_workers();
            self.update_metrics(&awaited);
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.handle_event(event),
                    None => return Err(KeeperError::Stopped("clock")),
                },
                Some(result) = self.tasks.join_next() => {
                    if let Err(error) = self.handle_result(result) {
                        tracing::warn!(%error, "went wrong");
                    }
                }
                _ = scans.tick() => self.start_scan(),
                _ = housekeeping.tick() => self.start_housekeeping(),
                _ = balances.tick() => self.read_balance(),
                signal = stop_signals.next() => {
                    tracing::info!(signal, workers = self.workers, "stopping; once more to stop at once");
                    break;
                }
            }
        }
        self.keeper.stop();
        listeners.iter().for_each(tokio::task::JoinHandle::abort);
        let drain = async { while self.tasks.join_next().await.is_some() {} };
        let is_drained = tokio::select! {
            drained = tokio::time::timeout(GRACE_PERIOD, drain) => drained.is_ok(),
            _ = stop_signals.next() => false,
        };
        if !is_drained {
            tracing::warn!("stopped with actions under way; their outcome is on chain");
        }
        tracing::info!("stopped");
        Ok(())
    }

    fn handle_event(&mut self, event: Event) {
        tracing::trace!(?event);
        match event {
            Event::Deployment(account, slot) => self.queue.deployment(&account, slot),
            Event::Job(job, state) => self.queue.job(&job, state),
            Event::Run(address, job) => self.queue.run(address, job),
            Event::Vault(key) => self.queue.vault(&key),
            Event::Connected => {
                self.scans.missed();
                self.start_scan();
            }
            Event::Time(now) => self.queue.set_time(now),
        }
    }

    fn update_metrics(&mut self, awaited: &watch::Sender<BTreeSet<Pubkey>>) {
        let (metrics, queue) = (&self.keeper.metrics, &self.queue);
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        metrics.looped.mark();
        metrics.watched.set(gauge(queue.len()));
        metrics.waiting.set(gauge(queue.waiting()));
        metrics.waits_seconds.set(queue.waits_seconds());
        if self.queue.awaited_vaults_changed() {
            awaited.send_replace(self.queue.awaited_vaults().copied().collect());
        }
    }

    /// Hands waiting deployments to workers, those first that a faster keeper was given time for.
    fn start_workers(&mut self) {
        while let Some(key) = self.queue.noticed() {
            let delay = self.keeper.delay(&key, self.queue.now());
            self.tasks.spawn(async move {
                tokio::time::sleep(delay).await;
                TaskResult::Ready(key)
            });
        }
        while self.workers < self.keeper.config.parallel {
            let Some(task) = self.queue.take() else {
                return;
            };
            let keeper = self.keeper.clone();
            self.workers += 1;
            self.tasks.spawn(async move {
                let key = task.account.address;
                TaskResult::Executed(key, keeper.execute(task).await)
            });
        }
    }

    /// A lookup table grows once that has paid for itself, while everything else goes on.
    fn grow_table(&mut self) {
        if self.is_growing_table {
            return;
        }
        if let Some(wish) = self.keeper.tables.take_granted() {
            self.is_growing_table = true;
            let keeper = self.keeper.clone();
            self.tasks.spawn(async move {
                TaskResult::TableGrown(keeper.grow_lookup_tables(&wish).await)
            });
        }
    }

    fn start_scan(&mut self) {
        if !self.scans.begin() {
            return;
        }
        let keeper = self.keeper.clone();
        self.tasks
            .spawn(async move { TaskResult::Scanned(keeper.scan().await) });
    }

    /// A scan that failed is tried again soon: what it would have found may be due.
    fn scan_again(&mut self) {
        self.scans.end();
        self.scans.missed();
        if self.gives_up || !self.scans.begin() {
            return;
        }
        let keeper = self.keeper.clone();
        self.tasks.spawn(async move {
            tokio::time::sleep(SCAN_RETRY).await;
            TaskResult::Scanned(keeper.scan().await)
        });
    }

    fn start_housekeeping(&mut self) {
        let config = &self.keeper.config;
        let is_wanted = config.keeps_house() && !config.dry_run;
        if !is_wanted || std::mem::replace(&mut self.is_housekeeping, true) {
            return;
        }
        let (keeper, now) = (self.keeper.clone(), self.queue.now());
        self.tasks
            .spawn(async move { TaskResult::Housekeeping(keeper.keep_house(now).await) });
    }

    fn read_balance(&mut self) {
        let keeper = self.keeper.clone();
        self.tasks.spawn(async move {
            let funds = keeper.cluster.wallet_funds(&keeper.address()).await;
            TaskResult::Balance(funds.map(|funds| funds.lamports))
        });
    }

    fn handle_result(
        &mut self,
        result: Result<TaskResult, tokio::task::JoinError>,
    ) -> Result<(), KeeperError> {
        match result.map_err(|_| KeeperError::Stopped("worker"))? {
            TaskResult::Ready(key) => self.queue.ready(&key),
            TaskResult::Executed(key, executed) => {
                self.workers -= 1;
                self.grow_table();
                match executed {
                    Ok(Executed::NothingDue(snapshot, slot)) => self.queue.done(&snapshot, slot),
                    Ok(Executed::LeftUndone(snapshot, slot)) => {
                        self.queue.left_undone(&snapshot, slot);
                    }
                    Ok(Executed::Closed) => self.queue.forget(&key),
                    Err(KeeperError::Stopping) => {}
                    Err(error) => self.execution_failed(&key, &error),
                }
            }
            TaskResult::Scanned(Ok((slot, found))) => {
                // Without subscriptions nothing tells of money, or of anything else.
                let everything =
                    self.scans.takes_everything() || self.keeper.metrics.subscribed.get() == 0;
                let worth_a_look = self.queue.scanned(found, slot, everything);
                let keeper = self.keeper.clone();
                self.tasks.spawn(async move {
                    TaskResult::Surveyed(keeper.cluster.overview(worth_a_look).await)
                });
            }
            TaskResult::Surveyed(Ok((slot, seen))) => self.surveyed(slot, seen),
            TaskResult::Scanned(Err(error)) | TaskResult::Surveyed(Err(error)) => {
                self.failures += 1;
                self.keeper.rpc_failed("scanning deployments", &error);
                self.scan_again();
            }
            TaskResult::Housekeeping(done) => {
                self.is_housekeeping = false;
                done?;
            }
            TaskResult::TableGrown(grown) => {
                self.is_growing_table = false;
                if let Err(error) = grown {
                    tracing::warn!(%error, "no lookup table");
                }
            }
            TaskResult::Balance(Ok(lamports)) => self.check_balance(lamports),
            TaskResult::Balance(Err(error)) => {
                self.keeper.rpc_failed("reading the balance", &error);
            }
        }
        Ok(())
    }

    fn surveyed(&mut self, slot: u64, seen: Vec<Found<Snapshot>>) {
        self.keeper.metrics.scanned.mark();
        let count = seen.len();
        for (key, snapshot) in seen {
            match snapshot {
                Ok(snapshot) => self.queue.seen(snapshot, slot),
                Err(error) => {
                    tracing::warn!(deployment = %key, %error, "left out");
                    self.queue.unseen(&key);
                }
            }
        }
        let (watched, ready) = (self.queue.len(), self.queue.waiting());
        tracing::info!(watched, seen = count, ready, "scanned");
        if self.scans.end() {
            self.start_scan();
        }
    }

    fn execution_failed(&mut self, key: &Pubkey, error: &KeeperError) {
        self.failures += 1;
        if matches!(error, KeeperError::Cluster(_)) {
            self.keeper.metrics.rpc_failed();
        }
        tracing::warn!(deployment = %key, %error, "tried again later");
        if self.gives_up {
            self.queue.forget(key);
        } else {
            self.queue.failed(key);
        }
    }

    fn check_balance(&self, lamports: u64) {
        let balance = &self.keeper.metrics.balance;
        balance.set(i64::try_from(lamports).unwrap_or(i64::MAX));
        if lamports < self.keeper.config.low_balance_lamports {
            tracing::warn!(lamports, "low balance: send SOL to the keeper's wallet");
        }
    }
}

/// Ctrl-C, and what systemd and Kubernetes send.
struct StopSignals {
    /// `None` if the operating system gives none.
    terminate: Option<Signal>,
}

impl StopSignals {
    fn new() -> Self {
        let terminate = signal(SignalKind::terminate()).ok();
        Self { terminate }
    }

    /// The next one's name.
    async fn next(&mut self) -> &'static str {
        let terminated = async {
            match &mut self.terminate {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => "SIGINT",
            _ = terminated => "SIGTERM",
        }
    }
}
