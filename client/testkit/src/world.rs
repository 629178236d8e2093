//! The world, and how tests act in it.

use crate::{
    accounts::{market_account, market_on_chain},
    bank::{Bank, Failure, Receipt},
    node::{shown, Node},
    COST, NOW, ROTATION, SOL, TIMEOUT,
};
use anchor_lang::AccountDeserialize;
use deployments::instructions::{Amount, UpdateArgs};
use deployments_domain::{
    settings::{Overlap, Settings, Strategy},
    status::Status,
};
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    instructions::{self as ix, JobRun, Vault},
    seeds, DeploymentSpec, PROGRAM_ID,
};
use nosana_jobs_localnet::state::{JobAccount, MarketAccount};
use solana_account::Account;
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_keypair::Keypair;
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_signer::Signer;

/// Both programs on a chain of their own.
pub struct World<B> {
    /// The chain.
    pub bank: B,
    /// The wallet that owns deployments and vault 0.
    pub owner: Keypair,
    /// Anyone.
    pub keeper: Keypair,
    /// The market's authority.
    pub authority: Keypair,
    /// Two nodes.
    pub nodes: [Node; 2],
    /// The market.
    pub market: Pubkey,
    /// The owner's vault number 0.
    pub vault: Vault,
    sent: u32,
}

/// NOS base units that the owner has at first.
const OWNER_NOS: u64 = 1_000_000_000_000;

#[cfg(feature = "program-test")]
impl World<solana_program_test::ProgramTestContext> {
    /// A world in solana-program-test's bank.
    pub async fn in_program_test() -> Self {
        Self::on_a_bank().await
    }
}

#[cfg(feature = "litesvm")]
impl World<crate::Chain> {
    /// A world on a LiteSVM.
    pub async fn in_litesvm() -> Self {
        Self::on_a_bank().await
    }
}

impl<B: Bank> World<B> {
    /// A world at [`NOW`] with a funded owner and an empty vault.
    pub async fn on_a_bank() -> Self {
        Self::on(B::start().await).await
    }

    /// A world on a chain that has the programs and the NOS mint.
    pub async fn on(mut bank: B) -> Self {
        let (owner, keeper, authority) = (Keypair::new(), Keypair::new(), Keypair::new());
        let nodes = [Node::new(), Node::new()];
        let market = Pubkey::new_unique();
        bank.put_market(market, &market_account(authority.pubkey(), &market));
        bank.put_wallet(owner.pubkey(), 100 * SOL, Some(OWNER_NOS));
        for node in &nodes {
            bank.put_wallet(node.wallet.pubkey(), 100 * SOL, Some(0));
        }
        for wallet in [&keeper, &authority] {
            bank.put_wallet(wallet.pubkey(), 100 * SOL, None);
        }
        bank.set_time(NOW).await;
        let vault = Vault::new(owner.pubkey(), 0);
        Self {
            bank,
            owner,
            keeper,
            authority,
            nodes,
            market,
            vault,
            sent: 0,
        }
    }

    /// Sets the cluster's clock, unix seconds.
    pub async fn set_time(&mut self, unix_timestamp: i64) {
        self.bank.set_time(unix_timestamp).await;
    }

    /// Sends instructions, signed and paid by the first signer.
    ///
    /// # Errors
    /// [`Failure`] of the first instruction that fails.
    pub async fn send(
        &mut self,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<Receipt, Failure> {
        // A limit that differs each time keeps equal transactions apart without a new blockhash.
        self.sent += 1;
        let limit = ComputeBudgetInstruction::set_compute_unit_limit(1_400_000 - self.sent);
        let all = [&[limit], instructions].concat();
        self.bank.process(&all, signers).await
    }

    /// As [`Self::send`], by the owner.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn by_owner(&mut self, instructions: &[Instruction]) -> Result<Receipt, Failure> {
        let owner = self.owner.insecure_clone();
        self.send(instructions, &[&owner]).await
    }

    /// As [`Self::send`], by the keeper.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn by_keeper(&mut self, instruction: Instruction) -> Result<Receipt, Failure> {
        let keeper = self.keeper.insecure_clone();
        self.send(&[instruction], &[&keeper]).await
    }

    /// A deployment as tests start from; SCHEDULED daily at midnight.
    pub fn spec(&self, strategy: Strategy, replicas: u32) -> DeploymentSpec {
        let job_definition = serde_json::json!({"version": "0.1", "type": "container", "ops": []});
        let schedule = (strategy == Strategy::Scheduled)
            .then(|| deployments_domain::cron::Schedule::parse("0 0 * * *").unwrap());
        DeploymentSpec {
            name: "test".into(),
            market: self.market,
            vault_index: 0,
            vault_address: None,
            new_vault: false,
            default_price_cap: false,
            default_reward: false,
            confidential: false,
            definitions_url: String::new(),
            access_key: None,
            autostart: false,
            job_definition,
            settings: Settings {
                replicas,
                timeout_seconds: TIMEOUT,
                strategy,
                schedule,
                overlap: Overlap::Allow,
                rotation_seconds: match strategy {
                    Strategy::Infinite => ROTATION,
                    _ => 0,
                },
                auto_extend: false,
                max_price_per_second: u64::MAX,
                // A vault that is funded for a job can pay for it to the last unit.
                max_fee_bps: 0,
                ..Settings::new(strategy)
            },
        }
    }

    /// Creates the owner's next deployment; its address.
    pub async fn create(&mut self, spec: &DeploymentSpec) -> Pubkey {
        let id = self.next_id().await;
        let owner = self.owner.pubkey();
        self.by_owner(&ix::create(&owner, id, spec)).await.unwrap();
        seeds::deployment_address(&owner, id).0
    }

    /// Creates and starts a deployment, with a vault that can pay for `funded_jobs` jobs.
    pub async fn started(&mut self, strategy: Strategy, replicas: u32, funded_jobs: u64) -> Pubkey {
        let spec = DeploymentSpec {
            autostart: true,
            ..self.spec(strategy, replicas)
        };
        let key = self.create(&spec).await;
        self.fund(funded_jobs * COST, SOL).await;
        key
    }

    /// The id that the owner's next deployment has.
    pub async fn next_id(&mut self) -> u64 {
        let address = seeds::owner_address(&self.owner.pubkey()).0;
        match self.account(&address).await {
            Some(account) if account.owner == PROGRAM_ID => {
                nosana_deploy_client::accounts::decode_owner(&account.owner, &account.data)
                    .unwrap()
                    .next_deployment_id
            }
            _ => 0,
        }
    }

    /// Adds to the vault, by its owner.
    pub async fn fund(&mut self, nos: u64, lamports: u64) {
        let instructions = ix::fund(&self.owner.pubkey(), &self.vault, nos, lamports);
        self.by_owner(&instructions).await.unwrap();
    }

    /// Withdraws from the vault, by its owner.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn withdraw(&mut self, nos: Amount, lamports: Amount) -> Result<Receipt, Failure> {
        let instructions = ix::withdraw(&self.vault, nos, lamports);
        self.by_owner(&instructions).await
    }

    /// Steers a deployment, by its owner.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn steer(
        &mut self,
        build: fn(&Pubkey, &Pubkey) -> Instruction,
        key: &Pubkey,
    ) -> Result<Receipt, Failure> {
        let instruction = build(&self.owner.pubkey(), key);
        self.by_owner(&[instruction]).await
    }

    /// Lists up to `count` jobs, by the keeper.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn list(&mut self, key: &Pubkey, count: u32) -> Result<Receipt, Failure> {
        let deployment = self.deployment(key).await;
        self.by_keeper(ix::list_jobs(&self.keeper.pubkey(), &deployment, count))
            .await
    }

    /// Settles jobs, by the keeper.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn settle(&mut self, key: &Pubkey, indices: &[u64]) -> Result<Receipt, Failure> {
        let deployment = self.deployment(key).await;
        self.by_keeper(ix::settle_jobs(&self.keeper.pubkey(), &deployment, indices))
            .await
    }

    /// Stops jobs, by the keeper.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn stop_jobs(&mut self, key: &Pubkey, jobs: &[JobRun]) -> Result<Receipt, Failure> {
        let deployment = self.deployment(key).await;
        self.by_keeper(ix::stop_jobs(&self.keeper.pubkey(), &deployment, jobs))
            .await
    }

    /// Notes runs, by the keeper.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn track(&mut self, key: &Pubkey, jobs: &[JobRun]) -> Result<Receipt, Failure> {
        let deployment = self.deployment(key).await;
        let keeper = self.keeper.pubkey();
        self.by_keeper(ix::track_jobs(&keeper, &deployment, jobs))
            .await
    }

    /// Prolongs jobs, by the keeper.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn extend_jobs(&mut self, key: &Pubkey, jobs: &[JobRun]) -> Result<Receipt, Failure> {
        let deployment = self.deployment(key).await;
        let keeper = self.keeper.pubkey();
        self.by_keeper(ix::extend_jobs(&keeper, &deployment, jobs))
            .await
    }

    /// Updates a deployment, by its owner.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn update(&mut self, key: &Pubkey, args: UpdateArgs) -> Result<Receipt, Failure> {
        let owner = self.owner.pubkey();
        self.by_owner(&[ix::update(&owner, key, args)]).await
    }

    /// Gives a job up, by the owner.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn write_off(&mut self, key: &Pubkey, index: u64) -> Result<Receipt, Failure> {
        let deployment = self.deployment(key).await;
        let owner = self.owner.pubkey();
        self.by_owner(&[ix::write_off(&owner, key, &deployment.header.market, index)])
            .await
    }

    /// Node `number` takes the first waiting job and a keeper shows it; its run.
    pub async fn serve(&mut self, number: usize, key: &Pubkey, index: u64) -> JobRun {
        let node = self.nodes[number].clone();
        let run = node.work(self).await.unwrap();
        let job = shown(index, run);
        self.track(key, &[job]).await.unwrap();
        job
    }

    /// A job's account, if it exists.
    pub async fn job_account(&mut self, key: &Pubkey, index: u64) -> Option<JobAccount> {
        let address = self.job(key, index);
        let account = self.account(&address).await?;
        JobAccount::try_deserialize(&mut &account.data[..]).ok()
    }

    /// Closes the market as its authority can: the account is gone, and every deposit with it.
    pub fn close_market(&mut self) {
        let gone = Account::new(0, 0, &Pubkey::default());
        self.bank.put(&self.market, gone);
    }

    /// An account, if it exists.
    pub async fn account(&mut self, key: &Pubkey) -> Option<Account> {
        self.bank.account(key).await
    }

    /// Lamports of an account, 0 if it does not exist.
    pub async fn lamports(&mut self, key: &Pubkey) -> u64 {
        self.account(key)
            .await
            .map_or(0, |account| account.lamports)
    }

    /// NOS base units in a token account, 0 if it does not exist.
    pub async fn nos(&mut self, key: &Pubkey) -> u64 {
        match self.account(key).await {
            Some(account) => {
                anchor_spl::token::TokenAccount::try_deserialize(&mut &account.data[..])
                    .unwrap()
                    .amount
            }
            None => 0,
        }
    }

    /// NOS base units and lamports in the vault.
    pub async fn vault_funds(&mut self) -> (u64, u64) {
        let vault = self.vault;
        (
            self.nos(&vault.nos).await,
            self.lamports(&vault.address).await,
        )
    }

    /// A deployment, decoded.
    pub async fn deployment(&mut self, key: &Pubkey) -> DeploymentAccount {
        let account = self.account(key).await.unwrap();
        DeploymentAccount::decode(*key, &account.owner, &account.data).unwrap()
    }

    /// A deployment's status.
    pub async fn status(&mut self, key: &Pubkey) -> Status {
        self.deployment(key).await.status()
    }

    /// The market, decoded.
    pub async fn market_state(&mut self) -> MarketAccount {
        let market = self.market;
        let account = self.account(&market).await.unwrap();
        MarketAccount::try_deserialize(&mut &account.data[..]).unwrap()
    }

    /// Overwrites the market, as its authority could with `update`, or by long use.
    pub fn set_market(&mut self, market: &MarketAccount) {
        self.bank.put(&self.market, market_on_chain(market));
    }

    /// The address of a deployment's job.
    pub fn job(&self, key: &Pubkey, index: u64) -> Pubkey {
        seeds::job_address(key, index).0
    }
}
