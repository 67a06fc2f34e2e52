//! Where the config table comes from: the only place naming `aws_sdk_dynamodb`, and the only one reading files.
//!
//! The table is read anew for every event and never remembered, so that an edit is seen by the next one. It is
//! read whole. The function never writes it; the operator's command does, in `write`.

#[cfg(feature = "assignctl")]
mod write;

use std::{
    collections::HashMap,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::{Client, types::AttributeValue};

#[cfg(feature = "assignctl")]
pub use write::{Change, Item, Refusal, Unwritten};

use crate::{
    aws::{self, Tally, Watch, call_error},
    error::Error,
    failure::CallError,
    table::{self, Json, MAX_BYTES, MAX_ROWS, Place, Table},
};

const EMBEDDED: &[u8] = include_bytes!("../assignments.json");

/// The config table's place, with a client where that is needed.
#[derive(Clone, Debug)]
pub enum Source {
    Embedded,
    File(PathBuf),
    DynamoDb { table: String, client: Client },
}

impl Source {
    pub fn new(place: Place, sdk: &SdkConfig, tally: Arc<Tally>) -> Source {
        match place {
            Place::Embedded => Source::Embedded,
            Place::File(path) => Source::File(path),
            Place::DynamoDb(table) => {
                let config = aws_sdk_dynamodb::config::Builder::from(sdk)
                    .retry_partition(aws::retry_partition("dynamodb"))
                    .timeout_config(aws::timeouts())
                    .interceptor(Watch { pace: None, tally })
                    .build();
                Source::DynamoDb { table, client: Client::from_conf(config) }
            }
        }
    }

    pub fn place(&self) -> Place {
        match self {
            Source::Embedded => Place::Embedded,
            Source::File(path) => Place::File(path.clone()),
            Source::DynamoDb { table, .. } => Place::DynamoDb(table.clone()),
        }
    }

    /// # Errors
    /// [`Error::InvalidTable`] with every fault; [`Error::InvalidConfig`] or [`Error::ServiceUnavailable`] where the
    /// table cannot be read.
    pub async fn load(&self) -> Result<Table, Error> {
        let table = match self {
            Source::Embedded => table::parse(EMBEDDED),
            Source::File(path) => {
                table::parse(&read(path).map_err(|fault| Error::InvalidConfig(vec![fault]))?)
            }
            Source::DynamoDb { table, client } => {
                table::parse_items(scan(client, table, |item| json(AttributeValue::M(item))).await?)
            }
        };
        table.map_err(|faults| Error::InvalidTable { table: self.place().to_string(), faults })
    }
}

/// Every item, by consistent reads. Stops after one more than a table may have.
async fn scan<T>(
    client: &Client,
    table: &str,
    read: impl Fn(HashMap<String, AttributeValue>) -> T,
) -> Result<Vec<T>, CallError> {
    let mut items = Vec::new();
    let mut pages = client.scan().table_name(table).consistent_read(true).into_paginator().items().send();
    while let Some(item) = pages.next().await {
        items.push(read(item.map_err(|error| call_error("dynamodb:Scan", error))?));
        if items.len() > MAX_ROWS {
            break;
        }
    }
    Ok(items)
}

/// An attribute as the JSON that a table in a file would have. A set of strings is a list.
fn json(value: AttributeValue) -> Json {
    match value {
        AttributeValue::S(text) => Json::Text(text),
        AttributeValue::N(_) => Json::Number,
        AttributeValue::Bool(_) => Json::Bool,
        AttributeValue::Null(_) => Json::Null,
        AttributeValue::L(items) => Json::List(items.into_iter().map(json).collect()),
        AttributeValue::Ss(texts) => Json::List(texts.into_iter().map(Json::Text).collect()),
        AttributeValue::M(fields) => {
            Json::Object(fields.into_iter().map(|(name, value)| (name, json(value))).collect())
        }
        _ => Json::Binary,
    }
}

/// Reads at most one byte more than a table may have, so that a wrong path cannot fill the memory.
fn read(path: &Path) -> Result<Vec<u8>, String> {
    let fault = |error: std::io::Error| {
        format!("ASSIGNMENTS_FILE names {}, which cannot be read: {error}", path.display())
    };
    // Opening a named pipe would wait for a writer.
    if !std::fs::metadata(path).map_err(fault)?.is_file() {
        return Err(format!("ASSIGNMENTS_FILE names {}, which is not a file", path.display()));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(fault)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_table_is_sound() {
        let table = table::parse(EMBEDDED).unwrap_or_else(|faults| panic!("{faults:#?}"));
        assert!(!table.rows.is_empty());
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
        let from_item = table::parse_items(vec![json(item)]).unwrap();
        let row = r#"{ "id": "a", "permissionSet": "P", "group": "g",
            "accounts": { "ids": ["111122223333"], "names": ["class-*"], "tags": { "course": "*" } } }"#;
        let from_file = table::parse(format!(r#"{{ "assignments": [{row}] }}"#).as_bytes()).unwrap();
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
        let faults = table::parse_items(vec![good, bad]).unwrap_err();
        let told: Vec<_> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 5, "{told:#?}");
        for field in [
            "permissionSet: is a number",
            "group: is true or false",
            "description: is null",
            "user: is binary",
        ] {
            assert!(
                told.iter().any(|fault| fault.starts_with(&format!("row 1 (a), {field}"))),
                "{field}: {told:#?}"
            );
        }
    }
}
