//! What bytecode did, step by step: how many instructions it executed, what it asked of the runtime,
//! and how much heap it allocated.

use litesvm::{InvocationInspectCallback, LiteSVM};
use solana_program::pubkey::Pubkey;
use solana_program_runtime::{
    invoke_context::{Executable, InvokeContext, RegisterTrace},
    solana_sbpf::ebpf::{self, Insn, MM_HEAP_START},
};
use solana_transaction::sanitized::SanitizedTransaction;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// Bytes of a program's heap.
pub(super) const HEAP_BYTES: u64 = 32 * 1024;
/// Where a step's registers hold the place of its instruction.
const PROGRAM_COUNTER: usize = 11;

/// One run of a program's bytecode, by a transaction or by another program.
#[derive(Clone, Debug)]
pub(super) struct Invocation {
    program: Pubkey,
    /// Instructions that it executed.
    pub(super) steps: u64,
    /// How often it called which function of the runtime.
    syscalls: BTreeMap<String, u64>,
    /// Bytes that it allocated. Nothing is ever freed, so that is the peak too.
    heap_bytes: u64,
}

/// What the last transaction's programs did.
#[derive(Clone, Default)]
pub(super) struct Trace(Arc<Mutex<Vec<Invocation>>>);

impl Trace {
    /// Every run of `program`.
    pub(super) fn of(&self, program: &Pubkey) -> Vec<Invocation> {
        let all = self.0.lock().unwrap();
        let own = all.iter().filter(|ran| ran.program == *program);
        own.cloned().collect()
    }
}

/// The most heap that one of these runs allocated.
pub(super) fn heap_bytes(runs: &[Invocation]) -> u64 {
    runs.iter().map(|ran| ran.heap_bytes).max().unwrap_or(0)
}

/// How often these runs called which function of the runtime.
pub(super) fn syscalls(runs: &[Invocation]) -> BTreeMap<String, u64> {
    let mut all = BTreeMap::new();
    for (name, count) in runs.iter().flat_map(|ran| &ran.syscalls) {
        *all.entry(name.clone()).or_default() += count;
    }
    all
}

impl InvocationInspectCallback for Trace {
    fn before_invocation(
        &self,
        _: &LiteSVM,
        _: &SanitizedTransaction,
        _: &[u16],
        _: &InvokeContext,
    ) {
        self.0.lock().unwrap().clear();
    }

    fn after_invocation(&self, _: &LiteSVM, context: &InvokeContext, _: bool) {
        context.iterate_vm_traces(&|instruction, executable: &Executable, steps| {
            let program = *instruction.get_program_key().unwrap();
            self.0
                .lock()
                .unwrap()
                .push(observe(program, executable, steps));
        });
    }
}

/// The allocator of Solana's programs hands out addresses downwards from the heap's end, frees
/// nothing, and stores in the heap's first word how far it has come.
fn observe(program: Pubkey, executable: &Executable, steps: RegisterTrace) -> Invocation {
    let (_, text) = executable.get_text_bytes();
    let runtime = executable.get_loader().get_function_registry();
    let (mut lowest, mut syscalls) = (MM_HEAP_START + HEAP_BYTES, BTreeMap::new());
    for registers in steps {
        let place = usize::try_from(registers[PROGRAM_COUNTER]).unwrap();
        let instruction = ebpf::get_insn_unchecked(text, place);
        match instruction.opc {
            ebpf::CALL_IMM => {
                let hash =
                    u32::from_le_bytes(instruction.imm.to_le_bytes()[..4].try_into().unwrap());
                if let Some((name, _)) = runtime.lookup_by_key(hash) {
                    let name = String::from_utf8_lossy(name).into_owned();
                    *syscalls.entry(name).or_default() += 1;
                }
            }
            ebpf::ST_DW_REG if address(&instruction, registers) == MM_HEAP_START => {
                lowest = lowest.min(registers[usize::from(instruction.src)]);
            }
            _ => {}
        }
    }
    Invocation {
        program,
        steps: steps.len().try_into().unwrap(),
        syscalls,
        heap_bytes: MM_HEAP_START + HEAP_BYTES - lowest,
    }
}

/// Where an instruction stores to.
fn address(instruction: &Insn, registers: &[u64; 12]) -> u64 {
    registers[usize::from(instruction.dst)].wrapping_add_signed(instruction.off.into())
}
