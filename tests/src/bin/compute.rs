//! `cargo xtask bench`: compute units of every instruction against their budgets.

#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::print_stdout
)]

use clap::Parser;
use deployments_tests::compute::{measure, Row};
use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

/// Measures every instruction on the programs' bytecode, and compares with the budgets.
#[derive(Parser)]
struct Options {
    /// The budgets, compute units by name.
    budgets: PathBuf,
    /// Write the budgets anew, 5 % above what was measured.
    #[arg(long)]
    accept: bool,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let rows = measure();
    match options.json {
        true => println!("{}", serde_json::to_string_pretty(&rows).unwrap()),
        false => print!("{}", table(&rows)),
    }
    if options.accept {
        let budgets: BTreeMap<&str, u64> = rows
            .iter()
            .map(|row| (&row.name[..], budget(row)))
            .collect();
        let text = serde_json::to_string_pretty(&budgets).unwrap() + "\n";
        std::fs::write(&options.budgets, text).unwrap();
        return ExitCode::SUCCESS;
    }
    let text = std::fs::read_to_string(&options.budgets).unwrap();
    let budgets: BTreeMap<String, u64> = serde_json::from_str(&text).unwrap();
    let differences = differences(&rows, &budgets);
    if differences.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("error: not within the budgets; `cargo xtask bench --accept` writes them anew");
    for difference in differences {
        eprintln!("  {difference}");
    }
    ExitCode::FAILURE
}

fn budget(row: &Row) -> u64 {
    (row.compute_units * 105).div_ceil(100)
}

fn differences(rows: &[Row], budgets: &BTreeMap<String, u64>) -> Vec<String> {
    let mut differences = Vec::new();
    for row in rows {
        match budgets.get(&row.name) {
            Some(budget) if row.compute_units <= *budget => {}
            Some(budget) => differences.push(format!(
                "{}: {} compute units, {} above its budget of {budget}",
                row.name,
                row.compute_units,
                row.compute_units - budget
            )),
            None => differences.push(format!("{}: has no budget", row.name)),
        }
    }
    let measured = |name: &String| rows.iter().any(|row| row.name == *name);
    let gone = budgets.keys().filter(|name| !measured(name));
    differences.extend(gone.map(|name| format!("{name}: has a budget and is not measured")));
    differences
}

/// As Markdown shows it.
fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| instruction | compute units | a job | of it ours | bytes | accounts |\n|---|--:|--:|--:|--:|--:|\n",
    );
    for row in rows {
        let of_a_job =
            |units: Option<u64>| units.map_or_else(String::new, |units| units.to_string());
        let bytes = match row.bytes {
            usize::MAX => "too many".into(),
            bytes => bytes.to_string(),
        };
        text += &format!(
            "| {} | {} | {} | {} | {bytes} | {} |\n",
            row.name,
            row.compute_units,
            of_a_job(row.compute_units.checked_div(row.jobs.into())),
            of_a_job(row.own_units_per_job()),
            row.accounts
        );
    }
    text
}
