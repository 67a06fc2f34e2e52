//! What a push or a pull would change, row by row and field by field. Pure.

use std::{collections::BTreeMap, fmt::Write};

use serde::Serialize;
use serde_json::Value;

use super::Rows;
use crate::terminal::{ERROR, FAINT, GOOD, WARNING, clean};

#[derive(Debug, PartialEq, Serialize)]
pub struct Difference {
    pub added: Vec<Value>,
    pub changed: Vec<Changed>,
    pub removed: Vec<Value>,
}

/// A row that both have.
#[derive(Debug, PartialEq, Serialize)]
pub struct Changed {
    pub id: String,
    pub fields: Vec<Field>,
}

/// A field by its path, such as `accounts.ous`. If it is absent, it has no value.
#[derive(Debug, PartialEq, Serialize)]
pub struct Field {
    pub field: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
}

#[derive(Serialize)]
pub struct Counts {
    added: usize,
    changed: usize,
    removed: usize,
}

impl Difference {
    pub fn new(old: &Rows, new: &Rows) -> Difference {
        let missing = |here: &Rows, there: &Rows| {
            here.iter().filter(|(id, _)| !there.contains_key(*id)).map(|(_, row)| row.clone()).collect()
        };
        let changed = |(id, new): (&String, &Value)| {
            let fields = old.get(id).map(|old| fields(old, new)).filter(|fields| !fields.is_empty())?;
            Some(Changed { id: id.clone(), fields })
        };
        Difference {
            added: missing(new, old),
            changed: new.iter().filter_map(changed).collect(),
            removed: missing(old, new),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }

    pub fn counts(&self) -> Counts {
        Counts { added: self.added.len(), changed: self.changed.len(), removed: self.removed.len() }
    }

    pub fn summary(&self) -> String {
        let Counts { added, changed, removed } = self.counts();
        let rows = if added + changed + removed == 1 { "row" } else { "rows" };
        format!("{} {rows}: {added} added, {changed} changed, {removed} removed", added + changed + removed)
    }

    /// Returns text for a terminal. `fields` are those of a row, in the order of the documentation.
    pub fn to_text(&self, fields: &[&str]) -> String {
        let mut text = String::new();
        for row in &self.added {
            let _ = writeln!(text, "{GOOD}+ {}{GOOD:#}", whole(row, fields));
        }
        for Changed { id, fields: changed } in &self.changed {
            let _ = writeln!(text, "{WARNING}~ {}{WARNING:#}", clean(id));
            for Field { field, old, new } in changed {
                let (old, new) = (shown(old.as_ref()), shown(new.as_ref()));
                let _ = writeln!(text, "    {}: {FAINT}{old}{FAINT:#} → {new}", clean(field));
            }
        }
        for row in &self.removed {
            let _ = writeln!(text, "{ERROR}- {}{ERROR:#}", whole(row, fields));
        }
        text + &self.summary() + "\n"
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map_or("(not there)".to_owned(), |value| clean(&value.to_string()))
}

/// Returns the id, then these fields in their order, and last what is not a field of a row.
fn whole(row: &Value, fields: &[&str]) -> String {
    let mut text = clean(row["id"].as_str().unwrap_or_default());
    let all = row.as_object().into_iter().flatten();
    let (known, others): (Vec<_>, Vec<_>) = all.partition(|(name, _)| fields.contains(&name.as_str()));
    let known = fields.iter().filter_map(|field| known.iter().find(|(name, _)| name == field));
    for (name, value) in known.chain(&others).filter(|(name, _)| *name != "id") {
        let _ = write!(text, "  {}: {}", clean(name), clean(&value.to_string()));
    }
    text
}

/// Returns the values that differ, with objects taken apart.
fn fields(old: &Value, new: &Value) -> Vec<Field> {
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    take_apart("", old, &mut before);
    take_apart("", new, &mut after);
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| {
            let value = |of: &BTreeMap<String, &Value>| of.get(name).map(|value| (*value).clone());
            Field { field: name.clone(), old: value(&before), new: value(&after) }
        })
        .collect()
}

fn take_apart<'v>(path: &str, value: &'v Value, into: &mut BTreeMap<String, &'v Value>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                take_apart(&path, value, into);
            }
        }
        value => _ = into.insert(path.to_owned(), value),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rows(rows: Value) -> Rows {
        rows.as_array()
            .unwrap()
            .iter()
            .map(|row| (row["id"].as_str().unwrap().to_owned(), row.clone()))
            .collect()
    }

    #[test]
    fn rows_are_compared_by_id_and_field_and_objects_are_taken_apart() {
        let old = rows(json!([
            { "id": "same", "group": "a" },
            { "id": "gone", "group": "a" },
            { "id": "edited", "group": "a", "accounts": { "ids": ["1"], "tags": { "a": "b" }, "except": { "names": ["x"] } } },
        ]));
        let new = rows(json!([
            { "id": "same", "group": "a" },
            { "id": "new", "group": "a" },
            { "id": "edited", "user": "a", "accounts": { "ids": ["1", "2"], "tags": { "a": "b" } } },
        ]));
        let difference = Difference::new(&old, &new);
        let field =
            |field: &str, old: Option<Value>, new: Option<Value>| Field { field: field.into(), old, new };
        let expected = Difference {
            added: vec![json!({ "id": "new", "group": "a" })],
            removed: vec![json!({ "id": "gone", "group": "a" })],
            changed: vec![Changed {
                id: "edited".into(),
                fields: vec![
                    field("accounts.except.names", Some(json!(["x"])), None),
                    field("accounts.ids", Some(json!(["1"])), Some(json!(["1", "2"]))),
                    field("group", Some(json!("a")), None),
                    field("user", None, Some(json!("a"))),
                ],
            }],
        };
        assert_eq!(difference, expected);
        assert!(Difference::new(&old, &old).is_empty());
    }

    #[test]
    fn what_a_row_says_cannot_colour_the_terminal() {
        let new = rows(json!([{ "id": "a\u{1b}[31m", "group": "\u{9b}31m" }]));
        let text = Difference::new(&Rows::new(), &new).to_text(&["id", "group"]);
        assert!(!text.contains("\u{1b}[31m") && !text.contains('\u{9b}'), "{text:?}");
    }
}
