//! `update`: docs/updates.md is the table, and what the changes lead to.

use crate::{
    edges::{reach_with, STATES},
    failure, refused,
};
use deployments::{errors::DeployError, instructions::UpdateArgs, settings::SettingsArgs};
use deployments_domain::{
    cron::Schedule,
    settings::{Overlap, Strategy},
    status::Status,
};
use deployments_tests::*;
use nosana_deploy_client::instructions as ix;
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;

const PAGE: &str = include_str!("../../../docs/updates.md");

/// A valid change of an option, and the strategies that have the option.
fn change(option: &str) -> (UpdateArgs, Vec<Strategy>) {
    let none = SettingsArgs::default();
    let all = Strategy::ALL.to_vec();
    match option {
        "name" => (
            UpdateArgs {
                name: Some("other".into()),
                ..UpdateArgs::default()
            },
            all,
        ),
        "replicas" => (
            UpdateArgs::from(SettingsArgs {
                replicas: Some(3),
                ..none
            }),
            all,
        ),
        "timeout" => (
            UpdateArgs::from(SettingsArgs {
                timeout_seconds: Some(7_200),
                ..none
            }),
            all,
        ),
        "schedule" => {
            let schedule = Some(Schedule::parse("0 6 * * *").unwrap().into());
            (
                UpdateArgs::from(SettingsArgs { schedule, ..none }),
                vec![Strategy::Scheduled],
            )
        }
        "overlap" => {
            let overlap = Some(Overlap::Forbid as u8);
            (
                UpdateArgs::from(SettingsArgs { overlap, ..none }),
                vec![Strategy::Scheduled],
            )
        }
        "rotation_time" => {
            let rotation_seconds = Some(600);
            (
                UpdateArgs::from(SettingsArgs {
                    rotation_seconds,
                    ..none
                }),
                vec![Strategy::Infinite],
            )
        }
        "auto_extend" => {
            let auto_extend = Some(true);
            (
                UpdateArgs::from(SettingsArgs {
                    auto_extend,
                    ..none
                }),
                vec![Strategy::SimpleExtend],
            )
        }
        "max_price" => (
            UpdateArgs::from(SettingsArgs {
                max_price_per_second: Some(7),
                ..none
            }),
            all,
        ),
        "keeper_reward" => (
            UpdateArgs::from(SettingsArgs {
                keeper_reward_lamports: Some(7),
                ..none
            }),
            all,
        ),
        "max_fee_bps" => (
            UpdateArgs::from(SettingsArgs {
                max_fee_bps: Some(7),
                ..none
            }),
            all,
        ),
        "max_rewards" => (
            UpdateArgs::from(SettingsArgs {
                max_rewards_lamports_per_day: Some(7),
                ..none
            }),
            all,
        ),
        "retries" => (
            UpdateArgs::from(SettingsArgs {
                retries: Some(7),
                ..none
            }),
            vec![Strategy::Simple, Strategy::SimpleExtend],
        ),
        "max_queue_minutes" => (
            UpdateArgs::from(SettingsArgs {
                max_queue_seconds: Some(420),
                ..none
            }),
            vec![
                Strategy::Simple,
                Strategy::SimpleExtend,
                Strategy::Scheduled,
            ],
        ),
        "access_key" => (
            UpdateArgs {
                access_key: Some(Pubkey::new_from_array([7; 32])),
                ..UpdateArgs::default()
            },
            all,
        ),
        // Its account is passed besides.
        "market" => (UpdateArgs::default(), all),
        "revision" => (
            UpdateArgs {
                revision: Some(1),
                ..UpdateArgs::default()
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
    assert_eq!(rows.len(), 16, "UpdateArgs has sixteen options");
    for (option, cells) in rows {
        let (args, strategies) = change(option);
        for strategy in strategies {
            let mut world = World::in_program_test().await;
            let other_market = open_market(&mut world);
            for (status, active) in STATES {
                let Some(key) = reach_with(&mut world, strategy, status, active).await else {
                    continue;
                };
                let before = world.account(&key).await.unwrap();
                let outcome = match option {
                    "market" => {
                        let owner = world.owner.pubkey();
                        let to = ix::move_to(&owner, &key, &other_market, args.clone());
                        world.by_owner(&[to]).await
                    }
                    _ => world.update(&key, args.clone()).await,
                };
                let cell = cells.iter().find(|(of, _)| *of == status).unwrap().1;
                let expected = match cell {
                    "yes" => None,
                    "yes, unless jobs are active" if active => Some(DeployError::JobsActive),
                    "yes, unless jobs are active" => None,
                    "StatusRefuses" => Some(DeployError::StatusRefuses),
                    "Archived" => Some(DeployError::Archived),
                    other => panic!("{option}: no such refusal {other}"),
                };
                match expected {
                    None => {
                        outcome.unwrap();
                        let after = world.deployment(&key).await;
                        let by = match option {
                            "market" => other_market.to_string(),
                            _ => shown_by(&args, option),
                        };
                        assert_eq!(shown(&after, option), by, "{option}");
                    }
                    Some(error) => {
                        assert_eq!(failure(outcome), refused(error), "{option} {status}");
                        assert_eq!(world.account(&key).await.unwrap(), before);
                    }
                }
                walked += 1;
            }
        }
    }
    println!("{walked} pairs of option and status walked");
}

/// A second market.
fn open_market(world: &mut World) -> Pubkey {
    let (key, authority) = (Pubkey::new_unique(), world.authority.pubkey());
    world.bank.put_market(key, &market_account(authority, &key));
    key
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
        "max_fee_bps" => header.max_fee_bps.to_string(),
        "max_rewards" => header.max_rewards_lamports_per_day.to_string(),
        "retries" => header.retries.to_string(),
        "max_queue_minutes" => header.max_queue_seconds.to_string(),
        "access_key" => header.access_key.to_string(),
        "market" => header.market.to_string(),
        _ => header.revision.to_string(),
    }
}

fn shown_by(args: &UpdateArgs, option: &str) -> String {
    match option {
        "name" => args.name.clone().unwrap(),
        "replicas" => args.settings.replicas.unwrap().to_string(),
        "timeout" => args.settings.timeout_seconds.unwrap().to_string(),
        "schedule" => format!("{:?}", args.settings.schedule.map(Schedule::from)),
        "overlap" => args.settings.overlap.unwrap().to_string(),
        "rotation_time" => args.settings.rotation_seconds.unwrap().to_string(),
        "auto_extend" => args.settings.auto_extend.unwrap().to_string(),
        "max_price" => args.settings.max_price_per_second.unwrap().to_string(),
        "keeper_reward" => args.settings.keeper_reward_lamports.unwrap().to_string(),
        "max_fee_bps" => args.settings.max_fee_bps.unwrap().to_string(),
        "max_rewards" => {
            let most = args.settings.max_rewards_lamports_per_day;
            most.unwrap().to_string()
        }
        "retries" => args.settings.retries.unwrap().to_string(),
        "max_queue_minutes" => args.settings.max_queue_seconds.unwrap().to_string(),
        "access_key" => args.access_key.unwrap().to_string(),
        _ => args.revision.unwrap().to_string(),
    }
}

#[tokio::test]
async fn options_of_another_strategy_and_invalid_values_are_refused_and_change_nothing() {
    let mut world = World::in_program_test().await;
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
            UpdateArgs::from(SettingsArgs {
                replicas: Some(0),
                ..SettingsArgs::default()
            }),
            DeployError::NoReplicas,
        ),
        (
            simple,
            UpdateArgs::from(SettingsArgs {
                replicas: Some(101),
                ..SettingsArgs::default()
            }),
            DeployError::ReplicasOutOfRange,
        ),
        (
            simple,
            UpdateArgs::from(SettingsArgs {
                timeout_seconds: Some(59),
                ..SettingsArgs::default()
            }),
            DeployError::TimeoutOutOfRange,
        ),
        (
            infinite,
            UpdateArgs::from(SettingsArgs {
                timeout_seconds: Some(3_599),
                ..SettingsArgs::default()
            }),
            DeployError::InfiniteTimeoutTooShort,
        ),
        (
            infinite,
            UpdateArgs::from(SettingsArgs {
                rotation_seconds: Some(3_000),
                ..SettingsArgs::default()
            }),
            DeployError::RotationOutOfRange,
        ),
        (
            infinite,
            UpdateArgs::from(SettingsArgs {
                rotation_seconds: Some(0),
                ..SettingsArgs::default()
            }),
            DeployError::RotationOutOfRange,
        ),
        (
            simple,
            UpdateArgs::from(SettingsArgs {
                rotation_seconds: Some(600),
                ..SettingsArgs::default()
            }),
            DeployError::RotationNotAllowed,
        ),
        (
            simple,
            UpdateArgs::from(SettingsArgs {
                overlap: Some(1),
                ..SettingsArgs::default()
            }),
            DeployError::OverlapNotAllowed,
        ),
        (
            scheduled,
            UpdateArgs::from(SettingsArgs {
                overlap: Some(3),
                ..SettingsArgs::default()
            }),
            DeployError::OverlapNotAllowed,
        ),
        (
            simple,
            UpdateArgs::from(SettingsArgs {
                auto_extend: Some(true),
                ..SettingsArgs::default()
            }),
            DeployError::AutoExtendNotAllowed,
        ),
        (
            simple,
            UpdateArgs::from(SettingsArgs {
                schedule: Some(never.into()),
                ..SettingsArgs::default()
            }),
            DeployError::ScheduleNotAllowed,
        ),
        (
            scheduled,
            UpdateArgs::from(SettingsArgs {
                schedule: Some(never.into()),
                ..SettingsArgs::default()
            }),
            DeployError::ScheduleInvalid,
        ),
        (
            simple,
            UpdateArgs::from(SettingsArgs {
                keeper_reward_lamports: Some(10_000_001),
                ..SettingsArgs::default()
            }),
            DeployError::KeeperRewardTooHigh,
        ),
        (
            simple,
            UpdateArgs::from(SettingsArgs {
                max_queue_seconds: Some(59),
                ..SettingsArgs::default()
            }),
            DeployError::MaxQueueOutOfRange,
        ),
        (
            infinite,
            UpdateArgs::from(SettingsArgs {
                max_queue_seconds: Some(60),
                ..SettingsArgs::default()
            }),
            DeployError::MaxQueueOutOfRange,
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
