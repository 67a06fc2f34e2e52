//! Permission sets from real use. Pure: from what was used, and what the set allows today, to the least set.
//!
//! | rule | room |
//! |---|---|
//! | what a session in an account may do | [`narrow`] |
//! | which roles of an account are those of a set | [`role`] |
//! | what the sources of use say, as one list | [`sources`] |
//! | which policy generation to ask for next | [`generation`] |
//! | why one was not allowed to read the log | [`way`] |
//! | what a trust policy and a bucket's policy allow | [`resource_policy`] |
//! | what of AWS's messages is not repeated | [`privacy`] |
//! | the statement of the log bucket | [`logs`] |
//! | the role that is made to read the log | [`access_role`] |
//! | the file of what was used, and the set as it was read | [`usage`] |
//! | what the set allows today, its boundary included | [`today`] |
//! | what is kept although nobody was seen to use it | [`keep`] |
//! | the policy that is drafted, and the policy file | [`draft`] |
//! | what a policy file becomes | [`apply`] |
//! | the way from one state of a set to another, and what is left of it | [`change`] |
//! | which sets are never edited | [`guard`] |
//! | the file that remembers a set as it was | [`before`] |
//! | what no source can show | [`gaps`] |
//! | what goes away, service by service | [`services`] |
//! | what a reviewer of a draft has to decide | [`review`] |
//!
//! Nothing here widens: each statement that allows something comes from the set, or from a row of the keep file that
//! the set allows.

pub mod access_role;
pub mod apply;
pub mod before;
pub mod change;
pub mod draft;
pub mod gaps;
pub mod generation;
pub mod guard;
pub mod keep;
pub mod logs;
pub mod narrow;
pub mod privacy;
pub mod resource_policy;
pub mod review;
pub mod role;
pub mod services;
pub mod sources;
pub mod today;
pub mod usage;
pub mod way;

pub use crate::policy;

#[cfg(test)]
mod apply_tests;
#[cfg(test)]
mod review_tests;
#[cfg(test)]
mod tests;
