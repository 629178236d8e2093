//! Nosana's GPU markets as their callers see them: addresses, accounts, instructions and errors.
//!
//! This crate is the only place in the workspace that knows the layouts and discriminators of the
//! markets' program. It reads accounts in place, allocates only to build instructions, and contains
//! no Anchor types, so that programs and clients can share it.
//!
//! The facts come from the program's public source (July 2026). The program is upgradeable by a
//! multisig of Nosana's: callers that hold funds check what each call did.

#![no_std]
#![deny(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

extern crate alloc;

pub mod account;
mod address;
pub mod error;
pub mod instruction;
pub mod node;

pub use address::*;
pub use solana_address::Address;

/// The README's example, as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
