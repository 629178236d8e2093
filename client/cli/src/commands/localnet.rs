//! `localnet`: a cluster of one's own, to try things on.

use crate::{
    demo::default_programs,
    format::{parse_nos, parse_sol, price},
    output::{say, Facts, Output},
};
use anyhow::Result;
use clap::Args;
use nosana_deploy_client::localnet::{Localnet, Programs};
use solana_keypair::Keypair;
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;
use std::path::PathBuf;

/// Run a localnet: a validator with the programs, a NOS mint and a market, until Ctrl-C
///
/// It starts within seconds, needs no network, and forgets everything when it stops. Other commands
/// find it with `--url localhost` if ports 8899 and 8900 were free, else at the URLs that it prints.
#[derive(Args)]
pub(crate) struct LocalnetCommand {
    /// A wallet that gets SOL and NOS; several are allowed
    #[arg(long, value_name = "PUBKEY")]
    wallet: Vec<Pubkey>,
    /// SOL for each wallet
    #[arg(long, default_value = "100", value_parser = parse_sol, value_name = "AMOUNT")]
    sol: u64,
    /// NOS for each wallet
    #[arg(long, default_value = "1000", value_parser = parse_nos, value_name = "AMOUNT")]
    nos: u64,
    /// The market's address
    #[arg(
        long,
        default_value = "CA5pMpqkYFKtme7K31pNB1s62X2SdhEv1nN9RdxKCpuQ",
        value_name = "PUBKEY"
    )]
    market: Pubkey,
    /// The market's price, NOS base units per second
    #[arg(long, default_value_t = 100, value_name = "UNITS")]
    price: u64,
    /// Folder of deployments.so and nosana_jobs_localnet.so [default: `deploy` in the target folder]
    #[arg(long, env = "SBF_OUT_DIR", hide_env = true)]
    programs: Option<PathBuf>,
}

impl LocalnetCommand {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let programs = Programs::read(&self.programs.clone().unwrap_or_else(default_programs))?;
        tokio::runtime::Runtime::new()?.block_on(async {
            let spinner = output.spinner("starting a validator");
            let mut localnet = Localnet::start(programs).await?;
            localnet.take_usual_ports().await;
            let authority = Keypair::new().pubkey();
            for wallet in &self.wallet {
                localnet.fund(wallet, self.sol, self.nos)?;
            }
            localnet.open_market(&self.market, &authority, self.price)?;
            drop(spinner);
            let mut facts = Facts::default();
            facts.text("JSON RPC URL", "rpc_url", localnet.rpc_url());
            facts.text("WebSocket URL", "ws_url", localnet.ws_url());
            facts.add(
                "Market",
                format!("{}, {}", self.market, price(self.price)),
                "market",
                self.market.to_string(),
            );
            facts.add("", "", "price_per_second", self.price);
            output.print(&facts)?;
            if !output.is_json() {
                say("Ctrl-C stops it.")?;
            }
            Ok(tokio::signal::ctrl_c().await?)
        })
    }
}
