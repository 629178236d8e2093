use super::*;
use crate::json;
use deployments_domain::cron::Schedule;

const EXAMPLE: &str = include_str!("../../../examples/pytorch-jupyter-scheduled.json");
/// A deployment whose job definition is left out: `{...}`.
const OUTLINE: &str = include_str!("outline.json");

const JOB: &str = r#"{"version": "0.1", "type": "container", "ops": [{"type": "container/run", "id": "a", "args": {"image": "ubuntu"}}]}"#;

const GOOD: &str = r#"{
    "name": "n", "market": "CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ",
    "replicas": 1, "timeout": 60, "strategy": "SIMPLE", "job_definition": {"version": "0.1", "type": "container", "ops": [{"type": "container/run", "id": "a", "args": {"image": "ubuntu"}}]}
}"#;

#[test]
fn the_scheduled_example_is_read_byte_for_byte() {
    let spec = DeploymentSpec::from_json(EXAMPLE).unwrap();
    assert_eq!(spec.name, "Pytorch Jupyter Notebook");
    assert_eq!(
        spec.market.to_string(),
        "CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ"
    );
    assert_eq!(
        (spec.settings.replicas, spec.settings.timeout_seconds),
        (1, 3600)
    );
    assert_eq!(spec.settings.strategy, Strategy::Scheduled);
    assert_eq!(
        spec.settings.schedule,
        Some(Schedule::parse("0 0 * * *").unwrap())
    );
    let definition = json::stringify(&spec.job_definition);
    assert!(definition.starts_with(r#"{"ops":[{"id":"Pytorch","args":{"cmd":["jupyter","lab","#));
    assert!(definition.ends_with(r#""type":"container","version":"0.1"}"#));
}

#[test]
fn an_outline_is_read_once_its_placeholder_is_filled() {
    let filled = OUTLINE.replace("{...}", JOB);
    let spec = DeploymentSpec::from_json(&filled).unwrap();
    assert_eq!(
        (spec.settings.strategy, spec.settings.schedule),
        (Strategy::Simple, None)
    );
    assert_eq!(spec.settings.timeout_seconds, 3600);
}

#[test]
fn what_is_left_out_has_a_default_and_what_is_given_is_kept() {
    let spec = DeploymentSpec::from_json(GOOD).unwrap();
    assert_eq!(
        (
            spec.settings.overlap,
            spec.settings.rotation_seconds,
            spec.settings.auto_extend
        ),
        (Overlap::Allow, 0, false)
    );
    let infinite = DeploymentSpec::from_json(&GOOD.replace("SIMPLE", "INFINITE")).unwrap();
    assert_eq!(infinite.settings.rotation_seconds, 1_200);
    assert_eq!(spec.settings.max_price_per_second, u64::MAX);
    assert_eq!(
        (
            spec.settings.keeper_reward_lamports,
            spec.vault_index,
            spec.autostart
        ),
        (0, 0, false)
    );
    let given = GOOD.replace(
        r#""replicas""#,
        r#""max_price": 7, "keeper_reward": 8, "vault": 9, "autostart": true, "replicas""#,
    );
    let spec = DeploymentSpec::from_json(&given).unwrap();
    assert_eq!(spec.settings.max_price_per_second, 7);
    assert_eq!(
        (
            spec.settings.keeper_reward_lamports,
            spec.vault_index,
            spec.autostart
        ),
        (8, 9, true)
    );
    let owner = Pubkey::new_from_array([7; 32]);
    let args = spec.create_args(&owner, 5);
    let address = crate::seeds::deployment_address(&owner, 5).0;
    assert_eq!(
        (args.id, args.strategy, args.job_definition),
        (5, 0, *spec.definition(&address).digest())
    );
}

#[test]
fn each_mistake_is_one_line_with_field_value_and_what_is_valid() {
    let cases = [
        (r#""replicas": 1"#, r#""replicas": 0"#, "replicas: 0 is not valid; use 1 to 100; only INFINITE and SCHEDULED scale to 0, `stop` ends the jobs of others"),
        (r#""replicas": 1"#, r#""replicas": "1""#, r#"replicas: "1" is not valid; use 1 to 100"#),
        (r#""replicas": 1"#, r#""replicas": 1.5"#, "replicas: 1.5 is not valid; use 1 to 100"),
        (r#""timeout": 60"#, r#""timeout": 0"#, "timeout: 0 is not valid; use 1 to 43200 whole minutes"),
        (
            r#""timeout": 60"#,
            r#""timeout": 18446744073709551615"#,
            "timeout: 18446744073709551615 is not valid; use 1 to 43200 whole minutes",
        ),
        (
            r#""timeout": 60"#,
            r#""timeout": 1.5"#,
            "timeout: 1.5 is not valid; use 1 to 43200 whole minutes",
        ),
        (
            "SIMPLE",
            "ONCE",
            r#"strategy: "ONCE" is not valid; use SIMPLE, SIMPLE-EXTEND, SCHEDULED or INFINITE"#,
        ),
        (
            r#""timeout": 60, "strategy": "SIMPLE""#,
            r#""timeout": 59, "strategy": "INFINITE""#,
            "timeout: 59 is not valid; use at least 60 minutes with strategy INFINITE",
        ),
        (
            r#""strategy": "SIMPLE""#,
            r#""strategy": "INFINITE", "rotation_time": 50"#,
            "rotation_time: 50 is not valid; use 1 minute or more, and less than the timeout minus 10 minutes",
        ),
        (
            r#""strategy": "SIMPLE""#,
            r#""strategy": "SIMPLE", "overlap": "FORBID""#,
            r#"overlap: "FORBID" is not valid; use ALLOW, FORBID or REPLACE with strategy SCHEDULED, nothing with others"#,
        ),
        (
            r#""strategy": "SIMPLE""#,
            r#""strategy": "SIMPLE", "auto_extend": true"#,
            "auto_extend: true is not valid; only strategy SIMPLE-EXTEND prolongs its jobs",
        ),
        (
            "SIMPLE",
            "SCHEDULED",
            r#"schedule: missing; strategy SCHEDULED needs a cron expression, e.g. "0 0 * * *" for daily at midnight"#,
        ),
        (
            r#""SIMPLE""#,
            r#""SIMPLE", "schedule": "0 0 * * *""#,
            r#"schedule: "0 0 * * *" is not valid; only strategy SCHEDULED has a schedule"#,
        ),
        (
            r#""SIMPLE""#,
            r#""SCHEDULED", "schedule": "0 0 30 2 *""#,
            r#"schedule: "0 0 30 2 *" is not valid; it never fires, no month of it has such a day"#,
        ),
        (
            r#""SIMPLE""#,
            r#""SCHEDULED", "schedule": "0 25 * * *""#,
            r#"schedule: "0 25 * * *" is not valid; hour: "25" is not valid, use 0 to 23, *, lists (1,2), ranges (1-5) and steps (*/15)"#,
        ),
        (
            "CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ",
            "0OIl",
            r#"market: "0OIl" is not valid; use the market's base58 public key"#,
        ),
        (
            r#""market": "CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ","#,
            "",
            "market: missing; use the market's base58 public key",
        ),
        (r#""name": "n""#, r#""name": 5"#, "name: 5 is not valid; use at most 64 bytes of UTF-8"),
        (
            r#""replicas": 1"#,
            r#""replica": 1"#,
            "replicas: missing; use 1 to 100\nJSON: field \"replica\" is not valid; there are name, market, replicas, timeout, strategy, schedule, overlap, rotation_time, auto_extend, max_price, max_fee_bps, keeper_reward, max_rewards, retries, max_queue_minutes, vault, new_vault, access_key, autostart, confidential, job_definition",
        ),
        (
            JOB,
            "[]",
            "job_definition: [] is not valid; use a Nosana job definition: an object with version, type and ops",
        ),
        (
            JOB,
            r#""{\"env\": {\"PASSWORD\": \"secret\"}}""#,
            "job_definition: a string that holds an object is not valid; use the object itself, without quotes; Terraform's jsondecode makes it of the string",
        ),
        (
            r#""replicas": 1"#,
            r#""keeper_reward": 10000001, "replicas": 1"#,
            "keeper_reward: 10000001 is not valid; use at most 10000000 lamports per job",
        ),
        (
            r#""replicas": 1"#,
            r#""vault": 65536, "replicas": 1"#,
            "vault: 65536 is not valid; use the number of one of your vaults, 0 to 65535, or its address",
        ),
    ];
    for (valid, mistake, message) in cases {
        let text = GOOD.replacen(valid, mistake, 1);
        assert_ne!(text, GOOD, "{mistake}");
        let error = DeploymentSpec::from_json(&text).unwrap_err();
        assert_eq!(error.to_string(), message);
        assert_eq!(error.0.len(), message.lines().count());
    }
}

#[test]
fn text_that_is_no_json_object_is_refused_with_its_place() {
    for text in ["", "[]", "1", "{", "{\"name\": }", "{...}"] {
        let error = DeploymentSpec::from_json(text).unwrap_err();
        assert_eq!(error.0[0].field, "JSON", "{text}");
        assert!(!error.to_string().contains('\n'));
    }
    let error = DeploymentSpec::from_json("{\n  \"name\": oops\n}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "JSON: line 2, column 11 is not valid; Unexpected word"
    );
}

#[test]
fn only_json_with_comments_and_trailing_commas_is_read() {
    let good = |text: &str| DeploymentSpec::from_json(text).unwrap();
    let plain = good(GOOD);
    let same = [
        format!("\u{feff}{GOOD}"),
        GOOD.replacen('{', "{ // a comment\n /* another */", 1),
        GOOD.replace(r#""timeout": 60"#, r#""timeout": 60.0"#),
        GOOD.replace(r#""timeout": 60"#, r#""timeout": 6e1"#),
        GOOD.replace("CA5pMp", " CA5pMp")
            .replace("xKCpuQ", "xKCpuQ\\n"),
        GOOD.trim_end().trim_end_matches('}').to_owned() + ",}",
    ];
    for text in same {
        assert_eq!(good(&text), plain, "{text}");
    }
    let cases = [
        (r#""name": "n""#, "'name': \"n\"", "Single-quoted"),
        (r#""name": "n""#, r#"name: "n""#, "Expected string"),
        (r#""name": "n","#, r#""name": "n""#, "Expected comma"),
        (r#""timeout": 60"#, r#""timeout": 0x3c"#, "Hexadecimal"),
        (r#""timeout": 60"#, r#""timeout": +60"#, "plus"),
    ];
    for (valid, mistake, word) in cases {
        let text = GOOD.replacen(valid, mistake, 1);
        let error = DeploymentSpec::from_json(&text).unwrap_err().to_string();
        assert!(error.starts_with("JSON: line "), "{error}");
        assert!(error.contains(word), "{mistake}: {error}");
    }
}

#[test]
fn a_key_that_is_there_twice_is_refused_wherever_it_is() {
    let error = |text: &str| parse_json(text).unwrap_err().to_string();
    assert_eq!(
        error("{\n  \"a\": 1,\n  \"b\": 2, \"a\": 3\n}"),
        "JSON: key \"a\" at line 2, column 3 and at line 3, column 11 is not valid; give each key once"
    );
    assert!(error(r#"{"ops": [{"id": 1, "id": 1}]}"#).contains("key \"id\""));
    // Written differently, the same all the same.
    assert!(error(r#"{"a": 1, "\u0061": 2}"#).contains("key \"a\""));
    assert!(parse_json(r#"{"a": {"b": 1}, "b": {"a": 1}}"#).is_ok());
}

#[test]
fn what_is_too_deep_or_too_long_is_refused_and_crashes_nothing() {
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    assert!(parse_json(&nested(128)).is_ok());
    for levels in [129, 600, 100_000] {
        let error = parse_json(&nested(levels)).unwrap_err().to_string();
        assert!(error.starts_with("JSON: line 1, column "), "{error}");
        assert!(parse_json(&"[".repeat(levels)).is_err());
        assert!(parse_json(&"{\"a\":".repeat(levels)).is_err());
    }
    let long = format!("\"{}\"", "x".repeat(MAX_JSON_BYTES));
    let error = parse_json(&long).unwrap_err().to_string();
    assert_eq!(
        error,
        "JSON: 16777218 bytes is not valid; use at most 16777216 bytes"
    );
}

#[test]
fn unknown_fields_are_one_line_and_cannot_steer_the_terminal() {
    let text = GOOD.replacen('{', "{\"naem\": 1, \"x\\u001b[31m\u{202e}\": 2, ", 1);
    let error = DeploymentSpec::from_json(&text).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "JSON: each of the fields \"naem\", \"x?[31m?\" is not valid; there are name, "
        ),
        "{error}"
    );
    assert_eq!(error.lines().count(), 1);
}

#[test]
fn a_price_cap_that_is_left_out_is_half_as_much_again_as_the_price() {
    let spec = |max_price: &str| {
        let text = GOOD.replacen('{', &format!("{{{max_price}"), 1);
        let mut spec = DeploymentSpec::from_json(&text).unwrap();
        spec.cap_price(101);
        spec.settings.max_price_per_second
    };
    assert_eq!(spec(""), 152);
    assert_eq!(spec(r#""max_price": 7,"#), 7);
    assert_eq!(spec(r#""max_price": "none","#), NO_PRICE_CAP);
}

#[test]
fn a_long_value_is_shortened_in_the_message() {
    let text = GOOD.replace(r#""n""#, &format!("\"{}\"", "ö".repeat(65)));
    let error = DeploymentSpec::from_json(&text).unwrap_err().to_string();
    assert!(
        error.ends_with("… is not valid; use at most 64 bytes of UTF-8"),
        "{error}"
    );
}

#[test]
fn every_mistake_is_reported_at_once_and_none_that_follows_from_another() {
    let text = r#"{
        "naem": "n", "market": "nowhere", "replicas": 101, "timeout": "an hour",
        "strategy": "SIMPLE", "schedule": "0 0 * *", "overlap": "SOMETIMES", "job_definition": []
    }"#;
    let errors = DeploymentSpec::from_json(text).unwrap_err();
    let fields: Vec<&str> = errors.0.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "name",
            "market",
            "replicas",
            "timeout",
            "schedule",
            "overlap",
            "job_definition",
            "JSON"
        ]
    );
    assert_eq!(errors.to_string().lines().count(), 8);

    // An unknown strategy says nothing about the options that depend on it.
    let text = r#"{"strategy": "CRON", "schedule": "0 0 * * *", "rotation_time": 5}"#;
    let errors = DeploymentSpec::from_json(text).unwrap_err();
    let fields: Vec<&str> = errors.0.iter().map(|error| error.field.as_str()).collect();
    let missing = [
        "name",
        "market",
        "replicas",
        "timeout",
        "strategy",
        "job_definition",
    ];
    assert_eq!(fields, missing);
}

#[test]
fn a_vault_named_by_its_address_is_found_among_its_owner_s() {
    let (owner, stranger) = ([7; 32], [8; 32]);
    let [owner, stranger] = [owner, stranger].map(Pubkey::new_from_array);
    let address = crate::seeds::vault_address(&owner, 3).0;
    let named = format!(r#""vault": " {address} ", "replicas": 1"#);
    let text = GOOD.replacen(r#""replicas": 1"#, &named, 1);
    let mut spec = DeploymentSpec::from_json(&text).unwrap();
    assert_eq!((spec.vault_index, spec.vault_address), (0, Some(address)));
    assert!(!spec.find_vault(&stranger));
    assert!(spec.find_vault(&owner));
    assert_eq!(spec.vault_index, 3);
    let mut numbered = DeploymentSpec::from_json(GOOD).unwrap();
    assert!(numbered.find_vault(&stranger), "none to look for");
}
