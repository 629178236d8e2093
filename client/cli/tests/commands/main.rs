//! Every command, run as users run it, against an embedded localnet with real JSON-RPC.

#![allow(clippy::unwrap_used)]

mod confidential;
mod daily;
mod endpoints;
mod failures;
mod funds;
mod history;
mod ipfs;
mod keeper;
mod keeper_faults;
mod net;
mod node_api;
mod offline;
mod operators;
mod proxy;
mod readme;
mod running;
mod steering;
mod terminal;
mod text;
mod up;
mod world;
