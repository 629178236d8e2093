//! What a deployment costs, and how long its vault lasts at the market's price of today.

mod needs;

pub use needs::{Need, Stretch};

use crate::{
    keeper::plan::Snapshot,
    markets::{price_per_second, JobState},
};
use deployments_domain::{
    cron::Schedule,
    funding::{affordable_jobs, job_cost, with_fee, Funds},
    jobs::Job,
    lifecycle::{Extension, Market},
    settings::{Settings, Strategy},
};

/// How long a vault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runway {
    /// Nothing will be listed as things are.
    Idle,
    /// The market costs nothing.
    Free,
    /// All that is still to be listed is paid for.
    Enough,
    /// A job that is due cannot be paid for: this many of so many can.
    Short {
        /// Jobs that the vault can pay for.
        paid: u32,
        /// Jobs of the round.
        wanted: u32,
    },
    /// It pays for what is due until this time, unix seconds; `None` for more than a year.
    Until(Option<i64>),
}

/// What a deployment costs at today's price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// NOS base units that one job deposits; `None` if the market takes no jobs.
    pub job_nos: Option<u64>,
    /// NOS base units that the vault must hold for one job: its deposit, and the highest network fee
    /// that the owner bears.
    pub needed_nos: Option<u64>,
    /// NOS base units that go on average per day, as long as it lists.
    pub nos_per_day: u128,
    /// How long the vault's NOS last if nothing else draws on it. SOL is not looked at but for the
    /// jobs that are due now: rent comes back.
    pub runway: Runway,
}

const DAY_SECONDS: u128 = 86_400;
/// Forecast horizon.
const MOST_SECONDS: i64 = 366 * 86_400;
/// The most firings that are counted: a week of one per minute.
const MOST_FIRINGS: u64 = 10_080;

/// Forecasts a deployment.
pub fn forecast(snapshot: &Snapshot) -> Forecast {
    let header = &snapshot.deployment.header;
    let price = price_per_second(&snapshot.market);
    let job_nos = price.and_then(|price| job_cost(price, header.timeout_seconds));
    let max_fee_bps = header.max_fee_bps;
    let needed_nos = job_nos.and_then(|nos| with_fee(nos, max_fee_bps));
    let nos_per_day = match price {
        Some(price) if snapshot.deployment.lifecycle.status.lists_jobs() => {
            nos_per_day(snapshot, price)
        }
        _ => 0,
    };
    Forecast {
        job_nos,
        needed_nos,
        nos_per_day,
        runway: runway(snapshot, job_nos.zip(needed_nos), nos_per_day),
    }
}

/// The times at which the schedule fires, from now until `until`, both unix seconds.
pub fn firings(snapshot: &Snapshot, until: i64) -> Vec<i64> {
    let lifecycle = &snapshot.deployment.lifecycle;
    let Some(schedule) = lifecycle
        .settings
        .schedule
        .filter(|_| lifecycle.status.lists_jobs())
    else {
        return Vec::new();
    };
    times(&schedule, Some(lifecycle.next_due_at), snapshot.now, until)
}

/// The firings from `next` on until `until`; those after `next` come after `now`.
fn times(schedule: &Schedule, mut next: Option<i64>, now: i64, until: i64) -> Vec<i64> {
    let mut times = Vec::new();
    while let Some(time) = next.filter(|time| *time <= until) {
        times.push(time);
        next = schedule.next_after(time.max(now));
    }
    times
}

fn nos_per_day(snapshot: &Snapshot, price: u64) -> u128 {
    let lifecycle = &snapshot.deployment.lifecycle;
    let day = snapshot.now.saturating_add(86_400);
    let firings = firings(snapshot, day).len();
    day_nos(&lifecycle.settings, price, firings, lifecycle.active)
}

/// NOS base units that go on average per day at a price per second, with so many firings and so many
/// jobs active: 0 for a strategy whose round ends.
fn day_nos(settings: &Settings, price: u64, firings: usize, active: u32) -> u128 {
    // No product here reaches 2^128: price below 2^64, replicas below 2^7, times below 2^32.
    let per_second = u128::from(price) * u128::from(settings.replicas);
    match settings.strategy {
        // A job is ended, and the rest of its deposit returned, once its replacement serves.
        Strategy::Infinite => per_second * DAY_SECONDS,
        Strategy::Scheduled => {
            let firings = u128::try_from(firings).unwrap_or(0);
            per_second * u128::from(settings.timeout_seconds) * firings
        }
        Strategy::SimpleExtend if settings.auto_extend => {
            let active = u128::from(active.max(settings.replicas));
            u128::from(price) * active * DAY_SECONDS
        }
        Strategy::Simple | Strategy::SimpleExtend => 0,
    }
}

/// What a raised timeout does to jobs that are active.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prolonged {
    /// Running jobs that are prolonged.
    pub jobs: u32,
    /// Queued jobs that will be, once a node has taken them.
    pub queued: u32,
    /// Most NOS base units that the running ones cost, the network's highest fee included.
    pub nos: u64,
}

impl Prolonged {
    /// With these settings, if the vault can pay for all of them.
    pub fn by(snapshot: &Snapshot, settings: &Settings) -> Self {
        let mut lifecycle = snapshot.deployment.lifecycle;
        lifecycle.settings = *settings;
        let mut prolonged = Self::default();
        for job in &snapshot.jobs {
            let JobState::Open(deposit) = job.state else {
                continue;
            };
            let job = job.view();
            // As if a node had just taken it, if none has.
            let taken = Job {
                started_at: job.started_at.or(Some(snapshot.now)),
                ..job
            };
            let price = deposit.price_per_second;
            let extension = lifecycle.extension(&taken, price, u64::MAX, snapshot.now);
            match (extension, job.started_at) {
                (Extension::To { most_nos, .. }, Some(_)) => {
                    prolonged.jobs = prolonged.jobs.saturating_add(1);
                    prolonged.nos = prolonged.nos.saturating_add(most_nos);
                }
                (Extension::To { .. }, None) => {
                    prolonged.queued = prolonged.queued.saturating_add(1);
                }
                _ => {}
            }
        }
        prolonged
    }
}

/// What a deployment of these settings would spend if it were started now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spending {
    /// NOS base units that one job deposits.
    pub job_nos: u64,
    /// NOS base units that a round deposits: a job for each replica.
    pub round_nos: u64,
    /// NOS base units that go on average per day; `None` if there is but one round.
    pub day_nos: Option<u128>,
}

impl Spending {
    /// At this price per second. `None` if a deposit does not fit 64 bits: no vault can pay it.
    pub fn new(settings: &Settings, price: u64, now: i64) -> Option<Self> {
        let job_nos = job_cost(price, settings.timeout_seconds)?;
        let day = now.saturating_add(86_400);
        let firings = settings.schedule.map_or(0, |schedule| {
            times(&schedule, schedule.next_after(now), now, day).len()
        });
        let ends = match settings.strategy {
            Strategy::Simple => true,
            Strategy::SimpleExtend => !settings.auto_extend,
            Strategy::Scheduled | Strategy::Infinite => false,
        };
        Some(Self {
            job_nos,
            round_nos: job_nos.checked_mul(settings.replicas.into())?,
            day_nos: (!ends).then(|| day_nos(settings, price, firings, 0)),
        })
    }
}

fn runway(snapshot: &Snapshot, of_a_job: Option<(u64, u64)>, nos_per_day: u128) -> Runway {
    let lifecycle = &snapshot.deployment.lifecycle;
    if !lifecycle.status.lists_jobs() {
        return Runway::Idle;
    }
    let Some((job_nos, needed_nos)) = of_a_job else {
        return Runway::Idle;
    };
    let slots = snapshot.jobs.iter().map(|job| job.slot.view());
    let wanted = lifecycle.missing(slots, snapshot.now);
    let paid = affordable(snapshot, needed_nos, wanted);
    if paid < wanted {
        return Runway::Short { paid, wanted };
    }
    if job_nos == 0 {
        return Runway::Free;
    }
    let left = snapshot
        .funds
        .nos
        .saturating_sub(job_nos.saturating_mul(wanted.into()));
    match lifecycle.settings.strategy {
        Strategy::Scheduled => Runway::Until(scheduled_until(snapshot, job_nos)),
        _ if nos_per_day == 0 => Runway::Enough,
        _ => {
            let seconds = u128::from(left) * DAY_SECONDS / nos_per_day;
            let seconds = i64::try_from(seconds).ok();
            let until = seconds.filter(|seconds| *seconds <= MOST_SECONDS);
            Runway::Until(until.map(|seconds| {
                // The running jobs are paid for already.
                let paid_until = snapshot
                    .jobs
                    .iter()
                    .filter_map(|job| job.view().deadline())
                    .min();
                paid_until
                    .unwrap_or(snapshot.now)
                    .max(snapshot.now)
                    .saturating_add(seconds)
            }))
        }
    }
}

fn affordable(snapshot: &Snapshot, job_nos: u64, wanted: u32) -> u32 {
    let Market::Open { nodes_waiting, .. } = snapshot.market else {
        return 0;
    };
    let Funds { nos, lamports } = snapshot.funds;
    affordable_jobs(
        &Funds { nos, lamports },
        job_nos,
        nodes_waiting,
        &snapshot.rents,
        wanted,
    )
}

/// The first firing that the vault cannot pay in full.
fn scheduled_until(snapshot: &Snapshot, job_nos: u64) -> Option<i64> {
    let lifecycle = &snapshot.deployment.lifecycle;
    let owed = job_nos.saturating_mul(lifecycle.owed.into());
    let round = job_nos.saturating_mul(lifecycle.settings.replicas.into());
    let rounds = snapshot.funds.nos.saturating_sub(owed).checked_div(round)?;
    if rounds > MOST_FIRINGS {
        return None;
    }
    let (schedule, mut time) = (lifecycle.settings.schedule?, lifecycle.next_due_at);
    for _ in 0..rounds {
        time = schedule.next_after(time.max(snapshot.now))?;
    }
    (time <= snapshot.now.saturating_add(MOST_SECONDS)).then_some(time)
}

#[cfg(test)]
mod tests;
