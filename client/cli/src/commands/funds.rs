//! `fund` and `withdraw`: into a vault and out of it.

use crate::{
    context::Context,
    exit::invalid,
    format::{nos, parse_nos, parse_sol, sol},
    submit::{TransactionOptions, TransactionPlan},
};
use anyhow::Result;
use clap::Args;
use nosana_deploy_client::{
    domain::funding::may_hold,
    instructions::{self as ix, Amount, Vault},
};
use solana_program::pubkey::Pubkey;
use std::str::FromStr;

/// Add NOS and SOL to a vault
///
/// NOS pay for jobs, SOL for the rent of their accounts (which comes back) and for keepers. Anyone
/// may fund anyone's vault; only its owner can withdraw.
#[derive(Args)]
pub(crate) struct Fund {
    /// NOS to add, for example 1.5
    #[arg(long, value_parser = parse_nos, value_name = "AMOUNT")]
    nos: Option<u64>,
    /// SOL to add, for example 0.05
    #[arg(long, value_parser = parse_sol, value_name = "AMOUNT")]
    sol: Option<u64>,
    /// The vault's number
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    vault: u16,
    /// Whose vault [default: the wallet's]
    #[arg(long, value_name = "PUBKEY")]
    owner: Option<Pubkey>,
    #[command(flatten)]
    transaction: TransactionOptions,
}

impl Fund {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let (units, lamports) = (self.nos.unwrap_or(0), self.sol.unwrap_or(0));
        if units == 0 && lamports == 0 {
            return Err(invalid(
                "nothing to add; use --nos, --sol or both with an amount",
            ));
        }
        let signers = self.transaction.signers()?;
        let wallet = context.wallet(&signers)?;
        let funder = wallet.pubkey();
        let vault = Vault::new(self.owner.unwrap_or(funder), self.vault);
        if !self.transaction.is_offline() {
            context.block_on(require_held(context, &funder, &vault, units, lamports))?;
        }
        let mut plan = TransactionPlan::default().name_vault(&vault).ask(format!(
            "Move {} and {} into vault {} of {}?",
            nos(units),
            sol(lamports),
            vault.index,
            vault.owner
        ));
        plan.instructions = ix::fund(&funder, &vault, units, lamports).into();
        plan.facts.text("Vault", "vault", vault.address);
        plan.facts.add("NOS", nos(units), "nos", units);
        plan.facts.add("SOL", sol(lamports), "lamports", lamports);
        self.transaction
            .submit(context, &signers, wallet.as_ref(), plan)
    }
}

/// Reports a shortfall before the program does, because the program knows less about it.
pub(super) async fn require_held(
    context: &Context,
    funder: &Pubkey,
    vault: &Vault,
    units: u64,
    lamports: u64,
) -> Result<()> {
    context.cluster.require_program().await?;
    let held = context.cluster.wallet_funds(funder).await?;
    if held.nos < units {
        return Err(invalid(format!(
            "--nos: the wallet {funder} holds {}",
            nos(held.nos)
        )));
    }
    if held.lamports < lamports {
        return Err(invalid(format!(
            "--sol: the wallet {funder} holds {}",
            sol(held.lamports)
        )));
    }
    if lamports == 0 {
        return Ok(());
    }
    let in_vault = context.cluster.funds(vault).await?.lamports;
    let floor = context.cluster.rent().await?.minimum_balance(0);
    if !may_hold(in_vault.saturating_add(lamports), floor) {
        return Err(invalid(format!(
            "--sol: {} would leave vault {} below the rent of an empty account; use at least {}",
            sol(lamports),
            vault.index,
            sol(floor.saturating_sub(in_vault))
        )));
    }
    Ok(())
}

/// An amount, or ALL.
#[derive(Clone, Copy, Debug)]
struct Nos(Amount);
#[derive(Clone, Copy, Debug)]
struct Sol(Amount);

fn all_or(text: &str, read: fn(&str) -> Result<u64, String>) -> Result<Amount, String> {
    match text {
        "ALL" => Ok(Amount::All),
        amount => read(amount)
            .map(Amount::Exact)
            .map_err(|error| format!("{error}, or ALL")),
    }
}

impl FromStr for Nos {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        all_or(text, parse_nos).map(Self)
    }
}

impl FromStr for Sol {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        all_or(text, parse_sol).map(Self)
    }
}

/// Take NOS and SOL out of a vault, into the wallet
///
/// At any time: jobs that run are paid for already. Of the SOL, nothing or the rent of an empty
/// account has to stay.
#[derive(Args)]
pub(crate) struct Withdraw {
    /// NOS to take, for example 1.5 or ALL
    #[arg(long, value_name = "AMOUNT")]
    nos: Option<Nos>,
    /// SOL to take, for example 0.05 or ALL
    #[arg(long, value_name = "AMOUNT")]
    sol: Option<Sol>,
    /// The vault's number
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    vault: u16,
    #[command(flatten)]
    transaction: TransactionOptions,
}

impl Withdraw {
    pub(crate) fn run(self, context: &Context) -> Result<()> {
        let units = self.nos.map_or(Amount::Exact(0), |Nos(amount)| amount);
        let lamports = self.sol.map_or(Amount::Exact(0), |Sol(amount)| amount);
        if (units, lamports) == (Amount::Exact(0), Amount::Exact(0)) {
            return Err(invalid(
                "nothing to take; use --nos, --sol or both with an amount or ALL",
            ));
        }
        let signers = self.transaction.signers()?;
        let wallet = context.wallet(&signers)?;
        let vault = Vault::new(wallet.pubkey(), self.vault);
        if !self.transaction.is_offline() {
            context.block_on(require_there(context, &vault, units, lamports))?;
        }
        let shown = |amount, unit: fn(u64) -> String, all: &str| match amount {
            Amount::All => all.to_owned(),
            Amount::Exact(amount) => unit(amount),
        };
        let mut plan = TransactionPlan::default().name_vault(&vault).ask(format!(
            "Move {} and {} from vault {} to the wallet {}?",
            shown(units, nos, "all NOS"),
            shown(lamports, sol, "all SOL"),
            vault.index,
            vault.owner
        ));
        plan.instructions = ix::withdraw(&vault, units, lamports).into();
        plan.facts.text("Vault", "vault", vault.address);
        self.transaction
            .submit(context, &signers, wallet.as_ref(), plan)
    }
}

/// Names the most that can be taken, which the program's refusal does not.
async fn require_there(
    context: &Context,
    vault: &Vault,
    units: Amount,
    lamports: Amount,
) -> Result<()> {
    context.cluster.require_program().await?;
    let held = context.cluster.funds(vault).await?;
    let index = vault.index;
    if (held.nos, held.lamports) == (0, 0) {
        return Err(invalid(format!(
            "vault {index} of {} holds nothing",
            vault.owner
        )));
    }
    if matches!(units, Amount::Exact(units) if units > held.nos) {
        return Err(invalid(format!(
            "--nos: vault {index} holds {}; use at most that, or ALL",
            nos(held.nos)
        )));
    }
    let lamports = match lamports {
        Amount::All | Amount::Exact(0) => return Ok(()),
        Amount::Exact(lamports) => lamports,
    };
    let floor = context.cluster.rent().await?.minimum_balance(0);
    let left = held.lamports.checked_sub(lamports);
    if !left.is_some_and(|left| may_hold(left, floor)) {
        let most = sol(held.lamports.saturating_sub(floor));
        return Err(invalid(format!(
            "--sol: vault {index} holds {}, of which {} has to stay unless all goes; use at most {most}, or ALL",
            sol(held.lamports),
            sol(floor)
        )));
    }
    Ok(())
}
