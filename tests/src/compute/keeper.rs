//! What keepers send.

use super::{
    scene::{named, spec, Scene},
    Bench, Queue, Row,
};
use crate::TIMEOUT;
use deployments_domain::settings::Strategy;
use nosana_deploy_client::{
    instructions::{self as ix, JobRun},
    jobs_program::account::{JOB_DONE, JOB_STOPPED},
    markets::Run,
    DeploymentSpec,
};
use solana_account::Account;
use solana_program::instruction::Instruction;

/// Batches that are measured besides the largest.
const COUNTS: [u32; 3] = [1, 4, 8];
/// Jobs of the deployment that the largest batch is found with.
const MANY: u32 = 32;

pub(super) fn measure(bench: &Bench) -> Vec<Row> {
    let mut rows = Vec::new();
    lists(bench, &mut rows);
    records(bench, &mut rows);
    for (name, prepare, instruction) in BATCHES {
        for queue in Queue::ALL {
            batches(bench, &mut rows, name, queue, prepare, instruction);
        }
    }
    // Where nodes wait, no job does.
    for queue in [Queue::Empty, Queue::Jobs(300)] {
        let prepare = |bench: &Bench, count| {
            let mut scene = Scene::listed(bench, Strategy::Simple, count);
            scene.does(&[ix::stop(&scene.owner, &scene.key)]);
            (scene, Vec::new())
        };
        batches(bench, &mut rows, "stop_jobs, queued", queue, prepare, stop);
    }
    cleans(bench, &mut rows);
    reclaims(bench, &mut rows);
    rows
}

/// A scene with a job for each of a batch, and the runs of those jobs.
type Prepare = fn(&Bench, u32) -> (Scene, Vec<Run>);
/// What handles the first so many of them.
type Handle = fn(&Scene, &[Run], u32) -> Instruction;

const BATCHES: [(&str, Prepare, Handle); 5] = [
    (
        "settle_jobs, finished",
        |bench, count| ended(bench, count, JOB_DONE),
        settle,
    ),
    (
        "settle_jobs, quit",
        |bench, count| ended(bench, count, JOB_STOPPED),
        settle,
    ),
    (
        "track_jobs",
        |bench, count| taken(bench, count, Strategy::Infinite),
        |scene, runs, count| {
            let running = running(scene, runs, count);
            ix::track_jobs(&scene.keeper, &scene.deployment(), &running)
        },
    ),
    (
        "extend_jobs",
        |bench, count| {
            let (mut scene, runs) = taken(bench, count, Strategy::SimpleExtend);
            scene.wait(i64::from(TIMEOUT) - 30);
            (scene, runs)
        },
        |scene, runs, count| {
            let running = running(scene, runs, count);
            ix::extend_jobs(&scene.keeper, &scene.deployment(), &running)
        },
    ),
    (
        "stop_jobs, running",
        |bench, count| {
            let (mut scene, runs) = taken(bench, count, Strategy::Simple);
            scene.wait(600);
            scene.does(&[ix::stop(&scene.owner, &scene.key)]);
            (scene, runs)
        },
        stop,
    ),
];

fn batches(
    bench: &Bench,
    rows: &mut Vec<Row>,
    name: &str,
    queue: Queue,
    prepare: Prepare,
    handle: Handle,
) {
    let (scene, runs) = prepare(bench, MANY);
    let most = scene.most_jobs(|count| handle(&scene, &runs, count));
    for count in sizes(most) {
        let (mut scene, runs) = prepare(bench, count);
        // Jobs that no node has come after the others.
        let queued = match runs.is_empty() {
            true => scene.queued_jobs(),
            false => Vec::new(),
        };
        scene.set_queue(queue, &queued);
        let instruction = handle(&scene, &runs, count);
        let name = format!("{name}: {count}, {queue}");
        rows.push(scene.of_keeper(&name, count, instruction));
    }
}

/// The sizes of batches to measure, the largest included.
fn sizes(most: u32) -> impl Iterator<Item = u32> {
    let smaller = COUNTS.into_iter().filter(move |count| *count < most);
    smaller.chain([most])
}

fn lists(bench: &Bench, rows: &mut Vec<Row>) {
    let list = |scene: &Scene, count| ix::list_jobs(&scene.keeper, &scene.deployment(), count);
    for queue in Queue::ALL {
        let spec = spec(Strategy::Simple, MANY, "");
        let scene = Scene::started(bench, queue, &spec);
        for count in sizes(scene.most_jobs(|count| list(&scene, count))) {
            let mut scene = Scene::started(bench, queue, &spec);
            let instruction = list(&scene, count);
            let name = format!("list_jobs: {count}, {queue}");
            rows.push(scene.of_keeper(&name, count, instruction));
        }
    }
    let mut stingy = spec(Strategy::Simple, MANY, "");
    stingy.settings.keeper_reward_lamports = 0;
    let mut scene = Scene::started(bench, Queue::Empty, &stingy);
    let most = scene.most_jobs(|count| list(&scene, count));
    let instruction = list(&scene, most);
    let name = format!("list_jobs without a reward: {most}, {}", Queue::Empty);
    rows.push(scene.of_keeper(&name, most, instruction));
    let keyed = DeploymentSpec {
        access_key: Some(named("access key")),
        ..spec(Strategy::Simple, MANY, "")
    };
    for count in [1, 4] {
        let mut scene = Scene::started(bench, Queue::Empty, &keyed);
        let instruction = list(&scene, count);
        let name = format!("list_jobs with an access key: {count}, {}", Queue::Empty);
        rows.push(scene.of_keeper(&name, count, instruction));
    }
}

/// Cranks that change a status and nothing else.
fn records(bench: &Bench, rows: &mut Vec<Row>) {
    let mut poor = spec(Strategy::Simple, 1, "");
    for (name, cap) in [
        ("INSUFFICIENT_FUNDS", u64::MAX),
        ("ERROR, price above cap", 1),
    ] {
        poor.settings.max_price_per_second = cap;
        let mut scene = Scene::new(bench, Queue::Empty);
        scene.does(&ix::create(&scene.owner, 0, &poor));
        scene.does(&[ix::start(&scene.owner, &scene.key)]);
        let list = ix::list_jobs(&scene.keeper, &scene.deployment(), 0);
        rows.push(scene.of_keeper(&format!("list_jobs, records {name}"), 0, list));
    }
}

/// Jobs that are over, in this state of the markets' program.
fn ended(bench: &Bench, count: u32, state: u8) -> (Scene, Vec<Run>) {
    let mut scene = Scene::listed(bench, Strategy::Simple, count);
    let now = scene.now;
    scene.wait(1_000);
    scene.change_jobs(|job| {
        job.state = state;
        if state == JOB_DONE {
            (job.time_start, job.time_end) = (now, now + 900);
        }
    });
    (scene, Vec::new())
}

/// Jobs that nodes have.
fn taken(bench: &Bench, count: u32, strategy: Strategy) -> (Scene, Vec<Run>) {
    let mut scene = Scene::listed(bench, strategy, count);
    let runs = scene.take_jobs();
    (scene, runs)
}

fn indices(scene: &Scene, count: u32) -> impl Iterator<Item = u64> {
    let jobs = scene.deployment().jobs;
    let indices = jobs.into_iter().map(|job| job.index);
    indices.take(usize::try_from(count).unwrap())
}

fn running(scene: &Scene, runs: &[Run], count: u32) -> Vec<JobRun> {
    let runs = runs.iter().copied().map(Some);
    let jobs = indices(scene, count).zip(runs);
    jobs.map(|(index, run)| JobRun { index, run }).collect()
}

fn settle(scene: &Scene, _: &[Run], count: u32) -> Instruction {
    let indices: Vec<u64> = indices(scene, count).collect();
    ix::settle_jobs(&scene.keeper, &scene.deployment(), &indices)
}

fn stop(scene: &Scene, runs: &[Run], count: u32) -> Instruction {
    let runs = runs.iter().copied().map(Some);
    let jobs = indices(scene, count).zip(runs.chain(std::iter::repeat(None)));
    let jobs: Vec<JobRun> = jobs.map(|(index, run)| JobRun { index, run }).collect();
    ix::stop_jobs(&scene.keeper, &scene.deployment(), &jobs)
}

/// Finished jobs that are settled and expired.
fn cleans(bench: &Bench, rows: &mut Vec<Row>) {
    for count in [1, 8] {
        let (mut scene, _) = ended(bench, count, JOB_DONE);
        let jobs: Vec<u64> = indices(&scene, count).collect();
        scene.keeps(ix::settle_jobs(&scene.keeper, &scene.deployment(), &jobs));
        scene.wait(10_000);
        let (keeper, vault, key) = (scene.keeper, scene.vault, scene.key);
        let clean = ix::clean_jobs(&keeper, &vault, &key, &named("market"), &jobs);
        rows.push(scene.of_keeper(&format!("clean_jobs: {count}"), count, clean));
    }
}

/// The deposit of a job that was written off and quit, when its deployment is gone.
fn reclaims(bench: &Bench, rows: &mut Vec<Row>) {
    let (mut scene, _) = ended(bench, 1, JOB_STOPPED);
    let key = scene.key;
    scene.chain.set(&key, Account::default());
    let job = JobRun {
        index: 0,
        run: None,
    };
    let reclaim = ix::reclaim_job(&scene.vault, &key, &named("market"), &job);
    rows.push(scene.of_keeper("reclaim_job", 1, reclaim));
}
