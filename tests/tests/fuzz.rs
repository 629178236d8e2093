//! A few hundred random scenarios with a fixed seed; `cargo xtask fuzz` plays thousands.

#![allow(clippy::unwrap_used, missing_docs)]

use deployments_tests::{
    fuzz::{fuzz, play, Found, Scenario, Step},
    Chain,
};

/// Steps that must have gone through at least once, or the scenarios prove little.
const MUST_HAPPEN: [&str; 33] = [
    "start",
    "stop",
    "archive",
    "extend",
    "scale",
    "retime",
    "reprice",
    "reschedule",
    "add_revision",
    "roll_to",
    "write_off",
    "fund",
    "withdraw",
    "list",
    "settle",
    "stop_jobs",
    "track",
    "extend_jobs",
    "clean",
    "work",
    "finish",
    "quit",
    "claim",
    "leave_queue",
    "price",
    "job_type",
    "close_market",
    "wait",
    "wait_for_deadline",
    "wait_for_firing",
    "attack_0",
    "attack_1",
    "attack_3",
];

/// Attempts to steal: none may ever go through.
const MUST_NOT_HAPPEN: [&str; 2] = ["attack_6", "attack_7"];

#[test]
fn every_invariant_holds_in_random_scenarios() {
    let summary = match fuzz(400, 30, 1) {
        Ok(summary) => summary,
        Err(found) => {
            let Found { scenario, reason } = *found;
            let script = serde_json::to_string_pretty(&scenario).unwrap();
            panic!("{reason}\nreplay with `cargo xtask fuzz --replay FILE`:\n{script}");
        }
    };
    let done = |kind: &str| summary.steps.get(kind).map_or(0, |counts| counts.0);
    for kind in MUST_HAPPEN {
        assert!(done(kind) > 0, "{kind} never went through");
    }
    for kind in MUST_NOT_HAPPEN {
        assert_eq!(done(kind), 0, "{kind}");
        assert!(summary.steps.contains_key(kind), "{kind} was never tried");
    }
    println!(
        "{} sequences, {} jobs listed, statuses {:?}",
        summary.sequences, summary.jobs, summary.statuses
    );
    assert_eq!(summary.statuses.len(), 7, "every status but DRAFT is seen");
}

#[test]
fn a_script_plays_the_same_again() {
    let script = r#"{
        "seed": 7,
        "deployments": [
            {"strategy": 3, "replicas": 2, "overlap": 0, "auto_extend": false, "capped": true, "keeper_reward": 5000, "max_fee_bps": 0, "retries": 0},
            {"strategy": 1, "replicas": 1, "overlap": 0, "auto_extend": true, "capped": false, "keeper_reward": 0, "max_fee_bps": 0, "retries": 0},
            {"strategy": 2, "replicas": 1, "overlap": 2, "auto_extend": false, "capped": false, "keeper_reward": 0, "max_fee_bps": 0, "retries": 0}
        ],
        "steps": [
            {"do": "list", "d": 0, "count": 2},
            {"do": "work", "n": 0},
            {"do": "track", "d": 0},
            {"do": "attack", "kind": 7, "d": 0, "job": 1},
            {"do": "quit", "job": 0},
            {"do": "settle", "d": 0}
        ]
    }"#;
    let scenario: Scenario = serde_json::from_str(script).unwrap();
    assert!(matches!(scenario.steps[5], Step::Settle { d: 0 }));
    let again: Scenario = serde_json::from_str(&serde_json::to_string(&scenario).unwrap()).unwrap();
    let told = |scenario: &Scenario| {
        let mut lines = Vec::new();
        play(&Chain::new(), scenario, |line| lines.push(line)).unwrap();
        lines
    };
    let lines = told(&scenario);
    assert_eq!(lines, told(&again));
    let outcomes: Vec<bool> = lines.iter().map(|line| line.ends_with("Ok(())")).collect();
    assert_eq!(
        outcomes,
        [true, true, true, false, true, true],
        "{lines:#?}"
    );
}
