//! `update`: changes settings, replicas or the revision, in any status but ARCHIVED.

use crate::{
    errors::DeployError,
    events::DeploymentUpdated,
    instructions::{create::ScheduleArgs, make_room::make_room},
    state::{
        deployment::{in_use, views, FIRST_REVISION},
        Deployment, Revision,
    },
};
use anchor_lang::prelude::*;
use deployments_domain::{
    cron::Schedule,
    settings::{Overlap, Settings},
};

/// What to change; `None` leaves an option as it is. Limits: `deployments_domain::settings`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateArgs {
    /// Shown to people; at most 64 bytes of UTF-8.
    pub name: Option<String>,
    /// Takes effect at once between start and stop, else at the next start.
    pub replicas: Option<u32>,
    /// For jobs and extensions from now on.
    pub timeout_seconds: Option<u64>,
    /// SCHEDULED: a firing that is due stays due.
    pub schedule: Option<ScheduleArgs>,
    /// SCHEDULED: an `Overlap` byte.
    pub overlap: Option<u8>,
    /// INFINITE: for active jobs too.
    pub rotation_seconds: Option<u32>,
    /// SIMPLE-EXTEND: for active jobs too.
    pub auto_extend: Option<bool>,
    /// NOS base units per second, for listings and extensions from now on.
    pub max_price_per_second: Option<u64>,
    /// For calls from now on.
    pub keeper_reward_lamports: Option<u64>,
    /// A revision that was added before; 1 is the one the deployment was created with.
    pub revision: Option<u32>,
}

impl UpdateArgs {
    /// The settings as they would be afterwards.
    fn merged<'a>(&'a self, now: Settings<'a>) -> Result<Settings<'a>> {
        let overlap = match self.overlap {
            Some(byte) => Overlap::from_byte(byte).ok_or(DeployError::OverlapNotAllowed)?,
            None => now.overlap,
        };
        Ok(Settings {
            name: self.name.as_deref().unwrap_or(now.name),
            strategy: now.strategy,
            replicas: self.replicas.unwrap_or(now.replicas),
            timeout_seconds: self.timeout_seconds.unwrap_or(now.timeout_seconds),
            schedule: self.schedule.map(Schedule::from).or(now.schedule),
            overlap,
            rotation_seconds: self.rotation_seconds.unwrap_or(now.rotation_seconds),
            auto_extend: self.auto_extend.unwrap_or(now.auto_extend),
            keeper_reward_lamports: self
                .keeper_reward_lamports
                .unwrap_or(now.keeper_reward_lamports),
        })
    }
}

/// Accounts of `update`.
#[derive(Accounts)]
pub struct Update<'info> {
    /// Pays for further slots.
    #[account(mut)]
    pub owner: Signer<'info>,

    #[account(mut, has_one = owner @ DeployError::WrongOwner)]
    pub deployment: AccountLoader<'info, Deployment>,

    /// The revision to go to, if it is another than the first.
    #[account(has_one = deployment @ DeployError::WrongRevision)]
    pub revision: Option<Account<'info, Revision>>,

    pub system_program: Program<'info, System>,
}

impl Update<'_> {
    /// Checks everything before anything changes; the slots that the deployment needs afterwards.
    fn validate(&self, args: &UpdateArgs) -> Result<u32> {
        require!(*args != UpdateArgs::default(), DeployError::NothingToUpdate);
        let mut data = self.deployment.as_ref().try_borrow_mut_data()?;
        let (deployment, slots) = Deployment::split_mut(&mut data)?;
        deployment.active_lifecycle(slots.len())?;
        let settings = args.merged(deployment.settings()?)?;
        settings.validate().map_err(DeployError::from)?;
        Ok(settings.strategy.slots(settings.replicas))
    }

    /// Digest of the revision to go to.
    fn digest(&self, deployment: &Deployment, number: u32) -> Result<[u8; 32]> {
        match &self.revision {
            _ if number == FIRST_REVISION => Ok(deployment.first_job_definition),
            Some(revision) if revision.number == number => Ok(revision.job_definition),
            _ => err!(DeployError::WrongRevision),
        }
    }
}

/// Stores what is to change. What that makes due is for keepers to do.
pub(crate) fn handler(ctx: Context<Update>, args: UpdateArgs) -> Result<()> {
    let slots = ctx.accounts.validate(&args)?;
    let now = Clock::get()?.unix_timestamp;
    let accounts = ctx.accounts;
    let (key, info) = (
        accounts.deployment.key(),
        accounts.deployment.to_account_info(),
    );
    make_room(&info, &accounts.owner, slots)?;

    let mut data = info.try_borrow_mut_data()?;
    let (deployment, slots) = Deployment::split_mut(&mut data)?;
    set_plain_options(deployment, &args)?;
    let mut lifecycle = deployment.active_lifecycle(slots.len())?;
    let jobs = views(in_use(slots, lifecycle.active)?);
    if let Some(schedule) = args.schedule.map(Schedule::from) {
        lifecycle
            .reschedule(schedule, now)
            .map_err(DeployError::from)?;
        deployment.set_schedule(&schedule);
    }
    if let Some(replicas) = args.replicas {
        lifecycle
            .scale(replicas, jobs.clone(), now)
            .map_err(DeployError::from)?;
    }
    if let Some(revision) = args.revision {
        deployment.job_definition = accounts.digest(deployment, revision)?;
        lifecycle
            .change_revision(revision, jobs.clone(), now)
            .map_err(DeployError::from)?;
    }
    lifecycle.updated(jobs, now).map_err(DeployError::from)?;
    emit!(DeploymentUpdated {
        deployment: key,
        replicas: lifecycle.replicas,
        revision: lifecycle.revision
    });
    deployment.store(&key, &lifecycle, now)
}

/// Options that are only stored.
fn set_plain_options(deployment: &mut Deployment, args: &UpdateArgs) -> Result<()> {
    if let Some(name) = &args.name {
        deployment.set_name(name)?;
    }
    let set = |field: &mut u64, value: Option<u64>| *field = value.unwrap_or(*field);
    set(&mut deployment.timeout_seconds, args.timeout_seconds);
    set(
        &mut deployment.max_price_per_second,
        args.max_price_per_second,
    );
    set(
        &mut deployment.keeper_reward_lamports,
        args.keeper_reward_lamports,
    );
    if let Some(overlap) = args.overlap {
        deployment.overlap = overlap;
    }
    if let Some(seconds) = args.rotation_seconds {
        deployment.rotation_seconds = seconds;
    }
    if let Some(auto_extend) = args.auto_extend {
        deployment.auto_extend = u8::from(auto_extend);
    }
    Ok(())
}
