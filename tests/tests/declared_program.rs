//! What a program that declares ours from its IDL can read, and what it cannot.

// Anchor's macro tests a feature that only programs have.
#![allow(clippy::unwrap_used, missing_docs, unexpected_cfgs)]

use anchor_lang::{prelude::*, AccountDeserialize, Discriminator, ZeroCopy};
use bytemuck::Zeroable;

// `idls` links to the IDL that `cargo xtask idl` writes.
declare_program!(deployments);

use self::deployments::accounts::{Deployment, Owner};

/// A Deployment's account with so many slots.
fn account(slots: usize) -> Vec<u8> {
    let mut header = ::deployments::state::Deployment::zeroed();
    header.version = ::deployments::state::Deployment::VERSION;
    header.replicas = 7;
    let mut data = Deployment::DISCRIMINATOR.to_vec();
    data.extend_from_slice(bytemuck::bytes_of(&header));
    let slots = u32::try_from(slots).unwrap();
    data.resize(::deployments::state::Deployment::space(slots), 0);
    data
}

/// The way that works: the fixed part alone.
fn fixed_part<T: ZeroCopy>(data: &[u8]) -> T {
    let fixed = data.strip_prefix(T::DISCRIMINATOR).unwrap();
    bytemuck::pod_read_unaligned(&fixed[..size_of::<T>()])
}

#[test]
fn the_fixed_part_of_a_deployment_is_read_from_its_own_bytes() {
    for slots in [0, 1, 300] {
        let read: Deployment = fixed_part(&account(slots));
        assert_eq!(read.replicas, 7, "{slots} slots");
    }
}

/// docs/accounts.md warns of it: if this no longer panics, the warning can go.
#[test]
#[should_panic]
fn anchor_s_own_reader_panics_on_the_slots_behind_it() {
    let data = account(1);
    let _ = Deployment::try_deserialize(&mut data.as_slice());
}

#[test]
fn an_owner_account_reads_as_the_idl_has_it() {
    let owner = ::deployments::state::Owner {
        version: 1,
        bump: 2,
        wallet: Pubkey::new_from_array([3; 32]),
        next_deployment_id: 4,
        reserved: [0; 32],
    };
    let mut data = Vec::new();
    anchor_lang::AccountSerialize::try_serialize(&owner, &mut data).unwrap();
    let read = Owner::try_deserialize(&mut data.as_slice()).unwrap();
    assert_eq!((read.wallet, read.next_deployment_id), (owner.wallet, 4));
}
