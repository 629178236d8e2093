//! What node operators read.

use crate::net::{folder, Net, MARKET};
use nosana_deploy_client::seeds;
use serde_json::Value;
use std::net::TcpListener;

#[test]
fn demand_is_shown_per_market_with_caps_runway_and_firings() {
    let net = Net::start("operators");
    let hourly = net.create(
        r#""replicas": 2, "strategy": "SCHEDULED", "schedule": "0 * * * *", "max_price": 250, "autostart": true"#,
    );
    net.create(r#""replicas": 3, "strategy": "SIMPLE""#);
    net.json(&["fund", "--nos", "0.72", "--sol", "0.1", "--yes"]);

    let demand = net.json(&["list", "--market", MARKET]);
    let market = &demand[0];
    assert_eq!(
        (&market["market"], &market["price_per_second"]),
        (&MARKET.into(), &100.into())
    );
    assert_eq!(market["replicas_wanted"], 2, "a DRAFT wants nothing");
    let deployments = market["deployments"].as_array().unwrap();
    let found = deployments
        .iter()
        .find(|found| found["deployment"] == hourly.to_string())
        .unwrap();
    assert_eq!(
        (&found["max_price_per_second"], &found["replicas"]),
        (&250.into(), &2.into())
    );
    let firings = found["firings_in_a_day"].as_array().unwrap();
    assert_eq!(firings.len(), 24);
    // It pays for one firing of two jobs: the second is the end.
    assert_eq!(found["runway"]["until"], firings[1]);

    let shown = net.text(&["list", "--market"]);
    assert!(
        shown.contains("2 replicas wanted by 2 deployments, 0 active"),
        "{shown}"
    );
    assert!(shown.contains("24, first "), "{shown}");
    assert_eq!(
        net.text(&["list", "--market", "11111111111111111111111111111111"]),
        "No deployments.\n"
    );

    let market = net.json(&["market", MARKET]);
    assert_eq!(
        (&market["price_per_second"], &market["jobs_waiting"]),
        (&100.into(), &0.into())
    );
    assert_eq!(
        (&market["replicas_wanted"], &market["deployments"]),
        (&2.into(), &1.into())
    );
    assert!(net
        .text(&["market", MARKET])
        .contains("0.36 NOS an hour (100 units a second)"));
}

#[test]
fn accounts_that_cannot_be_decoded_are_named_and_hide_no_others() {
    const VERSION_OFFSET: usize = 8;
    let net = Net::start("undecodable");
    let good = net.create(r#""replicas": 1, "strategy": "SIMPLE", "autostart": true"#);
    let later = net.create(r#""replicas": 1, "strategy": "SIMPLE", "autostart": true"#);
    let jobless = net.create(r#""replicas": 1, "strategy": "SIMPLE", "autostart": true"#);
    net.json(&["fund", "--nos", "10", "--sol", "1", "--yes"]);
    net.keep(&jobless);
    let job = seeds::job_address(&jobless, 0).0;
    net.damage(&later, |data| data[VERSION_OFFSET] = 9);
    net.damage(&job, |data| data.truncate(100));
    let left_out = |list: &Value| {
        let all = list.as_array().unwrap().iter();
        let accounts = all.filter(|entry| entry["error"].is_string());
        let mut accounts: Vec<_> = accounts
            .map(|entry| entry["account"].as_str().unwrap().to_owned())
            .collect();
        accounts.sort();
        accounts
    };
    let mut both = [later.to_string(), jobless.to_string()];
    both.sort();
    for arguments in [&["list"][..], &["list", "--market"], &["vault"]] {
        assert_eq!(left_out(&net.json(arguments)), both, "{arguments:?}");
    }
    assert_eq!(net.json(&["list"])[0]["deployment"], good.to_string());
    assert_eq!(net.json(&["vault"])[0]["deployments_listing"], 1);
    let market = net.json(&["market", MARKET]);
    assert_eq!(left_out(&market["left_out"]), [later.to_string()]);
    assert_eq!(market["deployments"], 2);

    let output = net.command(&["list"]).assert().success();
    let said = String::from_utf8(output.get_output().stderr.clone()).unwrap();
    for key in both {
        assert!(said.contains(&format!("{key} is left out: ")), "{said}");
    }
}

#[test]
fn a_name_cannot_steer_the_terminal() {
    let net = Net::start("names");
    let key = net.create(r#""replicas": 1, "strategy": "SIMPLE""#);
    net.json(&["update", "0", "--name", "\u{1b}[2Jgone\u{202e}"]);
    assert_eq!(net.status(&key)["name"], "\u{1b}[2Jgone\u{202e}");
    for arguments in [&["list"][..], &["status", "0"], &["watch", "0", "--once"]] {
        let shown = net.text(arguments);
        assert!(
            shown.contains("gone") && !shown.contains(['\u{1b}', '\u{202e}']),
            "{shown}"
        );
    }
}

#[test]
fn deployments_are_found_by_owner_and_status() {
    let net = Net::start("found");
    net.create(r#""replicas": 1, "strategy": "SIMPLE""#);
    let started = net.create(r#""replicas": 1, "strategy": "SIMPLE", "autostart": true"#);
    assert_eq!(net.json(&["list"]).as_array().unwrap().len(), 2);
    let starting = net.json(&["list", "--status", "starting"]);
    assert_eq!(starting.as_array().unwrap().len(), 1);
    assert_eq!(starting[0]["deployment"], started.to_string());
    let of_keeper = net
        .command_of("keeper", &["list"])
        .assert()
        .success()
        .get_output()
        .clone();
    assert_eq!(
        String::from_utf8(of_keeper.stdout).unwrap(),
        "No deployments.\n"
    );
    let of_all = net
        .command_of("keeper", &["list", "--all"])
        .assert()
        .success()
        .get_output()
        .clone();
    assert_eq!(String::from_utf8(of_all.stdout).unwrap().lines().count(), 3);
    assert!(net
        .refused(2, &["list", "--status", "BUSY"])
        .contains("use one of DRAFT, STARTING"));
}

#[test]
fn a_localnet_answers_where_tools_look_for_one_if_it_can() {
    const USUAL: &str = "127.0.0.1:8899";
    if TcpListener::bind(USUAL).is_ok() && TcpListener::bind("127.0.0.1:8900").is_ok() {
        let net = Net::start("usual-ports");
        assert_eq!(
            (net.url.as_str(), net.ws.as_str()),
            ("http://127.0.0.1:8899", "ws://127.0.0.1:8900")
        );
        let mut command = crate::net::command(&folder("usual-ports-user"));
        command.args(["--url", "localhost", "market", MARKET]);
        command.assert().success();
    }
    let _taken = TcpListener::bind(USUAL);
    let net = Net::start("other-ports");
    assert!(!net.url.ends_with(":8899") && !net.ws.ends_with(":8900"));
    net.text(&["market", MARKET]);
}
