//! Accounts of an earlier layout: refused by name until anyone migrates them.

use crate::{failure, refused};
use anchor_lang::prelude::Pubkey;
use deployments::{errors::DeployError, instructions::UpdateArgs};
use deployments_domain::{
    settings::{Overlap, Strategy},
    status::Status,
};
use deployments_tests::*;
use nosana_deploy_client::{
    accounts::{decode_owner, decode_revision, DecodeError, DeploymentAccount},
    instructions::{self as ix, JobToStop, RunningJob},
    PROGRAM_ID,
};
use solana_account::Account;
use solana_program::{instruction::Instruction, rent::Rent};
use solana_signer::Signer;

/// A dump of version 1: its address and its data. SIMPLE with two jobs active of three, or SCHEDULED
/// with two of two; both capped at 12,345 and rewarding 5,000.
const FIXTURES: [(&str, &str, Strategy); 2] = [
    (
        include_str!("../../fixtures/deployment-v1-simple.key"),
        include_str!("../../fixtures/deployment-v1-simple.hex"),
        Strategy::Simple,
    ),
    (
        include_str!("../../fixtures/deployment-v1-scheduled.key"),
        include_str!("../../fixtures/deployment-v1-scheduled.hex"),
        Strategy::Scheduled,
    ),
];

const VERSION: usize = 8;
const OWNER: core::ops::Range<usize> = 16..48;
const MARKET: core::ops::Range<usize> = 112..144;

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pairs = digits
        .chunks(2)
        .map(|pair| std::str::from_utf8(pair).unwrap());
    pairs
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

/// Dumps of today's layouts, which every later program has to read or migrate.
#[test]
fn today_s_layouts_read_as_they_were_dumped() {
    let data = bytes(include_str!("../../fixtures/deployment-v2-infinite.hex"));
    let deployment = DeploymentAccount::decode(&PROGRAM_ID, &data).unwrap();
    let (header, lifecycle) = (&deployment.header, &deployment.lifecycle);
    assert_eq!(
        (lifecycle.strategy, lifecycle.status),
        (Strategy::Infinite, Status::Running)
    );
    assert_eq!((header.name(), header.id), ("Größe 2", 0));
    assert_eq!(
        (lifecycle.replicas, lifecycle.slots, lifecycle.active),
        (2, 4, 2)
    );
    assert_eq!(
        (lifecycle.timeout_seconds, lifecycle.rotation_seconds),
        (3_600, ROTATION)
    );
    assert_eq!(
        (header.max_price_per_second, header.keeper_reward_lamports),
        (12_345, 5_000)
    );
    assert_eq!((header.revision, header.latest_revision), (2, 2));
    assert_eq!(header.job_definition, [2; 32]);
    assert_ne!(header.first_job_definition, [2; 32]);
    let jobs: Vec<_> = deployment.job_views().collect();
    assert_eq!(
        (jobs[0].started_at, jobs[1].started_at),
        (Some(NOW + 75), None)
    );
    assert!(jobs.iter().all(|job| job.listed_at == NOW + 60));

    let data = bytes(include_str!("../../fixtures/revision-v1.hex"));
    let revision = decode_revision(&PROGRAM_ID, &data).unwrap();
    assert_eq!(
        (revision.number, revision.created_at, revision.owner),
        (2, NOW, header.owner)
    );
    let data = bytes(include_str!("../../fixtures/owner-v1.hex"));
    let owner = decode_owner(&PROGRAM_ID, &data).unwrap();
    assert_eq!((owner.wallet, owner.next_deployment_id), (header.owner, 1));
}

/// Puts a fixture on chain, as the world's owner's and on the world's market; its data.
fn place(world: &mut World, key: &Pubkey, hex: &str) -> Vec<u8> {
    let mut data = bytes(hex);
    assert_eq!(data[VERSION], 1);
    data[OWNER].copy_from_slice(world.owner.pubkey().as_ref());
    data[MARKET].copy_from_slice(world.market.as_ref());
    let account = Account {
        lamports: Rent::default().minimum_balance(data.len()),
        data: data.clone(),
        owner: PROGRAM_ID,
        executable: false,
        rent_epoch: u64::MAX,
    };
    world.context.set_account(key, &account.into());
    data
}

/// The fixture as today's client would see it if only its version were today's.
fn pretended(mut data: Vec<u8>) -> DeploymentAccount {
    data[VERSION] = 2;
    DeploymentAccount::decode(&PROGRAM_ID, &data).unwrap()
}

#[tokio::test]
async fn an_earlier_layout_is_brought_up_to_today_s_by_anyone_and_loses_nothing() {
    let mut world = World::new().await;
    for (key, hex, strategy) in FIXTURES {
        let key: Pubkey = key.trim().parse().unwrap();
        let old = place(&mut world, &key, hex);
        let before = pretended(old.clone());
        assert_eq!(
            DeploymentAccount::decode(&PROGRAM_ID, &old).unwrap_err(),
            DecodeError::OldVersion(1)
        );
        let rent = world.lamports(&key).await;

        let keeper = world.keeper.pubkey();
        world.by_keeper(ix::migrate(&keeper, &key)).await.unwrap();

        let after = world.deployment(&key).await;
        assert_eq!(
            (after.strategy(), after.status()),
            (strategy, Status::Running)
        );
        let (was, is) = (&before.header, &after.header);
        assert_eq!(is.name(), "Größe 1");
        assert_eq!(
            (is.max_price_per_second, is.keeper_reward_lamports),
            (12_345, 5_000)
        );
        assert_eq!(
            (is.owner, is.vault, is.market, is.id, is.next_job_index),
            (was.owner, was.vault, was.market, was.id, was.next_job_index)
        );
        assert_eq!(
            (is.owed, is.active, is.next_due_at, is.schedule()),
            (was.owed, was.active, was.next_due_at, was.schedule())
        );
        assert_eq!((is.revision, is.latest_revision), (1, 1));
        assert_eq!(is.first_job_definition, was.job_definition);
        assert_eq!(after.lifecycle.overlap, Overlap::Allow);
        assert_eq!(after.lifecycle.slots, strategy.slots(is.replicas));
        assert!(after.lifecycle.invariant());
        assert_eq!(after.jobs.len(), 2);
        for (was, is) in before.jobs.iter().zip(&after.jobs) {
            assert_eq!(
                (is.index, is.listed_at, is.revision, is.job_bump),
                (was.index, was.listed_at, was.revision, was.job_bump)
            );
            assert_eq!(u64::from(is.timeout_seconds), TIMEOUT);
            assert_eq!(is.view().started_at, None);
        }
        let grown = world.account(&key).await.unwrap();
        let needed = Rent::default().minimum_balance(grown.data.len());
        assert_eq!(grown.lamports, needed.max(rent), "rent-exempt");
        assert_eq!(
            failure(world.by_keeper(ix::migrate(&keeper, &key)).await),
            refused(DeployError::AlreadyMigrated)
        );
    }
}

#[tokio::test]
async fn every_instruction_refuses_an_earlier_layout_by_name() {
    let mut world = World::new().await;
    let (key, hex, _) = FIXTURES[0];
    let key: Pubkey = key.trim().parse().unwrap();
    let data = place(&mut world, &key, hex);
    let deployment = pretended(data);
    let (owner, keeper) = (world.owner.pubkey(), world.keeper.pubkey());
    let run = Pubkey::new_unique();
    let running = RunningJob { index: 0, run };
    let update = UpdateArgs {
        replicas: Some(1),
        ..UpdateArgs::default()
    };
    let by_owner: [Instruction; 7] = [
        ix::start(&owner, &key),
        ix::stop(&owner, &key),
        ix::archive(&owner, &key),
        ix::update(&owner, &key, update),
        ix::add_revision(&owner, &key, 2, [2; 32]),
        ix::extend(&owner, &key, 1),
        ix::write_off(&owner, &key, &deployment, 0),
    ];
    for instruction in by_owner {
        let outcome = world.by_owner(&[instruction]).await;
        assert_eq!(failure(outcome), refused(DeployError::NeedsMigration));
    }
    let stop = JobToStop {
        index: 0,
        run: None,
    };
    let by_keeper: [Instruction; 5] = [
        ix::list_jobs(&keeper, &key, &deployment, 1),
        ix::settle_jobs(&keeper, &key, &deployment, &[0]),
        ix::stop_jobs(&keeper, &key, &deployment, &[stop]),
        ix::track_jobs(&keeper, &key, &deployment, &[running]),
        ix::extend_jobs(&keeper, &key, &deployment, &[running]),
    ];
    for instruction in by_keeper {
        let outcome = world.by_keeper(instruction).await;
        assert_eq!(failure(outcome), refused(DeployError::NeedsMigration));
    }
}
