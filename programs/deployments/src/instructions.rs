//! One file per instruction, or per family that shares its accounts: args, accounts, validate,
//! handler.

pub mod add_revision;
pub mod clean_jobs;
pub mod close;
pub mod close_revision;
pub mod create;
pub mod extend;
pub mod extend_jobs;
pub mod fund;
pub mod list_jobs;
pub mod reclaim_job;
pub mod reclaim_rent;
pub mod settle_jobs;
pub mod steer;
pub mod stop_jobs;
pub mod track_jobs;
pub mod update;
pub mod withdraw;
pub mod write_off;

pub use add_revision::*;
pub use clean_jobs::*;
pub use close::*;
pub use close_revision::*;
pub use create::*;
pub use extend::*;
pub use fund::*;
pub use list_jobs::*;
pub use reclaim_job::*;
pub use reclaim_rent::*;
pub use steer::*;
pub use update::*;
pub use withdraw::*;
pub use write_off::*;
