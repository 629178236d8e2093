//! `create`: stores a new deployment.

use crate::{
    constants::NOS_MINT,
    errors::DeployError,
    events::DeploymentCreated,
    instructions::make_room::make_account,
    jobs_cpi::require_market,
    // Renamed: Anchor has a trait of this name, which its derives need.
    state::{deployment::FIRST_REVISION, seeds, Deployment, Owner as OwnerAccount},
};
use anchor_lang::prelude::*;
use anchor_spl::token::TokenAccount;
use deployments_domain::{
    cron::Schedule,
    lifecycle::NEVER,
    settings::{Overlap, Settings, Strategy},
    status::Status,
};

/// Five cron fields as bit sets, UTC; see `deployments_domain::cron`.
#[derive(AnchorSerialize, AnchorDeserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleArgs {
    /// Bits 0 to 59.
    pub minute: u64,
    /// Bits 0 to 23.
    pub hour: u32,
    /// Bits 1 to 31.
    pub day_of_month: u32,
    /// Bits 1 to 12.
    pub month: u16,
    /// Bits 0 to 6, 0 is Sunday.
    pub day_of_week: u8,
    /// The day of month began with `*`.
    pub day_of_month_star: bool,
    /// The day of week began with `*`.
    pub day_of_week_star: bool,
}

impl From<Schedule> for ScheduleArgs {
    fn from(schedule: Schedule) -> Self {
        Self {
            minute: schedule.minute,
            hour: schedule.hour,
            day_of_month: schedule.day_of_month,
            month: schedule.month,
            day_of_week: schedule.day_of_week,
            day_of_month_star: schedule.day_of_month_star,
            day_of_week_star: schedule.day_of_week_star,
        }
    }
}

impl From<ScheduleArgs> for Schedule {
    fn from(args: ScheduleArgs) -> Self {
        Self {
            minute: args.minute,
            hour: args.hour,
            day_of_month: args.day_of_month,
            month: args.month,
            day_of_week: args.day_of_week,
            day_of_month_star: args.day_of_month_star,
            day_of_week_star: args.day_of_week_star,
        }
    }
}

/// What `create` is told. Limits: `deployments_domain::settings`.
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
    /// Jobs per round.
    pub replicas: u32,
    /// Longest run of one job.
    pub timeout_seconds: u64,
    /// Required by SCHEDULED, refused otherwise.
    pub schedule: Option<ScheduleArgs>,
    /// What a firing does while jobs are active: an `Overlap` byte, 0 unless SCHEDULED.
    pub overlap: u8,
    /// Lead of a replacement over the deadline it covers, 0 unless INFINITE.
    pub rotation_seconds: u32,
    /// Prolong running jobs before their deadline; only with SIMPLE-EXTEND.
    pub auto_extend: bool,
    /// Most NOS base units per second that the market may ask; `u64::MAX` for no cap.
    pub max_price_per_second: u64,
    /// Paid to a keeper per job handled.
    pub keeper_reward_lamports: u64,
    /// sha2-256 digest of the job definition.
    pub job_definition: [u8; 32],
    /// Start at once.
    pub autostart: bool,
}

impl CreateArgs {
    fn strategy(&self) -> Result<Strategy> {
        Ok(Strategy::from_byte(self.strategy).ok_or(DeployError::StrategyNotSupported)?)
    }

    fn schedule(&self) -> Option<Schedule> {
        self.schedule.map(Schedule::from)
    }

    fn validate(&self) -> Result<()> {
        let settings = Settings {
            name: &self.name,
            strategy: self.strategy()?,
            replicas: self.replicas,
            timeout_seconds: self.timeout_seconds,
            schedule: self.schedule(),
            overlap: Overlap::from_byte(self.overlap).ok_or(DeployError::OverlapNotAllowed)?,
            rotation_seconds: self.rotation_seconds,
            auto_extend: self.auto_extend,
            keeper_reward_lamports: self.keeper_reward_lamports,
        };
        Ok(settings.validate().map_err(DeployError::from)?)
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
}

/// Canonical bumps of the accounts' addresses.
struct Bumps {
    owner_account: u8,
    deployment: u8,
    vault: u8,
}

impl<'info> Create<'info> {
    fn validate(&self, args: &CreateArgs) -> Result<Bumps> {
        args.validate()?;
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
        require_market(&self.market)?;

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

    fn make_deployment(&self, args: &CreateArgs, bump: u8) -> Result<()> {
        let (id, owner) = (args.id.to_le_bytes(), self.owner.key());
        let seeds: [&[u8]; 4] = [seeds::DEPLOYMENT, owner.as_ref(), &id, &[bump]];
        let slots = args.strategy()?.slots(args.replicas);
        let space = Deployment::space(slots);
        make_account(&self.deployment, &self.owner, space, &seeds)
    }
}

/// Stores the deployment and counts it.
pub(crate) fn handler(ctx: Context<Create>, args: CreateArgs) -> Result<()> {
    let accounts = &*ctx.accounts;
    let bumps = accounts.validate(&args)?;
    accounts.count(args.id, bumps.owner_account)?;
    accounts.make_deployment(&args, bumps.deployment)?;
    let now = Clock::get()?.unix_timestamp;
    let key = accounts.deployment.key();

    let mut data = accounts.deployment.try_borrow_mut_data()?;
    let (deployment, slots) = Deployment::init(&mut data)?;
    deployment.bump = bumps.deployment;
    deployment.vault_bump = bumps.vault;
    deployment.vault_index = args.vault_index;
    deployment.owner = accounts.owner.key();
    deployment.vault = accounts.vault.key();
    deployment.vault_nos = accounts.vault_nos.key();
    deployment.market = accounts.market.key();
    deployment.job_definition = args.job_definition;
    deployment.id = args.id;
    deployment.created_at = now;
    deployment.status_changed_at = now;
    deployment.timeout_seconds = args.timeout_seconds;
    deployment.max_price_per_second = args.max_price_per_second;
    deployment.keeper_reward_lamports = args.keeper_reward_lamports;
    deployment.status = Status::Draft as u8;
    deployment.strategy = args.strategy;
    deployment.overlap = args.overlap;
    deployment.rotation_seconds = args.rotation_seconds;
    deployment.auto_extend = u8::from(args.auto_extend);
    deployment.replicas = args.replicas;
    deployment.next_due_at = NEVER;
    deployment.revision = FIRST_REVISION;
    deployment.latest_revision = FIRST_REVISION;
    deployment.first_job_definition = args.job_definition;
    deployment.set_name(&args.name)?;
    if let Some(schedule) = args.schedule() {
        deployment.set_schedule(&schedule);
    }
    emit!(DeploymentCreated {
        deployment: key,
        owner: deployment.owner,
        market: deployment.market,
        vault: deployment.vault,
        job_definition: deployment.job_definition,
    });

    let mut lifecycle = deployment.lifecycle(slots.len())?;
    if args.autostart {
        let none = core::iter::empty();
        lifecycle.start(none, now).map_err(DeployError::from)?;
    }
    deployment.store(&key, &lifecycle, now)
}
