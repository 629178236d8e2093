//! The demo end to end: a localnet in a process of its own, both programs' bytecode, real JSON-RPC.
//! Needs the ELFs of `cargo xtask build-program`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use serde_json::Value;
use std::{path::Path, process::Command};

/// What the demo printed.
struct Told {
    steps: Vec<Value>,
    books: Value,
}

impl Told {
    /// The names of the steps, repetitions of one taken together.
    fn steps(&self) -> Vec<&str> {
        distinct(self.steps.iter().map(|step| step["step"].as_str().unwrap()))
    }

    /// The statuses that the deployment went through.
    fn statuses(&self) -> Vec<&str> {
        distinct(self.steps.iter().filter_map(|step| step["status"].as_str()))
    }

    /// What an account held in the end: NOS base units and lamports.
    fn held(&self, account: &str) -> (&str, &str) {
        let lines = self.books["books"].as_array().unwrap();
        let line = lines.iter().find(|line| line["account"] == account);
        let end = &line.unwrap_or_else(|| panic!("no account {account}"))["end"];
        (
            end["nos"].as_str().unwrap(),
            end["lamports"].as_str().unwrap(),
        )
    }
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<_> = names.collect();
    names.dedup();
    names
}

/// Runs the demo, which must succeed.
fn demo(arguments: &[&str]) -> Told {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let output = Command::new(env!("CARGO_BIN_EXE_nosana-deploy"))
        .args(["demo", "--json"])
        .args(arguments)
        .current_dir(examples)
        .output()
        .expect("the binary runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let stdout = String::from_utf8(output.stdout).unwrap();
    let line = |line| serde_json::from_str(line).expect("a line of JSON");
    let mut steps: Vec<Value> = stdout.lines().map(line).collect();
    let books = steps.pop().expect("the books");
    Told { steps, books }
}

fn check_books(told: &Told) {
    assert_eq!(told.books["balanced"], true);
    assert_eq!(told.books["unaccounted_for"]["nos"], "0");
    assert_eq!(told.books["unaccounted_for"]["lamports"], "0");
    assert_eq!(
        told.held("vault"),
        ("0", "0"),
        "withdrawn to the last lamport"
    );
    assert_eq!(told.held("vault NOS account").0, "0");
    assert_eq!(told.held("market's vault").0, "0");
    assert_eq!(told.held("jobs"), ("0", "0"));
}

#[test]
fn the_mission_s_example_lives_its_whole_life() {
    let told = demo(&[]);
    assert_eq!(
        told.statuses(),
        [
            "DRAFT",
            "STARTING",
            "RUNNING",
            "INSUFFICIENT_FUNDS",
            "RUNNING",
            "STOPPING",
            "STOPPED",
            "ARCHIVED"
        ]
    );
    check_books(&told);
}

#[test]
fn a_simple_deployment_of_two_replicas_stops_by_itself() {
    let told = demo(&["pytorch-jupyter-simple.json"]);
    let statuses = told.statuses();
    let settled = told
        .steps
        .iter()
        .rfind(|step| step["step"] == "settle_jobs");
    assert_eq!(settled.unwrap()["status"], "STOPPED");
    assert!(statuses
        .windows(2)
        .any(|pair| pair == ["INSUFFICIENT_FUNDS", "RUNNING"]));
    let nodes_work = told
        .steps
        .iter()
        .filter(|step| step["step"] == "node works");
    assert_eq!(nodes_work.count(), 2);
    assert_eq!(told.steps().last(), Some(&"withdraw"));
    check_books(&told);
}
