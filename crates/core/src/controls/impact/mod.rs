//! Would these controls have denied what is in use? From the table, the tree of OUs and CloudTrail's records.
//!
//! | room | what |
//! |---|---|
//! | [`denies`] | what a control denies, as data, and how much of a call CloudTrail tells |
//! | [`record`] | one record: who called what, and when |
//! | [`stream`] | the records of a file, of any size, piece by piece |
//! | [`ask`] | which rows, OUs and accounts are asked about |
//! | [`tally`] | what was seen, summed up: its size does not grow with the number of records |
//! | [`status`] | the account status report of EC2's declarative policies |
//! | [`judge`] | the verdicts |
//!
//! It never says that a control is safe. What was not seen may still be in use, and what CloudTrail does not record is
//! `cannot tell`.

pub mod ask;
pub mod denies;
pub mod judge;
pub mod record;
pub mod status;
pub mod stream;
pub mod tally;

pub use ask::Asks;
pub use judge::{Report, Unread, Verdict};
pub use record::Record;
pub use tally::Tally;

#[cfg(test)]
mod tests;
