//! Tells whether an output is up to date: a stamp file beside it holds a hash over the inputs.
//! A stamp is written last, so an interrupted step has none.

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A hash over named inputs, in the order in which they are given.
#[derive(Default)]
pub(crate) struct Fingerprint(Sha256);

impl Fingerprint {
    /// Adds one input. Lengths go first, so that no two lists of inputs look alike.
    pub(crate) fn add(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        for part in [name.as_bytes(), value.as_ref()] {
            self.0.update(part.len().to_le_bytes());
            self.0.update(part);
        }
        self
    }

    /// Adds a file, or every file below a folder, by its path within `root` and its content.
    pub(crate) fn add_files(mut self, root: &Path, path: &str) -> Result<Self> {
        let mut files = Vec::new();
        collect(&root.join(path), &mut files)?;
        files.sort();
        for file in files {
            let name = file.strip_prefix(root).unwrap_or(&file).to_string_lossy();
            let content = fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
            self = self.add(&name, content);
        }
        Ok(self)
    }

    /// The hash in hexadecimal.
    pub(crate) fn finish(self) -> String {
        format!("{:x}", self.0.finalize())
    }
}

/// The files at or below `path`, except what cargo and editors leave there.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path).with_context(|| format!("reading {}", path.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        if name != "target" && !name.to_string_lossy().starts_with('.') {
            collect(&entry.path(), files)?;
        }
    }
    Ok(())
}

/// Whether the stamp file says `expected`.
pub(crate) fn is(stamp: &Path, expected: &str) -> bool {
    fs::read_to_string(stamp).is_ok_and(|found| found == expected)
}

/// Writes a stamp file; call it only when the output is complete.
pub(crate) fn write(stamp: &Path, content: &str) -> Result<()> {
    fs::write(stamp, content).with_context(|| format!("writing {}", stamp.display()))
}

/// Removes a folder, if it is there.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(root: &Path) -> String {
        Fingerprint::default()
            .add_files(root, "crate")
            .unwrap()
            .finish()
    }

    #[test]
    fn a_fingerprint_follows_content_names_and_new_files_but_not_build_output() {
        let root = std::env::temp_dir().join(format!("xtask-stamp-{}", std::process::id()));
        let source = root.join("crate/src");
        fs::create_dir_all(&source).unwrap();
        fs::write(source.join("a.rs"), "1").unwrap();
        let first = hash_of(&root);
        assert_eq!(first, hash_of(&root));

        fs::create_dir_all(root.join("crate/target")).unwrap();
        fs::write(root.join("crate/target/out"), "x").unwrap();
        fs::write(source.join(".a.rs.swp"), "x").unwrap();
        assert_eq!(
            first,
            hash_of(&root),
            "build output and hidden files do not count"
        );

        fs::write(source.join("a.rs"), "2").unwrap();
        let changed = hash_of(&root);
        assert_ne!(first, changed);
        fs::rename(source.join("a.rs"), source.join("b.rs")).unwrap();
        let renamed = hash_of(&root);
        assert_ne!(changed, renamed);
        fs::write(source.join("c.rs"), "").unwrap();
        assert_ne!(renamed, hash_of(&root));
        remove(&root).unwrap();
    }

    #[test]
    fn neighbouring_inputs_do_not_run_together() {
        let hash = |inputs: [(&str, &str); 2]| {
            inputs
                .iter()
                .fold(Fingerprint::default(), |hash, (name, value)| {
                    hash.add(name, value)
                })
                .finish()
        };
        assert_ne!(
            hash([("a", "bc"), ("d", "e")]),
            hash([("ab", "c"), ("d", "e")])
        );
        assert_ne!(
            hash([("a", "b"), ("c", "d")]),
            hash([("c", "d"), ("a", "b")])
        );
    }

    #[test]
    fn a_missing_input_is_an_error_and_a_missing_folder_is_already_removed() {
        let nowhere = Path::new("/nonexistent");
        assert!(Fingerprint::default()
            .add_files(nowhere, "Cargo.toml")
            .is_err());
        assert!(remove(nowhere).is_ok());
    }
}
