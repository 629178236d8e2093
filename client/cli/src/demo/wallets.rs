//! Who takes part, and where each one's NOS are.

use nosana_deploy_client::instructions::{nos_account_address, Vault};
use solana_keypair::Keypair;
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;

/// The people and machines of the demo. Their keys live as long as the process.
pub(crate) struct Wallets {
    /// Owns the deployment and the vault.
    pub(crate) owner: Keypair,
    /// Does what is due, for the network fee and the reward.
    pub(crate) keeper: Keypair,
    /// Runs the jobs.
    pub(crate) node: Keypair,
}

impl Wallets {
    pub(crate) fn new() -> Self {
        Self {
            owner: Keypair::new(),
            keeper: Keypair::new(),
            node: Keypair::new(),
        }
    }

    /// The owner's vault number `index`.
    pub(crate) fn vault(&self, index: u16) -> Vault {
        Vault::new(self.owner.pubkey(), index)
    }
}

/// A wallet's NOS token account.
pub(crate) fn nos_account(wallet: &Keypair) -> Pubkey {
    nos_account_address(&wallet.pubkey())
}
