//! What listing a job takes: through the program, without it, and where our share goes.

use super::{fullest, grouped, percent, rows_of};
use crate::compute::{Measured, Queue, Row};
use solana_program_runtime::execution_budget::SVMTransactionExecutionCost;

/// Lamports for each signature.
const BASE_FEE: usize = 5_000;

/// Where the compute units of ours go when jobs are listed.
pub(super) struct Listed {
    /// In a full batch, all jobs together.
    all: u64,
    jobs: u64,
    /// For one more job: instructions, hashing its two addresses, and the call.
    steps: u64,
    hashing: u64,
    pub(super) call: u64,
    /// Instructions in a full batch.
    all_steps: u64,
}

impl Listed {
    /// The difference between a full batch and a smaller one.
    pub(super) fn of(rows: &[Row]) -> Self {
        const HASHED_BYTES: u64 = 97;
        let full = fullest(rows, "list_jobs:", Queue::Empty);
        let smaller = rows_of(rows, "list_jobs:", Queue::Empty).filter(|row| row.jobs < full.jobs);
        let smaller = smaller.max_by_key(|row| row.jobs).unwrap();
        let more = u64::from(full.jobs - smaller.jobs);
        let own = |row: &Row| row.compute_units - row.market_units;
        let hashes = |row: &Row| row.own_syscalls.get("sol_sha256").copied().unwrap_or(0);
        let each = |of: fn(&Row) -> u64| (of(full) - of(smaller)) / more;
        let cost = SVMTransactionExecutionCost::default();
        let a_hash = cost.sha256_base_cost + cost.sha256_byte_cost * (HASHED_BYTES / 2);
        let steps = each(|row| row.own_steps);
        let hashing = (hashes(full) - hashes(smaller)) / more * a_hash;
        Self {
            all: own(full),
            jobs: full.jobs.into(),
            steps,
            hashing,
            call: (own(full) - own(smaller)) / more - steps - hashing,
            all_steps: full.own_steps,
        }
    }
}

/// Where our share of a listed job goes.
pub(super) fn listed_job(rows: &[Row]) -> String {
    let listed = Listed::of(rows);
    let stingy = fullest(rows, "list_jobs without a reward", Queue::Empty);
    let once = |all: u64, each: u64| grouped(all - each * listed.jobs);
    let each = listed.steps + listed.hashing + listed.call;
    let lines = [
        (
            "instructions of our bytecode",
            grouped(listed.steps),
            once(listed.all_steps, listed.steps),
        ),
        (
            "hashes that check the addresses of the job and of its run",
            grouped(listed.hashing),
            String::new(),
        ),
        (
            "calling the markets' program",
            grouped(listed.call),
            String::new(),
        ),
        (
            "the clock, the rent, the event, and paying the keeper",
            String::new(),
            once(listed.all - listed.all_steps, listed.hashing + listed.call),
        ),
        ("**together**", grouped(each), once(listed.all, each)),
    ];
    let lines = lines.map(|(what, each, once)| format!("| {what} | {each} | {once} |\n"));
    format!(
        "### Where our share of a listed job goes\n\n\
         Units of `list_jobs` beyond the markets' program, with an empty queue:\n\n\
         | | each job | once for {} jobs |\n|---|--:|--:|\n{}\n\
         The runtime of Agave 3.1 charges nothing for the addresses that sign, and some {} for the call, where the\n\
         target allows 5,500: the stricter line above is against what it charges. Most of the instructions read the job's\n\
         and the run's accounts, which the entry point of every Solana program does, and hand them on to the call. The\n\
         search for higher bumps of both addresses takes some 600 units of it: without it a keeper could list at an address\n\
         where no tool looks. Where the owner sets no reward, a full batch takes {} units of ours for each job.\n\n",
        listed.jobs,
        lines.concat(),
        grouped(listed.call),
        grouped(stingy.own_units_per_job().unwrap()),
    )
}

/// A keeper's listing beside a wallet's own.
pub(super) fn listing(measured: &Measured) -> String {
    const HUNDRED: usize = 100;
    let mut lines = String::new();
    for queue in Queue::ALL {
        let by_hand = fullest(&measured.direct, "a wallet's list:", queue);
        let with_table = fullest(&measured.direct, "a wallet's list, with", queue);
        let ours = fullest(&measured.instructions, "list_jobs:", queue);
        for (who, row) in [
            ("a wallet", by_hand),
            ("a wallet with a lookup table", with_table),
            ("a keeper", ours),
        ] {
            let jobs = usize::try_from(row.jobs).unwrap();
            let transactions = HUNDRED.div_ceil(jobs);
            // Beside the wallet's or keeper's own, a direct listing has two for each job.
            let of_jobs = (row.signatures - 1) / jobs * HUNDRED;
            let signatures = transactions + of_jobs;
            let units = row.units_per_job().unwrap();
            lines += &format!(
                "| {queue} | {who} | {} | {} | {} | {jobs} | {transactions} | {signatures} | {} |\n",
                grouped(units),
                percent(units, by_hand.units_per_job().unwrap()),
                grouped(row.own_units_per_job().unwrap()),
                grouped(u64::try_from(signatures * BASE_FEE).unwrap()),
            );
        }
    }
    format!(
        "## Listing through the program, and without it\n\n\
         A wallet that lists jobs itself sends a `list` for each, signed by two new keys besides its own; a keeper\n\
         calls `list_jobs`. Both meet the same market, on the same bytecode, in one run, and pay from token accounts\n\
         whose addresses take the markets' program equally long to derive. Full transactions; \"ours\" is what is\n\
         used beyond the markets' program, calling it included.\n\n\
         | market | who lists | units a job | of a wallet's | of it ours | jobs a transaction | \
         transactions for 100 jobs | signatures | base fees, lamports |\n\
         |---|---|--:|--:|--:|--:|--:|--:|--:|\n{lines}\n\
         The wallet also signs once to create, fund and start a deployment, whatever number of jobs it lists later, \
         and pays\nkeepers the reward that it set.\n\n\
         ![Compute units for each listed job](performance-listing.svg)\n\n\
         The markets' program here is the stand-in of `programs/nosana-jobs-localnet`. The real one, measured \
         elsewhere, took\n19,200 compute units for a job listed by a wallet with an empty queue, 25,300 with 100 jobs \
         waiting, 39,000 with 300,\nand 34,000 with 100 nodes waiting; three jobs filled a transaction at 1,227 bytes.\n\n\
         How near a listing comes to what a transaction may use, where nodes wait and every job opens a run as \
         well:\n\n\
         ![Use of a transaction's limits](performance-limits.svg)\n\n"
    )
}
