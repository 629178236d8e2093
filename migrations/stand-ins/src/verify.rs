//! The verification program: one account for each signer and program, as long as what it says.

use crate::{make, require, VERIFY};
use solana_program::{
    account_info::AccountInfo, entrypoint::ProgramResult, hash::hash, program::invoke,
    program_error::ProgramError, pubkey::Pubkey, rent::Rent, sysvar::Sysvar,
};
use solana_system_interface::instruction::transfer;

pub(crate) fn process(accounts: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
    let [account, authority, program, system, ..] = accounts else {
        return Err(ProgramError::NotEnoughAccountKeys);
    };
    require(authority.is_signer, ProgramError::MissingRequiredSignature)?;
    require(program.executable, ProgramError::InvalidAccountData)?;
    let (name, said) = data
        .split_first_chunk::<8>()
        .ok_or(ProgramError::InvalidInstructionData)?;
    let is_first = discriminator("global:initialize") == *name;
    let is_known = is_first || discriminator("global:update") == *name;
    require(is_known, ProgramError::InvalidInstructionData)?;
    require(
        account.data_is_empty() == is_first,
        ProgramError::InvalidAccountData,
    )?;

    let seeds: [&[u8]; 3] = [
        b"otter_verify",
        authority.key.as_ref(),
        program.key.as_ref(),
    ];
    let (key, bump) = Pubkey::find_program_address(&seeds, &VERIFY);
    require(*account.key == key, ProgramError::InvalidSeeds)?;
    let mut content = discriminator("account:BuildParams").to_vec();
    content.extend_from_slice(program.key.as_ref());
    content.extend_from_slice(authority.key.as_ref());
    content.extend_from_slice(said);
    content.push(bump);

    let wanted = Rent::get()?.minimum_balance(content.len());
    let there = account.lamports();
    if there < wanted {
        let infos = [authority.clone(), account.clone(), system.clone()];
        invoke(
            &transfer(authority.key, account.key, wanted - there),
            &infos,
        )?;
    }
    if is_first {
        let bump = [bump];
        let seeds = [&seeds[..], &[&bump]].concat();
        make(&VERIFY, account, &seeds, content.len())?;
    } else {
        account.resize(content.len())?;
        let excess = account.lamports().saturating_sub(wanted);
        **account.try_borrow_mut_lamports()? -= excess;
        **authority.try_borrow_mut_lamports()? += excess;
    }
    account.try_borrow_mut_data()?.copy_from_slice(&content);
    Ok(())
}

fn discriminator(name: &str) -> [u8; 8] {
    let mut first = [0; 8];
    first.copy_from_slice(&hash(name.as_bytes()).to_bytes()[..8]);
    first
}
