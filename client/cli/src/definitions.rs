//! Job definitions that this machine has published, by CID, so that later commands know what runs. They may
//! hold secrets: nobody else may read them.

use anyhow::{Context, Result};
use nosana_deploy_client::{definition::Definition, digest};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// A folder in the user's data directory.
pub(crate) struct Definitions(PathBuf);

impl Definitions {
    /// `None` if the user has no data directory.
    pub(crate) fn of_user() -> Option<Self> {
        let folder = dirs::data_dir()?.join("nosana-deploy").join("definitions");
        Some(Self(folder))
    }

    /// Keeps a definition.
    pub(crate) fn keep(&self, definition: &Definition) -> Result<()> {
        let path = self.path(definition.digest());
        let kept = write_private(&self.0, &path, definition.text());
        kept.with_context(|| format!("the job definition is not kept in {}", path.display()))
    }

    /// The definition of a digest, if it is here and nobody has changed it.
    pub(crate) fn find(&self, digest: &[u8; 32]) -> Option<Definition> {
        let text = fs::read_to_string(self.path(digest)).ok()?;
        Definition::read(&text, digest)
    }

    fn path(&self, digest: &[u8; 32]) -> PathBuf {
        self.0.join(digest::cid(digest)).with_extension("json")
    }
}

/// Keeps a definition where there is a place for it; what goes wrong is said, and stops nothing.
pub(crate) fn keep(definition: &Definition) {
    let kept = Definitions::of_user().map_or(Ok(()), |all| all.keep(definition));
    if let Err(error) = kept {
        eprintln!("{error:#}");
    }
}

/// The definition of a digest, if this machine has it.
pub(crate) fn find(digest: &[u8; 32]) -> Option<Definition> {
    Definitions::of_user()?.find(digest)
}

/// Writes a whole file or none, which its owner alone may read.
fn write_private(folder: &Path, path: &Path, text: &str) -> std::io::Result<()> {
    let mut make = fs::DirBuilder::new();
    make.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut make, 0o700);
    make.create(folder)?;
    let whole = path.with_extension(format!("{}.part", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&whole)?.write_all(text.as_bytes())?;
    fs::rename(whole, path)
}
