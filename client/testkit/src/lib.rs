//! Both programs' bytecode, a NOS mint, a market and everybody who acts on it, for tests of whoever builds on
//! deployments. The clock is set, never slept on.
//!
//! ```
//! # #[cfg(feature = "litesvm")]
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! use nosana_deployments_testkit::{Strategy, World};
//!
//! let mut world = World::in_litesvm().await;
//! let deployment = world.started(Strategy::Simple, 1, 1).await;
//! world.list(&deployment, 1).await.unwrap();
//! # })
//! ```
//!
//! Whatever goes wrong in a test's own preparations panics, as in tests.

// Without a VM there is nothing that runs a transaction.
#![cfg_attr(
    not(any(feature = "litesvm", feature = "program-test")),
    allow(dead_code)
)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

mod accounts;
mod bank;
#[cfg(feature = "litesvm")]
mod chain;
mod elves;
mod node;
#[cfg(feature = "program-test")]
mod program_test;
mod world;

pub use accounts::{account_of, market_account, market_on_chain, mint_on_chain, token_account};
pub use bank::{Bank, Failure, Receipt};
#[cfg(feature = "litesvm")]
pub use chain::Chain;
pub use deployments_domain::{funding::Rents, settings::Strategy, status::Status};
pub use elves::Programs;
pub use node::{shown, Node};
pub use nosana_deploy_client as client;
#[cfg(feature = "program-test")]
pub use program_test::bank_with;
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
