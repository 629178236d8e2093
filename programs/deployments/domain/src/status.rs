//! The status machine: eight statuses, sixteen events, one total function.

use crate::settings::Strategy;
use core::fmt;

/// The status of a deployment. The numbers are stored on chain and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Status {
    /// Created, not yet started.
    Draft = 0,
    /// Started, nothing listed yet.
    Starting = 1,
    /// Jobs are listed. A SCHEDULED deployment also waits here between two firings.
    Running = 2,
    /// Asked to stop; its active jobs are being ended.
    Stopping = 3,
    /// Nothing is active; can be started again.
    Stopped = 4,
    /// Over for good.
    Archived = 5,
    /// Nothing can be listed; see [`Reason`], which says whether that ends by itself.
    Error = 6,
    /// The vault cannot pay for a single job; resumes by itself once it can.
    InsufficientFunds = 7,
}

impl Status {
    /// Every status, in the order of its number.
    pub const ALL: [Status; 8] = [
        Status::Draft,
        Status::Starting,
        Status::Running,
        Status::Stopping,
        Status::Stopped,
        Status::Archived,
        Status::Error,
        Status::InsufficientFunds,
    ];

    /// The status stored as `byte`, or `None` if no status has this number.
    pub fn from_byte(byte: u8) -> Option<Status> {
        Status::ALL.get(usize::from(byte)).copied()
    }

    /// The name users know, e.g. `INSUFFICIENT_FUNDS`.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Draft => "DRAFT",
            Status::Starting => "STARTING",
            Status::Running => "RUNNING",
            Status::Stopping => "STOPPING",
            Status::Stopped => "STOPPED",
            Status::Archived => "ARCHIVED",
            Status::Error => "ERROR",
            Status::InsufficientFunds => "INSUFFICIENT_FUNDS",
        }
    }

    /// What it means for a deployment with this strategy, in a sentence.
    pub const fn meaning(self, strategy: Strategy) -> &'static str {
        match (self, strategy) {
            (Status::Running, Strategy::Simple | Strategy::SimpleExtend) => {
                "Its jobs are listed; it stops when the last one has ended."
            }
            (Status::Running, Strategy::Scheduled) => {
                "Lists its jobs each time its schedule fires."
            }
            (Status::Running, Strategy::Infinite) => {
                "Keeps its replicas serving, and replaces jobs before their deadline."
            }
            (status, _) => status.description(),
        }
    }

    /// What it means for any strategy, in a sentence.
    pub const fn description(self) -> &'static str {
        match self {
            Status::Draft => "Created, not yet started.",
            Status::Starting => "Started, nothing listed yet.",
            Status::Running => "Its jobs are listed, or it waits for its schedule to fire.",
            Status::Stopping => "Asked to stop; keepers end its active jobs.",
            Status::Stopped => "Nothing is active; can be started again.",
            Status::Archived => "Over for good; only its account can still be closed.",
            Status::Error => "Nothing can be listed: see the reason.",
            Status::InsufficientFunds => {
                "The vault cannot pay for a single job; continues by itself once it can."
            }
        }
    }

    /// Whether no job is active and nothing becomes due until the owner acts.
    pub const fn is_quiet(self) -> bool {
        matches!(self, Status::Draft | Status::Stopped | Status::Archived)
    }

    /// Whether a keeper may list jobs for a deployment in this status.
    pub const fn lists_jobs(self) -> bool {
        matches!(
            self,
            Status::Starting | Status::Running | Status::InsufficientFunds
        )
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a deployment is in [`Status::Error`]. The numbers are stored on chain and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reason {
    /// Not in error.
    None = 0,
    /// The market asks more per second than the deployment's price cap.
    PriceAboveCap = 1,
    /// The market's account is gone, or its type takes no jobs.
    MarketUnusable = 2,
    /// INFINITE: round after round of jobs ended within minutes; see [`crate::failsafe`].
    RapidCompletion = 3,
}

impl Reason {
    /// Every reason, in the order of its number.
    pub const ALL: [Reason; 4] = [
        Reason::None,
        Reason::PriceAboveCap,
        Reason::MarketUnusable,
        Reason::RapidCompletion,
    ];

    /// The reason stored as `byte`, or `None` if no reason has this number.
    pub fn from_byte(byte: u8) -> Option<Reason> {
        Reason::ALL.get(usize::from(byte)).copied()
    }

    /// What it means, in a sentence.
    pub const fn description(self) -> &'static str {
        match self {
            Reason::None => "Not in ERROR.",
            Reason::PriceAboveCap => {
                "The market asks more per second than the price cap; continues by itself once it does not."
            }
            Reason::MarketUnusable => {
                "The market is gone, or takes no jobs; continues by itself once it does."
            }
            Reason::RapidCompletion => {
                "INFINITE: eight rounds of jobs in a row ended within five minutes; only start goes on."
            }
        }
    }

    /// Whether the error ends by itself, once the market's price or the market itself is back.
    pub const fn ends_by_itself(self) -> bool {
        matches!(self, Reason::PriceAboveCap | Reason::MarketUnusable)
    }

    /// The name shown to users, e.g. `PRICE_ABOVE_CAP`.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::None => "NONE",
            Reason::PriceAboveCap => "PRICE_ABOVE_CAP",
            Reason::MarketUnusable => "MARKET_UNUSABLE",
            Reason::RapidCompletion => "RAPID_COMPLETION",
        }
    }
}

/// What happens to a deployment. Facts that a rule depends on travel with the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// Owner: begin, or begin again.
    Start,
    /// Owner: end what is active and list nothing more.
    Stop {
        /// Whether any job is active.
        jobs_active: bool,
    },
    /// Owner: stop again, at once, what was asked to end by itself.
    Hasten,
    /// Owner: change a setting or the job definition.
    Update,
    /// Owner: go to a different market.
    Move {
        /// Whether any job is active.
        jobs_active: bool,
    },
    /// Owner: one round now, as if the schedule fired (SCHEDULED).
    Trigger,
    /// Owner: have active jobs replaced.
    Restart,
    /// Owner: list more replicas than were asked for at first (SIMPLE-EXTEND).
    Extend,
    /// Owner: end for good.
    Archive {
        /// Whether any job is active.
        jobs_active: bool,
    },
    /// Owner: give the account's rent back.
    Close,
    /// Keeper: at least one job was listed.
    Listed,
    /// Keeper: a job is due and the vault cannot pay for one.
    CannotPay,
    /// Keeper: listing can never succeed as things are; see [`Reason`].
    Fail,
    /// Owner: after an update or a start, jobs are active and none is missing.
    Satisfied,
    /// Keeper: what a shortage or an error was about is over; see [`Reason::ends_by_itself`].
    Resumed,
    /// Keeper: the last active job is settled and nothing more is to be listed.
    Drained,
}

impl Event {
    /// Every event with every combination of its facts, for tables and tests.
    pub const ALL: [Event; 19] = [
        Event::Start,
        Event::Stop { jobs_active: false },
        Event::Stop { jobs_active: true },
        Event::Hasten,
        Event::Update,
        Event::Move { jobs_active: false },
        Event::Move { jobs_active: true },
        Event::Trigger,
        Event::Restart,
        Event::Extend,
        Event::Archive { jobs_active: false },
        Event::Archive { jobs_active: true },
        Event::Close,
        Event::Listed,
        Event::CannotPay,
        Event::Fail,
        Event::Satisfied,
        Event::Resumed,
        Event::Drained,
    ];

    /// A word or two, for pictures.
    pub const fn name(self) -> &'static str {
        match self {
            Event::Start => "start",
            Event::Stop { .. } => "stop",
            Event::Hasten => "stop again",
            Event::Update => "update",
            Event::Move { .. } => "move",
            Event::Trigger => "trigger",
            Event::Restart => "restart",
            Event::Extend => "extend",
            Event::Archive { .. } => "archive",
            Event::Close => "close",
            Event::Listed => "jobs listed",
            Event::CannotPay => "cannot pay",
            Event::Fail => "fail",
            Event::Satisfied => "none missing",
            Event::Resumed => "resumed",
            Event::Drained => "last job settled",
        }
    }

    /// Whether it takes the owner's signature; anyone may bring about the others.
    pub const fn is_owners(self) -> bool {
        !matches!(
            self,
            Event::Listed | Event::CannotPay | Event::Fail | Event::Resumed | Event::Drained
        )
    }

    /// Who brings it about, and what it is, in a few words.
    pub const fn description(self) -> &'static str {
        match self {
            Event::Start => "owner: start",
            Event::Stop { jobs_active: false } => "owner: stop, nothing active",
            Event::Stop { jobs_active: true } => "owner: stop, jobs active",
            Event::Hasten => "owner: stop at once, after stop --drain",
            Event::Update => "owner: update",
            Event::Move { jobs_active: false } => "owner: update the market, nothing active",
            Event::Move { jobs_active: true } => "owner: update the market, jobs active",
            Event::Trigger => "owner: trigger (SCHEDULED)",
            Event::Restart => "owner: restart jobs",
            Event::Extend => "owner: extend (SIMPLE-EXTEND)",
            Event::Archive { jobs_active: false } => "owner: archive, nothing active",
            Event::Archive { jobs_active: true } => "owner: archive, jobs active",
            Event::Close => "owner: close",
            Event::Listed => "keeper: jobs listed or extended",
            Event::CannotPay => "keeper: vault cannot pay for one job",
            Event::Fail => "keeper: price above cap, market unusable, fail-safe",
            Event::Satisfied => "owner: start or update leaves nothing missing",
            Event::Resumed => "keeper: market usable, price under the cap, vault can pay again",
            Event::Drained => "keeper: last job settled, nothing more to do",
        }
    }
}

/// What an allowed event leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Next {
    /// The deployment's status from now on (possibly the one it had).
    Status(Status),
    /// The account is closed.
    Closed,
}

/// Why an event is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    /// ARCHIVED is terminal: only `close` is left.
    Archived,
    /// Jobs are active; they must be stopped and settled first.
    JobsActive,
    /// The status does not allow this event.
    Status,
    /// The strategy does not allow this event in any status.
    Strategy,
    /// SCHEDULED with overlap FORBID: jobs of an earlier firing are active.
    Overlap,
    /// Nothing would change: no job is active that could be restarted, or no replica could be listed.
    Nothing,
}

impl core::error::Error for Refused {}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Refused::Archived => "the deployment is archived, which is final",
            Refused::JobsActive => "jobs are still active; stop the deployment and let them settle",
            Refused::Status => "the deployment's status does not allow this",
            Refused::Strategy => "the deployment's strategy does not allow this",
            Refused::Overlap => {
                "jobs of an earlier firing are active, and overlap FORBID lists none beside them"
            }
            Refused::Nothing => "there is nothing that this would change",
        })
    }
}

/// The status machine. Total: every pair of status and event is either allowed or refused by name.
///
/// # Errors
/// [`Refused`] says why; the deployment is unchanged.
pub const fn transition(from: Status, event: Event) -> Result<Next, Refused> {
    use Status::*;
    let to = match (from, event) {
        (Draft | Archived, Event::Close) => return Ok(Next::Closed),
        (Archived, _) => return Err(Refused::Archived),

        (Draft | Stopped | Error | InsufficientFunds, Event::Start) => Starting,

        (Starting | Running | InsufficientFunds | Error, Event::Stop { jobs_active: true }) => {
            Stopping
        }
        (Starting | Running | InsufficientFunds | Error, Event::Stop { jobs_active: false }) => {
            Stopped
        }

        (Stopping, Event::Hasten) => Stopping,

        (_, Event::Update) => from,

        (Draft | Stopped | Error | InsufficientFunds, Event::Move { jobs_active: true }) => {
            return Err(Refused::JobsActive)
        }
        (Draft | Stopped | Error | InsufficientFunds, Event::Move { jobs_active: false }) => from,

        (Starting | Running | InsufficientFunds, Event::Trigger | Event::Restart) => from,

        (Stopped, Event::Extend) => Starting,
        (Starting | Running | InsufficientFunds, Event::Extend) => from,

        (Draft | Stopped | Error | InsufficientFunds, Event::Archive { jobs_active: true }) => {
            return Err(Refused::JobsActive)
        }
        (Draft | Stopped | Error | InsufficientFunds, Event::Archive { jobs_active: false }) => {
            Archived
        }

        (Starting | Running | InsufficientFunds, Event::Listed) => Running,
        (Starting | Running, Event::CannotPay) => InsufficientFunds,
        (Starting | Running | InsufficientFunds, Event::Fail) => Error,
        (Starting | InsufficientFunds, Event::Satisfied) => Running,
        (Error | InsufficientFunds, Event::Resumed) => Running,
        (Starting | Running | Stopping | InsufficientFunds | Error, Event::Drained) => Stopped,

        _ => return Err(Refused::Status),
    };
    Ok(Next::Status(to))
}

#[cfg(test)]
mod tests;
