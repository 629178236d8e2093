//! Another job definition: forward, back, and a rollout that keeps serving.

use crate::{failure, refused};
use deployments::{errors::DeployError, instructions::UpdateArgs};
use deployments_domain::{settings::Strategy, status::Status};
use deployments_tests::*;
use nosana_deploy_client::{
    accounts::decode_revision,
    instructions::{self as ix, JobRun},
    seeds,
};
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;

const SECOND: [u8; 32] = [2; 32];

async fn add(world: &mut World, key: &Pubkey, number: u32) -> Result<Receipt, Failure> {
    let owner = world.owner.pubkey();
    let digest = [u8::try_from(number).unwrap(); 32];
    world
        .by_owner(&[ix::add_revision(&owner, key, number, digest)])
        .await
}

async fn roll_to(world: &mut World, key: &Pubkey, number: u32) -> Result<Receipt, Failure> {
    let args = UpdateArgs {
        revision: Some(number),
        ..UpdateArgs::default()
    };
    world.update(key, args).await
}

#[tokio::test]
async fn a_new_revision_is_what_new_jobs_run_and_rolling_back_is_choosing_a_number() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 1, 9).await;
    let first = world.deployment(&key).await.header.job_definition;
    add(&mut world, &key, 2).await.unwrap();
    let address = seeds::revision_address(&key, 2).0;
    let account = world.account(&address).await.unwrap();
    let revision = decode_revision(&account.owner, &account.data).unwrap();
    assert_eq!(
        (
            revision.number,
            revision.job_definition,
            revision.deployment
        ),
        (2, SECOND, key)
    );
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.job_account(&key, 0).await.unwrap().ipfs_job, SECOND);

    roll_to(&mut world, &key, 1).await.unwrap();
    assert_eq!(world.deployment(&key).await.header.job_definition, first);
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.job_account(&key, 1).await.unwrap().ipfs_job, first);

    add(&mut world, &key, 3).await.unwrap();
    roll_to(&mut world, &key, 2).await.unwrap();
    let header = world.deployment(&key).await.header;
    assert_eq!(
        (
            header.revision,
            header.latest_revision,
            header.job_definition
        ),
        (2, 3, SECOND)
    );
}

#[tokio::test]
async fn numbers_are_consecutive_and_used_once() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 1, 0).await;
    for number in [0, 1, 3] {
        assert_eq!(
            failure(add(&mut world, &key, number).await),
            refused(DeployError::RevisionNotNext)
        );
    }
    add(&mut world, &key, 2).await.unwrap();
    add(&mut world, &key, 3).await.unwrap();
    let owner = world.owner.pubkey();
    world
        .by_owner(&[ix::close_revision(&owner, &key, 2)])
        .await
        .unwrap();
    assert_eq!(
        failure(add(&mut world, &key, 2).await),
        refused(DeployError::RevisionNotNext)
    );
}

#[tokio::test]
async fn only_the_deployment_s_own_revisions_can_be_chosen() {
    let mut world = World::in_program_test().await;
    let (key, other) = (
        world.started(Strategy::Simple, 1, 0).await,
        world.started(Strategy::Simple, 1, 0).await,
    );
    for deployment in [key, other] {
        add(&mut world, &deployment, 2).await.unwrap();
        add(&mut world, &deployment, 3).await.unwrap();
    }
    let owner = world.owner.pubkey();
    let args = UpdateArgs {
        revision: Some(2),
        ..UpdateArgs::default()
    };
    for wrong in [
        seeds::revision_address(&other, 2).0,
        seeds::revision_address(&key, 3).0,
    ] {
        let mut update = ix::update(&owner, &key, args.clone());
        update.accounts[2].pubkey = wrong;
        assert_eq!(
            failure(world.by_owner(&[update]).await),
            refused(DeployError::WrongRevision)
        );
    }
}

#[tokio::test]
async fn a_rollout_stops_a_serving_job_only_when_enough_others_serve() {
    for strategy in [Strategy::Infinite, Strategy::Simple, Strategy::SimpleExtend] {
        let mut world = World::in_program_test().await;
        let key = world.started(strategy, 2, 9).await;
        world.list(&key, 2).await.unwrap();
        let node = world.nodes[0].clone();
        let run = node.work(&mut world).await.unwrap();
        let old = JobRun {
            index: 0,
            run: Some(node.run_of_job(run)),
        };
        let queued = JobRun {
            index: 1,
            run: None,
        };
        add(&mut world, &key, 2).await.unwrap();
        let outcome = world.stop_jobs(&key, &[old]).await;
        assert_eq!(
            failure(outcome),
            refused(DeployError::NothingDue),
            "{strategy}: the only one that serves"
        );
        world.stop_jobs(&key, &[old, queued]).await.unwrap();
        let left = world.deployment(&key).await.jobs;
        assert_eq!(
            (left.len(), left[0].index),
            (1, 0),
            "{strategy}: the queued one"
        );

        world.list(&key, 9).await.unwrap();
        assert_eq!(world.deployment(&key).await.jobs.len(), 3, "{strategy}");
        world.serve(1, &key, 2).await;
        let outcome = world.stop_jobs(&key, &[old]).await;
        assert_eq!(
            failure(outcome),
            refused(DeployError::NothingDue),
            "{strategy}: one of two"
        );
        world.serve(1, &key, 3).await;
        world.stop_jobs(&key, &[old]).await.unwrap();
        let left = world.deployment(&key).await;
        assert!(left.jobs.iter().all(|job| job.revision == 2), "{strategy}");
        assert_eq!((left.jobs.len(), left.status()), (2, Status::Running));
        assert_eq!(
            failure(world.list(&key, 9).await),
            refused(DeployError::NothingDue),
            "{strategy}: each replica once"
        );
    }
}

#[tokio::test]
async fn a_rollout_that_is_taken_back_lists_nothing_twice() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 2, 9).await;
    world.list(&key, 2).await.unwrap();
    add(&mut world, &key, 2).await.unwrap();
    assert_eq!(world.deployment(&key).await.header.owed, 2);
    roll_to(&mut world, &key, 1).await.unwrap();
    assert_eq!(world.deployment(&key).await.header.owed, 0);
    assert_eq!(
        failure(world.list(&key, 9).await),
        refused(DeployError::NothingDue)
    );
}

#[tokio::test]
async fn a_schedule_lists_the_new_revision_from_its_next_firing_on() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Scheduled, 1, 9).await;
    world.set_time(MIDNIGHT).await;
    world.list(&key, 1).await.unwrap();
    add(&mut world, &key, 2).await.unwrap();
    let old = JobRun {
        index: 0,
        run: None,
    };
    assert_eq!(
        failure(world.stop_jobs(&key, &[old]).await),
        refused(DeployError::NothingDue)
    );
    world.set_time(MIDNIGHT + DAY).await;
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.job_account(&key, 1).await.unwrap().ipfs_job, SECOND);
}

#[tokio::test]
async fn a_new_revision_lists_nothing_while_stopped() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 2, 9).await;
    world.steer(ix::stop, &key).await.unwrap();
    add(&mut world, &key, 2).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Stopped);
    assert_eq!(
        failure(world.list(&key, 2).await),
        refused(DeployError::NothingDue)
    );
}

#[tokio::test]
async fn a_revision_s_rent_returns_to_the_owner_even_after_its_deployment_is_closed() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 1, 0).await;
    let owner = world.owner.pubkey();
    for number in [2, 3, 4] {
        add(&mut world, &key, number).await.unwrap();
    }
    let close = |number| ix::close_revision(&owner, &key, number);
    assert_eq!(
        failure(world.by_owner(&[close(4)]).await),
        refused(DeployError::RevisionInUse)
    );
    let stranger = world.keeper.insecure_clone();
    let stolen = ix::close_revision(&stranger.pubkey(), &key, 2);
    assert_eq!(
        failure(world.send(&[stolen], &[&stranger]).await),
        refused(DeployError::WrongOwner)
    );
    world.by_owner(&[close(2)]).await.unwrap();
    world.steer(ix::stop, &key).await.unwrap();
    world.steer(ix::archive, &key).await.unwrap();
    world.by_owner(&[close(4)]).await.unwrap();
    world.steer(ix::close, &key).await.unwrap();
    let rent = world.lamports(&seeds::revision_address(&key, 3).0).await;
    let before = world.lamports(&owner).await;
    world.by_owner(&[close(3)]).await.unwrap();
    assert_eq!(world.lamports(&owner).await, before + rent - 5_000);
}
