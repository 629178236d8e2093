//! Room for accounts of this program: new ones, and more slots for a deployment whose number of
//! replicas grows.

use crate::{errors::DeployError, state::Deployment};
use anchor_lang::{prelude::*, system_program};

/// Grows a Deployment to `slots` slots, whose rent `payer` adds. Never shrinks: a slot may be in use.
///
/// # Errors
/// Whatever the system program returns.
pub(crate) fn make_room<'info>(
    deployment: &AccountInfo<'info>,
    payer: &AccountInfo<'info>,
    slots: u32,
) -> Result<()> {
    let space = Deployment::space(slots);
    if space <= deployment.data_len() {
        return Ok(());
    }
    let rent = Rent::get()?.minimum_balance(space);
    top_up(deployment, payer, rent)?;
    Ok(deployment.resize(space)?)
}

/// Makes an account of this program, zeroed, where these seeds sign for it; `payer` pays its rent.
/// Lamports that someone sent there before count towards the rent.
///
/// # Errors
/// Whatever the system program returns; nothing is sent if the account does not exist.
pub(crate) fn make_account<'info>(
    account: &AccountInfo<'info>,
    payer: &AccountInfo<'info>,
    space: usize,
    seeds: &[&[u8]],
) -> Result<()> {
    let rent = Rent::get()?.minimum_balance(space);
    let space = u64::try_from(space).map_err(|_| DeployError::Overflow)?;
    let signer = &[seeds];
    if account.lamports() == 0 {
        let create = system_program::CreateAccount {
            from: payer.clone(),
            to: account.clone(),
        };
        let context = CpiContext::new_with_signer(system_program::ID, create, signer);
        return system_program::create_account(context, rent, space, &crate::ID);
    }
    top_up(account, payer, rent)?;
    let allocate = system_program::Allocate {
        account_to_allocate: account.clone(),
    };
    let context = CpiContext::new_with_signer(system_program::ID, allocate, signer);
    system_program::allocate(context, space)?;
    let assign = system_program::Assign {
        account_to_assign: account.clone(),
    };
    let context = CpiContext::new_with_signer(system_program::ID, assign, signer);
    system_program::assign(context, &crate::ID)
}

/// Gives an account what it lacks of its rent.
fn top_up<'info>(
    account: &AccountInfo<'info>,
    payer: &AccountInfo<'info>,
    rent: u64,
) -> Result<()> {
    let lamports = rent.saturating_sub(account.lamports());
    if lamports == 0 {
        return Ok(());
    }
    let transfer = system_program::Transfer {
        from: payer.clone(),
        to: account.clone(),
    };
    system_program::transfer(CpiContext::new(system_program::ID, transfer), lamports)
}
