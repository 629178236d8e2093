//! Keepers in processes of their own.

use solana_keypair::{write_keypair_file, Keypair};
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;
use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Keepers that lose no time, where a day on chain passes in minutes.
pub(crate) const HASTY: &[&str] = &[
    "--rescan-seconds",
    "20",
    "--housekeeping-seconds",
    "20",
    "--stagger-milliseconds",
    "800",
    "--max-compute-unit-price",
    "0",
];

pub(crate) struct Keeper {
    pub(crate) address: Pubkey,
    folder: PathBuf,
    number: usize,
    urls: (String, String),
    /// Its own, besides where its node is and where it logs.
    flags: Vec<String>,
    process: Option<Child>,
}

impl Keeper {
    pub(crate) fn new(
        folder: &Path,
        number: usize,
        urls: (String, String),
        flags: &[&str],
    ) -> Self {
        let wallet = Keypair::new();
        write_keypair_file(&wallet, folder.join(format!("keeper{number}.json"))).unwrap();
        for kind in ["log", "exe"] {
            let _ = fs::remove_file(folder.join(format!("keeper{number}.{kind}")));
        }
        // A build meanwhile replaces the file at its own place, but not this one.
        let executable = folder.join(format!("keeper{number}.exe"));
        fs::hard_link(env!("CARGO_BIN_EXE_nosana-deploy"), executable).unwrap();
        Self {
            address: wallet.pubkey(),
            folder: folder.to_owned(),
            number,
            urls,
            flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
            process: None,
        }
    }

    fn file(&self, kind: &str) -> PathBuf {
        self.folder.join(format!("keeper{}.{kind}", self.number))
    }

    pub(crate) fn start(&mut self) {
        let log: File = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.file("log"))
            .unwrap();
        let mut command = Command::new(self.file("exe"));
        command
            .env("HOME", &self.folder)
            .env_remove("XDG_CONFIG_HOME")
            .args(["--url", &self.urls.0, "--keypair"])
            .arg(self.file("json"))
            .args(["keeper", "--ws", &self.urls.1])
            .args(["--metrics", "none", "--log-format", "json"])
            .args(&self.flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.process = Some(command.spawn().unwrap());
    }

    /// SIGKILL: it has no time to finish anything.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Whether it ended by itself, which it never should.
    pub(crate) fn has_crashed(&mut self) -> bool {
        let ended = |process: &mut Child| process.try_wait().unwrap().is_some();
        self.process.as_mut().is_some_and(ended)
    }

    /// Whether it has said this.
    pub(crate) fn has_said(&self, message: &str) -> bool {
        let log = fs::read_to_string(self.file("log")).unwrap_or_default();
        let entry = format!("\"message\":\"{message}\"");
        log.lines().any(|line| line.contains(&entry))
    }

    /// How many log entries have each outcome, by kind of action: "list done", "settle lost".
    pub(crate) fn outcomes(&self, all: &mut BTreeMap<String, u32>) {
        let log = fs::read_to_string(self.file("log")).unwrap();
        for line in log.lines() {
            let Ok(entry) = serde_json::from_str::<serde_json::Value>(line) else {
                continue; // cut off by SIGKILL
            };
            if let (Some(action), Some(outcome)) =
                (entry["action"].as_str(), entry["outcome"].as_str())
            {
                let kind = action.split(' ').next().unwrap_or_default();
                *all.entry(format!("{kind} {outcome}")).or_default() += 1;
            }
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.kill();
    }
}
