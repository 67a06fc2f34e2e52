//! The config table: rows of grants and their types.
//!
//! A [`Table`] that exists is sound: it comes from [`parse()`] or [`parse_items`] only, which refuse a bad one whole
//! and list every fault. Nothing here reads a file or calls AWS.

mod json;
mod parse;
#[cfg(feature = "assignctl")]
mod write;

use std::{collections::BTreeMap, path::PathBuf};

pub use json::Json;
pub use parse::{FIELDS, Fault, MAX_BYTES, MAX_ROWS, Part, RowPlace, Wrong, parse, parse_items};

use crate::ids::AccountId;

/// A sound table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "camelCase", deny_unknown_fields))]
pub struct Table {
    /// The grants, one a row. The order means nothing, except that reports keep it.
    #[cfg_attr(test, schemars(rename = "assignments", length(max = 10_000)))]
    pub rows: Vec<Row>,
}

/// One grant for every account that `accounts` selects.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "camelCase", deny_unknown_fields))]
pub struct Row {
    /// Names the row in reports and faults; unique in the table.
    #[cfg_attr(test, schemars(regex(pattern = r"^[a-z0-9][a-z0-9-]{0,63}$")))]
    pub id: String,
    /// Free text for people.
    pub description: Option<String>,
    /// The name of a permission set, or its ARN.
    #[cfg_attr(test, schemars(schema_with = "schema::permission_set"))]
    pub permission_set: PermissionSet,
    #[cfg_attr(test, schemars(flatten))]
    pub principal: Principal,
    /// The accounts that receive the grant. Absent: every account. Every kind given must match.
    #[cfg_attr(test, schemars(default))]
    pub accounts: Accounts,
}

/// How a row names a permission set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PermissionSet {
    Name(String),
    Arn(String),
}

/// Who receives a grant: `group` or `user`, exactly one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "camelCase"))]
pub enum Principal {
    /// The display name of a group in the identity store, or its id.
    Group(#[cfg_attr(test, schemars(schema_with = "schema::principal"))] Named),
    /// The user name of a user in the identity store, or its id.
    User(#[cfg_attr(test, schemars(schema_with = "schema::principal"))] Named),
}

/// How a row names a principal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Named {
    Name(String),
    Id(String),
}

/// Which accounts a row means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "camelCase", deny_unknown_fields))]
#[cfg_attr(test, schemars(extend("minProperties" = 1)))]
pub struct Accounts {
    #[cfg_attr(test, schemars(flatten))]
    pub only: Selector,
    /// Takes out the accounts that match it, by the same reading.
    pub except: Option<Selector>,
}

/// Kinds of conditions on an account. Every kind given must match; an empty selector matches every account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "camelCase", deny_unknown_fields))]
#[cfg_attr(test, schemars(extend("minProperties" = 1)))]
pub struct Selector {
    /// Account ids; any one is enough.
    #[cfg_attr(test, schemars(default, schema_with = "schema::account_ids"))]
    pub ids: Vec<AccountId>,
    /// Globs for the account's name (`*`, `?`, `[a-z]`; case matters); any one is enough.
    #[cfg_attr(test, schemars(default, schema_with = "schema::globs"))]
    pub names: Vec<glob::Pattern>,
    /// OU ids (`ou-...`), root ids (`r-...`) or paths of OU names from the root (`Workloads/Prod`), each with
    /// every OU below it; any one is enough.
    #[cfg_attr(test, schemars(default, schema_with = "schema::organizational_units"))]
    pub ous: Vec<OrganizationalUnit>,
    /// Tag keys, each with a glob for the tag's value; all must match.
    #[cfg_attr(test, schemars(default, schema_with = "schema::tags"))]
    pub tags: BTreeMap<String, glob::Pattern>,
}

/// How a row names an OU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrganizationalUnit {
    /// The id of an OU or of the root.
    Id(String),
    /// The names of the OUs from the root down. A name with a slash in it can be given by id only.
    Path(Vec<String>),
}

/// What a table asks about an account beyond DescribeAccount. Nothing is read that no row asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    pub organizational_unit_names: bool,
    pub tags: bool,
}

impl Table {
    pub fn needs(&self) -> Needs {
        let mut needs = Needs::default();
        for selector in
            self.rows.iter().flat_map(|row| [Some(&row.accounts.only), row.accounts.except.as_ref()])
        {
            let Some(selector) = selector else { continue };
            needs.tags |= !selector.tags.is_empty();
            needs.organizational_unit_names |=
                selector.ous.iter().any(|ou| matches!(ou, OrganizationalUnit::Path(_)));
        }
        needs
    }
}

/// Where the table is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `assignments.json` of the repository, compiled in; a test keeps it sound.
    Embedded,
    File(PathBuf),
    /// A DynamoDB table by this name, with one item a row.
    DynamoDb(String),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Place::Embedded => f.write_str("the embedded table (assignments.json)"),
            Place::File(path) => write!(f, "{}", path.display()),
            Place::DynamoDb(name) => write!(f, "the DynamoDB table {name}"),
        }
    }
}

/// The parts of the JSON Schema that the types cannot say by themselves.
#[cfg(test)]
mod schema {
    use schemars::{Schema, SchemaGenerator, json_schema};

    use super::parse::shape;
    use crate::ids;

    pub fn permission_set(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "anyOf": [
            { "pattern": ids::PERMISSION_SET_NAME }, { "pattern": ids::PERMISSION_SET_ARN } ] })
    }

    pub fn principal(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": shape::PRINCIPAL_NAME_LENGTH })
    }

    pub fn account_ids(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "minItems": 1, "items": { "type": "string", "pattern": ids::ACCOUNT_ID } })
    }

    pub fn globs(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "minItems": 1,
            "items": { "type": "string", "minLength": 1, "maxLength": shape::GLOB_LENGTH } })
    }

    pub fn organizational_units(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "minItems": 1, "items": { "type": "string", "anyOf": [
            { "pattern": ids::ORGANIZATIONAL_UNIT_ID },
            { "pattern": ids::ROOT_ID },
            { "pattern": r"^(?!ou-|r-)[^/]+(/[^/]+)*$" } ] } })
    }

    pub fn tags(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "minProperties": 1, "maxProperties": shape::TAGS,
            "propertyNames": { "minLength": 1, "maxLength": shape::TAG_KEY_LENGTH },
            "additionalProperties": { "type": "string", "maxLength": shape::GLOB_LENGTH } })
    }
}

#[cfg(test)]
mod tests;
