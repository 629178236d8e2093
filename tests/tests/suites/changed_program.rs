//! The markets' program can be upgraded. Here a different program is at its address, which uses the
//! vault's signature for what it likes: whatever it does, the vault stays a vault, or the instruction
//! fails by name and nothing has happened.

use crate::{failure, refused};
use anchor_lang::AccountSerialize;
use anchor_spl::token::spl_token::instruction::{approve, set_authority, transfer, AuthorityType};
use deployments::errors::DeployError;
use deployments_domain::settings::{Settings, Strategy};
use deployments_tests::*;
use nosana_deploy_client::{
    instructions::{self as ix, JobRun},
    jobs_program::{
        account::{
            Market, JOB_QUEUED, JOB_SIZE, JOB_STOPPED, QUEUE_OF_JOBS, RUN_RUNNING, RUN_SIZE,
        },
        instruction::{Delist, End, Extend, List, Recover},
        JOBS_PROGRAM,
    },
    markets::Run,
    DeploymentSpec,
};
use nosana_jobs_localnet::state::{JobAccount, RunAccount};
use solana_account::Account;
use solana_program::{
    account_info::AccountInfo, entrypoint::ProgramResult, instruction::Instruction,
    program::invoke, program_error::ProgramError, pubkey::Pubkey,
};
use solana_program_test::processor;
use solana_signer::Signer;
use solana_system_interface::instruction as system;

/// What the program does with the vault's signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Deed {
    /// Nothing at all, not even what it is for.
    Nothing,
    TakeNos,
    BecomeDelegate,
    BecomeCloseAuthority,
    BecomeOwner,
    // With the system program at hand, which only `list` passes on.
    TakeSol,
    OwnTheVault,
    FillTheVault,
}

const BY_TOKEN: [Deed; 4] = [
    Deed::TakeNos,
    Deed::BecomeDelegate,
    Deed::BecomeCloseAuthority,
    Deed::BecomeOwner,
];
const BY_SYSTEM: [Deed; 3] = [Deed::TakeSol, Deed::OwnTheVault, Deed::FillTheVault];

/// The first byte of the market's access key says which deed it is.
fn changed(program: &Pubkey, accounts: &[AccountInfo], data: &[u8]) -> ProgramResult {
    // Where each instruction has the vault's NOS account, the vault, the market's vault.
    let places = match data.first_chunk() {
        Some(&List::DISCRIMINATOR) => [3, 5, 4],
        Some(&Extend::DISCRIMINATOR) => [2, 7, 3],
        Some(&Delist::DISCRIMINATOR) => [2, 6, 4],
        Some(&End::DISCRIMINATOR) => [3, 7, 5],
        Some(&Recover::DISCRIMINATOR) => [3, 5, 2],
        _ => return Err(ProgramError::InvalidInstructionData),
    };
    let [nos, vault, theirs] = places.map(|place| &accounts[place]);
    let deed = {
        let data = accounts[1].try_borrow_data()?;
        let market = Market::parse(&data).unwrap().unwrap();
        market.header.node_access_key.to_bytes()[0]
    };
    let token = anchor_spl::token::ID;
    let become_the = |kind| set_authority(&token, nos.key, Some(program), kind, vault.key, &[]);
    let is = |wanted: Deed| deed == wanted as u8;
    let instruction: Instruction = if is(Deed::TakeNos) {
        transfer(&token, nos.key, theirs.key, vault.key, &[], 1)?
    } else if is(Deed::BecomeDelegate) {
        approve(&token, nos.key, theirs.key, vault.key, &[], u64::MAX)?
    } else if is(Deed::BecomeCloseAuthority) {
        become_the(AuthorityType::CloseAccount)?
    } else if is(Deed::BecomeOwner) {
        become_the(AuthorityType::AccountOwner)?
    } else if is(Deed::TakeSol) {
        // Into the job's account, which is new.
        system::transfer(vault.key, accounts[0].key, JOB_RENT + 1)
    } else if is(Deed::OwnTheVault) {
        system::assign(vault.key, program)
    } else if is(Deed::FillTheVault) {
        system::allocate(vault.key, 8)
    } else {
        return Ok(());
    };
    invoke(&instruction, accounts)
}

/// A deployment whose job 0 is listed, on a market whose program is not what it was.
async fn world(strategy: Strategy) -> (World, Pubkey) {
    let bank = bank_with(|test| {
        test.prefer_bpf(false);
        test.add_program("a_changed_program", JOBS_PROGRAM, processor!(changed));
    })
    .await;
    let mut world = World::on(bank).await;
    let spec = DeploymentSpec {
        autostart: true,
        settings: Settings {
            auto_extend: strategy == Strategy::SimpleExtend,
            ..world.spec(strategy, 2).settings
        },
        ..world.spec(strategy, 2)
    };
    let key = world.create(&spec).await;
    world.fund(9 * COST, SOL).await;
    world.list(&key, 1).await.unwrap();
    (world, key)
}

async fn plan(world: &mut World, deed: Deed, queue: Vec<Pubkey>) {
    let mut market = world.market_state().await;
    market.node_access_key = Pubkey::new_from_array([deed as u8; 32]);
    (market.queue_type, market.queue) = (QUEUE_OF_JOBS, queue);
    world.set_market(&market);
    let theirs = ix::market_vault_address(&world.market);
    let rich = token_account(
        theirs,
        nosana_deploy_client::jobs_program::NOS_MINT,
        9 * COST,
    );
    world.bank.put(&theirs, rich);
}

fn put(world: &mut World, key: Pubkey, size: usize, state: &impl AccountSerialize) {
    let mut data = vec![0; size];
    state.try_serialize(&mut &mut data[..]).unwrap();
    let account = Account {
        lamports: JOB_RENT,
        data,
        owner: JOBS_PROGRAM,
        ..Account::default()
    };
    world.bank.put(&key, account);
}

/// Job 0 is there, in this state; on a node if it is said so.
fn put_job(world: &mut World, key: &Pubkey, state: u8, runs: bool) -> JobRun {
    let (job, vault, market) = (world.job(key, 0), world.vault.address, world.market);
    let account = JobAccount {
        ipfs_job: [1; 32],
        ipfs_result: [0; 32],
        market,
        node: Pubkey::default(),
        payer: vault,
        price: PRICE,
        project: vault,
        state,
        time_end: 0,
        time_start: 0,
        timeout: TIMEOUT.into(),
    };
    put(world, job, JOB_SIZE, &account);
    if !runs {
        return JobRun {
            index: 0,
            run: None,
        };
    }
    let (address, node) = (Pubkey::new_unique(), world.nodes[0].wallet.pubkey());
    let run = RunAccount {
        job,
        node,
        payer: node,
        state: RUN_RUNNING,
        time: NOW,
    };
    put(world, address, RUN_SIZE, &run);
    let run = Run {
        address,
        job,
        node,
        payer: node,
        started_at: NOW,
    };
    JobRun {
        index: 0,
        run: Some(run),
    }
}

/// The vault and its NOS account, to the last byte.
async fn vault(world: &mut World) -> [Option<Account>; 2] {
    let vault = world.vault;
    [
        world.account(&vault.address).await,
        world.account(&vault.nos).await,
    ]
}

fn refusal(deed: Deed, spends: bool) -> DeployError {
    match deed {
        Deed::Nothing => DeployError::RefundTooLow,
        Deed::TakeNos if spends => DeployError::FeeTooHigh,
        Deed::TakeNos => DeployError::RefundTooLow,
        Deed::TakeSol => DeployError::VaultSolTaken,
        _ => DeployError::VaultChanged,
    }
}

#[tokio::test]
async fn a_listing_leaves_the_vault_a_vault() {
    for deed in BY_TOKEN.into_iter().chain(BY_SYSTEM) {
        let (mut world, key) = world(Strategy::Simple).await;
        plan(&mut world, deed, Vec::new()).await;
        if deed == Deed::TakeNos {
            // A unit is within the deposit; of a market that takes nothing it is too much.
            let mut free = world.market_state().await;
            free.job_price = 0;
            world.set_market(&free);
        }
        let before = vault(&mut world).await;
        let outcome = world.list(&key, 1).await;
        assert_eq!(failure(outcome), refused(refusal(deed, true)), "{deed:?}");
        assert_eq!(vault(&mut world).await, before, "{deed:?}");
    }
}

#[tokio::test]
async fn an_extension_leaves_the_vault_a_vault() {
    for deed in BY_TOKEN {
        if deed == Deed::TakeNos {
            continue; // a unit is within the deposit
        }
        let (mut world, key) = world(Strategy::SimpleExtend).await;
        let job = put_job(&mut world, &key, JOB_QUEUED, true);
        plan(&mut world, deed, Vec::new()).await;
        world.set_time(NOW + i64::from(TIMEOUT) - 60).await;
        let before = vault(&mut world).await;
        let outcome = world.extend_jobs(&key, &[job]).await;
        assert_eq!(failure(outcome), refused(refusal(deed, true)), "{deed:?}");
        assert_eq!(vault(&mut world).await, before, "{deed:?}");
    }
}

#[tokio::test]
async fn what_gives_back_leaves_the_vault_a_vault_and_gives_back_all() {
    for deed in BY_TOKEN.into_iter().chain([Deed::Nothing]) {
        for (state, runs) in [
            (JOB_QUEUED, false),
            (JOB_QUEUED, true),
            (JOB_STOPPED, false),
        ] {
            let (mut world, key) = world(Strategy::Simple).await;
            let job = put_job(&mut world, &key, state, runs);
            let queue = match (state, runs) {
                (JOB_QUEUED, false) => vec![world.job(&key, 0)],
                _ => Vec::new(),
            };
            plan(&mut world, deed, queue).await;
            world.steer(ix::stop, &key).await.unwrap();
            let before = vault(&mut world).await;
            let outcome = match state {
                JOB_STOPPED => world.settle(&key, &[0]).await,
                _ => world.stop_jobs(&key, &[job]).await,
            };
            let what = format!("{deed:?}, state {state}, runs: {runs}");
            assert_eq!(failure(outcome), refused(refusal(deed, false)), "{what}");
            assert_eq!(vault(&mut world).await, before, "{what}");
        }
    }
}
