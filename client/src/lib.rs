//! JSON deployments to Solana instructions, and accounts back to words. No RPC, no runtime: every
//! function is pure, and nothing else in the workspace builds an instruction by hand.
//!
//! | module | what it does |
//! |---|---|
//! | [`spec`] | reads a deployment's JSON, comments included, and checks it |
//! | [`json`] | prints JSON as JavaScript does, which is what gets pinned |
//! | [`digest`] | the 32 bytes on chain that name a job definition, and its IPFS CID |
//! | [`instructions`] | a builder for every instruction of the program |
//! | [`accounts`] | decodes the program's accounts, and where to filter them |
//! | [`errors`] | turns the program's error codes into sentences |

pub mod accounts;
pub mod digest;
pub mod errors;
pub mod instructions;
pub mod json;
pub mod spec;

pub use deployments::{constants, state::seeds, ID as PROGRAM_ID};
pub use deployments_domain as domain;
pub use spec::DeploymentSpec;
