use super::*;
use crate::keeper::plan::tests::{snapshot, NOON, OPEN};
use deployments_domain::status::Status;

const JOB: u64 = 360_000;
const HOUR: i64 = 3_600;

#[test]
fn a_round_of_simple_is_paid_or_short() {
    let owing = snapshot(Strategy::Simple, Status::Starting).with(|header| header.owed = 2);
    let enough = forecast(&owing);
    assert_eq!(
        (enough.job_nos, enough.nos_per_day, enough.runway),
        (Some(JOB), 0, Runway::Enough)
    );
    let mut short = owing.clone();
    short.funds.nos = JOB;
    let Forecast { runway, .. } = forecast(&short);
    assert_eq!(runway, Runway::Short { paid: 1, wanted: 2 });
    let mut no_sol = owing.clone();
    no_sol.funds.lamports = 0;
    assert_eq!(
        forecast(&no_sol).runway,
        Runway::Short { paid: 0, wanted: 2 }
    );
    let mut free = owing;
    free.market = Market::Open {
        price_per_second: 0,
        nodes_waiting: 0,
        queue_room: 1,
    };
    free.funds.nos = 0;
    assert_eq!(forecast(&free).runway, Runway::Free);
}

#[test]
fn what_lists_nothing_burns_nothing() {
    for status in [
        Status::Draft,
        Status::Stopping,
        Status::Stopped,
        Status::Error,
        Status::Archived,
    ] {
        let idle = forecast(&snapshot(Strategy::Infinite, status));
        assert_eq!(
            (idle.nos_per_day, idle.runway),
            (0, Runway::Idle),
            "{status}"
        );
    }
    let mut gone = snapshot(Strategy::Infinite, Status::Running);
    gone.market = Market::Unusable;
    assert_eq!(
        (forecast(&gone).job_nos, forecast(&gone).runway),
        (None, Runway::Idle)
    );
}

#[test]
fn infinite_pays_for_each_replica_s_time() {
    let mut fleet = snapshot(Strategy::Infinite, Status::Running)
        .and_job(OPEN, Some(NOON))
        .and_job(OPEN, Some(NOON));
    // A job that is replaced early gives the rest of its deposit back.
    fleet.funds.nos = 24 * 2 * JOB;
    let forecast = forecast(&fleet);
    assert_eq!(forecast.nos_per_day, u128::from(24 * 2 * JOB));
    assert_eq!(
        forecast.runway,
        Runway::Until(Some(NOON + HOUR + 24 * HOUR))
    );
}

#[test]
fn scheduled_lasts_until_the_first_firing_that_cannot_be_paid() {
    let mut nightly = snapshot(Strategy::Scheduled, Status::Running);
    let midnight = NOON + 12 * HOUR;
    assert_eq!(
        firings(&nightly, NOON + 48 * HOUR),
        [midnight, midnight + 24 * HOUR]
    );
    assert_eq!(forecast(&nightly).nos_per_day, u128::from(2 * JOB));
    // Three jobs: one round of two, and the second cannot be paid in full.
    assert_eq!(
        forecast(&nightly).runway,
        Runway::Until(Some(midnight + 24 * HOUR))
    );
    nightly.funds.nos = 0;
    assert_eq!(forecast(&nightly).runway, Runway::Until(Some(midnight)));
    nightly.funds.nos = 1_000 * JOB;
    assert_eq!(
        forecast(&nightly).runway,
        Runway::Until(None),
        "more than a year"
    );
}

#[test]
fn a_prolonged_job_burns_as_long_as_it_runs() {
    let prolonged = snapshot(Strategy::SimpleExtend, Status::Running)
        .with(|header| header.auto_extend = 1)
        .and_job(OPEN, Some(NOON))
        .and_job(OPEN, Some(NOON));
    let forecast = forecast(&prolonged);
    assert_eq!(forecast.nos_per_day, 2 * 100 * DAY_SECONDS);
    // 1.08 million at 200 a second, after the hour that is paid.
    assert_eq!(forecast.runway, Runway::Until(Some(NOON + HOUR + 5_400)));
}
