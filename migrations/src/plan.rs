//! What is left to do, down to the lamport. Pure: made of the goal and of accounts that were read before.

use crate::{
    goal::Goal,
    ledger::Ledger,
    programs::loader::{self, Loaded},
    steps::{Step, STEPS},
};
use nosana_deploy_client::transaction::{
    assemble, transaction_bytes, AssemblyError, Budget, Lifetime, MAX_TRANSACTION_BYTES,
};
use solana_message::{AddressLookupTableAccount, VersionedMessage};
use solana_program::{hash::Hash, instruction::Instruction, pubkey::Pubkey};
use std::collections::BTreeSet;

/// Why there is no plan.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The first deployment needs the key of the program's address.
    #[error("{0} is not deployed yet: --program-keypair is needed, with the key of that address")]
    NoProgramKey(Pubkey),
    /// Nobody can upgrade the program any more.
    #[error("{0} runs other bytecode, and has no upgrade authority: it can never be changed")]
    Immutable(Pubkey),
    /// Something else is at the program's address.
    #[error("{0} is no program that can be upgraded: something else is at this address")]
    NotAProgram(Pubkey),
    /// Somebody paid lamports to an address that only the loader may use.
    #[error("somebody holds lamports at {0}, where the program's bytecode would be: choose a different key for the program")]
    DataOccupied(Pubkey),
    /// An account that a step would use is something else.
    #[error("{what} {key} is not as it was left: {reason}")]
    Occupied {
        /// What it should be.
        what: &'static str,
        /// Where.
        key: Pubkey,
        /// What is wrong, and what helps.
        reason: &'static str,
    },
    /// A vault of something that is no multisig could never sign.
    #[error("--squads-multisig {0} is not a multisig of Squads v4 on this cluster: what its vault owned, nobody could ever use")]
    NoMultisig(Pubkey),
    /// More addresses than a lookup table has room for.
    #[error("--market: {0} addresses do not fit into a lookup table of 256; name fewer markets")]
    TooManyMarkets(usize),
    /// A transaction that cannot be made.
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
}

/// What a cluster says besides its accounts.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The latest slot.
    pub slot: u64,
    /// What each signature costs.
    pub lamports_per_signature: u64,
    /// Whether only the upgrade authority may give a program more room.
    pub extension_needs_authority: bool,
    /// The deployer's lookup tables.
    pub tables: Vec<AddressLookupTableAccount>,
}

/// A transaction of a plan.
#[derive(Clone, Debug)]
pub struct Transaction {
    /// What it does.
    pub what: String,
    /// Its instructions.
    pub instructions: Vec<Instruction>,
    /// Who pays its fee.
    pub payer: Pubkey,
    /// What is asked for.
    pub budget: Budget,
    /// Signers that are not at hand.
    pub absent: Vec<Pubkey>,
    /// The fee; zero if somebody else sends it, who pays it then.
    pub fee_lamports: u64,
}

impl Transaction {
    /// Its message.
    ///
    /// # Errors
    /// [`AssemblyError`] if it is too large.
    pub fn message(&self, blockhash: Hash) -> Result<VersionedMessage, AssemblyError> {
        let lifetime = Lifetime::Blockhash(blockhash);
        assemble(&self.payer, &self.instructions, &[], &self.budget, lifetime)
    }
}

/// Transactions that may be sent side by side, once those before have landed.
pub type Round = Vec<Transaction>;

/// How far a step is.
#[derive(Clone, Debug)]
pub enum State {
    /// There is nothing to do, and why.
    Done(String),
    /// What is to do.
    Due(Vec<Round>),
    /// It is left out, and why.
    LeftOut(String),
}

/// A step and its state.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The step.
    pub step: &'static Step,
    /// How far it is.
    pub state: State,
}

/// All steps, and what they do to which account.
#[derive(Clone, Debug)]
pub struct Plan {
    /// In their order.
    pub steps: Vec<Planned>,
    /// The accounts now.
    pub before: Ledger,
    /// The accounts when all is done.
    pub after: Ledger,
    /// Names of accounts.
    pub names: Vec<(Pubkey, &'static str)>,
    /// The deployer's lookup tables when all is done.
    pub tables: Vec<AddressLookupTableAccount>,
    /// Fees of all transactions, lamports.
    pub fees_lamports: u64,
    deployer: Pubkey,
    /// The least that the deployer has in between.
    lowest_lamports: i128,
}

impl Plan {
    /// What is left to do.
    ///
    /// # Errors
    /// [`PlanError`] if the goal cannot be reached from here; nothing was sent.
    pub fn new(goal: &Goal, terms: &Terms, ledger: Ledger) -> Result<Self, PlanError> {
        let before = ledger.clone();
        let mut draft = Draft {
            goal,
            terms,
            lowest_lamports: ledger.lamports(&goal.deployer),
            ledger,
            tables: terms.tables.clone(),
            rounds: Vec::new(),
            names: vec![(goal.deployer, "deployer")],
            fees_lamports: 0,
        };
        let mut steps = Vec::new();
        for step in &STEPS {
            let state = match (step.plan)(&mut draft)? {
                Outcome::Due => State::Due(std::mem::take(&mut draft.rounds)),
                Outcome::Done(why) => State::Done(why),
                Outcome::LeftOut(why) => State::LeftOut(why),
            };
            steps.push(Planned { step, state });
        }
        Ok(Self {
            steps,
            before,
            after: draft.ledger,
            names: draft.names,
            tables: draft.tables,
            fees_lamports: draft.fees_lamports,
            deployer: goal.deployer,
            lowest_lamports: draft.lowest_lamports,
        })
    }

    /// The transactions that come next, and their step.
    pub fn next(&self) -> Option<(&'static Step, &[Round])> {
        self.steps.iter().find_map(|planned| match &planned.state {
            State::Due(rounds) => Some((planned.step, &rounds[..])),
            _ => None,
        })
    }

    /// Lamports that the deployer must have, rents that return later included.
    pub fn outlay_lamports(&self) -> i128 {
        self.before.lamports(&self.deployer) - self.lowest_lamports
    }

    /// Lamports that the deployer lacks at some point.
    pub fn shortfall_lamports(&self) -> i128 {
        (-self.lowest_lamports).max(0)
    }
}

/// What a step finds.
pub(crate) enum Outcome {
    Done(String),
    Due,
    LeftOut(String),
}

/// A plan in the making: the steps so far are done in its ledger.
pub(crate) struct Draft<'a> {
    pub(crate) goal: &'a Goal,
    pub(crate) terms: &'a Terms,
    pub(crate) ledger: Ledger,
    pub(crate) tables: Vec<AddressLookupTableAccount>,
    rounds: Vec<Round>,
    names: Vec<(Pubkey, &'static str)>,
    fees_lamports: u64,
    lowest_lamports: i128,
}

impl Draft<'_> {
    /// Notes what people call an account.
    pub(crate) fn name(&mut self, key: Pubkey, name: &'static str) {
        self.names.push((key, name));
    }

    /// Adds a round of transactions, whose effects its caller writes to the ledger.
    pub(crate) fn round(
        &mut self,
        transactions: impl IntoIterator<Item = (String, Vec<Instruction>)>,
    ) -> Result<(), PlanError> {
        let mut round = Round::new();
        for (what, instructions) in transactions {
            let transaction = self.transaction(what, instructions)?;
            let fee = transaction.fee_lamports;
            self.ledger.burn(&transaction.payer, fee);
            self.fees_lamports = self.fees_lamports.saturating_add(fee);
            round.push(transaction);
        }
        // A round of nothing would be taken for ever.
        if !round.is_empty() {
            self.rounds.push(round);
        }
        Ok(())
    }

    /// Notes how much the deployer has by now; called where an outlay returns later.
    pub(crate) fn note_lowest(&mut self) {
        let now = self.ledger.lamports(&self.goal.deployer);
        self.lowest_lamports = self.lowest_lamports.min(now);
    }

    fn transaction(
        &self,
        what: String,
        instructions: Vec<Instruction>,
    ) -> Result<Transaction, PlanError> {
        let metas = instructions.iter().flat_map(|one| &one.accounts);
        let signers: BTreeSet<Pubkey> = metas
            .filter(|meta| meta.is_signer)
            .map(|meta| meta.pubkey)
            .collect();
        let absent: Vec<Pubkey> = signers.difference(&self.goal.keys).copied().collect();
        // Whoever is absent signs alone: a multisig's vault cannot sign for a deployer as well.
        let payer = absent.first().copied().unwrap_or(self.goal.deployer);
        let budget = match absent.is_empty() {
            true => self.budget(&instructions),
            false => Budget::default(),
        };
        let mut transaction = Transaction {
            what,
            instructions,
            payer,
            budget,
            absent,
            fee_lamports: 0,
        };
        let message = transaction.message(Hash::default())?;
        let signatures = u64::from(message.header().num_required_signatures);
        let base = signatures.saturating_mul(self.terms.lamports_per_signature);
        let priority = budget.priority_fee_lamports();
        if transaction.absent.is_empty() {
            transaction.fee_lamports = base.saturating_add(priority);
        }
        Ok(transaction)
    }

    /// With a priority fee, a limit for what the instructions are: the fee is paid for the limit, so a plan knows
    /// it beforehand.
    fn budget(&self, instructions: &[Instruction]) -> Budget {
        /// Of the system program and the loader, which charge fixed amounts below this.
        const BUILT_IN: u32 = 6_000;
        /// Of other programs, which derive an address or two.
        const OTHER: u32 = 60_000;
        let Some(price) = self.goal.unit_price_micro_lamports else {
            return Budget::default();
        };
        let built_in = [loader::LOADER, solana_system_interface::program::ID];
        let units = instructions
            .iter()
            .map(|one| match built_in.contains(&one.program_id) {
                true => BUILT_IN,
                false => OTHER,
            });
        Budget {
            compute_unit_limit: Some(units.fold(BUILT_IN, u32::saturating_add)),
            compute_unit_price_micro_lamports: Some(price),
        }
    }

    /// The program's bytecode and its upgrade authority, if it is deployed.
    pub(crate) fn deployed(&self) -> Option<Deployed> {
        let data = self.goal.program_data();
        match loader::read(self.ledger.get(&data)) {
            Some(Loaded::ProgramData {
                slot,
                authority,
                bytecode,
            }) => {
                let elf = self.goal.bytecode.elf();
                let is_current = bytecode
                    .strip_prefix(elf)
                    .is_some_and(|rest| rest.iter().all(|byte| *byte == 0));
                Some(Deployed {
                    slot,
                    authority,
                    room: bytecode.len(),
                    is_current,
                })
            }
            _ => None,
        }
    }

    /// Lamports from the deployer, so that an account of so many bytes can be at `key`.
    pub(crate) fn fund(&mut self, key: &Pubkey, bytes: usize) -> Option<Instruction> {
        let missing = self.ledger.missing_rent(key, bytes);
        self.ledger.transfer(&self.goal.deployer, key, missing);
        let deployer = &self.goal.deployer;
        let transfer = solana_system_interface::instruction::transfer;
        (missing > 0).then(|| transfer(deployer, key, missing))
    }

    /// Adds a round that writes what `there` lacks of `wanted`, in parts as long as fit into a transaction of `write`.
    pub(crate) fn write_lacking(
        &mut self,
        there: &[u8],
        wanted: &[u8],
        write: &dyn Fn(u32, &[u8]) -> Instruction,
    ) -> Result<(), PlanError> {
        let empty = self.transaction(String::new(), vec![write(0, &[])])?;
        let empty = transaction_bytes(&empty.message(Hash::default())?);
        // The length of the instruction's data takes a byte more once it is above 127.
        let most = MAX_TRANSACTION_BYTES - empty - 1;
        let parts = wanted.chunks(most).enumerate();
        let parts = parts.map(|(number, part)| (number * most, part));
        let lacking =
            parts.filter(|(offset, part)| there.get(*offset..offset + part.len()) != Some(*part));
        self.round(lacking.map(|(offset, part)| {
            let what = format!("write {} bytes from byte {offset} on", part.len());
            let offset = u32::try_from(offset).unwrap_or(u32::MAX);
            (what, vec![write(offset, part)])
        }))
    }
}

/// A deployed program.
pub(crate) struct Deployed {
    pub(crate) slot: u64,
    pub(crate) authority: Option<Pubkey>,
    /// Bytes that its bytecode may have.
    pub(crate) room: usize,
    /// Whether it runs the goal's bytecode.
    pub(crate) is_current: bool,
}
