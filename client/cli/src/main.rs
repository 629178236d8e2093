//! `nosana-deploy`: the command line for deployments on Nosana's GPU markets.

mod demo;

use clap::Parser;
use std::{io::Write, path::PathBuf, process::ExitCode};

/// Deployments on Nosana's GPU markets, held and enforced on chain.
#[derive(Parser)]
#[command(name = "nosana-deploy", version)]
enum Command {
    /// Run a deployment through its whole life on an embedded localnet, and account for every unit.
    ///
    /// Starts a validator inside this process, loads the programs, makes a NOS mint and a market,
    /// and needs neither a wallet nor a network. Exits 0 only if the books balance.
    Demo {
        /// The deployment's JSON; without it the mission's example, SCHEDULED daily at midnight.
        file: Option<PathBuf>,
        /// Print JSON lines instead of a timeline and a table.
        #[arg(long)]
        json: bool,
        /// Folder of deployments.so and nosana_jobs_localnet.so [default: <target dir>/deploy].
        #[arg(long, env = "SBF_OUT_DIR", hide_env = true)]
        programs: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let outcome = match Command::parse() {
        Command::Demo {
            file,
            json,
            programs,
        } => demo::run(file.as_deref(), json, programs),
    };
    let code = match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // An RPC node's errors may bring the program's log along, line by line.
            eprintln!("error: {}", format!("{error:#}").replace('\n', " "));
            ExitCode::FAILURE
        }
    };
    let _ = std::io::stdout().flush();
    code
}
