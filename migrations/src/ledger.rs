//! Accounts as they are, and as they will be. A plan moves lamports and writes data here before anything happens
//! on a cluster.

use solana_account::Account;
use solana_program::{pubkey::Pubkey, rent::Rent};
use std::collections::{BTreeMap, BTreeSet};

/// What an address holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    /// Lamports. In a plan that somebody cannot pay for, they fall below zero.
    pub lamports: i128,
    /// The program that may change it.
    pub owner: Pubkey,
    /// Its content.
    pub data: Vec<u8>,
}

/// The accounts that a plan is about.
#[derive(Clone, Debug)]
pub struct Ledger {
    accounts: BTreeMap<Pubkey, Holding>,
    rent: Rent,
}

impl Ledger {
    /// Accounts as a cluster has them; `None` where there is nothing.
    pub fn new(rent: Rent, read: impl IntoIterator<Item = (Pubkey, Option<Account>)>) -> Self {
        let mut ledger = Self {
            accounts: BTreeMap::new(),
            rent,
        };
        ledger.add(read);
        ledger
    }

    /// Adds what was read later.
    pub fn add(&mut self, read: impl IntoIterator<Item = (Pubkey, Option<Account>)>) {
        let holding = |account: Option<Account>| {
            account.map_or_else(Holding::default, |account| Holding {
                lamports: account.lamports.into(),
                owner: account.owner,
                data: account.data,
            })
        };
        let accounts = read.into_iter();
        let accounts = accounts.map(|(key, account)| (key, holding(account)));
        self.accounts.extend(accounts);
    }

    /// What is at an address, unless nothing is.
    pub fn get(&self, key: &Pubkey) -> Option<&Holding> {
        let found = self.accounts.get(key);
        found.filter(|holding| holding.lamports != 0)
    }

    /// Lamports at an address.
    pub fn lamports(&self, key: &Pubkey) -> i128 {
        self.accounts.get(key).map_or(0, |found| found.lamports)
    }

    /// Content at an address; empty where there is none.
    pub fn data(&self, key: &Pubkey) -> &[u8] {
        self.accounts.get(key).map_or(&[], |found| &found.data)
    }

    /// Lamports that an account of so many bytes must hold.
    pub fn rent(&self, bytes: usize) -> u64 {
        self.rent.minimum_balance(bytes).max(1)
    }

    /// Lamports that an address lacks to be rent-exempt with so many bytes.
    pub fn missing_rent(&self, key: &Pubkey, bytes: usize) -> u64 {
        let missing = i128::from(self.rent(bytes)) - self.lamports(key);
        u64::try_from(missing).unwrap_or(0)
    }

    /// Moves lamports.
    pub fn transfer(&mut self, from: &Pubkey, to: &Pubkey, lamports: u64) {
        self.at(from).lamports -= i128::from(lamports);
        self.at(to).lamports += i128::from(lamports);
    }

    /// Takes lamports off the cluster: a fee.
    pub fn burn(&mut self, from: &Pubkey, lamports: u64) {
        self.at(from).lamports -= i128::from(lamports);
    }

    /// Replaces an account's content and owner.
    pub fn write(&mut self, key: &Pubkey, owner: Pubkey, data: Vec<u8>) {
        let holding = self.at(key);
        (holding.owner, holding.data) = (owner, data);
    }

    /// Removes an account; its lamports go to `to`.
    pub fn close(&mut self, key: &Pubkey, to: &Pubkey) {
        let holding = std::mem::take(self.at(key));
        self.at(to).lamports += holding.lamports;
    }

    /// Lamports of an account above its rent go to `to`.
    pub fn release_excess(&mut self, key: &Pubkey, to: &Pubkey) {
        let excess = self.lamports(key) - i128::from(self.rent(self.data(key).len()));
        self.at(key).lamports -= excess;
        self.at(to).lamports += excess;
    }

    /// Addresses whose lamports differ from another ledger's, in order, with both amounts.
    pub fn changes_to<'a>(
        &'a self,
        after: &'a Self,
    ) -> impl Iterator<Item = (Pubkey, i128, i128)> + 'a {
        let keys: BTreeSet<&Pubkey> = self.accounts.keys().chain(after.accounts.keys()).collect();
        let all = keys.into_iter();
        let all = all.map(|key| (*key, self.lamports(key), after.lamports(key)));
        all.filter(|(_, before, after)| before != after)
    }

    fn at(&mut self, key: &Pubkey) -> &mut Holding {
        self.accounts.entry(*key).or_default()
    }
}
