//! The tasks that run the workspace's own code against the programs' bytecode.

use crate::{debian, packages, paths, process, progress, sbf};
use anyhow::Result;
use std::{env, ffi::OsString, path::Path, process::Command};

/// Without arguments: everything, and a full report where something fails. With arguments, they
/// alone decide what runs. The runner's summary is the last thing printed.
pub(crate) fn test(args: &[OsString]) -> Result<()> {
    let elves = sbf::build_for_tests()?;
    let everything = ["--workspace".into(), "--no-fail-fast".into()];
    let chosen = if args.is_empty() { &everything } else { args };
    let hint = "the output above says which tests failed, or why none ran";
    progress::two_steps(
        command_line(&elves)?,
        "compile the tests, which takes as long again the first time, and run them",
    )?;

    if process::answer(process::workspace_cargo().args(["nextest", "--version"])).is_none() {
        return process::run(cargo(&elves, &["test"])?.args(chosen), hint);
    }
    if args.is_empty() {
        // nextest runs no doc tests.
        process::run(&mut cargo(&elves, &["test", "--doc", "--workspace"])?, hint)?;
    }
    process::run(cargo(&elves, &["nextest", "run"])?.args(chosen), hint)
}

/// Plays random scenarios until one breaks an invariant, or all are played.
pub(crate) fn fuzz(args: &[OsString]) -> Result<()> {
    let elves = sbf::build_programs(None)?;
    let mut command = cargo(&elves, &["run", "--quiet"])?;
    command
        .current_dir(env::current_dir()?)
        .arg("--manifest-path")
        .arg(paths::workspace().join("Cargo.toml"))
        .args(["--bin", "fuzz", "--"])
        .args(args);
    process::run(
        &mut command,
        "the output above says which sequence broke what, and how to play it again",
    )
}

/// How long and how large a soak is.
#[derive(clap::Args)]
pub(crate) struct Soak {
    /// Deployments of all strategies.
    #[arg(long, default_value_t = 200)]
    deployments: u32,
    /// Hours that pass on chain.
    #[arg(long, default_value_t = 24)]
    hours: u32,
    /// Seed of the deployments, the killings and the faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Whether the RPC node also loses, delays, repeats and refuses requests.
    #[arg(long)]
    faults: bool,
}

impl Soak {
    /// A small one, without faults.
    pub(crate) const fn new(deployments: u32, hours: u32) -> Self {
        Self {
            deployments,
            hours,
            seed: 1,
            faults: false,
        }
    }
}

/// Three keepers, two of them killed now and then, keep deployments for a day.
pub(crate) fn soak(size: &Soak) -> Result<()> {
    let elves = sbf::build_programs(None)?;
    progress::two_steps(
        command_line(&elves)?,
        "compile the tests, and let the day pass",
    )?;
    let chosen = match size.faults {
        true => "keepers_behind_a_node_that_fails",
        false => "keepers_that_are_killed",
    };
    let mut command = cargo(&elves, &["test", "--workspace", "--test", "soak"])?;
    command
        .env("SOAK_DEPLOYMENTS", size.deployments.to_string())
        .env("SOAK_HOURS", size.hours.to_string())
        .env("SOAK_SEED", size.seed.to_string())
        .args(["--", "--nocapture", chosen]);
    process::run(&mut command, "the output above says what did not hold")
}

/// Runs `nosana-deploy demo` or `localnet` in the caller's folder, so that paths among `args` mean what the
/// caller means.
pub(crate) fn embedded(name: &str, args: &[OsString]) -> Result<()> {
    let elves = packages::bytecode()?;
    let mut command = cargo(&elves, &["run"])?;
    command
        .current_dir(env::current_dir()?)
        .arg("--manifest-path")
        .arg(paths::workspace().join("Cargo.toml"));
    progress::two_steps(command_line(&elves)?, &format!("nosana-deploy {name}"))?;
    command
        .args(["--quiet", "--bin", "nosana-deploy", "--", name])
        .args(args);
    process::run(&mut command, "it ended early; its output above says where")
}

/// Builds what every task here needs.
fn command_line(elves: &Path) -> Result<Command> {
    let mut build = cargo(elves, &["build"])?;
    build.args(["--bin", "nosana-deploy"]);
    Ok(build)
}

/// What is no part of a wallet: the validator. Every task turns it on, so that none builds what another
/// has built differently.
pub(crate) const EVERYTHING: [&str; 2] = ["--features", "nosana-deploy/localnet"];

/// Cargo in the workspace, with the bytecode's folder as Solana's test crates expect it.
pub(crate) fn cargo(elves: &Path, subcommand: &[&str]) -> Result<Command> {
    debian::openssl()?;
    let mut command = process::workspace_cargo();
    command
        .args(subcommand)
        .args(EVERYTHING)
        .current_dir(paths::workspace())
        .env("SBF_OUT_DIR", elves);
    if let Some(folder) = paths::chosen_target_dir()? {
        command.env("CARGO_TARGET_DIR", folder);
    }
    Ok(command)
}
