//! The command line's arguments, and what they lead to.

use crate::Target;
use anyhow::{anyhow, bail, Context, Result};
use clap::Args;
use nosana_deploy_client::{rpc::Cluster, PROGRAM_ID};
use nosana_deployments_migrations::{
    goal::{executable_hash, hex, Authority, Bytecode, Goal, Source},
    programs::{metadata::Document, squads::vault_address},
};
use solana_clap_v3_utils::input_validators::normalize_to_url_if_moniker;
use solana_cli_config::{Config, CONFIG_FILE};
use solana_commitment_config::CommitmentConfig;
use solana_keypair::{read_keypair_file, Keypair};
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;
use std::{
    env, fs,
    path::{Path, PathBuf},
};

const MAINNET: &str = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d";
const DEVNET: &str = "EtWTRABZaYq6iMfeYKouRu166VU2xqa1wcaWoxPkrZBG";

/// What a cluster is to look like.
#[derive(Args)]
pub(crate) struct Wanted {
    /// URL for Solana's JSON RPC or moniker (or their first letter): mainnet-beta, testnet, devnet, localhost
    /// [default: that of `solana config`]
    #[arg(short, long, value_name = "URL_OR_MONIKER")]
    url: Option<String>,
    /// File of the deployer's keypair, which pays and holds what is being uploaded [default: that of
    /// `solana config`]
    #[arg(short, long, value_name = "FILE")]
    keypair: Option<PathBuf>,
    /// File of the program's own keypair, for its first deployment
    #[arg(long, value_name = "FILE")]
    program_keypair: Option<PathBuf>,
    /// File of the keypair that may upgrade the program, if that is not the deployer's
    #[arg(long, value_name = "FILE")]
    authority_keypair: Option<PathBuf>,
    /// The bytecode [default: deploy/deployments.so in the target folder]
    #[arg(long, value_name = "FILE")]
    elf: Option<PathBuf>,
    /// What `solana-verify get-executable-hash` says of a build that somebody else made; mainnet and devnet get
    /// nothing else
    #[arg(long, value_name = "HASH")]
    executable_hash: Option<String>,
    /// The IDL
    #[arg(long, value_name = "FILE", default_value = "idl/deployments.json")]
    idl: PathBuf,
    /// The Squads multisig whose vault is to hold the upgrade authority
    #[arg(long, value_name = "ADDRESS", conflicts_with = "upgrade_authority")]
    squads_multisig: Option<Pubkey>,
    /// Which of the multisig's vaults
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 0,
        conflicts_with = "upgrade_authority"
    )]
    vault_index: u8,
    /// Another address that is to hold the upgrade authority
    #[arg(long, value_name = "ADDRESS")]
    upgrade_authority: Option<Pubkey>,
    /// A market whose keepers get a lookup table; several are allowed
    #[arg(long, value_name = "ADDRESS")]
    market: Vec<Pubkey>,
    /// Where the repository can be cloned from, for the verified build
    #[arg(long, value_name = "URL", requires = "source_commit")]
    source_url: Option<String>,
    /// The commit that the bytecode was built of
    #[arg(long, value_name = "HASH", requires = "source_url")]
    source_commit: Option<String>,
    /// Priority fee in micro-lamports per compute unit
    #[arg(long, value_name = "PRICE")]
    with_compute_unit_price: Option<u64>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// How it is done.
#[derive(Args)]
pub(crate) struct Apply {
    #[command(flatten)]
    pub(crate) wanted: Wanted,
    /// Sign and send nothing: print the transactions in base58 that somebody else must sign now
    #[arg(long)]
    pub(crate) unsigned: bool,
    /// Agree to what the plan shows
    #[arg(short, long, conflicts_with = "unsigned")]
    pub(crate) yes: bool,
}

impl Wanted {
    /// Reads the files, and looks whether this build is for this cluster.
    pub(crate) async fn target(&self) -> Result<Target> {
        let config = config()?;
        let url = self.url.as_ref();
        let url = url.map_or(config.json_rpc_url, normalize_to_url_if_moniker);
        if !url.starts_with("http://") && !url.starts_with("https://") {
            bail!("--url: use an address that begins with http:// or https://, or one of mainnet-beta, testnet, devnet, localhost");
        }
        let deployer = self.keypair.clone();
        let deployer = deployer.unwrap_or_else(|| config.keypair_path.into());
        let deployer = key("--keypair", &deployer)?;
        let named = |name, file: &Option<PathBuf>| {
            let file = file.as_deref();
            file.map(|file| key(name, file)).transpose()
        };
        let program = named("--program-keypair", &self.program_keypair)?;
        let authority = named("--authority-keypair", &self.authority_keypair)?;
        let addresses = [
            deployer.pubkey(),
            program.as_ref().map_or(PROGRAM_ID, Signer::pubkey),
        ];
        let keys = [Some(deployer), program, authority].into_iter().flatten();
        let keys: Vec<Keypair> = keys.collect();
        let goal = self.goal(addresses, &keys)?;
        let cluster = Cluster::new(&url, CommitmentConfig::confirmed());
        self.require_right_cluster(&cluster, &url, &goal).await?;
        Ok(Target {
            cluster,
            keys,
            goal,
        })
    }

    fn goal(&self, [deployer, program]: [Pubkey; 2], keys: &[Keypair]) -> Result<Goal> {
        let elf = self.elf.clone().unwrap_or_else(default_elf);
        let bytes = fs::read(&elf).with_context(|| {
            let hint = "build it with `cargo xtask build-program`";
            format!("--elf {}: it cannot be read; {hint}", elf.display())
        })?;
        let found = hex(&executable_hash(&bytes));
        if self
            .executable_hash
            .as_ref()
            .is_some_and(|hash| *hash != found)
        {
            bail!("--executable-hash: {} has the hash {found}", elf.display());
        }
        let bytecode = Bytecode::new(bytes, &program);
        let idl = fs::read(&self.idl);
        let source = self.source_url.clone().zip(self.source_commit.clone());
        let squads = self.squads_multisig.map(|multisig| Authority::Squads {
            multisig,
            vault: vault_address(&multisig, self.vault_index),
        });
        Ok(Goal {
            program,
            deployer,
            keys: keys.iter().map(Signer::pubkey).collect(),
            bytecode: bytecode.with_context(|| format!("--elf {}", elf.display()))?,
            idl: Document::new(idl.with_context(|| format!("--idl {}", self.idl.display()))?),
            authority: squads.or(self.upgrade_authority.map(Authority::Key)),
            markets: self.market.clone(),
            source: source.map(|(git_url, commit)| Source { git_url, commit }),
            unit_price_micro_lamports: self.with_compute_unit_price.filter(|price| *price > 0),
        })
    }

    /// The addresses of Nosana's programs are compiled in, so a cluster must get the build that was made for it. A
    /// name or a URL says little; the genesis hash cannot lie.
    async fn require_right_cluster(&self, cluster: &Cluster, url: &str, goal: &Goal) -> Result<()> {
        let (shown, is_for_devnet) = (cluster.url(), cfg!(feature = "devnet"));
        match cluster.genesis_hash().await?.to_string().as_str() {
            MAINNET if is_for_devnet => {
                bail!("{shown} is mainnet; build this tool without --features devnet")
            }
            DEVNET if !is_for_devnet => {
                bail!("{shown} is devnet; build this tool with --features devnet")
            }
            MAINNET | DEVNET => {
                if self.executable_hash.is_none() {
                    bail!(
                        "--executable-hash is needed: what others use is a verified build, which \
                         somebody else made as well; see docs/deploying.md"
                    );
                }
                if !goal.is_declared() {
                    bail!("--program-keypair: this repository's program is {PROGRAM_ID}, not {}", goal.program);
                }
                Ok(())
            }
            _ if is_local(url) => Ok(()),
            other => bail!("{shown} is neither mainnet nor devnet (its genesis hash is {other}), and Nosana is nowhere else"),
        }
    }
}

fn is_local(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    ["localhost", "127.0.0.1", "[::1]"].contains(&host)
}

/// The file that `solana config` writes, if there is one.
fn config() -> Result<Config> {
    let Some(file) = CONFIG_FILE
        .as_deref()
        .filter(|file| Path::new(file).exists())
    else {
        return Ok(Config::default());
    };
    Config::load(file).with_context(|| file.to_owned())
}

/// Never repeats what was given: it may be the key itself.
fn key(name: &str, file: &Path) -> Result<Keypair> {
    match file.exists() {
        true => read_keypair_file(file)
            .map_err(|_| anyhow!("{name}: {} is no keypair's file", file.display())),
        false => bail!("{name}: there is no such file; make one with `solana-keygen new` or `nosana-deploy keygen`"),
    }
}

/// Where `cargo xtask build-program` puts it.
fn default_elf() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    target.join("deploy/deployments.so")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_local() {
        for url in [
            "http://localhost:8899",
            "http://127.0.0.1",
            "http://[::1]:8899/",
        ] {
            assert!(is_local(url), "{url}");
        }
        for url in [
            "http://localhost.example",
            "https://example/localhost",
            "http://127.0.0.1.example:8899",
            "http://example:8899",
        ] {
            assert!(!is_local(url), "{url}");
        }
    }
}
