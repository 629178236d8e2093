//! Instructions to a message that wallets sign: version 0, with lookup tables, compute budget,
//! priority fee and a nonce where asked for. Pure; what the budget and the fee should be is decided
//! here too, from figures that somebody read off a cluster.

use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_hash::Hash;
use solana_message::{v0, AddressLookupTableAccount, VersionedMessage};
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_system_interface::instruction::advance_nonce_account;

/// Most bytes of a transaction, signatures included: what fits into a packet of IPv6.
pub const MAX_TRANSACTION_BYTES: usize = 1_232;
/// Most compute units of a transaction.
pub const MAX_COMPUTE_UNITS: u32 = 1_400_000;

/// How long a message may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// For about a minute from when this blockhash was the latest.
    Blockhash(Hash),
    /// Until the nonce is used, for signing at leisure.
    Nonce {
        /// The nonce's account.
        account: Pubkey,
        /// Who may use it, and signs.
        authority: Pubkey,
        /// The nonce that it stores.
        nonce: Hash,
    },
}

/// What a transaction may use, and pays besides its signatures. Nothing is asked for by default:
/// then the cluster grants 200,000 compute units an instruction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Most compute units.
    pub compute_unit_limit: Option<u32>,
    /// Priority fee, in millionths of a lamport per compute unit of the limit.
    pub compute_unit_price_micro_lamports: Option<u64>,
}

impl Budget {
    fn instructions(&self) -> impl Iterator<Item = Instruction> {
        let limit = self
            .compute_unit_limit
            .map(ComputeBudgetInstruction::set_compute_unit_limit);
        let price = self
            .compute_unit_price_micro_lamports
            .map(ComputeBudgetInstruction::set_compute_unit_price);
        limit.into_iter().chain(price)
    }

    /// The priority fee in lamports, rounded up as the cluster does.
    pub fn priority_fee_lamports(&self) -> u64 {
        let limit = u128::from(self.compute_unit_limit.unwrap_or(MAX_COMPUTE_UNITS));
        let price = u128::from(self.compute_unit_price_micro_lamports.unwrap_or(0));
        let lamports = limit.saturating_mul(price).div_ceil(1_000_000);
        u64::try_from(lamports).unwrap_or(u64::MAX)
    }
}

/// Why there is no message.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssemblyError {
    /// The transaction does not fit into a packet.
    #[error("the transaction has {bytes} bytes, more than {MAX_TRANSACTION_BYTES}; use fewer jobs, or a lookup table")]
    TooLarge {
        /// Its size, signatures included.
        bytes: usize,
    },
    /// More accounts than a message can name.
    #[error("the transaction names too many accounts: {0}")]
    TooManyAccounts(String),
}

/// Makes the message that `payer` and the instructions' signers sign.
///
/// ```
/// use nosana_deploy_client::{instructions, transaction::{assemble, Budget, Lifetime}};
/// # use solana_program::pubkey::Pubkey;
/// let (owner, deployment) = (Pubkey::new_unique(), Pubkey::new_unique());
/// let start = instructions::start(&owner, &deployment);
/// let message = assemble(&owner, &[start], &[], &Budget::default(), Lifetime::Blockhash(Default::default()))?;
/// assert_eq!(message.header().num_required_signatures, 1);
/// # Ok::<(), nosana_deploy_client::transaction::AssemblyError>(())
/// ```
///
/// # Errors
/// [`AssemblyError`] if it does not fit.
pub fn assemble(
    payer: &Pubkey,
    instructions: &[Instruction],
    lookup_tables: &[AddressLookupTableAccount],
    budget: &Budget,
    lifetime: Lifetime,
) -> Result<VersionedMessage, AssemblyError> {
    let (blockhash, advance) = match lifetime {
        Lifetime::Blockhash(blockhash) => (blockhash, None),
        Lifetime::Nonce {
            account,
            authority,
            nonce,
        } => (nonce, Some(advance_nonce_account(&account, &authority))),
    };
    // A nonce counts only as the first instruction.
    let all: Vec<Instruction> = advance
        .into_iter()
        .chain(budget.instructions())
        .chain(instructions.iter().cloned())
        .collect();
    let message = v0::Message::try_compile(payer, &all, lookup_tables, blockhash)
        .map_err(|error| AssemblyError::TooManyAccounts(error.to_string()))?;
    let message = VersionedMessage::V0(message);
    let bytes = transaction_bytes(&message);
    if bytes > MAX_TRANSACTION_BYTES {
        return Err(AssemblyError::TooLarge { bytes });
    }
    Ok(message)
}

/// Bytes of a message's transaction, its signatures included.
pub fn transaction_bytes(message: &VersionedMessage) -> usize {
    const SIGNATURE_BYTES: usize = 64;
    let signatures = usize::from(message.header().num_required_signatures);
    // The count of signatures takes one byte: there are fewer than 128.
    message
        .serialize()
        .len()
        .saturating_add(signatures.saturating_mul(SIGNATURE_BYTES))
        .saturating_add(1)
}

/// The limit to ask for when a simulation used `simulated` compute units: a tenth more, because
/// what an instruction meets when it runs may have changed, and 1,000 for the budget's own
/// instructions.
pub fn compute_unit_limit(simulated: u64) -> u32 {
    const FLOOR: u64 = 1_000;
    let tenth = simulated.div_ceil(10);
    let limit = simulated.saturating_add(tenth).saturating_add(FLOOR);
    u32::try_from(limit)
        .unwrap_or(u32::MAX)
        .min(MAX_COMPUTE_UNITS)
}

/// What the cluster charges for each signature, in lamports.
pub const LAMPORTS_PER_SIGNATURE: u64 = 5_000;

/// The priority fee to pay after these recent ones, in micro-lamports per compute unit: what three
/// of four transactions paid at most, and never more than `cap`.
pub fn priority_fee(recent: &[u64], cap: u64) -> u64 {
    let mut sorted = recent.to_vec();
    sorted.sort_unstable();
    let position = (sorted.len() * 3).div_ceil(4).saturating_sub(1);
    sorted.get(position).copied().unwrap_or(0).min(cap)
}

#[cfg(test)]
mod tests {
    use super::*;
    use solana_program::instruction::AccountMeta;

    fn instruction(accounts: u32, data: usize) -> Instruction {
        let accounts = (0..accounts).map(|_| AccountMeta::new(Pubkey::new_unique(), false));
        Instruction::new_with_bytes(Pubkey::new_unique(), &vec![0; data], accounts.collect())
    }

    fn blockhash() -> Lifetime {
        Lifetime::Blockhash(Hash::new_unique())
    }

    #[test]
    fn a_nonce_comes_first_then_the_budget_then_the_rest() {
        let [payer, account, authority] = std::array::from_fn(|_| Pubkey::new_unique());
        let nonce = Hash::new_unique();
        let budget = Budget {
            compute_unit_limit: Some(5_000),
            compute_unit_price_micro_lamports: Some(300),
        };
        let lifetime = Lifetime::Nonce {
            account,
            authority,
            nonce,
        };
        let work = instruction(1, 4);
        let message =
            assemble(&payer, std::slice::from_ref(&work), &[], &budget, lifetime).unwrap();
        let keys = message.static_account_keys();
        let programs: Vec<_> = message
            .instructions()
            .iter()
            .map(|instruction| keys[usize::from(instruction.program_id_index)])
            .collect();
        let system = anchor_lang::system_program::ID;
        let compute = solana_compute_budget_interface::ID;
        assert_eq!(programs, [system, compute, compute, work.program_id]);
        assert_eq!(message.recent_blockhash(), &nonce);
        assert_eq!(
            message.header().num_required_signatures,
            2,
            "payer and authority"
        );
    }

    #[test]
    fn what_does_not_fit_into_a_packet_is_refused_with_its_size() {
        let payer = Pubkey::new_unique();
        let assembled = |data| {
            let work = [instruction(1, data)];
            assemble(&payer, &work, &[], &Budget::default(), blockhash())
        };
        let small = transaction_bytes(&assembled(0).unwrap());
        let room = MAX_TRANSACTION_BYTES.checked_sub(small).unwrap();
        let full = room.checked_sub(1).unwrap(); // the data's length takes a second byte
        assert_eq!(
            transaction_bytes(&assembled(full).unwrap()),
            MAX_TRANSACTION_BYTES
        );
        assert_eq!(
            assembled(room).unwrap_err(),
            AssemblyError::TooLarge { bytes: 1_233 }
        );
    }

    #[test]
    fn a_lookup_table_makes_room() {
        let payer = Pubkey::new_unique();
        let work = [instruction(35, 0)];
        let too_large = assemble(&payer, &work, &[], &Budget::default(), blockhash());
        assert!(matches!(too_large, Err(AssemblyError::TooLarge { .. })));
        let table = AddressLookupTableAccount {
            key: Pubkey::new_unique(),
            addresses: work[0].accounts.iter().map(|meta| meta.pubkey).collect(),
        };
        let message = assemble(&payer, &work, &[table], &Budget::default(), blockhash()).unwrap();
        assert!(transaction_bytes(&message) < 300);
    }

    #[test]
    fn the_limit_is_what_was_simulated_and_a_margin_within_the_cluster_s() {
        assert_eq!(compute_unit_limit(0), 1_000);
        assert_eq!(compute_unit_limit(10_001), 12_002);
        assert_eq!(compute_unit_limit(1_400_000), MAX_COMPUTE_UNITS);
        assert_eq!(compute_unit_limit(u64::MAX), MAX_COMPUTE_UNITS);
    }

    #[test]
    fn the_fee_is_the_upper_quartile_of_recent_ones_and_capped() {
        assert_eq!(priority_fee(&[], 100), 0);
        assert_eq!(priority_fee(&[7], 100), 7);
        assert_eq!(priority_fee(&[40, 10, 30, 20], 100), 30);
        assert_eq!(priority_fee(&[0, 0, 0, 1_000], 100), 0);
        assert_eq!(priority_fee(&[1_000, 2_000], 100), 100);
        let budget = Budget {
            compute_unit_limit: Some(3),
            compute_unit_price_micro_lamports: Some(1),
        };
        assert_eq!(budget.priority_fee_lamports(), 1, "rounded up");
    }
}
