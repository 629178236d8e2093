//! `nosana-deploy`: the command line for deployments on Nosana's GPU markets.

mod clock;
mod commands;
mod context;
mod definitions;
#[cfg(feature = "localnet")]
mod demo;
mod exit;
mod format;
mod ipfs;
mod keeper;
mod node_api;
mod output;
mod profile;
mod publishing;
mod results_kept;
mod secrets;
mod serve;
mod submit;
mod terms;
mod wallet;

use clap::{CommandFactory, Parser, Subcommand};
use context::{Context, Options};
use output::Output;
use std::{io::Write, process::ExitCode};

/// Deployments on Nosana's GPU markets, held and enforced on chain.
#[derive(Parser)]
#[command(name = "nosana-deploy", version, max_term_width = 100, after_long_help = exit::STATUSES)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Up(commands::up::Up),
    Down(commands::down::Down),
    Create(commands::create::Create),
    Update(commands::update::Update),
    Start(commands::steer::Start),
    Extend(commands::steer::Extend),
    Trigger(commands::steer::Trigger),
    Restart(commands::steer::Restart),
    Stop(commands::steer::Stop),
    Archive(commands::steer::Archive),
    Close(commands::steer::Close),
    WriteOff(commands::steer::WriteOff),
    ReclaimRent(commands::rent::ReclaimRent),
    Fund(commands::funds::Fund),
    Withdraw(commands::funds::Withdraw),
    Status(commands::status::Show),
    List(commands::list::List),
    Endpoints(commands::endpoints::ShowEndpoints),
    Watch(commands::watch::Watch),
    History(commands::history::ShowHistory),
    Results(commands::results::Results),
    Logs(commands::logs::Logs),
    Jobs(commands::logs::Jobs),
    Ssh(commands::ssh::Ssh),
    Definitions(commands::definitions::DefinitionsCommand),
    Revisions(commands::revisions::Revisions),
    Market(commands::market::ShowMarket),
    Vault(commands::vault::ShowVault),
    Schedule(commands::schedule::Show),
    Validate(commands::validate::Validate),
    Import(commands::import::Import),
    Serve(serve::Serve),
    Keeper(keeper::KeeperCommand),
    Keygen(commands::keygen::Keygen),
    #[cfg(feature = "localnet")]
    Localnet(commands::localnet::LocalnetCommand),
    /// Run a deployment through its whole life on an embedded localnet, and account for every unit
    ///
    /// Starts a validator inside this process, loads the programs, makes a NOS mint and a market,
    /// and needs neither a wallet nor a network. Exits 0 only if the books balance.
    #[cfg(feature = "localnet")]
    Demo {
        /// The deployment's JSON; without it examples/pytorch-jupyter-scheduled.json
        file: Option<std::path::PathBuf>,
        /// Print JSON lines instead of a timeline and a table
        #[arg(long)]
        json: bool,
        /// Folder of deployments.so and nosana_jobs_localnet.so [default: `deploy` in the target folder]
        #[arg(long, env = "SBF_OUT_DIR", hide_env = true)]
        programs: Option<std::path::PathBuf>,
    },
    /// Print a shell's completion script
    ///
    /// For example `nosana-deploy completions bash > ~/.local/share/bash-completion/completions/nosana-deploy`.
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the reference of every command as Markdown: `cargo xtask docs` keeps docs/reference.md
    #[command(hide = true)]
    Reference,
    /// Write man pages, one for each command
    ///
    /// For example `nosana-deploy man-pages ~/.local/share/man/man1`.
    ManPages {
        /// The folder, which is made if there is none
        folder: std::path::PathBuf,
    },
}

fn main() -> ExitCode {
    let outcome = secrets::refuse_secrets(std::env::args_os()).and_then(|()| {
        let Cli { options, command } = Cli::parse();
        run(&options, command)
    });
    let code = match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            exit::report(&error);
            exit::status(&error)
        }
    };
    let _ = std::io::stdout().flush();
    code
}

fn run(options: &Options, command: Command) -> anyhow::Result<()> {
    if options.output() == Output::Csv && !matches!(command, Command::History(_)) {
        return Err(exit::invalid(output::NO_CSV));
    }
    let context = Context::new(options);
    match command {
        Command::Up(up) => up.run(&context?),
        Command::Down(down) => down.run(&context?),
        Command::Create(create) => create.run(&context?),
        Command::Update(update) => update.run(&context?),
        Command::Start(start) => start.run(&context?),
        Command::Extend(extend) => extend.run(&context?),
        Command::Trigger(trigger) => trigger.run(&context?),
        Command::Restart(restart) => restart.run(&context?),
        Command::Stop(stop) => stop.run(&context?),
        Command::Archive(archive) => archive.run(&context?),
        Command::Close(close) => close.run(&context?),
        Command::WriteOff(write_off) => write_off.run(&context?),
        Command::ReclaimRent(reclaim) => reclaim.run(&context?),
        Command::Fund(fund) => fund.run(&context?),
        Command::Withdraw(withdraw) => withdraw.run(&context?),
        Command::Status(show) => show.run(&context?),
        Command::List(list) => list.run(&context?),
        Command::Endpoints(endpoints) => endpoints.run(&context?),
        Command::Watch(watch) => watch.run(&context?),
        Command::History(history) => history.run(&context?),
        Command::Results(results) => results.run(&context?),
        Command::Logs(logs) => logs.run(&context?),
        Command::Jobs(jobs) => jobs.run(&context?),
        Command::Ssh(ssh) => ssh.run(&context?),
        Command::Definitions(definitions) => definitions.run(&context?),
        Command::Revisions(revisions) => revisions.run(&context?),
        Command::Market(market) => market.run(&context?),
        Command::Vault(vault) => vault.run(&context?),
        Command::Schedule(schedule) => schedule.run(options.output()),
        Command::Validate(validate) => validate.run(options.output()),
        Command::Import(import) => import.run(options.output()),
        Command::Serve(serve) => serve.run(context?),
        Command::Keeper(keeper) => keeper.run(options),
        Command::Keygen(keygen) => keygen.run(options),
        #[cfg(feature = "localnet")]
        Command::Localnet(localnet) => localnet.run(options.output()),
        #[cfg(feature = "localnet")]
        Command::Demo {
            file,
            json,
            programs,
        } => demo::run(file.as_deref(), json, programs),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "nosana-deploy", &mut script);
            std::io::stdout().write_all(&script)?;
            Ok(())
        }
        Command::Reference => {
            let options = clap_markdown::MarkdownOptions::new()
                .title("Every command".to_owned())
                .show_footer(false);
            output::say(clap_markdown::help_markdown_custom::<Cli>(&options).trim_end())
        }
        Command::ManPages { folder } => {
            let shown = folder.display();
            let written = std::fs::create_dir_all(&folder)
                .and_then(|()| clap_mangen::generate_to(Cli::command(), &folder));
            written.map_err(|error| exit::invalid(format!("{shown}: {error}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
