//! Facts as a file, for `assignctl --snapshot`.
//!
//! A plan made from a snapshot is the plan that would have been made from AWS at that moment: both have the same
//! [`Facts`]. The file may have a part of another capability; what it says is that capability's to know.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Named, PermissionSet, PrincipalId, PrincipalKind, Table,
    access::AccountAccess,
    compare::{Assigned, Held},
    facts::{Facts, Method, NamesById, Unlisted},
    members::Memberships,
    names::Names,
    plan::Obstacle,
};
use crate::{
    day::Day,
    ids::AccountId,
    organization::Account,
    selector::{
        OrganizationalUnit, Selection, normal,
        tree::{Look, Tree, Unit},
    },
};

/// The format of the file; another number is refused. Since 2 it says which accounts, tags and names were read.
const VERSION: u32 = 2;
/// That of a file with controls, which commands that know only 2 refuse by its number.
const VERSION_WITH_CONTROLS: u32 = 3;

/// No part of another capability.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Nothing {}

/// `C` is what it says of controls.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshot<C> {
    version: u32,
    /// RFC 3339, UTC, to the second.
    taken_at: String,
    /// The ARN of the Identity Center instance.
    instance: String,
    method: Method,
    /// Which accounts were read. Absent: every account of the organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    selection: Option<Selected>,
    accounts: Vec<Account>,
    /// Names by ARN.
    permission_sets: BTreeMap<String, String>,
    /// Display names by id.
    groups: BTreeMap<String, String>,
    /// User names by id.
    users: BTreeMap<String, String>,
    /// Why groups or users are not all here.
    #[serde(default, skip_serializing_if = "Unlisted::is_empty")]
    unlisted: Unlisted,
    /// All OUs. Without them the snapshot cannot say which OUs of a table exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organizational_units: Option<Vec<Unit>>,
    assignments: BTreeMap<AccountId, Vec<Entry>>,
    /// What account access manager has. Absent: it was not asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account_access: Option<AccountAccess>,
    /// The members of every group. Absent: they were not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    members: Option<Memberships>,
    /// What could not be read and is not needed for a plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// Absent: they were not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    controls: Option<C>,
}

/// A selection in the file. OUs are as `--ou` takes them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Selected {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    accounts: Vec<AccountId>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    ous: Vec<String>,
}

/// An assignment in the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    permission_set: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<String>,
}

impl<C: DeserializeOwned> Snapshot<C> {
    /// # Errors
    /// If the text is not a snapshot. The error says what is wrong with it, for people.
    pub fn parse(text: &[u8]) -> Result<Snapshot<C>, String> {
        #[derive(Deserialize)]
        struct Version {
            version: Option<u32>,
        }
        let of = |error| format!("not a snapshot: {error}");
        match serde_json::from_slice(text).map_err(of)? {
            Version { version: Some(version @ (VERSION | VERSION_WITH_CONTROLS)) } => {
                let snapshot: Snapshot<C> = serde_json::from_slice(text).map_err(of)?;
                snapshot.selection()?;
                match snapshot.controls.is_some() == (version == VERSION_WITH_CONTROLS) {
                    true => Ok(snapshot),
                    false => Err(format!(
                        "not a snapshot: version {VERSION_WITH_CONTROLS} has controls, and {VERSION} has none"
                    )),
                }
            }
            Version { version: Some(other) } => Err(format!(
                "a snapshot of version {other}; this command reads versions {VERSION} and {VERSION_WITH_CONTROLS}"
            )),
            Version { version: None } => Err("not a snapshot: it has no version".to_owned()),
        }
    }
}

impl<C> Snapshot<C> {
    /// Adds what is true of controls.
    pub fn with_controls(self, controls: C) -> Snapshot<C> {
        Snapshot { version: VERSION_WITH_CONTROLS, controls: Some(controls), ..self }
    }

    /// Returns what was true of controls; `None` if they were not asked for.
    pub fn into_controls(self) -> Option<C> {
        self.controls
    }

    /// Adds what account access manager has in the accounts of the snapshot.
    pub fn with_account_access(self, mut access: AccountAccess) -> Snapshot<C> {
        if let AccountAccess::Read { entitlements, .. } = &mut access {
            let accounts: BTreeSet<&str> = self.accounts.iter().map(|account| account.id.as_str()).collect();
            entitlements.retain(|one| accounts.contains(one.account.as_str()));
        }
        Snapshot { account_access: Some(access), ..self }
    }

    /// Adds the members of groups.
    pub fn with_members(self, members: Memberships) -> Snapshot<C> {
        Snapshot { members: Some(members), ..self }
    }

    /// Returns the members of groups; `None` if they were not asked for.
    pub fn members(&self) -> Option<&Memberships> {
        self.members.as_ref()
    }

    /// Returns what account access manager had; `None` if it was not asked.
    pub fn account_access(&self) -> Option<&AccountAccess> {
        self.account_access.as_ref()
    }

    /// Returns the id and the name of every account that was read.
    pub fn account_names(&self) -> Vec<(AccountId, String)> {
        self.accounts.iter().map(|account| (account.id.clone(), account.name.clone())).collect()
    }

    fn selection(&self) -> Result<Selection, String> {
        let Some(Selected { accounts, ous }) = &self.selection else { return Ok(Selection::default()) };
        let read = |ou: &String| {
            OrganizationalUnit::parse(ou)
                .map_err(|(problem, _)| format!("not a snapshot: an OU of its selection {problem}"))
        };
        let selection =
            Selection { accounts: accounts.clone(), ous: ous.iter().map(read).collect::<Result<_, _>>()? };
        match selection.is_everything() {
            true => Err("not a snapshot: its selection is empty".to_owned()),
            false => Ok(selection),
        }
    }

    /// Returns the facts, with the names of these tables as the snapshot knows them. Rows end by `today`, not
    /// by the day of the snapshot.
    pub fn facts(self, tables: &[&Table], today: Day) -> Facts {
        // A snapshot that was parsed has a sound one.
        let selection = self.selection().unwrap_or_default();
        let Snapshot {
            version: _,
            selection: _,
            taken_at,
            instance,
            method,
            accounts,
            permission_sets,
            groups,
            users,
            unlisted,
            organizational_units: units,
            assignments,
            account_access: _,
            members: _,
            notes,
            controls: _,
        } = self;
        let names_by_id = NamesById { permission_sets, groups, users, unlisted };
        Facts {
            read_at: taken_at,
            today,
            instance,
            method,
            selection,
            names: names(&names_by_id, tables),
            names_by_id,
            tree: tree(&accounts, units.as_deref(), tables),
            units,
            accounts,
            assigned: assigned(&assignments),
            notes,
        }
    }
}

impl<C> From<&Facts> for Snapshot<C> {
    fn from(facts: &Facts) -> Snapshot<C> {
        let Facts {
            read_at,
            today: _,
            instance,
            method,
            selection,
            accounts,
            names: _,
            names_by_id,
            tree: _,
            units,
            assigned,
            notes,
        } = facts;
        let NamesById { permission_sets, groups, users, unlisted } = names_by_id.clone();
        let selected = || Selected {
            accounts: selection.accounts.clone(),
            ous: selection.ous.iter().map(OrganizationalUnit::to_string).collect(),
        };
        let entries = |account: &Account| {
            let held = assigned.of(&account.id);
            (!held.is_empty()).then(|| (account.id.clone(), held.iter().map(Entry::from).collect()))
        };
        Snapshot {
            version: VERSION,
            taken_at: read_at.clone(),
            instance: instance.clone(),
            method: *method,
            selection: (!selection.is_everything()).then(selected),
            assignments: accounts.iter().filter_map(entries).collect(),
            accounts: accounts.clone(),
            permission_sets,
            groups,
            users,
            unlisted,
            organizational_units: units.clone(),
            account_access: None,
            members: None,
            notes: notes.clone(),
            controls: None,
        }
    }
}

fn names(known: &NamesById, tables: &[&Table]) -> Names {
    // Of two names that look the same, the one that is written like the table's counts.
    let inverse = |names: &BTreeMap<String, String>| -> HashMap<String, String> {
        let forms = names.iter().map(|(id, name)| (normal(name).into_owned(), id.clone()));
        forms.chain(names.iter().map(|(id, name)| (name.clone(), id.clone()))).collect()
    };
    let (arns, groups, users) =
        (inverse(&known.permission_sets), inverse(&known.groups), inverse(&known.users));
    let mut names = Names {
        permission_set_names: known.permission_sets.clone().into_iter().collect(),
        ..Names::default()
    };
    let find = |ids: &HashMap<String, String>, kind: Option<PrincipalKind>, name: &str| {
        let word = kind.map_or("permission set", PrincipalKind::field);
        let unread = kind.and_then(|kind| known.unlisted.of(kind));
        ids.get(name).or_else(|| ids.get(normal(name).as_ref())).cloned().ok_or_else(|| match unread {
            Some(why) => Obstacle::not_listed(word, name, why),
            None => Obstacle::unknown(word, name),
        })
    };
    for row in tables.iter().flat_map(|table| &table.rows) {
        let arn = match &row.permission_set {
            PermissionSet::Name(name) => find(&arns, None, name),
            PermissionSet::Arn(arn) if known.permission_sets.contains_key(arn) => Ok(arn.clone()),
            PermissionSet::Arn(arn) => Err(Obstacle::no_permission_set(arn)),
        };
        names.permission_sets.insert(row.permission_set.clone(), arn);
        let kind = row.principal.kind;
        let ids = match kind {
            PrincipalKind::Group => &groups,
            PrincipalKind::User => &users,
        };
        let principal = |id: &String| PrincipalId { kind, id: id.clone() };
        let found = match &row.principal.named {
            Named::Name(name) => find(ids, Some(kind), name).map(|id| principal(&id)),
            Named::Id(id) if known.may_have(&principal(id)) => Ok(principal(id)),
            Named::Id(id) => Err(Obstacle::no_principal(&principal(id))),
        };
        names.principals.insert(row.principal.clone(), found);
    }
    names.suggest(known);
    names
}

/// Returns the OUs. If the snapshot does not have them all, those of the tables count as there.
fn tree(accounts: &[Account], units: Option<&[Unit]>, tables: &[&Table]) -> Tree {
    let mut tree = Tree::default();
    accounts.iter().for_each(|account| tree.add_parents(&account.parents));
    match units {
        Some(units) => tree.add_all(units),
        None => {
            let rows = tables.iter().flat_map(|table| &table.rows);
            let named = rows.flat_map(|row| row.accounts.units()).map(|(_, unit)| unit);
            let unseen = named.filter(|unit| tree.look(unit) != Look::There);
            let unseen: Vec<&OrganizationalUnit> = unseen.collect();
            unseen.into_iter().for_each(|unit| tree.assume(unit));
        }
    }
    tree
}

fn assigned(entries: &BTreeMap<AccountId, Vec<Entry>>) -> Assigned {
    let mut assigned = Assigned::default();
    for (account, entries) in entries {
        for Entry { permission_set, group, user } in entries {
            let group = group.iter().map(PrincipalId::group);
            for principal in group.chain(user.iter().map(PrincipalId::user)) {
                assigned.add(account.clone(), permission_set, &principal);
            }
        }
    }
    assigned
}

impl From<&Held> for Entry {
    fn from(held: &Held) -> Entry {
        let PrincipalId { kind, id } = held.principal.as_ref();
        let of_kind = |wanted| Some(id.clone()).filter(|_| *kind == wanted);
        Entry {
            permission_set: held.permission_set.as_ref().to_owned(),
            group: of_kind(PrincipalKind::Group),
            user: of_kind(PrincipalKind::User),
        }
    }
}
