//! The demo's transactions, through Anchor's client, and what accounts hold.

use super::{
    ledger::{Balance, Row},
    wallets::Wallets,
};
use crate::exit::invalid;
use anchor_client::{Client, Cluster, CommitmentConfig};
use anyhow::{anyhow, bail, Context, Result};
pub(crate) use nosana_deploy_client::localnet::{Programs, JOB_EXPIRATION_SECONDS};
use nosana_deploy_client::{
    domain::funding::Rents, errors::explain, keeper::observe::nos_in,
    localnet::Localnet as Validator, markets::rents_by, rpc, transaction::MAX_COMPUTE_UNITS,
    PROGRAM_ID,
};
use solana_account::Account;
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_keypair::Keypair;
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_rpc_client_api::config::RpcTransactionConfig;
use solana_signer::Signer;
use solana_transaction::Transaction;
use solana_transaction_status_client_types::{
    option_serializer::OptionSerializer, UiTransactionEncoding,
};
use std::sync::Arc;

/// NOS base units that the owner has at first: one million NOS.
const OWNER_NOS: u64 = 1_000_000_000_000;
/// Lamports that each wallet has at first: 100 SOL.
const WALLET_LAMPORTS: u64 = 100_000_000_000;

/// A confirmed transaction.
pub(crate) struct Receipt {
    pub(crate) signature: String,
    pub(crate) compute_units: u64,
    pub(crate) fee_lamports: u64,
}

/// The running validator.
pub(crate) struct Localnet {
    validator: Validator,
    program: anchor_client::Program<Arc<Keypair>>,
}

impl Localnet {
    /// Starts the validator and loads the programs.
    pub(crate) async fn start(programs: Programs) -> Result<Self> {
        let validator = Validator::start(programs).await?;
        let cluster = Cluster::Custom(validator.rpc_url().into(), validator.ws_url().into());
        let payer = Arc::new(validator.surfnet().payer().insecure_clone());
        let client = Client::new_with_options(cluster, payer, CommitmentConfig::confirmed());
        let program = client.program(PROGRAM_ID)?;
        Ok(Self { validator, program })
    }

    /// The validator's rents.
    pub(crate) async fn rents(&self) -> Result<Rents> {
        let cluster = rpc::Cluster::new(self.validator.rpc_url(), CommitmentConfig::confirmed());
        Ok(rents_by(&cluster.rent().await?))
    }

    /// Makes the market with its vault, and the wallets.
    pub(crate) async fn furnish(
        &self,
        wallets: &Wallets,
        market: &Pubkey,
        price_per_second: u64,
    ) -> Result<()> {
        // Only now, because the mint's own address is not a market either.
        if self.account(market).await?.is_some() {
            return Err(invalid(format!("market: \"{market}\" is not valid; use a market's account, not a program's or a mint's")));
        }
        for (wallet, nos) in [
            (&wallets.owner, OWNER_NOS),
            (&wallets.keeper, 0),
            (&wallets.node, 0),
        ] {
            self.validator
                .fund(&wallet.pubkey(), WALLET_LAMPORTS, nos)?;
        }
        self.validator
            .open_market(market, &wallets.keeper.pubkey(), price_per_second)?;
        Ok(())
    }

    /// On-chain time, unix seconds.
    pub(crate) async fn now(&self) -> Result<i64> {
        let account = self.account(&solana_program::sysvar::clock::ID).await?;
        let account = account.context("the cluster has no clock")?;
        // The sysvar's last field.
        let timestamp = account
            .data
            .last_chunk::<8>()
            .context("the clock is too short")?;
        Ok(i64::from_le_bytes(*timestamp))
    }

    /// Moves the clock forward to `unix_seconds`.
    pub(crate) fn travel(&self, unix_seconds: i64) -> Result<()> {
        Ok(self.validator.travel(unix_seconds)?)
    }

    /// Sends a transaction, paid by the first signer, and waits until it is confirmed.
    pub(crate) async fn send(
        &self,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<Receipt> {
        let rpc = self.program.rpc();
        let mut all = vec![ComputeBudgetInstruction::set_compute_unit_limit(
            MAX_COMPUTE_UNITS,
        )];
        all.extend_from_slice(instructions);
        let payer = signers
            .first()
            .context("a transaction needs a signer")?
            .pubkey();
        let blockhash = rpc.get_latest_blockhash().await?;
        let transaction =
            Transaction::new_signed_with_payer(&all, Some(&payer), signers, blockhash);
        let signature = rpc
            .send_and_confirm_transaction(&transaction)
            .await
            .map_err(|error| named(error, instructions))?;
        let config = RpcTransactionConfig {
            encoding: Some(UiTransactionEncoding::Base64),
            commitment: Some(CommitmentConfig::confirmed()),
            max_supported_transaction_version: Some(0),
        };
        let confirmed = rpc.get_transaction_with_config(&signature, config).await?;
        let meta = confirmed
            .transaction
            .meta
            .context("the transaction has no metadata")?;
        let OptionSerializer::Some(compute_units) = meta.compute_units_consumed else {
            bail!("the transaction's metadata lacks its compute units");
        };
        Ok(Receipt {
            signature: signature.to_string(),
            compute_units,
            fee_lamports: meta.fee,
        })
    }

    /// An account, if it exists.
    pub(crate) async fn account(&self, key: &Pubkey) -> Result<Option<Account>> {
        Ok(self.accounts(&[*key]).await?.pop().flatten())
    }

    /// What each row of the books holds now.
    pub(crate) async fn balances(&self, rows: &[Row]) -> Result<Vec<Balance>> {
        let mut balances = Vec::with_capacity(rows.len());
        for row in rows {
            let mut balance = Balance::default();
            for account in self.accounts(&row.keys).await?.into_iter().flatten() {
                balance.lamports = balance.lamports.saturating_add(account.lamports);
                balance.nos = balance
                    .nos
                    .saturating_add(nos_in((&account).into()).unwrap_or(0));
            }
            balances.push(balance);
        }
        Ok(balances)
    }

    async fn accounts(&self, keys: &[Pubkey]) -> Result<Vec<Option<Account>>> {
        const MOST_PER_REQUEST: usize = 100;
        let mut accounts = Vec::with_capacity(keys.len());
        for keys in keys.chunks(MOST_PER_REQUEST) {
            accounts.extend(self.program.rpc().get_multiple_accounts(keys).await?);
        }
        Ok(accounts)
    }
}

/// Says in words what the transaction failed of.
fn named(error: anchor_client::SolanaClientError, instructions: &[Instruction]) -> anyhow::Error {
    let Some(reason) = error.get_transaction_error() else {
        return error.into();
    };
    let budget = std::iter::once(solana_compute_budget_interface::ID);
    let programs: Vec<Pubkey> = budget
        .chain(
            instructions
                .iter()
                .map(|instruction| instruction.program_id),
        )
        .collect();
    anyhow!(explain(&reason, &programs, &[]))
}
