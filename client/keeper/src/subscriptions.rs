//! Turns the cluster's notifications into events: changes of deployments, jobs, runs and vaults, and
//! the on-chain time.

use crate::{Keeper, KeeperError};
use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::{stream::BoxStream, Stream, StreamExt};
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    filters,
    jobs_program::JOBS_PROGRAM,
    markets::{decode_job, decode_run, JobState},
    PROGRAM_ID,
};
use solana_account::Account;
use solana_program::pubkey::Pubkey;
use solana_pubsub_client::nonblocking::pubsub_client::PubsubClient;
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
};

/// Something happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// A deployment's account is now this, as of this slot.
    Deployment(Box<DeploymentAccount>, u64),
    /// A job's account is now in this state.
    Job(Pubkey, JobState),
    /// At this address is a run of this job: a node took it.
    Run(Pubkey, Pubkey),
    /// A vault, or its token account, changed.
    Vault(Pubkey),
    /// Subscriptions are in place; what happened before was not reported.
    Connected,
    /// The on-chain time, unix seconds.
    Time(i64),
}

/// Without a new slot for this long, the connection is taken for dead.
const LONGEST_SILENCE: Duration = Duration::from_secs(30);
/// Most vaults that are subscribed to: nodes limit subscriptions. The rest is looked at now and then.
const MAX_VAULTS: usize = 500;
/// First and longest wait before a new connection.
const WAITS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// A connection that held this long was a good one.
const LONG_ENOUGH: Duration = Duration::from_secs(60);

/// Waits before new connections, each about twice as long as the one before, up to the longest. Jitter
/// keeps the keepers of a node that was away from coming back at once.
fn waits() -> impl Iterator<Item = Duration> {
    let (first, longest) = WAITS;
    ExponentialBuilder::new()
        .with_min_delay(first)
        .with_max_delay(longest)
        .without_max_times()
        .with_jitter()
        .build()
}

/// Sends what happens to `events` until the receiver is gone. Reconnects whenever the connection breaks.
pub(crate) async fn subscriptions(
    keeper: Arc<Keeper>,
    events: mpsc::Sender<Event>,
    mut vaults: watch::Receiver<BTreeSet<Pubkey>>,
) {
    let mut all_waits = waits();
    while !events.is_closed() {
        let began = Instant::now();
        if let Err(error) = connection(&keeper, &events, &mut vaults).await {
            tracing::warn!(%error, "no subscriptions");
        }
        keeper.metrics.subscribed.set(0);
        keeper.metrics.reconnected();
        // A node that takes subscriptions and drops them at once is not to be hammered.
        if began.elapsed() >= LONG_ENOUGH {
            all_waits = waits();
        }
        let (_, longest) = WAITS;
        tokio::time::sleep(all_waits.next().unwrap_or(longest)).await;
    }
}

/// Subscribes and passes on, until the connection breaks.
async fn connection(
    keeper: &Keeper,
    events: &mpsc::Sender<Event>,
    vaults: &mut watch::Receiver<BTreeSet<Pubkey>>,
) -> Result<(), KeeperError> {
    // The handshake too: a node that accepts and says nothing must not hold the keeper for ever.
    let client = PubsubClient::new(keeper.config.ws_url.as_str());
    let client = tokio::time::timeout(LONGEST_SILENCE, client).await;
    let client = client.map_err(|_| refused("the node does not answer"))?;
    let client = Arc::new(client.map_err(refused)?);
    let subscribed = async {
        let (slots, _) = client.slot_subscribe().await.map_err(refused)?;
        Ok::<_, KeeperError>((slots, changes(keeper, &client).await?))
    };
    let (mut slots, mut changes) = tokio::time::timeout(LONGEST_SILENCE, subscribed)
        .await
        .map_err(|_| refused("the node does not answer"))??;
    events.send(Event::Connected).await.map_err(|_| STOPPED)?;
    keeper.metrics.subscribed.set(1);
    tracing::info!("subscribed");
    let mut watched = Vaults::default();
    vaults.mark_changed();
    loop {
        tokio::select! {
            change = changes.next() => match change {
                Some(Some(event)) => events.send(event).await.map_err(|_| STOPPED)?,
                Some(None) => {} // none of ours
                None => return Ok(()),
            },
            slot = tokio::time::timeout(LONGEST_SILENCE, slots.next()) => match slot {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(()),
                Err(_) => {
                    tracing::warn!("no slot for {LONGEST_SILENCE:?}");
                    return Ok(());
                }
            },
            changed = vaults.changed() => {
                changed.map_err(|_| STOPPED)?;
                let wanted = vaults.borrow_and_update().clone();
                watched.set(&wanted, keeper, &client, events);
            }
        }
    }
}

/// Changes of the chosen deployments, and of all jobs and runs.
async fn changes<'a>(
    keeper: &'a Keeper,
    client: &'a PubsubClient,
) -> Result<BoxStream<'a, Option<Event>>, KeeperError> {
    let mut all: Vec<BoxStream<Option<Event>>> = Vec::new();
    for filter in keeper.config.filters() {
        let accounts = accounts(keeper, client, &PROGRAM_ID, filter.memcmp()).await?;
        let events = accounts.map(move |(key, account, slot)| {
            let decoded = DeploymentAccount::decode(key, &account.owner, &account.data).ok()?;
            let wanted = keeper.config.wants(&decoded);
            wanted.then(|| Event::Deployment(Box::new(decoded), slot))
        });
        all.push(events.boxed());
    }
    let jobs = accounts(keeper, client, &JOBS_PROGRAM, filters::jobs(None)).await?;
    let jobs = jobs.map(|(key, account, _)| {
        let state = decode_job(Some((&account.owner, &account.data))).ok()?;
        Some(Event::Job(key, state))
    });
    all.push(jobs.boxed());
    let runs = accounts(keeper, client, &JOBS_PROGRAM, filters::runs(None)).await?;
    let runs = runs.map(|(key, account, _)| {
        let run = decode_run(key, &account.owner, &account.data).ok()?;
        Some(Event::Run(key, run.job))
    });
    all.push(runs.boxed());
    // They end together, with the connection: so the end of one is the end of all.
    let ending = all.into_iter().map(|stream| {
        stream
            .map(Some)
            .chain(futures_util::stream::once(async { None }))
            .boxed()
    });
    let merged = futures_util::stream::select_all(ending);
    Ok(merged
        .take_while(|event| std::future::ready(event.is_some()))
        .filter_map(std::future::ready)
        .boxed())
}

async fn accounts<'a>(
    keeper: &Keeper,
    client: &'a PubsubClient,
    program: &Pubkey,
    filters: Vec<filters::Memcmp>,
) -> Result<impl Stream<Item = (Pubkey, Account, u64)> + Send + 'a, KeeperError> {
    let config = keeper.cluster.program_config(filters);
    let subscribed = client.program_subscribe(program, Some(config)).await;
    let (stream, _) = subscribed.map_err(refused)?;
    Ok(stream.filter_map(|notification| {
        let slot = notification.context.slot;
        let key = notification.value.pubkey.parse().ok();
        let account = notification.value.account.decode::<Account>();
        std::future::ready(key.zip(account).map(|(key, account)| (key, account, slot)))
    }))
}

/// The run loop is gone, so there is nothing to do any more.
const STOPPED: KeeperError = KeeperError::Stopped("run loop");

fn refused(reason: impl std::fmt::Display) -> KeeperError {
    KeeperError::Subscription(reason.to_string())
}

/// Subscriptions to vaults in which money is awaited, a task each. They end with the connection.
#[derive(Default)]
struct Vaults(HashMap<Pubkey, AbortHandle>);

impl Vaults {
    /// Subscribes to these vaults and no others.
    fn set(
        &mut self,
        wanted: &BTreeSet<Pubkey>,
        keeper: &Keeper,
        client: &Arc<PubsubClient>,
        events: &mpsc::Sender<Event>,
    ) {
        self.0.retain(|key, task| {
            let stays = wanted.contains(key);
            if !stays {
                task.abort(); // which drops the stream: then the client unsubscribes
            }
            stays
        });
        for key in wanted {
            if self.0.len() >= MAX_VAULTS {
                return;
            }
            self.0.entry(*key).or_insert_with(|| {
                let (client, events, key) = (client.clone(), events.clone(), *key);
                let config = keeper.cluster.account_config();
                let passing_on = async move {
                    let Ok((mut stream, _)) = client.account_subscribe(&key, Some(config)).await
                    else {
                        return;
                    };
                    // Once at first: money may have come between the look that missed it and now.
                    while events.send(Event::Vault(key)).await.is_ok() {
                        if stream.next().await.is_none() {
                            return;
                        }
                    }
                };
                tokio::spawn(passing_on).abort_handle()
            });
        }
    }
}

impl Drop for Vaults {
    fn drop(&mut self) {
        self.0.values().for_each(AbortHandle::abort);
    }
}

/// Sends the on-chain time every second, as far as the cluster answers.
pub(crate) async fn clock(keeper: Arc<Keeper>, events: mpsc::Sender<Event>) {
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match keeper.cluster.now().await {
            Ok(now) => {
                keeper.metrics.answered.mark();
                if events.send(Event::Time(now)).await.is_err() {
                    return;
                }
            }
            Err(error) => keeper.rpc_failed("reading the clock", &error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_connections_wait_ever_longer_and_never_all_the_same() {
        let (first, longest) = WAITS;
        let [one, other]: [Vec<Duration>; 2] = std::array::from_fn(|_| waits().take(20).collect());
        assert!(one.iter().all(|wait| (first..=2 * longest).contains(wait)));
        assert!(one.iter().skip(10).all(|wait| *wait >= longest));
        assert_ne!(one, other, "two keepers do not come back together");
    }
}
