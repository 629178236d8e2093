//! Clocks: steps of seconds to years, a step back, and the ends of time.

use deployments_domain::{
    cron::Schedule,
    settings::{Settings, Strategy},
};
use deployments_tests::*;
use nosana_deploy_client::{
    instructions::{self as ix, JobRun},
    DeploymentSpec,
};

/// No call may take more, whatever the clock says.
const MOST_COMPUTE_UNITS: u64 = 200_000;

/// A call that went through within its budget, or was refused by name.
#[track_caller]
fn sound(outcome: Result<Receipt, Failure>, what: &str) -> bool {
    match outcome {
        Ok(receipt) => {
            let units = receipt.compute_units;
            assert!(units < MOST_COMPUTE_UNITS, "{what}: {units} compute units");
            true
        }
        Err(Failure::Code(_)) => false,
        Err(failure) => panic!("{what}: {failure:?}"),
    }
}

#[tokio::test]
async fn a_schedule_finds_rare_days_however_far_the_clock_jumps() {
    // Leap days, month ends, the 31st, and the last day of a year.
    for expression in [
        "0 0 29 2 *",
        "59 23 31 * *",
        "0 12 30 4,6,9,11 *",
        "*/7 3 1 1 1",
    ] {
        let mut world = World::in_program_test().await;
        let schedule = Schedule::parse(expression).unwrap();
        let spec = DeploymentSpec {
            autostart: true,
            settings: Settings {
                schedule: Some(schedule),
                ..world.spec(Strategy::Scheduled, 1).settings
            },
            ..world.spec(Strategy::Scheduled, 1)
        };
        let key = world.create(&spec).await;
        world.fund(50 * COST, SOL).await;
        let mut now = NOW;
        for step in [
            1,
            59,
            3_600,
            DAY,
            27 * DAY,
            31 * DAY,
            366 * DAY,
            1_461 * DAY,
        ] {
            now += step;
            world.set_time(now).await;
            let due = world.deployment(&key).await.header.next_due_at;
            if sound(world.list(&key, 1).await, expression) {
                assert!(due <= now, "{expression}: listed before it was due");
                let next = world.deployment(&key).await.header.next_due_at;
                assert_eq!(Some(next), schedule.next_after(now), "{expression}");
                let index = world.deployment(&key).await.header.next_job_index - 1;
                let job = world.job(&key, index);
                world.run_next_job(0, job, now, 0).await;
                world.settle(&key, &[index]).await.unwrap();
            } else {
                assert!(due > now, "{expression}: due at {due}, refused at {now}");
            }
        }
    }
}

#[tokio::test]
async fn a_clock_that_steps_back_a_little_lists_nothing_twice_and_ends_nothing_early() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Scheduled, 1, 9).await;
    world.set_time(MIDNIGHT).await;
    world.list(&key, 1).await.unwrap();
    world.set_time(MIDNIGHT - 5).await;
    assert!(!sound(world.list(&key, 1).await, "list"));
    let node = world.nodes[0].clone();
    let run = node.work(&mut world).await.unwrap();
    world.set_time(MIDNIGHT - 30).await;
    let running = JobRun {
        index: 0,
        run: Some(node.run_of_job(run)),
    };
    assert!(!sound(world.stop_jobs(&key, &[running]).await, "stop_jobs"));
    // The markets' program ends no run before it began: a cluster's clock never goes back on a fork.
    world.set_time(MIDNIGHT - 5).await;
    let job = world.job(&key, 0);
    node.finish(&mut world, job, run).await.unwrap();
    assert!(sound(world.settle(&key, &[0]).await, "settle"));
    assert_eq!(world.vault_funds().await.0, 9 * COST, "no time has passed");
}

#[tokio::test]
async fn the_ends_of_time_crash_nothing() {
    for strategy in Strategy::ALL {
        for extreme in [i64::MIN, i64::MIN + 1, -1, 0, i64::MAX - 1, i64::MAX] {
            let mut world = World::in_program_test().await;
            let spec = DeploymentSpec {
                autostart: true,
                settings: Settings {
                    auto_extend: strategy == Strategy::SimpleExtend,
                    ..world.spec(strategy, 2).settings
                },
                ..world.spec(strategy, 2)
            };
            let key = world.create(&spec).await;
            world.fund(9 * COST, SOL).await;
            world.set_time(MIDNIGHT).await;
            world.list(&key, 1).await.unwrap();
            let node = world.nodes[0].clone();
            let run = node.work(&mut world).await.unwrap();
            world.set_time(extreme).await;
            let job = shown(0, run);
            let stop = JobRun {
                index: 0,
                run: Some(node.run_of_job(run)),
            };
            let what = format!("{strategy} at {extreme}");
            sound(world.list(&key, 1).await, &what);
            sound(world.track(&key, &[job]).await, &what);
            sound(world.extend_jobs(&key, &[job]).await, &what);
            sound(world.settle(&key, &[0]).await, &what);
            sound(world.stop_jobs(&key, &[stop]).await, &what);
            sound(world.steer(ix::stop, &key).await, &what);
            sound(world.steer(ix::start, &key).await, &what);
            let deployment = world.deployment(&key).await;
            assert_eq!(deployment.lifecycle.invariant(), Ok(()), "{what}");
        }
    }
}
