//! The run loop: waits for events, hands deployments to workers, scans now and then.

use crate::{
    execute::Executed,
    housekeeping::Watched,
    subscriptions::{clock, subscriptions, Event},
    Keeper, KeeperError,
};
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    keeper::{
        plan::Snapshot,
        task_queue::{Task, TaskQueue},
    },
    rpc::ClusterError,
};
use solana_program::pubkey::Pubkey;
use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};
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
/// Most deployments that wait for their turn at a time.
const MOST_STAGGERED: usize = 1_024;
/// Before a scan that failed is tried again.
const SCAN_RETRY: Duration = Duration::from_secs(5);
/// Between two looks at the wallet's balance.
const BALANCE_PERIOD: Duration = Duration::from_secs(60);

/// What a task of the loop's returned.
enum TaskResult {
    /// Its turn has come.
    Staggered(Box<Task>),
    Executed(Pubkey, Result<Executed, KeeperError>),
    Scanned(Result<(u64, Vec<DeploymentAccount>), ClusterError>),
    Surveyed(Result<(u64, Vec<Snapshot>), ClusterError>),
    Housekeeping(Result<(), ClusterError>),
    Balance(Result<u64, ClusterError>),
}

struct RunLoop {
    keeper: Arc<Keeper>,
    queue: TaskQueue,
    /// Workers, a scan, and housekeeping.
    tasks: JoinSet<TaskResult>,
    workers: usize,
    /// Deployments that give a faster keeper time. They hold no worker meanwhile.
    staggered: usize,
    /// Whose turn has come.
    turns: VecDeque<Box<Task>>,
    is_scanning: bool,
    is_housekeeping: bool,
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
        Self {
            queue: TaskQueue::default(),
            tasks: JoinSet::new(),
            workers: 0,
            staggered: 0,
            turns: VecDeque::new(),
            is_scanning: false,
            is_housekeeping: false,
            failures: 0,
            gives_up,
            keeper,
        }
    }

    async fn once(mut self) -> Result<(), KeeperError> {
        let now = self.keeper.cluster.now().await?;
        self.queue.set_time(now);
        self.start_scan();
        let mut is_housekeeping_left = !self.keeper.config.profitable_only;
        loop {
            self.start_workers(true);
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
            self.start_workers(false);
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
            Event::Connected => self.start_scan(),
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

    /// Hands waiting deployments to workers. Unless `at_once`, a faster keeper is given time first.
    fn start_workers(&mut self, at_once: bool) {
        let at_once = at_once || self.keeper.config.stagger.is_zero();
        while !at_once && self.staggered < MOST_STAGGERED {
            let Some(task) = self.queue.take() else {
                break;
            };
            let delay = self.keeper.delay(&task.account.address, self.queue.now());
            self.staggered += 1;
            self.tasks.spawn(async move {
                tokio::time::sleep(delay).await;
                TaskResult::Staggered(Box::new(task))
            });
        }
        while self.workers < self.keeper.config.parallel {
            let next = self.turns.pop_front();
            let next = next.or_else(|| self.queue.take().filter(|_| at_once).map(Box::new));
            let Some(task) = next else {
                return;
            };
            let keeper = self.keeper.clone();
            self.workers += 1;
            self.tasks.spawn(async move {
                let key = task.account.address;
                TaskResult::Executed(key, keeper.execute(*task).await)
            });
        }
    }

    fn start_scan(&mut self) {
        if std::mem::replace(&mut self.is_scanning, true) {
            return;
        }
        let keeper = self.keeper.clone();
        self.tasks
            .spawn(async move { TaskResult::Scanned(keeper.scan().await) });
    }

    /// A scan that failed is tried again soon: what it would have found may be due.
    fn scan_again(&mut self) {
        self.is_scanning = !self.gives_up;
        if self.gives_up {
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
        let is_wanted = !config.profitable_only && !config.dry_run;
        if !is_wanted || std::mem::replace(&mut self.is_housekeeping, true) {
            return;
        }
        let watched = Watched {
            by_vault: self.queue.by_vault(),
            now: self.queue.now(),
        };
        let keeper = self.keeper.clone();
        self.tasks
            .spawn(async move { TaskResult::Housekeeping(keeper.keep_house(watched).await) });
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
            TaskResult::Staggered(task) => {
                self.staggered -= 1;
                self.turns.push_back(task);
            }
            TaskResult::Executed(key, executed) => {
                self.workers -= 1;
                match executed {
                    Ok(Executed::NothingDue(snapshot, slot)) => self.queue.done(&snapshot, slot),
                    Ok(Executed::Closed) => self.queue.forget(&key),
                    Err(KeeperError::Stopping) => {}
                    Err(error) => self.execution_failed(&key, &error),
                }
            }
            TaskResult::Scanned(Ok((slot, found))) => {
                let may_be_due = self.queue.scanned(found, slot);
                let keeper = self.keeper.clone();
                self.tasks.spawn(async move {
                    TaskResult::Surveyed(keeper.cluster.overview(may_be_due).await)
                });
            }
            TaskResult::Surveyed(Ok((slot, snapshots))) => {
                self.is_scanning = false;
                self.keeper.metrics.scanned.mark();
                let seen = snapshots.len();
                for snapshot in snapshots {
                    self.queue.seen(snapshot, slot);
                }
                let (watched, ready) = (self.queue.len(), self.queue.waiting());
                tracing::info!(watched, seen, ready, "scanned");
            }
            TaskResult::Scanned(Err(error)) | TaskResult::Surveyed(Err(error)) => {
                self.failures += 1;
                self.keeper.rpc_failed("scanning deployments", &error);
                self.scan_again();
            }
            TaskResult::Housekeeping(done) => {
                self.is_housekeeping = false;
                done?;
            }
            TaskResult::Balance(Ok(lamports)) => self.check_balance(lamports),
            TaskResult::Balance(Err(error)) => {
                self.keeper.rpc_failed("reading the balance", &error);
            }
        }
        Ok(())
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
