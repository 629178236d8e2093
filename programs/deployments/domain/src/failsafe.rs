//! Protects an INFINITE deployment's funds from jobs that end as soon as they begin. Every new job costs
//! fees, rewards and a node's first seconds, so a broken image must not be listed for ever.
//!
//! Rapid ends are counted in rounds of `replicas` jobs. After the n-th round in a row the next
//! listing waits 60 s × 2^(n−1), at most an hour; after [`MAX_STREAK`] rounds the deployment is in
//! ERROR. One healthy run resets the count.

/// A run at least this long is healthy.
pub const HEALTHY_RUN_SECONDS: i64 = 300;
/// Rounds of rapid ends in a row after which the deployment stops listing.
pub const MAX_STREAK: u8 = 8;
/// Wait after the first round.
pub const FIRST_WAIT_SECONDS: i64 = 60;
/// Longest wait.
pub const MAX_WAIT_SECONDS: i64 = 3_600;

/// What a job's end says about the health of its deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It ran for [`HEALTHY_RUN_SECONDS`] or longer.
    Healthy,
    /// It ended earlier, or its node quit.
    Rapid,
    /// It was ended by decision, or how long it ran is not known any more.
    Unknown,
}

impl Ending {
    /// Of a run between two unix times. A clock that stepped back counts as no time at all.
    pub fn of_run(started_at: i64, ended_at: i64) -> Ending {
        if ended_at.saturating_sub(started_at) >= HEALTHY_RUN_SECONDS {
            Ending::Healthy
        } else {
            Ending::Rapid
        }
    }
}

/// The fail-safe's memory; all zero at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailSafe {
    /// Rounds of rapid ends in a row, 0 to [`MAX_STREAK`].
    pub streak: u8,
    /// Rapid ends of the round that is being counted, below `replicas`.
    pub rapid_jobs: u32,
    /// Nothing is listed before this time, unix seconds.
    pub backoff_until: i64,
}

impl FailSafe {
    /// Nothing remembered.
    pub const fn new() -> Self {
        Self {
            streak: 0,
            rapid_jobs: 0,
            backoff_until: 0,
        }
    }

    /// Records a job's end. Returns whether the streak is now too long to go on.
    #[must_use]
    pub fn note(&mut self, ending: Ending, replicas: u32, now: i64) -> bool {
        match ending {
            Ending::Unknown => return false,
            Ending::Healthy => *self = FailSafe::default(),
            Ending::Rapid => {
                self.rapid_jobs = self.rapid_jobs.saturating_add(1);
                if self.rapid_jobs >= replicas {
                    self.rapid_jobs = 0;
                    self.backoff_until = now.saturating_add(wait_seconds(self.streak));
                    self.streak = self.streak.saturating_add(1).min(MAX_STREAK);
                }
            }
        }
        self.streak >= MAX_STREAK
    }

    /// Whether listing has to wait.
    pub const fn holds_back(&self, now: i64) -> bool {
        now < self.backoff_until
    }
}

/// Wait after the round that follows `streak` rapid ones.
fn wait_seconds(streak: u8) -> i64 {
    FIRST_WAIT_SECONDS
        .checked_shl(u32::from(streak))
        .unwrap_or(MAX_WAIT_SECONDS)
        .min(MAX_WAIT_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn waits_double_up_to_an_hour_and_the_eighth_round_ends_it() {
        let mut fail_safe = FailSafe::default();
        let waits: Vec<i64> = (1..=MAX_STREAK)
            .map(|round| {
                assert_eq!(fail_safe.note(Ending::Rapid, 1, 1_000), round == MAX_STREAK);
                fail_safe.backoff_until - 1_000
            })
            .collect();
        assert_eq!(waits, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
    }

    #[test]
    fn a_round_is_as_many_rapid_ends_as_there_are_replicas() {
        let mut fail_safe = FailSafe::default();
        assert!(!fail_safe.note(Ending::Rapid, 3, 0));
        assert!(!fail_safe.note(Ending::Rapid, 3, 0));
        assert_eq!((fail_safe.streak, fail_safe.rapid_jobs), (0, 2));
        assert!(!fail_safe.holds_back(0));
        assert!(!fail_safe.note(Ending::Rapid, 3, 0));
        assert_eq!((fail_safe.streak, fail_safe.rapid_jobs), (1, 0));
        assert!(fail_safe.holds_back(59) && !fail_safe.holds_back(60));
    }

    #[test]
    fn a_healthy_run_begins_anew_and_an_unknown_one_says_nothing() {
        let mut fail_safe = FailSafe::default();
        assert!(!fail_safe.note(Ending::Rapid, 1, 0));
        let before = fail_safe;
        assert!(!fail_safe.note(Ending::Unknown, 1, 0));
        assert_eq!(fail_safe, before);
        assert!(!fail_safe.note(Ending::Healthy, 1, 0));
        assert_eq!(fail_safe, FailSafe::default());
    }

    #[test]
    fn five_minutes_are_healthy_and_no_clock_breaks_that() {
        assert_eq!(Ending::of_run(0, 300), Ending::Healthy);
        assert_eq!(Ending::of_run(0, 299), Ending::Rapid);
        assert_eq!(Ending::of_run(10, 0), Ending::Rapid);
        assert_eq!(Ending::of_run(i64::MIN, i64::MAX), Ending::Healthy);
        assert_eq!(Ending::of_run(i64::MAX, i64::MIN), Ending::Rapid);
        let mut late = FailSafe::default();
        assert!(!late.note(Ending::Rapid, 1, i64::MAX));
        assert_eq!(late.backoff_until, i64::MAX);
    }
}
