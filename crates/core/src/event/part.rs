//! What one part of a count hands to the next one, in its answer and in the next payload.

use serde::{Deserialize, Serialize};

use crate::ids::AccountId;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Counts {
    /// Assignments that no row explains, in accounts to which the table applies, without those of Control Tower.
    pub unexplained: usize,
    /// Those of the groups that Control Tower makes and assigns by itself.
    pub control_tower: usize,
    /// Principals, accounts and names that could not be read: what they have is in no count.
    pub unread: usize,
}

/// What the part before has read last. Everything is read in one order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum After {
    Account(AccountId),
    Group(String),
    User(String),
}
