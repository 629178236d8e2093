//! What an owner may ask for: the settings of a deployment, and the rules for them. The client checks
//! them before it sends anything, and the program checks them again.

use crate::cron::Schedule;
use core::fmt;

/// Most replicas of one deployment; bounds the account's size and a keeper's work.
pub const MAX_REPLICAS: u32 = 100;
/// Shortest job, one minute: the JSON's unit.
pub const MIN_TIMEOUT_SECONDS: u32 = 60;
/// Longest job, 30 days.
pub const MAX_TIMEOUT_SECONDS: u32 = 30 * 24 * 3600;
/// Shortest and longest time that jobs may be allowed to wait for a node: a minute and 30 days.
pub const QUEUE_SECONDS: core::ops::RangeInclusive<u32> = 60..=MAX_TIMEOUT_SECONDS;
/// Longest name in UTF-8 bytes.
pub const MAX_NAME_BYTES: usize = 64;
/// Highest keeper reward per job, 0.01 SOL: a typo must not drain a vault.
pub const MAX_KEEPER_REWARD_LAMPORTS: u64 = 10_000_000;
/// Most that keepers are paid a day where nothing else is asked for, 0.01 SOL.
pub const DEFAULT_MAX_REWARDS_LAMPORTS_PER_DAY: u64 = 10_000_000;
/// Highest bound on the markets' program's network fee, in basis points: the whole deposit again.
pub const MAX_FEE_BPS: u16 = 10_000;
/// The bound where nothing else is asked for, 10 %: what the network took until May 2026.
pub const DEFAULT_MAX_FEE_BPS: u16 = 1_000;
/// Most jobs of a round that are listed again because their nodes quit.
pub const MAX_RETRIES: u32 = 100;
/// Firings of a schedule that may overlap before the next one waits for a free slot, if none lists
/// fewer jobs than the largest one so far.
pub const MAX_OVERLAPPING_FIRINGS: u32 = 3;
/// Shortest INFINITE job, one hour.
pub const MIN_INFINITE_TIMEOUT_SECONDS: u32 = 3_600;
/// Shortest lead of a replacement over the deadline that it covers.
pub const MIN_ROTATION_SECONDS: u32 = 60;
/// A job runs longer than this before its replacement is listed.
pub const MIN_SECONDS_BEFORE_ROTATION: u32 = 600;
/// Lead of a replacement where nothing else is asked for, 20 minutes.
pub const DEFAULT_ROTATION_SECONDS: u32 = 1_200;

/// How a deployment lists its replicas. The numbers are stored on chain and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Strategy {
    /// Lists every replica once; stopped when all are settled.
    Simple = 0,
    /// As SIMPLE, and can be extended by further replicas, and its jobs prolonged.
    SimpleExtend = 1,
    /// Lists every replica at each firing of a cron schedule (UTC).
    Scheduled = 2,
    /// Keeps every replica running: lists a replacement before a job's deadline, or when it ends.
    Infinite = 3,
}

impl Strategy {
    /// Every strategy, in the order of its number.
    pub const ALL: [Strategy; 4] = [
        Strategy::Simple,
        Strategy::SimpleExtend,
        Strategy::Scheduled,
        Strategy::Infinite,
    ];

    /// The strategy stored as `byte`, or `None` if no strategy has this number.
    pub fn from_byte(byte: u8) -> Option<Strategy> {
        Strategy::ALL.get(usize::from(byte)).copied()
    }

    /// The strategy that users call `name`, e.g. `SIMPLE-EXTEND`.
    pub fn from_name(name: &str) -> Option<Strategy> {
        Strategy::ALL.into_iter().find(|s| s.name() == name)
    }

    /// The name users know.
    pub const fn name(self) -> &'static str {
        match self {
            Strategy::Simple => "SIMPLE",
            Strategy::SimpleExtend => "SIMPLE-EXTEND",
            Strategy::Scheduled => "SCHEDULED",
            Strategy::Infinite => "INFINITE",
        }
    }

    /// Whether a deployment may have no replicas for a while. A round of SIMPLE or SIMPLE-EXTEND without
    /// any would be over.
    pub const fn scales_to_zero(self) -> bool {
        matches!(self, Strategy::Scheduled | Strategy::Infinite)
    }

    /// Most jobs that may be active at once, which is how many slots the account holds: each
    /// replica and, while a rotation or a rollout is under way, its replacement.
    pub const fn slots(self, replicas: u32) -> u32 {
        match self {
            Strategy::Simple | Strategy::SimpleExtend | Strategy::Infinite => {
                replicas.saturating_mul(2)
            }
            Strategy::Scheduled => replicas.saturating_mul(MAX_OVERLAPPING_FIRINGS),
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a firing of a schedule does while jobs of an earlier one are active. The words are those of
/// Kubernetes' `concurrencyPolicy`; the numbers are stored on chain and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Overlap {
    /// Lists its jobs beside them.
    Allow = 0,
    /// Is skipped; a job that had ended by then, and is only settled later, does not count.
    Forbid = 1,
    /// Has them stopped, and lists its own.
    Replace = 2,
}

impl Overlap {
    /// Every policy, in the order of its number.
    pub const ALL: [Overlap; 3] = [Overlap::Allow, Overlap::Forbid, Overlap::Replace];

    /// The policy stored as `byte`, or `None` if no policy has this number.
    pub fn from_byte(byte: u8) -> Option<Overlap> {
        Overlap::ALL.get(usize::from(byte)).copied()
    }

    /// The policy that users call `name`, e.g. `FORBID`.
    pub fn from_name(name: &str) -> Option<Overlap> {
        Overlap::ALL.into_iter().find(|o| o.name() == name)
    }

    /// The name users know.
    pub const fn name(self) -> &'static str {
        match self {
            Overlap::Allow => "ALLOW",
            Overlap::Forbid => "FORBID",
            Overlap::Replace => "REPLACE",
        }
    }
}

/// Everything that an owner chooses about a deployment and that rules read. A deployment's name and its
/// job definition decide nothing and stay outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// When and how often replicas are listed. Chosen once.
    pub strategy: Strategy,
    /// Jobs per round, or jobs to keep serving (INFINITE): 1 to [`MAX_REPLICAS`], or 0 where
    /// [`Strategy::scales_to_zero`].
    pub replicas: u32,
    /// Longest run of a job that is listed now, and by how much an extension prolongs one, seconds:
    /// [`MIN_TIMEOUT_SECONDS`] to [`MAX_TIMEOUT_SECONDS`]. A job that runs with less is prolonged to it.
    pub timeout_seconds: u32,
    /// A job that no node has taken after this many seconds is taken off the market: one of
    /// [`QUEUE_SECONDS`], or 0 for no limit. Always 0 for INFINITE.
    pub max_queue_seconds: u32,
    /// The firings of a SCHEDULED deployment, which needs them; `None` for every other strategy.
    pub schedule: Option<Schedule>,
    /// What a firing does while jobs of an earlier one are active; ALLOW unless SCHEDULED.
    pub overlap: Overlap,
    /// How long before a job's deadline its replacement is listed, seconds. INFINITE: at least
    /// [`MIN_ROTATION_SECONDS`], and less than the timeout minus [`MIN_SECONDS_BEFORE_ROTATION`].
    /// 0 for every other strategy.
    pub rotation_seconds: u32,
    /// Whether running jobs are prolonged before their deadline; only SIMPLE-EXTEND may.
    pub auto_extend: bool,
    /// Most NOS base units per second that the market may ask; [`NO_PRICE_CAP`] for any price.
    pub max_price_per_second: u64,
    /// Most that the markets' program may take on top of a deposit, in basis points of it: 0 to
    /// [`MAX_FEE_BPS`].
    pub max_fee_bps: u16,
    /// Paid to a keeper per job handled, at most [`MAX_KEEPER_REWARD_LAMPORTS`].
    pub keeper_reward_lamports: u64,
    /// Most lamports that keepers are paid a day (UTC) for this deployment, in all.
    pub max_rewards_lamports_per_day: u64,
    /// Jobs of a round that are listed again if their nodes quit, 0 to [`MAX_RETRIES`]. SIMPLE and
    /// SIMPLE-EXTEND; 0 for every other strategy.
    pub retries: u32,
}

/// A price cap that no market exceeds.
pub const NO_PRICE_CAP: u64 = u64::MAX;

/// The cap that a client sets where its user names none: half as much again as the market's price.
pub fn default_price_cap(price_per_second: u64) -> u64 {
    price_per_second.saturating_add(price_per_second.div_ceil(2))
}

/// Which setting is not valid. [`Self::field`] names it, `Display` says what would be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidSettings {
    /// No strategy has this number or name.
    Strategy,
    /// Above [`MAX_REPLICAS`].
    Replicas,
    /// 0 with a strategy that does not scale to zero.
    NoReplicas,
    /// Outside [`MIN_TIMEOUT_SECONDS`] to [`MAX_TIMEOUT_SECONDS`].
    Timeout,
    /// SCHEDULED without a schedule.
    ScheduleMissing,
    /// A schedule with a strategy that has none.
    ScheduleNotAllowed,
    /// A schedule with a field out of range, or one that never fires.
    Schedule,
    /// INFINITE with a timeout below [`MIN_INFINITE_TIMEOUT_SECONDS`].
    InfiniteTimeout,
    /// Too short, or too close to the timeout.
    Rotation,
    /// A rotation time with a strategy that rotates nothing.
    RotationNotAllowed,
    /// No policy has this number, or the strategy has no firings that could overlap.
    Overlap,
    /// A strategy whose jobs are not prolonged.
    AutoExtendNotAllowed,
    /// Above [`MAX_KEEPER_REWARD_LAMPORTS`].
    KeeperReward,
    /// Above [`MAX_FEE_BPS`].
    MaxFee,
    /// Above [`MAX_RETRIES`], or with a strategy that has no round to retry in.
    Retries,
    /// Outside [`QUEUE_SECONDS`], or with INFINITE.
    MaxQueue,
}

impl InvalidSettings {
    /// The field's name in the deployment's JSON.
    pub const fn field(self) -> &'static str {
        match self {
            Self::Strategy => "strategy",
            Self::Replicas | Self::NoReplicas => "replicas",
            Self::Timeout | Self::InfiniteTimeout => "timeout",
            Self::ScheduleMissing | Self::ScheduleNotAllowed | Self::Schedule => "schedule",
            Self::Rotation | Self::RotationNotAllowed => "rotation_time",
            Self::Overlap => "overlap",
            Self::AutoExtendNotAllowed => "auto_extend",
            Self::KeeperReward => "keeper_reward",
            Self::MaxFee => "max_fee_bps",
            Self::Retries => "retries",
            Self::MaxQueue => "max_queue_minutes",
        }
    }
}

impl core::error::Error for InvalidSettings {}

/// What would be valid, without the field's name.
impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Strategy => f.write_str("use SIMPLE, SIMPLE-EXTEND, SCHEDULED or INFINITE"),
            Self::Replicas => write!(f, "use 1 to {MAX_REPLICAS}"),
            Self::NoReplicas => write!(
                f,
                "use 1 to {MAX_REPLICAS}; only INFINITE and SCHEDULED scale to 0, `stop` ends the jobs of others"
            ),
            Self::Timeout => {
                let (least, most) = (MIN_TIMEOUT_SECONDS / 60, MAX_TIMEOUT_SECONDS / 60);
                write!(f, "use {least} to {most} whole minutes")
            }
            Self::ScheduleMissing => f.write_str(
                "strategy SCHEDULED needs a cron expression, e.g. \"0 0 * * *\" for daily at midnight",
            ),
            Self::ScheduleNotAllowed => f.write_str("only strategy SCHEDULED has a schedule"),
            Self::Schedule => f.write_str("use five cron fields that fire at some time"),
            Self::InfiniteTimeout => {
                let least = MIN_INFINITE_TIMEOUT_SECONDS / 60;
                write!(f, "use at least {least} minutes with strategy INFINITE")
            }
            Self::Rotation => {
                let (least, margin) = (MIN_ROTATION_SECONDS / 60, MIN_SECONDS_BEFORE_ROTATION / 60);
                write!(f, "use {least} minute or more, and less than the timeout minus {margin} minutes")
            }
            Self::RotationNotAllowed => f.write_str("only strategy INFINITE has a rotation time"),
            Self::Overlap => {
                f.write_str("use ALLOW, FORBID or REPLACE with strategy SCHEDULED, nothing with others")
            }
            Self::AutoExtendNotAllowed => {
                f.write_str("only strategy SIMPLE-EXTEND prolongs its jobs")
            }
            Self::KeeperReward => {
                write!(f, "use at most {MAX_KEEPER_REWARD_LAMPORTS} lamports per job")
            }
            Self::MaxFee => write!(f, "use 0 to {MAX_FEE_BPS} basis points"),
            Self::Retries => {
                write!(f, "use 0 to {MAX_RETRIES} with SIMPLE or SIMPLE-EXTEND, nothing with others")
            }
            Self::MaxQueue => {
                let (least, most) = (QUEUE_SECONDS.start() / 60, QUEUE_SECONDS.end() / 60);
                write!(f, "use {least} to {most} whole minutes, or 0 for no limit; nothing with INFINITE")
            }
        }
    }
}

impl Settings {
    /// The settings of a strategy where nothing else is asked for: one replica for an hour at any
    /// price, without a keeper reward. A SCHEDULED deployment still needs a schedule.
    pub const fn new(strategy: Strategy) -> Self {
        Self {
            strategy,
            replicas: 1,
            timeout_seconds: MIN_INFINITE_TIMEOUT_SECONDS,
            max_queue_seconds: 0,
            schedule: None,
            overlap: Overlap::Allow,
            rotation_seconds: match strategy {
                Strategy::Infinite => DEFAULT_ROTATION_SECONDS,
                _ => 0,
            },
            auto_extend: false,
            max_price_per_second: NO_PRICE_CAP,
            max_fee_bps: DEFAULT_MAX_FEE_BPS,
            keeper_reward_lamports: 0,
            max_rewards_lamports_per_day: DEFAULT_MAX_REWARDS_LAMPORTS_PER_DAY,
            retries: 0,
        }
    }

    /// Most jobs that may be active at once: see [`Strategy::slots`].
    pub const fn slots(&self) -> u32 {
        self.strategy.slots(self.replicas)
    }

    /// Checks every rule.
    ///
    /// # Errors
    /// The first setting that is not valid, in the order of [`Self::check`].
    pub fn validate(&self) -> Result<(), InvalidSettings> {
        let mut first = None;
        self.check(|invalid| {
            first.get_or_insert(invalid);
        });
        first.map_or(Ok(()), Err)
    }

    /// Reports every rule that is broken, so that all can be fixed at once.
    pub fn check(&self, mut report: impl FnMut(InvalidSettings)) {
        let mut ensure = |holds: bool, otherwise| {
            if !holds {
                report(otherwise);
            }
        };
        ensure(self.replicas <= MAX_REPLICAS, InvalidSettings::Replicas);
        ensure(
            self.replicas > 0 || self.strategy.scales_to_zero(),
            InvalidSettings::NoReplicas,
        );
        let timeouts = MIN_TIMEOUT_SECONDS..=MAX_TIMEOUT_SECONDS;
        ensure(
            timeouts.contains(&self.timeout_seconds),
            InvalidSettings::Timeout,
        );
        match (self.strategy, &self.schedule) {
            (Strategy::Scheduled, None) => ensure(false, InvalidSettings::ScheduleMissing),
            (Strategy::Scheduled, Some(schedule)) => {
                ensure(schedule.validate().is_ok(), InvalidSettings::Schedule);
            }
            (_, schedule) => ensure(schedule.is_none(), InvalidSettings::ScheduleNotAllowed),
        }
        if let Err(invalid) = self.validate_rotation() {
            ensure(false, invalid);
        }
        ensure(
            self.overlap == Overlap::Allow || self.strategy == Strategy::Scheduled,
            InvalidSettings::Overlap,
        );
        ensure(
            !self.auto_extend || self.strategy == Strategy::SimpleExtend,
            InvalidSettings::AutoExtendNotAllowed,
        );
        ensure(
            self.keeper_reward_lamports <= MAX_KEEPER_REWARD_LAMPORTS,
            InvalidSettings::KeeperReward,
        );
        ensure(self.max_fee_bps <= MAX_FEE_BPS, InvalidSettings::MaxFee);
        let most_retries = match self.strategy {
            Strategy::Simple | Strategy::SimpleExtend => MAX_RETRIES,
            Strategy::Scheduled | Strategy::Infinite => 0,
        };
        ensure(self.retries <= most_retries, InvalidSettings::Retries);
        let is_limited =
            self.strategy != Strategy::Infinite && QUEUE_SECONDS.contains(&self.max_queue_seconds);
        ensure(
            self.max_queue_seconds == 0 || is_limited,
            InvalidSettings::MaxQueue,
        );
    }

    fn validate_rotation(&self) -> Result<(), InvalidSettings> {
        if self.strategy != Strategy::Infinite {
            return match self.rotation_seconds {
                0 => Ok(()),
                _ => Err(InvalidSettings::RotationNotAllowed),
            };
        }
        let first_rotation = self.timeout_seconds.saturating_sub(self.rotation_seconds);
        if self.timeout_seconds < MIN_INFINITE_TIMEOUT_SECONDS {
            Err(InvalidSettings::InfiniteTimeout)
        } else if self.rotation_seconds < MIN_ROTATION_SECONDS
            || first_rotation <= MIN_SECONDS_BEFORE_ROTATION
        {
            Err(InvalidSettings::Rotation)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
