//! The policy documents of IAM that belong to an identity: read with every fault, written in one form.
//!
//! A [`Document`] that exists has a meaning: it comes from [`Document::parse`] or from statements that did. Its
//! meaning is that of version 2012-10-17. What an older document says is rewritten so that it means the same.

pub mod data_events;
mod parse;
pub mod pattern;
pub mod size;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer, de, ser::SerializeMap};

use self::pattern::{Pattern, resource_covers};
use crate::reading::{Faults, Json};

pub use parse::{Strictness, is_action, is_condition_operator};

/// Statements, of which each adds something. The order means nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    pub statements: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    pub effect: Effect,
    pub actions: Actions,
    pub resources: Resources,
    pub condition: Condition,
    pub sid: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Effect {
    Allow,
    Deny,
}

/// Which actions a statement is about: patterns, never empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actions {
    These(BTreeSet<String>),
    /// `NotAction`
    AllBut(BTreeSet<String>),
}

/// Which resources a statement is about: patterns, never empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resources {
    These(BTreeSet<String>),
    /// `NotResource`
    AllBut(BTreeSet<String>),
}

/// Operators, each with keys, each with values: every operator and every key has to hold, with any one of its values.
/// Numbers, true and false are written as strings, which IAM reads in the same way.
pub type Condition = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

impl Document {
    /// Reads a document. The error lists every fault and is never empty.
    pub fn parse(text: &[u8], strictness: Strictness) -> Result<Document, Vec<crate::reading::Fault>> {
        let mut faults = Faults::default();
        let document = match crate::reading::utf8(text).map(serde_json::from_slice::<Json>) {
            Err(_) => {
                faults.add("", "is UTF-16", "save it as UTF-8");
                None
            }
            Ok(Err(error)) => {
                faults.add("", format!("not JSON: {error}"), "correct the text at that place");
                None
            }
            Ok(Ok(json)) => Document::read("", &json, strictness, &mut faults),
        };
        faults.or(document.unwrap_or_default())
    }

    /// Returns it as IAM takes it, without white space between the parts.
    pub fn to_text(&self) -> String {
        // Strings, lists and objects cannot fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Statement {
    /// Returns the patterns of actions that it names, whether it is about these or about all but these.
    pub fn patterns(&self) -> &BTreeSet<String> {
        let (Actions::These(actions) | Actions::AllBut(actions)) = &self.actions;
        actions
    }

    /// Whether it is about what `pattern` matches, whatever that is.
    pub fn is_about_all(&self, pattern: &Pattern) -> bool {
        Compiled::new(self).is_about_all(pattern)
    }

    /// Whether it may be about some action that `pattern` matches.
    pub fn touches(&self, pattern: &Pattern) -> bool {
        Compiled::new(self).touches(pattern)
    }

    /// Whether the two are certainly not about the same resource.
    pub fn is_apart_from(&self, other: &Statement) -> bool {
        !self.resources.meet(&other.resources)
    }
}

/// A statement whose patterns of actions have been read, for many questions.
#[derive(Clone, Debug, PartialEq)]
pub struct Compiled {
    pub statement: Statement,
    actions: Vec<Pattern>,
}

impl Compiled {
    pub fn new(statement: &Statement) -> Compiled {
        let (Actions::These(patterns) | Actions::AllBut(patterns)) = &statement.actions;
        let actions = patterns.iter().map(|pattern| Pattern::action(pattern)).collect();
        Compiled { statement: statement.clone(), actions }
    }

    /// Whether it is about what `pattern` matches, whatever that is.
    pub fn is_about_all(&self, pattern: &Pattern) -> bool {
        match &self.statement.actions {
            Actions::These(_) => self.actions.iter().any(|own| own.covers(pattern)),
            Actions::AllBut(_) => !self.actions.iter().any(|own| own.meets(pattern)),
        }
    }

    /// Whether it may be about some action that `pattern` matches.
    pub fn touches(&self, pattern: &Pattern) -> bool {
        match &self.statement.actions {
            Actions::These(_) => self.actions.iter().any(|own| own.meets(pattern)),
            Actions::AllBut(_) => !self.actions.iter().any(|own| own.covers(pattern)),
        }
    }
}

impl Resources {
    /// Whether it certainly holds every resource of `inner`.
    pub fn cover(&self, inner: &Resources) -> bool {
        match (self, inner) {
            (Resources::These(outer), _) if outer.contains("*") => true,
            (Resources::These(outer), Resources::These(inner)) => {
                inner.iter().all(|inner| outer.iter().any(|outer| resource_covers(outer, inner)))
            }
            (Resources::AllBut(outer), Resources::These(inner)) => {
                let meets = |outer: &String, inner: &String| {
                    Pattern::resource(outer).meets(&Pattern::resource(inner))
                };
                !outer.iter().any(|outer| inner.iter().any(|inner| meets(outer, inner)))
            }
            // All but a part of what the inner one leaves out.
            (Resources::AllBut(outer), Resources::AllBut(inner)) => {
                outer.iter().all(|outer| inner.iter().any(|inner| resource_covers(inner, outer)))
            }
            (Resources::These(_), Resources::AllBut(_)) => false,
        }
    }

    /// Whether some resource may be in both.
    pub fn meet(&self, other: &Resources) -> bool {
        match (self, other) {
            (Resources::These(one), Resources::These(other)) => one.iter().any(|one| {
                let one = Pattern::resource(one);
                other.iter().any(|other| one.meets(&Pattern::resource(other)))
            }),
            (Resources::These(these), Resources::AllBut(but))
            | (Resources::AllBut(but), Resources::These(these)) => {
                these.iter().any(|these| !but.iter().any(|but| resource_covers(but, these)))
            }
            (Resources::AllBut(_), Resources::AllBut(_)) => true,
        }
    }
}

/// Whether whatever meets `inner` also meets `outer`, because it asks for the same and perhaps more.
pub fn condition_covers(outer: &Condition, inner: &Condition) -> bool {
    outer.iter().all(|(operator, keys)| {
        inner
            .get(operator)
            .is_some_and(|others| keys.iter().all(|(key, values)| others.get(key) == Some(values)))
    })
}

/// One string alone is written without a list.
struct Strings<'a>(&'a BTreeSet<String>);

impl Serialize for Strings<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.first() {
            Some(only) if self.0.len() == 1 => serializer.serialize_str(only),
            _ => serializer.collect_seq(self.0),
        }
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut document = serializer.serialize_map(Some(2))?;
        document.serialize_entry("Version", "2012-10-17")?;
        document.serialize_entry("Statement", &self.statements)?;
        document.end()
    }
}

impl Serialize for Statement {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Statement { effect, actions, resources, condition, sid } = self;
        let mut statement = serializer.serialize_map(None)?;
        if let Some(sid) = sid {
            statement.serialize_entry("Sid", sid)?;
        }
        statement.serialize_entry("Effect", effect)?;
        match actions {
            Actions::These(patterns) => statement.serialize_entry("Action", &Strings(patterns))?,
            Actions::AllBut(patterns) => statement.serialize_entry("NotAction", &Strings(patterns))?,
        }
        match resources {
            Resources::These(patterns) => statement.serialize_entry("Resource", &Strings(patterns))?,
            Resources::AllBut(patterns) => statement.serialize_entry("NotResource", &Strings(patterns))?,
        }
        if !condition.is_empty() {
            let written: BTreeMap<&String, BTreeMap<&String, Strings<'_>>> = condition
                .iter()
                .map(|(operator, keys)| {
                    (operator, keys.iter().map(|(key, values)| (key, Strings(values))).collect())
                })
                .collect();
            statement.serialize_entry("Condition", &written)?;
        }
        statement.end()
    }
}

/// Reads a document as AWS gave it. The error names every fault.
impl<'de> de::Deserialize<'de> for Document {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Document, D::Error> {
        let json = Json::deserialize(deserializer)?;
        let mut faults = Faults::default();
        let document = Document::read("", &json, Strictness::AsRead, &mut faults);
        faults.or(document.unwrap_or_default()).map_err(unreadable("document"))
    }
}

/// Reads a statement as it was written here. The error names every fault.
impl<'de> de::Deserialize<'de> for Statement {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Statement, D::Error> {
        let json = Json::deserialize(deserializer)?;
        let mut faults = Faults::default();
        let statement = Statement::read("", &json, &mut faults);
        faults
            .or(statement)
            .map_err(unreadable("statement"))?
            .ok_or_else(|| de::Error::custom("a policy statement that cannot be read"))
    }
}

fn unreadable<E: de::Error>(what: &'static str) -> impl Fn(Vec<crate::reading::Fault>) -> E {
    move |faults| {
        let faults: Vec<String> = faults.iter().map(parse::sentence).collect();
        de::Error::custom(format!("a policy {what} that cannot be read: {}", faults.join("; ")))
    }
}
