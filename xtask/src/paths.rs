//! Where things are.

use anyhow::{Context, Result};
use std::{
    env,
    path::{self, Path, PathBuf},
};

/// This crate's folder. Cargo names it when it runs this: checkouts that share a target folder share
/// the executable, which may have been compiled in another of them.
pub(crate) fn xtask() -> PathBuf {
    let named = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    named.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into())
}

/// The workspace's root.
pub(crate) fn workspace() -> PathBuf {
    let xtask = xtask();
    xtask.parent().map(Path::to_path_buf).unwrap_or(xtask)
}

/// `$CARGO_TARGET_DIR`, made absolute, where it is set.
pub(crate) fn chosen_target_dir() -> Result<Option<PathBuf>> {
    let chosen = env::var_os("CARGO_TARGET_DIR");
    let absolute = chosen
        .map(|folder| path::absolute(Path::new(&folder)))
        .transpose();
    absolute.context("CARGO_TARGET_DIR names no folder")
}

/// Cargo's target folder.
pub(crate) fn target_dir() -> Result<PathBuf> {
    Ok(chosen_target_dir()?.unwrap_or_else(|| workspace().join("target")))
}

/// Where the programs' ELFs go.
pub(crate) fn deploy_dir() -> Result<PathBuf> {
    Ok(target_dir()?.join("deploy"))
}

/// A folder for downloads and tools, shared by every checkout of one user.
pub(crate) fn cache() -> Result<PathBuf> {
    Ok(match env::var_os("NOSANA_DEPLOY_CACHE") {
        Some(folder) => path::absolute(Path::new(&folder))?,
        None => home()?.join(".cache/nosana-deploy"),
    })
}

/// The toolchain's folder.
pub(crate) fn sbf_cache() -> Result<PathBuf> {
    Ok(cache()?.join("sbf"))
}

/// Cargo's own folder, which holds the sources of dependencies.
pub(crate) fn cargo_home() -> Result<PathBuf> {
    match env::var_os("CARGO_HOME") {
        Some(folder) => Ok(folder.into()),
        None => Ok(home()?.join(".cargo")),
    }
}

fn home() -> Result<PathBuf> {
    env::home_dir().context("no home folder; set NOSANA_DEPLOY_CACHE to a folder for downloads")
}
