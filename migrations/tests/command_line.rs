//! `migrations` as people run it, on a localnet.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "localnet/cluster.rs"]
#[allow(dead_code)]
mod cluster;

use assert_cmd::Command;
use cluster::{bytecode, World, SOL};
use nosana_deployments_migrations::goal::hex;
use serde_json::Value;
use solana_keypair::{write_keypair_file, Keypair};
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;
use std::{env, fs, path::PathBuf};

/// A world, and files of what its goal is made of.
struct Stage {
    world: World,
    folder: PathBuf,
}

impl Stage {
    async fn new(name: &str) -> Self {
        let mut world = World::new().await;
        world.goal.source = None;
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let [deployer, program] = [&world.keys[0], &world.keys[1]];
        for (name, key) in [
            ("deployer.json", deployer),
            ("program.json", program),
            ("authority.json", &world.authority),
        ] {
            write_keypair_file(key, folder.join(name)).unwrap();
        }
        fs::write(folder.join("deployments.so"), world.goal.bytecode.elf()).unwrap();
        fs::create_dir_all(folder.join("idl")).unwrap();
        fs::write(folder.join("idl/deployments.json"), world.goal.idl.text()).unwrap();
        Self { world, folder }
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    /// The command line with all files, in a home that has no configuration.
    fn command(&self, subcommand: &str, more: &[&str]) -> Command {
        let mut command = Command::cargo_bin("migrations").unwrap();
        command.env("HOME", &self.folder).arg(subcommand);
        command.args(["--url", self.world.localnet.rpc_url()]);
        for (option, file) in [
            ("--keypair", "deployer.json"),
            ("--program-keypair", "program.json"),
            ("--elf", "deployments.so"),
            ("--idl", "idl/deployments.json"),
        ] {
            command.args([option, &self.file(file)]);
        }
        let market = self.world.goal.markets[0].to_string();
        let authority = self.world.authority.pubkey().to_string();
        command.args(["--market", &market, "--upgrade-authority", &authority]);
        command.args(more);
        command
    }

    /// Runs it; it must succeed.
    fn says(&self, subcommand: &str, more: &[&str]) -> String {
        let output = self.command(subcommand, more).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{subcommand} {more:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, subcommand: &str, more: &[&str]) -> Value {
        let more = [&["--json"], more].concat();
        serde_json::from_str(&self.says(subcommand, &more)).unwrap()
    }

    /// Runs it; it must fail.
    fn refusal(&self, subcommand: &str, more: &[&str]) -> String {
        let output = self.command(subcommand, more).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{subcommand} {more:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

fn states(answer: &Value) -> Vec<&str> {
    let steps = answer["steps"].as_array().unwrap().iter();
    steps.map(|step| step["state"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_plan_prints_is_what_apply_does_to_the_lamport() {
    let stage = Stage::new("applied").await;
    let plan = stage.json("plan", &[]);
    assert_eq!(
        states(&plan),
        ["due", "due", "due", "due", "due", "left out"]
    );
    let applied = stage.json("apply", &["--yes"]);
    let done = ["done", "done", "done", "done", "done", "left out"];
    assert_eq!(states(&applied), done);
    let accounts = plan["accounts"].as_array().unwrap();
    assert_eq!(accounts.len(), 5, "{accounts:#?}");
    for account in accounts {
        let mut address: Pubkey = account["address"].as_str().unwrap().parse().unwrap();
        if account["name"] == "lookup table" {
            // The last slot is a part of its address.
            address = stage.world.plan().await.tables[0].key;
        }
        let found = stage.world.lamports(&address).await;
        let planned = account["lamports_after"].as_i64().unwrap();
        assert_eq!(found, i128::from(planned), "{account}");
    }

    // A second time nothing happens, whoever asks.
    let before = stage.world.lamports(&stage.world.goal.deployer).await;
    assert_eq!(states(&stage.json("apply", &[])), done);
    assert_eq!(states(&stage.json("status", &[])), done);
    assert_eq!(
        stage.world.lamports(&stage.world.goal.deployer).await,
        before
    );
    let said = stage.says("status", &[]);
    assert!(
        said.contains("0005 hand-over") && said.contains("done"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn people_read_the_plan_and_agree_before_anything_is_sent() {
    let stage = Stage::new("agreed").await;
    let said = stage.says("plan", &[]);
    for part in [
        "executable hash",
        "0001 write-buffer",
        "Transactions, in this order:",
        "side by side: from write",
        "Lamports of every account that changes:",
        "program's bytecode",
        "Fees: ",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let refusal = stage.refusal("apply", &[]);
    assert!(refusal.contains("agree with --yes"), "{refusal}");
    let deployer = stage.world.goal.deployer;
    assert_eq!(stage.world.lamports(&deployer).await, i128::from(100 * SOL));

    stage.world.give(&deployer, 1_000_000);
    let refusal = stage.refusal("apply", &["--yes"]);
    assert!(
        refusal.contains("lamports for this; nothing was sent"),
        "{refusal}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_multisig_gets_transactions_in_base58_one_a_line() {
    let mut stage = Stage::new("unsigned").await;
    let refusal = stage.refusal("apply", &["--unsigned"]);
    assert!(
        refusal.contains("run `apply` without --unsigned before"),
        "{refusal}"
    );
    stage.says("apply", &["--yes"]);
    stage.world.wish_for(2, 900);
    fs::write(
        stage.file("deployments.so"),
        stage.world.goal.bytecode.elf(),
    )
    .unwrap();
    let refusal = stage.refusal("apply", &["--yes"]);
    assert!(
        refusal.contains("0002 deploy waits for the signature of"),
        "{refusal}"
    );
    let printed = stage.says("apply", &["--unsigned"]);
    assert_eq!(printed.lines().count(), 1, "{printed}");
    let listed = stage.json("apply", &["--unsigned"]);
    assert_eq!(listed[0]["step"], 2);
    assert_eq!(
        listed[0]["signer"],
        stage.world.authority.pubkey().to_string()
    );
    // Where that key is at hand as well, it signs.
    let key = stage.file("authority.json");
    stage.says("apply", &["--yes", "--authority-keypair", &key]);
}

/// The commands that docs/deploying.md shows, in their order, as a shell reads them.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_s_commands_run_as_they_are_written() {
    let stage = Stage::new("page").await;
    let page = include_str!("../../docs/deploying.md");
    let blocks = page.split("```sh\n").skip(1);
    let blocks = blocks.map(|block| block.split_once("\n```").unwrap().0);
    let blocks: Vec<&str> = blocks.collect();
    let [plan, apply, status, unsigned] = blocks[..] else {
        panic!("{blocks:#?}");
    };
    let multisig = stage.world.put_multisig();
    let hash = hex(&stage.world.goal.bytecode.hash());
    let run = |block: &str| {
        let binary = PathBuf::from(env!("CARGO_BIN_EXE_migrations"));
        let path = env::var("PATH").unwrap();
        let path = format!("{}:{path}", binary.parent().unwrap().display());
        let mut shell = Command::new("sh");
        shell.current_dir(&stage.folder).args(["-euc", block]);
        shell.env("HOME", &stage.folder).env("PATH", path);
        shell.env("CLUSTER", stage.world.localnet.rpc_url());
        shell.env("MARKET", stage.world.goal.markets[0].to_string());
        shell
            .env("MULTISIG", multisig.to_string())
            .env("HASH", &hash);
        let output = shell.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        match output.status.success() {
            true => Ok(String::from_utf8(output.stdout).unwrap()),
            false => Err(said),
        }
    };
    assert!(run(plan).unwrap().contains("0005 hand-over       due"));
    assert!(run(apply).unwrap().contains("0005 hand-over       done"));
    assert!(!run(status).unwrap().contains(" due "));

    fs::write(
        stage.file("next.so"),
        bytecode(&stage.world.goal.program, 2),
    )
    .unwrap();
    let upgrade = unsigned.replace("--unsigned", "--yes");
    let waits = run(&upgrade).unwrap_err();
    assert!(
        waits.contains("0002 deploy waits for the signature of"),
        "{waits}"
    );
    let printed = run(unsigned).unwrap();
    assert!(bs58::decode(printed.trim()).into_vec().is_ok(), "{printed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_named_and_keys_are_not_repeated() {
    let stage = Stage::new("bad").await;
    let secret = Keypair::new().to_base58_string();
    let key = stage.file("program.json");
    for (more, says) in [
        (&["--executable-hash", "00"][..], "has the hash"),
        (&["--authority-keypair", &secret], "there is no such file"),
        (
            &["--authority-keypair", &stage.file("idl/deployments.json")],
            "is no keypair's file",
        ),
        (
            &["--authority-keypair", &key, "--vault-index", "1"],
            "--upgrade-authority",
        ),
        (&["--source-url", "https://git.example"], "--source-commit"),
    ] {
        let output = stage.command("plan", more).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            !output.status.success() && said.contains(says),
            "{more:?}: {said}"
        );
        assert!(!said.contains(&secret));
    }
    for (url, says) in [
        ("ftp://node", "--url"),
        ("http://127.0.0.1:9", "cannot be reached"),
    ] {
        let mut command = Command::cargo_bin("migrations").unwrap();
        command
            .env("HOME", &stage.folder)
            .args(["status", "--url", url]);
        command.args(["--keypair", &stage.file("deployer.json")]);
        command.args([
            "--program-keypair",
            &key,
            "--elf",
            &stage.file("deployments.so"),
        ]);
        command.args(["--idl", &stage.file("idl/deployments.json")]);
        let said = String::from_utf8(command.output().unwrap().stderr).unwrap();
        assert!(said.contains(says), "{url}: {said}");
    }
}
