//! Vaults in which money is awaited.

use solana_program::pubkey::Pubkey;
use std::collections::{BTreeMap, BTreeSet};

/// Vaults and their token accounts, and which deployments wait for money in them.
#[derive(Debug, Default)]
pub(super) struct Vaults {
    waiting: BTreeMap<Pubkey, BTreeSet<Pubkey>>,
    changed: bool,
}

impl Vaults {
    /// All accounts in which money is awaited.
    pub(super) fn awaited(&self) -> impl Iterator<Item = &Pubkey> {
        self.waiting.keys()
    }

    /// Whether they changed since this was last asked.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Who waits for money in an account.
    pub(super) fn waiting_for(&self, account: &Pubkey) -> Vec<Pubkey> {
        let waiting = self.waiting.get(account).into_iter().flatten();
        waiting.copied().collect()
    }

    /// Whether a deployment waits for money in an account.
    pub(super) fn set(&mut self, account: Pubkey, deployment: &Pubkey, waits: bool) {
        let before = self.waiting.contains_key(&account);
        if waits {
            let waiting = self.waiting.entry(account).or_default();
            waiting.insert(*deployment);
        } else if let Some(waiting) = self.waiting.get_mut(&account) {
            waiting.remove(deployment);
            if waiting.is_empty() {
                self.waiting.remove(&account);
            }
        }
        self.changed |= self.waiting.contains_key(&account) != before;
    }
}
