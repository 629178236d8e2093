//! 0001: the bytecode is written into a buffer of the deployer's.

use crate::{
    plan::{Draft, Outcome, PlanError},
    programs::loader::{self, Loaded, LOADER},
};
use solana_loader_v3_interface::{
    instruction::{create_buffer, write},
    state::UpgradeableLoaderState,
};
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_system_interface::instruction::allocate_with_seed;

const WHAT: &str = "buffer";

pub(super) fn plan(draft: &mut Draft<'_>) -> Result<Outcome, PlanError> {
    let goal = draft.goal;
    may_deploy(draft)?;
    if draft.deployed().is_some_and(|program| program.is_current) {
        return Ok(Outcome::Done("the program runs this bytecode".into()));
    }
    let (elf, deployer) = (goal.bytecode.elf(), goal.deployer);
    let (key, seed) = goal.buffer();
    draft.name(key, WHAT);
    let occupied = |reason| PlanError::Occupied {
        what: WHAT,
        key,
        reason,
    };
    let there = match loader::read(draft.ledger.get(&key)) {
        Some(Loaded::Buffer(Some(_), there)) if there == elf => {
            return Ok(Outcome::Done(format!("all of it is in {key}")));
        }
        Some(Loaded::Buffer(Some(authority), there)) if authority == deployer => {
            if there.len() != elf.len() {
                return Err(occupied("close it with `solana program close`"));
            }
            there.to_vec()
        }
        Some(_) => {
            return Err(occupied(
                "it was handed over, or closed, before all was written",
            ))
        }
        None if !draft.ledger.data(&key).is_empty() => {
            return Err(occupied("it is not the loader's"))
        }
        None => {
            make(draft, &key, &seed)?;
            vec![0; elf.len()]
        }
    };
    let write = |offset: u32, part: &[u8]| write(&key, &deployer, offset, part.to_vec());
    draft.write_lacking(&there, elf, &write)?;
    draft.ledger.write(&key, LOADER, content(deployer, elf));
    draft.note_lowest();
    Ok(Outcome::Due)
}

/// Refuses what could not be deployed, before a buffer costs anything.
fn may_deploy(draft: &Draft<'_>) -> Result<(), PlanError> {
    let (goal, data) = (draft.goal, draft.goal.program_data());
    let program = goal.program;
    match (draft.deployed(), loader::read(draft.ledger.get(&program))) {
        (Some(deployed), Some(Loaded::Program(at))) if at == data => {
            let is_final = deployed.authority.is_none() && !deployed.is_current;
            match is_final {
                true => Err(PlanError::Immutable(program)),
                false => Ok(()),
            }
        }
        (None, None) if draft.ledger.data(&program).is_empty() => {
            if !goal.keys.contains(&program) {
                return Err(PlanError::NoProgramKey(program));
            }
            match draft.ledger.get(&data) {
                Some(_) => Err(PlanError::DataOccupied(data)),
                None => Ok(()),
            }
        }
        _ => Err(PlanError::NotAProgram(program)),
    }
}

fn make(draft: &mut Draft<'_>, key: &Pubkey, seed: &str) -> Result<(), PlanError> {
    let (deployer, elf) = (draft.goal.deployer, draft.goal.bytecode.elf());
    let bytes = UpgradeableLoaderState::size_of_buffer(elf.len());
    // Not `create_account`: that fails where somebody has put a lamport before.
    let mut instructions: Vec<Instruction> = draft.fund(key, bytes).into_iter().collect();
    let space = u64::try_from(bytes).unwrap_or(u64::MAX);
    instructions.push(allocate_with_seed(key, &deployer, seed, space, &LOADER));
    let made = create_buffer(&deployer, key, &deployer, 0, elf.len()).unwrap_or_default();
    instructions.extend(made.into_iter().skip(1));
    draft.round([(format!("make buffer {key} of {bytes} bytes"), instructions)])
}

fn content(authority: Pubkey, bytecode: &[u8]) -> Vec<u8> {
    let state = UpgradeableLoaderState::Buffer {
        authority_address: Some(authority),
    };
    let header = UpgradeableLoaderState::size_of_buffer_metadata();
    loader::account(&state, header, bytecode)
}
