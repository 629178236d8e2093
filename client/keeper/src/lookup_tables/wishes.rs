//! What lookup tables should hold, and whether that pays.

use nosana_deploy_client::domain::funding::Rents;
use solana_address_lookup_table_interface::state::LOOKUP_TABLE_META_SIZE;
use solana_program::pubkey::Pubkey;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// More wishes than this are forgotten.
const MOST_WISHES: usize = 10_000;

/// Addresses that a table should hold, because many transactions name them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    /// The market's or the deployment's address, of which there is one wish each.
    pub(crate) of: Pubkey,
    /// What the tables lack.
    pub(crate) addresses: Vec<Pubkey>,
    /// Jobs that fit into a transaction without them, and with them.
    pub(crate) jobs: (usize, usize),
}

impl Wish {
    /// The part of a transaction's fee that the addresses would have saved, lamports: with them, fewer
    /// transactions do the same.
    fn saved(&self, fee_lamports: u64) -> u64 {
        let (without, with) = self.jobs;
        let [more, with] = [with.saturating_sub(without), with]
            .map(|jobs| u64::try_from(jobs).unwrap_or(u64::MAX));
        fee_lamports
            .saturating_mul(more)
            .checked_div(with)
            .unwrap_or(0)
    }

    /// What a table of its own would cost, lamports, by the cluster's rents.
    fn rent(&self, rents: &Rents) -> u64 {
        let addresses = self.addresses.len().saturating_mul(size_of::<Pubkey>());
        let data = LOOKUP_TABLE_META_SIZE.saturating_add(addresses);
        rents.of(u64::try_from(data).unwrap_or(u64::MAX))
    }
}

/// Wishes, and how much each would have saved so far, in lamports.
#[derive(Debug, Default)]
pub(crate) struct Wishes(Mutex<HashMap<Pubkey, u64>>);

impl Wishes {
    /// Notes that a transaction that cost this fee was sent without what is wished for. Returns whether
    /// that has cost as much by now as the wish would; then it begins anew.
    pub(crate) fn note(&self, wish: &Wish, fee_lamports: u64, rents: &Rents) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST_WISHES {
            all.clear();
        }
        let saved = all.entry(wish.of).or_default();
        *saved = saved.saturating_add(wish.saved(fee_lamports));
        let pays = *saved >= wish.rent(rents);
        if pays {
            all.remove(&wish.of);
        }
        pays
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_made_once_its_lack_has_cost_as_much() {
        let wish = Wish {
            of: Pubkey::new_unique(),
            addresses: vec![Pubkey::new_unique(); 9],
            jobs: (4, 12),
        };
        // (56 bytes of its own, 9 addresses and the overhead) × 6,960 lamports.
        let rent = (56 + 9 * 32 + 128) * 6_960;
        assert_eq!(wish.rent(&Rents::DEFAULT), rent);
        assert_eq!(wish.saved(6_000), 4_000, "two of three transactions");
        let wishes = Wishes::default();
        let transactions = rent.div_ceil(4_000);
        for _ in 1..transactions {
            assert!(!wishes.note(&wish, 6_000, &Rents::DEFAULT));
        }
        assert!(wishes.note(&wish, 6_000, &Rents::DEFAULT));
        assert!(!wishes.note(&wish, 6_000, &Rents::DEFAULT), "anew");
        // A dear transaction weighs more, and one that gains nothing never pays.
        assert!(wishes.note(&wish, 2 * rent, &Rents::DEFAULT));
        let useless = Wish {
            jobs: (4, 4),
            ..wish
        };
        assert!(!wishes.note(&useless, u64::MAX, &Rents::DEFAULT));
    }
}
