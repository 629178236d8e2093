//! Measures: compute units of every instruction against their budgets, and the client's hot paths.

use crate::{generated::Generated, paths, process, sbf, suites::cargo};
use anyhow::{bail, Context, Result};
use std::{fs, path::Path, process::Command};

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Bench {
    /// Only compare with the budgets, and run each timing shortly; writes nothing.
    #[arg(long)]
    quick: bool,
    /// Write tests/budgets.json anew, 5 % above what is measured.
    #[arg(long)]
    accept: bool,
    /// Print what instructions take as JSON, and measure nothing else.
    #[arg(long)]
    json: bool,
}

const BUDGETS: &str = "tests/budgets.json";
const REPORT: &str = "docs/performance.md";

/// Measures, and writes docs/performance.md unless it is to be quick.
pub(crate) fn bench(options: &Bench) -> Result<()> {
    let elves = sbf::build_programs(None)?;
    let mut compute = cargo(&elves)?;
    compute.args(["run", "--quiet", "--bin", "compute", "--", BUDGETS]);
    if options.accept {
        compute.arg("--accept");
    }
    if options.json {
        compute.arg("--json");
    }
    let mut client = cargo(&elves)?;
    client.args(["bench", "--quiet", "--package", "nosana-deploy-client"]);
    client.args(["--bench", "client"]);
    if options.json || options.accept || options.quick {
        process::run(&mut compute, "what is not within its budget stands above")?;
        if options.quick {
            client.args(["--", "--quick"]);
            process::run(&mut client, "the client's bench failed")?;
        }
        return Ok(());
    }
    let instructions = printed(&mut compute)?;
    let timings = timings(&printed(&mut client)?);
    let report = [header()?, program(&elves, &instructions)?, timings].concat();
    print!("{report}");
    Generated::new(REPORT, report).write_or_check(false, "cargo xtask bench")
}

fn printed(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn header() -> Result<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models = cpus.lines().filter(|line| line.starts_with("model name"));
    let models: Vec<&str> = models
        .filter_map(|line| Some(line.split_once(": ")?.1))
        .collect();
    let machine = match models.first() {
        Some(model) => format!("{} × {model}", models.len()),
        None => "an unknown machine".into(),
    };
    let asked = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        command.args(arguments).current_dir(paths::workspace());
        process::answer(&mut command).with_context(|| format!("cannot ask {program}"))
    };
    let rustc = asked("rustc", &["--version"])?;
    let commit = asked("git", &["rev-parse", "--short=12", "HEAD"])?;
    Ok(format!(
        "# Performance\n\n\
         Written by `cargo xtask bench` on {machine}, with {rustc}, at commit {commit}. Compute units are the\n\
         programs' real bytecode's and the same everywhere; times are this machine's. CI compares compute units\n\
         with `tests/budgets.json`, which holds 5 % more than was measured when somebody last ran\n\
         `cargo xtask bench --accept`.\n\n"
    ))
}

fn program(elves: &Path, instructions: &str) -> Result<String> {
    const LAMPORTS_PER_BYTE: u64 = 6_960;
    const ACCOUNT_OVERHEAD: u64 = 128;
    const PROGRAM_DATA_HEADER: u64 = 45;
    const BYTES_PER_WRITE: u64 = 1_012;
    const LAMPORTS_PER_SIGNATURE: u64 = 5_000;
    let bytes = fs::metadata(elves.join("deployments.so"))?.len();
    let rent = bytes
        .saturating_add(ACCOUNT_OVERHEAD)
        .saturating_add(PROGRAM_DATA_HEADER)
        .saturating_mul(LAMPORTS_PER_BYTE);
    let writes = bytes.div_ceil(BYTES_PER_WRITE);
    let fees = writes.saturating_mul(LAMPORTS_PER_SIGNATURE);
    Ok(format!(
        "## The program\n\n\
         deployments.so has {bytes} bytes. Deploying it costs {rent} lamports of rent, which come back when it is\n\
         closed, and about {fees} lamports of fees for {writes} writes; while it is written, a buffer needs the\n\
         same rent once more.\n\n\
         ## Instructions\n\n\
         Alone in a transaction, which has a compute budget and a lookup table with the market's, the deployment's\n\
         and the vault's addresses. \"Of it ours\" is a job's share without what the markets' program used, for which\n\
         a stand-in runs here. \"Too many\" bytes means that a keeper sends fewer jobs at a time.\n\n\
         {instructions}\n"
    ))
}

/// Criterion's names and their middle estimates.
fn timings(output: &str) -> String {
    let mut text = String::from("## The client\n\n| what | time |\n|---|--:|\n");
    let mut memory = String::new();
    let mut name = "";
    for line in output.lines() {
        if let Some(found) = line.strip_prefix("memory per watched deployment: ") {
            memory = format!("\nA keeper's memory for each deployment that it watches: {found}.\n");
        }
        match line.split_once("time:   [") {
            Some((before, estimates)) => {
                let name = if before.trim().is_empty() {
                    name
                } else {
                    before.trim()
                };
                let mut parts = estimates.split(' ').skip(2);
                if let (Some(value), Some(unit)) = (parts.next(), parts.next()) {
                    text += &format!("| {name} | {value} {unit} |\n");
                }
            }
            None if !line.starts_with(' ') => name = line.trim(),
            None => {}
        }
    }
    text + &memory
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn criterion_s_estimates_are_read_on_one_line_or_two() {
        let output = "memory per watched deployment: 933 bytes (100000 of them)\n\
            decode a deployment     time:   [89.703 ns 94.203 ns 100.10 ns]\n\
            Found 2 outliers\n\
            plan 100,000 deployments\n\
            \u{20}                       time:   [9.3552 ms 9.7928 ms 10.428 ms]\n";
        assert_eq!(
            timings(output),
            "## The client\n\n| what | time |\n|---|--:|\n| decode a deployment | 94.203 ns |\n\
             | plan 100,000 deployments | 9.7928 ms |\n\n\
             A keeper's memory for each deployment that it watches: 933 bytes (100000 of them).\n"
        );
    }
}
