//! Protects an INFINITE deployment's funds from jobs that end as soon as they begin. Every new job costs
//! fees, rewards and a node's first seconds, so a broken image must not be listed for ever.
//!
//! Rapid ends are counted in rounds: all ends of jobs that were listed before the round was noticed are one
//! round, whoever settles them and in however many calls. After the n-th round in a row the
//! replacements of what ended wait 60 s × 2^(n−1), at most an hour; nothing else waits. After
//! [`MAX_STREAK`] rounds the deployment is in ERROR, unless nodes quit each of its jobs, or one of
//! its jobs has served [`HEALTHY_RUN_SECONDS`] since the streak began: then it is not the image that
//! is broken. One healthy run takes a round off the streak.

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
    /// It ended earlier.
    Rapid,
    /// Its node quit earlier.
    RapidQuit,
    /// It was ended by decision, or how long it ran is not known any more.
    Unknown,
}

/// Whether less than [`HEALTHY_RUN_SECONDS`] lie between two unix times. A clock that stepped back
/// counts as no time at all.
pub const fn is_rapid(from: i64, to: i64) -> bool {
    to.saturating_sub(from) < HEALTHY_RUN_SECONDS
}

/// The fail-safe's memory; all zero at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FailSafe {
    /// Rounds of rapid ends in a row, 0 to [`MAX_STREAK`].
    pub streak: u8,
    /// Whether a job of the streak ended by itself: nodes that quit do not make an ERROR.
    pub crashed: bool,
    /// Whether a job has served [`HEALTHY_RUN_SECONDS`] since the streak began.
    pub served: bool,
    /// Rapid ends whose replacement is not listed yet.
    pub held: u32,
    /// When the last round was noticed, unix seconds.
    pub round_at: i64,
    /// The replacements wait until then, unix seconds.
    pub backoff_until: i64,
}

impl FailSafe {
    /// Nothing remembered.
    pub const fn new() -> Self {
        Self {
            streak: 0,
            crashed: false,
            served: false,
            held: 0,
            round_at: 0,
            backoff_until: 0,
        }
    }

    /// Records the end of a job that was listed at `listed_at`. `serves` says whether a different job
    /// of the same revision has served [`HEALTHY_RUN_SECONDS`]. Returns whether listing should end.
    #[must_use]
    pub fn note(
        &mut self,
        ending: Ending,
        listed_at: i64,
        serves: impl FnOnce() -> bool,
        now: i64,
    ) -> bool {
        match ending {
            Ending::Unknown => return false,
            Ending::Healthy => {
                self.streak = self.streak.saturating_sub(1);
                self.served = true;
                return false;
            }
            Ending::Rapid | Ending::RapidQuit => {}
        }
        self.held = self.held.saturating_add(1);
        let begins = self.streak == 0;
        if begins || listed_at > self.round_at {
            self.round_at = now;
            self.backoff_until = now.saturating_add(wait_seconds(self.streak));
            self.streak = self.streak.saturating_add(1).min(MAX_STREAK);
        }
        self.crashed = ending == Ending::Rapid || (self.crashed && !begins);
        self.served = serves() || (self.served && !begins);
        self.streak >= MAX_STREAK && self.crashed && !self.served
    }

    /// Records that `count` jobs were listed. Returns how many of them replace rapid ends.
    pub fn listed(&mut self, count: u32, now: i64) -> u32 {
        if self.holds_back(now) {
            return 0;
        }
        let replacements = self.held.min(count);
        self.held = self.held.saturating_sub(replacements);
        replacements
    }

    /// Whether replacements have to wait.
    pub const fn holds_back(&self, now: i64) -> bool {
        now < self.backoff_until
    }

    /// How many replacements have to wait.
    pub const fn held_back(&self, now: i64) -> u32 {
        if self.holds_back(now) {
            self.held
        } else {
            0
        }
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

    /// A crash of a job that was listed just before.
    fn crash(fail_safe: &mut FailSafe, now: i64) -> bool {
        fail_safe.note(Ending::Rapid, now, || false, now)
    }

    #[test]
    fn waits_double_up_to_an_hour_and_the_eighth_round_ends_it() {
        let mut fail_safe = FailSafe::default();
        let waits: Vec<i64> = (1..=MAX_STREAK)
            .map(|round| {
                let now = 1_000 + i64::from(round);
                assert_eq!(crash(&mut fail_safe, now), round == MAX_STREAK);
                fail_safe.backoff_until - now
            })
            .collect();
        assert_eq!(waits, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
    }

    #[test]
    fn jobs_listed_before_a_round_was_noticed_belong_to_it() {
        let mut fail_safe = FailSafe::default();
        for (now, held) in [(100, 1), (110, 2), (9_999, 3)] {
            assert!(!fail_safe.note(Ending::Rapid, 50, || false, now));
            let seen = (fail_safe.streak, fail_safe.held, fail_safe.backoff_until);
            assert_eq!(seen, (1, held, 160));
        }
        assert_eq!((fail_safe.held_back(159), fail_safe.held_back(160)), (3, 0));
        // Listed in the second in which the round was noticed: still of it.
        assert!(!fail_safe.note(Ending::Rapid, 100, || false, 10_000));
        assert_eq!(fail_safe.streak, 1);
        assert!(!fail_safe.note(Ending::Rapid, 101, || false, 10_000));
        assert_eq!(fail_safe.streak, 2);
    }

    #[test]
    fn only_what_replaces_a_rapid_end_waits_and_counts_as_its_replacement() {
        let mut fail_safe = FailSafe::default();
        assert!(!crash(&mut fail_safe, 100));
        assert_eq!(fail_safe.listed(5, 159), 0, "these replace something else");
        assert_eq!((fail_safe.listed(5, 160), fail_safe.listed(5, 160)), (1, 0));
    }

    #[test]
    fn a_healthy_run_takes_a_round_off_and_an_unknown_one_says_nothing() {
        let mut fail_safe = FailSafe::default();
        assert!(!crash(&mut fail_safe, 1) && !crash(&mut fail_safe, 2));
        let before = fail_safe;
        assert!(!fail_safe.note(Ending::Unknown, 3, || true, 3));
        assert_eq!(fail_safe, before);
        assert!(!fail_safe.note(Ending::Healthy, 3, || true, 3));
        assert_eq!((fail_safe.streak, fail_safe.served), (1, true));
    }

    #[test]
    fn quits_alone_and_a_deployment_that_serves_are_no_error() {
        let last = |ending, serves: bool, healthy: bool| {
            let mut fail_safe = FailSafe::default();
            let mut is_error = false;
            for round in 1..=20 {
                if healthy && round == 2 {
                    let _ = fail_safe.note(Ending::Healthy, round, || false, round);
                }
                is_error |= fail_safe.note(ending, round, || serves, round);
            }
            is_error
        };
        assert!(last(Ending::Rapid, false, false));
        assert!(!last(Ending::RapidQuit, false, false));
        assert!(!last(Ending::Rapid, true, false));
        assert!(last(Ending::Rapid, false, true), "the streak began after");
    }

    #[test]
    fn what_a_streak_has_seen_counts_until_it_ends() {
        // Each step is an end, and whether a different job serves by then.
        let is_error = |steps: &[(Ending, bool)]| {
            let mut fail_safe = FailSafe::default();
            let mut last = false;
            for (now, (ending, serves)) in (1..).zip(steps) {
                last = fail_safe.note(*ending, now, || *serves, now);
            }
            last
        };
        let eight = |first: (Ending, bool), others: (Ending, bool)| {
            let mut steps = Vec::from([others; 8]);
            steps[0] = first;
            steps
        };
        let (crash, quit) = ((Ending::Rapid, false), (Ending::RapidQuit, false));
        assert!(is_error(&eight(crash, quit)), "one crash among quits");
        assert!(
            !is_error(&eight((Ending::Rapid, true), crash)),
            "served once"
        );
        // A healthy run ends a streak of one; the next one begins with nothing.
        let anew = |mut first: Vec<(Ending, bool)>, second: Vec<(Ending, bool)>| {
            first.push((Ending::Healthy, false));
            first.extend(second);
            is_error(&first)
        };
        assert!(!anew(Vec::from([crash]), eight(quit, quit)));
        assert!(anew(
            Vec::from([(Ending::Rapid, true)]),
            eight(crash, crash)
        ));
    }

    #[test]
    fn five_minutes_are_healthy_and_no_clock_breaks_that() {
        assert!(!is_rapid(0, 300) && is_rapid(0, 299) && is_rapid(10, 0));
        assert!(!is_rapid(i64::MIN, i64::MAX) && is_rapid(i64::MAX, i64::MIN));
        let mut late = FailSafe::default();
        assert!(!crash(&mut late, i64::MAX));
        assert_eq!(late.backoff_until, i64::MAX);
    }
}
