//! How jobs end, and that nothing is lost or paid twice.

use crate::{failure, refused};
use deployments::errors::DeployError;
use deployments_domain::{
    settings::{Settings, Strategy},
    status::Status,
};
use deployments_tests::*;
use nosana_deploy_client::{
    instructions::{self as ix, JobRun},
    seeds, DeploymentSpec,
};
use solana_account::Account;
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;

#[tokio::test]
async fn a_job_is_settled_once() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 2, 2).await;
    world.list(&key, 2).await.unwrap();
    let job = world.job(&key, 0);
    world.run_next_job(0, job, NOW, 60).await;
    // The running job, and one that never was, are passed over.
    world.settle(&key, &[1, 0, 9]).await.unwrap();
    assert_eq!(world.deployment(&key).await.jobs.len(), 1);
    assert_eq!(
        failure(world.settle(&key, &[0]).await),
        refused(DeployError::NothingDue)
    );
    assert_eq!(
        failure(world.settle(&key, &[0, 0]).await),
        refused(DeployError::NothingDue)
    );
    assert_eq!(
        failure(world.settle(&key, &[]).await),
        refused(DeployError::NothingDue)
    );
}

#[tokio::test]
async fn the_same_job_twice_in_one_call_counts_once() {
    let mut world = World::in_program_test().await;
    let spec = DeploymentSpec {
        autostart: true,
        settings: Settings {
            keeper_reward_lamports: 5_000,
            ..world.spec(Strategy::Simple, 1).settings
        },
        ..world.spec(Strategy::Simple, 1)
    };
    let key = world.create(&spec).await;
    world.fund(COST, SOL).await;
    world.list(&key, 1).await.unwrap();
    let job = world.job(&key, 0);
    world.run_next_job(0, job, NOW, 60).await;
    let before = world.vault_funds().await.1;
    world.settle(&key, &[0, 0]).await.unwrap();
    assert_eq!(world.vault_funds().await.1, before - 5_000, "one reward");
    assert_eq!(world.deployment(&key).await.header.jobs_done, 1);
}

#[tokio::test]
async fn a_job_that_is_not_ours_is_refused() {
    let mut world = World::in_program_test().await;
    let (ours, other) = (
        world.started(Strategy::Simple, 1, 2).await,
        world.started(Strategy::Simple, 1, 2).await,
    );
    world.list(&ours, 1).await.unwrap();
    world.list(&other, 1).await.unwrap();
    // The other deployment's job is done, ours is not.
    let mut market = world.market_state().await;
    market.queue.reverse();
    world.set_market(&market);
    let done = world.job(&other, 0);
    world.run_next_job(0, done, NOW, 60).await;
    let deployment = world.deployment(&ours).await;
    for foreign in [done, Pubkey::new_unique(), world.market] {
        let mut settle = ix::settle_jobs(&world.keeper.pubkey(), &deployment, &[0]);
        settle.accounts.last_mut().unwrap().pubkey = foreign;
        assert_eq!(
            failure(world.by_keeper(settle).await),
            refused(DeployError::WrongJobAddress)
        );
    }
    let mut settle = ix::settle_jobs(&world.keeper.pubkey(), &deployment, &[0]);
    settle.accounts.pop();
    assert_eq!(
        failure(world.by_keeper(settle).await),
        refused(DeployError::WrongAccountCount)
    );
}

#[tokio::test]
async fn a_job_that_its_node_quit_is_recovered_into_the_vault() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 1, 1).await;
    world.list(&key, 1).await.unwrap();
    let (job, node) = (world.job(&key, 0), world.nodes[0].clone());
    let run = node.work(&mut world).await.unwrap();
    node.quit(&mut world, job, run).await.unwrap();
    world.settle(&key, &[0]).await.unwrap();
    assert_eq!(world.vault_funds().await, (COST, SOL), "deposit and rent");
    let deployment = world.deployment(&key).await;
    assert_eq!(
        (deployment.status(), deployment.header.jobs_quit),
        (Status::Stopped, 1)
    );
}

#[tokio::test]
async fn a_cleaned_job_settles_even_if_someone_sends_lamports_to_its_address() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 1, 1).await;
    world.list(&key, 1).await.unwrap();
    let job = world.job(&key, 0);
    world.run_next_job(0, job, NOW, 60).await;
    assert_eq!(
        failure(world.clean(job).await),
        Err(Failure::Code(6005)),
        "not expired"
    );
    world.set_time(NOW + 60 + 3601).await;
    world.clean(job).await.unwrap();
    world
        .bank
        .put(&job, Account::new(SOL, 0, &Pubkey::default()));
    world.settle(&key, &[0]).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Stopped);
    assert_eq!(world.vault_funds().await.1, SOL, "the job's rent came back");
}

#[tokio::test]
async fn stopping_ends_running_jobs_and_pays_the_node_for_its_time() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 2, 2).await;
    world.list(&key, 2).await.unwrap();
    let node = world.nodes[0].clone();
    let run = node.work(&mut world).await.unwrap();
    world.set_time(NOW + 100).await;
    world.steer(ix::stop, &key).await.unwrap();

    // The keeper saw both jobs queued; meanwhile a node took the first. Only the second is due then.
    let seen = [0, 1].map(|index| JobRun { index, run: None });
    world.stop_jobs(&key, &seen).await.unwrap();
    assert_eq!(world.deployment(&key).await.jobs.len(), 1);
    assert_eq!(
        failure(world.stop_jobs(&key, &seen).await),
        refused(DeployError::NothingDue)
    );

    let running = JobRun {
        index: 0,
        run: Some(node.run_of_job(run)),
    };
    world.stop_jobs(&key, &[running]).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Stopped);
    let nos = node.nos();
    assert_eq!(world.nos(&nos).await, 100 * PRICE);
    assert_eq!(world.vault_funds().await.0, 2 * COST - 100 * PRICE);
    assert_eq!(
        world.account(&run).await,
        None,
        "the run's rent is the node's again"
    );
}

#[tokio::test]
async fn a_job_past_its_deadline_is_ended_by_any_keeper_and_not_before() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 1, 1).await;
    world.list(&key, 1).await.unwrap();
    let node = world.nodes[0].clone();
    let run = node.work(&mut world).await.unwrap();
    let vanished = JobRun {
        index: 0,
        run: Some(node.run_of_job(run)),
    };
    let deadline = NOW + i64::from(TIMEOUT);
    world.set_time(deadline).await;
    let outcome = world.stop_jobs(&key, &[vanished]).await;
    assert_eq!(failure(outcome), refused(DeployError::NothingDue));
    world.set_time(deadline + 1).await;
    world.stop_jobs(&key, &[vanished]).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Stopped);
    let nos = node.nos();
    assert_eq!(world.nos(&nos).await, COST);
}

#[tokio::test]
async fn the_node_s_pay_and_the_run_s_rent_go_where_the_run_says() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 1, 1).await;
    world.list(&key, 1).await.unwrap();
    let node = world.nodes[0].clone();
    let run = node.work(&mut world).await.unwrap();
    world.steer(ix::stop, &key).await.unwrap();
    let honest = node.run_of_job(run);
    let deployment = world.deployment(&key).await;
    let keeper = world.keeper.pubkey();
    let build = |run| {
        ix::stop_jobs(
            &keeper,
            &deployment,
            &[JobRun {
                index: 0,
                run: Some(run),
            }],
        )
    };

    let mut thief = build(honest);
    let count = thief.accounts.len();
    thief.accounts[count - 2].pubkey = world.nodes[1].nos();
    assert_eq!(
        failure(world.by_keeper(thief).await),
        refused(DeployError::WrongNodeTokenAccount)
    );
    let mut thief = build(honest);
    thief.accounts[count - 1].pubkey = keeper;
    assert_eq!(
        failure(world.by_keeper(thief).await),
        refused(DeployError::WrongRunPayer)
    );
    // A run of another job, or none at all, proves nothing.
    for foreign in [world.market, keeper] {
        let mut liar = build(honest);
        liar.accounts[count - 3].pubkey = foreign;
        assert_eq!(
            failure(world.by_keeper(liar).await),
            refused(DeployError::NothingDue)
        );
    }
    let instruction = build(honest);
    world.by_keeper(instruction).await.unwrap();
}

#[tokio::test]
async fn lamports_sent_to_future_addresses_become_the_vault_s() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 2, 2).await;
    let (job, run) = (world.job(&key, 0), seeds::run_address(&key, 1).0);
    for address in [job, run] {
        world
            .bank
            .put(&address, Account::new(FLOOR, 0, &Pubkey::default()));
    }
    world.list(&key, 2).await.unwrap();
    assert_eq!(world.vault_funds().await.1, SOL + 2 * FLOOR - 2 * JOB_RENT);
    assert_eq!(world.market_state().await.queue.len(), 2);
}

/// The highest bump below the canonical one that derives an address too.
fn second_bump(prefix: &[u8], key: &Pubkey, canonical: u8) -> (Pubkey, u8) {
    let derive = |bump| {
        let seeds: [&[u8]; 4] = [prefix, key.as_ref(), &[0; 8], &[bump]];
        Pubkey::create_program_address(&seeds, &nosana_deploy_client::PROGRAM_ID)
    };
    let bumps = (0..canonical).rev();
    bumps
        .filter_map(|bump| Some((derive(bump).ok()?, bump)))
        .next()
        .unwrap()
}

#[tokio::test]
async fn only_canonical_addresses_are_taken_for_jobs_and_runs() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 1, 1).await;
    let deployment = world.deployment(&key).await;
    let good = ix::list_jobs(&world.keeper.pubkey(), &deployment, 1);
    let (accounts, bytes) = (good.accounts.len(), good.data.len());
    let job = second_bump(seeds::JOB, &key, seeds::job_address(&key, 0).1);
    let run = second_bump(seeds::RUN, &key, seeds::run_address(&key, 0).1);
    for ((address, bump), from_end) in [(job, 2), (run, 1)] {
        let mut odd = good.clone();
        odd.accounts[accounts - from_end].pubkey = address;
        odd.data[bytes - from_end] = bump;
        assert_eq!(
            failure(world.by_keeper(odd).await),
            refused(DeployError::WrongJobAddress)
        );
    }
    world.by_keeper(good).await.unwrap();
}
