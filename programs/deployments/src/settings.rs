//! Settings as instructions carry them: any of them may be left out.

use crate::errors::DeployError;
use anchor_lang::prelude::*;
use deployments_domain::{
    cron::Schedule,
    settings::{InvalidSettings, Overlap, Settings},
};

/// Five cron fields as bit sets, UTC; see `deployments_domain::cron`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleArgs {
    /// Bits 0 to 59.
    pub minute: u64,
    /// Bits 0 to 23.
    pub hour: u32,
    /// Bits 1 to 31.
    pub day_of_month: u32,
    /// Bits 1 to 12.
    pub month: u16,
    /// Bits 0 to 6, 0 is Sunday.
    pub day_of_week: u8,
    /// The day of month began with `*`.
    pub day_of_month_star: bool,
    /// The day of week began with `*`.
    pub day_of_week_star: bool,
}

impl From<Schedule> for ScheduleArgs {
    fn from(schedule: Schedule) -> Self {
        Self {
            minute: schedule.minute,
            hour: schedule.hour,
            day_of_month: schedule.day_of_month,
            month: schedule.month,
            day_of_week: schedule.day_of_week,
            day_of_month_star: schedule.day_of_month_star,
            day_of_week_star: schedule.day_of_week_star,
        }
    }
}

impl From<ScheduleArgs> for Schedule {
    fn from(args: ScheduleArgs) -> Self {
        Self {
            minute: args.minute,
            hour: args.hour,
            day_of_month: args.day_of_month,
            month: args.month,
            day_of_week: args.day_of_week,
            day_of_month_star: args.day_of_month_star,
            day_of_week_star: args.day_of_week_star,
        }
    }
}

/// The settings that `create` and `update` change; `None` leaves a setting as it is, which for
/// `create` is what the strategy begins with. Limits: `deployments_domain::settings`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SettingsArgs {
    /// Takes effect at once between start and stop, else at the next start. INFINITE, SCHEDULED: 0 ends
    /// their jobs until there are replicas again.
    pub replicas: Option<u32>,
    /// For jobs and extensions from now on; jobs that run with less are prolonged to it.
    pub timeout_seconds: Option<u32>,
    /// SCHEDULED: from the next firing on. What is due is dropped, unless `update` says otherwise.
    pub schedule: Option<ScheduleArgs>,
    /// SCHEDULED: an `Overlap` byte.
    pub overlap: Option<u8>,
    /// INFINITE: for active jobs too.
    pub rotation_seconds: Option<u32>,
    /// SIMPLE-EXTEND: for active jobs too.
    pub auto_extend: Option<bool>,
    /// NOS base units per second, for listings and extensions from now on; `u64::MAX` for no cap.
    pub max_price_per_second: Option<u64>,
    /// Basis points of a deposit, for listings and extensions from now on.
    pub max_fee_bps: Option<u16>,
    /// Most lamports a day, for calls from now on.
    pub max_rewards_lamports_per_day: Option<u64>,
    /// SIMPLE, SIMPLE-EXTEND: for quits from now on.
    pub retries: Option<u32>,
    /// Per job handled, for calls from now on.
    pub keeper_reward_lamports: Option<u64>,
    /// Not INFINITE: for queued jobs too; 0 for no limit.
    pub max_queue_seconds: Option<u32>,
}

impl SettingsArgs {
    /// [`Self::changed`], for an instruction.
    ///
    /// # Errors
    /// The [`DeployError`] of the first setting that is not valid.
    pub fn apply_to(&self, settings: Settings) -> Result<Settings> {
        Ok(self.changed(settings).map_err(DeployError::from)?)
    }

    /// `settings` with these changes, checked.
    ///
    /// # Errors
    /// The first setting that is not valid.
    pub fn changed(&self, settings: Settings) -> core::result::Result<Settings, InvalidSettings> {
        let overlap = match self.overlap {
            Some(byte) => Overlap::from_byte(byte).ok_or(InvalidSettings::Overlap)?,
            None => settings.overlap,
        };
        let changed = Settings {
            strategy: settings.strategy,
            replicas: self.replicas.unwrap_or(settings.replicas),
            timeout_seconds: self.timeout_seconds.unwrap_or(settings.timeout_seconds),
            max_queue_seconds: self.max_queue_seconds.unwrap_or(settings.max_queue_seconds),
            schedule: self.schedule.map(Schedule::from).or(settings.schedule),
            overlap,
            rotation_seconds: self.rotation_seconds.unwrap_or(settings.rotation_seconds),
            auto_extend: self.auto_extend.unwrap_or(settings.auto_extend),
            max_price_per_second: self
                .max_price_per_second
                .unwrap_or(settings.max_price_per_second),
            max_fee_bps: self.max_fee_bps.unwrap_or(settings.max_fee_bps),
            keeper_reward_lamports: self
                .keeper_reward_lamports
                .unwrap_or(settings.keeper_reward_lamports),
            max_rewards_lamports_per_day: self
                .max_rewards_lamports_per_day
                .unwrap_or(settings.max_rewards_lamports_per_day),
            retries: self.retries.unwrap_or(settings.retries),
        };
        changed.validate()?;
        Ok(changed)
    }
}

/// Every setting, to create a deployment with.
impl From<&Settings> for SettingsArgs {
    fn from(settings: &Settings) -> Self {
        Self {
            replicas: Some(settings.replicas),
            timeout_seconds: Some(settings.timeout_seconds),
            schedule: settings.schedule.map(Into::into),
            overlap: Some(settings.overlap as u8),
            rotation_seconds: Some(settings.rotation_seconds),
            auto_extend: Some(settings.auto_extend),
            max_price_per_second: Some(settings.max_price_per_second),
            max_fee_bps: Some(settings.max_fee_bps),
            max_rewards_lamports_per_day: Some(settings.max_rewards_lamports_per_day),
            retries: Some(settings.retries),
            keeper_reward_lamports: Some(settings.keeper_reward_lamports),
            max_queue_seconds: Some(settings.max_queue_seconds),
        }
    }
}
