//! The loader of upgradeable programs, as far as reading its accounts goes.

use crate::ledger::Holding;
use solana_loader_v3_interface::state::UpgradeableLoaderState;
use solana_program::{pubkey, pubkey::Pubkey};

pub use solana_sdk_ids::bpf_loader_upgradeable::ID as LOADER;

/// Since this feature, only the upgrade authority gives a program more room.
pub const EXTENSION_NEEDS_AUTHORITY: Pubkey =
    pubkey!("2oMRZEDWT2tqtYMofhmmfQ8SsjqUFzT6sYXppQDavxwz");

/// An account of the loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loaded<'a> {
    /// Bytecode before it is deployed, and who may write and deploy it.
    Buffer(Option<Pubkey>, &'a [u8]),
    /// A program, which says where its bytecode is.
    Program(Pubkey),
    /// Deployed bytecode with the zeros after it, and who may upgrade it.
    ProgramData {
        /// When it was deployed.
        slot: u64,
        /// `None`: nobody can upgrade it any more.
        authority: Option<Pubkey>,
        /// The bytecode and the room behind it.
        bytecode: &'a [u8],
    },
}

/// Reads an account of the loader; `None` if it is none.
pub fn read(holding: Option<&Holding>) -> Option<Loaded<'_>> {
    let holding = holding.filter(|holding| holding.owner == LOADER)?;
    let after = |bytes: usize| holding.data.get(bytes..);
    match bincode::deserialize(&holding.data).ok()? {
        UpgradeableLoaderState::Uninitialized => None,
        UpgradeableLoaderState::Buffer { authority_address } => Some(Loaded::Buffer(
            authority_address,
            after(UpgradeableLoaderState::size_of_buffer_metadata())?,
        )),
        UpgradeableLoaderState::Program {
            programdata_address,
        } => Some(Loaded::Program(programdata_address)),
        UpgradeableLoaderState::ProgramData {
            slot,
            upgrade_authority_address,
        } => Some(Loaded::ProgramData {
            slot,
            authority: upgrade_authority_address,
            bytecode: after(UpgradeableLoaderState::size_of_programdata_metadata())?,
        }),
    }
}

/// The content of an account of the loader: its state in `room` bytes, then bytecode.
pub fn account(state: &UpgradeableLoaderState, room: usize, bytecode: &[u8]) -> Vec<u8> {
    // A state is a few fixed fields: there is nothing in it that could fail.
    let mut data = bincode::serialize(state).unwrap_or_default();
    data.resize(room, 0);
    data.extend_from_slice(bytecode);
    data
}
