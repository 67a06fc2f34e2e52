//! A row as the JSON that is read, fields in the order of the documentation.

use serde::{Serialize, Serializer};

use super::{Named, PermissionSet, PrincipalKind, Row};
use crate::{day::Day, selector::Accounts};

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
            #[serde(skip_serializing_if = "Option::is_none")]
            owner: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            reason: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            until: Option<Day>,
        }
        let Row { id, description, permission_set, principal, accounts, owner, reason, until } = self;
        let of_kind = |kind| Some(principal.named.as_str()).filter(|_| principal.kind == kind);
        Fields {
            id,
            description: description.as_deref(),
            permission_set: permission_set.as_str(),
            group: of_kind(PrincipalKind::Group),
            user: of_kind(PrincipalKind::User),
            accounts: (*accounts != Accounts::default()).then_some(accounts),
            owner: owner.as_deref(),
            reason: reason.as_deref(),
            until: *until,
        }
        .serialize(serializer)
    }
}

impl PermissionSet {
    /// Returns it as the table writes it.
    pub fn as_str(&self) -> &str {
        match self {
            PermissionSet::Name(text) | PermissionSet::Arn(text) => text,
        }
    }
}

impl Named {
    /// Returns it as the table writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Named::Name(text) | Named::Id(text) => text,
        }
    }
}
