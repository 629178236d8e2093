//! `update`: changes settings, the name, the access key or the revision, in any status but ARCHIVED, and the
//! market while no job is active.

// All of `events`: Anchor's derive needs what it made of `Telling`.
use crate::{
    errors::DeployError,
    events::*,
    markets::is_market,
    room::make_room,
    settings::SettingsArgs,
    state::{deployment::FIRST_REVISION, Deployment, OpenDeployment, Revision},
};
use anchor_lang::prelude::*;

/// What to change; `None` leaves it as it is.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdateArgs {
    /// Shown to people; at most 64 bytes of UTF-8.
    pub name: Option<String>,
    /// Settings of the deployment.
    pub settings: SettingsArgs,
    /// A revision that was added before; 1 is the one the deployment was created with.
    pub revision: Option<u32>,
    /// Whether what an edited schedule's earlier firings owe, and a firing that is due, still run.
    pub run_due: bool,
    /// Authority of jobs that are listed from now on; the default key for none.
    pub access_key: Option<Pubkey>,
}

/// Settings alone.
impl From<SettingsArgs> for UpdateArgs {
    fn from(settings: SettingsArgs) -> Self {
        Self {
            settings,
            ..Self::default()
        }
    }
}

/// Accounts of `update`.
#[derive(Accounts)]
pub struct Update<'info> {
    /// Pays for further slots.
    #[account(mut)]
    pub owner: Signer<'info>,

    #[account(mut, has_one = owner @ DeployError::WrongOwner)]
    pub deployment: AccountLoader<'info, Deployment>,

    /// The revision to go to, unless it is the first.
    #[account(has_one = deployment @ DeployError::WrongRevision)]
    pub revision: Option<Account<'info, Revision>>,

    /// CHECK: the market to go to, if any; checked by owner and discriminator in the handler.
    pub market: Option<UncheckedAccount<'info>>,

    pub system_program: Program<'info, System>,
    pub telling: Telling<'info>,
}

impl Update<'_> {
    /// Digest of the revision to go to.
    fn digest(&self, deployment: &Deployment, number: u32) -> Result<[u8; 32]> {
        match &self.revision {
            _ if number == FIRST_REVISION => Ok(deployment.first_job_definition),
            Some(revision) if revision.number == number => Ok(revision.job_definition),
            _ => err!(DeployError::WrongRevision),
        }
    }
}

/// Stores the new settings; keepers carry out whatever becomes due.
pub(crate) fn handler(ctx: Context<Update>, args: UpdateArgs) -> Result<()> {
    let accounts = &*ctx.accounts;
    require!(
        args != UpdateArgs::default() || accounts.market.is_some(),
        DeployError::NothingToUpdate
    );
    let info = accounts.deployment.as_ref();
    let current = accounts.deployment.load()?.settings()?;
    let settings = args.settings.apply_to(current)?;
    make_room(info, &accounts.owner, settings.slots())?;

    let mut open = OpenDeployment::load_unarchived(info)?;
    if let Some(name) = &args.name {
        open.header.set_name(name)?;
    }
    if let Some(access_key) = args.access_key {
        open.header.access_key = access_key;
    }
    let run_due = args.run_due;
    open.apply(|lifecycle, jobs, now| lifecycle.configure(settings, run_due, jobs, now))?;
    if let Some(market) = &accounts.market {
        require!(is_market(market)?, DeployError::WrongMarket);
        open.apply(|lifecycle, _, _| lifecycle.change_market())?;
        open.header.market = market.key();
        open.moved_to = Some(market.key());
    }
    if let Some(revision) = args.revision {
        open.header.job_definition = accounts.digest(&open.header, revision)?;
        open.apply(|lifecycle, jobs, now| lifecycle.change_revision(revision, jobs, now))?;
    }
    open.commit_settings(&accounts.telling)
}
