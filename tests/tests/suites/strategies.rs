//! SIMPLE-EXTEND, INFINITE and SCHEDULED's overlaps, on real bytecode.

use crate::{failure, refused};
use deployments::{errors::DeployError, instructions::Amount, settings::SettingsArgs};
use deployments_domain::{
    settings::{Overlap, Settings, Strategy},
    status::Status,
};
use deployments_tests::*;
use nosana_deploy_client::{
    instructions::{self as ix, JobRun},
    DeploymentSpec,
};
use solana_program::{pubkey::Pubkey, rent::Rent};
use solana_signer::Signer;

const HOUR: i64 = TIMEOUT as i64;

async fn extend(world: &mut World, key: &Pubkey, more: u32) -> Result<Receipt, Failure> {
    let owner = world.owner.pubkey();
    world.by_owner(&[ix::extend(&owner, key, more)]).await
}

#[tokio::test]
async fn simple_extend_adds_replicas_while_running_and_after_completion() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::SimpleExtend, 1, 9).await;
    world.list(&key, 1).await.unwrap();
    extend(&mut world, &key, 2).await.unwrap();
    let account = world.account(&key).await.unwrap();
    assert_eq!(
        account.lamports,
        Rent::default().minimum_balance(account.data.len()),
        "the owner paid for six slots"
    );
    assert_eq!(world.deployment(&key).await.lifecycle.slots, 6);
    world.list(&key, 9).await.unwrap();
    assert_eq!(world.deployment(&key).await.jobs.len(), 3);
    for index in 0..3 {
        let job = world.job(&key, index);
        world.run_next_job(0, job, NOW, 60).await;
    }
    world.settle(&key, &[0, 1, 2]).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Stopped);

    extend(&mut world, &key, 1).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Starting);
    world.list(&key, 9).await.unwrap();
    let deployment = world.deployment(&key).await;
    assert_eq!(
        (deployment.status(), deployment.jobs.len()),
        (Status::Running, 1)
    );
}

#[tokio::test]
async fn extend_is_simple_extend_s_alone_and_has_limits() {
    let mut world = World::in_program_test().await;
    for strategy in [Strategy::Simple, Strategy::Scheduled, Strategy::Infinite] {
        let key = world.started(strategy, 1, 0).await;
        assert_eq!(
            failure(extend(&mut world, &key, 1).await),
            refused(DeployError::StrategyRefuses)
        );
    }
    let key = world.started(Strategy::SimpleExtend, 1, 0).await;
    for more in [0, 100, u32::MAX] {
        assert_eq!(
            failure(extend(&mut world, &key, more).await),
            refused(DeployError::ReplicasOutOfRange)
        );
    }
    extend(&mut world, &key, 99).await.unwrap();
}

/// A SIMPLE-EXTEND deployment whose one job runs from [`NOW`] on, in a vault with `nos` left.
async fn prolonged(world: &mut World, nos: u64) -> (Pubkey, JobRun) {
    let spec = DeploymentSpec {
        autostart: true,
        settings: Settings {
            auto_extend: true,
            ..world.spec(Strategy::SimpleExtend, 1).settings
        },
        ..world.spec(Strategy::SimpleExtend, 1)
    };
    let key = world.create(&spec).await;
    world.fund(COST + nos, SOL).await;
    world.list(&key, 1).await.unwrap();
    let node = world.nodes[0].clone();
    let run = node.work(world).await.unwrap();
    (key, shown(0, run))
}

#[tokio::test]
async fn a_running_job_is_prolonged_before_its_deadline_and_lateness_does_not_add_up() {
    let mut world = World::in_program_test().await;
    let (key, job) = prolonged(&mut world, 2 * COST).await;
    // 10 % of an hour, but at most 300 seconds, before the deadline.
    world.set_time(NOW + HOUR - 301).await;
    assert_eq!(
        failure(world.extend_jobs(&key, &[job]).await),
        refused(DeployError::NothingDue)
    );
    world.set_time(NOW + HOUR - 17).await;
    world.extend_jobs(&key, &[job]).await.unwrap();
    assert_eq!(world.job_account(&key, 0).await.unwrap().timeout, 2 * HOUR);
    assert_eq!(world.vault_funds().await.0, COST);
    assert_eq!(
        failure(world.extend_jobs(&key, &[job]).await),
        refused(DeployError::NothingDue)
    );
    world.set_time(NOW + 2 * HOUR).await;
    world.extend_jobs(&key, &[job]).await.unwrap();
    assert_eq!(
        world.job_account(&key, 0).await.unwrap().timeout,
        3 * HOUR,
        "late twice, and still counted from the start"
    );
    assert_eq!(world.vault_funds().await.0, 0);
    let slot = world.deployment(&key).await.jobs[0].view();
    assert_eq!(slot.deadline(), Some(NOW + 3 * HOUR));
}

#[tokio::test]
async fn prolonging_goes_on_until_funds_run_out() {
    let mut world = World::in_program_test().await;
    let (key, job) = prolonged(&mut world, COST - 1).await;
    world.set_time(NOW + HOUR - 60).await;
    world.extend_jobs(&key, &[job]).await.unwrap();
    assert_eq!(world.status(&key).await, Status::InsufficientFunds);
    assert_eq!(
        failure(world.extend_jobs(&key, &[job]).await),
        refused(DeployError::NothingDue),
        "recorded once"
    );
    world.fund(1, 0).await;
    world.extend_jobs(&key, &[job]).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Running);
    world.set_time(NOW + 2 * HOUR).await;
    world.extend_jobs(&key, &[job]).await.unwrap();
    assert_eq!(world.status(&key).await, Status::InsufficientFunds);
    // Past its deadline a job is ended, not prolonged, funds or not.
    world.fund(5 * COST, 0).await;
    world.set_time(NOW + 2 * HOUR + 1).await;
    assert_eq!(
        failure(world.extend_jobs(&key, &[job]).await),
        refused(DeployError::NothingDue)
    );
    let run = job.run.map(|run| world.nodes[0].run_of_job(run.address));
    world
        .stop_jobs(&key, &[JobRun { index: 0, run }])
        .await
        .unwrap();
    assert_eq!(world.status(&key).await, Status::Stopped);
}

#[tokio::test]
async fn a_queued_job_and_another_strategy_s_are_not_prolonged() {
    let mut world = World::in_program_test().await;
    let (key, job) = prolonged(&mut world, 2 * COST).await;
    world.set_time(NOW + HOUR - 60).await;
    let none = shown(0, world.market);
    assert_eq!(
        failure(world.extend_jobs(&key, &[none]).await),
        refused(DeployError::NothingDue),
        "no run was shown"
    );
    let update = deployments::instructions::UpdateArgs::from(SettingsArgs {
        auto_extend: Some(false),
        ..SettingsArgs::default()
    });
    world.update(&key, update).await.unwrap();
    assert_eq!(
        failure(world.extend_jobs(&key, &[job]).await),
        refused(DeployError::NothingDue),
        "switched off"
    );
}

#[tokio::test]
async fn infinite_lists_a_replacement_before_each_deadline() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 1, 9).await;
    world.list(&key, 9).await.unwrap();
    assert_eq!(world.deployment(&key).await.jobs.len(), 1);
    world.set_time(NOW + 50).await;
    let first = world.serve(0, &key, 0).await;
    assert_eq!(
        failure(world.track(&key, &[first]).await),
        refused(DeployError::NothingDue),
        "noted once"
    );
    let rotation = NOW + 50 + HOUR - i64::from(ROTATION);
    world.set_time(rotation - 1).await;
    assert_eq!(
        failure(world.list(&key, 9).await),
        refused(DeployError::NothingDue)
    );
    world.set_time(rotation).await;
    world.list(&key, 9).await.unwrap();
    assert_eq!(world.deployment(&key).await.jobs.len(), 2, "both serve");
    // Neither is too many: the old one ends by itself.
    let jobs = [
        JobRun {
            index: 0,
            run: first.run.map(|run| world.nodes[0].run_of_job(run.address)),
        },
        JobRun {
            index: 1,
            run: None,
        },
    ];
    assert_eq!(
        failure(world.stop_jobs(&key, &jobs).await),
        refused(DeployError::NothingDue)
    );
    // Its node vanished: any keeper ends it after its deadline.
    world.set_time(NOW + 50 + HOUR + 1).await;
    world.stop_jobs(&key, &jobs).await.unwrap();
    let deployment = world.deployment(&key).await;
    assert_eq!(deployment.jobs.len(), 1);
    assert_eq!(
        (deployment.status(), deployment.jobs[0].index),
        (Status::Running, 1)
    );
}

#[tokio::test]
async fn infinite_replaces_a_job_that_ends_early_and_never_has_more_than_twice_its_replicas() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 1, 9).await;
    world.list(&key, 1).await.unwrap();
    let job = world.job(&key, 0);
    world.run_next_job(0, job, NOW, 1_000).await;
    world.settle(&key, &[0]).await.unwrap();
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.deployment(&key).await.jobs[0].index, 1);

    // The job and its replacement both rotate out, and both are still active.
    world.serve(0, &key, 1).await;
    world.set_time(NOW + 1_000 + HOUR - 1_000).await;
    world.list(&key, 1).await.unwrap();
    world.serve(1, &key, 2).await;
    world.set_time(NOW + 3 * HOUR).await;
    assert_eq!(
        failure(world.list(&key, 1).await),
        refused(DeployError::NoFreeSlot)
    );
}

#[tokio::test]
async fn a_job_that_a_waiting_node_takes_at_once_needs_no_tracking() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 2, 2).await;
    let node = world.nodes[0].clone();
    node.work(&mut world).await.unwrap();
    world.set_time(NOW + 9).await;
    world.list(&key, 2).await.unwrap();
    let jobs = world.deployment(&key).await.jobs;
    assert_eq!(jobs[0].view().started_at, Some(NOW + 9));
    assert_eq!(jobs[1].view().started_at, None, "queued");
}

#[tokio::test]
async fn runs_are_tracked_only_where_they_decide_something() {
    let mut world = World::in_program_test().await;
    for strategy in [Strategy::Simple, Strategy::SimpleExtend] {
        let key = world.started(strategy, 1, 1).await;
        world.list(&key, 1).await.unwrap();
        let node = world.nodes[0].clone();
        let run = node.work(&mut world).await.unwrap();
        let job = shown(0, run);
        assert_eq!(
            failure(world.track(&key, &[job]).await),
            refused(DeployError::NothingDue)
        );
    }
}

async fn scheduled(world: &mut World, overlap: Overlap) -> Pubkey {
    let spec = DeploymentSpec {
        autostart: true,
        settings: Settings {
            overlap,
            ..world.spec(Strategy::Scheduled, 1).settings
        },
        ..world.spec(Strategy::Scheduled, 1)
    };
    let key = world.create(&spec).await;
    world.fund(9 * COST, SOL).await;
    world.set_time(MIDNIGHT).await;
    world.list(&key, 1).await.unwrap();
    world.set_time(MIDNIGHT + DAY).await;
    key
}

const QUEUED: JobRun = JobRun {
    index: 0,
    run: None,
};

#[tokio::test]
async fn allow_lists_beside_an_earlier_firing_s_jobs() {
    let mut world = World::in_program_test().await;
    let key = scheduled(&mut world, Overlap::Allow).await;
    assert_eq!(
        failure(world.stop_jobs(&key, &[QUEUED]).await),
        refused(DeployError::NothingDue)
    );
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.deployment(&key).await.jobs.len(), 2);
}

#[tokio::test]
async fn forbid_skips_a_firing_that_comes_while_jobs_are_active() {
    let mut world = World::in_program_test().await;
    let key = scheduled(&mut world, Overlap::Forbid).await;
    assert_eq!(
        failure(world.list(&key, 1).await),
        refused(DeployError::NothingDue)
    );
    let job = world.job(&key, 0);
    world.run_next_job(0, job, MIDNIGHT + DAY, 60).await;
    world.settle(&key, &[0]).await.unwrap();
    assert_eq!(
        failure(world.list(&key, 1).await),
        refused(DeployError::NothingDue),
        "skipped, not late"
    );
    world.set_time(MIDNIGHT + 2 * DAY).await;
    world.list(&key, 1).await.unwrap();
}

#[tokio::test]
async fn forbid_loses_no_firing_to_a_keeper_that_settles_late() {
    let mut world = World::in_program_test().await;
    let key = scheduled(&mut world, Overlap::Forbid).await;
    let job = world.job(&key, 0);
    world.run_next_job(0, job, MIDNIGHT + 60, 60).await;
    world.set_time(MIDNIGHT + DAY + 60).await;
    assert_eq!(
        failure(world.list(&key, 1).await),
        refused(DeployError::NothingDue),
        "as far as anyone has shown, the job is active"
    );
    world.settle(&key, &[0]).await.unwrap();
    world.list(&key, 1).await.unwrap();
}

#[tokio::test]
async fn replace_stops_an_earlier_firing_s_running_jobs() {
    let mut world = World::in_program_test().await;
    let key = scheduled(&mut world, Overlap::Replace).await;
    let node = world.nodes[0].clone();
    world.set_time(MIDNIGHT + DAY - 10).await;
    let run = node.work(&mut world).await.unwrap();
    let old = JobRun {
        index: 0,
        run: Some(node.run_of_job(run)),
    };
    world.set_time(MIDNIGHT + DAY - 1).await;
    assert_eq!(
        failure(world.stop_jobs(&key, &[old]).await),
        refused(DeployError::NothingDue),
        "not before the firing"
    );
    world.set_time(MIDNIGHT + DAY).await;
    world.track(&key, &[old]).await.unwrap();
    world.list(&key, 1).await.unwrap();
    let new = JobRun {
        index: 1,
        run: None,
    };
    world.stop_jobs(&key, &[old, new]).await.unwrap();
    let left = world.deployment(&key).await.jobs;
    assert_eq!((left.len(), left[0].index), (1, 1));
}

#[tokio::test]
async fn a_keeper_that_was_away_for_days_lists_one_round() {
    let mut world = World::in_program_test().await;
    let key = scheduled(&mut world, Overlap::Allow).await;
    world.set_time(MIDNIGHT + 9 * DAY + 5).await;
    world.list(&key, 9).await.unwrap();
    let deployment = world.deployment(&key).await;
    assert_eq!(deployment.jobs.len(), 2);
    assert_eq!(deployment.header.next_due_at, MIDNIGHT + 10 * DAY);
    world.withdraw(Amount::All, Amount::All).await.unwrap();
}
