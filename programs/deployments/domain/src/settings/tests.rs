use super::*;
use std::string::ToString;

const VALID: Settings = Settings {
    strategy: Strategy::Simple,
    replicas: 1,
    timeout_seconds: 3600,
    max_queue_seconds: 0,
    schedule: None,
    overlap: Overlap::Allow,
    rotation_seconds: 0,
    auto_extend: false,
    max_price_per_second: NO_PRICE_CAP,
    max_fee_bps: DEFAULT_MAX_FEE_BPS,
    keeper_reward_lamports: 0,
    max_rewards_lamports_per_day: DEFAULT_MAX_REWARDS_LAMPORTS_PER_DAY,
    retries: 0,
};

const INFINITE: Settings = Settings {
    strategy: Strategy::Infinite,
    rotation_seconds: DEFAULT_ROTATION_SECONDS,
    ..VALID
};

#[test]
fn limits_are_inclusive_and_their_neighbours_refused() {
    let midnight = Schedule::parse("0 0 * * *").unwrap();
    let never = Schedule {
        day_of_month: 1 << 31,
        month: 1 << 2,
        ..Schedule::parse("0 0 31 1 *").unwrap()
    };
    let cases = [
        (VALID, Ok(())),
        (
            Settings {
                replicas: 0,
                ..VALID
            },
            Err(InvalidSettings::NoReplicas),
        ),
        (
            Settings {
                replicas: 100,
                ..VALID
            },
            Ok(()),
        ),
        (
            Settings {
                replicas: 101,
                ..VALID
            },
            Err(InvalidSettings::Replicas),
        ),
        (
            Settings {
                timeout_seconds: 59,
                ..VALID
            },
            Err(InvalidSettings::Timeout),
        ),
        (
            Settings {
                timeout_seconds: 60,
                ..VALID
            },
            Ok(()),
        ),
        (
            Settings {
                timeout_seconds: 2_592_000,
                ..VALID
            },
            Ok(()),
        ),
        (
            Settings {
                timeout_seconds: 2_592_001,
                ..VALID
            },
            Err(InvalidSettings::Timeout),
        ),
        (
            Settings {
                strategy: Strategy::Scheduled,
                ..VALID
            },
            Err(InvalidSettings::ScheduleMissing),
        ),
        (
            Settings {
                schedule: Some(midnight),
                ..VALID
            },
            Err(InvalidSettings::ScheduleNotAllowed),
        ),
        (
            Settings {
                strategy: Strategy::Scheduled,
                schedule: Some(midnight),
                ..VALID
            },
            Ok(()),
        ),
        (
            Settings {
                strategy: Strategy::Scheduled,
                schedule: Some(never),
                ..VALID
            },
            Err(InvalidSettings::Schedule),
        ),
        (
            Settings {
                keeper_reward_lamports: 10_000_000,
                ..VALID
            },
            Ok(()),
        ),
        (
            Settings {
                keeper_reward_lamports: 10_000_001,
                ..VALID
            },
            Err(InvalidSettings::KeeperReward),
        ),
    ];
    for (settings, expected) in cases {
        assert_eq!(settings.validate(), expected, "{settings:?}");
    }
}

#[test]
fn options_belong_to_their_strategies() {
    let midnight = Schedule::parse("0 0 * * *").unwrap();
    let scheduled = Settings {
        strategy: Strategy::Scheduled,
        schedule: Some(midnight),
        ..VALID
    };
    let extend = Settings {
        strategy: Strategy::SimpleExtend,
        ..VALID
    };
    let rotating = |rotation_seconds| Settings {
        rotation_seconds,
        ..INFINITE
    };
    let overlapping = |settings: Settings, overlap| Settings {
        overlap,
        ..settings
    };
    let prolonged = |settings: Settings| Settings {
        auto_extend: true,
        ..settings
    };
    let short = Settings {
        timeout_seconds: 3_599,
        ..INFINITE
    };
    let rotated_simple = Settings {
        rotation_seconds: 1_200,
        ..VALID
    };
    let cases = [
        (INFINITE, Ok(())),
        (short, Err(InvalidSettings::InfiniteTimeout)),
        (rotating(59), Err(InvalidSettings::Rotation)),
        (rotating(60), Ok(())),
        (rotating(2_999), Ok(())),
        (rotating(3_000), Err(InvalidSettings::Rotation)),
        (rotating(u32::MAX), Err(InvalidSettings::Rotation)),
        (rotated_simple, Err(InvalidSettings::RotationNotAllowed)),
        (overlapping(scheduled, Overlap::Forbid), Ok(())),
        (overlapping(scheduled, Overlap::Replace), Ok(())),
        (
            overlapping(INFINITE, Overlap::Forbid),
            Err(InvalidSettings::Overlap),
        ),
        (prolonged(extend), Ok(())),
        (prolonged(VALID), Err(InvalidSettings::AutoExtendNotAllowed)),
    ];
    for (settings, expected) in cases {
        assert_eq!(settings.validate(), expected, "{settings:?}");
    }
}

#[test]
fn policies_are_pinned() {
    for (byte, name) in [(0, "ALLOW"), (1, "FORBID"), (2, "REPLACE")] {
        let overlap = Overlap::from_byte(byte).unwrap();
        assert_eq!((overlap as u8, overlap.name()), (byte, name));
        assert_eq!(Overlap::from_name(name), Some(overlap));
    }
    assert_eq!(Overlap::from_byte(3), None);
    assert_eq!(Overlap::from_name("Allow"), None);
}

#[test]
fn strategies_are_pinned() {
    let pinned = [
        (0, "SIMPLE"),
        (1, "SIMPLE-EXTEND"),
        (2, "SCHEDULED"),
        (3, "INFINITE"),
    ];
    for (byte, name) in pinned {
        let strategy = Strategy::from_byte(byte).unwrap();
        assert_eq!((strategy as u8, strategy.name()), (byte, name));
        assert_eq!(Strategy::from_name(name), Some(strategy));
    }
    assert_eq!(Strategy::from_byte(4), None);
    assert_eq!(Strategy::from_name("simple"), None);
}

#[test]
fn errors_name_the_field_and_what_is_valid() {
    assert_eq!(InvalidSettings::Replicas.field(), "replicas");
    assert_eq!(InvalidSettings::Replicas.to_string(), "use 1 to 100");
    assert_eq!(
        InvalidSettings::Timeout.to_string(),
        "use 1 to 43200 whole minutes"
    );
}

#[test]
fn what_a_strategy_begins_with_is_valid() {
    for strategy in Strategy::ALL {
        let mut settings = Settings::new(strategy);
        if strategy == Strategy::Scheduled {
            assert_eq!(settings.validate(), Err(InvalidSettings::ScheduleMissing));
            settings.schedule = Schedule::parse("0 0 * * *").ok();
        }
        assert_eq!(settings.validate(), Ok(()), "{strategy}");
    }
}

#[test]
fn the_default_cap_is_half_as_much_again_and_rounds_up() {
    for (price, cap) in [(0, 0), (1, 2), (100, 150), (101, 152), (u64::MAX, u64::MAX)] {
        assert_eq!(default_price_cap(price), cap);
    }
}
