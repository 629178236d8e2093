//! One command up, one command down, and a profile that names what everybody repeats.

use crate::{
    ipfs::kubo,
    net::{Net, JOB, MARKET},
};
use serde_json::{json, Value};
use solana_signer::Signer;

fn file(net: &Net, fields: &str, job: &str) -> String {
    let text = format!(
        r#"{{"name": "service", "market": "{MARKET}", {fields}, "job_definition": {job}}}"#
    );
    net.file("service.json", &text)
}

const FIELDS: &str = r#""replicas": 1, "timeout": 60, "strategy": "INFINITE""#;

fn changes(value: &Value) -> Vec<String> {
    let all = value["terms"]["changes"].as_array().unwrap().iter();
    all.map(|change| change["field"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn up_creates_funds_and_starts_and_then_changes_only_what_differs() {
    let net = Net::start("up");
    let first = file(&net, FIELDS, JOB);
    let dry = net.json(&["up", &first, "--hours", "2", "--dry-run"]);
    assert_eq!(dry["terms"]["rounds"], 3, "one every 40 minutes");
    // 100 units a second for an hour, and a network fee of at most 10 %.
    assert_eq!(dry["terms"]["deposit_nos"], 3 * 396_000);
    assert_eq!(dry["terms"]["acts"], "own_keeper");
    assert_eq!(net.text(&["list"]), "No deployments.\n", "a dry run");

    let up = net.json(&["up", &first, "--hours", "2"]);
    let key = net.address(0);
    assert_eq!(up["deployment"], key.to_string());
    assert_eq!(net.status(&key)["status"], "STARTING");
    let vault = net.json(&["vault", "0"]);
    assert_eq!(vault[0]["nos"], 3 * 396_000);
    net.keep(&key);
    net.work();
    net.keep(&key);
    assert_eq!(net.status(&key)["status"], "RUNNING");

    // Nothing differs: nothing is sent, and nobody has to say yes.
    let before = net.lamports(&net.owner.pubkey());
    let output = net
        .command(&["up", &first, "--output", "json"])
        .assert()
        .code(0);
    let same: Value = serde_json::from_slice(&output.get_output().stdout).unwrap();
    assert_eq!(same["changes"], json!([]));
    assert_eq!(net.lamports(&net.owner.pubkey()), before);

    let other = JOB.replace("ubuntu", "debian");
    let second = file(
        &net,
        r#""replicas": 2, "timeout": 120, "strategy": "INFINITE", "keeper_reward": 6000"#,
        &other,
    );
    let dry = net.json(&["up", &second, "--dry-run"]);
    assert_eq!(
        changes(&dry),
        ["replicas", "timeout", "keeper_reward", "job_definition"]
    );
    assert_eq!(
        (&dry["terms"]["prolonged_jobs"], &dry["terms"]["acts"]),
        (&1.into(), &"any_keeper".into())
    );
    let said = net.refused(2, &["up", &second]);
    assert!(said.contains("Make 4 changes to \"service\""), "{said}");
    net.json(&["up", &second]);
    let status = net.status(&key);
    assert_eq!(
        (&status["replicas"], &status["revision"]),
        (&2.into(), &2.into())
    );
    assert_eq!(status["timeout_seconds"], 7_200);

    // Back to the first: its revision is there already.
    let first = file(&net, FIELDS, JOB);
    net.json(&["up", &first]);
    assert_eq!(net.status(&key)["revision"], 1);

    let wrong = file(
        &net,
        r#""replicas": 1, "timeout": 60, "strategy": "SIMPLE""#,
        JOB,
    );
    let said = net.refused(2, &["up", &wrong, "--yes"]);
    assert!(
        said.contains("strategy: it is INFINITE and never changes, but the file says SIMPLE"),
        "{said}"
    );
    let blockhash = net.blockhash();
    let said = net.refused(2, &["up", &first, "--blockhash", &blockhash, "--sign-only"]);
    assert!(
        said.contains("use create, fund and start, or update instead"),
        "{said}"
    );

    // A second deployment of the same name: which one does the file mean?
    net.json(&["create", &first]);
    let said = net.refused(2, &["up", &first, "--yes"]);
    assert!(
        said.contains("deployments 0 and 1 have the name \"service\""),
        "{said}"
    );
}

#[test]
fn up_starts_what_was_stopped_but_no_round_that_is_over() {
    let net = Net::start("up_again");
    let infinite = file(&net, FIELDS, JOB);
    net.json(&["create", &infinite]);
    let dry = net.json(&["up", &infinite, "--dry-run"]);
    assert_eq!(changes(&dry), ["status"]);
    net.json(&["up", &infinite]);
    let key = net.address(0);
    net.json(&["stop", "0"]);
    net.keep(&key);
    assert_eq!(net.status(&key)["status"], "STOPPED");
    assert_eq!(
        changes(&net.json(&["up", &infinite, "--dry-run"])),
        ["status"]
    );
    net.json(&["archive", "0"]);

    let simple = file(
        &net,
        r#""replicas": 1, "timeout": 60, "strategy": "SIMPLE""#,
        JOB,
    );
    net.json(&["up", &simple]);
    let key = net.address(1);
    net.json(&["stop", "1"]);
    net.keep(&key);
    assert_eq!(net.status(&key)["status"], "STOPPED");
    assert_eq!(net.json(&["up", &simple])["changes"], json!([]));
}

#[test]
fn down_ends_everything_and_returns_everything() {
    let net = Net::start("down");
    let first = file(&net, FIELDS, JOB);
    net.json(&["up", &first, "--rounds", "2"]);
    let key = net.address(0);
    net.keep(&key);
    net.work();
    net.keep(&key);
    let other = file(&net, FIELDS, &JOB.replace("ubuntu", "debian"));
    net.json(&["up", &other]);
    net.keep(&key);

    let said = net.refused(2, &["down", "0"]);
    assert!(
        said.contains("Take \"service\"") && said.contains("for good?"),
        "{said}"
    );
    let said = net.refused_with_output(1, &["down", "0", "--yes", "--timeout", "0s"]);
    assert!(
        said.contains("not ended yet. Try again later, or with --keep"),
        "{said}"
    );
    let down = net.json(&["down", "0", "--keep"]);
    assert_eq!(down["deployment"], key.to_string());
    assert!(down["returned_nos"].as_u64().unwrap() > 0);
    assert_eq!(net.text(&["list"]), "No deployments.\n");
    let vault = net.json(&["vault", "0"]);
    assert_eq!(
        (&vault[0]["nos"], &vault[0]["lamports"]),
        (&0.into(), &0.into())
    );
}

#[test]
fn down_leaves_a_vault_that_another_deployment_uses() {
    let net = Net::start("down_shared");
    let first = file(&net, FIELDS, JOB);
    net.json(&["up", &first]);
    net.create(r#""replicas": 1, "strategy": "SIMPLE""#);
    let before = net.json(&["vault", "0"])[0]["nos"].clone();
    let down = net.json(&["down", "0"]);
    assert_eq!(down["returned_nos"], 0);
    assert_eq!(net.json(&["vault", "0"])[0]["nos"], before);
    assert_eq!(net.json(&["list"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_keeper_of_one_s_own_goes_on_until_nodes_serve() {
    let net = Net::start("keep");
    let file = file(&net, FIELDS, JOB);
    // A node waits already.
    net.work();
    let output = net
        .command(&["up", &file, "--yes", "--keep", "--ws", &net.ws])
        .assert()
        .success();
    let said = String::from_utf8_lossy(&output.get_output().stdout).into_owned();
    assert!(said.ends_with("It serves.\n"), "{said}");
    assert_eq!(net.status(&net.address(0))["status"], "RUNNING");

    let more = net.deployment(r#""replicas": 1, "strategy": "SIMPLE""#);
    net.json(&["create", &more]);
    net.json(&["fund", "--nos", "1", "--sol", "0.1"]);
    let output = net
        .command(&[
            "start",
            "1",
            "--yes",
            "--keep",
            "--keep-timeout",
            "1s",
            "--ws",
            &net.ws,
        ])
        .assert()
        .code(1);
    let said = String::from_utf8_lossy(&output.get_output().stderr).into_owned();
    assert!(said.contains("1s: nodes run 0 of its 1 replica"), "{said}");
}

#[test]
fn a_profile_names_what_everybody_repeats() {
    let net = Net::start("profile");
    let (api, requests) = kubo(vec![("200 OK", r#"{"Hash":"QmWrong"}"#.into())]);
    let profile = format!(
        "url = \"{}\"\nkeypair = \"{}\"\nipfs-api = \"{api}\"\nkeeper-reward = 7000\nnode-gateway = \"http://localhost:9\"\n",
        net.url,
        net.wallet("owner")
    );
    std::fs::create_dir_all(format!("{}/.config/nosana-deploy", net.home())).unwrap();
    let own = net.file(".config/nosana-deploy/profile.toml", &profile);
    let job = r#"{"version": "0.1", "type": "container", "ops": [{"type": "container/run", "id": "a", "args": {"image": "ubuntu", "expose": 80}}]}"#;
    let file = file(&net, FIELDS, job);
    let bare = |arguments: &[&str]| {
        let mut command = crate::net::command(std::path::Path::new(net.home()));
        let output = command.args(arguments).output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (code, out, said) = bare(&["create", &file, "--dry-run", "--output", "json"]);
    assert_eq!(code, Some(0), "{said}");
    let dry: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(dry["terms"]["keeper_reward_lamports"], 7_000);
    assert_eq!(dry["terms"]["published_at"], api);
    let url = dry["endpoints"][0]["url"].as_str().unwrap();
    assert!(url.ends_with(".localhost:9"), "{url}");
    assert!(requests.try_recv().is_err(), "a dry run pins nothing");
    // It counts as a flag does.
    let (code, _, said) = bare(&["create", &file, "--yes"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("--ipfs-api pinned QmWrong"), "{said}");
    // A different one, and none.
    let (code, _, said) = bare(&["--profile", "/nowhere", "list"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("--profile /nowhere"), "{said}");
    std::fs::write(&own, "colour = 1\n").unwrap();
    let (code, _, said) = bare(&["list"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("unknown field `colour`"), "{said}");
    std::fs::remove_file(&own).unwrap();
    let said = net.refused(2, &["create", &file, "--ipfs-kind", "kubo"]);
    assert!(said.contains("--ipfs-kind: for which API?"), "{said}");
}
