//! One world for every suite: both programs' real bytecode in solana-program-test, a NOS mint, a
//! market, an owner, a keeper and two nodes. The clock is set, never slept on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

mod accounts;
mod bank;
mod chain;
pub mod compute;
pub mod fuzz;
mod node;
mod world;

use deployments_domain::funding::Rents;

pub use accounts::{elf_dir, market_account, market_on_chain, token_account};
pub use bank::{bank_with, Bank, Failure, Receipt};
pub use chain::Chain;
pub use node::{shown, Node};
pub use world::World;

/// NOS base units per second that the world's market asks.
pub const PRICE: u64 = 100;
/// Seconds that the world's deployments let a job run.
pub const TIMEOUT: u32 = 3600;
/// Seconds before a job's deadline at which the world's INFINITE deployments list its replacement.
pub const ROTATION: u32 = 1200;
/// NOS base units that one job costs.
pub const COST: u64 = PRICE * TIMEOUT as u64;
/// Where time begins: 2026-01-01 01:00 UTC, a Thursday.
pub const NOW: i64 = 1_767_229_200;
/// The first midnight after [`NOW`].
pub const MIDNIGHT: i64 = NOW + 23 * 3600;
/// Seconds of a day.
pub const DAY: i64 = 86_400;
/// One SOL.
pub const SOL: u64 = 1_000_000_000;
/// What clusters charge for accounts.
pub const RENTS: Rents = Rents::DEFAULT;
/// Rent-exempt minimum of an empty account, the vault's floor.
pub const FLOOR: u64 = RENTS.floor;
/// Rent of a job's account.
pub const JOB_RENT: u64 = RENTS.job;
/// Rent of a run's account.
pub const RUN_RENT: u64 = RENTS.run;
