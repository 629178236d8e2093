//! What keepers send.

use super::{
    scene::{spec, Scene},
    Queue, Row,
};
use crate::{chain::Chain, TIMEOUT};
use deployments_domain::settings::Strategy;
use nosana_deploy_client::{
    instructions::{self as ix, JobToStop, RunOfJob, RunningJob},
    markets::decode_run,
    seeds,
    transaction::MAX_TRANSACTION_BYTES,
};
use nosana_jobs_localnet::state::{JOB_DONE, JOB_STOPPED};

const QUEUES: [(&str, Queue); 3] = [
    ("queue empty", Queue::Empty),
    ("300 jobs waiting", Queue::Jobs(300)),
    ("100 nodes waiting", Queue::Nodes(100)),
];
const COUNTS: [u32; 3] = [1, 4, 8];

pub(super) fn measure(rows: &mut Vec<Row>) {
    let base = Chain::new();
    lists(&base, rows);
    records(&base, rows);
    settles(&base, rows);
    handles_running(&base, rows);
    delists(&base, rows);
}

/// The largest number of jobs whose listing fits into a transaction.
fn most(scene: &Scene) -> u32 {
    let deployment = scene.deployment();
    let fits = |count: &u32| {
        let list = ix::list_jobs(&scene.keeper, &scene.key, &deployment, *count);
        scene.size(&scene.keeper, &list).0 <= MAX_TRANSACTION_BYTES
    };
    (1..=20).rev().find(fits).unwrap()
}

fn lists(base: &Chain, rows: &mut Vec<Row>) {
    for (situation, queue) in QUEUES {
        let started = Scene::started(base, queue, &spec(Strategy::Simple, 20, ""));
        let most = most(&started);
        drop(started);
        for count in COUNTS.into_iter().chain([most]) {
            let mut scene = Scene::started(base, queue, &spec(Strategy::Simple, 20, ""));
            let (keeper, key, deployment) = (scene.keeper, scene.key, scene.deployment());
            let list = ix::list_jobs(&keeper, &key, &deployment, count);
            let name = format!("list_jobs of {count}, {situation}");
            rows.push(scene.measure(&name, keeper, count, list));
        }
    }
}

fn records(base: &Chain, rows: &mut Vec<Row>) {
    let spec = spec(Strategy::Simple, 1, "");
    let mut scene = Scene::new(base, Queue::Empty);
    let (keeper, key, owner) = (scene.keeper, scene.key, scene.owner);
    scene.does(&ix::create(&owner, 0, &spec));
    scene.does(&[ix::start(&owner, &key)]);
    let list = ix::list_jobs(&keeper, &key, &scene.deployment(), 0);
    rows.push(scene.measure("list_jobs, records INSUFFICIENT_FUNDS", keeper, 0, list));
}

/// A deployment with `count` jobs listed, in batches that fit.
fn listed(base: &Chain, queue: Queue, strategy: Strategy, count: u32) -> Scene {
    let mut scene = Scene::started(base, queue, &spec(strategy, count, ""));
    let mut left = count;
    while left > 0 {
        let some = left.min(8);
        let list = ix::list_jobs(&scene.keeper, &scene.key, &scene.deployment(), some);
        scene.keeps(list);
        left -= some;
    }
    scene
}

fn settles(base: &Chain, rows: &mut Vec<Row>) {
    for (situation, state) in [("finished", JOB_DONE), ("quit", JOB_STOPPED)] {
        for count in [1, 4, 8, 16] {
            let mut scene = listed(base, Queue::Empty, Strategy::Simple, count);
            let now = scene.now;
            scene.wait(1_000);
            scene.change_jobs(|job| {
                job.state = state;
                (job.time_start, job.time_end) = (now, now + 900);
            });
            let deployment = scene.deployment();
            let indices: Vec<u64> = deployment.jobs.iter().map(|job| job.index).collect();
            let (keeper, key) = (scene.keeper, scene.key);
            let settle = ix::settle_jobs(&keeper, &key, &deployment, &indices);
            let name = format!("settle_jobs of {count}, {situation}");
            rows.push(scene.measure(&name, keeper, count, settle));
        }
    }
}

/// Jobs that waiting nodes took at once: their runs are at addresses of ours.
fn handles_running(base: &Chain, rows: &mut Vec<Row>) {
    let runs = |scene: &Scene| -> Vec<RunningJob> {
        let jobs = scene.deployment().jobs;
        let running = jobs.iter().map(|job| RunningJob {
            index: job.index,
            run: seeds::run_address(&scene.key, job.index).0,
        });
        running.collect()
    };
    for count in [1, 4, 8] {
        let queue = Queue::Nodes(100);
        let mut scene = listed(base, Queue::Empty, Strategy::Infinite, count);
        scene.take_jobs();
        let (keeper, key) = (scene.keeper, scene.key);
        let track = ix::track_jobs(&keeper, &key, &scene.deployment(), &runs(&scene));
        rows.push(scene.measure(&format!("track_jobs of {count}"), keeper, count, track));

        let mut scene = listed(base, queue, Strategy::SimpleExtend, count);
        scene.wait(i64::try_from(TIMEOUT).unwrap() - 30);
        let extend = ix::extend_jobs(&keeper, &key, &scene.deployment(), &runs(&scene));
        rows.push(scene.measure(&format!("extend_jobs of {count}"), keeper, count, extend));

        let mut scene = listed(base, queue, Strategy::Simple, count);
        scene.wait(600);
        scene.does(&[ix::stop(&scene.owner, &key)]);
        let jobs: Vec<JobToStop> = runs(&scene)
            .into_iter()
            .map(|job| {
                let account = scene.chain.account(&job.run).unwrap();
                let run = decode_run(&account.owner, &account.data).unwrap();
                JobToStop {
                    index: job.index,
                    run: Some(RunOfJob {
                        address: job.run,
                        node: run.node,
                        payer: run.payer,
                    }),
                }
            })
            .collect();
        let stop = ix::stop_jobs(&keeper, &key, &scene.deployment(), &jobs);
        let name = format!("stop_jobs of {count}, running");
        rows.push(scene.measure(&name, keeper, count, stop));
    }
}

fn delists(base: &Chain, rows: &mut Vec<Row>) {
    for count in [1, 4, 8] {
        let mut scene = listed(base, Queue::Jobs(200), Strategy::Simple, count);
        let (keeper, key) = (scene.keeper, scene.key);
        scene.does(&[ix::stop(&scene.owner, &key)]);
        let deployment = scene.deployment();
        let queued = deployment.jobs.iter().map(|job| JobToStop {
            index: job.index,
            run: None,
        });
        let queued: Vec<JobToStop> = queued.collect();
        let stop = ix::stop_jobs(&keeper, &key, &deployment, &queued);
        let name = format!("stop_jobs of {count}, queued behind 200");
        rows.push(scene.measure(&name, keeper, count, stop));
    }
}
