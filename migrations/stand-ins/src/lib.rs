//! Two programs that a localnet lacks, in one ELF: which one it is, its address says. Each checks what the real
//! one checks of what the migrations send, and nothing else: they exist to be tested against, never to be
//! deployed.

mod metadata;
mod verify;

use solana_program::{
    account_info::AccountInfo, entrypoint::ProgramResult, program::invoke_signed,
    program_error::ProgramError, pubkey, pubkey::Pubkey, rent::Rent, sysvar::Sysvar,
};
use solana_system_interface::instruction::{allocate, assign};

const METADATA: Pubkey = pubkey!("ProgM6JCCvbYkfKqJYHePx4xxSUSqJp7rh8Lyv7nk7S");
const VERIFY: Pubkey = pubkey!("verifycLy8mB96wd9wqq3WDXQwM4oU6r42Th37Db9fC");

#[cfg(not(feature = "no-entrypoint"))]
solana_program::entrypoint!(process);

/// Does what the program at this address would do.
///
/// # Errors
/// Where the real one refuses.
pub fn process(program: &Pubkey, accounts: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
    match *program {
        METADATA => metadata::process(accounts, data),
        VERIFY => verify::process(accounts, data),
        _ => Err(ProgramError::IncorrectProgramId),
    }
}

/// Gives a derived address its first bytes; its rent is there already.
fn make(
    program: &Pubkey,
    account: &AccountInfo<'_>,
    seeds: &[&[u8]],
    bytes: usize,
) -> ProgramResult {
    let bytes = u64::try_from(bytes).map_err(|_| ProgramError::InvalidArgument)?;
    let infos = [account.clone()];
    invoke_signed(&allocate(account.key, bytes), &infos, &[seeds])?;
    invoke_signed(&assign(account.key, program), &infos, &[seeds])
}

fn require(holds: bool, error: ProgramError) -> ProgramResult {
    match holds {
        true => Ok(()),
        false => Err(error),
    }
}

fn require_rent(account: &AccountInfo<'_>) -> ProgramResult {
    let minimum = Rent::get()?.minimum_balance(account.data_len());
    require(
        account.lamports() >= minimum,
        ProgramError::AccountNotRentExempt,
    )
}
