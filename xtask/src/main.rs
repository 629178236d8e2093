//! The project's own tasks: `cargo xtask build-program | test | fuzz | soak | bench | demo | localnet | docs | idl | schema |
//! book | fixtures | testkit | toolchains | packages | semver | dist | typescript | web | ci`.
//!
//! Progress goes to stderr, so that stdout belongs to what a task runs.

mod bench;
mod ci;
mod debian;
mod dist;
mod docs;
mod generated;
mod idl;
mod links;
mod packages;
mod paths;
mod process;
mod progress;
mod sbf;
mod schema;
mod source;
mod stamp;
mod suites;
mod toolchains;
mod web;

use clap::Parser;
use std::{ffi::OsString, process::ExitCode};

/// Builds, tests and demonstrates the project with nothing but package registries at hand.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
enum Task {
    /// Build both programs' bytecode into `deploy` in the target folder.
    ///
    /// Uses `cargo build-sbf` where it is installed, else installs a toolchain of its own once.
    BuildProgram {
        /// Cargo features of the programs, for example `devnet`.
        #[arg(long)]
        features: Option<String>,
        /// Only with an installed `cargo build-sbf`: for what is deployed on shared clusters.
        #[arg(long)]
        agave: bool,
    },
    /// Run the tests, after build-program.
    Test {
        /// Passed on to the test runner; without any, the whole workspace and its doc tests run.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Play random scenarios against the programs' bytecode, after build-program.
    Fuzz {
        /// Passed on to the fuzzer, for example `--sequences 10000` or `--replay FILE`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Keep many deployments for a day with keepers that are killed, after build-program.
    Soak(suites::Soak),
    /// Measure compute units against their budgets, and the client's hot paths.
    Bench(bench::Bench),
    /// Generate docs/state-machine.md, its picture, docs/accounts.md and docs/reference.md from the code.
    Docs {
        /// Only compare, and fail if they differ.
        #[arg(long)]
        check: bool,
    },
    /// Generate idl/deployments.json from the program.
    Idl {
        /// Only compare, and fail if it differs.
        #[arg(long)]
        check: bool,
    },
    /// Generate the JSON Schemas in schema/ from the client's types.
    Schema {
        /// Only compare, and fail if they differ.
        #[arg(long)]
        check: bool,
    },
    /// Generate client/typescript/test/fixtures.json from what the Rust client says.
    Fixtures {
        /// Only compare, and fail if it differs.
        #[arg(long)]
        check: bool,
    },
    /// Make a book of docs/, in `book` in the target folder.
    Book,
    /// Copy the programs' bytecode into the test kit.
    Testkit {
        /// Only compare, and fail if it differs.
        #[arg(long)]
        check: bool,
    },
    /// Build with every toolchain at hand, and write docs/toolchains.md: hashes and compute units side by side.
    Toolchains,
    /// Package what is published, and use the packages as a stranger would.
    Packages,
    /// Say what in the library's API would break those who use the last release.
    Semver {
        /// A revision to compare with instead.
        baseline: Option<String>,
    },
    /// Build a release's archive for this machine and the installers, and install it.
    Dist,
    /// Build and test the TypeScript client, which needs Node.js 20 and npm.
    Typescript,
    /// Test `nosana-deploy serve` with Nosana's own client, in a browser, and with random requests.
    Web,
    /// Run every check that a change must pass, and print a table of them.
    Ci(ci::Ci),
    /// Run `nosana-deploy demo`, with the bytecode of the test kit if it is of today's sources.
    Demo {
        /// Passed on to the demo.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Run `nosana-deploy localnet`, with the same bytecode.
    Localnet {
        /// Passed on to the localnet, for example `--wallet PUBKEY`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let done = match Task::parse() {
        Task::BuildProgram { features, agave } => {
            let build = match agave {
                true => sbf::build_with_agave,
                false => sbf::build_programs,
            };
            build(features.as_deref()).map(drop)
        }
        Task::Test { args } => suites::test(&args),
        Task::Fuzz { args } => suites::fuzz(&args),
        Task::Soak(size) => suites::soak(&size),
        Task::Bench(options) => bench::bench(&options),
        Task::Docs { check } => docs::docs(check),
        Task::Idl { check } => idl::idl(check),
        Task::Schema { check } => schema::schema(check),
        Task::Fixtures { check } => schema::fixtures(check),
        Task::Book => ci::book(),
        Task::Testkit { check } => packages::testkit(check),
        Task::Toolchains => toolchains::toolchains(),
        Task::Packages => packages::packages(),
        Task::Semver { baseline } => ci::semver(baseline.as_deref()),
        Task::Dist => dist::dist(),
        Task::Typescript => web::typescript(),
        Task::Web => web::web(),
        Task::Ci(options) => ci::ci(&options),
        Task::Demo { args } => suites::embedded("demo", &args),
        Task::Localnet { args } => suites::embedded("localnet", &args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        // Not returned from main, which would print a backtrace where RUST_BACKTRACE is set.
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
