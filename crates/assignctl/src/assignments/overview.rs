//! What the table wants of accounts against what AWS has: the one picture that `plan`, `apply` and `report` show,
//! whether it comes from AWS or from a snapshot. Pure.

use std::sync::Arc;

use account_assigner::{
    apply,
    compare::{self, Comparison, Presence, compare},
    directory::Directory,
    plan::{Account, Assignment, PrincipalId},
    report::{AccountReport, GrantReport, PermissionSetReport, PrincipalReport, Settled, Status},
    snapshot::Snapshot,
    table::{Place, Table},
};
use serde::Serialize;

/// What `plan --json` prints.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    pub outcome: Outcome,
    /// Where the table is.
    pub table: String,
    /// The ARN of the Identity Center instance.
    pub instance: String,
    /// When AWS was read; RFC 3339, UTC, to the second.
    pub read_at: String,
    /// In the order of their ids.
    pub accounts: Vec<AccountAccess>,
    pub counts: Counts,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// All that is wanted is there.
    Ready,
    /// All that is missing can be created.
    Planned,
    /// Something is failed, unresolved, pending or not ready.
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
    pub grants: Vec<GrantReport>,
    /// Assignments that no row explains. They are left alone.
    pub unexplained: Vec<Held>,
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

/// An assignment that AWS has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    pub permission_set: PermissionSetReport,
    pub principal: PrincipalReport,
}

/// Of accounts and of grants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    pub accounts: usize,
    pub complete: usize,
    pub incomplete: usize,
    pub ignored: usize,
    pub not_ready: usize,
    pub created: usize,
    pub present: usize,
    pub planned: usize,
    pub unresolved: usize,
    pub failed: usize,
    pub pending: usize,
    /// In accounts to which the table applies.
    pub unexplained: usize,
}

impl Overview {
    pub fn new(snapshot: &Snapshot, directory: &Directory, table: &Table, place: &Place) -> Overview {
        let present = snapshot.present();
        let mut overview = Overview {
            outcome: Outcome::Ready,
            table: place.to_string(),
            instance: snapshot.instance.clone(),
            read_at: snapshot.taken_at.clone(),
            accounts: Vec::with_capacity(snapshot.accounts.len()),
            counts: Counts::default(),
        };
        for account in &snapshot.accounts {
            let held = present.of(&account.id);
            let access = match compare(table, account, directory, &present) {
                compare::Standing::Compared(Comparison { grants, unexplained }) => {
                    let grants = grants.into_iter().map(|(resolved, presence)| {
                        let status = match &presence {
                            Presence::Present => Status::Present,
                            Presence::Missing => Status::Planned,
                            Presence::Unresolved(obstacle) => apply::obstructed(obstacle),
                        };
                        let id = resolved.principal.clone().ok();
                        let mut report = GrantReport::from((resolved, Settled::from(status)));
                        let known = id.and_then(|id| snapshot.name_of(&id).map(str::to_owned));
                        report.principal.name = report.principal.name.or(known);
                        report
                    });
                    AccountAccess::new(account, Standing::Complete, grants.collect(), None)
                        .holding(unexplained.iter(), snapshot)
                }
                compare::Standing::Ignored(reason) => {
                    AccountAccess::new(account, Standing::Ignored, Vec::new(), Some(reason))
                        .holding(held.iter(), snapshot)
                }
                compare::Standing::NotReady(reason) => {
                    AccountAccess::new(account, Standing::NotReady, Vec::new(), Some(reason))
                        .holding(held.iter(), snapshot)
                }
            };
            overview.accounts.push(access);
        }
        overview.recount();
        overview
    }

    /// After statuses have changed: what each account, and all of them, come to.
    pub fn recount(&mut self) {
        let mut counts = Counts { accounts: self.accounts.len(), ..Counts::default() };
        for account in &mut self.accounts {
            match account.standing {
                Standing::Complete | Standing::Incomplete => {
                    let complete = account.grants.iter().all(GrantReport::is_in_place);
                    account.standing = if complete { Standing::Complete } else { Standing::Incomplete };
                    *if complete { &mut counts.complete } else { &mut counts.incomplete } += 1;
                    counts.unexplained += account.unexplained.len();
                }
                Standing::Ignored => counts.ignored += 1,
                Standing::NotReady => counts.not_ready += 1,
            }
            for grant in &account.grants {
                *match grant.status {
                    Status::Created => &mut counts.created,
                    Status::Present => &mut counts.present,
                    Status::Planned => &mut counts.planned,
                    Status::Failed { .. } => &mut counts.failed,
                    Status::Unresolved { .. } => &mut counts.unresolved,
                    Status::Pending { .. } => &mut counts.pending,
                } += 1;
            }
        }
        self.outcome = match counts {
            Counts { failed: 0, unresolved: 0, pending: 0, planned: 0, .. } => Outcome::Ready,
            Counts { failed: 0, unresolved: 0, pending: 0, .. } => Outcome::Planned,
            _ => Outcome::Incomplete,
        };
        self.counts = counts;
    }
}

impl AccountAccess {
    fn new(
        account: &Account,
        standing: Standing,
        grants: Vec<GrantReport>,
        reason: Option<String>,
    ) -> AccountAccess {
        AccountAccess {
            account: account.into(),
            management: account.is_management,
            standing,
            reason,
            grants,
            unexplained: Vec::new(),
        }
    }

    fn holding<'h>(
        mut self,
        held: impl Iterator<Item = &'h compare::Held>,
        snapshot: &Snapshot,
    ) -> AccountAccess {
        self.unexplained = held.map(|held| Held::new(held, snapshot)).collect();
        self.unexplained.sort();
        self
    }

    /// What is to be created, and the index of its grant.
    pub fn planned(&self) -> impl Iterator<Item = (usize, Assignment)> {
        self.grants.iter().enumerate().filter(|(_, grant)| grant.status == Status::Planned).filter_map(
            |(index, grant)| {
                let id = grant.principal.id.clone()?;
                let assignment = Assignment {
                    account: self.account.id.clone(),
                    permission_set: grant.permission_set.arn.clone()?,
                    principal: match grant.principal.kind {
                        "USER" => PrincipalId::User(id),
                        _ => PrincipalId::Group(id),
                    },
                };
                Some((index, assignment))
            },
        )
    }
}

impl Held {
    fn new(held: &compare::Held, snapshot: &Snapshot) -> Held {
        let compare::Held { permission_set, principal } = held;
        let kind = match Arc::as_ref(principal) {
            PrincipalId::Group(_) => "GROUP",
            PrincipalId::User(_) => "USER",
        };
        Held {
            permission_set: PermissionSetReport {
                name: snapshot.permission_sets.get(permission_set.as_ref()).cloned(),
                arn: Some(permission_set.as_ref().to_owned()),
            },
            principal: PrincipalReport {
                kind,
                name: snapshot.name_of(principal).map(str::to_owned),
                id: Some(principal.id().to_owned()),
            },
        }
    }
}
