//! Commands that need no cluster, word by word, and the help of all. `TRYCMD=overwrite` writes the
//! files anew.

use crate::net::{command, folder, ASKING};
use solana_program::pubkey::Pubkey;

#[test]
fn commands_say_what_their_transcripts_say() {
    trycmd::TestCases::new()
        .case("tests/transcripts/*.md")
        .env("HOME", env!("CARGO_TARGET_TMPDIR"));
}

/// Beside those that ask.
const OTHERS: [&str; 23] = [
    "serve",
    "ssh",
    "logs",
    "jobs",
    "definitions",
    "import",
    "status",
    "history",
    "results",
    "list",
    "endpoints",
    "watch",
    "revisions",
    "market",
    "vault",
    "schedule",
    "validate",
    "keeper",
    "localnet",
    "demo",
    "completions",
    "man-pages",
    "keygen",
];

#[test]
fn every_command_has_help_and_refuses_what_it_does_not_know() {
    let home = folder("help");
    let overview = command(&home)
        .arg("--help")
        .assert()
        .success()
        .get_output()
        .clone();
    let overview = String::from_utf8(overview.stdout).unwrap();
    for name in ASKING.into_iter().chain(OTHERS) {
        assert!(overview.contains(&format!("\n  {name} ")), "{name}");
        let help = command(&home)
            .args([name, "--help"])
            .assert()
            .success()
            .get_output()
            .clone();
        let help = String::from_utf8(help.stdout).unwrap();
        assert!(
            help.contains(&format!("Usage: nosana-deploy {name}")),
            "{help}"
        );
        command(&home)
            .args([name, "--no-such-option"])
            .assert()
            .code(2);
    }
    for line in [
        "0  done",
        "1  refused",
        "2  the command line",
        "3  the cluster",
        "4  sent",
    ] {
        assert!(overview.contains(line), "{line}");
    }
}

#[test]
fn man_pages_are_made_for_every_command() {
    let home = folder("man-pages");
    let pages = home.join("man1");
    command(&home)
        .arg("man-pages")
        .arg(&pages)
        .assert()
        .success();
    for name in ASKING.into_iter().chain(OTHERS) {
        let page = pages.join(format!("nosana-deploy-{name}.1"));
        let page = std::fs::read_to_string(&page).unwrap();
        assert!(
            page.contains(".SH SYNOPSIS") && page.contains(".SH OPTIONS"),
            "{name}"
        );
    }
    command(&home)
        .args(["man-pages", "/dev/null/x"])
        .assert()
        .code(2);
}

#[test]
fn completions_are_made_for_every_shell() {
    let home = folder("completions");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = command(&home)
            .args(["completions", shell])
            .assert()
            .success()
            .get_output()
            .clone();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(
            script.contains("nosana-deploy") && script.contains("revisions"),
            "{shell}"
        );
    }
}

#[test]
fn a_deployment_is_named_by_its_address_without_any_wallet() {
    let home = folder("no_wallet");
    let address = Pubkey::new_unique().to_string();
    // It gets as far as the cluster.
    command(&home)
        .args(["--url", "http://127.0.0.1:1", "status", &address])
        .assert()
        .code(3);
    command(&home)
        .args(["--url", "http://127.0.0.1:1", "status", "0"])
        .assert()
        .code(2);
}

#[test]
fn arguments_that_are_none_are_refused_before_anything_is_read() {
    let home = folder("arguments");
    let cases: [(&[&str], &str); 6] = [
        (&["completions", "tcsh"], "possible values: bash"),
        (&["vault", "65536"], "65536 is not in 0..=65535"),
        (&["market", "3090"], "invalid value '3090' for '<MARKET>'"),
        (
            &["list", "--owner", "me"],
            "invalid value 'me' for '--owner <PUBKEY>'",
        ),
        (
            &["stop", "0", "--signer", "x", "--blockhash", "y"],
            "invalid value",
        ),
        (
            &["stop", "0", "--with-compute-unit-price", "fast"],
            "use a whole number of micro-lamports, or auto",
        ),
    ];
    for (arguments, expected) in cases {
        let output = command(&home)
            .args(arguments)
            .assert()
            .code(2)
            .get_output()
            .clone();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    let unbuilt = command(&home)
        .args(["localnet", "--programs", "/nonexistent"])
        .assert()
        .code(1);
    let said = String::from_utf8(unbuilt.get_output().stderr.clone()).unwrap();
    assert!(
        said.ends_with("run `cargo xtask build-program` first\n"),
        "{said}"
    );
}
