//! 0002: the program is deployed from the buffer, or upgraded. The buffer's rent returns to the deployer.

use crate::{
    plan::{Deployed, Draft, Outcome, PlanError},
    programs::loader::{self, Loaded, LOADER},
};
use solana_loader_v3_interface::{
    instruction::{
        deploy_with_max_program_len, extend_program, extend_program_checked, set_buffer_authority,
        upgrade,
    },
    state::UpgradeableLoaderState,
};
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_system_interface::instruction::{allocate, assign};

pub(super) fn plan(draft: &mut Draft<'_>) -> Result<Outcome, PlanError> {
    let (program, data) = (draft.goal.program, draft.goal.program_data());
    draft.name(program, "program");
    draft.name(data, "program's bytecode");
    match draft.deployed() {
        None => deploy(draft)?,
        Some(deployed) if deployed.is_current => {
            return Ok(Outcome::Done(format!("since slot {}", deployed.slot)));
        }
        Some(deployed) => {
            let authority = deployed.authority.ok_or(PlanError::Immutable(program))?;
            // First what is the deployer's to sign: the rest may be one visit to a multisig.
            hand_buffer_over(draft, &authority)?;
            extend(draft, &deployed, &authority)?;
            upgrade_from_buffer(draft, &deployed, &authority)?;
        }
    }
    Ok(Outcome::Due)
}

fn deploy(draft: &mut Draft<'_>) -> Result<(), PlanError> {
    let goal = draft.goal;
    let (deployer, program, data) = (goal.deployer, goal.program, goal.program_data());
    let (elf, (buffer, _)) = (goal.bytecode.elf(), goal.buffer());
    let bytes = UpgradeableLoaderState::size_of_program();
    let mut instructions: Vec<Instruction> = draft.fund(&program, bytes).into_iter().collect();
    instructions.push(allocate(&program, u64::try_from(bytes).unwrap_or(u64::MAX)));
    instructions.push(assign(&program, &LOADER));
    let deploying =
        deploy_with_max_program_len(&deployer, &program, &buffer, &deployer, 0, elf.len());
    instructions.extend(deploying.unwrap_or_default().into_iter().skip(1));
    draft.round([(format!("deploy {program}"), instructions)])?;

    // The loader pays the buffer's lamports out before it asks for the bytecode's.
    draft.note_lowest();
    let state = UpgradeableLoaderState::Program {
        programdata_address: data,
    };
    let content = loader::account(&state, bytes, &[]);
    draft.ledger.write(&program, LOADER, content);
    draft.ledger.close(&buffer, &deployer);
    let _ = draft.fund(
        &data,
        UpgradeableLoaderState::size_of_programdata(elf.len()),
    );
    write_bytecode(draft, deployer, elf.len());
    draft.note_lowest();
    Ok(())
}

/// Gives the program as much room as the bytecode needs.
fn extend(draft: &mut Draft<'_>, deployed: &Deployed, authority: &Pubkey) -> Result<(), PlanError> {
    let (goal, data) = (draft.goal, draft.goal.program_data());
    let wanted = goal.bytecode.elf().len();
    let Some(more) = wanted.checked_sub(deployed.room).filter(|more| *more > 0) else {
        return Ok(());
    };
    let bytes = u32::try_from(more).unwrap_or(u32::MAX);
    // What the deployer pays, the loader takes itself; an authority that is elsewhere needs it there before.
    let room = UpgradeableLoaderState::size_of_programdata(wanted);
    let paid = draft.fund(&data, room);
    let extension = match draft.terms.extension_needs_authority {
        true => extend_program_checked(&goal.program, authority, None, bytes),
        false => extend_program(&goal.program, None, bytes),
    };
    let is_at_hand = goal.keys.contains(authority) || !draft.terms.extension_needs_authority;
    let what = format!("give {} {bytes} bytes more room", goal.program);
    match (paid, is_at_hand) {
        (Some(paid), false) => {
            draft.round([(format!("pay for {bytes} bytes more room"), vec![paid])])?;
            draft.round([(what, vec![extension])])
        }
        (paid, _) => draft.round([(what, paid.into_iter().chain([extension]).collect())]),
    }
}

/// Only the upgrade authority's buffer can be deployed, and nobody else can change it then.
fn hand_buffer_over(draft: &mut Draft<'_>, authority: &Pubkey) -> Result<(), PlanError> {
    let (buffer, _) = draft.goal.buffer();
    let deployer = draft.goal.deployer;
    match loader::read(draft.ledger.get(&buffer)) {
        Some(Loaded::Buffer(Some(held_by), _)) if held_by == *authority => Ok(()),
        _ => {
            let what = format!("hand the buffer over to {authority}");
            let instruction = set_buffer_authority(&buffer, &deployer, authority);
            draft.round([(what, vec![instruction])])
        }
    }
}

fn upgrade_from_buffer(
    draft: &mut Draft<'_>,
    deployed: &Deployed,
    authority: &Pubkey,
) -> Result<(), PlanError> {
    let goal = draft.goal;
    let (buffer, _) = goal.buffer();
    let instruction = upgrade(&goal.program, &buffer, authority, &goal.deployer);
    draft.round([(format!("upgrade {}", goal.program), vec![instruction])])?;
    let room = deployed.room.max(goal.bytecode.elf().len());
    draft.ledger.close(&buffer, &goal.deployer);
    write_bytecode(draft, *authority, room);
    draft
        .ledger
        .release_excess(&goal.program_data(), &goal.deployer);
    Ok(())
}

fn write_bytecode(draft: &mut Draft<'_>, authority: Pubkey, room: usize) {
    let state = UpgradeableLoaderState::ProgramData {
        slot: draft.terms.slot,
        upgrade_authority_address: Some(authority),
    };
    let header = UpgradeableLoaderState::size_of_programdata_metadata();
    let mut content = loader::account(&state, header, draft.goal.bytecode.elf());
    content.resize(UpgradeableLoaderState::size_of_programdata(room), 0);
    let data = draft.goal.program_data();
    draft.ledger.write(&data, LOADER, content);
}
