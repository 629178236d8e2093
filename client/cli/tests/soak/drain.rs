//! Somebody who wants keepers to work for nothing: deployments that fire every minute and pay no
//! reward, and a node without a token account, which would keep the rent of one that is made for it.

use crate::{
    day::{folder, Stage},
    keepers::{self, Keeper},
    plan,
};
use nosana_deploy_client::{
    instructions::{self as ix, nos_account_address, Vault},
    jobs_program::node::Node,
    DeploymentSpec,
};
use solana_keypair::Keypair;
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;
use std::{collections::BTreeMap, time::Duration};

const SOL: u64 = 1_000_000_000;
/// What the keeper of a chosen owner may lose on it an hour: four transactions' fees.
const MAX_LOSS_LAMPORTS: u64 = 20_000;
const MAX_LOSS_SOL: &str = "0.00002";
const STEP_SECONDS: i64 = 600;
/// Real time for keepers to do what is due after a step.
const WORKING_TIME: Duration = Duration::from_secs(2);
const BAITS: usize = 4;

fn bait(market: &Pubkey, number: usize) -> DeploymentSpec {
    let text = format!(
        r#"{{"name": "bait {number}", "market": "{market}", "replicas": 1, "timeout": 1,
            "strategy": "SCHEDULED", "schedule": "* * * * *", "max_price": "none", "autostart": true,
            "job_definition": {}}}"#,
        plan::JOB
    );
    DeploymentSpec::from_json(&text).unwrap()
}

/// The attack, for so many hours on chain.
pub(crate) async fn drain(hours: i64) {
    let stage = Stage::open().await;
    let (attacker, node) = (stage.owner.pubkey(), Keypair::new());
    let cheats = stage.localnet.surfnet().cheatcodes();
    cheats.fund_sol(&node.pubkey(), 1_000 * SOL).unwrap();
    for number in 0..BAITS {
        let id = u64::try_from(number).unwrap();
        let create = ix::create(&attacker, id, &bait(&stage.market, number));
        stage.send(&create, &[&stage.owner]).await.unwrap();
    }
    let fund = ix::fund(&attacker, &Vault::new(attacker, 0), 10 * SOL, 10 * SOL);
    stage.send(&fund, &[&stage.owner]).await.unwrap();

    let (folder, named) = (folder("drain"), attacker.to_string());
    let chosen = ["--owner", &named, "--max-loss", MAX_LOSS_SOL];
    let new = |number, terms: &[&str]| {
        let flags = [keepers::HASTY, terms].concat();
        Keeper::new(&folder, number, stage.urls(), &flags)
    };
    // One as it comes, and one that was chosen to work for the attacker.
    let mut keepers = [new(0, &[]), new(1, &chosen)];
    for keeper in &mut keepers {
        cheats.fund_sol(&keeper.address, SOL).unwrap();
        keeper.start();
    }
    let ends_at = stage.cluster.now().await.unwrap() + hours * 3_600;
    loop {
        let now = stage.cluster.now().await.unwrap();
        if now >= ends_at {
            break;
        }
        stage.localnet.travel(now + STEP_SECONDS).unwrap();
        tokio::time::sleep(WORKING_TIME).await;
        for _ in 0..BAITS {
            // While no job waits, the node waits for one; it cannot wait twice.
            let run = Keypair::new();
            let work = Node(node.pubkey()).work(&run.pubkey(), &stage.market);
            let _ = stage.send(&[work], &[&node, &run]).await;
        }
        assert!(!keepers.iter_mut().any(Keeper::has_crashed));
    }

    let of_the_node = nos_account_address(&node.pubkey());
    let keys = [keepers[0].address, keepers[1].address, of_the_node];
    let found = stage.cluster.accounts(&keys).await.unwrap();
    let held = found
        .iter()
        .map(|account| account.as_ref().map_or(0, |account| account.lamports));
    let held: Vec<u64> = held.collect();
    assert_eq!(
        held[0], SOL,
        "one that works for anybody works for no nothing"
    );
    assert_eq!(held[2], 0, "no token account was given away");
    let most = (u64::try_from(hours).unwrap() + 1) * MAX_LOSS_LAMPORTS;
    let lost = SOL - held[1];
    println!("{hours} hours: {lost} lamports lost, of at most {most}");
    assert!(lost <= most, "{lost} lamports lost, of at most {most}");
    let mut outcomes = BTreeMap::new();
    keepers[1].outcomes(&mut outcomes);
    let told = |outcome: &str| outcomes.contains_key(outcome);
    assert!(told("list done"), "it did work: {outcomes:?}");
    assert!(
        told("list over_budget"),
        "the attack was real: {outcomes:?}"
    );
}
