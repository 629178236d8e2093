//! Puts the deployments program on a cluster, in numbered steps.
//!
//! What is there is read off the cluster, and nothing is kept anywhere else: whoever runs a step again, on a
//! different machine too, goes on where it ended. A [`Plan`](plan::Plan) says what is left, with every account
//! and lamport; [`apply`](apply::apply) sends it; what somebody else must sign, [`unsigned`] prints.

// What is deployed is checked, not assumed.
#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod apply;
pub mod chain;
pub mod goal;
pub mod ledger;
pub mod plan;
pub mod programs;
pub mod steps;
pub mod unsigned;
