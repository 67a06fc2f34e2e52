//! Which accounts, or which OUs, are meant: the only room for that question. It does not know rows or tables.
//!
//! | room | what |
//! |---|---|
//! | `glob` | patterns of names and tag values |
//! | `parse`, `write` | a selector as JSON, read with every fault |
//! | [`matches`](self) | whether an account matches, and every reason why it does not |
//! | [`normal`](fn@normal) | one normal form, in which names are compared |
//! | [`tree`] | which OUs there are, so that an OU that nobody has is seen |
//! | `implies` | whether one selector contains the other, or can never meet it |
//! | [`words`] | the same reasons in words |

mod glob;
mod implies;
mod matches;
mod normal;
mod parse;
pub mod tree;
pub mod words;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ids::AccountId,
    organization::{Account, Needs},
};

pub use self::{
    glob::Glob,
    matches::{Match, Mismatch},
    normal::{normal, others, same},
};

/// Which accounts a row means.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "camelCase", deny_unknown_fields))]
#[cfg_attr(test, schemars(extend("minProperties" = 1)))]
pub struct Accounts {
    #[cfg_attr(test, schemars(flatten))]
    pub only: Selector,
    /// Takes out the accounts that match it, by the same reading.
    pub except: Option<Selector>,
}

/// Kinds of conditions on an account. Every kind given must match; an empty selector matches every account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "camelCase", deny_unknown_fields))]
#[cfg_attr(test, schemars(extend("minProperties" = 1)))]
pub struct Selector {
    /// Account ids; any one is enough.
    #[cfg_attr(test, schemars(default, schema_with = "schema::account_ids"))]
    pub ids: Vec<AccountId>,
    /// Globs for the account's name (`*`, `?`, `[a-z]`, `[!a-z]`; case matters); any one is enough.
    #[cfg_attr(test, schemars(default, schema_with = "schema::globs"))]
    pub names: Vec<Glob>,
    /// OU ids (`ou-...`), root ids (`r-...`) or paths of OU names from the root (`Workloads/Prod`), each with
    /// every OU below it; any one is enough.
    #[cfg_attr(test, schemars(default, schema_with = "schema::organizational_units"))]
    pub ous: Vec<OrganizationalUnit>,
    /// Tag keys, each with a glob for the tag's value; all must match.
    #[cfg_attr(test, schemars(default, schema_with = "schema::tags"))]
    pub tags: BTreeMap<String, Glob>,
}

/// How an OU is named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrganizationalUnit {
    /// The id of an OU or of the root.
    Id(String),
    /// The names of the OUs from the root down. A name with a slash in it can be given by id only.
    Path(Vec<String>),
}

impl Accounts {
    /// Returns the conditions, and those of `except`.
    fn selectors(&self) -> impl Iterator<Item = &Selector> {
        std::iter::once(&self.only).chain(&self.except)
    }

    /// Returns the OUs that it names, each with the field that names it.
    pub fn units(&self) -> impl Iterator<Item = (String, &OrganizationalUnit)> {
        let places = [("accounts", Some(&self.only)), ("accounts.except", self.except.as_ref())];
        places.into_iter().filter_map(|(place, selector)| Some((place, selector?))).flat_map(
            |(place, selector)| {
                let numbered = selector.ous.iter().enumerate();
                numbered.map(move |(n, unit)| (format!("{place}.ous[{n}]"), unit))
            },
        )
    }

    /// Returns what must be known of accounts to decide.
    pub fn needs(&self) -> Needs {
        let needs = |selector: &Selector| Needs {
            organizational_unit_names: selector
                .ous
                .iter()
                .any(|ou| matches!(ou, OrganizationalUnit::Path(_))),
            tags: !selector.tags.is_empty(),
        };
        self.selectors().map(needs).fold(Needs::default(), Needs::or)
    }
}

/// Accounts that a person asks for by id or by OU. Nothing at all selects every account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    pub accounts: Vec<AccountId>,
    /// Each with every OU below it.
    pub ous: Vec<OrganizationalUnit>,
}

impl Selection {
    pub fn is_everything(&self) -> bool {
        self.accounts.is_empty() && self.ous.is_empty()
    }

    /// Returns the accounts asked for that are not among these.
    pub fn unknown(&self, accounts: &[Account]) -> Vec<&str> {
        let known: BTreeSet<&AccountId> = accounts.iter().map(|account| &account.id).collect();
        self.accounts.iter().filter(|id| !known.contains(id)).map(AccountId::as_str).collect()
    }

    /// Returns the ids and OUs that were asked for and are not among these accounts for certain, as texts. `accounts` show
    /// which OU is in which.
    pub fn beyond(&self, read: &Selection, accounts: &[Account]) -> Vec<String> {
        if read.is_everything() {
            return Vec::new();
        }
        let unread = |id: &&AccountId| !accounts.iter().any(|account| account.id == **id);
        let ids = self.accounts.iter().filter(unread).map(|id| format!("account {id}"));
        let within = |ou: &OrganizationalUnit| {
            let below = |account: &Account| {
                let parents = &account.parents;
                let at = |ou: &OrganizationalUnit| (1..=parents.len()).find(|end| ou.holds(&parents[..*end]));
                at(ou).is_some_and(|at_ou| read.ous.iter().filter_map(at).any(|at_read| at_read <= at_ou))
            };
            read.ous.contains(ou) || accounts.iter().any(below)
        };
        let ous = self.ous.iter().filter(|ou| !within(ou)).map(|ou| format!("OU {ou}"));
        ids.chain(ous).collect()
    }

    /// Returns words such as "account 111122223333, OU Education and below".
    pub fn words(&self) -> String {
        let accounts = self.accounts.iter().map(|id| format!("account {id}"));
        let ous = self.ous.iter().map(|ou| format!("OU {ou} and below"));
        let asked: Vec<String> = accounts.chain(ous).collect();
        if asked.is_empty() { "every account".to_owned() } else { asked.join(", ") }
    }

    pub fn includes(&self, account: &Account) -> bool {
        self.is_everything()
            || self.accounts.contains(&account.id)
            || self.ous.iter().any(|ou| ou.holds(&account.parents))
    }
}

/// The parts of the JSON Schema that the types cannot say by themselves.
#[cfg(test)]
mod schema {
    use schemars::{Schema, SchemaGenerator, json_schema};

    use super::parse::{GLOB_LENGTH, TAG_KEY_LENGTH, TAGS};
    use crate::ids;

    pub fn account_ids(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "minItems": 1, "items": { "type": "string", "pattern": ids::ACCOUNT_ID } })
    }

    pub fn globs(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "minItems": 1,
            "items": { "type": "string", "minLength": 1, "maxLength": GLOB_LENGTH } })
    }

    pub fn organizational_units(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "minItems": 1, "items": { "type": "string", "anyOf": [
            { "pattern": ids::ORGANIZATIONAL_UNIT_ID },
            { "pattern": ids::ROOT_ID },
            { "pattern": r"^(?!ou-|r-)[^/]+(/[^/]+)*$" } ] } })
    }

    pub fn tags(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "minProperties": 1, "maxProperties": TAGS,
            "propertyNames": { "minLength": 1, "maxLength": TAG_KEY_LENGTH },
            "additionalProperties": { "type": "string", "maxLength": GLOB_LENGTH } })
    }
}

#[cfg(test)]
mod tests;
