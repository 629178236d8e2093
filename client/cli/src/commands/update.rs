//! `update`: other settings for a deployment.

use crate::{
    commands::seconds,
    context::Context,
    exit::invalid,
    format::{self, counted},
    output::Facts,
    submit::{Owned, TransactionOptions},
};
use anyhow::Result;
use clap::Args;
use nosana_deploy_client::domain::{
    cron::Schedule,
    settings::{InvalidSettings, Overlap},
};
use nosana_deploy_client::{
    forecast::Prolonged,
    instructions::{self as ix, SettingsArgs, UpdateArgs},
};
use solana_program::pubkey::Pubkey;
use std::str::FromStr;

/// Change a deployment's settings; what is not named stays
///
/// What each change does to active jobs is in docs/updates.md. A different job definition is a new
/// revision: see `revisions`.
#[derive(Args)]
pub(crate) struct Update {
    /// The deployment's address, or its number among the wallet's deployments
    deployment: String,
    /// The name that people see, at most 64 bytes
    #[arg(long)]
    name: Option<String>,
    /// Jobs per round, 1 to 100; INFINITE, SCHEDULED: 0 ends their jobs until there are to be some again
    #[arg(long)]
    replicas: Option<u32>,
    /// Longest run of one job in minutes, 1 to 43200; jobs that run with less are prolonged to it
    #[arg(long, value_name = "MINUTES")]
    timeout: Option<u64>,
    /// SCHEDULED: a cron expression of five fields, in UTC
    #[arg(long, value_name = "CRON")]
    schedule: Option<String>,
    /// Run what is due by the schedule until now; it is dropped otherwise
    #[arg(long, requires = "schedule")]
    run_due: bool,
    /// SCHEDULED: ALLOW, FORBID or REPLACE
    #[arg(long)]
    overlap: Option<String>,
    /// INFINITE: minutes by which a replacement is listed before a deadline
    #[arg(long, value_name = "MINUTES")]
    rotation_time: Option<u32>,
    /// SIMPLE-EXTEND: whether running jobs are prolonged
    #[arg(long, value_name = "BOOL")]
    auto_extend: Option<bool>,
    /// Most NOS base units per second that the market may ask, or `none`
    #[arg(long, value_name = "UNITS")]
    max_price: Option<String>,
    /// Most that the markets' program may take on top of a deposit, basis points (1000 are 10 %)
    #[arg(long, value_name = "BPS")]
    max_fee_bps: Option<u16>,
    /// Most lamports that keepers are paid a day, in all
    #[arg(long, value_name = "LAMPORTS")]
    max_rewards: Option<u64>,
    /// SIMPLE, SIMPLE-EXTEND: jobs of a round that are listed again if their nodes quit
    #[arg(long)]
    retries: Option<u32>,
    /// Minutes that a job may wait for a node before it is taken off the market, 1 to 43200; 0 for no limit
    #[arg(long, value_name = "MINUTES")]
    max_queue_minutes: Option<u32>,
    /// List jobs on this market from now on; while no job is active
    #[arg(long, value_name = "PUBKEY")]
    market: Option<Pubkey>,
    /// A key of yours that lists jobs from now on, so that nodes answer to it; only keepers that have it
    /// list and end them. `none` for none
    #[arg(long, value_name = "PUBKEY")]
    access_key: Option<AccessKey>,
    /// Lamports for a keeper per job handled
    #[arg(long, value_name = "LAMPORTS")]
    keeper_reward: Option<u64>,
    /// Run this revision, an earlier one to roll back
    #[arg(long, value_name = "NUMBER")]
    revision: Option<u32>,
    #[command(flatten)]
    transaction: TransactionOptions,
}

/// The address of an access key; the default one for none.
#[derive(Clone, Copy, Debug)]
struct AccessKey(Pubkey);

impl FromStr for AccessKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self(Pubkey::default())),
            key => key
                .parse()
                .map(Self)
                .map_err(|_| "use a base58 public key, or none".into()),
        }
    }
}

impl Update {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let args = self.args()?;
        if args == UpdateArgs::default() && self.market.is_none() {
            return Err(invalid(
                "nothing to change; name at least one setting, for example --replicas 2",
            ));
        }
        let address = context.deployment_address(&self.deployment)?;
        self.transaction
            .submit_to(context, &address, |plan, owner, found| {
                let name = Owned::name(found, &address);
                plan.question = format!("Change {name} to these settings?");
                if let Some(found) = found {
                    let changed = args.settings.changed(*found.settings());
                    let refused =
                        |error: InvalidSettings| invalid(format!("{}: {error}", error.field()));
                    let settings = changed.map_err(refused)?;
                    plan.terms = match self.market {
                        Some(market) => self.moved(context, found, market)?.terms(&settings),
                        None => found.terms(&settings),
                    };
                    if args.settings.timeout_seconds.is_some() {
                        let snapshot = context
                            .block_on(async { Ok(context.cluster.snapshot(&address).await?) })?;
                        prolonged(&Prolonged::by(&snapshot, &settings), &mut plan.terms);
                    }
                }
                Ok(match &self.market {
                    Some(market) => ix::move_to(owner, &address, market, args),
                    None => ix::update(owner, &address, args),
                })
            })
    }

    /// The deployment on another market, if it may go there.
    fn moved(&self, context: &Context, found: &Owned, market: Pubkey) -> Result<Owned> {
        let mut after = found.deployment.lifecycle;
        after.change_market().map_err(|refused| {
            let status = found.deployment.status();
            invalid(format!("--market: the deployment is {status}; {refused}"))
        })?;
        let state = context.block_on(async { Ok(context.cluster.market(&market).await?) })?;
        Ok(found.on(market, state))
    }

    /// The domain's rules check the values, by the domain's rules, against the strategy.
    fn args(&self) -> Result<UpdateArgs> {
        let schedule = self.schedule.as_deref().map(Schedule::parse).transpose();
        let schedule = schedule.map_err(|error| invalid(format!("--schedule: {error}")))?;
        let overlap = self.overlap.as_deref().map(|name| {
            let valid = || {
                invalid(format!(
                    "--overlap: {name:?} is not valid; use ALLOW, FORBID or REPLACE"
                ))
            };
            Overlap::from_name(name)
                .map(|overlap| overlap as u8)
                .ok_or_else(valid)
        });
        let max_price = self.max_price.as_deref().map(|text| match text {
            "none" => Ok(u64::MAX),
            units => units.parse().map_err(|_| {
                invalid(format!(
                    "--max-price: {units:?} is not valid; use NOS base units per second, or none"
                ))
            }),
        });
        Ok(UpdateArgs {
            name: self.name.clone(),
            revision: self.revision,
            settings: SettingsArgs {
                replicas: self.replicas,
                timeout_seconds: self.timeout.map(seconds),
                schedule: schedule.map(Into::into),
                overlap: overlap.transpose()?,
                rotation_seconds: self.rotation_time.map(seconds),
                auto_extend: self.auto_extend,
                max_price_per_second: max_price.transpose()?,
                max_fee_bps: self.max_fee_bps,
                keeper_reward_lamports: self.keeper_reward,
                max_rewards_lamports_per_day: self.max_rewards,
                retries: self.retries,
                max_queue_seconds: self.max_queue_minutes.map(seconds),
            },
            run_due: self.run_due,
            access_key: self.access_key.map(|key| key.0),
        })
    }
}

/// What a raised timeout does to jobs that run already.
pub(super) fn prolonged(prolonged: &Prolonged, facts: &mut Facts) {
    let Prolonged { jobs, queued, nos } = *prolonged;
    if jobs + queued == 0 {
        return;
    }
    let mut shown = format!("{} for {}", counted(jobs, "running job"), format::nos(nos));
    if queued > 0 {
        shown.push_str(&format!(
            ", and {} once a node has taken it",
            counted(queued, "queued job")
        ));
    }
    facts.add("Prolongs", shown, "prolonged_jobs", jobs);
    facts.add("", "", "prolonged_nos", nos);
}
