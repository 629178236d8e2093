//! The steps of the demo, each a real transaction.

use super::{
    ledger::{Ledger, Row},
    localnet::{Localnet, Programs, JOB_EXPIRATION_SECONDS},
    report::{DemoOutput, DemoStep},
    wallets::{nos_account, Wallets},
};
use anyhow::{bail, Context, Result};
use nosana_deploy_client::domain::{
    funding::{job_cost, listing_lamports, with_fee, Rents},
    settings::Strategy,
    status::Status,
};
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    instructions::{self as ix, market_vault_address, Amount, JobRun},
    jobs_program::node::{Assignment, Node},
    seeds, DeploymentSpec,
};
use solana_keypair::Keypair;
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_signer::Signer;

/// NOS base units per second that the demo's market asks, unless the deployment's cap is lower.
const PRICE_PER_SECOND: u64 = 100;
/// Jobs per transaction without a lookup table; two more would not fit into 1,232 bytes.
const JOBS_PER_TRANSACTION: u32 = 8;

/// Everything a step needs.
struct Demo<'a> {
    localnet: Localnet,
    wallets: Wallets,
    spec: &'a DeploymentSpec,
    deployment: Pubkey,
    ledger: Ledger,
    report: DemoOutput,
    price_per_second: u64,
    rents: Rents,
}

/// Lives a deployment's life and checks the books.
pub(crate) async fn live(
    spec: &DeploymentSpec,
    programs: Programs,
    report: DemoOutput,
) -> Result<()> {
    report.say("Starting an embedded localnet …");
    let mut demo = Demo::new(spec, programs, report).await?;
    demo.begin().await?;
    demo.first_round().await?;
    demo.shortage_and_recovery().await?;
    demo.end().await?;
    demo.check()
}

impl<'a> Demo<'a> {
    async fn new(spec: &'a DeploymentSpec, programs: Programs, report: DemoOutput) -> Result<Self> {
        let localnet = Localnet::start(programs).await?;
        let wallets = Wallets::new();
        let price_per_second = PRICE_PER_SECOND.min(spec.settings.max_price_per_second);
        localnet
            .furnish(&wallets, &spec.market, price_per_second)
            .await?;
        let deployment = seeds::deployment_address(&wallets.owner.pubkey(), 0).0;
        let rows = rows(&wallets, spec, deployment);
        let opening = localnet.balances(&rows).await?;
        let ledger = Ledger::open(rows, opening);
        Ok(Self {
            rents: localnet.rents().await?,
            localnet,
            wallets,
            spec,
            deployment,
            ledger,
            report,
            price_per_second,
        })
    }

    async fn begin(&mut self) -> Result<()> {
        let owner = self.wallets.owner.pubkey();
        self.by_owner("create", &ix::create(&owner, 0, self.spec))
            .await?;
        let lamports = self.round_lamports()?;
        self.fund(lamports).await?;
        if !self.spec.autostart {
            self.by_owner("start", &[ix::start(&owner, &self.deployment)])
                .await?;
        }
        self.expect(Status::Starting).await
    }

    /// The first firing: every job is listed, run by a node for half its time, and settled.
    async fn first_round(&mut self) -> Result<()> {
        self.wait_for_firing().await?;
        self.list().await?;
        self.expect(Status::Running).await?;
        for index in 0..self.spec.settings.replicas {
            self.run_job(u64::from(index)).await?;
        }
        self.settle().await?;
        let settled = match self.spec.settings.strategy {
            Strategy::Scheduled => Status::Running,
            _ => Status::Stopped,
        };
        self.expect(settled).await
    }

    /// The second firing finds the vault empty; a deposit helps.
    async fn shortage_and_recovery(&mut self) -> Result<()> {
        let vault = self.wallets.vault(self.spec.vault_index);
        // The SOL, too: where the market is free, a lack of NOS stops nothing.
        let withdraw = ix::withdraw(&vault, Amount::All, Amount::All);
        self.by_owner("withdraw", &withdraw).await?;
        if self.spec.settings.strategy != Strategy::Scheduled {
            let start = ix::start(&self.wallets.owner.pubkey(), &self.deployment);
            self.by_owner("start", &[start]).await?;
        }
        self.wait_for_firing().await?;
        self.list().await?;
        self.expect(Status::InsufficientFunds).await?;
        let lamports = self.round_lamports()?;
        self.fund(lamports).await?;
        self.list().await?;
        self.expect(Status::Running).await
    }

    async fn end(&mut self) -> Result<()> {
        let owner = self.wallets.owner.pubkey();
        self.by_owner("stop", &[ix::stop(&owner, &self.deployment)])
            .await?;
        self.expect(Status::Stopping).await?;
        self.stop_jobs().await?;
        self.expect(Status::Stopped).await?;

        let expired = self
            .localnet
            .now()
            .await?
            .saturating_add(JOB_EXPIRATION_SECONDS)
            .saturating_add(1);
        self.travel(expired, "a day later the finished jobs have expired")
            .await?;
        for index in 0..self.spec.settings.replicas {
            self.clean(u64::from(index)).await?;
        }
        self.by_owner("archive", &[ix::archive(&owner, &self.deployment)])
            .await?;
        self.expect(Status::Archived).await?;
        let vault = self.wallets.vault(self.spec.vault_index);
        self.by_owner("withdraw", &ix::withdraw(&vault, Amount::All, Amount::All))
            .await
    }

    /// The last word: nothing unaccounted for, and nothing left in the vault.
    fn check(&self) -> Result<()> {
        self.report.books(&self.ledger);
        let (nos, lamports) = self.ledger.imbalance();
        if (nos, lamports) != (0, 0) {
            bail!("the books do not balance: {nos} NOS base units and {lamports} lamports are unaccounted for");
        }
        for (_, left, change) in self.ledger.lines() {
            let empty = match change.name {
                "vault" => left.lamports == 0,
                "vault NOS account" | "market's vault" => left.nos == 0,
                "jobs" | "runs" => left.lamports == 0,
                _ => true,
            };
            if !empty {
                bail!(
                    "{} should be empty, but holds {} NOS base units and {} lamports",
                    change.name,
                    left.nos,
                    left.lamports
                );
            }
        }
        Ok(())
    }

    // ── keepers and nodes ──

    /// Lists until nothing is owed or a shortage is recorded.
    async fn list(&mut self) -> Result<()> {
        loop {
            let deployment = self.deployment().await?;
            let first = deployment.header.next_job_index;
            for index in first..first.saturating_add(u64::from(JOBS_PER_TRANSACTION)) {
                self.ledger
                    .track("jobs", seeds::job_address(&self.deployment, index).0);
            }
            let missing = self.spec.settings.replicas.min(JOBS_PER_TRANSACTION);
            let keeper = self.wallets.keeper.insecure_clone();
            let list = ix::list_jobs(&keeper.pubkey(), &deployment, missing);
            self.act("list_jobs", &[list], &[&keeper]).await?;
            let after = self.deployment().await?;
            if after.header.owed == 0 || after.status() != Status::Running {
                return Ok(());
            }
        }
    }

    /// The node takes a job, runs it for half its timeout, and is paid for that.
    async fn run_job(&mut self, index: u64) -> Result<()> {
        let (wallet, run) = (self.wallets.node.insecure_clone(), Keypair::new());
        let job = seeds::job_address(&self.deployment, index).0;
        let node = Node(wallet.pubkey());
        self.ledger.track("runs", run.pubkey());
        let work = node.work(&run.pubkey(), &self.spec.market);
        self.act("node works", &[work], &[&wallet, &run]).await?;
        let half = i64::from(self.spec.settings.timeout_seconds / 2);
        let later = self.localnet.now().await?.saturating_add(half);
        self.travel(later, "half of the timeout later").await?;
        let vault = self.wallets.vault(self.spec.vault_index);
        let assignment = Assignment {
            job,
            job_payer: vault.address,
            run: run.pubkey(),
            run_payer: wallet.pubkey(),
            market: self.spec.market,
        };
        let finish = node.finish(&assignment, &[1; 32]);
        self.act("node finishes", &[finish], &[&wallet]).await
    }

    async fn settle(&mut self) -> Result<()> {
        let keeper = self.wallets.keeper.insecure_clone();
        let (deployment, jobs) = self.active_jobs().await?;
        for indices in jobs.chunks(usize::try_from(JOBS_PER_TRANSACTION)?) {
            let settle = ix::settle_jobs(&keeper.pubkey(), &deployment, indices);
            self.act("settle_jobs", &[settle], &[&keeper]).await?;
        }
        Ok(())
    }

    async fn stop_jobs(&mut self) -> Result<()> {
        let keeper = self.wallets.keeper.insecure_clone();
        let (deployment, jobs) = self.active_jobs().await?;
        for indices in jobs.chunks(usize::try_from(JOBS_PER_TRANSACTION)?) {
            let queued: Vec<_> = indices
                .iter()
                .map(|index| JobRun {
                    index: *index,
                    run: None,
                })
                .collect();
            let stop = ix::stop_jobs(&keeper.pubkey(), &deployment, &queued);
            self.act("stop_jobs", &[stop], &[&keeper]).await?;
        }
        Ok(())
    }

    async fn clean(&mut self, index: u64) -> Result<()> {
        let keeper = self.wallets.keeper.insecure_clone();
        let job = seeds::job_address(&self.deployment, index).0;
        let vault = self.wallets.vault(self.spec.vault_index);
        let clean = ix::clean_job(&job, &self.spec.market, &vault.address);
        self.act("clean", &[clean], &[&keeper]).await
    }

    // ── the owner ──

    /// Deposits the NOS of exactly one round, with the fee that its owner bears, and `lamports`.
    async fn fund(&mut self, lamports: u64) -> Result<()> {
        let cost = job_cost(self.price_per_second, self.spec.settings.timeout_seconds)
            .and_then(|cost| with_fee(cost, self.spec.settings.max_fee_bps))
            .and_then(|cost| cost.checked_mul(u64::from(self.spec.settings.replicas)))
            .context("a round costs more NOS than there are")?;
        let vault = self.wallets.vault(self.spec.vault_index);
        self.by_owner(
            "fund",
            &ix::fund(&self.wallets.owner.pubkey(), &vault, cost, lamports),
        )
        .await
    }

    /// Lamports that a round needs: rent of its jobs and runs, the keeper's rewards for listing and
    /// settling, the rent of a further round, which rewards may not touch, and the vault's floor.
    fn round_lamports(&self) -> Result<u64> {
        let rents = self.rents;
        let replicas = self.spec.settings.replicas;
        let rewards = self
            .spec
            .settings
            .keeper_reward_lamports
            .saturating_mul(u64::from(replicas))
            .saturating_mul(2);
        let rent = listing_lamports(replicas, replicas, &rents).context("the rent overflows")?;
        Ok(rent
            .saturating_mul(2)
            .saturating_add(rewards)
            .saturating_add(rents.floor))
    }

    async fn by_owner(&mut self, name: &str, instructions: &[Instruction]) -> Result<()> {
        let owner = self.wallets.owner.insecure_clone();
        self.act(name, instructions, &[&owner]).await
    }

    // ── time, transactions, state ──

    /// Moves the clock to the schedule's next firing, if there is one.
    async fn wait_for_firing(&mut self) -> Result<()> {
        if self.spec.settings.strategy != Strategy::Scheduled {
            return Ok(());
        }
        let due = self.deployment().await?.header.next_due_at;
        self.travel(due, "the schedule fires").await
    }

    async fn travel(&mut self, to: i64, why: &str) -> Result<()> {
        // A frequent schedule has fired again by the time the node is done: it is due already.
        if to > self.localnet.now().await? {
            self.localnet.travel(to)?;
        }
        self.report.clock(self.localnet.now().await?, why);
        Ok(())
    }

    /// Sends a transaction, enters it into the books and reports it.
    async fn act(
        &mut self,
        name: &str,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<()> {
        let receipt = self
            .localnet
            .send(instructions, signers)
            .await
            .with_context(|| name.to_owned())?;
        let after = self.localnet.balances(self.ledger.rows()).await?;
        let changes = self.ledger.post(after, receipt.fee_lamports);
        self.report.step(&DemoStep {
            name,
            at: self.localnet.now().await?,
            status: self.deployment().await?.status().name(),
            signature: &receipt.signature,
            compute_units: receipt.compute_units,
            fee_lamports: receipt.fee_lamports,
            changes: &changes,
        });
        Ok(())
    }

    async fn deployment(&self) -> Result<DeploymentAccount> {
        let account = self.localnet.account(&self.deployment).await?;
        let account = account.context("the deployment's account is gone")?;
        Ok(DeploymentAccount::decode(
            self.deployment,
            &account.owner,
            &account.data,
        )?)
    }

    async fn active_jobs(&self) -> Result<(DeploymentAccount, Vec<u64>)> {
        let deployment = self.deployment().await?;
        let jobs = deployment.jobs.iter().map(|job| job.index).collect();
        Ok((deployment, jobs))
    }

    async fn expect(&self, status: Status) -> Result<()> {
        let found = self.deployment().await?.status();
        if found != status {
            bail!("the deployment should be {status}, but is {found}");
        }
        Ok(())
    }
}

/// The lines of the books.
fn rows(wallets: &Wallets, spec: &DeploymentSpec, deployment: Pubkey) -> Vec<Row> {
    let vault = wallets.vault(spec.vault_index);
    let owner = wallets.owner.pubkey();
    let row = |name, key| Row {
        name,
        keys: vec![key],
    };
    vec![
        row("owner", owner),
        row("owner NOS account", nos_account(&wallets.owner)),
        row("vault", vault.address),
        row("vault NOS account", vault.nos),
        row("keeper", wallets.keeper.pubkey()),
        row("node", wallets.node.pubkey()),
        row("node NOS account", nos_account(&wallets.node)),
        row("market", spec.market),
        row("market's vault", market_vault_address(&spec.market)),
        row("deployment", deployment),
        row("owner's counter", seeds::owner_address(&owner).0),
        Row {
            name: "jobs",
            keys: Vec::new(),
        },
        Row {
            name: "runs",
            keys: Vec::new(),
        },
    ]
}
