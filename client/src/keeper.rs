//! The pure half of a keeper: what is due for a deployment, and which deployment to look at next. No
//! RPC and no clock; `nosana-deploy-keeper` adds both.
//!
//! | module | what it does |
//! |---|---|
//! | [`observe`] | from accounts, wherever they were read, to a snapshot |
//! | [`plan`] | from a snapshot to the actions that are due |
//! | [`task_queue`] | from notifications and the time to the deployments worth a look |

pub mod observe;
pub mod plan;
pub mod task_queue;
