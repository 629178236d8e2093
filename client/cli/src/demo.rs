//! `nosana-deploy demo`: a deployment's whole life on an embedded localnet.

mod ledger;
mod life;
mod localnet;
mod report;
mod wallets;

use crate::{commands::read, exit::invalid};
use anyhow::Result;
use nosana_deploy_client::DeploymentSpec;
use std::path::{Path, PathBuf};

/// What runs if no file is named.
const EXAMPLE: &str = include_str!("../../../examples/pytorch-jupyter-scheduled.json");

/// Runs the demo. Everything that can be wrong with the input is found before anything starts.
///
/// # Errors
/// Input that is not valid, programs that are not built, a step that fails, or books that do not
/// balance.
pub(crate) fn run(file: Option<&Path>, json: bool, programs: Option<PathBuf>) -> Result<()> {
    let text = match file {
        Some(path) => read(path)?,
        None => EXAMPLE.to_owned(),
    };
    let spec = DeploymentSpec::from_json(&text)?;
    if spec.access_key.is_some() {
        return Err(invalid(
            "access_key: the demo's keeper has no such key; leave it out",
        ));
    }
    if spec.vault_address.is_some() {
        return Err(invalid(
            "vault: the demo's wallet has vaults of its own; use a number, or leave it out",
        ));
    }
    if spec.settings.replicas == 0 {
        return Err(invalid(
            "replicas: 0 is not valid; the demo needs at least 1",
        ));
    }
    let programs = localnet::Programs::read(&programs.unwrap_or_else(default_programs))?;
    let report = report::DemoOutput::new(json);
    tokio::runtime::Runtime::new()?.block_on(life::live(&spec, programs, report))
}

/// Where `cargo xtask build-program` puts the programs.
pub(crate) fn default_programs() -> PathBuf {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    target.join("deploy")
}
