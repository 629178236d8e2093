//! What is published: that every crate can be packaged, that the test kit carries today's bytecode, and that a
//! stranger's crate gets along with the packages alone.

use crate::{paths, process, sbf, stamp};
use anyhow::{bail, Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where the test kit keeps the programs' bytecode.
const ELVES: &str = "client/testkit/elf";
/// A hash over the sources that it was built from.
const SOURCES: &str = "sources.sha256";
const ELF_NAMES: [&str; 2] = ["deployments.so", "nosana_jobs_localnet.so"];
/// Crates of the workspace that nobody else needs.
const PRIVATE: [&str; 5] = [
    "deployments-tests",
    "cron-probe",
    "xtask",
    "nosana-deployments-migrations",
    "migrations-stand-ins",
];

/// Copies the programs' bytecode into the test kit, or with `check` fails if it is not today's.
pub(crate) fn testkit(check: bool) -> Result<()> {
    let built = sbf::build_programs(None)?;
    for name in ELF_NAMES {
        let (from, to) = (built.join(name), paths::workspace().join(ELVES).join(name));
        let fresh = fs::read(&from).with_context(|| format!("reading {}", from.display()))?;
        if fs::read(&to).is_ok_and(|kept| kept == fresh) {
            continue;
        }
        if check {
            bail!("{ELVES}/{name} is not what the sources build; run `cargo xtask testkit`");
        }
        fs::write(&to, fresh).with_context(|| format!("writing {}", to.display()))?;
    }
    let stamp = paths::workspace().join(ELVES).join(SOURCES);
    match stamp::is(&stamp, &sbf::sources()?) {
        true => Ok(()),
        false if check => bail!("{ELVES}/{SOURCES} is not today's; run `cargo xtask testkit`"),
        false => stamp::write(&stamp, &sbf::sources()?),
    }
}

/// Where bytecode of today's sources is: in the test kit, unless they have changed since; then it is built.
pub(crate) fn bytecode() -> Result<PathBuf> {
    let folder = paths::workspace().join(ELVES);
    match stamp::is(&folder.join(SOURCES), &sbf::sources()?) {
        true => Ok(folder),
        false => sbf::build_programs(None),
    }
}

/// Packages every published crate, and runs the test of the test kit's README in a crate that has nothing but the
/// packages.
pub(crate) fn packages() -> Result<()> {
    // Without those of another version.
    let packaged = paths::target_dir()?.join("package");
    stamp::remove(&packaged)?;
    let mut package = process::workspace_cargo();
    package
        .current_dir(paths::workspace())
        .args([
            "package",
            "--workspace",
            "--quiet",
            "--allow-dirty",
            "--no-verify",
        ])
        .env("CARGO_TARGET_DIR", paths::target_dir()?);
    for name in PRIVATE {
        package.args(["--exclude", name]);
    }
    process::run(&mut package, "a published crate cannot be packaged")?;
    let folder = paths::target_dir()?.join("stranger");
    stranger(&folder, &packaged)?;
    let mut test = process::workspace_cargo();
    test.current_dir(&folder)
        .args(["test", "--quiet"])
        // Not the workspace's: cargo takes a package for the crate of the same name there.
        .env(
            "CARGO_TARGET_DIR",
            paths::target_dir()?.join("stranger-target"),
        )
        // Only what is in the package.
        .env_remove("SBF_OUT_DIR");
    process::run(
        &mut test,
        "the test kit's README does not work for a stranger",
    )
}

/// Writes a crate as a stranger would: the README's dependency and its test.
fn stranger(folder: &Path, packaged: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder.join("tests"))?;
    let mut manifest = String::from(
        "[package]\nname = \"stranger\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[lib]\npath = \"lib.rs\"\n\n[workspace]\n\n\
         [dev-dependencies]\ntokio = { version = \"1\", features = [\"macros\", \"rt\"] }\n\
         nosana-deployments-testkit = { version = \"0.1\", features = [\"litesvm\"] }\n\n\
         [profile.dev]\ndebug = \"line-tables-only\"\n\n[patch.crates-io]\n",
    );
    for (name, path) in unpacked(folder, packaged)? {
        manifest.push_str(&format!("{name} = {{ path = {path:?} }}\n"));
    }
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::write(folder.join("lib.rs"), "")?;
    // The versions that the project is tested with.
    fs::copy(
        paths::workspace().join("Cargo.lock"),
        folder.join("Cargo.lock"),
    )?;
    let readme = fs::read_to_string(paths::workspace().join("client/testkit/README.md"))?;
    let test = readme.split("```rust\n").nth(1);
    let test = test.and_then(|rest| rest.split("```").next());
    let test = test.context("the test kit's README has no test")?;
    Ok(fs::write(folder.join("tests/readme.rs"), test)?)
}

/// The packages, each unpacked; their names and folders.
fn unpacked(folder: &Path, packaged: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(packaged)? {
        let path = entry?.path();
        if path
            .extension()
            .is_none_or(|extension| extension != "crate")
        {
            continue;
        }
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let (stem, name) = stem
            .and_then(|stem| Some((stem, stem.rsplit_once('-')?.0)))
            .context("a package without a version")?;
        let mut tar = Command::new("tar");
        // With a time of now: cargo would take what it built of an earlier package for this one's.
        tar.arg("-xzmf").arg(&path).arg("-C").arg(folder);
        process::run(&mut tar, "tar unpacks packages")?;
        found.push((name.to_owned(), folder.join(stem)));
    }
    Ok(found)
}
