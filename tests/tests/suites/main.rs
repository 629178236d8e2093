//! Suites over the real bytecode of both programs, in solana-program-test. One binary, because
//! linking the validator takes longer than running the tests.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod assembly;
mod changed_program;
mod create;
mod daily;
mod edges;
mod events;
mod fail_safe;
mod funds;
mod griefing;
mod life;
mod limits;
mod luck;
mod money;
mod refusals;
mod revisions;
mod scaling;
mod settling;
mod sharing;
mod stand_in;
mod strategies;
mod time;
mod updates;

use deployments::errors::DeployError;
use deployments_tests::Failure;

/// The failure that carries one of the program's errors.
fn refused<T>(error: DeployError) -> Result<T, Failure> {
    Err(Failure::Code(error.into()))
}

/// What a transaction failed with; it must have failed.
#[track_caller]
fn failure<T>(outcome: Result<T, Failure>) -> Result<(), Failure> {
    outcome.map(|_| panic!("went through"))
}
