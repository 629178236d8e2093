//! Several deployments on one vault, several vaults of one wallet, and what keepers earn.

use crate::failure;
use deployments::{errors::DeployError, instructions::Amount};
use deployments_domain::{
    settings::{
        Settings, Strategy, DEFAULT_MAX_REWARDS_LAMPORTS_PER_DAY, MAX_KEEPER_REWARD_LAMPORTS,
    },
    status::Status,
};
use deployments_tests::*;
use nosana_deploy_client::{
    instructions::{self as ix, Vault},
    DeploymentSpec,
};
use solana_signer::Signer;

#[tokio::test]
async fn two_deployments_share_a_vault_and_neither_can_spend_what_is_not_there() {
    let mut world = World::in_program_test().await;
    let (first, second) = (
        world.started(Strategy::Simple, 2, 2).await,
        world.started(Strategy::Simple, 2, 1).await,
    );
    world.list(&first, 2).await.unwrap();
    world.list(&second, 2).await.unwrap();
    assert_eq!(
        world.deployment(&second).await.jobs.len(),
        1,
        "three were paid"
    );
    world.list(&second, 2).await.unwrap();
    assert_eq!(world.status(&second).await, Status::InsufficientFunds);
    assert_eq!(world.vault_funds().await.0, 0);
    // What the first gets back, the second may spend.
    world.steer(ix::stop, &first).await.unwrap();
    let jobs = [0, 1].map(|index| ix::JobRun { index, run: None });
    world.stop_jobs(&first, &jobs).await.unwrap();
    world.list(&second, 2).await.unwrap();
    assert_eq!(world.status(&second).await, Status::Running);
    assert_eq!(world.vault_funds().await.0, COST);
}

#[tokio::test]
async fn vaults_of_one_wallet_are_separate() {
    let mut world = World::in_program_test().await;
    let owner = world.owner.pubkey();
    let own = Vault::new(owner, 7);
    let spec = DeploymentSpec {
        vault_index: 7,
        autostart: true,
        ..world.spec(Strategy::Simple, 1)
    };
    let key = world.create(&spec).await;
    world.fund(3 * COST, SOL).await;
    world.list(&key, 1).await.unwrap();
    assert_eq!(
        world.status(&key).await,
        Status::InsufficientFunds,
        "the other vault's funds are not its own"
    );
    world
        .by_owner(&ix::fund(&owner, &own, COST, SOL))
        .await
        .unwrap();
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Running);
    world.withdraw(Amount::All, Amount::All).await.unwrap();
    assert_eq!(world.vault_funds().await, (0, 0));
    assert_eq!(world.lamports(&own.address).await, SOL - JOB_RENT);
    // The job's rent and deposit return to the vault that paid.
    world.steer(ix::stop, &key).await.unwrap();
    let job = ix::JobRun {
        index: 0,
        run: None,
    };
    world.stop_jobs(&key, &[job]).await.unwrap();
    assert_eq!(
        (
            world.nos(&own.nos).await,
            world.lamports(&own.address).await
        ),
        (COST, SOL)
    );
}

#[tokio::test]
async fn a_part_can_be_withdrawn_at_any_time() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 2, 4).await;
    world.list(&key, 2).await.unwrap();
    let (nos, lamports) = world.vault_funds().await;
    world
        .withdraw(Amount::Exact(COST), Amount::Exact(1_000_000))
        .await
        .unwrap();
    assert_eq!(
        world.vault_funds().await,
        (nos - COST, lamports - 1_000_000)
    );
    assert_eq!(world.status(&key).await, Status::Running);
    let outcome = world.withdraw(Amount::Exact(nos), Amount::Exact(0)).await;
    assert_eq!(failure(outcome), crate::refused(DeployError::VaultTooLow));
}

/// A started deployment that rewards keepers.
async fn rewarding(
    world: &mut World,
    strategy: Strategy,
    replicas: u32,
    reward: u64,
) -> anchor_lang::prelude::Pubkey {
    let spec = DeploymentSpec {
        autostart: true,
        settings: Settings {
            keeper_reward_lamports: reward,
            ..world.spec(strategy, replicas).settings
        },
        ..world.spec(strategy, replicas)
    };
    world.create(&spec).await
}

#[tokio::test]
async fn a_keeper_earns_for_each_job_handled_and_nothing_for_nothing() {
    let mut world = World::in_program_test().await;
    let key = rewarding(&mut world, Strategy::Simple, 3, 7_000).await;
    world.fund(3 * COST, SOL).await;
    let keeper = world.keeper.pubkey();
    let before = world.lamports(&keeper).await;
    world.list(&key, 3).await.unwrap();
    assert_eq!(world.lamports(&keeper).await, before + 3 * 7_000 - 5_000);
    assert_eq!(world.vault_funds().await.1, SOL - 3 * JOB_RENT - 3 * 7_000);
    let before = world.lamports(&keeper).await;
    assert_eq!(
        failure(world.list(&key, 3).await),
        crate::refused(DeployError::NothingDue)
    );
    assert_eq!(
        world.lamports(&keeper).await,
        before - 5_000,
        "the fee alone"
    );
    // Recording a shortage is paid as one job.
    let poor = rewarding(&mut world, Strategy::Simple, 1, 7_000).await;
    let vault = world.vault_funds().await.1;
    world.list(&poor, 1).await.unwrap();
    assert_eq!(world.status(&poor).await, Status::InsufficientFunds);
    assert_eq!(world.vault_funds().await.1, vault - 7_000);
}

#[tokio::test]
async fn the_rent_of_jobs_to_come_is_out_of_a_keeper_s_reach() {
    let mut world = World::in_program_test().await;
    // The rents of the two replicas that are not listed yet stay, runs included.
    let key = rewarding(&mut world, Strategy::Infinite, 3, 1_000_000).await;
    let reserve = 2 * (JOB_RENT + RUN_RENT) + FLOOR;
    world.fund(3 * COST, JOB_RENT + reserve + 600_000).await;
    world.list(&key, 1).await.unwrap();
    assert_eq!(
        world.vault_funds().await.1,
        reserve,
        "600,000 of 1,000,000 could be paid"
    );
}

#[tokio::test]
async fn a_day_s_rewards_stay_within_what_the_owner_allows() {
    let mut world = World::in_program_test().await;
    let key = rewarding(&mut world, Strategy::Simple, 12, MAX_KEEPER_REWARD_LAMPORTS).await;
    world.fund(12 * COST, 10 * SOL).await;
    world.list(&key, 11).await.unwrap();
    let all = DEFAULT_MAX_REWARDS_LAMPORTS_PER_DAY;
    let left = 10 * SOL - 11 * JOB_RENT - all;
    assert_eq!(world.vault_funds().await.1, left);
    world.set_time(MIDNIGHT - 1).await;
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.vault_funds().await.1, left - JOB_RENT);
    // A new day: one of the jobs is over.
    let job = world.job(&key, 0);
    world.run_next_job(0, job, MIDNIGHT, 60).await;
    world.settle(&key, &[0]).await.unwrap();
    let refund = (u64::from(TIMEOUT) - 60) * PRICE;
    assert_eq!(world.vault_funds().await, (refund, left - JOB_RENT - all));
}
