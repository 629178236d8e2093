//! Keepers in processes of their own.

use crate::net::{Net, BINARY};
use serde_json::Value;
use std::{
    cell::RefCell,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::mpsc::{channel, Receiver},
    time::{Duration, Instant},
};

const PATIENCE: Duration = Duration::from_secs(60);

impl Net {
    /// Runs a keeper once, for everybody unless more is said; what it logs, which must end well.
    pub(crate) fn keeper_once(&self, more: &[&str]) -> Vec<Value> {
        let mut arguments = vec!["keeper", "--once", "--log-format", "json"];
        if !more
            .iter()
            .any(|option| option.starts_with("--profitable-only"))
        {
            arguments.push("--profitable-only=false");
        }
        arguments.extend(more);
        let done = self.command_of("keeper", &arguments).assert().success();
        let log = String::from_utf8(done.get_output().stderr.clone()).unwrap();
        let entries = log.lines().map(|line| serde_json::from_str(line).unwrap());
        entries.collect()
    }

    pub(crate) fn fund(&self, nos: &str, sol: &str) {
        self.text(&["fund", "--nos", nos, "--sol", sol, "--yes"]);
    }
}

/// Actions and what became of them.
pub(crate) fn actions(log: &[Value]) -> Vec<String> {
    let acted = log.iter().filter(|entry| entry["outcome"].is_string());
    let told = acted.map(|entry| {
        let text = |name: &str| entry[name].as_str().unwrap().to_owned();
        format!("{}: {}", text("action"), text("outcome"))
    });
    told.collect()
}

/// A keeper in a process of its own.
pub(crate) struct Running {
    process: Child,
    log: Receiver<Value>,
    heard: RefCell<Vec<Value>>,
}

impl Running {
    pub(crate) fn start(net: &Net, more: &[&str]) -> Self {
        Self::start_at(net, &net.url, more)
    }

    pub(crate) fn start_at(net: &Net, url: &str, more: &[&str]) -> Self {
        let mut process = Command::new(BINARY)
            .args(["--url", url, "--keypair", &net.wallet("keeper")])
            .args(["keeper", "--log-format", "json"])
            .args(["--stagger-milliseconds", "0", "--metrics", "127.0.0.1:0"])
            .arg("--profitable-only=false")
            .env("NOSANA_WS", &net.ws)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let (sender, log) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
        Self {
            process,
            log,
            heard: RefCell::default(),
        }
    }

    /// The first log entry with this message.
    pub(crate) fn says(&self, message: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        let mut heard = self.heard.borrow_mut();
        loop {
            if let Some(entry) = heard.iter().find(|entry| entry["message"] == message) {
                return entry.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let entry = self.log.recv_timeout(left);
            heard.push(entry.unwrap_or_else(|_| panic!("never said: {message}")));
        }
    }

    /// Tells it to stop. Returns at once.
    pub(crate) fn signal(&self) {
        let pid = self.process.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(killed.unwrap().success());
    }

    /// Its exit status.
    pub(crate) fn ends(&mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }

    pub(crate) fn terminate(&mut self) -> Option<i32> {
        self.signal();
        self.ends()
    }

    /// What it answers for Prometheus.
    pub(crate) fn metrics(&self) -> String {
        let address = self.says("metrics")["address"].as_str().unwrap().to_owned();
        get(&address, "/metrics")
    }

    /// How often a kind of action was done, by its metrics.
    pub(crate) fn times(&self, kind: &str) -> u32 {
        let name = format!("nosana_keeper_actions_total{{kind=\"{kind}\",outcome=\"done\"}} ");
        let text = self.metrics();
        let line = text.lines().find_map(|line| line.strip_prefix(&name));
        line.map_or(0, |count| count.parse().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

pub(crate) fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub(crate) fn until<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
