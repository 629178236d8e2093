//! Deployments that strain the demo: many replicas, a schedule that fires faster than jobs run, a
//! market that costs nothing, and a reader that goes away.

use super::{programs, ONE_AT_A_TIME};
use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

const MARKET: &str = "CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ";
const NOS_MINT: &str = "nosXBVoaCTtYdLvKY6Csb4AC8JCdQKKAaWYtx2ZMoo7";

/// Starts the demo of a deployment on `market` with these fields.
fn demo(name: &str, market: &str, fields: &str) -> Child {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.json"));
    let deployment = format!(
        r#"{{
            "name": "{name}", "market": "{market}", "timeout": 60, {fields},
            "job_definition": {{"version": "0.1", "type": "container", "ops": [{{"type": "container/run", "id": "a", "args": {{"image": "ubuntu"}}}}]}}
        }}"#
    );
    fs::write(&file, deployment).unwrap();
    Command::new(env!("CARGO_BIN_EXE_nosana-deploy"))
        .args(["demo", "--json", file.to_str().unwrap()])
        .env("SBF_OUT_DIR", programs())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The JSON lines of a demo that ended well, with balanced books.
fn lines(name: &str, fields: &str) -> Vec<Value> {
    let _guard = ONE_AT_A_TIME.lock();
    let output = demo(name, MARKET, fields).wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let parsed = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = parsed.collect();
    assert_eq!(lines.last().unwrap()["balanced"], true);
    lines
}

/// The statuses after each of the steps called `step`.
fn statuses<'a>(lines: &'a [Value], step: &str) -> Vec<&'a str> {
    let steps = lines.iter().filter(|line| line["step"] == step);
    steps.map(|line| line["status"].as_str().unwrap()).collect()
}

#[test]
fn ten_replicas_every_minute_go_in_batches_and_pay_their_keeper() {
    let lines = lines(
        "ten_replicas",
        r#""replicas": 10, "strategy": "SCHEDULED", "schedule": "* * * * *",
           "keeper_reward": 10000000, "max_rewards": 1000000000, "vault": 3, "autostart": true"#,
    );
    assert_eq!(statuses(&lines, "create"), ["STARTING"]);
    assert!(statuses(&lines, "start").is_empty());
    assert_eq!(
        statuses(&lines, "list_jobs"),
        [
            "RUNNING",
            "RUNNING",
            "INSUFFICIENT_FUNDS",
            "RUNNING",
            "RUNNING"
        ]
    );
    assert_eq!(statuses(&lines, "node finishes").len(), 10);
    assert_eq!(statuses(&lines, "stop_jobs"), ["STOPPING", "STOPPED"]);

    // Ten jobs listed, settled, listed again and stopped, at 0.01 SOL each. When the shortage was recorded,
    // the vault had nothing to spare.
    let books = lines.last().unwrap()["books"].as_array().unwrap();
    let keeper = books.iter().find(|row| row["account"] == "keeper").unwrap();
    let held = |when: &str| -> i64 { keeper[when]["lamports"].as_str().unwrap().parse().unwrap() };
    let by_keeper = ["list_jobs", "settle_jobs", "stop_jobs", "clean"];
    let fees = lines
        .iter()
        .filter(|line| by_keeper.iter().any(|step| line["step"] == *step));
    let fees: i64 = fees
        .map(|line| line["fee_lamports"].as_i64().unwrap())
        .sum();
    assert_eq!(held("end") - held("start") + fees, 40 * 10_000_000);
}

#[test]
fn on_a_free_market_a_vault_without_sol_is_short_of_funds() {
    let fields = r#""replicas": 1, "strategy": "SIMPLE", "max_price": 0"#;
    let lines = lines("free_market", fields);
    assert_eq!(
        statuses(&lines, "list_jobs"),
        ["RUNNING", "INSUFFICIENT_FUNDS", "RUNNING"]
    );
}

#[test]
fn the_mint_is_no_market() {
    let _guard = ONE_AT_A_TIME.lock();
    let fields = r#""replicas": 1, "strategy": "SIMPLE""#;
    let output = demo("mint_as_market", NOS_MINT, fields)
        .wait_with_output()
        .unwrap();
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        format!("error: market: \"{NOS_MINT}\" is not valid; use a market's account, not a program's or a mint's\n")
    );
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
}

#[test]
fn a_reader_that_leaves_early_ends_the_demo_quietly() {
    let _guard = ONE_AT_A_TIME.lock();
    let fields = r#""replicas": 1, "strategy": "SIMPLE""#;
    let mut child = demo("closed_pipe", MARKET, fields);
    let mut first = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut first).unwrap();
    drop(reader);
    let output = child.wait_with_output().unwrap();
    assert!(first.contains(r#""create""#), "{first}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert_eq!(output.status.code(), Some(1));
}
