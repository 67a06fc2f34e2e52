//! What the table wants of accounts next to what AWS has: the one picture that `plan`, `apply` and `report` show,
//! whether it comes from AWS or from a snapshot. Pure.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use assigner_core::{
    assignments::{
        PrincipalKind, Table,
        compare::{Comparison, Ended, Held, Presence, compare},
        facts::{self, Facts, Method, NamesById},
        plan::{self, Assignment, Index, Obstacle, Resolved},
        report::{AccountReport, GrantReport, PermissionSetReport, PrincipalReport, StatusReport, seconds},
    },
    organization::Account,
    outcome::{Counts, Settled, Status},
    table::TableLocation,
};
use serde::Serialize;

use crate::{
    arguments::FailOn,
    caller::Origin,
    exit::{Exit, Failure},
    files,
    table::{self, digest::Digest},
    words,
};

/// What `plan --json` prints.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    pub outcome: Outcome,
    #[serde(flatten)]
    pub origin: Origin,
    /// Where the table is.
    pub table: String,
    /// The same for the same rows, wherever they are.
    pub digest: Digest,
    /// How many rows the table has.
    pub rows: usize,
    /// The ARN of the Identity Center instance.
    pub instance: String,
    /// When AWS was read; RFC 3339, UTC, to the second.
    pub read_at: String,
    /// What could not be read, or was not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// How assignments were read.
    pub method: Method,
    /// Whether every assignment was read in the accounts that may receive any. If not, there may be more than is shown.
    pub all_read: bool,
    /// Kinds of principals that could not be listed, so that it is not known which of them were deleted.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub unlisted: BTreeSet<PrincipalKind>,
    /// In the order of their ids.
    pub accounts: Vec<AccountAccess>,
    /// OUs that rows name and that do not exist, or could not be looked for; with the row.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unresolved: Vec<String>,
    pub counts: PlanCounts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// All that is wanted is there.
    Ready,
    /// All that is missing can be created.
    Planned,
    /// Something is failed, unresolved, pending or not ready, or an OU of the table does not exist.
    Incomplete,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountAccess {
    #[serde(flatten)]
    pub account: AccountReport,
    pub management: bool,
    pub standing: Standing,
    /// Why the table does not apply to the account (now).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the table wants, in its order.
    pub grants: Vec<WantedGrant>,
    /// Assignments that no row explains. They are left alone.
    pub unexplained: Vec<HeldAccess>,
}

/// A grant that the table wants.
#[derive(Clone, Debug, Serialize)]
pub struct WantedGrant {
    /// What is to be created, if everything about it is known.
    #[serde(skip)]
    assignment: Option<Assignment>,
    #[serde(skip)]
    status: Status,
    #[serde(skip)]
    attempted: bool,
    #[serde(flatten)]
    pub report: GrantReport,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// All that is wanted is there.
    Complete,
    Incomplete,
    /// The management account, or one that is suspended, closed or being closed.
    Ignored,
    /// Not active yet.
    NotReady,
}

/// An assignment that AWS has and no row explains.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldAccess {
    pub permission_set: PermissionSetReport,
    pub principal: PrincipalReport,
    /// Whether the group or user was deleted. AWS lists its assignments nevertheless.
    pub orphaned: bool,
    /// The row that gave it, if that has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// Counts of accounts and of grants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PlanCounts {
    pub accounts: usize,
    pub complete: usize,
    pub incomplete: usize,
    pub ignored: usize,
    pub not_ready: usize,
    #[serde(flatten)]
    pub grants: Counts,
    /// Of groups and users that exist, in accounts to which the table applies.
    pub unexplained: usize,
    /// Of groups and users that were deleted, in any account.
    pub orphaned: usize,
}

/// The most matches of a row and an account that are looked at in one plan. A match takes up to two
/// kilobytes, where every row wants something else for everybody.
const MOST_MATCHES: usize = 1_000_000;

/// Refuses what would need more memory than a machine of an operator has.
fn refuse_too_many(facts: &Facts, table: &Table, location: &TableLocation) -> Result<(), Failure> {
    let receiving: Vec<&Account> = facts.accounts.iter().filter(|account| account.may_receive()).collect();
    if table.rows.len().saturating_mul(receiving.len()) <= MOST_MATCHES {
        return Ok(());
    }
    let matches = |account: &&Account| {
        plan::standing(table, facts.today).filter(|row| row.accounts.matches(account)).count()
    };
    let all: usize = receiving.iter().map(matches).sum();
    if all <= MOST_MATCHES {
        return Ok(());
    }
    Err(Failure {
        name: "TooLarge",
        message: format!(
            "the {} rows of {} match {all} times in {} accounts; a plan takes at most {MOST_MATCHES}",
            table.rows.len(),
            files::named(location),
            receiving.len()
        ),
        next: "choose fewer accounts with --ou or --account, or use fewer rows: rows that want the same for everybody \
               can be one"
            .to_owned(),
        exit: Exit::Wrong,
    })
}

impl Overview {
    /// # Errors
    /// If the table's rows match too often to be held in memory.
    pub fn new(
        facts: &Facts,
        table: &Table,
        location: &TableLocation,
        origin: Origin,
    ) -> Result<Overview, Failure> {
        refuse_too_many(facts, table, location)?;
        let index = Index::new(table, facts.today);
        let access = |account: &Account| AccountAccess::new(account, facts, &index);
        let mut overview = Overview {
            outcome: Outcome::Ready,
            origin,
            table: files::named(location),
            digest: table::digest_of(table),
            rows: table.rows.len(),
            instance: facts.instance.clone(),
            read_at: facts.read_at.clone(),
            notes: facts.notes.clone(),
            method: facts.method,
            all_read: facts.method.sees_everything()
                && facts.accounts.iter().all(|account| !account.may_receive() || account.unread.is_none()),
            unlisted: [PrincipalKind::Group, PrincipalKind::User]
                .into_iter()
                .filter(|kind| facts.names_by_id.unlisted.of(*kind).is_some())
                .collect(),
            accounts: facts.accounts.iter().map(access).collect(),
            unresolved: unresolved(facts, table),
            counts: PlanCounts::default(),
        };
        overview.recount();
        Ok(overview)
    }

    /// Returns what is to be created.
    pub fn planned(&self) -> impl Iterator<Item = &Assignment> {
        self.accounts.iter().flat_map(AccountAccess::planned)
    }

    /// Whether what was asked for can be known from what was read.
    pub fn is_known(&self, what: &[FailOn]) -> bool {
        what.iter().all(|what| match what {
            FailOn::Missing => true,
            FailOn::Unexplained => self.all_read,
            FailOn::Orphaned => self.all_read && self.unlisted.is_empty(),
        })
    }

    /// Sets what became of the grants.
    pub fn settle(&mut self, mut settled: HashMap<Assignment, Settled>) {
        for grant in self.accounts.iter_mut().flat_map(|access| &mut access.grants) {
            if let Some(settled) = grant.assignment.as_ref().and_then(|wanted| settled.remove(wanted)) {
                grant.settle(settled);
            }
        }
        self.recount();
    }

    /// Counts again after statuses have changed, for each account and for all of them.
    fn recount(&mut self) {
        let grants = self.accounts.iter().flat_map(|account| &account.grants);
        let grants = Counts::of(grants.map(|grant| &grant.status));
        let mut counts = PlanCounts { accounts: self.accounts.len(), grants, ..PlanCounts::default() };
        for account in &mut self.accounts {
            counts.orphaned += account.unexplained.iter().filter(|held| held.orphaned).count();
            match account.standing {
                Standing::Complete | Standing::Incomplete => {
                    let complete = account.grants.iter().all(|grant| grant.status.is_in_place());
                    account.standing = if complete { Standing::Complete } else { Standing::Incomplete };
                    *if complete { &mut counts.complete } else { &mut counts.incomplete } += 1;
                    counts.unexplained += account.unexplained.iter().filter(|held| !held.orphaned).count();
                }
                Standing::Ignored => counts.ignored += 1,
                Standing::NotReady => counts.not_ready += 1,
            }
        }
        self.outcome = match grants {
            _ if grants.not_in_place() > 0 || !self.unresolved.is_empty() => Outcome::Incomplete,
            Counts { planned: 0, .. } => Outcome::Ready,
            _ => Outcome::Planned,
        };
        self.counts = counts;
    }
}

fn unresolved(facts: &Facts, table: &Table) -> Vec<String> {
    let reason = |obstacle| match obstacle {
        Obstacle::Unknown(reason) | Obstacle::NotListed(reason) => reason,
        Obstacle::Failed(error) => error.to_string(),
        Obstacle::NotRead(reason) => reason.to_owned(),
    };
    let mut reasons: Vec<String> =
        facts::missing_units(table, &facts.tree, facts.today).into_iter().map(reason).collect();
    // One call that fails may be about the OUs of many rows.
    reasons.dedup();
    reasons
}

impl AccountAccess {
    fn new(account: &Account, facts: &Facts, index: &Index) -> AccountAccess {
        let held = facts.assigned.of(&account.id).iter().cloned().collect();
        let names = &facts.names_by_id;
        let (standing, grants, reason, unexplained, ended) = match compare(index, account, facts) {
            Comparison::Applies(compared) => {
                let grants = compared.grants.into_iter();
                let grants =
                    grants.map(|(resolved, presence)| WantedGrant::new(account, resolved, &presence, names));
                (Standing::Complete, grants.collect(), None, compared.unexplained, compared.ended)
            }
            Comparison::Ignored(reason) => {
                (Standing::Ignored, Vec::new(), Some(reason), held, BTreeMap::new())
            }
            Comparison::NotReady(reason) => {
                (Standing::NotReady, Vec::new(), Some(reason), held, BTreeMap::new())
            }
        };
        let held = |held| HeldAccess::new(held, names, ended.get(held).cloned());
        let mut unexplained: Vec<HeldAccess> = unexplained.iter().map(held).collect();
        unexplained.sort();
        AccountAccess {
            account: account.into(),
            management: account.is_management,
            standing,
            reason,
            grants,
            unexplained,
        }
    }

    /// Returns what is to be created in it.
    pub fn planned(&self) -> impl Iterator<Item = &Assignment> {
        let planned = |grant: &&WantedGrant| grant.status == Status::Planned;
        self.grants.iter().filter(planned).filter_map(|grant| grant.assignment.as_ref())
    }
}

impl WantedGrant {
    fn new(account: &Account, resolved: Resolved<'_>, presence: &Presence, names: &NamesById) -> WantedGrant {
        let status = match presence {
            Presence::Present => Status::Present,
            Presence::Missing => Status::Planned,
            Presence::Unresolved(obstacle) => obstacle.status(),
        };
        let assignment = resolved.assignment(&account.id).ok();
        let named = resolved.named(&account.id).ok();
        let mut report = GrantReport::new(resolved, status.clone().into(), words::remedy);
        let known = named.as_ref().and_then(|wanted| names.principal(&wanted.principal));
        report.principal.name = report.principal.name.or(known.map(str::to_owned));
        WantedGrant { assignment, status, attempted: false, report }
    }

    /// Whether it was to be created by this run.
    pub fn was_attempted(&self) -> bool {
        self.attempted
    }

    fn settle(&mut self, settled: Settled) {
        self.attempted = true;
        let Settled { status, request_id, took } = settled;
        self.report.status = StatusReport::new(status.clone(), words::remedy);
        self.status = status;
        self.report.request_id = request_id;
        self.report.seconds = took.map(seconds);
    }
}

impl HeldAccess {
    fn new(held: &Held, names: &NamesById, ended: Option<Ended>) -> HeldAccess {
        let Held { permission_set, principal } = held;
        HeldAccess {
            permission_set: PermissionSetReport {
                name: names.permission_set(permission_set).map(str::to_owned),
                arn: Some(permission_set.as_ref().to_owned()),
            },
            principal: PrincipalReport {
                kind: principal.kind,
                name: names.principal(principal).map(str::to_owned),
                id: Some(principal.id.clone()),
            },
            orphaned: !names.may_have(principal),
            ended,
        }
    }
}
