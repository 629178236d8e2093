//! What was measured, as docs/performance.md shows it.

mod listing;
mod targets;

use super::{Firing, Luck, Measured, Queue, Row};
use chrono::DateTime;
use listing::{listed_job, listing};
use targets::targets;

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
