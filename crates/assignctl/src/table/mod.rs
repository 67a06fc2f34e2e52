//! Tables, whatever their rows are: `assignctl check`, and `table push` and `pull` between a file and the DynamoDB
//! table. Push and pull show the difference first, write all or nothing, and never overwrite what changed meanwhile.

pub mod check;
mod difference;
mod memory;
mod position;
mod pull;
mod push;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use assigner_aws::dynamodb::{DynamoDbTable, Item, NoItems};
use assigner_core::{
    cause::Cause,
    reading::Fault,
    table::{self, RowKind, Table, TableLocation},
};
use assigner_engine::error::Error;
use serde_json::{Value, json};

use self::difference::Difference;
use crate::{
    arguments,
    exit::{Exit, Failure},
    session::Session,
    terminal::clean,
};

pub async fn run<R: RowKind>(session: &Session, arguments: arguments::Table) -> Result<Exit, Failure> {
    let TableLocation::DynamoDb(name) = &session.table else {
        return Err(Failure::wrong(
            "no DynamoDB table is named",
            "add --table dynamodb:NAME; NAME is the stack's output AssignmentsTableName",
        ));
    };
    let sdk = session.sdk().await?;
    let dynamodb = DynamoDbTable::new(name.clone(), &sdk, Arc::default());
    match arguments {
        arguments::Table::Push { file, yes, force } => {
            push::run::<R>(session, &dynamodb, &file, yes, force).await
        }
        arguments::Table::Pull { file, yes } => {
            pull::run::<R>(session, &dynamodb, file.as_deref(), yes).await
        }
    }
}

/// Rows by their ids.
type Rows = BTreeMap<String, Value>;

fn rows<R: RowKind>(table: &Table<R>) -> Rows {
    // Strings, lists and objects cannot fail to be written.
    let value = |row| serde_json::to_value(row).unwrap_or_default();
    let rest = table.rest_item().map(|rest| (R::REST_ITEM.to_owned(), rest));
    table.rows.iter().map(|row| (row.id().to_owned(), value(row))).chain(rest).collect()
}

/// Reads a table in a file.
async fn of_file<R: RowKind>(session: &Session, path: &Path) -> Result<Table<R>, Failure> {
    session.require_file(path)?;
    Ok(session.source(&TableLocation::File(path.to_owned())).await?.load().await?)
}

struct Remote<R: RowKind> {
    items: Vec<Item>,
    table: Result<Table<R>, Vec<Fault>>,
}

impl<R: RowKind> Remote<R> {
    /// Returns the items as rows, with sets of strings in the order of these other rows.
    fn rows(&self, like: &Rows) -> Rows {
        self.items.iter().map(|item| (item.id.clone(), item.row(like.get(&item.id)))).collect()
    }
}

async fn read<R: RowKind>(session: &Session, dynamodb: &DynamoDbTable) -> Result<Remote<R>, Failure> {
    let items = tokio::time::timeout_at(session.until, dynamodb.items()).await;
    match items.map_err(|_| Error::Late { what: "the DynamoDB table", last: None })? {
        Ok(items) => {
            let table = table::parse_items(items.iter().map(Item::json).collect());
            Ok(Remote { items, table })
        }
        Err(NoItems::Call(error)) if error.cause == Cause::NotFound => Err(Failure::wrong(
            format!(
                "there is no DynamoDB table {} in {}",
                dynamodb.name(),
                dynamodb.region().unwrap_or_default()
            ),
            "correct the name or AWS_REGION; the stack creates the table if its parameter TableSource is dynamodb",
        )),
        Err(NoItems::NotATable(problem)) => {
            Err(NoItems::NotATable(format!("{}: {problem}", session.table)).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// How a push or a pull ended: well, or with a difference that nobody has confirmed.
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
    let ids: Vec<String> = ids.iter().map(|id| clean(id)).collect();
    match ids.len().checked_sub(MOST) {
        Some(more) if more > 0 => format!("{} and {more} more", ids[..MOST].join(", ")),
        _ => ids.join(", "),
    }
}

fn faults(faults: &[Fault]) -> String {
    faults.iter().map(|fault| format!("\n- {fault}")).collect()
}
