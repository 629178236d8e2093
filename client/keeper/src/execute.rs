//! One deployment: choose an action, simulate it, send it, record the outcome; look again, until
//! nothing is due.

mod choose;
mod record;
mod send;
mod simulate;

use crate::lookup_tables::Wish;
use nosana_deploy_client::{keeper::plan::Snapshot, transaction::Lifetime};
use solana_message::VersionedMessage;

/// What a worker leaves behind.
pub(crate) enum Executed {
    /// Everything due is done, or cannot be done now, as of this slot.
    NothingDue(Box<Snapshot>, u64),
    /// As [`Self::NothingDue`], but for what this keeper does not pay for now.
    LeftUndone(Box<Snapshot>, u64),
    /// Its account is closed.
    Closed,
}

/// What became of an action, as far as going on is concerned.
enum Progress {
    /// Something is done, or somebody did it, by this slot: look again.
    Changed(u64),
    /// A simulation refused all of it, for this reason.
    Refused(String),
    /// All of its jobs were refused lately.
    Held,
    /// Not worth it, or not possible for this keeper.
    Skipped,
}

/// A part of an action that a simulation accepts, ready to be signed.
struct Prepared {
    message: VersionedMessage,
    lifetime: Lifetime,
    jobs: usize,
    /// Addresses in a lookup table with which more of the action would fit.
    wishes: Vec<Wish>,
    /// What it costs the keeper in fees and in rents, and what it gains in all, in lamports.
    fee_lamports: u64,
    rent_lamports: u64,
    gain_lamports: i128,
    /// What the wallet holds after it.
    left_lamports: u64,
}
