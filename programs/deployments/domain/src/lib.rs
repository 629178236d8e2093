//! The rules of a deployment, pure: no Anchor, no clock, no I/O, no floats.
//!
//! This crate decides, the program enforces, and the client predicts. All three call the same functions,
//! so a rule exists once. Callers read clocks and accounts and pass plain values.
//!
//! | module | what it answers |
//! |---|---|
//! | [`status`] | which status follows an event, and which events a status refuses |
//! | [`settings`] | which settings a deployment may have |
//! | [`cron`] | when a schedule fires next |
//! | [`funding`] | how many jobs a vault can pay for, and what may leave it |
//! | [`jobs`] | what is known of one active job |
//! | [`failsafe`] | when jobs that end too soon hold back the next ones |
//! | [`lifecycle`] | what is due now, and what a deployment looks like afterwards |

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

#[cfg(test)]
extern crate std;

pub mod cron;
pub mod failsafe;
pub mod funding;
pub mod jobs;
pub mod lifecycle;
pub mod settings;
pub mod status;
