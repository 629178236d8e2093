//! Accounts as tests put them on a chain.

use crate::PRICE;
use anchor_lang::solana_program::{program_option::COption, program_pack::Pack};
use anchor_lang::AccountSerialize;
use anchor_spl::token::spl_token::state::{Account as TokenAccount, AccountState, Mint};
use nosana_jobs_interface::{
    account::{MARKET_SIZE, QUEUE_EMPTY},
    find_market_vault, JOBS_PROGRAM, NOS_DECIMALS,
};
use nosana_jobs_localnet::state::MarketAccount;
use solana_account::Account;
use solana_program::pubkey::Pubkey;

/// A market's account: takes jobs at [`PRICE`], its finished jobs expire after an hour.
pub fn market_account(authority: Pubkey, market: &Pubkey) -> MarketAccount {
    let (vault, vault_bump) = find_market_vault(market);
    MarketAccount {
        authority,
        job_expiration: 3600,
        job_price: PRICE,
        job_timeout: 7200,
        job_type: 0,
        vault,
        vault_bump,
        node_access_key: Pubkey::default(),
        node_xnos_minimum: 0,
        queue_type: QUEUE_EMPTY,
        queue: Vec::new(),
    }
}

/// A market's bytes as they are on chain.
pub fn market_on_chain(market: &MarketAccount) -> Account {
    let mut data = vec![0; MARKET_SIZE];
    market.try_serialize(&mut &mut data[..]).unwrap();
    account_of(JOBS_PROGRAM, data)
}

/// The NOS mint, with a supply that all token accounts of the world hold together.
pub fn mint_on_chain(supply: u64) -> Account {
    let mint = Mint {
        mint_authority: COption::None,
        supply,
        decimals: NOS_DECIMALS,
        is_initialized: true,
        freeze_authority: COption::None,
    };
    let mut data = vec![0; Mint::LEN];
    mint.pack_into_slice(&mut data);
    account_of(anchor_spl::token::ID, data)
}

/// A token account for NOS, or for a different mint.
pub fn token_account(owner: Pubkey, mint: Pubkey, amount: u64) -> Account {
    let account = TokenAccount {
        mint,
        owner,
        amount,
        state: AccountState::Initialized,
        ..TokenAccount::default()
    };
    let mut data = vec![0; TokenAccount::LEN];
    account.pack_into_slice(&mut data);
    account_of(anchor_spl::token::ID, data)
}

/// A rent-exempt account.
pub fn account_of(owner: Pubkey, data: Vec<u8>) -> Account {
    let lamports = solana_program::rent::Rent::default().minimum_balance(data.len());
    Account {
        lamports,
        data,
        owner,
        executable: false,
        rent_epoch: u64::MAX,
    }
}
