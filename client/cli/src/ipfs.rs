//! Pinning job definitions, where nodes fetch them from, and fetching them as nodes do.

use crate::exit::invalid;
use anyhow::{bail, Context, Result};
use clap::{Args, ValueEnum};
use nosana_deploy_client::{
    definition::Definition, digest, rpc::without_secrets, spec::MAX_JSON_BYTES,
};
use reqwest::{
    multipart::{Form, Part},
    RequestBuilder,
};
use serde::Deserialize;
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

const TIMEOUT: Duration = Duration::from_secs(60);

/// Where job definitions are fetched, for example `https://ipfs.io`.
pub(crate) struct Gateway {
    base: String,
    client: reqwest::Client,
}

impl Gateway {
    pub(crate) fn new(url: &str) -> Result<Self> {
        let (base, client) = connect(url, "--ipfs-gateway", "https://ipfs.io")?;
        Ok(Self { base, client })
    }

    /// The definition of a digest.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub(crate) async fn definition(&self, digest: &[u8; 32]) -> Result<Definition> {
        let bytes = self.fetch(digest, MAX_JSON_BYTES).await?;
        let text = String::from_utf8(bytes).ok();
        let found = text.and_then(|text| Definition::read(&text, digest));
        found.with_context(|| format!("the job definition {} is not JSON", digest::cid(digest)))
    }

    /// The bytes of a digest. Whatever the gateway answers, it is believed only if it is that.
    ///
    /// # Errors
    /// The gateway does not answer, does not have it, or has something else or more than `most_bytes`.
    pub(crate) async fn fetch(&self, digest: &[u8; 32], most_bytes: usize) -> Result<Vec<u8>> {
        let cid = digest::cid(digest);
        let asked = self.client.get(format!("{}/ipfs/{cid}", self.base));
        let answer = asked.send().await.map_err(reqwest::Error::without_url);
        let mut answer = answer.context("--ipfs-gateway cannot be reached")?;
        let status = answer.status();
        if !status.is_success() {
            bail!("--ipfs-gateway answered {status} for {cid}");
        }
        let mut bytes = Vec::new();
        while let Some(some) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
            bytes.extend_from_slice(&some);
            if bytes.len() > most_bytes {
                bail!("--ipfs-gateway answered more than {most_bytes} bytes for {cid}");
            }
        }
        match digest::digest(&bytes) == *digest {
            true => Ok(bytes),
            false => bail!("--ipfs-gateway answered something else than {cid}"),
        }
    }
}

fn connect(url: &str, option: &str, example: &str) -> Result<(String, reqwest::Client)> {
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(invalid(format!(
            "{option}: use an address such as {example}"
        )));
    }
    let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
    Ok((url.trim_end_matches('/').to_owned(), client))
}

/// What answers at an IPFS API's address.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Kubo's HTTP API, which others speak too
    Kubo,
    /// Pinata's
    Pinata,
}

/// How to speak to an IPFS API.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct IpfsOptions {
    /// What answers at --ipfs-api [default: pinata at an address of Pinata's, else kubo]
    #[arg(long, value_enum, value_name = "KIND")]
    ipfs_kind: Option<Kind>,
    /// File of the token that --ipfs-api wants [default: the environment's NOSANA_IPFS_TOKEN, if it is set]
    #[arg(long, value_name = "FILE")]
    ipfs_token_file: Option<PathBuf>,
}

impl IpfsOptions {
    /// These, and others where they name none.
    pub(crate) fn or(&self, kind: Option<Kind>, token_file: Option<&Path>) -> Self {
        let token_file = token_file.map(Path::to_owned);
        Self {
            ipfs_kind: self.ipfs_kind.or(kind),
            ipfs_token_file: self.ipfs_token_file.clone().or(token_file),
        }
    }

    /// Fails if they name something: there is no API that it could be about.
    pub(crate) fn require_unused(&self) -> Result<()> {
        let named = [
            ("--ipfs-kind", self.ipfs_kind.is_some()),
            ("--ipfs-token-file", self.ipfs_token_file.is_some()),
        ];
        match named.into_iter().find(|(_, is_named)| *is_named) {
            Some((option, _)) => Err(invalid(format!(
                "{option}: for which API? name it with --ipfs-api, or in your profile"
            ))),
            None => Ok(()),
        }
    }

    /// The token, from where it is on no command line and in no log.
    fn token(&self) -> Result<Option<String>> {
        let (token, from) = match &self.ipfs_token_file {
            Some(path) => {
                let read = std::fs::read_to_string(path);
                let shown = format!("--ipfs-token-file {}", path.display());
                let token = read.map_err(|error| invalid(format!("{shown}: {error}")))?;
                (token, shown)
            }
            None => match std::env::var("NOSANA_IPFS_TOKEN") {
                Ok(token) => (token, "NOSANA_IPFS_TOKEN".into()),
                Err(_) => return Ok(None),
            },
        };
        let token = token.trim();
        let is_token = !token.is_empty() && token.chars().all(|c| c.is_ascii_graphic());
        match is_token {
            true => Ok(Some(token.to_owned())),
            false => Err(invalid(format!(
                "{from}: not a token; use one line of letters, digits and signs"
            ))),
        }
    }
}

/// An IPFS API, for example `http://127.0.0.1:5001`.
pub(crate) struct Ipfs {
    base: String,
    client: reqwest::Client,
    kind: Kind,
    token: Option<String>,
}

impl Ipfs {
    pub(crate) fn new(url: &str, options: &IpfsOptions) -> Result<Self> {
        let (base, client) = connect(url, "--ipfs-api", "http://127.0.0.1:5001")?;
        let is_pinata = without_secrets(&base).ends_with(".pinata.cloud");
        let by_address = if is_pinata { Kind::Pinata } else { Kind::Kubo };
        Ok(Self {
            base,
            client,
            kind: options.ipfs_kind.unwrap_or(by_address),
            token: options.token()?,
        })
    }

    /// Where it is, as people may see it: an address may hold a key.
    pub(crate) fn host(&self) -> String {
        without_secrets(&self.base)
    }

    /// Pins a definition and makes sure that it got the name that is on chain.
    pub(crate) async fn pin(&self, definition: &Definition) -> Result<()> {
        let cid = definition.cid();
        let text = definition.text().to_owned();
        let (answer, name) = match self.kind {
            Kind::Kubo => {
                let file = Part::text(text)
                    .file_name("job.json")
                    .mime_str("application/octet-stream")?;
                let add = self
                    .client
                    .post(self.url("api/v0/add?pin=true&cid-version=0"));
                let form = Form::new().part("file", file);
                (self.answer(add.multipart(form)).await?, "Hash")
            }
            Kind::Pinata => {
                let add = self.client.post(self.url("pinning/pinJSONToIPFS"));
                let add = add.header("Content-Type", "application/json").body(text);
                (self.answer(add).await?, "IpfsHash")
            }
        };
        let pinned = answer
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or("nothing");
        if pinned != cid {
            bail!("--ipfs-api pinned {pinned}, but the job definition is {cid}; nothing was sent");
        }
        Ok(())
    }

    /// Fails unless the IPFS API has the definition pinned.
    pub(crate) async fn require_pinned(&self, digest: &[u8; 32]) -> Result<()> {
        let cid = digest::cid(digest);
        let pinned = match self.kind {
            Kind::Kubo => {
                let ask = self
                    .client
                    .post(self.url(&format!("api/v0/pin/ls?arg={cid}")));
                let answer = self.answer(ask).await;
                answer.is_ok_and(|answer| {
                    answer
                        .get("Keys")
                        .is_some_and(|keys| keys.get(&cid).is_some())
                })
            }
            Kind::Pinata => {
                let list = format!("data/pinList?status=pinned&hashContains={cid}");
                let answer = self.answer(self.client.get(self.url(&list))).await;
                answer.is_ok_and(|answer| {
                    let rows = answer.get("rows").and_then(Value::as_array);
                    let is_it =
                        |row: &Value| row.get("ipfs_pin_hash") == Some(&Value::from(cid.as_str()));
                    rows.is_some_and(|rows| rows.iter().any(is_it))
                })
            }
        };
        if !pinned {
            bail!("the job definition {cid} is not pinned at --ipfs-api, so no node may find it; pin it there first, nothing was sent");
        }
        Ok(())
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Value> {
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let answer = request.send().await.map_err(reqwest::Error::without_url);
        let answer = answer.context("--ipfs-api cannot be reached")?;
        let status = answer.status();
        if status.as_u16() == 401 || status.as_u16() == 403 {
            bail!("--ipfs-api answered {status}: it wants a token; use --ipfs-token-file or NOSANA_IPFS_TOKEN");
        }
        if !status.is_success() {
            bail!("--ipfs-api answered {status}");
        }
        let text = answer.text().await.map_err(reqwest::Error::without_url)?;
        serde_json::from_str(&text).context("--ipfs-api answered something that is not JSON")
    }
}
