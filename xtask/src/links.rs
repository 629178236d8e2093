//! Checks that the pages point at files that exist: links, and paths in backticks. Offline, so links to
//! other sites are left alone.

use crate::paths;
use anyhow::{bail, Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Folders whose Markdown is read.
const FOLDERS: [&str; 8] = [
    ".",
    "docs",
    "docs/adr",
    "migrations",
    "programs/nosana-jobs-interface",
    "programs/deployments",
    "client",
    "tests",
];
/// What a path in backticks begins with.
const ROOTS: [&str; 10] = [
    "programs/",
    "client/",
    "tests/",
    "docs/",
    "xtask/",
    "migrations/",
    "examples/",
    "schema/",
    "idl/",
    ".ci/",
];

/// Fails and lists every link that leads nowhere.
///
/// # Errors
/// If there is one.
pub(crate) fn check() -> Result<()> {
    let mut broken = Vec::new();
    for page in pages()? {
        let text = fs::read_to_string(&page)?;
        let folder = page.parent().context("a page without a folder")?;
        for target in links(&text) {
            if !folder.join(target).exists() {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
        for path in quoted_paths(&text) {
            if !paths::workspace().join(path).exists() {
                broken.push(format!("{}: `{path}`", page.display()));
            }
        }
    }
    match broken.is_empty() {
        true => Ok(()),
        false => bail!("these lead nowhere:\n{}", broken.join("\n")),
    }
}

fn pages() -> Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    for folder in FOLDERS {
        for entry in fs::read_dir(paths::workspace().join(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    Ok(pages)
}

/// Targets of Markdown links to files, without anchors.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let targets = text
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next());
    targets
        .filter(|target| !target.contains("://") && !target.starts_with('#'))
        .filter_map(|target| target.split('#').next())
}

/// Paths into this repository in backticks. Patterns and paths with a line number are left out.
fn quoted_paths(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|path| {
        ROOTS.iter().any(|root| path.starts_with(root))
            && !path.contains(|c: char| c.is_whitespace() || "*<>{}|:".contains(c))
            && Path::new(path).is_relative()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_files_and_paths_are_found() {
        let text = "see [a](docs/a.md#top), [b](https://b.example), [c](#c) and `tests/src/lib.rs`, `tests/*.rs`, `cargo`";
        assert_eq!(links(text).collect::<Vec<_>>(), ["docs/a.md"]);
        assert_eq!(quoted_paths(text).collect::<Vec<_>>(), ["tests/src/lib.rs"]);
    }
}
