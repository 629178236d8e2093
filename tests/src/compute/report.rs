//! What was measured, as docs/performance.md shows it.

use super::{Firing, Luck, Measured, Queue, Row};
use chrono::DateTime;
use solana_program_runtime::execution_budget::SVMTransactionExecutionCost;

/// Lamports for each signature.
const BASE_FEE: usize = 5_000;

/// The page's sections on bytecode.
pub fn markdown(measured: &Measured) -> String {
    [
        targets(measured),
        listed_job(&measured.instructions),
        listing(measured),
        instructions(&measured.instructions),
        luck(&measured.luck),
        firings(&measured.firings),
    ]
    .concat()
}

/// Those rows of an instruction that met this queue.
pub(super) fn rows_of<'a>(
    rows: &'a [Row],
    name: &'a str,
    queue: Queue,
) -> impl Iterator<Item = &'a Row> {
    let named = rows.iter().filter(move |row| row.name.starts_with(name));
    named.filter(move |row| row.queue == queue)
}

/// The row with the most jobs.
fn fullest<'a>(rows: &'a [Row], name: &'a str, queue: Queue) -> &'a Row {
    let rows = rows_of(rows, name, queue);
    rows.max_by_key(|row| row.jobs).unwrap()
}

/// What the issue asked for, in the words of a reader who never saw it.
struct Target {
    what: String,
    wanted: String,
    found: u64,
    met: bool,
}

impl Target {
    fn at_most(what: impl Into<String>, most: u64, found: u64) -> Self {
        Self {
            what: what.into(),
            wanted: format!("at most {}", grouped(most)),
            found,
            met: found <= most,
        }
    }
}

fn targets(measured: &Measured) -> String {
    let rows = &measured.instructions;
    let own = |name: &str| {
        let full = Queue::ALL.map(|queue| fullest(rows, name, queue));
        let units = full.into_iter().filter_map(Row::own_units_per_job);
        units.max().unwrap()
    };
    let listed = Queue::ALL.map(|queue| fullest(rows, "list_jobs:", queue).jobs);
    let listed = u64::from(listed.into_iter().min().unwrap());
    let owners = rows.iter().filter(|row| row.is_of_owner);
    let owners = owners.map(|row| (row.compute_units, &row.name));
    let unlucky = measured.luck.iter().map(|luck| (luck.most, &luck.name));
    let (dearest, its_name) = owners.chain(unlucky).max().unwrap();
    let cranks = rows.iter().filter(|row| row.name.contains("records"));
    let searches = measured.firings.iter().map(|firing| firing.compute_units);
    let all = [
        Target {
            what: "jobs that one transaction lists, within every limit".into(),
            wanted: "at least 12".into(),
            found: listed,
            met: listed >= 12,
        },
        Target::at_most(
            "units of ours for each listed job of a full batch: 1,500 for each of the three addresses \
             that sign, 1,000 for the call, 1,500 for us",
            7_000,
            own("list_jobs:"),
        ),
        Target::at_most(
            "the same without what this runtime really charges for the call",
            1_500,
            own("list_jobs:") - Listed::of(rows).call,
        ),
        Target::at_most(
            "units of ours for each settled job of a full batch, the job finished",
            4_000,
            own("settle_jobs, finished"),
        ),
        Target::at_most(
            "the same, the job quit and its deposit recovered by a call",
            4_000,
            own("settle_jobs, quit"),
        ),
        Target::at_most(
            format!("units of an owner's instruction, for the unluckiest wallet ({its_name})"),
            20_000,
            dearest,
        ),
        Target::at_most(
            "units of a crank that changes nothing but the status",
            5_000,
            cranks.map(|row| row.compute_units).max().unwrap(),
        ),
        Target::at_most(
            "units of a schedule's search for its next firing",
            15_000,
            searches.max().unwrap(),
        ),
    ];
    let lines = all.map(|target| {
        let met = if target.met { "met" } else { "**missed**" };
        let found = grouped(target.found);
        format!(
            "| {} | {} | {found} | {met} |\n",
            target.what, target.wanted
        )
    });
    format!(
        "## Targets\n\n\
         Units are compute units; the worst of all situations below counts.\n\n\
         | what | target | measured | |\n|---|--:|--:|---|\n{}\n",
        lines.concat()
    )
}

/// Where the compute units of ours go when jobs are listed.
struct Listed {
    /// In a full batch, all jobs together.
    all: u64,
    jobs: u64,
    /// For one more job: instructions, hashing its two addresses, and the call.
    steps: u64,
    hashing: u64,
    call: u64,
    /// Instructions in a full batch.
    all_steps: u64,
}

impl Listed {
    /// By what a full batch takes more than a smaller one.
    fn of(rows: &[Row]) -> Self {
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

fn listed_job(rows: &[Row]) -> String {
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
            "the clock, the rent, the log, and paying the keeper",
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
         and the run's accounts, which the entry point of every Solana program does, and hand them on to the call. Not\n\
         to hash the run's address would meet that line too; a wrong one would then be refused by the runtime, and not\n\
         by name. Where the owner sets no reward, a full batch takes {} units of ours for each job.\n\n",
        listed.jobs,
        lines.concat(),
        grouped(listed.call),
        grouped(stingy.own_units_per_job().unwrap()),
    )
}

fn listing(measured: &Measured) -> String {
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

fn instructions(rows: &[Row]) -> String {
    let lines = rows.iter().map(|row| {
        let of_a_job = |units: Option<u64>| units.map_or_else(String::new, grouped);
        let rent = match row.rent_lamports {
            0 => String::new(),
            lamports if lamports < 0 => format!("−{}", grouped(lamports.unsigned_abs())),
            lamports => grouped(lamports.unsigned_abs()),
        };
        format!(
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {rent} |\n",
            row.name,
            grouped(row.compute_units),
            of_a_job(row.units_per_job()),
            of_a_job(row.own_units_per_job()),
            row.bytes,
            row.accounts,
            row.signatures,
            row.trace_length,
            grouped(row.heap_bytes),
            grouped(row.market_heap_bytes),
        )
    });
    format!(
        "## Every instruction\n\n\
         Each alone in a transaction with a compute budget. A keeper's has a lookup table with the market's, the\n\
         deployment's and the vault's addresses, an owner's has none. The last row of each batch is the largest that \
         fits:\nwhat a keeper sends. A transaction may have 1,232 bytes, 1,400,000 compute units and a trace of 64 \
         instructions,\neach program 32,768 bytes of heap; no row exceeds one of them. Rent is what new accounts take \
         and closed ones\nreturn (−).\n\n\
         | instruction | units | a job | of it ours | bytes | accounts | signatures | trace | heap | market's heap | \
         rent, lamports |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n{}\n",
        lines.collect::<String>()
    )
}

fn luck(luck: &[Luck]) -> String {
    let lines = luck.iter().map(|luck| {
        let (least, most) = (grouped(luck.least), grouped(luck.most));
        format!("| {} | {least} | {most} |\n", luck.name)
    });
    format!(
        "### Luck\n\n\
         An address is canonical if its bump is the first, from 255 down, that derives one: whoever has a wallet with \
         late\nbumps pays for the search. At {} wallets:\n\n\
         | instruction | least | most |\n|---|--:|--:|\n{}\n",
        Luck::WALLETS,
        lines.collect::<String>()
    )
}

fn firings(firings: &[Firing]) -> String {
    let time = |at| {
        DateTime::from_timestamp(at, 0)
            .unwrap()
            .format("%Y-%m-%d %H:%M")
    };
    let lines = firings.iter().map(|firing| {
        format!(
            "| {} | `{}` | {} | {} | {} |\n",
            firing.name,
            firing.expression,
            time(firing.after),
            time(firing.next),
            grouped(firing.compute_units),
        )
    });
    format!(
        "## Schedules\n\n\
         What `next_after` takes, without the instruction around it. The worst are looked for among schedules that \
         wait for\none date of the year to fall on a Sunday, each from the firing in 400 years after which it waits \
         longest.\n\n\
         | schedule | | after | next | units |\n|---|---|---|---|--:|\n{}\n",
        lines.collect::<String>()
    )
}

/// A number with its thousands set apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<&str> = groups
        .map(|group| std::str::from_utf8(group).unwrap())
        .collect();
    groups.join(",")
}

fn percent(part: u64, whole: u64) -> String {
    format!("{} %", (part * 100 + whole / 2) / whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        let numbers = [0, 999, 1_000, 1_234_567].map(grouped);
        assert_eq!(numbers, ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn percentages_are_rounded() {
        assert_eq!([percent(2, 3), percent(1, 3)], ["67 %", "33 %"]);
    }
}
