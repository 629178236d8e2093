//! Jobs that simulations refused lately: each is tried again later, and holds up no other meanwhile.

use solana_program::pubkey::Pubkey;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// First wait after a refusal, in on-chain seconds; it doubles with each, up to the longest.
const FIRST_WAIT_SECONDS: i64 = 30;
const LONGEST_WAIT_SECONDS: i64 = 3_600;
/// More refusals than this are forgotten: those that wait no longer, else all.
const MOST: usize = 10_000;

/// Which jobs were refused, and until when they are left alone.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<HashMap<(Pubkey, u64), Refusal>>);

#[derive(Clone, Copy, Debug)]
struct Refusal {
    until: i64,
    wait: i64,
}

impl Refusals {
    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<(Pubkey, u64), Refusal>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a deployment's job was refused at on-chain time `now`.
    pub(crate) fn note(&self, deployment: &Pubkey, index: u64, now: i64) {
        let mut all = self.all();
        if all.len() >= MOST {
            all.retain(|_, refusal| refusal.until > now);
        }
        if all.len() >= MOST {
            all.clear();
        }
        let wait = all
            .get(&(*deployment, index))
            .map_or(FIRST_WAIT_SECONDS, |before| {
                before.wait.saturating_mul(2).min(LONGEST_WAIT_SECONDS)
            });
        let until = now.saturating_add(wait);
        all.insert((*deployment, index), Refusal { until, wait });
    }

    /// Whether a job is left alone at `now`.
    pub(crate) fn holds(&self, deployment: &Pubkey, index: u64, now: i64) -> bool {
        let all = self.all();
        all.get(&(*deployment, index))
            .is_some_and(|refusal| now < refusal.until)
    }

    /// Forgets a job that went through.
    pub(crate) fn forget(&self, deployment: &Pubkey, index: u64) {
        self.all().remove(&(*deployment, index));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_job_waits_longer_each_time_and_others_do_not() {
        let (refusals, key) = (Refusals::default(), Pubkey::new_unique());
        refusals.note(&key, 7, 1_000);
        assert!(refusals.holds(&key, 7, 1_029));
        assert!(!refusals.holds(&key, 7, 1_030));
        assert!(!refusals.holds(&key, 8, 1_000));
        assert!(!refusals.holds(&Pubkey::new_unique(), 7, 1_000));
        refusals.note(&key, 7, 2_000);
        assert!(refusals.holds(&key, 7, 2_059));
        for _ in 0..20 {
            refusals.note(&key, 7, 3_000);
        }
        assert!(refusals.holds(&key, 7, 6_599));
        assert!(!refusals.holds(&key, 7, 6_600), "an hour at most");
        refusals.forget(&key, 7);
        assert!(!refusals.holds(&key, 7, 3_000));
    }

    #[test]
    fn its_memory_is_bounded() {
        let (refusals, key) = (Refusals::default(), Pubkey::new_unique());
        for index in 0..2 * u64::try_from(MOST).unwrap() {
            refusals.note(&key, index, 1_000);
        }
        assert!(refusals.all().len() <= MOST);
    }
}
