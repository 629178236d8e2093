//! 0006: the upgrade authority says what the bytecode was built of, so that explorers can build it again.

use crate::{
    plan::{Draft, Outcome, PlanError},
    programs::verify::{Build, VERIFY},
};

pub(super) fn plan(draft: &mut Draft<'_>) -> Result<Outcome, PlanError> {
    let goal = draft.goal;
    let Some(source) = &goal.source else {
        return Ok(Outcome::LeftOut(
            "neither --source-url nor --source-commit is named".into(),
        ));
    };
    if draft.ledger.get(&VERIFY).is_none() {
        return Ok(Outcome::LeftOut(format!(
            "this cluster has no verification program {VERIFY}"
        )));
    }
    let deployed = draft.deployed();
    let authority = deployed.and_then(|program| Some((program.slot, program.authority?)));
    let Some((deployed_slot, authority)) = authority else {
        return Ok(Outcome::LeftOut(
            "the program has no upgrade authority, whom alone explorers believe".into(),
        ));
    };
    let mut arguments = vec!["--library-name".to_owned(), "deployments".to_owned()];
    if cfg!(feature = "devnet") {
        arguments.extend(["--", "--features", "devnet"].map(str::to_owned));
    }
    let build = Build {
        git_url: source.git_url.clone(),
        commit: source.commit.clone(),
        arguments,
        deployed_slot,
    };
    let key = Build::address(&authority, &goal.program);
    draft.name(key, "verified build");
    let there = draft.ledger.data(&key);
    if build.is_said_by(there) {
        return Ok(Outcome::Done(format!("said at {key}")));
    }
    let is_first = there.is_empty();
    let instruction = build.instruction(&authority, &goal.program, is_first);
    draft.round([(
        format!("say at {key} what it was built of"),
        vec![instruction],
    )])?;
    let content = build.account(&authority, &goal.program);
    let missing = draft.ledger.missing_rent(&key, content.len());
    draft.ledger.transfer(&authority, &key, missing);
    draft.ledger.write(&key, VERIFY, content);
    draft.ledger.release_excess(&key, &authority);
    draft.note_lowest();
    Ok(Outcome::Due)
}
