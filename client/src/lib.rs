//! JSON deployments to Solana instructions, and accounts back to words. No RPC, no runtime: every
//! function is pure, and nothing else in the workspace builds an instruction by hand.
//!
//! | module | what it does |
//! |---|---|
//! | [`spec`] | reads a deployment's JSON, comments included, and checks it |
//! | [`job`] | checks a job definition, and its JSON Schema |
//! | [`definition`] | a job definition as the nodes of one deployment fetch it |
//! | [`confidential`] | a definition that only the nodes of its jobs get to read |
//! | [`endpoints`] | where nodes serve the ports that it exposes |
//! | [`json`] | prints JSON as JavaScript does, which is what gets pinned |
//! | [`digest`] | the 32 bytes on chain that name a job definition, and its IPFS CID |
//! | [`instructions`] | a builder for every instruction of the program |
//! | [`accounts`], [`markets`] | decode the accounts of both programs |
//! | [`filters`] | what to ask an RPC node for |
//! | [`text`] | shows what somebody else wrote without letting it steer a terminal |
//! | [`transaction`] | a message to sign: version 0, lookup tables, compute budget, priority fee, nonce |
//! | [`keeper`] | what a keeper would do now, from accounts however they were read |
//! | [`forecast`] | what a deployment costs, and how long its vault lasts |
//! | `rpc` | a cluster over JSON-RPC: reading, simulating, sending (feature `rpc`) |
//! | `localnet` | a validator inside this process (feature `embedded`) |
//! | [`events`] | what a call of the program did, from what its transaction called |
//! | [`history`] | what happened to a deployment, from its transactions |
//! | [`job_result`] | what a job leaves behind: exit codes, logs, results |
//! | [`errors`] | turns error codes of every program involved into sentences |
//!
//! Errors, events, actions and answers of a cluster may grow and are `#[non_exhaustive]`. What the domain
//! decides about ([`domain`]) is not: whoever matches a status should learn of a new one from the compiler.

pub mod accounts;
pub mod confidential;
pub mod definition;
pub mod digest;
pub mod endpoints;
pub mod errors;
pub mod events;
pub mod filters;
pub mod forecast;
pub mod history;
pub mod instructions;
pub mod job;
pub mod job_result;
pub mod json;
pub mod keeper;
#[cfg(feature = "embedded")]
pub mod localnet;
pub mod markets;
pub mod path;
#[cfg(feature = "rpc")]
pub mod rpc;
pub mod spec;
pub mod text;
pub mod transaction;

pub use deployments::{errors::DeployError, state::seeds, ID as PROGRAM_ID};
pub use deployments_domain as domain;
pub use nosana_jobs_interface as jobs_program;
pub use spec::DeploymentSpec;
