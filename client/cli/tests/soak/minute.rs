//! Many deployments that fire in the same minute, kept by one keeper as it comes, whose node is far away.
//! How long each waited is printed for `cargo xtask bench`; nothing here judges it.

use crate::{
    day::{folder, Stage},
    keepers::Keeper,
    plan,
    proxy::Proxy,
};
use futures_util::{stream, StreamExt};
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    filters::DeploymentFilter,
    instructions::{self as ix, Vault},
    DeploymentSpec,
};
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;
use std::time::{Duration, Instant};

/// From a request to its answer, besides what the node takes.
const ROUND_TRIP: Duration = Duration::from_millis(150);
/// A market's queue holds 314 jobs.
const DEPLOYMENTS_PER_MARKET: usize = 250;
/// Deployments that are created at the same time.
const CREATED_AT_ONCE: usize = 32;
/// Between the start of the keeper's minute and the firing, on chain.
const LEAD_SECONDS: i64 = 3;
/// Nobody waits longer, in real time.
const PATIENCE: Duration = Duration::from_secs(600);

/// One that fires once, at this minute and hour.
fn spec(market: &Pubkey, number: usize, (hour, minute): (i64, i64)) -> DeploymentSpec {
    let text = format!(
        r#"{{"name": "number {number}", "market": "{market}", "replicas": 1, "timeout": 1, "strategy": "SCHEDULED",
            "schedule": "{minute} {hour} * * *", "max_price": "none", "keeper_reward": {}, "autostart": true,
            "job_definition": {}}}"#,
        plan::REWARD,
        plan::JOB
    );
    DeploymentSpec::from_json(&text).unwrap()
}

/// The minute, for so many deployments.
pub(crate) async fn minute(deployments: usize) {
    let stage = Stage::open().await;
    let owner = stage.owner.pubkey();
    let mut markets = vec![stage.market];
    while markets.len() * DEPLOYMENTS_PER_MARKET < deployments {
        let (market, authority) = (Pubkey::new_unique(), Pubkey::new_unique());
        stage
            .localnet
            .open_market(&market, &authority, plan::PRICE)
            .unwrap();
        markets.push(market);
    }
    let fund = ix::fund(
        &owner,
        &Vault::new(owner, 0),
        1_000_000_000_000,
        10_000_000_000,
    );
    stage.send(&fund, &[&stage.owner]).await.unwrap();
    // Time enough to create them all.
    let now = stage.cluster.now().await.unwrap();
    let due = (now / 3_600 + 2) * 3_600 + 1_800;
    let time = (due % 86_400 / 3_600, due % 3_600 / 60);
    let creating = (0..deployments).map(|number| {
        let market = &markets[number / DEPLOYMENTS_PER_MARKET];
        let create = ix::create(
            &owner,
            u64::try_from(number).unwrap(),
            &spec(market, number, time),
        );
        let stage = &stage;
        async move { stage.send(&create, &[&stage.owner]).await.unwrap() }
    });
    stream::iter(creating)
        .buffered(CREATED_AT_ONCE)
        .for_each(|_| std::future::ready(()))
        .await;

    let proxy = Proxy::distant(&stage.urls(), ROUND_TRIP).await;
    let named = owner.to_string();
    let mut keeper = Keeper::new(&folder("minute"), 0, proxy.urls(), &["--owner", &named]);
    let cheats = stage.localnet.surfnet().cheatcodes();
    cheats.fund_sol(&keeper.address, 10_000_000_000).unwrap();
    keeper.start();
    let began = Instant::now();
    while !keeper.has_said("scanned") {
        assert!(began.elapsed() < PATIENCE && !keeper.has_crashed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stage.localnet.travel(due - LEAD_SECONDS).unwrap();
    let mut lags = loop {
        assert!(began.elapsed() < PATIENCE && !keeper.has_crashed());
        tokio::time::sleep(Duration::from_secs(2)).await;
        let lags: Vec<i64> = all(&stage)
            .await
            .iter()
            .filter_map(|deployment| deployment.jobs.first())
            .map(|job| job.listed_at - due)
            .collect();
        if lags.len() == deployments {
            break lags;
        }
    };
    lags.sort_unstable();
    let (median, worst) = (lags[deployments / 2], lags[deployments - 1]);
    println!("minute: {deployments} deployments, lag {median} s median, {worst} s worst");
    assert!(lags[0] >= 0, "listed before it was due");
}

async fn all(stage: &Stage) -> Vec<DeploymentAccount> {
    let all = DeploymentFilter::default();
    let found = stage.cluster.deployments(&all).await.unwrap();
    found.into_iter().map(|(_, found)| found.unwrap()).collect()
}
