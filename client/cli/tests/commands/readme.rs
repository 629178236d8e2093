//! The pages' commands, as they are there, one after another.

use crate::net::{command, folder, Net, JOB, MARKET, ROOT};
use serde_json::Value;
use solana_signer::Signer;

/// A file's code block that holds `marker`.
fn block(file: &str, marker: &str) -> String {
    let text = std::fs::read_to_string(format!("{ROOT}/{file}")).unwrap();
    let mut blocks = text.split("```").skip(1).step_by(2);
    blocks
        .find(|block| block.contains(marker))
        .unwrap()
        .to_owned()
}

/// The lines of a file's code block that holds `marker`, without comments.
fn commands(file: &str, marker: &str) -> Vec<String> {
    let block = block(file, marker);
    let lines = block
        .lines()
        .filter(|line| line.starts_with("nosana-deploy "));
    lines
        .map(|line| line.split(" # ").next().unwrap().trim().to_owned())
        .collect()
}

/// A line's arguments, quotes taken off.
fn arguments(line: &str) -> Vec<String> {
    let mut quoted = false;
    let pieces = line.split(|c: char| {
        quoted ^= c == '"';
        c == ' ' && !quoted
    });
    pieces
        .skip(1)
        .map(|piece| piece.trim_matches('"').to_owned())
        .collect()
}

/// Runs a line as the owner would.
fn typed(net: &Net, line: &str) {
    let arguments = arguments(line);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    net.text(&arguments);
}

#[test]
fn the_reference_s_commands_work_in_their_order() {
    let net = Net::start("readme");
    let file = net.deployment(r#""replicas": 1, "strategy": "SIMPLE""#);
    let job = net.file("job.json", &JOB.replace("ubuntu", "debian"));
    let examples =
        ["scheduled", "simple"].map(|name| format!("examples/pytorch-jupyter-{name}.json"));
    let lines = commands("docs/cli.md", "nosana-deploy validate");
    assert!(lines.len() > 15, "{lines:?}");
    for line in lines.iter().filter(|line| !line.contains(" localnet ")) {
        let line = line
            .replace("deployment.json", &file)
            .replace("job.json", &job)
            .replace("<PUBKEY>", MARKET)
            .replace("examples/*.json", &examples.join(" "));
        let mut arguments = arguments(&line);
        if arguments[0] == "watch" {
            arguments.push("--once".into()); // here is no terminal
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        net.text(&arguments);
    }
}

#[test]
fn what_owners_do_every_day_works() {
    let net = Net::start("readme_daily");
    net.create(
        r#""replicas": 1, "strategy": "SCHEDULED", "schedule": "0 0 1 1 *", "autostart": true"#,
    );
    let infinite = net.create(r#""replicas": 1, "strategy": "INFINITE", "autostart": true"#);
    net.json(&["fund", "--nos", "9", "--sol", "0.1"]);
    assert_eq!(net.keep(&infinite), ["list 1 job"]);
    let lines = commands("docs/cli.md", "nosana-deploy trigger");
    assert_eq!(lines.len(), 5);
    for line in lines {
        typed(&net, &line);
    }
}

#[test]
fn the_round_trip_over_three_machines_works() {
    let net = Net::start("readme_round_trip");
    let file = net.deployment(r#""replicas": 1, "strategy": "SIMPLE", "max_price": "none""#);
    let (owner, blockhash) = (net.owner.pubkey().to_string(), net.blockhash());
    let home = folder("readme_machine");
    let mut signature = String::new();
    let lines = commands("docs/cli.md", "--dump-transaction-message");
    assert_eq!(lines.len(), 3);
    for (number, line) in lines.iter().enumerate() {
        let line = line
            .replace("deployment.json", &file)
            .replace("owner.json", &net.wallet("owner"))
            .replace("<OWNER>", &owner)
            .replace("<BLOCKHASH>", &blockhash)
            .replace("<SIGNATURE>", &signature);
        let mut command = command(&home);
        command.args(arguments(&line)).args(["--output", "json"]);
        match number {
            2 => command.args(["--url", &net.url, "--yes"]),
            _ => command.args(["--url", "http://127.0.0.1:1"]),
        };
        let output = command.assert().success().get_output().clone();
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        if number == 1 {
            let pair = said["signers"][0].as_str().unwrap();
            signature = pair.split('=').nth(1).unwrap().to_owned();
        }
    }
    assert_eq!(net.status(&net.address(0))["status"], "DRAFT");
}

#[test]
fn the_readme_s_five_commands_work() {
    let net = Net::start("five_commands");
    let file = net.deployment(r#""replicas": 1, "strategy": "SIMPLE""#);
    let lines = commands("README.md", "nosana-deploy up deployment.json");
    assert_eq!(lines.len(), 5);
    for line in lines {
        let line = line.replace("deployment.json", &file);
        typed(&net, &line);
    }
}

#[test]
fn up_and_down_work_as_the_reference_has_them() {
    let net = Net::start("readme_up");
    let file = net.deployment(r#""replicas": 1, "strategy": "INFINITE""#);
    let lines = commands("docs/cli.md", "nosana-deploy up service.json");
    assert_eq!(lines.len(), 3);
    for line in lines {
        let line = line.replace("service.json", &file);
        let line = line.replace("<DEPLOYMENT>", &net.address(0).to_string());
        typed(&net, &line);
    }
    assert_eq!(net.text(&["list"]), "No deployments.\n");
}

#[test]
fn the_reference_s_profile_is_one() {
    let net = Net::start("readme_profile");
    let profile = block("docs/cli.md", "keeper-reward = ");
    let profile = net.file("profile.toml", profile.trim_start_matches("toml"));
    // Its token's file is not here, and nothing here needs it.
    net.text(&["--profile", &profile, "list"]);
}

#[test]
fn the_guide_to_confidential_definitions_works() {
    let net = Net::start("readme_confidential");
    let file = net.deployment(r#""replicas": 1, "strategy": "SIMPLE", "confidential": true"#);
    let lines = commands("docs/confidential.md", "nosana-deploy create");
    let [create, serve] = lines.as_slice() else {
        panic!("{lines:?}")
    };
    let line = create.replace("deployment.json", &file);
    typed(&net, &line);
    // `confidential.rs` runs it, at a port of its own.
    assert_eq!(serve, "nosana-deploy definitions serve");
}

#[test]
fn the_keeper_s_guide_s_commands_and_settings_work() {
    let net = Net::start("keeper-guide");
    let owner = net.owner.pubkey().to_string();
    let lines = commands("docs/keeper.md", "nosana-deploy keeper");
    assert_eq!(lines.len(), 5);
    let access = net.wallet("node"); // any keypair
    for line in lines {
        let line = line
            .replace("<PUBKEY>", &owner)
            .replace("access.json", &access);
        let mut arguments = arguments(&line);
        // One that runs until Ctrl-C is `keeper.rs`'s.
        if !line.contains("--once") {
            arguments.push("--once".into());
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        net.text(&arguments);
    }
    let settings = block("docs/keeper.md", "rescan-seconds = ");
    let file = net.file("settings.toml", settings.trim_start_matches("toml"));
    net.text(&["keeper", "--once", "--settings", &file]);
}
