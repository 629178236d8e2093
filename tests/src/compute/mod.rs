//! Compute units of every instruction, on real bytecode, in the situations that matter. Addresses are
//! the same in every run, so the figures are too.

mod keeper;
mod owner;
mod scene;

use serde::Serialize;

/// What one transaction with one instruction takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The instruction and its situation; names a budget.
    pub name: String,
    /// Jobs that it handles; 0 for an owner's.
    pub jobs: u32,
    /// All compute units of the instruction, those of programs that it calls included.
    pub compute_units: u64,
    /// Those that the markets' program used.
    pub market_units: u64,
    /// Bytes of its transaction, with a lookup table of what many transactions name.
    pub bytes: usize,
    /// Accounts that its message names or loads.
    pub accounts: usize,
}

impl Row {
    /// Compute units beyond the markets' program, for each job.
    pub fn own_units_per_job(&self) -> Option<u64> {
        let own = self.compute_units - self.market_units;
        own.checked_div(self.jobs.into())
    }
}

/// A market's queue as an instruction meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    Empty,
    /// So many jobs of others wait.
    Jobs(usize),
    /// So many nodes wait.
    Nodes(usize),
}

/// Measures everything.
pub fn measure() -> Vec<Row> {
    let mut rows = Vec::new();
    owner::measure(&mut rows);
    keeper::measure(&mut rows);
    rows
}
