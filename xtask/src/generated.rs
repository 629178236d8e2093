//! Files in the repository that a task generates, and that CI compares.

use crate::paths;
use anyhow::{bail, Context, Result};
use std::fs;

/// A file's path in the workspace, and what it should hold.
pub(crate) struct Generated {
    path: &'static str,
    content: String,
}

impl Generated {
    pub(crate) fn new(path: &'static str, content: String) -> Self {
        Self { path, content }
    }

    /// Writes the file, or fails if it differs; `command` is what writes it.
    pub(crate) fn write_or_check(&self, check: bool, command: &str) -> Result<()> {
        let file = paths::workspace().join(self.path);
        if check {
            let found = fs::read_to_string(&file).unwrap_or_default();
            return self.compare(&found, command);
        }
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&file, &self.content).with_context(|| format!("cannot write {}", self.path))
    }

    fn compare(&self, found: &str, command: &str) -> Result<()> {
        if found == self.content {
            return Ok(());
        }
        let same = found
            .lines()
            .zip(self.content.lines())
            .take_while(|(found, wanted)| found == wanted)
            .count();
        let line = same.saturating_add(1);
        bail!(
            "{}: line {line} is not what the code says; run `{command}`",
            self.path
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_told_by_file_and_line() {
        let file = Generated::new("docs/x.md", "one\ntwo\n".into());
        assert!(file.compare("one\ntwo\n", "c").is_ok());
        let told = |found| file.compare(found, "c").map_err(|error| error.to_string());
        let at = |line| format!("docs/x.md: line {line} is not what the code says; run `c`");
        assert_eq!(told("one\n2\n"), Err(at(2)));
        assert_eq!(told("one\n"), Err(at(2)));
        assert_eq!(told(""), Err(at(1)));
    }
}
