//! What people install: archives for Linux and macOS, and installers that fetch them. dist-workspace.toml says which.

use crate::{ci::tool, paths, process};
use anyhow::{Context, Result};
use std::process::Command;

/// The version that wrote .github/workflows/release.yml.
const DIST: &str = "cargo-dist@0.34.0";

/// Fails if what a release would be made of does not fit together.
pub(crate) fn plan() -> Result<()> {
    tool(DIST, "dist", &["plan"])
}

/// Builds what this machine can build of a release, installs it as a stranger would, and runs it.
pub(crate) fn dist() -> Result<()> {
    let mut rustc = Command::new("rustc");
    let host = process::answer(rustc.args(["--print", "host-tuple"]));
    let host = host.context("rustc does not say what it compiles for")?;
    tool(
        DIST,
        "dist",
        &["build", "--artifacts=all", "--target", &host],
    )?;

    // Where it puts archives, whatever folder cargo builds in.
    let made = paths::workspace().join("target/distrib");
    let home = paths::target_dir()?.join("dist-installed");
    let mut installer = Command::new("sh");
    installer
        .arg(made.join("nosana-deploy-installer.sh"))
        .env(
            "NOSANA_DEPLOY_DOWNLOAD_URL",
            format!("file://{}", made.display()),
        )
        .env("NOSANA_DEPLOY_NO_MODIFY_PATH", "1")
        .env("CARGO_HOME", &home);
    process::run_step(&mut installer, "the installer does not work")?;
    let mut installed = Command::new(home.join("bin/nosana-deploy"));
    process::run(
        installed.arg("--version"),
        "what was installed does not run",
    )
}
