//! A validator inside this process, with real JSON-RPC, on which a market and the NOS mint stand at
//! the addresses that the deployment names.

use super::{
    ledger::{Balance, Row},
    wallets::{nos_account, Wallets},
};
use anchor_client::{Client, Cluster, CommitmentConfig};
use anchor_lang::{
    solana_program::{program_option::COption, program_pack::Pack},
    AccountSerialize,
};
use anchor_spl::token::{
    self,
    spl_token::state::{Account as TokenAccount, AccountState, Mint},
};
use anyhow::{anyhow, bail, Context, Result};
use nosana_deploy_client::{
    constants::{JOBS_PROGRAM, NOS_DECIMALS, NOS_MINT},
    errors, PROGRAM_ID,
};
use nosana_jobs_localnet::{
    constants::MARKET_SIZE,
    state::{MarketAccount, QUEUE_EMPTY},
};
use solana_account::Account;
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_keypair::Keypair;
use solana_program::{instruction::Instruction, pubkey::Pubkey, rent::Rent};
use solana_rpc_client_api::config::RpcTransactionConfig;
use solana_signer::Signer;
use solana_transaction::Transaction;
use solana_transaction_status_client_types::{
    option_serializer::OptionSerializer, UiTransactionEncoding,
};
use std::{path::Path, sync::Arc};
use surfpool_sdk::{
    cheatcodes::builders::{DeployProgram, SetAccount},
    BlockProductionMode, Surfnet,
};

/// NOS base units that the owner has at first: one million NOS.
const OWNER_NOS: u64 = 1_000_000_000_000;
/// Lamports that each wallet has at first: 100 SOL.
const WALLET_LAMPORTS: u64 = 100_000_000_000;
/// Seconds after which anyone may clean a finished job.
pub(crate) const JOB_EXPIRATION_SECONDS: i64 = 86_400;
/// Enough for any transaction; the demo reports what was really used.
const COMPUTE_UNIT_LIMIT: u32 = 1_400_000;

/// The programs' bytecode.
pub(crate) struct Programs {
    deployments: Vec<u8>,
    jobs: Vec<u8>,
}

impl Programs {
    /// Reads both ELFs.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|error| {
                let path = path.display();
                anyhow!("{path}: {error}; run `cargo xtask build-program` first")
            })
        };
        Ok(Self {
            deployments: read("deployments.so")?,
            jobs: read("nosana_jobs_localnet.so")?,
        })
    }
}

/// A confirmed transaction.
pub(crate) struct Receipt {
    pub(crate) signature: String,
    pub(crate) compute_units: u64,
    pub(crate) fee_lamports: u64,
}

/// The running validator.
pub(crate) struct Localnet {
    surfnet: Surfnet,
    program: anchor_client::Program<Arc<Keypair>>,
}

impl Localnet {
    /// Starts the validator and loads the programs.
    pub(crate) async fn start(programs: Programs) -> Result<Self> {
        // `Clock`: only then do confirmations arrive as on a cluster.
        let builder = Surfnet::builder()
            .offline(true)
            .block_production_mode(BlockProductionMode::Clock);
        let surfnet = builder.slot_time_ms(100).start().await?;
        ignore_events(&surfnet);
        let cluster = Cluster::Custom(surfnet.rpc_url().into(), surfnet.ws_url().into());
        let payer = Arc::new(surfnet.payer().insecure_clone());
        let client = Client::new_with_options(cluster, payer, CommitmentConfig::confirmed());
        let program = client.program(PROGRAM_ID)?;
        let cheats = surfnet.cheatcodes();
        cheats.deploy(DeployProgram::new(PROGRAM_ID).so_bytes(programs.deployments))?;
        cheats.deploy(DeployProgram::new(JOBS_PROGRAM).so_bytes(programs.jobs))?;
        Ok(Self { surfnet, program })
    }

    /// Makes the NOS mint, the market with its vault, and the wallets.
    pub(crate) async fn furnish(
        &self,
        wallets: &Wallets,
        market: &Pubkey,
        price_per_second: u64,
    ) -> Result<()> {
        self.place(
            &NOS_MINT,
            token::ID,
            pack(Mint {
                mint_authority: COption::None,
                supply: OWNER_NOS,
                decimals: NOS_DECIMALS,
                is_initialized: true,
                freeze_authority: COption::None,
            }),
        )?;
        // Only now, because the mint's own address is no market either.
        if self.account(market).await?.is_some() {
            bail!("market: \"{market}\" is not valid; use a market's account, not a program's or a mint's");
        }
        for wallet in [&wallets.owner, &wallets.keeper, &wallets.node] {
            self.surfnet
                .cheatcodes()
                .fund_sol(&wallet.pubkey(), WALLET_LAMPORTS)?;
        }
        for (wallet, amount) in [(&wallets.owner, OWNER_NOS), (&wallets.node, 0)] {
            self.place(
                &nos_account(wallet),
                token::ID,
                token_account(wallet.pubkey(), amount),
            )?;
        }
        let seeds: [&[u8]; 2] = [market.as_ref(), NOS_MINT.as_ref()];
        let (vault, vault_bump) = Pubkey::find_program_address(&seeds, &JOBS_PROGRAM);
        self.place(&vault, token::ID, token_account(vault, 0))?;
        let mut data = vec![0; MARKET_SIZE];
        let state = MarketAccount {
            authority: wallets.keeper.pubkey(),
            job_expiration: JOB_EXPIRATION_SECONDS,
            job_price: price_per_second,
            job_timeout: 7_200,
            job_type: 0,
            vault,
            vault_bump,
            node_access_key: Pubkey::default(),
            node_xnos_minimum: 0,
            queue_type: QUEUE_EMPTY,
            queue: Vec::new(),
        };
        state.try_serialize(&mut &mut data[..])?;
        self.place(market, JOBS_PROGRAM, data)
    }

    fn place(&self, key: &Pubkey, owner: Pubkey, data: Vec<u8>) -> Result<()> {
        let lamports = Rent::default().minimum_balance(data.len());
        let account = SetAccount::new(*key)
            .lamports(lamports)
            .owner(owner)
            .data(data);
        Ok(self.surfnet.cheatcodes().execute(account)?)
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
        let milliseconds = u64::try_from(unix_seconds)?.saturating_mul(1_000);
        self.surfnet
            .cheatcodes()
            .time_travel_to_timestamp(milliseconds)?;
        Ok(())
    }

    /// Sends a transaction, paid by the first signer, and waits until it is confirmed.
    pub(crate) async fn send(
        &self,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<Receipt> {
        let rpc = self.program.rpc();
        let mut all = vec![ComputeBudgetInstruction::set_compute_unit_limit(
            COMPUTE_UNIT_LIMIT,
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
            .map_err(explain)?;
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
                balance.nos = balance.nos.saturating_add(nos_in(&account)?);
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

/// Takes the validator's events out of their channel, which holds 1,024 of them: with nobody there
/// to read, the validator stops for good at the next one, after some 100 seconds. The thread ends
/// with the validator.
fn ignore_events(surfnet: &Surfnet) {
    let events = surfnet.events().clone();
    std::thread::spawn(move || events.iter().for_each(drop));
}

/// NOS base units in an account; none unless it is a token account.
fn nos_in(account: &Account) -> Result<u64> {
    if account.owner != token::ID || account.data.len() != TokenAccount::LEN {
        return Ok(0);
    }
    Ok(TokenAccount::unpack(&account.data)?.amount)
}

fn token_account(owner: Pubkey, amount: u64) -> Vec<u8> {
    pack(TokenAccount {
        mint: NOS_MINT,
        owner,
        amount,
        state: AccountState::Initialized,
        ..TokenAccount::default()
    })
}

fn pack<T: Pack>(state: T) -> Vec<u8> {
    let mut data = vec![0; T::LEN];
    state.pack_into_slice(&mut data);
    data
}

/// Adds the program's own sentence to an RPC error that carries one of its codes.
fn explain(error: anchor_client::SolanaClientError) -> anyhow::Error {
    use solana_transaction::InstructionError;
    use solana_transaction::TransactionError;
    match error.get_transaction_error() {
        Some(TransactionError::InstructionError(_, InstructionError::Custom(code))) => {
            match errors::sentence(code) {
                Some(sentence) => anyhow!("{sentence} (code {code})"),
                None => anyhow!("the transaction failed with custom error {code}"),
            }
        }
        _ => error.into(),
    }
}
