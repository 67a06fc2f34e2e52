//! A table: rows of one kind, read whole or refused with every fault. It does not know the kinds of rows.
//!
//! A [`Table`] that exists is sound: it comes from [`parse`] or [`parse_items`] only. Nothing here reads a file or
//! calls AWS.

#[cfg(test)]
pub(crate) mod schema;

use std::{
    collections::{BTreeMap, HashMap},
    fmt::{self, Debug},
    path::PathBuf,
};

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::reading::{Fault, Faults, Fields, Json, RowRef, not_json, utf8};

/// The largest table, in bytes of JSON. It is read whole into memory, and must stay small next to the function's.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// The most rows of a table.
pub const MAX_ROWS: usize = 10_000;

/// A kind of row: which fields it has, and how it is read.
pub trait RowKind: Sized + Serialize {
    /// The field of the document that lists the rows, such as `assignments`.
    const LIST: &'static str;
    /// The document's JSON Schema, as the document names it.
    const SCHEMA: &'static str;
    /// The fields of a row. One of them is `id`.
    const FIELDS: &'static [&'static str];
    /// What to do instead of writing more rows than [`MAX_ROWS`].
    const FEWER: &'static str;
    /// What would follow from a table without rows, if nobody can mean that: whoever judges it says so.
    const EMPTY: Option<&'static str> = None;

    /// What the document has besides rows; `()` for nothing.
    type Rest: Clone + Debug + Default + PartialEq + Eq;
    /// The fields of the document that [`Self::read_rest`] reads.
    const REST: &'static [&'static str] = &[];
    /// The id of the item that has the rest, if the table is in DynamoDB. No row can have it.
    const REST_ITEM: &'static str = "$rest";

    /// Reads the row. Returns `None` if it has added a fault to `faults`.
    fn read(fields: Fields<'_>, faults: &mut Faults) -> Option<Self>;

    /// Reads what the document has besides rows.
    fn read_rest(_fields: &mut Fields<'_>, _faults: &mut Faults) -> Self::Rest {
        Self::Rest::default()
    }

    /// Writes what [`Self::read_rest`] reads.
    fn write_rest<M: SerializeMap>(_rest: &Self::Rest, _document: &mut M) -> Result<(), M::Error> {
        Ok(())
    }

    /// Adds the faults that no row has alone.
    fn compare(_rows: &[(RowRef, Self)], _faults: &mut Faults) {}

    /// Names the row in reports and faults; unique in the table.
    fn id(&self) -> &str;
}

/// A sound table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table<R: RowKind> {
    /// The order means nothing, except that reports keep it.
    pub rows: Vec<R>,
    pub rest: R::Rest,
}

impl<R: RowKind> Table<R> {
    /// Returns a digest of what the table says, SHA-256 in hexadecimal: the same for the same rows, in whatever order and
    /// form they are written.
    pub fn digest(&self) -> String {
        digest::<R>(&self.values())
    }

    /// Returns the rows by their ids, and the item of what the document has besides rows.
    pub fn values(&self) -> BTreeMap<String, Value> {
        // Strings, lists and objects cannot fail to be written.
        let value = |row| serde_json::to_value(row).unwrap_or_default();
        let rest = self.rest_item().map(|rest| (R::REST_ITEM.to_owned(), rest));
        self.rows.iter().map(|row| (row.id().to_owned(), value(row))).chain(rest).collect()
    }
}

/// Returns the digest of a table with these rows, whether they are sound or not.
pub fn digest<R: RowKind>(values: &BTreeMap<String, Value>) -> String {
    let mut hash = Sha256::new();
    for (id, value) in values {
        // The order of strings in a row means nothing, that of the rest may: of waves, for example.
        let is_rest = !R::REST.is_empty() && id == R::REST_ITEM;
        // The map of an object is in the order of its keys.
        hash.update(if is_rest { value.to_string() } else { in_order(value).to_string() });
        hash.update("\n");
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn in_order(value: &Value) -> Value {
    match value {
        Value::Array(items) => {
            let mut items: Vec<Value> = items.iter().map(in_order).collect();
            items.sort_by_key(Value::to_string);
            Value::Array(items)
        }
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), in_order(value))).collect(),
        other => other.clone(),
    }
}

impl<R: RowKind> Default for Table<R> {
    fn default() -> Table<R> {
        Table { rows: Vec::new(), rest: R::Rest::default() }
    }
}

/// Where a table is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableLocation {
    /// A file of this name in the repository, compiled in; a test keeps it sound.
    Embedded(&'static str),
    File(PathBuf),
    /// A DynamoDB table of this name, with one item a row.
    DynamoDb(String),
}

impl fmt::Display for TableLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TableLocation::Embedded(name) => write!(f, "the embedded table ({name})"),
            TableLocation::File(path) => write!(f, "{}", path.display()),
            TableLocation::DynamoDb(name) => write!(f, "the DynamoDB table {name}"),
        }
    }
}

/// Reads a table. The error lists every fault and is never empty.
pub fn parse<R: RowKind>(text: &[u8]) -> Result<Table<R>, Vec<Fault>> {
    if text.len() > MAX_BYTES {
        return Err(too_large::<R>());
    }
    let mut faults = Faults::default();
    let Ok(text) = utf8(text) else {
        faults.add("", "is UTF-16", "save it as UTF-8");
        return faults.or(Table::default());
    };
    let document: Json = match serde_json::from_slice(text) {
        Ok(document) => document,
        Err(error) => {
            let (problem, remedy) = not_json(text, &error);
            faults.add("", problem, remedy);
            return faults.or(Table::default());
        }
    };
    let known: Vec<&str> = ["$schema", R::LIST].iter().chain(R::REST).copied().collect();
    let mut fields = Fields::open("", &document, &known, &mut faults);
    fields.text("$schema", &mut faults);
    let rest = R::read_rest(&mut fields, &mut faults);
    let rows = match fields.required(R::LIST, &mut faults) {
        Some(Json::List(items)) => rows(items, &mut faults),
        Some(other) => {
            faults.add(R::LIST, format!("is {}", other.kind()), "write a list of rows");
            Vec::new()
        }
        None => Vec::new(),
    };
    faults.or(Table { rows, rest })
}

/// Returns the faults of a table that is too large to be read.
pub fn too_large<R: RowKind>() -> Vec<Fault> {
    let mut faults = Faults::default();
    let remedy = format!("use fewer or shorter rows: {}", R::FEWER);
    faults.add("", format!("larger than {MAX_BYTES} bytes"), &remedy);
    faults.or(()).err().unwrap_or_default()
}

/// Refuses a table that has no rows and must have some. It can be read and written like any other. But nobody means it.
pub fn require_rows<R: RowKind>(table: Table<R>, location: &TableLocation) -> Result<Table<R>, Vec<Fault>> {
    let mut faults = Faults::default();
    if let (true, Some(meaning)) = (table.rows.is_empty(), R::EMPTY) {
        let remedy = match location {
            TableLocation::Embedded(name) => {
                format!("write your rows into {name} and deploy, or deploy with TableSource=dynamodb")
            }
            TableLocation::File(_) => "write the rows that say who gets what".to_owned(),
            TableLocation::DynamoDb(name) => {
                format!("fill it: `assignctl --table dynamodb:{name} table push FILE`")
            }
        };
        faults.add(R::LIST, format!("is empty, so {meaning}"), &remedy);
    }
    faults.or(table)
}

/// Reads a table given as one item a row. A scan has no order, so the rows are ordered by id.
pub fn parse_items<R: RowKind>(mut items: Vec<Json>) -> Result<Table<R>, Vec<Fault>> {
    let mut faults = Faults::default();
    let mut rest = R::Rest::default();
    if !R::REST.is_empty() {
        let is_rest = |item: &Json| written_id(item).as_deref() == Some(R::REST_ITEM);
        if let Some(item) = items.iter().position(is_rest).map(|place| items.remove(place)) {
            let known: Vec<&str> = ["id"].iter().chain(R::REST).copied().collect();
            faults.in_row(Some(RowRef { number: 0, id: Some(R::REST_ITEM.to_owned()) }));
            rest = R::read_rest(&mut Fields::open("", &item, &known, &mut faults), &mut faults);
            faults.in_row(None);
        }
    }
    items.sort_by_cached_key(written_id);
    let rows = rows(&items, &mut faults);
    faults.or(Table { rows, rest })
}

fn rows<R: RowKind>(items: &[Json], faults: &mut Faults) -> Vec<R> {
    if items.len() > MAX_ROWS {
        faults.add(R::LIST, format!("more than {MAX_ROWS} rows"), R::FEWER);
        return Vec::new();
    }
    let mut rows = Vec::with_capacity(items.len());
    let mut first: HashMap<String, usize> = HashMap::new();
    for (index, item) in items.iter().enumerate() {
        let number = index + 1;
        let row = RowRef { number, id: written_id(item) };
        faults.in_row(Some(row.clone()));
        let fields = Fields::open("", item, R::FIELDS, faults);
        rows.extend(R::read(fields, faults).map(|read| (row, read)));
        if let Some(id) = written_id(item) {
            match first.get(&id) {
                Some(before) => faults.add(
                    "id",
                    format!("is also the id of row {before}"),
                    "give each row an id of its own, since reports name rows by it",
                ),
                None => _ = first.insert(id, number),
            }
        }
    }
    R::compare(&rows, faults);
    faults.in_row(None);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// Returns the id as it is written, so that a row with other faults can still be named. It is cut if it is far too
/// long.
fn written_id(item: &Json) -> Option<String> {
    let Json::Object(fields) = item else { return None };
    fields.iter().find_map(|(name, value)| match value {
        Json::Text(id) if name == "id" && !id.is_empty() => Some(id.chars().take(80).collect()),
        _ => None,
    })
}

/// Reads the `id` of any kind of row.
pub fn read_id(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<String> {
    let good = |id: &str| {
        !id.is_empty()
            && id.len() <= 64
            && !id.starts_with('-')
            && id.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    let right = "write up to 64 of a-z, 0-9 and -, the first not -";
    let value = fields.required("id", faults)?;
    match faults.string("id", value, right)? {
        id if good(id) => Some(id.to_owned()),
        id => {
            faults.add("id", format!("is {}", crate::reading::quote(id)), right);
            None
        }
    }
}

impl<R: RowKind> Table<R> {
    /// Returns what the document has besides rows as the item that it is in DynamoDB; `None` if there is nothing.
    pub fn rest_item(&self) -> Option<serde_json::Value> {
        struct Item<'r, R: RowKind>(&'r R::Rest);
        impl<R: RowKind> Serialize for Item<'_, R> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut item = serializer.serialize_map(None)?;
                item.serialize_entry("id", R::REST_ITEM)?;
                R::write_rest(self.0, &mut item)?;
                item.end()
            }
        }
        let is_there = self.rest != R::Rest::default();
        // Strings, lists and objects cannot fail to be written.
        is_there.then(|| serde_json::to_value(Item::<R>(&self.rest)).unwrap_or_default())
    }
}

/// Writes what [`parse`] reads.
impl<R: RowKind> Serialize for Table<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut document = serializer.serialize_map(None)?;
        document.serialize_entry("$schema", R::SCHEMA)?;
        document.serialize_entry(R::LIST, &self.rows)?;
        R::write_rest(&self.rest, &mut document)?;
        document.end()
    }
}
