//! What measuring asks of a chain besides what tests do.

use crate::{Chain, Failure};
use litesvm::{InvocationInspectCallback, LiteSVM};
use nosana_deploy_client::transaction::MAX_COMPUTE_UNITS;
use solana_account::Account;
use solana_address_lookup_table_interface::state::{AddressLookupTable, LookupTableMeta};
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_message::{v0, AddressLookupTableAccount, VersionedMessage};
use solana_program::{instruction::Instruction, pubkey::Pubkey, rent::Rent};
use solana_signature::Signature;
use solana_transaction::{versioned::VersionedTransaction, Transaction};
use std::path::PathBuf;

/// What the instruction that sets the limit uses itself.
const LIMIT_UNITS: u64 = 150;

/// Folder of what `cargo xtask build-program` leaves.
fn elf_dir() -> PathBuf {
    let set = |name| std::env::var_os(name).map(PathBuf::from);
    let target = || {
        set("CARGO_TARGET_DIR")
            .unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target")))
    };
    set("SBF_OUT_DIR").unwrap_or_else(|| target().join("deploy"))
}

/// What a transaction took.
pub(crate) struct Ran {
    /// Excludes the units of the instruction that sets the limit.
    pub(crate) compute_units: u64,
    /// Instructions that its instructions, and those that they called, called.
    pub(crate) calls: usize,
    pub(crate) logs: Vec<String>,
}

/// Measuring on a chain.
pub(crate) trait Measure: Sized {
    /// Both programs and the NOS mint; `observer` sees every step that bytecode takes.
    fn observed(observer: impl InvocationInspectCallback + 'static) -> Self;

    /// Adds a lookup table that can be used at once.
    fn set_table(&mut self, table: &AddressLookupTableAccount);

    /// Adds a third program.
    fn add_program(&mut self, program: Pubkey, file: &str);

    /// What a program returns and logs; changes nothing.
    fn ask(&self, question: Instruction, payer: &Pubkey) -> (Vec<u8>, Vec<String>);

    /// Like `send`, with lookup tables, the largest compute budget and no limit on the transaction's bytes.
    ///
    /// # Errors
    /// As `send`.
    fn run(
        &mut self,
        instructions: &[Instruction],
        payer: &Pubkey,
        tables: &[AddressLookupTableAccount],
    ) -> Result<Ran, Failure>;
}

impl Measure for Chain {
    /// Like [`Self::new`]; `observer` sees every step that bytecode takes.
    fn observed(observer: impl InvocationInspectCallback + 'static) -> Self {
        let mut vm = LiteSVM::new_debuggable(true);
        vm.set_invocation_inspect_callback(observer);
        Self::on(vm)
    }

    fn set_table(&mut self, table: &AddressLookupTableAccount) {
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

    fn add_program(&mut self, program: Pubkey, file: &str) {
        let elf = elf_dir().join(file);
        self.0.add_program_from_file(program, elf).unwrap();
    }

    fn ask(&self, question: Instruction, payer: &Pubkey) -> (Vec<u8>, Vec<String>) {
        let transaction = Transaction::new_with_payer(&[question], Some(payer));
        let answer = self.0.simulate_transaction(transaction).unwrap();
        (answer.meta.return_data.data, answer.meta.logs)
    }

    fn run(
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
        let meta = outcome.map_err(|failed| Failure::from(&failed))?;
        let calls: usize = meta.inner_instructions.iter().map(Vec::len).sum();
        Ok(Ran {
            compute_units: meta.compute_units_consumed - LIMIT_UNITS,
            calls,
            logs: meta.logs,
        })
    }
}
