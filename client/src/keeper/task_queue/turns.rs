//! Who is next: every owner in turn, however many deployments each of them has, and within a turn
//! whoever pays most.

use solana_program::pubkey::Pubkey;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

/// A deployment's place: its turn, then the reward, then who came first.
type Place = (u64, Reverse<u64>, u64);

/// Deployments that wait for a worker.
///
/// Each deployment of an owner goes into a later turn than the owner's one before it, and all owners
/// share the turns: so a thousand due deployments of one owner delay another's by one place, not by a
/// thousand.
#[derive(Debug, Default)]
pub(super) struct Turns {
    waiting: BTreeMap<Place, Pubkey>,
    places: HashMap<Pubkey, Place>,
    /// The last turn that each owner's deployments wait for or had.
    last: HashMap<Pubkey, u64>,
    /// The turn under way.
    turn: u64,
    arrivals: u64,
}

impl Turns {
    /// A deployment waits. One that waits already keeps its place.
    pub(super) fn push(&mut self, key: Pubkey, owner: &Pubkey, reward_lamports: u64) {
        if self.places.contains_key(&key) {
            return;
        }
        let turn = self
            .last
            .get(owner)
            .map_or(self.turn, |last| self.turn.max(last.saturating_add(1)));
        self.last.insert(*owner, turn);
        self.arrivals = self.arrivals.saturating_add(1);
        let place = (turn, Reverse(reward_lamports), self.arrivals);
        self.waiting.insert(place, key);
        self.places.insert(key, place);
    }

    /// The next one; it waits no longer.
    pub(super) fn pop(&mut self) -> Option<Pubkey> {
        let (place, key) = self.waiting.pop_first()?;
        self.places.remove(&key);
        (self.turn, _, _) = place;
        if self.waiting.is_empty() {
            self.last.clear(); // nobody is ahead of anybody
        }
        Some(key)
    }

    /// A deployment waits no longer.
    pub(super) fn remove(&mut self, key: &Pubkey) {
        if let Some(place) = self.places.remove(key) {
            self.waiting.remove(&place);
        }
    }
}
