//! What anyone may send.

use super::{build, market_vault_address, nos_account_address, Vault, SYSTEM_PROGRAM};
use crate::{accounts::DeploymentAccount, seeds};
use anchor_spl::token;
use deployments::{
    accounts,
    constants::{JOBS_PROGRAM, NOS_MINT, REWARDS_PROGRAM, REWARDS_REFLECTION, REWARDS_VAULT},
    instruction,
    instructions::{JobBumps, ReclaimArgs},
};
use solana_program::{
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
};

/// `sha256("global:clean")[..8]`, of the markets' program.
pub const CLEAN: [u8; 8] = [0xfa, 0xbf, 0x38, 0x80, 0x96, 0xfb, 0x01, 0x67];

/// What every listing on a market names: worth a place in a lookup table.
pub fn common_addresses(market: &Pubkey) -> Vec<Pubkey> {
    vec![
        *market,
        market_vault_address(market),
        REWARDS_REFLECTION,
        REWARDS_VAULT,
        REWARDS_PROGRAM,
        JOBS_PROGRAM,
        token::ID,
        SYSTEM_PROGRAM,
    ]
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
                let node_nos = nos_account_address(&run.node);
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

/// Brings a deployment's account to today's layout. Signer: anyone, who pays for further slots.
pub fn migrate(payer: &Pubkey, deployment: &Pubkey) -> Instruction {
    let accounts = accounts::Migrate {
        payer: *payer,
        deployment: *deployment,
        system_program: SYSTEM_PROGRAM,
    };
    build(accounts, instruction::Migrate {}, [])
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
