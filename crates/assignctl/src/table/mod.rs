//! Tables, whatever their rows are: `assignctl check`, and `table push` and `pull` between a file and the DynamoDB
//! table. Push and pull show the difference first, write all or nothing, and never overwrite what changed meanwhile.
//!
//! Two things say what somebody has seen of the DynamoDB table: the memory of a pull or push (`memory`), and a digest
//! that a pipeline keeps (`digest`). Without either, a push only adds rows.

pub mod check;
mod difference;
pub mod digest;
mod edit;
mod memory;
mod position;
mod pull;
mod push;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use assigner_aws::dynamodb::{DynamoDbTable, Item, NoItems};
use assigner_core::{
    cause::Cause,
    reading::Fault,
    table::{self, MAX_BYTES, RowKind, Table, TableLocation},
};
use assigner_engine::error::Error;
use serde_json::{Value, json};

use self::{difference::Difference, digest::Digest};
use crate::{
    arguments,
    exit::{Exit, Failure},
    session::Session,
    terminal::clean,
};

/// A kind of table that the stack has in DynamoDB if it is asked to.
pub trait Deployed: RowKind {
    /// The output of the stack that names the table.
    const OUTPUT: &'static str;
    /// The parameter of the stack that makes the table if it is `dynamodb`.
    const PARAMETER: &'static str;
    /// What would follow from a table without rows.
    const WITHOUT_ROWS: &'static str;
}

pub async fn run<R: Deployed>(session: &Session, arguments: arguments::Table) -> Result<Exit, Failure> {
    let TableLocation::DynamoDb(name) = &session.table else {
        let next = format!("add --table dynamodb:NAME; NAME is the stack's output {}", R::OUTPUT);
        return Err(Failure::wrong("no DynamoDB table is named", next));
    };
    let sdk = session.sdk().await?;
    let dynamodb = DynamoDbTable::new(name.clone(), &sdk, Arc::default());
    match arguments {
        arguments::Table::Push { file, yes, force, expect } => {
            push::run::<R>(session, &sdk, &dynamodb, &file, push::Consent { yes, force, expect }).await
        }
        arguments::Table::Pull { file, yes } => {
            pull::run::<R>(session, &dynamodb, file.as_deref(), yes).await
        }
    }
}

/// Rows by their ids.
type Rows = BTreeMap<String, Value>;

/// Returns the digest of a sound table.
pub fn digest_of<R: RowKind>(table: &Table<R>) -> Digest {
    Digest::of::<R>(&rows(table))
}

fn rows<R: RowKind>(table: &Table<R>) -> Rows {
    table.values()
}

/// Reads a table in a file.
fn of_file<R: RowKind>(session: &Session, path: &Path) -> Result<Table<R>, Failure> {
    // One byte more than a table may have is enough to refuse it.
    let table = table::parse(&session.read_first(path, MAX_BYTES)?);
    Ok(table.map_err(|faults| Error::InvalidTable { table: path.display().to_string(), faults })?)
}

struct Remote<R: RowKind> {
    items: Vec<Item>,
    table: Result<Table<R>, Vec<Fault>>,
}

impl<R: RowKind> Remote<R> {
    /// Returns the digest, which is that of the same table in a file if the table is sound.
    fn digest(&self) -> Digest {
        match &self.table {
            Ok(table) => digest_of(table),
            Err(_) => Digest::of::<R>(&self.rows(&Rows::new())),
        }
    }

    /// Returns the items as rows, with sets of strings in the order of these other rows.
    fn rows(&self, like: &Rows) -> Rows {
        self.items.iter().map(|item| (item.id.clone(), item.row(like.get(&item.id)))).collect()
    }
}

async fn read<R: Deployed>(session: &Session, dynamodb: &DynamoDbTable) -> Result<Remote<R>, Failure> {
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
            format!(
                "correct the name or AWS_REGION; the stack creates the table if its parameter {} is dynamodb",
                R::PARAMETER
            ),
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

/// Returns the document. `digest` is that of the DynamoDB table when the verb ends.
fn document(outcome: Outcome, table: &str, file: &Path, difference: &Difference, digest: &Digest) -> Value {
    let outcome = match outcome {
        Outcome::Unchanged => "unchanged",
        Outcome::Different => "different",
        Outcome::Written => "written",
    };
    json!({
        "outcome": outcome, "table": table, "file": file, "difference": difference, "counts": difference.counts(),
        "digest": digest.as_str(),
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
