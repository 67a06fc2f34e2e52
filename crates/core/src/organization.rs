//! Accounts and where they are, as AWS Organizations describes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ids::AccountId, selector::same};

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

/// An account as a person names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedAccount {
    Id(AccountId),
    Name(String),
}

/// Why it is not clear which account is meant by a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnclearAccount {
    /// No account has the name. `near` is the name that is most like it.
    Nobody { near: Option<String> },
    /// Names of accounts need not be unique.
    Several(Vec<AccountId>),
}

impl NamedAccount {
    /// Twelve digits are an id. Any other text is a name.
    pub fn parse(text: &str) -> NamedAccount {
        AccountId::parse(text).map_or_else(|| NamedAccount::Name(text.to_owned()), NamedAccount::Id)
    }

    /// Returns the id. A name is looked for among `accounts`; an id need not be among them.
    pub fn find<'a>(
        &self,
        accounts: impl Iterator<Item = (&'a AccountId, &'a str)> + Clone,
    ) -> Result<AccountId, UnclearAccount> {
        let name = match self {
            NamedAccount::Id(id) => return Ok(id.clone()),
            NamedAccount::Name(name) => name,
        };
        let named = accounts.clone().filter(|(_, other)| same(name, other));
        let mut named: Vec<AccountId> = named.map(|(id, _)| id.clone()).collect();
        match (named.pop(), named.is_empty()) {
            (Some(id), true) => Ok(id),
            (Some(last), false) => {
                named.push(last);
                Err(UnclearAccount::Several(named))
            }
            (None, _) => {
                let near = likest(name, accounts.map(|(_, other)| other)).map(str::to_owned);
                Err(UnclearAccount::Nobody { near })
            }
        }
    }
}

/// Returns the known name that is most like another, if it is like enough to be meant.
pub fn likest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let lower = name.to_lowercase();
    let likeness = |known: &str| strsim::jaro_winkler(&lower, &known.to_lowercase());
    let near = known.filter(|known| *known != name).map(|known| (likeness(known), known));
    let near = near.filter(|(likeness, _)| *likeness > 0.88);
    near.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, known)| known)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_meant_by_its_id_or_by_a_name_that_only_one_has() {
        let id = |n: u8| AccountId::parse(&format!("{n}").repeat(12)).unwrap();
        let accounts =
            [(id(1), "class-7"), (id(2), "twin"), (id(3), "twin"), (id(4), "Pr\u{fc}fung"), (id(5), "2024")];
        let find = |text: &str| NamedAccount::parse(text).find(accounts.iter().map(|(id, name)| (id, *name)));
        let nobody = |near: Option<&str>| Err(UnclearAccount::Nobody { near: near.map(str::to_owned) });
        let cases = [
            ("111111111111", Ok(id(1))),
            ("999999999999", Ok(id(9))),
            ("class-7", Ok(id(1))),
            ("2024", Ok(id(5))),
            ("Pru\u{308}fung", Ok(id(4))),
            ("twin", Err(UnclearAccount::Several(vec![id(2), id(3)]))),
            ("Class-7", nobody(Some("class-7"))),
            ("clas-7", nobody(Some("class-7"))),
            ("payments", nobody(None)),
            ("", nobody(None)),
        ];
        for (text, expected) in cases {
            assert_eq!(find(text), expected, "{text}");
        }
    }
}
