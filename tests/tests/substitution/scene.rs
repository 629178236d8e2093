//! Two owners with deployments on one market, a second market, nodes with runs, and strangers.

use deployments::instructions::UpdateArgs;
use deployments_domain::settings::{Overlap, Settings, Strategy};
use deployments_tests::{market_account, Bank, Chain, COST, NOW, SOL, TIMEOUT};
use nosana_deploy_client::{
    accounts::DeploymentAccount,
    instructions::{self as ix, Vault},
    markets::Run,
    seeds, DeploymentSpec,
};
use nosana_jobs_interface::node::{Assignment, Node};
use solana_program::{instruction::Instruction, pubkey::Pubkey};

/// A deployment with its job 0, which `node` runs.
#[derive(Clone, Copy)]
pub(crate) struct Running {
    pub(crate) key: Pubkey,
    pub(crate) owner: Pubkey,
    pub(crate) vault: Vault,
    pub(crate) job: Pubkey,
    pub(crate) run: Pubkey,
    pub(crate) node: Pubkey,
}

impl Running {
    pub(crate) fn run_of_job(&self) -> Run {
        Run {
            address: self.run,
            job: self.job,
            node: self.node,
            payer: self.node,
            started_at: NOW,
        }
    }
}

#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) chain: Chain,
    /// Pays every fee, so that no account of an instruction changes by a fee.
    pub(crate) sponsor: Pubkey,
    pub(crate) keeper: Pubkey,
    /// Of every deployment.
    pub(crate) access_key: Pubkey,
    pub(crate) market: Pubkey,
    pub(crate) second_market: Pubkey,
    pub(crate) second_mint: Pubkey,
    /// What the good instructions are about.
    pub(crate) own: Running,
    /// Another deployment of the same owner, on the same vault.
    pub(crate) sibling: Running,
    /// Another owner's.
    pub(crate) foreign: Running,
}

/// Deployments 0 and 1 of the first owner, deployment 0 of the second.
impl Scene {
    pub(crate) fn new() -> Self {
        let mut chain = Chain::new();
        chain.set_time(NOW);
        let nobody = Pubkey::default();
        let none = Running {
            key: nobody,
            owner: nobody,
            vault: Vault::new(nobody, 0),
            job: nobody,
            run: nobody,
            node: nobody,
        };
        let mut scene = Self {
            chain,
            sponsor: nobody,
            keeper: nobody,
            access_key: Pubkey::new_unique(),
            market: nobody,
            second_market: nobody,
            second_mint: Pubkey::new_unique(),
            own: none,
            sibling: none,
            foreign: none,
        };
        scene.sponsor = scene.wallet();
        scene.keeper = scene.wallet();
        scene.market = scene.open_market();
        scene.second_market = scene.open_market();
        let (first, second) = (scene.wallet(), scene.wallet());
        // A second vault of the first owner, for somebody to mistake for the first.
        scene.send(&ix::fund(&first, &Vault::new(first, 1), COST, SOL), &first);
        scene.sibling = scene.deployment(first, 1);
        scene.foreign = scene.deployment(second, 0);
        scene.own = scene.deployment(first, 0);
        scene
    }

    pub(crate) fn wallet(&mut self) -> Pubkey {
        let key = Pubkey::new_unique();
        self.chain.put_wallet(key, 100 * SOL, Some(1_000 * COST));
        key
    }

    fn open_market(&mut self) -> Pubkey {
        let key = Pubkey::new_unique();
        let market = market_account(self.sponsor, &key);
        self.chain.put_market(key, &market);
        key
    }

    /// Creates deployments up to number `id`; the last gets revisions 2 and 3 and goes back to 1,
    /// and its job 0 is taken by a node.
    fn deployment(&mut self, owner: Pubkey, id: u64) -> Running {
        let spec = DeploymentSpec {
            name: "deployment".into(),
            market: self.market,
            vault_index: 0,
            vault_address: None,
            new_vault: false,
            default_price_cap: false,
            default_reward: false,
            confidential: false,
            definitions_url: String::new(),
            access_key: Some(self.access_key),
            autostart: true,
            job_definition: serde_json::json!({}),
            settings: Settings {
                replicas: 1,
                timeout_seconds: TIMEOUT,
                strategy: Strategy::SimpleExtend,
                schedule: None,
                overlap: Overlap::Allow,
                rotation_seconds: 0,
                auto_extend: true,
                max_price_per_second: u64::MAX,
                keeper_reward_lamports: 1_000,
                ..Settings::new(Strategy::SimpleExtend)
            },
        };
        let (key, vault) = (
            seeds::deployment_address(&owner, id).0,
            Vault::new(owner, 0),
        );
        for id in 0..=id {
            let address = seeds::deployment_address(&owner, id).0;
            if self.chain.account(&address).is_none() {
                self.send(&ix::create(&owner, id, &spec), &owner);
            }
        }
        self.send(&ix::fund(&owner, &vault, 9 * COST, SOL), &owner);
        for number in [2, 3] {
            self.send(&[ix::add_revision(&owner, &key, number, [2; 32])], &owner);
        }
        let back = UpdateArgs {
            revision: Some(1),
            ..UpdateArgs::default()
        };
        self.send(&[ix::update(&owner, &key, back)], &owner);
        let deployment = self.decoded(&key);
        let keeper = self.keeper;
        self.send(&[ix::list_jobs(&keeper, &deployment, 1)], &keeper);
        let (node, run) = (self.wallet(), Pubkey::new_unique());
        self.work(node, run);
        Running {
            key,
            owner,
            vault,
            job: seeds::job_address(&key, 0).0,
            run,
            node,
        }
    }

    /// Sends what must go through.
    pub(crate) fn send(&mut self, instructions: &[Instruction], payer: &Pubkey) {
        self.chain.send(instructions, payer).unwrap();
    }

    pub(crate) fn decoded(&self, key: &Pubkey) -> DeploymentAccount {
        let account = self.chain.account(key).unwrap();
        DeploymentAccount::decode(*key, &account.owner, &account.data).unwrap()
    }

    pub(crate) fn work(&mut self, node: Pubkey, run: Pubkey) {
        let work = Node(node).work(&run, &self.market);
        self.send(&[work], &node);
    }

    /// The node that runs the own deployment's job gives it up.
    pub(crate) fn quit(&mut self) {
        let (node, assignment) = self.assignment();
        self.send(&[node.quit(&assignment)], &node.0);
    }

    /// The node that runs the own deployment's job finishes it.
    pub(crate) fn finish(&mut self) {
        let (node, assignment) = self.assignment();
        self.send(&[node.finish(&assignment, &[1; 32])], &node.0);
    }

    fn assignment(&self) -> (Node, Assignment) {
        let own = self.own;
        let assignment = Assignment {
            job: own.job,
            job_payer: own.vault.address,
            run: own.run,
            run_payer: own.node,
            market: self.market,
        };
        (Node(own.node), assignment)
    }
}
