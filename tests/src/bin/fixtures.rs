//! Prints what the Rust client says of many inputs, so that the TypeScript client can be held to it.
//! `cargo xtask fixtures` writes it to `client/typescript/test/fixtures.json`. Whole numbers of 64 bits are
//! strings, since JavaScript's numbers hold 53.

// An input that is not what it is meant to be makes no fixture.
#![allow(clippy::expect_used)]

use anchor_lang::{event::EVENT_IX_TAG_LE, AnchorSerialize, Discriminator};
use bytemuck::Zeroable;
use deployments::{
    events::{DeploymentChanged, JobChange, JobEvent, JobsCleaned, Left, Outcome, Ran, Reward},
    state::{deployment::Deployment, ActiveJob},
};
use deployments_domain::{
    cron::Schedule,
    settings::{Overlap, Strategy},
    status::{Reason, Status},
};
use nosana_deploy_client::{
    definition::Definition, digest, endpoints, instructions, seeds, DeploymentSpec,
};
use serde_json::{json, Value};
use solana_instruction::Instruction;
use solana_keypair::Keypair;
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;

/// What the market asks where a deployment names no cap, NOS base units per second.
const PRICE: u64 = 33;

fn main() {
    let fixtures = json!({
        "codes": codes(),
        "addresses": addresses(),
        "files": files(),
        "schedules": schedules(),
        "refusedSchedules": REFUSED_SCHEDULES,
        "creations": creations(),
        "refusedCreations": refused_creations(),
        "endpoints": exposed(),
        "account": account(),
        "events": [changed(), cleaned()],
        "authorization": authorization(),
    });
    println!("{fixtures:#}");
}

/// A key that is the same at every run.
fn key(of: u8) -> Pubkey {
    keypair(of).pubkey()
}

fn keypair(of: u8) -> Keypair {
    Keypair::new_from_array([of; 32])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn codes() -> Value {
    json!({
        "statuses": Status::ALL.map(Status::name),
        "strategies": Strategy::ALL.map(Strategy::name),
        "reasons": Reason::ALL.map(Reason::name),
        "overlaps": Overlap::ALL.map(Overlap::name),
    })
}

fn addresses() -> Value {
    let (wallet, deployment) = (key(1), seeds::deployment_address(&key(1), 300).0);
    let text = |(address, _): (Pubkey, u8)| address.to_string();
    let vault = |index: u16| (index, text(seeds::vault_address(&wallet, index)));
    let of_id = |id: u64| {
        let address = text(seeds::deployment_address(&wallet, id));
        (id.to_string(), address)
    };
    let revision = |number: u32| (number, text(seeds::revision_address(&deployment, number)));
    let job = |index: u64| {
        let job = text(seeds::job_address(&deployment, index));
        let run = text(seeds::run_address(&deployment, index));
        (index.to_string(), job, run)
    };
    let (vaults, deployments) = ([0, 1, u16::MAX].map(vault), [0, 1, u64::MAX].map(of_id));
    let (revisions, jobs) = ([2, u32::MAX].map(revision), [0, 256, u64::MAX].map(job));
    json!({
        "wallet": wallet.to_string(),
        "owner": text(seeds::owner_address(&wallet)),
        "vaults": vaults,
        "nosAccount": instructions::nos_account_address(&wallet).to_string(),
        "deployments": deployments,
        "deployment": deployment.to_string(),
        "revisions": revisions,
        "jobs": jobs,
    })
}

/// Byte i of each file is 31 i + 7.
fn files() -> Vec<(usize, String)> {
    let sizes = [0, 1, 262_144, 262_145, 600_000, 45_613_057];
    let cid = |size: usize| {
        let byte = |i: usize| i.wrapping_mul(31).wrapping_add(7).to_le_bytes()[0];
        let bytes: Vec<u8> = (0..size).map(byte).collect();
        digest::cid(&digest::digest(&bytes))
    };
    sizes.map(|size| (size, cid(size))).to_vec()
}

const SCHEDULES: [&str; 18] = [
    "* * * * *",
    "0 0 * * *",
    "*/15 * * * *",
    "5/15 8-18/2 * * MON-FRI",
    "0 0 1,15 * 3",
    "0 0 ? * 1",
    "0 0 1 * ?",
    "0 12 28-31 feb,APR *",
    "59 23 31 12 *",
    "0 0 29 2 *",
    "0 0 * * 7",
    "0 0 * * 0",
    "0 0 * * FRI-SUN",
    "0 0 * * 1/2",
    "0 0 * * */7",
    "0 0 * * 5-7",
    "  0\t0  1-10/3 * * ",
    "0 0 31 2 1",
];

const REFUSED_SCHEDULES: [&str; 21] = [
    "",
    "* * * *",
    "* * * * * *",
    "@daily",
    "60 * * * *",
    "* 24 * * *",
    "* * 0 * *",
    "* * * 13 *",
    "* * * * 8",
    "+1 * * * *",
    "1- * * * *",
    "5-1 * * * *",
    "*/0 * * * *",
    "*/60 * * * *",
    "1/2/3 * * * *",
    "1-2-3 * * * *",
    "? * * * *",
    "* * L * *",
    "* * * * MON#1",
    "0 0 31 2 *",
    "0 0 * JAN-XYZ *",
];

fn schedules() -> Vec<Value> {
    assert!(REFUSED_SCHEDULES
        .iter()
        .all(|text| Schedule::parse(text).is_err()));
    let row = |text: &str| {
        let schedule = Schedule::parse(text).expect(text);
        json!({
            "expression": text,
            "minute": schedule.minute.to_string(),
            "hour": schedule.hour,
            "dayOfMonth": schedule.day_of_month,
            "month": schedule.month,
            "dayOfWeek": schedule.day_of_week,
            "dayOfMonthStar": schedule.day_of_month_star,
            "dayOfWeekStar": schedule.day_of_week_star,
        })
    };
    SCHEDULES.map(row).to_vec()
}

const JOB: &str = r#"{"version": "0.1", "type": "container", "ops": [
    {"type": "container/run", "id": "a", "args": {"image": "ubuntu", "expose": 80, "env": {"10": "x", "2": "y", "K": "é\u0001☃"}}}]}"#;

/// A deployment's JSON with these further fields.
fn deployment_json(fields: &str, job: &str) -> String {
    let market = key(9);
    format!(
        "{{\"name\": \"na\u{ef}ve\", \"market\": \"{market}\", {fields}, \"job_definition\": {job}}}"
    )
}

fn creations() -> Vec<Value> {
    let (owner, access_key) = (key(1), key(5));
    let vault = seeds::vault_address(&owner, 3).0;
    let named = JOB.replacen('{', r#"{"deployment_id": "ours", "#, 1);
    let simple = r#""replicas": 1, "timeout": 60, "strategy": "SIMPLE""#;
    let texts = [
        deployment_json(simple, JOB),
        deployment_json(simple, &named),
        deployment_json(&format!(r#"{simple}, "confidential": true"#), JOB),
        deployment_json(&format!(r#"{simple}, "confidential": true"#), &named),
        deployment_json(
            &format!(r#"{simple}, "vault": "{vault}", "max_price": "none""#),
            JOB,
        ),
        deployment_json(
            &format!(r#"{simple}, "new_vault": true, "autostart": true"#),
            JOB,
        ),
        deployment_json(
            r#"/* words */ "replicas": 100, "timeout": 43200, "strategy": "SIMPLE-EXTEND", "auto_extend": true, "retries": 7"#,
            JOB,
        ),
        deployment_json(
            r#""replicas": 0, "timeout": 61, "strategy": "INFINITE""#,
            JOB,
        ),
        deployment_json(
            r#""replicas": 2.0, "timeout": 6e1, "strategy": "INFINITE", "rotation_time": 30, "keeper_reward": 10000"#,
            JOB,
        ),
        deployment_json(
            &format!(
                r#""replicas": 3, "timeout": 5, "strategy": "SCHEDULED", "schedule": "*/5 1-5 * 2 *", "overlap": "REPLACE",
                "max_price": 9007199254740991, "max_fee_bps": 0, "max_rewards": 0, "max_queue_minutes": 9, "vault": 65535,
                "access_key": "{access_key}""#
            ),
            JOB,
        ),
        // Numbers are printed as JavaScript prints them, and one that a double does not hold is the double.
        deployment_json(
            simple,
            r#"{"version": "0.1", "type": "container", "meta": {"n": [1.0, -0, 1e21, 9007199254740993, 0.0000001]}, "ops": [
                {"type": "container/run", "id": "a", "args": {"image": "ubuntu"}},]}"#,
        ),
    ];
    texts.iter().map(|text| creation(&owner, text)).collect()
}

fn creation(owner: &Pubkey, text: &str) -> Value {
    const ID: u64 = 41;
    let (new_vault, server) = (8, "https://example.org/nosana/");
    let mut spec = DeploymentSpec::from_json(text).expect("a fixture is valid");
    assert!(
        spec.find_vault(owner),
        "the fixture's vault is one of its owner's"
    );
    spec.cap_price(PRICE);
    if spec.new_vault {
        spec.vault_index = new_vault;
    }
    spec.definitions_url = server.into();
    let deployment = seeds::deployment_address(owner, ID).0;
    let (definition, pinned) = (spec.definition(&deployment), spec.pinned(&deployment));
    json!({
        "json": text,
        "options": {"owner": owner.to_string(), "id": ID, "pricePerSecond": PRICE, "newVaultIndex": new_vault, "definitionsUrl": server},
        "deployment": deployment.to_string(),
        "vaultIndex": spec.vault_index,
        "project": spec.project(owner).to_string(),
        "definition": definition.text(),
        "cid": definition.cid(),
        "pinned": pinned.text(),
        "pinnedCid": pinned.cid(),
        "instructions": instructions::create(owner, ID, &spec).iter().map(instruction).collect::<Vec<_>>(),
    })
}

fn instruction(instruction: &Instruction) -> Value {
    let accounts = instruction
        .accounts
        .iter()
        .map(|meta| json!([meta.pubkey.to_string(), meta.is_signer, meta.is_writable]));
    json!({
        "program": instruction.program_id.to_string(),
        "accounts": accounts.collect::<Vec<_>>(),
        "data": hex(&instruction.data),
    })
}

/// Texts, and the fields of which each is refused.
fn refused_creations() -> Vec<Value> {
    let simple = r#""replicas": 1, "timeout": 60, "strategy": "SIMPLE""#;
    let with = |fields: &str| deployment_json(&format!("{simple}, {fields}"), JOB);
    let texts = [
        String::new(),
        "[]".into(),
        "{\"name\": 'a'}".into(),
        r#"{"name": "a", "name": "b"}"#.into(),
        deployment_json(
            r#""replicas": 101, "timeout": 0, "strategy": "ALWAYS""#,
            JOB,
        ),
        deployment_json(
            r#""replicas": 1.5, "timeout": "60", "strategy": "SIMPLE""#,
            JOB,
        ),
        deployment_json(
            simple,
            r#"{"version": "0.1", "type": "container", "ops": [{"type": "container/run", "id": "a b", "args": {"image": ""}}]}"#,
        ),
        deployment_json(simple, &JOB.replace("0.1", "0.2")),
        with(r#""max_price": -1"#),
        with(r#""max_fee_bps": 10001"#),
        with(r#""vault": 65536"#),
        with(r#""vault": 1, "new_vault": true"#),
        with(r#""access_key": "1111""#),
        with(r#""autostart": 1"#),
        deployment_json(
            r#""replicas": 1, "timeout": 60, "strategy": "SCHEDULED", "schedule": "0 0 31 2 *""#,
            JOB,
        ),
    ];
    let fields = |text: &str| {
        let errors = DeploymentSpec::from_json(text).expect_err("a fixture is refused");
        errors
            .0
            .into_iter()
            .map(|error| error.field)
            .collect::<Vec<_>>()
    };
    texts
        .iter()
        .map(|text| json!({"json": text, "fields": fields(text)}))
        .collect()
}

fn exposed() -> Vec<Value> {
    let definitions = [
        json!({"ops": [{"id": "a", "args": {"expose": 80}}]}),
        json!({"deployment_id": "ours", "ops": [{"id": "v"}, {"id": "a", "args": {"expose": [80, {"port": 81}]}}, {"id": "b", "args": {"expose": 81.0}}]}),
        json!({"deployment_id": "ours", "ops": [{"id": "a", "args": {"expose": {"port": 80}}}, {"id": "b", "args": {"expose": "%%x%%"}}]}),
        json!({"deployment_id": "ours", "ops": [{"id": "a", "args": {"expose": 80}}, {"id": "b", "args": {"expose": [81], "private": true}}, {"id": "c", "args": {}}]}),
        json!({"deployment_id": "ours", "ops": [{"id": "a", "args": {"expose": [80, "%%x%%", {"__spread__": "%%ops.b%%"}, 65536, null]}}, {"id": "b", "args": {"expose": []}}]}),
        json!({"deployment_id": "ours", "ops": []}),
    ];
    let (project, job) = (key(2), key(3));
    let row = |value: &Value| {
        let text = nosana_deploy_client::json::stringify(value);
        let definition = Definition::read(&text, &digest::digest(text.as_bytes()))
            .expect("it is the one of its digest");
        let told = |found: endpoints::Endpoints| {
            let known = found.known.into_iter();
            let hidden = found.hidden.into_iter();
            json!({
                "known": known.map(|it| json!({"op": it.op, "port": it.port, "url": it.url})).collect::<Vec<_>>(),
                "hidden": hidden.map(|it| json!({"op": it.op, "why": format!("{:?}", it.why)})).collect::<Vec<_>>(),
            })
        };
        json!({
            "definition": value,
            "project": project.to_string(),
            "job": job.to_string(),
            "ofDeployment": told(endpoints::of_deployment(&definition, &project)),
            "ofJob": told(endpoints::of_job(&definition, &job)),
        })
    };
    definitions.iter().map(row).collect()
}

/// Two slots in use, of four.
fn account() -> Value {
    let name = "na\u{ef}ve";
    let mut header = Deployment::zeroed();
    header.version = Deployment::VERSION;
    header.status = Status::Running as u8;
    header.strategy = Strategy::Infinite as u8;
    header.replicas = 2;
    header.timeout_seconds = 3_600;
    header.rotation_seconds = 1_200;
    header.owner = key(1);
    header.vault = key(2);
    header.market = key(9);
    header.id = u64::MAX;
    header.active = 2;
    header.next_job_index = 1 << 53;
    header.name_len = u8::try_from(name.len()).expect("it is short");
    for (to, from) in header.name.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    let waiting = ActiveJob {
        index: u64::MAX,
        listed_at: 1_700_000_000,
        revision: 2,
        restarts: 1,
        timeout_seconds: 3_600,
        waited_seconds: ActiveJob::NOT_RUNNING,
        ..ActiveJob::zeroed()
    };
    let running = ActiveJob {
        index: 7,
        waited_seconds: 20,
        restarts: 0,
        ..waiting
    };
    let free = ActiveJob::zeroed();
    let mut data = Deployment::DISCRIMINATOR.to_vec();
    data.extend_from_slice(bytemuck::bytes_of(&header));
    for slot in [waiting, running, free, free] {
        data.extend_from_slice(bytemuck::bytes_of(&slot));
    }
    json!({
        "data": hex(&data),
        "owner": header.owner.to_string(),
        "id": header.id.to_string(),
        "nextJobIndex": header.next_job_index.to_string(),
        "name": name,
        "status": "RUNNING",
        "strategy": "INFINITE",
        "project": header.vault.to_string(),
        "slots": 4,
        "jobs": [
            {"index": waiting.index.to_string(), "restarts": true, "startedAt": null},
            {"index": "7", "restarts": false, "startedAt": "1700000020"},
        ],
    })
}

fn event<E: Discriminator + AnchorSerialize>(event: &E) -> String {
    let mut data = [EVENT_IX_TAG_LE, E::DISCRIMINATOR].concat();
    event.serialize(&mut data).expect("memory takes it");
    hex(&data)
}

/// With everything that can happen to a job.
fn changed() -> Value {
    let ran = Ran {
        node: key(4),
        started_at: 10,
        ended_at: 20,
        result: [7; 32],
    };
    let left = Left {
        nos_paid: 1,
        nos_returned: 2,
        run: Some(ran),
    };
    let what = [
        JobEvent::Listed { deposit: u64::MAX },
        JobEvent::Started { started_at: -1 },
        JobEvent::Extended {
            timeout_seconds: 60,
        },
        JobEvent::Settled {
            outcome: Outcome::Gone,
            left: None,
        },
        JobEvent::Settled {
            outcome: Outcome::Done,
            left: Some(left),
        },
    ];
    let told = DeploymentChanged {
        deployment: key(6),
        sequence: 1,
        at: 30,
        from: Status::Running as u8,
        to: Status::Stopping as u8,
        reason: 0,
        replicas: 2,
        revision: 3,
        job_definition: [9; 32],
        jobs: what.map(|what| JobChange { index: 5, what }).to_vec(),
        reward: Some(Reward {
            keeper: key(7),
            lamports: 10_000,
        }),
        moved_to: None,
    };
    json!({
        "data": event(&told),
        "kind": "DeploymentChanged",
        "deployment": key(6).to_string(),
        "jobs": [
            {"__kind": "Listed", "deposit": u64::MAX.to_string()},
            {"__kind": "Started", "startedAt": "-1"},
            {"__kind": "Extended", "timeoutSeconds": 60},
            {"__kind": "Settled", "outcome": Outcome::Gone as u8, "left": null},
            {"__kind": "Settled", "outcome": Outcome::Done as u8, "left": {"nosPaid": "1", "nosReturned": "2", "run": {
                "node": key(4).to_string(), "startedAt": "10", "endedAt": "20", "result": hex(&[7; 32])}}},
        ],
    })
}

fn cleaned() -> Value {
    let told = JobsCleaned {
        deployment: key(6),
        indices: vec![0, u64::MAX],
        returned_lamports: 11,
        reward: Reward {
            keeper: key(7),
            lamports: 1,
        },
    };
    json!({"data": event(&told), "kind": "JobsCleaned", "deployment": key(6).to_string()})
}

/// A header that the owner of vault 3 signed for a job.
fn authorization() -> Value {
    let (owner, job) = (keypair(1), key(3));
    let at_ms = 1_700_000_000_000_u64;
    let signature = owner.sign_message(job.to_string().as_bytes());
    json!({
        "owner": owner.pubkey().to_string(),
        "vaultIndex": 3,
        "project": seeds::vault_address(&owner.pubkey(), 3).0.to_string(),
        "job": job.to_string(),
        "atMs": at_ms,
        "header": format!("{job}:{signature}:{at_ms}"),
    })
}
