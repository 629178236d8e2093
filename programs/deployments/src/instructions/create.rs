//! `create`: stores a new deployment.

// All of `events`: Anchor's derive needs what it made of `Telling`.
use crate::{
    errors::DeployError,
    events::*,
    markets::is_market,
    room::make_account,
    settings::SettingsArgs,
    // Renamed: Anchor has a trait of this name, which its derives need.
    state::{deployment::FIRST_REVISION, seeds, Deployment, OpenDeployment, Owner as OwnerAccount},
};
use anchor_lang::prelude::*;
use anchor_spl::token::TokenAccount;
use core::cell::RefMut;
use deployments_domain::{
    lifecycle::Lifecycle,
    settings::{Settings, Strategy},
};
use nosana_jobs_interface::NOS_MINT;

/// Arguments of `create`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Debug, PartialEq, Eq)]
pub struct CreateArgs {
    /// Must be the owner account's `next_deployment_id`.
    pub id: u64,
    /// Number of the owner's vault that pays.
    pub vault_index: u16,
    /// Shown to people; at most 64 bytes of UTF-8.
    pub name: String,
    /// A `Strategy` byte.
    pub strategy: u8,
    /// What differs from the settings that the strategy begins with.
    pub settings: SettingsArgs,
    /// sha2-256 digest of the job definition.
    pub job_definition: [u8; 32],
    /// Start at once.
    pub autostart: bool,
    /// Authority of the jobs that it lists; the default key for none.
    pub access_key: Pubkey,
}

impl CreateArgs {
    /// Without a cap a market's authority that raises its price takes the whole vault, so that has to
    /// be said.
    fn settings(&self) -> Result<Settings> {
        require!(
            self.settings.max_price_per_second.is_some(),
            DeployError::PriceCapMissing
        );
        let strategy =
            Strategy::from_byte(self.strategy).ok_or(DeployError::StrategyNotSupported)?;
        self.settings.apply_to(Settings::new(strategy))
    }
}

/// Accounts of `create`.
#[derive(Accounts)]
pub struct Create<'info> {
    /// The wallet; pays the accounts' rent.
    #[account(mut)]
    pub owner: Signer<'info>,

    /// CHECK: counts the wallet's deployments; made with the first one. Its address is checked in
    /// `validate`.
    #[account(mut)]
    pub owner_account: UncheckedAccount<'info>,

    /// CHECK: new; its address is checked in `validate`.
    #[account(mut)]
    pub deployment: UncheckedAccount<'info>,

    /// The vault that pays, funded or not. A system-owned PDA needs no creation. Its address is
    /// checked in `validate`.
    pub vault: SystemAccount<'info>,

    /// CHECK: by address.
    #[account(address = NOS_MINT @ DeployError::WrongMint)]
    pub nos_mint: UncheckedAccount<'info>,

    /// Must exist, so that refunds always find it. Its address is checked in `validate`.
    #[account(token::mint = nos_mint, token::authority = vault)]
    pub vault_nos: Account<'info, TokenAccount>,

    /// CHECK: any market of the jobs program; checked by owner and discriminator in `validate`.
    pub market: UncheckedAccount<'info>,

    pub system_program: Program<'info, System>,
    pub telling: Telling<'info>,
}

/// Canonical bumps of the accounts' addresses.
struct Bumps {
    owner_account: u8,
    deployment: u8,
    vault: u8,
}

impl<'info> Create<'info> {
    fn validate(&self, args: &CreateArgs) -> Result<Bumps> {
        let owner = self.owner.key();

        // owner_account
        // Canonical, so that a wallet has one counter and an id is used once.
        let seeds = [seeds::OWNER, owner.as_ref()];
        let owner_account = seeds::canonical_bump(self.owner_account.key, &seeds, &crate::ID)
            .ok_or(DeployError::WrongOwnerAccount)?;

        // deployment
        let seeds = [seeds::DEPLOYMENT, owner.as_ref(), &args.id.to_le_bytes()];
        let deployment = seeds::canonical_bump(self.deployment.key, &seeds, &crate::ID)
            .ok_or(DeployError::WrongDeployment)?;

        // vault, vault_nos
        let (vault, vault_nos) = (self.vault.key, self.vault_nos.key());
        let vault = seeds::require_vault(&owner, args.vault_index, vault, &vault_nos)?;

        // market
        require!(is_market(&self.market)?, DeployError::WrongMarket);

        // owner, nos_mint, system_program: checked by Anchor.
        Ok(Bumps {
            owner_account,
            deployment,
            vault,
        })
    }

    /// Counts one more deployment, in an account that is made with the first. Refuses an id that was
    /// used, whether its deployment still exists or not.
    fn count(&self, id: u64, bump: u8) -> Result<()> {
        let (info, owner) = (&self.owner_account, self.owner.key());
        let mut counter = if *info.owner == crate::ID {
            OwnerAccount::try_deserialize(&mut &info.try_borrow_data()?[..])?
        } else {
            let seeds: [&[u8]; 3] = [seeds::OWNER, owner.as_ref(), &[bump]];
            make_account(info, &self.owner, OwnerAccount::SIZE, &seeds)?;
            OwnerAccount {
                version: OwnerAccount::VERSION,
                bump,
                wallet: owner,
                next_deployment_id: 0,
                reserved: [0; 32],
            }
        };
        require!(id == counter.next_deployment_id, DeployError::IdNotNext);
        counter.next_deployment_id = id.checked_add(1).ok_or(DeployError::Overflow)?;
        counter.try_serialize(&mut &mut info.try_borrow_mut_data()?[..])
    }

    /// Makes the deployment's account and fills what never changes.
    fn make_deployment(&self, args: &CreateArgs, bumps: &Bumps, slots: u32) -> Result<()> {
        let (id, owner) = (args.id.to_le_bytes(), self.owner.key());
        let bump = [bumps.deployment];
        let seeds: [&[u8]; 4] = [seeds::DEPLOYMENT, owner.as_ref(), &id, &bump];
        make_account(
            &self.deployment,
            &self.owner,
            Deployment::space(slots),
            &seeds,
        )?;
        let data = RefMut::map(self.deployment.try_borrow_mut_data()?, |data| &mut **data);
        let mut header = Deployment::init(data)?;
        header.bump = bumps.deployment;
        header.vault_bump = bumps.vault;
        header.vault_index = args.vault_index;
        header.owner = owner;
        header.vault = self.vault.key();
        header.vault_nos = self.vault_nos.key();
        header.market = self.market.key();
        header.job_definition = args.job_definition;
        header.first_job_definition = args.job_definition;
        header.access_key = args.access_key;
        header.id = args.id;
        header.latest_revision = FIRST_REVISION;
        header.set_name(&args.name)
    }
}

/// Stores the deployment and counts it.
pub(crate) fn handler(ctx: Context<Create>, args: CreateArgs) -> Result<()> {
    let accounts = &*ctx.accounts;
    let settings = args.settings()?;
    let bumps = accounts.validate(&args)?;
    accounts.count(args.id, bumps.owner_account)?;
    accounts.make_deployment(&args, &bumps, settings.slots())?;

    let mut open = OpenDeployment::load(&accounts.deployment)?;
    open.header.created_at = open.now;
    open.header.status_changed_at = open.now;
    open.lifecycle = Lifecycle::draft(settings);
    if args.autostart {
        open.apply(|lifecycle, jobs, now| lifecycle.start(jobs, now))?;
    }
    open.header.set_settings(&open.lifecycle.settings);
    open.store()?;
    accounts.telling.tell(&DeploymentCreated {
        deployment: open.key,
        owner: open.header.owner,
        market: open.header.market,
        vault: open.header.vault,
        job_definition: args.job_definition,
        status: open.header.status,
        at: open.now,
    })
}
