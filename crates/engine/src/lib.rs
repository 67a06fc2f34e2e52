//! What account-assigner does: reads facts, drives work to its end before a deadline, and compares.
//!
//! Every decision is made in `assigner_core`; each call to AWS is a function of `assigner_aws`. Nothing is spawned, so
//! nothing outlives its caller. It creates only what it was given. With the feature `revoke` it also deletes what it was
//! given.
//!
//! | room | what |
//! |---|---|
//! | [`settings`] | the environment, read once |
//! | [`files`] | the one bounded reader of files |
//! | [`sdk`] | the SDK's configuration, with the network of the settings |
//! | [`source`] | a table, read from its location |
//! | [`units`] | which of a table's OUs there are |
//! | [`facts`] | what is true, for a survey, a plan, a snapshot |
//! | [`drive`] | work: calls, answers, deadline, observer |
//! | [`assignments`] | one account's grants, and who has what |
//! | `controls` | one step towards the controls of each OU, behind the feature `controls` |
//! | `permissions` | what a permission set is used for; a feature |
//! | `trail` | CloudTrail's files, of any size; a feature |
//! | [`error`] | what ends an invocation or a verb |

pub mod assignments;
pub mod clock;
#[cfg(feature = "controls")]
pub mod controls;
pub mod drive;
pub mod error;
pub mod facts;
pub mod files;
#[cfg(feature = "permissions")]
pub mod permissions;
pub mod sdk;
pub mod settings;
pub mod source;
#[cfg(feature = "impact")]
pub mod trail;
pub mod units;

/// Reads at the same time. The pace limits the rate of those to Identity Center, and Organizations throttles above its
/// own quotas; this limits how many wait for an answer.
const READS_AT_ONCE: usize = 8;
