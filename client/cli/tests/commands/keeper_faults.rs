//! Keepers whose node, market or neighbours fail, and keepers that are told to stop.

use crate::{
    net::Net,
    proxy::Proxy,
    running::{actions, until, Running},
};
use nosana_deploy_client::seeds;
use solana_signer::Signer;

const ONE: &str = r#""replicas": 1, "strategy": "SIMPLE", "autostart": true"#;
const MANY: &str = r#""replicas": 24, "strategy": "SIMPLE", "autostart": true"#;

impl Net {
    /// Runs a keeper once through a proxy; what it logs, which must end well.
    fn keeper_through(&self, proxy: &Proxy, more: &[&str]) -> Vec<String> {
        actions(&self.keeper_once(&[&["--url", &proxy.url], more].concat()))
    }

    /// A keeper lists a job of these fields although its wallet holds something else between what it read
    /// and what it simulated.
    fn lists_though_its_wallet_changes(
        &self,
        fields: &str,
        flags: &[&str],
        change: impl Fn(u64) -> u64,
    ) {
        let proxy = Proxy::start(&self.url);
        let mut keeper = Running::start_at(self, &proxy.url, flags);
        keeper.says("scanned");
        proxy.hold(Some("simulateTransaction"));
        let key = self.create(fields);
        self.fund("10", "1");
        until("a simulation", || {
            (proxy.count("simulateTransaction") > 0).then_some(())
        });
        // Long after what the wallet held before was read.
        std::thread::sleep(std::time::Duration::from_millis(500));
        let wallet = self.keeper.pubkey();
        self.give(&wallet, change(self.lamports(&wallet)));
        proxy.hold(None);
        self.until_active(&key, 1);
        assert_eq!(keeper.terminate(), Some(0));
    }

    /// Waits until a deployment has so many active jobs.
    fn until_active(&self, deployment: &solana_program::pubkey::Pubkey, jobs: usize) {
        until("active jobs", || {
            let active = self.status(deployment)["jobs"].as_array().unwrap().len();
            (active == jobs).then_some(())
        });
    }
}

#[test]
fn deployments_that_are_due_at_once_share_what_changes_slowly() {
    let net = Net::start("keeper-shares");
    const COUNT: u32 = 12;
    for _ in 0..COUNT {
        net.create(ONE);
    }
    net.fund("100", "5");
    let proxy = Proxy::start(&net.url);
    let done = net.keeper_through(&proxy, &["--max-loss", "1"]);
    assert_eq!(done, ["list 1 job: done"; 12]);
    assert_eq!(proxy.count("sendTransaction"), COUNT);
    assert!(proxy.count("getLatestBlockhash") <= 4);
    assert!(proxy.count("getRecentPrioritizationFees") <= 2);
    // For each: two looks, a simulation and what it changes, a transaction and its status, which a slow
    // machine asks for again.
    assert!(proxy.total() < 9 * COUNT, "{}", proxy.total());
}

#[test]
fn a_node_that_does_not_know_recent_fees_means_the_configured_one() {
    let net = Net::start("keeper-fees");
    net.create(ONE);
    net.create(ONE);
    net.fund("10", "1");
    let proxy = Proxy::start(&net.url);
    proxy.refuse("getRecentPrioritizationFees", 2);
    let before = net.lamports(&net.keeper.pubkey());
    let dear = ["--fallback-compute-unit-price", "100000", "--max-loss", "1"];
    net.keeper_through(&proxy, &dear);
    // A tenth of a lamport for each unit: more than 20,000 units make more than 2,000 lamports.
    let spent = before - net.lamports(&net.keeper.pubkey());
    assert!(spent > 2 * (5_000 + 2_000), "{spent}");
    assert_eq!(proxy.count("sendTransaction"), 2);
}

#[test]
fn what_else_the_keeper_spends_meanwhile_makes_nothing_unprofitable() {
    let net = Net::start("keeper-meanwhile");
    let rewarded = format!(r#"{ONE}, "keeper_reward": 100000"#);
    net.lists_though_its_wallet_changes(&rewarded, &["--max-loss", "0"], |_| 1_000_000_000);
}

#[test]
fn a_wallet_that_happens_to_hold_the_same_before_and_after_is_not_empty() {
    let net = Net::start("keeper-the-same");
    // Just what this transaction costs: another one earned it meanwhile.
    net.lists_though_its_wallet_changes(ONE, &[], |before| before + 5_000);
}

#[test]
fn a_market_that_is_back_is_noticed() {
    let net = Net::start("keeper-market");
    let key = net.create(ONE);
    net.fund("10", "1");
    let market = net.close_market();
    let done = actions(&net.keeper_once(&[]));
    assert_eq!(done, ["record ERROR (MARKET_UNUSABLE): done"]);
    assert!(actions(&net.keeper_once(&[])).is_empty(), "recorded once");
    net.reopen_market(&market);
    assert_eq!(actions(&net.keeper_once(&[])), ["list 1 job: done"]);
    assert_eq!(net.status(&key)["status"], "RUNNING");
}

#[test]
fn one_deployment_that_cannot_be_understood_holds_up_no_other() {
    let net = Net::start("keeper-damaged");
    let damaged = net.create(ONE);
    net.fund("10", "1");
    net.keep(&damaged);
    net.damage(&seeds::job_address(&damaged, 0).0, |data| {
        data.truncate(100);
    });
    let good = net.create(ONE);
    let mut keeper = Running::start(&net, &[]);
    net.until_active(&good, 1);
    let left_out = keeper.says("left out");
    assert_eq!(left_out["deployment"], damaged.to_string());
    assert_eq!(keeper.terminate(), Some(0));
}

#[test]
fn a_scan_that_fails_is_tried_again_soon() {
    let net = Net::start("keeper-rescan");
    let proxy = Proxy::start(&net.url);
    proxy.refuse("getProgramAccounts", 10);
    let mut keeper = Running::start_at(&net, &proxy.url, &["--rescan-seconds", "86400"]);
    assert_eq!(
        keeper.says("the RPC node failed")["doing"],
        "searching for lookup tables"
    );
    keeper.says("scanned");
    assert_eq!(keeper.terminate(), Some(0));
}

#[test]
fn nothing_is_signed_once_it_is_told_to_stop() {
    let net = Net::start("keeper-stops");
    let proxy = Proxy::start(&net.url);
    proxy.hold(Some("simulateTransaction"));
    let mut keeper = Running::start_at(&net, &proxy.url, &[]);
    keeper.says("scanned");
    let key = net.create(ONE);
    net.fund("10", "1");
    until("a simulation", || {
        (proxy.count("simulateTransaction") > 0).then_some(())
    });
    keeper.signal();
    keeper.says("stopping; once more to stop at once");
    proxy.hold(None);
    assert_eq!(keeper.ends(), Some(0));
    assert_eq!(proxy.count("sendTransaction"), 0);
    assert_eq!(net.status(&key)["status"], "STARTING");
}

#[test]
fn a_second_signal_ends_it_whatever_is_under_way() {
    let net = Net::start("keeper-stops-twice");
    let proxy = Proxy::start(&net.url);
    proxy.hold(Some("sendTransaction"));
    let mut keeper = Running::start_at(&net, &proxy.url, &[]);
    keeper.says("scanned");
    net.create(ONE);
    net.fund("10", "1");
    until("a transaction", || {
        (proxy.count("sendTransaction") > 0).then_some(())
    });
    keeper.signal();
    keeper.says("stopping; once more to stop at once");
    keeper.signal();
    assert_eq!(keeper.ends(), Some(0));
    keeper.says("stopped with actions under way; their outcome is on chain");
    proxy.hold(None);
}

#[test]
fn a_lookup_table_is_made_once_it_pays_and_found_again_and_done_without() {
    let net = Net::start("keeper-tables");
    net.fund("1000", "20");
    let proxy = Proxy::start(&net.url);
    proxy.refuse("getRecentPrioritizationFees", u32::MAX);
    // At such a price a table pays after a few transactions, not after a thousand.
    let dear = ["--fallback-compute-unit-price", "20000000"];
    let dear = [
        &dear[..],
        &["--max-compute-unit-price", "20000000", "--max-loss", "10"],
    ]
    .concat();
    let start = || Running::start_at(&net, &proxy.url, &dear);
    let mut keeper = start();
    let mut round = 1;
    // How many transactions list 24 jobs more.
    let list_many = |keeper: &Running, round: u32| {
        let before = keeper.times("list");
        net.create(MANY);
        until("24 jobs more", || {
            let line = format!("nosana_keeper_jobs_total{{kind=\"list\"}} {}\n", 24 * round);
            keeper.metrics().contains(&line).then_some(())
        });
        keeper.times("list") - before
    };
    assert_eq!(list_many(&keeper, 1), 3);
    assert!(
        !keeper.metrics().contains("kind=\"lookup_table\""),
        "not at once"
    );
    while !keeper
        .metrics()
        .contains("kind=\"lookup_table\",what=\"rent\"")
    {
        round += 1;
        assert!(round < 8, "never made");
        list_many(&keeper, round);
    }
    let table = keeper.says("lookup table extended")["table"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(keeper.terminate(), Some(0));

    let mut keeper = start();
    assert_eq!(keeper.says("lookup tables found again")["count"], 1);
    assert_eq!(list_many(&keeper, 1), 2);
    // Somebody closes it.
    net.vanish(&table.parse().unwrap());
    assert_eq!(list_many(&keeper, 2), 3);
    assert_eq!(
        keeper.says("lookup table deactivated or closed")["table"],
        table
    );
    assert_eq!(keeper.terminate(), Some(0));
}
