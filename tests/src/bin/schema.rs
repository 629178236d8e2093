//! Prints the JSON Schema of deployments, or with `job-definition` that of job definitions.
//! `cargo xtask schema` writes both to `schema/`.

use nosana_deploy_client::{job, spec};

fn main() {
    let schema = match std::env::args().nth(1).as_deref() {
        Some("job-definition") => job::json_schema().clone(),
        _ => spec::schema::json_schema(),
    };
    println!("{schema:#}");
}
