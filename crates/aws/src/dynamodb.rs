//! Writes the config table in DynamoDB, for the operator's command.
//!
//! Every item is written on the condition that it still is what was read, so an edit in between is never overwritten.
//! One transaction is all or nothing; where a table needs more than one and a later one is refused, the earlier ones
//! are undone, on the same condition. The function may read in between: rows are put before others are deleted, so it
//! may see too many rows for a moment, and never too few.

use std::{collections::HashMap, pin::pin, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, CancellationReason, Delete, Put, TransactWriteItem},
};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use serde_json::{Map, Value};

use super::{Source, json, scan};
use crate::{
    aws::call_error,
    error::Error,
    failure::{CallError, Cause},
    table::{self, Fault, MAX_ROWS, Table},
};

/// DynamoDB's own limits.
const ITEMS_A_TRANSACTION: usize = 100;
const BYTES_A_TRANSACTION: usize = 4_000_000;
const BYTES_AN_ITEM: usize = 400 * 1024;
/// Attempts at a transaction that DynamoDB has no capacity for; this is for those that waiting can help.
const ATTEMPTS: u32 = 6;

const OPERATION: &str = "dynamodb:TransactWriteItems";

type Attributes = HashMap<String, AttributeValue>;

/// An item of the table as it is, sound or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub id: String,
    attributes: Attributes,
}

impl Item {
    /// The item as the row that a file would have. A set of strings has no order: it takes that of the list in `like`
    /// where that has the same strings.
    pub fn row(&self, like: Option<&Value>) -> Value {
        object(&self.attributes, like)
    }
}

/// One item as it was read, and as it is to be.
#[derive(Clone, Debug)]
pub struct Change {
    pub id: String,
    before: Option<Attributes>,
    after: Option<Attributes>,
}

impl Change {
    pub fn add(id: &str, row: &Value) -> Change {
        Change { id: id.to_owned(), before: None, after: Some(attributes(row)) }
    }

    pub fn replace(item: &Item, row: &Value) -> Change {
        Change { before: Some(item.attributes.clone()), ..Change::add(&item.id, row) }
    }

    pub fn remove(item: &Item) -> Change {
        Change { id: item.id.clone(), before: Some(item.attributes.clone()), after: None }
    }

    /// Whether DynamoDB takes an item so large.
    pub fn is_too_large(&self) -> bool {
        self.after.as_ref().is_some_and(|after| size_of_map(after) > BYTES_AN_ITEM)
    }

    fn reversed(self) -> Change {
        Change { id: self.id, before: self.after, after: self.before }
    }

    fn size(&self) -> usize {
        [&self.before, &self.after].into_iter().flatten().map(size_of_map).sum()
    }
}

/// Why a transaction was not done.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// These rows are not what was read any more.
    Changed(Vec<String>),
    Failed(CallError),
    /// By the person.
    Stopped,
}

/// What stands after a write that was not done, or not done whole.
#[derive(Clone, Debug)]
pub struct Unwritten {
    pub why: Refusal,
    /// Rows that were written and could not be undone.
    pub standing: Vec<String>,
    /// Rows of which nobody knows whether they were written: there was no clear answer.
    pub unclear: Vec<String>,
}

impl Source {
    /// The items as they are, ordered by id, and the table that they make or its faults.
    ///
    /// # Errors
    /// Where it is no DynamoDB table, cannot be read, or cannot be a config table.
    pub async fn items(&self) -> Result<(Vec<Item>, Result<Table, Vec<Fault>>), Error> {
        let (client, name) = self.dynamodb()?;
        let wrong = |problem: String| Error::InvalidConfig(vec![format!("{}: {problem}", self.place())]);
        let found = scan(client, name, |attributes| attributes).await?;
        if found.len() > MAX_ROWS {
            return Err(wrong(format!("more than {MAX_ROWS} items: this is no config table")));
        }
        let mut items = Vec::new();
        for attributes in found {
            let Some(Ok(id)) = attributes.get("id").map(|id| id.as_s().cloned()) else {
                return Err(wrong("the partition key is not `id`, a string".into()));
            };
            items.push(Item { id, attributes });
        }
        items.sort_by(|one, other| one.id.cmp(&other.id));
        let rows = items.iter().map(|item| json(AttributeValue::M(item.attributes.clone()))).collect();
        Ok((items, table::parse_items(rows)))
    }

    pub fn region(&self) -> Option<String> {
        let (client, _) = self.dynamodb().ok()?;
        client.config().region().map(ToString::to_string)
    }

    /// Makes all the changes or none. `stop` ends it between two transactions.
    ///
    /// # Errors
    /// What stands nevertheless. Nothing does where one transaction was enough and was refused.
    pub async fn write(
        &self,
        changes: Vec<Change>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Box<Unwritten>> {
        let (client, name) = self.dynamodb().map_err(|error| {
            let message = error.to_string();
            let error = CallError { operation: OPERATION, cause: Cause::Invalid, code: None, message };
            Unwritten { why: Refusal::Failed(error), standing: Vec::new(), unclear: Vec::new() }
        })?;
        let mut stop = pin!(stop);
        let mut done: Vec<Vec<Change>> = Vec::new();
        for batch in batches(changes) {
            let refused = tokio::select! {
                biased;
                () = &mut stop => Some(Refusal::Stopped),
                () = std::future::ready(()) => transact(client, name, &batch).await.err(),
            };
            let Some(why) = refused else {
                done.push(batch);
                continue;
            };
            if matches!(&why, Refusal::Failed(error) if error.cause == Cause::Unavailable) {
                // Undoing what came before would not answer either, and running it again goes on from here.
                let standing = done.into_iter().flatten().map(|change| change.id).collect();
                let unclear = batch.into_iter().map(|change| change.id).collect();
                return Err(Box::new(Unwritten { why, standing, unclear }));
            }
            let mut standing = Vec::new();
            while let Some(batch) = done.pop() {
                standing.extend(undo(client, name, batch).await);
            }
            return Err(Box::new(Unwritten { why, standing, unclear: Vec::new() }));
        }
        Ok(())
    }

    fn dynamodb(&self) -> Result<(&Client, &str), Error> {
        match self {
            Source::DynamoDb { table, client } => Ok((client, table)),
            other => Err(Error::InvalidConfig(vec![format!("{} is no DynamoDB table", other.place())])),
        }
    }
}

/// The ids of what stands. A row that somebody changed since it was written is theirs, and only the others are undone.
async fn undo(client: &Client, table: &str, batch: Vec<Change>) -> Vec<String> {
    let mut reversed: Vec<Change> = batch.into_iter().map(Change::reversed).collect();
    let mut standing = Vec::new();
    while !reversed.is_empty() {
        match transact(client, table, &reversed).await {
            Ok(()) => break,
            Err(Refusal::Changed(ids)) => {
                reversed.retain(|change| !ids.contains(&change.id));
                standing.extend(ids);
            }
            Err(Refusal::Failed(_) | Refusal::Stopped) => {
                standing.extend(reversed.drain(..).map(|change| change.id));
            }
        }
    }
    standing
}

fn batches(mut changes: Vec<Change>) -> Vec<Vec<Change>> {
    changes.sort_by_key(|change| change.after.is_none());
    let mut batches: Vec<Vec<Change>> = Vec::new();
    let mut bytes = 0;
    for change in changes {
        let size = change.size();
        match batches.last_mut() {
            Some(batch) if batch.len() < ITEMS_A_TRANSACTION && bytes + size <= BYTES_A_TRANSACTION => {
                bytes += size;
                batch.push(change);
            }
            _ => {
                bytes = size;
                batches.push(vec![change]);
            }
        }
    }
    batches
}

/// A lost answer does no harm: the SDK repeats the request with the same token, and DynamoDB answers for the first.
async fn transact(client: &Client, table: &str, changes: &[Change]) -> Result<(), Refusal> {
    let mut writes = Vec::new();
    for change in changes {
        writes.push(write(table, change).map_err(|message| {
            Refusal::Failed(CallError { operation: OPERATION, cause: Cause::Invalid, code: None, message })
        })?);
    }
    let mut attempt = 1;
    loop {
        let call = client.transact_write_items().set_transact_items(Some(writes.clone()));
        match call.send().await.map_err(|error| refusal(error, changes)) {
            Ok(_) => return Ok(()),
            Err(Refusal::Failed(error)) if error.cause == Cause::Throttled && attempt < ATTEMPTS => {
                tokio::time::sleep(Duration::from_millis(250 << attempt)).await;
                attempt += 1;
            }
            Err(refusal) => return Err(refusal),
        }
    }
}

fn refusal(error: SdkError<TransactWriteItemsError, HttpResponse>, changes: &[Change]) -> Refusal {
    let reasons = match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
            canceled.cancellation_reasons().to_vec()
        }
        _ => Vec::new(),
    };
    let mut error = call_error(OPERATION, error);
    // Another write to the same row at the same moment is a change like any other.
    let says =
        |reason: &CancellationReason, codes: &[&str]| reason.code().is_some_and(|code| codes.contains(&code));
    let changed: Vec<String> = reasons
        .iter()
        .zip(changes)
        .filter(|(reason, _)| says(reason, &["ConditionalCheckFailed", "TransactionConflict"]))
        .map(|(_, change)| change.id.clone())
        .collect();
    if !changed.is_empty() {
        return Refusal::Changed(changed);
    }
    if reasons.iter().any(|reason| says(reason, &["ThrottlingError", "ProvisionedThroughputExceeded"])) {
        error.cause = Cause::Throttled;
    }
    Refusal::Failed(error)
}

fn write(table: &str, change: &Change) -> Result<TransactWriteItem, String> {
    let Change { id, before, after } = change;
    let Condition { expression, names, values } = condition(before.as_ref());
    let write = match after {
        Some(after) => {
            let put = Put::builder().table_name(table).set_item(Some(after.clone()));
            let put = put.condition_expression(expression).set_expression_attribute_names(Some(names));
            let put = put.set_expression_attribute_values(values).build();
            TransactWriteItem::builder().put(put.map_err(|error| error.to_string())?)
        }
        None => {
            let delete = Delete::builder().table_name(table).key("id", AttributeValue::S(id.clone()));
            let delete = delete.condition_expression(expression).set_expression_attribute_names(Some(names));
            let delete = delete.set_expression_attribute_values(values).build();
            TransactWriteItem::builder().delete(delete.map_err(|error| error.to_string())?)
        }
    };
    Ok(write.build())
}

struct Condition {
    expression: String,
    names: HashMap<String, String>,
    values: Option<Attributes>,
}

/// That the item is what was read: every attribute equal, and no field there that was not there.
fn condition(before: Option<&Attributes>) -> Condition {
    let Some(before) = before else {
        return Condition {
            expression: "attribute_not_exists(#id)".into(),
            names: HashMap::from([("#id".into(), "id".into())]),
            values: None,
        };
    };
    let (mut terms, mut names, mut values) = (Vec::new(), HashMap::new(), HashMap::new());
    for (index, (name, value)) in before.iter().enumerate() {
        terms.push(format!("#a{index} = :a{index}"));
        names.insert(format!("#a{index}"), name.clone());
        values.insert(format!(":a{index}"), value.clone());
    }
    for (index, field) in table::FIELDS.iter().enumerate().filter(|(_, field)| !before.contains_key(**field))
    {
        terms.push(format!("attribute_not_exists(#n{index})"));
        names.insert(format!("#n{index}"), (*field).to_owned());
    }
    Condition { expression: terms.join(" AND "), names, values: Some(values) }
}

fn attributes(row: &Value) -> Attributes {
    match row {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
        }
        _ => Attributes::new(),
    }
}

fn attribute(value: &Value) -> AttributeValue {
    match value {
        Value::String(text) => AttributeValue::S(text.clone()),
        Value::Array(items) => AttributeValue::L(items.iter().map(attribute).collect()),
        Value::Object(_) => AttributeValue::M(attributes(value)),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::Bool(value) => AttributeValue::Bool(*value),
        Value::Null => AttributeValue::Null(true),
    }
}

fn object(attributes: &Attributes, like: Option<&Value>) -> Value {
    let mut names: Vec<&String> = attributes.keys().collect();
    names.sort();
    Value::Object(Map::from_iter(
        names
            .into_iter()
            .map(|name| (name.clone(), value(&attributes[name], like.and_then(|like| like.get(name))))),
    ))
}

fn value(attribute: &AttributeValue, like: Option<&Value>) -> Value {
    match attribute {
        AttributeValue::S(text) => Value::String(text.clone()),
        AttributeValue::N(number) => serde_json::from_str(number).unwrap_or_else(|_| number.as_str().into()),
        AttributeValue::Bool(value) => Value::Bool(*value),
        AttributeValue::Null(_) => Value::Null,
        AttributeValue::L(items) => items.iter().map(|item| value(item, None)).collect(),
        AttributeValue::M(fields) => object(fields, like),
        AttributeValue::Ss(texts) | AttributeValue::Ns(texts) => {
            let sorted = |mut texts: Vec<Value>| {
                texts.sort_by_key(Value::to_string);
                texts
            };
            let set = sorted(texts.iter().map(|text| text.as_str().into()).collect());
            match like {
                Some(Value::Array(list)) if sorted(list.clone()) == set => Value::Array(list.clone()),
                _ => Value::Array(set),
            }
        }
        _ => Value::String("(binary)".into()),
    }
}

/// As DynamoDB counts: names and values in UTF-8, with 3 bytes for a list or map and 1 for each element of it.
fn size_of_map(fields: &Attributes) -> usize {
    fields.iter().map(|(name, value)| name.len() + size(value)).sum()
}

fn size(attribute: &AttributeValue) -> usize {
    match attribute {
        AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
        AttributeValue::Ss(texts) | AttributeValue::Ns(texts) => texts.iter().map(String::len).sum(),
        AttributeValue::L(items) => 3 + items.iter().map(|item| 1 + size(item)).sum::<usize>(),
        AttributeValue::M(fields) => 3 + fields.len() + size_of_map(fields),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::Bs(items) => items.iter().map(|bytes| bytes.as_ref().len()).sum(),
        _ => 1,
    }
}
