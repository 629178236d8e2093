//! Suites over both programs' bytecode: the world of the test kit, scenarios for the fuzzer, and what the
//! benchmark measures. The clock is set, never slept on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

pub mod compute;
pub mod fuzz;
mod measure;

pub use nosana_deployments_testkit::*;

use solana_program_test::ProgramTestContext;

/// The test kit's world; on solana-program-test's bank, unless a test says otherwise.
pub type World<B = ProgramTestContext> = nosana_deployments_testkit::World<B>;
