//! A node that works on the market.

use crate::{Bank, Failure, Receipt, World};
use nosana_deploy_client::{
    instructions::{nos_account_address, JobRun},
    jobs_program::{
        account, instruction,
        node::{self, Assignment},
    },
    markets::Run,
};
use solana_keypair::Keypair;
use solana_program::pubkey::Pubkey;
use solana_signer::Signer;

/// A node's wallet.
pub struct Node {
    /// Signs for the node, pays for its runs, and owns its NOS.
    pub wallet: Keypair,
}

impl Clone for Node {
    fn clone(&self) -> Self {
        Self {
            wallet: self.wallet.insecure_clone(),
        }
    }
}

/// A job of which a run was shown, for instructions that look only at the run.
pub fn shown(index: u64, run: Pubkey) -> JobRun {
    let run = Run {
        address: run,
        ..Run::default()
    };
    JobRun {
        index,
        run: Some(run),
    }
}

impl Node {
    pub(crate) fn new() -> Self {
        Self {
            wallet: Keypair::new(),
        }
    }

    /// What the node can send.
    pub fn actor(&self) -> node::Node {
        node::Node(self.wallet.pubkey())
    }

    /// The node's NOS token account.
    pub fn nos(&self) -> Pubkey {
        nos_account_address(&self.wallet.pubkey())
    }

    /// Takes the first waiting job, or queues; the run's account if a job waited.
    ///
    /// # Errors
    /// Whatever the markets' program returns.
    pub async fn work<B: Bank>(&self, world: &mut World<B>) -> Result<Pubkey, Failure> {
        let run = Keypair::new();
        let work = self.actor().work(&run.pubkey(), &world.market);
        world.send(&[work], &[&self.wallet, &run]).await?;
        Ok(run.pubkey())
    }

    /// Finishes a job that it runs.
    ///
    /// # Errors
    /// Whatever the markets' program returns.
    pub async fn finish<B: Bank>(
        &self,
        world: &mut World<B>,
        job: Pubkey,
        run: Pubkey,
    ) -> Result<Receipt, Failure> {
        let assignment = world.assignment(job, run).await;
        let finish = self.actor().finish(&assignment, &[1; 32]);
        world.send(&[finish], &[&self.wallet]).await
    }

    /// Quits a job that it runs.
    ///
    /// # Errors
    /// Whatever the markets' program returns.
    pub async fn quit<B: Bank>(
        &self,
        world: &mut World<B>,
        job: Pubkey,
        run: Pubkey,
    ) -> Result<Receipt, Failure> {
        let assignment = world.assignment(job, run).await;
        let quit = self.actor().quit(&assignment);
        world.send(&[quit], &[&self.wallet]).await
    }

    /// Opens a run on a job that a node quit.
    ///
    /// # Errors
    /// Whatever the markets' program returns.
    pub async fn claim<B: Bank>(
        &self,
        world: &mut World<B>,
        job: Pubkey,
    ) -> Result<Pubkey, Failure> {
        let run = Keypair::new();
        let claim = self.actor().claim(&job, &run.pubkey(), &world.market);
        world.send(&[claim], &[&self.wallet, &run]).await?;
        Ok(run.pubkey())
    }

    /// A run that this node made with `work`, as a keeper knows it.
    pub fn run_of_job(&self, run: Pubkey) -> Run {
        Run {
            address: run,
            node: self.wallet.pubkey(),
            payer: self.wallet.pubkey(),
            ..Run::default()
        }
    }
}

impl<B: Bank> World<B> {
    /// A job and its run, as their accounts say.
    pub async fn assignment(&mut self, job: Pubkey, run: Pubkey) -> Assignment {
        let run_account = self.account(&run).await.unwrap();
        let found = account::Run::read(&run_account.owner, &run_account.data);
        let run_payer = found.unwrap().unwrap().payer;
        // A closed job belonged to the vault.
        let job_account = self.account(&job).await;
        let found = job_account
            .as_ref()
            .and_then(|account| account::Job::read(&account.owner, &account.data).unwrap());
        let job_payer = found.map_or(self.vault.address, |job| job.payer);
        Assignment {
            job,
            job_payer,
            run,
            run_payer,
            market: self.market,
        }
    }

    /// Closes a done and expired job, as anyone may; its rent returns to the vault.
    ///
    /// # Errors
    /// Whatever the markets' program returns.
    pub async fn clean(&mut self, job: Pubkey) -> Result<Receipt, Failure> {
        let clean = instruction::Clean {
            job: &job,
            market: &self.market,
            payer: &self.vault.address,
        };
        self.by_keeper(clean.instruction()).await
    }

    /// Node `number` takes the first waiting job and finishes it after `seconds`.
    pub async fn run_next_job(&mut self, number: usize, job: Pubkey, start: i64, seconds: i64) {
        let node = self.nodes[number].clone();
        self.set_time(start).await;
        let run = node.work(self).await.unwrap();
        self.set_time(start + seconds).await;
        node.finish(self, job, run).await.unwrap();
    }
}
