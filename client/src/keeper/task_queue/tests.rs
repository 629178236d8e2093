use super::*;
use crate::keeper::plan::tests::{snapshot, NOON, OPEN};
use deployments_domain::settings::Strategy;

/// A running deployment with one job, at the address made of `byte`.
fn running(byte: u8) -> Snapshot {
    let mut running =
        snapshot(Strategy::Simple, Status::Running).and_job(OPEN, Some(NOON - i64::from(byte)));
    running.deployment.address = Pubkey::new_from_array([byte; 32]);
    running
}

fn watching(snapshots: &[Snapshot]) -> TaskQueue {
    let mut watch = TaskQueue::default();
    watch.set_time(NOON);
    for snapshot in snapshots {
        watch.deployment(&snapshot.deployment, 10);
    }
    watch
}

/// Takes everything that is ready, and finds nothing due in it.
fn look(watch: &mut TaskQueue, snapshots: &[Snapshot], slot: u64) -> Vec<u8> {
    let mut seen = Vec::new();
    while let Some(task) = watch.take() {
        let snapshot = snapshots
            .iter()
            .find(|one| one.deployment.address == task.account.address)
            .unwrap();
        watch.done(snapshot, slot);
        seen.push(task.account.address.to_bytes()[0]);
    }
    seen
}

fn job_of(snapshot: &Snapshot) -> Pubkey {
    snapshot.deployment.job_addresses()[0]
}

const ENDED: JobState = JobState::Gone;

#[test]
fn what_changed_is_looked_at_once_and_nothing_else() {
    let all = [running(1), running(2), running(3)];
    let mut watch = watching(&all);
    assert_eq!(look(&mut watch, &all, 10), [1, 2, 3], "all are new");
    let job = job_of(&all[1]);
    watch.run(Pubkey::new_unique(), job);
    watch.job(&job, ENDED);
    assert_eq!(look(&mut watch, &all, 12), [2]);
    watch.job(&Pubkey::new_unique(), ENDED);
    watch.job(&job, OPEN);
    assert_eq!(
        look(&mut watch, &all, 13),
        [0; 0],
        "nobody's job; and nothing new"
    );
}

#[test]
fn repeated_notifications_change_nothing_and_late_ones_cost_a_look() {
    let all = [running(1)];
    let mut watch = watching(&all);
    look(&mut watch, &all, 20);
    watch.deployment(&all[0].deployment, 20);
    let (job, known) = (job_of(&all[0]), all[0].jobs[0].run.unwrap().address);
    watch.run(known, job);
    assert_eq!(look(&mut watch, &all, 21), [0; 0]);
    watch.run(Pubkey::new_unique(), job);
    assert_eq!(look(&mut watch, &all, 21), [1], "another run");

    let mut without_jobs = snapshot(Strategy::Simple, Status::Running).deployment;
    without_jobs.address = all[0].deployment.address;
    watch.deployment(&without_jobs, 19);
    let task = watch.take().unwrap();
    assert_eq!(
        (task.account.jobs.len(), task.slot),
        (1, 21),
        "the newer one counts"
    );
}

#[test]
fn what_changes_during_a_look_is_looked_at_again() {
    let all = [running(1)];
    let mut watch = watching(&all);
    let task = watch.take().unwrap();
    watch.job(&job_of(&all[0]), ENDED);
    assert!(watch.take().is_none(), "one at a time");
    assert_eq!(task.account.address, all[0].deployment.address);
    watch.done(&all[0], 30);
    assert!(watch.take().is_some());
}

#[test]
fn time_brings_back_what_it_makes_due_and_says_since_when() {
    let all = [running(1), running(2)];
    let mut watch = watching(&all);
    look(&mut watch, &all, 10);
    let first = all[1].next_at().unwrap(); // it started a second before the other
    watch.set_time(first - 1);
    assert!(watch.take().is_none());
    watch.set_time(first + 5);
    let task = watch.take().unwrap();
    assert_eq!(
        (task.account.address, task.since),
        (all[1].deployment.address, first)
    );
    watch.set_time(first - 100);
    assert_eq!(watch.now(), first + 5, "time does not run backwards");
}

#[test]
fn failures_are_tried_again_later_and_later_and_a_success_forgets_them() {
    let all = [running(1)];
    let mut watch = watching(&all);
    let mut waits = Vec::new();
    for _ in 0..12 {
        let before = watch.now();
        let task = watch.take().unwrap();
        watch.failed(&task.account.address);
        while watch.waiting() == 0 {
            watch.set_time(watch.now() + 1);
        }
        waits.push(watch.now() - before);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    look(&mut watch, &all, 10);
    watch.job(&job_of(&all[0]), ENDED);
    let task = watch.take().unwrap();
    let before = watch.now();
    watch.failed(&task.account.address);
    watch.set_time(before + 1);
    assert!(watch.take().is_some());
}

#[test]
fn money_in_a_vault_wakes_those_who_wait_for_it() {
    let mut poor = snapshot(Strategy::Simple, Status::InsufficientFunds);
    poor = poor.with(|header| {
        (header.owed, header.vault, header.vault_nos) =
            (2, Pubkey::new_unique(), Pubkey::new_unique());
    });
    poor.funds.nos = 0;
    let all = [poor, running(2)];
    let mut watch = watching(&all);
    look(&mut watch, &all, 10);
    let header = &all[0].deployment.header;
    let awaited: BTreeSet<Pubkey> = watch.awaited_vaults().copied().collect();
    assert_eq!(awaited, BTreeSet::from([header.vault, header.vault_nos]));
    watch.vault(&header.vault_nos);
    let task = watch.take().unwrap();
    assert_eq!(task.account.address, all[0].deployment.address);
    let rich = all[0]
        .clone()
        .with(|header| header.status = Status::Running as u8);
    watch.done(&rich, 11);
    assert_eq!(watch.awaited_vaults().count(), 0);
    assert!(watch.take().is_none());
}

#[test]
fn a_scan_finds_what_notifications_lost_and_forgets_what_is_gone() {
    let all = [running(1), running(2)];
    let mut watch = watching(&all);
    look(&mut watch, &all, 10);
    let mut idle = snapshot(Strategy::Simple, Status::Draft).deployment;
    idle.address = Pubkey::new_unique();
    let found = vec![all[0].deployment.clone(), idle];
    let may_be_due = watch.scanned(found, 20);
    assert_eq!(may_be_due.len(), 1, "a draft waits for its owner");
    assert_eq!(watch.len(), 2, "the second is gone");
    watch.seen(all[0].clone(), 20);
    assert!(watch.take().is_none(), "nothing is due");
    let mut overdue = all[0].clone();
    overdue.now = NOON + 4_000;
    watch.seen(overdue, 21);
    assert_eq!(
        watch.take().unwrap().account.address,
        all[0].deployment.address
    );
}

#[test]
fn a_known_run_comes_with_the_task_until_its_job_is_over() {
    let all = [running(1)];
    let mut watch = watching(&all);
    look(&mut watch, &all, 10);
    let (address, job) = (Pubkey::new_unique(), job_of(&all[0]));
    watch.run(address, job);
    let task = watch.take().unwrap();
    assert_eq!(task.runs, RunAddresses::from([(job, address)]));
    let mut over = snapshot(Strategy::Simple, Status::Stopped);
    over.deployment.address = task.account.address;
    watch.done(&over, 12);
    assert!(watch.runs.is_empty() && watch.jobs.is_empty());
}
