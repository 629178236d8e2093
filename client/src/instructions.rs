//! A pure builder for every instruction of the program. Nothing else builds one by hand.

mod keeper;
mod owner;

pub use deployments::{
    instructions::{AddRevisionArgs, Amount, CreateArgs, FundArgs, UpdateArgs, WithdrawArgs},
    settings::{ScheduleArgs, SettingsArgs},
};
pub use keeper::*;
pub use nosana_jobs_interface::{market_vault_address, nos_account_address};
pub use owner::*;

use crate::{events::EVENT_AUTHORITY, seeds, PROGRAM_ID};
use anchor_lang::{InstructionData, ToAccountMetas};
use anchor_spl::{
    associated_token::spl_associated_token_account::instruction::create_associated_token_account_idempotent,
    token,
};
use deployments::accounts::{Telling, VaultAccounts};
use nosana_jobs_interface::NOS_MINT;
use solana_program::{
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
};

/// The system program's address.
const SYSTEM_PROGRAM: Pubkey = anchor_lang::system_program::ID;

/// A wallet's vault: where its SOL and its NOS are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vault {
    /// The wallet that withdraws.
    pub owner: Pubkey,
    /// 0 is the shared vault that deployments use by default.
    pub index: u16,
    /// Holds the SOL.
    pub address: Pubkey,
    /// Holds the NOS: the address's associated token account.
    pub nos: Pubkey,
}

impl Vault {
    /// The addresses of `owner`'s vault number `index`.
    pub fn new(owner: Pubkey, index: u16) -> Self {
        let address = seeds::vault_address(&owner, index).0;
        let nos = nos_account_address(&address);
        Self {
            owner,
            index,
            address,
            nos,
        }
    }
}

/// Creates `owner`'s NOS token account unless it exists; `payer` pays its rent.
pub fn create_nos_account(payer: &Pubkey, owner: &Pubkey) -> Instruction {
    create_associated_token_account_idempotent(payer, owner, &NOS_MINT, &token::ID)
}

/// By which every instruction tells what it did.
const TELLING: Telling = Telling {
    event_authority: EVENT_AUTHORITY,
    program: PROGRAM_ID,
};

fn vault_accounts(vault: &Vault) -> VaultAccounts {
    VaultAccounts {
        vault: vault.address,
        nos_mint: NOS_MINT,
        vault_nos: vault.nos,
    }
}

/// The instruction; `remaining` follow the named accounts, writable.
fn build(
    named: impl ToAccountMetas,
    data: impl InstructionData,
    remaining: impl IntoIterator<Item = Pubkey>,
) -> Instruction {
    let mut accounts = named.to_account_metas(None);
    accounts.extend(
        remaining
            .into_iter()
            .map(|key| AccountMeta::new(key, false)),
    );
    Instruction {
        program_id: PROGRAM_ID,
        accounts,
        data: data.data(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{accounts::DeploymentAccount, keeper::plan::tests::snapshot, markets::Run};
    use deployments_domain::{settings::Strategy, status::Status};

    #[test]
    fn the_market_is_locked_for_writing_only_to_list_and_to_delist() {
        let deployment: DeploymentAccount = snapshot(Strategy::Infinite, Status::Running)
            .with(|header| header.market = Pubkey::new_unique())
            .deployment;
        let (keeper, market) = (Pubkey::new_unique(), deployment.header.market);
        let vault = Vault::new(Pubkey::new_unique(), 0);
        let job = |run| JobRun { index: 0, run };
        let [address, node, payer] = [(); 3].map(|()| Pubkey::new_unique());
        let run = Run {
            address,
            node,
            payer,
            ..Run::default()
        };
        let (queued, running) = (job(None), job(Some(run)));
        let writes = |instruction: Instruction| {
            let mut metas = instruction.accounts.into_iter();
            metas.any(|meta| meta.pubkey == market && meta.is_writable)
        };
        let reclaim = |job| reclaim_job(&vault, &deployment.address, &market, &job);
        for writing in [
            list_jobs(&keeper, &deployment, 1),
            stop_jobs(&keeper, &deployment, &[running, queued]),
            reclaim(queued),
        ] {
            assert!(writes(writing));
        }
        for reading in [
            settle_jobs(&keeper, &deployment, &[0]),
            track_jobs(&keeper, &deployment, &[running]),
            extend_jobs(&keeper, &deployment, &[running]),
            stop_jobs(&keeper, &deployment, &[running]),
            reclaim(running),
        ] {
            assert!(!writes(reading));
        }
    }
}
