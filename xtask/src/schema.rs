//! Files that the workspace's own programs print: JSON Schemas, by which editors complete and check what people
//! write; fixtures, by which the TypeScript client is held to say the same; and the command line's reference.

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

/// Generates the reference of the command line, or with `check` compares it.
pub(crate) fn reference(check: bool) -> Result<()> {
    let file = printed(&["nosana-deploy", "--", "reference"], "docs/reference.md")?;
    file.write_or_check(check, "cargo xtask docs")
}

/// What a program of the workspace prints, for the file at `path`.
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
