//! The programs that the steps call.

pub mod loader;
pub mod metadata;
pub mod squads;
pub mod verify;
