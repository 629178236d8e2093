//! What accounts hold above today's rent.

use super::{Cluster, ClusterError};
use crate::{seeds, PROGRAM_ID};
use solana_program::pubkey::Pubkey;

/// An account that holds more than it has to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Where it is.
    pub key: Pubkey,
    /// How much more, lamports.
    pub lamports: u64,
}

impl Cluster {
    /// A wallet's owner account, deployments and their revisions that hold more than today's rent; for
    /// [`reclaim_rent`](crate::instructions::reclaim_rent).
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub async fn rent_held_too_much(&self, owner: &Pubkey) -> Result<Vec<Held>, ClusterError> {
        let mut keys = vec![seeds::owner_address(owner).0];
        for (address, found) in self.deployments_of(owner).await? {
            keys.push(address);
            if let Ok(found) = found {
                keys.extend(found.later_revisions().map(|(_, key)| key));
            }
        }
        let rent = self.rent().await?;
        let found = keys.iter().zip(self.accounts(&keys).await?);
        let held = found.filter_map(|(key, account)| {
            let account = account.filter(|account| account.owner == PROGRAM_ID)?;
            let least = rent.minimum_balance(account.data.len());
            let lamports = account.lamports.saturating_sub(least);
            (lamports > 0).then_some(Held {
                key: *key,
                lamports,
            })
        });
        Ok(held.collect())
    }
}
