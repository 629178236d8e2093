//! Whoever reads the IDL derives the addresses that this crate names.

use super::*;
use crate::{accounts::DeploymentAccount, keeper::plan::tests::snapshot, DeploymentSpec};
use deployments_domain::{settings::Strategy, status::Status};
use serde_json::{json, Value};
use std::collections::BTreeMap;

fn idl() -> Value {
    serde_json::from_str(include_str!("../../../idl/deployments.json")).unwrap()
}

/// The accounts of an instruction, groups opened, in their order.
fn flat(items: &[Value]) -> Vec<&Value> {
    let each = items.iter().map(|item| match item["accounts"].as_array() {
        Some(group) => flat(group),
        None => vec![item],
    });
    each.flatten().collect()
}

fn key(value: &Value) -> Vec<u8> {
    value
        .as_str()
        .unwrap()
        .parse::<Pubkey>()
        .unwrap()
        .to_bytes()
        .to_vec()
}

/// What a seed's path names: an argument, or a field of the deployment.
fn named(values: &Value, path: &str) -> Vec<u8> {
    let found = path.split('.').fold(values, |value, name| &value[name]);
    match (found, path.rsplit('.').next().unwrap()) {
        (Value::String(_), _) => key(found),
        (number, name) => {
            let number = number.as_u64().unwrap_or_else(|| panic!("{path}"));
            let bytes = match name {
                "vault_index" => 2,
                "number" => 4,
                _ => 8,
            };
            number.to_le_bytes()[..bytes].to_vec()
        }
    }
}

fn bytes(seed: &Value, accounts: &BTreeMap<&str, Pubkey>, values: &Value) -> Vec<u8> {
    let path = seed["path"].as_str().unwrap_or_default();
    match seed["kind"].as_str().unwrap() {
        "const" => {
            let value = seed["value"].as_array().unwrap().iter();
            value
                .map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap())
                .collect()
        }
        "account" if seed["account"].is_null() => accounts[path].to_bytes().to_vec(),
        _ => named(values, path),
    }
}

/// Compares every hint of an instruction. Returns how many there are.
fn compare(idl: &Value, name: &str, built: &Instruction, values: &Value) -> usize {
    let mut all = idl["instructions"].as_array().unwrap().iter();
    let instruction = all.find(|one| one["name"] == name).unwrap();
    let items = flat(instruction["accounts"].as_array().unwrap());
    let keys = built.accounts.iter().map(|meta| meta.pubkey);
    let names = items.iter().map(|item| item["name"].as_str().unwrap());
    let accounts: BTreeMap<&str, Pubkey> = names.zip(keys).collect();
    let hinted: Vec<&&Value> = items.iter().filter(|item| !item["pda"].is_null()).collect();
    for item in &hinted {
        let pda = &item["pda"];
        let seeds = pda["seeds"].as_array().unwrap().iter();
        let seeds: Vec<Vec<u8>> = seeds.map(|seed| bytes(seed, &accounts, values)).collect();
        let seeds: Vec<&[u8]> = seeds.iter().map(Vec::as_slice).collect();
        let program = match &pda["program"] {
            Value::Null => PROGRAM_ID,
            program => Pubkey::try_from(bytes(program, &accounts, values)).unwrap(),
        };
        let derived = Pubkey::find_program_address(&seeds, &program).0;
        let account = item["name"].as_str().unwrap();
        assert_eq!(derived, accounts[account], "{name}: {account}");
    }
    hinted.len()
}

#[test]
fn every_hint_of_the_idl_derives_the_address_that_is_named() {
    let idl = idl();
    let owner = Pubkey::new_unique();
    let vault = Vault::new(owner, 7);
    let deployment: DeploymentAccount = snapshot(Strategy::Infinite, Status::Running)
        .with(|header| {
            header.owner = owner;
            header.vault_index = 7;
            header.vault = vault.address;
            header.vault_nos = vault.nos;
        })
        .deployment;
    let address = deployment.address;
    let market = deployment.header.market;
    let text = r#"{"name": "n", "market": "CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ", "replicas": 1,
        "timeout": 60, "strategy": "SIMPLE", "vault": 7, "job_definition": {"version": "0.1", "type": "container",
        "ops": [{"type": "container/run", "id": "a", "args": {"image": "ubuntu"}}]}}"#;
    let spec = DeploymentSpec::from_json(text).unwrap();
    let keeper = Pubkey::new_unique();
    let [_, created] = create(&owner, 3, &spec);
    let [_, funded] = fund(&keeper, &vault, 1, 1);
    let [_, withdrawn] = withdraw(&vault, Amount::All, Amount::All);
    let job = JobRun {
        index: 9,
        run: None,
    };
    let values = json!({
        "args": {"id": 3, "vault_index": 7, "number": 2, "index": 9, "owner": owner.to_string()},
        "index": 9,
        "deployment": {"owner": owner.to_string(), "vault_index": 7},
    });
    let built = [
        ("create", created),
        ("fund", funded),
        ("withdraw", withdrawn),
        ("add_revision", add_revision(&owner, &address, 2, [0; 32])),
        ("write_off", write_off(&owner, &address, &market, 9)),
        (
            "clean_jobs",
            clean_jobs(&keeper, &vault, &address, &market, &[9]),
        ),
        ("reclaim_job", reclaim_job(&vault, &address, &market, &job)),
        ("list_jobs", list_jobs(&keeper, &deployment, 1)),
        ("settle_jobs", settle_jobs(&keeper, &deployment, &[])),
        ("stop_jobs", stop_jobs(&keeper, &deployment, &[])),
        ("track_jobs", track_jobs(&keeper, &deployment, &[])),
        ("extend_jobs", extend_jobs(&keeper, &deployment, &[])),
        ("start", start(&owner, &address)),
    ];
    let hints: usize = built
        .iter()
        .map(|(name, built)| compare(&idl, name, built, &values))
        .sum();
    assert_eq!(hints, 46);
}

#[test]
fn the_idl_knows_every_account_and_every_seed() {
    let idl = idl();
    let accounts = idl["accounts"].as_array().unwrap().iter();
    let names: Vec<&Value> = accounts.map(|account| &account["name"]).collect();
    assert_eq!(names, ["Deployment", "Owner", "Revision"]);
    // As the program writes one.
    let owner = deployments::state::Owner {
        version: 1,
        bump: 2,
        wallet: Pubkey::new_from_array([3; 32]),
        next_deployment_id: 4,
        reserved: [0; 32],
    };
    let mut written = Vec::new();
    anchor_lang::AnchorSerialize::serialize(&owner, &mut written).unwrap();
    let mut types = idl["types"].as_array().unwrap().iter();
    let fields = &types.find(|one| one["name"] == "Owner").unwrap()["type"]["fields"];
    let sizes = fields
        .as_array()
        .unwrap()
        .iter()
        .map(|field| match &field["type"] {
            Value::String(kind) => match kind.as_str() {
                "u8" => 1,
                "u64" => 8,
                "pubkey" => 32,
                other => panic!("{other}"),
            },
            array => array["array"][1].as_u64().unwrap(),
        });
    assert_eq!(sizes.sum::<u64>(), u64::try_from(written.len()).unwrap());
    let discriminator = &idl["accounts"][1]["discriminator"];
    let known = <deployments::state::Owner as anchor_lang::Discriminator>::DISCRIMINATOR;
    assert_eq!(discriminator, &json!(known));
    let constants = idl["constants"].as_array().unwrap().iter();
    let constants: Vec<(&Value, &Value)> =
        constants.map(|one| (&one["name"], &one["value"])).collect();
    assert_eq!(constants.len(), 6);
    let shown = format!("{:?}", crate::seeds::DEPLOYMENT);
    assert_eq!(constants[0], (&json!("DEPLOYMENT_SEED"), &json!(shown)));
}

#[test]
fn the_idl_s_words_hold_no_rust() {
    let text = include_str!("../../../idl/deployments.json");
    for mark in ["[`", "`]", "Self::", "`validate`", "_domain::", "u64::MAX"] {
        assert!(!text.contains(mark), "{mark}");
    }
}
