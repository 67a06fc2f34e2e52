//! The capability *assignments*: who may do what in which account. Pure.
//!
//! | room | what |
//! |---|---|
//! | [`row`] | one row of the table: one grant for every account that it selects |
//! | [`plan`] | what an account gets |
//! | [`names`] | what the names of the table mean |
//! | [`compare`] | what the table wants of an account next to what AWS has |
//! | [`facts`], [`snapshot`] | what is true in AWS at one moment, in memory and as a file |
//! | [`access`] | what account access manager has, the second way into an account |
//! | [`members`] | who is a member of which group |
//! | [`reach`] | who reaches which account, and why |
//! | [`survey`] | facts of the whole organization, summed up |
//! | [`unexplained`] | what everybody has and no row explains, counted in parts |
//! | [`import`] | a table from what AWS has |
//! | [`revoke`] | what of that which no row explains may be taken away, and what was |
//! | [`lint`] | rows that are sound and yet doubtful |
//! | [`report`] | the function's answer |

pub mod access;
pub mod compare;
pub mod facts;
pub mod import;
pub mod lint;
pub mod members;
pub mod names;
pub mod plan;
pub mod reach;
pub mod report;
pub mod revoke;
pub mod row;
pub mod snapshot;
pub mod survey;
pub mod unexplained;
mod write;

pub use row::{Named, PermissionSet, Principal, PrincipalId, PrincipalKind, Row};

/// The config table of assignments.
pub type Table = crate::table::Table<Row>;
