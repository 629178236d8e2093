//! A pure builder for every instruction of the program. Nothing else builds one by hand.

#[cfg(test)]
mod hints;
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
    use crate::{
        accounts::DeploymentAccount,
        keeper::plan::tests::snapshot,
        markets::Run,
        transaction::{assemble, Budget, Lifetime},
        DeploymentSpec,
    };
    use deployments_domain::{settings::Strategy, status::Status};

    /// As `up` sends them, with everything that makes them longer: a nonce, a budget, another fee payer.
    #[test]
    fn what_creates_funds_and_starts_fits_into_one_transaction_and_so_does_what_changes_everything()
    {
        let key = || Pubkey::new_unique();
        let text = format!(
            r#"{{"name": "{}", "market": "{}", "replicas": 100, "timeout": 43200, "strategy": "SCHEDULED",
                "schedule": "*/5 1-5 * 2 *", "overlap": "REPLACE", "max_price": 1, "max_fee_bps": 1, "keeper_reward": 1,
                "max_rewards": 1, "max_queue_minutes": 9, "access_key": "{}", "autostart": true,
                "job_definition": {{"version": "0.1", "type": "container", "ops": [
                    {{"type": "container/run", "id": "a", "args": {{"image": "ubuntu"}}}}]}}}}"#,
            "n".repeat(64),
            key(),
            key()
        );
        let spec = DeploymentSpec::from_json(&text).unwrap();
        let (owner, deployment) = (key(), key());
        let fits = |instructions: &[Instruction]| {
            let budget = Budget {
                compute_unit_limit: Some(1),
                compute_unit_price_micro_lamports: Some(1),
            };
            let lifetime = Lifetime::Nonce {
                account: key(),
                authority: key(),
                nonce: Default::default(),
            };
            assemble(&key(), instructions, &[], &budget, lifetime).is_ok()
        };
        let mut up = create(&owner, 0, &spec).to_vec();
        let [_, funding] = fund(&owner, &Vault::new(owner, 0), 1, 1);
        up.push(funding);
        assert!(fits(&up));
        let args = UpdateArgs {
            settings: SettingsArgs::from(&spec.settings),
            access_key: spec.access_key,
            ..UpdateArgs::default()
        };
        let change = [
            move_to(&owner, &deployment, &spec.market, args),
            add_revision(&owner, &deployment, 2, [0; 32]),
            start(&owner, &deployment),
        ];
        assert!(fits(&change));
        let vault = Vault::new(owner, 0);
        let mut down = vec![archive(&owner, &deployment)];
        down.extend(withdraw(&vault, Amount::All, Amount::All));
        down.push(close(&owner, &deployment));
        down.extend((2..10).map(|number| close_revision(&owner, &deployment, number)));
        assert!(
            fits(&down),
            "with as many revisions as `down` closes at once"
        );
    }

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
