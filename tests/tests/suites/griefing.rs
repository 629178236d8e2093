//! What strangers, nodes and a market's authority can do to hinder a deployment, and why it goes on.

use crate::{failure, refused};
use deployments::{errors::DeployError, instructions::Amount};
use deployments_domain::{
    settings::{Settings, Strategy},
    status::{Reason, Status},
};
use deployments_tests::*;
use nosana_deploy_client::{
    instructions::{self as ix, JobRun, Vault},
    seeds, DeploymentSpec,
};
use nosana_jobs_localnet::state::MarketAccount;
use solana_program::{pubkey::Pubkey, rent::Rent};
use solana_signer::Signer;
use solana_system_interface::instruction::transfer;

#[tokio::test]
async fn lamports_sent_to_a_vault_before_it_is_funded_are_the_owner_s() {
    let mut world = World::in_program_test().await;
    let (keeper, vault) = (world.keeper.pubkey(), world.vault);
    world
        .by_keeper(transfer(&keeper, &vault.address, FLOOR))
        .await
        .unwrap();
    let key = world.started(Strategy::Simple, 1, 1).await;
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.vault_funds().await.1, SOL + FLOOR - JOB_RENT);
}

#[tokio::test]
async fn lamports_sent_to_jobs_and_runs_to_come_become_the_vault_s_also_with_nodes_waiting() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 2, 2).await;
    let keeper = world.keeper.pubkey();
    for index in 0..2 {
        for address in [
            seeds::job_address(&key, index).0,
            seeds::run_address(&key, index).0,
        ] {
            world
                .by_keeper(transfer(&keeper, &address, FLOOR))
                .await
                .unwrap();
        }
    }
    let node = world.nodes[0].clone();
    node.work(&mut world).await.unwrap();
    world.list(&key, 2).await.unwrap();
    assert_eq!(
        world.vault_funds().await.1,
        SOL + 4 * FLOOR - 2 * JOB_RENT - RUN_RENT
    );
}

#[tokio::test]
async fn lamports_sent_to_accounts_that_create_makes_hinder_nobody_and_count_as_rent() {
    let mut world = World::in_program_test().await;
    let (owner, keeper) = (world.owner.pubkey(), world.keeper.pubkey());
    let counter = seeds::owner_address(&owner).0;
    let gift = transfer(&keeper, &counter, FLOOR);
    world.by_keeper(gift).await.unwrap();
    let spec = world.spec(Strategy::Simple, 1);
    // Less than the rent, and more.
    for (id, sent) in [(0, FLOOR), (1, SOL)] {
        let key = seeds::deployment_address(&owner, id).0;
        let gift = transfer(&keeper, &key, sent);
        world.by_keeper(gift).await.unwrap();
        assert_eq!(world.create(&spec).await, key);
        let account = world.account(&key).await.unwrap();
        let rent = Rent::default().minimum_balance(account.data.len());
        assert_eq!(account.lamports, rent.max(sent), "id {id}");
        assert_eq!(world.status(&key).await, Status::Draft);
    }
    assert_eq!(world.next_id().await, 2);
    let account = world.account(&counter).await.unwrap();
    let rent = Rent::default().minimum_balance(account.data.len());
    assert_eq!(account.lamports, rent);
}

/// A SIMPLE deployment whose only job was taken by the first node; the job and its run.
async fn running(world: &mut World) -> (Pubkey, Pubkey, Pubkey) {
    let key = world.started(Strategy::Simple, 1, 1).await;
    world.list(&key, 1).await.unwrap();
    let node = world.nodes[0].clone();
    let run = node.work(world).await.unwrap();
    (key, world.job(&key, 0), run)
}

#[tokio::test]
async fn two_claims_of_a_quit_job_park_nothing() {
    let mut world = World::in_program_test().await;
    let (key, job, run) = running(&mut world).await;
    let [first, second] = world.nodes.clone();
    first.quit(&mut world, job, run).await.unwrap();
    let claims = [
        first.claim(&mut world, job).await.unwrap(),
        second.claim(&mut world, job).await.unwrap(),
    ];
    world.set_time(NOW + 100).await;
    first.finish(&mut world, job, claims[0]).await.unwrap();
    assert_eq!(world.vault_funds().await.0, COST - 100 * PRICE);
    // The market has nothing left to pay the second one with: the token program's 1.
    assert_eq!(
        failure(second.finish(&mut world, job, claims[1]).await),
        Err(Failure::Code(1))
    );
    world.settle(&key, &[0]).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Stopped);
    world.withdraw(Amount::All, Amount::All).await.unwrap();
}

#[tokio::test]
async fn a_claimed_job_is_recovered_while_its_claimer_runs_it() {
    let mut world = World::in_program_test().await;
    let (key, job, run) = running(&mut world).await;
    let [first, second] = world.nodes.clone();
    first.quit(&mut world, job, run).await.unwrap();
    let claim = second.claim(&mut world, job).await.unwrap();
    world.settle(&key, &[0]).await.unwrap();
    assert_eq!(world.vault_funds().await, (COST, SOL));
    assert!(second.finish(&mut world, job, claim).await.is_err());
    assert_eq!(world.status(&key).await, Status::Stopped);
}

#[tokio::test]
async fn write_off_is_refused_while_a_keeper_can_go_on() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 1, 1).await;
    world.list(&key, 1).await.unwrap();
    let can_settle = refused::<()>(DeployError::JobCanSettle);
    assert_eq!(
        failure(world.write_off(&key, 0).await),
        can_settle,
        "queued"
    );
    assert_eq!(
        failure(world.write_off(&key, 9).await),
        refused(DeployError::JobNotActive)
    );
    let (job, node) = (world.job(&key, 0), world.nodes[0].clone());
    let run = node.work(&mut world).await.unwrap();
    node.quit(&mut world, job, run).await.unwrap();
    assert_eq!(failure(world.write_off(&key, 0).await), can_settle, "quit");
    world.settle(&key, &[0]).await.unwrap();

    let (key, job, run) = running(&mut world).await;
    node.finish(&mut world, job, run).await.unwrap();
    assert_eq!(failure(world.write_off(&key, 0).await), can_settle, "done");
    world.set_time(NOW + DAY).await;
    world.clean(job).await.unwrap();
    assert_eq!(failure(world.write_off(&key, 0).await), can_settle, "gone");
}

#[tokio::test]
async fn a_market_that_closes_strands_no_deployment_and_no_vault() {
    for quit in [false, true] {
        let mut world = World::in_program_test().await;
        let key = world.started(Strategy::Simple, 1, 3).await;
        world.list(&key, 1).await.unwrap();
        if quit {
            let (job, node) = (world.job(&key, 0), world.nodes[0].clone());
            let run = node.work(&mut world).await.unwrap();
            node.quit(&mut world, job, run).await.unwrap();
        }
        world.close_market();
        world.steer(ix::stop, &key).await.unwrap();
        let job = JobRun {
            index: 0,
            run: None,
        };
        let nothing = refused::<()>(DeployError::NothingDue);
        assert_eq!(failure(world.stop_jobs(&key, &[job]).await), nothing);
        assert_eq!(failure(world.settle(&key, &[0]).await), nothing);
        world.write_off(&key, 0).await.unwrap();
        let deployment = world.deployment(&key).await;
        assert_eq!(
            (deployment.status(), deployment.header.jobs_written_off),
            (Status::Stopped, 1)
        );
        world.steer(ix::archive, &key).await.unwrap();
        world.steer(ix::close, &key).await.unwrap();
        world.withdraw(Amount::All, Amount::All).await.unwrap();
        assert_eq!(world.vault_funds().await, (0, 0));
    }
}

#[tokio::test]
async fn a_running_job_of_a_closed_market_is_left_alone_until_it_is_written_off() {
    let mut world = World::in_program_test().await;
    let (key, _, run) = running(&mut world).await;
    world.close_market();
    world.set_time(NOW + 2 * DAY).await;
    let job = JobRun {
        index: 0,
        run: Some(world.nodes[0].run_of_job(run)),
    };
    assert_eq!(
        failure(world.stop_jobs(&key, &[job]).await),
        refused(DeployError::NothingDue)
    );
    world.write_off(&key, 0).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Stopped);
}

#[tokio::test]
async fn a_written_off_job_still_gives_back_to_the_vault_what_it_can() {
    let mut world = World::in_program_test().await;
    let (key, job, run) = running(&mut world).await;
    let (vault, market) = (world.vault, world.market);
    let unseen = JobRun {
        index: 0,
        run: None,
    };
    let reclaim = |vault: &Vault| ix::reclaim_job(vault, &key, &market, &unseen);
    assert_eq!(
        failure(world.by_keeper(reclaim(&vault)).await),
        refused(DeployError::JobStillActive)
    );
    // The node runs it, which nobody has shown: the owner may give it up.
    world.write_off(&key, 0).await.unwrap();
    assert_eq!(
        failure(world.by_keeper(reclaim(&vault)).await),
        refused(DeployError::NothingDue),
        "its run is not shown"
    );
    world.steer(ix::archive, &key).await.unwrap();
    world.steer(ix::close, &key).await.unwrap();
    let node = world.nodes[0].clone();
    node.quit(&mut world, job, run).await.unwrap();

    let mut other = reclaim(&vault);
    other.accounts[6].pubkey = Pubkey::new_unique();
    assert_eq!(
        failure(world.by_keeper(other).await),
        refused(DeployError::WrongJobAddress)
    );
    let stranger = Vault::new(world.keeper.pubkey(), 0);
    let keeper = world.keeper.pubkey();
    world
        .by_keeper(ix::create_nos_account(&keeper, &stranger.address))
        .await
        .unwrap();
    assert_eq!(
        failure(world.by_keeper(reclaim(&stranger)).await),
        refused(DeployError::WrongVault)
    );
    world.by_keeper(reclaim(&vault)).await.unwrap();
    assert_eq!(world.vault_funds().await, (COST, SOL));
}

#[tokio::test]
async fn a_finished_job_s_rent_comes_back_to_the_vault() {
    let mut world = World::in_program_test().await;
    let (key, job, run) = running(&mut world).await;
    let node = world.nodes[0].clone();
    node.finish(&mut world, job, run).await.unwrap();
    world.settle(&key, &[0]).await.unwrap();
    let (vault, market) = (world.vault, world.market);
    let clean = ix::clean_job(&job, &market, &vault.address);
    world.set_time(NOW + 3_600).await;
    assert_eq!(
        failure(world.by_keeper(clean.clone()).await),
        Err(Failure::Code(6005)),
        "JobNotExpired"
    );
    world.set_time(NOW + 3_601).await;
    world.by_keeper(clean).await.unwrap();
    assert_eq!(world.vault_funds().await.1, SOL);
}

/// What a market can come to, and the outcome that a keeper records.
type Change = fn(&mut MarketAccount);

#[tokio::test]
async fn a_market_that_cannot_be_used_has_a_named_outcome_and_moves_no_funds() {
    let cases: [(Change, Reason); 2] = [
        (|market| market.job_type = 255, Reason::MarketUnusable),
        (|market| market.job_price = PRICE + 1, Reason::PriceAboveCap),
    ];
    for (change, reason) in cases {
        let mut world = World::in_program_test().await;
        let spec = DeploymentSpec {
            autostart: true,
            settings: Settings {
                max_price_per_second: PRICE,
                ..world.spec(Strategy::Infinite, 1).settings
            },
            ..world.spec(Strategy::Infinite, 1)
        };
        let key = world.create(&spec).await;
        world.fund(9 * COST, SOL).await;
        let mut market = world.market_state().await;
        change(&mut market);
        world.set_market(&market);
        world.list(&key, 1).await.unwrap();
        let deployment = world.deployment(&key).await;
        assert_eq!(
            (deployment.status(), deployment.reason()),
            (Status::Error, reason)
        );
        assert_eq!(world.vault_funds().await, (9 * COST, SOL));
    }

    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 1, 9).await;
    let mut full = world.market_state().await;
    full.queue = vec![Pubkey::new_unique(); 315];
    full.queue_type = 0;
    world.set_market(&full);
    assert_eq!(
        failure(world.list(&key, 1).await),
        refused(DeployError::MarketQueueFull)
    );
    world.close_market();
    world.list(&key, 1).await.unwrap();
    assert_eq!(
        world.deployment(&key).await.reason(),
        Reason::MarketUnusable
    );
    assert_eq!(world.vault_funds().await, (9 * COST, SOL));
}
