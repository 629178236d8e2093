//! What anyone may send.

use super::{
    build, market_vault_address, nos_account_address, vault_accounts, Vault, SYSTEM_PROGRAM,
    TELLING,
};
use crate::{accounts::DeploymentAccount, events::EVENT_AUTHORITY, markets::Run, seeds};
use anchor_spl::token;
use deployments::{
    accounts, instruction,
    instructions::{CleanArgs, CleanedJob, JobBumps, ReclaimArgs},
};
use nosana_jobs_interface::{
    instruction::Clean, JOBS_PROGRAM, REWARDS_PROGRAM, REWARDS_REFLECTION, REWARDS_VAULT,
};
use solana_program::{
    instruction::{AccountMeta, Instruction},
    pubkey::Pubkey,
};

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
        EVENT_AUTHORITY,
    ]
}

/// Lists up to `count` of the jobs that are due. Signer: any keeper, and for jobs the deployment's access key
/// if it has one.
pub fn list_jobs(keeper: &Pubkey, deployment: &DeploymentAccount, count: u32) -> Instruction {
    let first = deployment.header.next_job_index;
    let (bumps, addresses): (Vec<_>, Vec<_>) = (first..first.saturating_add(u64::from(count)))
        .map(|index| {
            let (job, job_bump) = seeds::job_address(&deployment.address, index);
            let (run, run_bump) = seeds::run_address(&deployment.address, index);
            (
                JobBumps {
                    job: job_bump,
                    run: run_bump,
                },
                [job, run],
            )
        })
        .unzip();
    let list = build(
        spend_on_jobs(keeper, deployment),
        instruction::ListJobs { bumps },
        addresses.into_iter().flatten(),
    );
    let list = writing_to(&deployment.header.market, list);
    match deployment.access_key().filter(|_| count > 0) {
        Some(access_key) => with_access_key(list, &access_key),
        None => list,
    }
}

/// An instruction that handles jobs, with the signature of the access key that some were listed with.
/// Writable, as the markets' program asks for.
pub fn with_access_key(mut instruction: Instruction, access_key: &Pubkey) -> Instruction {
    let key = AccountMeta::new(*access_key, true);
    instruction.accounts.push(key);
    instruction
}

/// Accounts for jobs that ended by themselves. Signer: any keeper.
pub fn settle_jobs(
    keeper: &Pubkey,
    deployment: &DeploymentAccount,
    indices: &[u64],
) -> Instruction {
    let jobs: Vec<_> = indices
        .iter()
        .map(|index| deployment.job_address(*index))
        .collect();
    let data = instruction::SettleJobs {
        indices: indices.to_vec(),
    };
    build(handle_jobs(keeper, deployment), data, jobs)
}

/// An active job, and its run if a node has taken it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobRun {
    /// The job's index.
    pub index: u64,
    /// Where it runs.
    pub run: Option<Run>,
}

/// Ends jobs of a STOPPING deployment, or jobs past their deadline. Signer: any keeper.
pub fn stop_jobs(keeper: &Pubkey, deployment: &DeploymentAccount, jobs: &[JobRun]) -> Instruction {
    let accounts = jobs.iter().flat_map(|job| {
        let address = deployment.job_address(job.index);
        let [run, node_nos, run_payer] = accounts_of_run(job, address);
        [address, run, node_nos, run_payer]
    });
    let indices = jobs.iter().map(|job| job.index).collect();
    let stop = build(
        handle_jobs(keeper, deployment),
        instruction::StopJobs { indices },
        accounts,
    );
    // A queued job leaves the market's queue; ending a running one only reads the market.
    match jobs.iter().all(|job| job.run.is_some()) {
        true => stop,
        false => writing_to(&deployment.header.market, stop),
    }
}

/// Notes that nodes have taken jobs. Signer: any keeper.
pub fn track_jobs(keeper: &Pubkey, deployment: &DeploymentAccount, jobs: &[JobRun]) -> Instruction {
    let indices = jobs.iter().map(|job| job.index).collect();
    build(
        handle_jobs(keeper, deployment),
        instruction::TrackJobs { indices },
        jobs_and_runs(deployment, jobs),
    )
}

/// Prolongs running jobs: to a timeout that was raised, or before their deadline. Signer: any keeper.
pub fn extend_jobs(
    keeper: &Pubkey,
    deployment: &DeploymentAccount,
    jobs: &[JobRun],
) -> Instruction {
    let indices = jobs.iter().map(|job| job.index).collect();
    build(
        spend_on_jobs(keeper, deployment),
        instruction::ExtendJobs { indices },
        jobs_and_runs(deployment, jobs),
    )
}

/// A job that has no run is passed in its place: the program does not read it then.
fn jobs_and_runs<'a>(
    deployment: &'a DeploymentAccount,
    jobs: &'a [JobRun],
) -> impl Iterator<Item = Pubkey> + 'a {
    jobs.iter().flat_map(|job| {
        let address = deployment.job_address(job.index);
        [address, job.run.map_or(address, |run| run.address)]
    })
}

/// Takes what is left of a written-off job's deposit back into its vault: recovers it if the node quit,
/// delists the job if it is queued, ends it if it runs. Signer: none but the fee payer, and the access key
/// of a job that was listed with one ([`with_access_key`]). `deployment`
/// may be closed by now.
pub fn reclaim_job(
    vault: &Vault,
    deployment: &Pubkey,
    market: &Pubkey,
    job: &JobRun,
) -> Instruction {
    let (address, job_bump) = seeds::job_address(deployment, job.index);
    let [run, node_nos, run_payer] = accounts_of_run(job, address);
    let accounts = accounts::ReclaimJob {
        deployment: *deployment,
        vault: vault_accounts(vault),
        market: *market,
        market_vault: market_vault_address(market),
        job: address,
        run,
        node_nos,
        run_payer,
        jobs_program: JOBS_PROGRAM,
        token_program: token::ID,
        telling: TELLING,
    };
    let args = ReclaimArgs {
        owner: vault.owner,
        vault_index: vault.index,
        index: job.index,
        job_bump,
    };
    let reclaim = build(accounts, instruction::ReclaimJob { args }, []);
    match job.run {
        Some(_) => reclaim,
        None => writing_to(market, reclaim),
    }
}

/// What ending a job at `address` needs of its run: the run, where its node is paid, who gets its rent. A
/// queued job has none of them, and the program looks at the job alone: any account stands in.
fn accounts_of_run(job: &JobRun, address: Pubkey) -> [Pubkey; 3] {
    match job.run {
        Some(run) => [run.address, nos_account_address(&run.node), run.payer],
        None => [address; 3],
    }
}

/// The instruction, with the market locked for writing: only where the markets' program writes it, so
/// that keepers of one market do not queue behind each other.
fn writing_to(market: &Pubkey, mut instruction: Instruction) -> Instruction {
    for account in &mut instruction.accounts {
        account.is_writable |= account.pubkey == *market;
    }
    instruction
}

/// Closes done and expired jobs of one deployment and one market, at most some twenty at once: their
/// rent returns to the vault, which pays a twentieth of it to the keeper. Signer: any keeper.
/// `deployment` may be closed by now.
pub fn clean_jobs(
    keeper: &Pubkey,
    vault: &Vault,
    deployment: &Pubkey,
    market: &Pubkey,
    indices: &[u64],
) -> Instruction {
    let accounts = accounts::CleanJobs {
        keeper: *keeper,
        deployment: *deployment,
        vault: vault.address,
        market: *market,
        jobs_program: JOBS_PROGRAM,
        system_program: SYSTEM_PROGRAM,
        telling: TELLING,
    };
    let (jobs, addresses): (Vec<_>, Vec<_>) = indices
        .iter()
        .map(|index| {
            let (address, bump) = seeds::job_address(deployment, *index);
            let index = *index;
            (CleanedJob { index, bump }, address)
        })
        .unzip();
    let args = CleanArgs {
        owner: vault.owner,
        vault_index: vault.index,
        jobs,
    };
    build(accounts, instruction::CleanJobs { args }, addresses)
}

/// What deployments, revisions and the owner account of a wallet hold above today's rent returns to it.
/// Signer: none but the fee payer.
pub fn reclaim_rent(owner: &Pubkey, accounts: &[Pubkey]) -> Instruction {
    let named = accounts::ReclaimRent {
        owner: *owner,
        telling: TELLING,
    };
    build(named, instruction::ReclaimRent {}, accounts.iter().copied())
}

/// Closes a done and expired job of the markets' program, whose rent then returns to the vault that
/// paid for it, for no reward. No signer; `market` may be any whose `job_expiration` has passed for the job.
pub fn clean_job(job: &Pubkey, market: &Pubkey, vault: &Pubkey) -> Instruction {
    Clean {
        job,
        market,
        payer: vault,
    }
    .instruction()
}

fn spend_on_jobs(keeper: &Pubkey, deployment: &DeploymentAccount) -> accounts::SpendOnJobs {
    accounts::SpendOnJobs {
        common: handle_jobs(keeper, deployment),
        rewards_reflection: REWARDS_REFLECTION,
        rewards_vault: REWARDS_VAULT,
        rewards_program: REWARDS_PROGRAM,
    }
}

fn handle_jobs(keeper: &Pubkey, deployment: &DeploymentAccount) -> accounts::HandleJobs {
    accounts::HandleJobs {
        keeper: *keeper,
        deployment: deployment.address,
        vault: deployment.header.vault,
        vault_nos: deployment.header.vault_nos,
        market: deployment.header.market,
        market_vault: market_vault_address(&deployment.header.market),
        jobs_program: JOBS_PROGRAM,
        token_program: token::ID,
        system_program: SYSTEM_PROGRAM,
        telling: TELLING,
    }
}
