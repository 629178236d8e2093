//! Addresses of Nosana's programs, pinned at compile time (feature `devnet` selects devnet's).

use anchor_lang::{derive_program_address, prelude::*};

/// The GPU markets' program.
#[cfg(not(feature = "devnet"))]
pub const JOBS_PROGRAM: Pubkey = pubkey!("nosJhNRqr2bc9g1nfGDcXXTXvYUmxD4cVwy2pMWhrYM");
/// The GPU markets' program.
#[cfg(feature = "devnet")]
pub const JOBS_PROGRAM: Pubkey = pubkey!("nosJTmGQxvwXy23vng5UjkTbfv91Bzf9jEuro78dAGR");

/// The NOS mint.
#[cfg(not(feature = "devnet"))]
pub const NOS_MINT: Pubkey = pubkey!("nosXBVoaCTtYdLvKY6Csb4AC8JCdQKKAaWYtx2ZMoo7");
/// The NOS mint.
#[cfg(feature = "devnet")]
pub const NOS_MINT: Pubkey = pubkey!("devr1BGQndEW5k5zfvG5FsLyZv1Ap73vNgAHcQ9sUVP");

/// Decimals of the NOS mint: one NOS is 1,000,000 base units.
pub const NOS_DECIMALS: u8 = 6;

/// The rewards program; a listing passes it on, its network fee is zero.
pub const REWARDS_PROGRAM: Pubkey = pubkey!("nosRB8DUV67oLNrL45bo2pFLrmsWPiewe2Lk2DRNYCp");

/// PDA `["reflection"]` of the rewards program.
pub const REWARDS_REFLECTION: Pubkey =
    Pubkey::new_from_array(derive_program_address(&[b"reflection"], &REWARDS_PROGRAM.to_bytes()).0);

/// PDA `[mint]` of the rewards program.
pub const REWARDS_VAULT: Pubkey = Pubkey::new_from_array(
    derive_program_address(&[&NOS_MINT.to_bytes()], &REWARDS_PROGRAM.to_bytes()).0,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_known_at_compile_time_are_the_runtime_s() {
        let derive = |seed: &[u8]| Pubkey::find_program_address(&[seed], &REWARDS_PROGRAM).0;
        assert_eq!(REWARDS_REFLECTION, derive(b"reflection"));
        assert_eq!(REWARDS_VAULT, derive(NOS_MINT.as_ref()));
    }
}
