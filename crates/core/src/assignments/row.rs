//! One row of the table of assignments: one grant for every account that it selects.

use serde::{Deserialize, Serialize};

use crate::{
    day::Day,
    ids,
    organization::{Account, Needs},
    reading::{Faults, Fields, Json, longer, quote},
    selector::Accounts,
    table::{self, RowKind, Table},
};

/// The longest display name of a group; a user name is shorter. In characters.
const PRINCIPAL_NAME_LENGTH: usize = 1024;

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
    #[cfg_attr(test, schemars(flatten, with = "schema::Principal"))]
    pub principal: Principal,
    /// The accounts that receive the grant. Absent: every account. Every kind given must match.
    #[cfg_attr(test, schemars(default))]
    pub accounts: Accounts,
    /// Who answers for the grant; for people.
    pub owner: Option<String>,
    /// Why the grant is there; for people.
    pub reason: Option<String>,
    /// The last day of the grant, UTC. Absent: it has no end.
    #[cfg_attr(test, schemars(with = "Option<String>", regex(pattern = crate::day::SHAPE)))]
    pub until: Option<Day>,
}

/// How a row names a permission set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PermissionSet {
    Name(String),
    Arn(String),
}

/// What a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PrincipalKind {
    Group,
    User,
}

impl PrincipalKind {
    /// Returns `group` or `user`, as the table writes it.
    pub fn field(self) -> &'static str {
        match self {
            PrincipalKind::Group => "group",
            PrincipalKind::User => "user",
        }
    }

    /// Returns `GROUP` or `USER`, as AWS and the results write it.
    pub fn as_str(self) -> &'static str {
        match self {
            PrincipalKind::Group => "GROUP",
            PrincipalKind::User => "USER",
        }
    }
}

/// Who receives a grant, as a row names them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Principal {
    pub kind: PrincipalKind,
    pub named: Named,
}

/// How a row names a principal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Named {
    /// The display name of a group or the user name of a user, in the identity store.
    Name(String),
    Id(String),
}

/// A group or a user of the identity store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrincipalId {
    pub kind: PrincipalKind,
    pub id: String,
}

impl PrincipalId {
    pub fn group(id: impl Into<String>) -> PrincipalId {
        PrincipalId { kind: PrincipalKind::Group, id: id.into() }
    }

    pub fn user(id: impl Into<String>) -> PrincipalId {
        PrincipalId { kind: PrincipalKind::User, id: id.into() }
    }
}

impl RowKind for Row {
    type Rest = ();
    const LIST: &'static str = "assignments";
    const SCHEMA: &'static str = "./assignments.schema.json";
    const FIELDS: &'static [&'static str] =
        &["id", "description", "permissionSet", "group", "user", "accounts", "owner", "reason", "until"];
    const FEWER: &'static str = "give one row for several accounts by `ous`, `names` or `tags`";
    const EMPTY: Option<&'static str> = Some("nobody would get anything");

    fn read(mut fields: Fields<'_>, faults: &mut Faults) -> Option<Row> {
        let id = table::read_id(&mut fields, faults);
        let description = fields.text("description", faults);
        let permission_set =
            fields.required("permissionSet", faults).and_then(|set| permission_set(set, faults));
        let principal = principal(&mut fields, faults);
        let accounts = match fields.take("accounts") {
            None => Some(Accounts::default()),
            Some(value) => Accounts::read("accounts", value, faults),
        };
        let owner = fields.text("owner", faults);
        let reason = fields.text("reason", faults);
        let until = match fields.take("until") {
            None => Some(None),
            Some(value) => until(value, faults).map(Some),
        };
        Some(Row {
            id: id?,
            description,
            permission_set: permission_set?,
            principal: principal?,
            accounts: accounts?,
            owner,
            reason,
            until: until?,
        })
    }

    fn id(&self) -> &str {
        &self.id
    }
}

impl Row {
    /// Whether its last day is before this one. Then it wants nothing.
    pub fn has_ended(&self, today: Day) -> bool {
        self.until.is_some_and(|until| until < today)
    }

    /// Whether it lasts as long as another, or longer.
    pub fn outlasts(&self, other: &Row) -> bool {
        self.until.is_none_or(|until| other.until.is_some_and(|other| other <= until))
    }
}

impl Table<Row> {
    /// Returns what must be known of accounts to plan.
    pub fn needs(&self) -> Needs {
        self.rows.iter().map(|row| row.accounts.needs()).fold(Needs::default(), Needs::or)
    }

    /// Whether the account's tags, which `account` does not have yet, can decide about any row.
    pub fn asks_for_tags(&self, account: &Account) -> bool {
        self.rows.iter().any(|row| row.accounts.asks_for_tags(account))
    }
}

fn until(value: &Json, faults: &mut Faults) -> Option<Day> {
    let right = "write a day such as 2027-03-31, or leave it out if the grant has no end";
    let text = faults.string("until", value, right)?;
    let day = Day::parse(text);
    if day.is_none() {
        faults.add("until", format!("is {}, which is not a day", quote(text)), right);
    }
    day
}

fn permission_set(value: &Json, faults: &mut Faults) -> Option<PermissionSet> {
    let right = "write the permission set's name (up to 32 of letters, digits and _+=,.@-) or its ARN";
    match faults.string("permissionSet", value, right)? {
        arn if ids::is_permission_set_arn(arn) => Some(PermissionSet::Arn(arn.to_owned())),
        name if ids::is_permission_set_name(name) => Some(PermissionSet::Name(name.to_owned())),
        other => {
            faults.add("permissionSet", format!("is {}", quote(other)), right);
            None
        }
    }
}

/// Reads `group` or `user`, exactly one.
fn principal(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Principal> {
    let mut read = |kind: PrincipalKind| {
        let value = fields.take(kind.field())?;
        Some(named(kind, value, faults).map(|named| Principal { kind, named }))
    };
    match (read(PrincipalKind::Group), read(PrincipalKind::User)) {
        (Some(one), None) | (None, Some(one)) => one,
        (Some(_), Some(_)) => {
            let remedy = "keep one; write a second row for the other";
            faults.add("", "both `group` and `user` are given", remedy);
            None
        }
        (None, None) => {
            if fields.opened() {
                let remedy = "name the one that receives the grant";
                faults.add("", "neither `group` nor `user` is given", remedy);
            }
            None
        }
    }
}

fn named(kind: PrincipalKind, value: &Json, faults: &mut Faults) -> Option<Named> {
    let field = kind.field();
    let right = match kind {
        PrincipalKind::Group => "write the group's display name or its id",
        PrincipalKind::User => "write the user's user name or its id",
    };
    match faults.string(field, value, right)? {
        // AWS writes ids in small letters; the same id in capitals would never be recognized.
        id if ids::is_principal_id(id) => Some(Named::Id(id.to_ascii_lowercase())),
        blank if blank.trim() != blank => {
            faults.add(field, format!("is {}, with a blank at an end", quote(blank)), "take the blank away");
            None
        }
        "" => {
            faults.add(field, "is empty", right);
            None
        }
        name if longer(name, PRINCIPAL_NAME_LENGTH) => {
            faults.add(field, format!("has more than {PRINCIPAL_NAME_LENGTH} characters"), right);
            None
        }
        name => Some(Named::Name(name.to_owned())),
    }
}

/// The parts of the JSON Schema that the types cannot say by themselves.
#[cfg(test)]
mod schema {
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use crate::ids;

    /// A sound table.
    #[derive(JsonSchema)]
    #[schemars(rename_all = "camelCase", deny_unknown_fields)]
    #[allow(dead_code, reason = "only its schema is read")]
    pub struct Table {
        /// The grants, one a row. The order means nothing, except that reports keep it.
        #[schemars(length(max = 10_000))]
        assignments: Vec<super::Row>,
    }

    /// Who receives a grant: `group` or `user`, exactly one.
    #[derive(JsonSchema)]
    #[schemars(rename_all = "camelCase")]
    #[allow(dead_code, reason = "only its schema is read")]
    pub enum Principal {
        /// The display name of a group in the identity store, or its id.
        Group(#[schemars(schema_with = "principal")] String),
        /// The user name of a user in the identity store, or its id.
        User(#[schemars(schema_with = "principal")] String),
    }

    pub fn permission_set(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "anyOf": [
            { "pattern": ids::PERMISSION_SET_NAME }, { "pattern": ids::PERMISSION_SET_ARN } ] })
    }

    fn principal(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": super::PRINCIPAL_NAME_LENGTH })
    }
}

#[cfg(test)]
mod tests;
