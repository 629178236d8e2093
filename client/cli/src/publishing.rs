//! Where a job definition is published: pinned for nodes to fetch, or handed out by its owner's own server.

use crate::{
    context::Context,
    ipfs::{Ipfs, IpfsOptions},
};
use anyhow::Result;
use clap::Args;

/// How a command publishes a job definition.
#[derive(Args, Clone)]
pub(crate) struct PublishOptions {
    /// Pin the job definition here once you have agreed, for example http://127.0.0.1:5001
    #[arg(long, value_name = "URL", conflicts_with = "sign_only")]
    ipfs_api: Option<String>,
    #[command(flatten)]
    ipfs: IpfsOptions,
    /// Where nodes fetch a confidential definition: your `definitions serve`, for example
    /// `https://example.org/nosana`
    #[arg(long, value_name = "URL")]
    definitions_url: Option<String>,
}

impl PublishOptions {
    /// The IPFS API to pin with, if one is named.
    ///
    /// # Errors
    /// Its address, or its token, is not valid.
    pub(crate) fn ipfs(&self, context: &Context) -> Result<Option<Ipfs>> {
        let named = self.ipfs_api.as_deref();
        context.profile.ipfs_api(named, &self.ipfs)
    }

    /// The server that a stub names. What several machines sign depends on the command line alone, so the
    /// profile's counts only online.
    ///
    /// # Errors
    /// None is named, or its address is not valid.
    pub(crate) fn definitions_url(&self, context: &Context, is_offline: bool) -> Result<String> {
        let named = self.definitions_url.as_deref();
        match is_offline {
            true => crate::profile::Profile::default().definitions_url(named),
            false => context.profile.definitions_url(named),
        }
    }
}
