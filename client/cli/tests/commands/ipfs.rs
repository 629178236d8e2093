//! Pinning, against a stand-in for Kubo's HTTP API.

use crate::net::{command, folder, Net, JOB};
use nosana_deploy_client::digest;
use solana_signature::Signature;
use solana_signer::Signer;
use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::mpsc::{channel, Receiver},
};

/// Answers one request after another with these bodies, and passes the requests on.
pub(crate) fn kubo(answers: Vec<(&'static str, String)>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, requests) = channel();
    std::thread::spawn(move || {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut chunk = [0; 4_096];
            while !is_whole(&request) {
                let read = stream.read(&mut chunk).unwrap();
                request.extend_from_slice(&chunk[..read]);
            }
            sender.send(String::from_utf8(request).unwrap()).unwrap();
            let length = body.len();
            write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            )
            .unwrap();
        }
    });
    (format!("http://{address}"), requests)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        line.to_lowercase()
            .strip_prefix("content-length: ")?
            .parse::<usize>()
            .ok()
    });
    body.len() >= length.unwrap_or(0)
}

/// What the owner's deployment number `id` pins, and its CID.
fn pinned_job(net: &Net, id: u64) -> (String, String) {
    let text = JOB.replace(": ", ":").replace(", ", ",");
    let members = text.strip_suffix('}').unwrap();
    let text = format!(r#"{members},"deployment_id":"{}"}}"#, net.address(id));
    let cid = digest::cid(&digest::digest(text.as_bytes()));
    (text, cid)
}

#[test]
fn create_pins_exactly_what_the_digest_names() {
    let net = Net::start("pin");
    let (text, cid) = pinned_job(&net, 0);
    let (api, requests) = kubo(vec![(
        "200 OK",
        format!(r#"{{"Name":"job.json","Hash":"{cid}","Size":"1"}}"#),
    )]);
    let file = net.deployment(r#""replicas": 1, "strategy": "SIMPLE""#);
    let created = net.json(&["create", &file, "--ipfs-api", &api, "--yes"]);
    assert_eq!(created["job_definition"], cid);
    let request = requests.recv().unwrap();
    assert!(
        request.starts_with("POST /api/v0/add?pin=true&cid-version=0 HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains(&format!("\r\n\r\n{text}\r\n--")),
        "{request}"
    );
}

#[test]
fn nothing_leaves_the_machine_before_its_owner_agrees() {
    let net = Net::start("pin_early");
    let fields = r#""replicas": 1, "strategy": "SIMPLE""#;
    let file = net.deployment(fields);
    let text = std::fs::read_to_string(&file).unwrap();
    let nowhere = text.replace(crate::net::MARKET, &net.keeper.pubkey().to_string());
    let nowhere = net.file("nowhere.json", &nowhere);
    let key = net.create(fields).to_string();
    let (_, cid) = pinned_job(&net, 1);
    let (api, requests) = kubo(vec![("200 OK", format!(r#"{{"Hash":"{cid}"}}"#))]);
    let pin = ["--ipfs-api", api.as_str()];
    let dry = net.json(&[&["create", &file, "--dry-run"][..], &pin].concat());
    assert_eq!(dry["job_definition"], cid);
    // Closed stdin, an unknown market, an id that is taken, and a transaction that others sign.
    for arguments in [
        vec!["create", &file],
        vec!["create", &nowhere, "--yes"],
        vec!["create", &file, "--id", "0", "--yes"],
        vec![
            "create",
            &file,
            "--sign-only",
            "--blockhash",
            &net.blockhash(),
        ],
        vec!["revisions", &key, "add", &file],
    ] {
        net.refused(2, &[&arguments[..], &pin].concat());
    }
    let refused = ["create", &file, "--yes", "--with-compute-unit-limit", "1"];
    net.refused(1, &[&refused[..], &pin].concat());
    // A signature that somebody else made, and that does not fit.
    let capped = net.deployment(&format!(r#"{fields}, "max_price": 200"#));
    let owner = net.owner.pubkey().to_string();
    let signer = format!("{owner}={}", Signature::new_unique());
    let output = command(&folder("pin_early_signer"))
        .args(["--url", &net.url, "--keypair", &owner, "create", &capped])
        .args(["--id", "1", "--yes", "--signer", &signer])
        .args(["--blockhash", &net.blockhash()])
        .args(pin)
        .assert()
        .code(2);
    let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(
        said.contains("sign the same command with the same --blockhash"),
        "{said}"
    );
    assert!(requests.try_recv().is_err(), "something was published");
    net.json(&[&["create", &file][..], &pin].concat());
    assert!(requests.recv().is_ok());
}

#[test]
fn what_was_pinned_under_another_name_is_neither_created_nor_started() {
    let net = Net::start("pin_wrong");
    let (_, cid) = pinned_job(&net, 0);
    let (api, _requests) = kubo(vec![
        (
            "200 OK",
            r#"{"Hash":"QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH"}"#.into(),
        ),
        ("500 Internal Server Error", r#"{"Message":"full"}"#.into()),
    ]);
    let file = net.deployment(r#""replicas": 1, "strategy": "SIMPLE", "autostart": true"#);
    let said = net.refused(1, &["create", &file, "--ipfs-api", &api, "--yes"]);
    assert_eq!(
        said,
        format!("error: --ipfs-api pinned QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH, but the job definition is {cid}; nothing was sent\n")
    );
    let said = net.refused(1, &["create", &file, "--ipfs-api", &api, "--yes"]);
    assert_eq!(
        said,
        "error: --ipfs-api answered 500 Internal Server Error\n"
    );
    assert_eq!(net.text(&["list"]), "No deployments.\n");
}

#[test]
fn start_refuses_what_is_not_pinned() {
    let net = Net::start("pin_start");
    let key = net.create(r#""replicas": 1, "strategy": "SIMPLE""#);
    let (_, cid) = pinned_job(&net, 0);
    let (api, requests) = kubo(vec![
        (
            "500 Internal Server Error",
            r#"{"Message":"path is not pinned"}"#.into(),
        ),
        (
            "200 OK",
            r#"{"Keys":{"QmSomethingElse":{"Type":"recursive"}}}"#.into(),
        ),
        (
            "200 OK",
            format!(r#"{{"Keys":{{"{cid}":{{"Type":"recursive"}}}}}}"#),
        ),
    ]);
    for _ in 0..2 {
        let said = net.refused(1, &["start", "0", "--ipfs-api", &api]);
        assert!(
            said.contains(&format!("{cid} is not pinned at --ipfs-api")),
            "{said}"
        );
        assert_eq!(net.status(&key)["status"], "DRAFT");
    }
    net.json(&["start", "0", "--ipfs-api", &api]);
    assert_eq!(net.status(&key)["status"], "STARTING");
    assert!(requests
        .recv()
        .unwrap()
        .starts_with(&format!("POST /api/v0/pin/ls?arg={cid} ")));
    let said = net.refused(2, &["start", "0", "--ipfs-api", "127.0.0.1:5001"]);
    assert!(
        said.contains("use an address such as http://127.0.0.1:5001"),
        "{said}"
    );
}

#[test]
fn pinata_is_known_by_its_kind_and_gets_a_token_that_nobody_sees() {
    let net = Net::start("pinata");
    let (text, cid) = pinned_job(&net, 0);
    let (api, requests) = kubo(vec![
        ("401 Unauthorized", "{}".into()),
        ("200 OK", format!(r#"{{"IpfsHash":"{cid}","PinSize":1}}"#)),
        ("200 OK", r#"{"count":0,"rows":[]}"#.into()),
        (
            "200 OK",
            format!(r#"{{"count":1,"rows":[{{"ipfs_pin_hash":"{cid}"}}]}}"#),
        ),
    ]);
    let file = net.deployment(r#""replicas": 1, "strategy": "SIMPLE""#);
    let token = net.file("token", "SECRET.token-1\n");
    let kind = ["--ipfs-api", api.as_str(), "--ipfs-kind", "pinata"];
    let said = net.refused(1, &[&["create", &file, "--yes"][..], &kind].concat());
    assert!(
        said.contains("use --ipfs-token-file or NOSANA_IPFS_TOKEN"),
        "{said}"
    );
    let all = [&kind[..], &["--ipfs-token-file", &token]].concat();
    let created = net.json(&[&["create", &file][..], &all].concat());
    assert_eq!(created["job_definition"], cid);
    requests.recv().unwrap();
    let request = requests.recv().unwrap();
    assert!(
        request.starts_with("POST /pinning/pinJSONToIPFS HTTP/1.1\r\n"),
        "{request}"
    );
    let lower = request.to_lowercase();
    assert!(
        lower.contains("\r\nauthorization: bearer secret.token-1\r\n"),
        "{request}"
    );
    assert!(request.ends_with(&format!("\r\n\r\n{text}")), "{request}");

    let said = net.refused(1, &[&["start", "0"][..], &all].concat());
    assert!(
        said.contains(&format!("{cid} is not pinned at --ipfs-api")),
        "{said}"
    );
    net.json(&[&["start", "0"][..], &all].concat());
    let list = format!("GET /data/pinList?status=pinned&hashContains={cid} HTTP/1.1\r\n");
    assert!(requests.recv().unwrap().starts_with(&list));

    let empty = net.file("empty", "\n");
    let said = net.refused(
        2,
        &[
            &["create", &file][..],
            &kind,
            &["--ipfs-token-file", &empty],
        ]
        .concat(),
    );
    assert!(
        said.contains("not a token; use one line of letters, digits and signs"),
        "{said}"
    );
}

#[test]
fn whoever_publishes_nothing_is_told_that_no_node_finds_it() {
    let net = Net::start("unpublished");
    let (_, cid) = pinned_job(&net, 0);
    let file = net.deployment(r#""replicas": 1, "strategy": "SIMPLE""#);
    let shown = net.text(&["create", &file, "--dry-run"]);
    let nowhere = format!("nowhere: until somebody pins {cid}, no node finds it; --ipfs-api does");
    assert!(shown.contains(&nowhere), "{shown}");
    let dry = net.json(&["create", &file, "--dry-run"]);
    assert_eq!(dry["published_at"], serde_json::Value::Null);
}
