//! The keep file: what a draft keeps although nobody was seen to use it, each with a reason.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    policy::{Actions, Effect, Statement},
    today::Today,
};
use crate::day::Day;
use crate::{
    ids::AccountId,
    reading::{Fault, Faults, Fields, Json, RowRef, quote, utf8},
};

/// The largest keep file, in bytes.
pub const MAX_BYTES: usize = 1024 * 1024;

/// What is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub statement: Statement,
    pub reason: String,
    /// The last day, UTC, on which it is kept.
    pub until: Option<Day>,
}

impl Kept {
    /// Whether it is left out on this day.
    pub fn has_ended(&self, day: Day) -> bool {
        self.until.is_some_and(|until| until < day)
    }

    /// Returns the patterns of its actions.
    pub fn actions(&self) -> &BTreeSet<String> {
        self.statement.patterns()
    }
}

/// A row as the policy file has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptRow {
    /// Counted from 1.
    pub row: usize,
    pub statement: Statement,
    pub reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
}

impl KeptRow {
    pub fn of(index: usize, kept: &Kept) -> KeptRow {
        let Kept { statement, reason, until } = kept.clone();
        KeptRow { row: index + 1, statement, reason, until }
    }
}

/// Reads the file, and compares what it keeps with what the set allows in these accounts. The error lists every fault
/// and is never empty.
pub fn parse(
    text: &[u8],
    set: &Today,
    accounts: &BTreeSet<AccountId>,
    day: Day,
) -> Result<Vec<Kept>, Vec<Fault>> {
    let mut faults = Faults::default();
    let Ok(text) = utf8(text) else {
        faults.add("", "is UTF-16", "save it as UTF-8");
        return faults.or(Vec::new());
    };
    let document: Json = match serde_json::from_slice(text) {
        Ok(document) => document,
        Err(error) => {
            faults.add("", format!("not JSON: {error}"), "correct the text at that place");
            return faults.or(Vec::new());
        }
    };
    let mut fields = Fields::open("", &document, &["keep"], &mut faults);
    let items = match fields.required("keep", &mut faults) {
        None => &[],
        Some(Json::List(items)) => items.as_slice(),
        Some(other) => {
            faults.add("keep", format!("is {}", other.kind()), "write a list of rows");
            &[]
        }
    };
    let mut rows = Vec::new();
    for (index, item) in items.iter().enumerate() {
        faults.in_row(Some(RowRef { number: index + 1, id: None }));
        let Some(row) = read(item, &mut faults) else { continue };
        if !row.has_ended(day) {
            for problem in set.exceeds(&row.statement, row.actions(), accounts) {
                faults.add("statement", problem, "keep only what the set allows today");
            }
        }
        rows.push(row);
    }
    faults.in_row(None);
    faults.or(rows)
}

fn read(item: &Json, faults: &mut Faults) -> Option<Kept> {
    const REASON: &str = "say in a few words why it is kept";
    let before = faults.count();
    let mut fields = Fields::open("", item, &["statement", "reason", "until"], faults);
    let statement = fields
        .required("statement", faults)
        .and_then(|statement| Statement::read("statement", statement, faults));
    if let Some(statement) = &statement {
        if statement.effect == Effect::Deny {
            faults.add("statement.Effect", "is Deny", "write Allow: a row keeps access");
        }
        if let Actions::AllBut(_) = statement.actions {
            faults.add("statement.NotAction", "is not allowed here", "name the actions to keep in Action");
        }
    }
    let reason = fields
        .required("reason", faults)
        .and_then(|reason| faults.string("reason", reason, REASON))
        .map(|reason| reason.trim().to_owned());
    if reason.as_deref() == Some("") {
        faults.add("reason", "is empty", REASON);
    }
    let until = fields.text("until", faults).map(|text| {
        let day = Day::parse(&text);
        if day.is_none() {
            faults.add("until", format!("is {}", quote(&text)), Day::RIGHT);
        }
        day
    });
    if faults.count() > before {
        return None;
    }
    Some(Kept { statement: statement?, reason: reason?, until: until.flatten() })
}
