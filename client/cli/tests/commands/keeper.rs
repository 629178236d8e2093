//! Keepers, as those who run them see them. What they do over a day is the soak's (`tests/soak`).

use crate::{
    net::Net,
    running::{actions, get, until, Running},
};
use nosana_deploy_client::{
    domain::funding::Rents,
    instructions::{nos_account_address, Vault},
    seeds,
};
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;
use std::net::{TcpListener, TcpStream};

const SIMPLE: &str = r#""replicas": 2, "strategy": "SIMPLE", "autostart": true"#;

#[test]
fn once_does_what_is_due_and_a_dry_run_only_says_it() {
    let net = Net::start("keeper-once");
    let key = net.create(SIMPLE);
    net.fund("10", "1");
    let log = net.keeper_once(&["--dry-run"]);
    let said = log
        .iter()
        .find(|entry| entry["message"] == "would be sent")
        .unwrap();
    assert_eq!(
        (&said["action"], &said["reason"]),
        (&"list 2 jobs".into(), &"its round is not all listed".into())
    );
    assert_eq!(net.status(&key)["status"], "STARTING");

    assert_eq!(actions(&net.keeper_once(&[])), ["list 2 jobs: done"]);
    assert_eq!(net.status(&key)["status"], "RUNNING");
    assert!(actions(&net.keeper_once(&[])).is_empty(), "nothing is due");
}

#[test]
fn only_what_is_chosen_and_only_what_pays() {
    let net = Net::start("keeper-chosen");
    let key = net.create(SIMPLE);
    net.fund("10", "1");
    let somebody = Pubkey::new_unique().to_string();
    assert!(actions(&net.keeper_once(&["--owner", &somebody])).is_empty());
    assert!(actions(&net.keeper_once(&["--market", &somebody])).is_empty());
    // Who pays nothing is left alone before anything is asked; who pays too little, after a simulation.
    assert!(actions(&net.keeper_once(&["--profitable-only"])).is_empty());
    net.text(&["update", "0", "--keeper-reward", "1"]);
    let unpaid = net.keeper_once(&["--profitable-only"]);
    assert_eq!(actions(&unpaid), ["list 2 jobs: unprofitable"]);
    assert!(actions(&net.keeper_once(&["--min-reward", "2"])).is_empty());
    net.text(&["update", "0", "--keeper-reward", "10000", "--yes"]);
    let owner = net.owner.pubkey().to_string();
    let before = net.lamports(&net.keeper.pubkey());
    let paid = net.keeper_once(&["--profitable-only", "--owner", &owner]);
    assert_eq!(actions(&paid), ["list 2 jobs: done"]);
    assert_eq!(
        net.lamports(&net.keeper.pubkey()),
        before + 2 * 10_000 - 5_000
    );
    assert_eq!(net.status(&key)["status"], "RUNNING");
}

#[test]
fn it_hears_of_what_happens_waits_for_money_and_stops_when_told() {
    let net = Net::start("keeper-runs");
    // It scans only at the start: whatever it does later, a notification told it.
    let mut keeper = Running::start(
        &net,
        &["--rescan-seconds", "100000", "--low-balance", "0.000001"],
    );
    let address = keeper.says("metrics")["address"]
        .as_str()
        .unwrap()
        .to_owned();
    keeper.says("subscribed");
    keeper.says("scanned");
    let key = net.create(SIMPLE);
    let status = |wanted: &str| {
        until(wanted, || {
            (net.status(&key)["status"] == wanted).then_some(())
        });
    };
    status("INSUFFICIENT_FUNDS");
    net.fund("10", "1");
    status("RUNNING");
    net.text(&["stop", "0", "--yes"]);
    status("STOPPED");

    assert!(get(&address, "/healthz").contains("200 OK"));
    assert!(get(&address, "/readyz").contains("200 OK"));
    for line in [
        "nosana_keeper_actions_total{kind=\"record\",outcome=\"done\"} 1",
        "nosana_keeper_actions_total{kind=\"list\",outcome=\"done\"} 1",
        "nosana_keeper_jobs_total{kind=\"stop\"} 2",
        "nosana_keeper_deployments_watched 1",
    ] {
        until(line, || {
            get(&address, "/metrics").contains(line).then_some(())
        });
    }
    assert_eq!(keeper.terminate(), Some(0));
    keeper.says("stopped");
}

#[test]
fn it_is_not_ready_without_subscriptions() {
    let net = Net::start("keeper-deaf");
    // Accepts connections and says nothing.
    let deaf = TcpListener::bind("127.0.0.1:0").unwrap();
    let ws = format!("ws://{}", deaf.local_addr().unwrap());
    let mut keeper = Running::start(&net, &["--ws", &ws]);
    let address = keeper.says("metrics")["address"]
        .as_str()
        .unwrap()
        .to_owned();
    keeper.says("scanned");
    let said = get(&address, "/readyz");
    assert!(
        said.contains("503") && said.contains("no subscriptions"),
        "{said}"
    );
    assert!(get(&address, "/healthz").contains("200 OK"));
    assert_eq!(keeper.terminate(), Some(0));
}

/// An address that drops the first connection, and then leads to the net's node.
fn away_at_first(net: &Net) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let node = net.url.trim_start_matches("http://").to_owned();
    std::thread::spawn(move || {
        for client in listener.incoming().skip(1).map_while(Result::ok) {
            let server = TcpStream::connect(&node).unwrap();
            let ways = [(&client, &server), (&server, &client)];
            for (from, to) in ways {
                let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            }
        }
    });
    url
}

#[test]
fn it_waits_for_a_node_that_is_away_when_it_starts() {
    let net = Net::start("keeper-away");
    let mut keeper = Running::start_at(&net, &away_at_first(&net), &[]);
    let failed = keeper.says("the RPC node failed");
    assert_eq!(failed["doing"], "connecting");
    keeper.says("scanned");
    assert_eq!(keeper.terminate(), Some(0));
}

#[test]
fn what_is_done_for_nothing_ends_at_the_owner_s_budget_and_at_the_low_balance() {
    let net = Net::start("keeper-budget");
    for _ in 0..3 {
        net.create(SIMPLE);
    }
    net.fund("10", "1");
    let keeper = net.keeper.pubkey();
    let before = net.lamports(&keeper);
    let poor = net.keeper_once(&["--low-balance", "1000"]);
    assert_eq!(actions(&poor), ["list 2 jobs: low_balance"; 3]);
    assert_eq!(net.lamports(&keeper), before, "nothing was spent");
    // Two transactions' worth.
    let mut done = actions(&net.keeper_once(&["--max-loss", "0.00001"]));
    done.sort_unstable();
    assert_eq!(
        done,
        [
            "list 2 jobs: done",
            "list 2 jobs: done",
            "list 2 jobs: over_budget"
        ]
    );
    assert_eq!(net.lamports(&keeper), before - 10_000);
}

#[test]
fn a_node_without_a_token_account_costs_a_keeper_nothing_and_holds_up_nothing_else() {
    let net = Net::start("keeper-drained");
    let key = net.create(SIMPLE);
    net.fund("10", "1");
    net.keeper_once(&[]);
    let poor = net.poor_wallet("poor", 1_000_000_000);
    net.work_as(&poor);
    net.work();
    net.quit_as(&net.node);
    net.text(&["stop", "0", "--yes"]);
    let before = net.lamports(&net.keeper.pubkey());
    let done = actions(&net.keeper_once(&[]));
    assert_eq!(done, ["settle 1 job: done"], "the other job is not held up");
    assert_eq!(net.lamports(&net.keeper.pubkey()), before - 5_000);
    assert_eq!(net.lamports(&nos_account_address(&poor.pubkey())), 0);
    assert_eq!(net.status(&key)["status"], "STOPPING");
}

#[test]
fn a_node_s_token_account_is_paid_for_by_choice_and_prefunded_addresses_stop_nothing() {
    let net = Net::start("keeper-obstacles");
    let key = net.create(r#""replicas": 1, "strategy": "SIMPLE", "autostart": true"#);
    net.fund("10", "1");
    for address in [seeds::job_address(&key, 0).0, seeds::run_address(&key, 0).0] {
        net.give(&address, 1_000_000);
    }
    assert_eq!(actions(&net.keeper_once(&[])), ["list 1 job: done"]);
    let vault = Vault::new(net.owner.pubkey(), 0).address;
    let rent_of_a_job = Rents::DEFAULT.job;
    assert_eq!(
        net.lamports(&vault),
        1_000_000_000 + 2 * 1_000_000 - rent_of_a_job,
        "what was sent there is swept into the vault"
    );

    let poor = net.poor_wallet("poor", 1_000_000_000);
    net.work_as(&poor);
    net.text(&["stop", "0", "--yes"]);
    let chosen = ["--create-node-accounts", "--max-loss", "0.01"];
    let done = actions(&net.keeper_once(&chosen));
    assert_eq!(done, ["stop 1 job (the deployment is STOPPING): done"]);
    assert_eq!(net.status(&key)["status"], "STOPPED");
    assert!(
        net.lamports(&nos_account_address(&poor.pubkey())) > 0,
        "it was made"
    );
}

#[test]
fn a_deposit_that_was_written_off_comes_back_when_its_node_quits() {
    let net = Net::start("keeper-reclaims");
    let key = net.create(r#""replicas": 1, "strategy": "SIMPLE", "autostart": true"#);
    net.fund("10", "1");
    net.keeper_once(&[]);
    net.work();
    let market = net.close_market();
    net.text(&["stop", "0", "--yes"]);
    net.text(&["write-off", "0", "0", "--yes"]);
    let nos = || net.status(&key)["vault_nos"].as_u64().unwrap();
    assert_eq!(nos(), 10_000_000 - 360_000);
    net.reopen_market(&market);
    net.quit();
    let log = net.keeper_once(&[]);
    let done = log
        .iter()
        .find(|entry| entry["message"] == "housekeeping done");
    assert_eq!(done.unwrap()["reclaimed"], 1);
    assert_eq!(nos(), 10_000_000);
}

#[test]
fn settings_that_are_not_valid_are_refused_before_anything_happens() {
    let net = Net::start("keeper-settings");
    let file = net.file("keeper.toml", "parallel = 4\nrescan = 60\n");
    let error = net.refused(2, &["keeper", "--settings", &file]);
    assert!(error.contains("line 2: unknown field `rescan`"), "{error}");
    let error = net.refused(2, &["keeper", "--settings", "nowhere.toml"]);
    assert!(error.contains("nowhere.toml: No such file"), "{error}");
    let error = net.refused(2, &["keeper", "--ws", "http://localhost"]);
    assert!(error.contains("begins with ws://"), "{error}");
    let error = net.refused(2, &["keeper", "--metrics", "here"]);
    assert!(error.contains("127.0.0.1:9464"), "{error}");
}
