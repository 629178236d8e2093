//! Every seed of every program-derived address.

use anchor_lang::prelude::*;
use solana_sha256_hasher::hashv;

/// `["owner", wallet]`: the wallet's counter of deployments.
pub const OWNER: &[u8] = b"owner";
/// `["vault", wallet, index u16]`: SOL, and the owner of the NOS token account.
pub const VAULT: &[u8] = b"vault";
/// `["deployment", wallet, id u64]`.
pub const DEPLOYMENT: &[u8] = b"deployment";
/// `["revision", deployment, number u32]`.
pub const REVISION: &[u8] = b"revision";
/// `["job", deployment, index u64]`: an account of the jobs program, signed for by this one.
pub const JOB: &[u8] = b"job";
/// `["run", deployment, index u64]`: likewise, used when a node was waiting for the job.
pub const RUN: &[u8] = b"run";

const MARKER: &[u8] = b"ProgramDerivedAddress";

/// Address and bump of a wallet's owner account.
pub fn owner_address(wallet: &Pubkey) -> (Pubkey, u8) {
    Pubkey::find_program_address(&[OWNER, wallet.as_ref()], &crate::ID)
}

/// Address and bump of a wallet's vault number `index`.
pub fn vault_address(wallet: &Pubkey, index: u16) -> (Pubkey, u8) {
    Pubkey::find_program_address(&[VAULT, wallet.as_ref(), &index.to_le_bytes()], &crate::ID)
}

/// Address and bump of a wallet's deployment number `id`.
pub fn deployment_address(wallet: &Pubkey, id: u64) -> (Pubkey, u8) {
    Pubkey::find_program_address(
        &[DEPLOYMENT, wallet.as_ref(), &id.to_le_bytes()],
        &crate::ID,
    )
}

/// Address and bump of a deployment's revision `number`, from 2.
pub fn revision_address(deployment: &Pubkey, number: u32) -> (Pubkey, u8) {
    Pubkey::find_program_address(
        &[REVISION, deployment.as_ref(), &number.to_le_bytes()],
        &crate::ID,
    )
}

/// Address and bump of a deployment's job number `index`.
pub fn job_address(deployment: &Pubkey, index: u64) -> (Pubkey, u8) {
    Pubkey::find_program_address(
        &[JOB, deployment.as_ref(), &index.to_le_bytes()],
        &crate::ID,
    )
}

/// Address of a deployment's job number `index` with a given bump: the one that its slot stores.
/// `None` if these derive no address.
pub fn job_address_with_bump(deployment: &Pubkey, index: u64, bump: u8) -> Option<Pubkey> {
    let seeds: [&[u8]; 4] = [JOB, deployment.as_ref(), &index.to_le_bytes(), &[bump]];
    Pubkey::create_program_address(&seeds, &crate::ID).ok()
}

/// Address and bump of the run that is created with job number `index` when a node is waiting.
pub fn run_address(deployment: &Pubkey, index: u64) -> (Pubkey, u8) {
    Pubkey::find_program_address(
        &[RUN, deployment.as_ref(), &index.to_le_bytes()],
        &crate::ID,
    )
}

/// Whether `key` is the address that `prefix` ([`JOB`] or [`RUN`]), the deployment, the index and
/// the bump derive.
///
/// One hash instead of `create_program_address`'s curve check, at a tenth of its cost: equality
/// needs none, because the runtime lets only an address off the curve sign, and every job in a slot
/// signed when it was listed.
pub fn is_job_address(
    key: &Pubkey,
    prefix: &[u8],
    deployment: &Pubkey,
    index: u64,
    bump: u8,
) -> bool {
    let hash = hashv(&[
        prefix,
        deployment.as_ref(),
        &index.to_le_bytes(),
        &[bump],
        crate::ID.as_ref(),
        MARKER,
    ]);
    hash.as_ref() == key.as_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheap_check_agrees_with_the_runtime_s_derivation() {
        let deployment = Pubkey::new_from_array([7; 32]);
        for index in [0, 1, 255, u64::MAX] {
            let (job, bump) = job_address(&deployment, index);
            assert!(is_job_address(&job, JOB, &deployment, index, bump));
            assert!(!is_job_address(&job, RUN, &deployment, index, bump));
            assert!(!is_job_address(&job, JOB, &deployment, index ^ 1, bump));
            assert!(!is_job_address(&job, JOB, &deployment, index, bump ^ 1));
            let (run, bump) = run_address(&deployment, index);
            assert!(is_job_address(&run, RUN, &deployment, index, bump));
        }
    }
}
