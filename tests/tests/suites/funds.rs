//! Vaults: what goes in, what comes out, and the floor.

use crate::{failure, refused};
use deployments::{errors::DeployError, instructions::Amount};
use deployments_domain::settings::Strategy;
use deployments_tests::*;
use nosana_deploy_client::instructions::{self as ix, Vault};
use solana_signer::Signer;

#[tokio::test]
async fn a_vault_is_emptied_to_the_last_lamport_and_filled_again() {
    let mut world = World::in_program_test().await;
    world.fund(1_000, SOL).await;
    world
        .withdraw(Amount::Exact(400), Amount::Exact(SOL / 2))
        .await
        .unwrap();
    assert_eq!(world.vault_funds().await, (600, SOL / 2));
    world
        .withdraw(Amount::Exact(0), Amount::Exact(SOL / 2 - FLOOR))
        .await
        .unwrap();
    assert_eq!(world.vault_funds().await, (600, FLOOR));
    world.withdraw(Amount::All, Amount::All).await.unwrap();
    assert_eq!(world.vault_funds().await, (0, 0));
    world.fund(5, FLOOR).await;
    assert_eq!(world.vault_funds().await, (5, FLOOR));
}

#[tokio::test]
async fn amounts_that_cannot_be_are_refused_by_name() {
    let mut world = World::in_program_test().await;
    world.fund(1_000, FLOOR + 10).await;
    let cases = [
        (Amount::Exact(0), Amount::Exact(0), DeployError::ZeroAmount),
        (
            Amount::Exact(1_001),
            Amount::Exact(0),
            DeployError::VaultTooLow,
        ),
        (
            Amount::Exact(0),
            Amount::Exact(FLOOR + 11),
            DeployError::VaultTooLow,
        ),
        (
            Amount::Exact(0),
            Amount::Exact(11),
            DeployError::VaultBelowRentFloor,
        ),
        (
            Amount::Exact(0),
            Amount::Exact(FLOOR + 9),
            DeployError::VaultBelowRentFloor,
        ),
    ];
    for (nos, lamports, error) in cases {
        assert_eq!(failure(world.withdraw(nos, lamports).await), refused(error));
    }
    assert_eq!(world.vault_funds().await, (1_000, FLOOR + 10));

    let other = Vault::new(world.owner.pubkey(), 1);
    for (nos, lamports, error) in [
        (0, 0, DeployError::ZeroAmount),
        (0, FLOOR - 1, DeployError::VaultBelowRentFloor),
    ] {
        let owner = world.owner.pubkey();
        let outcome = world
            .by_owner(&ix::fund(&owner, &other, nos, lamports))
            .await;
        assert_eq!(failure(outcome), refused(error));
    }
}

#[tokio::test]
async fn anyone_may_fund_a_vault_but_only_its_owner_withdraws() {
    let mut world = World::in_program_test().await;
    let keeper = world.keeper.insecure_clone();
    let nos = ix::create_nos_account(&keeper.pubkey(), &keeper.pubkey());
    let [make, fund] = ix::fund(&keeper.pubkey(), &world.vault, 0, SOL);
    world.send(&[nos, make, fund], &[&keeper]).await.unwrap();
    assert_eq!(world.vault_funds().await, (0, SOL));

    // The keeper's own vault number 0 is another address.
    let [_, mut withdraw] = ix::withdraw(&Vault::new(keeper.pubkey(), 0), Amount::All, Amount::All);
    let (vault, vault_nos) = (world.vault.address, world.vault.nos);
    withdraw.accounts[1].pubkey = vault;
    withdraw.accounts[3].pubkey = vault_nos;
    let outcome = world.send(&[withdraw], &[&keeper]).await;
    assert_eq!(failure(outcome), refused(DeployError::WrongVault));
    assert_eq!(world.vault_funds().await, (0, SOL));
}

#[tokio::test]
async fn a_vault_can_be_emptied_while_jobs_run_and_refunds_still_arrive() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 1, 2).await;
    world.list(&key, 1).await.unwrap();
    world.withdraw(Amount::All, Amount::All).await.unwrap();
    assert_eq!(world.vault_funds().await, (0, 0));
    let job = world.job(&key, 0);
    world.run_next_job(0, job, NOW, 600).await;
    world.settle(&key, &[0]).await.unwrap();
    assert_eq!(world.vault_funds().await, (COST - 600 * PRICE, 0));
}
