//! Address lookup tables: with one, three times as many jobs fit into a transaction.

use crate::Keeper;
use nosana_deploy_client::rpc::{Cluster, ClusterError};
use solana_account::ReadableAccount;
use solana_address_lookup_table_interface::{
    instruction::{create_lookup_table, extend_lookup_table},
    state::{AddressLookupTable, LOOKUP_TABLE_MAX_ADDRESSES},
};
use solana_message::AddressLookupTableAccount;
use solana_program::pubkey::Pubkey;
use std::collections::BTreeSet;
use tokio::sync::{Mutex, RwLock};

/// The tables that a keeper uses: the ones it was given, and one of its own.
#[derive(Default)]
pub(crate) struct LookupTables {
    known: RwLock<Vec<AddressLookupTableAccount>>,
    /// Its own table; held while it is made or grows.
    own: Mutex<Option<Pubkey>>,
}

impl LookupTables {
    /// Reads the tables that it was given.
    ///
    /// # Errors
    /// [`ClusterError`] if one of them does not exist.
    pub(crate) async fn load(
        &self,
        cluster: &Cluster,
        given: &[Pubkey],
    ) -> Result<(), ClusterError> {
        let mut tables = Vec::with_capacity(given.len());
        for key in given {
            tables.push(table(cluster, key).await?);
        }
        *self.known.write().await = tables;
        Ok(())
    }

    /// All of them.
    pub(crate) async fn known(&self) -> Vec<AddressLookupTableAccount> {
        self.known.read().await.clone()
    }

    /// The addresses in `wanted` that no table holds.
    async fn lacks(&self, wanted: &[Pubkey]) -> Vec<Pubkey> {
        let known = self.known.read().await;
        let there: BTreeSet<&Pubkey> = known.iter().flat_map(|table| &table.addresses).collect();
        let lacking = wanted.iter().filter(|key| !there.contains(key));
        lacking.copied().collect()
    }

    async fn has_room(&self, key: Option<&Pubkey>, more: usize) -> bool {
        let known = self.known.read().await;
        let own = known.iter().find(|table| Some(&table.key) == key);
        let used = own.map_or(0, |table| table.addresses.len());
        used + more <= LOOKUP_TABLE_MAX_ADDRESSES
    }
}

impl Keeper {
    /// Sees to it that a table holds what many transactions name, and returns whether one holds more
    /// now. It costs rent once, and saves most of the transactions of a deployment with many replicas.
    pub(crate) async fn add_to_lookup_table(
        &self,
        wanted: &[Pubkey],
    ) -> Result<bool, ClusterError> {
        let allowed = self.config.creates_lookup_table && !self.config.dry_run;
        if !allowed || self.tables.lacks(wanted).await.is_empty() {
            return Ok(false);
        }
        let mut own = self.tables.own.lock().await;
        let lacking = self.tables.lacks(wanted).await; // a different task may have been faster
        if lacking.is_empty() {
            return Ok(true);
        }
        if !self.tables.has_room(own.as_ref(), lacking.len()).await {
            return Ok(false);
        }
        let me = self.address();
        let (mut instructions, key) = match *own {
            Some(key) => (Vec::new(), key),
            None => {
                // The slot is part of its address, and must be a recent one.
                let (slot, _) = self.cluster.accounts_since(&[me], 0).await?;
                let (create, key) = create_lookup_table(me, me, slot.saturating_sub(1));
                (vec![create], key)
            }
        };
        let keys = lacking.clone();
        instructions.push(extend_lookup_table(key, me, Some(me), keys));
        let receipt = self.submit(&instructions, &[]).await?;
        *own = Some(key);
        tracing::info!(table = %key, addresses = lacking.len(), "lookup table extended");
        // What was added counts from the next slot on.
        let after = receipt.slot.saturating_add(1);
        self.cluster.accounts_since(&[key], after).await?;
        let table = table(&self.cluster, &key).await?;
        let mut known = self.tables.known.write().await;
        known.retain(|other| other.key != key);
        known.push(table);
        Ok(true)
    }
}

async fn table(cluster: &Cluster, key: &Pubkey) -> Result<AddressLookupTableAccount, ClusterError> {
    let account = cluster.accounts(&[*key]).await?.pop().flatten();
    let decode = |account: &solana_account::Account| {
        let table = AddressLookupTable::deserialize(account.data()).ok()?;
        Some(table.addresses.to_vec())
    };
    let addresses = account.as_ref().and_then(decode);
    let addresses = addresses.ok_or_else(|| ClusterError::Missing {
        what: "lookup table",
        key: *key,
        url: cluster.url().to_owned(),
    })?;
    Ok(AddressLookupTableAccount {
        key: *key,
        addresses,
    })
}
