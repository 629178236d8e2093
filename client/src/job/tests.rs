use super::*;
use serde_json::json;

fn lines(definition: &Value) -> Vec<String> {
    let violations = check(definition).into_iter();
    violations
        .map(|v| match v.value {
            Some(value) => format!("{}: {value}; {}", v.path, v.valid),
            None => format!("{}: missing; {}", v.path, v.valid),
        })
        .collect()
}

/// A valid definition with every kind of thing in it, and a second with the short forms.
fn bases() -> Vec<Value> {
    VERDICTS
        .lines()
        .take(2)
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// What Nosana's own validator (npm @nosana/types 2.1.6) says of 2,453 changes to two definitions
/// that it accepts: a field removed or added, a value replaced. The first two lines are those.
const VERDICTS: &str = include_str!("fixtures/verdicts.jsonl");

fn changed(base: &Value, change: &Value) -> Value {
    let mut changed = base.clone();
    let at = change["at"].as_str().unwrap();
    let (parent, last) = at.rsplit_once('/').unwrap_or(("", ""));
    if let Some(value) = change.get("put") {
        *changed.pointer_mut(at).unwrap() = value.clone();
    } else if change.get("add").is_some() {
        let object = changed.pointer_mut(at).unwrap().as_object_mut().unwrap();
        object.insert("unknown".into(), 1.into());
    } else {
        let object = changed
            .pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap();
        object
            .shift_remove(&last.replace("~1", "/").replace("~0", "~"))
            .unwrap();
    }
    changed
}

/// Whether ours refuses, rightly, what the other validator lets through and no node can run.
fn is_stricter_on_purpose(path: &str, change: &Value) -> bool {
    let stricter = path == "ops"
        || path.ends_with(".id")
        || path.ends_with(".image")
        || path.ends_with(".port")
        || path.contains(".expose")
        || path.contains(".depends_on")
        || path.ends_with(".regex");
    // It confuses the arguments of the two types of operation.
    let other_type = change["put"] == "container/run" || change["put"] == "container/create-volume";
    stricter || other_type
}

#[test]
fn what_nosana_s_validator_accepts_and_refuses_is_accepted_and_refused() {
    let bases = bases();
    let mut changes = 0;
    for line in VERDICTS.lines().skip(2) {
        let change: Value = serde_json::from_str(line).unwrap();
        let base = &bases[usize::try_from(change["base"].as_u64().unwrap()).unwrap()];
        let violations = check(&changed(base, &change));
        if change["valid"] == false {
            assert!(!violations.is_empty(), "accepted: {line}");
        }
        if change["valid"] == true {
            for violation in violations {
                let path = violation.path.to_string();
                assert!(
                    is_stricter_on_purpose(&path, &change),
                    "refused at {path}: {line}"
                );
            }
        }
        changes += 1;
    }
    assert!(changes > 1_000);
}

#[test]
fn every_violation_has_a_place_and_says_what_is_valid() {
    let bases = bases();
    for line in VERDICTS.lines().skip(2) {
        let change: Value = serde_json::from_str(line).unwrap();
        let base = &bases[usize::try_from(change["base"].as_u64().unwrap()).unwrap()];
        for violation in check(&changed(base, &change)) {
            let said = violation.valid.as_str();
            assert!(
                !said.contains("what the schema allows"),
                "{violation:?} {line}"
            );
            assert!(
                said.starts_with("use ") || said.starts_with("no such field"),
                "{said}"
            );
        }
    }
}

fn run(args: Value) -> Value {
    json!({"version": "0.1", "type": "container", "ops": [
        {"type": "container/run", "id": "a", "args": args}
    ]})
}

#[test]
fn common_mistakes_get_a_hint_at_their_place() {
    let cases = [
        (
            run(json!({"image": "i", "expose": [{"port": 80, "health_checks": [
                {"type": "http", "path": "/", "method": "GET", "expected_status": 200}]}]})),
            "ops[0].args.expose[0].health_checks[0].continuous: missing; use true to check as long as the job runs, false until it first succeeds",
        ),
        (
            run(json!({"image": "i", "env": {"PORT": 8080}})),
            "ops[0].args.env.PORT: <hidden>; use a string; quote numbers and true or false: \"8080\"",
        ),
        (
            run(json!({"image": "i", "ports": ["80:80"]})),
            "ops[0].args.ports: [...]; no such field; use expose",
        ),
        (
            run(json!({"image": "i", "mounts": []})),
            "ops[0].args.mounts: []; no such field; use volumes",
        ),
        (
            run(json!({"image": "i", "resources": [{"type": "OLLAMA", "model": "m"}]})),
            "ops[0].args.resources[0]: {...}; use a resource of type \"S3\", \"HF\" or \"Ollama\", or a placeholder",
        ),
        (
            run(json!({"image": "i", "resources": [{"type": "HF", "target": "/x"}]})),
            "ops[0].args.resources[0].repo: missing; use a repository, for example \"Qwen/Qwen3-8B\"",
        ),
        (
            run(json!({"image": "i", "expose": 70000})),
            "ops[0].args.expose: 70000; use a port, 1 to 65535",
        ),
        (
            run(json!({"image": "i", "expose": [80, {"port": 80}]})),
            "ops[0].args.expose[1]: 80; use a port that this operation does not expose already",
        ),
        (run(json!({"image": "i", "gpu": null})), "ops[0].args.gpu: null; use true or false"),
        (run(json!({})), "ops[0].args.image: missing; use a container image, for example \"docker.io/library/ubuntu:24.04\""),
        (
            json!({"version": "1.0", "type": "container", "ops": []}),
            "version: \"1.0\"; use \"0.1\", the only version\nops: []; use a list of at least one operation",
        ),
        (
            json!({"version": "0.1", "type": "container", "ops": [{"type": "container/start", "id": "a", "args": {}}]}),
            "ops[0]: {...}; use an operation: type \"container/run\" or \"container/create-volume\", with id and args",
        ),
        (
            json!({"version": "0.1", "type": "container", "ops": [
                {"type": "container/create-volume", "id": "a b", "args": {"image": "i"}}]}),
            "ops[0].id: \"a b\"; use an id without spaces, unique among the operations\nops[0].args.image: \"i\"; no such field; there are name\nops[0].args.name: missing; use a string",
        ),
    ];
    for (definition, expected) in cases {
        let mut found = lines(&definition);
        let mut expected: Vec<_> = expected.lines().collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    }
}

#[test]
fn what_a_schema_cannot_say_is_checked_too() {
    let op = |id: &str, needs: &[&str]| {
        json!({"type": "container/run", "id": id, "args": {"image": "i"},
               "execution": {"depends_on": needs}})
    };
    let definition = |ops: Vec<Value>| json!({"version": "0.1", "type": "container", "ops": ops});
    assert!(lines(&definition(vec![
        op("a", &[]),
        op("b", &["a"]),
        op("c", &["a", "b"])
    ]))
    .is_empty());
    assert_eq!(
        lines(&definition(vec![op("a", &["z"]), op("a", &[])])),
        [
            "ops[1].id: \"a\"; use an id that no other operation has",
            "ops[0].execution.depends_on[0]: \"z\"; use another operation's id: a",
        ]
    );
    let cycle = lines(&definition(vec![
        op("a", &["b"]),
        op("b", &["c"]),
        op("c", &["b"]),
    ]));
    assert_eq!(
        cycle.len(),
        2,
        "b and c wait for themselves, a only for them: {cycle:?}"
    );
    let itself = lines(&definition(vec![op("a", &["a"])]));
    assert_eq!(itself.len(), 1, "{itself:?}");

    let regex = |regex: &str| {
        let mut value = run(json!({"image": "i"}));
        value["ops"][0]["results"] = json!({"r": {"regex": regex, "logType": ["stdout"]}});
        lines(&value)
    };
    // JavaScript's: lookbehind and named groups are fine.
    assert!(regex(r"(?<=v)(?<major>\d+)").is_empty());
    let broken = regex("(");
    assert!(
        broken[0]
            .starts_with("ops[0].results.r.regex: \"(\"; use a regular expression of JavaScript: "),
        "{broken:?}"
    );
}

#[test]
fn no_secret_is_shown() {
    let definition = run(json!({
        "image": "i", "env": {"KEY": 5150}, "authentication": {"docker": {"password": 5150}},
        "resources": [{"type": "HF", "target": "/x", "repo": "r", "accessToken": 5150},
                      {"type": "S3", "target": "/y", "IAM": {"REGION": "r", "ACCESS_KEY_ID": "k", "SECRET_ACCESS_KEY": 5150}}]
    }));
    let found = lines(&definition);
    assert_eq!(found.len(), 4, "{found:?}");
    assert!(
        found
            .iter()
            .all(|line| line.contains("<hidden>") && !line.contains("5150")),
        "{found:?}"
    );
}

#[test]
fn a_definition_reads_into_types_too() {
    for base in bases() {
        let definition: schema::JobDefinition = serde_json::from_value(base).unwrap();
        assert!(!definition.ops.is_empty());
    }
}
