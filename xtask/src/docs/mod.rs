//! What docs/ says of the code, generated from the code.

mod picture;
mod state_machine;

use crate::generated::Generated;
use anyhow::Result;

/// Writes docs/state-machine.md and its picture, or with `check` compares them.
pub(crate) fn docs(check: bool) -> Result<()> {
    let files = [
        Generated::new("docs/state-machine.md", state_machine::page()),
        Generated::new("docs/state-machine.svg", picture::svg()),
    ];
    files
        .iter()
        .try_for_each(|file| file.write_or_check(check, "cargo xtask docs"))
}
