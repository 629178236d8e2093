//! Debian's packages, for what cargo cannot bring.

use crate::process;
use anyhow::{bail, Result};
use std::{fs, os::unix::fs::MetadataExt, process::Command};

/// Installs packages; `purpose` says what they are for, where that fails.
///
/// # Errors
/// Without apt-get, root or a network; says what to install by hand.
pub(crate) fn install(packages: &[&str], purpose: &str) -> Result<()> {
    let named = packages.join(" ");
    let by_hand = by_hand(packages);
    if process::answer(Command::new("apt-get").arg("--version")).is_none() {
        bail!("{purpose}. There is no apt-get here: install what Debian calls {named}");
    }
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if !is_root {
        bail!("{purpose}. This needs root. Run this command, then try again:\n  sudo apt-get update && sudo {by_hand}");
    }
    eprintln!("installing {named}: a minute, once");
    let hint = format!("{purpose}. Is the network up? By hand: apt-get update && {by_hand}");
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        command
    };
    process::run_step(apt().arg("update"), &hint)?;
    let mut install = apt();
    install.args(["install", "-y", "--no-install-recommends"]);
    process::run_step(install.args(packages), &hint)
}

/// What a person would type.
pub(crate) fn by_hand(packages: &[&str]) -> String {
    format!(
        "apt-get install --no-install-recommends {}",
        packages.join(" ")
    )
}

/// The system's OpenSSL, which the validator links: compiling one takes minutes (`.cargo/config.toml` says not to).
///
/// # Errors
/// If it is not there and cannot be installed.
pub(crate) fn openssl() -> Result<()> {
    let is_there = process::answer(Command::new("pkg-config").args(["--exists", "openssl"]));
    // Elsewhere than on Linux, what looks for it knows better where it is.
    if is_there.is_some() || !cfg!(target_os = "linux") {
        return Ok(());
    }
    install(
        &["libssl-dev", "pkg-config"],
        "the validator links the system's OpenSSL",
    )
}
