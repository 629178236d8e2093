//! Every account of every instruction, replaced by every other that somebody could pass.
//!
//! The instructions and their accounts come from the IDL, so a new one cannot be forgotten. For each
//! there is a state in which it succeeds; one account is replaced at a time, and what was refused is
//! refused by name and has changed nothing. At the end the instruction itself still succeeds, so
//! each refusal was the replacement's.

#![allow(clippy::unwrap_used, missing_docs)]

mod good;
mod scene;
mod swaps;

use deployments_tests::Failure;
use scene::Scene;
use serde_json::Value;
use solana_account::Account;
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use std::collections::BTreeMap;

const IDL: &str = include_str!("../../../idl/deployments.json");

/// An account of an instruction, as the IDL names it.
struct Slot {
    name: String,
    signer: bool,
    writable: bool,
}

/// An instruction's accounts in their order; a nested struct is replaced by its accounts.
fn slots(accounts: &Value, into: &mut Vec<Slot>) {
    for account in accounts.as_array().unwrap() {
        if account["accounts"].is_array() {
            slots(&account["accounts"], into);
            continue;
        }
        into.push(Slot {
            name: account["name"].as_str().unwrap().into(),
            signer: account["signer"] == true,
            writable: account["writable"] == true,
        });
    }
}

fn instructions() -> Vec<(String, Vec<Slot>)> {
    let idl: Value = serde_json::from_str(IDL).unwrap();
    let each = idl["instructions"].as_array().unwrap().iter().map(|one| {
        let name = one["name"].as_str().unwrap().to_owned();
        let mut accounts = Vec::new();
        slots(&one["accounts"], &mut accounts);
        for further in good::remaining(&name) {
            accounts.push(Slot {
                name: (*further).into(),
                signer: *further == "access_key",
                writable: true,
            });
        }
        (name, accounts)
    });
    each.collect()
}

/// One replacement: its label, the changed scene if it needs one, and the changed instruction.
struct Swap {
    label: String,
    scene: Scene,
    instruction: Instruction,
}

fn swaps_of(scene: &Scene, good: &Instruction, position: usize, slot: &Slot) -> Vec<Swap> {
    let mut swaps = Vec::new();
    let mut swap = |label: &str, scene: &Scene, change: &dyn Fn(&mut Instruction)| {
        let mut instruction = good.clone();
        change(&mut instruction);
        swaps.push(Swap {
            label: label.into(),
            scene: scene.clone(),
            instruction,
        });
    };
    let mut impostors = swaps::impostors(scene, &slot.name);
    impostors.push(("a random key", Pubkey::new_unique()));
    for (label, key) in impostors {
        swap(label, scene, &|instruction| {
            instruction.accounts[position].pubkey = key;
        });
    }

    // The same bytes, but another program's. Elsewhere: what is derived for one program, or made by
    // it, never comes to be another's.
    let account = scene.chain.account(&good.accounts[position].pubkey);
    if let Some(copy) = account.filter(|account| !account.executable && !slot.signer) {
        let copy = Account {
            owner: Pubkey::new_unique(),
            ..copy
        };
        let (elsewhere, mut with_copy) = (Pubkey::new_unique(), scene.clone());
        with_copy.chain.set(&elsewhere, copy);
        swap(
            "a copy owned by another program",
            &with_copy,
            &|instruction| {
                instruction.accounts[position].pubkey = elsewhere;
            },
        );
    }
    if slot.signer {
        swap("itself, unsigned", scene, &|instruction| {
            instruction.accounts[position].is_signer = false;
        });
    }
    if slot.writable {
        swap("itself, read-only", scene, &|instruction| {
            instruction.accounts[position].is_writable = false;
        });
    }
    swaps
}

/// Every account that the good instruction or the changed one names.
fn snapshot(scene: &Scene, instructions: [&Instruction; 2]) -> BTreeMap<Pubkey, Option<Account>> {
    let metas = instructions.into_iter().flat_map(|one| &one.accounts);
    metas
        .map(|meta| (meta.pubkey, scene.chain.account(&meta.pubkey)))
        .collect()
}

#[test]
fn every_replaced_account_is_refused_by_name_and_changes_nothing() {
    let base = Scene::new();
    let (mut tried, mut harmless, mut wrong) = (0, BTreeMap::new(), Vec::new());
    for (name, accounts) in instructions() {
        let (scene, good) = good::good(&name, &base);
        assert_eq!(good.accounts.len(), accounts.len(), "{name}");
        for (position, slot) in accounts.iter().enumerate() {
            let meta = &good.accounts[position];
            assert_eq!(
                (meta.is_signer, meta.is_writable && slot.name != "market"),
                (slot.signer, slot.writable),
                "{name}: {}",
                slot.name
            );
            for mut swap in swaps_of(&scene, &good, position, slot) {
                let what = format!("{name}: {} replaced by {}", slot.name, swap.label);
                let before = snapshot(&swap.scene, [&good, &swap.instruction]);
                let sponsor = swap.scene.sponsor;
                tried += 1;
                match swap.scene.chain.send(&[swap.instruction.clone()], &sponsor) {
                    Ok(_) => match swaps::harmless(&name, &slot.name, &swap.label) {
                        Some(why) => *harmless.entry(why).or_insert(0) += 1,
                        None => wrong.push(format!("{what}: went through")),
                    },
                    Err(Failure::Crash(logs)) => wrong.push(format!("{what}: crashed: {logs}")),
                    Err(Failure::Named(error)) if !swaps::is_telling(&error) => {
                        wrong.push(format!("{what}: the runtime's {error}"));
                    }
                    Err(_) => {
                        let after = snapshot(&swap.scene, [&good, &swap.instruction]);
                        if before != after {
                            wrong.push(format!("{what}: something changed"));
                        }
                    }
                }
            }
        }
        let (mut scene, sponsor) = (scene.clone(), scene.sponsor);
        let outcome = scene.chain.send(&[good], &sponsor);
        let events = outcome.map(|receipt| receipt.events.len());
        assert_eq!(events, Ok(1), "{name} itself tells what it did, once");
    }
    let passed: usize = harmless.values().sum();
    println!(
        "substitutions: {tried} tried, {} refused",
        tried - passed - wrong.len()
    );
    for (why, times) in harmless {
        println!("harmless, {times} times: {why}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
