//! Faults of a cluster or a wallet: each is one sentence with the next step, and an exit status.

use crate::net::{command, folder, Net, MARKET};
use solana_signer::Signer;
use std::{
    io::{Read, Write},
    net::TcpListener,
};

/// Answers every request with this, and returns where.
fn server(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 16_384];
            let _ = stream.read(&mut request);
            let length = body.len();
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        }
    });
    format!("http://{address}")
}

/// The error of a command at this address, which must end with this exit status.
fn refused(name: &str, url: &str, status: i32) -> String {
    let home = folder(name);
    let output = command(&home)
        .args(["--url", url, "market", MARKET])
        .assert()
        .code(status)
        .get_output()
        .clone();
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
    said
}

#[test]
fn a_cluster_that_cannot_be_reached_is_named_without_its_key() {
    let said = refused(
        "unreachable",
        "http://user:SECRET@127.0.0.1:1/SECRET?api-key=SECRET",
        3,
    );
    assert_eq!(
        said,
        "error: http://127.0.0.1:1 cannot be reached (Connection refused (os error 111)); check --url and your network, then try again\n"
    );
}

#[test]
fn a_cluster_without_the_program_is_named() {
    let url = server(
        "200 OK",
        r#"{"jsonrpc":"2.0","id":0,"result":{"context":{"slot":1},"value":[null]}}"#,
    );
    let said = refused("wrong_cluster", &url, 3);
    assert!(
        said.contains("is not deployed at http://127.0.0.1:"),
        "{said}"
    );
    assert!(
        said.ends_with("choose a different cluster with --url\n"),
        "{said}"
    );
}

#[test]
fn a_cluster_that_limits_requests_is_named() {
    let said = refused("rate_limited", &server("429 Too Many Requests", "{}"), 3);
    assert!(
        said.contains("limits how often it answers; wait a minute"),
        "{said}"
    );
}

#[test]
fn a_server_that_is_no_cluster_is_named() {
    for (name, status, body, exit) in [
        ("not_found", "404 Not Found", "nothing here", 3),
        ("no_json", "200 OK", "<html>", 3),
        (
            "rpc_error",
            "200 OK",
            r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32000,"message":"out\nof order"}}"#,
            1,
        ),
    ] {
        let said = refused(name, &server(status, body), exit);
        assert!(said.starts_with("error: http://127.0.0.1:"), "{said}");
    }
}

#[test]
fn a_wallet_without_sol_and_one_with_too_little_for_rent_are_told_apart() {
    let net = Net::start("poor");
    let file = net.deployment(r#""replicas": 1, "strategy": "SIMPLE""#);
    let said = |wallet: &str| {
        let output = net
            .command_of(wallet, &["create", &file, "--yes"])
            .assert()
            .code(1)
            .get_output()
            .clone();
        String::from_utf8(output.stderr).unwrap()
    };
    net.poor_wallet("empty", 0);
    let empty = said("empty");
    assert!(
        empty.contains("not enough SOL for the fee; send it some, or let a different wallet pay"),
        "{empty}"
    );
    net.poor_wallet("poor", 3_000_000);
    let poor = said("poor");
    assert!(
        poor.contains("not enough SOL, rent included; add SOL"),
        "{poor}"
    );
}

#[test]
fn another_owner_s_deployment_is_not_touched() {
    let net = Net::start("wrong_owner");
    let key = net
        .create(r#""replicas": 1, "strategy": "SIMPLE""#)
        .to_string();
    let (owner, keeper) = (net.owner.pubkey(), net.keeper.pubkey());
    for arguments in [
        vec!["start", &key],
        vec!["stop", &key],
        vec!["update", &key, "--replicas", "2"],
        vec!["close", &key, "--yes"],
        vec!["revisions", &key, "use", "1"],
        vec!["write-off", &key, "0", "--yes"],
    ] {
        let output = net
            .command_of("keeper", &arguments)
            .assert()
            .code(2)
            .get_output()
            .clone();
        assert_eq!(
            String::from_utf8(output.stderr).unwrap(),
            format!("error: deployment {key} belongs to {owner}, not to your wallet {keeper}; use --keypair with its owner's\n")
        );
    }
    assert_eq!(net.json(&["status", &key])["status"], "DRAFT");
}

#[test]
fn an_expired_blockhash_is_refused_with_the_next_step() {
    let net = Net::start("expired");
    let key = net.create(r#""replicas": 1, "strategy": "SIMPLE""#);
    let old = solana_hash::Hash::new_unique().to_string();
    let said = net.refused(1, &["start", "0", "--blockhash", &old, "--yes"]);
    let (sending, said) = said.split_once('\n').unwrap();
    assert!(sending.starts_with("sending transaction "), "{sending}");
    assert_eq!(said, "error: the blockhash has expired or belongs to a different cluster; sign again with a recent one, or with a durable nonce\n");
    assert_eq!(net.status(&key)["status"], "DRAFT");
}

#[test]
fn addresses_of_something_else_are_named() {
    let net = Net::start("addresses");
    let nothing = net.keeper.pubkey().to_string();
    let said = net.refused(2, &["status", &nothing]);
    assert!(
        said.contains("is not owned by the deployments program"),
        "{said}"
    );
    let said = net.refused(2, &["status", "7"]);
    assert!(said.contains("does not exist at"), "{said}");
    let said = net.refused(2, &["status", "seven"]);
    assert!(
        said.contains("\"seven\" is not a valid deployment; use its address, or its number"),
        "{said}"
    );
    let said = net.refused(2, &["market", &nothing]);
    assert!(
        said.contains("the account is not a GPU market of Nosana's"),
        "{said}"
    );
    let file = net.deployment(r#""replicas": 1, "strategy": "SIMPLE""#);
    let text = std::fs::read_to_string(&file)
        .unwrap()
        .replace(MARKET, &nothing);
    let file = net.file("no_market.json", &text);
    assert!(net
        .refused(2, &["create", &file, "--yes"])
        .contains("not a GPU market of Nosana's"));
    assert!(net
        .refused(2, &["watch", "7"])
        .contains("watch needs a terminal"));
    let said = net.refused(2, &["watch", "7", "--once"]);
    assert!(said.contains("does not exist at"), "{said}");
}

#[test]
fn a_wallet_is_made_once_and_used_from_the_environment() {
    use std::os::unix::fs::PermissionsExt;
    let home = folder("keygen");
    let file = home.join("new.json");
    let path = file.to_str().unwrap();
    let made = command(&home)
        .args(["keygen", "--outfile", path, "--output", "json"])
        .assert()
        .success()
        .get_output()
        .clone();
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "for its owner alone");
    let before = std::fs::read(&file).unwrap();
    command(&home)
        .args(["keygen", "--outfile", path])
        .assert()
        .code(2);
    assert_eq!(std::fs::read(&file).unwrap(), before);
    // Both from the environment: the cluster is away, the wallet is there.
    let output = command(&home)
        .env("NOSANA_KEYPAIR", path)
        .env("NOSANA_URL", "http://user:SECRET@127.0.0.1:1/SECRET")
        .args(["list"])
        .assert()
        .code(3)
        .get_output()
        .clone();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("http://127.0.0.1:1 cannot be reached"),
        "{said}"
    );
    assert!(!said.contains("SECRET"));
    assert_eq!(made["file"], path);
}

/// A node in front of the net's that refuses to search for accounts, as many public ones do.
fn without_search(net: &Net) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let node = net.url.clone();
    std::thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let node = node.trim_start_matches("http://").to_owned();
            std::thread::spawn(move || loop {
                let Some((head, body)) = request(&mut client) else {
                    return;
                };
                let answer = match body.contains("getProgramAccounts") {
                    true => r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32010,"message":"excluded from account secondary indexes"}}"#.to_owned(),
                    false => asked(&node, &head, &body),
                };
                let length = answer.len();
                let sent = write!(client, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{answer}");
                if sent.is_err() {
                    return;
                }
            });
        }
    });
    url
}

/// A request's head and body.
fn request(client: &mut impl Read) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).ok()?;
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).ok()?;
    let length = head.to_lowercase();
    let length = length
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ").map(str::to_owned));
    let mut body = vec![0; length?.trim().parse().ok()?];
    client.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).ok()?))
}

/// What the node answers.
fn asked(node: &str, _: &str, body: &str) -> String {
    let mut stream = std::net::TcpStream::connect(node).unwrap();
    let length = body.len();
    write!(stream, "POST / HTTP/1.1\r\nHost: {node}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    request(&mut stream).unwrap().1
}

#[test]
fn vault_market_and_status_need_no_node_that_searches() {
    let net = Net::start("no_search");
    let key = net.create(r#""replicas": 2, "strategy": "SIMPLE", "autostart": true"#);
    net.json(&["fund", "--nos", "10", "--sol", "0.1"]);
    net.keep(&key);
    net.work();
    let url = without_search(&net);
    let shown = |arguments: &[&str]| {
        let mut all = vec!["--url", &url, "--keypair"];
        let wallet = net.wallet("owner");
        all.push(&wallet);
        let output = command(&folder("no_search_home"))
            .args(all)
            .args(arguments)
            .args(["--output", "json"])
            .assert()
            .success()
            .get_output()
            .clone();
        let said = String::from_utf8(output.stderr).unwrap();
        (
            serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap(),
            said,
        )
    };
    let (vault, said) = shown(&["vault"]);
    assert_eq!(
        (&vault[0]["vault_index"], said.as_str()),
        (&0.into(), ""),
        "{vault}"
    );
    let (market, said) = shown(&["market", MARKET]);
    assert_eq!(market["price_per_second"], 100);
    assert!(said.contains("is not known"), "{said}");
    let (status, said) = shown(&["status", "0"]);
    assert_eq!(status["status"], "RUNNING");
    assert!(said.contains("does not search for runs"), "{said}");
}

#[test]
fn no_command_repeats_a_secret() {
    let home = folder("secrets");
    let keypair = solana_keypair::Keypair::new();
    let array = format!("{:?}", keypair.to_bytes());
    let phrase = "pill tomorrow foster begin walnut borrow virtual kick shift mutual shoe scatter";
    for secret in [keypair.to_base58_string(), array, phrase.to_owned()] {
        for arguments in [
            vec!["--keypair", &secret, "keeper"],
            vec!["--keypair", &secret, "list"],
            vec!["create", &secret],
            vec!["status", &secret],
            vec!["fund", "--fee-payer", &secret],
            vec!["--url", &secret, "list"],
            vec![&secret],
        ] {
            let output = command(&home)
                .args(&arguments)
                .assert()
                .code(2)
                .get_output()
                .clone();
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(said.contains("looks like a secret key itself"), "{said}");
            assert!(!said.contains(&secret), "{said}");
            assert!(output.stdout.is_empty());
        }
    }
}

#[test]
fn a_result_that_cannot_be_printed_is_told_apart_from_a_refusal() {
    let net = Net::start("full");
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full");
    let mut fund = std::process::Command::new(crate::net::BINARY);
    fund.args(["--url", &net.url, "--keypair", &net.wallet("owner")])
        .args(["fund", "--sol", "0.01", "--yes"])
        .stdout(full().unwrap());
    let output = fund.output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    let said = String::from_utf8(output.stderr).unwrap();
    let (sending, error) = said.split_once('\n').unwrap();
    assert!(sending.starts_with("sending transaction "), "{said}");
    assert!(
        error.starts_with("error: the result cannot be printed"),
        "{said}"
    );
    assert_eq!(net.json(&["vault"])[0]["lamports"], 10_000_000);
}

#[test]
fn the_same_transaction_sent_twice_is_reported_twice_and_a_number_that_is_taken_by_its_address() {
    let net = Net::start("twice");
    net.create(r#""replicas": 1, "strategy": "SIMPLE", "max_price": "none""#);
    let file = net.deployment(r#""replicas": 1, "strategy": "SIMPLE", "max_price": "none""#);
    let hash = net.blockhash();
    let create = ["create", &file, "--id", "1", "--blockhash", &hash, "--yes"];
    let sent = [net.json(&create), net.json(&create)];
    assert_eq!(sent[0], sent[1], "one transaction");
    let said = net.refused(2, &["create", &file, "--id", "1", "--yes"]);
    let address = net.address(1);
    assert_eq!(
        said,
        format!("error: --id: number 1 was given to deployment {address} already; the next is 2\n")
    );
    let said = net.refused(2, &["create", &file, "--id", "7", "--yes"]);
    assert_eq!(said, "error: --id: 7 is not the next number; use 2\n");
}

#[test]
fn an_rpc_node_s_words_cannot_steer_the_terminal() {
    let body =
        r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32000,"message":"\u001b[2Jgone\u202e\u200b"}}"#;
    let said = refused("steering", &server("200 OK", body), 1);
    assert!(said.contains("refused the request: ?[2Jgone??"), "{said}");
}

#[test]
fn keypairs_that_are_none_are_named_and_secrets_are_not_repeated() {
    let home = folder("keypairs");
    let said = |keypair: &str| {
        let output = command(&home)
            .args(["--url", "http://127.0.0.1:1", "--keypair", keypair, "list"])
            .assert()
            .code(2)
            .get_output()
            .clone();
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(
        said("/nonexistent/id.json"),
        "error: --keypair /nonexistent/id.json: No such file or directory (os error 2); make a wallet with `nosana-deploy keygen`, or use --keypair with one's file\n"
    );
    let secret = solana_keypair::Keypair::new().to_base58_string();
    let refused = said(&secret);
    assert!(
        refused.contains("looks like a secret key itself") && !refused.contains(&secret),
        "{refused}"
    );
    let usb = said("usb://ledger");
    assert!(usb.starts_with("error: --keypair usb://ledger: "), "{usb}");
}

#[test]
fn the_configuration_of_solana_is_read() {
    let net = Net::start("configuration");
    net.create(r#""replicas": 1, "strategy": "SIMPLE""#);
    let config = net.file(
        "config.yml",
        &format!(
            "json_rpc_url: {}\nwebsocket_url: \"\"\nkeypair_path: {}\ncommitment: confirmed\n",
            net.url,
            net.wallet("owner")
        ),
    );
    let home = folder("configuration_home");
    let listed = command(&home)
        .args(["--config", &config, "list"])
        .assert()
        .success()
        .get_output()
        .clone();
    assert_eq!(String::from_utf8(listed.stdout).unwrap().lines().count(), 2);
    // The command line counts more.
    command(&home)
        .args(["--config", &config, "--url", "http://127.0.0.1:1", "list"])
        .assert()
        .code(3);
    let missing = command(&home)
        .args(["--config", "/nonexistent.yml", "list"])
        .assert()
        .code(2)
        .get_output()
        .clone();
    assert!(String::from_utf8(missing.stderr)
        .unwrap()
        .starts_with("error: --config /nonexistent.yml: "));
    let wrong = command(&home)
        .args(["--url", "mainnet", "list"])
        .assert()
        .code(2)
        .get_output()
        .clone();
    assert!(String::from_utf8(wrong.stderr)
        .unwrap()
        .contains("one of mainnet-beta, testnet, devnet, localhost"));
}
