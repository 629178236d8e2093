//! A node that works on the market, through the markets' own instructions.

use crate::{Failure, Receipt, World};
use anchor_lang::{system_program, InstructionData, ToAccountMetas};
use anchor_spl::associated_token::get_associated_token_address as nos_account;
use deployments::constants::{JOBS_PROGRAM, NOS_MINT};
use nosana_deploy_client::instructions::{market_vault_address, RunOfJob};
use nosana_jobs_localnet::{accounts, instruction};
use solana_keypair::Keypair;
use solana_program::{instruction::Instruction, pubkey::Pubkey};
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

/// An instruction of the markets' program.
pub(crate) fn build(accounts: impl ToAccountMetas, data: impl InstructionData) -> Instruction {
    Instruction {
        program_id: JOBS_PROGRAM,
        accounts: accounts.to_account_metas(None),
        data: data.data(),
    }
}

impl Node {
    pub(crate) fn new() -> Self {
        Self {
            wallet: Keypair::new(),
        }
    }

    /// The node's NOS token account.
    pub fn nos(&self) -> Pubkey {
        nos_account(&self.wallet.pubkey(), &NOS_MINT)
    }

    /// Takes the first waiting job, or queues; the run's account if a job waited.
    ///
    /// # Errors
    /// Those of the markets' program.
    pub async fn work(&self, world: &mut World) -> Result<Pubkey, Failure> {
        let run = Keypair::new();
        let accounts = accounts::Work {
            run: run.pubkey(),
            market: world.market,
            payer: self.wallet.pubkey(),
            stake: Pubkey::default(),
            nft: Pubkey::default(),
            metadata: Pubkey::default(),
            authority: self.wallet.pubkey(),
            system_program: system_program::ID,
        };
        let signers = [&self.wallet, &run];
        world
            .send(&[build(accounts, instruction::Work {})], &signers)
            .await?;
        Ok(run.pubkey())
    }

    /// Finishes a job that it runs.
    ///
    /// # Errors
    /// Those of the markets' program.
    pub async fn finish(
        &self,
        world: &mut World,
        job: Pubkey,
        run: Pubkey,
    ) -> Result<Receipt, Failure> {
        let payer_run = self.run_payer(world, run).await;
        let accounts = accounts::Finish {
            job,
            run,
            market: world.market,
            vault: market_vault_address(&world.market),
            deposit: world.vault.nos,
            user: self.nos(),
            payer_run,
            payer_job: world.vault.address,
            authority: self.wallet.pubkey(),
            token_program: anchor_spl::token::ID,
        };
        let instruction = build(
            accounts,
            instruction::Finish {
                ipfs_result: [1; 32],
            },
        );
        world.send(&[instruction], &[&self.wallet]).await
    }

    /// Gives a job up that it runs.
    ///
    /// # Errors
    /// Those of the markets' program.
    pub async fn quit(
        &self,
        world: &mut World,
        job: Pubkey,
        run: Pubkey,
    ) -> Result<Receipt, Failure> {
        let payer = self.run_payer(world, run).await;
        let authority = self.wallet.pubkey();
        let instruction = build(
            accounts::Quit {
                job,
                run,
                payer,
                authority,
            },
            instruction::Quit {},
        );
        world.send(&[instruction], &[&self.wallet]).await
    }

    /// Opens a run on a job that a node quit.
    ///
    /// # Errors
    /// Those of the markets' program.
    pub async fn claim(&self, world: &mut World, job: Pubkey) -> Result<Pubkey, Failure> {
        let run = Keypair::new();
        let accounts = accounts::Claim {
            job,
            run: run.pubkey(),
            market: world.market,
            stake: Pubkey::default(),
            nft: Pubkey::default(),
            metadata: Pubkey::default(),
            payer: self.wallet.pubkey(),
            authority: self.wallet.pubkey(),
            system_program: system_program::ID,
        };
        let signers = [&self.wallet, &run];
        world
            .send(&[build(accounts, instruction::Claim {})], &signers)
            .await?;
        Ok(run.pubkey())
    }

    /// What a keeper must know to end a job that this node took with `work`.
    pub fn run_of_job(&self, run: Pubkey) -> RunOfJob {
        RunOfJob {
            address: run,
            node: self.wallet.pubkey(),
            payer: self.wallet.pubkey(),
        }
    }

    async fn run_payer(&self, world: &mut World, run: Pubkey) -> Pubkey {
        let data = world.account(&run).await.unwrap().data;
        Pubkey::try_from(&data[72..104]).unwrap()
    }
}

impl World {
    /// Closes a done and expired job, as anyone may; its rent returns to the vault.
    ///
    /// # Errors
    /// Those of the markets' program.
    pub async fn clean(&mut self, job: Pubkey) -> Result<Receipt, Failure> {
        let accounts = accounts::Clean {
            job,
            market: self.market,
            payer: self.vault.address,
        };
        self.by_keeper(build(accounts, instruction::Clean {})).await
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
