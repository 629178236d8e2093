//! Whatever happens in whatever order, the invariant holds.

use super::*;
use crate::settings::Strategy;
use proptest::{prelude::*, strategy::Strategy as _};
use std::vec;

/// How a job ends by itself.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ended {
    Healthy,
    Rapid,
    Quit,
    Gone,
}

impl Ended {
    fn at(self, now: i64) -> End {
        match self {
            Self::Healthy => ran(300, now),
            Self::Rapid => ran(1, now),
            Self::Quit => End::Quit,
            Self::Gone => End::Gone,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    Start,
    Stop { drain: bool },
    Archive,
    Scale(u32),
    Extend(u32),
    Roll(u32),
    Trigger,
    Restart(Option<u64>),
    Prolong(u32),
    LimitQueue(u32),
    Crank { jobs_paid: u32, dear: bool },
    Take(usize),
    End(usize, Ended),
    StopJob(usize),
    Reschedule { run_due: bool },
    Wait(i64),
}

pub(super) fn step() -> impl proptest::strategy::Strategy<Value = Step> {
    let ending = prop_oneof![
        Just(Ended::Healthy),
        Just(Ended::Rapid),
        Just(Ended::Quit),
        Just(Ended::Gone)
    ];
    prop_oneof![
        2 => Just(Step::Start),
        1 => any::<bool>().prop_map(|drain| Step::Stop { drain }),
        1 => Just(Step::Archive),
        2 => (0..5u32).prop_map(Step::Scale),
        2 => Just(Step::Trigger),
        2 => prop::option::of(0..9u64).prop_map(Step::Restart),
        1 => (0..7_200u32).prop_map(Step::Prolong),
        1 => (0..600u32).prop_map(Step::LimitQueue),
        1 => (1..3u32).prop_map(Step::Extend),
        2 => (1..4u32).prop_map(Step::Roll),
        6 => (0..5u32, prop::bool::weighted(0.1))
            .prop_map(|(jobs_paid, dear)| Step::Crank { jobs_paid, dear }),
        4 => (0..8usize).prop_map(Step::Take),
        3 => (0..8usize, ending).prop_map(|(job, ending)| Step::End(job, ending)),
        4 => (0..8usize).prop_map(Step::StopJob),
        1 => any::<bool>().prop_map(|run_due| Step::Reschedule { run_due }),
        4 => (-100..3 * DAY).prop_map(Step::Wait),
        2 => (0..3_600i64).prop_map(Step::Wait),
    ]
}

/// Applies one step; an owner's may be refused, what a decision proposes may not.
pub(super) fn apply(fleet: &mut Fleet, step: Step, now: &mut i64) -> Result<(), Refused> {
    let at = *now;
    let jobs = fleet.jobs();
    match step {
        Step::Start => fleet.lifecycle.start(jobs, at),
        Step::Stop { drain } => fleet.lifecycle.stop(drain),
        Step::Archive => fleet.lifecycle.archive(),
        Step::Roll(revision) => fleet.lifecycle.change_revision(revision, jobs, at),
        Step::Trigger => fleet.lifecycle.trigger(jobs, at),
        Step::Restart(index) => fleet.restart(index),
        Step::Scale(0) if !fleet.lifecycle.settings.strategy.scales_to_zero() => Ok(()),
        Step::Scale(replicas) => {
            let settings = Settings {
                replicas,
                ..fleet.lifecycle.settings
            };
            fleet.lifecycle.configure(settings, false, jobs, at)?;
            fleet.make_room();
            Ok(())
        }
        Step::Prolong(timeout_seconds) => {
            let least = match fleet.lifecycle.settings.strategy {
                Strategy::Infinite => 3_600,
                _ => 60,
            };
            let settings = Settings {
                timeout_seconds: timeout_seconds.max(least),
                ..fleet.lifecycle.settings
            };
            fleet.lifecycle.configure(settings, false, jobs, at)?;
            prolong_all(fleet, at);
            Ok(())
        }
        Step::LimitQueue(max_queue_seconds) => {
            if fleet.lifecycle.settings.strategy != Strategy::Infinite {
                fleet.lifecycle.settings.max_queue_seconds = max_queue_seconds;
            }
            Ok(())
        }
        Step::Reschedule { run_due } => {
            let settings = Settings {
                schedule: Some(Schedule::parse("30 */6 * * *").unwrap()),
                ..fleet.lifecycle.settings
            };
            fleet.lifecycle.configure(settings, run_due, jobs, at)
        }
        Step::Extend(more) => {
            fleet.lifecycle.extend(more)?;
            fleet.make_room();
            Ok(())
        }
        Step::Crank { jobs_paid, dear } => {
            let offer = Offer {
                market: Market::Open {
                    price_per_second: if dear { 2 } else { 1 },
                    nodes_waiting: 0,
                    queue_room: 315,
                },
                funds: Funds {
                    nos: u64::from(fleet.lifecycle.settings.timeout_seconds) * u64::from(jobs_paid),
                    ..offer(0).funds
                },
                ..offer(0)
            };
            match fleet.lifecycle.listing(jobs.clone(), &offer, at) {
                Listing::Jobs(jobs) => fleet.list(jobs, at),
                Listing::CannotPay => fleet.lifecycle.cannot_pay(jobs, at).unwrap(),
                Listing::Fail(reason) => fleet.lifecycle.fail(reason, jobs, at).unwrap(),
                Listing::Fire => fleet.lifecycle.fired(jobs, at).unwrap(),
                Listing::Resume => fleet.lifecycle.resumed().unwrap(),
                Listing::NothingDue | Listing::NoFreeSlot | Listing::QueueFull => {}
            }
            Ok(())
        }
        Step::Take(position) => {
            if let Some(job) = fleet.jobs.get(position).copied() {
                if job.started_at.is_none() {
                    fleet.take(job.index, at);
                }
            }
            Ok(())
        }
        Step::End(position, ending) => {
            if let Some(job) = fleet.jobs.get(position) {
                fleet.end(job.index, ending.at(at), at);
            }
            Ok(())
        }
        Step::StopJob(position) => {
            if let Some(job) = fleet.jobs.get(position).copied() {
                if let Some(reason) = fleet.stop_reason(job.index, at) {
                    fleet.end(job.index, End::Stopped(reason), at);
                }
            }
            Ok(())
        }
        Step::Wait(seconds) => {
            *now += seconds;
            Ok(())
        }
    }
}

/// Prolongs what is due to be, and finds nothing left to prolong then.
fn prolong_all(fleet: &mut Fleet, now: i64) {
    for _ in 0..2 {
        for job in fleet.jobs.clone() {
            let extension = fleet.lifecycle.extension(&job, 1, u64::MAX, now);
            if let Extension::To {
                timeout_seconds, ..
            } = extension
            {
                assert!(timeout_seconds > job.timeout_seconds, "never shortened");
                fleet.prolong(job.index, timeout_seconds, now);
            }
        }
    }
    let due = |job: &Job| fleet.lifecycle.extension(job, 1, u64::MAX, now) != Extension::NotDue;
    assert!(!fleet.jobs.iter().any(due), "once");
}

/// A keeper that stops what is due never leaves fewer serving than were, unless there are enough.
fn keeps_serving(fleet: &Fleet, now: i64) -> bool {
    let census = fleet.lifecycle.census(fleet.jobs(), now);
    let replicas = fleet.lifecycle.settings.replicas;
    fleet
        .jobs
        .iter()
        .all(|job| match fleet.stop_reason(job.index, now) {
            Some(StopReason::Outdated) if job.is_serving(now) => {
                let needed = match fleet.lifecycle.settings.strategy {
                    Strategy::Infinite => fleet.lifecycle.settings.replicas,
                    _ => {
                        (fleet.lifecycle.owed + census.fresh).min(fleet.lifecycle.settings.replicas)
                    }
                };
                census.serving > needed
            }
            Some(StopReason::Surplus) => {
                replicas == 0 || census.fresh > replicas - fleet.lifecycle.ended.min(replicas)
            }
            Some(StopReason::Rotated) => census.ready >= replicas,
            _ => true,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn the_invariant_holds_whatever_happens_and_a_refusal_changes_nothing(
        strategy in (0..4usize).prop_map(|n| Strategy::ALL[n]),
        overlap in (0..3usize).prop_map(|n| Overlap::ALL[n]),
        replicas in 1..4u32,
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut now = NOW;
        let mut fleet = Fleet::new(draft(strategy, replicas));
        if strategy == Strategy::Scheduled {
            fleet.lifecycle.settings.overlap = overlap;
        }
        for step in steps {
            let before = fleet.lifecycle;
            let outcome = apply(&mut fleet, step, &mut now);
            let after = fleet.lifecycle;
            prop_assert_eq!(after.invariant(), Ok(()), "{:?} after {:?}", after, step);
            prop_assert_eq!(after.active as usize, fleet.jobs.len());
            prop_assert!(keeps_serving(&fleet, now), "{:?} after {:?}", after, step);
            if outcome.is_err() {
                prop_assert_eq!(after, before);
            }
            if matches!(step, Step::Crank { .. }) && after.active > before.active {
                prop_assert!(after.active <= after.slots);
            }
        }
        // None is a trap: stop, end what is active, archive.
        let _ = fleet.lifecycle.stop(false);
        while let Some(job) = fleet.jobs.first() {
            fleet.end(job.index, UNKNOWN, now);
        }
        if fleet.lifecycle.status != Status::Archived {
            fleet.lifecycle.archive().unwrap();
        }
    }
}
