//! The program's accounts: one file each, every seed in [`seeds`].

pub mod deployment;
pub mod owner;
pub mod revision;
pub mod seeds;

pub use deployment::{ActiveJob, Deployment, OpenDeployment};
pub use owner::Owner;
pub use revision::Revision;
