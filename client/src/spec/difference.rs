//! What differs between two settings, and what would make the one the other.

use deployments::settings::SettingsArgs;
use deployments_domain::settings::{Settings, NO_PRICE_CAP};

/// A setting that differs, by its name in the JSON, as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The field.
    pub field: &'static str,
    /// As it is.
    pub from: String,
    /// As it is to be.
    pub to: String,
}

/// What changes settings into others of the same strategy, and every difference.
pub fn differences(from: &Settings, to: &Settings) -> (SettingsArgs, Vec<Difference>) {
    let wanted = SettingsArgs::from(to);
    let (mut args, mut all) = (SettingsArgs::default(), Vec::new());
    /// Compares a setting, and shows it by a function.
    macro_rules! compare {
        ($($field:ident, $name:literal, $show:expr;)+) => {$(
            if from.$field != to.$field {
                args.$field = wanted.$field;
                let show = $show;
                all.push(Difference {
                    field: $name,
                    from: show(&from.$field),
                    to: show(&to.$field),
                });
            }
        )+};
    }
    let minutes = |seconds: &u32| (seconds / 60).to_string();
    compare! {
        replicas, "replicas", u32::to_string;
        timeout_seconds, "timeout", minutes;
        schedule, "schedule", |schedule: &Option<_>| match schedule {
            Some(schedule) => format!("\"{schedule}\""),
            None => "none".into(),
        };
        overlap, "overlap", |overlap: &deployments_domain::settings::Overlap| overlap.name().to_owned();
        rotation_seconds, "rotation_time", minutes;
        auto_extend, "auto_extend", bool::to_string;
        max_price_per_second, "max_price", |cap: &u64| match *cap {
            NO_PRICE_CAP => "none".into(),
            cap => cap.to_string(),
        };
        max_fee_bps, "max_fee_bps", u16::to_string;
        keeper_reward_lamports, "keeper_reward", u64::to_string;
        max_rewards_lamports_per_day, "max_rewards", u64::to_string;
        retries, "retries", u32::to_string;
        max_queue_seconds, "max_queue_minutes", minutes;
    }
    (args, all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use deployments_domain::{
        cron::Schedule,
        settings::{Overlap, Strategy},
    };

    fn settings() -> Settings {
        Settings {
            strategy: Strategy::Scheduled,
            replicas: 1,
            timeout_seconds: 3_600,
            max_queue_seconds: 0,
            schedule: Schedule::parse("0 0 * * *").ok(),
            overlap: Overlap::Allow,
            rotation_seconds: 0,
            auto_extend: false,
            max_price_per_second: NO_PRICE_CAP,
            max_fee_bps: 1_000,
            keeper_reward_lamports: 0,
            max_rewards_lamports_per_day: 1,
            retries: 0,
        }
    }

    #[test]
    fn what_differs_is_changed_and_nothing_else() {
        let from = settings();
        assert_eq!(
            differences(&from, &from),
            (SettingsArgs::default(), Vec::new())
        );
        let to = Settings {
            replicas: 2,
            timeout_seconds: 7_200,
            schedule: Schedule::parse("0 1 * * *").ok(),
            overlap: Overlap::Forbid,
            max_price_per_second: 9,
            keeper_reward_lamports: 8,
            max_queue_seconds: 600,
            ..from
        };
        let (args, all) = differences(&from, &to);
        assert_eq!(args.changed(from), Ok(to));
        assert_eq!((args.max_fee_bps, args.retries), (None, None));
        let shown: Vec<String> = all
            .iter()
            .map(|one| format!("{} {} {}", one.field, one.from, one.to))
            .collect();
        assert_eq!(
            shown,
            [
                "replicas 1 2",
                "timeout 60 120",
                "schedule \"0 0 * * *\" \"0 1 * * *\"",
                "overlap ALLOW FORBID",
                "max_price none 9",
                "keeper_reward 0 8",
                "max_queue_minutes 0 10",
            ]
        );
    }
}
