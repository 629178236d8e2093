//! One file per instruction, or per family that shares its accounts: args, accounts, validate,
//! handler.

pub mod close;
pub mod create;
pub mod fund;
pub mod handle_jobs;
pub mod list_jobs;
pub mod settle_jobs;
pub mod steer;
pub mod stop_jobs;
pub mod withdraw;

pub use close::*;
pub use create::*;
pub use fund::*;
pub use handle_jobs::*;
pub use list_jobs::*;
pub use steer::*;
pub use withdraw::*;
