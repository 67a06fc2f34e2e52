//! What the table wants of accounts against what AWS has: the one picture that `plan`, `apply` and `report` show,
//! whether it comes from AWS or from a snapshot.

use account_assigner::report::{AccountReport, GrantReport, PermissionSetReport, PrincipalReport};
use serde::Serialize;

/// What `plan --json` prints.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// Where the table is.
    pub table: String,
    pub instance: String,
    /// When AWS was read; RFC 3339, UTC, to the second.
    pub read_at: String,
    /// In the order of their ids.
    pub accounts: Vec<AccountAccess>,
    pub counts: Counts,
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
    /// What the table wants, each `present`, `planned`, `unresolved` or `failed`.
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
    pub present: usize,
    pub planned: usize,
    pub unresolved: usize,
    pub failed: usize,
    /// In accounts to which the table applies.
    pub unexplained: usize,
}
