//! The real program's two error enums. Both count from 6000, so a code alone names no error.

use nosana_jobs_interface::with_errors;

macro_rules! define {
    (jobs: [$($job:ident,)*], common: [$($common:ident,)*],) => {
        pub mod jobs {
            //! Errors of jobs, markets and nodes.
            use anchor_lang::prelude::*;

            /// From 6000.
            #[error_code]
            pub enum JobsError {
                $($job,)*
            }
        }

        pub mod common {
            //! Errors that Nosana's programs share.
            use anchor_lang::prelude::*;

            /// From 6000.
            #[error_code]
            pub enum CommonError {
                $($common,)*
            }
        }
    };
}

with_errors!(define);

pub use {common::CommonError, jobs::JobsError};
