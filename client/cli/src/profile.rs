//! What a user wants every time: a TOML file, so that nobody repeats flags. A flag, or the environment,
//! goes before it. It is not Solana's own file: `solana config set` forgets what it does not know.

use crate::{
    exit::invalid,
    ipfs::{Ipfs, IpfsOptions, Kind},
    secrets::refuse_secret,
};
use anyhow::Result;
use nosana_deploy_client::{
    domain::settings::{InvalidSettings, MAX_KEEPER_REWARD_LAMPORTS},
    endpoints::{url_behind, usual_url, Endpoints},
};
use serde::Deserialize;
use solana_program::pubkey::Pubkey;
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// A profile, each setting under the name of its flag.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Profile {
    /// As `--url`.
    pub(crate) url: Option<String>,
    /// As `--ws`.
    pub(crate) ws: Option<String>,
    /// As `--keypair`.
    pub(crate) keypair: Option<String>,
    /// As `--ipfs-api`.
    ipfs_api: Option<String>,
    /// As `--ipfs-kind`.
    ipfs_kind: Option<Kind>,
    /// As `--ipfs-token-file`.
    ipfs_token_file: Option<PathBuf>,
    /// As `--ipfs-gateway`.
    ipfs_gateway: Option<String>,
    /// As `--access-keypair` of `logs` and `jobs`.
    access_keypair: Option<String>,
    /// As `--definitions-url`.
    definitions_url: Option<String>,
    /// What `create` and `up` offer keepers, in lamports, where a file names no `keeper_reward`.
    pub(crate) keeper_reward: Option<u64>,
    /// Where nodes serve, if not under Nosana's own domain: a localnet's, for example
    /// `http://localhost:8080`.
    node_gateway: Option<String>,
}

impl Profile {
    /// The profile that is named, or the user's own if there is one.
    ///
    /// # Errors
    /// A file that cannot be read, or names something else than settings.
    pub(crate) fn read(named: Option<&Path>) -> Result<Self> {
        let own = || Some(dirs::config_dir()?.join("nosana-deploy/profile.toml"));
        let Some(path) = named.map(Path::to_owned).or_else(own) else {
            return Ok(Self::default());
        };
        let shown = path.display();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == ErrorKind::NotFound => {
                return Ok(Self::default())
            }
            Err(error) => return Err(invalid(format!("--profile {shown}: {error}"))),
        };
        let read = Self::parse(&text);
        let profile = read.map_err(|error| invalid(format!("--profile {shown}: {error}")))?;
        for (name, path) in [
            ("keypair", &profile.keypair),
            ("access-keypair", &profile.access_keypair),
        ] {
            if let Some(path) = path {
                refuse_secret(&format!("--profile {shown}: {name}"), path)?;
            }
        }
        Ok(profile)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let profile: Self =
            toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        match profile.keeper_reward {
            Some(reward) if reward > MAX_KEEPER_REWARD_LAMPORTS => Err(format!(
                "keeper-reward: {reward} is not valid; {}",
                InvalidSettings::KeeperReward
            )),
            _ => Ok(profile),
        }
    }

    /// The IPFS API that flags name, or the profile does. The profile's token goes to the profile's API
    /// alone.
    ///
    /// # Errors
    /// An address or a token that is not valid, or options of an API that nothing names.
    pub(crate) fn ipfs_api(
        &self,
        named: Option<&str>,
        options: &IpfsOptions,
    ) -> Result<Option<Ipfs>> {
        match (named, &self.ipfs_api) {
            (Some(url), _) => Ipfs::new(url, options).map(Some),
            (None, Some(url)) => {
                let options = options.or(self.ipfs_kind, self.ipfs_token_file.as_deref());
                Ipfs::new(url, &options).map(Some)
            }
            (None, None) => options.require_unused().map(|()| None),
        }
    }

    /// Where endpoints are reached from here.
    pub(crate) fn reached(&self, endpoints: Endpoints) -> Endpoints {
        match &self.node_gateway {
            Some(gateway) => endpoints.behind(gateway),
            None => endpoints,
        }
    }

    /// Where nodes fetch a confidential definition, by a flag or the profile.
    ///
    /// # Errors
    /// Neither names an address.
    pub(crate) fn definitions_url(&self, named: Option<&str>) -> Result<String> {
        let found = named.or(self.definitions_url.as_deref());
        let found = found.ok_or_else(|| {
            invalid("confidential: where do nodes fetch the definition? name your server with --definitions-url, for example https://example.org/nosana, or in your profile")
        })?;
        match found.starts_with("https://") || found.starts_with("http://") {
            true => Ok(found.to_owned()),
            false => Err(invalid(
                "--definitions-url: use an address such as https://example.org/nosana",
            )),
        }
    }

    /// The access key's file that a flag names, or the profile does.
    pub(crate) fn access_keypair<'a>(&'a self, named: Option<&'a str>) -> Option<&'a str> {
        named.or(self.access_keypair.as_deref())
    }

    /// Where a node's API is reached from here.
    pub(crate) fn node_url(&self, node: &Pubkey) -> String {
        let host = node.to_string();
        let local = self.node_gateway.as_deref();
        let local = local.and_then(|gateway| url_behind(gateway, &host));
        local.unwrap_or_else(|| usual_url(&host))
    }

    /// The gateway that a flag names, or the profile does.
    pub(crate) fn ipfs_gateway<'a>(&'a self, named: Option<&'a str>) -> Option<&'a str> {
        named.or(self.ipfs_gateway.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_the_name_of_its_flag_and_no_other_is_taken() {
        let text = r#"
            url = "localhost"
            ws = "ws://localhost:8900"
            keypair = "wallet.json"
            ipfs-api = "https://api.pinata.cloud"
            ipfs-kind = "pinata"
            ipfs-token-file = "token"
            ipfs-gateway = "https://ipfs.io"
            definitions-url = "https://example.org/nosana"
            access-keypair = "access.json"
            keeper-reward = 10000
            node-gateway = "http://localhost:8080"
        "#;
        let profile = Profile::parse(text).unwrap();
        assert_eq!(profile.keeper_reward, Some(10_000));
        let url = profile.definitions_url(None).unwrap();
        assert_eq!(url, "https://example.org/nosana");
        assert!(profile.definitions_url(Some("example.org")).is_err());
        assert!(Profile::default().definitions_url(None).is_err());
        assert_eq!(profile.ipfs_gateway(None), Some("https://ipfs.io"));
        assert_eq!(profile.ipfs_gateway(Some("http://own")), Some("http://own"));
        assert_eq!(Profile::parse("").unwrap(), Profile::default());
        for (wrong, said) in [
            ("ipfs_api = \"x\"", "unknown field `ipfs_api`"),
            ("keeper-reward = -1", "keeper-reward"),
            ("keeper-reward = 18446744073709551615", "keeper-reward"),
            ("ipfs-kind = \"s3\"", "unknown variant `s3`"),
        ] {
            let error = Profile::parse(wrong).unwrap_err();
            assert!(error.contains(said), "{wrong}: {error}");
        }
    }

    #[test]
    fn the_profile_s_token_goes_to_the_profile_s_api_alone() {
        let missing =
            Profile::parse("ipfs-api = \"http://profile\"\nipfs-token-file = \"/nowhere/token\"")
                .unwrap();
        let none = IpfsOptions::default();
        // Whoever reads the token's file fails.
        assert!(missing.ipfs_api(None, &none).is_err());
        let named = missing.ipfs_api(Some("http://named"), &none).unwrap();
        assert_eq!(named.unwrap().host(), "http://named");
    }

    #[test]
    fn a_profile_that_was_asked_for_must_be_there() {
        let error = Profile::read(Some(Path::new("/nowhere/profile.toml"))).unwrap_err();
        let said = error.to_string();
        assert!(
            said.starts_with("--profile /nowhere/profile.toml: "),
            "{said}"
        );
    }
}
