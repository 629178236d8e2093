//! Transactions that are built on one machine, signed on another and sent from a third.

use crate::net::{command, folder, Net};
use base64::{prelude::BASE64_STANDARD, Engine};
use serde_json::Value;
use solana_hash::Hash;
use solana_keypair::Keypair;
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;
use solana_system_interface::instruction::create_nonce_account;
use std::path::Path;

/// A command's JSON where nothing answers at the cluster's address.
fn without_network(home: &Path, arguments: &[&str]) -> Value {
    let mut command = command(home);
    command
        .args(["--url", "http://127.0.0.1:1", "--output", "json"])
        .args(arguments);
    let output = command.assert().success().get_output().clone();
    serde_json::from_slice(&output.stdout).unwrap()
}

fn strings(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item.as_str().unwrap())
        .collect()
}

#[test]
fn a_wallet_less_machine_builds_a_wallet_signs_and_another_machine_submits() {
    let net = Net::start("round_trip");
    let [builder, signer] = ["round_trip_builder", "round_trip_signer"].map(folder);
    let file = net.deployment(r#""replicas": 1, "strategy": "SIMPLE", "max_price": "none""#);
    let owner = net.owner.pubkey().to_string();
    let payer = net.keeper.pubkey().to_string();
    let blockhash = net.blockhash();
    let create = ["create", &file, "--id", "0", "--blockhash", &blockhash];

    // 1. Nobody's key: the message, and who has to sign it.
    let built = without_network(
        &builder,
        &[
            &create[..],
            &[
                "--keypair",
                &owner,
                "--fee-payer",
                &payer,
                "--sign-only",
                "--dump-transaction-message",
            ],
        ]
        .concat(),
    );
    assert_eq!(strings(&built["absent"]), [payer.as_str(), owner.as_str()]);
    assert!(strings(&built["signers"]).is_empty());
    let message = BASE64_STANDARD
        .decode(built["message"].as_str().unwrap())
        .unwrap();

    // 2. The owner's key, and no network.
    let signed = without_network(
        &signer,
        &[
            &create[..],
            &[
                "--keypair",
                &net.wallet("owner"),
                "--fee-payer",
                &payer,
                "--sign-only",
            ],
        ]
        .concat(),
    );
    assert_eq!(strings(&signed["absent"]), [payer.as_str()]);
    let pair = strings(&signed["signers"])[0];
    let signature = net.owner.sign_message(&message);
    assert_eq!(
        pair,
        format!("{owner}={signature}"),
        "the owner signed just that message"
    );

    // 3. The payer's key, and the network.
    let keeper = net.wallet("keeper");
    let submit = [
        &create[..],
        &[
            "--keypair",
            &owner,
            "--signer",
            pair,
            "--yes",
            "--fee-payer",
        ],
    ]
    .concat();
    let tampered = [&submit[..], &[&keeper, "--with-compute-unit-price", "1"]].concat();
    let refused = net.refused(2, &tampered);
    assert!(
        refused.contains("cannot sign"),
        "another message than was signed: {refused}"
    );
    let sent = net.json(&[&submit[..], &[&keeper]].concat());
    assert_eq!(sent["deployment"], net.address(0).to_string());
    assert_eq!(net.status(&net.address(0))["owner"], owner);
}

#[test]
fn a_nonce_is_read_and_advanced_first() {
    let net = Net::start("nonce");
    let key = net.create(r#""replicas": 1, "strategy": "SIMPLE""#);
    let nonce = Keypair::new();
    let rent = 1_447_680; // of a nonce account's 80 bytes
    let keeper = net.keeper.pubkey();
    let create = create_nonce_account(&keeper, &nonce.pubkey(), &keeper, rent);
    net.send(&create, &[&net.keeper, &nonce]);
    let (address, authority) = (nonce.pubkey().to_string(), net.wallet("keeper"));

    let value = net.nonce(&nonce.pubkey());
    let with_nonce = [
        "start",
        "0",
        "--nonce",
        &address,
        "--nonce-authority",
        &authority,
    ];
    let offline = [
        "--blockhash",
        &value,
        "--sign-only",
        "--dump-transaction-message",
    ];
    let signed = net.json(&[&with_nonce[..], &offline].concat());
    assert_eq!(signed["blockhash"], value);
    assert_eq!(
        strings(&signed["signers"]).len(),
        2,
        "the owner and the nonce's authority"
    );
    let bytes = BASE64_STANDARD
        .decode(signed["message"].as_str().unwrap())
        .unwrap();
    let at = |key: &Pubkey| {
        bytes
            .windows(32)
            .position(|window| window == key.as_ref())
            .unwrap()
    };
    assert!(at(&nonce.pubkey()) > 0 && at(&keeper) > 0);

    // Online the value is read from the account.
    net.json(&with_nonce);
    assert_eq!(net.status(&key)["status"], "STARTING");
    assert_ne!(net.nonce(&nonce.pubkey()), value, "it was advanced");
    let no_nonce = net.refused(
        2,
        &["stop", "0", "--nonce", &net.owner.pubkey().to_string()],
    );
    assert!(
        no_nonce.contains("the account is of a different kind"),
        "{no_nonce}"
    );
}

#[test]
fn signing_offline_needs_on_the_command_line_what_a_cluster_would_say() {
    let home = folder("offline_needs");
    let file = home.join("deployment.json");
    let market = crate::net::MARKET;
    let job = crate::net::JOB;
    let text = format!(
        r#"{{"name": "n", "market": "{market}", "replicas": 1, "timeout": 60, "strategy": "SIMPLE", "new_vault": true, "job_definition": {job}}}"#
    );
    std::fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let (wallet, blockhash) = (
        Pubkey::new_unique().to_string(),
        Hash::new_unique().to_string(),
    );
    let cases: [(&[&str], &str); 4] = [
        (&["create", file, "--sign-only"], "--blockhash <BLOCKHASH>"),
        (
            &["create", file, "--sign-only", "--blockhash", &blockhash],
            "new_vault: use vault and its number with --blockhash",
        ),
        (
            &["start", &wallet, "--blockhash", &blockhash],
            "missing signature for supplied pubkey",
        ),
        (
            &[
                "stop",
                &wallet,
                "--sign-only",
                "--blockhash",
                &blockhash,
                "--with-compute-unit-price",
                "auto",
            ],
            "--with-compute-unit-price: use a number with --blockhash",
        ),
    ];
    for (arguments, expected) in cases {
        let mut command = command(&home);
        command
            .args(["--url", "http://127.0.0.1:1", "--keypair", &wallet])
            .args(arguments);
        let output = command.assert().code(2).get_output().clone();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    let signed = without_network(
        &home,
        &[
            "stop",
            &wallet,
            "--keypair",
            &wallet,
            "--sign-only",
            "--blockhash",
            &blockhash,
        ],
    );
    assert_eq!(
        (&signed["blockhash"], &signed["message"]),
        (&blockhash.into(), &Value::Null)
    );
}
