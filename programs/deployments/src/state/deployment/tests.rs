use super::*;
use bytemuck::Zeroable;
use std::{cell::RefCell, mem::offset_of};

#[test]
fn the_released_layout_never_moves() {
    assert_eq!(
        Deployment::DISCRIMINATOR,
        [66, 90, 104, 89, 183, 130, 64, 178]
    );
    let offsets = [
        (offset_of!(Deployment, version), 8),
        (offset_of!(Deployment, status), 10),
        (offset_of!(Deployment, strategy), 11),
        (offset_of!(Deployment, reason), 12),
        (offset_of!(Deployment, vault_index), 14),
        (offset_of!(Deployment, owner), 16),
        (offset_of!(Deployment, vault), 48),
        (offset_of!(Deployment, vault_nos), 80),
        (offset_of!(Deployment, market), 112),
        (offset_of!(Deployment, job_definition), 144),
        (offset_of!(Deployment, id), 208),
        (offset_of!(Deployment, max_price_per_second), 232),
        (offset_of!(Deployment, schedule_minute), 248),
        (offset_of!(Deployment, timeout_seconds), 268),
        (offset_of!(Deployment, rotation_seconds), 272),
        (offset_of!(Deployment, replicas), 276),
        (offset_of!(Deployment, overlap), 280),
        (offset_of!(Deployment, max_fee_bps), 282),
        (offset_of!(Deployment, retries), 284),
        (offset_of!(Deployment, max_rewards_lamports_per_day), 288),
        (offset_of!(Deployment, streak), 296),
        (offset_of!(Deployment, owed), 300),
        (offset_of!(Deployment, next_due_at), 312),
        (offset_of!(Deployment, active), 344),
        (offset_of!(Deployment, revision), 352),
        (offset_of!(Deployment, rewards_day), 360),
        (offset_of!(Deployment, next_job_index), 376),
        (offset_of!(Deployment, name), 416),
        (offset_of!(Deployment, changes), 480),
        (offset_of!(Deployment, access_key), 488),
        (offset_of!(Deployment, max_queue_seconds), 520),
        (offset_of!(Deployment, not_taken), 524),
        (offset_of!(Deployment, draining), 528),
        (offset_of!(Deployment, reserved), 529),
    ];
    for (field, from_first_byte) in offsets {
        assert_eq!(field + Deployment::DISCRIMINATOR.len(), from_first_byte);
    }
    assert_eq!((Deployment::space(0), Deployment::space(3)), (544, 640));
}

#[test]
fn names_and_settings_come_back_as_they_were_stored() {
    let mut deployment = Deployment::zeroed();
    for name in ["", "Pytorch", "Größe 🚀", &"x".repeat(64)] {
        deployment.set_name(name).unwrap();
        assert_eq!(deployment.name(), name);
    }
    assert!(deployment.set_name(&"x".repeat(65)).is_err());
    deployment.name_len = 65;
    assert_eq!(deployment.name(), "");

    for strategy in Strategy::ALL {
        let settings = Settings {
            replicas: 3,
            timeout_seconds: 7_200,
            max_price_per_second: 5,
            keeper_reward_lamports: 6,
            auto_extend: true,
            overlap: Overlap::Replace,
            ..Settings::new(strategy)
        };
        for expression in ["0 0 * * *", "*/5 1-3 */2 JAN 1-5", "59 23 31 12 */2"] {
            let settings = Settings {
                schedule: (strategy == Strategy::Scheduled)
                    .then(|| Schedule::parse(expression).unwrap()),
                ..settings
            };
            deployment.set_settings(&settings);
            assert_eq!(deployment.settings().unwrap(), settings);
        }
    }
}

/// An account's data, aligned as on chain.
fn data(slots: usize) -> Vec<u64> {
    vec![0; (Deployment::HEADER + slots * size_of::<ActiveJob>()) / 8]
}

#[test]
fn data_that_the_program_never_writes_is_refused() {
    let mut words = data(1);
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
    let cell = RefCell::new(bytes);
    let split = |len: usize| {
        let data = RefMut::map(cell.borrow_mut(), |data| &mut data[..len]);
        Deployment::split(data).map(|(header, slots)| (header.version, slots.len()))
    };
    assert!(split(576).is_err(), "no discriminator");
    let header = Deployment::init(RefMut::map(cell.borrow_mut(), |data| &mut **data));
    assert_eq!(header.unwrap().version, Deployment::VERSION);
    assert_eq!(split(576).unwrap(), (Deployment::VERSION, 1));
    assert!(split(543).is_err());
    assert!(split(548).is_err());

    let good = Deployment::zeroed();
    assert!(good.lifecycle(1).is_ok());
    for bad in [
        Deployment { status: 8, ..good },
        Deployment {
            strategy: 4,
            ..good
        },
        Deployment { reason: 4, ..good },
        Deployment { overlap: 3, ..good },
    ] {
        assert!(bad.lifecycle(1).is_err());
    }
}

#[test]
fn a_slot_remembers_when_its_run_began() {
    let mut slot = ActiveJob {
        listed_at: 1_000,
        waited_seconds: ActiveJob::NOT_RUNNING,
        ..ActiveJob::zeroed()
    };
    assert_eq!(slot.view().started_at, None);
    for (started_at, seen) in [
        (1_000, 1_000),
        (1_060, 1_060),
        (900, 1_000),
        (i64::MIN, 1_000),
        (i64::MAX, 1_000 + i64::from(u32::MAX) - 1),
    ] {
        slot.note_start(started_at);
        assert_eq!(slot.view().started_at, Some(seen));
    }
}

#[test]
fn slots_are_taken_and_freed_without_gaps() {
    let job = |index| ActiveJob {
        index,
        ..ActiveJob::zeroed()
    };
    let cell = RefCell::new([ActiveJob::zeroed(); 4]);
    let all = || RefMut::map(cell.borrow_mut(), |slots| &mut slots[..]);
    assert!(
        Slots::new(all(), 5).is_err(),
        "fewer slots than active jobs"
    );
    let mut slots = Slots::new(all(), 0).unwrap();
    let taken = slots.take(3, [7, 8, 9].map(job).into_iter()).unwrap();
    assert_eq!(taken.len(), 3);
    assert!(slots.take(2, [10, 11].map(job).into_iter()).is_err());
    assert_eq!((slots.position(8), slots.position(10)), (Some(1), None));
    slots.free(0).unwrap();
    let indices = |slots: &Slots| -> Vec<u64> { slots.jobs().map(|job| job.index).collect() };
    assert_eq!(indices(&slots), [9, 8]);
    slots.free(1).unwrap();
    assert!(slots.at(1).is_err() && slots.free(1).is_err());
    slots.free(0).unwrap();
    assert!(slots.free(0).is_err());
    drop(slots);
    assert_eq!(cell.into_inner(), [ActiveJob::zeroed(); 4]);
}
