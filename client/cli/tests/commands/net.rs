//! One localnet for one test: the command runs it, and others are pointed at it.

use assert_cmd::Command;
use nosana_deploy_client::{
    jobs_program::{
        node::{Assignment, Node},
        SYSTEM_PROGRAM,
    },
    markets::Run,
    rpc::Cluster,
    seeds,
    transaction::{assemble, Budget, Lifetime},
};
use serde_json::{json, Value};
use solana_account::Account;
use solana_commitment_config::CommitmentConfig;
use solana_keypair::{write_keypair_file, Keypair};
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_rpc_client_api::request::RpcRequest;
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;
use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::{Mutex, MutexGuard},
};
use tokio::runtime::Runtime;

pub(crate) const ROOT: &str = "../.."; // tests run in the folder of their package
pub(crate) const MARKET: &str = "CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ";
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_nosana-deploy");

/// One validator at a time: each picks free ports, and two might pick the same. (nextest runs tests
/// in processes of their own and takes this from `.config/nextest.toml`.)
pub(crate) static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

pub(crate) struct Net {
    child: Child,
    pub(crate) url: String,
    pub(crate) ws: String,
    folder: PathBuf,
    /// Owns deployments; keeps and works for others: all three have 100 SOL and 1,000 NOS.
    pub(crate) owner: Keypair,
    pub(crate) keeper: Keypair,
    pub(crate) node: Keypair,
    runtime: Runtime,
    _guard: MutexGuard<'static, ()>,
}

/// A folder of this test's own, with no configuration of Solana's in it.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("commands")
        .join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Commands that send a transaction, whatever their arguments; `revisions` may.
pub(crate) const ASKING: [&str; 15] = [
    "up",
    "down",
    "create",
    "update",
    "start",
    "trigger",
    "restart",
    "extend",
    "stop",
    "archive",
    "close",
    "write-off",
    "reclaim-rent",
    "fund",
    "withdraw",
];

/// These arguments, and the yes of an owner who would be asked.
fn agreed<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let mut all = arguments.to_vec();
    let (command, subcommand) = (arguments.first(), arguments.get(2));
    let revises = command == Some(&"revisions") && subcommand.is_some_and(|it| *it != "list");
    let silent = ["--yes", "--dry-run", "--sign-only"];
    let asks = revises && !subcommand.unwrap().starts_with('-')
        || command.is_some_and(|command| ASKING.contains(command));
    if asks && !silent.iter().any(|option| arguments.contains(option)) {
        all.push("--yes");
    }
    all
}

/// The command without a cluster.
pub(crate) fn command(home: &Path) -> Command {
    let mut command = Command::new(BINARY);
    command
        .current_dir(ROOT)
        .env("HOME", home)
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_DATA_HOME");
    command
}

impl Net {
    pub(crate) fn start(name: &str) -> Self {
        let guard = ONE_AT_A_TIME
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let folder = folder(name);
        let wallets: [Keypair; 3] = std::array::from_fn(|_| Keypair::new());
        let mut command = std::process::Command::new(BINARY);
        command.args(["localnet", "--bare", "--output", "json-compact"]);
        for wallet in &wallets {
            command.args(["--wallet", &wallet.pubkey().to_string()]);
        }
        let (child, started) = spawned(command.env("SBF_OUT_DIR", programs()), Stdio::null());
        let [owner, keeper, node] = wallets;
        for (name, wallet) in [("owner", &owner), ("keeper", &keeper), ("node", &node)] {
            write_keypair_file(wallet, folder.join(format!("{name}.json"))).unwrap();
        }
        Self {
            child,
            url: started["rpc_url"].as_str().unwrap().to_owned(),
            ws: started["ws_url"].as_str().unwrap().to_owned(),
            folder,
            owner,
            keeper,
            node,
            runtime: Runtime::new().unwrap(),
            _guard: guard,
        }
    }

    /// A file in this test's folder.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.folder.join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A deployment's file on the localnet's market.
    pub(crate) fn deployment(&self, fields: &str) -> String {
        let text = format!(
            r#"{{"name": "test", "market": "{MARKET}", "timeout": 60, {fields},
                "job_definition": {JOB}}}"#
        );
        self.file("deployment.json", &text)
    }

    /// Where the owner's configuration and data are.
    pub(crate) fn home(&self) -> &str {
        self.folder.to_str().unwrap()
    }

    pub(crate) fn wallet(&self, name: &str) -> String {
        self.folder
            .join(format!("{name}.json"))
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// The command as the owner runs it here.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_of("owner", arguments)
    }

    pub(crate) fn command_of(&self, wallet: &str, arguments: &[&str]) -> Command {
        let mut command = command(&self.folder);
        command
            .args(["--url", &self.url, "--keypair", &self.wallet(wallet)])
            .args(arguments);
        command
    }

    /// The JSON of a command that must succeed, and to which its owner says yes.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [&agreed(arguments), &["--output", "json"][..]].concat();
        let output = self
            .command(&arguments)
            .assert()
            .success()
            .get_output()
            .clone();
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The text of a command that must succeed, and to which its owner says yes.
    pub(crate) fn text(&self, arguments: &[&str]) -> String {
        let output = self
            .command(&agreed(arguments))
            .assert()
            .success()
            .get_output()
            .clone();
        String::from_utf8(output.stdout).unwrap()
    }

    /// The error of a command that must end with this exit status.
    pub(crate) fn refused(&self, status: i32, arguments: &[&str]) -> String {
        let output = self
            .command(arguments)
            .assert()
            .code(status)
            .get_output()
            .clone();
        assert!(
            output.stdout.is_empty(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
        String::from_utf8(output.stderr).unwrap()
    }

    /// As [`Self::refused`], of a command that did something before.
    pub(crate) fn refused_with_output(&self, status: i32, arguments: &[&str]) -> String {
        let output = self.command(arguments).assert().code(status);
        String::from_utf8(output.get_output().stderr.clone()).unwrap()
    }

    /// The run of a node.
    pub(crate) fn run(&self, node: &Pubkey) -> Run {
        let cluster = self.cluster();
        let runs = self.runtime.block_on(cluster.runs(None)).unwrap();
        runs.into_iter().find(|run| run.node == *node).unwrap()
    }

    /// Creates the owner's deployment of these fields and returns its address.
    pub(crate) fn create(&self, fields: &str) -> Pubkey {
        let file = self.deployment(fields);
        let created = self.json(&["create", &file, "--yes"]);
        created["deployment"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn status(&self, deployment: &Pubkey) -> Value {
        self.json(&["status", &deployment.to_string()])
    }

    pub(crate) fn cluster(&self) -> Cluster {
        Cluster::new(&self.url, CommitmentConfig::confirmed())
    }

    /// Does what is due, as a keeper would, until nothing is. Returns what was done.
    pub(crate) fn keep(&self, deployment: &Pubkey) -> Vec<String> {
        self.keep_by(deployment, &[&self.keeper])
    }

    /// As [`Self::keep`], with the deployment's access key.
    pub(crate) fn keep_with(&self, deployment: &Pubkey, access_key: &Keypair) -> Vec<String> {
        self.keep_by(deployment, &[&self.keeper, access_key])
    }

    fn keep_by(&self, deployment: &Pubkey, signers: &[&Keypair]) -> Vec<String> {
        let cluster = self.cluster();
        let keys: Vec<Pubkey> = signers.iter().map(Signer::pubkey).collect();
        let mut done = Vec::new();
        loop {
            let snapshot = self.runtime.block_on(cluster.snapshot(deployment)).unwrap();
            let Some(action) = snapshot.due_with(&keys).into_iter().next() else {
                return done;
            };
            done.push(action.to_string());
            let instruction = action.instruction(&self.keeper.pubkey(), &snapshot);
            // Some actions need no access key.
            let signs = |key: &Pubkey| {
                let mut metas = instruction.accounts.iter();
                metas.any(|meta| meta.is_signer && meta.pubkey == *key)
            };
            let signers: Vec<&Keypair> = signers
                .iter()
                .copied()
                .filter(|signer| signs(&signer.pubkey()))
                .collect();
            self.send(&[instruction], &signers);
        }
    }

    pub(crate) fn send(&self, instructions: &[Instruction], signers: &[&Keypair]) {
        let cluster = self.cluster();
        self.runtime.block_on(async {
            let lifetime = Lifetime::Blockhash(cluster.latest_blockhash().await.unwrap().0);
            let payer = signers[0].pubkey();
            let message =
                assemble(&payer, instructions, &[], &Budget::default(), lifetime).unwrap();
            let transaction = VersionedTransaction::try_new(message, signers).unwrap();
            cluster.send(&transaction, lifetime).await.unwrap();
        });
    }

    pub(crate) fn blockhash(&self) -> String {
        let cluster = self.cluster();
        self.runtime
            .block_on(cluster.latest_blockhash())
            .unwrap()
            .0
            .to_string()
    }

    /// The value of a nonce account.
    pub(crate) fn nonce(&self, key: &Pubkey) -> String {
        let cluster = self.cluster();
        self.runtime
            .block_on(cluster.nonce(key))
            .unwrap()
            .to_string()
    }

    /// The node takes the market's first job.
    pub(crate) fn work(&self) {
        self.work_as(&self.node);
    }

    /// A node takes the market's first job.
    pub(crate) fn work_as(&self, node: &Keypair) {
        let run = Keypair::new();
        let work = Node(node.pubkey()).work(&run.pubkey(), &MARKET.parse().unwrap());
        self.send(&[work], &[node, &run]);
    }

    /// The market's account vanishes, as when its authority closes it. Returns what it was.
    pub(crate) fn close_market(&self) -> Account {
        let cluster = self.cluster();
        let keys = [MARKET.parse().unwrap()];
        let found = cluster.accounts(&keys);
        let market = self.runtime.block_on(found).unwrap().remove(0);
        self.vanish(&keys[0]);
        market.unwrap()
    }

    /// An account is there no longer.
    pub(crate) fn vanish(&self, key: &Pubkey) {
        let system = SYSTEM_PROGRAM.to_string();
        let account = json!({"lamports": 0, "owner": system, "data": ""});
        self.cheat("surfnet_setAccount", json!([key.to_string(), account]));
    }

    /// The market is back, as it was.
    pub(crate) fn reopen_market(&self, market: &Account) {
        self.put(&MARKET.parse().unwrap(), market);
    }

    /// An account is now this.
    fn put(&self, key: &Pubkey, account: &Account) {
        let bytes = account.data.iter();
        let hex: String = bytes.map(|byte| format!("{byte:02x}")).collect();
        let owner = account.owner.to_string();
        let account = json!({"lamports": account.lamports, "owner": owner, "data": hex});
        self.cheat("surfnet_setAccount", json!([key.to_string(), account]));
    }

    /// An account's data changes, as no program would change it.
    pub(crate) fn damage(&self, key: &Pubkey, change: impl FnOnce(&mut Vec<u8>)) {
        let cluster = self.cluster();
        let found = self.runtime.block_on(cluster.accounts(&[*key])).unwrap();
        let mut account = found.into_iter().next().flatten().unwrap();
        change(&mut account.data);
        self.put(key, &account);
    }

    /// The node gives up the job that it runs.
    pub(crate) fn quit(&self) {
        self.quit_as(&self.node);
    }

    /// A node gives up the job that it runs.
    pub(crate) fn quit_as(&self, node: &Keypair) {
        let run = self.run(&node.pubkey());
        let assignment = Assignment {
            job: run.job,
            job_payer: Pubkey::default(), // a node that quits settles nothing
            run: run.address,
            run_payer: run.payer,
            market: MARKET.parse().unwrap(),
        };
        let quit = Node(run.node).quit(&assignment);
        self.send(&[quit], &[node]);
    }

    /// The node finishes the job that it runs.
    pub(crate) fn finish(&self, result: &[u8; 32]) {
        let run = self.run(&self.node.pubkey());
        let assignment = Assignment {
            job: run.job,
            job_payer: seeds::vault_address(&self.owner.pubkey(), 0).0,
            run: run.address,
            run_payer: run.payer,
            market: MARKET.parse().unwrap(),
        };
        let finish = Node(run.node).finish(&assignment, result);
        self.send(&[finish], &[&self.node]);
    }

    /// The node answers nothing any more, and keeps its connections.
    pub(crate) fn freeze(&self) {
        let pid = self.child.id().to_string();
        let mut kill = std::process::Command::new("kill");
        assert!(kill.args(["-STOP", &pid]).status().unwrap().success());
    }

    pub(crate) fn lamports(&self, key: &Pubkey) -> u64 {
        let cluster = self.cluster();
        let account = self
            .runtime
            .block_on(cluster.accounts(&[*key]))
            .unwrap()
            .remove(0);
        account.map_or(0, |account| account.lamports)
    }

    /// Puts lamports at an address, as if somebody had sent them.
    pub(crate) fn give(&self, key: &Pubkey, lamports: u64) {
        let system = SYSTEM_PROGRAM.to_string();
        let account = json!({"lamports": lamports, "owner": system});
        self.cheat("surfnet_setAccount", json!([key.to_string(), account]));
    }

    fn cheat(&self, method: &'static str, parameters: Value) {
        let cluster = self.cluster();
        let request = RpcRequest::Custom { method };
        let answer = cluster.client().send::<Value>(request, parameters);
        self.runtime.block_on(answer).unwrap();
    }

    /// A wallet that holds this many lamports and nothing else.
    pub(crate) fn poor_wallet(&self, name: &str, lamports: u64) -> Keypair {
        let wallet = Keypair::new();
        write_keypair_file(&wallet, self.wallet(name)).unwrap();
        if lamports > 0 {
            self.give(&wallet.pubkey(), lamports);
        }
        wallet
    }

    pub(crate) fn address(&self, id: u64) -> Pubkey {
        seeds::deployment_address(&self.owner.pubkey(), id).0
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that goes on, and the line of JSON that it begins with. Whoever wants its stderr sets and reads
/// that.
pub(crate) fn spawned(command: &mut std::process::Command, stderr: Stdio) -> (Child, Value) {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

/// A job definition that is as short as can be.
pub(crate) const JOB: &str = r#"{"version": "0.1", "type": "container", "ops": [{"type": "container/run", "id": "a", "args": {"image": "ubuntu"}}]}"#;

/// Where `cargo xtask build-program` put the programs, also if a test runs without it.
pub(crate) fn programs() -> PathBuf {
    let set = |name| std::env::var_os(name).map(PathBuf::from);
    let target = || set("CARGO_TARGET_DIR").unwrap_or_else(|| Path::new(ROOT).join("target"));
    set("SBF_OUT_DIR").unwrap_or_else(|| target().join("deploy"))
}
