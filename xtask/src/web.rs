//! The TypeScript client, and what people's own clients and browsers make of `nosana-deploy serve`: installed by
//! their lockfiles, and tested against the command line and its localnet.

use crate::{debian, paths, process, sbf, suites};
use anyhow::Result;
use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// Builds the TypeScript client from the IDL, and runs its tests.
pub(crate) fn typescript() -> Result<()> {
    let npm = Npm::of("client/typescript")?;
    npm.run(&["ci"])?;
    npm.run(&["run", "build"])?;
    npm.run(&["test"])
}

/// Runs the tests of `serve`: Nosana's own client, a browser, hostile and random requests.
pub(crate) fn web() -> Result<()> {
    let npm = Npm::of("tests/web")?;
    let (chromium, schemathesis) = (chromium()?, schemathesis()?);
    npm.run(&["ci"])?;
    let screenshots = paths::target_dir()?.join("screenshots");
    let mut test = npm.command(&["test"]);
    test.env("CHROMIUM", chromium)
        .env("SCHEMATHESIS", schemathesis)
        .env("SCREENSHOTS", &screenshots);
    process::run(&mut test, HINT)?;
    eprintln!("pictures of the page are in {}", screenshots.display());
    Ok(())
}

const HINT: &str = "it needs Node.js 20 or later with npm; the output above says what is wrong";

/// A package of the npm registry's kind, and the command line that its tests run.
struct Npm {
    folder: PathBuf,
    elves: PathBuf,
    program: PathBuf,
}

impl Npm {
    /// The package in a folder, after the command line is built.
    fn of(folder: &str) -> Result<Self> {
        let elves = sbf::build_programs(None)?;
        let mut build = suites::cargo(&elves, &["build", "--quiet", "--locked"])?;
        build.args(["--bin", "nosana-deploy"]);
        process::run(&mut build, "the output above says what is wrong")?;
        Ok(Self {
            folder: paths::workspace().join(folder),
            elves,
            program: paths::target_dir()?.join("debug/nosana-deploy"),
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut npm = Command::new("npm");
        npm.current_dir(&self.folder)
            .args(arguments)
            .args(["--no-audit", "--no-fund", "--loglevel=error"])
            .env("SBF_OUT_DIR", &self.elves)
            .env("NOSANA_DEPLOY", &self.program);
        npm
    }

    fn run(&self, arguments: &[&str]) -> Result<()> {
        process::run(&mut self.command(arguments), HINT)
    }
}

/// A browser, installed from Debian's packages if there is none.
fn chromium() -> Result<PathBuf> {
    let path = Path::new("/usr/bin/chromium");
    if let Some(named) = env::var_os("CHROMIUM") {
        return Ok(named.into());
    }
    if !path.exists() {
        let purpose = "the tests of the page need a Chromium: CHROMIUM can name one";
        debian::install(&["chromium"], purpose)?;
    }
    Ok(path.to_owned())
}

/// What makes requests of the server's own description, in an environment of its own.
fn schemathesis() -> Result<PathBuf> {
    const VERSION: &str = "4.32.5";
    let environment = paths::cache()?.join(format!("tools/schemathesis-{VERSION}"));
    let program = environment.join("bin/schemathesis");
    if !program.exists() {
        eprintln!("installing schemathesis: a minute, once");
        let hint = "the fuzz of the HTTP surface needs Python 3.10 or later with venv";
        let mut venv = Command::new("python3");
        process::run_step(venv.args(["-m", "venv"]).arg(&environment), hint)?;
        let mut pip = Command::new(environment.join("bin/python"));
        pip.args(["-m", "pip", "install", "--quiet"])
            .arg(format!("schemathesis=={VERSION}"));
        process::run_step(&mut pip, hint)?;
    }
    Ok(program)
}
