//! A table as the JSON that [`super::parse()`] reads, fields in the order of the documentation.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::{Accounts, Named, OrganizationalUnit, PermissionSet, Principal, Row, Selector, Table};

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Document<'a> {
            #[serde(rename = "$schema")]
            schema: &'static str,
            assignments: &'a [Row],
        }
        Document { schema: "./assignments.schema.json", assignments: &self.rows }.serialize(serializer)
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Fields<'a> {
            id: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            description: Option<&'a str>,
            permission_set: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            group: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            user: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            accounts: Option<&'a Accounts>,
        }
        let Row { id, description, permission_set, principal, accounts } = self;
        let (group, user) = match principal {
            Principal::Group(named) => (Some(named.as_str()), None),
            Principal::User(named) => (None, Some(named.as_str())),
        };
        Fields {
            id,
            description: description.as_deref(),
            permission_set: permission_set.as_str(),
            group,
            user,
            accounts: (*accounts != Accounts::default()).then_some(accounts),
        }
        .serialize(serializer)
    }
}

impl Serialize for Accounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields<'a> {
            #[serde(flatten)]
            only: &'a Selector,
            #[serde(skip_serializing_if = "Option::is_none")]
            except: Option<&'a Selector>,
        }
        Fields { only: &self.only, except: self.except.as_ref() }.serialize(serializer)
    }
}

impl Serialize for Selector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields<'a> {
            #[serde(skip_serializing_if = "Vec::is_empty")]
            ids: Vec<&'a str>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            names: Vec<&'a str>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            ous: Vec<String>,
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            tags: BTreeMap<&'a str, &'a str>,
        }
        let Selector { ids, names, ous, tags } = self;
        Fields {
            ids: ids.iter().map(|id| id.as_str()).collect(),
            names: names.iter().map(glob::Pattern::as_str).collect(),
            ous: ous.iter().map(OrganizationalUnit::to_string).collect(),
            tags: tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
        }
        .serialize(serializer)
    }
}

impl PermissionSet {
    /// As the table writes it.
    pub fn as_str(&self) -> &str {
        match self {
            PermissionSet::Name(text) | PermissionSet::Arn(text) => text,
        }
    }
}

impl Principal {
    /// `group` or `user`, as the table says.
    pub fn kind(&self) -> &'static str {
        match self {
            Principal::Group(_) => "group",
            Principal::User(_) => "user",
        }
    }

    pub fn named(&self) -> &Named {
        match self {
            Principal::Group(named) | Principal::User(named) => named,
        }
    }
}

impl Named {
    /// As the table writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Named::Name(text) | Named::Id(text) => text,
        }
    }
}

impl std::fmt::Display for OrganizationalUnit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            OrganizationalUnit::Id(id) => f.write_str(id),
            OrganizationalUnit::Path(names) => f.write_str(&names.join("/")),
        }
    }
}
