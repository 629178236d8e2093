//! Address lookup tables: with one, three times as many jobs fit into a transaction.
//!
//! A table takes rent, so it is made, or grows, only once it would have saved as much in fees: then the
//! keeper never pays more than twice what it would pay if it knew the future. It grows in the background;
//! no action waits for it.

mod wishes;

pub(crate) use wishes::Wish;

use crate::Keeper;
use nosana_deploy_client::{
    domain::funding::Rents,
    rpc::{usable_table, Cluster, ClusterError},
};
use solana_account::Account;
use solana_address_lookup_table_interface::{
    instruction::{create_lookup_table, extend_lookup_table},
    state::LOOKUP_TABLE_MAX_ADDRESSES,
};
use solana_message::AddressLookupTableAccount;
use solana_program::pubkey::Pubkey;
use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError, RwLock},
    time::{Duration, Instant},
};
use wishes::Wishes;

/// Tables are read again at most this often when a simulation refuses a message that uses some.
const REREAD_PERIOD: Duration = Duration::from_secs(30);

/// The tables that a keeper uses: the ones it was given, and those of its own.
#[derive(Default)]
pub(crate) struct LookupTables {
    known: RwLock<Vec<AddressLookupTableAccount>>,
    /// Its own tables: only those can grow.
    own: Mutex<Vec<Pubkey>>,
    reread: Mutex<Option<Instant>>,
    wishes: Wishes,
    /// Wishes that have paid for themselves.
    granted: Mutex<Vec<Wish>>,
}

impl LookupTables {
    /// All of them.
    pub(crate) fn known(&self) -> Vec<AddressLookupTableAccount> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.clone()
    }

    fn set(&self, tables: Vec<AddressLookupTableAccount>) {
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = tables;
    }

    fn own(&self) -> std::sync::MutexGuard<'_, Vec<Pubkey>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a transaction with this fee was sent without what is wished for.
    pub(crate) fn wish(&self, wishes: &[Wish], fee_lamports: u64, rents: &Rents) {
        for wish in wishes {
            if self.wishes.note(wish, fee_lamports, rents) {
                self.granted().push(wish.clone());
            }
        }
    }

    /// A wish that has paid for itself, for [`Keeper::grow_lookup_tables`].
    pub(crate) fn take_granted(&self) -> Option<Wish> {
        self.granted().pop()
    }

    fn granted(&self) -> std::sync::MutexGuard<'_, Vec<Wish>> {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The addresses in `wanted` that no table holds.
    pub(crate) fn lacks(&self, wanted: &[Pubkey]) -> Vec<Pubkey> {
        let known = self.known();
        let there: BTreeSet<&Pubkey> = known.iter().flat_map(|table| &table.addresses).collect();
        let lacking = wanted.iter().filter(|key| !there.contains(key));
        lacking.copied().collect()
    }

    /// An own table with room for so many addresses more.
    fn with_room(&self, more: usize) -> Option<Pubkey> {
        let (own, known) = (self.own(), self.known());
        let mut roomy = known.into_iter().filter(|table| {
            let after = table.addresses.len().saturating_add(more);
            own.contains(&table.key) && after <= LOOKUP_TABLE_MAX_ADDRESSES
        });
        roomy.next().map(|table| table.key)
    }
}

impl Keeper {
    /// Reads the tables that the keeper was given, and finds those that it made before.
    ///
    /// # Errors
    /// [`ClusterError`] if one that it was given does not exist, or the node does not answer.
    pub(crate) async fn load_lookup_tables(&self) -> Result<(), ClusterError> {
        let mut tables = Vec::new();
        for (key, account) in accounts(&self.cluster, &self.config.lookup_tables).await? {
            match account
                .as_ref()
                .and_then(|account| usable_table(key, account))
            {
                Some(table) => tables.push(table),
                None => {
                    return Err(ClusterError::Missing {
                        what: "lookup table in use",
                        key,
                        url: self.cluster.url().to_owned(),
                    })
                }
            }
        }
        match self.cluster.lookup_tables(&self.address()).await {
            Ok(own) => {
                *self.tables.own() = own.iter().map(|table| table.key).collect();
                if !own.is_empty() {
                    tracing::info!(count = own.len(), "lookup tables found again");
                }
                tables.retain(|table| own.iter().all(|other| other.key != table.key));
                tables.extend(own);
            }
            // Some nodes search for no accounts. Without its tables a keeper works all the same.
            Err(error) => self.rpc_failed("searching for lookup tables", &error),
        }
        self.tables.set(tables);
        Ok(())
    }

    /// Reads all tables again: somebody may have deactivated one, or extended it. Returns whether
    /// anything changed.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer.
    pub(crate) async fn reread_lookup_tables(&self) -> Result<bool, ClusterError> {
        {
            let mut last = self
                .tables
                .reread
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if last.is_some_and(|at| at.elapsed() < REREAD_PERIOD) {
                return Ok(false);
            }
            *last = Some(Instant::now());
        }
        let before = self.tables.known();
        let keys: Vec<Pubkey> = before.iter().map(|table| table.key).collect();
        let read = accounts(&self.cluster, &keys).await?;
        let usable = read
            .into_iter()
            .filter_map(|(key, account)| usable_table(key, account.as_ref()?));
        let after: Vec<_> = usable.collect();
        for gone in keys
            .iter()
            .filter(|key| after.iter().all(|table| table.key != **key))
        {
            tracing::warn!(table = %gone, "lookup table deactivated or closed");
        }
        let changed = before != after;
        self.tables.set(after);
        Ok(changed)
    }

    /// Makes a wish come true: an own table gets the addresses, a new one if none has room.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer or refuses.
    pub(crate) async fn grow_lookup_tables(&self, wish: &Wish) -> Result<(), ClusterError> {
        let lacking = self.tables.lacks(&wish.addresses);
        if lacking.is_empty() {
            return Ok(());
        }
        let me = self.address();
        let (mut instructions, key) = match self.tables.with_room(lacking.len()) {
            Some(key) => (Vec::new(), key),
            None => {
                // The slot is part of its address, and must be a recent one.
                let (slot, _) = self.cluster.accounts_since(&[me], 0).await?;
                let (create, key) = create_lookup_table(me, me, slot.saturating_sub(1));
                (vec![create], key)
            }
        };
        let count = lacking.len();
        instructions.push(extend_lookup_table(key, me, Some(me), lacking));
        let receipt = self
            .submit("lookup_table", &instructions, &[], &[key])
            .await?;
        tracing::info!(table = %key, addresses = count, "lookup table extended");
        // What was added counts from the next slot on.
        let after = receipt.slot.saturating_add(1);
        let (_, mut read) = self.cluster.accounts_since(&[key], after).await?;
        let table = read
            .pop()
            .flatten()
            .and_then(|account| usable_table(key, &account));
        let mut known = self.tables.known();
        known.retain(|other| other.key != key);
        known.extend(table);
        self.tables.set(known);
        let mut own = self.tables.own();
        own.retain(|other| *other != key);
        own.push(key);
        Ok(())
    }
}

async fn accounts(
    cluster: &Cluster,
    keys: &[Pubkey],
) -> Result<Vec<(Pubkey, Option<Account>)>, ClusterError> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let read = cluster.accounts(keys).await?;
    Ok(keys.iter().copied().zip(read).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_is_followed_by_a_new_one() {
        let tables = LookupTables::default();
        let [full, roomy, given]: [Pubkey; 3] = std::array::from_fn(|_| Pubkey::new_unique());
        let with = |key, count| AddressLookupTableAccount {
            key,
            addresses: (0..count).map(|_| Pubkey::new_unique()).collect(),
        };
        tables.set(vec![with(full, 250), with(given, 1)]);
        *tables.own() = vec![full];
        assert_eq!(tables.with_room(6), Some(full));
        assert_eq!(tables.with_room(7), None, "not even the one that was given");
        tables.set(vec![with(full, 250), with(roomy, 9)]);
        *tables.own() = vec![full, roomy];
        assert_eq!(tables.with_room(7), Some(roomy));
    }
}
