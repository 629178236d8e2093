//! What owners do every day beside starting and stopping, on real bytecode: access keys, raised
//! timeouts, replicas 0, trigger, drain, restart, a limit on waiting, another market, falling rent.

use crate::{failure, refused};
use deployments::{
    errors::DeployError,
    events::Outcome,
    instructions::{Amount, UpdateArgs},
    settings::SettingsArgs,
};
use deployments_domain::{
    cron::Schedule,
    settings::{Overlap, Strategy},
    status::{Reason, Status},
};
use deployments_tests::*;
use nosana_deploy_client::{
    events::Event,
    instructions::{self as ix, JobRun},
    seeds, DeploymentSpec,
};
use solana_keypair::Keypair;
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_signer::Signer;

const HOUR: i64 = TIMEOUT as i64;

fn settings(change: impl FnOnce(&mut SettingsArgs)) -> UpdateArgs {
    let mut settings = SettingsArgs::default();
    change(&mut settings);
    settings.into()
}

fn replicas(count: u32) -> UpdateArgs {
    settings(|it| it.replicas = Some(count))
}

const fn queued(index: u64) -> JobRun {
    JobRun { index, run: None }
}

/// Node `number` takes the first waiting job; as a keeper passes it to end it.
async fn take(world: &mut World, number: usize, index: u64) -> JobRun {
    let node = world.nodes[number].clone();
    let run = node.work(world).await.unwrap();
    JobRun {
        index,
        run: Some(node.run_of_job(run)),
    }
}

// ── access keys ──

/// A deployment of two replicas with an access key.
async fn with_key(world: &mut World) -> (Pubkey, Keypair) {
    let access = Keypair::new();
    let spec = DeploymentSpec {
        autostart: true,
        access_key: Some(access.pubkey()),
        ..world.spec(Strategy::Simple, 2)
    };
    let key = world.create(&spec).await;
    world.fund(9 * COST, SOL).await;
    (key, access)
}

async fn signed(
    world: &mut World,
    instruction: Instruction,
    access: &Keypair,
) -> Result<Receipt, Failure> {
    let keeper = world.keeper.insecure_clone();
    world.send(&[instruction], &[&keeper, access]).await
}

async fn list_with(
    world: &mut World,
    key: &Pubkey,
    count: u32,
    access: &Keypair,
) -> Result<Receipt, Failure> {
    let deployment = world.deployment(key).await;
    let list = ix::list_jobs(&world.keeper.pubkey(), &deployment, count);
    signed(world, list, access).await
}

/// The instruction without the access key, as a keeper that lacks it would send it.
fn without_key(mut instruction: Instruction) -> Instruction {
    instruction.accounts.pop();
    instruction
}

#[tokio::test]
async fn an_access_key_is_the_project_of_its_jobs_and_the_vault_their_payer() {
    let mut world = World::in_program_test().await;
    let (key, access) = with_key(&mut world).await;
    let deployment = world.deployment(&key).await;
    let list = ix::list_jobs(&world.keeper.pubkey(), &deployment, 2);
    let missing = refused(DeployError::AccessKeyMissing);
    let outcome = world.by_keeper(without_key(list.clone())).await;
    assert_eq!(failure(outcome), missing);
    // Somebody else's signature does not do.
    let (mut forged, other) = (list.clone(), Keypair::new());
    forged.accounts.last_mut().unwrap().pubkey = other.pubkey();
    assert_eq!(failure(signed(&mut world, forged, &other).await), missing);

    let (nos, lamports) = world.vault_funds().await;
    signed(&mut world, list, &access).await.unwrap();
    let job = world.job_account(&key, 0).await.unwrap();
    assert_eq!(
        (job.project, job.payer),
        (access.pubkey(), world.vault.address)
    );
    // All money returns to the vault.
    world.steer(ix::stop, &key).await.unwrap();
    let run = take(&mut world, 0, 0).await;
    let deployment = world.deployment(&key).await;
    let stop = ix::stop_jobs(&world.keeper.pubkey(), &deployment, &[run, queued(1)]);
    let outcome = world.by_keeper(stop.clone()).await;
    assert_eq!(failure(outcome), missing);
    let stop = ix::with_access_key(stop, &access.pubkey());
    signed(&mut world, stop, &access).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Stopped);
    let rent = world.lamports(&seeds::job_address(&key, 0).0).await;
    assert_eq!(world.vault_funds().await, (nos, lamports - rent));
}

#[tokio::test]
async fn without_the_key_anyone_still_settles_tracks_and_records() {
    let mut world = World::in_program_test().await;
    let (key, access) = with_key(&mut world).await;
    list_with(&mut world, &key, 1, &access).await.unwrap();
    world.withdraw(Amount::All, Amount::All).await.unwrap();
    world.list(&key, 0).await.unwrap();
    assert_eq!(world.status(&key).await, Status::InsufficientFunds);
    world.fund(9 * COST, SOL).await;
    let mut dear = world.market_state().await;
    world
        .update(&key, settings(|it| it.max_price_per_second = Some(PRICE)))
        .await
        .unwrap();
    dear.job_price = PRICE + 1;
    world.set_market(&dear);
    world.list(&key, 0).await.unwrap();
    assert_eq!(world.deployment(&key).await.reason(), Reason::PriceAboveCap);
    let job = world.job(&key, 0);
    world.run_next_job(0, job, NOW, 60).await;
    world.settle(&key, &[0]).await.unwrap();

    let key = {
        let spec = DeploymentSpec {
            autostart: true,
            access_key: Some(access.pubkey()),
            ..world.spec(Strategy::Infinite, 1)
        };
        world.create(&spec).await
    };
    let mut fair = world.market_state().await;
    fair.job_price = PRICE;
    world.set_market(&fair);
    list_with(&mut world, &key, 1, &access).await.unwrap();
    world.serve(0, &key, 0).await;
    assert!(world.deployment(&key).await.jobs[0]
        .view()
        .started_at
        .is_some());
}

#[tokio::test]
async fn a_rotated_key_strands_no_job() {
    let mut world = World::in_program_test().await;
    let (key, first) = with_key(&mut world).await;
    list_with(&mut world, &key, 1, &first).await.unwrap();
    let second = Keypair::new();
    let rotate = |to: Pubkey| UpdateArgs {
        access_key: Some(to),
        ..UpdateArgs::default()
    };
    world.update(&key, rotate(second.pubkey())).await.unwrap();
    list_with(&mut world, &key, 1, &second).await.unwrap();
    world.update(&key, rotate(Pubkey::default())).await.unwrap();
    world.steer(ix::stop, &key).await.unwrap();
    let keeper = world.keeper.pubkey();
    let deployment = world.deployment(&key).await;
    for (index, access) in [(0, &first), (1, &second)] {
        let stop = ix::stop_jobs(&keeper, &deployment, &[queued(index)]);
        let other = if index == 0 { &second } else { &first };
        let by_other = ix::with_access_key(stop.clone(), &other.pubkey());
        let outcome = signed(&mut world, by_other, other).await;
        assert_eq!(failure(outcome), refused(DeployError::AccessKeyMissing));
        let stop = ix::with_access_key(stop, &access.pubkey());
        signed(&mut world, stop, access).await.unwrap();
    }
    assert_eq!(world.status(&key).await, Status::Stopped);
}

#[tokio::test]
async fn a_quit_job_s_deposit_comes_back_with_its_key_and_a_lost_key_costs_no_more_than_a_write_off(
) {
    let mut world = World::in_program_test().await;
    let (key, access) = with_key(&mut world).await;
    list_with(&mut world, &key, 2, &access).await.unwrap();
    for index in [0, 1] {
        let JobRun { run, .. } = take(&mut world, 0, index).await;
        let (node, job) = (world.nodes[0].clone(), world.job(&key, index));
        node.quit(&mut world, job, run.unwrap().address)
            .await
            .unwrap();
    }
    let missing = refused(DeployError::AccessKeyMissing);
    assert_eq!(failure(world.settle(&key, &[0]).await), missing);
    let deployment = world.deployment(&key).await;
    let settle = ix::settle_jobs(&world.keeper.pubkey(), &deployment, &[0]);
    let (nos, _) = world.vault_funds().await;
    let settle = ix::with_access_key(settle, &access.pubkey());
    signed(&mut world, settle, &access).await.unwrap();
    assert_eq!(world.vault_funds().await.0, nos + COST);

    // Without the key the owner gives the job up, and whoever finds the key gets the deposit back.
    world.write_off(&key, 1).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Stopped);
    let reclaim = ix::reclaim_job(&world.vault, &key, &world.market, &queued(1));
    assert_eq!(failure(world.by_keeper(reclaim.clone()).await), missing);
    let reclaim = ix::with_access_key(reclaim, &access.pubkey());
    signed(&mut world, reclaim, &access).await.unwrap();
    assert_eq!(world.vault_funds().await.0, nos + 2 * COST);
}

#[tokio::test]
async fn a_queued_job_of_a_lost_key_can_be_written_off_and_one_of_the_vault_s_cannot() {
    let mut world = World::in_program_test().await;
    let (key, access) = with_key(&mut world).await;
    list_with(&mut world, &key, 1, &access).await.unwrap();
    world.write_off(&key, 0).await.unwrap();
    let key = world.started(Strategy::Simple, 1, 1).await;
    world.list(&key, 1).await.unwrap();
    assert_eq!(
        failure(world.write_off(&key, 0).await),
        refused(DeployError::JobCanSettle)
    );
}

#[tokio::test]
async fn what_prolongs_a_job_needs_its_key() {
    let mut world = World::in_program_test().await;
    let (key, access) = with_key(&mut world).await;
    list_with(&mut world, &key, 1, &access).await.unwrap();
    let run = take(&mut world, 0, 0).await;
    world
        .update(&key, settings(|it| it.timeout_seconds = Some(2 * TIMEOUT)))
        .await
        .unwrap();
    let missing = refused(DeployError::AccessKeyMissing);
    assert_eq!(failure(world.extend_jobs(&key, &[run]).await), missing);
    let deployment = world.deployment(&key).await;
    let extend = ix::extend_jobs(&world.keeper.pubkey(), &deployment, &[run]);
    let extend = ix::with_access_key(extend, &access.pubkey());
    signed(&mut world, extend, &access).await.unwrap();
}

// ── the timeout ──

#[tokio::test]
async fn a_raised_timeout_prolongs_running_jobs_at_their_own_price_and_only_once() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 1, 3).await;
    world.list(&key, 1).await.unwrap();
    let run = world.serve(0, &key, 0).await;
    let nothing = refused(DeployError::NothingDue);
    assert_eq!(failure(world.extend_jobs(&key, &[run]).await), nothing);
    // The market's price of today does not matter, and the job's own does.
    let mut market = world.market_state().await;
    market.job_price = 7 * PRICE;
    world.set_market(&market);
    world
        .update(&key, settings(|it| it.timeout_seconds = Some(2 * TIMEOUT)))
        .await
        .unwrap();
    let (nos, _) = world.vault_funds().await;
    world.extend_jobs(&key, &[run]).await.unwrap();
    assert_eq!(world.vault_funds().await.0, nos - COST);
    let job = world.job_account(&key, 0).await.unwrap();
    assert_eq!(job.timeout, 2 * HOUR);
    assert_eq!(
        world.deployment(&key).await.jobs[0].timeout_seconds,
        2 * TIMEOUT
    );
    assert_eq!(failure(world.extend_jobs(&key, &[run]).await), nothing);
    world
        .update(&key, settings(|it| it.timeout_seconds = Some(TIMEOUT)))
        .await
        .unwrap();
    assert_eq!(
        failure(world.extend_jobs(&key, &[run]).await),
        nothing,
        "never shortened"
    );
    // The replacement is due before the new deadline.
    world.set_time(NOW + HOUR).await;
    market.job_price = PRICE;
    world.set_market(&market);
    assert_eq!(failure(world.list(&key, 1).await), nothing);
    world.set_time(NOW + 2 * HOUR - i64::from(ROTATION)).await;
    world.list(&key, 1).await.unwrap();
}

#[tokio::test]
async fn a_vault_that_cannot_pay_for_a_raise_is_no_shortage() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 1, 1).await;
    world.list(&key, 1).await.unwrap();
    let run = take(&mut world, 0, 0).await;
    world
        .update(&key, settings(|it| it.timeout_seconds = Some(2 * TIMEOUT)))
        .await
        .unwrap();
    let outcome = world.extend_jobs(&key, &[run]).await;
    assert_eq!(failure(outcome), refused(DeployError::NothingDue));
    assert_eq!(world.status(&key).await, Status::Running);
    world.fund(COST, 0).await;
    world.extend_jobs(&key, &[run]).await.unwrap();
}

// ── replicas 0, trigger ──

#[tokio::test]
async fn infinite_scales_to_zero_and_back() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 2, 9).await;
    world.list(&key, 2).await.unwrap();
    let run = take(&mut world, 0, 0).await;
    let (nos, _) = world.vault_funds().await;
    world.update(&key, replicas(0)).await.unwrap();
    world.stop_jobs(&key, &[run, queued(1)]).await.unwrap();
    let deployment = world.deployment(&key).await;
    assert_eq!(
        (deployment.status(), deployment.jobs.len()),
        (Status::Running, 0)
    );
    assert_eq!(world.vault_funds().await.0, nos + 2 * COST);
    assert_eq!(
        failure(world.list(&key, 2).await),
        refused(DeployError::NothingDue)
    );
    world.update(&key, replicas(2)).await.unwrap();
    world.list(&key, 2).await.unwrap();
    assert_eq!(world.deployment(&key).await.jobs.len(), 2);
}

#[tokio::test]
async fn a_schedule_scaled_to_zero_fires_nothing_and_catches_up_with_nothing() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Scheduled, 1, 9).await;
    let midnight = world.deployment(&key).await.header.next_due_at;
    world.set_time(midnight).await;
    world.list(&key, 1).await.unwrap();
    world.update(&key, replicas(0)).await.unwrap();
    world.stop_jobs(&key, &[queued(0)]).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Running);
    let nothing = refused(DeployError::NothingDue);
    world.set_time(midnight + 3 * 86_400).await;
    assert_eq!(failure(world.list(&key, 1).await), nothing);
    world.update(&key, replicas(1)).await.unwrap();
    assert_eq!(failure(world.list(&key, 1).await), nothing);
    world.set_time(midnight + 4 * 86_400).await;
    world.list(&key, 1).await.unwrap();
    let simple = world.started(Strategy::Simple, 1, 0).await;
    let outcome = world.update(&simple, replicas(0)).await;
    assert_eq!(failure(outcome), refused(DeployError::NoReplicas));
}

#[tokio::test]
async fn a_triggered_round_is_listed_now_and_the_schedule_goes_on() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Scheduled, 1, 9).await;
    let midnight = world.deployment(&key).await.header.next_due_at;
    let nothing = refused(DeployError::NothingDue);
    assert_eq!(failure(world.list(&key, 1).await), nothing);
    world.steer(ix::trigger, &key).await.unwrap();
    world.list(&key, 1).await.unwrap();
    assert_eq!(failure(world.list(&key, 1).await), nothing, "one round");
    assert_eq!(world.deployment(&key).await.header.next_due_at, midnight);
    world.set_time(midnight).await;
    world.list(&key, 1).await.unwrap();

    let forbid = settings(|it| it.overlap = Some(Overlap::Forbid as u8));
    world.update(&key, forbid).await.unwrap();
    let outcome = world.steer(ix::trigger, &key).await;
    assert_eq!(failure(outcome), refused(DeployError::OverlapRefuses));
    world.update(&key, replicas(0)).await.unwrap();
    let outcome = world.steer(ix::trigger, &key).await;
    assert_eq!(failure(outcome), refused(DeployError::NothingWouldChange));
    let simple = world.started(Strategy::Simple, 1, 0).await;
    let outcome = world.steer(ix::trigger, &simple).await;
    assert_eq!(failure(outcome), refused(DeployError::StrategyRefuses));
}

#[tokio::test]
async fn an_edited_schedule_drops_what_is_due_unless_it_is_to_run() {
    for run_due in [false, true] {
        let mut world = World::in_program_test().await;
        let key = world.started(Strategy::Scheduled, 1, 9).await;
        let midnight = world.deployment(&key).await.header.next_due_at;
        world.set_time(midnight).await;
        let args = UpdateArgs {
            run_due,
            ..settings(|it| it.schedule = Some(Schedule::parse("0 6 * * *").unwrap().into()))
        };
        world.update(&key, args).await.unwrap();
        let outcome = world.list(&key, 1).await;
        match run_due {
            true => drop(outcome.unwrap()),
            false => assert_eq!(failure(outcome), refused(DeployError::NothingDue)),
        }
        world.set_time(midnight + 6 * 3_600).await;
        world.list(&key, 1).await.unwrap();
    }
}

#[tokio::test]
async fn a_round_that_a_shortage_interrupted_lapses_with_the_next_firing() {
    // With FORBID the next firing is skipped, because a job of this one is active then.
    for (overlap, then) in [(Overlap::Forbid, 0), (Overlap::Allow, 2)] {
        let mut world = World::in_program_test().await;
        let mut spec = world.spec(Strategy::Scheduled, 2);
        spec.settings.overlap = overlap;
        spec.settings.timeout_seconds = 29 * 86_400;
        let spec = DeploymentSpec {
            autostart: true,
            ..spec
        };
        let key = world.create(&spec).await;
        let cost = PRICE * 29 * 86_400;
        world.fund(cost, SOL).await;
        let midnight = world.deployment(&key).await.header.next_due_at;
        world.set_time(midnight).await;
        world.list(&key, 2).await.unwrap();
        world.list(&key, 2).await.unwrap();
        let deployment = world.deployment(&key).await;
        assert_eq!(
            (deployment.status(), deployment.header.owed),
            (Status::InsufficientFunds, 1)
        );
        // Weeks later there is money again, and the job still runs.
        world.set_time(midnight + 20 * 86_400).await;
        world.fund(9 * cost, 0).await;
        let before = world.deployment(&key).await.jobs.len();
        world.list(&key, 9).await.unwrap();
        let after = world.deployment(&key).await;
        assert_eq!(after.status(), Status::Running);
        assert_eq!(after.jobs.len() - before, then, "{overlap:?}");
    }
}

// ── drain, restart ──

#[tokio::test]
async fn a_drained_deployment_lets_nodes_finish_and_stop_again_ends_their_jobs() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 3, 9).await;
    world.list(&key, 3).await.unwrap();
    let runs = [take(&mut world, 0, 0).await, take(&mut world, 1, 1).await];
    world.steer(ix::drain, &key).await.unwrap();
    assert_eq!(
        failure(world.steer(ix::drain, &key).await),
        refused(DeployError::StatusRefuses)
    );
    world.stop_jobs(&key, &[queued(2)]).await.unwrap();
    let nothing = refused(DeployError::NothingDue);
    assert_eq!(failure(world.stop_jobs(&key, &runs).await), nothing);
    // Nor does a keeper end it that hides where it runs.
    assert_eq!(failure(world.stop_jobs(&key, &[queued(0)]).await), nothing);
    let (node, job) = (world.nodes[0].clone(), world.job(&key, 0));
    node.finish(&mut world, job, runs[0].run.unwrap().address)
        .await
        .unwrap();
    world.settle(&key, &[0]).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Stopping);
    world.steer(ix::stop, &key).await.unwrap();
    world.stop_jobs(&key, &runs[1..]).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Stopped);
    assert_eq!(world.deployment(&key).await.header.draining, 0);
}

#[tokio::test]
async fn a_restarted_job_is_replaced_once_another_serves() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Infinite, 1, 9).await;
    world.list(&key, 1).await.unwrap();
    let old = world.serve(0, &key, 0).await;
    let old = JobRun {
        run: Some(world.nodes[0].run_of_job(old.run.unwrap().address)),
        ..old
    };
    let restart = |index| move |owner: &Pubkey, key: &Pubkey| ix::restart(owner, key, index);
    let owner = world.owner.pubkey();
    world
        .by_owner(&[restart(Some(0))(&owner, &key)])
        .await
        .unwrap();
    let again = world.by_owner(&[restart(None)(&owner, &key)]).await;
    assert_eq!(failure(again), refused(DeployError::NothingWouldChange));
    let nothing = refused(DeployError::NothingDue);
    assert_eq!(
        failure(world.stop_jobs(&key, &[old]).await),
        nothing,
        "nothing else serves"
    );
    world.list(&key, 1).await.unwrap();
    assert_eq!(failure(world.stop_jobs(&key, &[old]).await), nothing);
    world.serve(1, &key, 1).await;
    world.stop_jobs(&key, &[old]).await.unwrap();
    assert_eq!(failure(world.list(&key, 1).await), nothing);
    let daily = world.started(Strategy::Scheduled, 1, 0).await;
    let outcome = world.by_owner(&[restart(None)(&owner, &daily)]).await;
    assert_eq!(failure(outcome), refused(DeployError::StrategyRefuses));
}

// ── a limit on waiting, another market ──

#[tokio::test]
async fn a_job_that_no_node_takes_is_taken_off_the_market_and_its_deposit_returns() {
    let mut world = World::in_program_test().await;
    let mut spec = world.spec(Strategy::Simple, 2);
    spec.settings.max_queue_seconds = 600;
    let spec = DeploymentSpec {
        autostart: true,
        ..spec
    };
    let key = world.create(&spec).await;
    world.fund(2 * COST, SOL).await;
    let funds = world.vault_funds().await;
    world.list(&key, 2).await.unwrap();
    let run = take(&mut world, 0, 0).await;
    world.set_time(NOW + 600).await;
    let nothing = refused(DeployError::NothingDue);
    assert_eq!(failure(world.stop_jobs(&key, &[queued(1)]).await), nothing);
    world.set_time(NOW + 601).await;
    // Not the one that runs, whether or not a keeper shows where.
    assert_eq!(failure(world.stop_jobs(&key, &[queued(0)]).await), nothing);
    assert_eq!(failure(world.stop_jobs(&key, &[run]).await), nothing);
    let receipt = world.stop_jobs(&key, &[queued(1)]).await.unwrap();
    let outcome = receipt.events.iter().find_map(|event| match event {
        Event::DeploymentChanged(changed) => changed.jobs.first().map(|job| job.what),
        _ => None,
    });
    assert!(
        matches!(
            outcome,
            Some(deployments::events::JobEvent::Settled {
                outcome: Outcome::Delisted,
                ..
            })
        ),
        "{outcome:?}"
    );
    assert_eq!(world.vault_funds().await.0, funds.0 - COST);
    let job = world.job(&key, 0);
    let node = world.nodes[0].clone();
    node.finish(&mut world, job, run.run.unwrap().address)
        .await
        .unwrap();
    world.settle(&key, &[0]).await.unwrap();
    let deployment = world.deployment(&key).await;
    assert_eq!(
        (deployment.status(), deployment.header.not_taken),
        (Status::Stopped, 1),
        "the round went on without it"
    );
}

#[tokio::test]
async fn a_deployment_moves_to_another_market_and_goes_on_there() {
    let mut world = World::in_program_test().await;
    let mut spec = world.spec(Strategy::Simple, 1);
    spec.settings.max_price_per_second = PRICE;
    let spec = DeploymentSpec {
        autostart: true,
        ..spec
    };
    let key = world.create(&spec).await;
    world.fund(COST, SOL).await;
    let mut dear = world.market_state().await;
    dear.job_price = PRICE + 1;
    world.set_market(&dear);
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.deployment(&key).await.reason(), Reason::PriceAboveCap);

    let (owner, stranger) = (world.owner.pubkey(), world.keeper.pubkey());
    let none = UpdateArgs::default;
    let to_a_wallet = ix::move_to(&owner, &key, &stranger, none());
    let outcome = world.by_owner(&[to_a_wallet]).await;
    assert_eq!(failure(outcome), refused(DeployError::WrongMarket));
    let (other, authority) = (Pubkey::new_unique(), world.authority.pubkey());
    world
        .bank
        .put_market(other, &market_account(authority, &other));
    let receipt = world
        .by_owner(&[ix::move_to(&owner, &key, &other, none())])
        .await
        .unwrap();
    let told = receipt.events.iter().find_map(|event| match event {
        Event::DeploymentChanged(changed) => changed.moved_to,
        _ => None,
    });
    assert_eq!(told, Some(other));
    world.list(&key, 1).await.unwrap();
    assert_eq!(world.job_account(&key, 0).await.unwrap().market, other);
    let outcome = world
        .by_owner(&[ix::move_to(&owner, &key, &world.market, none())])
        .await;
    assert_eq!(failure(outcome), refused(DeployError::StatusRefuses));
}

// ── rent that falls ──

#[tokio::test]
async fn a_life_balances_at_every_rent_and_when_it_falls_in_between() {
    for (first, second) in [
        (6_960, 6_960),
        (5_080, 5_080),
        (696, 696),
        (6_960, 5_080),
        (5_080, 696),
    ] {
        let mut world = World::<Chain>::on_a_bank().await;
        world.bank.set_rent(first);
        let owner = world.owner.pubkey();
        let wallet = world.lamports(&owner).await;
        let key = world.started(Strategy::Simple, 2, 2).await;
        let vault_nos_rent = world.lamports(&world.vault.nos.clone()).await;
        world.list(&key, 2).await.unwrap();
        world.bank.set_rent(second);
        let run = world.nodes[0].clone().work(&mut world).await.unwrap();
        let job = world.job(&key, 0);
        world.nodes[0]
            .clone()
            .finish(&mut world, job, run)
            .await
            .unwrap();
        world.settle(&key, &[0]).await.unwrap();
        world.steer(ix::stop, &key).await.unwrap();
        world.stop_jobs(&key, &[queued(1)]).await.unwrap();
        world.set_time(NOW + 3 * HOUR).await;
        world.clean(job).await.unwrap();
        let owner_account = seeds::owner_address(&owner).0;
        let all = [owner_account, key];
        let reclaimed = world.by_keeper(ix::reclaim_rent(&owner, &all)).await;
        match first == second {
            true => assert_eq!(failure(reclaimed), refused(DeployError::NothingDue)),
            false => drop(reclaimed.unwrap()),
        }
        for account in all {
            let account = world.account(&account).await.unwrap();
            let rent = world.bank.rent().minimum_balance(account.data.len());
            assert_eq!(account.lamports, rent, "{first} {second}");
        }
        world.steer(ix::archive, &key).await.unwrap();
        world.steer(ix::close, &key).await.unwrap();
        let all_of_it = world.withdraw(Amount::All, Amount::All).await;
        all_of_it.unwrap();
        // What is left outside of the wallet: the counter, and the vault's token account. LiteSVM's fees
        // are the owner's: a lamport count of what it signed.
        let counter = world.lamports(&owner_account).await;
        let fees = wallet - world.lamports(&owner).await - counter - vault_nos_rent;
        assert_eq!(
            fees % 5_000,
            0,
            "{first} {second}: {fees} is not fees alone"
        );
        assert!(fees <= 10 * 5_000, "{first} {second}: {fees}");
    }
}

#[tokio::test]
async fn rent_is_reclaimed_for_the_owner_alone_and_from_the_program_s_accounts_alone() {
    let mut world = World::<Chain>::on_a_bank().await;
    let key = world.started(Strategy::Simple, 1, 0).await;
    let owner = world.owner.pubkey();
    world
        .by_owner(&[ix::add_revision(&owner, &key, 2, [2; 32])])
        .await
        .unwrap();
    let revision = seeds::revision_address(&key, 2).0;
    let all = [seeds::owner_address(&owner).0, key, revision];
    let nothing = refused(DeployError::NothingDue);
    let reclaim = ix::reclaim_rent(&owner, &all);
    assert_eq!(failure(world.by_keeper(reclaim.clone()).await), nothing);
    let mut before = world.lamports(&owner).await;
    for account in all {
        before += world.lamports(&account).await;
    }
    world.bank.set_rent(696);
    let thief = world.keeper.pubkey();
    let outcome = world.by_keeper(ix::reclaim_rent(&thief, &all)).await;
    assert_eq!(failure(outcome), refused(DeployError::WrongOwner));
    let (vault, market) = (world.vault.address, world.market);
    for foreign in [vault, market, thief] {
        let outcome = world
            .by_keeper(ix::reclaim_rent(&owner, &[key, foreign]))
            .await;
        assert_eq!(failure(outcome), refused(DeployError::WrongAccountKind));
    }
    let receipt = world.by_keeper(reclaim).await.unwrap();
    let mut after = world.lamports(&owner).await;
    for account in all {
        after += world.lamports(&account).await;
    }
    assert_eq!(after, before);
    assert!(
        matches!(receipt.events.as_slice(), [Event::RentReclaimed(told)] if told.owner == owner && told.lamports > 0),
        "{:?}",
        receipt.events
    );
}
