//! The only file that moves funds: the vault's SOL and NOS, signed for by the vault's PDA.

use crate::{
    errors::DeployError,
    state::{seeds, Deployment},
};
use anchor_lang::{
    prelude::*,
    solana_program::{program::invoke_signed_unchecked, system_instruction::transfer},
    system_program,
};
use anchor_spl::token;
use core::cell::Ref;
use deployments_domain::funding::{may_hold, Rents};
use nosana_jobs_interface::{
    account::{JOB_SIZE, RUN_SIZE},
    NOS_MINT,
};

/// Where an SPL token account has its mint, its authority and its amount.
const TOKEN_MINT: core::ops::Range<usize> = 0..32;
const TOKEN_AUTHORITY: core::ops::Range<usize> = 32..64;
const TOKEN_AMOUNT: core::ops::Range<usize> = 64..72;
/// Where it says whether somebody else may spend from it, or close it: zero if nobody may.
const TOKEN_DELEGATE_TAG: core::ops::Range<usize> = 72..76;
const TOKEN_CLOSE_AUTHORITY_TAG: core::ops::Range<usize> = 129..133;

/// A vault, in instructions that pay into it.
#[derive(Accounts)]
pub struct VaultAccounts<'info> {
    /// Its address is checked by [`Self::bump_of`].
    #[account(mut)]
    pub vault: SystemAccount<'info>,

    /// CHECK: by address.
    #[account(address = NOS_MINT @ DeployError::WrongMint)]
    pub nos_mint: UncheckedAccount<'info>,

    /// CHECK: in [`Self::bump_of`], for fewer compute units than Anchor takes to deserialize it.
    #[account(mut)]
    pub vault_nos: UncheckedAccount<'info>,
}

impl VaultAccounts<'_> {
    /// The bump of `owner`'s vault number `index`, if these accounts are that vault's.
    ///
    /// # Errors
    /// [`DeployError::WrongVault`] and [`DeployError::WrongVaultTokenAccount`].
    pub fn bump_of(&self, owner: &Pubkey, index: u16) -> Result<u8> {
        let vault = self.vault.key;
        let bump = seeds::require_vault(owner, index, vault, self.vault_nos.key)?;
        let data = token_data(&self.vault_nos)?;
        require!(
            data.get(TOKEN_MINT) == Some(NOS_MINT.as_ref())
                && data.get(TOKEN_AUTHORITY) == Some(vault.as_ref()),
            DeployError::WrongVaultTokenAccount
        );
        Ok(bump)
    }
}

/// What makes a vault sign: its seeds.
pub struct VaultSeeds {
    owner: Pubkey,
    index: [u8; 2],
    bump: [u8; 1],
}

impl VaultSeeds {
    /// The seeds of `owner`'s vault number `index`.
    pub fn new(owner: Pubkey, index: u16, bump: u8) -> Self {
        Self {
            owner,
            index: index.to_le_bytes(),
            bump: [bump],
        }
    }

    /// The seeds of the vault that pays for a deployment.
    pub fn of(deployment: &Deployment) -> Self {
        Self::new(
            deployment.owner,
            deployment.vault_index,
            deployment.vault_bump,
        )
    }

    /// In the order of [`seeds::vault_address`].
    pub fn as_slices(&self) -> [&[u8]; 4] {
        [seeds::VAULT, self.owner.as_ref(), &self.index, &self.bump]
    }
}

/// The cluster's rents that a vault has to do with.
///
/// # Errors
/// If the rent sysvar cannot be read.
pub fn rents() -> Result<Rents> {
    Ok(rents_by(&Rent::get()?))
}

/// The same, by this rent sysvar.
pub fn rents_by(rent: &Rent) -> Rents {
    Rents::new(rent.minimum_balance(0), JOB_SIZE as u64, RUN_SIZE as u64)
}

/// Refuses to leave a vault in a state that the runtime would refuse without a name.
///
/// # Errors
/// [`DeployError::VaultBelowRentFloor`].
pub fn require_may_hold(lamports: u64) -> Result<()> {
    require!(
        may_hold(lamports, Rent::get()?.minimum_balance(0)),
        DeployError::VaultBelowRentFloor
    );
    Ok(())
}

/// The bytes of an account that belongs to the token program, in place.
fn token_data<'a>(account: &'a AccountInfo) -> Result<Ref<'a, &'a mut [u8]>> {
    require!(
        *account.owner == token::ID,
        DeployError::WrongVaultTokenAccount
    );
    Ok(account.try_borrow_data()?)
}

/// NOS base units in a token account, read in place.
///
/// # Errors
/// [`DeployError::WrongVaultTokenAccount`] if it is not a token account.
pub fn nos_balance(token_account: &AccountInfo) -> Result<u64> {
    let data = token_data(token_account)?;
    let amount = data
        .get(TOKEN_AMOUNT)
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(DeployError::WrongVaultTokenAccount)?;
    Ok(u64::from_le_bytes(amount))
}

/// Lamports out of an account that these seeds sign for: a vault, or a job's or run's address that
/// someone sent lamports to.
///
/// # Errors
/// Whatever the system program returns.
pub fn send_lamports<'info>(
    from: &AccountInfo<'info>,
    to: &AccountInfo<'info>,
    lamports: u64,
    signer: &[&[u8]],
) -> Result<()> {
    let transfer = transfer(from.key, to.key, lamports);
    // Unchecked: lamports move, and nothing here borrows those of either account.
    Ok(invoke_signed_unchecked(
        &transfer,
        &[from.clone(), to.clone()],
        &[signer],
    )?)
}

/// NOS out of the vault's token account.
///
/// # Errors
/// Whatever the token program returns.
pub fn send_nos<'info>(
    from: &AccountInfo<'info>,
    to: &AccountInfo<'info>,
    vault: &AccountInfo<'info>,
    amount: u64,
    signer: &[&[u8]],
) -> Result<()> {
    let accounts = token::Transfer {
        from: from.clone(),
        to: to.clone(),
        authority: vault.clone(),
    };
    let signers = &[signer];
    token::transfer(
        CpiContext::new_with_signer(token::ID, accounts, signers),
        amount,
    )
}

/// A vault before the markets' program is called with its signature. That program can be upgraded, so
/// what it did is checked afterwards, by plain reads.
pub struct Guard<'a, 'info> {
    vault: &'a AccountInfo<'info>,
    vault_nos: &'a AccountInfo<'info>,
    lamports: u64,
    nos: u64,
}

impl<'a, 'info> Guard<'a, 'info> {
    /// Notes what the vault holds.
    ///
    /// # Errors
    /// [`DeployError::WrongVaultTokenAccount`] if `vault_nos` is not a token account.
    pub fn new(vault: &'a AccountInfo<'info>, vault_nos: &'a AccountInfo<'info>) -> Result<Self> {
        Ok(Self::holding(nos_balance(vault_nos)?, vault, vault_nos))
    }

    /// As [`Self::new`], where the NOS in `vault_nos` were read in this instruction already.
    pub fn holding(
        nos: u64,
        vault: &'a AccountInfo<'info>,
        vault_nos: &'a AccountInfo<'info>,
    ) -> Self {
        Self {
            vault,
            vault_nos,
            lamports: vault.lamports(),
            nos,
        }
    }

    /// Notes that the vault received lamports besides.
    pub fn received(&mut self, lamports: u64) {
        self.lamports = self.lamports.saturating_add(lamports);
    }

    /// After calls that spend: at most this much NOS and these rents.
    ///
    /// # Errors
    /// [`DeployError::FeeTooHigh`], [`DeployError::VaultChanged`], [`DeployError::VaultSolTaken`].
    pub fn require_spent_at_most(&self, nos: u64, rents_lamports: u64) -> Result<()> {
        self.require_a_vault(rents_lamports)?;
        let least = self.nos.checked_sub(nos).ok_or(DeployError::FeeTooHigh)?;
        require!(
            nos_balance(self.vault_nos)? >= least,
            DeployError::FeeTooHigh
        );
        Ok(())
    }

    /// After a call that gives back: at least this much NOS.
    ///
    /// # Errors
    /// [`DeployError::RefundTooLow`], [`DeployError::VaultChanged`], [`DeployError::VaultSolTaken`].
    pub fn require_got_back(&self, nos: u64) -> Result<()> {
        self.require_a_vault(0)?;
        let least = self.nos.checked_add(nos).ok_or(DeployError::Overflow)?;
        require!(
            nos_balance(self.vault_nos)? >= least,
            DeployError::RefundTooLow
        );
        Ok(())
    }

    /// The vault is still the system program's and without data, and its SOL is there but for these
    /// rents; its NOS account is still its own, and nobody else may spend from it or close it.
    ///
    /// # Errors
    /// [`DeployError::VaultChanged`], [`DeployError::VaultSolTaken`].
    fn require_a_vault(&self, rents_lamports: u64) -> Result<()> {
        let least = self.lamports.checked_sub(rents_lamports);
        require!(
            least.is_some_and(|least| self.vault.lamports() >= least),
            DeployError::VaultSolTaken
        );
        require!(
            *self.vault.owner == system_program::ID
                && self.vault.data_is_empty()
                && *self.vault_nos.owner == token::ID,
            DeployError::VaultChanged
        );
        let data = token_data(self.vault_nos)?;
        let none = Some(&[0; 4][..]);
        require!(
            data.get(TOKEN_AUTHORITY) == Some(self.vault.key.as_ref())
                && data.get(TOKEN_DELEGATE_TAG) == none
                && data.get(TOKEN_CLOSE_AUTHORITY_TAG) == none,
            DeployError::VaultChanged
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rents_are_the_runtime_s_own() {
        for rent in [3_480, 6_960, 696, 1].map(Rent::with_lamports_per_byte) {
            let rents = rents_by(&rent);
            let of = [0, JOB_SIZE, RUN_SIZE].map(|size| rent.minimum_balance(size));
            assert_eq!([rents.floor, rents.job, rents.run], of);
        }
        assert_eq!(rents_by(&Rent::default()), Rents::DEFAULT);
    }
}
