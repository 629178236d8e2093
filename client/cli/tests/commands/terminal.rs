//! What only a terminal shows: the live view, and questions.

use crate::net::{Net, BINARY};
use rexpect::{
    process::wait::WaitStatus,
    session::{spawn_command, PtySession},
};
use std::process::Command;

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
