#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects)]

use super::*;
use crate::settings::Strategy;
use proptest::{prelude::*, strategy::Strategy as _};

const DAY: i64 = 86_400;
const NOW: i64 = 20_000 * DAY + 3_600; // an hour after midnight
const RENTS: Rents = Rents {
    floor: 890_880,
    job: 2_561_280,
    run: 1_726_080,
};

fn draft(strategy: Strategy, replicas: u32) -> Lifecycle {
    Lifecycle {
        status: Status::Draft,
        reason: Reason::None,
        strategy,
        schedule: (strategy == Strategy::Scheduled).then(|| Schedule::parse("0 0 * * *").unwrap()),
        replicas,
        owed: 0,
        active: 0,
        slots: strategy.slots(replicas),
        next_due_at: NEVER,
    }
}

fn started(strategy: Strategy, replicas: u32) -> Lifecycle {
    let mut lifecycle = draft(strategy, replicas);
    lifecycle.start(NOW).unwrap();
    lifecycle
}

/// Funds for `jobs` jobs at 100 NOS base units each.
fn offer(jobs: u32) -> Offer {
    Offer {
        market: Market::Open {
            price_per_second: 1,
            nodes_waiting: 0,
            queue_room: 315,
        },
        funds: Funds {
            nos: 100 * u64::from(jobs),
            lamports: 1_000_000_000,
        },
        rents: RENTS,
        timeout_seconds: 100,
        max_price_per_second: 1,
    }
}

#[test]
fn simple_lists_each_replica_once_and_stops() {
    let mut simple = started(Strategy::Simple, 3);
    assert_eq!((simple.status, simple.owed), (Status::Starting, 3));
    assert_eq!(simple.listing(&offer(9), NOW), Listing::Jobs(3));
    simple.listed(2, NOW).unwrap();
    assert_eq!(
        (simple.status, simple.owed, simple.active),
        (Status::Running, 1, 2)
    );
    simple.settled(2).unwrap();
    assert_eq!(simple.status, Status::Running, "one replica is still owed");
    simple.listed(1, NOW).unwrap();
    assert_eq!(simple.listing(&offer(9), NOW), Listing::NothingDue);
    simple.settled(1).unwrap();
    assert_eq!(simple.status, Status::Stopped);
    simple.start(NOW).unwrap();
    assert_eq!(simple.owed, 3, "a new round");
}

#[test]
fn scheduled_lists_a_round_per_firing_and_keeps_running() {
    let midnight = 20_001 * DAY;
    let mut daily = started(Strategy::Scheduled, 2);
    assert_eq!((daily.owed, daily.next_due_at), (0, midnight));
    assert_eq!(daily.listing(&offer(9), midnight - 1), Listing::NothingDue);
    assert_eq!(daily.listing(&offer(9), midnight), Listing::Jobs(2));
    daily.listed(2, midnight).unwrap();
    assert_eq!(daily.next_due_at, midnight + DAY);
    daily.settled(2).unwrap();
    assert_eq!(daily.status, Status::Running);
}

#[test]
fn missed_firings_collapse_into_one() {
    let mut daily = started(Strategy::Scheduled, 2);
    let late = NOW + 10 * DAY;
    assert_eq!(daily.missing(late), 2);
    daily.listed(1, late).unwrap();
    assert_eq!((daily.owed, daily.missing(late)), (1, 1));
    assert_eq!(daily.next_due_at, 20_011 * DAY);
    // The next firing replaces what the last one owes.
    assert_eq!(daily.missing(20_011 * DAY), 2);
}

#[test]
fn a_shortage_is_recorded_once_and_ends_by_itself() {
    let mut daily = started(Strategy::Scheduled, 2);
    let midnight = 20_001 * DAY;
    assert_eq!(daily.listing(&offer(0), midnight), Listing::CannotPay);
    daily.cannot_pay(midnight).unwrap();
    assert_eq!((daily.status, daily.owed), (Status::InsufficientFunds, 2));
    assert_eq!(daily.listing(&offer(0), midnight + 5), Listing::NothingDue);
    assert_eq!(
        daily.listing(&offer(0), midnight + 5 * DAY),
        Listing::NothingDue
    );
    assert_eq!(daily.listing(&offer(1), midnight + 5), Listing::Jobs(1));
    daily.listed(1, midnight + 5).unwrap();
    assert_eq!(
        (daily.status, daily.owed, daily.active),
        (Status::Running, 1, 1)
    );
    assert_eq!(daily.listing(&offer(0), midnight + 6), Listing::CannotPay);
}

#[test]
fn sol_alone_can_be_the_shortage() {
    let simple = started(Strategy::Simple, 1);
    let mut poor = offer(1);
    poor.funds.lamports = RENTS.job + RENTS.floor - 1;
    assert_eq!(simple.listing(&poor, NOW), Listing::CannotPay);
    poor.funds.lamports += 1;
    assert_eq!(simple.listing(&poor, NOW), Listing::Jobs(1));
}

#[test]
fn what_can_never_be_listed_is_an_error_before_it_is_a_shortage() {
    let mut simple = started(Strategy::Simple, 1);
    let gone = Offer {
        market: Market::Unusable,
        ..offer(0)
    };
    assert_eq!(
        simple.listing(&gone, NOW),
        Listing::Fail(Reason::MarketUnusable)
    );
    let dear = Offer {
        max_price_per_second: 0,
        ..offer(0)
    };
    assert_eq!(
        simple.listing(&dear, NOW),
        Listing::Fail(Reason::PriceAboveCap)
    );
    simple.fail(Reason::PriceAboveCap, NOW).unwrap();
    assert_eq!(
        (simple.status, simple.reason),
        (Status::Error, Reason::PriceAboveCap)
    );
    assert_eq!(simple.listing(&offer(1), NOW), Listing::NothingDue);
    simple.start(NOW).unwrap();
    assert_eq!(
        (simple.status, simple.reason, simple.owed),
        (Status::Starting, Reason::None, 1)
    );
}

#[test]
fn an_interrupted_round_goes_on_without_listing_twice() {
    let mut simple = started(Strategy::Simple, 3);
    simple.listed(2, NOW).unwrap();
    simple.cannot_pay(NOW).unwrap();
    simple.start(NOW).unwrap();
    assert_eq!((simple.status, simple.owed), (Status::Starting, 1));
}

#[test]
fn room_limits_a_listing() {
    let mut simple = started(Strategy::Simple, 3);
    let market = |nodes_waiting, queue_room| Offer {
        market: Market::Open {
            price_per_second: 1,
            nodes_waiting,
            queue_room,
        },
        ..offer(9)
    };
    assert_eq!(simple.listing(&market(0, 2), NOW), Listing::Jobs(2));
    assert_eq!(simple.listing(&market(1, 1), NOW), Listing::Jobs(2));
    assert_eq!(simple.listing(&market(0, 0), NOW), Listing::QueueFull);
    simple.slots = 1;
    assert_eq!(simple.listing(&offer(9), NOW), Listing::Jobs(1));
    simple.listed(1, NOW).unwrap();
    assert_eq!(simple.listing(&offer(9), NOW), Listing::NoFreeSlot);
}

#[test]
fn more_than_is_missing_is_never_listed() {
    let mut simple = started(Strategy::Simple, 2);
    let before = simple;
    assert_eq!(simple.listed(3, NOW), Err(Refused::Status));
    assert_eq!(simple.listed(0, NOW), Err(Refused::Status));
    assert_eq!(simple.settled(1), Err(Refused::Status));
    assert_eq!(simple, before);
}

#[test]
fn stop_waits_for_active_jobs_and_forgets_the_rest() {
    let mut daily = started(Strategy::Scheduled, 3);
    daily.listed(2, 20_001 * DAY).unwrap();
    daily.stop().unwrap();
    assert_eq!(
        (daily.status, daily.owed, daily.next_due_at),
        (Status::Stopping, 0, NEVER)
    );
    assert!(daily.ends_all_jobs());
    assert_eq!(daily.archive(), Err(Refused::Status));
    daily.settled(1).unwrap();
    assert_eq!(daily.status, Status::Stopping);
    daily.settled(1).unwrap();
    assert_eq!(daily.status, Status::Stopped);
    daily.archive().unwrap();
    assert_eq!(daily.start(NOW), Err(Refused::Archived));
}

#[test]
fn archive_waits_for_active_jobs() {
    let mut simple = started(Strategy::Simple, 2);
    simple.listed(1, NOW).unwrap();
    simple.cannot_pay(NOW).unwrap();
    assert_eq!(simple.archive(), Err(Refused::JobsActive));
    simple.settled(1).unwrap();
    assert_eq!(
        simple.status,
        Status::InsufficientFunds,
        "a replica is still owed"
    );
    simple.archive().unwrap();
    assert_eq!(simple.owed, 0);
}

#[test]
fn the_end_of_time_fires_nothing() {
    let mut daily = draft(Strategy::Scheduled, 1);
    daily.start(i64::MAX).unwrap();
    assert_eq!((daily.next_due_at, daily.missing(i64::MAX)), (NEVER, 0));
    let mut early = draft(Strategy::Scheduled, 1);
    early.start(i64::MIN).unwrap();
    assert_eq!(early.next_due_at, 0);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Start,
    Stop,
    Archive,
    Crank { jobs_paid: u32, dear: bool },
    Settle(u32),
    Wait(i64),
}

fn step() -> impl proptest::strategy::Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Start),
        Just(Step::Stop),
        Just(Step::Archive),
        (0..5u32, prop::bool::weighted(0.1))
            .prop_map(|(jobs_paid, dear)| Step::Crank { jobs_paid, dear }),
        (0..4u32).prop_map(Step::Settle),
        (-100..3 * DAY).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn the_invariant_holds_whatever_happens_and_a_refusal_changes_nothing(
        scheduled in any::<bool>(),
        replicas in 1..4u32,
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let strategy = if scheduled { Strategy::Scheduled } else { Strategy::Simple };
        let mut now = NOW;
        let mut lifecycle = draft(strategy, replicas);
        for step in steps {
            let before = lifecycle;
            let outcome = match step {
                Step::Start => lifecycle.start(now),
                Step::Stop => lifecycle.stop(),
                Step::Archive => lifecycle.archive(),
                Step::Settle(jobs) => lifecycle.settled(jobs),
                Step::Wait(seconds) => {
                    now += seconds;
                    Ok(())
                }
                Step::Crank { jobs_paid, dear } => {
                    let offer = Offer { max_price_per_second: u64::from(!dear), ..offer(jobs_paid) };
                    match lifecycle.listing(&offer, now) {
                        Listing::Jobs(jobs) => lifecycle.listed(jobs, now),
                        Listing::CannotPay => lifecycle.cannot_pay(now),
                        Listing::Fail(reason) => lifecycle.fail(reason, now),
                        _ => Ok(()),
                    }
                }
            };
            prop_assert!(lifecycle.invariant(), "{:?} after {:?}", lifecycle, step);
            match (step, outcome) {
                // What the decision proposes, the transition accepts.
                (Step::Crank { .. }, outcome) => prop_assert_eq!(outcome, Ok(())),
                (_, Err(_)) => prop_assert_eq!(lifecycle, before),
                _ => {}
            }
        }
    }
}
