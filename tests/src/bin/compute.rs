//! `cargo xtask bench`: what every instruction takes, and compute units against their budgets.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use clap::Parser;
use deployments_tests::compute::{markdown, measure, plots};
use std::{collections::BTreeMap, fs, path::PathBuf, process::ExitCode};

/// Measures every instruction on the programs' bytecode, and compares with the budgets.
#[derive(Parser)]
struct Options {
    /// The budgets, compute units by name.
    budgets: PathBuf,
    /// Write the budgets anew, 5 % above what was measured.
    #[arg(long)]
    accept: bool,
    /// Print JSON instead of Markdown.
    #[arg(long)]
    json: bool,
    /// Write the Markdown's pictures into this folder.
    #[arg(long)]
    plots: Option<PathBuf>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let measured = measure();
    match options.json {
        true => println!("{}", serde_json::to_string_pretty(&measured).unwrap()),
        false => print!("{}", markdown(&measured)),
    }
    if let Some(folder) = &options.plots {
        for (file, svg) in plots(&measured) {
            fs::write(folder.join(file), svg).unwrap();
        }
    }
    let found = measured.budgeted();
    if options.accept {
        let budgets = found.iter().map(|(name, units)| (*name, budget(*units)));
        let budgets: BTreeMap<&str, u64> = budgets.collect();
        let text = serde_json::to_string_pretty(&budgets).unwrap() + "\n";
        fs::write(&options.budgets, text).unwrap();
        return ExitCode::SUCCESS;
    }
    let budgets = fs::read_to_string(&options.budgets).unwrap();
    let budgets: BTreeMap<String, u64> = serde_json::from_str(&budgets).unwrap();
    let differences = differences(&found, &budgets);
    if differences.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("error: not within the budgets; `cargo xtask bench --accept` writes them anew");
    for line in table(&differences) {
        eprintln!("  {line}");
    }
    ExitCode::FAILURE
}

fn budget(units: u64) -> u64 {
    (units * 105).div_ceil(100)
}

/// What differs from the budgets: a name, its budget and what was measured.
type Difference<'a> = (&'a str, Option<u64>, Option<u64>);

/// What exceeds its budget, has none, or is not measured any more.
fn differences<'a>(
    found: &[(&'a str, u64)],
    budgets: &'a BTreeMap<String, u64>,
) -> Vec<Difference<'a>> {
    let over = found.iter().filter_map(|(name, units)| {
        let budget = budgets.get(*name).copied();
        let within = budget.is_some_and(|budget| *units <= budget);
        (!within).then_some((*name, budget, Some(*units)))
    });
    let gone = budgets.iter().filter_map(|(name, budget)| {
        let measured = found.iter().any(|(other, _)| other == name);
        (!measured).then_some((&name[..], Some(*budget), None))
    });
    over.chain(gone).collect()
}

/// In columns, the first line their heads.
fn table(differences: &[Difference]) -> Vec<String> {
    let longest = differences.iter().map(|(name, ..)| name.len()).max();
    let width = longest.unwrap_or(0);
    let line = |name: &str, budget: &str, measured: &str, above: &str| {
        format!("{name:width$}  {budget:>9}  {measured:>9}  {above:>9}")
    };
    let number = |units: &Option<u64>| units.map_or("none".into(), |units| units.to_string());
    let mut lines = vec![line("", "budget", "measured", "above")];
    lines.extend(differences.iter().map(|(name, budget, measured)| {
        let above = budget.zip(*measured);
        let above = above.map_or(String::new(), |(budget, measured)| {
            format!("{:.1} %", (measured * 1_000 / budget - 1_000) as f64 / 10.0)
        });
        line(name, &number(budget), &number(measured), &above)
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budgets() -> BTreeMap<String, u64> {
        let budgets = [("create", 1_000), ("gone", 5), ("start", 100)];
        budgets.map(|(name, units)| (name.into(), units)).into()
    }

    #[test]
    fn a_budget_is_five_percent_above_and_holds_what_equals_it() {
        assert_eq!([budget(1_000), budget(1), budget(0)], [1_050, 2, 0]);
        let found = [("create", 1_000), ("gone", 5), ("start", 1)];
        assert_eq!(differences(&found, &budgets()), []);
    }

    #[test]
    fn what_exceeds_its_budget_or_has_none_or_is_gone_is_shown_in_a_table() {
        let found = [("create", 1_015), ("new", 7), ("start", 100)];
        let budgets = budgets();
        let differences = differences(&found, &budgets);
        assert_eq!(
            table(&differences),
            [
                "           budget   measured      above",
                "create       1000       1015      1.5 %",
                "new          none          7           ",
                "gone            5       none           ",
            ]
        );
    }
}
