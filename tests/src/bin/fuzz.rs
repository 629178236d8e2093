//! `cargo xtask fuzz`: plays random scenarios until one breaks an invariant, or all hold.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use clap::Parser;
use deployments_tests::{
    fuzz::{fuzz, play, Found, Scenario, Summary},
    Chain,
};
use std::{path::PathBuf, process::ExitCode, thread, time::Instant};

/// Random sequences of owner, keeper, node, market and attacker actions on real bytecode.
#[derive(Parser)]
struct Options {
    /// How many sequences to play.
    #[arg(long, default_value_t = 10_000)]
    sequences: u32,
    /// Most steps of a sequence.
    #[arg(long, default_value_t = 30)]
    steps: usize,
    /// Other seeds make other sequences.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many to play at a time; default: one for each core.
    #[arg(long)]
    threads: Option<u32>,
    /// Play one sequence again, from a file that a failure printed.
    #[arg(long)]
    replay: Option<PathBuf>,
}

/// Sequences that one chain plays before the next begins.
const BATCH: u32 = 250;

fn main() -> ExitCode {
    let options = Options::parse();
    match &options.replay {
        Some(file) => replay(file),
        None => search(&options),
    }
}

fn replay(file: &PathBuf) -> ExitCode {
    let text = std::fs::read_to_string(file).unwrap();
    let scenario: Scenario = serde_json::from_str(&text).unwrap();
    println!("{:#?}", scenario.deployments);
    match play(&Chain::new(), &scenario, |line| println!("{line}")) {
        Ok(_) => {
            println!("every invariant holds");
            ExitCode::SUCCESS
        }
        Err(broken) => {
            println!("broken: {broken}");
            ExitCode::FAILURE
        }
    }
}

fn search(options: &Options) -> ExitCode {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    let cores = u32::try_from(cores).unwrap_or(1);
    let threads = options.threads.unwrap_or(cores).max(1);
    let began = Instant::now();
    let workers: Vec<_> = (0..threads)
        .map(|number| {
            let (steps, seed) = (options.steps, options.seed);
            let share =
                options.sequences / threads + u32::from(number < options.sequences % threads);
            thread::spawn(move || worker(share, steps, seed, number))
        })
        .collect();
    let mut summary = Summary::default();
    let mut failed = false;
    for worker in workers {
        match worker.join() {
            Ok(Ok(part)) => summary.merge(part),
            Ok(Err(found)) => {
                report(&found);
                failed = true;
            }
            Err(_) => failed = true,
        }
    }
    print(&summary, began.elapsed().as_secs());
    if failed {
        ExitCode::FAILURE
    } else {
        println!("every invariant held in {} sequences", summary.sequences);
        ExitCode::SUCCESS
    }
}

fn worker(share: u32, steps: usize, seed: u64, number: u32) -> Result<Summary, Box<Found>> {
    let mut summary = Summary::default();
    let mut batch = 0_u64;
    while summary.sequences < share {
        let sequences = BATCH.min(share - summary.sequences);
        let seed = (seed << 32) + (u64::from(number) << 24) + batch;
        summary.merge(fuzz(sequences, steps, seed)?);
        batch += 1;
        eprintln!(
            "thread {number}: {} of {share} sequences",
            summary.sequences
        );
    }
    Ok(summary)
}

fn report(found: &Found) {
    println!("broken: {}", found.reason);
    println!("save the following as FILE and run `cargo xtask fuzz --replay FILE`:");
    println!("{}", serde_json::to_string_pretty(&found.scenario).unwrap());
}

fn print(summary: &Summary, seconds: u64) {
    println!("{:16} {:>10} {:>10}", "step", "done", "refused");
    for (kind, (passed, refused)) in &summary.steps {
        println!("{kind:16} {passed:>10} {refused:>10}");
    }
    for (status, times) in &summary.statuses {
        println!("seen {status:20} {times:>10} times");
    }
    let jobs = summary.jobs;
    println!(
        "{} sequences, {jobs} jobs listed, {seconds} s",
        summary.sequences
    );
}
