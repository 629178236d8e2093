//! A first build, shown as a step with an estimate: it takes minutes, and whoever waits wants to know how many.

use crate::{paths, process};
use anyhow::{bail, Context, Result};
use std::{
    collections::HashSet,
    io::{BufRead, BufReader, IsTerminal},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Between two lines about a build that nobody watches in a terminal.
const TOLD_EVERY: Duration = Duration::from_secs(30);
/// What a first build takes on two cores, as measured.
const FIRST_BUILD_MINUTES: u64 = 12;

/// Builds the command line and the validator, unless that is there already; `then` is what comes after.
pub(crate) fn two_steps(mut build: Command, then: &str) -> Result<()> {
    if paths::target_dir()?.join("debug/nosana-deploy").exists() {
        return Ok(());
    }
    eprintln!(
        "step 1 of 2: compile the command line and the validator; about {FIRST_BUILD_MINUTES} minutes on two \
         cores, once"
    );
    let started = Instant::now();
    let hint = "the compiler's output above says why";
    match std::io::stderr().is_terminal() {
        // Cargo draws a bar of its own.
        true => process::run_step(&mut build, hint)?,
        false => counted(build, hint)?,
    }
    let seconds = started.elapsed().as_secs();
    eprintln!("  done in {} min {} s", seconds / 60, seconds % 60);
    eprintln!("step 2 of 2: {then}");
    Ok(())
}

/// Runs a build, and says now and then how many packages are compiled.
fn counted(mut build: Command, hint: &str) -> Result<()> {
    let all = packages()?;
    build
        .args(["--quiet", "--message-format", "json-render-diagnostics"])
        .stdout(Stdio::piped());
    let mut running = build.spawn().context("cannot start cargo")?;
    let output = running.stdout.take().context("cargo has no output")?;
    let (started, mut told) = (Instant::now(), Instant::now());
    let mut compiled = HashSet::new();
    for line in BufReader::new(output).lines() {
        let message: serde_json::Value = serde_json::from_str(&line?).unwrap_or_default();
        if message["reason"] == "compiler-artifact" {
            compiled.insert(
                message["package_id"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
            );
        }
        if told.elapsed() >= TOLD_EVERY {
            told = Instant::now();
            eprintln!("  {}", so_far(compiled.len(), all, started.elapsed()));
        }
    }
    let status = running.wait()?;
    if !status.success() {
        bail!("failed with {status}: cargo build\n{hint}");
    }
    Ok(())
}

/// How far a build is, and how long it will take if it goes on like this. The last packages are the large ones, so it
/// is never said to take less than a minute more.
fn so_far(compiled: usize, all: usize, elapsed: Duration) -> String {
    // Cargo counts a few that its tree does not show.
    let compiled = compiled.min(all);
    let seconds = elapsed.as_secs();
    let left = all.saturating_sub(compiled);
    let left_seconds = u64::try_from(left)
        .unwrap_or(u64::MAX)
        .saturating_mul(seconds)
        .checked_div(u64::try_from(compiled).unwrap_or(u64::MAX))
        .unwrap_or(FIRST_BUILD_MINUTES * 60);
    let minutes = left_seconds.div_ceil(60).max(1);
    format!(
        "{compiled} of {all} packages, {} min {} s; about {minutes} min left",
        seconds / 60,
        seconds % 60
    )
}

/// Packages that the command line and the validator are made of.
fn packages() -> Result<usize> {
    let mut tree = process::workspace_cargo();
    tree.current_dir(paths::workspace())
        .args(["tree", "--package", "nosana-deploy"])
        .args(crate::suites::EVERYTHING)
        .args(["--edges", "normal,build", "--prefix", "none", "--locked"]);
    let tree = process::answer(&mut tree).context("`cargo tree` failed")?;
    let names = tree.lines().map(|line| line.trim_end_matches(" (*)"));
    Ok(names.collect::<HashSet<_>>().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_goes_on_as_it_began() {
        let said = |compiled, seconds| so_far(compiled, 800, Duration::from_secs(seconds));
        assert_eq!(
            said(200, 150),
            "200 of 800 packages, 2 min 30 s; about 8 min left"
        );
        assert_eq!(
            said(0, 30),
            "0 of 800 packages, 0 min 30 s; about 12 min left"
        );
        assert_eq!(
            said(900, 700),
            "800 of 800 packages, 11 min 40 s; about 1 min left"
        );
    }
}
