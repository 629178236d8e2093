//! Many deployments that fire in the same minute, kept by one keeper as it comes, whose node is far away.
//! How long each waited is printed for `cargo xtask bench`; nothing here judges it.

use crate::{
    day::{folder, Stage},
    keepers::Keeper,
    plan,
    proxy::Proxy,
};
use futures_util::future::join_all;
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    filters::DeploymentFilter,
    instructions::{self as ix, Vault},
    DeploymentSpec,
};
use solana_keypair::Keypair;
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;
use std::time::{Duration, Instant};

/// From a request to its answer, besides what the node takes.
const ROUND_TRIP: Duration = Duration::from_millis(150);
/// A market's queue holds 314 jobs.
const DEPLOYMENTS_PER_MARKET: usize = 250;
const OWNERS: usize = 32;
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
    let mut markets = vec![stage.market];
    while markets.len() * DEPLOYMENTS_PER_MARKET < deployments {
        let (market, authority) = (Pubkey::new_unique(), Pubkey::new_unique());
        stage
            .localnet
            .open_market(&market, &authority, plan::PRICE)
            .unwrap();
        markets.push(market);
    }
    let now = stage.cluster.now().await.unwrap();
    let due = (now / 3_600 + 2) * 3_600 + 1_800; // time enough to create them all
    let time = (due % 86_400 / 3_600, due % 3_600 / 60);
    let owners = (0..OWNERS).map(|owner| {
        let numbers = (0..deployments).filter(move |number| number % OWNERS == owner);
        let of_owner = numbers.map(|number| {
            let market = &markets[number / DEPLOYMENTS_PER_MARKET];
            spec(market, number, time)
        });
        create_all(&stage, of_owner.collect())
    });
    let began = Instant::now();
    join_all(owners).await;
    let created_in = began.elapsed().as_secs_f64();

    let proxy = Proxy::distant(&stage.urls(), ROUND_TRIP).await;
    let mut keeper = Keeper::new(&folder("minute"), 0, proxy.urls(), &[]);
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
    // As far as nothing but the validator limits it: with transactions that are not simulated before.
    let transactions = f64::from(u32::try_from(deployments + OWNERS).unwrap());
    let rate = transactions / created_in;
    println!(
        "minute: {deployments} deployments, lag {median} s median, {worst} s worst, {rate:.0} transactions a second"
    );
    assert!(lags[0] >= 0, "listed before it was due");
}

/// Creates an owner's deployments, one after the other, because their numbers follow each other.
async fn create_all(stage: &Stage, specs: Vec<DeploymentSpec>) {
    let owner = Keypair::new();
    let key = owner.pubkey();
    stage
        .localnet
        .fund(&key, 1_000_000_000_000, 1_000_000_000_000)
        .unwrap();
    let fund = ix::fund(&key, &Vault::new(key, 0), 100_000_000_000, 10_000_000_000);
    stage.send(&fund, &[&owner]).await.unwrap();
    for (id, spec) in (0..).zip(&specs) {
        stage
            .send(&ix::create(&key, id, spec), &[&owner])
            .await
            .unwrap();
    }
}

async fn all(stage: &Stage) -> Vec<DeploymentAccount> {
    let all = DeploymentFilter::default();
    let found = stage.cluster.deployments(&all).await.unwrap();
    found.into_iter().map(|(_, found)| found.unwrap()).collect()
}
