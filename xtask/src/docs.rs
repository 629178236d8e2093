//! Generates the pages of docs/ that describe the code.

mod accounts;
mod picture;
mod state_machine;

use crate::{generated::Generated, schema};
use anyhow::Result;

/// Writes docs/state-machine.md, its picture, docs/accounts.md and docs/reference.md, or with `check` compares
/// them.
pub(crate) fn docs(check: bool) -> Result<()> {
    let files = [
        Generated::new("docs/state-machine.md", state_machine::page()),
        Generated::new("docs/state-machine.svg", picture::svg()),
        Generated::new("docs/accounts.md", accounts::page()?),
    ];
    files
        .iter()
        .try_for_each(|file| file.write_or_check(check, "cargo xtask docs"))?;
    schema::reference(check)
}
