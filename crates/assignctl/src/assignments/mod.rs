//! The verbs of the capability *assignments*, and what they show.

pub mod apply;
pub mod arguments;
mod characters;
pub mod import;
mod overview;
pub mod plan;
mod reach;
pub mod report;
mod restore;
pub mod revoke;
mod saved;
mod show;
mod watched;
pub mod what;
pub mod who;
pub mod why;

use std::{path::Path, time::SystemTime};

use assigner_core::{
    assignments::{Row, lint},
    selector::Selection,
};
use assigner_engine::clock;

use crate::{
    exit::{Exit, Failure},
    session::Session,
    table::{
        Deployed,
        check::{self, Doubt, Judged},
    },
};

impl Deployed for Row {
    const OUTPUT: &'static str = "AssignmentsTableName";
    const PARAMETER: &'static str = "TableSource";
    const WITHOUT_ROWS: &'static str = "no account would get any assignment";
}

/// `assignctl check`.
pub async fn check(session: &Session, arguments: crate::arguments::Check) -> Result<Exit, Failure> {
    let crate::arguments::Check { snapshot, strict } = arguments;
    check::run::<Row>(session, strict, |table| {
        let facts = |path: &Path| session.facts_from_snapshot(path, &Selection::default(), &[table]);
        let facts = snapshot.as_deref().map(facts).transpose()?.map(|(facts, _)| facts);
        let doubts =
            lint::lint(table, facts.as_ref(), clock::day(SystemTime::now())).into_iter().map(Doubt::from);
        let doubts = doubts.chain(characters::doubts(table)).collect();
        Ok(Judged { doubts, ..Judged::default() })
    })
    .await
}

impl From<lint::Warning> for Doubt {
    fn from(warning: lint::Warning) -> Doubt {
        let lint::Warning { kind, row, field, problem, remedy, other } = warning;
        Doubt { kind: kind.as_str(), row, field, problem, remedy, other }
    }
}
