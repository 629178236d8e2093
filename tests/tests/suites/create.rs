//! Creating, closing, and the numbers that are used once.

use crate::{failure, refused};
use deployments::errors::DeployError;
use deployments_domain::{
    cron::Schedule,
    settings::{Overlap, Settings, Strategy},
    status::Status,
};
use deployments_tests::*;
use nosana_deploy_client::{instructions as ix, seeds, DeploymentSpec};
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;

#[tokio::test]
async fn what_was_asked_for_is_what_is_stored() {
    let mut world = World::in_program_test().await;
    let spec = DeploymentSpec {
        name: "Größe 🚀".into(),
        settings: Settings {
            max_price_per_second: 77,
            keeper_reward_lamports: 88,
            ..world.spec(Strategy::Scheduled, 3).settings
        },
        ..world.spec(Strategy::Scheduled, 3)
    };
    let key = world.create(&spec).await;
    let deployment = world.deployment(&key).await;
    let header = &deployment.header;
    assert_eq!(deployment.status(), Status::Draft);
    assert_eq!(header.name(), "Größe 🚀");
    assert_eq!(header.owner, world.owner.pubkey());
    assert_eq!(
        (header.vault, header.vault_nos),
        (world.vault.address, world.vault.nos)
    );
    assert_eq!(header.market, world.market);
    assert_eq!(header.job_definition, *spec.definition(&key).digest());
    assert_eq!((header.replicas, header.timeout_seconds), (3, TIMEOUT));
    assert_eq!(
        (header.max_price_per_second, header.keeper_reward_lamports),
        (77, 88)
    );
    assert_eq!(
        header.schedule(),
        Some(Schedule::parse("0 0 * * *").unwrap())
    );
    assert_eq!(
        (header.id, header.revision, header.next_job_index),
        (0, 1, 0)
    );
    assert_eq!((header.created_at, header.status_changed_at), (NOW, NOW));
    assert_eq!(deployment.lifecycle.slots, 9, "three firings may overlap");
}

#[tokio::test]
async fn settings_that_the_rules_refuse_are_refused_by_name() {
    let mut world = World::in_program_test().await;
    let schedule = Schedule::parse("0 0 * * *").unwrap();
    let never = Schedule {
        day_of_month: 1 << 31,
        month: 1 << 2,
        ..Schedule::parse("0 0 1 1 *").unwrap()
    };
    let simple = world.spec(Strategy::Simple, 1);
    let cases = [
        (
            DeploymentSpec {
                name: "x".repeat(65),
                ..simple.clone()
            },
            DeployError::NameTooLong,
        ),
        (
            DeploymentSpec {
                settings: Settings {
                    strategy: Strategy::Infinite,
                    ..simple.settings
                },
                ..simple.clone()
            },
            DeployError::RotationOutOfRange,
        ),
        (
            DeploymentSpec {
                settings: Settings {
                    rotation_seconds: 1_200,
                    ..simple.settings
                },
                ..simple.clone()
            },
            DeployError::RotationNotAllowed,
        ),
        (
            DeploymentSpec {
                settings: Settings {
                    overlap: Overlap::Forbid,
                    ..simple.settings
                },
                ..simple.clone()
            },
            DeployError::OverlapNotAllowed,
        ),
        (
            DeploymentSpec {
                settings: Settings {
                    auto_extend: true,
                    ..simple.settings
                },
                ..simple.clone()
            },
            DeployError::AutoExtendNotAllowed,
        ),
        (
            DeploymentSpec {
                settings: Settings {
                    strategy: Strategy::Infinite,
                    timeout_seconds: 3_540,
                    rotation_seconds: 60,
                    ..simple.settings
                },
                ..simple.clone()
            },
            DeployError::InfiniteTimeoutTooShort,
        ),
        (
            DeploymentSpec {
                settings: Settings {
                    replicas: 0,
                    ..simple.settings
                },
                ..simple.clone()
            },
            DeployError::NoReplicas,
        ),
        (
            DeploymentSpec {
                settings: Settings {
                    replicas: 101,
                    ..simple.settings
                },
                ..simple.clone()
            },
            DeployError::ReplicasOutOfRange,
        ),
        (
            DeploymentSpec {
                settings: Settings {
                    timeout_seconds: 0,
                    ..simple.settings
                },
                ..simple.clone()
            },
            DeployError::TimeoutOutOfRange,
        ),
        (
            DeploymentSpec {
                settings: Settings {
                    schedule: Some(schedule),
                    ..simple.settings
                },
                ..simple.clone()
            },
            DeployError::ScheduleNotAllowed,
        ),
        (
            DeploymentSpec {
                settings: Settings {
                    strategy: Strategy::Scheduled,
                    ..simple.settings
                },
                ..simple.clone()
            },
            DeployError::ScheduleMissing,
        ),
        (
            DeploymentSpec {
                settings: Settings {
                    strategy: Strategy::Scheduled,
                    schedule: Some(never),
                    ..simple.settings
                },
                ..simple.clone()
            },
            DeployError::ScheduleInvalid,
        ),
        (
            DeploymentSpec {
                settings: Settings {
                    keeper_reward_lamports: 10_000_001,
                    ..simple.settings
                },
                ..simple.clone()
            },
            DeployError::KeeperRewardTooHigh,
        ),
        (
            DeploymentSpec {
                market: world.owner.pubkey(),
                ..simple.clone()
            },
            DeployError::WrongMarket,
        ),
        (
            DeploymentSpec {
                market: Pubkey::new_unique(),
                ..simple
            },
            DeployError::WrongMarket,
        ),
    ];
    let owner = world.owner.pubkey();
    for (spec, error) in cases {
        let outcome = world.by_owner(&ix::create(&owner, 0, &spec)).await;
        assert_eq!(failure(outcome), refused(error), "{error:?}");
    }
    assert_eq!(world.next_id().await, 0, "nothing was stored");
}

#[tokio::test]
async fn every_id_is_used_once_even_after_closing() {
    let mut world = World::in_program_test().await;
    let (owner, spec) = (world.owner.pubkey(), world.spec(Strategy::Simple, 1));
    let key = world.create(&spec).await;
    let rent = world.lamports(&key).await;
    let before = world.lamports(&owner).await;
    world.steer(ix::close, &key).await.unwrap();
    assert_eq!(world.account(&key).await, None);
    assert_eq!(
        world.lamports(&owner).await,
        before + rent - 5_000,
        "the rent is back"
    );

    for id in [0, 2] {
        let outcome = world.by_owner(&ix::create(&owner, id, &spec)).await;
        assert_eq!(failure(outcome), refused(DeployError::IdNotNext), "id {id}");
    }
    world.by_owner(&ix::create(&owner, 1, &spec)).await.unwrap();
    assert_eq!(
        world.account(&seeds::deployment_address(&owner, 0).0).await,
        None
    );
}

#[tokio::test]
async fn several_deployments_share_a_vault_and_one_wallet_has_several_vaults() {
    let mut world = World::in_program_test().await;
    let spec = world.spec(Strategy::Simple, 1);
    let (first, second) = (world.create(&spec).await, world.create(&spec).await);
    let third = world
        .create(&DeploymentSpec {
            vault_index: 1,
            ..spec
        })
        .await;
    let mut vault_of = Vec::new();
    for key in [first, second, third] {
        vault_of.push(world.deployment(&key).await.header.vault);
    }
    assert_eq!(vault_of[0], vault_of[1]);
    assert_ne!(vault_of[0], vault_of[2]);
}
