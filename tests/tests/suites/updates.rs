//! `update`: docs/updates.md is the table, and what the changes lead to.

use crate::{
    edges::{reach_with, STATES},
    failure, refused,
};
use deployments::{errors::DeployError, instructions::UpdateArgs};
use deployments_domain::{
    cron::Schedule,
    settings::{Overlap, Strategy},
    status::Status,
};
use deployments_tests::*;
use nosana_deploy_client::{
    instructions::{self as ix, JobToStop},
    DeploymentSpec,
};
use solana_program::{pubkey::Pubkey, rent::Rent};
use solana_signer::Signer;

const PAGE: &str = include_str!("../../../docs/updates.md");

/// A valid change of an option, and the strategies that have the option.
fn change(option: &str) -> (UpdateArgs, Vec<Strategy>) {
    let none = UpdateArgs::default();
    let all = Strategy::ALL.to_vec();
    match option {
        "name" => (
            UpdateArgs {
                name: Some("other".into()),
                ..none
            },
            all,
        ),
        "replicas" => (
            UpdateArgs {
                replicas: Some(3),
                ..none
            },
            all,
        ),
        "timeout" => (
            UpdateArgs {
                timeout_seconds: Some(7_200),
                ..none
            },
            all,
        ),
        "schedule" => {
            let schedule = Some(Schedule::parse("0 6 * * *").unwrap().into());
            (UpdateArgs { schedule, ..none }, vec![Strategy::Scheduled])
        }
        "overlap" => {
            let overlap = Some(Overlap::Forbid as u8);
            (UpdateArgs { overlap, ..none }, vec![Strategy::Scheduled])
        }
        "rotation_time" => {
            let rotation_seconds = Some(600);
            (
                UpdateArgs {
                    rotation_seconds,
                    ..none
                },
                vec![Strategy::Infinite],
            )
        }
        "auto_extend" => {
            let auto_extend = Some(true);
            (
                UpdateArgs {
                    auto_extend,
                    ..none
                },
                vec![Strategy::SimpleExtend],
            )
        }
        "max_price" => (
            UpdateArgs {
                max_price_per_second: Some(7),
                ..none
            },
            all,
        ),
        "keeper_reward" => (
            UpdateArgs {
                keeper_reward_lamports: Some(7),
                ..none
            },
            all,
        ),
        "revision" => (
            UpdateArgs {
                revision: Some(1),
                ..none
            },
            all,
        ),
        other => panic!("no test for the option {other}"),
    }
}

/// The table's rows: an option, and a cell for each status.
fn table() -> Vec<(&'static str, Vec<(Status, &'static str)>)> {
    let cells = |line: &'static str| -> Vec<&'static str> {
        line.trim_matches('|').split('|').map(str::trim).collect()
    };
    let mut lines = PAGE
        .lines()
        .skip_while(|line| !line.starts_with("| option | DRAFT"));
    let head = cells(lines.next().unwrap());
    let status = |name: &str| Status::ALL.into_iter().find(|status| status.name() == name);
    let statuses: Vec<Status> = head[1..].iter().filter_map(|name| status(name)).collect();
    assert_eq!(statuses.len(), Status::ALL.len());
    lines
        .skip(1)
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let row = cells(line);
            let row_cells = statuses.iter().copied().zip(row[1..].iter().copied());
            (row[0], row_cells.collect())
        })
        .collect()
}

#[tokio::test]
async fn every_option_meets_every_status_as_the_documentation_says() {
    let mut walked = 0;
    let rows = table();
    assert_eq!(rows.len(), 10, "UpdateArgs has ten options");
    for (option, cells) in rows {
        let (args, strategies) = change(option);
        for strategy in strategies {
            let mut world = World::new().await;
            for (status, active) in STATES {
                let Some(key) = reach_with(&mut world, strategy, status, active).await else {
                    continue;
                };
                let before = world.account(&key).await.unwrap();
                let outcome = world.update(&key, args.clone()).await;
                let cell = cells.iter().find(|(of, _)| *of == status).unwrap().1;
                match cell {
                    "yes" => {
                        outcome.unwrap();
                        let after = world.deployment(&key).await;
                        assert_eq!(shown(&after, option), shown_by(&args, option), "{option}");
                    }
                    "Archived" => {
                        assert_eq!(failure(outcome), refused(DeployError::Archived));
                        assert_eq!(world.account(&key).await.unwrap(), before);
                    }
                    other => panic!("{option}: no such refusal {other}"),
                }
                walked += 1;
            }
        }
    }
    println!("{walked} pairs of option and status walked");
}

/// What an account says of an option.
fn shown(deployment: &nosana_deploy_client::accounts::DeploymentAccount, option: &str) -> String {
    let header = &deployment.header;
    match option {
        "name" => header.name().into(),
        "replicas" => header.replicas.to_string(),
        "timeout" => header.timeout_seconds.to_string(),
        "schedule" => format!("{:?}", header.schedule()),
        "overlap" => header.overlap.to_string(),
        "rotation_time" => header.rotation_seconds.to_string(),
        "auto_extend" => (header.auto_extend != 0).to_string(),
        "max_price" => header.max_price_per_second.to_string(),
        "keeper_reward" => header.keeper_reward_lamports.to_string(),
        _ => header.revision.to_string(),
    }
}

fn shown_by(args: &UpdateArgs, option: &str) -> String {
    match option {
        "name" => args.name.clone().unwrap(),
        "replicas" => args.replicas.unwrap().to_string(),
        "timeout" => args.timeout_seconds.unwrap().to_string(),
        "schedule" => format!("{:?}", args.schedule.map(Schedule::from)),
        "overlap" => args.overlap.unwrap().to_string(),
        "rotation_time" => args.rotation_seconds.unwrap().to_string(),
        "auto_extend" => args.auto_extend.unwrap().to_string(),
        "max_price" => args.max_price_per_second.unwrap().to_string(),
        "keeper_reward" => args.keeper_reward_lamports.unwrap().to_string(),
        _ => args.revision.unwrap().to_string(),
    }
}

#[tokio::test]
async fn options_of_another_strategy_and_invalid_values_are_refused_and_change_nothing() {
    let mut world = World::new().await;
    let never = Schedule {
        day_of_month: 1 << 31,
        month: 1 << 2,
        ..Schedule::parse("0 0 31 1 *").unwrap()
    };
    let none = UpdateArgs::default;
    let (simple, infinite, scheduled) = (Strategy::Simple, Strategy::Infinite, Strategy::Scheduled);
    let cases = [
        (simple, none(), DeployError::NothingToUpdate),
        (
            simple,
            UpdateArgs {
                name: Some("x".repeat(65)),
                ..none()
            },
            DeployError::NameTooLong,
        ),
        (
            simple,
            UpdateArgs {
                replicas: Some(0),
                ..none()
            },
            DeployError::ReplicasOutOfRange,
        ),
        (
            simple,
            UpdateArgs {
                replicas: Some(101),
                ..none()
            },
            DeployError::ReplicasOutOfRange,
        ),
        (
            simple,
            UpdateArgs {
                timeout_seconds: Some(59),
                ..none()
            },
            DeployError::TimeoutOutOfRange,
        ),
        (
            infinite,
            UpdateArgs {
                timeout_seconds: Some(3_599),
                ..none()
            },
            DeployError::InfiniteTimeoutTooShort,
        ),
        (
            infinite,
            UpdateArgs {
                rotation_seconds: Some(3_000),
                ..none()
            },
            DeployError::RotationOutOfRange,
        ),
        (
            infinite,
            UpdateArgs {
                rotation_seconds: Some(0),
                ..none()
            },
            DeployError::RotationOutOfRange,
        ),
        (
            simple,
            UpdateArgs {
                rotation_seconds: Some(600),
                ..none()
            },
            DeployError::RotationNotAllowed,
        ),
        (
            simple,
            UpdateArgs {
                overlap: Some(1),
                ..none()
            },
            DeployError::OverlapNotAllowed,
        ),
        (
            scheduled,
            UpdateArgs {
                overlap: Some(3),
                ..none()
            },
            DeployError::OverlapNotAllowed,
        ),
        (
            simple,
            UpdateArgs {
                auto_extend: Some(true),
                ..none()
            },
            DeployError::AutoExtendNotAllowed,
        ),
        (
            simple,
            UpdateArgs {
                schedule: Some(never.into()),
                ..none()
            },
            DeployError::ScheduleNotAllowed,
        ),
        (
            scheduled,
            UpdateArgs {
                schedule: Some(never.into()),
                ..none()
            },
            DeployError::ScheduleInvalid,
        ),
        (
            simple,
            UpdateArgs {
                keeper_reward_lamports: Some(10_000_001),
                ..none()
            },
            DeployError::KeeperRewardTooHigh,
        ),
        (
            simple,
            UpdateArgs {
                revision: Some(0),
                ..none()
            },
            DeployError::WrongRevision,
        ),
    ];
    for (strategy, args, error) in cases {
        let key = world.started(strategy, 1, 0).await;
        let before = world.account(&key).await;
        // A revision that does not exist has no account: the builder would name one, so leave it out.
        let mut instruction = ix::update(&world.owner.pubkey(), &key, args);
        if error == DeployError::WrongRevision {
            instruction.accounts[2].pubkey = nosana_deploy_client::PROGRAM_ID;
        }
        let outcome = world.by_owner(&[instruction]).await;
        assert_eq!(failure(outcome), refused(error), "{error:?}");
        assert_eq!(world.account(&key).await, before, "{error:?}");
    }
}

async fn scale(world: &mut World, key: &Pubkey, replicas: u32) {
    let args = UpdateArgs {
        replicas: Some(replicas),
        ..UpdateArgs::default()
    };
    world.update(key, args).await.unwrap();
}

/// Which of the jobs a keeper can stop now, one at a time and all at once.
async fn stop_what_is_due(world: &mut World, key: &Pubkey, jobs: &[JobToStop]) -> Vec<u64> {
    let before: Vec<u64> = indices(world, key).await;
    let _ = world.stop_jobs(key, jobs).await;
    let after = indices(world, key).await;
    before
        .into_iter()
        .filter(|index| !after.contains(index))
        .collect()
}

async fn indices(world: &mut World, key: &Pubkey) -> Vec<u64> {
    let mut indices: Vec<u64> = world
        .deployment(key)
        .await
        .jobs
        .iter()
        .map(|job| job.index)
        .collect();
    indices.sort_unstable();
    indices
}

#[tokio::test]
async fn scaled_down_queued_jobs_go_first_and_then_the_oldest() {
    for strategy in [Strategy::Simple, Strategy::Infinite] {
        let mut world = World::new().await;
        let key = world.started(strategy, 4, 8).await;
        world.list(&key, 4).await.unwrap();
        let (first, second) = (world.nodes[0].clone(), world.nodes[1].clone());
        let run_0 = first.work(&mut world).await.unwrap();
        world.set_time(NOW + 60).await;
        let run_1 = second.work(&mut world).await.unwrap();
        let jobs = [
            JobToStop {
                index: 0,
                run: Some(first.run_of_job(run_0)),
            },
            JobToStop {
                index: 1,
                run: Some(second.run_of_job(run_1)),
            },
            JobToStop {
                index: 2,
                run: None,
            },
            JobToStop {
                index: 3,
                run: None,
            },
        ];
        assert_eq!(
            stop_what_is_due(&mut world, &key, &jobs).await,
            [] as [u64; 0]
        );
        scale(&mut world, &key, 3).await;
        assert_eq!(
            stop_what_is_due(&mut world, &key, &jobs).await,
            [3],
            "{strategy}"
        );
        scale(&mut world, &key, 1).await;
        assert_eq!(
            stop_what_is_due(&mut world, &key, &jobs).await,
            [0, 2],
            "{strategy}"
        );
        scale(&mut world, &key, 3).await;
        world.list(&key, 9).await.unwrap();
        assert_eq!(indices(&mut world, &key).await, [1, 4, 5], "{strategy}");
    }
}

#[tokio::test]
async fn a_fresh_replacement_survives_scaling_down() {
    let mut world = World::new().await;
    let key = world.started(Strategy::Infinite, 2, 8).await;
    world.list(&key, 2).await.unwrap();
    let old = world.serve(0, &key, 0).await;
    world.set_time(NOW + 1_800).await;
    let other = world.serve(1, &key, 1).await;
    world.set_time(NOW + 3_600 - i64::from(ROTATION)).await;
    world.list(&key, 9).await.unwrap();
    assert_eq!(indices(&mut world, &key).await, [0, 1, 2]);
    let jobs = [
        JobToStop {
            index: 0,
            run: Some(world.nodes[0].run_of_job(old.run)),
        },
        JobToStop {
            index: 1,
            run: Some(world.nodes[1].run_of_job(other.run)),
        },
        JobToStop {
            index: 2,
            run: None,
        },
    ];
    assert_eq!(
        stop_what_is_due(&mut world, &key, &jobs).await,
        [] as [u64; 0]
    );
    // One replica less: the queued one goes, and job 1 serves on after job 0 has ended.
    scale(&mut world, &key, 1).await;
    assert_eq!(stop_what_is_due(&mut world, &key, &jobs).await, [2]);
    world.set_time(NOW + 3_601).await;
    assert_eq!(stop_what_is_due(&mut world, &key, &jobs).await, [0]);
    assert_eq!(indices(&mut world, &key).await, [1]);
}

#[tokio::test]
async fn more_replicas_make_the_account_grow_at_the_owner_s_expense() {
    let mut world = World::new().await;
    let key = world.started(Strategy::Scheduled, 1, 0).await;
    let owner = world.owner.pubkey();
    let (before, rent) = (world.lamports(&owner).await, world.lamports(&key).await);
    scale(&mut world, &key, 100).await;
    let account = world.account(&key).await.unwrap();
    let needed = Rent::default().minimum_balance(account.data.len());
    assert_eq!(account.lamports, needed);
    assert_eq!(
        world.lamports(&owner).await,
        before - (needed - rent) - 5_000
    );
    assert_eq!(world.deployment(&key).await.lifecycle.slots, 300);
    scale(&mut world, &key, 1).await;
    assert_eq!(
        world.deployment(&key).await.lifecycle.slots,
        300,
        "never shrinks"
    );
}

#[tokio::test]
async fn a_timeout_counts_for_jobs_from_now_on() {
    let mut world = World::new().await;
    let spec = DeploymentSpec {
        autostart: true,
        ..world.spec(Strategy::Simple, 2)
    };
    let key = world.create(&spec).await;
    world.fund(5 * COST, SOL).await;
    world.list(&key, 1).await.unwrap();
    let args = UpdateArgs {
        timeout_seconds: Some(2 * TIMEOUT),
        ..UpdateArgs::default()
    };
    world.update(&key, args).await.unwrap();
    world.list(&key, 1).await.unwrap();
    let timeouts: Vec<u32> = world
        .deployment(&key)
        .await
        .jobs
        .iter()
        .map(|job| job.timeout_seconds)
        .collect();
    assert_eq!(timeouts, [3_600, 7_200]);
    assert_eq!(world.vault_funds().await.0, 2 * COST);
}
