//! Random sequences of what an owner, keepers, nodes, a market's authority and an attacker do, on
//! real bytecode, and what must hold after each step and at the end of each.
//!
//! A [`Scenario`] is data: proptest makes it up and shrinks it when it fails, and it can be written
//! down as JSON and played again.

mod agree;
mod attack;
mod check;
mod converge;
mod ending;
mod keeper;
mod market;
mod owner;
mod play;
mod scenario;
mod stage;

pub use play::{play, Played};
pub use scenario::{scenario, Plan, Scenario, Step};

use crate::Chain;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner};
use std::{cell::RefCell, collections::BTreeMap};

/// What many scenarios did together.
#[derive(Debug, Default)]
pub struct Summary {
    /// Scenarios played to their end.
    pub sequences: u32,
    /// For each kind of step: how often it went through, and how often it was refused.
    pub steps: BTreeMap<String, (u32, u32)>,
    /// How often a deployment was seen in each status after a step.
    pub statuses: BTreeMap<&'static str, u32>,
    /// Jobs that were listed.
    pub jobs: u32,
}

impl Summary {
    fn add(&mut self, played: &Played) {
        self.sequences += 1;
        self.jobs += played.jobs;
        for (kind, passed) in &played.steps {
            let counts = self.steps.entry(kind.clone()).or_default();
            if *passed {
                counts.0 += 1;
            } else {
                counts.1 += 1;
            }
        }
        for (status, times) in &played.statuses {
            *self.statuses.entry(status).or_default() += times;
        }
    }

    /// Adds another summary to this one.
    pub fn merge(&mut self, other: Summary) {
        self.sequences += other.sequences;
        self.jobs += other.jobs;
        for (kind, (passed, refused)) in other.steps {
            let counts = self.steps.entry(kind).or_default();
            counts.0 += passed;
            counts.1 += refused;
        }
        for (status, times) in other.statuses {
            *self.statuses.entry(status).or_default() += times;
        }
    }
}

/// A scenario that breaks an invariant, shrunk, and how.
#[derive(Debug)]
pub struct Found {
    /// The smallest scenario found that still fails.
    pub scenario: Scenario,
    /// What it breaks.
    pub reason: String,
}

/// Plays `sequences` scenarios of `steps` steps, made up from `seed`.
///
/// # Errors
/// [`Found`], at the first scenario that breaks an invariant.
pub fn fuzz(sequences: u32, steps: usize, seed: u64) -> Result<Summary, Box<Found>> {
    let base = Chain::new();
    let summary = RefCell::new(Summary::default());
    let config = Config {
        cases: sequences,
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        max_shrink_iters: 4_000,
        ..Config::default()
    };
    let outcome = TestRunner::new(config).run(&scenario(steps), |scenario| {
        let played = play(&base, &scenario, |_| {}).map_err(TestCaseError::fail)?;
        summary.borrow_mut().add(&played);
        Ok(())
    });
    match outcome {
        Ok(()) => Ok(summary.into_inner()),
        Err(TestError::Fail(reason, scenario)) => {
            let reason = reason.message().into();
            Err(Box::new(shorten(&base, Found { scenario, reason })))
        }
        Err(TestError::Abort(reason)) => panic!("{reason}"),
    }
}

/// Leaves out every step without which something still breaks. (proptest has made each step as
/// simple as it can be, but their number is fixed.)
fn shorten(base: &Chain, mut found: Found) -> Found {
    let mut position = found.scenario.steps.len();
    while position > 0 {
        position -= 1;
        let mut shorter = found.scenario.clone();
        shorter.steps.remove(position);
        if let Err(reason) = play(base, &shorter, |_| {}) {
            found = Found {
                scenario: shorter,
                reason,
            };
            // What came later may have needed the step that is gone.
            position = found.scenario.steps.len();
        }
    }
    found
}
