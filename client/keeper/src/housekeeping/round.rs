//! Which deployment listed a job that is over. A job's account names only its payer, the vault, so its
//! address is looked for among those that the vault's deployments made.

use nosana_deploy_client::{accounts::DeploymentAccount, markets::JobOver, seeds};
use solana_program::pubkey::Pubkey;
use std::collections::{HashMap, HashSet};

/// Most addresses that are derived in one round, some seconds' work. A job beyond is cleaned all the same,
/// but without a reward.
const MOST_ADDRESSES: u64 = 200_000;
/// Addresses of one deployment that are derived before it is another's turn.
const AT_ONCE: u64 = 1_000;

/// All deployments that the keeper serves, and whose the jobs are that are over.
pub(super) struct Round {
    by_vault: HashMap<Pubkey, Vec<DeploymentAccount>>,
    /// Jobs that a deployment has not settled yet.
    active: HashSet<Pubkey>,
    /// Deployment and index of each job that was found: vault, position among its deployments, index.
    located: HashMap<Pubkey, (Pubkey, usize, u64)>,
}

impl Round {
    /// Derives addresses, for a second or a few.
    pub(super) fn new(deployments: Vec<DeploymentAccount>, jobs: &[(Pubkey, JobOver)]) -> Self {
        let mut by_vault: HashMap<Pubkey, Vec<_>> = HashMap::new();
        for deployment in deployments {
            let of_vault = by_vault.entry(deployment.header.vault).or_default();
            of_vault.push(deployment);
        }
        let mut wanted: HashMap<Pubkey, HashSet<Pubkey>> = HashMap::new();
        for (job, over) in jobs {
            wanted.entry(over.payer).or_default().insert(*job);
        }
        let concerned = wanted.keys().filter_map(|vault| by_vault.get(vault));
        let active = concerned
            .flatten()
            .flat_map(DeploymentAccount::job_addresses)
            .collect();
        let mut round = Self {
            by_vault,
            active,
            located: HashMap::new(),
        };
        round.locate(wanted, MOST_ADDRESSES);
        round
    }

    /// The newest jobs first, every deployment in turn: so that no owner's many jobs keep another's from
    /// being found.
    fn locate(&mut self, mut wanted: HashMap<Pubkey, HashSet<Pubkey>>, most: u64) {
        let mut cursors: Vec<(Pubkey, usize, u64)> = Vec::new();
        for vault in wanted.keys() {
            let deployments = self.by_vault.get(vault).into_iter().flatten().enumerate();
            cursors.extend(deployments.map(|(position, deployment)| {
                (*vault, position, deployment.header.next_job_index)
            }));
        }
        let mut left = most;
        while left > 0 && !cursors.is_empty() {
            cursors.retain_mut(|(vault, position, next)| {
                let deployments = self.by_vault.get(vault);
                let deployment = deployments.and_then(|all| all.get(*position));
                let (Some(deployment), Some(jobs)) = (deployment, wanted.get_mut(vault)) else {
                    return false;
                };
                let last = next.saturating_sub(AT_ONCE.min(left));
                for index in (last..*next).rev() {
                    if jobs.is_empty() {
                        return false;
                    }
                    left = left.saturating_sub(1);
                    let job = seeds::job_address(&deployment.address, index).0;
                    if jobs.remove(&job) {
                        self.located.insert(job, (*vault, *position, index));
                    }
                }
                *next = last;
                last > 0
            });
        }
    }

    /// Whether a vault pays for a deployment that the keeper serves.
    pub(super) fn serves(&self, vault: &Pubkey) -> bool {
        self.by_vault.contains_key(vault)
    }

    /// Whether a job's deployment has not settled it yet. Once the job is gone, nothing says how it ended.
    pub(super) fn is_active(&self, job: &Pubkey) -> bool {
        self.active.contains(job)
    }

    /// The deployment that listed a job, and the job's index, if it was found.
    pub(super) fn origin(&self, job: &Pubkey) -> Option<(&DeploymentAccount, u64)> {
        let (vault, position, index) = self.located.get(job)?;
        let deployment = self.by_vault.get(vault)?.get(*position)?;
        Some((deployment, *index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nosana_deploy_client::{filters::DeploymentFilter, PROGRAM_ID};

    /// A deployment without active jobs, by its account's bytes.
    fn deployment(number: u8, vault: &Pubkey, next_job_index: u64) -> DeploymentAccount {
        const BYTES: usize = 544;
        let kind = DeploymentFilter::default().memcmp().remove(0).bytes;
        let mut data = vec![0; BYTES];
        let next = next_job_index.to_le_bytes();
        for (offset, bytes) in [
            (0, &kind[..]),
            (8, &[1]),
            (48, vault.as_ref()),
            (376, &next),
        ] {
            data[offset..offset + bytes.len()].copy_from_slice(bytes);
        }
        let address = Pubkey::new_from_array([number; 32]);
        let decoded = DeploymentAccount::decode(address, &PROGRAM_ID, &data).unwrap();
        assert_eq!(decoded.header.next_job_index, next_job_index);
        decoded
    }

    fn over(vault: &Pubkey) -> JobOver {
        JobOver {
            market: Pubkey::default(),
            payer: *vault,
            authority: *vault,
            ended_at: 1,
            node: Pubkey::default(),
            result: None,
            is_of_a_vault: true,
        }
    }

    #[test]
    fn jobs_are_found_whichever_of_a_vault_s_deployments_listed_them() {
        let vault = Pubkey::new_unique();
        let all = vec![deployment(1, &vault, 3_000), deployment(2, &vault, 5)];
        let jobs = [(1, 2_999), (1, 0), (2, 4)].map(|(number, index)| {
            seeds::job_address(&Pubkey::new_from_array([number; 32]), index).0
        });
        let stranger = Pubkey::new_unique();
        let over: Vec<_> = jobs
            .into_iter()
            .chain([stranger])
            .map(|job| (job, over(&vault)))
            .collect();
        let round = Round::new(all, &over);
        let found = jobs.map(|job| {
            let (deployment, index) = round.origin(&job).unwrap();
            (deployment.address.to_bytes()[0], index)
        });
        assert_eq!(found, [(1, 2_999), (1, 0), (2, 4)]);
        assert!(round.origin(&stranger).is_none());
        assert!(round.serves(&vault) && !round.serves(&stranger));
    }

    #[test]
    fn no_owner_s_many_jobs_take_the_time_of_another_s() {
        let [endless, modest]: [Pubkey; 2] = std::array::from_fn(|_| Pubkey::new_unique());
        let all = vec![
            deployment(1, &endless, u64::MAX),
            deployment(2, &modest, 2_500),
        ];
        let mut round = Round::new(all, &[]);
        let job = seeds::job_address(&Pubkey::new_from_array([2; 32]), 0).0;
        let wanted = HashMap::from([
            (endless, HashSet::from([Pubkey::new_unique()])),
            (modest, HashSet::from([job])),
        ]);
        round.locate(wanted, 6_000);
        assert_eq!(round.origin(&job).unwrap().1, 0);
    }
}
