//! A bad deployment file gets an error of one line, before anything starts.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{fs, path::PathBuf, process::Command};

const GOOD: &str = r#"{
    "name": "test",
    "market": "CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ",
    "replicas": 1,
    "timeout": 60,
    "strategy": "SIMPLE",
    "job_definition": {"version": "0.1", "type": "container", "ops": [{"type": "container/run", "id": "a", "args": {"image": "ubuntu"}}]}
}"#;

const TIMEOUTS: &str = "use 1 to 43200 whole minutes";
const MARKETS: &str = "use the market's base58 public key";
const SCHEDULES: &str =
    r#"strategy SCHEDULED needs a cron expression, e.g. "0 0 * * *" for daily at midnight"#;

/// Runs `demo` and returns its exit code, stdout and stderr. There are no programs to load, so that
/// input which passes by mistake starts nothing either.
fn demo(file: &str) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_nosana-deploy"))
        .args(["demo", "--programs", "/nonexistent", file])
        .output()
        .expect("the binary runs");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// As [`demo`], with a file of this content.
fn demo_of(name: &str, content: &str) -> (Option<i32>, String, String) {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.json"));
    fs::write(&file, content).unwrap();
    demo(file.to_str().unwrap())
}

/// [`GOOD`] with one thing changed.
fn with(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    GOOD.replace(from, to)
}

#[test]
fn every_bad_field_is_named_with_its_value_and_what_is_valid() {
    let strategy = |to: &str| with(r#""SIMPLE""#, to);
    let schedule = |to: &str| strategy(&format!(r#""SCHEDULED", "schedule": {to}"#));
    // Its words are pinned beside the cron parser.
    let never = nosana_deploy_client::domain::cron::Schedule::parse("0 0 31 2 *").unwrap_err();
    let market = |to: &str| with(r#""CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ""#, to);
    let cases = [
        (
            "replicas_0",
            with(r#""replicas": 1"#, r#""replicas": 0"#),
            "replicas: 0 is not valid; use 1 to 100; only INFINITE and SCHEDULED scale to 0, `stop` ends the jobs of others".into(),
        ),
        (
            "replicas_101",
            with(r#""replicas": 1"#, r#""replicas": 101"#),
            "replicas: 101 is not valid; use 1 to 100".into(),
        ),
        (
            "replicas_text",
            with(r#""replicas": 1"#, r#""replicas": "1""#),
            r#"replicas: "1" is not valid; use 1 to 100"#.into(),
        ),
        (
            "replicas_missing",
            with(r#""replicas": 1,"#, ""),
            "replicas: missing; use 1 to 100".into(),
        ),
        (
            "timeout_0",
            with(r#""timeout": 60"#, r#""timeout": 0"#),
            format!("timeout: 0 is not valid; {TIMEOUTS}"),
        ),
        (
            "timeout_negative",
            with(r#""timeout": 60"#, r#""timeout": -1"#),
            format!("timeout: -1 is not valid; {TIMEOUTS}"),
        ),
        (
            "strategy",
            strategy(r#""CRON""#),
            r#"strategy: "CRON" is not valid; use SIMPLE, SIMPLE-EXTEND, SCHEDULED or INFINITE"#
                .into(),
        ),
        (
            "no_schedule",
            strategy(r#""SCHEDULED""#),
            format!("schedule: missing; {SCHEDULES}"),
        ),
        (
            "schedule_with_simple",
            strategy(r#""SIMPLE", "schedule": "0 0 * * *""#),
            r#"schedule: "0 0 * * *" is not valid; only strategy SCHEDULED has a schedule"#.into(),
        ),
        (
            "schedule_never",
            schedule(r#""0 0 31 2 *""#),
            format!(r#"schedule: "0 0 31 2 *" is not valid; {never}"#),
        ),
        (
            "market",
            market(r#""3090""#),
            format!(r#"market: "3090" is not valid; {MARKETS}"#),
        ),
        (
            "market_missing",
            with(
                r#""market": "CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ","#,
                "",
            ),
            format!("market: missing; {MARKETS}"),
        ),
        (
            "malformed",
            with(r#""replicas": 1,"#, r#""replicas": ,"#),
            "JSON: line 4, column 17 is not valid; Unexpected comma".into(),
        ),
        (
            "empty",
            String::new(),
            "JSON: missing; use an object: {...}".into(),
        ),
    ];
    for (name, content, expected) in cases {
        let (code, stdout, stderr) = demo_of(name, &content);
        assert_eq!(stderr, format!("error: {expected}\n"), "{name}");
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{name}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let (code, stdout, stderr) = demo("/nonexistent/deployment.json");
    assert_eq!(
        stderr,
        "error: /nonexistent/deployment.json: No such file or directory (os error 2)\n"
    );
    assert_eq!((code, stdout.as_str()), (Some(2), ""));
}

#[test]
fn programs_that_are_not_built_are_named_with_what_to_run() {
    let (code, stdout, stderr) = demo_of("good", GOOD);
    assert_eq!(stderr, "error: /nonexistent/deployments.so: No such file or directory (os error 2); run `cargo xtask build-program` first\n");
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
}

#[test]
fn what_people_bring_from_the_service_becomes_files() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("import");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let answer = folder.join("answer.json");
    let market = "CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ";
    let one = format!(
        r#"{{"id": "a", "name": "My Service", "market": "{market}", "vault": "{market}", "replicas": 1, "timeout": 60,
            "strategy": "SIMPLE-EXTEND", "active_revision": 1, "job_definition": {{"version": "0.1", "type": "container",
            "ops": [{{"type": "container/run", "id": "a", "args": {{"image": "ubuntu"}}}}]}}}}"#
    );
    std::fs::write(&answer, format!("[{one}, {one}]")).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_nosana-deploy"));
        command
            .current_dir(&folder)
            .args(arguments)
            .output()
            .unwrap()
    };
    let imported = run(&["import", "answer.json"]);
    let shown = String::from_utf8(imported.stdout).unwrap();
    assert!(imported.status.success(), "{shown}");
    assert!(shown.contains("which is auto_extend here"), "{shown}");
    let valid = run(&["validate", "my-service.json", "my-service-2.json"]);
    assert!(
        valid.status.success(),
        "nothing is overwritten, and both are valid"
    );

    std::fs::write(&answer, one.replace("\"job_definition\"", "\"lost\"")).unwrap();
    let imported = run(&["import", "answer.json"]);
    assert_eq!(imported.status.code(), Some(2));
    let shown = String::from_utf8(imported.stdout).unwrap();
    assert!(
        shown.contains("to be mended: job_definition: missing"),
        "{shown}"
    );
}
