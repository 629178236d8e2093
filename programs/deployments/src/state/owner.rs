//! The counter of a wallet's deployments. It is never closed.

use anchor_lang::prelude::*;

/// PDA `["owner", wallet]`; never closed, so that a deployment id is used once and a job's address
/// never repeats: an orphan run of an old job could otherwise finish a new one.
#[account]
#[derive(InitSpace)]
pub struct Owner {
    /// Layout version, 1.
    pub version: u8,
    /// Canonical bump of this account.
    pub bump: u8,
    /// The wallet.
    pub wallet: Pubkey,
    /// Id of the wallet's next deployment.
    pub next_deployment_id: u64,
    /// Zero; for later versions.
    pub reserved: [u8; 32],
}

impl Owner {
    /// Today's layout version.
    pub const VERSION: u8 = 1;
    /// Bytes of the account, its discriminator included.
    pub const SIZE: usize = Self::DISCRIMINATOR.len().saturating_add(Self::INIT_SPACE);
}

// Released layouts never change size.
const _: () = assert!(Owner::SIZE == 82);
