//! The steps, in the order in which they are taken. Each looks at the accounts as the steps before it leave them,
//! and adds what is missing: a step that was interrupted goes on, and one that is done does nothing.

mod s0001_write_buffer;
mod s0002_deploy;
mod s0003_publish_idl;
mod s0004_lookup_table;
mod s0005_hand_over;
mod s0006_verified_build;

use crate::plan::{Draft, Outcome, PlanError};

/// A numbered step.
#[derive(Debug)]
pub struct Step {
    /// Its number, from 1. A number is never used for something else.
    pub number: u16,
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub what: &'static str,
    pub(crate) plan: fn(&mut Draft<'_>) -> Result<Outcome, PlanError>,
}

/// All of them.
pub static STEPS: [Step; 6] = [
    Step {
        number: 1,
        name: "write-buffer",
        what: "writes the bytecode into a buffer",
        plan: s0001_write_buffer::plan,
    },
    Step {
        number: 2,
        name: "deploy",
        what: "deploys the program from the buffer, or upgrades it",
        plan: s0002_deploy::plan,
    },
    Step {
        number: 3,
        name: "publish-idl",
        what: "publishes the IDL through the Program Metadata program",
        plan: s0003_publish_idl::plan,
    },
    Step {
        number: 4,
        name: "lookup-table",
        what: "makes the lookup table that a market's keepers share",
        plan: s0004_lookup_table::plan,
    },
    Step {
        number: 5,
        name: "hand-over",
        what: "hands the upgrade authority over",
        plan: s0005_hand_over::plan,
    },
    Step {
        number: 6,
        name: "verified-build",
        what: "says what the bytecode was built of",
        plan: s0006_verified_build::plan,
    },
];
