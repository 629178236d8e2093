//! Sending what is due, round by round. After each, the cluster is read and planned anew, so that nothing depends on
//! what was believed before.

use crate::{
    chain::{self, ReadError},
    goal::Goal,
    plan::{Plan, PlanError, Round, Transaction},
    steps::Step,
};
use futures_util::{stream, StreamExt};
use nosana_deploy_client::{
    rpc::{Cluster, ClusterError},
    transaction::Lifetime,
};
use solana_keypair::Keypair;
use solana_program::{hash::Hash, pubkey::Pubkey};
use solana_signer::{Signer, SignerError};
use solana_transaction::versioned::VersionedTransaction;
use std::ops::ControlFlow;

/// Transactions that are sent side by side.
const SIDE_BY_SIDE: usize = 32;
/// Transactions that share a blockhash: they are sent well before it expires.
const PER_BLOCKHASH: usize = 4 * SIDE_BY_SIDE;
/// So many rounds of which no transaction lands are enough.
const MOST_FAILURES: u32 = 3;

/// Why not everything was done. What was, stays; run it again to go on.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The cluster could not be read, or the goal cannot be reached.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A transaction was refused, or did not arrive.
    #[error("step {number:04} {name}: {what}: {error}")]
    Step {
        /// The step's number.
        number: u16,
        /// Its name.
        name: &'static str,
        /// What the transaction does.
        what: String,
        /// Why it did not.
        error: ClusterError,
    },
    /// A signature could not be made.
    #[error("step {number:04} {name}: {error}")]
    Signing {
        /// The step's number.
        number: u16,
        /// Its name.
        name: &'static str,
        /// What the key said.
        error: SignerError,
    },
    /// The rest needs somebody else's signature.
    #[error("step {number:04} {name} waits for the signature of {signer}: `apply --unsigned` prints what to sign, and this goes on once it has landed")]
    Waits {
        /// The step's number.
        number: u16,
        /// Its name.
        name: &'static str,
        /// Who must sign.
        signer: Pubkey,
    },
    /// The caller stopped it.
    #[error("stopped; run it again to go on")]
    Stopped,
}

/// A transaction that landed.
#[derive(Clone, Debug)]
pub struct Landed<'a> {
    /// Its step.
    pub step: &'static Step,
    /// What it did.
    pub what: &'a str,
    /// Its name.
    pub signature: String,
    /// How many of its round are left.
    pub left: usize,
}

/// Takes all steps that are due. `watch` hears of every transaction that landed, and can stop.
///
/// # Errors
/// [`ApplyError`]; what has landed until then stays.
pub async fn apply(
    cluster: &Cluster,
    goal: &Goal,
    keys: &[Keypair],
    watch: &mut dyn FnMut(&Landed<'_>) -> ControlFlow<()>,
) -> Result<Plan, ApplyError> {
    let (mut since, mut failures) = (0, 0);
    loop {
        let plan = chain::plan(cluster, goal, since).await?;
        let Some((step, round)) = plan.next().and_then(first) else {
            return Ok(plan);
        };
        if let Some(signer) = round.iter().find_map(|one| one.absent.first()) {
            return Err(ApplyError::Waits {
                number: step.number,
                name: step.name,
                signer: *signer,
            });
        }
        let (landed, error) = send(cluster, step, round, keys, watch).await?;
        failures = match landed {
            Some(_) => 0,
            None => failures + 1,
        };
        // The loader refuses a second change of a program in the same slot, and what is read next must know of
        // this one.
        since = landed.map_or(since, |slot| slot.saturating_add(1));
        match error {
            Some(error) if failures == MOST_FAILURES || !may_try_again(&error) => {
                return Err(error);
            }
            _ => {}
        }
    }
}

fn first<'a>((step, rounds): (&'static Step, &'a [Round])) -> Option<(&'static Step, &'a Round)> {
    Some((step, rounds.first()?))
}

/// What may have gone wrong on the way, and not with the transaction.
fn may_try_again(error: &ApplyError) -> bool {
    let ApplyError::Step { error, .. } = error else {
        return false;
    };
    !matches!(
        error,
        ClusterError::Refused(_) | ClusterError::Failed { .. }
    )
}

/// Sends a round; returns the last slot in which something landed, and what failed first.
async fn send(
    cluster: &Cluster,
    step: &'static Step,
    round: &Round,
    keys: &[Keypair],
    watch: &mut dyn FnMut(&Landed<'_>) -> ControlFlow<()>,
) -> Result<(Option<u64>, Option<ApplyError>), ApplyError> {
    let (number, name) = (step.number, step.name);
    let failed = |what: &str, error| ApplyError::Step {
        number,
        name,
        what: what.to_owned(),
        error,
    };
    let (mut slot, mut error, mut left) = (None, None, round.len());
    for part in round.chunks(PER_BLOCKHASH) {
        let blockhash = cluster.latest_blockhash().await;
        let (blockhash, _) = blockhash.map_err(ReadError::from)?;
        let signed = part.iter().map(|one| sign(one, keys, blockhash));
        let signed: Result<Vec<_>, _> = signed.collect();
        let signed = signed.map_err(|error| match error {
            Unsigned::Signer(error) => ApplyError::Signing {
                number,
                name,
                error,
            },
            Unsigned::Plan(error) => ReadError::from(error).into(),
        })?;
        let lifetime = Lifetime::Blockhash(blockhash);
        let sending = part.iter().zip(&signed);
        let sending =
            sending.map(|(one, signed)| async move { (one, cluster.send(signed, lifetime).await) });
        let mut sent = stream::iter(sending).buffer_unordered(SIDE_BY_SIDE);
        while let Some((one, outcome)) = sent.next().await {
            match outcome {
                Ok(receipt) => {
                    left = left.saturating_sub(1);
                    slot = slot.max(Some(receipt.slot));
                    let landed = Landed {
                        step,
                        what: &one.what,
                        signature: receipt.signature.to_string(),
                        left,
                    };
                    if watch(&landed).is_break() {
                        return Err(ApplyError::Stopped);
                    }
                }
                Err(why) => error = error.or_else(|| Some(failed(&one.what, why))),
            }
        }
        if error.is_some() {
            break;
        }
    }
    Ok((slot, error))
}

enum Unsigned {
    Signer(SignerError),
    Plan(PlanError),
}

fn sign(
    transaction: &Transaction,
    keys: &[Keypair],
    blockhash: Hash,
) -> Result<VersionedTransaction, Unsigned> {
    let message = transaction
        .message(blockhash)
        .map_err(|error| Unsigned::Plan(error.into()))?;
    let needed = usize::from(message.header().num_required_signatures);
    let needed = message.static_account_keys().get(..needed);
    let needed = needed.unwrap_or_default().to_vec();
    let signers = keys.iter().filter(|key| needed.contains(&key.pubkey()));
    let signers: Vec<&Keypair> = signers.collect();
    VersionedTransaction::try_new(message, &signers).map_err(Unsigned::Signer)
}
