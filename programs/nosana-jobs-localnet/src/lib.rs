//! A stand-in for Nosana's jobs program, the GPU markets, at its real address.
//!
//! **For localnet and tests only; never deployed.** Discriminators, account orders, layouts,
//! refusals and fund flows are the real program's, as far as they are known from its public source
//! and from trying it; `tests/layout.rs` pins them. Simplified: a node's stake and access NFT may be
//! any accounts, the network fee is zero (as on the real program), and nothing reaches the rewards.

#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]
// Anchor's #[program] and #[derive(Accounts)] generate public items without docs.
#![allow(missing_docs)]
// Anchor 1.x's error type is large by design.
#![allow(clippy::result_large_err)]

pub mod errors;
pub mod funds;
pub mod instructions;
pub mod state;

use anchor_lang::prelude::*;
use instructions::*;

// Anchor's macros take literals only; a test compares them with the interface's.
#[cfg(not(feature = "devnet"))]
declare_id!("nosJhNRqr2bc9g1nfGDcXXTXvYUmxD4cVwy2pMWhrYM");
#[cfg(feature = "devnet")]
declare_id!("nosJTmGQxvwXy23vng5UjkTbfv91Bzf9jEuro78dAGR");

#[program]
pub mod nosana_jobs {
    use super::*;

    /// Market authority: opens a market.
    pub fn open(ctx: Context<Open>, terms: Terms) -> Result<()> {
        market::open(ctx, terms)
    }

    /// Market authority: changes price, type and timeouts, at any time.
    pub fn update(ctx: Context<Update>, terms: Terms) -> Result<()> {
        market::update(ctx, terms)
    }

    /// Market authority: closes the market and sweeps every deposit.
    pub fn close(ctx: Context<CloseMarket>) -> Result<()> {
        market::close(ctx)
    }

    /// Project: deposits price × timeout and queues a job, or gives it to the first waiting node.
    pub fn list(ctx: Context<List>, ipfs_job: [u8; 32], timeout: i64) -> Result<()> {
        project::list(ctx, ipfs_job, timeout)
    }

    /// Project: takes a queued job off the market.
    pub fn delist(ctx: Context<Delist>) -> Result<()> {
        project::delist(ctx)
    }

    /// Project: raises a job's timeout, absolutely, and deposits the difference.
    pub fn extend(ctx: Context<Extend>, timeout: i64) -> Result<()> {
        project::extend(ctx, timeout)
    }

    /// Project: ends a running job.
    pub fn end(ctx: Context<End>) -> Result<()> {
        project::end(ctx)
    }

    /// Project: takes the deposit of a job that its node quit.
    pub fn recover(ctx: Context<Recover>) -> Result<()> {
        project::recover(ctx)
    }

    /// Node: takes the first waiting job, or queues.
    pub fn work(ctx: Context<Work>) -> Result<()> {
        node::work(ctx)
    }

    /// Node: finishes its job and is paid.
    pub fn finish(ctx: Context<Finish>, ipfs_result: [u8; 32]) -> Result<()> {
        node::finish(ctx, ipfs_result)
    }

    /// Node: gives its job up.
    pub fn quit(ctx: Context<Quit>) -> Result<()> {
        node::quit(ctx)
    }

    /// Node: opens a run on a job that a node quit.
    pub fn claim(ctx: Context<Claim>) -> Result<()> {
        node::claim(ctx)
    }

    /// Node: posts the result of a job that was ended.
    pub fn complete(ctx: Context<Complete>, ipfs_result: [u8; 32]) -> Result<()> {
        node::complete(ctx, ipfs_result)
    }

    /// Node: leaves the queue.
    pub fn stop(ctx: Context<Stop>) -> Result<()> {
        node::stop(ctx)
    }

    /// Anyone: closes a done and expired job; its rent returns to its payer.
    pub fn clean(ctx: Context<Clean>) -> Result<()> {
        anyone::clean(ctx)
    }
}
