//! More replicas and fewer, and other effects of an update.

use deployments::{instructions::UpdateArgs, settings::SettingsArgs};
use deployments_domain::settings::Strategy;
use deployments_tests::*;
use nosana_deploy_client::{instructions::JobRun, DeploymentSpec};
use solana_program::{pubkey::Pubkey, rent::Rent};
use solana_signer::Signer;

async fn scale(world: &mut World, key: &Pubkey, replicas: u32) {
    let args = UpdateArgs::from(SettingsArgs {
        replicas: Some(replicas),
        ..SettingsArgs::default()
    });
    world.update(key, args).await.unwrap();
}

/// Which of the jobs a keeper can stop now, one at a time and all at once.
async fn stop_what_is_due(world: &mut World, key: &Pubkey, jobs: &[JobRun]) -> Vec<u64> {
    let before: Vec<u64> = indices(world, key).await;
    let _ = world.stop_jobs(key, jobs).await;
    let after = indices(world, key).await;
    before
        .into_iter()
        .filter(|index| !after.contains(index))
        .collect()
}

async fn indices(world: &mut World, key: &Pubkey) -> Vec<u64> {
    let mut indices: Vec<u64> = world
        .deployment(key)
        .await
        .jobs
        .iter()
        .map(|job| job.index)
        .collect();
    indices.sort_unstable();
    indices
}

#[tokio::test]
async fn scaled_down_queued_jobs_go_first_and_then_the_oldest() {
    for strategy in [Strategy::Simple, Strategy::Infinite] {
        let mut world = World::in_program_test().await;
        let key = world.started(strategy, 4, 8).await;
        world.list(&key, 4).await.unwrap();
        let (first, second) = (world.nodes[0].clone(), world.nodes[1].clone());
        let run_0 = first.work(&mut world).await.unwrap();
        world.set_time(NOW + 60).await;
        let run_1 = second.work(&mut world).await.unwrap();
        let jobs = [
            JobRun {
                index: 0,
                run: Some(first.run_of_job(run_0)),
            },
            JobRun {
                index: 1,
                run: Some(second.run_of_job(run_1)),
            },
            JobRun {
                index: 2,
                run: None,
            },
            JobRun {
                index: 3,
                run: None,
            },
        ];
        assert_eq!(
            stop_what_is_due(&mut world, &key, &jobs).await,
            [] as [u64; 0]
        );
        scale(&mut world, &key, 3).await;
        assert_eq!(
            stop_what_is_due(&mut world, &key, &jobs).await,
            [3],
            "{strategy}"
        );
        scale(&mut world, &key, 1).await;
        assert_eq!(
            stop_what_is_due(&mut world, &key, &jobs).await,
            [0, 2],
            "{strategy}"
        );
        scale(&mut world, &key, 3).await;
        world.list(&key, 9).await.unwrap();
        assert_eq!(indices(&mut world, &key).await, [1, 4, 5], "{strategy}");
    }
}

#[tokio::test]
async fn a_fresh_replacement_survives_scaling_down() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 2, 8).await;
    world.list(&key, 2).await.unwrap();
    let old = world.serve(0, &key, 0).await;
    world.set_time(NOW + 1_800).await;
    let other = world.serve(1, &key, 1).await;
    world.set_time(NOW + 3_600 - i64::from(ROTATION)).await;
    world.list(&key, 9).await.unwrap();
    assert_eq!(indices(&mut world, &key).await, [0, 1, 2]);
    let jobs = [
        JobRun {
            index: 0,
            run: old.run.map(|run| world.nodes[0].run_of_job(run.address)),
        },
        JobRun {
            index: 1,
            run: other.run.map(|run| world.nodes[1].run_of_job(run.address)),
        },
        JobRun {
            index: 2,
            run: None,
        },
    ];
    assert_eq!(
        stop_what_is_due(&mut world, &key, &jobs).await,
        [] as [u64; 0]
    );
    // One replica less: the queued one goes, and job 1 serves on without job 0.
    scale(&mut world, &key, 1).await;
    assert_eq!(stop_what_is_due(&mut world, &key, &jobs).await, [0, 2]);
    assert_eq!(indices(&mut world, &key).await, [1]);
}

#[tokio::test]
async fn more_replicas_make_the_account_grow_at_the_owner_s_expense() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Scheduled, 1, 0).await;
    let owner = world.owner.pubkey();
    let (before, rent) = (world.lamports(&owner).await, world.lamports(&key).await);
    scale(&mut world, &key, 100).await;
    let account = world.account(&key).await.unwrap();
    let needed = Rent::default().minimum_balance(account.data.len());
    assert_eq!(account.lamports, needed);
    assert_eq!(
        world.lamports(&owner).await,
        before - (needed - rent) - 5_000
    );
    assert_eq!(world.deployment(&key).await.lifecycle.slots, 300);
    scale(&mut world, &key, 1).await;
    assert_eq!(
        world.deployment(&key).await.lifecycle.slots,
        300,
        "never shrinks"
    );
}

#[tokio::test]
async fn a_timeout_counts_for_jobs_from_now_on() {
    let mut world = World::in_program_test().await;
    let spec = DeploymentSpec {
        autostart: true,
        ..world.spec(Strategy::Simple, 2)
    };
    let key = world.create(&spec).await;
    world.fund(5 * COST, SOL).await;
    world.list(&key, 1).await.unwrap();
    let args = UpdateArgs::from(SettingsArgs {
        timeout_seconds: Some(2 * TIMEOUT),
        ..SettingsArgs::default()
    });
    world.update(&key, args).await.unwrap();
    world.list(&key, 1).await.unwrap();
    let timeouts: Vec<u32> = world
        .deployment(&key)
        .await
        .jobs
        .iter()
        .map(|job| job.timeout_seconds)
        .collect();
    assert_eq!(timeouts, [3_600, 7_200]);
    assert_eq!(world.vault_funds().await.0, 2 * COST);
}
