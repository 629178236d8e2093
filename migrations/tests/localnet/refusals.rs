//! What cannot be reached is said before anything is sent.

use crate::cluster::{World, SOL};
use nosana_deployments_migrations::{goal::Authority, plan::PlanError, programs::loader::LOADER};
use solana_loader_v3_interface::state::UpgradeableLoaderState;
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;

#[tokio::test(flavor = "multi_thread")]
async fn a_goal_that_cannot_be_reached_is_refused_before_anything_is_paid() {
    let mut world = World::new().await;
    let (program, program_data) = (world.goal.program, world.goal.program_data());

    world.goal.keys.remove(&program);
    assert_eq!(world.refusal().await, PlanError::NoProgramKey(program));
    world.goal.keys.insert(program);

    let multisig = world.authority.pubkey();
    let key = world.goal.authority.replace(Authority::Squads {
        multisig,
        vault: Pubkey::new_unique(),
    });
    assert_eq!(world.refusal().await, PlanError::NoMultisig(multisig));
    world.goal.authority = key;

    let many = (0..200).map(|_| Pubkey::new_unique()).collect();
    let few = std::mem::replace(&mut world.goal.markets, many);
    assert_eq!(world.refusal().await, PlanError::TooManyMarkets(407));
    world.goal.markets = few;

    let (buffer, _) = world.goal.buffer();
    world.localnet.place(&buffer, LOADER, vec![7; 40]).unwrap();
    let occupied = world.refusal().await;
    let said = occupied.to_string();
    assert!(matches!(occupied, PlanError::Occupied { key, .. } if key == buffer));
    assert!(said.contains("it is not the loader's"), "{said}");
    world.wish_for(2, 900);

    world.give(&program_data, SOL);
    assert_eq!(world.refusal().await, PlanError::DataOccupied(program_data));

    world
        .localnet
        .place(&program, Pubkey::new_unique(), vec![7; 40])
        .unwrap();
    assert_eq!(world.refusal().await, PlanError::NotAProgram(program));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_nobody_can_upgrade_is_left_alone() {
    let world = World::new().await;
    let (program, program_data) = (world.goal.program, world.goal.program_data());
    let states = [
        (
            program,
            UpgradeableLoaderState::Program {
                programdata_address: program_data,
            },
        ),
        (
            program_data,
            UpgradeableLoaderState::ProgramData {
                slot: 1,
                upgrade_authority_address: None,
            },
        ),
    ];
    for (key, state) in states {
        let mut content = bincode::serialize(&state).unwrap();
        content.resize(100, 0);
        world.localnet.place(&key, LOADER, content).unwrap();
    }
    assert_eq!(world.refusal().await, PlanError::Immutable(program));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployer_who_cannot_pay_learns_how_much_is_lacking() {
    let world = World::new().await;
    world.give(&world.goal.deployer, 1_000_000);
    let plan = world.plan().await;
    let lacking = plan.shortfall_lamports();
    world.give(
        &world.goal.deployer,
        1_000_000 + u64::try_from(lacking).unwrap(),
    );
    assert_eq!(world.plan().await.shortfall_lamports(), 0);
    world.give(
        &world.goal.deployer,
        999_999 + u64::try_from(lacking).unwrap(),
    );
    assert_eq!(world.plan().await.shortfall_lamports(), 1);
}
