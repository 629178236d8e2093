//! A later revision of a deployment's job definition.

use anchor_lang::prelude::*;

/// PDA `["revision", deployment, number u32]`, one for each revision after the first, whose digest
/// is in the Deployment itself. Rolling back is choosing a number.
#[account]
#[derive(InitSpace)]
pub struct Revision {
    /// Layout version, 1.
    pub version: u8,
    /// Canonical bump of this account.
    pub bump: u8,
    /// The wallet that owns the deployment and gets this account's rent back.
    pub owner: Pubkey,
    /// The deployment; its id is used once, so a closed one never comes back.
    pub deployment: Pubkey,
    /// From 2.
    pub number: u32,
    /// sha2-256 digest of the job definition.
    pub job_definition: [u8; 32],
    /// Unix seconds.
    pub created_at: i64,
    /// Zero; for later versions.
    pub reserved: [u8; 32],
}

impl Revision {
    /// Today's layout version.
    pub const VERSION: u8 = 1;
    /// Bytes of the account, its discriminator included.
    pub const SIZE: usize = Self::DISCRIMINATOR.len().saturating_add(Self::INIT_SPACE);
}

// Released layouts never change size.
const _: () = assert!(Revision::SIZE == 150);
