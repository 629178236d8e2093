//! The owner's commands for a deployment.

use crate::net::{Net, JOB};
use nosana_deploy_client::digest;

#[test]
fn create_shows_what_it_would_cost_asks_and_creates() {
    let net = Net::start("create");
    let file = net.deployment(r#""replicas": 2, "strategy": "SIMPLE""#);

    let dry = net.json(&["create", &file, "--dry-run"]);
    let named = |name: &str| {
        let changes = dry["changes"].as_array().unwrap();
        let change = changes
            .iter()
            .find(|change| change["name"] == name)
            .unwrap();
        let lamports = |when: &str| change["lamports"][when].as_i64().unwrap();
        lamports("after") - lamports("before")
    };
    let rents = named("deployment") + named("counter") + named("vault 0's NOS");
    assert_eq!(named("wallet"), -rents - 5_000, "the rents and a signature");
    assert!(dry["compute_units"].as_u64().unwrap() > 10_000);
    assert_eq!(net.text(&["list"]), "No deployments.\n");

    let unasked = net.refused(2, &["create", &file]);
    assert_eq!(
        unasked,
        "error: Create deployment \"test\" of 2 replicas, paying rent for its account? No one is there to answer; confirm with --yes\n"
    );
    assert_eq!(net.text(&["list"]), "No deployments.\n");

    let created = net.json(&["create", &file, "--yes"]);
    let address = net.address(0);
    assert_eq!(created["deployment"], address.to_string());
    let status = net.status(&address);
    assert_eq!(
        (&status["status"], &status["replicas"]),
        (&"DRAFT".into(), &2.into())
    );
    assert_eq!(status["job_definition"], created["job_definition"]);
    // Ids are used once.
    assert_eq!(net.json(&["create", &file, "--yes"])["id"], 1);
}

#[test]
fn a_deployment_lives_its_life_from_the_command_line() {
    let net = Net::start("life");
    let key = net.create(r#""replicas": 2, "strategy": "SIMPLE""#);
    net.json(&["fund", "--nos", "0.792", "--sol", "0.05", "--yes"]);
    net.json(&["start", "0"]);
    let twice = net.refused(1, &["start", "0"]);
    assert!(
        twice.contains("is STARTING; start is possible in DRAFT, STOPPED"),
        "{twice}"
    );
    let early = net.refused(1, &["close", "0", "--yes"]);
    assert!(
        early.contains("is STARTING; close is possible in DRAFT, ARCHIVED"),
        "{early}"
    );
    let status = net.status(&key);
    assert_eq!(
        (&status["status"], &status["due"]),
        (&"STARTING".into(), &serde_json::json!(["list 2 jobs"]))
    );
    assert_eq!(status["runway"]["kind"], "enough");

    assert_eq!(net.keep(&key), ["list 2 jobs"]);
    net.work();
    let status = net.status(&key);
    assert_eq!(
        (&status["status"], &status["vault_nos"]),
        (&"RUNNING".into(), &72_000.into()),
        "the network took no fee"
    );
    let states: Vec<_> = status["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| &job["state"])
        .collect();
    assert_eq!(states, ["running", "queued"]);
    let running = &status["jobs"][0];
    assert_eq!(
        running["node"],
        solana_signer::Signer::pubkey(&net.node).to_string()
    );
    let left = running["ends_at"].as_i64().unwrap() - status["now"].as_i64().unwrap();
    assert!((3_590..=3_600).contains(&left), "{left}");

    let shown = net.text(&["status", "0"]);
    assert!(shown.contains("RUNNING since"), "{shown}");
    assert!(
        shown.contains("59 min") || shown.contains("1 h left"),
        "{shown}"
    );
    let screen = net.text(&["watch", "0", "--once"]);
    assert!(
        screen.contains("2 active jobs") && screen.contains("running"),
        "{screen}"
    );

    let refused = net.refused(1, &["archive", "0", "--yes"]);
    assert!(
        refused
            .contains("RUNNING; archive is possible in DRAFT, STOPPED, ERROR, INSUFFICIENT_FUNDS"),
        "{refused}"
    );

    net.json(&["stop", "0"]);
    assert_eq!(net.status(&key)["status"], "STOPPING");
    assert_eq!(net.keep(&key), ["stop 2 jobs (the deployment is STOPPING)"]);
    assert_eq!(net.status(&key)["status"], "STOPPED");
    net.json(&["archive", "0", "--yes"]);
    net.json(&["withdraw", "--nos", "ALL", "--sol", "ALL", "--yes"]);
    let vault = &net.json(&["vault"])[0];
    assert_eq!((&vault["nos"], &vault["lamports"]), (&0.into(), &0.into()));
    net.json(&["close", "0", "--yes"]);
    let gone = net.refused(2, &["status", "0"]);
    assert!(
        gone.starts_with(&format!("error: deployment {key} does not exist at ")),
        "{gone}"
    );
}

#[test]
fn update_changes_what_is_named_and_says_what_is_not_valid() {
    let net = Net::start("update");
    let key = net.create(r#""replicas": 1, "strategy": "SCHEDULED", "schedule": "0 0 * * *""#);
    net.json(&[
        "update",
        "0",
        "--name",
        "renamed",
        "--replicas",
        "3",
        "--timeout",
        "90",
        "--schedule",
        "0 6 * * MON",
        "--overlap",
        "FORBID",
        "--max-price",
        "200",
        "--keeper-reward",
        "5000",
    ]);
    let status = net.status(&key);
    assert_eq!(status["name"], "renamed");
    assert_eq!(
        (&status["replicas"], &status["timeout_seconds"]),
        (&3.into(), &5_400.into())
    );
    assert_eq!(
        (&status["schedule"], &status["overlap"]),
        (&"0 6 * * 1".into(), &"FORBID".into())
    );
    assert_eq!(
        (
            &status["max_price_per_second"],
            &status["keeper_reward_lamports"]
        ),
        (&200.into(), &5_000.into())
    );
    net.json(&["update", "0", "--max-price", "none"]);
    assert!(net.status(&key)["max_price_per_second"].is_null());

    assert!(net
        .refused(2, &["update", "0"])
        .contains("nothing to change"));
    assert!(net
        .refused(2, &["update", "0", "--schedule", "never"])
        .starts_with("error: --schedule: "));
    assert!(net
        .refused(2, &["update", "0", "--overlap", "MAYBE"])
        .contains("use ALLOW, FORBID or REPLACE"));
    assert!(net
        .refused(2, &["update", "0", "--max-price", "cheap"])
        .contains("use NOS base units per second, or none"));
    let many = net.refused(2, &["update", "0", "--replicas", "101"]);
    assert_eq!(many, "error: replicas: use 1 to 100\n");
    let rotation = net.refused(2, &["update", "0", "--rotation-time", "5"]);
    assert_eq!(
        rotation,
        "error: rotation_time: only strategy INFINITE has a rotation time\n"
    );
}

#[test]
fn extend_adds_replicas_to_simple_extend_only() {
    let net = Net::start("extend");
    let key = net.create(r#""replicas": 1, "strategy": "SIMPLE-EXTEND", "auto_extend": true"#);
    net.create(r#""replicas": 1, "strategy": "SIMPLE""#);
    net.json(&["fund", "--nos", "5", "--sol", "0.1", "--yes"]);
    for id in ["0", "1"] {
        net.json(&["start", id]);
        net.keep(&net.address(id.parse().unwrap()));
    }
    net.json(&["extend", "0", "2", "--yes"]);
    assert_eq!(net.status(&key)["replicas"], 3);
    assert_eq!(net.keep(&key), ["list 2 jobs"]);
    let refused = net.refused(1, &["extend", "1", "1", "--yes"]);
    assert!(
        refused.contains("strategy does not allow this (code 6039)"),
        "{refused}"
    );
    assert!(net
        .refused(2, &["extend", "0", "0"])
        .contains("0 is not in 1..=100"));
}

#[test]
fn revisions_are_added_rolled_back_to_and_closed() {
    let net = Net::start("revisions");
    let key = net.create(r#""replicas": 1, "strategy": "SIMPLE""#);
    let second = net.file("second.json", &JOB.replace("ubuntu", "debian"));
    let added = net.json(&["revisions", "0", "add", &second]);
    assert_eq!(added["revision"], 2);
    let pinned = format!(
        r#"{{"version":"0.1","type":"container","ops":[{{"type":"container/run","id":"a","args":{{"image":"debian"}}}}],"deployment_id":"{key}"}}"#
    );
    let cid = digest::cid(&digest::digest(pinned.as_bytes()));
    assert_eq!(net.status(&key)["job_definition"], cid);

    net.json(&["revisions", "0", "use", "1"]);
    let listed = net.json(&["revisions", "0"]);
    let runs: Vec<_> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|revision| &revision["runs"])
        .collect();
    assert_eq!(runs, [true, false]);
    assert_eq!(listed[1]["job_definition"], cid);
    assert!(net.text(&["revisions", "0", "list"]).contains(&cid));

    net.json(&["revisions", "0", "close", "2"]);
    assert_eq!(net.json(&["revisions", "0"]).as_array().unwrap().len(), 1);
    let bad = net.file("bad.json", &JOB.replace("image", "imago"));
    let refused = net.refused(2, &["revisions", "0", "add", &bad]);
    assert_eq!(refused.lines().count(), 2, "{refused}");
    assert!(
        refused
            .contains("ops[0].args.imago: \"ubuntu\" is not valid; no such field; there are image"),
        "{refused}"
    );
    assert!(net
        .refused(2, &["revisions", "0", "close", "1"])
        .contains("1 is not in 2.."));
}

#[test]
fn a_job_whose_market_is_gone_can_be_written_off() {
    let net = Net::start("write_off");
    let key = net.create(r#""replicas": 1, "strategy": "SIMPLE", "autostart": true"#);
    net.json(&["fund", "--nos", "1", "--sol", "0.1", "--yes"]);
    net.keep(&key);
    let early = net.refused(1, &["write-off", "0", "0", "--yes"]);
    assert!(early.contains("(code 6046)"), "{early}");
    net.close_market();
    assert_eq!(net.status(&key)["jobs"][0]["state"], "lost");
    assert!(net.text(&["status", "0"]).contains("write-off gives it up"));
    net.json(&["stop", "0"]);
    assert!(net.keep(&key).is_empty());
    assert_eq!(net.status(&key)["status"], "STOPPING");
    net.json(&["write-off", "0", "0", "--yes"]);
    let status = net.status(&key);
    assert_eq!(
        (&status["status"], &status["jobs_written_off"]),
        (&"STOPPED".into(), &1.into())
    );
}

#[test]
fn an_empty_vault_is_told_with_what_a_job_needs() {
    let net = Net::start("shortage");
    let key = net.create(r#""replicas": 1, "strategy": "INFINITE", "autostart": true"#);
    assert_eq!(net.keep(&key), ["record INSUFFICIENT_FUNDS"]);
    let status = net.status(&key);
    assert_eq!(status["status"], "INSUFFICIENT_FUNDS");
    assert!(
        status["why"]
            .as_str()
            .unwrap()
            .ends_with("A job needs 0.396 NOS, the network's highest fee included, and rent of 0.00256128 SOL."),
        "{status}"
    );
    assert_eq!(
        status["runway"],
        serde_json::json!({"kind": "short", "paid": 0, "wanted": 1})
    );
    // 0.36 NOS an hour: a job that is replaced early gives the rest of its deposit back.
    net.json(&["fund", "--nos", "1.8", "--sol", "0.1", "--yes"]);
    assert_eq!(net.keep(&key), ["list 1 job"]);
    let status = net.status(&key);
    assert_eq!(status["nos_per_day"], 8_640_000);
    let lasts = status["runway"]["until"].as_i64().unwrap() - status["now"].as_i64().unwrap();
    assert!((14_390..=14_400).contains(&lasts), "four hours: {lasts}");
}
