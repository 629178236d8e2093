//! What a keeper gives away: losses on one owner's deployments are bounded by the hour, so that nobody
//! can have it work for nothing for ever.

use solana_program::pubkey::Pubkey;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

const SECONDS_PER_HOUR: i64 = 3_600;

/// Lamports lost on each owner's deployments in the hour that runs.
#[derive(Debug)]
pub(crate) struct Losses {
    most_per_hour: u64,
    hour: Mutex<Hour>,
}

#[derive(Debug, Default)]
struct Hour {
    /// Whole hours since 1970.
    number: i64,
    by_owner: HashMap<Pubkey, u64>,
}

impl Hour {
    /// Forgets the hours before.
    fn begin(&mut self, now: i64) {
        let number = now.div_euclid(SECONDS_PER_HOUR);
        // A clock that steps back gives no second budget.
        if number > self.number {
            *self = Self {
                number,
                by_owner: HashMap::new(),
            };
        }
    }
}

impl Losses {
    /// At most this many lamports for each owner and hour.
    pub(crate) fn new(most_per_hour: u64) -> Self {
        Self {
            most_per_hour,
            hour: Mutex::default(),
        }
    }

    /// Takes a loss of `lamports` from the owner's budget at on-chain time `now`, if it has that much. It
    /// is taken before a transaction is sent: several are under way at a time.
    pub(crate) fn take(&self, owner: &Pubkey, lamports: u64, now: i64) -> bool {
        let mut hour = self.hour.lock().unwrap_or_else(PoisonError::into_inner);
        hour.begin(now);
        let lost = hour.by_owner.entry(*owner).or_default();
        let after = lost.saturating_add(lamports);
        let affordable = after <= self.most_per_hour;
        if affordable {
            *lost = after;
        }
        affordable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_owner_has_a_budget_for_each_hour_and_no_more() {
        let losses = Losses::new(10);
        let [one, other]: [Pubkey; 2] = std::array::from_fn(|_| Pubkey::new_unique());
        let take = |owner: &Pubkey, lamports, now| losses.take(owner, lamports, now);
        assert!(take(&one, 6, 7_200));
        assert!(!take(&one, 5, 7_201), "more than is left");
        assert!(take(&one, 4, 7_202), "what is left");
        assert!(!take(&one, 1, 10_799));
        assert!(take(&other, 10, 10_799), "somebody else");
        assert!(take(&one, 10, 10_800), "the next hour");
        assert!(!take(&one, 1, 7_200), "a clock that stepped back");
        assert!(!take(&other, 11, 14_400), "never more than the budget");
    }
}
