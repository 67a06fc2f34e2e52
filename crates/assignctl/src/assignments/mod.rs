//! The verbs of the capability *assignments*, and what they show.

pub mod apply;
mod overview;
pub mod plan;
pub mod report;
mod show;
pub mod snapshot;

use assigner_core::assignments::{Row, lint};

use crate::{
    arguments,
    exit::{Exit, Failure},
    session::Session,
    table::check::{self, Doubt},
};

/// `assignctl check`.
pub async fn check(session: &Session, arguments: arguments::Check) -> Result<Exit, Failure> {
    let arguments::Check { snapshot, strict } = arguments;
    let organization = snapshot.as_deref().map(|path| session.snapshot(path)).transpose()?;
    check::run::<Row>(session, strict, |table| {
        let facts = organization.map(|snapshot| snapshot.facts(&[table]));
        lint::lint(table, facts.as_ref()).into_iter().map(Doubt::from).collect()
    })
    .await
}

impl From<lint::Warning> for Doubt {
    fn from(warning: lint::Warning) -> Doubt {
        let lint::Warning { kind, row, field, problem, remedy, other } = warning;
        Doubt { kind: kind.as_str(), row, field, problem, remedy, other }
    }
}
