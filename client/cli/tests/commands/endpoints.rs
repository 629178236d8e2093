//! Where a deployment is reached, before and while its jobs run.

use crate::{
    ipfs::kubo,
    net::{command, folder, Net, MARKET},
};
use serde_json::Value;
use std::path::Path;

const OPS: &str = r#""version": "0.1", "type": "container", "ops": [
    {"type": "container/run", "id": "web", "args": {"image": "nginx", "expose": [80, 8080]}},
    {"type": "container/run", "id": "late", "args": {"image": "nginx", "expose": "%%global.variables.port%%"}}
]"#;

/// A deployment whose first operation is served, and its file.
fn file(net: &Net, more: &str) -> String {
    let text = format!(
        r#"{{"name": "test", "market": "{MARKET}", "timeout": 60, "replicas": 1, "strategy": "SIMPLE",
            "job_definition": {{{OPS}{more}}}}}"#
    );
    net.file("web.json", &text)
}

fn urls(endpoints: &Value) -> Vec<&str> {
    let all = endpoints.as_array().unwrap().iter();
    all.map(|one| one["url"].as_str().unwrap()).collect()
}

#[test]
fn a_deployment_has_an_address_before_any_job_runs_and_keeps_it() {
    let net = Net::start("endpoints");
    let file = file(&net, "");
    let created = net.json(&["create", &file]);
    let key = net.address(0);
    let endpoints = &created["endpoints"];
    let of_all = urls(endpoints);
    assert_eq!(
        (of_all.len(), &endpoints[0]["op"], &endpoints[0]["port"]),
        (1, &"web".into(), &80.into())
    );
    assert!(of_all[0].starts_with("https://") && of_all[0].ends_with(".node.k8s.prd.nos.ci"));
    assert_eq!(&net.status(&key)["endpoints"], endpoints);
    let shown = net.text(&["status", "0"]);
    assert!(shown.contains("late: its port is a placeholder"), "{shown}");

    net.json(&["fund", "--nos", "1", "--sol", "0.05"]);
    net.json(&["start", "0"]);
    net.keep(&key);
    let found = net.json(&["endpoints", "0"]);
    assert_eq!(&found["endpoints"], endpoints);
    let jobs = found["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 2, "each port of the job has its own");
    assert!(jobs
        .iter()
        .all(|job| job["job"] == 0 && job["url"] != endpoints[0]["url"]));
    let shown = net.text(&["endpoints", "0"]);
    assert!(
        shown.contains("late has no address: its port is a placeholder"),
        "{shown}"
    );

    // A revision keeps the address, and another deployment has another.
    net.json(&["revisions", "0", "add", &file]);
    assert_eq!(&net.json(&["endpoints", "0"])["endpoints"], endpoints);
    let second = net.json(&["create", &file]);
    assert_ne!(&second["endpoints"], endpoints);
}

#[test]
fn deployments_that_name_the_same_id_share_an_address_if_they_share_a_vault() {
    let net = Net::start("shared_endpoint");
    let file = file(&net, r#", "deployment_id": "our service""#);
    let both = [net.json(&["create", &file]), net.json(&["create", &file])];
    assert_eq!(both[0]["endpoints"], both[1]["endpoints"]);
    assert_eq!(both[0]["job_definition"], both[1]["job_definition"]);
    let validated = net.json(&["validate", &file]);
    assert_eq!(validated[0]["job_definition"], both[0]["job_definition"]);
}

#[test]
fn a_definition_is_kept_for_its_owner_alone_and_fetched_only_if_it_is_the_one() {
    let net = Net::start("kept");
    let file = file(&net, "");
    let owner = solana_signer::Signer::pubkey(&net.owner).to_string();
    let dry = net.json(&["create", &file, "--dry-run"]);
    let cid = dry["job_definition"].as_str().unwrap().to_owned();
    let foretold = net.json(&["validate", &file, "--owner", &owner, "--id", "0"]);
    assert_eq!(foretold[0]["job_definition"], cid.as_str());
    let unknown = net.text(&["validate", &file]);
    assert!(
        unknown.contains("depends on the deployment: --owner and --id tell its CID"),
        "{unknown}"
    );

    let kept = format!(
        "{}/.local/share/nosana-deploy/definitions/{cid}.json",
        net.home()
    );
    assert!(!Path::new(&kept).exists(), "nothing was agreed to");
    net.json(&["create", &file]);
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&kept).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let text = std::fs::read_to_string(&kept).unwrap();

    // On another machine.
    let elsewhere = folder("kept_elsewhere");
    let ask = |more: &[&str], status: i32| {
        let key = net.address(0).to_string();
        let output = command(&elsewhere)
            .args(["--url", &net.url, "endpoints", &key, "--output", "json"])
            .args(more)
            .assert()
            .code(status)
            .get_output()
            .clone();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let said = ask(&[], 2);
    assert!(
        said.contains(&format!("{cid} was not published from this machine")),
        "{said}"
    );
    let (gateway, requests) = kubo(vec![
        ("200 OK", text.replace("nginx", "evil")),
        ("404 Not Found", String::new()),
        ("200 OK", text),
    ]);
    let gateway = ["--ipfs-gateway", gateway.as_str()];
    let said = ask(&gateway, 1);
    assert!(
        said.contains(&format!("answered something else than {cid}")),
        "{said}"
    );
    let said = ask(&gateway, 1);
    assert!(said.contains("answered 404 Not Found"), "{said}");
    let found: Value = serde_json::from_str(&ask(&gateway, 0)).unwrap();
    assert_eq!(urls(&found["endpoints"]).len(), 1);
    assert!(requests
        .recv()
        .unwrap()
        .starts_with(&format!("GET /ipfs/{cid} HTTP/1.1")));
    // It is known from now on; what somebody changed there is not believed.
    ask(&[], 0);
    std::fs::write(&kept, "{}").unwrap();
    let changed = net.refused(2, &["endpoints", "0"]);
    assert!(
        changed.contains("was not published from this machine"),
        "{changed}"
    );
}

#[test]
fn a_wide_list_shows_where_deployments_are_served() {
    let net = Net::start("wide");
    let file = file(&net, "");
    let created = net.json(&["create", &file]);
    let url = urls(&created["endpoints"])[0];
    assert!(!net.text(&["list"]).contains(url));
    assert!(net
        .text(&["list", "--wide"])
        .contains(&format!("web {url}")));
    let listed = net.json(&["list", "--wide"]);
    assert_eq!(listed[0]["endpoints"], created["endpoints"]);
    assert!(net.text(&["watch", "0", "--once"]).contains("web https://"));
}
