//! A pure builder for every instruction of the program. Nothing else builds one by hand.

use crate::{accounts::DeploymentAccount, seeds, DeploymentSpec, PROGRAM_ID};
use anchor_lang::{InstructionData, ToAccountMetas};
use anchor_spl::{
    associated_token::{
        get_associated_token_address,
        spl_associated_token_account::instruction::create_associated_token_account_idempotent,
    },
    token,
};
use deployments::{
    accounts,
    constants::{JOBS_PROGRAM, NOS_MINT, REWARDS_PROGRAM, REWARDS_REFLECTION, REWARDS_VAULT},
    instruction,
    instructions::{
        AddRevisionArgs, Amount, FundArgs, JobBumps, ReclaimArgs, UpdateArgs, WithdrawArgs,
    },
    state::deployment::FIRST_REVISION,
};
use solana_program::{
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
};

/// The system program's address.
const SYSTEM_PROGRAM: Pubkey = anchor_lang::system_program::ID;

/// `sha256("global:clean")[..8]`, of the markets' program.
pub const CLEAN: [u8; 8] = [0xfa, 0xbf, 0x38, 0x80, 0x96, 0xfb, 0x01, 0x67];

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
        let nos = get_associated_token_address(&address, &NOS_MINT);
        Self {
            owner,
            index,
            address,
            nos,
        }
    }
}

/// The token account that holds a market's deposits: PDA `[market, mint]` of the jobs program.
pub fn market_vault_address(market: &Pubkey) -> Pubkey {
    Pubkey::find_program_address(&[market.as_ref(), NOS_MINT.as_ref()], &JOBS_PROGRAM).0
}

/// Creates `owner`'s NOS token account unless it exists; `payer` pays its rent.
pub fn create_nos_account(payer: &Pubkey, owner: &Pubkey) -> Instruction {
    create_associated_token_account_idempotent(payer, owner, &NOS_MINT, &token::ID)
}

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
    };
    let args = spec.create_args(id);
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
        vault: vault.address,
        vault_nos: vault.nos,
        funder_nos: get_associated_token_address(funder, &NOS_MINT),
        nos_mint: NOS_MINT,
        token_program: token::ID,
        system_program: SYSTEM_PROGRAM,
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
        vault: vault.address,
        vault_nos: vault.nos,
        owner_nos: get_associated_token_address(&owner, &NOS_MINT),
        nos_mint: NOS_MINT,
        token_program: token::ID,
        system_program: SYSTEM_PROGRAM,
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
    build(steer(owner, deployment), instruction::Stop {}, [])
}

/// Archives a deployment, for good. Signer: the owner.
pub fn archive(owner: &Pubkey, deployment: &Pubkey) -> Instruction {
    build(steer(owner, deployment), instruction::Archive {}, [])
}

/// Changes settings, replicas or the revision. Signer: the owner, who pays for further slots.
pub fn update(owner: &Pubkey, deployment: &Pubkey, args: UpdateArgs) -> Instruction {
    let revision = args
        .revision
        .filter(|number| *number != FIRST_REVISION)
        .map(|number| seeds::revision_address(deployment, number).0);
    let accounts = accounts::Update {
        owner: *owner,
        deployment: *deployment,
        revision,
        system_program: SYSTEM_PROGRAM,
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
    };
    build(accounts, instruction::Extend { more }, [])
}

/// Gives up a job that no keeper can settle any more. Signer: the owner.
pub fn write_off(
    owner: &Pubkey,
    key: &Pubkey,
    deployment: &DeploymentAccount,
    index: u64,
) -> Instruction {
    let accounts = accounts::WriteOff {
        owner: *owner,
        deployment: *key,
        market: deployment.header.market,
        job: deployment.job_address(key, index),
    };
    build(accounts, instruction::WriteOff { index }, [])
}

/// Brings a deployment's account to today's layout. Signer: anyone, who pays for further slots.
pub fn migrate(payer: &Pubkey, deployment: &Pubkey) -> Instruction {
    let accounts = accounts::Migrate {
        payer: *payer,
        deployment: *deployment,
        system_program: SYSTEM_PROGRAM,
    };
    build(accounts, instruction::Migrate {}, [])
}

/// Closes a DRAFT or ARCHIVED deployment's account. Signer: the owner, who gets the rent.
pub fn close(owner: &Pubkey, deployment: &Pubkey) -> Instruction {
    let accounts = accounts::Close {
        owner: *owner,
        deployment: *deployment,
    };
    build(accounts, instruction::Close {}, [])
}

/// Lists up to `count` of the jobs that are due. Signer: any keeper.
pub fn list_jobs(
    keeper: &Pubkey,
    key: &Pubkey,
    deployment: &DeploymentAccount,
    count: u32,
) -> Instruction {
    let accounts = accounts::ListJobs {
        keeper: *keeper,
        deployment: *key,
        vault: deployment.header.vault,
        vault_nos: deployment.header.vault_nos,
        market: deployment.header.market,
        market_vault: market_vault_address(&deployment.header.market),
        rewards_reflection: REWARDS_REFLECTION,
        rewards_vault: REWARDS_VAULT,
        rewards_program: REWARDS_PROGRAM,
        jobs_program: JOBS_PROGRAM,
        token_program: token::ID,
        system_program: SYSTEM_PROGRAM,
    };
    let first = deployment.header.next_job_index;
    let (bumps, addresses): (Vec<_>, Vec<_>) = (first..first.saturating_add(u64::from(count)))
        .map(|index| {
            let (job, job_bump) = seeds::job_address(key, index);
            let (run, run_bump) = seeds::run_address(key, index);
            (
                JobBumps {
                    job: job_bump,
                    run: run_bump,
                },
                [job, run],
            )
        })
        .unzip();
    build(
        accounts,
        instruction::ListJobs { bumps },
        addresses.into_iter().flatten(),
    )
}

/// Accounts for jobs that ended by themselves. Signer: any keeper.
pub fn settle_jobs(
    keeper: &Pubkey,
    key: &Pubkey,
    deployment: &DeploymentAccount,
    indices: &[u64],
) -> Instruction {
    let jobs: Vec<_> = indices
        .iter()
        .map(|index| deployment.job_address(key, *index))
        .collect();
    let data = instruction::SettleJobs {
        indices: indices.to_vec(),
    };
    build(handle_jobs(keeper, key, deployment), data, jobs)
}

/// A job to stop, and its run if a node has taken it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobToStop {
    /// The job's index.
    pub index: u64,
    /// The run's account, the node that runs it, and who paid for the run.
    pub run: Option<RunOfJob>,
}

/// Where a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunOfJob {
    /// The run's account.
    pub address: Pubkey,
    /// The node's wallet, whose NOS token account must exist.
    pub node: Pubkey,
    /// Who gets the run's rent.
    pub payer: Pubkey,
}

/// Ends jobs of a STOPPING deployment, or jobs past their deadline. Signer: any keeper.
pub fn stop_jobs(
    keeper: &Pubkey,
    key: &Pubkey,
    deployment: &DeploymentAccount,
    jobs: &[JobToStop],
) -> Instruction {
    let accounts = jobs.iter().flat_map(|job| {
        let address = deployment.job_address(key, job.index);
        match job.run {
            Some(run) => {
                let node_nos = get_associated_token_address(&run.node, &NOS_MINT);
                [address, run.address, node_nos, run.payer]
            }
            // Queued: the program looks at the job alone, so any account stands in.
            None => [address; 4],
        }
    });
    let indices = jobs.iter().map(|job| job.index).collect();
    build(
        handle_jobs(keeper, key, deployment),
        instruction::StopJobs { indices },
        accounts,
    )
}

/// A job and the run that proves that a node has taken it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunningJob {
    /// The job's index.
    pub index: u64,
    /// The run's account.
    pub run: Pubkey,
}

/// Notes that nodes have taken jobs. Signer: any keeper.
pub fn track_jobs(
    keeper: &Pubkey,
    key: &Pubkey,
    deployment: &DeploymentAccount,
    jobs: &[RunningJob],
) -> Instruction {
    let indices = jobs.iter().map(|job| job.index).collect();
    build(
        handle_jobs(keeper, key, deployment),
        instruction::TrackJobs { indices },
        jobs_and_runs(key, deployment, jobs),
    )
}

/// Prolongs running jobs of a SIMPLE-EXTEND deployment. Signer: any keeper.
pub fn extend_jobs(
    keeper: &Pubkey,
    key: &Pubkey,
    deployment: &DeploymentAccount,
    jobs: &[RunningJob],
) -> Instruction {
    let accounts = accounts::ExtendJobs {
        common: handle_jobs(keeper, key, deployment),
        rewards_reflection: REWARDS_REFLECTION,
        rewards_vault: REWARDS_VAULT,
        rewards_program: REWARDS_PROGRAM,
    };
    let indices = jobs.iter().map(|job| job.index).collect();
    build(
        accounts,
        instruction::ExtendJobs { indices },
        jobs_and_runs(key, deployment, jobs),
    )
}

fn jobs_and_runs<'a>(
    key: &'a Pubkey,
    deployment: &'a DeploymentAccount,
    jobs: &'a [RunningJob],
) -> impl Iterator<Item = Pubkey> + 'a {
    jobs.iter()
        .flat_map(|job| [deployment.job_address(key, job.index), job.run])
}

/// Takes the deposit of a job that was written off, and whose node quit, back into its vault.
/// Signer: none but the fee payer. `deployment` may be closed by now; `job_bump` is the one that
/// the job was listed with, usually [`seeds::job_address`]'s.
pub fn reclaim_job(
    vault: &Vault,
    deployment: &Pubkey,
    market: &Pubkey,
    index: u64,
    job_bump: u8,
) -> Instruction {
    let job = seeds::job_address_with_bump(deployment, index, job_bump);
    let accounts = accounts::ReclaimJob {
        deployment: *deployment,
        vault: vault.address,
        nos_mint: NOS_MINT,
        vault_nos: vault.nos,
        market: *market,
        market_vault: market_vault_address(market),
        job: job.unwrap_or_default(),
        jobs_program: JOBS_PROGRAM,
        token_program: token::ID,
    };
    let args = ReclaimArgs {
        owner: vault.owner,
        vault_index: vault.index,
        index,
        job_bump,
    };
    build(accounts, instruction::ReclaimJob { args }, [])
}

/// Closes a done and expired job of the markets' program, whose rent then returns to the vault that
/// paid for it. No signer; `market` may be any whose `job_expiration` has passed for the job.
pub fn clean_job(job: &Pubkey, market: &Pubkey, vault: &Pubkey) -> Instruction {
    Instruction {
        program_id: JOBS_PROGRAM,
        accounts: vec![
            AccountMeta::new(*job, false),
            AccountMeta::new_readonly(*market, false),
            AccountMeta::new(*vault, false),
        ],
        data: CLEAN.to_vec(),
    }
}

fn steer(owner: &Pubkey, deployment: &Pubkey) -> accounts::Steer {
    accounts::Steer {
        owner: *owner,
        deployment: *deployment,
    }
}

fn handle_jobs(
    keeper: &Pubkey,
    key: &Pubkey,
    deployment: &DeploymentAccount,
) -> accounts::HandleJobs {
    accounts::HandleJobs {
        keeper: *keeper,
        deployment: *key,
        vault: deployment.header.vault,
        vault_nos: deployment.header.vault_nos,
        market: deployment.header.market,
        market_vault: market_vault_address(&deployment.header.market),
        jobs_program: JOBS_PROGRAM,
        token_program: token::ID,
        system_program: SYSTEM_PROGRAM,
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
