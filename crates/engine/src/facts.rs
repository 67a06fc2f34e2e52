//! What is true in AWS at one moment, as the operator's command needs it: accounts, names and assignments, in memory
//! or in a file. Writes nothing to AWS.
//!
//! A plan made from a snapshot is the plan that would have been made from AWS at that moment: [`crate::compare`] gets
//! the same [`Account`]s, [`Directory`] and [`Present`] from both.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::SystemTime,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    assignments::{self, Method},
    compare::{Held, Present},
    directory::Directory,
    error::Error,
    failure::CallError,
    identity_center::IdentityCenter,
    ids::AccountId,
    names::Names,
    organization::Organization,
    plan::{self, Account, Grant, Obstacle, Plan, PrincipalId},
    table::{Named, Needs, OrganizationalUnit, PermissionSet, Principal, Table},
};

/// The format of the file; another number is refused.
const VERSION: u32 = 1;
/// Reads at the same time; Organizations has quotas of its own and throttles above them.
const READS_AT_ONCE: usize = 8;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshot {
    version: u32,
    /// RFC 3339, UTC, to the second.
    pub taken_at: String,
    /// The ARN of the Identity Center instance.
    pub instance: String,
    pub method: Method,
    pub accounts: Vec<Account>,
    /// Names by ARN.
    pub permission_sets: BTreeMap<String, String>,
    /// Display names by id.
    pub groups: BTreeMap<String, String>,
    /// User names by id.
    pub users: BTreeMap<String, String>,
    assignments: BTreeMap<AccountId, Vec<Entry>>,
    /// What could not be read and is not needed for a plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
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

/// Which accounts. Nothing at all selects every account.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub accounts: Vec<AccountId>,
    /// Each with every OU below it.
    pub ous: Vec<OrganizationalUnit>,
}

impl Selection {
    pub fn is_everything(&self) -> bool {
        self.accounts.is_empty() && self.ous.is_empty()
    }

    /// The accounts asked for that are not among these.
    pub fn unknown(&self, accounts: &[Account]) -> Vec<&str> {
        let known: BTreeSet<&AccountId> = accounts.iter().map(|account| &account.id).collect();
        self.accounts.iter().filter(|id| !known.contains(id)).map(AccountId::as_str).collect()
    }

    pub fn covers(&self, account: &Account) -> bool {
        self.is_everything()
            || self.accounts.contains(&account.id)
            || self.ous.iter().any(|ou| plan::covers(ou, &account.parents))
    }
}

/// How far the reading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Names,
    Accounts,
    Tags { read: usize, all: usize },
    Assignments { read: usize, all: usize, method: Method },
}

/// What is read, and by which clients.
pub struct Reader<'a> {
    pub organization: &'a Organization,
    pub center: &'a IdentityCenter,
    pub names: &'a Names,
    /// The management account, where it is known already.
    pub management: &'a [&'a AccountId],
    pub selection: &'a Selection,
    /// Whose names are looked up as the function does, and whose grants are asked for even where AWS's list of
    /// provisioned permission sets lags behind.
    pub tables: &'a [&'a Table],
    /// Whether to read the tags of every account, and not only where a table can use them.
    pub every_tag: bool,
    pub watch: &'a (dyn Fn(Step) + Sync),
}

/// What was read.
pub struct Reading {
    pub snapshot: Snapshot,
    /// The names of the tables, empty without one.
    pub directory: Directory,
}

/// Names, and what they mean.
struct Known {
    permission_sets: BTreeMap<String, String>,
    groups: BTreeMap<String, String>,
    users: BTreeMap<String, String>,
    directory: Directory,
    notes: Vec<String>,
}

impl Reader<'_> {
    /// # Errors
    /// Where something is missing without which a plan would be wrong.
    pub async fn read(&self) -> Result<Reading, Error> {
        (self.watch)(Step::Names);
        self.center.find_instance().await?;
        let (mut known, accounts) = tokio::try_join!(self.read_names(), self.read_accounts())?;
        let (present, method) = self.read_assignments(&accounts, &mut known).await?;
        let Known { permission_sets, groups, users, directory, notes } = known;
        let entries = |account: &Account| {
            let held = present.of(&account.id);
            (!held.is_empty()).then(|| (account.id.clone(), held.iter().map(Entry::from).collect()))
        };
        let snapshot = Snapshot {
            version: VERSION,
            taken_at: now(),
            instance: self.center.instance_arn().unwrap_or_default().to_owned(),
            method,
            permission_sets,
            groups,
            users,
            assignments: accounts.iter().filter_map(entries).collect(),
            accounts,
            notes,
        };
        Ok(Reading { snapshot, directory })
    }

    async fn read_names(&self) -> Result<Known, Error> {
        let (permission_sets, groups, users) = tokio::join!(
            self.names.every_permission_set(self.center),
            self.center.groups(),
            self.center.users()
        );
        let permission_sets = permission_sets?;
        let grants: Vec<Grant<'_>> = self.tables.iter().flat_map(|table| plan::every_grant(table)).collect();
        let directory = self.names.directory(self.center, &grants).await;
        let (mut groups_of_tables, mut users_of_tables) = (BTreeMap::new(), BTreeMap::new());
        for (principal, found) in &directory.principals {
            match (principal, found) {
                (_, Err(Obstacle::Failed(error))) => return Err(error.clone().into()),
                (Principal::Group(Named::Name(name)), Ok(id)) => {
                    _ = groups_of_tables.insert(id.id().to_owned(), name.clone());
                }
                (Principal::User(Named::Name(name)), Ok(id)) => {
                    _ = users_of_tables.insert(id.id().to_owned(), name.clone());
                }
                _ => {}
            }
        }
        let mut notes = Vec::new();
        let mut or = |listed: Result<_, CallError>, of_tables, what| {
            listed.unwrap_or_else(|error| {
                notes.push(format!("{error}; only {what} of the table are known by name"));
                of_tables
            })
        };
        let groups = or(groups, groups_of_tables, "groups");
        let users = or(users, users_of_tables, "users");
        Ok(Known { permission_sets, groups, users, directory, notes })
    }

    async fn read_accounts(&self) -> Result<Vec<Account>, Error> {
        (self.watch)(Step::Accounts);
        let needs = Needs { organizational_unit_names: true, tags: false };
        let (organization, management, selection) = (self.organization, self.management, self.selection);
        let mut accounts: Vec<Account> = if selection.ous.is_empty() && !selection.is_everything() {
            stream::iter(&selection.accounts)
                .map(async |id| organization.account(id, needs, management).await)
                .buffered(READS_AT_ONCE)
                .try_collect()
                .await?
        } else {
            organization.accounts(needs, management).await?
        };
        let unknown = selection.unknown(&accounts);
        if !unknown.is_empty() {
            let unknown = unknown.join(", ");
            return Err(Error::AccountNotReady(format!(
                "not in the organization, or not visible yet: {unknown}"
            )));
        }
        accounts.retain(|account| selection.covers(account));
        accounts.sort_by(|one, other| one.id.cmp(&other.id));
        accounts.dedup_by(|one, other| one.id == other.id);
        let asked = |account: &Account| {
            let decides = |table: &&Table| table.needs().tags && plan::asks_for_tags(table, account);
            account.may_receive() && (self.every_tag || self.tables.iter().any(decides))
        };
        let indices: Vec<usize> = (0..accounts.len()).filter(|index| asked(&accounts[*index])).collect();
        let all = indices.len();
        let tagged: Vec<(usize, BTreeMap<String, String>)> = stream::iter(indices)
            .map(async |index| Ok::<_, CallError>((index, organization.tags(&accounts[index].id).await?)))
            .buffer_unordered(READS_AT_ONCE)
            .enumerate()
            .map(|(read, tags)| {
                (self.watch)(Step::Tags { read: read + 1, all });
                tags
            })
            .try_collect()
            .await?;
        for (index, tags) in tagged {
            accounts[index].tags = tags;
        }
        Ok(accounts)
    }

    async fn read_assignments(
        &self,
        accounts: &[Account],
        known: &mut Known,
    ) -> Result<(Present, Method), CallError> {
        let Known { groups, users, directory, notes, .. } = known;
        let principals: BTreeSet<PrincipalId> = groups
            .keys()
            .map(|id| PrincipalId::Group(id.clone()))
            .chain(users.keys().map(|id| PrincipalId::User(id.clone())))
            .collect();
        // An account takes a call for itself and one for each permission set that it has.
        let listed = notes.is_empty() && self.selection.is_everything();
        if listed && principals.len() <= accounts.len() * 3 {
            let ids: Vec<&AccountId> = accounts.iter().map(|account| &account.id).collect();
            let all = principals.len();
            let watch = |read| (self.watch)(Step::Assignments { read, all, method: Method::Principals });
            let present = assignments::by_principal(self.center, &ids, &principals, &watch).await?;
            if let Some(present) = present {
                return Ok((present, Method::Principals));
            }
        }
        let (receiving, others): (Vec<&Account>, Vec<&Account>) =
            accounts.iter().partition(|account| account.may_receive());
        let by_id: HashMap<&AccountId, &Account> =
            receiving.iter().map(|account| (&account.id, *account)).collect();
        let wanted = |id: &AccountId| {
            let Some(account) = by_id.get(id) else { return Vec::new() };
            let plans = self.tables.iter().filter_map(|table| match plan::plan(table, account) {
                Plan::Ensure(grants) => Some(directory.resolve(grants)),
                Plan::Ignore(_) | Plan::Wait(_) => None,
            });
            plans.flatten().filter_map(|grant| grant.permission_set.ok()).collect()
        };
        let ids: Vec<&AccountId> = receiving.iter().map(|account| &account.id).collect();
        let all = ids.len();
        let watch = |read| (self.watch)(Step::Assignments { read, all, method: Method::Accounts });
        let mut present = assignments::of_accounts(self.center, &ids, wanted, |_| true, &watch).await?;
        // A delegated administrator may not look into the management account, and no plan needs it.
        for account in others {
            match assignments::of_accounts(self.center, &[&account.id], |_| vec![], |_| true, &|_| {}).await {
                Ok(found) => present.append(found),
                Err(error) => notes.push(format!("what account {} has is not known: {error}", account.id)),
            }
        }
        Ok((present, Method::Accounts))
    }
}

impl Snapshot {
    /// # Errors
    /// What is wrong with the text, for people.
    pub fn parse(text: &[u8]) -> Result<Snapshot, String> {
        #[derive(Deserialize)]
        struct Version {
            version: Option<u32>,
        }
        let of = |error| format!("not a snapshot: {error}");
        match serde_json::from_slice(text).map_err(of)? {
            Version { version: Some(VERSION) } => serde_json::from_slice(text).map_err(of),
            Version { version: Some(other) } => {
                Err(format!("a snapshot of version {other}; this command reads version {VERSION}"))
            }
            Version { version: None } => Err("not a snapshot: it has no version".to_owned()),
        }
    }

    /// The names of the tables as this snapshot knows them.
    pub fn directory(&self, tables: &[&Table]) -> Directory {
        let inverse = |names: &BTreeMap<String, String>| -> HashMap<String, String> {
            names.iter().map(|(id, name)| (name.clone(), id.clone())).collect()
        };
        let (arns, groups, users) =
            (inverse(&self.permission_sets), inverse(&self.groups), inverse(&self.users));
        let mut directory = Directory {
            permission_set_names: self.permission_sets.clone().into_iter().collect(),
            ..Directory::default()
        };
        let find = |ids: &HashMap<String, String>, kind: &str, name: &str| {
            ids.get(name).cloned().ok_or_else(|| Obstacle::unknown(kind, name))
        };
        for row in tables.iter().flat_map(|table| &table.rows) {
            if let PermissionSet::Name(name) = &row.permission_set {
                directory.permission_sets.insert(name.clone(), find(&arns, "permission set", name));
            }
            let id = match &row.principal {
                Principal::Group(Named::Id(id)) => Ok(PrincipalId::Group(id.clone())),
                Principal::User(Named::Id(id)) => Ok(PrincipalId::User(id.clone())),
                Principal::Group(Named::Name(name)) => find(&groups, "group", name).map(PrincipalId::Group),
                Principal::User(Named::Name(name)) => find(&users, "user", name).map(PrincipalId::User),
            };
            directory.principals.insert(row.principal.clone(), id);
        }
        directory
    }

    /// How many assignments there are.
    pub fn count(&self) -> usize {
        self.assignments.values().map(Vec::len).sum()
    }

    pub fn present(&self) -> Present {
        let mut present = Present::default();
        for (account, entries) in &self.assignments {
            for Entry { permission_set, group, user } in entries {
                let group = group.iter().cloned().map(PrincipalId::Group);
                let user = user.iter().cloned().map(PrincipalId::User);
                for principal in group.chain(user) {
                    present.add(account.clone(), permission_set, &principal);
                }
            }
        }
        present
    }

    /// The display name of a group or the user name of a user.
    pub fn name_of(&self, principal: &PrincipalId) -> Option<&str> {
        let name = match principal {
            PrincipalId::Group(id) => self.groups.get(id),
            PrincipalId::User(id) => self.users.get(id),
        };
        name.map(String::as_str).filter(|name| !name.is_empty())
    }
}

impl From<&Held> for Entry {
    fn from(held: &Held) -> Entry {
        let (group, user) = match held.principal.as_ref() {
            PrincipalId::Group(id) => (Some(id.clone()), None),
            PrincipalId::User(id) => (None, Some(id.clone())),
        };
        Entry { permission_set: held.permission_set.as_ref().to_owned(), group, user }
    }
}

fn now() -> String {
    let now = OffsetDateTime::from(SystemTime::now());
    now.replace_nanosecond(0).unwrap_or(now).format(&Rfc3339).unwrap_or_default()
}
