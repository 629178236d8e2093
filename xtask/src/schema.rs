//! JSON Schemas, by which editors complete and check what people write.

use crate::{generated::Generated, paths, process, suites};
use anyhow::{Context, Result};

/// Generates schema/*.json, or with `check` compares them.
pub(crate) fn schema(check: bool) -> Result<()> {
    for (kind, path) in [
        ("deployment", "schema/deployment.schema.json"),
        ("job-definition", "schema/job-definition.schema.json"),
    ] {
        let mut command = process::workspace_cargo();
        command
            .current_dir(paths::workspace())
            .args(["run", "--quiet", "--locked"])
            .args(suites::EVERYTHING)
            .args(["--bin", "schema", "--", kind]);
        let printed =
            process::answer(&mut command).context("`cargo run --bin schema` fails; it says why")?;
        let file = Generated::new(path, format!("{}\n", printed.trim_end()));
        file.write_or_check(check, "cargo xtask schema")?;
    }
    Ok(())
}
