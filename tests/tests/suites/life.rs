//! Whole lives of deployments.

use crate::{failure, refused};
use deployments::{errors::DeployError, instructions::Amount};
use deployments_domain::{
    settings::{Settings, Strategy},
    status::{Reason, Status},
};
use deployments_tests::*;
use nosana_deploy_client::{
    events::{DeploymentChanged, Event, JobChange, JobEvent, Reward},
    instructions::{self as ix, JobRun},
    DeploymentSpec,
};

#[tokio::test]
async fn simple_lists_its_replicas_once_and_stops_when_they_are_settled() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 2, 5).await;
    assert_eq!(world.status(&key).await, Status::Starting);

    world.list(&key, 2).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Running);
    assert_eq!(world.vault_funds().await, (3 * COST, SOL - 2 * JOB_RENT));
    let jobs = [world.job(&key, 0), world.job(&key, 1)];
    assert_eq!(world.market_state().await.queue, jobs);

    world.run_next_job(0, jobs[0], NOW, 600).await;
    world.settle(&key, &[0]).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Running);
    world
        .run_next_job(1, jobs[1], NOW + 600, i64::from(TIMEOUT) + 50)
        .await;
    world.settle(&key, &[1]).await.unwrap();

    let deployment = world.deployment(&key).await;
    assert_eq!(deployment.status(), Status::Stopped);
    assert_eq!((deployment.header.jobs_done, deployment.jobs.len()), (2, 0));
    // The second node is paid for the timeout, not for being late.
    let (first, second) = (world.nodes[0].nos(), world.nodes[1].nos());
    assert_eq!(
        (world.nos(&first).await, world.nos(&second).await),
        (600 * PRICE, COST)
    );
    assert_eq!(world.vault_funds().await.0, 5 * COST - 600 * PRICE - COST);
}

#[tokio::test]
async fn a_stopped_deployment_starts_a_new_round_with_new_jobs() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 1, 5).await;
    for round in 0..2 {
        world.list(&key, 1).await.unwrap();
        let job = world.job(&key, round);
        world.run_next_job(0, job, NOW, 60).await;
        world.settle(&key, &[round]).await.unwrap();
        assert_eq!(world.status(&key).await, Status::Stopped);
        world.steer(ix::start, &key).await.unwrap();
    }
    assert_eq!(world.deployment(&key).await.header.next_job_index, 2);
}

#[tokio::test]
async fn a_scheduled_deployment_lives_through_two_midnights() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Scheduled, 1, 1).await;
    let due = world.deployment(&key).await.header.next_due_at;
    assert_eq!(due, MIDNIGHT);
    assert_eq!(
        failure(world.list(&key, 1).await),
        refused(DeployError::NothingDue)
    );

    world.set_time(MIDNIGHT).await;
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Running);
    let job = world.job(&key, 0);
    world
        .run_next_job(0, job, MIDNIGHT + 60, i64::from(TIMEOUT))
        .await;
    world.settle(&key, &[0]).await.unwrap();
    assert_eq!(
        world.status(&key).await,
        Status::Running,
        "it waits for the next firing"
    );

    world.set_time(MIDNIGHT + DAY).await;
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.status(&key).await, Status::InsufficientFunds);
    assert_eq!(
        failure(world.list(&key, 1).await),
        refused(DeployError::NothingDue)
    );

    world.fund(COST, 0).await;
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Running);

    world.steer(ix::stop, &key).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Stopping);
    world
        .stop_jobs(
            &key,
            &[JobRun {
                index: 1,
                run: None,
            }],
        )
        .await
        .unwrap();
    assert_eq!(world.status(&key).await, Status::Stopped);

    world.clean(job).await.unwrap();
    world.steer(ix::archive, &key).await.unwrap();
    assert_eq!(
        world.vault_funds().await,
        (COST, SOL),
        "every deposit and rent came back"
    );
    world.withdraw(Amount::All, Amount::All).await.unwrap();
    assert_eq!(world.vault_funds().await, (0, 0));
}

#[tokio::test]
async fn missed_firings_collapse_into_one() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Scheduled, 2, 9).await;
    world.set_time(MIDNIGHT + 4 * DAY + 30).await;
    world.list(&key, 8).await.unwrap();
    let deployment = world.deployment(&key).await;
    assert_eq!((deployment.jobs.len(), deployment.header.owed), (2, 0));
    assert_eq!(deployment.header.next_due_at, MIDNIGHT + 5 * DAY);
    assert_eq!(
        failure(world.list(&key, 1).await),
        refused(DeployError::NothingDue)
    );
}

#[tokio::test]
async fn firings_overlap_until_every_slot_is_taken() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Scheduled, 1, 9).await;
    for day in 0..3 {
        world.set_time(MIDNIGHT + day * DAY).await;
        world.list(&key, 1).await.unwrap();
    }
    world.set_time(MIDNIGHT + 3 * DAY).await;
    assert_eq!(
        failure(world.list(&key, 1).await),
        refused(DeployError::NoFreeSlot)
    );
    let job = world.job(&key, 0);
    world.run_next_job(0, job, MIDNIGHT + 3 * DAY, 60).await;
    world.settle(&key, &[0]).await.unwrap();
    world.list(&key, 1).await.unwrap();
    let mut indices: Vec<_> = world
        .deployment(&key)
        .await
        .jobs
        .iter()
        .map(|job| job.index)
        .collect();
    indices.sort_unstable();
    assert_eq!(indices, [1, 2, 3]);
}

#[tokio::test]
async fn a_round_is_listed_in_as_many_calls_as_it_takes() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 20, 20).await;
    for (count, owed) in [(7, 13), (7, 6), (7, 0)] {
        world.list(&key, count).await.unwrap();
        assert_eq!(world.deployment(&key).await.header.owed, owed);
    }
    let deployment = world.deployment(&key).await;
    assert_eq!(
        (deployment.jobs.len(), deployment.header.next_job_index),
        (20, 20)
    );
    assert_eq!(world.vault_funds().await, (0, SOL - 20 * JOB_RENT));
    assert_eq!(world.market_state().await.queue.len(), 20);
}

#[tokio::test]
async fn too_little_sol_is_a_shortage_too_and_ends_by_itself() {
    let mut world = World::in_program_test().await;
    let spec = DeploymentSpec {
        autostart: true,
        ..world.spec(Strategy::Simple, 2)
    };
    let key = world.create(&spec).await;
    world.fund(2 * COST, JOB_RENT + FLOOR - 1).await;
    world.list(&key, 2).await.unwrap();
    assert_eq!(world.status(&key).await, Status::InsufficientFunds);

    // One lamport more pays for one of two jobs; the other is a shortage again.
    world.fund(0, 1).await;
    world.list(&key, 2).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Running);
    assert_eq!(world.vault_funds().await, (COST, FLOOR));
    world.list(&key, 1).await.unwrap();
    let deployment = world.deployment(&key).await;
    assert_eq!(
        (deployment.status(), deployment.header.owed),
        (Status::InsufficientFunds, 1)
    );
    world.fund(0, SOL).await;
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.deployment(&key).await.jobs.len(), 2);
}

#[tokio::test]
async fn a_listing_may_leave_exactly_nothing_in_the_vault() {
    let mut world = World::in_program_test().await;
    let spec = DeploymentSpec {
        autostart: true,
        ..world.spec(Strategy::Simple, 2)
    };
    let key = world.create(&spec).await;
    world.fund(2 * COST, 2 * JOB_RENT).await;
    world.list(&key, 2).await.unwrap();
    assert_eq!(world.vault_funds().await, (0, 0));
    // Refund and rent find their way into the empty vault.
    world.steer(ix::stop, &key).await.unwrap();
    let jobs = [0, 1].map(|index| JobRun { index, run: None });
    world.stop_jobs(&key, &jobs).await.unwrap();
    assert_eq!(world.vault_funds().await, (2 * COST, 2 * JOB_RENT));
    assert_eq!(world.status(&key).await, Status::Stopped);
}

#[tokio::test]
async fn a_price_above_the_cap_lists_nothing() {
    let mut world = World::in_program_test().await;
    let spec = DeploymentSpec {
        autostart: true,
        settings: Settings {
            max_price_per_second: PRICE,
            ..world.spec(Strategy::Simple, 2).settings
        },
        ..world.spec(Strategy::Simple, 2)
    };
    let key = world.create(&spec).await;
    world.fund(5 * COST, SOL).await;
    world.list(&key, 1).await.unwrap(); // at the cap

    let mut market = world.market_state().await;
    market.job_price = PRICE + 1;
    world.set_market(&market);
    let before = world.vault_funds().await;
    world.list(&key, 1).await.unwrap();
    let deployment = world.deployment(&key).await;
    assert_eq!(
        (deployment.status(), deployment.reason()),
        (Status::Error, Reason::PriceAboveCap)
    );
    assert_eq!(world.vault_funds().await, before);
    assert_eq!(
        failure(world.list(&key, 1).await),
        refused(DeployError::NothingDue)
    );

    market.job_price = PRICE;
    world.set_market(&market);
    world.steer(ix::start, &key).await.unwrap();
    world.list(&key, 2).await.unwrap();
    let deployment = world.deployment(&key).await;
    assert_eq!(
        (deployment.status(), deployment.jobs.len()),
        (Status::Running, 2)
    );
}

#[tokio::test]
async fn a_market_that_takes_no_jobs_is_an_error_with_a_reason() {
    for closed in [false, true] {
        let mut world = World::in_program_test().await;
        let key = world.started(Strategy::Simple, 1, 1).await;
        if closed {
            world.close_market();
        } else {
            let mut market = world.market_state().await;
            market.job_type = 255;
            world.set_market(&market);
        }
        world.list(&key, 1).await.unwrap();
        let deployment = world.deployment(&key).await;
        let outcome = (deployment.status(), deployment.reason());
        assert_eq!(outcome, (Status::Error, Reason::MarketUnusable));
        assert_eq!(world.vault_funds().await, (COST, SOL));
        // No trap: the owner archives and withdraws.
        world.steer(ix::archive, &key).await.unwrap();
        world.withdraw(Amount::All, Amount::All).await.unwrap();
    }
}

#[tokio::test]
async fn a_full_queue_lists_nothing_and_changes_nothing() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 2, 2).await;
    let mut market = world.market_state().await;
    market.queue_type = 0;
    market.queue = vec![key; 315];
    world.set_market(&market);
    assert_eq!(
        failure(world.list(&key, 2).await),
        refused(DeployError::MarketQueueFull)
    );
    assert_eq!(world.status(&key).await, Status::Starting);

    market.queue.truncate(314);
    world.set_market(&market);
    world.list(&key, 2).await.unwrap();
    assert_eq!(world.market_state().await.queue.len(), 315);
    assert_eq!(world.deployment(&key).await.header.owed, 1);
}

#[tokio::test]
async fn a_waiting_node_takes_the_job_at_once_and_the_vault_pays_for_its_run() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 2, 2).await;
    let node = world.nodes[0].clone();
    let _ = node.work(&mut world).await;
    world.list(&key, 2).await.unwrap();
    assert_eq!(
        world.vault_funds().await,
        (0, SOL - 2 * JOB_RENT - RUN_RENT)
    );
    let (job, run) = (
        world.job(&key, 0),
        nosana_deploy_client::seeds::run_address(&key, 0).0,
    );
    assert_eq!(world.market_state().await.queue, [world.job(&key, 1)]);
    node.finish(&mut world, job, run).await.unwrap();
    world.settle(&key, &[0]).await.unwrap();
    assert_eq!(
        world.vault_funds().await.1,
        SOL - 2 * JOB_RENT,
        "the run's rent came back"
    );
}

#[tokio::test]
async fn every_transition_is_told_and_keepers_are_paid_from_what_is_spare() {
    let mut world = World::in_program_test().await;
    let spec = DeploymentSpec {
        autostart: true,
        settings: Settings {
            keeper_reward_lamports: 5_000,
            ..world.spec(Strategy::Simple, 2).settings
        },
        ..world.spec(Strategy::Simple, 2)
    };
    let key = world.create(&spec).await;
    world.fund(2 * COST, 2 * JOB_RENT + FLOOR + 7_000).await;
    let keeper = solana_signer::Signer::pubkey(&world.keeper);
    let before = world.lamports(&keeper).await;
    let receipt = world.list(&key, 2).await.unwrap();
    // 2 × 5,000 were promised, 7,000 are spare above the floor; the fee is 5,000.
    assert_eq!(world.lamports(&keeper).await, before + 7_000 - 5_000);
    assert_eq!(world.vault_funds().await, (0, FLOOR));
    let header = world.deployment(&key).await.header;
    let listed = |index| JobChange {
        index,
        what: JobEvent::Listed { deposit: COST },
    };
    let told = DeploymentChanged {
        deployment: key,
        sequence: 1,
        at: NOW,
        from: Status::Starting as u8,
        to: Status::Running as u8,
        reason: 0,
        replicas: 2,
        revision: 1,
        job_definition: header.job_definition,
        jobs: vec![listed(0), listed(1)],
        reward: Some(Reward {
            keeper,
            lamports: 7_000,
        }),
        moved_to: None,
    };
    assert_eq!(receipt.events, [Event::DeploymentChanged(told)]);
}
