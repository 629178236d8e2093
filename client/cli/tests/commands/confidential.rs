//! A definition that only the nodes of its jobs get to read.

use crate::{
    ipfs::kubo,
    net::{spawned, Net, BINARY, MARKET},
    world::World,
};
use nosana_deploy_client::{digest, seeds};
use solana_keypair::Keypair;
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;
use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    process::{Child, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

const SECRET: &str = "hunter2-is-no-password";

fn file(net: &Net, confidential: bool) -> String {
    let text = format!(
        r#"{{"name": "secret", "market": "{MARKET}", "replicas": 2, "timeout": 60, "strategy": "SIMPLE", "confidential": {confidential},
            "job_definition": {{"version": "0.1", "type": "container", "ops": [{{"type": "container/run", "id": "a",
            "args": {{"image": "ubuntu", "env": {{"KEY": "{SECRET}"}}, "expose": 80}}}}]}}}}"#
    );
    net.file("secret.json", &text)
}

/// `definitions serve`, on a port of its own.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(net: &Net, more: &[&str]) -> Self {
        let mut command = std::process::Command::new(BINARY);
        command
            .env("HOME", net.home())
            .env_remove("XDG_DATA_HOME")
            .args(["--url", &net.url, "--keypair", &net.wallet("owner")])
            .args(["definitions", "serve", "--listen", "127.0.0.1:0"])
            .args(["--output", "json-compact"])
            .args(more);
        let (child, facts) = spawned(&mut command, Stdio::null());
        let (_, port) = facts["listen"].as_str().unwrap().rsplit_once(':').unwrap();
        Self {
            port: port.parse().unwrap(),
            child,
        }
    }

    /// Status and body of an answer.
    fn ask(
        &self,
        method: &str,
        path: &str,
        authorization: Option<&str>,
        body: &str,
    ) -> (u16, String) {
        self.ask_with_length(method, path, authorization, body, body.len())
    }

    /// As [`Self::ask`], of a client that says what it likes of its body's length.
    fn ask_with_length(
        &self,
        method: &str,
        path: &str,
        authorization: Option<&str>,
        body: &str,
        length: usize,
    ) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let header = authorization.map_or(String::new(), |it| format!("Authorization: {it}\r\n"));
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}Content-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.to_owned())
    }

    fn get(&self, job: &Pubkey, authorization: Option<&str>) -> (u16, String) {
        self.ask("GET", &format!("/{job}/job-definition"), authorization, "")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn now_ms() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis()
}

fn signed(message: &Pubkey, by: &Keypair, at: u128) -> String {
    let message = message.to_string();
    let signature = by.sign_message(message.as_bytes());
    format!("{message}:{signature}:{at}")
}

#[test]
fn only_the_node_of_a_job_gets_its_definition_and_leaves_its_result() {
    let net = Net::start("confidential");
    let file = file(&net, true);
    let url = ["--definitions-url", "http://127.0.0.1:1"];
    let said = net.refused(2, &["create", &file, "--yes"]);
    assert!(
        said.contains("name your server with --definitions-url"),
        "{said}"
    );
    let dry = net.json(&[&["create", &file, "--dry-run"][..], &url].concat());
    let cid = dry["job_definition"].as_str().unwrap().to_owned();
    let (api, requests) = kubo(vec![("200 OK", format!(r#"{{"Hash":"{cid}"}}"#))]);
    let created = net.json(&[&["create", &file, "--ipfs-api", &api][..], &url].concat());
    let key = net.address(0);
    // What is pinned is the stub; addresses follow from the definition all the same.
    let pinned = requests.recv().unwrap();
    assert!(pinned.contains("%%global.job%%/job-definition"), "{pinned}");
    assert!(
        !pinned.contains(SECRET) && !pinned.contains("ubuntu"),
        "{pinned}"
    );
    assert_eq!(created["endpoints"].as_array().unwrap().len(), 1);
    assert_eq!(net.status(&key)["endpoints"], created["endpoints"]);

    net.json(&["fund", "--nos", "2", "--sol", "0.1"]);
    net.json(&["start", "0"]);
    net.keep(&key);
    net.work();
    net.keep(&key);
    let run = net.run(&net.node.pubkey());
    let (job, other) = (run.job, seeds::job_address(&key, 1).0);
    let server = Server::start(&net, &["--max-requests", "1000"]);
    let by_node = |at| signed(&job, &net.node, at);
    let now = now_ms();
    let refused: [(u16, &Pubkey, Option<String>); 10] = [
        (401, &job, None),
        (401, &job, Some("nonsense".into())),
        (401, &job, Some(format!("{job}:x:{now}"))),
        (401, &job, Some(by_node(now - 301_000))),
        (401, &job, Some(by_node(now + 301_000))),
        (401, &job, Some(signed(&other, &net.node, now))),
        (403, &job, Some(signed(&job, &net.keeper, now))),
        (403, &job, Some(signed(&job, &net.owner, now))),
        // Nobody runs the other job yet.
        (403, &other, Some(signed(&other, &net.node, now))),
        (404, &key, Some(signed(&key, &net.node, now))),
    ];
    for (status, job, header) in refused {
        let answer = server.get(job, header.as_deref());
        assert_eq!(answer, (status, String::new()), "{header:?}");
        let path = format!("/{job}/results");
        let answer = server.ask("POST", &path, header.as_deref(), "{}");
        assert_eq!(answer, (status, String::new()), "{header:?}");
    }
    let (status, text) = server.get(&job, Some(&by_node(now_ms())));
    assert_eq!(status, 200);
    assert!(text.contains(SECRET), "{text}");
    // The stub commits to exactly this.
    assert!(pinned.contains(&digest::cid(&digest::digest(text.as_bytes()))));

    let result = r#"{"status":"success","opStates":[{"operationId":"a","exitCode":0,"logs":[{"type":"stdout","log":"done"}]}]}"#;
    let path = format!("/{job}/results");
    let (too_long, header) = ((64 << 20) + 1, by_node(now_ms()));
    let (status, _) = server.ask_with_length("POST", &path, Some(&header), "", too_long);
    assert_eq!(status, 413);
    let leave = |body: &str| server.ask("POST", &path, Some(&by_node(now_ms())), body).0;
    assert_eq!((leave(result), leave(result), leave("{}")), (200, 200, 409));
    let public = r#"{"status":"success","opStates":[]}"#;
    net.finish(&digest::digest(public.as_bytes()));
    let index = if job == other { "1" } else { "0" };
    let shown = net.text(&["results", "0", "--job", index]);
    assert!(
        shown.contains("a, exit code 0") || shown.contains("exit code 0"),
        "{shown}"
    );
    assert_eq!(
        net.text(&["results", "0", "--job", index, "--output", "json"]),
        result
    );
}

#[test]
fn a_server_answers_so_many_requests_a_second_and_no_body_that_is_too_large() {
    let net = Net::start("confidential_limits");
    let server = Server::start(&net, &["--max-requests", "3"]);
    let job = Pubkey::new_unique();
    let statuses: Vec<u16> = (0..40).map(|_| server.get(&job, None).0).collect();
    assert!(
        statuses.contains(&401) && statuses.contains(&429),
        "{statuses:?}"
    );
}

#[test]
fn what_is_not_confidential_is_what_it_was() {
    let net = Net::start("not_confidential");
    let plain = file(&net, false);
    let dry = net.json(&["create", &plain, "--dry-run"]);
    let text = fs::read_to_string(&plain).unwrap();
    let without = net.file("plain.json", &text.replace("\"confidential\": false,", ""));
    let same = net.json(&["create", &without, "--dry-run"]);
    assert_eq!(dry["job_definition"], same["job_definition"]);
    // A stub that somebody wrote by hand.
    let stub = r#"{"version": "0.1", "type": "container", "ops": [], "logistics": {
        "send": {"type": "api", "args": {"endpoint": "https://example.org/%%global.job%%/job-definition"}},
        "receive": {"type": "api", "args": {"endpoint": "https://example.org/%%global.job%%/results"}}}}"#;
    let by_hand = net.file("stub.json", stub);
    net.json(&["create", &plain]);
    net.json(&["revisions", "0", "add", &by_hand]);
    let empty = net.file(
        "empty.json",
        r#"{"version": "0.1", "type": "container", "ops": []}"#,
    );
    let said = net.refused(2, &["revisions", "0", "add", &empty, "--yes"]);
    assert!(
        said.contains("ops: [] is not valid; use a list of at least one operation"),
        "{said}"
    );
}

#[test]
fn a_secret_is_in_no_pinned_byte_and_in_no_log_of_a_whole_life() {
    let world = World::start("world_confidential", &["--nodes", "1"]);
    let serving = world.spawn(&[
        "definitions",
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--output",
        "json-compact",
    ]);
    let file = world.home.join("secret.json");
    let text = format!(
        r#"{{"name": "secret", "market": "{MARKET}", "replicas": 1, "timeout": 60, "strategy": "SIMPLE", "confidential": true,
            "job_definition": {{"version": "0.1", "type": "container", "ops": [{{"type": "container/run", "id": "a",
            "args": {{"image": "ubuntu", "env": {{"KEY": "{SECRET}"}}}}}}]}}}}"#
    );
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let url = format!("http://{}", serving.facts["listen"].as_str().unwrap());
    let up = world.run(&["up", file, "--yes", "--definitions-url", &url]);
    assert!(
        up.status.success(),
        "{}",
        String::from_utf8_lossy(&up.stderr)
    );
    world.json(&["status", "0", "--wait", "STOPPED", "--timeout", "2m"]);
    let shown = String::from_utf8(world.run(&["results", "0"]).stdout).unwrap();
    assert!(
        shown.contains("A node would have run \"ubuntu\""),
        "{shown}"
    );

    let history = world.json(&["history", "0"]);
    let [stub, result] = [
        world.json(&["status", "0"])["job_definition"].clone(),
        history["jobs"][0]["result"].clone(),
    ]
    .map(|cid| world.pinned(cid.as_str().unwrap()));
    assert!(stub.contains("%%global.job%%"), "{stub}");
    assert!(result.contains(r#""opStates":[]"#), "{result}");
    let said = serving.stop();
    assert!(said.contains("its node has the definition"), "{said}");
    let up = [up.stdout, up.stderr].concat();
    for text in [
        stub,
        result,
        said,
        String::from_utf8(up).unwrap(),
        history.to_string(),
    ] {
        assert!(!text.contains(SECRET), "{text}");
    }
}
