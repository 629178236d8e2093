//! The largest deployments: every call stays within a transaction's compute units.

use deployments::{instructions::UpdateArgs, settings::SettingsArgs};
use deployments_domain::settings::{Strategy, MAX_REPLICAS};
use deployments_tests::*;
use nosana_deploy_client::instructions::JobRun;
use solana_program::pubkey::Pubkey;

/// A transaction's limit; whatever a keeper batches has to fit.
const LIMIT: u64 = 1_400_000;

/// A hundred replicas, all listed, `batch` at a time; most compute units that a batch took.
async fn listed(world: &mut World, strategy: Strategy, batch: u32) -> (Pubkey, u64) {
    let key = world.started(strategy, MAX_REPLICAS, 300).await;
    world.fund(0, 10 * SOL).await;
    let mut most = 0;
    for _ in 0..MAX_REPLICAS / batch {
        most = most.max(world.list(&key, batch).await.unwrap().compute_units);
    }
    assert_eq!(world.deployment(&key).await.jobs.len(), 100);
    (key, most)
}

#[tokio::test]
async fn a_hundred_replicas_are_listed_stopped_and_replaced_in_batches() {
    for strategy in [Strategy::Infinite, Strategy::Simple] {
        let mut world = World::in_program_test().await;
        let (key, listing) = listed(&mut world, strategy, 10).await;
        let mut fewer = UpdateArgs::from(SettingsArgs {
            replicas: Some(1),
            ..SettingsArgs::default()
        });
        let update = world.update(&key, fewer.clone()).await.unwrap();
        let jobs: Vec<JobRun> = (90..100).map(|index| JobRun { index, run: None }).collect();
        let stopping = world.stop_jobs(&key, &jobs).await.unwrap();
        fewer.settings.replicas = Some(MAX_REPLICAS);
        world.update(&key, fewer).await.unwrap();
        println!(
            "{strategy}: ten jobs listed {listing}, update {}, ten surplus jobs stopped {}",
            update.compute_units, stopping.compute_units
        );
        assert_eq!(world.deployment(&key).await.jobs.len(), 90);
        assert!(listing.max(stopping.compute_units) < LIMIT);
    }
}
