//! Address lookup tables.

use super::{Cluster, ClusterError};
use crate::filters::Memcmp;
use solana_account::Account;
use solana_address_lookup_table_interface::{program, state::AddressLookupTable};
use solana_message::AddressLookupTableAccount;
use solana_program::pubkey::Pubkey;

/// Where a table's account says who may extend it: after its kind, two slots, an index and the tag of the
/// option.
const AUTHORITY_OFFSET: usize = 22;
/// A table that is not deactivated says so by this slot.
const NEVER: u64 = u64::MAX;

impl Cluster {
    /// Tables that `authority` may extend and transactions can use.
    ///
    /// # Errors
    /// [`ClusterError`] if the node does not answer, or searches for no accounts.
    pub async fn lookup_tables(
        &self,
        authority: &Pubkey,
    ) -> Result<Vec<AddressLookupTableAccount>, ClusterError> {
        let held_by = Memcmp::new(AUTHORITY_OFFSET, authority.as_ref());
        let found = self.program_accounts(&program::ID, vec![held_by]).await?;
        let usable = found
            .iter()
            .filter_map(|(key, account)| usable_table(*key, account));
        Ok(usable.collect())
    }
}

/// A table that transactions can use, if the account is one.
pub fn usable_table(key: Pubkey, account: &Account) -> Option<AddressLookupTableAccount> {
    let table = AddressLookupTable::deserialize(&account.data).ok()?;
    let is_usable = account.owner == program::ID && table.meta.deactivation_slot == NEVER;
    is_usable.then(|| AddressLookupTableAccount {
        key,
        addresses: table.addresses.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use solana_address_lookup_table_interface::state::LookupTableMeta;

    fn table(authority: Pubkey, deactivation_slot: u64) -> Account {
        let meta = LookupTableMeta {
            deactivation_slot,
            ..LookupTableMeta::new(authority)
        };
        let addresses = [Pubkey::new_unique()];
        let table = AddressLookupTable {
            meta,
            addresses: (&addresses[..]).into(),
        };
        Account {
            lamports: 1,
            data: table.serialize_for_tests().unwrap(),
            owner: program::ID,
            ..Account::default()
        }
    }

    #[test]
    fn a_table_is_found_by_its_authority_and_used_until_it_is_deactivated() {
        let (key, me) = (Pubkey::new_unique(), Pubkey::new_unique());
        let active = table(me, NEVER);
        assert!(Memcmp::new(AUTHORITY_OFFSET, me.as_ref()).matches(&active.data));
        assert!(!Memcmp::new(AUTHORITY_OFFSET, key.as_ref()).matches(&active.data));
        assert_eq!(usable_table(key, &active).unwrap().addresses.len(), 1);
        assert!(usable_table(key, &table(me, 7)).is_none());
        let foreign = Account {
            owner: me,
            ..active
        };
        assert!(usable_table(key, &foreign).is_none());
    }
}
