//! Runs other programs: with a clean environment, with progress, and with errors that say what to do.

use anyhow::{bail, Context, Result};
use std::{
    env,
    ffi::OsStr,
    io,
    process::{Command, Output},
    time::Instant,
};

/// Runs a command to its end with this process's streams; `hint` says what to do if it fails.
pub(crate) fn run(command: &mut Command, hint: &str) -> Result<()> {
    let shown = shown(command);
    let status = command
        .status()
        .with_context(|| format!("cannot start {shown}\n{hint}"))?;
    if !status.success() {
        bail!("failed with {status}: {shown}\n{hint}");
    }
    Ok(())
}

/// Like [`run`], but the program's output goes to stderr, where progress belongs.
pub(crate) fn run_step(command: &mut Command, hint: &str) -> Result<()> {
    run(command.stdout(io::stderr()), hint)
}

/// The program's output, or `None` if it is missing or fails.
pub(crate) fn answer(command: &mut Command) -> Option<String> {
    let Output { status, stdout, .. } = command.output().ok()?;
    status
        .success()
        .then(|| String::from_utf8_lossy(&stdout).trim().to_owned())
}

/// Announces `what`, does it and says how long it took.
pub(crate) fn timed<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("{what}");
    let start = Instant::now();
    let result = work().with_context(|| what.to_owned())?;
    eprintln!("      done in {} s", start.elapsed().as_secs());
    Ok(result)
}

/// The cargo of this workspace, for building and testing it.
///
/// `cargo run` tells this program which package it is. Build scripts that watch those variables
/// would rebuild half of the dependencies whenever xtask and plain cargo take turns.
pub(crate) fn workspace_cargo() -> Command {
    let package = |name: &str| {
        [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_NAME",
            "CARGO_CRATE_NAME",
            "CARGO_PRIMARY_",
        ]
        .iter()
        .any(|prefix| name.starts_with(prefix))
    };
    without(
        Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into())),
        package,
    )
}

/// `program` without the settings of the cargo and the rustup that started this program, which
/// would point a different compiler at the wrong target, flags, wrappers or shared libraries.
pub(crate) fn undisturbed(program: impl AsRef<OsStr>) -> Command {
    without(Command::new(program), disturbs)
}

fn disturbs(name: &str) -> bool {
    // The user's own network, cache and display settings stay.
    const KEPT: [&str; 6] = [
        "CARGO_HOME",
        "CARGO_HTTP_",
        "CARGO_NET_",
        "CARGO_REGISTR",
        "CARGO_TERM_",
        "CARGO_BUILD_JOBS",
    ];
    const DISTURBING: [&str; 5] = [
        "CARGO",
        "RUSTC",
        "RUSTFLAGS",
        "RUSTUP_TOOLCHAIN",
        "LD_LIBRARY_PATH",
    ];
    let begins = |prefix: &&str| name.starts_with(prefix);
    DISTURBING.iter().any(begins) && !KEPT.iter().any(begins)
}

fn without(mut command: Command, unwanted: impl Fn(&str) -> bool) -> Command {
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(&unwanted) {
            command.env_remove(name);
        }
    }
    command
}

fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program()];
    words.extend(command.get_args());
    words.join(OsStr::new(" ")).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_run_sets_disturbs_another_cargo() {
        for name in [
            "CARGO",
            "CARGO_TARGET_DIR",
            "CARGO_ENCODED_RUSTFLAGS",
            "RUSTC_WRAPPER",
            "RUSTUP_TOOLCHAIN",
        ] {
            assert!(disturbs(name), "{name}");
        }
    }

    #[test]
    fn where_the_user_keeps_and_fetches_crates_does_not() {
        for name in [
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "RUSTUP_HOME",
            "RUST_BACKTRACE",
            "PATH",
        ] {
            assert!(!disturbs(name), "{name}");
        }
    }

    #[test]
    fn an_answer_comes_only_from_a_program_that_succeeds() {
        assert_eq!(
            answer(Command::new("echo").arg("yes")).as_deref(),
            Some("yes")
        );
        assert_eq!(answer(&mut Command::new("false")), None);
        assert_eq!(answer(&mut Command::new("/nonexistent/program")), None);
    }
}
