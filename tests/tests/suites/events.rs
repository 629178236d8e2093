//! What the program tells: one event a call, with everything in it, whatever the log leaves out.

use crate::failure;
use anchor_lang::{event::EVENT_IX_TAG_LE, Discriminator};
use deployments_domain::{settings::Strategy, status::Status};
use deployments_tests::*;
use nosana_deploy_client::{
    events::{DeploymentChanged, Event, JobChange, JobEvent, Outcome, EVENT_AUTHORITY},
    instructions::{self as ix, JobRun},
    PROGRAM_ID,
};
use solana_program::instruction::{AccountMeta, Instruction};

/// The only event of a transaction, which changed a deployment.
#[track_caller]
fn change(receipt: Receipt) -> DeploymentChanged {
    match <[Event; 1]>::try_from(receipt.events) {
        Ok([Event::DeploymentChanged(change)]) => change,
        other => panic!("{other:?}"),
    }
}

fn settled(index: u64, outcome: Outcome) -> JobChange {
    let what = JobEvent::Settled { outcome };
    JobChange { index, what }
}

#[tokio::test]
async fn twenty_three_quits_of_one_call_are_all_told_and_that_it_stopped() {
    let mut world = World::new().await;
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
        .map(|index| settled(*index, Outcome::Recovered));
    assert_eq!(told.jobs, each.collect::<Vec<_>>());
    let statuses = [Status::Running, Status::Stopped].map(|status| status as u8);
    assert_eq!([told.from, told.to], statuses);
}

#[tokio::test]
async fn a_job_that_a_waiting_node_takes_is_told_as_listed_and_as_started() {
    let mut world = World::new().await;
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
    let mut world = World::new().await;
    let key = world.started(Strategy::Simple, 1, 1).await;
    world.list(&key, 1).await.unwrap();
    let node = world.nodes[0].clone();
    let run = node.work(&mut world).await.unwrap();
    let running = JobRun {
        index: 0,
        run: Some(node.run_of_job(run)),
    };
    world.steer(ix::stop, &key).await.unwrap();
    let told = change(world.stop_jobs(&key, &[running]).await.unwrap());
    let started = JobChange {
        index: 0,
        what: JobEvent::Started { started_at: NOW },
    };
    assert_eq!(told.jobs, [started, settled(0, Outcome::Ended)]);
}

#[tokio::test]
async fn nobody_else_can_tell_an_event() {
    let mut world = World::new().await;
    let forged = Instruction {
        program_id: PROGRAM_ID,
        accounts: vec![AccountMeta::new_readonly(EVENT_AUTHORITY, false)],
        data: [EVENT_IX_TAG_LE, DeploymentChanged::DISCRIMINATOR, &[0; 200]].concat(),
    };
    let refused = anchor_lang::error::ErrorCode::ConstraintSigner;
    let outcome = world.by_keeper(forged).await;
    assert_eq!(failure(outcome), Err(Failure::Code(refused.into())));
}
