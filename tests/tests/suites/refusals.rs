//! Accounts that are not what they should be: each refused by name, none moves a balance.

use crate::{failure, refused};
use deployments::{errors::DeployError, instructions::Amount};
use deployments_domain::settings::Strategy;
use deployments_tests::*;
use nosana_deploy_client::instructions::{self as ix, Vault};
use nosana_jobs_interface::NOS_MINT;
use solana_keypair::Keypair;
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_signer::Signer;

/// Anchor's codes for accounts that fail a check which has no error of its own.
const NOT_A_PROGRAM: u32 = 3008;
const NOT_SYSTEM_OWNED: u32 = 3011;
const WRONG_PROGRAM: u32 = 3007;
const NOT_SIGNED: u32 = 3010;
const NOT_MUTABLE: u32 = 2000;
const TOKEN_OWNER: u32 = 2015;
const TOKEN_MINT: u32 = 2014;

fn with(instruction: &Instruction, position: usize, key: Pubkey) -> Instruction {
    let mut changed = instruction.clone();
    changed.accounts[position].pubkey = key;
    changed
}

fn code(error: DeployError) -> u32 {
    error.into()
}

#[tokio::test]
async fn list_jobs_believes_no_account() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 1, 2).await;
    let other = world.create(&world.spec(Strategy::Simple, 1)).await;
    let deployment = world.deployment(&key).await;
    let good = ix::list_jobs(&world.keeper.pubkey(), &deployment, 1);
    let stranger = Pubkey::new_unique();
    let second_vault = Vault::new(world.owner.pubkey(), 1);
    let node_nos = world.nodes[0].nos();
    let cases = [
        (1, stranger, WRONG_PROGRAM),
        (1, other, code(DeployError::NothingDue)),
        (2, second_vault.address, code(DeployError::WrongVault)),
        (2, key, NOT_SYSTEM_OWNED),
        (3, node_nos, code(DeployError::WrongVaultTokenAccount)),
        (4, stranger, code(DeployError::WrongMarket)),
        (4, key, code(DeployError::WrongMarket)),
        (5, node_nos, code(DeployError::WrongMarketVault)),
        (6, stranger, code(DeployError::WrongJobsProgram)),
        (7, stranger, NOT_A_PROGRAM),
        (8, stranger, NOT_A_PROGRAM),
        (9, stranger, code(DeployError::WrongEventAccount)),
        (10, stranger, code(DeployError::WrongEventAccount)),
        (11, stranger, code(DeployError::WrongRewardsAccount)),
        (12, stranger, code(DeployError::WrongRewardsAccount)),
        (13, stranger, code(DeployError::WrongRewardsAccount)),
        (14, stranger, code(DeployError::WrongJobAddress)),
        (15, stranger, code(DeployError::WrongJobAddress)),
        (14, world.job(&other, 0), code(DeployError::WrongJobAddress)),
    ];
    refuse_all(&mut world, &good, &cases).await;

    let mut short = good.clone();
    short.accounts.pop();
    assert_eq!(
        failure(world.by_keeper(short).await),
        refused(DeployError::WrongAccountCount)
    );
    let none = ix::list_jobs(&world.keeper.pubkey(), &deployment, 0);
    assert_eq!(
        failure(world.by_keeper(none).await),
        refused(DeployError::WrongAccountCount)
    );
    world.by_keeper(good).await.unwrap();
}

/// Sends the instruction with one account replaced at a time; each is refused by its code.
async fn refuse_all(world: &mut World, good: &Instruction, cases: &[(usize, Pubkey, u32)]) {
    let before = world.vault_funds().await;
    for (position, key, code) in cases {
        let outcome = world.by_keeper(with(good, *position, *key)).await;
        assert_eq!(
            failure(outcome),
            Err(Failure::Code(*code)),
            "account {position} {key}"
        );
    }
    assert_eq!(world.vault_funds().await, before);
}

#[tokio::test]
async fn settle_jobs_believes_no_account() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 1, 1).await;
    world.list(&key, 1).await.unwrap();
    let (job, node) = (world.job(&key, 0), world.nodes[0].clone());
    let run = node.work(&mut world).await.unwrap();
    node.quit(&mut world, job, run).await.unwrap();
    let deployment = world.deployment(&key).await;
    let good = ix::settle_jobs(&world.keeper.pubkey(), &deployment, &[0]);
    let stranger = Pubkey::new_unique();
    let cases = [
        (
            2,
            Vault::new(world.owner.pubkey(), 1).address,
            code(DeployError::WrongVault),
        ),
        (3, node.nos(), code(DeployError::WrongVaultTokenAccount)),
        (4, stranger, code(DeployError::WrongMarket)),
        (5, node.nos(), code(DeployError::WrongMarketVault)),
        (6, stranger, code(DeployError::WrongJobsProgram)),
        (7, stranger, NOT_A_PROGRAM),
        (11, stranger, code(DeployError::WrongJobAddress)),
    ];
    refuse_all(&mut world, &good, &cases).await;
    world.by_keeper(good).await.unwrap();
}

#[tokio::test]
async fn only_the_owner_steers() {
    let mut world = World::in_program_test().await;
    let key = world.create(&world.spec(Strategy::Simple, 1)).await;
    let stranger = world.keeper.insecure_clone();
    for build in [ix::start, ix::stop, ix::archive, ix::close] {
        let instruction = build(&stranger.pubkey(), &key);
        let outcome = world.send(&[instruction], &[&stranger]).await;
        assert_eq!(failure(outcome), refused(DeployError::WrongOwner));

        // The owner's key without the owner's signature.
        let mut unsigned = build(&world.owner.pubkey(), &key);
        unsigned.accounts[0].is_signer = false;
        let outcome = world.send(&[unsigned], &[&stranger]).await;
        assert_eq!(failure(outcome), Err(Failure::Code(NOT_SIGNED)));

        let mut read_only = build(&world.owner.pubkey(), &key);
        read_only.accounts[1].is_writable = false;
        assert_eq!(
            failure(world.by_owner(&[read_only]).await),
            Err(Failure::Code(NOT_MUTABLE))
        );
    }
}

#[tokio::test]
async fn withdraw_pays_the_owner_and_nobody_else() {
    let mut world = World::in_program_test().await;
    world.fund(1_000, SOL).await;
    let [make, good] = ix::withdraw(&world.vault, Amount::All, Amount::All);
    world.by_owner(&[make]).await.unwrap();
    let second_vault = Vault::new(world.owner.pubkey(), 1);
    let token_account = code(DeployError::WrongVaultTokenAccount);
    let cases = [
        (1, second_vault.address, code(DeployError::WrongVault)),
        (2, Pubkey::new_unique(), code(DeployError::WrongMint)),
        (3, world.nodes[0].nos(), token_account),
        (3, second_vault.nos, token_account),
        (3, Pubkey::new_unique(), token_account),
        (4, world.nodes[0].nos(), TOKEN_OWNER),
        (5, Pubkey::new_unique(), NOT_A_PROGRAM),
    ];
    for (position, key, code) in cases {
        let outcome = world.by_owner(&[with(&good, position, key)]).await;
        assert_eq!(
            failure(outcome),
            Err(Failure::Code(code)),
            "account {position}"
        );
    }
    let [_, never_made] = ix::withdraw(&second_vault, Amount::All, Amount::All);
    let outcome = world.by_owner(&[never_made]).await;
    assert_eq!(failure(outcome), Err(Failure::Code(token_account)));
    let mut unsigned = good.clone();
    unsigned.accounts[0].is_signer = false;
    let outcome = world.by_keeper(unsigned).await;
    assert_eq!(failure(outcome), Err(Failure::Code(NOT_SIGNED)));
    assert_eq!(world.vault_funds().await, (1_000, SOL));
    world.by_owner(&[good]).await.unwrap();
}

#[tokio::test]
async fn another_mint_is_refused_everywhere() {
    let fake = Pubkey::new_unique();
    let (thief, fake_nos) = (Keypair::new(), Pubkey::new_unique());
    let mut world = World::in_program_test().await;
    let fakes = token_account(thief.pubkey(), fake, 1_000_000);
    world.bank.put(&fake_nos, fakes);
    let owner = world.owner.pubkey();
    let [make, create] = ix::create(&owner, 0, &world.spec(Strategy::Simple, 1));
    world.by_owner(&[make]).await.unwrap();
    let [_, fund] = ix::fund(&owner, &world.vault, 5, 0);
    for (instruction, position) in [(create, 4), (fund.clone(), 3)] {
        assert_eq!(instruction.accounts[position].pubkey, NOS_MINT);
        let outcome = world.by_owner(&[with(&instruction, position, fake)]).await;
        assert_eq!(failure(outcome), refused(DeployError::WrongMint));
    }
    let outcome = world.by_owner(&[with(&fund, 5, fake_nos)]).await;
    assert_eq!(failure(outcome), Err(Failure::Code(TOKEN_MINT)));
}
