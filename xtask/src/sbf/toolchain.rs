//! Finds Agave's `cargo build-sbf`, or sets up a toolchain made of registry packages alone.

use super::{install, std_patch};
use crate::{
    paths, process,
    stamp::{self, Fingerprint},
};
use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Within this crate: the target's description, and the routines linked into every program.
pub(super) const TARGET_JSON: &str = "sbf/sbf-solana-solana.json";
pub(super) const SHIMS: &str = "sbf/shims";

/// What compiles the programs.
pub(super) enum Toolchain {
    /// Agave's `cargo build-sbf`, with what its `--version` says.
    Agave { version: String },
    /// Registry packages.
    Registry(Registry),
}

/// A toolchain of registry packages, installed in `folder`.
pub(super) struct Registry {
    folder: PathBuf,
    pub(super) linker: PathBuf,
    /// What `rustc -vV` and the linker's `--version` say.
    rustc: String,
    linker_version: String,
}

impl Toolchain {
    /// Prefers an installed `cargo build-sbf`; installs the other one in `cache` where needed.
    pub(super) fn find_or_install(cache: &Path) -> Result<Self> {
        match Self::agave() {
            Some(found) => Ok(found),
            None => Self::registry(cache),
        }
    }

    /// The one of package registries, installed if it is not.
    pub(super) fn registry(cache: &Path) -> Result<Self> {
        Ok(Self::Registry(Registry::install(cache)?))
    }

    /// An installed `cargo build-sbf`.
    pub(super) fn agave() -> Option<Self> {
        let mut build_sbf = process::undisturbed("cargo");
        let version = process::answer(build_sbf.args(["build-sbf", "--version"]))?;
        Some(Self::Agave { version })
    }

    /// For people: which toolchain a figure was measured with.
    pub(super) fn name(&self) -> String {
        let first_line = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        match self {
            Self::Agave { version } => format!("cargo build-sbf ({})", first_line(version)),
            Self::Registry(found) => format!(
                "{} and {}, from package registries",
                first_line(&found.rustc),
                first_line(&found.linker_version)
            ),
        }
    }

    /// For stamps: differs whenever a program might be compiled differently.
    pub(super) fn identity(&self) -> String {
        match self {
            Self::Agave { version } => version.clone(),
            Self::Registry(found) => format!("{}\n{}", found.rustc, found.linker_version),
        }
    }
}

impl Registry {
    /// Cargo's target folder for the programs.
    pub(super) fn target_dir(&self) -> PathBuf {
        self.folder.join("target")
    }

    /// The patched standard library.
    pub(super) fn std_source(&self) -> PathBuf {
        self.folder.join("rust-src")
    }

    fn install(folder: &Path) -> Result<Self> {
        let rustc = install::rust()?;
        let (linker, linker_version) = install::linker(folder)?;
        let found = Self {
            folder: folder.to_owned(),
            linker,
            rustc,
            linker_version,
        };
        found.patch_std()?;
        found.forget_stale_output()?;
        Ok(found)
    }

    /// Keeps a patched copy of the standard library's source.
    fn patch_std(&self) -> Result<()> {
        let copy = self.std_source();
        let stamp = copy.join(".patched");
        let version = self.std_version();
        if stamp::is(&stamp, &version) {
            return Ok(());
        }
        process::timed("[4/4] patching a copy of the standard library", || {
            stamp::remove(&copy)?;
            copy_folder(Path::new(install::STD_SOURCE), &copy)?;
            std_patch::apply(&copy)?;
            stamp::write(&stamp, &version)
        })
    }

    fn std_version(&self) -> String {
        Fingerprint::default()
            .add("rustc", &self.rustc)
            .add("patch", std_patch::VERSION)
            .finish()
    }

    /// Deletes what was compiled with other tools: cargo notices neither a change of the standard
    /// library's source nor one of the linked routines.
    fn forget_stale_output(&self) -> Result<()> {
        let target = self.target_dir();
        let stamp = target.join(".tools");
        let tools = Fingerprint::default()
            .add("std", self.std_version())
            .add("linker", &self.linker_version)
            .add_files(&paths::xtask(), TARGET_JSON)?
            .add_files(&paths::xtask(), SHIMS)?
            .finish();
        if !stamp::is(&stamp, &tools) {
            stamp::remove(&target)?;
            fs::create_dir_all(&target)?;
            stamp::write(&stamp, &tools)?;
        }
        Ok(())
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("creating {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let (source, copy) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_folder(&source, &copy)?;
        } else {
            fs::copy(&source, &copy).with_context(|| format!("copying {}", source.display()))?;
        }
    }
    Ok(())
}
