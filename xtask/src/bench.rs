//! Measures: compute units of every instruction against their budgets, and the client's hot paths.

use crate::{generated::Generated, paths, process, sbf, suites::cargo};
use anyhow::{bail, Context, Result};
use serde_json::{json, Value};
use std::{fs, path::Path, process::Command};

/// What to measure.
#[derive(clap::Args)]
#[group(multiple = false)]
pub(crate) struct Bench {
    /// Only compare with the budgets, and run each timing shortly; writes nothing.
    #[arg(long)]
    quick: bool,
    /// Write tests/budgets.json anew, 5 % above what is measured.
    #[arg(long)]
    accept: bool,
    /// Print everything as JSON; writes nothing.
    #[arg(long)]
    json: bool,
}

const BUDGETS: &str = "tests/budgets.json";
const REPORT: &str = "docs/performance.md";

/// Only compares with the budgets.
pub(crate) fn quick() -> Result<()> {
    bench(&Bench {
        quick: true,
        accept: false,
        json: false,
    })
}

/// Measures, and writes docs/performance.md and its pictures unless asked for something else.
pub(crate) fn bench(options: &Bench) -> Result<()> {
    let elves = sbf::build_measured()?;
    let mut compute = cargo(&elves, &["run", "--quiet"])?;
    compute.args(["--bin", "compute", "--", BUDGETS]);
    let mut client = process::workspace_cargo();
    client.current_dir(paths::workspace());
    client.args(["bench", "--quiet", "--package", "nosana-deploy-client"]);
    client.args(["--bench", "client"]);
    let hint = "what is not within its budget stands above";
    if options.accept {
        return process::run(compute.arg("--accept"), hint);
    }
    if options.quick {
        process::run(&mut compute, hint)?;
        client.args(["--", "--quick"]);
        return process::run(&mut client, "the client's bench failed");
    }
    let circumstances = Circumstances::ask()?;
    let program = Program::of(&elves)?;
    if options.json {
        let bytecode: Value = serde_json::from_str(&printed(compute.arg("--json"))?)?;
        let client = Client::read(&printed(&mut client)?);
        let minutes = Minute::measure(&elves)?;
        let all = json!({
            "circumstances": circumstances.json(),
            "program": program.json(),
            "bytecode": bytecode,
            "client": client.json(),
            "minutes": minutes.iter().map(Minute::json).collect::<Vec<_>>(),
        });
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    let bytecode = printed(compute.arg("--plots").arg("docs"))?;
    let client = Client::read(&printed(&mut client)?);
    let minutes = Minute::measure(&elves)?;
    let report = [
        circumstances.markdown(),
        bytecode,
        program.markdown(),
        client.markdown(),
        Minute::markdown(&minutes),
    ];
    let report = report.concat();
    print!("{report}");
    Generated::new(REPORT, report).write_or_check(false, "cargo xtask bench")
}

/// What the bytecode in a folder costs, as JSON.
pub(crate) fn compute_units(elves: &Path) -> Result<Value> {
    let mut compute = cargo(elves, &["run", "--quiet"])?;
    compute.args(["--bin", "compute", "--", BUDGETS, "--json"]);
    Ok(serde_json::from_str(&printed(&mut compute)?)?)
}

/// What a command prints.
pub(crate) fn printed(command: &mut Command) -> Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// What figures depend on.
struct Circumstances {
    machine: String,
    rustc: String,
    toolchain: String,
    commit: String,
}

impl Circumstances {
    fn ask() -> Result<Self> {
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
        let commit = asked("git", &["rev-parse", "--short=12", "HEAD"])?;
        let changed = asked(
            "git",
            &["status", "--porcelain", "programs", "client", "tests"],
        )?;
        let and_changes = if changed.is_empty() {
            ""
        } else {
            " and changes"
        };
        Ok(Self {
            machine,
            rustc: asked("rustc", &["--version"])?,
            toolchain: sbf::toolchain_name()?,
            commit: format!("{commit}{and_changes}"),
        })
    }

    fn json(&self) -> Value {
        json!({
            "machine": self.machine,
            "rustc": self.rustc,
            "bytecode_toolchain": self.toolchain,
            "commit": self.commit,
        })
    }

    fn markdown(&self) -> String {
        format!(
            "# Performance\n\n\
             Written by `cargo xtask bench`; `--json` prints the same figures.\n\n\
             | | |\n|---|---|\n\
             | machine | {} |\n\
             | programs compiled by | {} |\n\
             | client compiled by | {} |\n\
             | commit | {} |\n\n\
             Compute units are the programs' real bytecode's, in LiteSVM, at addresses that are the same in every run:\n\
             they are the same on every machine with the same toolchain. Times are this machine's. CI compares compute\n\
             units with `tests/budgets.json`, which holds 5 % more than was measured when somebody last ran\n\
             `cargo xtask bench --accept`.\n\n",
            self.machine, self.toolchain, self.rustc, self.commit,
        )
    }
}

/// What it takes to put the program on a cluster.
struct Program {
    bytes: u64,
    rent_lamports: u64,
    writes: u64,
    fee_lamports: u64,
}

impl Program {
    fn of(elves: &Path) -> Result<Self> {
        const LAMPORTS_PER_BYTE: u64 = 6_960;
        const ACCOUNT_OVERHEAD: u64 = 128;
        const PROGRAM_DATA_HEADER: u64 = 45;
        const PROGRAM_ACCOUNT: u64 = 36;
        const BYTES_PER_WRITE: u64 = 1_012;
        const LAMPORTS_PER_SIGNATURE: u64 = 5_000;
        let bytes = fs::metadata(elves.join("deployments.so"))?.len();
        let rent_lamports = bytes
            .saturating_add(PROGRAM_DATA_HEADER)
            .saturating_add(PROGRAM_ACCOUNT)
            .saturating_add(ACCOUNT_OVERHEAD.saturating_mul(2))
            .saturating_mul(LAMPORTS_PER_BYTE);
        let writes = bytes.div_ceil(BYTES_PER_WRITE);
        Ok(Self {
            bytes,
            rent_lamports,
            writes,
            fee_lamports: writes.saturating_mul(LAMPORTS_PER_SIGNATURE),
        })
    }

    fn json(&self) -> Value {
        json!({
            "elf_bytes": self.bytes,
            "rent_lamports": self.rent_lamports,
            "writes": self.writes,
            "fee_lamports": self.fee_lamports,
        })
    }

    fn markdown(&self) -> String {
        let Self {
            bytes,
            rent_lamports,
            writes,
            fee_lamports,
        } = self;
        format!(
            "## Deploying the program\n\n\
             deployments.so has {bytes} bytes. Deploying it costs {rent_lamports} lamports of rent, which come back when \
             it is\nclosed, and about {fee_lamports} lamports of fees for {writes} writes. While it is written, a buffer \
             holds that rent.\n\n"
        )
    }
}

/// What the client's bench printed.
struct Client {
    timings: Vec<Timing>,
    bytes_per_deployment: u64,
}

/// Criterion's name and middle estimate.
struct Timing {
    name: String,
    value: f64,
    unit: String,
}

impl Timing {
    fn nanoseconds(&self) -> f64 {
        let each = match &self.unit[..] {
            "s" => 1e9,
            "ms" => 1e6,
            "µs" => 1e3,
            "ps" => 1e-3,
            _ => 1.0,
        };
        self.value * each
    }
}

impl Client {
    fn read(output: &str) -> Self {
        let (mut timings, mut bytes_per_deployment, mut name) = (Vec::new(), 0, "");
        for line in output.lines() {
            if let Some(found) = line.strip_prefix("memory per watched deployment: ") {
                let bytes = found.split(' ').next();
                bytes_per_deployment = bytes.and_then(|bytes| bytes.parse().ok()).unwrap_or(0);
            }
            match line.split_once("time:   [") {
                Some((before, estimates)) => {
                    if !before.trim().is_empty() {
                        name = before.trim();
                    }
                    let mut parts = estimates.split(' ').skip(2);
                    let value = parts.next().and_then(|value| value.parse().ok());
                    if let (Some(value), Some(unit)) = (value, parts.next()) {
                        timings.push(Timing {
                            name: name.into(),
                            value,
                            unit: unit.into(),
                        });
                    }
                }
                None if !line.starts_with(' ') => name = line.trim(),
                None => {}
            }
        }
        Self {
            timings,
            bytes_per_deployment,
        }
    }

    fn json(&self) -> Value {
        let timings = self.timings.iter();
        let timings = timings.map(|timing| (timing.name.clone(), json!(timing.nanoseconds())));
        json!({
            "nanoseconds": timings.collect::<serde_json::Map<_, _>>(),
            "bytes_per_watched_deployment": self.bytes_per_deployment,
        })
    }

    fn markdown(&self) -> String {
        let lines = self
            .timings
            .iter()
            .map(|timing| format!("| {} | {} {} |\n", timing.name, timing.value, timing.unit));
        format!(
            "## The client\n\n| what | time |\n|---|--:|\n{}\n\
             A keeper that watches 100,000 deployments needs {} bytes for each of them. The targets are a plan for all of\n\
             them in a second, and 1,024 bytes for each.\n",
            lines.collect::<String>(),
            self.bytes_per_deployment
        )
    }
}

/// How late one keeper was when many deployments fired in the same minute (`client/cli/tests/soak`).
#[derive(Debug, PartialEq, Eq)]
struct Minute {
    deployments: u32,
    median_seconds: u32,
    worst_seconds: u32,
    /// What the validator takes, as far as nothing else limits it.
    transactions_per_second: u32,
}

impl Minute {
    fn measure(elves: &Path) -> Result<Vec<Self>> {
        let of = |deployments: u32| {
            let mut command = cargo(elves, &["test", "--quiet", "--workspace", "--test", "soak"])?;
            command
                .env("SOAK_DEPLOYMENTS", deployments.to_string())
                .args(["--", "--nocapture", "everything_that_fires"]);
            let output = printed(&mut command)?;
            Self::read(&output).with_context(|| format!("no figures in: {output}"))
        };
        [100, 1_000].into_iter().map(of).collect()
    }

    fn read(output: &str) -> Option<Self> {
        let mut lines = output.lines();
        let line =
            lines.find_map(|line| line.split_once("minute: ").map(|(_, figures)| figures))?;
        let numbers = line.split([' ', ',']).filter_map(|word| word.parse().ok());
        let [deployments, median_seconds, worst_seconds, transactions_per_second] =
            *numbers.collect::<Vec<u32>>()
        else {
            return None;
        };
        Some(Self {
            deployments,
            median_seconds,
            worst_seconds,
            transactions_per_second,
        })
    }

    fn json(&self) -> Value {
        json!({
            "deployments": self.deployments,
            "lag_seconds": {"median": self.median_seconds, "worst": self.worst_seconds},
            "validator_transactions_per_second": self.transactions_per_second,
        })
    }

    fn markdown(minutes: &[Self]) -> String {
        let rows = minutes.iter().map(|minute| {
            let Self {
                deployments,
                median_seconds,
                worst_seconds,
                transactions_per_second,
            } = minute;
            format!("| {deployments} | {median_seconds} | {worst_seconds} | {transactions_per_second} |\n")
        });
        format!(
            "\n## A minute in which everything fires\n\n\
             Deployments of 32 owners fire at the same time, each owes a job, and one keeper with its default settings, 150 ms\n\
             away from its RPC node, lists them. The lag is on-chain seconds from the firing to the listing, the keeper's own\n\
             stagger of up to 2 s included. The validator is the embedded one, which this machine runs beside the keeper: how\n\
             many transactions a second it takes, sent by 32 owners without any distance, stands in the last column. A listing\n\
             costs it three executions, two of them simulations.\n\n\
             | deployments | median lag, s | worst lag, s | validator's transactions a second |\n|--:|--:|--:|--:|\n{}",
            rows.collect::<String>()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_s_figures_are_read() {
        let output = "running 1 test\nminute: 100 deployments, lag 4 s median, 8 s worst, 13 transactions a second\nok\n";
        let minute = Minute {
            deployments: 100,
            median_seconds: 4,
            worst_seconds: 8,
            transactions_per_second: 13,
        };
        assert!(Minute::markdown(&[Minute::read(output).unwrap()]).contains("| 100 | 4 | 8 | 13 |"));
        assert_eq!(Minute::read(output), Some(minute));
        assert_eq!(Minute::read("ok"), None);
    }

    #[test]
    fn criterion_s_estimates_are_read_on_one_line_or_two() {
        let output = "memory per watched deployment: 933 bytes (100000 of them)\n\
            decode a deployment     time:   [89.703 ns 94.203 ns 100.10 ns]\n\
            Found 2 outliers\n\
            plan 100,000 deployments\n\
            \u{20}                       time:   [9.3552 ms 9.7928 ms 10.428 ms]\n";
        let client = Client::read(output);
        let text = client.markdown();
        assert!(
            text.contains("| decode a deployment | 94.203 ns |\n"),
            "{text}"
        );
        assert!(text.contains("| plan 100,000 deployments | 9.7928 ms |\n"));
        assert!(text.contains("needs 933 bytes"));
        assert_eq!(
            client.json(),
            json!({
                "nanoseconds": {
                    "decode a deployment": 94.203,
                    "plan 100,000 deployments": 9_792_800.0,
                },
                "bytes_per_watched_deployment": 933,
            })
        );
    }
}
