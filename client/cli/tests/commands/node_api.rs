//! Live logs and operations, against a stand-in for a node's API that checks signatures as the real one does.

use crate::net::{Net, ROOT};
use futures_util::{SinkExt, StreamExt};
use serde_json::{json, Value};
use solana_keypair::{write_keypair_file, Keypair};
use solana_program::pubkey::Pubkey;
use solana_signature::Signature;
use solana_signer::Signer;
use std::{
    sync::mpsc::{channel, Receiver, Sender},
    time::{SystemTime, UNIX_EPOCH},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_tungstenite::{
    accept_async,
    tungstenite::{
        protocol::{frame::coding::CloseCode, CloseFrame},
        Message,
    },
};

/// What kind of node it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Usual,
    /// It knows neither live logs nor operations.
    Old,
    /// It answers nobody, whoever signs.
    Strict,
}

/// `<message>:<signature>:<unix ms>` by the job's project, at most 300 seconds old.
fn is_by(project: &Pubkey, header: &str) -> bool {
    let parts: Vec<&str> = header.split(':').collect();
    let [message, signature, at] = parts[..] else {
        return false;
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_millis();
    let age = now.saturating_sub(at.parse().unwrap());
    let signature: Signature = signature.parse().unwrap();
    age < 300_000 && signature.verify(project.as_ref(), message.as_bytes())
}

/// Starts a node that answers to `project`. Returns where, and what it was asked.
fn node(project: Pubkey, kind: Kind) -> (String, Receiver<String>) {
    let (said, asked) = channel();
    let (ready, port) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            ready.send(listener.local_addr().unwrap().port()).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                answer(stream, &project, kind, &said).await;
            }
        });
    });
    (format!("http://localhost:{}", port.recv().unwrap()), asked)
}

async fn answer(mut stream: TcpStream, project: &Pubkey, kind: Kind, said: &Sender<String>) {
    let mut head = [0; 4_096];
    let length = stream.peek(&mut head).await.unwrap();
    let head = String::from_utf8_lossy(&head[..length]).into_owned();
    if head.to_lowercase().contains("upgrade: websocket") {
        return logs(stream, project, kind, said).await;
    }
    let mut request = vec![0; length];
    stream.read_exact(&mut request).await.unwrap();
    let content = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let content: usize = content.map_or(0, |length| length.parse().unwrap());
    let end = head.find("\r\n\r\n").unwrap() + 4;
    let mut rest = vec![0; (end + content).saturating_sub(length)];
    stream.read_exact(&mut rest).await.unwrap();
    request.extend(rest);
    let content = String::from_utf8_lossy(&request[end..]).into_owned();
    let line = head.lines().next().unwrap().to_owned();
    let header = head
        .lines()
        .find_map(|line| line.strip_prefix("authorization: "));
    let is_allowed = kind != Kind::Strict && header.is_some_and(|header| is_by(project, header));
    let (status, kind, body) = match (is_allowed, kind) {
        (false, _) => (
            "401 Unauthorized",
            "text/plain",
            "Unauthorized Request".into(),
        ),
        (true, Kind::Old) => ("404 Not Found", "text/html", "Cannot GET".into()),
        (true, _) if line.contains("/info ") => {
            // A stream that goes on.
            let event = json!({"id": "job", "status": "RUNNING"});
            ("200 OK", "text/event-stream", format!("data: {event}\n\n"))
        }
        (true, _) if line.contains("/lost/") => {
            let body = json!({"error": "Failed to Stop operation: no such op"});
            (
                "500 Internal Server Error",
                "application/json",
                body.to_string(),
            )
        }
        (true, _) => (
            "200 OK",
            "application/json",
            json!({"message": "Operation Stopped"}).to_string(),
        ),
    };
    said.send(format!("{line}{content}")).unwrap();
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.unwrap();
}

async fn logs(stream: TcpStream, project: &Pubkey, kind: Kind, said: &Sender<String>) {
    let mut socket = accept_async(stream).await.unwrap();
    let asked = socket.next().await.unwrap().unwrap().into_text().unwrap();
    let asked: Value = serde_json::from_str(&asked).unwrap();
    said.send(asked["body"].to_string()).unwrap();
    let is_allowed = kind != Kind::Strict && is_by(project, asked["header"].as_str().unwrap());
    let refusal = match (is_allowed, kind) {
        (false, _) => Some((3000, "Unauthorized Request")),
        (true, Kind::Old) => Some((3003, "Invalid Path")),
        (true, _) => None,
    };
    if let Some((code, reason)) = refusal {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: reason.into(),
        };
        let _ = socket.close(Some(frame)).await;
        return;
    }
    for (op, kind, message) in [
        ("web", "stdout", "listening\n"),
        ("web", "stderr", "\u{1b}[2Jwiped"),
    ] {
        let log =
            json!({"opId": op, "group": op, "type": kind, "timestamp": 1, "message": message});
        let frame = json!({"path": "flog", "data": log.to_string()});
        socket.send(Message::text(frame.to_string())).await.unwrap();
    }
    socket.send(Message::text("garbage")).await.unwrap();
    let _ = socket.close(None).await;
}

/// A job that runs, listed by a key of the owner's, and that key.
fn running(net: &Net) -> Keypair {
    let key = Keypair::new();
    write_keypair_file(&key, net.wallet("access")).unwrap();
    let deployment = net.create(&format!(
        r#""replicas": 1, "strategy": "SIMPLE", "access_key": "{}""#,
        key.pubkey()
    ));
    net.json(&["fund", "--nos", "1", "--sol", "0.1"]);
    net.json(&["start", "0"]);
    net.keep_with(&deployment, &key);
    net.work();
    key
}

fn profile(net: &Net, gateway: &str) -> String {
    net.file("node.toml", &format!("node-gateway = \"{gateway}\"\n"))
}

#[test]
fn a_job_s_node_answers_to_the_key_that_listed_it() {
    let net = Net::start("node_api");
    let key = running(&net);
    let (gateway, asked) = node(key.pubkey(), Kind::Usual);
    let access = net.wallet("access");
    let profile = profile(&net, &gateway);
    let with = |arguments: &[&str]| {
        let own = ["--profile", &profile];
        let signed = ["--access-keypair", &access];
        let all: Vec<String> = [&own[..], arguments, &signed]
            .concat()
            .iter()
            .map(|it| (*it).to_owned())
            .collect();
        all
    };
    let text = |arguments: &[&str]| {
        let all = with(arguments);
        net.text(&all.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert_eq!(
        text(&["logs", "0", "-f"]),
        "web: listening\nweb: ?[2Jwiped\n"
    );
    let job = net.status(&net.address(0))["jobs"][0]["address"].clone();
    assert_eq!(
        asked.recv().unwrap(),
        json!({"jobAddress": job}).to_string()
    );
    let lines = text(&["logs", "0", "--op", "web", "--output", "json-compact"]);
    assert_eq!(lines.lines().count(), 2);
    assert_eq!(
        asked.recv().unwrap(),
        json!({"jobAddress": job, "opId": "web"}).to_string()
    );

    let info = text(&["jobs", "0", "0", "info", "--output", "json"]);
    let info: Value = serde_json::from_str(&info).unwrap();
    assert_eq!(
        (&info["status"], &info["job"]),
        (&"RUNNING".into(), &0.into())
    );
    assert!(text(&["jobs", "0", "0", "stop-op", "web"]).contains("Operation Stopped"));
    text(&["jobs", "0", "0", "restart-op", "web", "--group", "all"]);
    let requests: Vec<String> = asked.try_iter().collect();
    let job = job.as_str().unwrap();
    assert_eq!(
        requests,
        [
            format!("GET /job/{job}/info HTTP/1.1"),
            format!("POST /job/{job}/group/web/operation/web/stop HTTP/1.1"),
            format!("POST /job/{job}/group/all/operation/web/restart HTTP/1.1"),
        ]
    );
    // As the reference has it.
    let reference = std::fs::read_to_string(format!("{ROOT}/docs/cli.md")).unwrap();
    let lines = reference
        .lines()
        .filter(|line| line.contains("--access-keypair access.json"));
    let mut typed = 0;
    for line in lines {
        let line = line
            .split(" # ")
            .next()
            .unwrap()
            .replace("access.json", &access);
        let arguments: Vec<&str> = line.split_whitespace().skip(1).collect();
        net.text(&[&["--profile", profile.as_str()][..], &arguments].concat());
        typed += 1;
    }
    assert_eq!(typed, 5);
    let all = with(&["jobs", "0", "0", "stop-op", "lost"]);
    let said = net.refused(1, &all.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(
        said.contains("Failed to Stop operation: no such op"),
        "{said}"
    );
}

#[test]
fn the_way_into_a_container_is_a_command_and_lets_a_key_in_first() {
    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB0XqCL4vLIsYRvd5VmtbOJ8IEKDJpjaVWQ5lmxWVTq5";
    let net = Net::start("ssh");
    let key = running(&net);
    let (gateway, asked) = node(key.pubkey(), Kind::Usual);
    let (access, profile) = (net.wallet("access"), profile(&net, &gateway));
    let public = net.file("id.pub", &format!("{KEY} me@home\n"));
    let ssh = |more: &[&str]| {
        let own = [
            "--profile",
            &profile,
            "ssh",
            "0",
            "0",
            "--access-keypair",
            &access,
        ];
        net.json(&[&own[..], more].concat())
    };
    let job = net.status(&net.address(0))["jobs"][0].clone();
    let (job, node) = (
        job["address"].as_str().unwrap(),
        job["node"].as_str().unwrap(),
    );
    let domain = "node.k8s.prd.nos.ci";
    let command = format!(
        "ssh -o 'ProxyCommand=socat - PROXY:{domain}:%h:%p,proxyport=5002' nosana-{job}@{node}-ssh.{domain}"
    );
    assert_eq!(ssh(&[])["command"], command);
    assert!(asked.try_recv().is_err(), "the command follows from names");
    let let_in = ssh(&["--authorize", &public]);
    assert_eq!(
        (&let_in["command"], &let_in["authorized"]),
        (&command.into(), &KEY.into())
    );
    let body = json!({"sshPublicKey": KEY});
    let request = format!("POST /job/{job}/ssh/authorize HTTP/1.1{body}");
    assert_eq!(asked.recv().unwrap(), request);
}

#[test]
fn each_way_to_fail_has_a_sentence_of_its_own() {
    let net = Net::start("node_api_failures");
    let key = running(&net);
    let access = net.wallet("access");
    let refused = |gateway: &str, status: i32, arguments: &[&str]| {
        let profile = profile(&net, gateway);
        let own = ["--profile", profile.as_str()];
        net.refused(status, &[&own[..], arguments].concat())
    };
    let signed = ["--access-keypair", access.as_str()];
    let (logs, info) = (["logs", "0"], ["jobs", "0", "0", "info"]);
    let cases = [
        (Kind::Strict, "refuses the signature of"),
        (Kind::Old, "runs older software"),
    ];
    for (kind, sentence) in cases {
        let (gateway, _asked) = node(key.pubkey(), kind);
        for command in [&logs[..], &info] {
            let said = refused(&gateway, 1, &[command, &signed].concat());
            assert!(said.contains(sentence), "{said}");
        }
    }
    for command in [&logs[..], &info] {
        let said = refused("http://localhost:1", 1, &[command, &signed].concat());
        assert!(said.contains("cannot be reached"), "{said}");
        let other = net.wallet("keeper");
        let said = refused(
            "http://localhost:1",
            1,
            &[command, &["--access-keypair", &other]].concat(),
        );
        assert!(said.contains("use the key that listed it"), "{said}");
    }
    // Jobs of a deployment without an access key are listed by its vault.
    let plain = net.deployment(r#""replicas": 1, "strategy": "SIMPLE""#);
    net.json(&["create", &plain]);
    net.json(&["start", "1"]);
    net.json(&["fund", "--nos", "1", "--sol", "0.1"]);
    let vaults = net.address(1);
    net.keep(&vaults);
    let said = refused(
        "http://localhost:1",
        1,
        &[&["logs", "1"][..], &signed].concat(),
    );
    assert!(
        said.contains("which cannot sign; with `update --access-key`"),
        "{said}"
    );
}
