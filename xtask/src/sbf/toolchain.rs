//! Finds Agave's `cargo build-sbf`, or installs a toolchain made of registry packages alone.
//!
//! Every step checks whether its result is there and whole, so an interrupted installation goes on
//! where it stopped. All downloads are pinned: Debian's compiler by its version, LLVM by
//! `sbf/requirements.txt`, the linker by its version and its own lock file.

use super::std_patch;
use crate::{
    paths, process,
    stamp::{self, Fingerprint},
};
use anyhow::{bail, ensure, Context, Result};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
};

/// Within this crate: the target's description, and the routines linked into every program.
pub(super) const TARGET_JSON: &str = "sbf/sbf-solana-solana.json";
pub(super) const SHIMS: &str = "sbf/shims";
const REQUIREMENTS: &str = "sbf/requirements.txt";

/// `-Zbuild-std` needs the source of exactly the compiler in use, which rustup's servers have but
/// package registries do not; Debian packages both. It lives beside rustup's toolchains unnoticed.
const RUSTC: &str = "/usr/bin/rustc";
const RUST_RELEASE: &str = "1.96.";
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
const STD_SOURCE: &str = "/usr/lib/rustlib/src/rust/library";
const LINKER_VERSION: &str = "0.2.6";

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
        let mut build_sbf = process::undisturbed("cargo");
        match process::answer(build_sbf.args(["build-sbf", "--version"])) {
            Some(version) => Ok(Self::Agave { version }),
            None => Ok(Self::Registry(Registry::install(cache)?)),
        }
    }

    /// For people: which toolchain a figure was measured with.
    pub(super) fn name(&self) -> String {
        let first_line = |text: &str| text.lines().next().unwrap_or_default().to_owned();
        match self {
            Self::Agave { version } => format!("cargo build-sbf ({})", first_line(version)),
            Self::Registry(found) => format!(
                "{} and {}, from package registries (no `cargo build-sbf` is installed)",
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
        let rustc = match debian_rust() {
            Some(version) => version,
            None => process::timed(
                "[1/4] installing Rust 1.96 from Debian",
                install_debian_rust,
            )?,
        };
        ensure!(
            rustc.contains(&format!("\nrelease: {RUST_RELEASE}")),
            "{RUSTC} is not Rust {RUST_RELEASE}x, which the patch of its standard library was \
             written for:\n{rustc}\nInstall that version ({}), or Agave's `cargo build-sbf`.",
            apt_install()
        );

        let linker = folder.join("bin/sbpf-linker");
        let linker_version = match linker_version(&linker) {
            Some(version) => version,
            None => install_linker(folder, &linker)?,
        };

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
            copy_folder(Path::new(STD_SOURCE), &copy)?;
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
            .add_files(paths::xtask(), TARGET_JSON)?
            .add_files(paths::xtask(), SHIMS)?
            .finish();
        if !stamp::is(&stamp, &tools) {
            stamp::remove(&target)?;
            fs::create_dir_all(&target)?;
            stamp::write(&stamp, &tools)?;
        }
        Ok(())
    }
}

/// What Debian's compiler says of itself, where it, its cargo and its source are installed.
fn debian_rust() -> Option<String> {
    let complete = Path::new("/usr/bin/cargo").exists() && Path::new(STD_SOURCE).is_dir();
    let version = process::answer(process::undisturbed(RUSTC).arg("-vV"));
    version.filter(|_| complete)
}

fn apt_install() -> String {
    format!(
        "apt-get install --no-install-recommends {}",
        DEBIAN_PACKAGES.join(" ")
    )
}

fn install_debian_rust() -> Result<String> {
    let by_hand = apt_install();
    if process::answer(Command::new("apt-get").arg("--version")).is_none() {
        bail!(
            "There is no apt-get here. Without Debian's {}, install Agave's `cargo build-sbf`.",
            DEBIAN_PACKAGES.join(", ")
        );
    }
    if fs::metadata("/proc/self")
        .map(|process| process.uid())
        .unwrap_or(1)
        != 0
    {
        bail!("This needs root. Run this command, then try again:\n  sudo apt-get update && sudo {by_hand}");
    }
    let hint = format!(
        "Debian 12 has these packages. Is the network up? By hand: apt-get update && {by_hand}"
    );
    let apt = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").arg("-qq");
        command
    };
    process::run_step(apt().arg("update"), &hint)?;
    process::run_step(
        apt()
            .args(["install", "-y", "--no-install-recommends"])
            .args(DEBIAN_PACKAGES),
        &hint,
    )?;
    debian_rust().with_context(|| format!("{RUSTC} or {STD_SOURCE} is still missing; {hint}"))
}

/// The linker's `--version`, where it is the one that this code expects. Cargo puts a binary in
/// place only when it is whole, so this needs no stamp.
fn linker_version(linker: &Path) -> Option<String> {
    let version = process::answer(Command::new(linker).arg("--version"))?;
    let expected = format!("sbpf-linker {LINKER_VERSION}");
    (version.lines().next() == Some(&expected) && version.contains("LLVM 23.")).then_some(version)
}

fn install_linker(folder: &Path, linker: &Path) -> Result<String> {
    let python = install_llvm(&folder.join("llvm"))?;
    let mut prefix = Command::new(python);
    let prefix = process::answer(prefix.args(["-m", "mlc_llvm_static.config", "--prefix"]))
        .context("LLVM's package does not say where it is")?;
    let libraries = Path::new(&prefix).join("lib");
    let build = folder.join("linker-build");
    let what =
        format!("[3/4] building sbpf-linker {LINKER_VERSION} against LLVM 23 (about 5 minutes)");
    process::timed(&what, || {
        let mut cargo = process::undisturbed("cargo");
        // Within the workspace, rustup picks the workspace's own toolchain.
        cargo.current_dir(paths::workspace());
        cargo
            .env("LLVM_PREFIX", &prefix)
            .env("CARGO_TARGET_DIR", &build);
        cargo
            .env("ZLIB_PATH", &libraries)
            .env("LIBZSTD_PATH", &libraries);
        cargo.args([
            "install",
            "sbpf-linker",
            "--version",
            LINKER_VERSION,
            "--locked",
            "--force",
        ]);
        cargo.args(["--no-default-features", "--features"]);
        cargo.arg("bpf-linker/llvm-23,bpf-linker/llvm-link-static");
        process::run_step(
            cargo.arg("--root").arg(folder),
            "It needs the crates registry and a C++ toolchain (Debian: apt-get install g++). \
             Started again, it goes on where it stopped.",
        )?;
        stamp::remove(&build)
    })?;
    linker_version(linker).with_context(|| format!("{} does not run", linker.display()))
}

/// Installs LLVM's static libraries into a Python environment and returns its Python.
fn install_llvm(environment: &Path) -> Result<PathBuf> {
    let python = environment.join("bin/python");
    let stamp = environment.join(".installed");
    let requirements = paths::xtask().join(REQUIREMENTS);
    let wanted = Fingerprint::default()
        .add_files(paths::xtask(), REQUIREMENTS)?
        .finish();
    if stamp::is(&stamp, &wanted) {
        return Ok(python);
    }
    process::timed(
        "[2/4] installing LLVM 23's static libraries (90 MB)",
        || {
            stamp::remove(environment)?;
            process::run_step(
                Command::new("python3")
                    .args(["-m", "venv"])
                    .arg(environment),
                "It needs Python 3.10 or later with venv (Debian: apt-get install python3-venv).",
            )?;
            let mut pip = Command::new(&python);
            pip.args([
                "-m",
                "pip",
                "install",
                "--require-hashes",
                "--only-binary",
                ":all:",
            ]);
            process::run_step(
            pip.arg("--requirement").arg(requirements),
            "Python's package index must be reachable, and the machine be x86_64 or aarch64 Linux.",
        )?;
            stamp::write(&stamp, &wanted)
        },
    )?;
    Ok(python)
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
