//! The same jobs as a wallet lists them without the program: a `list` for each, signed by two new
//! keys besides the wallet. Without a compute budget, which it can do without: so more jobs fit.

use super::{
    scene::{message, named, Scene},
    Bench, Queue, Row,
};
use crate::{measure::Measure, TIMEOUT};
use nosana_deploy_client::{
    instructions::{common_addresses, market_vault_address, nos_account_address},
    transaction::Budget,
};
use nosana_jobs_interface::{instruction::List, ASSOCIATED_TOKEN_PROGRAM, NOS_MINT, TOKEN_PROGRAM};
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
        let seeds = [wallet.as_ref(), TOKEN_PROGRAM.as_ref(), NOS_MINT.as_ref()];
        Pubkey::find_program_address(&seeds, &ASSOCIATED_TOKEN_PROGRAM).1
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
    List {
        job: &named(&format!("new key for job {number}")),
        market: &market,
        run: &named(&format!("new key for run {number}")),
        user: &nos_account_address(wallet),
        vault: &market_vault_address(&market),
        payer: wallet,
        authority: wallet,
    }
    .instruction(&[1; 32], TIMEOUT.into())
}
