//! `localnet`: a world of one's own, to try things in.

mod gateway;
mod ipfs;
mod nodes;

use crate::{
    definitions::write_private,
    demo::default_programs,
    exit::invalid,
    format::{parse_nos, parse_sol, price},
    output::{say, Facts, Output},
};
use anyhow::{Context as _, Result};
use clap::Args;
use gateway::Routes;
use ipfs::Store;
use nodes::Nodes;
use nosana_deploy_client::{
    localnet::{Localnet, Programs},
    rpc::Cluster,
};
use nosana_deploy_keeper::{Config, Keeper, KeeperError};
use solana_commitment_config::CommitmentConfig;
use solana_keypair::{read_keypair_file, write_keypair_file, Keypair};
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;
use std::{
    future::Future,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::net::TcpListener;

/// Run a localnet: a validator with the programs, a market, nodes, a keeper and an IPFS, until Ctrl-C
///
/// It starts within seconds, needs no network, and forgets everything when it stops, except a wallet's file.
/// Its nodes take jobs, serve a page at each port that a job exposes, and store results; they run no
/// containers. A profile tells other commands where everything is: `export NOSANA_PROFILE=` what it prints.
#[derive(Args)]
pub(crate) struct LocalnetCommand {
    /// A wallet that gets SOL and NOS; several are allowed [default: one with a file in your data folder]
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
    /// How many nodes take jobs, each one at a time
    #[arg(long, default_value_t = 3, value_name = "COUNT", conflicts_with = "bare", value_parser = clap::value_parser!(u16).range(..=64))]
    nodes: u16,
    /// The validator and the market alone: no nodes, no keeper, no IPFS, no profile, no wallet's file
    #[arg(long)]
    bare: bool,
    /// Folder of deployments.so and nosana_jobs_localnet.so [default: `deploy` in the target folder]
    #[arg(long, env = "SBF_OUT_DIR", hide_env = true)]
    programs: Option<PathBuf>,
}

/// Where the IPFS API and its gateway answer, or at the next port that is free.
const IPFS_PORT: u16 = 5001;
/// Where nodes are reached.
const NODES_PORT: u16 = 8080;
/// What the keeper has at first: 100 SOL.
const KEEPER_LAMPORTS: u64 = 100_000_000_000;

impl LocalnetCommand {
    pub(crate) fn run(self, output: Output) -> Result<()> {
        let programs = Programs::read(&self.programs.clone().unwrap_or_else(default_programs))?;
        tokio::runtime::Runtime::new()?.block_on(async {
            let spinner = output.spinner("starting a validator");
            let mut localnet = Localnet::start(programs).await?;
            localnet.take_usual_ports().await;
            let authority = Keypair::new().pubkey();
            localnet.open_market(&self.market, &authority, self.price)?;
            for wallet in &self.wallet {
                localnet.fund(wallet, self.sol, self.nos)?;
            }
            let world = match self.bare {
                true => None,
                false => Some(self.populate(&localnet).await?),
            };
            drop(spinner);
            self.tell(&localnet, world.as_ref(), output)?;
            match world {
                // The keeper ends with Ctrl-C, too.
                Some(world) => Ok(world.keeper.await?),
                None => Ok(tokio::signal::ctrl_c().await?),
            }
        })
    }

    /// Everybody else: an IPFS, nodes and the way to them, a keeper, and a wallet.
    async fn populate(&self, localnet: &Localnet) -> Result<World> {
        let folder = dirs::data_dir().context("there is no data folder for the wallet's file")?;
        let folder = folder.join("nosana-deploy/localnet");
        let wallet = folder.join("wallet.json");
        let owner = wallet_in(&wallet)?.pubkey();
        if !self.wallet.contains(&owner) {
            localnet.fund(&owner, self.sol, self.nos)?;
        }
        let (store, routes) = (Store::default(), Routes::default());
        let ipfs = serve(IPFS_PORT, ipfs::router(store.clone())).await?;
        let gateway = serve(NODES_PORT, gateway::router(routes.clone())).await?;
        let cluster = || Cluster::new(localnet.rpc_url(), CommitmentConfig::confirmed());
        let nodes = Nodes::new(localnet, cluster(), self.market, self.nodes, store, routes)?;
        tokio::spawn(nodes.work());

        let keeper = Keypair::new();
        localnet.fund(&keeper.pubkey(), KEEPER_LAMPORTS, 0)?;
        let config = Config {
            // Whoever tries things offers no rewards.
            profitable_only: false,
            markets: vec![self.market],
            stagger: Duration::ZERO,
            creates_node_accounts: true,
            ..Config::new(localnet.ws_url())
        };
        let keeper = Keeper::new(cluster(), keeper, Vec::new(), config).run();

        let profile = folder.join("profile.toml");
        let text = profile_text(localnet, &wallet, ipfs, gateway);
        write_private(&profile, text.as_bytes())
            .with_context(|| format!("{} cannot be written", profile.display()))?;
        Ok(World {
            owner,
            wallet,
            profile,
            ipfs,
            gateway,
            keeper: Box::pin(keeper),
        })
    }

    fn tell(&self, localnet: &Localnet, world: Option<&World>, output: Output) -> Result<()> {
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
        if let Some(world) = world {
            world.facts(self.nodes, &mut facts);
        }
        output.print(&facts)?;
        match (output.is_json(), world) {
            (false, Some(world)) => say(world.next_steps()),
            (false, None) => say("Ctrl-C stops it."),
            (true, _) => Ok(()),
        }
    }
}

/// Who lives on the localnet besides its validator.
struct World {
    owner: Pubkey,
    wallet: PathBuf,
    profile: PathBuf,
    ipfs: u16,
    gateway: u16,
    keeper: std::pin::Pin<Box<dyn Future<Output = Result<(), KeeperError>>>>,
}

impl World {
    fn facts(&self, nodes: u16, facts: &mut Facts) {
        let Self { ipfs, gateway, .. } = self;
        let wallet = self.wallet.display();
        facts.add(
            "Wallet",
            format!("{} in {wallet}", self.owner),
            "wallet",
            self.owner.to_string(),
        );
        facts.add("", "", "keypair", wallet.to_string());
        let ipfs = format!("http://127.0.0.1:{ipfs}");
        facts.text("IPFS API and gateway", "ipfs_api", ipfs);
        let shown = format!("{nodes}, reached at http://<host>.localhost:{gateway}");
        let gateway = format!("http://localhost:{gateway}");
        facts.add("Nodes", shown, "node_gateway", gateway);
        facts.text("Profile", "profile", self.profile.display());
    }

    /// What to type next.
    fn next_steps(&self) -> String {
        format!(
            "\nIn another terminal:\n\n  export NOSANA_PROFILE={}\n  \
             nosana-deploy up examples/hello-web.json --hours 2\n  \
             nosana-deploy status 0 --wait RUNNING\n  \
             nosana-deploy endpoints 0 --check\n  \
             nosana-deploy restart 0\n\ndocs/tutorial.md goes on from there. Ctrl-C stops it.",
            self.profile.display()
        )
    }
}

/// The wallet in a file, which is made if there is none.
fn wallet_in(file: &Path) -> Result<Keypair> {
    let shown = file.display();
    if file.exists() {
        return read_keypair_file(file).map_err(|error| invalid(format!("{shown}: {error}")));
    }
    let wallet = Keypair::new();
    write_keypair_file(&wallet, file)
        .map_err(|error| invalid(format!("{shown} cannot be written: {error}")))?;
    Ok(wallet)
}

/// Where everything is, for other commands.
fn profile_text(localnet: &Localnet, wallet: &Path, ipfs: u16, gateway: u16) -> String {
    let wallet = wallet.display().to_string();
    [
        ("url", localnet.rpc_url().to_owned()),
        ("ws", localnet.ws_url().to_owned()),
        ("keypair", wallet),
        ("ipfs-api", format!("http://127.0.0.1:{ipfs}")),
        ("ipfs-gateway", format!("http://127.0.0.1:{ipfs}")),
        ("node-gateway", format!("http://localhost:{gateway}")),
    ]
    // TOML quotes text as JSON does.
    .map(|(name, value)| format!("{name} = {}\n", serde_json::Value::from(value)))
    .concat()
}

/// Answers at a port, or at the next one that is free, as long as the process lives.
async fn serve(usual: u16, app: axum::Router) -> Result<u16> {
    const PORTS_TRIED: u16 = 100;
    for port in (usual..).take(PORTS_TRIED.into()) {
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            tokio::spawn(async move {
                // Until the process ends.
                let _ = axum::serve(listener, app).await;
            });
            return Ok(port);
        }
    }
    Err(invalid(format!("no port from {usual} on is free")))
}
