//! The demo from outside: exit status, what it prints, and what it refuses before it starts.

#![allow(clippy::unwrap_used)]

use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Mutex,
};

#[path = "demo/hard_cases.rs"]
mod hard_cases;

const ROOT: &str = "../.."; // tests run in the folder of their package

/// Where `cargo xtask build-program` put the programs, also if a test runs without it.
fn programs() -> PathBuf {
    let set = |name| std::env::var_os(name).map(PathBuf::from);
    let target = || set("CARGO_TARGET_DIR").unwrap_or_else(|| Path::new(ROOT).join("target"));
    set("SBF_OUT_DIR").unwrap_or_else(|| target().join("deploy"))
}

/// One validator at a time: each picks free ports, and two might pick the same. (nextest runs tests
/// in processes of their own and takes this from `.config/nextest.toml`.)
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn demo(arguments: &[&str]) -> Output {
    let _guard = ONE_AT_A_TIME.lock();
    Command::new(env!("CARGO_BIN_EXE_nosana-deploy"))
        .arg("demo")
        .args(arguments)
        .env("SBF_OUT_DIR", programs())
        .current_dir(ROOT)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The JSON lines of a demo that ended well.
fn lines(arguments: &[&str]) -> Vec<Value> {
    let output = demo(arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Steps with the status that follows, without the clock's lines and the books.
fn steps(lines: &[Value]) -> Vec<String> {
    let transactions = lines.iter().filter(|line| line["signature"].is_string());
    transactions
        .map(|line| {
            format!(
                "{} {}",
                line["step"].as_str().unwrap(),
                line["status"].as_str().unwrap()
            )
        })
        .collect()
}

#[test]
fn the_scheduled_example_lives_its_life_and_the_books_balance() {
    let lines = lines(&["--json"]);
    assert_eq!(
        steps(&lines),
        [
            "create DRAFT",
            "fund DRAFT",
            "start STARTING",
            "list_jobs RUNNING",
            "node works RUNNING",
            "node finishes RUNNING",
            "settle_jobs RUNNING",
            "withdraw RUNNING",
            "list_jobs INSUFFICIENT_FUNDS",
            "fund INSUFFICIENT_FUNDS",
            "list_jobs RUNNING",
            "stop STOPPING",
            "stop_jobs STOPPED",
            "clean STOPPED",
            "archive ARCHIVED",
            "withdraw ARCHIVED",
        ]
    );
    // It fires at midnight, twice.
    let listed = lines.iter().filter(|line| line["step"] == "list_jobs");
    let minutes: Vec<_> = listed
        .map(|line| line["time"].as_i64().unwrap() % 86_400 / 60)
        .collect();
    assert_eq!(minutes, [0, 0, 0]);
    let books = lines.last().unwrap();
    assert_eq!(books["balanced"], true);
    assert_eq!(books["unaccounted_for"]["nos"], "0");
    let node = books["books"].as_array().unwrap();
    let node = node
        .iter()
        .find(|row| row["account"] == "node NOS account")
        .unwrap();
    let earned: u64 = node["end"]["nos"].as_str().unwrap().parse().unwrap();
    assert!(
        (180_000..190_000).contains(&earned),
        "half an hour at 100 a second: {earned}"
    );
}

#[test]
fn a_simple_deployment_of_two_replicas_stops_by_itself() {
    let lines = lines(&["examples/pytorch-jupyter-simple.json", "--json"]);
    let steps = steps(&lines);
    let settled = steps
        .iter()
        .position(|step| step.starts_with("settle_jobs"))
        .unwrap();
    assert_eq!(steps[settled], "settle_jobs STOPPED");
    assert_eq!(
        steps
            .iter()
            .filter(|step| step.starts_with("clean"))
            .count(),
        2
    );
    assert_eq!(lines.last().unwrap()["balanced"], true);
}

#[test]
fn the_timeline_for_people_ends_with_balanced_books() {
    let output = demo(&[]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(text.contains("the schedule fires"));
    assert!(text.ends_with("\nbooks balanced\n"), "{text}");
}

#[test]
fn a_market_that_is_something_else_is_refused_before_anything_is_sent() {
    let example =
        std::fs::read_to_string(Path::new(ROOT).join("examples/pytorch-jupyter-simple.json"));
    let system_program = "11111111111111111111111111111111";
    let market = "CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ";
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("market_is_a_program.json");
    std::fs::write(&path, example.unwrap().replace(market, system_program)).unwrap();
    let output = demo(&[path.to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty(), "nothing was sent");
    let expected = format!(
        "error: market: \"{system_program}\" is not valid; use a market's account, not a program's or a mint's\n"
    );
    assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
}

#[test]
fn what_the_demo_cannot_play_is_refused_before_it_starts() {
    let example = Path::new(ROOT).join("examples/pytorch-jupyter-scheduled.json");
    let example = std::fs::read_to_string(example).unwrap();
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("not_for_the_demo.json");
    let vault = r#""vault": "CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ", "replicas": 1"#;
    let key = r#""access_key": "CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ", "replicas": 1"#;
    for (instead, said) in [
        (
            vault,
            "error: vault: the demo's wallet has vaults of its own; use a number, or leave it out\n",
        ),
        (
            key,
            "error: access_key: the demo's keeper has no such key; leave it out\n",
        ),
        (
            r#""replicas": 0"#,
            "error: replicas: 0 is not valid; the demo needs at least 1\n",
        ),
    ] {
        std::fs::write(&path, example.replace(r#""replicas": 1"#, instead)).unwrap();
        let output = demo(&[path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), said);
    }
}
