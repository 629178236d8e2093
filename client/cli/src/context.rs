//! The options that every command shares, and what they lead to: a cluster, a wallet, an output.

use crate::{
    exit::invalid,
    output::Output,
    profile::Profile,
    wallet::{Presigned, Signers},
};
use anyhow::Result;
use clap::Args;
use nosana_deploy_client::{accounts::DeploymentAccount, rpc::Cluster, seeds};
use solana_clap_v3_utils::input_validators::normalize_to_url_if_moniker;
use solana_cli_config::{Config, ConfigInput, CONFIG_FILE};
use solana_commitment_config::CommitmentConfig;
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;
use std::{future::Future, path::PathBuf};

/// As `solana` has them.
#[derive(Args, Clone, Default)]
pub(crate) struct Options {
    /// Configuration file to use [default: that of `solana config`]
    #[arg(short = 'C', long, global = true, value_name = "FILE", help_heading = HEADING)]
    config: Option<String>,
    /// TOML file of what you would repeat, see docs/cli.md [default: nosana-deploy/profile.toml in your
    /// configuration folder]
    #[arg(long, global = true, value_name = "FILE", env = "NOSANA_PROFILE", help_heading = HEADING)]
    profile: Option<PathBuf>,
    /// URL for Solana's JSON RPC or moniker (or their first letter): mainnet-beta, testnet, devnet,
    /// localhost
    #[arg(short, long, global = true, value_name = "URL_OR_MONIKER", env = "NOSANA_URL", hide_env_values = true, help_heading = HEADING)]
    url: Option<String>,
    /// WebSocket URL of the RPC node [default: made of --url]
    #[arg(long, global = true, value_name = "URL", env = "NOSANA_WS", hide_env_values = true, help_heading = HEADING)]
    ws: Option<String>,
    /// Filepath, pubkey, prompt:// or usb:// URI of the wallet, or - for stdin
    #[arg(short, long, global = true, value_name = "KEYPAIR", env = "NOSANA_KEYPAIR", hide_env_values = true, help_heading = HEADING)]
    keypair: Option<String>,
    /// How sure the answers must be: processed, confirmed or finalized [default: confirmed]
    #[arg(long, global = true, value_name = "COMMITMENT_LEVEL", help_heading = HEADING)]
    commitment: Option<CommitmentConfig>,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value = "display", value_name = "FORMAT", help_heading = HEADING)]
    output: Output,
}

const HEADING: &str = "Options of every command";

impl Options {
    pub(crate) fn output(&self) -> Output {
        self.output
    }

    /// These, and a settings file's where they name none.
    pub(crate) fn or(self, file: &Named) -> Self {
        Self {
            url: self.url.or_else(|| file.url.clone()),
            ws: self.ws.or_else(|| file.ws.clone()),
            keypair: self.keypair.or_else(|| file.keypair.clone()),
            ..self
        }
    }

    /// What they name.
    #[cfg(test)]
    pub(crate) fn named(&self) -> Named {
        Named {
            url: self.url.clone(),
            ws: self.ws.clone(),
            keypair: self.keypair.clone(),
        }
    }

    /// Where the RPC node answers subscriptions: what is named, what the configuration says of its own
    /// node, or what follows from the node's address.
    fn ws_url(&self, rpc_url: &str, configured: String) -> Result<String> {
        let named = self.ws.clone();
        let is_configured = self.url.is_none() && !configured.is_empty();
        let chosen = named.or_else(|| is_configured.then_some(configured));
        match chosen {
            Some(ws) if !ws.starts_with("ws://") && !ws.starts_with("wss://") => Err(invalid(
                "--ws: use an address that begins with ws:// or wss://",
            )),
            Some(ws) => Ok(ws),
            None => Ok(Config::compute_websocket_url(rpc_url)),
        }
    }
}

/// An RPC node and a wallet, as a settings file may name them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Named {
    /// The RPC node.
    pub(crate) url: Option<String>,
    /// Where it answers subscriptions.
    pub(crate) ws: Option<String>,
    /// The wallet's file.
    pub(crate) keypair: Option<String>,
}

impl Named {
    /// What a profile names, except subscriptions if the node is a different one.
    fn by(profile: &Profile, options: &Options) -> Self {
        let ws = profile.ws.clone().filter(|_| options.url.is_none());
        Self {
            url: profile.url.clone(),
            ws,
            keypair: profile.keypair.clone(),
        }
    }
}

/// What a command works with.
pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) cluster: Cluster,
    pub(crate) profile: Profile,
    /// Its RPC node, and where that answers subscriptions; may hold keys, so neither is ever shown.
    url: String,
    ws_url: String,
    /// The wallet's URI.
    keypair: String,
    /// Whether the command line, or the environment, names the wallet.
    names_keypair: bool,
    runtime: tokio::runtime::Runtime,
}

impl Context {
    pub(crate) fn new(options: &Options) -> Result<Self> {
        let profile = Profile::read(options.profile.as_deref())?;
        let names_keypair = options.keypair.is_some();
        let options = &options.clone().or(&Named::by(&profile, options));
        let config = config(options.config.as_deref())?;
        let url = options
            .url
            .as_deref()
            .map(normalize_to_url_if_moniker)
            .unwrap_or(config.json_rpc_url);
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(invalid("--url: use an address that begins with http:// or https://, or one of mainnet-beta, testnet, devnet, localhost"));
        }
        let (_, commitment) = ConfigInput::compute_commitment_config(
            &options
                .commitment
                .map(|level| level.commitment.to_string())
                .unwrap_or_default(),
            &config.commitment,
        );
        Ok(Self {
            output: options.output,
            profile,
            cluster: Cluster::new(&url, commitment),
            ws_url: options.ws_url(&url, config.websocket_url)?,
            url,
            keypair: options.keypair.clone().unwrap_or(config.keypair_path),
            names_keypair,
            runtime: tokio::runtime::Runtime::new()?,
        })
    }

    /// Where the RPC node answers subscriptions; not to be shown.
    pub(crate) fn ws_url(&self) -> &str {
        &self.ws_url
    }

    /// The wallet, if the command line or the environment names it: a profile's, or the configuration's, is not
    /// meant by everything.
    pub(crate) fn named_keypair(&self) -> Option<&str> {
        self.names_keypair.then_some(&self.keypair)
    }

    /// The wallet as it was named.
    pub(crate) fn keypair_path(&self) -> &str {
        &self.keypair
    }

    /// A connection of its own to the same node.
    pub(crate) fn another_cluster(&self) -> Cluster {
        Cluster::new(&self.url, self.cluster.client().commitment())
    }

    /// The cluster, and what runs requests to it.
    pub(crate) fn into_cluster(self) -> (Cluster, tokio::runtime::Runtime) {
        (self.cluster, self.runtime)
    }

    /// Runs what waits for a cluster.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.runtime.block_on(work)
    }

    /// The wallet, to sign with.
    pub(crate) fn wallet(&self, signers: &Signers) -> Result<Box<dyn Signer>> {
        signers.find(&self.keypair, "keypair")
    }

    /// The wallet's public key.
    pub(crate) fn wallet_address(&self) -> Result<Pubkey> {
        let absent_allowed = true;
        let none: &[Presigned] = &[];
        Ok(self.wallet(&Signers::new(absent_allowed, none)?)?.pubkey())
    }

    /// The address that an argument names: itself, or the wallet's deployment of that number.
    pub(crate) fn deployment_address(&self, argument: &str) -> Result<Pubkey> {
        if let Ok(address) = argument.parse() {
            return Ok(address);
        }
        match argument.parse() {
            Ok(id) => Ok(seeds::deployment_address(&self.wallet_address()?, id).0),
            Err(_) => Err(invalid(format!(
                "{argument:?} is not a valid deployment; use its address, or its number among your wallet's deployments"
            ))),
        }
    }

    /// The deployment at an address, if it is the wallet's.
    pub(crate) async fn own_deployment(
        &self,
        address: &Pubkey,
        wallet: &Pubkey,
    ) -> Result<DeploymentAccount> {
        self.cluster.require_program().await?;
        let deployment = self.cluster.deployment(address).await?;
        let owner = deployment.header.owner;
        if owner != *wallet {
            return Err(invalid(format!(
                "deployment {address} belongs to {owner}, not to your wallet {wallet}; use --keypair with its owner's"
            )));
        }
        Ok(deployment)
    }
}

/// The file that `solana config` writes; what is not set has Solana's defaults.
fn config(path: Option<&str>) -> Result<Config> {
    let chosen = path.or(CONFIG_FILE.as_deref());
    let loaded = chosen.map(|path| (path, Config::load(path)));
    match loaded {
        Some((_, Ok(config))) => Ok(config),
        // Without one that was asked for, the defaults would be a surprise.
        Some((file, Err(error)))
            if path.is_some() || error.kind() != std::io::ErrorKind::NotFound =>
        {
            Err(invalid(format!("--config {file}: {error}")))
        }
        _ => Ok(Config::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_go_where_the_node_answers_them() {
        let options = |url: Option<&str>, ws: Option<&str>| Options {
            url: url.map(str::to_owned),
            ws: ws.map(str::to_owned),
            ..Options::default()
        };
        let (node, configured) = ("http://node:8899", "wss://configured");
        for (url, ws, found) in [
            (Some(node), Some("ws://named"), "ws://named"),
            (None, Some("ws://named"), "ws://named"),
            (None, None, configured),
            // What the configuration says is of a different node.
            (Some(node), None, "ws://node:8900/"),
        ] {
            let chosen = options(url, ws).ws_url(node, configured.to_owned());
            assert_eq!(chosen.unwrap(), found);
        }
        let none = options(None, None).ws_url(node, String::new());
        assert_eq!(none.unwrap(), "ws://node:8900/");
        let wrong = options(None, Some("http://node")).ws_url(node, String::new());
        assert!(wrong.unwrap_err().to_string().contains("begins with ws://"));
    }
}
