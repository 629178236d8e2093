//! Addresses and numbers that callers know.

use anchor_lang::{derive_program_address, prelude::*};

/// The NOS mint.
#[cfg(not(feature = "devnet"))]
pub const NOS_MINT: Pubkey = pubkey!("nosXBVoaCTtYdLvKY6Csb4AC8JCdQKKAaWYtx2ZMoo7");
/// The NOS mint.
#[cfg(feature = "devnet")]
pub const NOS_MINT: Pubkey = pubkey!("devr1BGQndEW5k5zfvG5FsLyZv1Ap73vNgAHcQ9sUVP");

/// The rewards program.
pub const REWARDS_PROGRAM: Pubkey = pubkey!("nosRB8DUV67oLNrL45bo2pFLrmsWPiewe2Lk2DRNYCp");
/// PDA `["reflection"]` of the rewards program.
pub const REWARDS_REFLECTION: Pubkey =
    Pubkey::new_from_array(derive_program_address(&[b"reflection"], &REWARDS_PROGRAM.to_bytes()).0);
/// PDA `[mint]` of the rewards program.
pub const REWARDS_VAULT: Pubkey = Pubkey::new_from_array(
    derive_program_address(&[&NOS_MINT.to_bytes()], &REWARDS_PROGRAM.to_bytes()).0,
);

/// Bytes of a market's account.
pub const MARKET_SIZE: usize = 10_232;
/// Bytes of a job's account, of which 233 are used.
pub const JOB_SIZE: usize = 240;
/// Bytes of a run's account, of which 113 are used.
pub const RUN_SIZE: usize = 120;
