//! Results that nodes of confidential jobs left with this machine, by the job. Its owner alone may read them.

use crate::definitions::write_private;
use solana_program::pubkey::Pubkey;
use std::{io, path::PathBuf};

/// What became of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is kept from now on.
    Now,
    /// The same was kept before.
    Before,
    /// Another one was kept before, and stays.
    Another,
}

/// Keeps a job's result, the first that comes.
///
/// # Errors
/// There is no place for it, or it cannot be written.
pub(crate) fn keep(job: &Pubkey, bytes: &[u8]) -> io::Result<Kept> {
    let path = path(job).ok_or(io::ErrorKind::NotFound)?;
    match find(job) {
        Some(kept) if kept == bytes => Ok(Kept::Before),
        Some(_) => Ok(Kept::Another),
        None => write_private(&path, bytes).map(|()| Kept::Now),
    }
}

/// A job's result, if its node left it here.
pub(crate) fn find(job: &Pubkey) -> Option<Vec<u8>> {
    std::fs::read(path(job)?).ok()
}

fn path(job: &Pubkey) -> Option<PathBuf> {
    let name = format!("nosana-deploy/results/{job}.json");
    Some(dirs::data_dir()?.join(name))
}
