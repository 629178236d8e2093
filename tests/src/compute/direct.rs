//! The same jobs as a wallet lists them without the program: a `list` for each, signed by two new
//! keys besides the wallet. Without a compute budget, which it can do without: so more jobs fit.

use super::{
    scene::{message, named, Scene},
    Bench, Queue, Row,
};
use crate::{node::build, TIMEOUT};
use anchor_lang::system_program;
use anchor_spl::{associated_token, token};
use deployments::constants::{NOS_MINT, REWARDS_PROGRAM, REWARDS_REFLECTION, REWARDS_VAULT};
use nosana_deploy_client::{
    instructions::{common_addresses, market_vault_address, nos_account_address},
    transaction::Budget,
};
use nosana_jobs_localnet::{accounts, instruction};
use solana_message::AddressLookupTableAccount;
use solana_program::{instruction::Instruction, pubkey::Pubkey};

pub(super) fn measure(bench: &Bench) -> Vec<Row> {
    let mut rows = Vec::new();
    for queue in Queue::ALL {
        let wallet = twin(&Scene::new(bench, queue));
        let payer = (&wallet, &Budget::default());
        let jobs: Vec<Instruction> = (0..8).map(|number| list(&wallet, number)).collect();
        for (how, tables) in [
            ("a wallet's list", Vec::new()),
            ("a wallet's list, with a lookup table", vec![table(&wallet)]),
        ] {
            let fits = |count: &usize| message(payer, &jobs[..*count], &tables).is_some();
            let most = (1..=jobs.len()).rev().find(fits).unwrap();
            for count in 1..=most {
                let mut scene = Scene::new(bench, queue);
                scene.endow(&wallet);
                for table in &tables {
                    scene.chain.set_table(table);
                }
                let name = format!("{how}: {count}, {queue}");
                let number = u32::try_from(count).unwrap();
                rows.push(scene.measure(&name, payer, number, &jobs[..count], &tables));
            }
        }
    }
    rows
}

/// A wallet that costs the markets' program as much as the vault does: it derives the address of
/// the payer's token account by trying bumps, each at 1,500 compute units.
fn twin(scene: &Scene) -> Pubkey {
    let bump = |wallet: &Pubkey| {
        let seeds = [wallet.as_ref(), token::ID.as_ref(), NOS_MINT.as_ref()];
        Pubkey::find_program_address(&seeds, &associated_token::ID).1
    };
    let same = |wallet: &Pubkey| bump(wallet) == bump(&scene.vault.address);
    let mut wallets = (0..).map(|number: u32| named(&format!("wallet {number}")));
    wallets.find(same).unwrap()
}

fn table(wallet: &Pubkey) -> AddressLookupTableAccount {
    let mut addresses = common_addresses(&named("market"));
    addresses.push(nos_account_address(wallet));
    AddressLookupTableAccount {
        key: named("the wallet's lookup table"),
        addresses,
    }
}

fn list(wallet: &Pubkey, number: u32) -> Instruction {
    let market = named("market");
    let accounts = accounts::List {
        job: named(&format!("new key for job {number}")),
        market,
        run: named(&format!("new key for run {number}")),
        user: nos_account_address(wallet),
        vault: market_vault_address(&market),
        payer: *wallet,
        rewards_reflection: REWARDS_REFLECTION,
        rewards_vault: REWARDS_VAULT,
        authority: *wallet,
        rewards_program: REWARDS_PROGRAM,
        token_program: token::ID,
        system_program: system_program::ID,
    };
    let data = instruction::List {
        ipfs_job: [1; 32],
        timeout: i64::try_from(TIMEOUT).unwrap(),
    };
    build(accounts, data)
}
