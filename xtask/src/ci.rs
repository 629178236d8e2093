//! Everything a change must pass, in named stages. The tests come last, so that the log ends with their
//! summary, after the table.

use crate::{bench, dist, docs, idl, links, packages, paths, process, sbf, schema, suites, web};
use anyhow::{bail, Context, Result};
use std::{
    fmt::Write,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Which stages to run.
#[derive(clap::Args)]
pub(crate) struct Ci {
    /// Names of stages; all of them, if none is given
    stages: Vec<String>,
}

type Run = fn() -> Result<()>;

const STAGES: [(&str, Run); 25] = [
    ("fmt", fmt),
    ("clippy", || {
        cargo("clippy --workspace --all-targets --locked -- -D warnings")
    }),
    ("rustdoc", rustdoc),
    ("typos", || tool("typos-cli", "typos", &[])),
    ("links", links::check),
    ("deny", || {
        tool(
            "cargo-deny",
            "cargo-deny",
            &["--locked", "check", "licenses", "bans", "sources"],
        )
    }),
    ("unused-deps", || {
        tool("cargo-machete", "cargo-machete", &[])
    }),
    ("light", light),
    ("docs", || docs::docs(true)),
    ("book", book),
    ("idl", || idl::idl(true)),
    ("schema", || schema::schema(true)),
    ("fixtures", || schema::fixtures(true)),
    ("testkit", || packages::testkit(true)),
    ("packages", packages::packages),
    ("semver", || semver(None)),
    ("dist", dist::plan),
    ("typescript", web::typescript),
    ("web", web::web),
    ("examples", examples),
    ("demo", demos),
    ("migrations", migrations),
    ("fuzz", || {
        suites::fuzz(&["--sequences".into(), "1000".into()])
    }),
    ("bench", bench::quick),
    ("soak", || suites::soak(&suites::Soak::new(4, 1))),
];

/// Runs the stages, prints a table of them, and runs the tests last.
pub(crate) fn ci(options: &Ci) -> Result<()> {
    let tests: (&str, Run) = ("test", || suites::test(&[]));
    let all = STAGES.into_iter().chain([tests]);
    if let Some(unknown) = options
        .stages
        .iter()
        .find(|name| *name != "test" && STAGES.iter().all(|(stage, _)| stage != name))
    {
        let names: Vec<&str> = all.map(|(name, _)| name).collect();
        bail!("{unknown:?} is not a stage; use {}", names.join(", "));
    }
    let wanted = |name: &str| options.stages.is_empty() || options.stages.iter().any(|n| n == name);
    let mut table = String::new();
    let mut failed = Vec::new();
    for (name, run) in STAGES.into_iter().filter(|(name, _)| wanted(name)) {
        eprintln!("── {name}");
        let started = Instant::now();
        let outcome = run();
        if let Err(error) = &outcome {
            eprintln!("error: {name}: {error:#}");
            failed.push(name);
        }
        let _ = writeln!(table, "{}", row(name, outcome.is_ok(), started.elapsed()));
    }
    eprintln!("\n{:<14} {:<8} seconds\n{table}", "stage", "result");
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    match wanted("test") {
        true => suites::test(&[]),
        false => Ok(()),
    }
}

fn row(name: &str, passed: bool, took: Duration) -> String {
    let result = if passed { "passed" } else { "FAILED" };
    format!("{name:<14} {result:<8} {:>7}", took.as_secs())
}

fn fmt() -> Result<()> {
    let mut command = process::workspace_cargo();
    command
        .current_dir(paths::workspace())
        .args(["fmt", "--all", "--check"]);
    process::run(&mut command, "`cargo fmt --all` mends it")
}

/// Cargo in the workspace, with a subcommand and arguments that hold no spaces.
fn cargo(arguments: &str) -> Result<()> {
    let (subcommand, arguments) = arguments.split_once(' ').unwrap_or((arguments, ""));
    let mut command = suites::cargo(&paths::deploy_dir()?, &[subcommand])?;
    command.args(arguments.split_whitespace());
    process::run(&mut command, "the output above says what is wrong")
}

fn rustdoc() -> Result<()> {
    let mut command = suites::cargo(&paths::deploy_dir()?, &["doc"])?;
    command.env("RUSTDOCFLAGS", "-D warnings").args([
        "--workspace",
        "--no-deps",
        "--locked",
        "--quiet",
    ]);
    process::run(&mut command, "the output above says what is wrong")
}

/// Wallets build on the client's default features, which must stay light; and the command line of one
/// links no validator.
fn light() -> Result<()> {
    let network = ["tokio v", "reqwest v", "solana-rpc"];
    let validator = [
        "surfpool",
        "litesvm",
        "solana-runtime v",
        "nosana-jobs-localnet",
    ];
    for (package, heavy) in [
        ("nosana-deploy-client", &network[..]),
        ("nosana-deploy", &validator),
    ] {
        let mut command = process::workspace_cargo();
        command
            .current_dir(paths::workspace())
            .args(["tree", "--package", package])
            .args(["--edges", "normal", "--locked"]);
        let tree = process::answer(&mut command).context("`cargo tree` failed")?;
        let brought = |line: &&str| heavy.iter().any(|name| line.contains(name));
        if let Some(line) = tree.lines().find(brought) {
            bail!("{package}'s default features bring {}", line.trim());
        }
    }
    let mut wallet = process::workspace_cargo();
    wallet
        .current_dir(paths::workspace())
        .args(["clippy", "--package", "nosana-deploy", "--locked"])
        .args(["--", "-D", "warnings"]);
    if let Some(folder) = paths::chosen_target_dir()? {
        wallet.env("CARGO_TARGET_DIR", folder);
    }
    process::run(&mut wallet, "the wallet alone does not compile")
}

/// The deployments that the pages name, and the programs that show how to use the library.
fn examples() -> Result<()> {
    sbf::build_programs(None)?;
    cargo("run --quiet --locked --bin nosana-deploy -- validate examples/pytorch-jupyter-scheduled.json examples/pytorch-jupyter-simple.json")?;
    for name in ["create_and_fund", "read_demand", "custom_keeper"] {
        cargo(&format!("run --quiet --locked --example {name}"))?;
    }
    Ok(())
}

fn demos() -> Result<()> {
    suites::embedded("demo", &[])?;
    let another = ["examples/pytorch-jupyter-simple.json", "--json"];
    suites::embedded("demo", &another.map(Into::into))
}

/// What is compiled for devnet, and that the command line starts.
fn migrations() -> Result<()> {
    let mut devnet = process::workspace_cargo();
    devnet.current_dir(paths::workspace());
    devnet.args(["check", "--quiet", "--locked", "--package", "nosana-deploy"]);
    devnet.args(["--package", "nosana-deployments-migrations"]);
    devnet.args([
        "--features",
        "nosana-deploy/devnet,nosana-deployments-migrations/devnet",
    ]);
    if let Some(folder) = paths::chosen_target_dir()? {
        devnet.env("CARGO_TARGET_DIR", folder);
    }
    process::run(&mut devnet, "it does not compile for devnet")?;
    cargo("run --quiet --locked --bin migrations -- hash client/testkit/elf/deployments.so")
}

/// Compares the library's API with a revision's, or with the last release's: what breaks those who use it needs a new
/// major version, or a minor one before 1.0.
pub(crate) fn semver(baseline: Option<&str>) -> Result<()> {
    let mut tags = Command::new("git");
    tags.current_dir(paths::workspace());
    tags.args(["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"]);
    let released = || process::answer(tags.stderr(Stdio::null()));
    let Some(baseline) = baseline.map(str::to_owned).or_else(released) else {
        eprintln!("there is no release to compare with yet");
        return Ok(());
    };
    // Not the validator: it is for demos and tests, and takes minutes to compile.
    let arguments = [
        "semver-checks",
        "--package",
        "nosana-deploy-client",
        "--only-explicit-features",
        "--features",
        "rpc",
        "--baseline-rev",
        &baseline,
    ];
    tool("cargo-semver-checks", "cargo-semver-checks", &arguments)
}

/// Makes a book of docs/.
pub(crate) fn book() -> Result<()> {
    let folder = paths::target_dir()?.join("book");
    let folder = folder
        .to_str()
        .context("the target folder's name is not UTF-8")?;
    tool("mdbook", "mdbook", &["build", "--dest-dir", folder])
}

/// Runs a tool from the crates registry in the workspace; installs it once, beside the target folder.
pub(crate) fn tool(package: &str, binary: &str, arguments: &[&str]) -> Result<()> {
    let root = paths::cache()?.join("tools");
    let path = root.join("bin").join(binary);
    if !path.exists() {
        eprintln!("installing {package}: a few minutes, once");
        let mut install = process::workspace_cargo();
        install
            .args(["install", "--quiet", "--locked", package, "--root"])
            .arg(&root);
        process::run(&mut install, "the tool cannot be installed")?;
    }
    let mut command = Command::new(path);
    command.current_dir(paths::workspace()).args(arguments);
    process::run(&mut command, "the output above says what is wrong")
}
