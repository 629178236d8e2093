//! After any history, a diligent keeper, a full vault, a fair market and willing nodes bring every
//! deployment to where its owner wants it.

use super::{
    properties::{apply, step},
    *,
};
use crate::settings::Strategy;
use proptest::{prelude::*, strategy::Strategy as _};

const HOUR: i64 = 3_600;
/// Seconds that a job waits for a node.
const WAIT: i64 = 120;

/// A minute of a fair world. Returns for how many seconds jobs were paid.
fn minute(fleet: &mut Fleet, now: i64) -> i64 {
    let over = |job: &Job| job.deadline().is_some_and(|deadline| now >= deadline);
    while let Some(job) = fleet.jobs.iter().copied().find(over) {
        fleet.end(job.index, ran(HOUR, now), now);
    }
    let waiting = |job: &&Job| job.started_at.is_none() && now - job.listed_at >= WAIT;
    let taken: std::vec::Vec<u64> = fleet
        .jobs
        .iter()
        .filter(waiting)
        .map(|job| job.index)
        .collect();
    for index in taken {
        fleet.take(index, now);
    }
    for _ in 0..20 {
        if !keep(fleet, now) {
            break;
        }
    }
    60 * i64::from(fleet.lifecycle.census(fleet.jobs(), now).serving)
}

/// Does one thing that is due, if any is.
fn keep(fleet: &mut Fleet, now: i64) -> bool {
    let rich = Offer {
        funds: Funds {
            nos: u64::MAX / 4,
            lamports: u64::MAX / 4,
        },
        ..offer(0)
    };
    match fleet.lifecycle.listing(fleet.jobs(), &rich, now) {
        Listing::Jobs(count) => fleet.list(count.min(2), now),
        Listing::Fire => fleet.lifecycle.fired(fleet.jobs(), now).unwrap(),
        Listing::Resume => fleet.lifecycle.resumed().unwrap(),
        Listing::CannotPay | Listing::Fail(_) | Listing::QueueFull => panic!("a fair world"),
        Listing::NothingDue | Listing::NoFreeSlot => {
            let due = |job: &Job| Some((job.index, fleet.stop_reason(job.index, now)?));
            let Some((index, reason)) = fleet.jobs.iter().find_map(due) else {
                return false;
            };
            fleet.end(index, End::Stopped(reason), now);
        }
    }
    true
}

fn is_where_its_owner_wants_it(before: &Lifecycle, fleet: &Fleet, now: i64) -> bool {
    let after = &fleet.lifecycle;
    let census = after.census(fleet.jobs(), now);
    match (before.status, before.settings.strategy) {
        (Status::Stopping, _) => after.status == Status::Stopped,
        (Status::Error, _) if !before.reason.ends_by_itself() => after.reason == before.reason,
        (Status::Draft | Status::Stopped | Status::Archived, _) => {
            fleet.jobs.is_empty() && after.status == before.status
        }
        (_, Strategy::Simple | Strategy::SimpleExtend) => after.status == Status::Stopped,
        (_, Strategy::Infinite) => {
            let replicas = after.settings.replicas;
            after.status == Status::Running
                && (census.fresh, census.outdated) == (replicas, 0)
                && census.serving >= replicas
        }
        (_, Strategy::Scheduled) => {
            matches!(after.status, Status::Running | Status::Starting)
                && after.next_due_at > now
                && (after.owed == 0 || after.active > 0)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6_000, rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn a_fair_world_heals_everything(
        strategy in (0..4usize).prop_map(|n| Strategy::ALL[n]),
        overlap in (0..3usize).prop_map(|n| Overlap::ALL[n]),
        replicas in 1..4u32,
        retries in 0..2u32,
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut now = NOW;
        let mut fleet = Fleet::new(draft(strategy, replicas));
        match strategy {
            Strategy::Scheduled => fleet.lifecycle.settings.overlap = overlap,
            Strategy::Infinite => {}
            _ => fleet.lifecycle.settings.retries = retries,
        }
        for step in steps {
            let _ = apply(&mut fleet, step, &mut now);
        }
        let before = fleet.lifecycle;
        for _ in 0..(4 * 60) {
            now += 60;
            minute(&mut fleet, now);
        }
        prop_assert!(
            is_where_its_owner_wants_it(&before, &fleet, now),
            "{:?}\n became {:?}\n {:?}", before, fleet.lifecycle, fleet.jobs
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn rotations_and_rollouts_leave_no_gap(
        replicas in 1..5u32, rolls in prop::collection::vec((5..1_400i64, 1..5u32), 0..8),
    ) {
        let mut fleet = Fleet::new(started(Strategy::Infinite, replicas));
        for at in 0..1_440i64 {
            let now = NOW + 60 * at;
            for (_, revision) in rolls.iter().filter(|(when, _)| *when == at) {
                fleet.roll(*revision, now);
            }
            minute(&mut fleet, now);
            let census = fleet.lifecycle.census(fleet.jobs(), now);
            prop_assert!(at < 4 || census.serving >= replicas, "minute {}: {:?}", at, fleet.jobs);
            prop_assert!(fleet.lifecycle.active <= 2 * replicas);
        }
    }
}

#[test]
fn a_replica_for_a_day_costs_little_more_than_a_day() {
    for replicas in [1, 3] {
        let mut fleet = Fleet::new(started(Strategy::Infinite, replicas));
        let paid: i64 = (0..1_440).map(|at| minute(&mut fleet, NOW + 60 * at)).sum();
        let percent = paid * 100 / (DAY * i64::from(replicas));
        std::println!("{replicas} replicas: {percent} % of the node-hours that serve");
        assert!((95..=106).contains(&percent), "{percent}");
    }
}
