//! What happened, and what jobs left behind.

use crate::{
    ipfs::kubo,
    net::{spawned, Net, BINARY},
};
use nosana_deploy_client::{digest, seeds};
use serde_json::Value;
use solana_signer::Signer;
use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

const RESULT: &str = r#"{"status":"success","startTime":1,"endTime":2,"opStates":[{"operationId":"a","status":"success","exitCode":0,"logs":[{"type":"stdout","log":"hello\n"},{"type":"stderr","log":"\u001b[2Jbye"}]}]}"#;

fn started(net: &Net, fields: &str) -> solana_program::pubkey::Pubkey {
    let key = net.create(fields);
    net.json(&["fund", "--nos", "2", "--sol", "0.1"]);
    net.json(&["start", "0"]);
    net.keep(&key);
    key
}

#[test]
fn a_history_has_every_change_who_signed_it_and_what_jobs_cost() {
    let net = Net::start("history");
    let key = started(
        &net,
        r#""replicas": 1, "strategy": "SIMPLE", "keeper_reward": 6000"#,
    );
    net.work();
    net.keep(&key);
    let digest = digest::digest(RESULT.as_bytes());
    net.finish(&digest);
    net.keep(&key);

    let history = net.json(&["history", "0"]);
    assert_eq!(history["gaps"], Value::Array(vec![]));
    let changes = history["changes"].as_array().unwrap();
    let statuses: Vec<(&Value, &Value)> = changes
        .iter()
        .map(|change| (&change["from"], &change["to"]))
        .filter(|(from, to)| from != to)
        .collect();
    let name = |name: &'static str| Value::from(name);
    let [draft, starting, running, stopped] = ["DRAFT", "STARTING", "RUNNING", "STOPPED"].map(name);
    assert_eq!(
        statuses,
        [
            (&Value::Null, &draft),
            (&draft, &starting),
            (&starting, &running),
            (&running, &stopped)
        ]
    );
    let (owner, keeper) = (
        net.owner.pubkey().to_string(),
        net.keeper.pubkey().to_string(),
    );
    assert_eq!(changes[0]["signers"][0], owner.as_str());
    assert_eq!(changes[1]["signers"][0], owner.as_str());
    assert!(changes[2..]
        .iter()
        .all(|change| change["signers"][0] == keeper.as_str()));
    let job = &history["jobs"][0];
    assert_eq!(job["outcome"], "done");
    assert_eq!(job["node"], net.node.pubkey().to_string());
    assert_eq!(job["result"], digest::cid(&digest));
    let deposit = job["deposit_nos"].as_u64().unwrap();
    let [paid, returned] = ["paid_nos", "returned_nos"].map(|name| job[name].as_u64().unwrap());
    assert_eq!((deposit, paid + returned), (360_000, 360_000));
    let rewards = changes
        .iter()
        .filter_map(|change| change["reward_lamports"].as_u64());
    let day = &history["days"][0];
    assert_eq!(
        day["reward_lamports"].as_u64().unwrap(),
        rewards.sum::<u64>()
    );
    assert_eq!(
        (&day["jobs_listed"], &day["paid_nos"]),
        (&1.into(), &paid.into())
    );

    let text = net.text(&["history", "0"]);
    assert!(
        text.contains("DRAFT → STARTING") && text.contains(&owner),
        "{text}"
    );
    let csv = net.text(&["history", "0", "--jobs", "--output", "csv"]);
    let mut lines = csv.lines();
    assert!(lines.next().unwrap().starts_with("job,revision,listed_at,"));
    assert!(lines.next().unwrap().starts_with("0,1,"), "{csv}");
    let csv = net.text(&["history", "0", "--output", "csv"]);
    assert_eq!(csv.lines().count(), changes.len() + 1, "{csv}");
    let none = net.json(&["history", "0", "--since", "2100-01-01"]);
    assert_eq!(none["changes"], Value::Array(vec![]));
    let said = net.refused(2, &["list", "--output", "csv"]);
    assert!(said.contains("csv is for `history`"), "{said}");

    // A closed deployment's history is still there.
    net.json(&["archive", "0"]);
    net.json(&["close", "0"]);
    let closed = net.json(&["history", "0"]);
    assert_eq!(closed["gaps"], Value::Array(vec![]));
    let last = closed["changes"].as_array().unwrap().last().unwrap();
    assert_eq!(last["what"], "closed");
}

#[test]
fn a_result_is_what_the_chain_names_byte_for_byte() {
    let net = Net::start("results");
    let key = started(&net, r#""replicas": 2, "strategy": "SIMPLE""#);
    let said = net.refused(1, &["results", "0", "--job", "0"]);
    assert!(said.contains("job 0 is not over yet"), "{said}");
    net.work();
    let digest = digest::digest(RESULT.as_bytes());
    net.finish(&digest);

    let said = net.refused(2, &["results", "0"]);
    let cid = digest::cid(&digest);
    assert!(
        said.contains(&format!("job 0 is {cid}; fetch it with --ipfs-gateway")),
        "{said}"
    );
    let (gateway, requests) = kubo(vec![
        ("200 OK", RESULT.replace("hello", "lies")),
        ("200 OK", RESULT.into()),
        ("200 OK", RESULT.into()),
        ("200 OK", RESULT.into()),
    ]);
    let at = ["--ipfs-gateway", gateway.as_str()];
    let said = net.refused(1, &[&["results", "0"][..], &at].concat());
    assert!(
        said.contains(&format!("something else than {cid}")),
        "{said}"
    );
    let raw = net.text(&[&["results", "0", "--output", "json"][..], &at].concat());
    assert_eq!(raw, RESULT);
    assert!(requests
        .recv()
        .unwrap()
        .starts_with(&format!("GET /ipfs/{cid} ")));
    let text = net.text(&[&["results", "0", "--job", "0"][..], &at].concat());
    assert!(
        text.contains("a, success, exit code 0\nhello\n?[2Jbye\n"),
        "{text}"
    );

    // The job's account is cleaned: what its settling told is enough.
    net.keep(&key);
    net.vanish(&seeds::job_address(&key, 0).0);
    let raw = net.text(&[&["results", "0", "--last", "--output", "json"][..], &at].concat());
    assert_eq!(raw, RESULT);

    // The other one is taken off the market, and leaves nothing.
    net.json(&["stop", "0"]);
    net.keep(&key);
    let said = net.refused(1, &[&["results", "0", "--job", "1"][..], &at].concat());
    assert!(said.contains("nothing is known of a job 1"), "{said}");
}

#[test]
fn a_job_that_was_ended_says_that_it_left_no_result() {
    let net = Net::start("no_result");
    let key = started(&net, r#""replicas": 1, "strategy": "SIMPLE""#);
    net.work();
    net.json(&["stop", "0"]);
    net.keep(&key);
    let text = net.text(&["results", "0"]);
    assert!(text.contains("It left no result"), "{text}");
    assert_eq!(net.text(&["results", "0", "--output", "json"]), "null");
}

#[test]
fn a_watch_in_json_begins_with_the_state() {
    let net = Net::start("watch_json");
    net.create(r#""replicas": 1, "strategy": "SIMPLE""#);
    let line = net.text(&["watch", "0", "--once", "--output", "json"]);
    let state: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&state["type"], &state["status"]),
        (&"deployment".into(), &"DRAFT".into())
    );
}

#[test]
fn a_watch_in_json_tells_each_change_and_that_it_is_alive() {
    let net = Net::start("watch_stream");
    let key = net.create(r#""replicas": 1, "strategy": "SIMPLE""#);
    let mut command = std::process::Command::new(BINARY);
    command
        .env("HOME", net.home())
        .args(["--url", &net.url, "watch", &key.to_string()])
        .args(["--output", "json-compact"])
        .args(["--interval", "1", "--heartbeat", "2"]);
    let (mut child, state) = spawned(&mut command, Stdio::null());
    assert_eq!(state["type"], "deployment");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = |kind: &str| loop {
        let line = lines.next().expect("the stream goes on").unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        if line["type"] == kind {
            return line;
        }
    };
    next("heartbeat");
    net.json(&["start", "0"]);
    let change = next("change");
    assert_eq!(
        (&change["from"], &change["to"]),
        (&"DRAFT".into(), &"STARTING".into())
    );
    net.json(&["stop", "0"]);
    assert_eq!(next("change")["to"], "STOPPED");
    net.json(&["archive", "0"]);
    net.json(&["close", "0"]);
    next("change");
    assert_eq!(next("change")["what"], "closed");
    assert!(
        child.wait().unwrap().success(),
        "it ends with the deployment"
    );
}

#[test]
fn whoever_follows_gets_each_result_as_its_job_ends() {
    let net = Net::start("follow");
    let key = started(&net, r#""replicas": 2, "strategy": "SIMPLE""#);
    let digest = digest::digest(RESULT.as_bytes());
    net.work();
    net.finish(&digest);
    let (gateway, _requests) = kubo(vec![("200 OK", RESULT.into())]);
    let mut command = std::process::Command::new(BINARY);
    command
        .env("HOME", net.home())
        .args(["--url", &net.url, "results", &key.to_string(), "--follow"])
        .args(["--ipfs-gateway", &gateway, "--output", "json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // What ended before it looked is not shown.
    let mut said = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    stderr.read_line(&mut said).unwrap();
    assert_eq!(said, "waiting for the next job to end\n");
    net.work();
    net.finish(&digest);
    let mut line = String::new();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    lines.read_line(&mut line).unwrap();
    assert_eq!(line.trim_end(), RESULT);
    child.kill().unwrap();
    child.wait().unwrap();
}
