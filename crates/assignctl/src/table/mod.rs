//! `assignctl table push` and `pull`: between a file and the DynamoDB table. Both show the difference first, write all
//! or nothing, and never overwrite what changed meanwhile.

mod difference;
mod memory;
mod pull;
mod push;

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use account_assigner::{
    source::{Item, Source},
    table::{Fault, Place, Table},
};
use serde_json::{Value, json};

use crate::{
    arguments,
    failure::{Failure, MISSING},
    session::Session,
    table::difference::Difference,
};

pub async fn run(session: &Session, arguments: arguments::Table) -> Result<ExitCode, Failure> {
    let Place::DynamoDb(name) = &session.table else {
        return Err(Failure::wrong(
            "no DynamoDB table is named",
            "add --table dynamodb:NAME; NAME is the stack's output AssignmentsTableName",
        ));
    };
    match arguments {
        arguments::Table::Push { file, yes, force } => push::run(session, name, &file, yes, force).await,
        arguments::Table::Pull { file, yes } => pull::run(session, name, file.as_deref(), yes).await,
    }
}

/// Rows by their ids.
type Rows = BTreeMap<String, Value>;

fn rows(table: &Table) -> Rows {
    // Strings, lists and objects cannot fail to be written.
    let value = |row| serde_json::to_value(row).unwrap_or_default();
    table.rows.iter().map(|row| (row.id.clone(), value(row))).collect()
}

struct Remote {
    items: Vec<Item>,
    table: Result<Table, Vec<Fault>>,
}

impl Remote {
    /// The items as rows, sets of strings in the order of these other rows.
    fn rows(&self, like: &Rows) -> Rows {
        self.items.iter().map(|item| (item.id.clone(), item.row(like.get(&item.id)))).collect()
    }
}

async fn read(session: &Session, source: &Source, name: &str) -> Result<Remote, Failure> {
    let late = || Failure {
        name: "ServiceUnavailable",
        message: "the time ran out while the DynamoDB table was read".into(),
        next: "run the same command again, or give it more by --timeout".into(),
        code: MISSING,
    };
    match tokio::time::timeout_at(session.until, source.items()).await.map_err(|_| late())? {
        Ok((items, table)) => Ok(Remote { items, table }),
        Err(error) if error.to_string().contains("ResourceNotFoundException") => Err(Failure::wrong(
            format!("there is no DynamoDB table {name} in {}", source.region().unwrap_or_default()),
            "correct the name or AWS_REGION; the stack makes the table where its parameter TableSource is dynamodb",
        )),
        Err(error) => Err(error.into()),
    }
}

/// How a push or a pull ended well, or where it stopped to be looked at.
#[derive(Clone, Copy)]
enum Outcome {
    Unchanged,
    Different,
    Written,
}

fn document(outcome: Outcome, table: &str, file: &Path, difference: &Difference) -> Value {
    let outcome = match outcome {
        Outcome::Unchanged => "unchanged",
        Outcome::Different => "different",
        Outcome::Written => "written",
    };
    json!({
        "outcome": outcome, "table": table, "file": file, "difference": difference, "counts": difference.counts(),
    })
}

fn list(ids: &[String]) -> String {
    const MOST: usize = 20;
    match ids.len().checked_sub(MOST) {
        Some(more) if more > 0 => format!("{} and {more} more", ids[..MOST].join(", ")),
        _ => ids.join(", "),
    }
}

fn faults(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("\n- {fault}")).collect()
}
