//! The Program Metadata program: buffers that are filled, and metadata accounts made of them.

use crate::{make, require, require_rent, METADATA};
use solana_program::{
    account_info::AccountInfo, entrypoint::ProgramResult, program_error::ProgramError,
    pubkey::Pubkey, rent::Rent, sysvar::Sysvar,
};

const HEADER: usize = 96;
const SEED: usize = 16;
const BUFFER: u8 = 1;
const PUBLISHED: u8 = 2;

pub(crate) fn process(accounts: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
    let (kind, data) = data
        .split_first()
        .ok_or(ProgramError::InvalidInstructionData)?;
    match kind {
        0 => write(accounts, data),
        1 => initialize(accounts, data),
        2 => set_authority(accounts, data),
        3 => set_data(accounts, data),
        5 => trim(accounts),
        6 => close(accounts),
        7 => allocate(accounts, data),
        8 => extend(accounts, data),
        _ => Err(ProgramError::InvalidInstructionData),
    }
}

/// The first accounts of an instruction.
fn accounts_of<'a, 'info, const N: usize>(
    accounts: &'a [AccountInfo<'info>],
) -> Result<&'a [AccountInfo<'info>; N], ProgramError> {
    accounts
        .first_chunk()
        .ok_or(ProgramError::NotEnoughAccountKeys)
}

/// Whether `authority` is the program's upgrade authority, as its account of bytecode says.
fn is_upgrade_authority(
    program: &AccountInfo<'_>,
    program_data: &AccountInfo<'_>,
    authority: &Pubkey,
) -> Result<bool, ProgramError> {
    if *program_data.key == METADATA {
        return Ok(false);
    }
    require(program.executable, ProgramError::InvalidAccountData)?;
    let says = program.try_borrow_data()?.get(4..36) == Some(program_data.key.as_ref());
    require(says, ProgramError::InvalidAccountData)?;
    let data = program_data.try_borrow_data()?;
    let held_by = data.get(13..45).filter(|_| data.get(12) == Some(&1));
    Ok(held_by == Some(authority.as_ref()))
}

/// The kind of an account whose authority has signed.
fn authorized(
    account: &AccountInfo<'_>,
    authority: &AccountInfo<'_>,
    program: &AccountInfo<'_>,
    program_data: &AccountInfo<'_>,
) -> Result<u8, ProgramError> {
    require(authority.is_signer, ProgramError::MissingRequiredSignature)?;
    let data = account.try_borrow_data()?;
    let header = data
        .get(..HEADER)
        .ok_or(ProgramError::UninitializedAccount)?;
    let is_named = header.get(33..65) == Some(authority.key.as_ref());
    let is_canonical = header.get(66) == Some(&1);
    let is_its_program = header.get(1..33) == Some(program.key.as_ref());
    let is_upgrade_authority = is_canonical
        && is_its_program
        && is_upgrade_authority(program, program_data, authority.key)?;
    require(
        is_named || is_upgrade_authority,
        ProgramError::IncorrectAuthority,
    )?;
    header
        .first()
        .copied()
        .ok_or(ProgramError::UninitializedAccount)
}

/// The seeds of an account's address, and whether it is the upgrade authority's own.
fn seeds<'a>(
    program: &'a AccountInfo<'_>,
    program_data: &AccountInfo<'_>,
    authority: &'a Pubkey,
    seed: &'a [u8],
) -> Result<(Vec<&'a [u8]>, bool), ProgramError> {
    let is_canonical = is_upgrade_authority(program, program_data, authority)?;
    let seeds = match is_canonical {
        true => vec![program.key.as_ref(), seed],
        false => vec![program.key.as_ref(), authority.as_ref(), seed],
    };
    Ok((seeds, is_canonical))
}

fn allocate(accounts: &[AccountInfo<'_>], seed: &[u8]) -> ProgramResult {
    let [buffer, authority, program, program_data, _] = accounts_of(accounts)?;
    require(authority.is_signer, ProgramError::MissingRequiredSignature)?;
    require(seed.len() == SEED, ProgramError::InvalidInstructionData)?;
    let (mut seeds, is_canonical) = seeds(program, program_data, authority.key, seed)?;
    let (key, bump) = Pubkey::find_program_address(&seeds, &METADATA);
    require(*buffer.key == key, ProgramError::InvalidSeeds)?;
    require(
        buffer.data_is_empty(),
        ProgramError::AccountAlreadyInitialized,
    )?;
    let bump = [bump];
    seeds.push(&bump);
    make(&METADATA, buffer, &seeds, HEADER)?;
    require_rent(buffer)?;
    let mut data = buffer.try_borrow_mut_data()?;
    let mut header = vec![BUFFER];
    header.extend_from_slice(program.key.as_ref());
    header.extend_from_slice(authority.key.as_ref());
    header.extend([u8::from(is_canonical)]);
    header.extend_from_slice(seed);
    data[..header.len()].copy_from_slice(&header);
    Ok(())
}

fn extend(accounts: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
    let [account, authority, program, program_data] = accounts_of(accounts)?;
    authorized(account, authority, program, program_data)?;
    let more = data
        .try_into()
        .map_err(|_| ProgramError::InvalidInstructionData)?;
    let more = usize::from(u16::from_le_bytes(more));
    account.resize(account.data_len() + more)
}

fn write(accounts: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
    let [buffer, authority, source] = accounts_of(accounts)?;
    require(authority.is_signer, ProgramError::MissingRequiredSignature)?;
    let (offset, given) = data
        .split_first_chunk::<4>()
        .ok_or(ProgramError::InvalidInstructionData)?;
    {
        let data = buffer.try_borrow_data()?;
        require(
            data.first() == Some(&BUFFER),
            ProgramError::InvalidAccountData,
        )?;
        let is_named = data.get(33..65) == Some(authority.key.as_ref());
        require(is_named, ProgramError::IncorrectAuthority)?;
    }
    let source_data = source.try_borrow_data()?;
    let copied = match (given.is_empty(), *source.key == METADATA) {
        (false, true) => given,
        (true, false) => content_of(source, &source_data)?,
        _ => return Err(ProgramError::InvalidInstructionData),
    };
    let start = usize::try_from(u32::from_le_bytes(*offset)).unwrap_or(usize::MAX);
    let start = start.saturating_add(HEADER);
    let end = start.saturating_add(copied.len());
    if end > buffer.data_len() {
        buffer.resize(end)?;
    }
    buffer.try_borrow_mut_data()?[start..end].copy_from_slice(copied);
    Ok(())
}

/// What a buffer of this program holds: longer than what could be copied to the heap.
fn content_of<'a>(buffer: &AccountInfo<'_>, data: &'a [u8]) -> Result<&'a [u8], ProgramError> {
    require(*buffer.owner == METADATA, ProgramError::InvalidAccountOwner)?;
    require(
        data.first() == Some(&BUFFER),
        ProgramError::InvalidAccountData,
    )?;
    Ok(&data[HEADER..])
}

fn initialize(accounts: &[AccountInfo<'_>], arguments: &[u8]) -> ProgramResult {
    let [account, authority, program, program_data, _] = accounts_of(accounts)?;
    require(authority.is_signer, ProgramError::MissingRequiredSignature)?;
    // Only what was allocated and filled before.
    require(
        arguments.len() == SEED + 4,
        ProgramError::InvalidInstructionData,
    )?;
    let (seed, stored_as) = arguments.split_at(SEED);
    let (seeds, is_canonical) = seeds(program, program_data, authority.key, seed)?;
    let (key, _) = Pubkey::find_program_address(&seeds, &METADATA);
    require(*account.key == key, ProgramError::InvalidSeeds)?;
    let mut data = account.try_borrow_mut_data()?;
    require(
        data.first() == Some(&BUFFER),
        ProgramError::InvalidAccountData,
    )?;
    data[0] = PUBLISHED;
    if is_canonical {
        data[33..65].fill(0);
    }
    data[65] = 1;
    data[66] = u8::from(is_canonical);
    data[67..83].copy_from_slice(seed);
    store(&mut data, stored_as);
    Ok(())
}

/// How the content is stored, and how long it is.
fn store(data: &mut [u8], stored_as: &[u8]) {
    let length = u32::try_from(data.len() - HEADER).unwrap_or(u32::MAX);
    data[83..87].copy_from_slice(stored_as);
    data[87..91].copy_from_slice(&length.to_le_bytes());
    data[91..HEADER].fill(0);
}

fn set_data(accounts: &[AccountInfo<'_>], stored_as: &[u8]) -> ProgramResult {
    let [account, authority, buffer, program, program_data] = accounts_of(accounts)?;
    let kind = authorized(account, authority, program, program_data)?;
    require(kind == PUBLISHED, ProgramError::UninitializedAccount)?;
    require(stored_as.len() == 4, ProgramError::InvalidInstructionData)?;
    let buffer_data = buffer.try_borrow_data()?;
    let content = content_of(buffer, &buffer_data)?;
    account.resize(HEADER + content.len())?;
    let mut data = account.try_borrow_mut_data()?;
    data[HEADER..].copy_from_slice(content);
    store(&mut data, stored_as);
    Ok(())
}

fn set_authority(accounts: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
    let [account, authority, program, program_data] = accounts_of(accounts)?;
    authorized(account, authority, program, program_data)?;
    let new = data
        .strip_prefix(&[1])
        .filter(|new| new.len() == 32)
        .ok_or(ProgramError::InvalidInstructionData)?;
    account.try_borrow_mut_data()?[33..65].copy_from_slice(new);
    Ok(())
}

fn trim(accounts: &[AccountInfo<'_>]) -> ProgramResult {
    let [account, authority, program, program_data, to, _] = accounts_of(accounts)?;
    authorized(account, authority, program, program_data)?;
    let minimum = Rent::get()?.minimum_balance(account.data_len());
    let excess = account
        .lamports()
        .checked_sub(minimum)
        .ok_or(ProgramError::AccountNotRentExempt)?;
    move_lamports(account, to, excess)
}

fn close(accounts: &[AccountInfo<'_>]) -> ProgramResult {
    let [account, authority, program, program_data, to] = accounts_of(accounts)?;
    authorized(account, authority, program, program_data)?;
    move_lamports(account, to, account.lamports())?;
    account.resize(0)?;
    account.assign(&solana_system_interface::program::ID);
    Ok(())
}

fn move_lamports(from: &AccountInfo<'_>, to: &AccountInfo<'_>, lamports: u64) -> ProgramResult {
    **from.try_borrow_mut_lamports()? -= lamports;
    **to.try_borrow_mut_lamports()? += lamports;
    Ok(())
}
