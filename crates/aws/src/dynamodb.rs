//! A table of DynamoDB with one item a row, whatever the rows are. It is read whole, and written whole or not at all.
//!
//! Every item is written on the condition that it has not changed since it was read, so an edit in between is never
//! overwritten. One transaction is all or nothing. If a table needs more than one and a later one is refused, the
//! earlier ones are undone, on the same condition. The function may read in between. Rows are put before others are
//! deleted, so it may see too many rows for a moment, but never too few.

use std::{collections::HashMap, sync::Arc, time::Duration};

use assigner_core::{
    cause::{CallError, Cause},
    reading::Json,
    table::{MAX_BYTES, MAX_ROWS},
    work::Wish,
};
use aws_config::{SdkConfig, retry::RetryConfig};
use aws_sdk_dynamodb::{
    Client,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, CancellationReason, Delete, Put, TransactWriteItem},
};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use serde_json::{Map, Value};
use tokio::sync::watch;

use crate::{
    calls::{Calls, Patience},
    client::{self, Tally, Watch, call_error},
};

/// DynamoDB's own limits.
const ITEMS_A_TRANSACTION: usize = 100;
const BYTES_A_TRANSACTION: usize = 4_000_000;
const BYTES_AN_ITEM: usize = 400 * 1024;
/// Attempts at a transaction if DynamoDB lacks capacity and waiting can help.
const ATTEMPTS: u32 = 6;

const OPERATION: &str = "dynamodb:TransactWriteItems";

type Attributes = HashMap<String, AttributeValue>;

/// Attributes that DynamoDB itself keeps in a table that it replicates to other Regions. They belong to no row.
fn is_replication(name: &str) -> bool {
    name.starts_with("aws:rep:")
}

/// An item of the table as it is, sound or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub id: String,
    attributes: Attributes,
}

impl Item {
    /// Returns the item as the JSON that a table in a file would have, for reading it.
    pub fn json(&self) -> Json {
        json(AttributeValue::M(self.attributes.clone()))
    }

    /// Returns the item as the row that a file would have. A set of strings has no order: if the list in `like` has the
    /// same strings, it takes the order of that list.
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

    /// Whether it adds an item, and so neither overwrites nor removes one.
    pub fn is_new(&self) -> bool {
        self.before.is_none()
    }

    /// Whether the item is larger than DynamoDB takes.
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
    /// These rows have changed since they were read.
    Changed(Vec<String>),
    Failed(CallError),
    /// The person stopped it.
    Stopped,
}

/// What a write that was not done, or not done whole, leaves behind.
#[derive(Clone, Debug)]
pub struct Unwritten {
    pub why: Refusal,
    /// Rows that were written and could not be undone.
    pub standing: Vec<String>,
    /// Rows that may have been written: there was no clear answer.
    pub unclear: Vec<String>,
}

/// A table of DynamoDB.
#[derive(Clone, Debug)]
pub struct DynamoDbTable {
    client: Client,
    calls: Arc<Calls>,
    name: String,
}

/// Why the items cannot be a table of rows.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoItems {
    #[error("{0}")]
    Call(#[from] CallError),
    #[error("{0}")]
    NotATable(String),
}

impl DynamoDbTable {
    pub fn new(name: String, sdk: &SdkConfig, tally: Arc<Tally>) -> DynamoDbTable {
        let config = aws_sdk_dynamodb::config::Builder::from(sdk)
            .timeout_config(client::timeouts())
            .interceptor(Watch { pace: None, tally: tally.clone() })
            .build();
        DynamoDbTable { client: Client::from_conf(config), calls: Arc::new(Calls::new(sdk, tally)), name }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn region(&self) -> Option<String> {
        self.client.config().region().map(ToString::to_string)
    }

    /// Returns every item as the JSON that a table in a file would have; at most one more than a table may have.
    /// `None`: they have more bytes than a table may have, and the rest was not read.
    pub async fn rows(&self) -> Result<Option<Vec<Json>>, CallError> {
        self.scan(|attributes| json(AttributeValue::M(attributes))).await
    }

    /// Returns the items as they are, ordered by id, sound or not.
    ///
    /// # Errors
    /// If the table cannot be read, or cannot be a table of rows.
    pub async fn items(&self) -> Result<Vec<Item>, NoItems> {
        let not_a_table =
            |problem: String| NoItems::NotATable(format!("{problem}: this is not a config table"));
        let found = self.scan(|attributes| attributes).await?;
        let found = found.ok_or_else(|| not_a_table(format!("more than {MAX_BYTES} bytes")))?;
        if found.len() > MAX_ROWS {
            return Err(not_a_table(format!("more than {MAX_ROWS} items")));
        }
        let mut items = Vec::new();
        for attributes in found {
            let Some(Ok(id)) = attributes.get("id").map(|id| id.as_s().cloned()) else {
                return Err(NoItems::NotATable("the partition key is not `id`, a string".into()));
            };
            items.push(Item { id, attributes });
        }
        items.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(items)
    }

    /// Scans the table by consistent reads. Stops after one more item than a table may have. `None`: the items have
    /// more bytes than a table may have, so that a wrong table cannot fill the memory.
    async fn scan<T>(&self, read: impl Fn(Attributes) -> T) -> Result<Option<Vec<T>>, CallError> {
        const OPERATION: &str = "dynamodb:Scan";
        let (mut items, mut bytes) = (Vec::new(), 0);
        let mut from: Option<Attributes> = None;
        loop {
            let call = self.client.scan().table_name(&self.name).consistent_read(true);
            let call = call.set_exclusive_start_key(from.clone());
            let once = || aws_sdk_dynamodb::config::Builder::new().retry_config(RetryConfig::disabled());
            let page = || call.clone().customize().config_override(once()).send();
            let page = self.calls.ask(OPERATION, Patience::Needed, page).await?;
            for mut attributes in page.items.unwrap_or_default() {
                attributes.retain(|name, _| !is_replication(name));
                bytes += size_of_map(&attributes);
                if bytes > MAX_BYTES {
                    return Ok(None);
                }
                items.push(read(attributes));
                if items.len() > MAX_ROWS {
                    return Ok(Some(items));
                }
            }
            let next = page.last_evaluated_key.filter(|next| !next.is_empty());
            if next.is_none() {
                return Ok(Some(items));
            }
            if next == from {
                let message = "a page leads to itself, so the table cannot be read whole".into();
                return Err(CallError {
                    operation: OPERATION,
                    cause: Cause::Unavailable,
                    code: None,
                    message,
                });
            }
            from = next;
        }
    }

    /// Makes all the changes or none. `fields` are those that a row may have: none of them may have appeared. `written`
    /// gets how many rows are written so far.
    ///
    /// If `wish` is [`Wish::StartNothing`], no further transaction begins, the one under way is waited for, and what was
    /// written is undone. With [`Wish::Stop`] nothing is waited for.
    ///
    /// # Errors
    /// If not all was written. The error says what remains written; nothing does if the only transaction was refused.
    pub async fn write(
        &self,
        changes: Vec<Change>,
        fields: &[&str],
        wish: watch::Receiver<Wish>,
        written: &(dyn Fn(usize) + Sync),
    ) -> Result<(), Box<Unwritten>> {
        let mut done: Vec<Vec<Change>> = Vec::new();
        for batch in batches(changes) {
            let sent = match *wish.borrow() {
                Wish::GoOn => None,
                Wish::StartNothing | Wish::Stop => Some(Err(Refusal::Stopped)),
            };
            let sent = match sent {
                Some(stopped) => Some(stopped),
                None => unless_stopped(&wish, self.transact(&batch, fields)).await,
            };
            let why = match sent {
                Some(Ok(())) => {
                    done.push(batch);
                    written(done.iter().map(Vec::len).sum());
                    continue;
                }
                Some(Err(why)) => why,
                // It was under way, so it may have been done.
                None => return Err(Box::new(left_alone(Refusal::Stopped, done, batch))),
            };
            if matches!(&why, Refusal::Failed(error) if error.cause == Cause::Unavailable) {
                // An undo would get no answer either, and the next run goes on from here.
                return Err(Box::new(left_alone(why, done, batch)));
            }
            let mut unwritten = Unwritten { why, standing: Vec::new(), unclear: Vec::new() };
            while let Some(batch) = done.pop() {
                self.undo(batch, fields, &wish, &mut unwritten).await;
            }
            return Err(Box::new(unwritten));
        }
        Ok(())
    }

    /// Undoes a transaction, and adds the ids of the rows that remain written. A row that somebody has changed since
    /// then is left alone.
    async fn undo(
        &self,
        batch: Vec<Change>,
        fields: &[&str],
        wish: &watch::Receiver<Wish>,
        unwritten: &mut Unwritten,
    ) {
        let Unwritten { standing, unclear, .. } = unwritten;
        let mut reversed: Vec<Change> = batch.into_iter().map(Change::reversed).collect();
        let ids = |reversed: &mut Vec<Change>| -> Vec<String> {
            reversed.drain(..).map(|change| change.id).collect()
        };
        while !reversed.is_empty() {
            if *wish.borrow() == Wish::Stop {
                standing.extend(ids(&mut reversed));
                break;
            }
            match unless_stopped(wish, self.transact(&reversed, fields)).await {
                Some(Ok(())) => break,
                Some(Err(Refusal::Changed(changed))) => {
                    reversed.retain(|change| !changed.contains(&change.id));
                    standing.extend(changed);
                }
                Some(Err(Refusal::Failed(_) | Refusal::Stopped)) => standing.extend(ids(&mut reversed)),
                None => unclear.extend(ids(&mut reversed)),
            }
        }
    }

    /// Sends one transaction. A lost answer does no harm: the SDK repeats the request with the same token, and DynamoDB
    /// answers for the first.
    #[expect(clippy::disallowed_methods, reason = "waits for DynamoDB's capacity, a bounded number of times")]
    async fn transact(&self, changes: &[Change], fields: &[&str]) -> Result<(), Refusal> {
        let mut writes = Vec::new();
        for change in changes {
            writes.push(write(&self.name, change, fields).map_err(|message| {
                Refusal::Failed(CallError {
                    operation: OPERATION,
                    cause: Cause::Invalid,
                    code: None,
                    message,
                })
            })?);
        }
        let mut attempt = 1;
        loop {
            let call = self.client.transact_write_items().set_transact_items(Some(writes.clone()));
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
}

/// Returns `None` if nothing is to be waited for before the transaction is answered.
async fn unless_stopped<T>(wish: &watch::Receiver<Wish>, transaction: impl Future<Output = T>) -> Option<T> {
    let mut wish = wish.clone();
    let stop = async {
        if wish.wait_for(|wish| *wish == Wish::Stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        done = transaction => Some(done),
        () = stop => None,
    }
}

/// Returns what remains if nothing is undone: what was written, and the transaction of which there is no answer.
fn left_alone(why: Refusal, done: Vec<Vec<Change>>, batch: Vec<Change>) -> Unwritten {
    let ids = |changes: Vec<Change>| changes.into_iter().map(|change| change.id).collect::<Vec<_>>();
    Unwritten { why, standing: ids(done.into_iter().flatten().collect()), unclear: ids(batch) }
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

fn write(table: &str, change: &Change, fields: &[&str]) -> Result<TransactWriteItem, String> {
    let Change { id, before, after } = change;
    let Condition { expression, names, values } = condition(before.as_ref(), fields);
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

/// Returns the condition that the item has not changed: every attribute is equal, and no field has appeared.
fn condition(before: Option<&Attributes>, fields: &[&str]) -> Condition {
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
    for (index, field) in fields.iter().enumerate().filter(|(_, field)| !before.contains_key(**field)) {
        terms.push(format!("attribute_not_exists(#n{index})"));
        names.insert(format!("#n{index}"), (*field).to_owned());
    }
    Condition { expression: terms.join(" AND "), names, values: Some(values) }
}

/// Returns an attribute as the JSON that a table in a file would have. A set of strings becomes a list.
fn json(value: AttributeValue) -> Json {
    match value {
        AttributeValue::S(text) => Json::Text(text),
        // DynamoDB takes nothing but numbers here.
        AttributeValue::N(digits) => digits.parse().map_or(Json::Binary, Json::Number),
        AttributeValue::Bool(value) => Json::Bool(value),
        AttributeValue::Null(_) => Json::Null,
        AttributeValue::L(items) => Json::List(items.into_iter().map(json).collect()),
        AttributeValue::Ss(texts) => Json::List(texts.into_iter().map(Json::Text).collect()),
        AttributeValue::M(fields) => {
            Json::Object(fields.into_iter().map(|(name, value)| (name, json(value))).collect())
        }
        _ => Json::Binary,
    }
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

/// Returns the size as DynamoDB counts it: names and values in UTF-8, with 3 bytes for a list or map and 1 for each of
/// its elements.
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

#[cfg(test)]
mod tests {
    use assigner_core::{
        assignments::{Row, Table},
        reading::Fault,
        table,
    };
    use aws_config::{BehaviorVersion, Region};
    use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
    use aws_smithy_runtime_api::client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        orchestrator::HttpRequest,
    };

    use super::*;

    fn parse_items(items: Vec<Json>) -> Result<Table, Vec<Fault>> {
        table::parse_items(items)
    }

    #[test]
    fn an_item_is_read_as_the_same_row_in_a_file() {
        let text = |text: &str| AttributeValue::S(text.into());
        let map = |fields: &[(&str, AttributeValue)]| {
            AttributeValue::M(
                fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            )
        };
        let item = map(&[
            ("id", text("a")),
            ("permissionSet", text("P")),
            ("group", text("g")),
            (
                "accounts",
                map(&[
                    ("ids", AttributeValue::Ss(vec!["111122223333".into()])),
                    ("names", AttributeValue::L(vec![text("class-*")])),
                    ("tags", map(&[("course", text("*"))])),
                ]),
            ),
        ]);
        let from_item = parse_items(vec![json(item)]).unwrap();
        let row = r#"{ "id": "a", "permissionSet": "P", "group": "g",
            "accounts": { "ids": ["111122223333"], "names": ["class-*"], "tags": { "course": "*" } } }"#;
        let from_file = table::parse::<Row>(format!(r#"{{ "assignments": [{row}] }}"#).as_bytes()).unwrap();
        assert_eq!(from_item, from_file);
    }

    #[test]
    fn a_bad_item_refuses_the_table_and_is_named_with_its_field() {
        let item = |fields: &[(&str, AttributeValue)]| {
            json(AttributeValue::M(
                fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            ))
        };
        let text = |text: &str| AttributeValue::S(text.into());
        let good = item(&[("id", text("b")), ("permissionSet", text("P")), ("group", text("g"))]);
        let bad = item(&[
            ("id", text("a")),
            ("permissionSet", AttributeValue::N("1".into())),
            ("group", AttributeValue::Bool(true)),
            ("description", AttributeValue::Null(true)),
            ("user", AttributeValue::B(aws_sdk_dynamodb::primitives::Blob::new([1]))),
        ]);
        let faults = parse_items(vec![good, bad]).unwrap_err();
        let listed: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(listed.len(), 5, "{listed:#?}");
        for field in [
            "permissionSet: is a number",
            "group: is true or false",
            "description: is null",
            "user: is binary",
        ] {
            assert!(
                listed.iter().any(|fault| fault.starts_with(&format!("row 1 (a), {field}"))),
                "{field}: {listed:#?}"
            );
        }
    }

    /// A table whose service never answers.
    fn silent() -> DynamoDbTable {
        let http = http_client_fn(|_, _| SharedHttpConnector::new(Silent));
        let sdk = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "any", "any", None, None, "test",
            )))
            .http_client(http)
            .build();
        DynamoDbTable::new("assignments".into(), &sdk, Arc::default())
    }

    #[derive(Debug)]
    struct Silent;

    impl HttpConnector for Silent {
        fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
            HttpConnectorFuture::new(std::future::pending())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_hangs_ends_when_nothing_is_to_be_waited_for_and_claims_nothing() {
        let (wish, wished) = watch::channel(Wish::GoOn);
        let table = silent();
        let changes = || vec![Change::add("a", &serde_json::json!({ "id": "a" }))];
        let mut writing = Box::pin(table.write(changes(), &["id"], wished.clone(), &|_| {}));
        let waited = tokio::time::timeout(Duration::from_secs(1), &mut writing).await;
        assert!(waited.is_err(), "nobody has stopped it");
        wish.send_replace(Wish::StartNothing);
        let waited = tokio::time::timeout(Duration::from_secs(1), &mut writing).await;
        assert!(waited.is_err(), "what is under way is waited for");
        wish.send_replace(Wish::Stop);
        let Unwritten { why, standing, unclear } = *writing.await.unwrap_err();
        assert!(matches!(why, Refusal::Stopped), "{why:?}");
        assert_eq!((standing, unclear), (vec![], vec!["a".to_owned()]));

        let Unwritten { why, standing, unclear } =
            *table.write(changes(), &["id"], wished, &|_| {}).await.unwrap_err();
        assert!(matches!(why, Refusal::Stopped), "{why:?}");
        assert_eq!((standing, unclear), (vec![], Vec::<String>::new()), "nothing was begun");
    }
}
