//! Both programs on a LiteSVM: fast, and cheap to clone.

use crate::{
    accounts::elf_dir,
    bank::{Bank, Failure, Receipt},
};
use anchor_lang::AccountDeserialize;
use anchor_spl::token::TokenAccount;
use litesvm::{types::FailedTransactionMetadata, InvocationInspectCallback, LiteSVM};
use nosana_deploy_client::{transaction::MAX_COMPUTE_UNITS, PROGRAM_ID};
use nosana_jobs_interface::JOBS_PROGRAM;
use solana_account::Account;
use solana_address_lookup_table_interface::state::{AddressLookupTable, LookupTableMeta};
use solana_clock::Clock;
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_message::{v0, AddressLookupTableAccount, VersionedMessage};
use solana_program::{instruction::Instruction, pubkey::Pubkey, rent::Rent};
use solana_signature::Signature;
use solana_transaction::{versioned::VersionedTransaction, Transaction};

/// What the instruction that sets the limit uses itself.
const LIMIT_UNITS: u64 = 150;

/// A chain without blocks. Signatures are not checked: what an instruction marks as a signer has
/// signed, so an attacker's instruction must not mark anyone else.
#[derive(Clone)]
pub struct Chain(LiteSVM);

/// What a transaction took.
pub(crate) struct Ran {
    /// Excludes the units of the instruction that sets the limit.
    pub(crate) compute_units: u64,
    /// Instructions that its instructions, and those that they called, called.
    pub(crate) calls: usize,
    pub(crate) logs: Vec<String>,
}

impl Chain {
    /// Both programs and the NOS mint.
    pub fn new() -> Self {
        Self::on(LiteSVM::new())
    }

    /// Like [`Self::new`]; `observer` sees every step that bytecode takes.
    pub(crate) fn observed(observer: impl InvocationInspectCallback + 'static) -> Self {
        let mut vm = LiteSVM::new_debuggable(true);
        vm.set_invocation_inspect_callback(observer);
        Self::on(vm)
    }

    fn on(vm: LiteSVM) -> Self {
        let mut vm = vm
            .with_sigverify(false)
            .with_blockhash_check(false)
            .with_transaction_history(0)
            // A truncated log would not say how much every call used.
            .with_log_bytes_limit(None);
        for (program, file) in [
            (PROGRAM_ID, "deployments.so"),
            (JOBS_PROGRAM, "nosana_jobs_localnet.so"),
        ] {
            vm.add_program_from_file(program, elf_dir().join(file))
                .unwrap();
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
        let meta = outcome.map_err(|failed| failure(&failed))?;
        Ok(Receipt::new(
            &message,
            meta.compute_units_consumed,
            &meta.inner_instructions,
        ))
    }

    /// Adds a lookup table that can be used at once.
    pub fn set_table(&mut self, table: &AddressLookupTableAccount) {
        let state = AddressLookupTable {
            meta: LookupTableMeta::default(),
            addresses: table.addresses.as_slice().into(),
        };
        let data = state.serialize_for_tests().unwrap();
        let lamports = Rent::default().minimum_balance(data.len());
        let owner = solana_address_lookup_table_interface::program::ID;
        let account = Account {
            lamports,
            data,
            owner,
            ..Account::default()
        };
        self.set(&table.key, account);
        self.0.warp_to_slot(10); // a table counts from the slot after its last change
    }

    /// Adds a third program, for measuring.
    pub(crate) fn add_program(&mut self, program: Pubkey, file: &str) {
        let elf = elf_dir().join(file);
        self.0.add_program_from_file(program, elf).unwrap();
    }

    /// What a program returns and logs; changes nothing.
    pub(crate) fn ask(&self, question: Instruction, payer: &Pubkey) -> (Vec<u8>, Vec<String>) {
        let transaction = Transaction::new_with_payer(&[question], Some(payer));
        let answer = self.0.simulate_transaction(transaction).unwrap();
        (answer.meta.return_data.data, answer.meta.logs)
    }

    /// Like [`Self::send`], with lookup tables, the largest compute budget and no limit on the
    /// transaction's bytes.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(crate) fn run(
        &mut self,
        instructions: &[Instruction],
        payer: &Pubkey,
        tables: &[AddressLookupTableAccount],
    ) -> Result<Ran, Failure> {
        let limit = ComputeBudgetInstruction::set_compute_unit_limit(MAX_COMPUTE_UNITS);
        let all = [&[limit], instructions].concat();
        let hash = self.0.latest_blockhash();
        let message = v0::Message::try_compile(payer, &all, tables, hash).unwrap();
        let signatures = usize::from(message.header.num_required_signatures);
        let transaction = VersionedTransaction {
            signatures: vec![Signature::default(); signatures],
            message: VersionedMessage::V0(message),
        };
        let outcome = self.0.send_transaction(transaction);
        let meta = outcome.map_err(|failed| failure(&failed))?;
        let calls: usize = meta.inner_instructions.iter().map(Vec::len).sum();
        Ok(Ran {
            compute_units: meta.compute_units_consumed - LIMIT_UNITS,
            calls,
            logs: meta.logs,
        })
    }

    /// What [`Self::send`] would do; changes nothing.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub fn simulate(&self, instructions: &[Instruction], payer: &Pubkey) -> Result<(), Failure> {
        let transaction = Transaction::new_with_payer(instructions, Some(payer));
        let outcome = self.0.simulate_transaction(transaction);
        outcome.map(drop).map_err(|failed| failure(&failed))
    }
}

fn failure(failed: &FailedTransactionMetadata) -> Failure {
    Failure::new(&failed.err, &failed.meta.logs)
}

impl Default for Chain {
    fn default() -> Self {
        Self::new()
    }
}
