//! Files that the Rust client's own code prints: JSON Schemas, by which editors complete and check what people
//! write, and fixtures, by which the TypeScript client is held to say the same.

use crate::{generated::Generated, paths, process, suites};
use anyhow::{Context, Result};

/// Generates schema/*.json, or with `check` compares them.
pub(crate) fn schema(check: bool) -> Result<()> {
    for (kind, path) in [
        ("deployment", "schema/deployment.schema.json"),
        ("job-definition", "schema/job-definition.schema.json"),
    ] {
        let file = printed(&["schema", "--", kind], path)?;
        file.write_or_check(check, "cargo xtask schema")?;
    }
    Ok(())
}

/// Generates the TypeScript client's fixtures, or with `check` compares them.
pub(crate) fn fixtures(check: bool) -> Result<()> {
    let file = printed(&["fixtures"], "client/typescript/test/fixtures.json")?;
    file.write_or_check(check, "cargo xtask fixtures")
}

/// What a program of the test suites prints, for the file at `path`.
fn printed(program: &[&str], path: &'static str) -> Result<Generated> {
    let mut command = process::workspace_cargo();
    command
        .current_dir(paths::workspace())
        .args(["run", "--quiet", "--locked"])
        .args(suites::EVERYTHING)
        .arg("--bin")
        .args(program);
    let printed = process::answer(&mut command)
        .with_context(|| format!("`cargo run --bin {}` fails; it says why", program.join(" ")))?;
    Ok(Generated::new(path, format!("{}\n", printed.trim_end())))
}
