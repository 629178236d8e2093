//! Rules that hold when nodes quit, prices spike and queues are long.

use crate::{failure, refused};
use deployments::{errors::DeployError, instructions::UpdateArgs, settings::SettingsArgs};
use deployments_domain::{
    cron::Schedule,
    settings::{Overlap, Settings, Strategy},
    status::{Reason, Status},
};
use deployments_tests::*;
use nosana_deploy_client::{
    instructions::{self as ix, JobRun},
    DeploymentSpec,
};
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;

const MINUTE: i64 = 60;
const HOUR: i64 = TIMEOUT as i64;

/// A started deployment with these settings, in a vault that can pay for `funded_jobs` jobs.
async fn started(
    world: &mut World,
    strategy: Strategy,
    funded_jobs: u64,
    change: impl FnOnce(&mut Settings),
) -> Pubkey {
    let mut spec = DeploymentSpec {
        autostart: true,
        ..world.spec(strategy, 1)
    };
    change(&mut spec.settings);
    let key = world.create(&spec).await;
    world.fund(funded_jobs * COST, SOL).await;
    key
}

async fn configure(world: &mut World, key: &Pubkey, settings: SettingsArgs) {
    world.update(key, settings.into()).await.unwrap();
}

async fn set_price(world: &mut World, price: u64) {
    let mut market = world.market_state().await;
    market.job_price = price;
    world.set_market(&market);
}

/// 255: the market takes no jobs.
async fn set_job_type(world: &mut World, job_type: u8) {
    let mut market = world.market_state().await;
    market.job_type = job_type;
    world.set_market(&market);
}

/// A node takes the first waiting job, job number `index`; its run.
async fn take(world: &mut World, key: &Pubkey, index: u64) -> (Pubkey, Pubkey) {
    let node = world.nodes[0].clone();
    let run = node.work(world).await.unwrap();
    (world.job(key, index), run)
}

/// Nodes take jobs `first..first + count`, and quit them at once; a keeper settles all in one call.
async fn quit_at_once(world: &mut World, key: &Pubkey, indices: &[u64]) {
    let node = world.nodes[0].clone();
    for index in indices {
        let (job, run) = take(world, key, *index).await;
        node.quit(world, job, run).await.unwrap();
    }
    world.settle(key, indices).await.unwrap();
}

/// Job `index` is taken and finished within `seconds`, then settled.
async fn run_and_settle(world: &mut World, key: &Pubkey, index: u64, now: i64, seconds: i64) {
    let job = world.job(key, index);
    world.run_next_job(0, job, now, seconds).await;
    world.settle(key, &[index]).await.unwrap();
}

#[tokio::test]
async fn a_quit_after_hours_is_no_crash_and_its_replacement_waits_for_nothing() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 1, 99).await;
    world.list(&key, 1).await.unwrap();
    let job = world.serve(0, &key, 0).await;
    world.set_time(NOW + 50 * MINUTE).await;
    let (address, node) = (world.job(&key, 0), world.nodes[0].clone());
    let run = job.run.unwrap().address;
    node.quit(&mut world, address, run).await.unwrap();
    world.settle(&key, &[0]).await.unwrap();
    assert_eq!(world.deployment(&key).await.header.streak, 0);
    world.list(&key, 1).await.unwrap();
}

#[tokio::test]
async fn quits_alone_only_wait_longer() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 1, 99).await;
    let mut now = NOW;
    for index in 0..12 {
        world.set_time(now).await;
        world.list(&key, 1).await.unwrap();
        quit_at_once(&mut world, &key, &[index]).await;
        assert_eq!(world.status(&key).await, Status::Running, "quit {index}");
        now = world.deployment(&key).await.header.backoff_until;
    }
}

#[tokio::test]
async fn one_bad_node_ends_no_fleet_and_the_wait_holds_back_its_replacement_alone() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 3, 99).await;
    world.list(&key, 3).await.unwrap();
    for index in [0, 1] {
        world.serve(0, &key, index).await;
    }
    // The third crashes again and again, while the other two serve.
    let mut now = NOW;
    for index in 2..14 {
        let job = world.job(&key, index);
        world.run_next_job(1, job, now, 1).await;
        world.settle(&key, &[index]).await.unwrap();
        assert_eq!(world.status(&key).await, Status::Running, "crash {index}");
        let deployment = world.deployment(&key).await;
        let wait = deployment.header.backoff_until;
        assert_eq!(
            failure(world.list(&key, 1).await),
            refused(DeployError::NothingDue)
        );
        now = wait;
        if now >= NOW + HOUR - i64::from(ROTATION) {
            return; // the other two rotate: for the next test
        }
        world.set_time(now).await;
        world.list(&key, 1).await.unwrap();
    }
}

#[tokio::test]
async fn a_rotation_never_waits_for_a_crash() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 2, 99).await;
    world.list(&key, 2).await.unwrap();
    world.serve(0, &key, 0).await;
    let rotation = NOW + HOUR - i64::from(ROTATION);
    run_and_settle(&mut world, &key, 1, rotation - 30, 29).await;
    assert!(world.deployment(&key).await.header.backoff_until > rotation);
    world.set_time(rotation).await;
    world.list(&key, 2).await.unwrap();
    let deployment = world.deployment(&key).await;
    assert_eq!(deployment.jobs.len(), 2, "the rotation's, not the crash's");
}

#[tokio::test]
async fn the_ends_of_one_burst_are_one_round_in_however_many_calls() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 4, 99).await;
    world.list(&key, 4).await.unwrap();
    let node = world.nodes[0].clone();
    for index in 0..4 {
        let (job, run) = take(&mut world, &key, index).await;
        node.finish(&mut world, job, run).await.unwrap();
    }
    for index in 0..4 {
        // The last one is settled long after the wait.
        world
            .set_time(NOW + i64::try_from(index).unwrap() * 50)
            .await;
        world.settle(&key, &[index]).await.unwrap();
        assert_eq!(world.deployment(&key).await.header.streak, 1, "end {index}");
    }
}

#[tokio::test]
async fn a_new_revision_starts_the_streak_anew() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 1, 99).await;
    world.list(&key, 1).await.unwrap();
    run_and_settle(&mut world, &key, 0, NOW, 1).await;
    assert_eq!(world.deployment(&key).await.header.streak, 1);
    let owner = world.owner.pubkey();
    let add = ix::add_revision(&owner, &key, 2, [2; 32]);
    world.by_owner(&[add]).await.unwrap();
    assert_eq!(world.deployment(&key).await.header.streak, 0);
    world.list(&key, 1).await.unwrap();
}

#[tokio::test]
async fn a_market_that_is_gone_is_noticed_though_nothing_is_missing() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 1, 9).await;
    world.list(&key, 1).await.unwrap();
    world.close_market();
    world.list(&key, 1).await.unwrap();
    let deployment = world.deployment(&key).await;
    assert_eq!(
        (deployment.status(), deployment.reason()),
        (Status::Error, Reason::MarketUnusable)
    );
}

#[tokio::test]
async fn a_dear_minute_needs_no_human() {
    for strategy in [Strategy::Simple, Strategy::Infinite] {
        let mut world = World::in_program_test().await;
        let capped = |settings: &mut Settings| settings.max_price_per_second = PRICE;
        let key = started(&mut world, strategy, 9, capped).await;
        set_price(&mut world, PRICE + 1).await;
        world.list(&key, 1).await.unwrap();
        let deployment = world.deployment(&key).await;
        assert_eq!(deployment.reason(), Reason::PriceAboveCap);
        assert_eq!(
            failure(world.list(&key, 1).await),
            refused(DeployError::NothingDue),
            "recorded once"
        );
        set_price(&mut world, PRICE).await;
        world.list(&key, 1).await.unwrap();
        let deployment = world.deployment(&key).await;
        assert_eq!(
            (
                deployment.status(),
                deployment.reason(),
                deployment.jobs.len()
            ),
            (Status::Running, Reason::None, 1),
            "{strategy}"
        );
    }
}

#[tokio::test]
async fn a_market_that_takes_jobs_again_ends_the_error_even_if_nothing_is_missing() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 1, 9).await;
    world.list(&key, 1).await.unwrap();
    set_job_type(&mut world, 255).await;
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Error);
    set_job_type(&mut world, 0).await;
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Running);
}

#[tokio::test]
async fn a_shortage_ends_when_the_vault_can_pay_though_nothing_is_due() {
    let mut world = World::in_program_test().await;
    let key = started(&mut world, Strategy::SimpleExtend, 1, |settings| {
        settings.auto_extend = true;
    })
    .await;
    world.list(&key, 1).await.unwrap();
    let node = world.nodes[0].clone();
    let run = node.work(&mut world).await.unwrap();
    world.set_time(NOW + HOUR - MINUTE).await;
    world.extend_jobs(&key, &[shown(0, run)]).await.unwrap();
    assert_eq!(world.status(&key).await, Status::InsufficientFunds);
    world.fund(COST, 0).await;
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Running);
}

#[tokio::test]
async fn a_rotated_job_is_stopped_once_enough_fresh_ones_serve() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 1, 9).await;
    world.list(&key, 1).await.unwrap();
    let old = world.serve(0, &key, 0).await;
    let rotation = NOW + HOUR - i64::from(ROTATION);
    world.set_time(rotation).await;
    world.list(&key, 1).await.unwrap();
    assert_eq!(
        failure(world.stop_jobs(&key, &[old]).await),
        refused(DeployError::NothingDue),
        "its replacement is still queued"
    );
    world.serve(1, &key, 1).await;
    let node = world.nodes[0].actor().0;
    let mut old = old;
    if let Some(run) = &mut old.run {
        (run.node, run.payer) = (node, node);
    }
    world.stop_jobs(&key, &[old]).await.unwrap();
    assert_eq!(world.deployment(&key).await.jobs.len(), 1);
}

#[tokio::test]
async fn a_queued_job_is_the_next_firing_s_with_replace() {
    let mut world = World::in_program_test().await;
    let key = started(&mut world, Strategy::Scheduled, 9, |settings| {
        settings.overlap = Overlap::Replace;
    })
    .await;
    world.set_time(MIDNIGHT).await;
    world.list(&key, 1).await.unwrap();
    let queued = JobRun {
        index: 0,
        run: None,
    };
    world.set_time(MIDNIGHT + DAY).await;
    assert_eq!(
        failure(world.stop_jobs(&key, &[queued]).await),
        refused(DeployError::NothingDue)
    );
    // The firing is recorded, and lists nothing beside the job that waits for it.
    world.list(&key, 1).await.unwrap();
    let deployment = world.deployment(&key).await;
    assert_eq!(deployment.jobs.len(), 1);
    assert_eq!(deployment.lifecycle.next_due_at, MIDNIGHT + 2 * DAY);
    // A node takes it: from the next firing on it is an old one.
    let (_, run) = take(&mut world, &key, 0).await;
    world.set_time(MIDNIGHT + 2 * DAY).await;
    let running = JobRun {
        index: 0,
        run: Some(world.nodes[0].run_of_job(run)),
    };
    world.stop_jobs(&key, &[running]).await.unwrap();
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.deployment(&key).await.jobs[0].index, 1);
}

#[tokio::test]
async fn a_running_job_that_a_keeper_passes_off_as_queued_loses_no_firing() {
    let mut world = World::in_program_test().await;
    let key = started(&mut world, Strategy::Scheduled, 9, |settings| {
        settings.overlap = Overlap::Replace;
        settings.schedule = Some(Schedule::parse("*/30 * * * *").unwrap());
    })
    .await;
    let first = world.deployment(&key).await.lifecycle.next_due_at;
    world.set_time(first).await;
    world.list(&key, 1).await.unwrap();
    let (_, run) = take(&mut world, &key, 0).await;
    let second = first + 30 * MINUTE;
    world.set_time(second).await;
    // Nobody has shown the run: the job counts as waiting for this firing.
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.deployment(&key).await.jobs.len(), 1);
    world.track(&key, &[shown(0, run)]).await.unwrap();
    world.list(&key, 1).await.unwrap();
    let deployment = world.deployment(&key).await;
    assert_eq!(
        deployment.jobs.len(),
        2,
        "the firing's own job is listed after all"
    );
}

#[tokio::test]
async fn extending_a_finished_round_begins_one_of_as_many_as_asked_for() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::SimpleExtend, 3, 99).await;
    world.list(&key, 3).await.unwrap();
    for index in 0..3 {
        run_and_settle(&mut world, &key, index, NOW, 60).await;
    }
    let owner = world.owner.pubkey();
    world
        .by_owner(&[ix::extend(&owner, &key, 99)])
        .await
        .unwrap();
    let deployment = world.deployment(&key).await;
    assert_eq!(
        (deployment.header.replicas, deployment.header.owed),
        (99, 99)
    );
    world.steer(ix::stop, &key).await.unwrap();
    world
        .by_owner(&[ix::extend(&owner, &key, 2)])
        .await
        .unwrap();
    assert_eq!(world.deployment(&key).await.header.owed, 2);
    world.list(&key, 2).await.unwrap();
    for index in 3..5 {
        run_and_settle(&mut world, &key, index, NOW, 60).await;
    }
    assert_eq!(world.status(&key).await, Status::Stopped);
    world.steer(ix::start, &key).await.unwrap();
    assert_eq!(world.deployment(&key).await.header.owed, 2);
}

#[tokio::test]
async fn scaling_a_round_down_counts_what_has_ended() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 5, 99).await;
    world.list(&key, 2).await.unwrap();
    for index in 0..2 {
        run_and_settle(&mut world, &key, index, NOW, 60).await;
    }
    let replicas = |replicas| SettingsArgs {
        replicas: Some(replicas),
        ..SettingsArgs::default()
    };
    configure(&mut world, &key, replicas(3)).await;
    assert_eq!(world.deployment(&key).await.header.owed, 1);
    configure(&mut world, &key, replicas(2)).await;
    let deployment = world.deployment(&key).await;
    assert_eq!(
        (deployment.header.owed, deployment.status()),
        (0, Status::Stopped),
        "two of two have ended"
    );
}

#[tokio::test]
async fn a_finished_round_in_error_is_over_and_start_begins_a_new_one() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 2, 9).await;
    world.list(&key, 2).await.unwrap();
    set_job_type(&mut world, 255).await;
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Error);
    set_job_type(&mut world, 0).await;
    for index in 0..2 {
        run_and_settle(&mut world, &key, index, NOW, 60).await;
    }
    assert_eq!(world.status(&key).await, Status::Stopped);
}

#[tokio::test]
async fn a_schedule_started_days_after_its_error_waits_for_its_next_firing() {
    let mut world = World::in_program_test().await;
    let capped = |settings: &mut Settings| settings.max_price_per_second = PRICE;
    let key = started(&mut world, Strategy::Scheduled, 9, capped).await;
    world.set_time(MIDNIGHT).await;
    set_price(&mut world, PRICE + 1).await;
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Error);
    let later = MIDNIGHT + 3 * DAY + HOUR;
    world.set_time(later).await;
    set_price(&mut world, PRICE).await;
    world.steer(ix::start, &key).await.unwrap();
    assert_eq!(
        failure(world.list(&key, 1).await),
        refused(DeployError::NothingDue)
    );
    let deployment = world.deployment(&key).await;
    assert_eq!(deployment.lifecycle.next_due_at, MIDNIGHT + 4 * DAY);
}

#[tokio::test]
async fn forbid_keeps_a_due_firing_that_is_to_run_when_it_is_rescheduled() {
    let mut world = World::in_program_test().await;
    let key = started(&mut world, Strategy::Scheduled, 9, |settings| {
        settings.overlap = Overlap::Forbid;
    })
    .await;
    world.set_time(MIDNIGHT).await;
    world.list(&key, 1).await.unwrap();
    // It ends before the next firing, and is settled after.
    let job = world.job(&key, 0);
    world.run_next_job(0, job, MIDNIGHT, 60).await;
    world.set_time(MIDNIGHT + DAY).await;
    let hourly = SettingsArgs {
        schedule: Some(Schedule::parse("30 * * * *").unwrap().into()),
        ..SettingsArgs::default()
    };
    let args = UpdateArgs {
        run_due: true,
        ..UpdateArgs::from(hourly)
    };
    world.update(&key, args).await.unwrap();
    world.settle(&key, &[0]).await.unwrap();
    world.list(&key, 1).await.unwrap();
    let deployment = world.deployment(&key).await;
    assert_eq!(deployment.jobs.len(), 1);
    assert_eq!(
        deployment.lifecycle.next_due_at,
        MIDNIGHT + DAY + 30 * MINUTE
    );
}

#[tokio::test]
async fn a_schedule_scaled_down_fires_though_old_jobs_still_run() {
    let mut world = World::in_program_test().await;
    let key = started(&mut world, Strategy::Scheduled, 99, |settings| {
        settings.replicas = 10;
    })
    .await;
    world.set_time(MIDNIGHT).await;
    world.list(&key, 10).await.unwrap();
    let one = SettingsArgs {
        replicas: Some(1),
        ..SettingsArgs::default()
    };
    configure(&mut world, &key, one).await;
    world.set_time(MIDNIGHT + DAY).await;
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.deployment(&key).await.jobs.len(), 11);
}
