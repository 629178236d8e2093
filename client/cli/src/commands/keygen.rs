//! `keygen`: a wallet's file.

use crate::{context::Options, exit::invalid, output::Facts};
use anyhow::Result;
use clap::Args;
use solana_cli_config::Config;
use solana_keypair::{write_keypair_file, Keypair};
use solana_signer::Signer;
use std::path::PathBuf;

/// Make a new wallet's file
///
/// The file is the only copy of the key: who has it has what the wallet holds, and who loses it loses
/// that. `solana-keygen` makes the same files, with a seed phrase to restore them from.
#[derive(Args)]
pub(crate) struct Keygen {
    /// Where [default: where `solana config` has the wallet]
    #[arg(short, long, value_name = "FILE")]
    outfile: Option<PathBuf>,
}

impl Keygen {
    pub(crate) fn run(self, options: &Options) -> Result<()> {
        let file = self
            .outfile
            .unwrap_or_else(|| Config::default().keypair_path.into());
        let shown = file.display();
        if file.exists() {
            return Err(invalid(format!(
                "--outfile {shown}: exists already, and its key would be lost; choose a different file"
            )));
        }
        let wallet = Keypair::new();
        write_keypair_file(&wallet, &file)
            .map_err(|error| invalid(format!("--outfile {shown}: {error}")))?;
        let mut facts = Facts::default();
        facts.text("Wallet", "wallet", wallet.pubkey());
        facts.text("File", "file", shown);
        options.output().print(&facts)
    }
}
