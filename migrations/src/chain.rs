//! Reading a cluster for a plan.

use crate::{
    goal::{Authority, Goal},
    ledger::Ledger,
    plan::{Plan, PlanError, Terms},
    programs::{
        loader::{self, Loaded, EXTENSION_NEEDS_AUTHORITY},
        metadata::METADATA,
        verify::{Build, VERIFY},
    },
};
use nosana_deploy_client::{
    rpc::{Cluster, ClusterError},
    transaction::{assemble, Budget, Lifetime},
};
use solana_program::pubkey::Pubkey;
use solana_system_interface::instruction::transfer;

/// Why a cluster could not be read, or the goal not be reached from there.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The cluster does not answer.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// There is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// Reads what a goal is about, as it was in slot `at_least` or later, and plans.
///
/// # Errors
/// [`ReadError`]; nothing was sent.
pub async fn plan(cluster: &Cluster, goal: &Goal, at_least: u64) -> Result<Plan, ReadError> {
    let rent = cluster.rent().await?;
    let keys = addresses(goal);
    let (slot, found) = cluster.accounts_since(&keys, at_least).await?;
    let mut ledger = Ledger::new(rent, keys.into_iter().zip(found));
    // Who says what it was built of is known only now.
    if let Some(Loaded::ProgramData {
        authority: Some(authority),
        ..
    }) = loader::read(ledger.get(&goal.program_data()))
    {
        let more = [authority, Build::address(&authority, &goal.program)];
        let (_, found) = cluster.accounts_since(&more, at_least).await?;
        ledger.add(more.into_iter().zip(found));
    }
    let terms = Terms {
        slot,
        lamports_per_signature: signature_fee(cluster, goal).await?,
        // A feature's account: whether it is active, and since when.
        extension_needs_authority: ledger.data(&EXTENSION_NEEDS_AUTHORITY).first() == Some(&1),
        // A node that searches for no accounts is asked only if there is something to find.
        tables: match goal.markets.is_empty() {
            true => Vec::new(),
            false => cluster.lookup_tables(&goal.deployer).await?,
        },
    };
    let tables: Vec<Pubkey> = terms.tables.iter().map(|table| table.key).collect();
    let found = cluster.accounts(&tables).await?;
    ledger.add(tables.into_iter().zip(found));
    Ok(Plan::new(goal, &terms, ledger)?)
}

fn addresses(goal: &Goal) -> Vec<Pubkey> {
    let program_data = goal.program_data();
    let idl = goal.idl_of(&program_data);
    let mut keys = vec![
        goal.deployer,
        goal.program,
        program_data,
        goal.buffer().0,
        METADATA,
        idl.address(),
        idl.buffer(&goal.deployer, goal.idl.hash()).0,
        VERIFY,
        EXTENSION_NEEDS_AUTHORITY,
        Build::address(&goal.deployer, &goal.program),
    ];
    if let Some(wanted) = goal.authority {
        let to = wanted.address();
        keys.extend([to, Build::address(&to, &goal.program)]);
        if let Authority::Squads { multisig, .. } = wanted {
            keys.push(multisig);
        }
    }
    keys
}

/// What a signature costs on this cluster, lamports.
async fn signature_fee(cluster: &Cluster, goal: &Goal) -> Result<u64, ReadError> {
    let (blockhash, _) = cluster.latest_blockhash().await?;
    let nothing = transfer(&goal.deployer, &goal.deployer, 0);
    let lifetime = Lifetime::Blockhash(blockhash);
    let message = assemble(
        &goal.deployer,
        &[nothing],
        &[],
        &Budget::default(),
        lifetime,
    );
    Ok(cluster.fee(&message.map_err(PlanError::from)?).await?)
}
