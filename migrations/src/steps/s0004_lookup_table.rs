//! 0004: the lookup table that a market's keepers share. The deployer keeps it, and can extend it for a market
//! that comes later.

use crate::plan::{Draft, Outcome, PlanError};
use nosana_deploy_client::instructions::common_addresses;
use solana_address_lookup_table_interface::{
    instruction::{create_lookup_table, extend_lookup_table},
    program,
    state::{LOOKUP_TABLE_MAX_ADDRESSES, LOOKUP_TABLE_META_SIZE},
};
use solana_message::AddressLookupTableAccount;
use solana_program::{instruction::Instruction, pubkey::Pubkey};

/// So many fit into a transaction that makes the table, too.
const ADDRESSES_PER_TRANSACTION: usize = 20;

pub(super) fn plan(draft: &mut Draft<'_>) -> Result<Outcome, PlanError> {
    let (goal, deployer) = (draft.goal, draft.goal.deployer);
    if goal.markets.is_empty() {
        return Ok(Outcome::LeftOut("no --market is named".into()));
    }
    let mut wanted: Vec<Pubkey> = Vec::new();
    for address in goal.markets.iter().flat_map(common_addresses) {
        if !wanted.contains(&address) {
            wanted.push(address);
        }
    }
    if wanted.len() > LOOKUP_TABLE_MAX_ADDRESSES {
        return Err(PlanError::TooManyMarkets(wanted.len()));
    }
    let is_there = |address: &Pubkey| {
        let mut tables = draft.tables.iter();
        tables.any(|table| table.addresses.contains(address))
    };
    let lacking: Vec<Pubkey> = wanted.into_iter().filter(|key| !is_there(key)).collect();
    if lacking.is_empty() {
        let tables: Vec<String> = draft.tables.iter().map(|one| one.key.to_string()).collect();
        let why = format!("for `keeper --lookup-table`: {}", tables.join(", "));
        return Ok(Outcome::Done(why));
    }
    let has_room = |table: &&mut AddressLookupTableAccount| {
        table.addresses.len() + lacking.len() <= LOOKUP_TABLE_MAX_ADDRESSES
    };
    let mut making: Option<Instruction> = None;
    let mut table = match draft.tables.iter_mut().find(has_room) {
        Some(table) => table.clone(),
        None => {
            // The slot is part of its address, and must be a recent one.
            let slot = draft.terms.slot.saturating_sub(1);
            let (create, key) = create_lookup_table(deployer, deployer, slot);
            making = Some(create);
            AddressLookupTableAccount {
                key,
                addresses: Vec::new(),
            }
        }
    };
    draft.name(table.key, "lookup table");
    draft.tables.retain(|other| other.key != table.key);
    for part in lacking.chunks(ADDRESSES_PER_TRANSACTION) {
        table.addresses.extend_from_slice(part);
        let extend = extend_lookup_table(table.key, deployer, Some(deployer), part.to_vec());
        let what = format!("add {} addresses to table {}", part.len(), table.key);
        let instructions = making.take().into_iter().chain([extend]).collect();
        draft.round([(what, instructions)])?;
        let bytes = LOOKUP_TABLE_META_SIZE + table.addresses.len() * size_of::<Pubkey>();
        // The program takes what the table lacks.
        let _ = draft.fund(&table.key, bytes);
        draft.ledger.write(&table.key, program::ID, vec![0; bytes]);
    }
    draft.note_lowest();
    draft.tables.push(table);
    Ok(Outcome::Due)
}
