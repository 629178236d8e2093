//! Job definitions that this machine has published, by CID, so that later commands know what runs. They may
//! hold secrets: nobody else may read them.

use crate::{context::Context, exit::invalid, ipfs::Gateway};
use anyhow::{Context as _, Result};
use nosana_deploy_client::{confidential::commitment, definition::Definition, digest};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// Keeps a definition.
///
/// # Errors
/// There is no place for it, or it cannot be written.
pub(crate) fn keep(definition: &Definition) -> Result<()> {
    let path = path(definition.digest()).context("there is no data folder to keep it in")?;
    let kept = write_private(&path, definition.text().as_bytes());
    kept.with_context(|| format!("the job definition is not kept in {}", path.display()))
}

/// Keeps a definition that is found elsewhere, too; what goes wrong is said, and stops nothing.
pub(crate) fn keep_copy(definition: &Definition) {
    if let Err(error) = keep(definition) {
        eprintln!("{error:#}");
    }
}

/// The definition of a digest, if this machine has it and nobody has changed it.
pub(crate) fn find(digest: &[u8; 32]) -> Option<Definition> {
    let text = fs::read_to_string(path(digest)?).ok()?;
    Definition::read(&text, digest)
}

/// Whether a digest is a stub's, as far as this machine knows.
pub(crate) fn is_stub(digest: &[u8; 32]) -> bool {
    find(digest).is_some_and(|found| commitment(&found).is_some())
}

/// What the jobs of a digest run: the definition, or the one that a stub stands for, if this machine has it.
pub(crate) fn find_real(digest: &[u8; 32]) -> Option<Definition> {
    let found = find(digest)?;
    match commitment(&found) {
        Some(real) => find(&real),
        None => Some(found),
    }
}

/// What the jobs of a digest run, from this machine or through a gateway; then it is kept.
///
/// # Errors
/// It is not here and no gateway is named, or the gateway does not have it, or has a stub of what only its
/// owner's machine keeps.
pub(crate) async fn find_or_fetch(
    context: &Context,
    digest: &[u8; 32],
    gateway: Option<&str>,
) -> Result<Definition> {
    if let Some(definition) = find_real(digest) {
        return Ok(definition);
    }
    let Some(gateway) = context.profile.ipfs_gateway(gateway) else {
        return Err(invalid(format!(
            "the job definition {} was not published from this machine; fetch it with --ipfs-gateway, for example https://ipfs.io",
            digest::cid(digest)
        )));
    };
    let definition = Gateway::new(gateway)?.definition(digest).await?;
    keep_copy(&definition);
    match commitment(&definition) {
        Some(real) => find(&real).ok_or_else(|| {
            invalid(format!(
                "the job definition {} is confidential; the machine that published it keeps it",
                digest::cid(&real)
            ))
        }),
        None => Ok(definition),
    }
}

/// Where a definition is kept; `None` if the user has no data directory.
fn path(digest: &[u8; 32]) -> Option<PathBuf> {
    let name = format!("nosana-deploy/definitions/{}.json", digest::cid(digest));
    Some(dirs::data_dir()?.join(name))
}

/// Writes a whole file or none, which its owner alone may read.
pub(crate) fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut make = fs::DirBuilder::new();
    make.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut make, 0o700);
    path.parent().map_or(Ok(()), |folder| make.create(folder))?;
    let whole = path.with_extension(format!("{}.part", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&whole)?.write_all(bytes)?;
    fs::rename(whole, path)
}
