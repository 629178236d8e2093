//! Measures every instruction on real bytecode, in the situations that matter. Addresses are the same
//! in every run, so the figures are too.

mod cron;
mod direct;
mod keeper;
mod owner;
mod plots;
mod report;
mod scene;
mod trace;

use crate::{measure::Measure, Chain};
use serde::Serialize;
use std::collections::BTreeMap;
use trace::Trace;

pub use cron::Firing;
pub use plots::plots;
pub use report::markdown;

/// What one transaction takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The instruction, or several, and the situation; names a budget.
    pub name: String,
    /// Whether an owner sends it.
    pub is_of_owner: bool,
    /// Jobs that it handles; 0 where it handles none.
    pub jobs: u32,
    /// The market's queue that it meets.
    pub queue: Queue,
    /// All compute units, including those of the programs it calls.
    pub compute_units: u64,
    /// Those that the markets' program used.
    pub market_units: u64,
    /// Bytes of the transaction, with a lookup table of what many transactions name.
    pub bytes: usize,
    /// Accounts that its message names or loads.
    pub accounts: usize,
    /// Signatures.
    pub signatures: usize,
    /// Instructions in the runtime's trace: the budget's, the transaction's own, and every call.
    pub trace_length: usize,
    /// Instructions of our program's bytecode, a compute unit each.
    pub own_steps: u64,
    /// How often our program called which function of the runtime.
    pub own_syscalls: BTreeMap<String, u64>,
    /// Most heap that our program allocated.
    pub heap_bytes: u64,
    /// Most heap that the markets' program allocated in a call.
    pub market_heap_bytes: u64,
    /// Rent that new and larger accounts took, less what closed ones returned.
    pub rent_lamports: i64,
}

impl Row {
    /// Compute units beyond the markets' program, for each job.
    pub fn own_units_per_job(&self) -> Option<u64> {
        let own = self.compute_units - self.market_units;
        own.checked_div(self.jobs.into())
    }

    /// All compute units, for each job.
    pub fn units_per_job(&self) -> Option<u64> {
        self.compute_units.checked_div(self.jobs.into())
    }
}

/// A market's queue as an instruction meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Queue {
    /// Nobody waits.
    Empty,
    /// So many jobs of others wait.
    Jobs(u32),
    /// So many nodes wait.
    Nodes(u32),
}

impl Queue {
    /// The queues that instructions are measured with.
    const ALL: [Self; 3] = [Self::Empty, Self::Jobs(300), Self::Nodes(100)];
}

impl std::fmt::Display for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("queue empty"),
            Self::Jobs(count) => write!(f, "{count} jobs waiting"),
            Self::Nodes(count) => write!(f, "{count} nodes waiting"),
        }
    }
}

/// Everything that is measured on bytecode.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// The program's instructions.
    pub instructions: Vec<Row>,
    /// What depends on how lucky a wallet's addresses are.
    pub luck: Vec<Luck>,
    /// The same jobs, listed on the market by a wallet without the program.
    pub direct: Vec<Row>,
    /// What schedules take to find their next firing.
    pub firings: Vec<Firing>,
}

/// An instruction's compute units at many wallets: bumps are searched for, and some are found late.
#[derive(Clone, Debug, Serialize)]
pub struct Luck {
    /// The instruction.
    pub name: String,
    /// The least that one of the wallets needed.
    pub least: u64,
    /// The most.
    pub most: u64,
}

impl Luck {
    /// Wallets that are tried.
    pub const WALLETS: u32 = 200;
}

impl Measured {
    /// What has a budget: the name, and the compute units measured.
    pub fn budgeted(&self) -> Vec<(&str, u64)> {
        let instructions = self.instructions.iter();
        let instructions = instructions.map(|row| (&row.name[..], row.compute_units));
        let firings = self.firings.iter();
        let firings = firings.map(|firing| (&firing.name[..], firing.compute_units));
        instructions.chain(firings).collect()
    }
}

/// A chain to start from, and what its programs do.
struct Bench {
    chain: Chain,
    trace: Trace,
}

impl Bench {
    fn new() -> Self {
        let trace = Trace::default();
        Self {
            chain: Chain::observed(trace.clone()),
            trace,
        }
    }
}

/// Measures everything.
pub fn measure() -> Measured {
    let bench = Bench::new();
    let mut instructions = owner::measure(&bench);
    instructions.extend(keeper::measure(&bench));
    Measured {
        instructions,
        luck: owner::luck(&bench),
        direct: direct::measure(&bench),
        firings: cron::measure(&bench),
    }
}
