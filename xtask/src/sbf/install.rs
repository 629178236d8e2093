//! Installs the parts of the toolchain that come from package registries.
//!
//! Every step checks whether its result is there and whole, so an interrupted installation goes on
//! where it stopped. All downloads are pinned: Debian's compiler by its version, LLVM by
//! `sbf/requirements.txt`, the linker by its version and its own lock file.

use crate::{
    debian, paths, process,
    stamp::{self, Fingerprint},
};
use anyhow::{ensure, Context, Result};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// `-Zbuild-std` needs the source of exactly the compiler in use, which rustup's servers have but
/// package registries do not; Debian packages both. It lives beside rustup's toolchains unnoticed.
const RUSTC: &str = "/usr/bin/rustc";
const RUST_RELEASE: &str = "1.96.";
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
pub(super) const STD_SOURCE: &str = "/usr/lib/rustlib/src/rust/library";
const LINKER_VERSION: &str = "0.2.6";

const REQUIREMENTS: &str = "sbf/requirements.txt";

/// Rust 1.96 with the source of its standard library; returns what `rustc -vV` says.
pub(super) fn rust() -> Result<String> {
    let version = match debian_rust() {
        Some(version) => version,
        None => process::timed(
            "[1/4] installing Rust 1.96 from Debian",
            install_debian_rust,
        )?,
    };
    ensure!(
        version.contains(&format!("\nrelease: {RUST_RELEASE}")),
        "{RUSTC} is not Rust {RUST_RELEASE}x, which the patch of its standard library was written \
         for:\n{version}\nInstall that version ({}), or Agave's `cargo build-sbf`.",
        debian::by_hand(&DEBIAN_PACKAGES)
    );
    Ok(version)
}

/// The linker within `folder`, and what its `--version` says.
pub(super) fn linker(folder: &Path) -> Result<(PathBuf, String)> {
    let linker = folder.join("bin/sbpf-linker");
    if linker_version(&linker).is_none() {
        install_linker(folder)?;
    }
    let version = linker_version(&linker);
    let version = version.with_context(|| format!("{} does not run", linker.display()))?;
    Ok((linker, version))
}

/// What Debian's compiler says of itself, where it, its cargo and its source are installed.
fn debian_rust() -> Option<String> {
    let complete = Path::new("/usr/bin/cargo").exists() && Path::new(STD_SOURCE).is_dir();
    let version = process::answer(process::undisturbed(RUSTC).arg("-vV"));
    version.filter(|_| complete)
}

fn install_debian_rust() -> Result<String> {
    let purpose =
        "without `cargo build-sbf`, bytecode is built by Debian's compiler, which Debian 12 has";
    debian::install(&DEBIAN_PACKAGES, purpose)?;
    debian_rust().with_context(|| format!("{RUSTC} or {STD_SOURCE} is still missing"))
}

/// The linker's `--version`, where it is the one that this code expects. Cargo puts a binary in
/// place only when it is whole, so this needs no stamp.
fn linker_version(linker: &Path) -> Option<String> {
    let version = process::answer(Command::new(linker).arg("--version"))?;
    let expected = format!("sbpf-linker {LINKER_VERSION}");
    (version.lines().next() == Some(&expected) && version.contains("LLVM 23.")).then_some(version)
}

fn install_linker(folder: &Path) -> Result<()> {
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
    })
}

/// Installs LLVM's static libraries into a Python environment and returns its Python.
fn install_llvm(environment: &Path) -> Result<PathBuf> {
    let python = environment.join("bin/python");
    let stamp = environment.join(".installed");
    let requirements = paths::xtask().join(REQUIREMENTS);
    let wanted = Fingerprint::default()
        .add_files(&paths::xtask(), REQUIREMENTS)?
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
