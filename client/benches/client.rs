//! The client's hot paths: what a wallet waits for, and what a keeper of 100,000 deployments does.
//! `cargo xtask bench` runs it and puts the figures into docs/performance.md.

#![allow(clippy::unwrap_used, missing_docs)]

use anchor_lang::Discriminator;
use bytemuck::Zeroable;
use criterion::{criterion_group, Criterion};
use deployments::state::{ActiveJob, Deployment};
use deployments_domain::{
    cron::Schedule,
    funding::{Funds, Rents},
    lifecycle::Market,
    settings::{Settings, Strategy},
    status::Status,
};
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    instructions,
    keeper::{
        plan::{ObservedJob, Snapshot},
        task_queue::TaskQueue,
    },
    markets::{Deposit, JobState, Run},
    transaction::{assemble, Budget, Lifetime},
    DeploymentSpec, PROGRAM_ID,
};
use solana_keypair::Keypair;
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;
use stats_alloc::{Region, StatsAlloc, INSTRUMENTED_SYSTEM};
use std::{alloc::System, hint::black_box};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const MANY: u32 = 100_000;
const FEW: u32 = 1_000;
/// 2026-11-24 12:00 UTC.
const NOON: i64 = 1_795_521_600;
const EXAMPLE: &str = include_str!("../../examples/pytorch-jupyter-scheduled.json");

/// A running deployment with one job on a node: every strategy in turn.
fn account_data(number: u32) -> Vec<u8> {
    let strategy = Strategy::ALL[usize::try_from(number % 4).unwrap()];
    let mut header = Deployment::zeroed();
    header.version = Deployment::VERSION;
    header.status = Status::Running as u8;
    header.strategy = strategy as u8;
    header.market = Pubkey::new_from_array([5; 32]);
    header.vault = Pubkey::new_from_array([6; 32]);
    header.vault_nos = Pubkey::new_from_array([7; 32]);
    header.id = number.into();
    header.replicas = 1;
    header.timeout_seconds = 3_600;
    header.max_price_per_second = u64::MAX;
    header.next_job_index = 1;
    header.revision = 1;
    header.active = 1;
    header.next_due_at = i64::MAX;
    if strategy == Strategy::Scheduled {
        header.set_settings(&Settings {
            schedule: Some(Schedule::parse("0 0 * * *").unwrap()),
            ..header.settings().unwrap()
        });
        header.next_due_at = NOON + 43_200;
    }
    let mut slot = ActiveJob::zeroed();
    slot.listed_at = NOON - i64::from(number % 3_000);
    slot.timeout_seconds = 3_600;
    slot.revision = 1;
    slot.job_bump = 255;
    let slots = [slot, ActiveJob::zeroed(), ActiveJob::zeroed()];
    [
        Deployment::DISCRIMINATOR,
        bytemuck::bytes_of(&header),
        bytemuck::cast_slice(&slots),
    ]
    .concat()
}

fn key(number: u32) -> Pubkey {
    let mut bytes = [9; 32];
    bytes[..4].copy_from_slice(&number.to_le_bytes());
    Pubkey::new_from_array(bytes)
}

fn decoded(number: u32) -> DeploymentAccount {
    DeploymentAccount::decode(key(number), &PROGRAM_ID, &account_data(number)).unwrap()
}

fn snapshot(number: u32) -> Snapshot {
    let deployment = decoded(number);
    let jobs = deployment.jobs.iter().map(|slot| ObservedJob {
        slot: *slot,
        state: JobState::Open(Deposit {
            price_per_second: 100,
            timeout_seconds: 3_600,
            authority: deployment.header.vault,
        }),
        run: None,
        queued: false,
    });
    Snapshot {
        market: Market::Open {
            price_per_second: 100,
            nodes_waiting: 0,
            queue_room: 300,
        },
        market_nos: Some(u64::MAX),
        funds: Funds {
            nos: 1_000_000_000,
            lamports: 1_000_000_000,
        },
        rents: Rents::DEFAULT,
        jobs: jobs.collect(),
        now: NOON,
        deployment,
    }
}

/// A keeper that watches so many, each of them looked at, with its run and its timer.
fn watching(count: u32) -> TaskQueue {
    let mut watch = TaskQueue::default();
    watch.set_time(NOON);
    for number in 0..count {
        watch.deployment(&decoded(number), 1);
    }
    while let Some(task) = watch.take() {
        let number = u32::from_le_bytes(*task.account.address.to_bytes().first_chunk().unwrap());
        let mut seen = snapshot(number);
        for job in &mut seen.jobs {
            job.run = Some(Run {
                address: key(MANY + number),
                job: Pubkey::default(),
                node: key(1),
                payer: key(2),
                started_at: NOON,
            });
        }
        watch.done(&seen, 1);
    }
    watch
}

/// Ten deployments change: they are heard of, taken, planned and put back.
fn tick(watch: &mut TaskQueue, snapshots: &[Snapshot], turn: u64) {
    for snapshot in snapshots {
        let mut account = snapshot.deployment.clone();
        account.header.jobs_done = turn;
        watch.deployment(&account, turn);
    }
    for snapshot in snapshots {
        let task = watch.take().unwrap();
        black_box((snapshot.due(), snapshot.next_at()));
        assert_eq!(task.account.address, snapshot.deployment.address);
        watch.done(snapshot, turn);
    }
}

fn sign(text: &str, owner: &Keypair) -> VersionedTransaction {
    let spec = DeploymentSpec::from_json(text).unwrap();
    let create = instructions::create(&owner.pubkey(), 0, &spec);
    let lifetime = Lifetime::Blockhash(Default::default());
    let message = assemble(&owner.pubkey(), &create, &[], &Budget::default(), lifetime).unwrap();
    VersionedTransaction::try_new(message, &[owner]).unwrap()
}

fn hot_paths(criterion: &mut Criterion) {
    let owner = Keypair::new_from_array([3; 32]);
    criterion.bench_function("JSON to a signed transaction", |bencher| {
        bencher.iter(|| sign(black_box(EXAMPLE), &owner));
    });
    let data = account_data(1);
    criterion.bench_function("decode a deployment", |bencher| {
        bencher.iter(|| DeploymentAccount::decode(key(1), &PROGRAM_ID, black_box(&data)));
    });
    let one = snapshot(1);
    criterion.bench_function("plan 1 deployment", |bencher| {
        bencher.iter(|| (black_box(&one).due(), one.next_at()));
    });
    let all: Vec<Snapshot> = (0..MANY).map(snapshot).collect();
    criterion.bench_function("plan 100,000 deployments", |bencher| {
        bencher.iter(|| {
            let planned = all.iter().map(|one| (one.due().len(), one.next_at()));
            planned.fold(0, |due, (more, next)| {
                due + more + usize::from(next.is_some())
            })
        });
    });
    let changing = all.get(..10).unwrap();
    for (name, count) in [
        ("10 changes among 1,000", FEW),
        ("10 changes among 100,000", MANY),
    ] {
        let (mut watch, mut turn) = (watching(count), 1);
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                turn += 1;
                tick(&mut watch, changing, turn);
            });
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = hot_paths
}

fn main() {
    let region = Region::new(ALLOCATOR);
    let watch = watching(MANY);
    let change = region.change();
    let bytes = change.bytes_allocated - change.bytes_deallocated;
    let each = bytes / usize::try_from(MANY).unwrap();
    println!(
        "memory per watched deployment: {each} bytes ({} of them)",
        watch.len()
    );
    assert!(each < 1_024, "a keeper needs more than a KiB for each");
    drop(watch);
    benches();
    Criterion::default().configure_from_args().final_summary();
}
