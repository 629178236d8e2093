//! Transactions as the client assembles them, on a real bank: lookup tables and nonces.

use deployments_domain::{settings::Strategy, status::Status};
use deployments_tests::{Bank, World};
use nosana_deploy_client::{
    instructions::{self as ix, market_vault_address},
    jobs_program::{JOBS_PROGRAM, REWARDS_PROGRAM, REWARDS_REFLECTION, REWARDS_VAULT},
    transaction::{
        assemble, transaction_bytes, AssemblyError, Budget, Lifetime, MAX_COMPUTE_UNITS,
        MAX_TRANSACTION_BYTES,
    },
};
use solana_account::Account;
use solana_address_lookup_table_interface::{
    program,
    state::{AddressLookupTable, LookupTableMeta},
};
use solana_keypair::Keypair;
use solana_message::{AddressLookupTableAccount, VersionedMessage};
use solana_program::{hash::Hash, pubkey::Pubkey, rent::Rent};
use solana_signer::Signer;
use solana_system_interface::instruction::create_nonce_account;
use solana_transaction::versioned::VersionedTransaction;
use solana_transaction_error::TransactionError;

/// What a bank says of a message that these sign.
async fn send(
    world: &mut World,
    message: VersionedMessage,
    signers: &[&Keypair],
) -> Result<(), TransactionError> {
    let transaction = VersionedTransaction::try_new(message, signers).unwrap();
    let client = &mut world.bank.banks_client;
    let done = client.process_transaction_with_metadata(transaction).await;
    done.unwrap().result
}

fn lookup_table(world: &mut World, addresses: Vec<Pubkey>) -> AddressLookupTableAccount {
    let key = Pubkey::new_unique();
    let table = AddressLookupTable {
        meta: LookupTableMeta::default(),
        addresses: addresses.as_slice().into(),
    };
    let data = table.serialize_for_tests().unwrap();
    let account = Account {
        lamports: Rent::default().minimum_balance(data.len()),
        owner: program::ID,
        data,
        ..Account::default()
    };
    world.bank.put(&key, account);
    AddressLookupTableAccount { key, addresses }
}

#[tokio::test]
async fn with_a_lookup_table_twelve_jobs_fit_into_one_transaction() {
    let mut world = World::in_program_test().await;
    let key = world.started(Strategy::Simple, 12, 12).await;
    let deployment = world.deployment(&key).await;
    let keeper = world.keeper.insecure_clone();
    let list = [ix::list_jobs(&keeper.pubkey(), &deployment, 12)];
    let header = &deployment.header;
    let shared = vec![
        key,
        header.vault,
        header.vault_nos,
        world.market,
        market_vault_address(&world.market),
        REWARDS_REFLECTION,
        REWARDS_VAULT,
        REWARDS_PROGRAM,
        JOBS_PROGRAM,
        anchor_spl::token::ID,
        anchor_lang::system_program::ID,
    ];
    let table = lookup_table(&mut world, shared);
    // A table counts from the slot after it was last extended.
    world.bank.warp_to_slot(10).unwrap();
    let blockhash = world.bank.get_new_latest_blockhash().await.unwrap();
    let budget = Budget {
        compute_unit_limit: Some(MAX_COMPUTE_UNITS),
        compute_unit_price_micro_lamports: None,
    };
    let lifetime = Lifetime::Blockhash(blockhash);
    let assembled = |tables: &[AddressLookupTableAccount]| {
        assemble(&keeper.pubkey(), &list, tables, &budget, lifetime)
    };
    let bare = assembled(&[]).unwrap_err();
    assert!(matches!(bare, AssemblyError::TooLarge { bytes } if bytes > MAX_TRANSACTION_BYTES));
    let message = assembled(&[table]).unwrap();
    assert!(transaction_bytes(&message) <= MAX_TRANSACTION_BYTES);
    send(&mut world, message, &[&keeper]).await.unwrap();
    assert_eq!(world.deployment(&key).await.header.active, 12);
}

#[tokio::test]
async fn a_nonce_s_value_counts_once() {
    let mut world = World::in_program_test().await;
    let key = world.create(&world.spec(Strategy::Simple, 1)).await;
    let (owner, nonce) = (world.owner.insecure_clone(), Keypair::new());
    let create = create_nonce_account(&owner.pubkey(), &nonce.pubkey(), &owner.pubkey(), 1_447_680);
    world.send(&create, &[&owner, &nonce]).await.unwrap();
    world.bank.warp_to_slot(10).unwrap();

    let account = world.account(&nonce.pubkey()).await.unwrap();
    // Version, state and authority come before it.
    let value = Hash::new_from_array(account.data[40..72].try_into().unwrap());
    let lifetime = Lifetime::Nonce {
        account: nonce.pubkey(),
        authority: owner.pubkey(),
        nonce: value,
    };
    let message = |instruction| {
        assemble(
            &owner.pubkey(),
            &[instruction],
            &[],
            &Budget::default(),
            lifetime,
        )
        .unwrap()
    };
    let start = message(ix::start(&owner.pubkey(), &key));
    send(&mut world, start, &[&owner]).await.unwrap();
    assert_eq!(world.status(&key).await, Status::Starting);
    let stop = message(ix::stop(&owner.pubkey(), &key));
    let refused = send(&mut world, stop, &[&owner]).await;
    assert_eq!(refused, Err(TransactionError::BlockhashNotFound));
    assert_eq!(world.status(&key).await, Status::Starting);
}
