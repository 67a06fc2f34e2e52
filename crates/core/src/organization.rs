//! Accounts and where they are, as AWS Organizations describes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::AccountId;

/// An account as Organizations describes it now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    pub state: State,
    #[serde(rename = "management")]
    pub is_management: bool,
    /// From the root down to the OU that holds the account; the root comes first.
    pub parents: Vec<Parent>,
    pub tags: AccountTags,
    /// Why something of it could not be read, so that nothing may be decided about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
}

impl Account {
    /// Whether a table applies to it now.
    pub fn may_receive(&self) -> bool {
        !self.is_management && self.state == State::Active
    }

    /// Returns the path of OU names from the root if all are known, else the id of the OU or root that holds the
    /// account.
    pub fn path(&self) -> String {
        let names: Option<Vec<&str>> =
            self.parents.iter().skip(1).map(|parent| parent.name.as_deref()).collect();
        match names {
            Some(names) if !names.is_empty() => names.join("/"),
            _ => self.parents.last().map(|parent| parent.id.clone()).unwrap_or_default(),
        }
    }
}

/// The tags of an account. They take a call of their own, so they are read only if they can decide.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AccountTags {
    /// Nothing may be said of them, and nothing decided by them. `null` in a file.
    #[default]
    NotRead,
    Read(BTreeMap<String, String>),
}

/// A root or an OU above an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parent {
    pub id: String,
    /// `None` for the root, and if no row names an OU by its path.
    pub name: Option<String>,
}

/// The account's state in the organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    Active,
    PendingActivation,
    Suspended,
    PendingClosure,
    Closed,
    /// One that AWS has added since.
    #[serde(untagged)]
    Other(String),
}

/// What tables ask about an account beyond DescribeAccount. Nothing is read that no row asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    pub organizational_unit_names: bool,
    pub tags: bool,
}

impl Needs {
    /// Returns what either of the two asks for.
    pub fn or(self, other: Needs) -> Needs {
        Needs {
            organizational_unit_names: self.organizational_unit_names || other.organizational_unit_names,
            tags: self.tags || other.tags,
        }
    }
}

#[cfg(test)]
impl Account {
    /// Returns class-7, in the OU Rust, in the OU Education, in the root.
    pub fn class_7() -> Account {
        let parent = |id: &str, name: Option<&str>| Parent { id: id.into(), name: name.map(str::to_owned) };
        Account {
            id: AccountId::parse("111122223333").unwrap(),
            name: "class-7".into(),
            state: State::Active,
            is_management: false,
            parents: vec![
                parent("r-ab12", None),
                parent("ou-ab12-55555555", Some("Education")),
                parent("ou-ab12-66666666", Some("Rust")),
            ],
            tags: AccountTags::Read(BTreeMap::from([
                ("course".into(), "rust".into()),
                ("empty".into(), String::new()),
            ])),
            unread: None,
        }
    }
}
