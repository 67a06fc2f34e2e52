//! Reads what is true in AWS at one moment: the one reader for survey, plan, snapshot and report. Writes nothing to AWS.
//!
//! **Calls.** One ListAccounts for 20 accounts, or one DescribeAccount for each account that is asked for; one
//! DescribeOrganizationalUnit for each OU if its name is needed; one ListTagsForResource for each account whose tags can
//! decide; what [`crate::units`] takes for the OUs of the tables. For a survey, one ListAccountAssignmentsForPrincipal for
//! 100 assignments of each principal that the tables name; it works in the management account only, and elsewhere the
//! accounts are read one by one, in slices. For people, who want to see everything, also what is left of principals that
//! were deleted: the same of every principal if they are not many, one ListAccountsForProvisionedPermissionSet for each
//! permission set and 100 accounts, and one ListAccountAssignments for each permission set in each account; or, for some
//! accounts, these account by account.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::SystemTime,
};

use assigner_aws::{identity_center::IdentityCenter, organizations::Organizations};
use assigner_core::{
    assignments::{
        Named, PrincipalId, PrincipalKind, Table,
        facts::{self, Facts, Method, NamesById, Unlisted},
        names::Names,
        plan::{self, Grant, Index, Obstacle, Plan},
    },
    cause::{CallError, Cause},
    ids::AccountId,
    organization::{Account, AccountTags, Needs},
    selector::{
        Selection,
        tree::{Tree, Unit},
    },
};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::Instant;

use crate::{
    READS_AT_ONCE,
    assignments::{
        present::{self, Read},
        resolve::Resolver,
    },
    clock,
    error::Error,
    units,
};

/// How far the reading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Names,
    Accounts,
    Tags { read: usize, all: usize },
    Assignments { read: usize, all: usize },
}

/// Which part of the accounts is read, if they have to be read one by one.
#[derive(Clone, Debug)]
pub struct Slice {
    /// Only accounts whose ids come after this one.
    pub after: Option<AccountId>,
    /// When the slice ends.
    pub until: Instant,
}

/// What was read, and the last account of the slice if there are more.
pub type Sliced<T> = (T, Option<AccountId>);

/// The most accounts of a slice. It limits how many tags are read before the first account is, at some 100 a second.
const LARGEST_SLICE: usize = 3_000;

/// Why principals were not read.
enum NotRead {
    /// AWS does not allow it here.
    Refused,
    Failed(CallError),
}

/// Whose tags are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tags {
    /// None yet.
    Later,
    /// Those that can decide about a row of the tables.
    ThatDecide,
    /// Every account's, because the tables that will ask for them are not known.
    All,
}

/// What is read, and by which clients.
pub struct Reader<'a> {
    pub organizations: &'a Organizations,
    pub center: &'a IdentityCenter,
    pub resolver: &'a Resolver,
    /// The management account, if it is known already.
    pub management: &'a [&'a AccountId],
    pub selection: &'a Selection,
    /// Their names are looked up as the function does. Their grants are asked for even if AWS's list of provisioned
    /// permission sets lags behind.
    pub tables: &'a [&'a Table],
    pub watch: &'a (dyn Fn(Step) + Sync),
}

/// The OUs that were looked for, and all of them if they were read.
struct Units {
    tree: Tree,
    all: Option<Vec<Unit>>,
}

/// Names, and what could not be read of them.
pub struct Known {
    /// What the names of the tables mean.
    pub names: Names,
    pub by_id: NamesById,
    notes: Vec<String>,
}

impl Reader<'_> {
    /// Reads what the tables ask for: their names, and the assignments of their principals.
    ///
    /// # Errors
    /// If something cannot be read without which a survey would be wrong, or if the time is too short for one account.
    pub async fn wanted(&self, slice: &Slice) -> Result<Sliced<Facts>, Error> {
        (self.watch)(Step::Names);
        let needs = self.tables.iter().map(|table| table.needs()).fold(Needs::default(), Needs::or);
        let names = async {
            self.center.find_instance().await?;
            Ok(names_of(self.center, self.resolver, self.tables).await?)
        };
        let (names, mut accounts) = tokio::try_join!(names, self.read_accounts(needs, Tags::Later))?;
        let units = Units { tree: self.look_for_units(&accounts).await, all: None };
        if let Some(after) = &slice.after {
            accounts.retain(|account| account.id > *after);
        }
        let ((read, method), next) = self.read_wanted_assignments(&mut accounts, &names, slice).await?;
        let known = Known { names, by_id: NamesById::default(), notes: Vec::new() };
        Ok((self.facts(known, accounts, units, read, method), next))
    }

    /// Reads what people want to see: every name and every assignment.
    ///
    /// # Errors
    /// If something that a plan needs cannot be read.
    pub async fn everything(&self, tags: Tags) -> Result<Facts, Error> {
        (self.watch)(Step::Names);
        let needs = Needs { organizational_unit_names: true, tags: true };
        let names = async {
            self.center.find_instance().await?;
            self.read_every_name().await
        };
        let (mut known, accounts) = tokio::try_join!(names, self.read_accounts(needs, tags))?;
        let units = self.read_units(&accounts, tags, &mut known.notes).await;
        let (read, method) = self.read_every_assignment(&accounts, &units.tree, &mut known).await?;
        Ok(self.facts(known, accounts, units, read, method))
    }

    /// Finds the instance, and reads every name.
    ///
    /// # Errors
    /// If there is no instance, or if permission sets cannot be read.
    pub async fn every_name(&self) -> Result<Known, Error> {
        (self.watch)(Step::Names);
        self.center.find_instance().await?;
        self.read_every_name().await
    }

    /// Reads what these principals themselves have in every account, after [`Self::every_name`]; everybody's assignments
    /// where AWS does not answer by principal. Returns also what could not be read, a sentence each.
    ///
    /// # Errors
    /// If something cannot be read without which nothing can be said.
    pub async fn of_principals(
        &self,
        mut known: Known,
        principals: &BTreeSet<PrincipalId>,
    ) -> Result<(Facts, Vec<String>), Error> {
        let needs = Needs { organizational_unit_names: true, tags: true };
        let accounts = self.read_accounts(needs, Tags::ThatDecide).await?;
        let units = self.read_units(&accounts, Tags::ThatDecide, &mut known.notes).await;
        let ids: Vec<&AccountId> = accounts.iter().map(|account| &account.id).collect();
        let all = principals.len();
        let watch = |read| (self.watch)(Step::Assignments { read, all });
        let (read, method) = match present::by_principal(self.center, &ids, principals, &watch).await? {
            Some(read) => (read, Method::Principals),
            None => self.read_every_assignment(&accounts, &units.tree, &mut known).await?,
        };
        let before = known.notes.len();
        let facts = self.facts(known, accounts, units, read, method);
        let unread = facts.notes[before..].to_vec();
        Ok((facts, unread))
    }

    /// Reads what a survey reads, but no assignments; and every group and user, or why they cannot be listed.
    ///
    /// # Errors
    /// If something cannot be read without which a count would be wrong.
    pub async fn without_assignments(
        &self,
    ) -> Result<(Facts, Result<BTreeSet<PrincipalId>, CallError>), Error> {
        let needs = self.tables.iter().map(|table| table.needs()).fold(Needs::default(), Needs::or);
        let names = async {
            self.center.find_instance().await?;
            let (names, groups, users) = tokio::join!(
                names_of(self.center, self.resolver, self.tables),
                self.center.groups(),
                self.center.users()
            );
            let names = names?;
            let unlisted = groups.as_ref().err().or(users.as_ref().err()).cloned();
            let (by_id, notes) = self.principals_by_id(&names, groups, users);
            let principals = unlisted.map_or_else(|| Ok(by_id.principals()), Err);
            Ok((names, by_id, notes, principals))
        };
        let ((names, by_id, mut notes, principals), accounts) =
            tokio::try_join!(names, self.read_accounts(needs, Tags::ThatDecide))?;
        let units = Units { tree: self.look_for_units(&accounts).await, all: None };
        let of_account =
            |account: &Account| Some(format!("account {}: {}", account.id, account.unread.as_ref()?));
        notes.extend(accounts.iter().filter_map(of_account));
        let known = Known { names, by_id, notes };
        Ok((self.facts(known, accounts, units, Read::default(), Method::Principals), principals))
    }

    /// Looks for the OUs that the tables name.
    async fn look_for_units(&self, accounts: &[Account]) -> Tree {
        let rows = self.tables.iter().flat_map(|table| &table.rows);
        let named = rows.flat_map(|row| row.accounts.units()).map(|(_, unit)| unit).collect();
        units::look(self.organizations, accounts, &named).await
    }

    /// Reads all OUs if the tables that will ask for them are not known.
    async fn read_units(&self, accounts: &[Account], tags: Tags, notes: &mut Vec<String>) -> Units {
        let root = accounts.iter().find_map(|account| account.parents.first());
        let all = match (tags, root) {
            (Tags::All, Some(root)) => units::all(self.organizations, &root.id).await,
            (Tags::All, None) | (Tags::ThatDecide | Tags::Later, _) => {
                return Units { tree: self.look_for_units(accounts).await, all: None };
            }
        };
        match all {
            Ok(all) => {
                let mut tree = Tree::default();
                accounts.iter().for_each(|account| tree.add_parents(&account.parents));
                tree.add_all(&all);
                Units { tree, all: Some(all) }
            }
            Err(error) => {
                notes.push(format!("{error}; whether the OUs of a table exist is not known"));
                Units { tree: self.look_for_units(accounts).await, all: None }
            }
        }
    }

    /// The facts name what could not be read: nothing is decided about an account or a principal of which too little is
    /// known.
    fn facts(
        &self,
        known: Known,
        mut accounts: Vec<Account>,
        units: Units,
        read: Read,
        method: Method,
    ) -> Facts {
        let Known { mut names, by_id, mut notes } = known;
        let Read { assigned, unread_principals, unread_accounts } = read;
        for (principal, error) in unread_principals {
            let name = by_id.principal(&principal).unwrap_or(&principal.id);
            notes.push(format!("what {} {name} has is not known: {error}", principal.kind.field()));
            for found in names.principals.values_mut() {
                if found.as_ref().is_ok_and(|found| *found == principal) {
                    *found = Err(Obstacle::Failed(error.clone()));
                }
            }
        }
        for (id, error) in unread_accounts {
            notes.push(format!("what account {id} has is not known: {error}"));
            for account in accounts.iter_mut().filter(|account| account.id == id) {
                account.unread = Some(error.to_string());
            }
        }
        Facts {
            read_at: clock::rfc3339(SystemTime::now()),
            today: clock::day(SystemTime::now()),
            instance: self.center.instance_arn().unwrap_or_default(),
            method,
            selection: self.selection.clone(),
            accounts,
            names,
            names_by_id: by_id,
            tree: units.tree,
            units: units.all,
            assigned,
            notes,
        }
    }

    async fn read_every_name(&self) -> Result<Known, Error> {
        let (permission_sets, groups, users) = tokio::join!(
            self.resolver.every_permission_set(self.center),
            self.center.groups(),
            self.center.users()
        );
        let permission_sets = permission_sets?;
        let mut names = names_of(self.center, self.resolver, self.tables).await?;
        let (by_id, notes) = self.principals_by_id(&names, groups, users);
        let by_id = NamesById { permission_sets, ..by_id };
        names.suggest(&by_id);
        Ok(Known { names, by_id, notes })
    }

    /// Returns the names of groups and users; where a list failed, those of the tables, with a note.
    fn principals_by_id(
        &self,
        names: &Names,
        groups: Result<BTreeMap<String, String>, CallError>,
        users: Result<BTreeMap<String, String>, CallError>,
    ) -> (NamesById, Vec<String>) {
        let of_tables = |kind: PrincipalKind| -> BTreeMap<String, String> {
            let named = names.principals.iter().filter_map(|(principal, found)| {
                let (Named::Name(name), Ok(id)) = (&principal.named, found) else { return None };
                (principal.kind == kind).then(|| (id.id.clone(), name.clone()))
            });
            named.collect()
        };
        let mut notes = Vec::new();
        let mut or_of_tables = |listed: Result<_, CallError>, kind: PrincipalKind| match listed {
            Ok(listed) => (listed, None),
            Err(error) => {
                let known = match self.tables {
                    [] => format!("no {} is known by name", kind.field()),
                    _ => format!("only the {}s of the table are known by name", kind.field()),
                };
                notes.push(format!("{error}; {known}"));
                (of_tables(kind), Some(error.to_string()))
            }
        };
        let (groups, no_groups) = or_of_tables(groups, PrincipalKind::Group);
        let (users, no_users) = or_of_tables(users, PrincipalKind::User);
        let unlisted = Unlisted { groups: no_groups, users: no_users };
        (NamesById { groups, users, unlisted, ..NamesById::default() }, notes)
    }

    async fn read_accounts(&self, needs: Needs, tags: Tags) -> Result<Vec<Account>, Error> {
        (self.watch)(Step::Accounts);
        // Tags take a call for each account, so they come later and for few.
        let needs = Needs { tags: false, ..needs };
        let (organizations, management, selection) = (self.organizations, self.management, self.selection);
        let mut accounts: Vec<Account> = if selection.ous.is_empty() && !selection.is_everything() {
            let found: Vec<Option<Account>> = stream::iter(&selection.accounts)
                .map(async |id| organizations.account(id, needs, management).await)
                .buffered(READS_AT_ONCE)
                .try_collect()
                .await?;
            found.into_iter().flatten().collect()
        } else {
            organizations.accounts(needs, management).await?
        };
        let unknown = selection.unknown(&accounts);
        if !unknown.is_empty() {
            return Err(Error::not_in_the_organization(&unknown));
        }
        accounts.retain(|account| selection.includes(account));
        accounts.sort_by(|one, other| one.id.cmp(&other.id));
        accounts.dedup_by(|one, other| one.id == other.id);
        self.read_tags(&mut accounts, tags).await?;
        Ok(accounts)
    }

    async fn read_tags(&self, accounts: &mut Vec<Account>, tags: Tags) -> Result<(), CallError> {
        if tags == Tags::Later {
            return Ok(());
        }
        let asked = |account: &Account| {
            let decide = |table: &&Table| table.asks_for_tags(account);
            account.may_receive() && (tags == Tags::All || self.tables.iter().any(decide))
        };
        let indices: Vec<usize> = (0..accounts.len()).filter(|index| asked(&accounts[*index])).collect();
        let all = indices.len();
        let organizations = self.organizations;
        let read = &*accounts;
        let mut tagged = stream::iter(indices)
            .map(async |index| (index, organizations.tags(&read[index].id).await))
            .buffer_unordered(READS_AT_ONCE)
            .enumerate();
        let mut found = Vec::with_capacity(all);
        while let Some((count, tags)) = tagged.next().await {
            (self.watch)(Step::Tags { read: count + 1, all });
            found.push(tags);
        }
        drop(tagged);
        let mut gone = BTreeSet::new();
        for (index, tags) in found {
            let account = &mut accounts[index];
            match tags {
                Ok(tags) => account.tags = AccountTags::Read(tags),
                Err(error) if error.cause == Cause::NotFound => _ = gone.insert(account.id.clone()),
                Err(error) if error.cause.may_concern_one() => account.unread = Some(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        // What vanishes while it is read is not in the organization any more.
        accounts.retain(|account| !gone.contains(&account.id));
        Ok(())
    }

    /// Reads principal by principal if AWS allows it, and otherwise as many of the accounts as the slice has time for.
    /// Leaves these in `accounts`, with their tags.
    async fn read_wanted_assignments(
        &self,
        accounts: &mut Vec<Account>,
        names: &Names,
        slice: &Slice,
    ) -> Result<Sliced<(Read, Method)>, Error> {
        let receiving = |accounts: &[Account]| -> Vec<AccountId> {
            let receiving = accounts.iter().filter(|account| account.may_receive());
            receiving.map(|account| account.id.clone()).collect()
        };
        let today = clock::day(SystemTime::now());
        let principals: BTreeSet<_> =
            self.tables.iter().flat_map(|table| facts::wanted(table, names, today).0).collect();
        let ids = receiving(accounts);
        let by_principal = async {
            let ids: Vec<&AccountId> = ids.iter().collect();
            let read = present::by_principal(self.center, &ids, &principals, &|_| {}).await;
            read.map_err(NotRead::Failed)?.ok_or(NotRead::Refused)
        };
        // A refusal comes with the first answer, before many tags are read in vain.
        let tags = async { self.read_tags(accounts, Tags::ThatDecide).await.map_err(NotRead::Failed) };
        match tokio::try_join!(by_principal, tags) {
            Ok((read, ())) => return Ok(((read, Method::Principals), None)),
            Err(NotRead::Failed(error)) => return Err(error.into()),
            Err(NotRead::Refused) => {}
        }
        let mut more = accounts.len() > LARGEST_SLICE;
        accounts.truncate(LARGEST_SLICE);
        let last = accounts.last().map(|account| account.id.clone());
        self.read_tags(accounts, Tags::ThatDecide).await?;
        let ids = receiving(accounts);
        let ids: Vec<&AccountId> = ids.iter().collect();
        let only = |principal: &PrincipalId| principals.contains(principal);
        let (read, count) = present::of_first_accounts(self.center, &ids, only, slice.until).await?;
        let mut last = last;
        if count < ids.len() {
            let Some(reached) = count.checked_sub(1).map(|reached| ids[reached]) else {
                let what = "the first account of the survey";
                return Err(Error::Late { what, last: self.center.tally().last_failure() });
            };
            accounts.retain(|account| account.id <= *reached);
            (more, last) = (true, Some(reached.clone()));
        }
        Ok(((read, Method::Accounts), last.filter(|_| more)))
    }

    async fn read_every_assignment(
        &self,
        accounts: &[Account],
        tree: &Tree,
        known: &mut Known,
    ) -> Result<(Read, Method), CallError> {
        let Known { names, by_id, notes } = known;
        let principals = by_id.principals();
        let everybody = self.selection.is_everything();
        let mut found = Read::default();
        // It takes few calls, and sees what the lists of the other methods lag behind.
        if by_id.unlisted.is_empty() && everybody && principals.len() <= accounts.len() * 3 {
            let ids: Vec<&AccountId> = accounts.iter().map(|account| &account.id).collect();
            let all = principals.len();
            let watch = |read| (self.watch)(Step::Assignments { read, all });
            found = present::by_principal(self.center, &ids, &principals, &watch).await?.unwrap_or_default();
            // What a principal that cannot be asked has is seen by what follows.
            found.unread_principals.clear();
        }
        let (receiving, others): (Vec<&Account>, Vec<&Account>) =
            accounts.iter().partition(|account| account.may_receive());
        let account_of: HashMap<&AccountId, &Account> =
            receiving.iter().map(|account| (&account.id, *account)).collect();
        let today = clock::day(SystemTime::now());
        let indices: Vec<Index> = self.tables.iter().map(|table| Index::new(table, today)).collect();
        let wanted = |id: &AccountId| {
            let Some(account) = account_of.get(id) else { return Vec::new() };
            let plans = indices.iter().filter_map(|index| match index.plan(account, tree) {
                Plan::Ensure(grants) => Some(names.resolve(grants)),
                Plan::Ignore(_) | Plan::Wait(_) => None,
            });
            plans.flatten().filter_map(|grant| grant.permission_set.ok()).collect()
        };
        // An account takes a call for itself, and a permission set one for 100 accounts.
        if everybody && by_id.permission_sets.len() <= accounts.len() {
            let ids: Vec<&AccountId> = accounts.iter().map(|account| &account.id).collect();
            let sets: Vec<String> = by_id.permission_sets.keys().cloned().collect();
            let watch = |read, all| (self.watch)(Step::Assignments { read, all });
            // A delegated administrator may not read the management account, and no plan needs it.
            let may_be_denied = |id: &AccountId| !account_of.contains_key(id);
            let read =
                present::by_permission_set(self.center, &ids, &sets, wanted, may_be_denied, &watch).await?;
            if let Some(read) = read {
                found.append(read);
                return Ok((found, Method::PermissionSets));
            }
        }
        let ids: Vec<&AccountId> = receiving.iter().map(|account| &account.id).collect();
        let all = ids.len();
        let watch = |read| (self.watch)(Step::Assignments { read, all });
        found.append(present::of_accounts(self.center, &ids, wanted, |_| true, &watch).await?);
        // A delegated administrator may not read the management account, and no plan needs it.
        for account in others {
            let ids = [&account.id];
            match present::of_accounts(self.center, &ids, |_| vec![], |_| true, &|_| {}).await {
                Ok(read) => found.append(read),
                Err(error) => notes.push(format!("what account {} has is not known: {error}", account.id)),
            }
        }
        Ok((found, Method::Accounts))
    }
}

/// Returns what the names of the tables mean.
///
/// # Errors
/// A call that fails for every name. A name that does not exist, or cannot be looked up, is an obstacle of its rows.
pub async fn names_of(
    center: &IdentityCenter,
    resolver: &Resolver,
    tables: &[&Table],
) -> Result<Names, CallError> {
    let grants: Vec<Grant<'_>> = tables.iter().flat_map(|table| plan::every_grant(table)).collect();
    let names = resolver.names(center, &grants).await;
    let sets = names.permission_sets.values().filter_map(|found| found.as_ref().err());
    let principals = names.principals.values().filter_map(|found| found.as_ref().err());
    let failed = sets.chain(principals).find_map(|obstacle| match obstacle {
        Obstacle::Failed(error) if !error.cause.may_concern_one() => Some(error.clone()),
        Obstacle::Failed(_) | Obstacle::Unknown(_) | Obstacle::NotRead(_) | Obstacle::NotListed(_) => None,
    });
    failed.map_or(Ok(names), Err)
}
