//! The commands, a file for each or for a few that are alike.

pub(crate) mod create;
pub(crate) mod funds;
pub(crate) mod list;
pub(crate) mod localnet;
pub(crate) mod market;
pub(crate) mod revisions;
pub(crate) mod schedule;
pub(crate) mod status;
pub(crate) mod steer;
pub(crate) mod update;
pub(crate) mod validate;
pub(crate) mod vault;
pub(crate) mod watch;

use crate::exit::invalid;
use anyhow::Result;
use std::path::Path;

/// A file's text.
pub(crate) fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|error| invalid(format!("{}: {error}", file.display())))
}

/// The seconds in so many minutes; what does not fit is out of range anyway.
fn seconds(minutes: impl Into<u64>) -> u32 {
    u32::try_from(minutes.into().saturating_mul(60)).unwrap_or(u32::MAX)
}
