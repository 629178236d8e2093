//! What owners do every day beside starting and stopping.

use super::*;
use crate::settings::{InvalidSettings, MAX_REPLICAS};

fn fleet(settings: Settings) -> Fleet {
    let mut fleet = Fleet::new(Lifecycle::draft(settings));
    fleet.start(NOW);
    fleet
}

/// With so many jobs that a node has had since [`NOW`].
fn serving(strategy: Strategy, replicas: u32) -> Fleet {
    let mut fleet = fleet(Settings {
        timeout_seconds: 3_600,
        ..settings(strategy, replicas)
    });
    fleet.list(replicas, NOW);
    for index in 0..u64::from(replicas) {
        fleet.take(index, NOW);
    }
    fleet
}

fn configure(fleet: &mut Fleet, change: impl FnOnce(&mut Settings), now: i64) {
    let mut settings = fleet.lifecycle.settings;
    change(&mut settings);
    let jobs = fleet.jobs();
    fleet
        .lifecycle
        .configure(settings, false, jobs, now)
        .unwrap();
    fleet.make_room();
}

fn reasons(fleet: &Fleet, now: i64) -> std::vec::Vec<Option<StopReason>> {
    let jobs = fleet.jobs.iter();
    jobs.map(|job| fleet.stop_reason(job.index, now)).collect()
}

// ── the timeout ──

#[test]
fn a_raised_timeout_prolongs_what_runs_once_and_whatever_the_strategy() {
    for strategy in Strategy::ALL {
        let mut fleet = match strategy {
            Strategy::Scheduled => {
                let mut fleet = fleet(settings(strategy, 1));
                let midnight = fleet.lifecycle.next_due_at;
                fleet.list(1, midnight);
                fleet.take(0, midnight);
                fleet
            }
            _ => serving(strategy, 1),
        };
        let (had, now) = (fleet.jobs[0].timeout_seconds, fleet.jobs[0].listed_at + 50);
        let ask =
            |fleet: &Fleet, price, nos| fleet.lifecycle.extension(&fleet.jobs[0], price, nos, now);
        assert_eq!(ask(&fleet, 1, u64::MAX), Extension::NotDue);
        configure(
            &mut fleet,
            |settings| settings.timeout_seconds = had + 600,
            now,
        );
        let due = Extension::To {
            timeout_seconds: had + 600,
            most_nos: 600,
        };
        assert_eq!(ask(&fleet, 1, 600), due, "{strategy}");
        assert_eq!(ask(&fleet, 1, 599), Extension::NotDue, "and no shortage");
        assert_eq!(ask(&fleet, 2, u64::MAX), Extension::NotDue, "above the cap");
        fleet.prolong(0, had + 600, now);
        assert_eq!(ask(&fleet, 1, u64::MAX), Extension::NotDue, "once");
        configure(&mut fleet, |settings| settings.timeout_seconds = had, now);
        assert_eq!(
            ask(&fleet, 1, u64::MAX),
            Extension::NotDue,
            "never shortened"
        );
    }
}

#[test]
fn only_what_runs_and_stays_is_prolonged() {
    let mut simple = serving(Strategy::Simple, 1);
    configure(
        &mut simple,
        |settings| settings.timeout_seconds = 7_200,
        NOW,
    );
    let ask =
        |job: Job, now| simple.lifecycle.extension(&job, 1, u64::MAX, now) != Extension::NotDue;
    let job = simple.jobs[0];
    assert!(ask(job, NOW + 3_600));
    assert!(!ask(job, NOW + 3_601), "past its deadline");
    let queued = Job {
        started_at: None,
        ..job
    };
    assert!(!ask(queued, NOW));
    assert!(!ask(Job { revision: 2, ..job }, NOW), "of another revision");
    let restarted = Job {
        restarts: true,
        ..job
    };
    assert!(!ask(restarted, NOW));
}

#[test]
fn rotation_follows_the_prolonged_deadline() {
    let mut infinite = serving(Strategy::Infinite, 1);
    let rotation = NOW + 3_600 - 1_200;
    assert_eq!(infinite.missing(rotation), 1);
    configure(
        &mut infinite,
        |settings| settings.timeout_seconds = 7_200,
        NOW,
    );
    infinite.prolong(0, 7_200, NOW);
    assert_eq!(infinite.missing(rotation), 0);
    assert_eq!(infinite.missing(rotation + 3_600), 1);
}

// ── replicas 0 ──

#[test]
fn infinite_and_scheduled_scale_to_zero_and_back_and_stay_running() {
    let mut infinite = serving(Strategy::Infinite, 2);
    infinite.scale(0, NOW);
    assert_eq!(infinite.lifecycle.status, Status::Running);
    assert_eq!(reasons(&infinite, NOW), [Some(StopReason::Surplus); 2]);
    for index in 0..2 {
        infinite.end(index, End::Stopped(StopReason::Surplus), NOW);
    }
    assert_eq!(infinite.lifecycle.status, Status::Running);
    let listing = |fleet: &Fleet, now| fleet.lifecycle.listing(fleet.jobs(), &offer(99), now);
    assert_eq!(listing(&infinite, NOW + DAY), Listing::NothingDue);
    infinite.scale(2, NOW + DAY);
    assert_eq!(infinite.missing(NOW + DAY), 2);

    let mut daily = fleet(settings(Strategy::Scheduled, 2));
    let midnight = daily.lifecycle.next_due_at;
    daily.list(1, midnight);
    daily.take(0, midnight);
    daily.scale(0, midnight + 50);
    assert_eq!(reasons(&daily, midnight + 50), [Some(StopReason::Surplus)]);
    assert_eq!(
        (daily.lifecycle.owed, daily.lifecycle.next_due_at),
        (0, NEVER)
    );
    daily.end(0, End::Stopped(StopReason::Surplus), midnight + 50);
    assert_eq!(
        listing(&daily, midnight + 9 * DAY),
        Listing::NothingDue,
        "fires nothing"
    );
    daily.scale(3, midnight + 9 * DAY + 60);
    assert_eq!(daily.lifecycle.status, Status::Running);
    assert_eq!(
        daily.lifecycle.next_due_at,
        midnight + 10 * DAY,
        "nothing is caught up with"
    );
}

#[test]
fn what_starts_without_replicas_is_running() {
    for strategy in [Strategy::Infinite, Strategy::Scheduled] {
        let fleet = fleet(settings(strategy, 0));
        assert_eq!(fleet.lifecycle.status, Status::Running, "{strategy}");
        assert_eq!(fleet.lifecycle.next_due_at, NEVER);
    }
    let mut short = fleet(settings(Strategy::Infinite, 1));
    short.lifecycle.cannot_pay(none(), NOW).unwrap();
    short.scale(0, NOW);
    assert_eq!(
        short.lifecycle.status,
        Status::Running,
        "nothing to pay for"
    );
}

#[test]
fn a_round_without_replicas_would_be_over() {
    for strategy in Strategy::ALL {
        let zero = settings(strategy, 0).validate();
        let expected = match strategy.scales_to_zero() {
            true => Ok(()),
            false => Err(InvalidSettings::NoReplicas),
        };
        assert_eq!(zero, expected, "{strategy}");
        let many = settings(strategy, MAX_REPLICAS + 1).validate();
        assert_eq!(many, Err(InvalidSettings::Replicas));
    }
    let said = InvalidSettings::NoReplicas.to_string();
    assert!(said.contains("`stop`"), "{said}");
}

// ── trigger ──

#[test]
fn a_triggered_round_is_a_firing_s_and_the_schedule_goes_on() {
    let mut daily = fleet(settings(Strategy::Scheduled, 2));
    let midnight = daily.lifecycle.next_due_at;
    daily.lifecycle.trigger(none(), NOW + 5).unwrap();
    let seen = |it: &Lifecycle| (it.status, it.owed, it.fired_at, it.next_due_at);
    assert_eq!(
        seen(&daily.lifecycle),
        (Status::Starting, 2, NOW + 5, midnight)
    );
    daily.list(2, NOW + 5);
    assert_eq!(daily.missing(midnight), 2, "beside them, by ALLOW");
    // One that is due is that round, not a second one.
    daily.lifecycle.trigger(daily.jobs(), midnight).unwrap();
    assert_eq!(
        seen(&daily.lifecycle),
        (Status::Running, 2, midnight, midnight + DAY)
    );
}

#[test]
fn overlap_decides_about_a_triggered_round_too() {
    let with = |overlap| {
        let mut fleet = fleet(Settings {
            overlap,
            ..settings(Strategy::Scheduled, 2)
        });
        let midnight = fleet.lifecycle.next_due_at;
        fleet.list(2, midnight);
        fleet.take(0, midnight);
        (fleet, midnight + 50)
    };
    let (mut forbid, now) = with(Overlap::Forbid);
    let before = forbid.lifecycle;
    assert_eq!(
        forbid.lifecycle.trigger(forbid.jobs(), now),
        Err(Refused::Overlap)
    );
    assert_eq!(forbid.lifecycle, before);
    let (mut replace, now) = with(Overlap::Replace);
    replace.lifecycle.trigger(replace.jobs(), now).unwrap();
    assert_eq!(replace.lifecycle.owed, 1, "the queued one is this round's");
    assert_eq!(reasons(&replace, now), [Some(StopReason::Superseded), None]);
}

#[test]
fn nothing_else_can_be_triggered() {
    let mut simple = started(Strategy::Simple, 1);
    assert_eq!(simple.trigger(none(), NOW), Err(Refused::Strategy));
    let mut paused = fleet(settings(Strategy::Scheduled, 0)).lifecycle;
    assert_eq!(paused.trigger(none(), NOW), Err(Refused::Nothing));
    let mut draft = draft(Strategy::Scheduled, 1);
    assert_eq!(draft.trigger(none(), NOW), Err(Refused::Status));
}

// ── stop, with and without draining ──

#[test]
fn what_drains_lets_running_jobs_end_and_stop_again_ends_them() {
    let mut infinite = serving(Strategy::Infinite, 1);
    infinite.scale(2, NOW);
    infinite.list(1, NOW);
    infinite.lifecycle.stop(true).unwrap();
    assert_eq!(infinite.lifecycle.status, Status::Stopping);
    assert_eq!(reasons(&infinite, NOW), [None, Some(StopReason::Stopping)]);
    let past = NOW + 3_601;
    assert_eq!(reasons(&infinite, past)[0], Some(StopReason::Overdue));
    let mut drained = Fleet::new(infinite.lifecycle);
    drained.jobs = infinite.jobs.clone();
    assert_eq!(
        drained.lifecycle.stop(true),
        Err(Refused::Status),
        "it does already"
    );
    for index in 0..2 {
        drained.end(index, ran(300, NOW), NOW);
    }
    assert_eq!(
        (drained.lifecycle.status, drained.lifecycle.draining),
        (Status::Stopped, false)
    );

    infinite.lifecycle.stop(false).unwrap();
    assert_eq!(reasons(&infinite, NOW), [Some(StopReason::Stopping); 2]);
    assert_eq!(infinite.lifecycle.stop(false), Err(Refused::Status));
    let mut idle = started(Strategy::Infinite, 1);
    idle.stop(true).unwrap();
    assert_eq!((idle.status, idle.draining), (Status::Stopped, false));
}

// ── restart ──

#[test]
fn restarted_jobs_are_replaced_while_enough_serve() {
    for strategy in [Strategy::Infinite, Strategy::Simple] {
        let mut fleet = serving(strategy, 2);
        fleet.restart(Some(1)).unwrap();
        assert_eq!(fleet.missing(NOW), 1, "{strategy}");
        assert_eq!(reasons(&fleet, NOW), [None, None], "too few serve");
        fleet.list(1, NOW);
        assert_eq!(reasons(&fleet, NOW), [None, None, None]);
        fleet.take(2, NOW);
        assert_eq!(
            reasons(&fleet, NOW),
            [None, Some(StopReason::Outdated), None]
        );
        fleet.end(1, End::Stopped(StopReason::Outdated), NOW);
        assert_eq!((fleet.missing(NOW), fleet.lifecycle.ended), (0, 0));
        fleet.restart(None).unwrap();
        assert_eq!(fleet.missing(NOW), 2, "all");
        assert_eq!(
            fleet.restart(None),
            Err(Refused::Nothing),
            "all are to be already"
        );
    }
}

#[test]
fn a_restarted_job_that_ends_by_itself_is_not_one_of_the_round() {
    let mut simple = serving(Strategy::Simple, 1);
    simple.restart(None).unwrap();
    simple.end(0, ran(400, NOW), NOW);
    assert_eq!((simple.lifecycle.owed, simple.lifecycle.ended), (1, 0));
    assert_eq!(simple.lifecycle.status, Status::Running);
}

#[test]
fn nothing_else_can_be_restarted() {
    let mut infinite = serving(Strategy::Infinite, 1);
    let before = infinite.lifecycle;
    assert_eq!(infinite.restart(Some(7)), Err(Refused::Nothing));
    assert_eq!(infinite.lifecycle, before);
    let mut daily = fleet(settings(Strategy::Scheduled, 1));
    assert_eq!(daily.restart(None), Err(Refused::Strategy));
    infinite.lifecycle.stop(false).unwrap();
    assert_eq!(infinite.restart(None), Err(Refused::Status));
}

// ── a limit on waiting ──

#[test]
fn a_job_that_no_node_takes_in_time_is_given_up_and_the_round_goes_on() {
    let mut simple = fleet(Settings {
        max_queue_seconds: 600,
        retries: 5,
        ..settings(Strategy::Simple, 2)
    });
    simple.list(2, NOW);
    assert_eq!(reasons(&simple, NOW + 600), [None; 2]);
    assert_eq!(reasons(&simple, NOW + 601), [Some(StopReason::NotTaken); 2]);
    simple.take(0, NOW + 599);
    simple.end(1, End::Stopped(StopReason::NotTaken), NOW + 601);
    assert_eq!((simple.lifecycle.owed, simple.lifecycle.ended), (0, 1));
    assert_eq!(simple.lifecycle.not_taken, 1);
    simple.end(0, ran(10, NOW + 700), NOW + 700);
    assert_eq!(simple.lifecycle.status, Status::Stopped);
    simple.start(NOW + 800);
    assert_eq!(simple.lifecycle.not_taken, 0, "a new round");
}

#[test]
fn a_firing_that_no_node_takes_holds_back_no_later_one() {
    let mut forbid = fleet(Settings {
        overlap: Overlap::Forbid,
        max_queue_seconds: 3_600,
        ..settings(Strategy::Scheduled, 1)
    });
    let midnight = forbid.lifecycle.next_due_at;
    forbid.list(1, midnight);
    let late = midnight + 3_601;
    assert_eq!(reasons(&forbid, late), [Some(StopReason::NotTaken)]);
    forbid.end(0, End::Stopped(StopReason::NotTaken), late);
    assert_eq!(
        (forbid.missing(late), forbid.missing(midnight + DAY)),
        (0, 1)
    );
    assert_eq!(forbid.lifecycle.not_taken, 1, "the firing is missed");
    forbid.list(1, midnight + DAY);
    assert_eq!(forbid.lifecycle.not_taken, 0);
}

#[test]
fn the_limit_is_a_minute_to_thirty_days_and_not_for_infinite() {
    let check = |strategy, seconds| {
        let limited = Settings {
            max_queue_seconds: seconds,
            ..settings(strategy, 1)
        };
        limited.validate()
    };
    for seconds in [0, 60, 2_592_000] {
        assert_eq!(check(Strategy::Simple, seconds), Ok(()));
    }
    for seconds in [1, 59, 2_592_001] {
        assert_eq!(
            check(Strategy::Simple, seconds),
            Err(InvalidSettings::MaxQueue)
        );
    }
    assert_eq!(
        check(Strategy::Infinite, 60),
        Err(InvalidSettings::MaxQueue)
    );
}

// ── another market ──

#[test]
fn a_deployment_moves_while_nothing_is_active() {
    let mut short = started(Strategy::Simple, 1);
    assert_eq!(short.change_market(), Err(Refused::Status));
    short.cannot_pay(none(), NOW).unwrap();
    short.change_market().unwrap();
    assert_eq!((short.status, short.owed), (Status::InsufficientFunds, 1));
    short.active = 1;
    assert_eq!(short.change_market(), Err(Refused::JobsActive));
}

// ── rounds that are interrupted ──

#[test]
fn what_a_firing_still_owes_lapses_when_the_next_one_is_due() {
    // With FORBID the next firing is skipped, because a job of the first is active.
    let mut forbid = fleet(Settings {
        overlap: Overlap::Forbid,
        timeout_seconds: 40 * 86_400,
        ..settings(Strategy::Scheduled, 3)
    });
    let midnight = forbid.lifecycle.next_due_at;
    forbid.list(1, midnight);
    forbid.take(0, midnight);
    forbid.lifecycle.cannot_pay(none(), midnight).unwrap();
    assert_eq!(
        (
            forbid.missing(midnight + DAY - 1),
            forbid.missing(midnight + DAY)
        ),
        (2, 0)
    );
    assert_eq!(
        forbid.missing(midnight + 30 * DAY),
        0,
        "never run months later"
    );
    forbid.end(0, ran(DAY, midnight + 30 * DAY), midnight + 30 * DAY);
    assert_eq!(forbid.lifecycle.owed, 0);
    assert_eq!(forbid.lifecycle.next_due_at, midnight + 31 * DAY);

    // With ALLOW it is replaced by the firing.
    let mut allow = fleet(settings(Strategy::Scheduled, 3));
    allow.list(1, midnight);
    allow.lifecycle.cannot_pay(none(), midnight).unwrap();
    assert_eq!(
        (
            allow.missing(midnight + DAY - 1),
            allow.missing(midnight + DAY)
        ),
        (2, 3)
    );
}
