//! The verbs of the capability *controls*: a file for each. Only `disable` disables a control.

mod against;
mod apply;
pub mod arguments;
mod disable;
mod drift;
mod impact;
pub mod offline;
mod plan;
mod report;
mod show;
mod steps;

use std::time::SystemTime;

use assigner_core::{
    controls::{Row, Table, lint},
    table::{TableLocation, require_rows},
};
use assigner_engine::{clock, error::Error};

use self::arguments::Controls;
use crate::{
    exit::{Exit, Failure},
    files::named,
    session::Session,
    table::{
        self, Deployed,
        check::{self, Doubt, Judged},
    },
};

pub async fn run(session: &Session, arguments: Controls) -> Result<Exit, Failure> {
    match arguments {
        Controls::Check(arguments) => check(session, arguments).await,
        Controls::Plan(arguments) => plan::run(session, arguments).await,
        Controls::Apply(arguments) => apply::run(session, arguments).await,
        Controls::Drift(arguments) => drift::run(session, arguments).await,
        Controls::Report(arguments) => report::run(session, arguments).await,
        Controls::Disable(arguments) => disable::run(session, arguments).await,
        Controls::Impact(arguments) => impact::run(session, &table(session).await?, arguments).await,
        Controls::Table(arguments) => table::run::<Row>(session, arguments).await,
    }
}

impl Deployed for Row {
    const OUTPUT: &'static str = "ControlsTableName";
    const PARAMETER: &'static str = "ControlsTableSource";
    const WITHOUT_ROWS: &'static str = "no OU would get any control from then on";
}

async fn check(session: &Session, arguments: arguments::Check) -> Result<Exit, Failure> {
    let arguments::Check { snapshot, strict } = arguments;
    check::run::<Row>(session, strict, |table| {
        let mut warnings = lint::lint(table, clock::moment(SystemTime::now()));
        let mut faults = Vec::new();
        if let Some(path) = snapshot {
            let rules = plan::rules()?;
            let picture = offline::picture(session, &path, &[table], rules)?;
            match picture.decide(table, rules) {
                Ok((wishes, _)) => warnings.extend(lint::unknown(table, &wishes, &picture.tree)),
                Err(shown) => faults = shown,
            }
        }
        Ok(Judged { faults, doubts: warnings.into_iter().map(Doubt::from).collect() })
    })
    .await
}

impl From<lint::Warning> for Doubt {
    fn from(warning: lint::Warning) -> Doubt {
        let lint::Warning { kind, row, field, problem, remedy, other } = warning;
        Doubt { kind: kind.as_str(), row, field, problem, remedy, other }
    }
}

async fn table(session: &Session) -> Result<Table, Failure> {
    table_of(session, &session.table).await
}

/// Returns a table of controls that has rows.
pub async fn table_of(session: &Session, location: &TableLocation) -> Result<Table, Failure> {
    let table = require_rows(session.table_of(location).await?, location);
    Ok(table.map_err(|faults| Error::InvalidTable { table: named(location), faults })?)
}
