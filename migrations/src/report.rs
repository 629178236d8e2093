//! What the command line says.

use crate::Target;
use anyhow::Result;
use comfy_table::{presets::NOTHING, CellAlignment, Table};
use nosana_deployments_migrations::{
    apply::Landed,
    goal::hex,
    plan::{Plan, Round, State, Transaction},
    unsigned::ToSign,
};
use serde_json::{json, Value};
use std::io::{self, Write};

/// Of many transactions side by side, people hear at each so many.
const TOLD_EVERY: usize = 50;

/// How far each step is.
pub(crate) fn status(target: &Target, plan: &Plan, json: bool) -> Result<()> {
    if json {
        return say(&format!("{:#}", json!({ "steps": steps(plan) })));
    }
    say(&format!("{}\n{}", about(target), table_of_steps(plan)))
}

/// What is left to do.
pub(crate) fn plan(target: &Target, plan: &Plan, json: bool) -> Result<()> {
    if json {
        return say(&format!("{:#}", as_json(target, plan)));
    }
    let mut text = format!("{}\n{}", about(target), table_of_steps(plan));
    if plan.next().is_some() {
        text.push_str("\n\nTransactions, in this order:\n");
        text.push_str(&table_of_transactions(plan));
        text.push_str("\n\nLamports of every account that changes:\n");
        text.push_str(&table_of_accounts(plan));
        text.push_str(&format!("\n\nFees: {} lamports", plan.fees_lamports));
        let outlay = plan.outlay_lamports();
        text.push_str(&format!(
            "\nThe deployer needs {outlay} lamports until all is done."
        ));
        if plan.shortfall_lamports() > 0 {
            let lacking = plan.shortfall_lamports();
            text.push_str(&format!("\nThe deployer lacks {lacking} lamports."));
        }
    }
    say(&text)
}

/// A transaction that landed, for people who wait.
pub(crate) fn landed(landed: &Landed<'_>) {
    let Landed {
        step,
        what,
        signature,
        left,
    } = landed;
    let number = step.number;
    match left {
        0 => eprintln!("{number:04} {what}: {signature}"),
        left if left.is_multiple_of(TOLD_EVERY) => {
            eprintln!("{number:04} {left} transactions left")
        }
        _ => {}
    }
}

/// What somebody else must sign: the transactions alone on stdout, one a line.
pub(crate) fn unsigned(all: &[ToSign], json: bool) -> Result<()> {
    if json {
        let all = all.iter().map(|one| {
            json!({
                "step": one.step.number,
                "what": one.what,
                "signer": one.signer.to_string(),
                "transaction": one.base58,
            })
        });
        return say(&format!("{:#}", all.collect::<Value>()));
    }
    for one in all {
        let (number, what, signer) = (one.step.number, &one.what, one.signer);
        eprintln!("{number:04} {what}: {signer} signs");
        say(&one.base58)?;
    }
    Ok(())
}

fn about(target: &Target) -> String {
    let goal = &target.goal;
    format!(
        "Program   {} at {}\nBytecode  {} bytes, executable hash {}\nDeployer  {}\n",
        goal.program,
        target.cluster.url(),
        goal.bytecode.elf().len(),
        hex(&goal.bytecode.hash()),
        goal.deployer
    )
}

fn table() -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table
}

fn table_of_steps(plan: &Plan) -> String {
    let mut table = table();
    for planned in &plan.steps {
        let step = planned.step;
        let (state, why) = words(&planned.state);
        let step = format!("{:04} {}", step.number, step.name);
        table.add_row([step, state.to_owned(), why]);
    }
    table.trim_fmt()
}

/// A state in a word, and what is to be said of it.
fn words(state: &State) -> (&'static str, String) {
    match state {
        State::Done(why) => ("done", why.clone()),
        State::LeftOut(why) => ("left out", why.clone()),
        State::Due(rounds) => {
            let all: Vec<&Transaction> = rounds.iter().flatten().collect();
            let mut absent = all.iter().filter_map(|one| one.absent.first());
            let count = match all.len() {
                1 => "1 transaction".to_owned(),
                many => format!("{many} transactions"),
            };
            let said = match absent.next() {
                Some(signer) => format!("{count}; {signer} must sign"),
                None => count,
            };
            ("due", said)
        }
    }
}

/// Rounds of many transactions alike are one line.
fn table_of_transactions(plan: &Plan) -> String {
    let mut table = table();
    for planned in &plan.steps {
        let State::Due(rounds) = &planned.state else {
            continue;
        };
        for round in rounds {
            table.add_row([
                format!("{:04}", planned.step.number),
                in_short(round),
                format!("fee {}", fees(round)),
            ]);
        }
    }
    right(&mut table, 2);
    table.trim_fmt()
}

fn in_short(round: &Round) -> String {
    match &round[..] {
        [one] => one.what.clone(),
        [first, .., last] => {
            let count = round.len();
            format!(
                "{count}, side by side: from {} to {}",
                first.what, last.what
            )
        }
        [] => String::new(),
    }
}

fn fees(round: &Round) -> u64 {
    let fees = round.iter().map(|one| one.fee_lamports);
    fees.fold(0, u64::saturating_add)
}

fn table_of_accounts(plan: &Plan) -> String {
    let mut table = table();
    table.add_row(["account", "", "before", "after", "change"]);
    for (key, before, after) in plan.before.changes_to(&plan.after) {
        let name = name(plan, &key);
        let change = format!("{:+}", after - before);
        let row = [key.to_string(), name.to_owned()];
        let amounts = [before.to_string(), after.to_string(), change];
        table.add_row(row.into_iter().chain(amounts));
    }
    for column in 2..5 {
        right(&mut table, column);
    }
    table.trim_fmt()
}

fn name(plan: &Plan, key: &solana_program::pubkey::Pubkey) -> &'static str {
    let mut names = plan.names.iter();
    let found = names.find(|(named, _)| named == key);
    found.map_or("", |(_, name)| name)
}

fn right(table: &mut Table, column: usize) {
    if let Some(column) = table.column_mut(column) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn steps(plan: &Plan) -> Vec<Value> {
    let steps = plan.steps.iter();
    let steps = steps.map(|planned| {
        let (state, why) = words(&planned.state);
        json!({
            "number": planned.step.number,
            "name": planned.step.name,
            "state": state,
            "why": why,
        })
    });
    steps.collect()
}

fn as_json(target: &Target, plan: &Plan) -> Value {
    let accounts = plan.before.changes_to(&plan.after);
    let accounts = accounts.map(|(key, before, after)| {
        json!({
            "address": key.to_string(),
            "name": name(plan, &key),
            "lamports_before": amount(before),
            "lamports_after": amount(after),
        })
    });
    let due = plan
        .steps
        .iter()
        .filter_map(|planned| match &planned.state {
            State::Due(rounds) => Some((planned.step.number, rounds.iter().flatten())),
            _ => None,
        });
    let due = due.flat_map(|(number, all)| {
        all.map(move |one| {
            json!({
                "step": number,
                "what": one.what,
                "fee_lamports": one.fee_lamports,
                "absent_signers": one.absent.iter().map(ToString::to_string).collect::<Vec<_>>(),
            })
        })
    });
    json!({
        "program": target.goal.program.to_string(),
        "executable_hash": hex(&target.goal.bytecode.hash()),
        "steps": steps(plan),
        "transactions": due.collect::<Vec<_>>(),
        "accounts": accounts.collect::<Vec<_>>(),
        "fees_lamports": plan.fees_lamports,
        "shortfall_lamports": amount(plan.shortfall_lamports()),
    })
}

/// Lamports as a number of JSON; there are not as many as do not fit.
fn amount(lamports: i128) -> i64 {
    i64::try_from(lamports).unwrap_or(i64::MAX)
}

/// Prints a text.
pub(crate) fn say(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}
