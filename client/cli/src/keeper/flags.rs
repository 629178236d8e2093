//! A keeper's options: from flags, from the environment and from a TOML file, in this order.

use crate::{
    context::{Named, Options},
    exit::invalid,
    format::parse_sol,
    secrets::refuse_secret,
};
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use nosana_deploy_keeper::Config;
use serde::{Deserialize, Serialize};
use solana_program::pubkey::Pubkey;
use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

/// Most deployments dealt with at the same time.
const MAX_PARALLEL: u16 = 256;
/// Longest stagger, milliseconds.
const MAX_STAGGER: u64 = 60_000;

/// A keeper's options. The file has them under their long names.
#[derive(Args, Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Flags {
    /// TOML file of settings, each under its long name; flags and the environment go before it
    #[arg(long, value_name = "FILE", env = "NOSANA_KEEPER_SETTINGS")]
    #[serde(skip)]
    settings: Option<PathBuf>,
    /// The RPC node and the wallet, in the file alone: on the command line every command names them.
    #[arg(skip)]
    url: Option<String>,
    #[arg(skip)]
    ws: Option<String>,
    #[arg(skip)]
    keypair: Option<String>,
    /// Keypair file of an access key: lists and ends jobs of deployments that have it; several are allowed
    #[arg(
        long,
        value_name = "FILE",
        env = "NOSANA_KEEPER_ACCESS_KEYPAIR",
        value_delimiter = ','
    )]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    access_keypair: Vec<String>,
    /// Only deployments of this wallet; several are allowed
    #[arg(
        long,
        value_name = "PUBKEY",
        env = "NOSANA_KEEPER_OWNER",
        value_delimiter = ','
    )]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    owner: Vec<Address>,
    /// Only deployments on this market; several are allowed
    #[arg(
        long,
        value_name = "PUBKEY",
        env = "NOSANA_KEEPER_MARKET",
        value_delimiter = ','
    )]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    market: Vec<Address>,
    /// Skip what the deployment's reward does not pay for, and all housekeeping [default: true without
    /// --owner and --market, false with one]
    #[arg(
        long,
        value_name = "BOOL",
        env = "NOSANA_KEEPER_PROFITABLE_ONLY",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    profitable_only: Option<bool>,
    /// Leave deployments alone that pay fewer lamports for a job [default: 0]
    #[arg(long, value_name = "LAMPORTS", env = "NOSANA_KEEPER_MIN_REWARD")]
    min_reward: Option<u64>,
    /// Most SOL that is lost on one owner's deployments an hour [default: 0.001]
    #[arg(long, value_name = "AMOUNT", env = "NOSANA_KEEPER_MAX_LOSS")]
    max_loss: Option<Sol>,
    /// Pay for the NOS accounts of nodes that have none, where that ends their jobs; a node can close
    /// such an account and keep its rent, some 0.002 SOL [default: false]
    #[arg(
        long,
        value_name = "BOOL",
        env = "NOSANA_KEEPER_CREATE_NODE_ACCOUNTS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    create_node_accounts: Option<bool>,
    /// Most priority fee, in micro-lamports per compute unit; three of four recent transactions'
    /// is paid, if that is less [default: 100000]
    #[arg(
        long,
        value_name = "PRICE",
        env = "NOSANA_KEEPER_MAX_COMPUTE_UNIT_PRICE"
    )]
    max_compute_unit_price: Option<u64>,
    /// Priority fee where the RPC node does not say what recent transactions paid, in micro-lamports per
    /// compute unit [default: 10000]
    #[arg(
        long,
        value_name = "PRICE",
        env = "NOSANA_KEEPER_FALLBACK_COMPUTE_UNIT_PRICE"
    )]
    fallback_compute_unit_price: Option<u64>,
    /// Deployments dealt with at the same time [default: 64]
    #[arg(long, value_name = "COUNT", env = "NOSANA_KEEPER_PARALLEL", value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_PARALLEL)))]
    parallel: Option<u16>,
    /// Seconds between two scans of all deployments, which find what notifications lost
    /// [default: 300]
    #[arg(long, value_name = "SECONDS", env = "NOSANA_KEEPER_RESCAN_SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    rescan_seconds: Option<u64>,
    /// Seconds between two rounds of housekeeping [default: 3600]
    #[arg(long, value_name = "SECONDS", env = "NOSANA_KEEPER_HOUSEKEEPING_SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    housekeeping_seconds: Option<u64>,
    /// Wait up to this long before acting, a different time for each deployment, so that keepers
    /// do not all pay for the same [default: 2000]
    #[arg(long, value_name = "MILLISECONDS", env = "NOSANA_KEEPER_STAGGER_MILLISECONDS", value_parser = clap::value_parser!(u64).range(..=MAX_STAGGER))]
    stagger_milliseconds: Option<u64>,
    /// An address lookup table to use; several are allowed
    #[arg(
        long,
        value_name = "PUBKEY",
        env = "NOSANA_KEEPER_LOOKUP_TABLE",
        value_delimiter = ','
    )]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lookup_table: Vec<Address>,
    /// Create no lookup table where many jobs of a market would need one
    #[arg(
        long,
        value_name = "BOOL",
        env = "NOSANA_KEEPER_NO_LOOKUP_TABLE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    no_lookup_table: Option<bool>,
    /// Send nothing that leaves the keeper's wallet with less SOL, unless it earns something
    /// [default: 0.05]
    #[arg(long, value_name = "AMOUNT", env = "NOSANA_KEEPER_LOW_BALANCE")]
    low_balance: Option<Sol>,
    /// Where /metrics, /healthz and /readyz are answered, or `none` [default: 127.0.0.1:9464]
    #[arg(long, value_name = "ADDRESS", env = "NOSANA_KEEPER_METRICS")]
    metrics: Option<Listen>,
    /// How logs are written, to stderr [default: text]
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        env = "NOSANA_KEEPER_LOG_FORMAT"
    )]
    log_format: Option<LogFormat>,
    /// What is logged, as tracing-subscriber takes it, for example `debug` [default: info]
    #[arg(long, value_name = "FILTER", env = "NOSANA_KEEPER_LOG")]
    log: Option<String>,
    /// Do what is due now, then exit
    #[arg(long)]
    #[serde(skip)]
    once: bool,
    /// Simulate and say what would be sent; sign and send nothing
    #[arg(long)]
    #[serde(skip)]
    dry_run: bool,
}

/// What is logged, and how.
#[derive(Clone, Debug)]
pub(super) struct Logging {
    pub(super) format: LogFormat,
    /// As tracing-subscriber takes it.
    pub(super) filter: String,
}

impl Flags {
    /// Whether the keeper is to stop when nothing is due.
    pub(super) fn once(&self) -> bool {
        self.once
    }

    /// Files of access keys.
    pub(super) fn access_keypairs(&self) -> &[String] {
        &self.access_keypair
    }

    /// Adds the file's options.
    pub(super) fn with_file(self) -> Result<Self> {
        let Some(path) = self.settings.clone() else {
            return Ok(self);
        };
        let shown = path.display();
        let text = std::fs::read_to_string(&path)
            .map_err(|error| invalid(format!("--settings {shown}: {error}")))?;
        let (once, dry_run) = (self.once, self.dry_run);
        let all = self.over(&text);
        let all = all.map_err(|error| invalid(format!("--settings {shown}: {error:#}")))?;
        if let Some(keypair) = &all.keypair {
            refuse_secret(&format!("--settings {shown}: keypair"), keypair)?;
        }
        for keypair in &all.access_keypair {
            refuse_secret(&format!("--settings {shown}: access-keypair"), keypair)?;
        }
        Ok(Self {
            once,
            dry_run,
            ..all
        })
    }

    /// The options of every command, with the file's RPC node and wallet where they name none.
    pub(super) fn over_options(&self, options: &Options) -> Options {
        let of_file = Named {
            url: self.url.clone(),
            ws: self.ws.clone(),
            keypair: self.keypair.clone(),
        };
        options.clone().or(&of_file)
    }

    /// Adds the defaults.
    pub(super) fn complete(self, ws_url: &str) -> Result<(Config, Logging)> {
        let all = self;
        let (once, dry_run) = (all.once, all.dry_run);
        let keys = |keys: Vec<Address>| keys.into_iter().map(|key| key.0).collect();
        let (rescan, housekeeping) = (all.rescan_seconds, all.housekeeping_seconds);
        // Of flags clap has checked it already; a file's are checked here.
        for (name, value, valid) in [
            ("rescan-seconds", rescan, 1..=u64::MAX),
            ("housekeeping-seconds", housekeeping, 1..=u64::MAX),
            (
                "parallel",
                all.parallel.map(u64::from),
                1..=MAX_PARALLEL.into(),
            ),
            (
                "stagger-milliseconds",
                all.stagger_milliseconds,
                0..=MAX_STAGGER,
            ),
        ] {
            if let Some(value) = value.filter(|value| !valid.contains(value)) {
                let (least, most) = valid.into_inner();
                let valid = match most {
                    u64::MAX => format!("{least} or more"),
                    most => format!("{least} to {most}"),
                };
                return Err(invalid(format!(
                    "{name}: {value} is not valid; use {valid}"
                )));
            }
        }
        let defaults = Config::new(ws_url);
        let metrics = all.metrics.unwrap_or_default().0;
        let config = Config {
            profitable_only: all
                .profitable_only
                .unwrap_or(all.owner.is_empty() && all.market.is_empty()),
            min_reward_lamports: all.min_reward.unwrap_or(defaults.min_reward_lamports),
            max_loss_lamports_per_hour: all
                .max_loss
                .map_or(defaults.max_loss_lamports_per_hour, |sol| sol.0),
            creates_node_accounts: all
                .create_node_accounts
                .unwrap_or(defaults.creates_node_accounts),
            max_compute_unit_price_micro_lamports: all
                .max_compute_unit_price
                .unwrap_or(defaults.max_compute_unit_price_micro_lamports),
            fallback_compute_unit_price_micro_lamports: all
                .fallback_compute_unit_price
                .unwrap_or(defaults.fallback_compute_unit_price_micro_lamports),
            parallel: all.parallel.map_or(defaults.parallel, usize::from),
            rescan: rescan.map_or(defaults.rescan, Duration::from_secs),
            housekeeping: housekeeping.map_or(defaults.housekeeping, Duration::from_secs),
            stagger: all
                .stagger_milliseconds
                .map_or(defaults.stagger, Duration::from_millis),
            lookup_tables: keys(all.lookup_table),
            // A table pays over many transactions, and one run makes few.
            creates_lookup_table: !once && !all.no_lookup_table.unwrap_or(false),
            low_balance_lamports: all
                .low_balance
                .map_or(defaults.low_balance_lamports, |sol| sol.0),
            owners: keys(all.owner),
            markets: keys(all.market),
            metrics: metrics.filter(|_| !once),
            dry_run,
            ..defaults
        };
        let logging = Logging {
            format: all.log_format.unwrap_or(LogFormat::Text),
            filter: all.log.unwrap_or_else(|| "info".into()),
        };
        Ok((config, logging))
    }

    /// These options, and a file's where these are silent.
    fn over(self, file: &str) -> Result<Self> {
        let of_file: Self = toml::from_str(file).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let before = file.get(..at).unwrap_or(file);
            let line = before.matches('\n').count() + 1;
            anyhow::anyhow!("line {line}: {}", error.message().replace('\n', " "))
        })?;
        let mut table = toml::Table::try_from(of_file)?;
        table.extend(toml::Table::try_from(self)?);
        table.try_into().context("settings")
    }
}

/// How logs are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// An object a line.
    Json,
}

/// A value that is written as text, on the command line and in the file.
macro_rules! textual {
    ($name:ident, $what:literal) => {
        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
                    .map_err(|_| format!(concat!("{:?} is not a valid ", $what), text))
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    };
}

/// An account's address.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Address(Pubkey);

impl FromStr for Address {
    type Err = <Pubkey as FromStr>::Err;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

textual!(Address, "address; use one in base58");

/// An amount of SOL, in lamports.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Sol(u64);

impl FromStr for Sol {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_sol(text).map(Self)
    }
}

impl fmt::Display for Sol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::format::decimal(
            self.0.into(),
            crate::format::SOL_DECIMALS,
        ))
    }
}

textual!(Sol, "amount of SOL; use a text like \"0.05\"");

/// Where to listen, or nowhere.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Listen(Option<SocketAddr>);

impl Default for Listen {
    /// The port that Prometheus's exporters are usually given for one's own programs.
    fn default() -> Self {
        Self(Some(([127, 0, 0, 1], 9_464).into()))
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self(None)),
            address => address
                .parse()
                .map(|address| Self(Some(address)))
                .map_err(|_| "use an address with a port, like 127.0.0.1:9464, or none".into()),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("none"),
        }
    }
}

textual!(
    Listen,
    "address to listen at; use one like \"127.0.0.1:9464\", or \"none\""
);

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(flags: &[&str]) -> Flags {
        use clap::{Command, FromArgMatches};
        let command = Flags::augment_args(Command::new("keeper"));
        let line = ["keeper"].iter().chain(flags);
        Flags::from_arg_matches(&command.get_matches_from(line)).unwrap()
    }

    #[test]
    fn flags_go_before_the_file_and_defaults_come_last() {
        let key = Pubkey::new_unique();
        let file = format!(
            "market = [\"{key}\"]\nparallel = 3\nrescan-seconds = 60\nlow-balance = \"0.5\"\nmetrics = \"none\"\nprofitable-only = true"
        );
        let settings = parsed(&["--parallel", "5"]).over(&file).unwrap();
        let (config, _) = settings.complete("ws://127.0.0.1:8900").unwrap();
        assert_eq!(config.parallel, 5);
        assert_eq!(config.rescan, Duration::from_secs(60));
        assert_eq!(config.housekeeping, Duration::from_secs(3_600));
        assert_eq!(config.low_balance_lamports, 500_000_000);
        assert_eq!((config.metrics, config.profitable_only), (None, true));
        assert_eq!(config.markets, [key]);
        assert_eq!(config.ws_url, "ws://127.0.0.1:8900");
    }

    #[test]
    fn the_file_s_node_and_wallet_count_where_the_command_line_names_none() {
        let file = "url = \"http://file\"\nws = \"ws://file\"\nkeypair = \"file.json\"";
        let settings = parsed(&[]).over(file).unwrap();
        let of_file = Named {
            url: Some("http://file".into()),
            ws: Some("ws://file".into()),
            keypair: Some("file.json".into()),
        };
        let over = |options: &Options| settings.over_options(options).named();
        assert_eq!(over(&Options::default()), of_file);
        let url = Some("http://flag".to_owned());
        let flag = Named {
            url: url.clone(),
            ..Named::default()
        };
        let both = Named { url, ..of_file };
        assert_eq!(over(&Options::default().or(&flag)), both);
    }

    #[test]
    fn without_a_choice_only_what_pays_is_done_and_either_can_be_said() {
        let key = Pubkey::new_unique().to_string();
        let pays = |flags: &[&str], file: &str| {
            let settings = parsed(flags).over(file).unwrap();
            settings
                .complete("ws://127.0.0.1:8900")
                .unwrap()
                .0
                .profitable_only
        };
        assert!(pays(&[], ""));
        assert!(!pays(&["--owner", &key], ""));
        assert!(!pays(&["--market", &key], ""));
        assert!(pays(&["--owner", &key, "--profitable-only"], ""));
        assert!(!pays(&["--profitable-only=false"], ""));
        // What the file turns on, a flag or the environment turns off.
        assert!(pays(&["--owner", &key], "profitable-only = true"));
        assert!(!pays(
            &["--profitable-only=false"],
            "profitable-only = true"
        ));
    }

    #[test]
    fn what_flags_refuse_the_file_refuses_too() {
        for (file, expected) in [
            ("parallel = 0", "parallel: 0 is not valid; use 1 to 256"),
            ("parallel = 257", "parallel: 257 is not valid; use 1 to 256"),
            (
                "stagger-milliseconds = 60001",
                "stagger-milliseconds: 60001 is not valid; use 0 to 60000",
            ),
            (
                "rescan-seconds = 0",
                "rescan-seconds: 0 is not valid; use 1 or more",
            ),
        ] {
            let settings = Flags::default().over(file).unwrap();
            let error = settings.complete("ws://127.0.0.1:8900").unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn a_file_with_a_mistake_is_refused_with_its_line() {
        for (file, expected) in [
            (
                "parallel = 3\nparalel = 4",
                "line 2: unknown field `paralel`",
            ),
            (
                "parallel = \"many\"",
                "line 1: invalid type: string \"many\"",
            ),
            (
                "owner = [\"me\"]",
                "line 1: \"me\" is not a valid address; use one in base58",
            ),
            (
                "low-balance = \"-1\"",
                "line 1: \"-1\" is not a valid amount of SOL",
            ),
            (
                "metrics = \"here\"",
                "line 1: \"here\" is not a valid address to listen at",
            ),
        ] {
            let error = Flags::default().over(file).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
