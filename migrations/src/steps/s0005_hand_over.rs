//! 0005: the upgrade authority goes to whoever is to hold it: a Squads vault, on a cluster that others use.

use crate::{
    goal::Authority,
    plan::{Draft, Outcome, PlanError},
    programs::{
        loader::{self, LOADER},
        squads::is_multisig,
    },
};
use solana_loader_v3_interface::{
    instruction::{set_upgrade_authority, set_upgrade_authority_checked},
    state::UpgradeableLoaderState,
};

pub(super) fn plan(draft: &mut Draft<'_>) -> Result<Outcome, PlanError> {
    let goal = draft.goal;
    let deployed = draft.deployed();
    let Some(current) = deployed.and_then(|program| program.authority) else {
        return Ok(Outcome::LeftOut("nobody can upgrade the program".into()));
    };
    let Some(wanted) = goal.authority else {
        return Ok(Outcome::LeftOut(format!(
            "{current} keeps it: neither --squads-multisig nor --upgrade-authority is named"
        )));
    };
    if let Authority::Squads { multisig, .. } = wanted {
        let account = draft.ledger.get(&multisig);
        if !account.is_some_and(|account| is_multisig(&account.owner, &account.data)) {
            return Err(PlanError::NoMultisig(multisig));
        }
    }
    let to = wanted.address();
    if current == to {
        return Ok(Outcome::Done(format!("{to} holds it")));
    }
    // Where its key is at hand, it signs as well: then nobody can hand it over to a typing error.
    let instruction = match goal.keys.contains(&to) {
        true => set_upgrade_authority_checked(&goal.program, &current, &to),
        false => set_upgrade_authority(&goal.program, &current, Some(&to)),
    };
    draft.round([(
        format!("hand {} over to {to}", goal.program),
        vec![instruction],
    )])?;
    let data = goal.program_data();
    let header = UpgradeableLoaderState::size_of_programdata_metadata();
    let state = UpgradeableLoaderState::ProgramData {
        slot: draft.terms.slot,
        upgrade_authority_address: Some(to),
    };
    let bytecode = draft.ledger.data(&data).get(header..).unwrap_or_default();
    let content = loader::account(&state, header, bytecode);
    draft.ledger.write(&data, LOADER, content);
    Ok(Outcome::Due)
}
