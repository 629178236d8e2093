//! What tests do to a chain, whichever VM runs it: solana-program-test's bank, or LiteSVM.

use crate::accounts::{account_of, market_on_chain, mint_on_chain, token_account};
use nosana_deploy_client::events::{event, Event};
use nosana_jobs_interface::{
    nos_account_address, NOS_MINT, REWARDS_PROGRAM, REWARDS_REFLECTION, REWARDS_VAULT,
};
use nosana_jobs_localnet::state::MarketAccount;
use solana_account::Account;
use solana_instruction::error::InstructionError;
use solana_keypair::Keypair;
use solana_message::{
    compiled_instruction::CompiledInstruction, inner_instruction::InnerInstruction, Message,
};
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_transaction_error::TransactionError;

/// A transaction that went through.
#[derive(Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Compute units it took.
    pub compute_units: u64,
    /// What our program told.
    pub events: Vec<Event>,
}

impl Receipt {
    /// Of a message, and what its instructions called.
    pub(crate) fn new(
        message: &Message,
        compute_units: u64,
        called: &[Vec<InnerInstruction>],
    ) -> Self {
        let event_of = |inner: &InnerInstruction| {
            let CompiledInstruction {
                program_id_index,
                data,
                ..
            } = &inner.instruction;
            event(&message.account_keys[usize::from(*program_id_index)], data)
        };
        Self {
            compute_units,
            events: called.iter().flatten().filter_map(event_of).collect(),
        }
    }
}

/// Why a transaction was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A program's custom error code.
    Code(u32),
    /// The runtime refused to run it, or undid it, for a reason that it names.
    Named(String),
    /// A program crashed or used up its budget: never acceptable.
    Crash(String),
}

impl Failure {
    pub(crate) fn new(error: &TransactionError, logs: &[String]) -> Self {
        use InstructionError as I;
        match error {
            TransactionError::InstructionError(_, I::Custom(code)) => Self::Code(*code),
            TransactionError::InstructionError(
                _,
                I::ProgramFailedToComplete
                | I::ComputationalBudgetExceeded
                | I::InvalidRealloc
                | I::AccountBorrowFailed
                | I::UnbalancedInstruction
                | I::MaxInstructionTraceLengthExceeded,
            ) => Self::Crash(format!("{error:?}: {logs:?}")),
            error => Self::Named(format!("{error:?}")),
        }
    }
}

/// A chain with both programs.
#[allow(async_fn_in_trait)]
pub trait Bank: Sized {
    /// A chain with nothing but the programs and the NOS mint.
    async fn start() -> Self;

    /// Puts an account there, whatever was there before.
    fn put(&mut self, key: &Pubkey, account: Account);

    /// An account, if it exists.
    async fn account(&mut self, key: &Pubkey) -> Option<Account>;

    /// Sets the clock, unix seconds.
    async fn set_time(&mut self, unix_timestamp: i64);

    /// Runs instructions in one transaction, signed and paid by the first signer.
    ///
    /// # Errors
    /// [`Failure`]; nothing but the fee has changed then.
    async fn process(
        &mut self,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<Receipt, Failure>;

    /// Puts the NOS mint there, with a supply that all token accounts together do not exceed.
    fn put_mint(&mut self, supply: u64) {
        self.put(&NOS_MINT, mint_on_chain(supply));
    }

    /// A wallet with lamports; given an amount of NOS, even zero, also with a NOS account.
    fn put_wallet(&mut self, wallet: Pubkey, lamports: u64, nos: Option<u64>) {
        self.put(&wallet, Account::new(lamports, 0, &Pubkey::default()));
        if let Some(amount) = nos {
            let account = token_account(wallet, NOS_MINT, amount);
            self.put(&nos_account_address(&wallet), account);
        }
    }

    /// Has the markets' program take a network fee of so many basis points from now on.
    fn put_fee(&mut self, bps: u16) {
        let reflection = account_of(REWARDS_PROGRAM, bps.to_le_bytes().to_vec());
        self.put(&REWARDS_REFLECTION, reflection);
        let vault = token_account(REWARDS_PROGRAM, NOS_MINT, 0);
        self.put(&REWARDS_VAULT, vault);
    }

    /// A market and its empty vault.
    fn put_market(&mut self, key: Pubkey, market: &MarketAccount) {
        let vault = token_account(market.vault, NOS_MINT, 0);
        self.put(&market.vault, vault);
        self.put(&key, market_on_chain(market));
    }
}
