#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use super::*;
use bytemuck::Zeroable;
use std::mem::offset_of;

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
        (offset_of!(Deployment, id), 176),
        (offset_of!(Deployment, next_due_at), 200),
        (offset_of!(Deployment, timeout_seconds), 208),
        (offset_of!(Deployment, max_price_per_second), 216),
        (offset_of!(Deployment, keeper_reward_lamports), 224),
        (offset_of!(Deployment, next_job_index), 232),
        (offset_of!(Deployment, schedule_minute), 264),
        (offset_of!(Deployment, replicas), 284),
        (offset_of!(Deployment, owed), 288),
        (offset_of!(Deployment, active), 292),
        (offset_of!(Deployment, name), 304),
        (offset_of!(Deployment, fired_at), 368),
        (offset_of!(Deployment, backoff_until), 376),
        (offset_of!(Deployment, jobs_written_off), 384),
        (offset_of!(Deployment, rotation_seconds), 392),
        (offset_of!(Deployment, rapid_jobs), 396),
        (offset_of!(Deployment, latest_revision), 400),
        (offset_of!(Deployment, streak), 404),
        (offset_of!(Deployment, overlap), 405),
        (offset_of!(Deployment, auto_extend), 406),
        (offset_of!(Deployment, first_job_definition), 408),
        (offset_of!(Deployment, reserved), 440),
    ];
    for (field, from_first_byte) in offsets {
        assert_eq!(field + Deployment::DISCRIMINATOR.len(), from_first_byte);
    }
    assert_eq!((Deployment::space(0), Deployment::space(3)), (496, 592));
}

#[test]
fn names_and_schedules_come_back_as_they_were_stored() {
    let mut deployment = Deployment::zeroed();
    for name in ["", "Pytorch", "Größe 🚀", &"x".repeat(64)] {
        deployment.set_name(name).unwrap();
        assert_eq!(deployment.name(), name);
    }
    assert!(deployment.set_name(&"x".repeat(65)).is_err());
    deployment.name_len = 65;
    assert_eq!(deployment.name(), "");

    assert_eq!(deployment.schedule(), None);
    deployment.strategy = Strategy::Scheduled as u8;
    for expression in ["0 0 * * *", "*/5 1-3 */2 JAN 1-5", "59 23 31 12 */2"] {
        let schedule = Schedule::parse(expression).unwrap();
        deployment.set_schedule(&schedule);
        assert_eq!(deployment.schedule(), Some(schedule));
    }
}

#[test]
fn data_that_the_program_never_writes_is_refused() {
    let mut data = vec![0u64; 496 / 8 + 4];
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut data);
    assert!(Deployment::split_mut(bytes).is_err(), "version 0");
    bytes[8] = Deployment::VERSION;
    assert_eq!(Deployment::split_mut(bytes).unwrap().1.len(), 1);
    assert!(Deployment::split_mut(&mut bytes[..495]).is_err());
    assert!(Deployment::split_mut(&mut bytes[..500]).is_err());

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
