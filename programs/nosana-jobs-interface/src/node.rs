//! A node: what it sends, with every account that follows from the market's and the job's filled in.

use crate::{
    instruction::{Claim, Complete, Finish, Quit, Stop, Work},
    market_vault_address, nos_account_address, Address,
};
use solana_instruction::Instruction;

/// A node, by its wallet's address. It signs and pays for everything that it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node(pub Address);

/// A job that a node runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The job.
    pub job: Address,
    /// Who pays for the job and gets its refund and rent: for our deployments, the vault.
    pub job_payer: Address,
    /// The job's run.
    pub run: Address,
    /// Who gets the run's rent.
    pub run_payer: Address,
    /// The job's market.
    pub market: Address,
}

impl Node {
    /// Takes the first waiting job, or queues. Signers: the node, and `run`, a new account.
    pub fn work(&self, run: &Address, market: &Address) -> Instruction {
        let node = &self.0;
        Work { node, run, market }.instruction()
    }

    /// Opens a run on a job that a node quit. Signers: the node, and `run`, a new account.
    pub fn claim(&self, job: &Address, run: &Address, market: &Address) -> Instruction {
        Claim {
            node: &self.0,
            job,
            run,
            market,
        }
        .instruction()
    }

    /// Finishes a job. `ipfs_result` is the digest of its result, not null.
    pub fn finish(&self, assignment: &Assignment, ipfs_result: &[u8; 32]) -> Instruction {
        Finish {
            node: &self.0,
            job: &assignment.job,
            run: &assignment.run,
            market: &assignment.market,
            vault: &market_vault_address(&assignment.market),
            deposit: &nos_account_address(&assignment.job_payer),
            user: &nos_account_address(&self.0),
            payer_run: &assignment.run_payer,
            payer_job: &assignment.job_payer,
        }
        .instruction(ipfs_result)
    }

    /// Gives a job up.
    pub fn quit(&self, assignment: &Assignment) -> Instruction {
        Quit {
            node: &self.0,
            job: &assignment.job,
            run: &assignment.run,
            payer: &assignment.run_payer,
        }
        .instruction()
    }

    /// Posts the result of a job that was ended.
    pub fn complete(&self, job: &Address, ipfs_result: &[u8; 32]) -> Instruction {
        let node = &self.0;
        Complete { node, job }.instruction(ipfs_result)
    }

    /// Leaves a market's queue.
    pub fn leave(&self, market: &Address) -> Instruction {
        let node = &self.0;
        Stop { node, market }.instruction()
    }
}
