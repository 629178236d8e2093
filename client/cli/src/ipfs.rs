//! Pinning job definitions: where nodes fetch them from. Kubo's HTTP API, which others speak too.

use crate::exit::invalid;
use anyhow::{bail, Context, Result};
use nosana_deploy_client::{
    definition::Definition, digest, rpc::without_secrets, spec::MAX_JSON_BYTES,
};
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use std::time::Duration;

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

    /// The definition of a digest. Whatever the gateway answers, it is believed only if it is that one.
    pub(crate) async fn fetch(&self, digest: &[u8; 32]) -> Result<Definition> {
        let cid = digest::cid(digest);
        let asked = self.client.get(format!("{}/ipfs/{cid}", self.base));
        let answer = asked.send().await.map_err(reqwest::Error::without_url);
        let mut answer = answer.context("--ipfs-gateway cannot be reached")?;
        let status = answer.status();
        if !status.is_success() {
            bail!("--ipfs-gateway answered {status} for the job definition {cid}");
        }
        let mut bytes = Vec::new();
        while let Some(some) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
            bytes.extend_from_slice(&some);
            if bytes.len() > MAX_JSON_BYTES {
                bail!("--ipfs-gateway answered more than {MAX_JSON_BYTES} bytes for {cid}");
            }
        }
        let found = String::from_utf8(bytes).ok();
        found
            .and_then(|text| Definition::read(&text, digest))
            .with_context(|| format!("--ipfs-gateway answered something else than {cid}"))
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

/// An IPFS node's HTTP API, for example `http://127.0.0.1:5001`.
pub(crate) struct Ipfs {
    base: String,
    client: reqwest::Client,
}

impl Ipfs {
    pub(crate) fn new(url: &str) -> Result<Self> {
        let (base, client) = connect(url, "--ipfs-api", "http://127.0.0.1:5001")?;
        Ok(Self { base, client })
    }

    /// Where it is, as people may see it: an address may hold a key.
    pub(crate) fn host(&self) -> String {
        without_secrets(&self.base)
    }

    /// Pins a definition and makes sure that it got the name that is on chain.
    pub(crate) async fn pin(&self, definition: &Definition) -> Result<()> {
        let cid = definition.cid();
        let file = Part::text(definition.text().to_owned())
            .file_name("job.json")
            .mime_str("application/octet-stream")?;
        let form = Form::new().part("file", file);
        let answer = self.call("add?pin=true&cid-version=0", Some(form)).await?;
        let pinned = answer
            .get("Hash")
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
        let answer = self.call(&format!("pin/ls?arg={cid}"), None).await;
        let pinned = answer.is_ok_and(|answer| {
            answer
                .get("Keys")
                .is_some_and(|keys| keys.get(&cid).is_some())
        });
        if !pinned {
            bail!("the job definition {cid} is not pinned at --ipfs-api, so no node may find it; pin it there first, nothing was sent");
        }
        Ok(())
    }

    async fn call(&self, path: &str, form: Option<Form>) -> Result<Value> {
        let mut request = self.client.post(format!("{}/api/v0/{path}", self.base));
        if let Some(form) = form {
            request = request.multipart(form);
        }
        let answer = request.send().await.map_err(reqwest::Error::without_url);
        let answer = answer.context("--ipfs-api cannot be reached")?;
        let status = answer.status();
        if !status.is_success() {
            bail!("--ipfs-api answered {status}");
        }
        let text = answer.text().await.map_err(reqwest::Error::without_url)?;
        serde_json::from_str(&text).context("--ipfs-api answered something that is not JSON")
    }
}
