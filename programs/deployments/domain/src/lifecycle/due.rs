//! What is due now: which jobs to list, to prolong and to stop. Decides, changes nothing.

use super::Lifecycle;
use crate::{
    funding::{affordable_jobs, job_cost, with_fee, Funds, Rents},
    jobs::{Census, Job, StopReason},
    settings::{Overlap, Strategy},
    status::{Reason, Status},
};

/// A market as a listing sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Market {
    /// It takes jobs.
    Open {
        /// NOS base units per second of a job's timeout.
        price_per_second: u64,
        /// Nodes waiting for a job: each takes one as soon as it is listed.
        nodes_waiting: u32,
        /// Jobs that still fit into the queue.
        queue_room: u32,
    },
    /// Its account is gone, or its type takes no jobs.
    Unusable,
}

/// What a listing depends on besides the deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The market of the deployment.
    pub market: Market,
    /// The vault's balances.
    pub funds: Funds,
    /// The cluster's rents.
    pub rents: Rents,
}

/// What `list_jobs` does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// No job is due, or a shortage that is already recorded persists.
    NothingDue,
    /// Jobs are due but as many as may be are active, until one settles.
    NoFreeSlot,
    /// Jobs are due but the market's queue is full. Nothing changes; try again later.
    QueueFull,
    /// Jobs are due and the vault cannot pay for one: record INSUFFICIENT_FUNDS.
    CannotPay,
    /// Jobs are due and can never be listed as things are: record ERROR.
    Fail(Reason),
    /// List this many jobs, at least one, or fewer if a transaction holds fewer.
    Jobs(u32),
    /// A firing is due whose jobs are all queued already: record it.
    Fire,
    /// No job is due, and what a shortage or an error was about is over: go on.
    Resume,
}

/// What `extend_jobs` does with one running job now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// Not prolonged now, or not at all.
    NotDue,
    /// Due, and the vault cannot pay: record INSUFFICIENT_FUNDS.
    CannotPay,
    /// Prolong it.
    To {
        /// To this timeout from its start, seconds.
        timeout_seconds: u32,
        /// For this much at most, NOS base units, the market's fee included.
        most_nos: u64,
    },
}

/// An extension is due this long before a deadline: a tenth of the timeout, within these bounds.
const EXTENSION_MARGIN_SECONDS: (u32, u32) = (60, 300);

impl Lifecycle {
    /// Counts the active jobs by kind.
    pub fn census(&self, jobs: impl Iterator<Item = Job>, now: i64) -> Census {
        let mut census = Census::default();
        for job in jobs {
            let is_current = self.is_current(&job);
            let counter = if is_current {
                &mut census.fresh
            } else {
                &mut census.outdated
            };
            let counts = !self.rotates_out(&job, now);
            if counts {
                *counter = counter.saturating_add(1);
            }
            if job.is_serving(now) {
                census.serving = census.serving.saturating_add(1);
                if counts && is_current {
                    census.ready = census.ready.saturating_add(1);
                }
            }
        }
        census
    }

    /// Jobs that should be listed now. Missed firings collapse into one: whatever an earlier firing
    /// still owes lapses when the next one is due, also while that one is held up.
    pub fn missing(&self, jobs: impl Iterator<Item = Job>, now: i64) -> u32 {
        if !self.may_list() {
            return 0;
        }
        match self.settings.strategy {
            Strategy::Infinite => self
                .settings
                .replicas
                .saturating_sub(self.census(jobs, now).fresh)
                .saturating_sub(self.fail_safe.held_back(now)),
            Strategy::Scheduled if self.fires(now) => match self.holds_firing() {
                true => 0,
                false => self.round_of_firing(jobs),
            },
            _ => self.owed,
        }
    }

    /// Decides what `list_jobs` does at `now`. The caller then reports back through
    /// [`Lifecycle::listed`], [`Lifecycle::cannot_pay`], [`Lifecycle::fail`], [`Lifecycle::fired`] or
    /// [`Lifecycle::resumed`].
    pub fn listing(&self, jobs: impl Iterator<Item = Job>, offer: &Offer, now: i64) -> Listing {
        if !self.may_list() {
            return Listing::NothingDue;
        }
        let fail = |reason| match self.status {
            Status::Error => Listing::NothingDue, // recorded already
            _ => Listing::Fail(reason),
        };
        let Market::Open {
            price_per_second,
            nodes_waiting,
            queue_room,
        } = offer.market
        else {
            return fail(Reason::MarketUnusable); // also while nothing is missing
        };
        let missing = self.missing(jobs, now);
        if price_per_second > self.settings.max_price_per_second {
            return match missing {
                0 => Listing::NothingDue,
                _ => fail(Reason::PriceAboveCap),
            };
        }
        let affordable = |wanted: u32| {
            let cost = job_cost(price_per_second, self.settings.timeout_seconds)
                .and_then(|cost| with_fee(cost, self.settings.max_fee_bps));
            cost.map_or(0, |cost| {
                affordable_jobs(&offer.funds, cost, nodes_waiting, &offer.rents, wanted)
            }) // no vault holds more than a u64
        };
        if missing == 0 {
            return match self.status {
                _ if self.fires(now) && !self.holds_firing() => Listing::Fire,
                Status::Error => Listing::Resume,
                Status::InsufficientFunds if affordable(1) > 0 => Listing::Resume,
                _ => Listing::NothingDue,
            };
        }
        // Room for as many as this number of replicas may have, however large the account is. A
        // schedule's earlier firings may have listed more, and hold no later one back.
        let most = match self.settings.strategy {
            Strategy::Scheduled => self.slots,
            _ => self.slots.min(self.settings.slots()),
        };
        let wanted = missing.min(most.saturating_sub(self.active));
        if wanted == 0 {
            return Listing::NoFreeSlot;
        }
        let affordable = affordable(wanted);
        if affordable == 0 {
            return match self.status {
                Status::InsufficientFunds => Listing::NothingDue,
                _ => Listing::CannotPay,
            };
        }
        match affordable.min(nodes_waiting.saturating_add(queue_room)) {
            0 => Listing::QueueFull,
            jobs => Listing::Jobs(jobs),
        }
    }

    /// Jobs that the deployment will list if all goes on as it is. Rent for these stays in the
    /// vault, out of reach of keepers' rewards.
    pub fn jobs_ahead(&self) -> u32 {
        match self.settings.strategy {
            _ if !self.may_list() => 0,
            Strategy::Scheduled | Strategy::Infinite => {
                self.settings.replicas.saturating_sub(self.active)
            }
            Strategy::Simple | Strategy::SimpleExtend => self.owed,
        }
    }

    /// Whether it matters when a node takes a job: then `track_jobs` notes it.
    pub fn tracks_runs(&self, jobs: impl Iterator<Item = Job>, now: i64) -> bool {
        if !self.may_list() {
            return false;
        }
        match self.settings.strategy {
            Strategy::Infinite => true,
            Strategy::Scheduled => {
                let firing = self.last_firing(now);
                let is_early = |job: &Job| job.started_at.is_none() && job.listed_at < firing;
                self.settings.overlap == Overlap::Replace && { jobs }.any(|job| is_early(&job))
            }
            Strategy::Simple | Strategy::SimpleExtend => {
                let census = self.census(jobs, now);
                census.outdated > 0 || census.fresh > self.wanted()
            }
        }
    }

    /// Jobs that should be active at once, at most.
    fn wanted(&self) -> u32 {
        self.settings.replicas.saturating_sub(self.ended)
    }

    /// Whether `job`, one of `jobs`, is to be ended now, and why.
    ///
    /// A rollout keeps serving: an outdated job that a node runs stops only while enough others
    /// serve, and so does a job whose replacement was due. When there are too many, queued ones go
    /// first, then those that run longest; a job that is about to be rotated out does not count, so
    /// its replacement is never too many.
    pub fn stop_reason(
        &self,
        job: &Job,
        jobs: impl Iterator<Item = Job> + Clone,
        now: i64,
    ) -> Option<StopReason> {
        if self.status == Status::Stopping && !(self.draining && job.started_at.is_some()) {
            return Some(StopReason::Stopping);
        }
        if job.is_overdue(now) {
            return Some(StopReason::Overdue);
        }
        if !self.may_list() {
            return None;
        }
        if self.waits_too_long(job, now) {
            return Some(StopReason::NotTaken);
        }
        if self.settings.strategy == Strategy::Scheduled {
            if self.settings.replicas == 0 {
                return Some(StopReason::Surplus);
            }
            let firing = self.last_firing(now);
            let is_early = match job.started_at {
                Some(started_at) => started_at < firing,
                None => job.listed_at < firing && job.revision != self.revision,
            };
            return (self.settings.overlap == Overlap::Replace && is_early)
                .then_some(StopReason::Superseded);
        }
        let census = self.census(jobs.clone(), now);
        if !self.is_current(job) {
            let others = census
                .serving
                .saturating_sub(u32::from(job.is_serving(now)));
            let needed = match self.settings.strategy {
                Strategy::Infinite => self.settings.replicas,
                _ => self.owed.saturating_add(census.fresh),
            };
            return (!job.is_serving(now) || others >= needed).then_some(StopReason::Outdated);
        }
        if self.rotates_out(job, now) {
            return (census.ready >= self.settings.replicas).then_some(StopReason::Rotated);
        }
        let surplus = census.fresh.saturating_sub(self.wanted());
        if surplus == 0 {
            return None;
        }
        let ahead = jobs
            .filter(|other| self.is_current(other) && !self.rotates_out(other, now))
            .filter(|other| other.goes_before(job))
            .count();
        u32::try_from(ahead)
            .is_ok_and(|ahead| ahead < surplus)
            .then_some(StopReason::Surplus)
    }

    /// Whether a running `job` is to be prolonged now, for `price_per_second`, which is the job's own: the
    /// market's at the time it was listed.
    ///
    /// A job that runs with less than the deployment's timeout is prolonged to it, at once and once; a
    /// vault that cannot pay for that is no shortage, because the job runs as long as it was meant to.
    /// SIMPLE-EXTEND may prolong a job by another timeout shortly before its deadline. Deadlines count
    /// from the job's start, so a late keeper shifts nothing.
    pub fn extension(
        &self,
        job: &Job,
        price_per_second: u64,
        vault_nos: u64,
        now: i64,
    ) -> Extension {
        // A schedule's jobs end by themselves, whatever revision they run.
        let is_wanted = self.is_current(job) || self.settings.strategy == Strategy::Scheduled;
        let may_extend = self.may_list()
            && is_wanted
            && job.is_serving(now)
            && price_per_second <= self.settings.max_price_per_second;
        if !may_extend {
            return Extension::NotDue;
        }
        let timeout = self.settings.timeout_seconds;
        let raised_by = timeout.saturating_sub(job.timeout_seconds);
        let is_near = self.settings.auto_extend
            && self.settings.strategy == Strategy::SimpleExtend
            && job.ends_within(self.extension_margin_seconds(), now);
        let seconds = match raised_by {
            0 if !is_near => return Extension::NotDue,
            0 => timeout,
            seconds => seconds,
        };
        let Some(timeout_seconds) = job.timeout_seconds.checked_add(seconds) else {
            return Extension::NotDue; // after 136 years
        };
        let cost = job_cost(price_per_second, seconds)
            .and_then(|cost| with_fee(cost, self.settings.max_fee_bps))
            .filter(|cost| *cost <= vault_nos);
        match (cost, self.status) {
            (Some(most_nos), _) => Extension::To {
                timeout_seconds,
                most_nos,
            },
            (None, Status::InsufficientFunds | Status::Error) => Extension::NotDue,
            (None, _) if raised_by > 0 => Extension::NotDue,
            (None, _) => Extension::CannotPay,
        }
    }

    /// How long before its deadline a job's extension is due, 60 to 300 seconds.
    pub fn extension_margin_seconds(&self) -> u32 {
        let (least, most) = EXTENSION_MARGIN_SECONDS;
        let tenth = self
            .settings
            .timeout_seconds
            .checked_div(10)
            .unwrap_or(least);
        tenth.clamp(least, most)
    }

    /// Whether no node has taken `job` within the time that the owner allows.
    fn waits_too_long(&self, job: &Job, now: i64) -> bool {
        let most = self.settings.max_queue_seconds;
        most > 0 && job.waits_longer_than(most, now)
    }

    /// INFINITE: whether the job's replacement is due, so that the job itself no longer counts.
    fn rotates_out(&self, job: &Job, now: i64) -> bool {
        self.settings.strategy == Strategy::Infinite
            && job.ends_within(self.settings.rotation_seconds, now)
    }
}
