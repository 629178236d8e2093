//! Addresses of Nosana's programs and of what derives from them (feature `devnet` selects devnet's).

use const_crypto::ed25519::derive_program_address;
use solana_address::Address;

/// The GPU markets' program, `nosana-jobs`.
#[cfg(not(feature = "devnet"))]
pub const JOBS_PROGRAM: Address =
    Address::from_str_const("nosJhNRqr2bc9g1nfGDcXXTXvYUmxD4cVwy2pMWhrYM");
/// The GPU markets' program, `nosana-jobs`.
#[cfg(feature = "devnet")]
pub const JOBS_PROGRAM: Address =
    Address::from_str_const("nosJTmGQxvwXy23vng5UjkTbfv91Bzf9jEuro78dAGR");

/// The NOS mint.
#[cfg(not(feature = "devnet"))]
pub const NOS_MINT: Address =
    Address::from_str_const("nosXBVoaCTtYdLvKY6Csb4AC8JCdQKKAaWYtx2ZMoo7");
/// The NOS mint.
#[cfg(feature = "devnet")]
pub const NOS_MINT: Address =
    Address::from_str_const("devr1BGQndEW5k5zfvG5FsLyZv1Ap73vNgAHcQ9sUVP");

/// Decimals of the NOS mint: one NOS is 1,000,000 base units.
pub const NOS_DECIMALS: u8 = 6;

/// The rewards program. Listings and extensions pass it on; their network fee is zero.
pub const REWARDS_PROGRAM: Address =
    Address::from_str_const("nosRB8DUV67oLNrL45bo2pFLrmsWPiewe2Lk2DRNYCp");

/// PDA `["reflection"]` of the rewards program.
pub const REWARDS_REFLECTION: Address = derived(&[b"reflection"], &REWARDS_PROGRAM);

/// PDA `[mint]` of the rewards program.
pub const REWARDS_VAULT: Address = derived(&[NOS_MINT.as_array()], &REWARDS_PROGRAM);

/// The staking program, where nodes hold their stake.
pub const STAKING_PROGRAM: Address =
    Address::from_str_const("nosScmHY2uR24Zh751PmGj9ww9QRNHewh9H59AfrTJE");

/// SPL Token, which holds NOS.
pub const TOKEN_PROGRAM: Address =
    Address::from_str_const("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA");

/// The program that derives a wallet's token account.
pub const ASSOCIATED_TOKEN_PROGRAM: Address =
    Address::from_str_const("ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL");

/// The system program.
pub const SYSTEM_PROGRAM: Address = Address::new_from_array([0; 32]);

const fn derived(seeds: &[&[u8]], program: &Address) -> Address {
    Address::new_from_array(derive_program_address(seeds, program.as_array()).0)
}

/// The token account that holds a market's deposits, and its bump: PDA `[market, mint]` of the jobs
/// program, which is its own token authority.
pub fn find_market_vault(market: &Address) -> (Address, u8) {
    Address::find_program_address(&[market.as_ref(), NOS_MINT.as_ref()], &JOBS_PROGRAM)
}

/// The token account that holds a market's deposits; see [`find_market_vault`].
pub fn market_vault_address(market: &Address) -> Address {
    find_market_vault(market).0
}

/// A node's stake: PDA `["stake", mint, node]` of the staking program.
pub fn stake_address(node: &Address) -> Address {
    let seeds = [b"stake", NOS_MINT.as_ref(), node.as_ref()];
    Address::find_program_address(&seeds, &STAKING_PROGRAM).0
}

/// Where a wallet or a vault holds its NOS: its associated token account.
pub fn nos_account_address(owner: &Address) -> Address {
    let seeds = [owner.as_ref(), TOKEN_PROGRAM.as_ref(), NOS_MINT.as_ref()];
    Address::find_program_address(&seeds, &ASSOCIATED_TOKEN_PROGRAM).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_derived_while_compiling_are_the_runtime_s() {
        let derive = |seed: &[u8]| Address::find_program_address(&[seed], &REWARDS_PROGRAM).0;
        assert_eq!(REWARDS_REFLECTION, derive(b"reflection"));
        assert_eq!(REWARDS_VAULT, derive(NOS_MINT.as_ref()));
    }
}
