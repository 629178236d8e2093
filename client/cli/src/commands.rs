//! The commands, a file for each or for a few that are alike.

pub(crate) mod create;
pub(crate) mod definitions;
pub(crate) mod down;
pub(crate) mod endpoints;
pub(crate) mod funds;
pub(crate) mod history;
pub(crate) mod import;
mod keep;
pub(crate) mod keygen;
pub(crate) mod list;
#[cfg(feature = "localnet")]
pub(crate) mod localnet;
pub(crate) mod logs;
pub(crate) mod market;
pub(crate) mod rent;
pub(crate) mod results;
pub(crate) mod revisions;
pub(crate) mod schedule;
pub(crate) mod ssh;
pub(crate) mod status;
pub(crate) mod steer;
pub(crate) mod up;
pub(crate) mod update;
pub(crate) mod validate;
pub(crate) mod vault;
pub(crate) mod watch;

use crate::exit::invalid;
use anyhow::Result;
use nosana_deploy_client::{accounts::DecodeError, rpc::Found, spec::MAX_JSON_BYTES};
use serde_json::{json, Value};
use solana_program::pubkey::Pubkey;
use std::{
    io::{Read, Write},
    path::Path,
};

/// A file's text.
pub(crate) fn read(file: &Path) -> Result<String> {
    let failed = |error| invalid(format!("{}: {error}", file.display()));
    let most = u64::try_from(MAX_JSON_BYTES).unwrap_or(u64::MAX);
    let opened = std::fs::File::open(file).map_err(failed)?;
    let mut text = String::new();
    // One byte more, so that what is too long is known to be.
    let mut limited = opened.take(most.saturating_add(1));
    limited.read_to_string(&mut text).map_err(failed)?;
    match text.len() > MAX_JSON_BYTES {
        true => Err(invalid(format!(
            "{}: larger than {MAX_JSON_BYTES} bytes",
            file.display()
        ))),
        false => Ok(text),
    }
}

/// Accounts that cannot be decoded: named on stderr and in JSON. The others are shown all the same.
#[derive(Default)]
pub(crate) struct LeftOut(Vec<(Pubkey, DecodeError)>);

impl LeftOut {
    /// What can be decoded; the rest is noted.
    fn sift<T>(&mut self, found: impl IntoIterator<Item = Found<T>>) -> Vec<T> {
        let mut readable = Vec::new();
        for (key, found) in found {
            match found {
                Ok(found) => readable.push(found),
                Err(error) => {
                    // Whether anybody reads it changes nothing.
                    let _ = writeln!(std::io::stderr(), "{key} is left out: {error}");
                    self.0.push((key, error));
                }
            }
        }
        readable
    }

    /// An object each.
    fn json(&self) -> impl Iterator<Item = Value> + '_ {
        let all = self.0.iter();
        all.map(|(key, error)| json!({"account": key.to_string(), "error": error.to_string()}))
    }
}

/// The seconds in so many minutes; what does not fit is out of range anyway.
fn seconds(minutes: impl Into<u64>) -> u32 {
    u32::try_from(minutes.into().saturating_mul(60)).unwrap_or(u32::MAX)
}
