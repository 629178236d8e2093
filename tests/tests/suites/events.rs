//! What the program tells: one event a call, with everything in it, whatever the log leaves out.

use crate::failure;
use anchor_lang::{event::EVENT_IX_TAG_LE, Discriminator};
use deployments_domain::{settings::Strategy, status::Status};
use deployments_tests::*;
use nosana_deploy_client::{
    events::{DeploymentChanged, Event, JobChange, JobEvent, Left, Outcome, Ran, EVENT_AUTHORITY},
    instructions::{self as ix, JobRun},
    PROGRAM_ID,
};
use solana_program::instruction::{AccountMeta, Instruction};
use solana_signer::Signer;

/// The only event of a transaction, which changed a deployment.
#[track_caller]
fn change(receipt: Receipt) -> DeploymentChanged {
    match <[Event; 1]>::try_from(receipt.events) {
        Ok([Event::DeploymentChanged(change)]) => change,
        other => panic!("{other:?}"),
    }
}

fn settled(index: u64, outcome: Outcome, left: Option<Left>) -> JobChange {
    let what = JobEvent::Settled { outcome, left };
    JobChange { index, what }
}

/// What is left of a job of [`COST`] that ran this long, or not at all.
fn left(seconds: Option<i64>, run: Option<Ran>) -> Option<Left> {
    let seconds = u64::try_from(seconds.unwrap_or(0)).unwrap();
    Some(Left {
        nos_paid: seconds * PRICE,
        nos_returned: COST - seconds * PRICE,
        run,
    })
}

#[tokio::test]
async fn twenty_three_quits_of_one_call_are_all_told_and_that_it_stopped() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 23, 23).await;
    let node = world.nodes[0].clone();
    for count in [8, 8, 7] {
        world.list(&key, count).await.unwrap();
    }
    for index in 0..23 {
        let run = node.work(&mut world).await.unwrap();
        let job = world.job(&key, index);
        node.quit(&mut world, job, run).await.unwrap();
    }
    let indices: Vec<u64> = (0..23).collect();
    let told = change(world.settle(&key, &indices).await.unwrap());
    let each = indices
        .iter()
        .map(|index| settled(*index, Outcome::Recovered, left(None, None)));
    assert_eq!(told.jobs, each.collect::<Vec<_>>());
    let statuses = [Status::Running, Status::Stopped].map(|status| status as u8);
    assert_eq!([told.from, told.to], statuses);
}

#[tokio::test]
async fn a_job_that_a_waiting_node_takes_is_told_as_listed_and_as_started() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 2, 2).await;
    let _ = world.nodes[0].clone().work(&mut world).await;
    let told = change(world.list(&key, 2).await.unwrap());
    let [listed, started] = [
        JobEvent::Listed { deposit: COST },
        JobEvent::Started { started_at: NOW },
    ];
    let jobs = [(0, listed), (0, started), (1, listed)];
    assert_eq!(
        told.jobs,
        jobs.map(|(index, what)| JobChange { index, what })
    );
}

#[tokio::test]
async fn a_run_that_only_its_stop_shows_is_told_with_it() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 1, 1).await;
    world.list(&key, 1).await.unwrap();
    let node = world.nodes[0].clone();
    let run = node.work(&mut world).await.unwrap();
    let running = JobRun {
        index: 0,
        run: Some(node.run_of_job(run)),
    };
    world.steer(ix::stop, &key).await.unwrap();
    world.set_time(NOW + 600).await;
    let told = change(world.stop_jobs(&key, &[running]).await.unwrap());
    let started = JobChange {
        index: 0,
        what: JobEvent::Started { started_at: NOW },
    };
    let ran = Ran {
        node: node.wallet.pubkey(),
        started_at: NOW,
        ended_at: NOW + 600,
        result: [0; 32],
    };
    let ended = settled(0, Outcome::Ended, left(Some(600), Some(ran)));
    assert_eq!(told.jobs, [started, ended]);
}

#[tokio::test]
async fn what_a_job_leaves_behind_is_told_before_the_chain_forgets_it() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 3, 3).await;
    world.list(&key, 3).await.unwrap();
    let finished = world.job(&key, 0);
    let vault_nos = world.vault.nos;
    let nos = world.nos(&vault_nos).await;
    world.run_next_job(0, finished, NOW + 60, 1_000).await;
    let told = change(world.settle(&key, &[0]).await.unwrap());
    let ran = Ran {
        node: world.nodes[0].wallet.pubkey(),
        started_at: NOW + 60,
        ended_at: NOW + 1_060,
        result: [1; 32],
    };
    let done = left(Some(1_000), Some(ran));
    assert_eq!(told.jobs, [settled(0, Outcome::Done, done)]);
    let returned = done.unwrap().nos_returned;
    assert_eq!(world.nos(&vault_nos).await, nos + returned, "as it is told");

    // Cleaned before it is settled: nothing tells any more.
    let cleaned = world.job(&key, 1);
    world.run_next_job(0, cleaned, NOW + 1_100, 10).await;
    world.set_time(NOW + 10 * DAY).await;
    world.clean(cleaned).await.unwrap();
    let told = change(world.settle(&key, &[1]).await.unwrap());
    assert_eq!(told.jobs, [settled(1, Outcome::Gone, None)]);

    world.steer(ix::stop, &key).await.unwrap();
    let queued = JobRun {
        index: 2,
        run: None,
    };
    let told = change(world.stop_jobs(&key, &[queued]).await.unwrap());
    let delisted = settled(2, Outcome::Delisted, left(None, None));
    assert_eq!(told.jobs, [delisted]);
}

#[tokio::test]
async fn changes_are_numbered_so_that_a_missing_one_shows() {
    let mut world = World::in_program_test().await;
    let spec = world.spec(Strategy::Simple, 1);
    let key = world.create(&spec).await;
    world.fund(COST, SOL).await;
    let mut numbers = vec![change(world.steer(ix::start, &key).await.unwrap()).sequence];
    numbers.push(change(world.list(&key, 1).await.unwrap()).sequence);
    numbers.push(change(world.steer(ix::stop, &key).await.unwrap()).sequence);
    let queued = JobRun {
        index: 0,
        run: None,
    };
    numbers.push(change(world.stop_jobs(&key, &[queued]).await.unwrap()).sequence);
    numbers.push(change(world.steer(ix::archive, &key).await.unwrap()).sequence);
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    assert_eq!(world.deployment(&key).await.header.changes, 5);
    let closed = world.steer(ix::close, &key).await.unwrap().events;
    let [Event::DeploymentClosed(closed)] = &closed[..] else {
        panic!("{closed:?}");
    };
    assert_eq!((closed.deployment, closed.sequence), (key, 5));
}

#[tokio::test]
async fn nobody_else_can_tell_an_event() {
    let mut world = World::in_program_test().await;
    let forged = Instruction {
        program_id: PROGRAM_ID,
        accounts: vec![AccountMeta::new_readonly(EVENT_AUTHORITY, false)],
        data: [EVENT_IX_TAG_LE, DeploymentChanged::DISCRIMINATOR, &[0; 200]].concat(),
    };
    let refused = anchor_lang::error::ErrorCode::ConstraintSigner;
    let outcome = world.by_keeper(forged).await;
    assert_eq!(failure(outcome), Err(Failure::Code(refused.into())));
}
