//! More slots for a deployment whose number of replicas grows.

use crate::state::Deployment;
use anchor_lang::{prelude::*, system_program};

/// Grows a Deployment to `slots` slots, whose rent `payer` adds. Never shrinks: a slot may be in use.
///
/// # Errors
/// Those of the system program.
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
    let lamports = rent.saturating_sub(deployment.lamports());
    if lamports > 0 {
        let transfer = system_program::Transfer {
            from: payer.clone(),
            to: deployment.clone(),
        };
        system_program::transfer(CpiContext::new(system_program::ID, transfer), lamports)?;
    }
    Ok(deployment.resize(space)?)
}
