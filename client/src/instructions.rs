//! A pure builder for every instruction of the program. Nothing else builds one by hand.

mod keeper;
mod owner;

pub use keeper::*;
pub use owner::*;

use crate::{seeds, PROGRAM_ID};
use anchor_lang::{InstructionData, ToAccountMetas};
use anchor_spl::{
    associated_token::{
        get_associated_token_address,
        spl_associated_token_account::instruction::create_associated_token_account_idempotent,
    },
    token,
};
use deployments::constants::{JOBS_PROGRAM, NOS_MINT};
use solana_program::{
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
};

/// The system program's address.
const SYSTEM_PROGRAM: Pubkey = anchor_lang::system_program::ID;

/// A wallet's vault: where its SOL and its NOS are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vault {
    /// The wallet that withdraws.
    pub owner: Pubkey,
    /// 0 is the shared vault that deployments use by default.
    pub index: u16,
    /// Holds the SOL.
    pub address: Pubkey,
    /// Holds the NOS: the address's associated token account.
    pub nos: Pubkey,
}

impl Vault {
    /// The addresses of `owner`'s vault number `index`.
    pub fn new(owner: Pubkey, index: u16) -> Self {
        let address = seeds::vault_address(&owner, index).0;
        let nos = nos_account_address(&address);
        Self {
            owner,
            index,
            address,
            nos,
        }
    }
}

/// The token account that holds a market's deposits: PDA `[market, mint]` of the jobs program.
pub fn market_vault_address(market: &Pubkey) -> Pubkey {
    Pubkey::find_program_address(&[market.as_ref(), NOS_MINT.as_ref()], &JOBS_PROGRAM).0
}

/// Where a wallet or a vault holds its NOS: its associated token account.
pub fn nos_account_address(owner: &Pubkey) -> Pubkey {
    get_associated_token_address(owner, &NOS_MINT)
}

/// Creates `owner`'s NOS token account unless it exists; `payer` pays its rent.
pub fn create_nos_account(payer: &Pubkey, owner: &Pubkey) -> Instruction {
    create_associated_token_account_idempotent(payer, owner, &NOS_MINT, &token::ID)
}

/// The instruction; `remaining` follow the named accounts, writable.
fn build(
    named: impl ToAccountMetas,
    data: impl InstructionData,
    remaining: impl IntoIterator<Item = Pubkey>,
) -> Instruction {
    let mut accounts = named.to_account_metas(None);
    accounts.extend(
        remaining
            .into_iter()
            .map(|key| AccountMeta::new(key, false)),
    );
    Instruction {
        program_id: PROGRAM_ID,
        accounts,
        data: data.data(),
    }
}
