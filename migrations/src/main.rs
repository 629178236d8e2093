//! `migrations`: the steps on the command line.

mod arguments;
mod report;

use anyhow::{bail, Context, Result};
use arguments::{Apply, Wanted};
use clap::{Parser, Subcommand};
use nosana_deploy_client::rpc::Cluster;
use nosana_deployments_migrations::{
    apply::{apply, Landed},
    chain,
    goal::{executable_hash, hex, Goal},
    plan::Plan,
    unsigned::unsigned,
};
use solana_keypair::Keypair;
use std::{
    fs,
    io::{self, BufRead, IsTerminal, Write},
    ops::ControlFlow,
    path::PathBuf,
    process::ExitCode,
};

/// Put the deployments program on a cluster, in numbered steps
///
/// Every step looks at the cluster and does what is missing there, so each can be interrupted and run again, by a
/// different machine too. docs/deploying.md goes through a deployment.
#[derive(Parser)]
#[command(name = "migrations", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say how far each step is
    Status(Wanted),
    /// Show what is left to do, with every account and lamport; nothing is sent
    Plan(Wanted),
    /// Do what is left, once you have agreed; or print what a multisig must sign
    Apply(Apply),
    /// Print the hash of an ELF, as `solana-verify get-executable-hash` does
    Hash {
        /// The ELF
        file: PathBuf,
    },
}

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    match runtime.block_on(run(Cli::parse().command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}

async fn run(command: Command) -> Result<()> {
    match command {
        Command::Status(wanted) => {
            let (target, plan) = planned(&wanted).await?;
            report::status(&target, &plan, wanted.json)
        }
        Command::Plan(wanted) => {
            let (target, plan) = planned(&wanted).await?;
            report::plan(&target, &plan, wanted.json)
        }
        Command::Apply(arguments) if arguments.unsigned => {
            let (target, plan) = planned(&arguments.wanted).await?;
            let (blockhash, _) = target.cluster.latest_blockhash().await?;
            report::unsigned(&unsigned(&plan, blockhash)?, arguments.wanted.json)
        }
        Command::Apply(arguments) => carry_out(&arguments).await,
        Command::Hash { file } => {
            let elf = fs::read(&file).with_context(|| file.display().to_string())?;
            report::say(&hex(&executable_hash(&elf)))
        }
    }
}

/// What the command line is about.
struct Target {
    cluster: Cluster,
    goal: Goal,
    keys: Vec<Keypair>,
}

async fn planned(wanted: &Wanted) -> Result<(Target, Plan)> {
    let target = wanted.target().await?;
    let plan = chain::plan(&target.cluster, &target.goal, 0).await?;
    Ok((target, plan))
}

async fn carry_out(arguments: &Apply) -> Result<()> {
    let (target, plan) = planned(&arguments.wanted).await?;
    let json = arguments.wanted.json;
    if plan.next().is_none() {
        return report::status(&target, &plan, json);
    }
    if !json {
        report::plan(&target, &plan, false)?;
    }
    let lacking = plan.shortfall_lamports();
    if lacking > 0 {
        bail!(
            "{} lacks {lacking} lamports for this; nothing was sent",
            target.goal.deployer
        );
    }
    if !arguments.yes {
        agree()?;
    }
    let mut watch = |landed: &Landed<'_>| {
        report::landed(landed);
        ControlFlow::Continue(())
    };
    let plan = apply(&target.cluster, &target.goal, &target.keys, &mut watch).await?;
    report::status(&target, &plan, json)
}

/// Asks whether to go on; without a terminal nobody can agree.
fn agree() -> Result<()> {
    if !io::stdin().is_terminal() {
        bail!("nothing was sent: agree with --yes, or run this in a terminal");
    }
    eprint!("\nSign and send these transactions? [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => bail!("nothing was sent"),
    }
}
