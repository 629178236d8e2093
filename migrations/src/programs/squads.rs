//! Squads v4, whose multisigs hold other programs' authorities: addresses alone, nothing of it is called.

use solana_program::{hash::hash, pubkey, pubkey::Pubkey};

/// The program of Squads v4, on mainnet and on devnet.
pub const SQUADS: Pubkey = pubkey!("SQDS4ep65T869zMMBKyuUq6aD6EgTu8psMjkvj52pCf");

/// The vault of that number, from 0: what signs for a multisig once its members have agreed.
pub fn vault_address(multisig: &Pubkey, vault: u8) -> Pubkey {
    let seeds: [&[u8]; 4] = [b"multisig", multisig.as_ref(), b"vault", &[vault]];
    Pubkey::find_program_address(&seeds, &SQUADS).0
}

/// Whether an account's content is a multisig's. A vault itself, a proposal or a typing error is none, and
/// whatever such an address derives nobody could ever sign for.
pub fn is_multisig(owner: &Pubkey, data: &[u8]) -> bool {
    let discriminator = hash(b"account:Multisig").to_bytes();
    *owner == SQUADS && data.len() > 8 && data.get(..8) == discriminator.get(..8)
}
