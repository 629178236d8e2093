//! Instructions, by who signs.

pub mod anyone;
pub mod market;
pub mod node;
pub mod project;

pub use {anyone::*, market::*, node::*, project::*};
