//! What owners do every day beside starting and stopping.

use crate::net::{Net, MARKET};
use serde_json::json;
use solana_keypair::{write_keypair_file, Keypair};
use solana_signer::Signer;

/// What a dry run of the owner's shows besides balances.
fn terms(net: &Net, arguments: &[&str]) -> String {
    net.text(&[arguments, &["--dry-run"]].concat())
}

#[test]
fn a_schedule_is_triggered_paused_and_edited() {
    let net = Net::start("triggered");
    let key = net.create(
        r#""replicas": 1, "strategy": "SCHEDULED", "schedule": "0 0 1 1 *", "overlap": "FORBID""#,
    );
    net.json(&["fund", "--nos", "1", "--sol", "0.05"]);
    let early = net.refused(1, &["trigger", "0", "--yes"]);
    assert!(
        early.contains("is DRAFT; trigger is possible in STARTING, RUNNING, INSUFFICIENT_FUNDS"),
        "{early}"
    );
    net.json(&["start", "0"]);
    assert_eq!(net.keep(&key), Vec::<String>::new());
    net.json(&["trigger", "0"]);
    assert_eq!(net.keep(&key), ["list 1 job"]);
    let overlapping = net.refused(1, &["trigger", "0", "--yes"]);
    assert!(
        overlapping.contains("overlap FORBID lists none beside them"),
        "{overlapping}"
    );
    let restarted = net.refused(1, &["restart", "0", "--yes"]);
    assert!(
        restarted.contains("is SCHEDULED; the deployment's strategy does not allow this"),
        "{restarted}"
    );

    net.json(&["update", "0", "--replicas", "0"]);
    assert_eq!(net.keep(&key), ["stop 1 job (more than replicas)"]);
    let paused = net.status(&key);
    assert_eq!(
        (&paused["status"], &paused["next_firing_at"]),
        (&json!("RUNNING"), &json!(null))
    );
    net.json(&[
        "update",
        "0",
        "--replicas",
        "1",
        "--max-queue-minutes",
        "30",
    ]);
    let shown = net.text(&["status", "0"]);
    assert!(shown.contains("at most 30 min for a node"), "{shown}");
    let alone = net.refused(2, &["update", "0", "--run-due", "--yes"]);
    assert!(alone.contains("--schedule <CRON>"), "{alone}");
    net.json(&["update", "0", "--schedule", "0 0 2 1 *", "--run-due"]);
}

#[test]
fn running_jobs_are_prolonged_restarted_and_drained() {
    let net = Net::start("drained");
    let key =
        net.create(r#""replicas": 2, "strategy": "INFINITE", "max_price": 100, "max_fee_bps": 0"#);
    net.json(&["fund", "--nos", "9", "--sol", "0.1"]);
    net.json(&["start", "0"]);
    assert_eq!(net.keep(&key), ["list 2 jobs"]);
    net.work();
    assert_eq!(net.keep(&key), ["note the start of 1 job"]);
    let raised = terms(&net, &["update", "0", "--timeout", "120"]);
    assert!(
        raised.contains("1 running job for 0.36 NOS, and 1 queued job once a node has taken it"),
        "{raised}"
    );
    net.json(&["update", "0", "--timeout", "120"]);
    assert_eq!(net.keep(&key), ["prolong 1 job"]);
    let lower = terms(&net, &["update", "0", "--timeout", "60"]);
    assert!(!lower.contains("Prolongs"), "{lower}");

    let moved = net.refused(2, &["update", "0", "--market", MARKET, "--yes"]);
    assert!(
        moved.contains(
            "--market: the deployment is RUNNING; the deployment's status does not allow this"
        ),
        "{moved}"
    );
    net.json(&["restart", "0", "1"]);
    let again = net.refused(1, &["restart", "0", "1", "--yes"]);
    assert!(
        again.contains("there is nothing that this would change"),
        "{again}"
    );
    // The queued one is of no use any more.
    let done = net.keep(&key);
    assert_eq!(
        done,
        [
            "list 1 job",
            "stop 1 job (of a different revision, or restarted)"
        ]
    );

    net.json(&["stop", "0", "--drain"]);
    let status = net.status(&key);
    let why = status["why"].as_str().unwrap();
    assert!(why.starts_with("Asked to drain; 2 jobs"), "{why}");
    assert_eq!(net.keep(&key), ["stop 1 job (the deployment is STOPPING)"]);
    let twice = net.refused(1, &["stop", "0", "--drain", "--yes"]);
    assert!(
        twice.contains("is STOPPING; stop is possible in"),
        "{twice}"
    );
    net.json(&["stop", "0"]);
    assert_eq!(net.keep(&key), ["stop 1 job (the deployment is STOPPING)"]);
    assert_eq!(net.status(&key)["status"], "STOPPED");
    net.json(&["update", "0", "--market", MARKET]);
    let nothing = net.refused(2, &["reclaim-rent", "--yes"]);
    assert!(
        nothing.contains("holds more than today's rent"),
        "{nothing}"
    );
}

#[test]
fn only_a_keeper_that_has_the_access_key_lists_its_jobs() {
    let net = Net::start("access");
    let access = Keypair::new();
    let path = net.wallet("access");
    write_keypair_file(&access, &path).unwrap();
    let fields = format!(
        r#""replicas": 1, "strategy": "SIMPLE", "access_key": "{}""#,
        access.pubkey()
    );
    let key = net.create(&fields);
    net.json(&["fund", "--nos", "1", "--sol", "0.05"]);
    net.json(&["start", "0"]);
    let shown = net.text(&["status", "0"]);
    assert!(
        shown.contains("only keepers that have it list its jobs"),
        "{shown}"
    );
    let owner = net.owner.pubkey().to_string();
    let keep = |more: &[&str]| {
        let arguments = [&["keeper", "--once", "--owner", &owner][..], more].concat();
        net.command_of("keeper", &arguments).assert().success();
    };
    keep(&[]);
    assert_eq!(net.status(&key)["status"], "STARTING", "not its work");
    keep(&["--access-keypair", &path]);
    let status = net.status(&key);
    assert_eq!(
        (&status["status"], &status["jobs"][0]["state"]),
        (&json!("RUNNING"), &json!("queued"))
    );

    net.json(&["update", "0", "--access-key", "none"]);
    net.json(&["stop", "0"]);
    keep(&[]);
    assert_eq!(
        net.status(&key)["status"],
        "STOPPING",
        "the job keeps its key"
    );
    keep(&["--access-keypair", &path]);
    assert_eq!(net.status(&key)["status"], "STOPPED");

    let secret = access.to_base58_string();
    let refused = net.refused(2, &["keeper", "--once", "--access-keypair", &secret]);
    assert!(!refused.contains(&secret), "{refused}");
}

/// Where a deployment's account has the schedule's next firing, and its first job's listing.
const NEXT_DUE_AT: usize = 312;
const LISTED_AT: usize = 544 + 8;

#[test]
fn status_names_what_waits_for_a_node_too_long_and_what_waits_for_it() {
    let net = Net::start("waiting");
    let key = net.create(
        r#""replicas": 1, "strategy": "SCHEDULED", "schedule": "0 0 1 1 *", "overlap": "FORBID", "autostart": true"#,
    );
    net.json(&["fund", "--nos", "1", "--sol", "0.05"]);
    net.json(&["trigger", "0"]);
    assert_eq!(net.keep(&key), ["list 1 job"]);
    assert_eq!(net.status(&key)["firing_held_by"], json!(null));
    // As if a firing had come, and the job waited since long ago.
    net.damage(&key, |data| {
        for at in [NEXT_DUE_AT, LISTED_AT] {
            data[at..at + 8].copy_from_slice(&1_700_000_000_i64.to_le_bytes());
        }
    });
    let shown = net.text(&["status", "0"]);
    assert!(
        shown.contains("job 0 waits for a node, and overlap FORBID lists none beside it; update --max-queue-minutes limits that"),
        "{shown}"
    );
    net.json(&["update", "0", "--max-queue-minutes", "30"]);
    let done = net.keep(&key);
    assert_eq!(done[0], "stop 1 job (no node took it in time)");
    let status = net.status(&key);
    assert_eq!(
        (&status["firing_held_by"], &status["jobs_not_taken"]),
        (&json!(null), &json!(1))
    );
    let shown = net.text(&["status", "0"]);
    assert!(
        shown.contains("1 job of the last firing in time; the deposits are back"),
        "{shown}"
    );
}

#[test]
fn status_waits_for_what_is_asked_and_no_longer_than_that() {
    let net = Net::start("wait");
    net.create(r#""replicas": 1, "strategy": "SIMPLE""#);
    assert_eq!(
        net.json(&["status", "0", "--wait", "draft"])["status"],
        "DRAFT"
    );
    let mut command = net.command(&["status", "0", "--wait", "RUNNING", "--timeout", "0s"]);
    let output = command.assert().code(1).get_output().clone();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(
        shown.contains("DRAFT since"),
        "what it is all the same: {shown}"
    );
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        said,
        "error: the deployment is DRAFT, and was waited for 0s to be RUNNING\n"
    );
    let said = net.refused(2, &["status", "0", "--timeout", "5m"]);
    assert!(said.contains("--wait <STATUS>"), "{said}");
}

#[test]
fn a_vault_is_named_by_its_number_or_by_its_address() {
    let net = Net::start("vault_address");
    let second = nosana_deploy_client::instructions::Vault::new(net.owner.pubkey(), 1);
    let fields =
        |vault: &str| format!(r#""replicas": 1, "strategy": "SIMPLE", "vault": "{vault}""#);
    let key = net.create(&fields(&second.address.to_string()));
    assert_eq!(net.status(&key)["vault_index"], 1);
    let foreign = net.deployment(&fields(&net.keeper.pubkey().to_string()));
    let said = net.refused(2, &["create", &foreign, "--yes"]);
    assert!(
        said.contains("vault: that is none of the first 1024 vaults of"),
        "{said}"
    );
}
