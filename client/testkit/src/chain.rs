//! Both programs on a LiteSVM: fast, and cheap to clone.

use crate::{
    bank::{Bank, Failure, Receipt},
    elves::Programs,
};
use anchor_lang::AccountDeserialize;
use anchor_spl::token::TokenAccount;
use litesvm::{types::FailedTransactionMetadata, LiteSVM};
use nosana_jobs_interface::JOBS_PROGRAM;
use solana_account::Account;
use solana_clock::Clock;
use solana_keypair::Keypair;
use solana_program::{instruction::Instruction, pubkey::Pubkey, rent::Rent};
use solana_signer::Signer;
use solana_transaction::Transaction;

/// A chain without blocks. Signatures are not checked: what an instruction marks as a signer has
/// signed, so an attacker's instruction must not mark anyone else.
#[derive(Clone)]
pub struct Chain(
    /// The machine itself, for what this has no words for.
    pub LiteSVM,
);

impl Chain {
    /// Both programs and the NOS mint.
    pub fn new() -> Self {
        Self::on(LiteSVM::new())
    }

    /// Both programs and the NOS mint on a machine of your own.
    pub fn on(vm: LiteSVM) -> Self {
        let mut vm = vm
            .with_sigverify(false)
            .with_blockhash_check(false)
            .with_transaction_history(0)
            // A truncated log would not say how much every call used.
            .with_log_bytes_limit(None);
        for (program, elf) in Programs::load().each() {
            vm.add_program(program, elf).unwrap();
        }
        let mut chain = Self(vm);
        chain.put_mint(u64::MAX);
        chain
    }

    /// Puts an account there, whatever was there before.
    pub fn set(&mut self, key: &Pubkey, account: Account) {
        self.0.set_account(*key, account).unwrap();
    }

    /// Sets the clock, unix seconds.
    pub fn set_time(&mut self, unix_timestamp: i64) {
        let clock: Clock = self.0.get_sysvar();
        self.0.set_sysvar(&Clock {
            unix_timestamp,
            ..clock
        });
    }

    /// The cluster's rent.
    pub fn rent(&self) -> Rent {
        self.0.get_sysvar()
    }

    /// Sets the cluster's rent, lamports per byte.
    pub fn set_rent(&mut self, lamports_per_byte: u64) {
        let rent = Rent::with_lamports_per_byte(lamports_per_byte);
        self.0.set_sysvar(&rent);
    }

    /// An account, if it exists.
    pub fn account(&self, key: &Pubkey) -> Option<Account> {
        self.0
            .get_account(key)
            .filter(|account| account.lamports > 0)
    }

    /// Lamports of an account, 0 if it does not exist.
    pub fn lamports(&self, key: &Pubkey) -> u64 {
        self.0.get_balance(key).unwrap_or(0)
    }

    /// NOS base units in a token account, 0 if it is none.
    pub fn nos(&self, key: &Pubkey) -> u64 {
        self.account(key).map_or(0, |account| {
            TokenAccount::try_deserialize(&mut &account.data[..]).map_or(0, |token| token.amount)
        })
    }

    /// An account of the markets' program, if it is of the kind `T`.
    pub fn read<T: AccountDeserialize>(&self, key: &Pubkey) -> Option<T> {
        let account = self.account(key)?;
        (account.owner == JOBS_PROGRAM)
            .then(|| T::try_deserialize(&mut &account.data[..]).ok())
            .flatten()
    }

    /// Runs instructions in one transaction, paid by `payer`.
    ///
    /// # Errors
    /// [`Failure`]; nothing but the fee has changed then.
    pub fn send(
        &mut self,
        instructions: &[Instruction],
        payer: &Pubkey,
    ) -> Result<Receipt, Failure> {
        let transaction = Transaction::new_with_payer(instructions, Some(payer));
        let message = transaction.message.clone();
        let outcome = self.0.send_transaction(transaction);
        let meta = outcome.map_err(|failed| Failure::from(&failed))?;
        Ok(Receipt::new(
            &message,
            meta.compute_units_consumed,
            &meta.inner_instructions,
        ))
    }

    /// What [`Self::send`] would do; changes nothing.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn simulate(&self, instructions: &[Instruction], payer: &Pubkey) -> Result<(), Failure> {
        let transaction = Transaction::new_with_payer(instructions, Some(payer));
        let outcome = self.0.simulate_transaction(transaction);
        outcome.map(drop).map_err(|failed| Failure::from(&failed))
    }
}

impl From<&FailedTransactionMetadata> for Failure {
    fn from(failed: &FailedTransactionMetadata) -> Self {
        Self::new(&failed.err, &failed.meta.logs)
    }
}

impl Default for Chain {
    fn default() -> Self {
        Self::new()
    }
}

impl Bank for Chain {
    async fn start() -> Self {
        Self::new()
    }

    fn put(&mut self, key: &Pubkey, account: Account) {
        self.set(key, account);
    }

    async fn account(&mut self, key: &Pubkey) -> Option<Account> {
        Self::account(self, key)
    }

    async fn set_time(&mut self, unix_timestamp: i64) {
        Self::set_time(self, unix_timestamp);
    }

    async fn process(
        &mut self,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<Receipt, Failure> {
        self.send(instructions, &signers[0].pubkey())
    }
}
