//! Nodes that take every job and do with it what `plan::conduct` says.

use crate::{
    day::Stage,
    plan::{conduct, Conduct, Pace},
};
use nosana_deploy_client::{
    domain::lifecycle::Market,
    jobs_program::node::{Assignment, Node},
    keeper::observe::Runs,
    markets::{decode_job_over, Run, QUEUE_CAPACITY},
};
use solana_keypair::Keypair;
use solana_program::{instruction::Instruction, pubkey::Pubkey};
use solana_signer::Signer;
use std::collections::BTreeSet;

/// Jobs that nodes take at the same time.
const AT_ONCE: usize = 24;

pub(crate) struct Nodes {
    /// The last one has no NOS account: it never finishes anything.
    wallets: [Keypair; 3],
    pace: Pace,
    /// Runs whose node was heard of for the last time.
    silent: BTreeSet<Pubkey>,
    pub(crate) finished: u32,
    pub(crate) quit: u32,
    pub(crate) vanished: u32,
}

/// When a node that took a job at `started_at` does with it what it does after so many seconds. What
/// takes minutes comes at the next ten-minute mark with everything else: else every job would be a
/// step of its own.
fn acts_at(started_at: i64, after: i64) -> i64 {
    const MARK_SECONDS: i64 = 600;
    let at = started_at + after;
    match after < MARK_SECONDS / 2 {
        true => at,
        false => at + (MARK_SECONDS - at.rem_euclid(MARK_SECONDS)),
    }
}

impl Nodes {
    pub(crate) fn new(stage: &Stage, pace: Pace) -> Self {
        let wallets: [Keypair; 3] = std::array::from_fn(|_| Keypair::new());
        for wallet in &wallets[..2] {
            stage
                .localnet
                .fund(&wallet.pubkey(), 1_000_000_000_000, 0)
                .unwrap();
        }
        let poor = stage.localnet.surfnet().cheatcodes();
        poor.fund_sol(&wallets[2].pubkey(), 1_000_000_000_000)
            .unwrap();
        Self {
            wallets,
            pace,
            silent: BTreeSet::new(),
            finished: 0,
            quit: 0,
            vanished: 0,
        }
    }

    pub(crate) fn addresses(&self) -> [Pubkey; 3] {
        [0, 1, 2].map(|number: usize| self.wallets[number].pubkey())
    }

    /// Takes every waiting job and does what is due. Returns the number of actions.
    pub(crate) async fn act(&mut self, stage: &Stage) -> usize {
        let mut done = self.take_jobs(stage).await;
        let now = stage.cluster.now().await.unwrap();
        let mut acting = Vec::new();
        for (job, run) in stage.runs().await {
            if self.silent.contains(&run.address) {
                continue;
            }
            let due = |after: i64| acts_at(run.started_at, after) <= now;
            let node = Node(run.node);
            let instruction = match self.conduct(&job, &run.node) {
                Conduct::Vanish => {
                    self.silent.insert(run.address);
                    self.vanished += 1;
                    continue;
                }
                Conduct::Finish(after) if due(after) => {
                    self.finished += 1;
                    node.finish(&stage.assignment(&run).await, &[1; 32])
                }
                Conduct::Quit(after) if due(after) => {
                    self.quit += 1;
                    node.quit(&stage.assignment(&run).await)
                }
                _ => continue,
            };
            self.silent.insert(run.address);
            acting.push((run.node, instruction));
        }
        done += acting.len();
        for (node, instruction) in acting {
            // A keeper may have ended the job first: then the node has nothing to do.
            let _ = stage.send(&[instruction], &[self.wallet(&node)]).await;
        }
        done
    }

    async fn take_jobs(&self, stage: &Stage) -> usize {
        let Market::Open { queue_room, .. } = stage.cluster.market(&stage.market).await.unwrap()
        else {
            panic!("the market is gone");
        };
        let waiting = usize::try_from(QUEUE_CAPACITY - queue_room).unwrap();
        // Not all at once: the localnet would take longer than a blockhash lasts.
        let taken = waiting.min(AT_ONCE);
        let taking = (0..taken).map(|number| {
            // The job decides whether its node vanishes, and is not known yet: so the nodes take turns.
            let (wallet, run) = (&self.wallets[number % 3], Keypair::new());
            let work: Instruction = Node(wallet.pubkey()).work(&run.pubkey(), &stage.market);
            async move { stage.send(&[work], &[wallet, &run]).await }
        });
        for taken in futures_util::future::join_all(taking).await {
            taken.unwrap();
        }
        taken
    }

    /// A node without a NOS account finishes nothing.
    fn conduct(&self, job: &Pubkey, node: &Pubkey) -> Conduct {
        match *node == self.wallets[2].pubkey() {
            true => Conduct::Vanish,
            false => conduct(job, self.pace),
        }
    }

    fn wallet(&self, address: &Pubkey) -> &Keypair {
        let mine = |wallet: &&Keypair| wallet.pubkey() == *address;
        self.wallets.iter().find(mine).unwrap()
    }

    /// When the next node does something.
    pub(crate) async fn next_at(&self, stage: &Stage) -> Option<i64> {
        let runs: Runs = stage.runs().await;
        let next = runs
            .iter()
            .filter_map(|(job, run)| match self.conduct(job, &run.node) {
                _ if self.silent.contains(&run.address) => None,
                Conduct::Finish(after) | Conduct::Quit(after) => {
                    Some(acts_at(run.started_at, after))
                }
                Conduct::Vanish => None,
            });
        next.min()
    }
}

impl Stage {
    async fn runs(&self) -> Runs {
        let runs = self.cluster.runs(None).await.unwrap();
        runs.into_iter().map(|run| (run.job, run)).collect()
    }

    /// A run's job, as its node knows it.
    async fn assignment(&self, run: &Run) -> Assignment {
        let account = self
            .cluster
            .accounts(&[run.job])
            .await
            .unwrap()
            .pop()
            .flatten();
        let account = account.expect("a running job");
        let job = decode_job_over(&account.owner, &account.data).unwrap();
        Assignment {
            job: run.job,
            job_payer: job.payer,
            run: run.address,
            run_payer: run.payer,
            market: self.market,
        }
    }
}
