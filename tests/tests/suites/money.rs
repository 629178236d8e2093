//! Money that cannot get stuck, whatever became of a job and of its market's vault.

use crate::{failure, refused};
use deployments::{errors::DeployError, instructions::Amount};
use deployments_domain::{
    settings::{Settings, Strategy},
    status::Status,
};
use deployments_tests::*;
use nosana_deploy_client::{
    events::{Event, JobReclaimed, Left, Outcome, Ran},
    instructions::{self as ix, market_vault_address, JobRun},
    DeploymentSpec,
};
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;

const UNSEEN: JobRun = JobRun {
    index: 0,
    run: None,
};

/// Job 0 of a new deployment, listed and quit, and its two later claims.
async fn claimed_twice(world: &mut World) -> (Pubkey, Pubkey, [Pubkey; 2]) {
    let key = world.started(Strategy::Simple, 1, 1).await;
    world.list(&key, 1).await.unwrap();
    let (job, nodes) = (world.job(&key, 0), [0, 1].map(|n| world.nodes[n].clone()));
    let run = nodes[0].work(world).await.unwrap();
    nodes[0].quit(world, job, run).await.unwrap();
    let first = nodes[0].claim(world, job).await.unwrap();
    let second = nodes[1].claim(world, job).await.unwrap();
    (key, job, [first, second])
}

/// What the market's vault holds.
async fn set_market_nos(world: &mut World, nos: u64) {
    let vault = market_vault_address(&world.market);
    let account = token_account(vault, nosana_deploy_client::jobs_program::NOS_MINT, nos);
    world.bank.put(&vault, account);
}

#[tokio::test]
async fn a_job_that_was_finished_and_then_quit_again_is_over_and_never_recovered() {
    let mut world = World::in_program_test().await;
    let (key, job, [first, second]) = claimed_twice(&mut world).await;
    // Other people's deposits, which are not ours to take.
    let theirs = 5 * COST;
    set_market_nos(&mut world, COST + theirs).await;
    let nodes = [0, 1].map(|n| world.nodes[n].clone());
    world.set_time(NOW + 600).await;
    nodes[0].finish(&mut world, job, first).await.unwrap();
    nodes[1].quit(&mut world, job, second).await.unwrap();
    let before = world.vault_funds().await;
    world.settle(&key, &[0]).await.unwrap();
    let deployment = world.deployment(&key).await;
    assert_eq!(
        (deployment.status(), deployment.header.jobs_done),
        (Status::Stopped, 1)
    );
    assert_eq!(world.vault_funds().await, before);
    let market_vault = market_vault_address(&world.market);
    assert_eq!(world.nos(&market_vault).await, theirs);
}

#[tokio::test]
async fn a_job_whose_market_s_vault_is_short_can_be_written_off_and_archived() {
    for quit in [false, true] {
        let mut world = World::in_program_test().await;
        let key = world.started(Strategy::Simple, 1, 1).await;
        world.list(&key, 1).await.unwrap();
        if quit {
            let (job, node) = (world.job(&key, 0), world.nodes[0].clone());
            let run = node.work(&mut world).await.unwrap();
            node.quit(&mut world, job, run).await.unwrap();
        }
        set_market_nos(&mut world, COST).await;
        assert_eq!(
            failure(world.write_off(&key, 0).await),
            refused(DeployError::JobCanSettle)
        );
        set_market_nos(&mut world, COST - 1).await;
        world.steer(ix::stop, &key).await.unwrap();
        let nothing = refused::<()>(DeployError::NothingDue);
        assert_eq!(failure(world.stop_jobs(&key, &[UNSEEN]).await), nothing);
        assert_eq!(failure(world.settle(&key, &[0]).await), nothing);
        world.write_off(&key, 0).await.unwrap();
        world.steer(ix::archive, &key).await.unwrap();
        world.withdraw(Amount::All, Amount::All).await.unwrap();

        // Somebody fills the market's vault again: the deposit is still the vault's.
        set_market_nos(&mut world, COST).await;
        let reclaim = ix::reclaim_job(&world.vault, &key, &world.market, &UNSEEN);
        world.by_keeper(reclaim).await.unwrap();
        assert_eq!(world.vault_funds().await, (COST, JOB_RENT), "quit: {quit}");
    }
}

#[tokio::test]
async fn a_job_of_a_market_that_was_closed_and_opened_anew_can_be_written_off() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 1, 1).await;
    world.list(&key, 1).await.unwrap();
    let mut anew = world.market_state().await;
    world.close_market();
    anew.queue.clear();
    anew.queue_type = nosana_deploy_client::jobs_program::account::QUEUE_EMPTY;
    world.set_market(&anew);
    set_market_nos(&mut world, 0).await;
    world.write_off(&key, 0).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Stopped);
}

#[tokio::test]
async fn a_written_off_job_that_still_runs_can_be_ended_by_anyone_into_the_vault() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 1, 1).await;
    world.list(&key, 1).await.unwrap();
    let node = world.nodes[0].clone();
    let run = node.work(&mut world).await.unwrap();
    world.write_off(&key, 0).await.unwrap();
    world.set_time(NOW + 600).await;
    let running = JobRun {
        index: 0,
        run: Some(node.run_of_job(run)),
    };
    let good = ix::reclaim_job(&world.vault, &key, &world.market, &running);
    let mut elsewhere = good.clone();
    let node_nos = elsewhere
        .accounts
        .iter_mut()
        .find(|meta| meta.pubkey == node.nos());
    node_nos.unwrap().pubkey = world.vault.nos;
    assert_eq!(
        failure(world.by_keeper(elsewhere).await),
        refused(DeployError::WrongNodeTokenAccount)
    );
    let receipt = world.by_keeper(good.clone()).await.unwrap();
    let left = Left {
        nos_paid: 600 * PRICE,
        nos_returned: COST - 600 * PRICE,
        run: Some(Ran {
            node: node.wallet.pubkey(),
            started_at: NOW,
            ended_at: NOW + 600,
            result: [0; 32],
        }),
    };
    let told = JobReclaimed {
        deployment: key,
        index: 0,
        outcome: Outcome::Ended,
        left,
    };
    assert_eq!(receipt.events, [Event::JobReclaimed(told)]);
    assert_eq!(world.vault_funds().await.0, COST - 600 * PRICE);
    assert_eq!(world.nos(&node.nos()).await, 600 * PRICE);
    assert!(world.by_keeper(good).await.is_err(), "once");
}

#[tokio::test]
async fn a_create_that_says_nothing_of_the_price_is_refused() {
    let mut world = World::in_program_test().await;
    let (owner, spec) = (world.vault.owner, world.spec(Strategy::Simple, 1));
    let mut args = spec.create_args(&owner, 0);
    args.settings.max_price_per_second = None;
    let [make, mut create] = ix::create(&owner, 0, &spec);
    let data = deployments::instruction::Create { args };
    create.data = anchor_lang::InstructionData::data(&data);
    let outcome = world.by_owner(&[make.clone(), create]).await;
    assert_eq!(failure(outcome), refused(DeployError::PriceCapMissing));
    let [_, said] = ix::create(&owner, 0, &spec);
    world.by_owner(&[make, said]).await.unwrap();
}

/// A started deployment that bears a fee of up to 10 %, in a vault with `nos` base units.
async fn bearing_a_fee(world: &mut World, strategy: Strategy, nos: u64) -> Pubkey {
    let spec = DeploymentSpec {
        autostart: true,
        settings: Settings {
            max_fee_bps: 1_000,
            auto_extend: strategy == Strategy::SimpleExtend,
            ..world.spec(strategy, 2).settings
        },
        ..world.spec(strategy, 2)
    };
    let key = world.create(&spec).await;
    world.fund(nos, SOL).await;
    key
}

#[tokio::test]
async fn a_network_fee_is_borne_up_to_the_owner_s_bound_and_refused_by_name_above_it() {
    let mut world = World::in_program_test().await;
    let fee = COST / 10;
    let key = bearing_a_fee(&mut world, Strategy::SimpleExtend, 2 * (COST + fee) - 1).await;
    world.bank.put_fee(1_001);
    assert_eq!(
        failure(world.list(&key, 1).await),
        refused(DeployError::FeeTooHigh)
    );
    assert_eq!(
        world.status(&key).await,
        Status::Starting,
        "nothing changed"
    );
    world.bank.put_fee(1_000);
    world.list(&key, 2).await.unwrap();
    let deployment = world.deployment(&key).await;
    assert_eq!(deployment.jobs.len(), 1, "for two it lacks a unit");
    assert_eq!(world.vault_funds().await.0, COST + fee - 1);
    world.fund(COST, 0).await;

    let node = world.nodes[0].clone();
    let run = node.work(&mut world).await.unwrap();
    world.set_time(NOW + i64::from(TIMEOUT) - 60).await;
    world.bank.put_fee(1_001);
    let running = shown(0, run);
    assert_eq!(
        failure(world.extend_jobs(&key, &[running]).await),
        refused(DeployError::FeeTooHigh)
    );
    world.bank.put_fee(1_000);
    world.extend_jobs(&key, &[running]).await.unwrap();
    assert_eq!(world.vault_funds().await.0, COST - 1);
}

#[tokio::test]
async fn a_vault_that_cannot_bear_the_bound_cannot_pay() {
    let mut world = World::in_program_test().await;
    let key = bearing_a_fee(&mut world, Strategy::Simple, COST + COST / 10 - 1).await;
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.status(&key).await, Status::InsufficientFunds);
    world.fund(1, 0).await;
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Running);
}

#[tokio::test]
async fn whoever_cleans_finished_jobs_is_paid_out_of_the_rent_that_returns() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 2, 2).await;
    world.list(&key, 2).await.unwrap();
    for index in 0..2 {
        let job = world.job(&key, index);
        world.run_next_job(0, job, NOW, 60).await;
    }
    let (keeper, vault, market) = (world.keeper.insecure_clone(), world.vault, world.market);
    let build = |indices: &[u64]| ix::clean_jobs(&keeper.pubkey(), &vault, &key, &market, indices);
    let clean = build(&[0, 1]);
    let early = world.by_keeper(clean.clone()).await;
    assert_eq!(failure(early), refused(DeployError::JobStillActive));
    world.settle(&key, &[0, 1]).await.unwrap();
    let early = world.by_keeper(clean.clone()).await;
    assert_eq!(
        failure(early),
        Err(Failure::Code(6005)),
        "the markets' JobNotExpired"
    );
    world.set_time(NOW + DAY).await;

    // With an impatient market of one's own the result of a job would be gone too soon.
    let impatient = Pubkey::new_unique();
    let mut state = world.market_state().await;
    state.job_expiration = -1;
    world.bank.put_market(impatient, &state);
    let mut elsewhere = clean.clone();
    elsewhere.accounts[3].pubkey = impatient;
    assert_eq!(
        failure(world.by_keeper(elsewhere).await),
        refused(DeployError::WrongMarket)
    );

    let before = (
        world.lamports(&keeper.pubkey()).await,
        world.vault_funds().await.1,
    );
    world.by_keeper(clean.clone()).await.unwrap();
    let reward = 2 * JOB_RENT / 20;
    assert_eq!(
        world.lamports(&keeper.pubkey()).await,
        before.0 + reward - 5_000
    );
    assert_eq!(
        world.vault_funds().await.1,
        before.1 + 2 * JOB_RENT - reward
    );
    let again = world.by_keeper(clean).await;
    assert_eq!(failure(again), refused(DeployError::NothingDue));
    let none = world.by_keeper(build(&[])).await;
    assert_eq!(failure(none), refused(DeployError::NothingDue));
}
