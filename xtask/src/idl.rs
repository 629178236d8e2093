//! The program's IDL, by which wallets, explorers and other clients read it.

mod complete;
mod words;

use crate::{generated::Generated, paths};
use anchor_lang_idl::build::IdlBuilder;
use anyhow::{Context, Result};
use std::env;

/// Builds idl/deployments.json, or with `check` compares it.
pub(crate) fn idl(check: bool) -> Result<()> {
    // The builder has flags of its own, which would make everything else be built again; and it
    // would pass an environment's toolchain on in a form that cargo does not know.
    let before = ["CARGO_TARGET_DIR", "RUSTUP_TOOLCHAIN"].map(|name| (name, env::var_os(name)));
    env::set_var("CARGO_TARGET_DIR", paths::target_dir()?.join("idl"));
    env::remove_var("RUSTUP_TOOLCHAIN");
    let idl = IdlBuilder::new()
        .program_path(paths::workspace().join("programs/deployments"))
        .cargo_args(vec!["--locked".into(), "--lib".into()])
        .build()
        .context("cannot build the IDL; the output above says why");
    for (name, value) in before {
        match value {
            Some(value) => env::set_var(name, value),
            None => env::remove_var(name),
        }
    }
    let mut idl = idl?;
    complete::complete(&mut idl)?;
    words::rewrite(&mut idl);
    let text = serde_json::to_string_pretty(&idl)? + "\n";
    Generated::new("idl/deployments.json", text).write_or_check(check, "cargo xtask idl")
}
