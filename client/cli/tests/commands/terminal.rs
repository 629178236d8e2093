//! What only a terminal shows: the live view, and questions.

use crate::net::{Net, BINARY, JOB, MARKET};
use rexpect::{
    process::wait::WaitStatus,
    session::{spawn_command, PtySession},
};
use std::{
    process::Command,
    time::{Duration, Instant},
};

const TIMEOUT_MILLISECONDS: u64 = 20_000;

/// A command of the owner's in a terminal of its own.
fn terminal(net: &Net, arguments: &[&str]) -> PtySession {
    // A new terminal has no size.
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"stty rows 30 cols 120 && exec "$0" "$@""#, BINARY])
        .env("HOME", env!("CARGO_TARGET_TMPDIR"))
        .env("TERM", "xterm")
        .args(["--url", &net.url, "--keypair", &net.wallet("owner")])
        .args(arguments);
    spawn_command(command, Some(TIMEOUT_MILLISECONDS)).unwrap()
}

fn exit_status(terminal: &mut PtySession) -> i32 {
    match terminal.process_mut().wait().unwrap() {
        WaitStatus::Exited(_, status) => status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn watch_draws_the_deployment_until_q_is_pressed() {
    let net = Net::start("watch");
    net.create(r#""replicas": 1, "strategy": "SIMPLE""#);
    let mut watch = terminal(&net, &["watch", "0", "--interval", "1"]);
    watch.exp_string("DRAFT").unwrap();
    watch.exp_string("leaves").unwrap();
    net.json(&["start", "0"]);
    watch.exp_string("STARTING").unwrap();
    watch.send("q").unwrap();
    watch.flush().unwrap();
    watch.exp_eof().unwrap();
    assert_eq!(exit_status(&mut watch), 0);
}

#[test]
fn watch_leaves_at_once_while_the_node_hangs() {
    let net = Net::start("watch_hangs");
    net.create(r#""replicas": 1, "strategy": "SIMPLE""#);
    let mut watch = terminal(&net, &["watch", "0", "--interval", "1"]);
    watch.exp_string("DRAFT").unwrap();
    net.freeze();
    std::thread::sleep(Duration::from_secs(2)); // it is asking by now
    let asked = Instant::now();
    watch.send("q").unwrap();
    watch.flush().unwrap();
    watch.exp_eof().unwrap();
    assert_eq!(exit_status(&mut watch), 0);
    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "it waited for the node"
    );
}

#[test]
fn a_question_is_asked_and_only_yes_is_yes() {
    let net = Net::start("question");
    for (answer, status, lamports) in [("n", 1, 0), ("", 1, 0), ("yes", 0, 10_000_000)] {
        let mut fund = terminal(&net, &["fund", "--sol", "0.01"]);
        fund.exp_string("Move 0 NOS and 0.01 SOL into vault 0")
            .unwrap();
        fund.exp_string("[y/N]").unwrap();
        fund.send_line(answer).unwrap();
        let said = fund.exp_eof().unwrap();
        assert_eq!(exit_status(&mut fund), status, "{said}");
        assert_eq!(net.json(&["vault"])[0]["lamports"], lamports, "{answer}");
    }
}

#[test]
fn what_would_be_signed_is_shown_before_the_question() {
    let net = Net::start("agreement");
    net.json(&["fund", "--nos", "2", "--sol", "0.05"]);
    let fields = r#""replicas": 3, "strategy": "INFINITE", "keeper_reward": 10000"#;
    let file = net.deployment(fields);
    let shown = |arguments: &[&str], answer: &str| {
        let mut asked = terminal(&net, arguments);
        let said = asked.exp_string("[y/N]").unwrap();
        asked.send_line(answer).unwrap();
        asked.exp_eof().unwrap();
        (said, exit_status(&mut asked))
    };
    let (said, status) = shown(&["create", &file], "n");
    assert_eq!(status, 1);
    for fact in [
        MARKET,
        "3 jobs of at most 1 h",
        "A round costs",
        "A day costs",
        "Price cap",
        "0.00001 SOL a job",
        "holds 2 NOS and 0.05 SOL",
        "It starts",
        "counter",
        "priority fee 0 SOL",
    ] {
        assert!(said.contains(fact), "{fact}: {said}");
    }
    assert_eq!(net.text(&["list"]), "No deployments.\n");

    let key = net.create(fields).to_string();
    let job = net.file("job.json", JOB);
    for (arguments, facts) in [
        (vec!["start", &key], ["Start \"test\"", "A day costs"]),
        (
            vec!["update", &key, "--replicas", "9"],
            ["9 jobs", "A day costs"],
        ),
        (
            vec!["revisions", &key, "add", &job],
            ["Run revision 2", "A day costs"],
        ),
        (vec!["stop", &key], ["Stop \"test\"", "lists nothing more"]),
    ] {
        if arguments[0] == "stop" {
            net.json(&["start", &key]);
        }
        let (said, status) = shown(&arguments, "n");
        assert_eq!(status, 1, "{said}");
        for fact in facts {
            assert!(said.contains(fact), "{fact}: {said}");
        }
    }
    net.json(&["revisions", &key, "add", &job]);
    net.json(&["revisions", &key, "use", "1"]);
    let (said, status) = shown(&["revisions", &key, "close", "2"], "y");
    assert!(
        said.contains("Nothing can be rolled back to it then"),
        "{said}"
    );
    assert_eq!(status, 0);
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let net = Net::start("colours");
    net.create(r#""replicas": 1, "strategy": "SIMPLE""#);
    let shown = |no_color: Option<&str>| {
        let mut command = Command::new(BINARY);
        command
            .env("HOME", env!("CARGO_TARGET_TMPDIR"))
            .env("TERM", "xterm")
            .env_remove("NO_COLOR");
        if let Some(value) = no_color {
            command.env("NO_COLOR", value);
        }
        command.args(["--url", &net.url, "--keypair", &net.wallet("owner"), "list"]);
        spawn_command(command, Some(TIMEOUT_MILLISECONDS))
            .unwrap()
            .exp_eof()
            .unwrap()
    };
    assert!(shown(None).contains("\u{1b}[1m"));
    assert!(!shown(Some("1")).contains("\u{1b}[1m"));
    assert!(!net.text(&["list"]).contains('\u{1b}'), "no terminal");
}
