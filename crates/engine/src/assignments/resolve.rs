//! Turns names of the table into ids and ARNs of AWS, only those that are wanted, and sees whether the ids and ARNs that
//! the table gives still exist.
//!
//! Finding a permission set by its name takes one call for every permission set of the instance, so these names are
//! remembered between warm invocations. AWS cannot rename a permission set; one that was deleted and recreated has
//! another ARN. What is remembered is therefore good enough to *read* with, and [`Resolver::confirm`] asks AWS before
//! anything is *written* with it. Groups and users are looked up for every event. One that was recreated has a new id.
//! Assignments of the old id may still be listed, and would look like access.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use assigner_aws::identity_center::IdentityCenter;
use assigner_core::{
    assignments::{
        Named, PermissionSet, Principal, PrincipalId, PrincipalKind,
        names::Names,
        plan::{Grant, Obstacle, Resolved},
    },
    cause::{CallError, Cause},
    selector,
};
use futures_util::{FutureExt, StreamExt, future::LocalBoxFuture, stream};
use tokio::time::Instant;

use crate::READS_AT_ONCE;

/// Limits the cost of a deletion that we did not see: a few calls with an ARN that is gone.
const REMEMBERED: Duration = Duration::from_secs(15 * 60);

/// More ARNs than this are looked for in the list of all permission sets, 100 a page, instead of one by one.
const MOST_DESCRIBED: usize = 10;

/// So many principals are looked up in a second, without a wait for the quota.
const IN_A_SECOND: usize = 16;

/// ARNs that names probably have. One type, so that the program has what awaits it once.
pub type Likely<'a> = LocalBoxFuture<'a, Vec<String>>;

/// Permission sets that have been described, by ARN.
#[derive(Debug, Default)]
pub struct Resolver {
    remembered: Mutex<HashMap<String, Remembered>>,
}

#[derive(Clone, Debug)]
struct Remembered {
    name: String,
    at: Instant,
}

impl Resolver {
    /// Splits the grants into those that are known soon and the others. Late are the names of permission sets that are not
    /// remembered, because for these all of the instance are listed, and most principals, if they are more than a second
    /// has room for.
    pub fn known_soon<'t>(&self, grants: &[Grant<'t>]) -> (Vec<Grant<'t>>, Vec<Grant<'t>>) {
        let remembered = self.lock();
        let names: HashSet<&str> = remembered.values().map(|one| one.name.as_str()).collect();
        let mut seen = HashSet::new();
        let principals =
            grants.iter().map(|grant| grant.principal).filter(|principal| seen.insert(*principal));
        let principals: Vec<&Principal> = principals.collect();
        let soon = if principals.len() > IN_A_SECOND { READS_AT_ONCE } else { principals.len() };
        let soon: HashSet<&Principal> = principals.into_iter().take(soon).collect();
        grants.iter().cloned().partition(|grant| {
            let is_known = match grant.permission_set {
                PermissionSet::Arn(_) => true,
                PermissionSet::Name(name) => names.contains(name.as_str()),
            };
            is_known && soon.contains(grant.principal)
        })
    }

    /// Looks up all names of the grants. Grants that turn out to be the same become one, with the rules of both. `likely`
    /// are ARNs that the names probably have: they are described first.
    pub async fn resolve<'t>(
        &self,
        center: &IdentityCenter,
        grants: Vec<Grant<'t>>,
        likely: Likely<'_>,
    ) -> Vec<Resolved<'t>> {
        self.look_up(center, &grants, likely).await.resolve(grants)
    }

    /// Looks up all names of the grants.
    pub async fn names(&self, center: &IdentityCenter, grants: &[Grant<'_>]) -> Names {
        self.look_up(center, grants, std::future::ready(Vec::new()).boxed_local()).await
    }

    async fn look_up(&self, center: &IdentityCenter, grants: &[Grant<'_>], likely: Likely<'_>) -> Names {
        let permission_sets: BTreeSet<&PermissionSet> =
            grants.iter().map(|grant| grant.permission_set).collect();
        let principals: BTreeSet<&Principal> = grants.iter().map(|grant| grant.principal).collect();
        let (permission_sets, principals) = tokio::join!(
            self.permission_sets(center, permission_sets, likely),
            stream::iter(principals)
                .map(async |principal| (principal.clone(), principal_id(center, principal).await))
                .buffer_unordered(READS_AT_ONCE)
                .collect::<BTreeMap<_, _>>(),
        );
        let remembered = self.lock();
        let permission_set_names =
            remembered.iter().map(|(arn, remembered)| (arn.clone(), remembered.name.clone())).collect();
        Names { permission_sets, permission_set_names, principals }
    }

    /// Returns the name of every permission set of the instance, by ARN.
    pub async fn every_permission_set(
        &self,
        center: &IdentityCenter,
    ) -> Result<BTreeMap<String, String>, CallError> {
        let mut described = stream::iter(center.list_permission_sets().await?)
            .map(async |arn| (center.permission_set_name(&arn).await, arn))
            .buffer_unordered(READS_AT_ONCE);
        let mut names = BTreeMap::new();
        while let Some((name, arn)) = described.next().await {
            if let Some(name) = name? {
                self.lock().insert(arn.clone(), Remembered { name: name.clone(), at: Instant::now() });
                names.insert(arn, name);
            }
        }
        Ok(names)
    }

    /// Returns the ARN of each permission set.
    async fn permission_sets(
        &self,
        center: &IdentityCenter,
        wanted: BTreeSet<&PermissionSet>,
        likely: Likely<'_>,
    ) -> HashMap<PermissionSet, Result<String, Obstacle>> {
        let (mut names, mut arns) = (BTreeSet::new(), BTreeSet::new());
        for set in wanted {
            match set {
                PermissionSet::Name(name) => _ = names.insert(name.as_str()),
                PermissionSet::Arn(arn) => _ = arns.insert(arn.as_str()),
            }
        }
        let (found, listed) = self.by_name(center, names, likely).await;
        let known = self.by_arn(center, arns, listed).await;
        let found = found.into_iter().map(|(name, arn)| (PermissionSet::Name(name.to_owned()), arn));
        found.chain(known.into_iter().map(|(arn, known)| (PermissionSet::Arn(arn), known))).collect()
    }

    /// Returns each ARN, or that there is no such permission set. `listed` are all ARNs, if they were read.
    ///
    /// A row by ARN needs no look-up to be created, so only a clear answer counts: if AWS does not say whether a
    /// permission set exists, creating will.
    async fn by_arn(
        &self,
        center: &IdentityCenter,
        arns: BTreeSet<&str>,
        listed: Option<HashSet<String>>,
    ) -> Vec<(String, Result<String, Obstacle>)> {
        let unknown: Vec<&str> = {
            let remembered = self.lock();
            arns.iter().copied().filter(|arn| !remembered.contains_key(*arn)).collect()
        };
        let listed = match listed {
            // Few are described, because that gives their names as well.
            None if unknown.len() > MOST_DESCRIBED => match center.list_permission_sets().await {
                Ok(listed) => listed.into_iter().collect(),
                Err(error) => {
                    tracing::warn!(%error, "permission sets are described one by one");
                    HashSet::new()
                }
            },
            listed => listed.unwrap_or_default(),
        };
        let unlisted = unknown.into_iter().filter(|arn| !listed.contains(*arn));
        let described: HashMap<&str, Obstacle> = stream::iter(unlisted)
            .map(async |arn| (arn, center.permission_set_name(arn).await))
            .buffer_unordered(READS_AT_ONCE)
            .filter_map(async |(arn, name)| match name {
                Ok(Some(name)) => {
                    self.lock().insert(arn.to_owned(), Remembered { name, at: Instant::now() });
                    None
                }
                Ok(None) => Some((arn, Obstacle::no_permission_set(arn))),
                Err(error) if error.cause == Cause::Invalid => Some((arn, Obstacle::Failed(error))),
                Err(error) => {
                    tracing::warn!(%error, arn, "whether a permission set exists is not known");
                    None
                }
            })
            .collect()
            .await;
        let known = |arn: &str| described.get(arn).cloned().map_or_else(|| Ok(arn.to_owned()), Err);
        arns.into_iter().map(|arn| (arn.to_owned(), known(arn))).collect()
    }

    /// Returns the ARN of each name, and all ARNs if they were read.
    async fn by_name<'n>(
        &self,
        center: &IdentityCenter,
        names: BTreeSet<&'n str>,
        likely: Likely<'_>,
    ) -> (HashMap<&'n str, Result<String, Obstacle>>, Option<HashSet<String>>) {
        let mut found: HashMap<&str, Result<String, Obstacle>> = HashMap::new();
        let mut missing = names;
        let take = |found: &mut HashMap<_, _>, missing: &mut BTreeSet<&'n str>, arn: &str, name: &str| {
            if let Some(name) = missing.take(name) {
                found.insert(name, Ok(arn.to_owned()));
            }
        };
        for (arn, Remembered { name, .. }) in self.lock().iter() {
            take(&mut found, &mut missing, arn, name);
        }
        if missing.is_empty() {
            return (found, None);
        }
        let listed = match center.list_permission_sets().await {
            Ok(listed) => listed,
            Err(error) => {
                found.extend(missing.into_iter().map(|name| (name, Err(Obstacle::Failed(error.clone())))));
                return (found, None);
            }
        };
        let mut unread = listed.clone();
        // Few are described at once, in whichever order.
        if unread.len() > READS_AT_ONCE {
            let likely: HashSet<String> = likely.await.into_iter().collect();
            unread.sort_by_key(|arn| !likely.contains(arn));
        }
        let listed: HashSet<String> = listed.into_iter().collect();
        {
            let mut remembered = self.lock();
            remembered.retain(|arn, _| listed.contains(arn));
            unread.retain(|arn| !remembered.contains_key(arn));
            // Others look up names at the same time.
            for (arn, Remembered { name, .. }) in remembered.iter() {
                take(&mut found, &mut missing, arn, name);
            }
        }
        let mut failure = None;
        let mut described = stream::iter(unread)
            .map(async |arn| (center.permission_set_name(&arn).await, arn))
            .buffer_unordered(READS_AT_ONCE);
        while !missing.is_empty()
            && let Some((name, arn)) = described.next().await
        {
            match name {
                Ok(Some(name)) => {
                    take(&mut found, &mut missing, &arn, &name);
                    self.lock().insert(arn, Remembered { name, at: Instant::now() });
                }
                // Deleted since it was listed.
                Ok(None) => {}
                Err(error) => failure = Some(error),
            }
        }
        for name in missing {
            found.insert(
                name,
                Err(match &failure {
                    Some(error) => Obstacle::Failed(error.clone()),
                    None => Obstacle::unknown("permission set", name),
                }),
            );
        }
        (found, Some(listed))
    }

    /// Asks AWS whether these ARNs still have the names under which they were found before `since`, and forgets those
    /// that do not. `true`: all do.
    pub async fn confirm(
        &self,
        center: &IdentityCenter,
        arns: BTreeSet<&str>,
        since: Instant,
    ) -> Result<bool, CallError> {
        let old: Vec<(String, String)> = self
            .lock()
            .iter()
            .filter(|(arn, remembered)| remembered.at < since && arns.contains(arn.as_str()))
            .map(|(arn, remembered)| (arn.clone(), remembered.name.clone()))
            .collect();
        // AWS renames none, so one that is listed has its name. One list is less than a description of each.
        let listed: HashSet<String> = match old.len() {
            0 | 1 => HashSet::new(),
            _ => match center.some_permission_sets().await {
                Ok(listed) => listed.into_iter().collect(),
                Err(error) => {
                    tracing::warn!(%error, "permission sets are described one by one");
                    HashSet::new()
                }
            },
        };
        let (listed, unlisted): (Vec<_>, Vec<_>) = old.into_iter().partition(|(arn, _)| listed.contains(arn));
        let at = Instant::now();
        self.lock().extend(listed.into_iter().map(|(arn, name)| (arn, Remembered { name, at })));
        let mut answers = stream::iter(unlisted)
            .map(async |(arn, name)| (center.permission_set_name(&arn).await, arn, name))
            .buffer_unordered(READS_AT_ONCE);
        let mut all = true;
        while let Some((answer, arn, name)) = answers.next().await {
            if answer?.as_ref() == Some(&name) {
                self.lock().insert(arn, Remembered { name, at: Instant::now() });
            } else {
                self.forget(&arn);
                all = false;
            }
        }
        Ok(all)
    }

    /// Forgets an ARN after a call with it failed.
    pub fn forget(&self, arn: &str) {
        self.lock().remove(arn);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Remembered>> {
        // No code panics while it holds the lock; if it did, the names would still be sound.
        let mut remembered = self.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        remembered.retain(|_, remembered| now < remembered.at + REMEMBERED);
        remembered
    }
}

/// Returns the principal. One that was deleted is an obstacle, even if AWS still lists what it had.
pub(crate) async fn principal_id(
    center: &IdentityCenter,
    principal: &Principal,
) -> Result<PrincipalId, Obstacle> {
    let Principal { kind, named } = principal;
    match named {
        Named::Id(id) => {
            let principal = PrincipalId { kind: *kind, id: id.clone() };
            match center.has_principal(&principal).await {
                Ok(true) => Ok(principal),
                Ok(false) => Err(Obstacle::no_principal(&principal)),
                // With another directory as the source AWS may have nothing to look an id up with. It is what people
                // are told to give there.
                Err(error) if error.cause == Cause::Unsupported => Ok(principal),
                Err(error) => Err(Obstacle::Failed(error)),
            }
        }
        Named::Name(name) => {
            // As it is written first. People cannot see in which form a name is kept.
            for form in std::iter::once(name.clone()).chain(selector::others(name)) {
                let found = match kind {
                    PrincipalKind::Group => center.group_id(&form).await,
                    PrincipalKind::User => center.user_id(&form).await,
                };
                if let Some(id) = found.map_err(Obstacle::Failed)? {
                    return Ok(PrincipalId { kind: *kind, id });
                }
            }
            Err(Obstacle::unknown(kind.field(), name))
        }
    }
}
