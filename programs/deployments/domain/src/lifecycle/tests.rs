mod fleet;

use super::*;
use crate::{
    cron::Schedule,
    funding::{Funds, Rents},
    jobs::{End, StopReason},
    settings::{Settings, Strategy},
};
use fleet::Fleet;
use std::string::ToString;

const DAY: i64 = 86_400;
const NOW: i64 = 20_000 * DAY + 3_600; // an hour after midnight
const RENTS: Rents = Rents::DEFAULT;

/// No active jobs: strategies that list a round once need not look at them.
fn none() -> core::iter::Empty<Job> {
    core::iter::empty()
}

/// Its account is gone, and nobody knows since when.
const UNKNOWN: End = End::Gone;

/// A run that ended at `now`, after this many seconds.
fn ran(seconds: i64, now: i64) -> End {
    End::Finished {
        started_at: now - seconds,
        ended_at: now,
    }
}

/// A job of revision 1, queued since [`NOW`].
fn job(index: u64) -> Job {
    Job {
        index,
        listed_at: NOW,
        started_at: None,
        timeout_seconds: 100,
        revision: 1,
        restarts: false,
    }
}

fn settle(lifecycle: &mut Lifecycle, jobs: u32) -> Result<(), Refused> {
    (0..jobs).try_for_each(|_| {
        let settled = lifecycle.settled(&job(0), UNKNOWN, none(), NOW);
        settled.map(|_| ())
    })
}

fn settings(strategy: Strategy, replicas: u32) -> Settings {
    Settings {
        replicas,
        timeout_seconds: match strategy {
            Strategy::Infinite => 3_600,
            _ => 100,
        },
        schedule: (strategy == Strategy::Scheduled).then(|| Schedule::parse("0 0 * * *").unwrap()),
        max_price_per_second: 1,
        max_fee_bps: 0,
        ..Settings::new(strategy)
    }
}

fn draft(strategy: Strategy, replicas: u32) -> Lifecycle {
    Lifecycle::draft(settings(strategy, replicas))
}

fn started(strategy: Strategy, replicas: u32) -> Lifecycle {
    let mut lifecycle = draft(strategy, replicas);
    lifecycle.start(none(), NOW).unwrap();
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
    }
}

/// The same on a market that asks more than the cap.
fn dear(jobs: u32) -> Offer {
    Offer {
        market: Market::Open {
            price_per_second: 2,
            nodes_waiting: 0,
            queue_room: 315,
        },
        ..offer(jobs)
    }
}

#[test]
fn simple_lists_each_replica_once_and_stops() {
    let mut simple = started(Strategy::Simple, 3);
    assert_eq!((simple.status, simple.owed), (Status::Starting, 3));
    assert_eq!(simple.listing(none(), &offer(9), NOW), Listing::Jobs(3));
    simple.listed(2, none(), NOW).unwrap();
    assert_eq!(
        (simple.status, simple.owed, simple.active),
        (Status::Running, 1, 2)
    );
    settle(&mut simple, 2).unwrap();
    assert_eq!(simple.status, Status::Running, "one replica is still owed");
    simple.listed(1, none(), NOW).unwrap();
    assert_eq!(simple.listing(none(), &offer(9), NOW), Listing::NothingDue);
    settle(&mut simple, 1).unwrap();
    assert_eq!(simple.status, Status::Stopped);
    simple.start(none(), NOW).unwrap();
    assert_eq!(simple.owed, 3, "a new round");
}

#[test]
fn scheduled_lists_a_round_per_firing_and_keeps_running() {
    let midnight = 20_001 * DAY;
    let mut daily = started(Strategy::Scheduled, 2);
    assert_eq!((daily.owed, daily.next_due_at), (0, midnight));
    assert_eq!(
        daily.listing(none(), &offer(9), midnight - 1),
        Listing::NothingDue
    );
    assert_eq!(daily.listing(none(), &offer(9), midnight), Listing::Jobs(2));
    daily.listed(2, none(), midnight).unwrap();
    assert_eq!(daily.next_due_at, midnight + DAY);
    settle(&mut daily, 2).unwrap();
    assert_eq!(daily.status, Status::Running);
}

#[test]
fn missed_firings_collapse_into_one() {
    let mut daily = started(Strategy::Scheduled, 2);
    let late = NOW + 10 * DAY;
    assert_eq!(daily.missing(none(), late), 2);
    daily.listed(1, none(), late).unwrap();
    assert_eq!((daily.owed, daily.missing(none(), late)), (1, 1));
    assert_eq!(daily.next_due_at, 20_011 * DAY);
    // The next firing replaces what the last one owes.
    assert_eq!(daily.missing(none(), 20_011 * DAY), 2);
}

#[test]
fn a_shortage_is_recorded_once_and_ends_by_itself() {
    let mut daily = started(Strategy::Scheduled, 2);
    let midnight = 20_001 * DAY;
    assert_eq!(
        daily.listing(none(), &offer(0), midnight),
        Listing::CannotPay
    );
    daily.cannot_pay(none(), midnight).unwrap();
    assert_eq!((daily.status, daily.owed), (Status::InsufficientFunds, 2));
    assert_eq!(
        daily.listing(none(), &offer(0), midnight + 5),
        Listing::NothingDue
    );
    assert_eq!(
        daily.listing(none(), &offer(0), midnight + 5 * DAY),
        Listing::NothingDue
    );
    assert_eq!(
        daily.listing(none(), &offer(1), midnight + 5),
        Listing::Jobs(1)
    );
    daily.listed(1, none(), midnight + 5).unwrap();
    assert_eq!(
        (daily.status, daily.owed, daily.active),
        (Status::Running, 1, 1)
    );
    assert_eq!(
        daily.listing(none(), &offer(0), midnight + 6),
        Listing::CannotPay
    );
}

#[test]
fn sol_alone_can_be_the_shortage() {
    let simple = started(Strategy::Simple, 1);
    let mut poor = offer(1);
    poor.funds.lamports = RENTS.job + RENTS.floor - 1;
    assert_eq!(simple.listing(none(), &poor, NOW), Listing::CannotPay);
    poor.funds.lamports += 1;
    assert_eq!(simple.listing(none(), &poor, NOW), Listing::Jobs(1));
}

#[test]
fn what_can_never_be_listed_is_an_error_before_it_is_a_shortage() {
    let mut simple = started(Strategy::Simple, 1);
    let gone = Offer {
        market: Market::Unusable,
        ..offer(0)
    };
    assert_eq!(
        simple.listing(none(), &gone, NOW),
        Listing::Fail(Reason::MarketUnusable)
    );
    let dear = dear(0);
    assert_eq!(
        simple.listing(none(), &dear, NOW),
        Listing::Fail(Reason::PriceAboveCap)
    );
    simple.fail(Reason::PriceAboveCap, none(), NOW).unwrap();
    assert_eq!(
        (simple.status, simple.reason),
        (Status::Error, Reason::PriceAboveCap)
    );
    assert_eq!(simple.listing(none(), &offer(1), NOW), Listing::Jobs(1));
    simple.start(none(), NOW).unwrap();
    assert_eq!(
        (simple.status, simple.reason, simple.owed),
        (Status::Starting, Reason::None, 1)
    );
}

#[test]
fn an_interrupted_round_goes_on_without_listing_twice() {
    let mut simple = started(Strategy::Simple, 3);
    simple.listed(2, none(), NOW).unwrap();
    simple.cannot_pay(none(), NOW).unwrap();
    simple.start(none(), NOW).unwrap();
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
    assert_eq!(simple.listing(none(), &market(0, 2), NOW), Listing::Jobs(2));
    assert_eq!(simple.listing(none(), &market(1, 1), NOW), Listing::Jobs(2));
    assert_eq!(
        simple.listing(none(), &market(0, 0), NOW),
        Listing::QueueFull
    );
    simple.slots = 1;
    assert_eq!(simple.listing(none(), &offer(9), NOW), Listing::Jobs(1));
    simple.listed(1, none(), NOW).unwrap();
    assert_eq!(simple.listing(none(), &offer(9), NOW), Listing::NoFreeSlot);
}

#[test]
fn more_than_is_missing_is_never_listed() {
    let mut simple = started(Strategy::Simple, 2);
    let before = simple;
    assert_eq!(simple.listed(3, none(), NOW), Err(Refused::Status));
    assert_eq!(simple.listed(0, none(), NOW), Err(Refused::Status));
    assert_eq!(settle(&mut simple, 1), Err(Refused::Status));
    assert_eq!(simple, before);
}

#[test]
fn stop_waits_for_active_jobs_and_forgets_the_rest() {
    let mut daily = started(Strategy::Scheduled, 3);
    daily.listed(2, none(), 20_001 * DAY).unwrap();
    daily.stop(false).unwrap();
    assert_eq!(
        (daily.status, daily.owed, daily.next_due_at),
        (Status::Stopping, 0, NEVER)
    );
    assert_eq!(daily.archive(), Err(Refused::Status));
    settle(&mut daily, 1).unwrap();
    assert_eq!(daily.status, Status::Stopping);
    settle(&mut daily, 1).unwrap();
    assert_eq!(daily.status, Status::Stopped);
    daily.archive().unwrap();
    assert_eq!(daily.start(none(), NOW), Err(Refused::Archived));
}

#[test]
fn archive_waits_for_active_jobs() {
    let mut simple = started(Strategy::Simple, 2);
    simple.listed(1, none(), NOW).unwrap();
    simple.cannot_pay(none(), NOW).unwrap();
    assert_eq!(simple.archive(), Err(Refused::JobsActive));
    settle(&mut simple, 1).unwrap();
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
    daily.start(none(), i64::MAX).unwrap();
    assert_eq!(
        (daily.next_due_at, daily.missing(none(), i64::MAX)),
        (NEVER, 0)
    );
    let mut early = draft(Strategy::Scheduled, 1);
    early.start(none(), i64::MIN).unwrap();
    assert_eq!(early.next_due_at, 0);
}

#[test]
fn extend_adds_replicas_while_running_and_after_completion() {
    let mut simple = started(Strategy::Simple, 1);
    assert_eq!(simple.extend(1), Err(Refused::Strategy));
    let mut extend = started(Strategy::SimpleExtend, 2);
    extend.listed(2, none(), NOW).unwrap();
    extend.extend(1).unwrap();
    assert_eq!(
        (extend.status, extend.settings.replicas, extend.owed),
        (Status::Running, 3, 1)
    );
    extend.listed(1, none(), NOW).unwrap();
    settle(&mut extend, 3).unwrap();
    assert_eq!(extend.status, Status::Stopped);
    extend.extend(4).unwrap();
    assert_eq!(
        (extend.status, extend.settings.replicas, extend.owed),
        (Status::Starting, 4, 4)
    );
    assert_eq!(extend.extend(u32::MAX), Err(Refused::Status));
}

#[test]
fn running_jobs_are_prolonged_from_their_own_deadline_until_funds_run_out() {
    let mut fleet = Fleet::new(Lifecycle::draft(Settings {
        auto_extend: true,
        timeout_seconds: 3_600,
        max_price_per_second: 2,
        ..settings(Strategy::SimpleExtend, 1)
    }));
    fleet.start(NOW);
    fleet.list(1, NOW);
    let ask = |fleet: &Fleet, nos, now| {
        let job = fleet.jobs[0];
        fleet.lifecycle.extension(&job, 2, nos, now)
    };
    assert_eq!(ask(&fleet, 9_999, NOW), Extension::NotDue, "queued");
    fleet.take(0, NOW + 10);
    let due = NOW + 10 + 3_600 - 300;
    assert_eq!(ask(&fleet, 9_999, due - 1), Extension::NotDue);
    assert_eq!(ask(&fleet, 7_200, due), to(7_200));
    assert_eq!(
        ask(&fleet, 7_200, due + 300),
        to(7_200),
        "late, and no drift"
    );
    assert_eq!(
        ask(&fleet, 7_200, due + 301),
        Extension::NotDue,
        "past its deadline"
    );
    assert_eq!(ask(&fleet, 7_199, due), Extension::CannotPay);
    let job = fleet.jobs[0];
    assert_eq!(
        fleet.lifecycle.extension(&job, 3, u64::MAX, due),
        Extension::NotDue,
        "above the cap"
    );
    fleet.lifecycle.cannot_pay(none(), due).unwrap();
    assert_eq!(fleet.lifecycle.status, Status::InsufficientFunds);
    assert_eq!(ask(&fleet, 7_199, due), Extension::NotDue, "recorded once");
    assert_eq!(ask(&fleet, 7_200, due), to(7_200));
    fleet.lifecycle.extended(fleet.jobs(), due).unwrap();
    assert_eq!(fleet.lifecycle.status, Status::Running);
    fleet.lifecycle.cannot_pay(none(), due).unwrap();
    fleet.end(0, ran(300, due + 300), due + 300);
    assert_eq!(fleet.lifecycle.status, Status::Stopped, "funds ran out");
    fleet.jobs.push(Job {
        timeout_seconds: u32::MAX,
        started_at: Some(0),
        ..job
    });
    assert_eq!(
        ask(&fleet, u64::MAX, i64::from(u32::MAX)),
        Extension::NotDue
    );
}

#[test]
fn a_replacement_is_listed_before_each_deadline_and_never_more_than_the_surge() {
    let mut fleet = Fleet::new(draft(Strategy::Infinite, 2));
    fleet.start(NOW);
    assert_eq!(fleet.missing(NOW), 2);
    fleet.list(2, NOW);
    assert_eq!(fleet.missing(NOW + DAY), 0, "a queued job has no deadline");
    fleet.take(0, NOW + 100);
    fleet.take(1, NOW + 200);
    let rotation = NOW + 100 + 3_600 - 1_200;
    assert_eq!(fleet.missing(rotation - 1), 0);
    assert_eq!(fleet.missing(rotation), 1);
    fleet.list(1, rotation);
    assert_eq!(fleet.missing(rotation), 0);
    assert_eq!(fleet.missing(rotation + 100), 1);
    fleet.list(1, rotation + 100);
    assert_eq!(fleet.jobs.len(), 4);
    // Both replacements are taken late and rotate too: no room above twice the replicas.
    fleet.take(2, rotation + 100);
    fleet.take(3, rotation + 100);
    let next = rotation + 100 + 2_400;
    assert_eq!(fleet.missing(next), 2);
    assert_eq!(
        fleet.lifecycle.listing(fleet.jobs(), &offer(9), next),
        Listing::NoFreeSlot
    );
    assert_eq!(fleet.stop_reason(0, next), Some(StopReason::Overdue));
    assert_eq!(fleet.stop_reason(2, next), None);
}

#[test]
fn jobs_that_end_early_are_replaced_and_rapid_ones_hold_that_back() {
    let mut fleet = Fleet::new(draft(Strategy::Infinite, 1));
    fleet.start(NOW);
    let mut now = NOW;
    for round in 0..8_u32 {
        fleet.list(1, now);
        let index = fleet.jobs[0].index;
        fleet.take(index, now);
        fleet.end(index, ran(0, now), now);
        let wait = (60 << round).min(3_600);
        if round < 7 {
            assert_eq!(fleet.missing(now + wait - 1), 0);
            now += wait;
            assert_eq!(fleet.missing(now), 1);
        }
    }
    let stopped = fleet.lifecycle;
    assert_eq!(
        (stopped.status, stopped.reason),
        (Status::Error, Reason::RapidCompletion)
    );
    fleet.start(now);
    assert_eq!(
        (fleet.missing(now), fleet.lifecycle.status),
        (1, Status::Starting)
    );
}

#[test]
fn too_many_jobs_go_queued_ones_first_then_the_oldest_and_never_a_fresh_replacement() {
    let mut fleet = Fleet::new(draft(Strategy::Infinite, 3));
    fleet.start(NOW);
    fleet.list(3, NOW);
    fleet.take(1, NOW + 5);
    fleet.take(0, NOW + 9);
    let reasons = |fleet: &Fleet, now| -> std::vec::Vec<u64> {
        let surplus = |job: &&Job| fleet.stop_reason(job.index, now) == Some(StopReason::Surplus);
        fleet
            .jobs
            .iter()
            .filter(surplus)
            .map(|job| job.index)
            .collect()
    };
    fleet.scale(2, NOW + 9);
    assert_eq!(reasons(&fleet, NOW + 9), [2], "the queued one");
    fleet.scale(1, NOW + 9);
    assert_eq!(
        reasons(&fleet, NOW + 9),
        [1, 2],
        "and the one that runs longest"
    );
    fleet.scale(3, NOW + 9);
    assert!(reasons(&fleet, NOW + 9).is_empty());

    // A replacement beside the job that it replaces is not one too many.
    fleet.take(2, NOW + 2_000);
    let rotation = NOW + 9 + 2_400;
    fleet.list(2, rotation);
    assert_eq!(fleet.jobs.len(), 5);
    assert!(reasons(&fleet, rotation).is_empty());
}

#[test]
fn scaling_a_round_changes_what_it_owes_and_stops_what_is_too_many() {
    let mut fleet = Fleet::new(draft(Strategy::Simple, 5));
    fleet.start(NOW);
    fleet.list(3, NOW);
    fleet.scale(6, NOW);
    assert_eq!(fleet.lifecycle.owed, 3);
    fleet.end(0, ran(300, NOW), NOW);
    fleet.scale(4, NOW);
    assert_eq!(fleet.lifecycle.owed, 1, "one is over, two are active");
    // A shortage of money for jobs that nobody wants any more is over.
    fleet.lifecycle.cannot_pay(none(), NOW).unwrap();
    fleet.scale(3, NOW);
    assert_eq!(
        (fleet.lifecycle.owed, fleet.lifecycle.status),
        (0, Status::Running)
    );
    fleet.scale(2, NOW);
    assert!(fleet.lifecycle.tracks_runs(fleet.jobs(), NOW));
    assert_eq!(fleet.stop_reason(2, NOW), Some(StopReason::Surplus));
    assert_eq!(fleet.stop_reason(1, NOW), None);
    // A job that is stopped because nobody wants it is not over: it can be wanted again.
    fleet.end(2, End::Stopped(StopReason::Surplus), NOW);
    fleet.scale(3, NOW);
    assert_eq!(fleet.lifecycle.owed, 1);
    fleet.end(1, ran(300, NOW), NOW);
    fleet.scale(2, NOW);
    assert_eq!(
        fleet.lifecycle.status,
        Status::Stopped,
        "two of two are over"
    );
    let mut archived = draft(Strategy::Simple, 1);
    archived.archive().unwrap();
    let more = settings(Strategy::Simple, 2);
    assert_eq!(
        archived.configure(more, false, none(), NOW),
        Err(Refused::Archived)
    );
}

#[test]
fn a_rollout_keeps_serving_and_rolls_back() {
    for strategy in [Strategy::Infinite, Strategy::Simple] {
        let mut fleet = Fleet::new(draft(strategy, 2));
        fleet.start(NOW);
        fleet.list(2, NOW);
        fleet.take(0, NOW);
        fleet.roll(2, NOW);
        assert_eq!(fleet.missing(NOW), 2, "{strategy}");
        assert_eq!(
            fleet.stop_reason(1, NOW),
            Some(StopReason::Outdated),
            "queued"
        );
        assert_eq!(fleet.stop_reason(0, NOW), None, "the only one that serves");
        fleet.list(2, NOW);
        fleet.take(2, NOW + 1);
        assert_eq!(
            fleet.stop_reason(0, NOW + 1),
            None,
            "one of two serves besides"
        );
        fleet.take(3, NOW + 1);
        assert_eq!(fleet.stop_reason(0, NOW + 1), Some(StopReason::Outdated));
        fleet.end(1, UNKNOWN, NOW + 1);
        fleet.roll(1, NOW + 1);
        assert_eq!(fleet.missing(NOW + 1), 1, "job 0 is of that revision");
        assert_eq!(fleet.stop_reason(0, NOW + 1), None);
        assert_eq!(fleet.stop_reason(2, NOW + 1), Some(StopReason::Outdated));
    }
}

#[test]
fn firings_that_overlap_follow_the_policy() {
    let (first, second) = (20_001 * DAY, 20_002 * DAY);
    let running = |overlap| {
        let mut fleet = Fleet::new(Lifecycle::draft(Settings {
            overlap,
            ..settings(Strategy::Scheduled, 1)
        }));
        fleet.start(NOW);
        fleet.list(1, first);
        fleet
    };
    let allow = running(Overlap::Allow);
    assert_eq!(
        (allow.missing(second), allow.stop_reason(0, second)),
        (1, None)
    );

    let mut forbid = running(Overlap::Forbid);
    assert_eq!(
        (forbid.missing(second), forbid.stop_reason(0, second)),
        (0, None)
    );
    forbid.end(0, ran(300, second + 5), second + 5);
    assert_eq!(forbid.missing(second + 5), 0, "skipped");
    assert_eq!(forbid.lifecycle.next_due_at, second + DAY);

    // It had ended before the firing, and a keeper settles it late: the firing is late, not lost.
    let mut late = running(Overlap::Forbid);
    late.jobs.clear();
    let ended = ran(300, second - 1);
    late.lifecycle
        .settled(&job(0), ended, none(), second + 5)
        .unwrap();
    assert_eq!(late.missing(second + 5), 1);

    let mut replace = running(Overlap::Replace);
    replace.take(0, second - 10);
    assert_eq!(replace.stop_reason(0, second - 1), None);
    assert_eq!(replace.stop_reason(0, second), Some(StopReason::Superseded));
    replace.list(1, second + 5);
    assert_eq!(
        replace.stop_reason(0, second + 5),
        Some(StopReason::Superseded)
    );
    assert_eq!(replace.stop_reason(1, second + 5), None);
}

#[test]
fn with_replace_a_queued_job_is_the_new_firing_s() {
    let (first, second) = (20_001 * DAY, 20_002 * DAY);
    let mut fleet = Fleet::new(Lifecycle::draft(Settings {
        overlap: Overlap::Replace,
        ..settings(Strategy::Scheduled, 3)
    }));
    fleet.start(NOW);
    fleet.list(3, first);
    fleet.take(0, first + 60);
    assert!(!fleet.lifecycle.tracks_runs(fleet.jobs(), second - 1));
    assert!(fleet.lifecycle.tracks_runs(fleet.jobs(), second));
    assert_eq!(fleet.missing(second), 1, "two of three are queued");
    let stopped =
        |fleet: &Fleet, now| [0, 1, 2].map(|index| fleet.stop_reason(index, now).is_some());
    assert_eq!(stopped(&fleet, second), [true, false, false]);
    fleet.list(1, second);
    assert_eq!((fleet.lifecycle.owed, fleet.jobs.len()), (0, 4));

    // A node had taken one of them before the firing, and it is shown only now.
    fleet.take(1, second - 1);
    assert_eq!((fleet.lifecycle.owed, fleet.missing(second)), (1, 1));
    // The other one is taken after it.
    fleet.take(2, second);
    assert_eq!(fleet.lifecycle.owed, 1);
    assert_eq!(stopped(&fleet, second), [true, true, false]);

    // A queued job of a different revision is no use to the next firing.
    let mut rolled = Fleet::new(fleet.lifecycle);
    rolled.lifecycle.active = 0;
    rolled.list(1, second);
    rolled.roll(2, second);
    assert_eq!(
        rolled.stop_reason(0, second + DAY),
        Some(StopReason::Superseded)
    );
    assert_eq!(rolled.missing(second + DAY), 3);
}

#[test]
fn a_running_job_that_ends_before_anyone_shows_its_run_costs_no_firing() {
    let second = 20_002 * DAY;
    for (started_at, owed) in [(second - 10, 1), (second, 0)] {
        let mut fleet = Fleet::new(Lifecycle::draft(Settings {
            overlap: Overlap::Replace,
            ..settings(Strategy::Scheduled, 1)
        }));
        fleet.start(NOW);
        fleet.list(1, 20_001 * DAY);
        fleet.lifecycle.fired(fleet.jobs(), second).unwrap();
        let end = End::Finished {
            started_at,
            ended_at: second + 60,
        };
        fleet.end(0, end, second + 60);
        assert_eq!(fleet.lifecycle.owed, owed);
    }
}

#[test]
fn a_firing_whose_jobs_are_all_queued_is_recorded() {
    let mut fleet = Fleet::new(Lifecycle::draft(Settings {
        overlap: Overlap::Replace,
        ..settings(Strategy::Scheduled, 1)
    }));
    fleet.start(NOW);
    fleet.list(1, 20_001 * DAY);
    let second = 20_002 * DAY;
    let listing = |fleet: &Fleet, now| fleet.lifecycle.listing(fleet.jobs(), &offer(9), now);
    assert_eq!(listing(&fleet, second - 1), Listing::NothingDue);
    assert_eq!(
        fleet.lifecycle.fired(fleet.jobs(), second - 1),
        Err(Refused::Status)
    );
    assert_eq!(listing(&fleet, second), Listing::Fire);
    fleet.lifecycle.fired(fleet.jobs(), second).unwrap();
    assert_eq!(
        (fleet.lifecycle.fired_at, fleet.lifecycle.owed),
        (second, 0)
    );
    assert_eq!(listing(&fleet, second), Listing::NothingDue);
}

#[test]
fn errors_end_by_themselves_but_for_the_fail_safe_s() {
    let dear = dear(9);
    let gone = Offer {
        market: Market::Unusable,
        ..offer(9)
    };
    let mut fleet = Fleet::new(started(Strategy::Infinite, 1));
    let rich = offer(999);
    let listing = |fleet: &Fleet, offer: &Offer| fleet.lifecycle.listing(fleet.jobs(), offer, NOW);
    assert_eq!(listing(&fleet, &dear), Listing::Fail(Reason::PriceAboveCap));
    fleet
        .lifecycle
        .fail(Reason::PriceAboveCap, none(), NOW)
        .unwrap();
    assert_eq!(listing(&fleet, &dear), Listing::NothingDue);
    assert_eq!(listing(&fleet, &gone), Listing::NothingDue);
    assert_eq!(listing(&fleet, &offer(0)), Listing::CannotPay);
    assert_eq!(listing(&fleet, &rich), Listing::Jobs(1));
    fleet.list(1, NOW);
    assert_eq!(fleet.lifecycle.status, Status::Running);
    assert_eq!(
        listing(&fleet, &gone),
        Listing::Fail(Reason::MarketUnusable)
    );
    fleet
        .lifecycle
        .fail(Reason::MarketUnusable, none(), NOW)
        .unwrap();
    assert_eq!(listing(&fleet, &rich), Listing::Resume);
    fleet.lifecycle.resumed().unwrap();
    assert_eq!(
        (fleet.lifecycle.status, fleet.lifecycle.reason),
        (Status::Running, Reason::None)
    );
    assert_eq!(fleet.lifecycle.resumed(), Err(Refused::Status));

    let broken = Lifecycle {
        status: Status::Error,
        reason: Reason::RapidCompletion,
        ..fleet.lifecycle
    };
    assert_eq!(broken.listing(none(), &rich, NOW), Listing::NothingDue);
    for refused in [
        { broken }.resumed(),
        { broken }.cannot_pay(none(), NOW),
        { broken }.listed(1, none(), NOW).map(drop),
    ] {
        assert_eq!(refused, Err(Refused::Status));
    }
}

#[test]
fn while_nothing_is_missing_a_price_is_no_error_and_a_shortage_ends_when_the_vault_can_pay() {
    let mut fleet = Fleet::new(started(Strategy::Simple, 1));
    fleet.list(1, NOW);
    let listing = |fleet: &Fleet, offer: &Offer| fleet.lifecycle.listing(fleet.jobs(), offer, NOW);
    let dear = dear(9);
    assert_eq!(listing(&fleet, &dear), Listing::NothingDue);
    fleet.lifecycle.cannot_pay(none(), NOW).unwrap();
    assert_eq!(listing(&fleet, &dear), Listing::NothingDue);
    assert_eq!(listing(&fleet, &offer(0)), Listing::NothingDue);
    assert_eq!(listing(&fleet, &offer(1)), Listing::Resume);
    fleet.lifecycle.resumed().unwrap();
    assert_eq!(fleet.lifecycle.status, Status::Running);
}

#[test]
fn a_schedule_s_slots_are_for_its_firings_however_few_jobs_each_lists() {
    let mut daily = Fleet::new(started(Strategy::Scheduled, 10));
    daily.list(10, 20_001 * DAY);
    daily.scale(1, 20_001 * DAY);
    let next = 20_002 * DAY;
    let listing = daily.lifecycle.listing(daily.jobs(), &offer(9), next);
    assert_eq!(listing, Listing::Jobs(1));
    // Any other strategy keeps to its replicas.
    let mut fleet = Fleet::new(started(Strategy::Infinite, 3));
    fleet.list(3, NOW);
    fleet.scale(1, NOW);
    fleet.roll(2, NOW);
    let listing = fleet.lifecycle.listing(fleet.jobs(), &offer(99), NOW);
    assert_eq!(listing, Listing::NoFreeSlot);
}

#[test]
fn jobs_that_nodes_quit_are_listed_again_as_often_as_the_owner_allows() {
    let mut fleet = Fleet::new(Lifecycle::draft(Settings {
        retries: 2,
        ..settings(Strategy::Simple, 2)
    }));
    fleet.start(NOW);
    fleet.list(2, NOW);
    fleet.end(0, End::Quit, NOW);
    fleet.end(1, End::Quit, NOW);
    assert_eq!((fleet.lifecycle.owed, fleet.lifecycle.quit), (2, 2));
    fleet.list(2, NOW);
    fleet.end(2, End::Quit, NOW);
    assert_eq!((fleet.lifecycle.owed, fleet.lifecycle.ended), (0, 1));
    fleet.end(3, ran(9, NOW), NOW);
    assert_eq!(
        (fleet.lifecycle.status, fleet.lifecycle.quit),
        (Status::Stopped, 3)
    );
    fleet.start(NOW);
    assert_eq!((fleet.lifecycle.ended, fleet.lifecycle.quit), (0, 0));
}

#[test]
fn rapid_ends_and_what_replaces_them_earn_nothing() {
    let mut lifecycle = started(Strategy::Infinite, 3);
    assert_eq!(lifecycle.listed(3, none(), NOW), Ok(3));
    let paid = |lifecycle: &mut Lifecycle, end| lifecycle.settled(&job(0), end, none(), NOW + 600);
    assert_eq!(paid(&mut lifecycle, ran(10, NOW + 10)), Ok(0));
    assert_eq!(paid(&mut lifecycle, ran(600, NOW + 600)), Ok(1));
    assert_eq!(paid(&mut lifecycle, End::Quit), Ok(1), "unknown");
    assert_eq!(
        lifecycle.listed(2, none(), NOW + 600),
        Ok(2),
        "of the other two"
    );
    assert_eq!(lifecycle.listed(1, none(), NOW + 660), Ok(0));
}

#[test]
fn another_schedule_drops_a_firing_that_is_due_unless_it_is_to_run() {
    let mut daily = started(Strategy::Scheduled, 2);
    let fires = |cron: &str| Settings {
        schedule: Some(Schedule::parse(cron).unwrap()),
        ..settings(Strategy::Scheduled, 2)
    };
    daily
        .configure(fires("0 * * * *"), false, none(), NOW)
        .unwrap();
    assert_eq!((daily.owed, daily.next_due_at), (0, NOW + 3_600));
    let half_hourly = fires("0,30 * * * *");
    let mut dropped = daily;
    dropped
        .configure(half_hourly, false, none(), NOW + DAY)
        .unwrap();
    assert_eq!((dropped.owed, dropped.next_due_at), (0, NOW + DAY + 1_800));
    daily
        .configure(half_hourly, true, none(), NOW + DAY)
        .unwrap();
    assert_eq!((daily.owed, daily.next_due_at), (2, NOW + DAY + 1_800));
    daily
        .configure(half_hourly, false, none(), NOW + DAY + 60)
        .unwrap();
    assert_eq!(daily.next_due_at, NOW + DAY + 1_800, "the same schedule");
    let mut draft = draft(Strategy::Scheduled, 2);
    draft.configure(half_hourly, false, none(), NOW).unwrap();
    assert_eq!(draft.next_due_at, NEVER, "not started");
    let mut simple = started(Strategy::Simple, 2);
    let before = simple;
    assert_eq!(
        simple.configure(half_hourly, false, none(), NOW),
        Err(Refused::Strategy)
    );
    assert_eq!(simple, before);
}

#[test]
fn rent_is_kept_for_jobs_to_come() {
    let mut fleet = Fleet::new(draft(Strategy::Infinite, 3));
    assert_eq!(fleet.lifecycle.jobs_ahead(), 0);
    fleet.start(NOW);
    fleet.list(3, NOW);
    assert_eq!(fleet.lifecycle.jobs_ahead(), 0);
    fleet.end(0, UNKNOWN, NOW);
    assert_eq!(fleet.lifecycle.jobs_ahead(), 1);
    let mut simple = started(Strategy::Simple, 3);
    simple.listed(2, none(), NOW).unwrap();
    assert_eq!(simple.jobs_ahead(), 1);
}

#[test]
fn a_broken_rule_is_named() {
    let running = || {
        let mut fleet = Fleet::new(draft(Strategy::Simple, 2));
        fleet.start(NOW);
        fleet.list(2, NOW);
        fleet.lifecycle
    };
    assert_eq!(running().invariant(), Ok(()));
    type Change = fn(&mut Lifecycle);
    let broken = |change: Change| {
        let mut lifecycle = running();
        change(&mut lifecycle);
        lifecycle.invariant().unwrap_err()
    };
    let cases: [(Change, Broken); 9] = [
        (|it| it.active = 5, Broken::ActiveAboveSlots),
        (|it| it.owed = 3, Broken::OwedAboveReplicas),
        (|it| it.status = Status::Error, Broken::ReasonWithoutError),
        (|it| it.status = Status::Stopped, Broken::ActiveWhileQuiet),
        (
            |it| (it.status, it.active) = (Status::Stopping, 0),
            Broken::StoppingNothing,
        ),
        (
            |it| (it.status, it.owed) = (Status::Stopping, 1),
            Broken::OwedWhileEnding,
        ),
        (|it| it.next_due_at = NOW, Broken::FiringWithoutSchedule),
        (
            |it| (it.settings.strategy, it.owed) = (Strategy::Infinite, 1),
            Broken::OwedByInfinite,
        ),
        (|it| it.draining = true, Broken::DrainingNothing),
    ];
    for (change, rule) in cases {
        assert_eq!(broken(change), rule);
        assert!(!rule.to_string().is_empty());
    }
}

mod convergence;
mod owner;
mod properties;

/// Prolonged to this timeout, for the 3,600 seconds more at a price of 2.
fn to(timeout_seconds: u32) -> Extension {
    Extension::To {
        timeout_seconds,
        most_nos: 7_200,
    }
}

/// A job that a node has had for so many seconds, of a revision.
fn running(index: u64, seconds: i64, revision: u32) -> Job {
    Job {
        listed_at: NOW - seconds,
        started_at: Some(NOW - seconds),
        timeout_seconds: 3_600,
        revision,
        ..job(index)
    }
}

#[test]
fn a_shortage_does_not_end_while_nothing_serves_and_replacements_wait() {
    let mut infinite = started(Strategy::Infinite, 1);
    infinite.listed(1, none(), NOW).unwrap();
    let _ = infinite.settled(&job(0), ran(1, NOW), none(), NOW);
    assert!(infinite.fail_safe.holds_back(NOW));
    infinite.status = Status::InsufficientFunds;
    let settings = Settings {
        max_price_per_second: 2,
        ..infinite.settings
    };
    infinite.configure(settings, false, none(), NOW).unwrap();
    assert_eq!(infinite.status, Status::InsufficientFunds);
}

#[test]
fn runs_of_a_round_are_tracked_only_where_they_decide() {
    let simple = started(Strategy::Simple, 2);
    let fresh = [running(0, 10, 1), running(1, 10, 1)];
    let tracks = |jobs: &[Job]| simple.tracks_runs(jobs.iter().copied(), NOW);
    assert!(!tracks(&[]), "nothing is active");
    assert!(!tracks(&fresh), "as many as are wanted");
    assert!(
        tracks(&[fresh[0], fresh[1], running(2, 10, 1)]),
        "one too many"
    );
    assert!(tracks(&[running(0, 10, 2)]), "one of a different revision");
    let two = [running(0, 10, 2), running(1, 10, 2)];
    assert!(tracks(&two), "two of a different revision");
}

#[test]
fn with_replace_a_run_that_began_with_the_firing_is_that_firing_s() {
    let mut lifecycle = started(Strategy::Scheduled, 1);
    lifecycle.settings.overlap = Overlap::Replace;
    let midnight = lifecycle.next_due_at;
    lifecycle.listed(1, none(), midnight).unwrap();
    let stop = |seconds_before: i64| {
        let began = Job {
            listed_at: midnight - 60,
            started_at: Some(midnight - seconds_before),
            timeout_seconds: 3_600,
            ..job(0)
        };
        lifecycle.stop_reason(&began, [began].into_iter(), midnight)
    };
    assert_eq!(stop(1), Some(StopReason::Superseded));
    assert_eq!(stop(0), None);
    // So is a queued one of a different revision, listed in the firing's second.
    let stop_queued = |seconds_before: i64| {
        let queued = Job {
            listed_at: midnight - seconds_before,
            revision: 7,
            ..job(0)
        };
        lifecycle.stop_reason(&queued, [queued].into_iter(), midnight)
    };
    assert_eq!(stop_queued(1), Some(StopReason::Superseded));
    assert_eq!(stop_queued(0), None);
}

#[test]
fn jobs_of_another_revision_are_not_counted_among_those_that_are_too_many() {
    // Two replicas, three fresh jobs, and one of a different revision that would go first.
    let simple = started(Strategy::Simple, 2);
    let jobs = [
        running(0, 30, 1),
        running(1, 20, 1),
        running(2, 10, 1),
        Job {
            revision: 2,
            ..job(3)
        },
    ];
    let reasons = jobs.map(|job| simple.stop_reason(&job, jobs.into_iter(), NOW));
    let (surplus, outdated) = (StopReason::Surplus, StopReason::Outdated);
    assert_eq!(reasons, [Some(surplus), None, None, Some(outdated)]);
}

#[test]
fn a_job_of_another_revision_does_not_count_as_one_of_the_round() {
    let mut simple = started(Strategy::Simple, 2);
    simple.listed(2, none(), NOW).unwrap();
    let old = Job {
        revision: 7,
        ..job(0)
    };
    let _ = simple.settled(&old, ran(400, NOW), none(), NOW);
    assert_eq!((simple.active, simple.ended), (1, 0));
    let _ = simple.settled(&job(1), ran(400, NOW), none(), NOW);
    assert_eq!((simple.active, simple.ended), (0, 1));
    // Nor does one that ends outside a round.
    simple.status = Status::Stopped;
    simple.active = 1;
    let _ = simple.settled(&job(2), ran(400, NOW), none(), NOW);
    assert_eq!(simple.ended, 1);
}

#[test]
fn a_keeper_is_paid_by_the_owner_s_terms() {
    let mut simple = draft(Strategy::Simple, 1);
    simple.settings.keeper_reward_lamports = 7;
    simple.settings.max_rewards_lamports_per_day = 20;
    let paid = [1, 2, 1].map(|jobs| simple.pay_keeper(jobs, u64::MAX, &RENTS, NOW));
    assert_eq!(paid, [7, 13, 0]);
}

#[test]
fn only_a_job_of_this_revision_that_has_served_keeps_a_fleet_from_its_error() {
    // Seven rounds of crashes were noticed; the eighth decides.
    let after = |other: Job| {
        let mut fleet = started(Strategy::Infinite, 2);
        fleet.listed(2, none(), NOW).unwrap();
        fleet.fail_safe.streak = 7;
        fleet.fail_safe.round_at = NOW - 1;
        let _ = fleet.settled(&job(0), ran(1, NOW), [other].into_iter(), NOW);
        fleet.status
    };
    assert_eq!(after(running(1, 300, 1)), Status::Running, "has served");
    assert_eq!(after(running(1, 299, 1)), Status::Error, "not yet");
    assert_eq!(
        after(running(1, 300, 2)),
        Status::Error,
        "of a different one"
    );
    assert_eq!(after(job(1)), Status::Error, "queued");
}

#[test]
fn start_after_an_error_goes_on_with_a_round_and_waits_for_a_schedule_s_next_firing() {
    let mut simple = started(Strategy::Simple, 3);
    simple.listed(2, none(), NOW).unwrap();
    let _ = simple.settled(&job(0), ran(400, NOW), none(), NOW);
    simple.fail(Reason::PriceAboveCap, none(), NOW).unwrap();
    simple.start(none(), NOW).unwrap();
    assert_eq!((simple.owed, simple.ended), (1, 1), "the same round");

    let mut scheduled = started(Strategy::Scheduled, 3);
    let midnight = scheduled.next_due_at;
    scheduled
        .fail(Reason::PriceAboveCap, none(), midnight)
        .unwrap();
    assert_eq!(scheduled.owed, 3, "the firing is owed");
    let days_later = midnight + 3 * DAY + 60;
    scheduled.start(none(), days_later).unwrap();
    assert_eq!(scheduled.owed, 0);
    assert_eq!(scheduled.next_due_at, midnight + 4 * DAY);
}

#[test]
fn scaling_a_schedule_owes_no_more_than_its_firing_did() {
    let mut scheduled = started(Strategy::Scheduled, 3);
    scheduled.fire(none(), scheduled.next_due_at);
    scheduled.owed = 1; // two of the three are listed
    let scale = |scheduled: &mut Lifecycle, replicas| {
        let settings = Settings {
            replicas,
            ..scheduled.settings
        };
        scheduled.configure(settings, false, none(), NOW).unwrap();
        scheduled.owed
    };
    assert_eq!(scale(&mut scheduled, 5), 1);
    scheduled.owed = 4;
    assert_eq!(scale(&mut scheduled, 2), 2);
}

#[test]
fn a_different_revision_forgets_the_streak_and_the_same_one_does_not() {
    let mut infinite = started(Strategy::Infinite, 1);
    infinite.fail_safe.streak = 3;
    infinite.change_revision(1, none(), NOW).unwrap();
    assert_eq!(infinite.fail_safe.streak, 3);
    infinite.change_revision(2, none(), NOW).unwrap();
    assert_eq!(infinite.fail_safe.streak, 0);
}
