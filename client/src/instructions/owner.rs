//! What a wallet signs.

use super::{
    build, create_nos_account, market_vault_address, nos_account_address, vault_accounts, Vault,
    SYSTEM_PROGRAM, TELLING,
};
use crate::{seeds, DeploymentSpec};
use anchor_spl::token;
use deployments::{
    accounts, instruction,
    instructions::{AddRevisionArgs, Amount, FundArgs, UpdateArgs, WithdrawArgs},
    state::deployment::FIRST_REVISION,
};
use nosana_jobs_interface::NOS_MINT;
use solana_program::{instruction::Instruction, pubkey::Pubkey};

/// Creates the owner's deployment number `id` (the owner account's `next_deployment_id`), and the
/// vault's token account before it. Signer: the owner.
pub fn create(owner: &Pubkey, id: u64, spec: &DeploymentSpec) -> [Instruction; 2] {
    let vault = Vault::new(*owner, spec.vault_index);
    let accounts = accounts::Create {
        owner: *owner,
        owner_account: seeds::owner_address(owner).0,
        deployment: seeds::deployment_address(owner, id).0,
        vault: vault.address,
        vault_nos: vault.nos,
        nos_mint: NOS_MINT,
        market: spec.market,
        system_program: SYSTEM_PROGRAM,
        telling: TELLING,
    };
    let args = spec.create_args(owner, id);
    [
        create_nos_account(owner, &vault.address),
        build(accounts, instruction::Create { args }, []),
    ]
}

/// Adds NOS base units and lamports to a vault, whose token account is made before if need be.
/// Signer: the funder, who may be anyone and pays from its associated token account.
pub fn fund(funder: &Pubkey, vault: &Vault, nos: u64, lamports: u64) -> [Instruction; 2] {
    let accounts = accounts::Fund {
        funder: *funder,
        owner: vault.owner,
        vault: vault_accounts(vault),
        funder_nos: nos_account_address(funder),
        token_program: token::ID,
        system_program: SYSTEM_PROGRAM,
        telling: TELLING,
    };
    let args = FundArgs {
        vault_index: vault.index,
        nos,
        lamports,
    };
    [
        create_nos_account(funder, &vault.address),
        build(accounts, instruction::Fund { args }, []),
    ]
}

/// Takes NOS base units and lamports out of a vault, into the owner's wallet and associated token
/// account, which is made before if need be. Signer: the owner.
pub fn withdraw(vault: &Vault, nos: Amount, lamports: Amount) -> [Instruction; 2] {
    let owner = vault.owner;
    let accounts = accounts::Withdraw {
        owner,
        vault: vault_accounts(vault),
        owner_nos: nos_account_address(&owner),
        token_program: token::ID,
        system_program: SYSTEM_PROGRAM,
        telling: TELLING,
    };
    let args = WithdrawArgs {
        vault_index: vault.index,
        nos,
        lamports,
    };
    [
        create_nos_account(&owner, &owner),
        build(accounts, instruction::Withdraw { args }, []),
    ]
}

/// Starts a deployment, or starts it again. Signer: the owner.
pub fn start(owner: &Pubkey, deployment: &Pubkey) -> Instruction {
    build(steer(owner, deployment), instruction::Start {}, [])
}

/// Stops a deployment. Signer: the owner.
pub fn stop(owner: &Pubkey, deployment: &Pubkey) -> Instruction {
    build(
        steer(owner, deployment),
        instruction::Stop { drain: false },
        [],
    )
}

/// Stops a deployment; what nodes run ends by itself or at its deadline, until [`stop`]. Signer: the owner.
pub fn drain(owner: &Pubkey, deployment: &Pubkey) -> Instruction {
    build(
        steer(owner, deployment),
        instruction::Stop { drain: true },
        [],
    )
}

/// Lists one round of a SCHEDULED deployment now. Signer: the owner.
pub fn trigger(owner: &Pubkey, deployment: &Pubkey) -> Instruction {
    build(steer(owner, deployment), instruction::Trigger {}, [])
}

/// Has active jobs replaced, all or the one with this index. Signer: the owner.
pub fn restart(owner: &Pubkey, deployment: &Pubkey, index: Option<u64>) -> Instruction {
    build(steer(owner, deployment), instruction::Restart { index }, [])
}

/// Archives a deployment, for good. Signer: the owner.
pub fn archive(owner: &Pubkey, deployment: &Pubkey) -> Instruction {
    build(steer(owner, deployment), instruction::Archive {}, [])
}

/// Changes settings, replicas or the revision. Signer: the owner, who pays for further slots.
pub fn update(owner: &Pubkey, deployment: &Pubkey, args: UpdateArgs) -> Instruction {
    change(owner, deployment, None, args)
}

/// As [`update`], which may change nothing else, and has jobs listed on `market` from now on; while no
/// job is active.
pub fn move_to(
    owner: &Pubkey,
    deployment: &Pubkey,
    market: &Pubkey,
    args: UpdateArgs,
) -> Instruction {
    change(owner, deployment, Some(*market), args)
}

fn change(
    owner: &Pubkey,
    deployment: &Pubkey,
    market: Option<Pubkey>,
    args: UpdateArgs,
) -> Instruction {
    let revision = args
        .revision
        .filter(|number| *number != FIRST_REVISION)
        .map(|number| seeds::revision_address(deployment, number).0);
    let accounts = accounts::Update {
        owner: *owner,
        deployment: *deployment,
        revision,
        market,
        system_program: SYSTEM_PROGRAM,
        telling: TELLING,
    };
    build(accounts, instruction::Update { args }, [])
}

/// Adds revision `number` (the deployment's `latest_revision` and one) and rolls forward to it.
/// Signer: the owner, who pays its rent.
pub fn add_revision(
    owner: &Pubkey,
    deployment: &Pubkey,
    number: u32,
    job_definition: [u8; 32],
) -> Instruction {
    let accounts = accounts::AddRevision {
        owner: *owner,
        deployment: *deployment,
        revision: seeds::revision_address(deployment, number).0,
        system_program: SYSTEM_PROGRAM,
        telling: TELLING,
    };
    let args = AddRevisionArgs {
        number,
        job_definition,
    };
    build(accounts, instruction::AddRevision { args }, [])
}

/// Closes a revision that does not run. Signer: the owner, who gets the rent.
pub fn close_revision(owner: &Pubkey, deployment: &Pubkey, number: u32) -> Instruction {
    let accounts = accounts::CloseRevision {
        owner: *owner,
        revision: seeds::revision_address(deployment, number).0,
        deployment: *deployment,
        telling: TELLING,
    };
    build(accounts, instruction::CloseRevision {}, [])
}

/// Adds `more` replicas to a SIMPLE-EXTEND deployment. Signer: the owner, who pays for further
/// slots.
pub fn extend(owner: &Pubkey, deployment: &Pubkey, more: u32) -> Instruction {
    let accounts = accounts::Extend {
        owner: *owner,
        deployment: *deployment,
        system_program: SYSTEM_PROGRAM,
        telling: TELLING,
    };
    build(accounts, instruction::Extend { more }, [])
}

/// Gives up a job that no keeper can settle any more. `market` is the deployment's. Signer: the owner.
pub fn write_off(owner: &Pubkey, deployment: &Pubkey, market: &Pubkey, index: u64) -> Instruction {
    let accounts = accounts::WriteOff {
        owner: *owner,
        deployment: *deployment,
        market: *market,
        market_vault: market_vault_address(market),
        job: seeds::job_address(deployment, index).0,
        telling: TELLING,
    };
    build(accounts, instruction::WriteOff { index }, [])
}

/// Closes a DRAFT or ARCHIVED deployment's account. Signer: the owner, who gets the rent.
pub fn close(owner: &Pubkey, deployment: &Pubkey) -> Instruction {
    let accounts = accounts::Close {
        owner: *owner,
        deployment: *deployment,
        telling: TELLING,
    };
    build(accounts, instruction::Close {}, [])
}

fn steer(owner: &Pubkey, deployment: &Pubkey) -> accounts::Steer {
    accounts::Steer {
        owner: *owner,
        deployment: *deployment,
        telling: TELLING,
    }
}
