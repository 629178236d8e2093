//! The Deployment account: a fixed header, then one slot for every job that may be active at once.

mod open;
mod slots;

pub use open::{Jobs, OpenDeployment};
pub use slots::{ActiveJob, Slots};

use crate::{errors::DeployError, events::Outcome};
use anchor_lang::prelude::*;
use core::cell::RefMut;
use deployments_domain::{
    cron::Schedule,
    failsafe::FailSafe,
    funding::Rewards,
    lifecycle::Lifecycle,
    settings::{Overlap, Settings, Strategy, MAX_NAME_BYTES},
    status::{Reason, Status},
};

/// PDA `["deployment", owner, id]`. Little-endian, without padding, read and written in place.
///
/// Readers filter by `status`, `strategy`, `owner`, `vault` and `market`: these never move.
#[account(zero_copy)]
#[derive(Debug)]
pub struct Deployment {
    /// Layout version, [`Deployment::VERSION`].
    pub version: u8,
    /// Canonical bump of this account.
    pub bump: u8,
    /// A [`Status`].
    pub status: u8,
    /// A [`Strategy`].
    pub strategy: u8,
    /// A [`Reason`]; not zero in ERROR only.
    pub reason: u8,
    /// Canonical bump of the vault.
    pub vault_bump: u8,
    /// Number of the owner's vault that pays.
    pub vault_index: u16,
    /// The only wallet that may steer the deployment.
    pub owner: Pubkey,
    /// PDA `["vault", owner, vault_index]`: payer and authority of the jobs.
    pub vault: Pubkey,
    /// The vault's associated token account for NOS.
    pub vault_nos: Pubkey,
    /// The GPU market the jobs run on.
    pub market: Pubkey,
    /// sha2-256 digest of the job definition that new jobs run; base58 of `12 20 | digest` is its
    /// IPFS CIDv0.
    pub job_definition: [u8; 32],
    /// Digest of revision 1; a later one's is in its Revision account.
    pub first_job_definition: [u8; 32],
    /// Unique among the owner's deployments, past ones included.
    pub id: u64,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds of the last change of `status`.
    pub status_changed_at: i64,

    // What the owner chose: `Settings`.
    /// Most NOS base units per second that a market may ask; `u64::MAX` for no cap.
    pub max_price_per_second: u64,
    /// Lamports paid to a keeper per job handled.
    pub keeper_reward_lamports: u64,
    /// SCHEDULED: cron bits 0 to 59.
    pub schedule_minute: u64,
    /// SCHEDULED: cron bits 0 to 23.
    pub schedule_hour: u32,
    /// SCHEDULED: cron bits 1 to 31.
    pub schedule_day_of_month: u32,
    /// SCHEDULED: cron bits 1 to 12.
    pub schedule_month: u16,
    /// SCHEDULED: cron bits 0 to 6, 0 is Sunday.
    pub schedule_day_of_week: u8,
    /// SCHEDULED: bit 0: the day of month began with `*`; bit 1: the day of week did.
    pub schedule_stars: u8,
    /// Longest run of one job, seconds.
    pub timeout_seconds: u32,
    /// INFINITE: seconds before a job's deadline at which its replacement is listed.
    pub rotation_seconds: u32,
    /// Jobs per round, or jobs to keep serving (INFINITE).
    pub replicas: u32,
    /// SCHEDULED: an [`Overlap`].
    pub overlap: u8,
    /// SIMPLE-EXTEND: 1 if running jobs are prolonged.
    pub auto_extend: u8,
    /// Most that the markets' program may take on top of a deposit, basis points of it.
    pub max_fee_bps: u16,
    /// SIMPLE, SIMPLE-EXTEND: jobs of a round that are listed again if their nodes quit.
    pub retries: u32,
    /// Most lamports that keepers are paid a day, in all.
    pub max_rewards_lamports_per_day: u64,

    // How far it has come: the rest of `Lifecycle`.
    /// INFINITE: rounds of rapid ends in a row.
    pub streak: u8,
    /// INFINITE: 1 if a job of the streak ended by itself.
    pub streak_crashed: u8,
    /// INFINITE: 1 if a job has served five minutes since the streak began.
    pub streak_served: u8,
    /// Bytes of `name` in use.
    pub name_len: u8,
    /// Jobs of the current round that are not listed yet.
    pub owed: u32,
    /// SIMPLE, SIMPLE-EXTEND: jobs of the current round that are over.
    pub ended: u32,
    /// SIMPLE, SIMPLE-EXTEND: jobs of the current round that their nodes quit.
    pub quit: u32,
    /// When the schedule fires next, unix seconds, or `i64::MAX`.
    pub next_due_at: i64,
    /// When the schedule last fired, unix seconds.
    pub fired_at: i64,
    /// INFINITE: when the last round of rapid ends was noticed, unix seconds.
    pub round_at: i64,
    /// INFINITE: replacements of rapid ends wait until then, unix seconds.
    pub backoff_until: i64,
    /// Slots in use, from the first.
    pub active: u32,
    /// INFINITE: rapid ends whose replacement is not listed yet.
    pub held: u32,
    /// Revision of the job definition that new jobs run, from 1.
    pub revision: u32,
    /// Highest revision ever added.
    pub latest_revision: u32,
    /// Days since 1970, UTC, of the last reward to a keeper.
    pub rewards_day: u64,
    /// Lamports paid to keepers on that day.
    pub rewards_lamports: u64,

    // What people want to know, and no rule reads.
    /// Index of the next job; also the number of jobs ever listed.
    pub next_job_index: u64,
    /// Jobs that nodes finished.
    pub jobs_done: u64,
    /// Jobs that nodes quit.
    pub jobs_quit: u64,
    /// Jobs that were delisted or ended by a keeper.
    pub jobs_stopped: u64,
    /// Jobs that the owner wrote off.
    pub jobs_written_off: u64,
    /// Shown to people: UTF-8, zero-padded.
    pub name: [u8; MAX_NAME_BYTES],
    /// Number of the last event that told a change.
    pub changes: u64,

    // Added since, in what was reserved.
    /// A key of the owner's that lists, and then alone ends, jobs from now on; zero if the vault does.
    pub access_key: Pubkey,
    /// Longest time that a job waits for a node, seconds; 0 for no limit.
    pub max_queue_seconds: u32,
    /// Jobs of the current round, or of the last firing, that no node took in time.
    pub not_taken: u32,
    /// STOPPING: 1 if jobs that nodes run may end by themselves.
    pub draining: u8,
    /// Zero; for later versions.
    pub reserved: [u8; 15],
}

// Released layouts never change; `tests` pins the offsets.
const _: () = assert!(Deployment::HEADER == 544);
const _: () = assert!(MAX_NAME_BYTES <= u8::MAX as usize);

/// Number of the revision that a deployment is created with.
pub const FIRST_REVISION: u32 = 1;

const DAY_OF_MONTH_STAR: u8 = 1;
const DAY_OF_WEEK_STAR: u8 = 2;

impl Deployment {
    /// Today's layout version.
    pub const VERSION: u8 = 1;
    /// Bytes before the first slot, the discriminator included.
    pub const HEADER: usize = Self::DISCRIMINATOR
        .len()
        .saturating_add(core::mem::size_of::<Self>());

    /// Bytes of an account with `slots` slots.
    pub const fn space(slots: u32) -> usize {
        Self::HEADER
            .saturating_add((slots as usize).saturating_mul(core::mem::size_of::<ActiveJob>()))
    }

    /// Marks a new account, whose data is zeroed, as a deployment of today's layout.
    ///
    /// # Errors
    /// [`DeployError::CorruptAccount`] if the data is too short or misaligned.
    pub fn init<'a>(data: RefMut<'a, [u8]>) -> Result<RefMut<'a, Deployment>> {
        let mut data = data;
        let marks = Self::DISCRIMINATOR.iter().chain(&[Self::VERSION]);
        for (byte, mark) in data.iter_mut().zip(marks) {
            *byte = *mark;
        }
        Ok(Self::split(data)?.0)
    }

    /// Splits an account's data into header and slots, whatever its version: sizes never change.
    ///
    /// # Errors
    /// [`DeployError::WrongDeployment`] if it is a different kind of account,
    /// [`DeployError::CorruptAccount`] if the data is too short or misaligned.
    #[inline(always)] // as `lifecycle`
    pub fn split<'a>(
        data: RefMut<'a, [u8]>,
    ) -> Result<(RefMut<'a, Deployment>, RefMut<'a, [ActiveJob]>)> {
        require!(
            data.starts_with(Self::DISCRIMINATOR),
            DeployError::WrongDeployment
        );
        require!(data.len() >= Self::HEADER, DeployError::CorruptAccount);
        let (header, slots) = RefMut::map_split(data, |data| data.split_at_mut(Self::HEADER));
        let header = RefMut::filter_map(header, |header| {
            let fields = header.get_mut(Self::DISCRIMINATOR.len()..)?;
            bytemuck::try_from_bytes_mut(fields).ok()
        });
        let slots = RefMut::filter_map(slots, |slots| bytemuck::try_cast_slice_mut(slots).ok());
        match (header, slots) {
            (Ok(header), Ok(slots)) => Ok((header, slots)),
            _ => err!(DeployError::CorruptAccount),
        }
    }

    /// The schedule, in use when the strategy is SCHEDULED.
    pub fn schedule(&self) -> Option<Schedule> {
        (self.strategy == Strategy::Scheduled as u8).then_some(Schedule {
            minute: self.schedule_minute,
            hour: self.schedule_hour,
            day_of_month: self.schedule_day_of_month,
            month: self.schedule_month,
            day_of_week: self.schedule_day_of_week,
            day_of_month_star: self.schedule_stars & DAY_OF_MONTH_STAR != 0,
            day_of_week_star: self.schedule_stars & DAY_OF_WEEK_STAR != 0,
        })
    }

    /// Stores the schedule.
    fn set_schedule(&mut self, schedule: &Schedule) {
        self.schedule_minute = schedule.minute;
        self.schedule_hour = schedule.hour;
        self.schedule_day_of_month = schedule.day_of_month;
        self.schedule_month = schedule.month;
        self.schedule_day_of_week = schedule.day_of_week;
        let bit = |star: bool, bit: u8| if star { bit } else { 0 };
        self.schedule_stars = bit(schedule.day_of_month_star, DAY_OF_MONTH_STAR)
            | bit(schedule.day_of_week_star, DAY_OF_WEEK_STAR);
    }

    /// The name shown to people.
    pub fn name(&self) -> &str {
        self.name
            .get(..usize::from(self.name_len))
            .and_then(|bytes| core::str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }

    /// Stores the name, at most [`MAX_NAME_BYTES`] bytes.
    ///
    /// # Errors
    /// [`DeployError::NameTooLong`].
    pub fn set_name(&mut self, name: &str) -> Result<()> {
        self.name = [0; MAX_NAME_BYTES];
        self.name
            .get_mut(..name.len())
            .ok_or(DeployError::NameTooLong)?
            .copy_from_slice(name.as_bytes());
        self.name_len = u8::try_from(name.len()).map_err(|_| DeployError::NameTooLong)?;
        Ok(())
    }

    /// What the owner chose.
    ///
    /// # Errors
    /// [`DeployError::CorruptAccount`] if a stored number has no meaning.
    #[inline(always)] // as `lifecycle`
    pub fn settings(&self) -> Result<Settings> {
        let corrupt = DeployError::CorruptAccount;
        Ok(Settings {
            strategy: Strategy::from_byte(self.strategy).ok_or(corrupt)?,
            replicas: self.replicas,
            timeout_seconds: self.timeout_seconds,
            max_queue_seconds: self.max_queue_seconds,
            schedule: self.schedule(),
            overlap: Overlap::from_byte(self.overlap).ok_or(corrupt)?,
            rotation_seconds: self.rotation_seconds,
            auto_extend: self.auto_extend != 0,
            max_price_per_second: self.max_price_per_second,
            max_fee_bps: self.max_fee_bps,
            keeper_reward_lamports: self.keeper_reward_lamports,
            max_rewards_lamports_per_day: self.max_rewards_lamports_per_day,
            retries: self.retries,
        })
    }

    /// Stores what the owner chose.
    pub fn set_settings(&mut self, settings: &Settings) {
        self.strategy = settings.strategy as u8;
        self.replicas = settings.replicas;
        self.timeout_seconds = settings.timeout_seconds;
        self.max_queue_seconds = settings.max_queue_seconds;
        if let Some(schedule) = &settings.schedule {
            self.set_schedule(schedule);
        }
        self.overlap = settings.overlap as u8;
        self.rotation_seconds = settings.rotation_seconds;
        self.auto_extend = settings.auto_extend.into();
        self.max_price_per_second = settings.max_price_per_second;
        self.max_fee_bps = settings.max_fee_bps;
        self.keeper_reward_lamports = settings.keeper_reward_lamports;
        self.max_rewards_lamports_per_day = settings.max_rewards_lamports_per_day;
        self.retries = settings.retries;
    }

    /// The facts that decide, for an account with `slots` slots.
    ///
    /// # Errors
    /// [`DeployError::CorruptAccount`] if a stored number has no meaning.
    #[inline(always)] // or the bytecode copies it twice
    pub fn lifecycle(&self, slots: usize) -> Result<Lifecycle> {
        let corrupt = DeployError::CorruptAccount;
        Ok(Lifecycle {
            status: Status::from_byte(self.status).ok_or(corrupt)?,
            reason: Reason::from_byte(self.reason).ok_or(corrupt)?,
            settings: self.settings()?,
            revision: self.revision,
            draining: self.draining != 0,
            owed: self.owed,
            ended: self.ended,
            quit: self.quit,
            not_taken: self.not_taken,
            active: self.active,
            slots: u32::try_from(slots).map_err(|_| corrupt)?,
            next_due_at: self.next_due_at,
            fired_at: self.fired_at,
            fail_safe: FailSafe {
                streak: self.streak,
                crashed: self.streak_crashed != 0,
                served: self.streak_served != 0,
                held: self.held,
                round_at: self.round_at,
                backoff_until: self.backoff_until,
            },
            rewards: Rewards {
                day: self.rewards_day,
                lamports: self.rewards_lamports,
            },
        })
    }

    /// Stores the facts that decide, but for the settings.
    pub fn set_progress(&mut self, lifecycle: &Lifecycle) {
        self.status = lifecycle.status as u8;
        self.reason = lifecycle.reason as u8;
        self.revision = lifecycle.revision;
        self.draining = lifecycle.draining.into();
        self.owed = lifecycle.owed;
        self.ended = lifecycle.ended;
        self.quit = lifecycle.quit;
        self.not_taken = lifecycle.not_taken;
        self.active = lifecycle.active;
        self.next_due_at = lifecycle.next_due_at;
        self.fired_at = lifecycle.fired_at;
        self.streak = lifecycle.fail_safe.streak;
        self.streak_crashed = lifecycle.fail_safe.crashed.into();
        self.streak_served = lifecycle.fail_safe.served.into();
        self.held = lifecycle.fail_safe.held;
        self.round_at = lifecycle.fail_safe.round_at;
        self.backoff_until = lifecycle.fail_safe.backoff_until;
        self.rewards_day = lifecycle.rewards.day;
        self.rewards_lamports = lifecycle.rewards.lamports;
    }

    /// Counts a job that ended. The counters inform people and decide nothing, so they may stick.
    pub fn count(&mut self, outcome: Outcome) {
        let counter = match outcome {
            Outcome::Done | Outcome::Gone => &mut self.jobs_done,
            Outcome::Recovered => &mut self.jobs_quit,
            Outcome::Delisted | Outcome::Ended => &mut self.jobs_stopped,
            Outcome::WrittenOff => &mut self.jobs_written_off,
        };
        *counter = counter.saturating_add(1);
    }
}

#[cfg(test)]
mod tests;
