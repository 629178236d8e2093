//! The localnet with everybody on it: the tutorial, word for word, and a page that outlives its job.

use crate::net::{folder, programs, spawned, BINARY, ONE_AT_A_TIME, ROOT};
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::MutexGuard,
};

/// A localnet, and a home for whoever uses it.
pub(crate) struct World {
    child: Child,
    pub(crate) home: PathBuf,
    facts: Value,
    _guard: MutexGuard<'static, ()>,
}

impl World {
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        let guard = ONE_AT_A_TIME
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let home = folder(name);
        let mut command = of(&home, BINARY);
        command
            .args(["localnet", "--output", "json-compact"])
            .args(arguments);
        let (child, facts) = spawned(command.env("SBF_OUT_DIR", programs()), Stdio::null());
        Self {
            child,
            home,
            facts,
            _guard: guard,
        }
    }

    /// A command in this home, with the localnet's profile.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = of(&self.home, BINARY);
        command
            .args(arguments)
            .env("NOSANA_PROFILE", self.facts["profile"].as_str().unwrap());
        command
    }

    /// A command that goes on, and its first line of JSON.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Running {
        let (child, facts) = spawned(&mut self.command(arguments), Stdio::piped());
        Running { child, facts }
    }

    /// What the localnet's IPFS has under a CID.
    pub(crate) fn pinned(&self, cid: &str) -> String {
        let at = self.facts["ipfs_api"].as_str().unwrap();
        let mut stream = TcpStream::connect(at.strip_prefix("http://").unwrap()).unwrap();
        write!(
            stream,
            "GET /ipfs/{cid} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// The JSON of a command that must succeed.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--output", "json"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// A command that goes on.
pub(crate) struct Running {
    child: Child,
    pub(crate) facts: Value,
}

impl Running {
    /// Ends it, and returns what it said on stderr.
    pub(crate) fn stop(mut self) -> String {
        let _ = self.child.kill();
        let mut said = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        said
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn of(home: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    let binaries = Path::new(BINARY).parent().unwrap().display().to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .current_dir(ROOT)
        .env("HOME", home)
        .env("PATH", format!("{binaries}:{path}"));
    for name in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "NOSANA_PROFILE"] {
        command.env_remove(name);
    }
    command
}

/// Asks for a page, over a connection of its own. Returns the status line and the rest.
fn page(url: &str) -> std::io::Result<(String, String)> {
    let authority = url.strip_prefix("http://").unwrap();
    let (_, port) = authority.rsplit_once(':').unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port.parse().unwrap()))?;
    write!(
        stream,
        "GET / HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.lines().next().unwrap_or_default().to_owned();
    Ok((status, body.to_owned()))
}

/// Runs the commands of a page's part as a shell reads them, all but the first: that starts the localnet, which is
/// here already. Returns what they print.
fn typed(world: &World, page: &str) -> String {
    let blocks = page.split("```sh\n").skip(1);
    let blocks: Vec<&str> = blocks
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert_eq!(blocks[0], "cargo xtask localnet\n");
    let script = format!("set -euo pipefail\n{}", blocks[1..].concat());
    let output = of(&world.home, "timeout")
        .args(["300", "bash", "-x", "-c", &script])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}\n{said}");
    shown
}

#[test]
fn the_readme_goes_from_nothing_to_a_page_that_a_job_serves() {
    let world = World::start("readme", &[]);
    let text = std::fs::read_to_string(format!("{ROOT}/README.md")).unwrap();
    let (_, part) = text.split_once("## A world to try it in").unwrap();
    let (part, _) = part.split_once("\n## ").unwrap();
    let shown = typed(&world, part);
    assert_eq!(shown.matches("<h1>web serves</h1>").count(), 1, "{shown}");
}

#[test]
fn the_tutorial_works_word_for_word() {
    let world = World::start("tutorial", &[]);
    let text = std::fs::read_to_string(format!("{ROOT}/docs/tutorial.md")).unwrap();
    let shown = typed(&world, &text);
    assert_eq!(shown.matches("<h1>web serves</h1>").count(), 2, "{shown}");
    let jobs = shown.lines().filter(|line| line.starts_with("<dt>Job<dd>"));
    let jobs: Vec<&str> = jobs.collect();
    assert_eq!(jobs.len(), 2);
    assert_ne!(jobs[0], jobs[1], "the same address, another job");
    assert!(shown.trim_end().ends_with("No deployments."), "{shown}");
}

#[test]
fn an_address_answers_every_request_while_its_job_is_replaced() {
    const REQUESTS: usize = 1_000;
    let world = World::start("rotation", &["--nodes", "2"]);
    world.json(&["up", "examples/hello-web.json", "--hours", "2", "--yes"]);
    let endpoints = world.json(&["endpoints", "0"]);
    let url = endpoints["endpoints"][0]["url"]
        .as_str()
        .unwrap()
        .to_owned();
    let first = loop {
        let (status, body) = page(&url).unwrap();
        if status == "HTTP/1.1 200 OK" {
            break body;
        }
        assert_eq!(status, "HTTP/1.1 404 Not Found", "no job serves yet");
        std::thread::sleep(std::time::Duration::from_millis(200));
    };
    let before = world.json(&["status", "0"])["jobs"][0]["address"].clone();
    assert!(first.contains(before.as_str().unwrap()), "{first}");
    world.json(&["restart", "0", "--yes"]);
    let (mut asked, mut last) = (0, String::new());
    // Until the old job is over, and its node has noticed.
    let mut is_over = false;
    while asked < REQUESTS || !is_over {
        let (status, body) = page(&url).unwrap();
        asked += 1;
        assert_eq!(status, "HTTP/1.1 200 OK", "request {asked}");
        last = body;
        if asked % 100 == 0 && !is_over {
            let status = world.json(&["status", "0"]);
            let mut jobs = status["jobs"].as_array().unwrap().iter();
            is_over = !jobs.any(|job| job["address"] == before);
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    for _ in 0..10 {
        last = page(&url).unwrap().1;
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    assert!(!last.contains(before.as_str().unwrap()), "{last}");
}

#[test]
fn a_job_s_result_is_what_its_node_stored_byte_for_byte() {
    let world = World::start("world_result", &["--nodes", "1"]);
    let file = world.home.join("batch.json");
    let text = r#"{"name": "batch", "market": "CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ", "replicas": 1,
        "timeout": 60, "strategy": "SIMPLE", "job_definition": {"version": "0.1", "type": "container",
        "ops": [{"type": "container/run", "id": "train", "args": {"image": "ubuntu"}}]}}"#;
    std::fs::write(&file, text).unwrap();
    world.json(&["up", file.to_str().unwrap(), "--yes"]);
    world.json(&["status", "0", "--wait", "STOPPED", "--timeout", "2m"]);
    let history = world.json(&["history", "0"]);
    let cid = history["jobs"][0]["result"].as_str().unwrap();
    let raw = world.run(&["results", "0", "--output", "json"]).stdout;
    let digest = nosana_deploy_client::digest::digest(&raw);
    assert_eq!(nosana_deploy_client::digest::cid(&digest), cid);
    let result: Value = serde_json::from_slice(&raw).unwrap();
    assert_eq!(result["opStates"][0]["operationId"], "train");
    let shown = String::from_utf8(world.run(&["results", "0"]).stdout).unwrap();
    assert!(shown.contains("train, success, exit code 0"), "{shown}");
}

#[test]
fn a_localnet_keeps_its_wallet_and_finds_free_ports() {
    let mut world = World::start("world_ports", &["--nodes", "0"]);
    let wallet = world.facts["wallet"].clone();
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(world.facts["keypair"].as_str().unwrap())
            .unwrap()
            .permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    // A second one next to it, with the same home.
    let mut second = of(&world.home, BINARY);
    second
        .args(["localnet", "--nodes", "0", "--output", "json-compact"])
        .env("SBF_OUT_DIR", programs());
    let (mut second, facts) = spawned(&mut second, Stdio::null());
    let _ = second.kill();
    let _ = second.wait();
    assert_eq!(facts["wallet"], wallet);
    for name in ["rpc_url", "ws_url", "ipfs_api", "node_gateway"] {
        assert_ne!(facts[name], world.facts[name], "{name}");
    }
    world.child.kill().unwrap();
}
