//! `definitions`: what this machine knows that nobody else does.

mod requests;
mod serve;

use crate::context::Context;
use anyhow::Result;
use clap::{Args, Subcommand};

/// Hand confidential definitions to the nodes of their jobs
#[derive(Args)]
pub(crate) struct DefinitionsCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    Serve(serve::Serve),
}

impl DefinitionsCommand {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        match self.action {
            Action::Serve(serve) => serve.run(context),
        }
    }
}
