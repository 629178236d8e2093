//! What is due now, and what a deployment looks like afterwards.
//!
//! [`Lifecycle`] holds the facts that decide; every method is a pure transition that either changes
//! it as documented or leaves it as it was and says why. Times are unix seconds, UTC.

use crate::{
    cron::Schedule,
    funding::{affordable_jobs, job_cost, Funds, Rents},
    settings::Strategy,
    status::{transition, Event, Next, Reason, Refused, Status},
};

/// `next_due_at` of a deployment that waits for no point in time.
pub const NEVER: i64 = i64::MAX;

/// The part of a deployment that decides what is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// Where the deployment stands.
    pub status: Status,
    /// Why it is in ERROR; [`Reason::None`] in every other status.
    pub reason: Reason,
    /// When and how often replicas are listed.
    pub strategy: Strategy,
    /// The firings of a SCHEDULED deployment.
    pub schedule: Option<Schedule>,
    /// Jobs per round.
    pub replicas: u32,
    /// Jobs of the current round that are not listed yet.
    pub owed: u32,
    /// Jobs that are queued, running or not settled yet.
    pub active: u32,
    /// Most jobs that may be active at once: the account's slots.
    pub slots: u32,
    /// When the schedule fires next, or [`NEVER`].
    pub next_due_at: i64,
}

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

/// What the vault, the market and the owner's limits make of a listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The market of the deployment.
    pub market: Market,
    /// The vault's balances.
    pub funds: Funds,
    /// The cluster's rents.
    pub rents: Rents,
    /// Longest run of one job, seconds.
    pub timeout_seconds: u64,
    /// The owner's price cap, NOS base units per second.
    pub max_price_per_second: u64,
}

/// What `list_jobs` does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// No job is due, or a shortage that is already recorded persists.
    NothingDue,
    /// Jobs are due but every slot of the account is taken until one settles.
    NoFreeSlot,
    /// Jobs are due but the market's queue is full. Nothing changes; try again later.
    QueueFull,
    /// Jobs are due and the vault cannot pay for one: record INSUFFICIENT_FUNDS.
    CannotPay,
    /// Jobs are due and can never be listed as things are: record ERROR.
    Fail(Reason),
    /// List this many jobs, at least one, or fewer if a transaction holds fewer.
    Jobs(u32),
}

impl Lifecycle {
    /// Owner: begin, or begin again. From DRAFT and STOPPED a new round begins; from ERROR and
    /// INSUFFICIENT_FUNDS the interrupted one goes on, so that no job is listed twice.
    ///
    /// # Errors
    /// [`Refused`] if the status does not allow it.
    pub fn start(&mut self, now: i64) -> Result<(), Refused> {
        let begins_round = matches!(self.status, Status::Draft | Status::Stopped);
        self.apply(Event::Start)?;
        self.reason = Reason::None;
        if begins_round {
            self.owed = match self.strategy {
                Strategy::Scheduled => 0,
                _ => self.replicas,
            };
            self.next_due_at = self.next_firing(now);
        }
        Ok(())
    }

    /// Owner: end what is active and list nothing more.
    ///
    /// # Errors
    /// [`Refused`] if the status does not allow it.
    pub fn stop(&mut self) -> Result<(), Refused> {
        self.apply(Event::Stop {
            jobs_active: self.active > 0,
        })?;
        self.reason = Reason::None;
        self.owed = 0;
        self.next_due_at = NEVER;
        Ok(())
    }

    /// Owner: end for good.
    ///
    /// # Errors
    /// [`Refused`] if the status does not allow it, or jobs are active.
    pub fn archive(&mut self) -> Result<(), Refused> {
        self.apply(Event::Archive {
            jobs_active: self.active > 0,
        })?;
        self.reason = Reason::None;
        self.owed = 0;
        self.next_due_at = NEVER;
        Ok(())
    }

    /// Jobs that should be listed now. Missed firings collapse into one: whatever an earlier firing
    /// still owes is replaced by the new round, never added to it.
    pub fn missing(&self, now: i64) -> u32 {
        if !self.status.lists_jobs() {
            0
        } else if self.fires(now) {
            self.replicas
        } else {
            self.owed
        }
    }

    /// Decides what `list_jobs` does at `now`. The caller then reports back through
    /// [`Lifecycle::listed`], [`Lifecycle::cannot_pay`] or [`Lifecycle::fail`].
    pub fn listing(&self, offer: &Offer, now: i64) -> Listing {
        let missing = self.missing(now);
        if missing == 0 {
            return Listing::NothingDue;
        }
        let Market::Open {
            price_per_second,
            nodes_waiting,
            queue_room,
        } = offer.market
        else {
            return Listing::Fail(Reason::MarketUnusable);
        };
        if price_per_second > offer.max_price_per_second {
            return Listing::Fail(Reason::PriceAboveCap);
        }
        let free_slots = self.slots.saturating_sub(self.active);
        if free_slots == 0 {
            return Listing::NoFreeSlot;
        }
        let affordable = match job_cost(price_per_second, offer.timeout_seconds) {
            Some(cost) => {
                let wanted = missing.min(free_slots);
                affordable_jobs(&offer.funds, cost, nodes_waiting, &offer.rents, wanted)
            }
            None => 0, // no vault holds that much
        };
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

    /// Keeper: `jobs` jobs were listed, 1 to [`Lifecycle::missing`].
    ///
    /// # Errors
    /// [`Refused::Status`] if that many were not missing; nothing changes.
    pub fn listed(&mut self, jobs: u32, now: i64) -> Result<(), Refused> {
        let owed = self.missing(now).checked_sub(jobs).ok_or(Refused::Status)?;
        let active = self.active.checked_add(jobs).ok_or(Refused::Status)?;
        if jobs == 0 || active > self.slots {
            return Err(Refused::Status);
        }
        self.apply(Event::Listed)?;
        self.fire(now);
        self.owed = owed;
        self.active = active;
        Ok(())
    }

    /// Keeper: a job is due and the vault cannot pay for one. The round stays owed.
    ///
    /// # Errors
    /// [`Refused`] if the status does not allow it.
    pub fn cannot_pay(&mut self, now: i64) -> Result<(), Refused> {
        self.apply(Event::CannotPay)?;
        self.fire(now);
        Ok(())
    }

    /// Keeper: listing can never succeed as things are. The round stays owed; active jobs are still
    /// settled.
    ///
    /// # Errors
    /// [`Refused`] if the status does not allow it.
    pub fn fail(&mut self, reason: Reason, now: i64) -> Result<(), Refused> {
        self.apply(Event::Fail)?;
        self.fire(now);
        self.reason = reason;
        Ok(())
    }

    /// Keeper: `jobs` active jobs ended and are accounted for. Allowed in every status, so that a
    /// finished job never blocks anything.
    ///
    /// # Errors
    /// [`Refused::Status`] if that many were not active; nothing changes.
    pub fn settled(&mut self, jobs: u32) -> Result<(), Refused> {
        self.active = self.active.checked_sub(jobs).ok_or(Refused::Status)?;
        if self.active > 0 {
            return Ok(());
        }
        let round_over = self.owed == 0 && self.strategy != Strategy::Scheduled;
        match self.status {
            Status::Stopping => self.apply(Event::Drained),
            Status::Running if round_over => self.apply(Event::Drained),
            _ => Ok(()),
        }
    }

    /// Whether keepers should end every active job.
    pub const fn ends_all_jobs(&self) -> bool {
        matches!(self.status, Status::Stopping)
    }

    /// What must hold after every transition.
    pub fn invariant(&self) -> bool {
        let quiet = matches!(
            self.status,
            Status::Draft | Status::Stopped | Status::Archived
        );
        let waits = self.next_due_at != NEVER;
        self.active <= self.slots
            && self.owed <= self.replicas
            && (self.reason != Reason::None) == (self.status == Status::Error)
            && !(quiet && (self.active > 0 || self.owed > 0 || waits))
            && !(self.status == Status::Stopping && (self.active == 0 || self.owed > 0 || waits))
            && !(waits && self.strategy != Strategy::Scheduled)
    }

    /// Takes note of a firing that is due: the whole round is owed, and the next firing is the
    /// first one after `now`.
    fn fire(&mut self, now: i64) {
        if self.fires(now) {
            self.owed = self.replicas;
            self.next_due_at = self.next_firing(now);
        }
    }

    const fn fires(&self, now: i64) -> bool {
        self.next_due_at != NEVER && now >= self.next_due_at
    }

    fn next_firing(&self, now: i64) -> i64 {
        match (self.strategy, &self.schedule) {
            (Strategy::Scheduled, Some(schedule)) => schedule.next_after(now).unwrap_or(NEVER),
            _ => NEVER,
        }
    }

    fn apply(&mut self, event: Event) -> Result<(), Refused> {
        match transition(self.status, event)? {
            Next::Status(status) => {
                self.status = status;
                Ok(())
            }
            // Closing removes the account; it never goes through a lifecycle.
            Next::Closed => Err(Refused::Status),
        }
    }
}

#[cfg(test)]
mod tests;
