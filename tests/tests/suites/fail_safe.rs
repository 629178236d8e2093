//! Jobs that end as soon as they begin hold the next ones back, and in the end stop the deployment.

use crate::{failure, refused};
use deployments::{errors::DeployError, settings::SettingsArgs};
use deployments_domain::{
    settings::Strategy,
    status::{Reason, Status},
};
use deployments_tests::*;
use nosana_deploy_client::instructions as ix;
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;

/// How a job ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Finish(i64),
    Quit,
    /// Finished at once, and cleaned by someone with a market of their own.
    Hidden,
}

/// Lists job `index` at `now`, has it end, and settles it; the time afterwards.
async fn round(world: &mut World, key: &Pubkey, index: u64, now: i64, end: End) -> i64 {
    world.set_time(now).await;
    world.list(key, 1).await.unwrap();
    let (job, node) = (world.job(key, index), world.nodes[0].clone());
    let run = node.work(world).await.unwrap();
    let after = match end {
        End::Finish(seconds) => now + seconds,
        End::Quit | End::Hidden => now,
    };
    world.set_time(after).await;
    match end {
        End::Quit => node.quit(world, job, run).await.unwrap(),
        _ => node.finish(world, job, run).await.unwrap(),
    };
    if let End::Hidden = end {
        let mut impatient = world.market_state().await;
        impatient.job_expiration = -1;
        let honest = world.market_state().await;
        world.set_market(&impatient);
        world.clean(job).await.unwrap();
        world.set_market(&honest);
    }
    world.settle(key, &[index]).await.unwrap();
    after
}

#[tokio::test]
async fn rapid_completions_and_quits_feed_one_streak_that_ends_in_error() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 1, 99).await;
    // The last one is a crash: quits alone would only wait longer.
    let ends = [
        End::Finish(0),
        End::Quit,
        End::Finish(299),
        End::Hidden,
        End::Quit,
        End::Finish(10),
        End::Hidden,
        End::Finish(1),
    ];
    let waits = [60, 120, 240, 480, 960, 1_920, 3_600];
    let mut now = NOW;
    for (index, end) in (0..).zip(ends) {
        now = round(&mut world, &key, index, now, end).await;
        let Some(wait) = waits.get(usize::try_from(index).unwrap()) else {
            break;
        };
        assert_eq!(world.status(&key).await, Status::Running, "{end:?}");
        world.set_time(now + wait - 1).await;
        assert_eq!(
            failure(world.list(&key, 1).await),
            refused(DeployError::NothingDue),
            "{end:?}: held back for {wait} s"
        );
        now += wait;
    }
    let deployment = world.deployment(&key).await;
    assert_eq!(
        (deployment.status(), deployment.reason()),
        (Status::Error, Reason::RapidCompletion)
    );
    world.set_time(now + DAY).await;
    assert_eq!(
        failure(world.list(&key, 1).await),
        refused(DeployError::NothingDue)
    );
    // The owner starts it again, and it begins afresh.
    world.steer(ix::start, &key).await.unwrap();
    let later = round(&mut world, &key, 8, now + DAY, End::Quit).await;
    world.set_time(later + 60).await;
    world.list(&key, 1).await.unwrap();
}

#[tokio::test]
async fn a_healthy_run_takes_a_round_off_the_streak() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 1, 99).await;
    let now = round(&mut world, &key, 0, NOW, End::Quit).await;
    let now = round(&mut world, &key, 1, now + 60, End::Quit).await;
    assert_eq!(world.deployment(&key).await.header.streak, 2);
    let now = round(&mut world, &key, 2, now + 120, End::Finish(300)).await;
    assert_eq!(world.deployment(&key).await.header.streak, 1);
    // At once: nothing holds it back.
    round(&mut world, &key, 3, now, End::Quit).await;
    assert_eq!(world.deployment(&key).await.header.streak, 2);
}

#[tokio::test]
async fn other_strategies_may_have_short_jobs() {
    for strategy in [Strategy::Simple, Strategy::SimpleExtend] {
        let mut world = World::in_program_test().await;
        let key = world.started(strategy, 9, 9).await;
        for index in 0..9 {
            round(&mut world, &key, index, NOW, End::Finish(1)).await;
        }
        assert_eq!(world.status(&key).await, Status::Stopped, "{strategy}");
    }
}

#[tokio::test]
async fn jobs_that_are_stopped_on_purpose_count_as_nothing() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 2, 9).await;
    world.list(&key, 2).await.unwrap();
    let args = deployments::instructions::UpdateArgs::from(SettingsArgs {
        replicas: Some(1),
        ..SettingsArgs::default()
    });
    let owner = world.owner.pubkey();
    world
        .by_owner(&[ix::update(&owner, &key, args)])
        .await
        .unwrap();
    let surplus = ix::JobRun {
        index: 1,
        run: None,
    };
    world.stop_jobs(&key, &[surplus]).await.unwrap();
    let header = world.deployment(&key).await.header;
    assert_eq!((header.streak, header.held), (0, 0));
}
