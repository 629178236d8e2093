//! `migrations/0001-deploy.sh`, with commands in place of `solana`, `solana-keygen`, `solana-verify` and
//! `cargo` that note how they are called and answer as they are told.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const MAINNET: &str = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d";
const DEVNET: &str = "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG";
const SOME_LOCALNET: &str = "4vJ9JU1bJJE96FWSJKvHsmmFADCg4gpZQff4P3bkLKi";

const SOLANA: &str = r#"
case "$1 $2" in
  "genesis-hash --url") [[ -n $GENESIS ]] || { echo "error sending request" >&2; exit 1; }; echo "$GENESIS" ;;
  "program show")
    # What was deployed just now is there.
    if [[ -e $HOME/deployed ]]; then rm "$HOME/deployed"; SHOW=there; fi
    case $SHOW in
      there) echo "Program Id: $5" ;;
      absent) echo "Error: Unable to find the account $5" >&2; exit 1 ;;
      *) echo "Error: HTTP status server error (503 Service Unavailable)" >&2; exit 1 ;;
    esac ;;
  "program dump") [[ $DUMP != fails ]] || exit 1; printf %s "$DUMP" > "$6" ;;
  "program deploy") [[ $DEPLOY != fails ]] || exit 1; touch "$HOME/deployed" ;;
esac"#;
const SOLANA_KEYGEN: &str = r#"
case $1 in
  pubkey) cat "$2" ;;
  new) for file; do :; done; echo key > "$file"; echo "a seed phrase" ;;
esac"#;
const SOLANA_VERIFY: &str = r#"echo "$HASH_FOUND""#;
const CARGO: &str = r#"
[[ "$*" != *--agave* || -n $AGAVE ]] || { echo "error: cargo build-sbf is not installed" >&2; exit 1; }
mkdir -p "$CARGO_TARGET_DIR/deploy"; printf bytecode > "$CARGO_TARGET_DIR/deploy/deployments.so""#;

struct Stage {
    folder: PathBuf,
    key: String,
}

/// How the commands answer: names and values in the script's environment.
type Answers<'a> = &'a [(&'a str, &'a str)];

const FRESH: Answers = &[("GENESIS", SOME_LOCALNET), ("SHOW", "absent")];

impl Stage {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("migrations")
            .join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("bin")).unwrap();
        let log = folder.join("log");
        for (name, body) in [
            ("solana", SOLANA),
            ("solana-keygen", SOLANA_KEYGEN),
            ("solana-verify", SOLANA_VERIFY),
            ("cargo", CARGO),
        ] {
            let path = folder.join("bin").join(name);
            let note = format!("echo \"{name} $*\" >> {}", log.display());
            fs::write(&path, format!("#!/usr/bin/env bash\n{note}\n{body}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let source = fs::read_to_string("../programs/deployments/src/lib.rs").unwrap();
        let (_, rest) = source.split_once("declare_id!(\"").unwrap();
        let declared = rest.split('"').next().unwrap();
        let key = folder.join("program.json");
        fs::write(&key, declared).unwrap();
        Self {
            key: key.to_str().unwrap().to_owned(),
            folder,
        }
    }

    fn run(&self, arguments: &[&str], answers: Answers) -> Output {
        let path = std::env::var("PATH").unwrap();
        let bin = self.folder.join("bin");
        Command::new("../migrations/0001-deploy.sh")
            .args(arguments)
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("HOME", &self.folder)
            .env("CARGO_TARGET_DIR", self.folder.join("target"))
            .env_remove("XDG_STATE_HOME")
            .envs(
                ["GENESIS", "SHOW", "DUMP", "DEPLOY", "AGAVE", "HASH_FOUND"].map(|name| (name, "")),
            )
            .envs(answers.iter().copied())
            .output()
            .unwrap()
    }

    /// What is said of arguments that must be refused; nothing is deployed.
    fn refused(&self, arguments: &[&str], answers: Answers) -> String {
        let output = self.run(arguments, answers);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert_eq!(self.deployed(), "");
        String::from_utf8(output.stderr).unwrap()
    }

    /// What is said when all goes well.
    fn done(&self, arguments: &[&str], answers: Answers) -> String {
        let output = self.run(arguments, answers);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// How the program was deployed last.
    fn deployed(&self) -> String {
        let log = self.log();
        let mut lines = log
            .lines()
            .filter(|line| line.starts_with("solana program deploy"));
        lines.next_back().unwrap_or_default().to_owned()
    }

    fn buffers(&self) -> usize {
        let state = self.folder.join(".local/state/nosana-deploy");
        fs::read_dir(state).map_or(0, Iterator::count)
    }
}

#[test]
fn a_cluster_that_the_build_is_not_made_for_is_refused() {
    let stage = Stage::new("clusters");
    let key = ["--program-keypair", &stage.key];
    for (url, features, genesis, said) in [
        ("m", "devnet", MAINNET, "m is mainnet; leave --features out"),
        ("d", "", DEVNET, "d is devnet; add --features devnet"),
        (
            "http://node:8899",
            "",
            SOME_LOCALNET,
            "neither mainnet nor devnet",
        ),
        (
            "http://localhost:8899",
            "",
            MAINNET,
            "cargo build-sbf is not installed",
        ),
        (
            "http://node:8899",
            "",
            "",
            "cannot be asked for its genesis hash",
        ),
    ] {
        let features = ["--features", features];
        let features = if features[1].is_empty() {
            &[][..]
        } else {
            &features[..]
        };
        let arguments = [&key[..], &["--url", url], features].concat();
        let error = stage.refused(&arguments, &[("GENESIS", genesis), ("SHOW", "absent")]);
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn an_answer_is_needed_and_no_answer_is_not_one() {
    let stage = Stage::new("answers");
    let key = ["--program-keypair", &stage.key];
    let asked = |show, dump| [("GENESIS", SOME_LOCALNET), ("SHOW", show), ("DUMP", dump)];
    let error = stage.refused(&key, &asked("broken", ""));
    assert!(
        error.contains("cannot be asked for") && error.contains("503"),
        "{error}"
    );
    let error = stage.refused(&key, &asked("there", "fails"));
    assert!(error.contains("does not give"), "{error}");
    let said = stage.done(&key, &asked("there", "bytecode"));
    assert!(said.contains("runs this bytecode already"), "{said}");
    assert_eq!(stage.deployed(), "");
    // Padded with zeros in truth, which no shell holds; and bytecode that differs.
    stage.done(&[], &asked("there", "bytecodf"));
    assert!(
        stage.deployed().contains("--program-id 2"),
        "an upgrade needs no key"
    );
    let error = Stage::new("keyless").refused(&[], FRESH);
    assert!(
        error.contains("--program-keypair is needed for the first deployment"),
        "{error}"
    );
}

#[test]
fn a_deployment_that_failed_goes_on_with_its_buffer() {
    let stage = Stage::new("buffers");
    let key = ["--program-keypair", &stage.key];
    let failing = [FRESH, &[("DEPLOY", "fails")]].concat();
    assert!(!stage.run(&key, &failing).status.success());
    let first = stage.deployed();
    assert_eq!(stage.buffers(), 1);
    assert!(stage
        .done(&key, FRESH)
        .contains("going on with the buffer of"));
    assert_eq!(stage.deployed(), first, "the same buffer");
    assert_eq!(stage.buffers(), 0, "its key is of no use any more");
    assert!(!stage.done(&key, FRESH).contains("going on"));
}

#[test]
fn authority_and_priority_fee_are_passed_on() {
    let stage = Stage::new("options");
    let options = [
        "--upgrade-authority",
        "multisig.json",
        "--with-compute-unit-price",
        "7000",
    ];
    stage.done(
        &[&["--program-keypair", &stage.key], &options[..]].concat(),
        FRESH,
    );
    let deployed = stage.deployed();
    assert!(deployed.contains("--upgrade-authority multisig.json --with-compute-unit-price 7000"));
    for (wrong, said) in [
        (
            &["--with-compute-unit-price", "lots"][..],
            "is not a number of micro-lamports",
        ),
        (&["--features", "testnet"], "use devnet, or leave it out"),
        (&["--url"], "--url needs a value"),
        (&["--force"], "unknown argument '--force'"),
        (
            &["--elf", "file"],
            "--elf and --executable-hash go together",
        ),
    ] {
        let output = stage.run(wrong, FRESH);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(said), "{error}");
    }
}

#[test]
fn a_shared_cluster_gets_agave_s_build_or_a_verified_one() {
    let stage = Stage::new("builds");
    let on_devnet = [
        "--program-keypair",
        &stage.key,
        "--url",
        "d",
        "--features",
        "devnet",
    ];
    let answers = [
        ("GENESIS", DEVNET),
        ("SHOW", "absent"),
        ("HASH_FOUND", "abc"),
    ];
    let error = stage.refused(&on_devnet, &answers);
    assert!(
        error.contains("cargo build-sbf is not installed"),
        "{error}"
    );
    stage.done(&on_devnet, &[&answers[..], &[("AGAVE", "yes")]].concat());
    assert!(stage
        .log()
        .contains("cargo xtask build-program --features devnet --agave"));

    let elf = stage.folder.join("verified.so");
    fs::write(&elf, "bytecode").unwrap();
    let verified = |hash| {
        let elf = ["--elf", elf.to_str().unwrap(), "--executable-hash", hash];
        [&on_devnet[..], &elf]
            .concat()
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    let run = |hash| {
        let arguments = verified(hash);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        stage.run(&arguments, &answers)
    };
    let error = String::from_utf8(run("xyz").stderr).unwrap();
    assert!(
        error.contains("has the executable hash abc, not xyz"),
        "{error}"
    );
    assert!(run("abc").status.success());
    assert!(stage.deployed().ends_with("verified.so"));
}
