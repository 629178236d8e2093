//! Bytecode of each toolchain at hand, side by side: what it hashes to, and what its instructions cost.

use crate::{bench, generated::Generated, sbf, suites::cargo};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};

const REPORT: &str = "docs/toolchains.md";

/// What one toolchain made.
struct Made {
    toolchain: String,
    bytes: u64,
    executable_hash: String,
    /// By instruction, in the order of the benchmark.
    compute_units: Vec<(String, u64)>,
}

/// Builds and measures with every toolchain at hand, and writes docs/toolchains.md.
pub(crate) fn toolchains() -> Result<()> {
    let built = sbf::build_with_each()?;
    let made = built
        .iter()
        .map(|(toolchain, elves)| measure(toolchain, elves));
    let made: Vec<Made> = made.collect::<Result<_>>()?;
    let report = markdown(&made);
    print!("{report}");
    Generated::new(REPORT, report).write_or_check(false, "cargo xtask toolchains")
}

fn measure(toolchain: &str, elves: &Path) -> Result<Made> {
    let elf = elves.join("deployments.so");
    let mut hash = cargo(elves, &["run", "--quiet"])?;
    hash.args(["--bin", "migrations", "--", "hash"]);
    let bytes = fs::metadata(&elf)?.len();
    let measured = bench::compute_units(elves)?;
    let instructions = measured["instructions"].as_array();
    let instructions = instructions.context("the benchmark lists no instructions")?;
    let units = instructions
        .iter()
        .filter_map(|one| Some((name(one)?, one["compute_units"].as_u64()?)));
    Ok(Made {
        toolchain: toolchain.to_owned(),
        bytes,
        executable_hash: bench::printed(hash.arg(elf))?.trim().to_owned(),
        compute_units: units.collect(),
    })
}

fn name(instruction: &Value) -> Option<String> {
    let name = instruction["name"].as_str()?;
    Some(
        match (
            instruction["jobs"].as_u64()?,
            instruction["queue"].as_str()?,
        ) {
            (0, _) => name.to_owned(),
            (jobs, queue) => format!("{name}: {jobs}, queue {}", queue.to_lowercase()),
        },
    )
}

fn markdown(made: &[Made]) -> String {
    let columns = |cell: &dyn Fn(&Made) -> String| {
        let cells: Vec<String> = made.iter().map(cell).collect();
        format!(" {} |\n", cells.join(" | "))
    };
    let mut text = String::from(
        "# The bytecode of each toolchain\n\n\
         `cargo xtask toolchains` writes this page with every toolchain that the machine has. The release is the \
         build\nof Agave's own, in the container that `solana-verify` makes: see [deploying.md](deploying.md).\n\n|",
    );
    text.push_str(" |");
    text.push_str(&columns(&|one| one.toolchain.clone()));
    text.push_str("|---|");
    text.push_str(&"---|".repeat(made.len()));
    text.push_str("\n| executable hash |");
    text.push_str(&columns(&|one| format!("`{}`", one.executable_hash)));
    text.push_str("| bytes |");
    text.push_str(&columns(&|one| one.bytes.to_string()));
    let units: Vec<BTreeMap<&str, u64>> = made
        .iter()
        .map(|one| {
            let all = one.compute_units.iter();
            all.map(|(name, units)| (name.as_str(), *units)).collect()
        })
        .collect();
    let first = made.first().map(|one| &one.compute_units);
    for (name, _) in first.into_iter().flatten() {
        let cells = units.iter().map(|of_one| {
            let found = of_one.get(name.as_str());
            found.map_or("—".to_owned(), u64::to_string)
        });
        let cells: Vec<String> = cells.collect();
        text.push_str(&format!(
            "| {name}, compute units | {} |\n",
            cells.join(" | ")
        ));
    }
    if made.len() == 1 {
        text.push_str(
            "\nOne column: the machine that wrote this had no `cargo build-sbf`. Where it is installed, its column stands \
             here\nas well.\n",
        );
    }
    text
}
