//! Deployments on Nosana's GPU markets, held and enforced on chain.
//!
//! A wallet describes a deployment, funds a vault and starts it. From then on, anyone can be its keeper
//! and call [`list_jobs`](deployments::list_jobs), [`settle_jobs`](deployments::settle_jobs),
//! [`stop_jobs`](deployments::stop_jobs), [`track_jobs`](deployments::track_jobs) and
//! [`extend_jobs`](deployments::extend_jobs), which carry out due work and reject everything else.
//!
//! The cycle:
//!
//! ```text
//! create ─► DRAFT ─start─► STARTING ─list_jobs─► RUNNING ─settle_jobs─► STOPPED ─archive─► ARCHIVED
//!                             │                    │  ▲                   ▲
//!                             └─list_jobs─► INSUFFICIENT_FUNDS            │
//!                        stop ─────────────────► STOPPING ─stop_jobs──────┘
//! ```
//!
//! `deployments-domain` decides, this crate enforces. Each instruction checks its accounts, decisions are
//! pure, [`vault`] alone moves funds and [`markets`] alone calls
//! the markets' program.

// Nothing wraps, and nothing panics on an index.
#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]
// Anchor's #[program] and #[derive(Accounts)] generate public items without docs.
#![allow(missing_docs)]
// Anchor 1.x's error type is large by design; boxing it would hide its code from `?`.
#![allow(clippy::result_large_err)]

pub mod batch;
pub mod errors;
pub mod events;
pub mod instructions;
pub mod markets;
mod room;
pub mod settings;
pub mod state;
pub mod vault;

use anchor_lang::prelude::*;
use batch::*;
use instructions::*;

// Once, in this program's own ELF: a program that calls this one has a text of its own.
#[cfg(not(feature = "no-entrypoint"))]
solana_security_txt::security_txt! {
    name: "Deployments on Nosana's GPU markets",
    project_url: "https://nosana.com",
    contacts: "other:the private form \"Report a vulnerability\" of the program's repository",
    policy: "SECURITY.md of the program's repository",
    preferred_languages: "en"
}

declare_id!("2FwCBMsSphWZqDQVKvZFEFRjFy56ovEENxEJFeS6hCAv");

#[program]
pub mod deployments {
    use super::*;

    /// Owner: stores a new deployment, DRAFT or with `autostart` STARTING.
    pub fn create(ctx: Context<Create>, args: CreateArgs) -> Result<()> {
        create::handler(ctx, args)
    }

    /// Anyone: adds NOS and SOL to a vault.
    pub fn fund(ctx: Context<Fund>, args: FundArgs) -> Result<()> {
        fund::handler(ctx, args)
    }

    /// Owner: takes NOS and SOL out of a vault, at any time.
    pub fn withdraw(ctx: Context<Withdraw>, args: WithdrawArgs) -> Result<()> {
        withdraw::handler(ctx, args)
    }

    /// Owner: begins, or begins again after STOPPED, ERROR or INSUFFICIENT_FUNDS.
    pub fn start(ctx: Context<Steer>) -> Result<()> {
        steer::start(ctx)
    }

    /// Owner: lists nothing more and has keepers end what is active; with `drain`, what nodes run ends by
    /// itself or at its deadline, until this is called again without.
    pub fn stop(ctx: Context<Steer>, drain: bool) -> Result<()> {
        steer::stop(ctx, drain)
    }

    /// Owner: lists one round of a SCHEDULED deployment now, as if its schedule fired.
    pub fn trigger(ctx: Context<Steer>) -> Result<()> {
        steer::trigger(ctx)
    }

    /// Owner: has active jobs replaced, all or the one with this index, while enough keep serving.
    pub fn restart(ctx: Context<Steer>, index: Option<u64>) -> Result<()> {
        steer::restart(ctx, index)
    }

    /// Owner: ends the deployment for good.
    pub fn archive(ctx: Context<Steer>) -> Result<()> {
        steer::archive(ctx)
    }

    /// Owner: changes settings, the access key or the revision, and the market while no job is active.
    pub fn update(ctx: Context<Update>, args: UpdateArgs) -> Result<()> {
        update::handler(ctx, args)
    }

    /// Owner: adds a revision of the job definition and rolls forward to it.
    pub fn add_revision(ctx: Context<AddRevision>, args: AddRevisionArgs) -> Result<()> {
        add_revision::handler(ctx, args)
    }

    /// Owner: closes a revision that does not run; its rent returns to the owner.
    pub fn close_revision(ctx: Context<CloseRevision>) -> Result<()> {
        close_revision::handler(ctx)
    }

    /// Owner: adds replicas to a SIMPLE-EXTEND deployment.
    pub fn extend(ctx: Context<Extend>, more: u32) -> Result<()> {
        extend::handler(ctx, more)
    }

    /// Owner: gives up a job that no keeper can settle any more.
    pub fn write_off(ctx: Context<WriteOff>, index: u64) -> Result<()> {
        write_off::handler(ctx, index)
    }

    /// Owner: closes a DRAFT or ARCHIVED deployment's account; its rent returns to the owner.
    pub fn close(ctx: Context<Close>) -> Result<()> {
        close::handler(ctx)
    }

    /// Anyone: lists the jobs that are due, or records why none can be.
    pub fn list_jobs<'info>(
        ctx: Context<'info, SpendOnJobs<'info>>,
        bumps: Vec<JobBumps>,
    ) -> Result<()> {
        list_jobs::handler(ctx, bumps)
    }

    /// Anyone: accounts for jobs that ended.
    pub fn settle_jobs<'info>(
        ctx: Context<'info, HandleJobs<'info>>,
        indices: Vec<u64>,
    ) -> Result<()> {
        settle_jobs::handler(ctx, indices)
    }

    /// Anyone: ends jobs that should not run any more: all while STOPPING, those past their deadline, those
    /// that no node took in time, those of an old revision or firing, and surplus ones.
    pub fn stop_jobs<'info>(
        ctx: Context<'info, HandleJobs<'info>>,
        indices: Vec<u64>,
    ) -> Result<()> {
        stop_jobs::handler(ctx, indices)
    }

    /// Anyone: notes which jobs a node has taken, where that decides something.
    pub fn track_jobs<'info>(
        ctx: Context<'info, HandleJobs<'info>>,
        indices: Vec<u64>,
    ) -> Result<()> {
        track_jobs::handler(ctx, indices)
    }

    /// Anyone: prolongs running jobs: to a timeout that was raised, and those of a SIMPLE-EXTEND deployment
    /// before their deadline.
    pub fn extend_jobs<'info>(
        ctx: Context<'info, SpendOnJobs<'info>>,
        indices: Vec<u64>,
    ) -> Result<()> {
        extend_jobs::handler(ctx, indices)
    }

    /// Anyone: closes finished jobs; their rent returns to the vault, which pays a part of it.
    pub fn clean_jobs<'info>(ctx: Context<'info, CleanJobs<'info>>, args: CleanArgs) -> Result<()> {
        clean_jobs::handler(ctx, args)
    }

    /// Anyone: what is left of a written-off job's deposit returns to its vault.
    pub fn reclaim_job<'info>(
        ctx: Context<'info, ReclaimJob<'info>>,
        args: ReclaimArgs,
    ) -> Result<()> {
        reclaim_job::handler(ctx, args)
    }

    /// Anyone: what deployments, revisions and owner accounts hold above today's rent returns to their
    /// owner.
    pub fn reclaim_rent<'info>(ctx: Context<'info, ReclaimRent<'info>>) -> Result<()> {
        reclaim_rent::handler(ctx)
    }
}
