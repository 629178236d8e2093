//! Builds the programs to sBPF bytecode, with the toolchain that the machine has or can get.

mod compile;
mod install;
mod stack_gaps;
mod std_patch;
mod toolchain;

use crate::{
    paths, process,
    stamp::{self, Fingerprint},
};
use anyhow::{Context, Result};
use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};
use toolchain::Toolchain;

/// A program crate of this workspace.
struct Program {
    package: &'static str,
    /// The crate's folder.
    folder: &'static str,
    /// Folders of the crates that it depends on by path, unless they are in its own.
    depends_on: &'static [&'static str],
    /// The ELF's name without `.so`: what tests and the validator load it by.
    elf: &'static str,
}

const PROGRAMS: [Program; 2] = [
    Program {
        package: "deployments",
        folder: "programs/deployments",
        depends_on: &["programs/nosana-jobs-interface"],
        elf: "deployments",
    },
    Program {
        package: "nosana-jobs-localnet",
        folder: "programs/nosana-jobs-localnet",
        depends_on: &["programs/nosana-jobs-interface"],
        elf: "nosana_jobs_localnet",
    },
];

/// For the benchmark alone.
const CRON_PROBE: Program = Program {
    package: "cron-probe",
    folder: "tests/cron-probe",
    depends_on: &["programs/deployments/domain"],
    elf: "cron_probe",
};

/// For the tests of the migrations alone.
const STAND_INS: Program = Program {
    package: "migrations-stand-ins",
    folder: "migrations/stand-ins",
    depends_on: &[],
    elf: "migrations_stand_ins",
};

/// Builds what changed and returns the folder with both ELFs.
pub(crate) fn build_programs(features: Option<&str>) -> Result<PathBuf> {
    let toolchain = |cache: &Path| Toolchain::find_or_install(cache);
    build(PROGRAMS.iter(), features, toolchain)
}

/// Like [`build_programs`], and builds what tests need besides.
pub(crate) fn build_for_tests() -> Result<PathBuf> {
    let toolchain = |cache: &Path| Toolchain::find_or_install(cache);
    build(PROGRAMS.iter().chain([&STAND_INS]), None, toolchain)
}

/// Like [`build_programs`], and builds the benchmark's own program too.
pub(crate) fn build_measured() -> Result<PathBuf> {
    let toolchain = |cache: &Path| Toolchain::find_or_install(cache);
    build(PROGRAMS.iter().chain([&CRON_PROBE]), None, toolchain)
}

/// Like [`build_programs`], with the toolchain that others have as well: for shared clusters.
pub(crate) fn build_with_agave(features: Option<&str>) -> Result<PathBuf> {
    let toolchain = |_: &Path| {
        Toolchain::agave().context(
            "`cargo build-sbf` is not installed. What is deployed for others is built by Agave's own \
             toolchain, or is a verified build; see docs/deploying.md",
        )
    };
    build(PROGRAMS.iter(), features, toolchain)
}

/// Builds what the benchmark measures with every toolchain at hand, each into a folder of its own; returns their
/// names and folders.
pub(crate) fn build_with_each() -> Result<Vec<(String, PathBuf)>> {
    let registry = Toolchain::registry(&paths::sbf_cache()?)?;
    let mut built = Vec::new();
    for (folder, toolchain) in [("agave", Toolchain::agave()), ("registry", Some(registry))] {
        let Some(toolchain) = toolchain else {
            continue;
        };
        let name = toolchain.name();
        let deploy = paths::target_dir()?.join("toolchains").join(folder);
        let all = PROGRAMS.iter().chain([&CRON_PROBE]);
        built.push((name, build_into(deploy, all, None, |_| Ok(toolchain))?));
    }
    Ok(built)
}

/// For people: the toolchain that builds the programs.
pub(crate) fn toolchain_name() -> Result<String> {
    Ok(Toolchain::find_or_install(&paths::sbf_cache()?)?.name())
}

fn build<'a>(
    programs: impl Iterator<Item = &'a Program>,
    features: Option<&str>,
    toolchain: impl FnOnce(&Path) -> Result<Toolchain>,
) -> Result<PathBuf> {
    build_into(paths::deploy_dir()?, programs, features, toolchain)
}

fn build_into<'a>(
    deploy: PathBuf,
    programs: impl Iterator<Item = &'a Program>,
    features: Option<&str>,
    toolchain: impl FnOnce(&Path) -> Result<Toolchain>,
) -> Result<PathBuf> {
    fs::create_dir_all(&deploy).with_context(|| format!("creating {}", deploy.display()))?;
    let cache = paths::sbf_cache()?;
    fs::create_dir_all(&cache).with_context(|| format!("creating {}", cache.display()))?;
    let _lock = exclusive(&cache.join("lock"))?;

    let toolchain = toolchain(&cache)?;
    eprintln!("toolchain: {}", toolchain.name());
    for program in programs {
        let elf = deploy.join(program.elf).with_extension("so");
        let built = build_if_changed(&toolchain, program, features, &elf)?;
        let size = fs::metadata(&elf)?.len();
        let news = if built { "built" } else { "up to date" };
        eprintln!("{}: {size} bytes, {news}", elf.display());
    }
    Ok(deploy)
}

/// Holds a lock file, so that builds started side by side do not write to the same folders.
fn exclusive(path: &Path) -> Result<File> {
    let lock = File::create(path).with_context(|| format!("creating {}", path.display()))?;
    match lock.try_lock() {
        Err(TryLockError::WouldBlock) => {
            eprintln!("waiting for another build of the programs to end");
            lock.lock()?;
        }
        other => other?,
    }
    Ok(lock)
}

fn build_if_changed(
    toolchain: &Toolchain,
    program: &Program,
    features: Option<&str>,
    elf: &Path,
) -> Result<bool> {
    let stamp = elf.with_extension("so.stamp");
    let inputs = inputs(toolchain, program, features)?;
    if elf.exists() && stamp::is(&stamp, &vouch(&inputs, elf)?) {
        return Ok(false);
    }
    process::timed(
        &format!("building {} (up to 2 minutes)", elf.display()),
        || compile::program(toolchain, program, features, elf),
    )?;
    stamp::write(&stamp, &vouch(&inputs, elf)?)?;
    Ok(true)
}

/// A hash over the programs' sources and the versions of what they depend on, whatever toolchain builds them.
pub(crate) fn sources() -> Result<String> {
    let own = PROGRAMS.iter();
    let own = own.flat_map(|program| [&[program.folder], program.depends_on].concat());
    let files = own.chain(["Cargo.toml", "Cargo.lock"]);
    let add = |fingerprint: Fingerprint, path| fingerprint.add_files(&paths::workspace(), path);
    let all = files.into_iter().try_fold(Fingerprint::default(), add)?;
    Ok(format!("{}\n", all.finish()))
}

/// A hash over all that goes into a program's ELF.
fn inputs(toolchain: &Toolchain, program: &Program, features: Option<&str>) -> Result<String> {
    let fingerprint = Fingerprint::default()
        .add("toolchain", toolchain.identity())
        .add("features", features.unwrap_or_default());
    let shared = ["Cargo.toml", "Cargo.lock", "xtask/sbf", "xtask/src/sbf"];
    let of_its_own = [&[program.folder], program.depends_on].concat();
    let add = |fingerprint: Fingerprint, path| fingerprint.add_files(&paths::workspace(), path);
    let files = of_its_own.into_iter().chain(shared);
    Ok(files.into_iter().try_fold(fingerprint, add)?.finish())
}

/// The stamp covers the ELF too, so that one from elsewhere does not pass for ours.
fn vouch(inputs: &str, elf: &Path) -> Result<String> {
    let content = fs::read(elf).with_context(|| format!("reading {}", elf.display()))?;
    let elf = Fingerprint::default().add("elf", content).finish();
    Ok(format!("inputs {inputs}\nelf {elf}\n"))
}
