//! 0003: the IDL is uploaded into a buffer of the deployer's, and published at the address that is the upgrade
//! authority's alone.

use crate::{
    plan::{Draft, Outcome, PlanError},
    programs::metadata::{self, Stored, HEADER, METADATA, MOST_GROWTH},
};
use solana_program::pubkey::Pubkey;

const WHAT: &str = "IDL";
const WHAT_BUFFER: &str = "IDL's buffer";

pub(super) fn plan(draft: &mut Draft<'_>) -> Result<Outcome, PlanError> {
    let (goal, program_data) = (draft.goal, draft.goal.program_data());
    if draft.ledger.get(&METADATA).is_none() {
        return Ok(Outcome::LeftOut(format!(
            "this cluster has no Program Metadata program {METADATA}"
        )));
    }
    let idl = goal.idl_of(&program_data);
    let key = idl.address();
    draft.name(key, WHAT);
    let occupied = |reason| PlanError::Occupied {
        what: WHAT,
        key,
        reason,
    };
    let published = match metadata::read(draft.ledger.data(&key)) {
        Some(stored) if stored.says(goal.idl.text()) => {
            return Ok(Outcome::Done(format!("published at {key}")))
        }
        Some(Stored::Metadata {
            is_mutable, data, ..
        }) => match is_mutable {
            true => Some(data.len()),
            false => return Err(occupied("it was made immutable, and says something else")),
        },
        Some(Stored::Buffer(..)) => {
            return Err(occupied(
                "an upload was begun there: close it with `program-metadata close-buffer`",
            ))
        }
        None if draft.ledger.data(&key).is_empty() => None,
        None => return Err(occupied("it is no metadata account")),
    };
    let deployed = draft.deployed();
    let Some(authority) = deployed.and_then(|program| program.authority) else {
        return Ok(Outcome::LeftOut(
            "the program has no upgrade authority, who alone may publish it".into(),
        ));
    };
    let packed = goal.idl.packed();
    let buffer = upload(draft, packed)?;
    hand_over(draft, &buffer, packed, &authority)?;
    publish(draft, &buffer, packed, &authority, published)?;
    Ok(Outcome::Due)
}

/// Writes the packed IDL into a buffer, and returns where.
fn upload(draft: &mut Draft<'_>, packed: &[u8]) -> Result<Pubkey, PlanError> {
    let (goal, program_data) = (draft.goal, draft.goal.program_data());
    let (idl, deployer) = (goal.idl_of(&program_data), goal.deployer);
    let (key, seed) = idl.buffer(&deployer, goal.idl.hash());
    draft.name(key, WHAT_BUFFER);
    let there = match metadata::read(draft.ledger.data(&key)) {
        // Whoever holds it by now, there is nothing to write.
        Some(Stored::Buffer(_, there)) if there == packed => return Ok(key),
        Some(Stored::Buffer(authority, there))
            if authority == deployer && there.len() == packed.len() =>
        {
            there
        }
        Some(_) => {
            return Err(PlanError::Occupied {
                what: WHAT_BUFFER,
                key,
                reason: "it was handed over, or changed in size, before all was written",
            })
        }
        None => {
            let mut instructions = Vec::from_iter(draft.fund(&key, HEADER + packed.len()));
            instructions.push(idl.allocate_buffer(&key, &deployer, &seed));
            instructions.extend(metadata::extend_buffer(&key, &deployer, packed.len()));
            let what = format!("make buffer {key} of {} bytes", HEADER + packed.len());
            draft.round([(what, instructions)])?;
            vec![0; packed.len()]
        }
    };
    let write = |offset: u32, part: &[u8]| metadata::write(&key, &deployer, offset, part);
    draft.write_lacking(&there, packed, &write)?;
    let content = metadata::buffer_account(&deployer, packed);
    draft.ledger.write(&key, METADATA, content);
    draft.note_lowest();
    Ok(key)
}

/// What a multisig agrees to publish, nobody else may change meanwhile.
fn hand_over(
    draft: &mut Draft<'_>,
    buffer: &Pubkey,
    packed: &[u8],
    authority: &Pubkey,
) -> Result<(), PlanError> {
    match metadata::read(draft.ledger.data(buffer)) {
        Some(Stored::Buffer(held_by, _)) if held_by != *authority => {
            let instruction = metadata::set_authority(buffer, &held_by, authority);
            let what = format!("hand the IDL's buffer over to {authority}");
            draft.round([(what, vec![instruction])])?;
            let content = metadata::buffer_account(authority, packed);
            draft.ledger.write(buffer, METADATA, content);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn publish(
    draft: &mut Draft<'_>,
    buffer: &Pubkey,
    packed: &[u8],
    authority: &Pubkey,
    published_bytes: Option<usize>,
) -> Result<(), PlanError> {
    let (goal, program_data) = (draft.goal, draft.goal.program_data());
    let (idl, deployer) = (goal.idl_of(&program_data), goal.deployer);
    let key = idl.address();
    if let Some(paid) = draft.fund(&key, HEADER + packed.len()) {
        // On its own: the authority may be a vault, which signs for nobody else.
        draft.round([("pay the rent of the IDL".to_owned(), vec![paid])])?;
    }
    let mut instructions = match published_bytes {
        None => {
            let mut instructions = vec![idl.allocate(authority)];
            instructions.extend(idl.extend(authority, packed.len()));
            instructions.push(idl.fill(authority, buffer));
            instructions.push(idl.initialize(authority));
            instructions
        }
        Some(before) => {
            let growth = packed.len().saturating_sub(before);
            // What one instruction may add, it adds itself.
            let beyond = growth.saturating_sub(MOST_GROWTH);
            let mut instructions = idl.extend(authority, beyond);
            instructions.push(idl.set_data(authority, buffer));
            if packed.len() < before {
                instructions.push(idl.trim(authority, &deployer));
            }
            instructions
        }
    };
    instructions.push(metadata::close(buffer, authority, &deployer));
    draft.round([(format!("publish the IDL at {key}"), instructions)])?;
    draft.ledger.close(buffer, &deployer);
    draft
        .ledger
        .write(&key, METADATA, vec![0; HEADER + packed.len()]);
    if published_bytes.is_some_and(|before| packed.len() < before) {
        draft.ledger.release_excess(&key, &deployer);
    }
    Ok(())
}
