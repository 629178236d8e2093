//! Pinning job definitions: where nodes fetch them from. Kubo's HTTP API, which others speak too.

use crate::exit::invalid;
use anyhow::{bail, Context, Result};
use nosana_deploy_client::{digest, rpc::without_secrets};
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(60);

/// A job definition to be pinned once its owner has said yes.
pub(crate) struct Pin {
    ipfs: Ipfs,
    content: String,
    digest: [u8; 32],
}

impl Pin {
    /// Nothing is sent yet.
    pub(crate) fn new(url: &str, content: String, digest: [u8; 32]) -> Result<Self> {
        let ipfs = Ipfs::new(url)?;
        Ok(Self {
            ipfs,
            content,
            digest,
        })
    }

    /// Where it is pinned, as people may see it: an address may hold a key.
    pub(crate) fn host(&self) -> String {
        without_secrets(&self.ipfs.base)
    }

    /// Publishes it.
    pub(crate) async fn publish(&self) -> Result<()> {
        self.ipfs.pin(&self.content, &self.digest).await
    }
}

/// An IPFS node's HTTP API, for example `http://127.0.0.1:5001`.
pub(crate) struct Ipfs {
    base: String,
    client: reqwest::Client,
}

impl Ipfs {
    pub(crate) fn new(url: &str) -> Result<Self> {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(invalid(
                "--ipfs-api: use an address such as http://127.0.0.1:5001",
            ));
        }
        let client = reqwest::Client::builder().timeout(TIMEOUT).build()?;
        let base = url.trim_end_matches('/').to_owned();
        Ok(Self { base, client })
    }

    /// Pins a file and makes sure that it got the name that is on chain.
    async fn pin(&self, content: &str, digest: &[u8; 32]) -> Result<()> {
        let cid = digest::cid(digest);
        let file = Part::text(content.to_owned())
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
