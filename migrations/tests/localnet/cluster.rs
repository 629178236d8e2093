//! A localnet with stand-ins for the programs that the steps call, a deployer, and a program that is not there yet.

use nosana_deploy_client::{
    localnet::{Localnet, Programs},
    rpc::Cluster,
    transaction::Lifetime,
};
use nosana_deployments_migrations::{
    apply::{apply, ApplyError, Landed},
    chain::{self, ReadError},
    goal::{Authority, Bytecode, Goal, Source},
    plan::{Plan, PlanError},
    programs::{
        metadata::{Document, METADATA},
        squads::SQUADS,
        verify::VERIFY,
    },
    unsigned::ToSign,
};
use nosana_jobs_interface::JOBS_PROGRAM;
use solana_account::Account;
use solana_commitment_config::CommitmentConfig;
use solana_keypair::Keypair;
use solana_program::{hash::hash, pubkey::Pubkey};
use solana_signer::Signer;
use solana_transaction::{versioned::VersionedTransaction, Transaction};
use std::{env, fs, ops::ControlFlow, path::Path};
use surfpool_sdk::cheatcodes::builders::DeployProgram;

pub(crate) const SOL: u64 = 1_000_000_000;
const ELVES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../client/testkit/elf");

pub(crate) struct World {
    pub(crate) localnet: Localnet,
    pub(crate) cluster: Cluster,
    pub(crate) goal: Goal,
    pub(crate) keys: Vec<Keypair>,
    /// Who is to hold the upgrade authority; its key is not at hand.
    pub(crate) authority: Keypair,
}

/// Bytecode that the loader takes, a tenth as long as the real one: the stand-ins', and behind it what the real
/// one declares. `version` makes it another, and longer.
pub(crate) fn bytecode(program: &Pubkey, version: u8) -> Vec<u8> {
    let mut elf = stand_ins();
    elf.extend_from_slice(program.as_ref());
    elf.extend_from_slice(JOBS_PROGRAM.as_ref());
    elf.extend_from_slice(b"=======BEGIN SECURITY.TXT V1=======\0");
    elf.extend(vec![version; 1_000 * usize::from(version)]);
    elf
}

fn stand_ins() -> Vec<u8> {
    let folder = env::var_os("SBF_OUT_DIR").expect("`cargo xtask test` sets SBF_OUT_DIR");
    let elf = fs::read(Path::new(&folder).join("migrations_stand_ins.so"));
    elf.expect("`cargo xtask test` builds it")
}

/// Texts that hardly pack, so that they take more than one instruction can add.
pub(crate) fn idl(version: u8, bytes: usize) -> Vec<u8> {
    let mut last = [version; 32];
    let mut text = Vec::new();
    while text.len() < bytes {
        last = hash(&last).to_bytes();
        text.extend_from_slice(&last);
    }
    text
}

impl World {
    /// Whose goal is all steps.
    pub(crate) async fn new() -> Self {
        let localnet = Localnet::start(Programs::read(Path::new(ELVES)).unwrap());
        let localnet = localnet.await.unwrap();
        for program in [METADATA, VERIFY] {
            let deploy = DeployProgram::new(program).so_bytes(stand_ins());
            localnet.surfnet().cheatcodes().deploy(deploy).unwrap();
        }
        let cluster = Cluster::new(localnet.rpc_url(), CommitmentConfig::confirmed());
        let keys = vec![Keypair::new(), Keypair::new()];
        let [deployer, program] = [keys[0].pubkey(), keys[1].pubkey()];
        let authority = Keypair::new();
        localnet.fund(&deployer, 100 * SOL, 0).unwrap();
        localnet.fund(&authority.pubkey(), SOL, 0).unwrap();
        let goal = Goal {
            program,
            deployer,
            keys: keys.iter().map(Signer::pubkey).collect(),
            bytecode: Bytecode::new(bytecode(&program, 1), &program).unwrap(),
            idl: Document::new(idl(1, 12_000)),
            authority: Some(Authority::Key(authority.pubkey())),
            markets: (0..4).map(|_| Pubkey::new_unique()).collect(),
            source: Some(Source {
                git_url: "https://git.example/deployments".into(),
                commit: "5ca1ab1e".into(),
            }),
            unit_price_micro_lamports: Some(1_000),
        };
        Self {
            localnet,
            cluster,
            goal,
            keys,
            authority,
        }
    }

    /// A different version of everything that changes.
    pub(crate) fn wish_for(&mut self, version: u8, idl_bytes: usize) {
        let program = self.goal.program;
        let elf = bytecode(&program, version);
        self.goal.bytecode = Bytecode::new(elf, &program).unwrap();
        self.goal.idl = Document::new(idl(version, idl_bytes));
        if let Some(source) = &mut self.goal.source {
            source.commit = format!("c0ffee{version:02}");
        }
    }

    pub(crate) async fn plan(&self) -> Plan {
        chain::plan(&self.cluster, &self.goal, 0).await.unwrap()
    }

    /// Why there is no plan.
    pub(crate) async fn refusal(&self) -> PlanError {
        match chain::plan(&self.cluster, &self.goal, 0).await {
            Err(ReadError::Plan(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn apply(&self) -> Result<Plan, ApplyError> {
        self.apply_until(&mut |_| ControlFlow::Continue(())).await
    }

    pub(crate) async fn apply_until(
        &self,
        watch: &mut dyn FnMut(&Landed<'_>) -> ControlFlow<()>,
    ) -> Result<Plan, ApplyError> {
        apply(&self.cluster, &self.goal, &self.keys, watch).await
    }

    /// Signs what was printed for the authority, and sends it.
    pub(crate) async fn sign_elsewhere(&self, printed: &ToSign) {
        assert_eq!(printed.signer, self.authority.pubkey());
        let bytes = bs58::decode(&printed.base58).into_vec().unwrap();
        let mut transaction: Transaction = bincode::deserialize(&bytes).unwrap();
        let (blockhash, _) = self.cluster.latest_blockhash().await.unwrap();
        transaction.sign(&[&self.authority], blockhash);
        let sent = VersionedTransaction::from(transaction);
        let lifetime = Lifetime::Blockhash(blockhash);
        let receipt = self.cluster.send(&sent, lifetime).await.unwrap();
        // What the loader is asked next must be in a later slot.
        let after = receipt.slot + 1;
        self.cluster
            .accounts_since(&[self.goal.program], after)
            .await
            .unwrap();
    }

    pub(crate) async fn account(&self, key: &Pubkey) -> Option<Account> {
        self.cluster.accounts(&[*key]).await.unwrap().remove(0)
    }

    pub(crate) async fn lamports(&self, key: &Pubkey) -> i128 {
        let account = self.account(key).await;
        account.map_or(0, |account| account.lamports.into())
    }

    /// A multisig's account.
    pub(crate) fn put_multisig(&self) -> Pubkey {
        let multisig = Pubkey::new_unique();
        let mut content = hash(b"account:Multisig").to_bytes()[..8].to_vec();
        content.resize(200, 0);
        self.localnet.place(&multisig, SQUADS, content).unwrap();
        multisig
    }

    /// Puts lamports at an address, as anybody can.
    pub(crate) fn give(&self, key: &Pubkey, lamports: u64) {
        let cheats = self.localnet.surfnet().cheatcodes();
        cheats.fund_sol(key, lamports).unwrap();
    }
}

/// All lamports are where the plan put them, but the lookup table's address depends on when it was made.
pub(crate) async fn assert_lamports(world: &World, plan: &Plan, made: &Plan) {
    let table = |plan: &Plan| plan.tables[0].key;
    for (key, before, after) in plan.before.changes_to(&plan.after) {
        let key = match key == table(plan) {
            true => table(made),
            false => key,
        };
        let found = world.lamports(&key).await;
        assert_eq!(found, after, "{key}, which had {before}");
    }
}
