//! What went in, where it is, and how often jobs were listed.

use crate::{
    day::{Stage, Subject},
    nodes::Nodes,
    plan::{firings, lists_every_firing, REWARD},
};
use nosana_deploy_client::{
    domain::funding::{cleaning_reward, Rents},
    filters,
    instructions::market_vault_address,
    jobs_program::JOBS_PROGRAM,
    keeper::observe::nos_in,
    keeper::plan::Snapshot,
};
use solana_program::pubkey::Pubkey;
use std::collections::BTreeMap;

#[derive(Default)]
pub(crate) struct Books {
    /// Of each deployment, in their order: NOS and lamports put into its vault, and when it began.
    deposits: Vec<(u64, u64, i64)>,
    /// Jobs that each listed, and when the last firing that counts was.
    listed: BTreeMap<Pubkey, (u64, i64)>,
    vaults: Vec<(u64, u64)>,
    nodes_nos: u64,
    market_nos: u64,
    jobs: u64,
}

impl Books {
    pub(crate) fn deposited(&mut self, nos: u64, lamports: u64, at: i64) {
        self.deposits.push((nos, lamports, at));
    }

    /// Job indices as they are when the day is over and nothing is due.
    pub(crate) fn note_listed(&mut self, snapshots: &[Snapshot]) {
        for snapshot in snapshots {
            let listed = snapshot.deployment.header.next_job_index;
            self.jobs += listed;
            self.listed
                .insert(snapshot.deployment.address, (listed, snapshot.now));
        }
    }

    /// Accounts of jobs that are still there.
    pub(crate) async fn jobs_left(&self, stage: &Stage) -> usize {
        let config = stage.cluster.program_config(filters::jobs(None));
        let client = stage.cluster.client();
        let found = client
            .get_program_ui_accounts_with_config(&JOBS_PROGRAM, config)
            .await;
        found.unwrap().len()
    }

    pub(crate) async fn close(&mut self, stage: &Stage, subjects: &[Subject], nodes: &Nodes) {
        for subject in subjects {
            let funds = stage.cluster.funds(&subject.vault).await.unwrap();
            self.vaults.push((funds.nos, funds.lamports));
        }
        for node in nodes.addresses() {
            self.nodes_nos += stage.cluster.wallet_funds(&node).await.unwrap().nos;
        }
        let market = market_vault_address(&stage.market);
        let holder = stage.cluster.accounts(&[market]).await.unwrap();
        self.market_nos = nos_in(holder[0].as_ref().unwrap().into()).unwrap();
    }

    pub(crate) fn report(&self) -> String {
        let put_in: u64 = self.deposits.iter().map(|(nos, ..)| nos).sum();
        let left: u64 = self.vaults.iter().map(|(nos, _)| nos).sum();
        let lamports: u64 = self.deposits.iter().map(|(_, lamports, _)| lamports).sum();
        let lamports_left: u64 = self.vaults.iter().map(|(_, lamports)| lamports).sum();
        format!(
            "jobs listed: {}\nNOS base units: {put_in} deposited = {left} in vaults + {} with nodes + {} with the market\n\
             lamports: {lamports} deposited = {lamports_left} in vaults + {} of rewards\n",
            self.jobs,
            self.nodes_nos,
            self.market_nos,
            lamports - lamports_left,
        )
    }

    pub(crate) fn verify(&self, subjects: &[Subject], day_began: i64) {
        let put_in: u64 = self.deposits.iter().map(|(nos, ..)| nos).sum();
        let left: u64 = self.vaults.iter().map(|(nos, _)| nos).sum();
        assert_eq!(self.market_nos, 0, "a deposit is stranded in the market");
        assert_eq!(put_in, left + self.nodes_nos, "NOS appeared or disappeared");
        for (number, subject) in subjects.iter().enumerate() {
            let (_, lamports, began) = self.deposits[number];
            let (name, (listed, ended)) = (&subject.spec.name, self.listed[&subject.key]);
            let spent = lamports - self.vaults[number].1;
            let reward = subject.spec.settings.keeper_reward_lamports;
            // Whoever cleaned a finished job got its part of the rent, at most once for each job.
            let for_cleaning = cleaning_reward(Rents::DEFAULT.job);
            let mut for_the_rest =
                (0..=listed).filter_map(|jobs| spent.checked_sub(jobs * for_cleaning));
            let is_explained = match reward {
                0 => for_the_rest.any(|rest| rest == 0),
                _ => {
                    let is_paid = |rest: u64| rest > 0 && rest.is_multiple_of(REWARD);
                    listed == 0 || for_the_rest.any(is_paid)
                }
            };
            assert!(is_explained, "{name}: {spent} lamports of rewards");
            if lists_every_firing(&subject.spec) {
                let schedule = subject.spec.settings.schedule.unwrap();
                // The first firings come while deployments are still being created: nobody keeps yet.
                let missed = firings(&schedule, began, day_began).saturating_sub(1);
                let expected = firings(&schedule, began, ended) - missed;
                let replicas = u64::from(subject.spec.settings.replicas);
                assert_eq!(
                    listed,
                    expected * replicas,
                    "{name}: a firing was missed or listed twice"
                );
            }
        }
    }
}
