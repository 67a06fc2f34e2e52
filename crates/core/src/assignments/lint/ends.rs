//! Rows that have ended, or soon will.

use super::{Kind, Row, Warning};
use crate::{day::Day, reading::quote};

/// In days. Time enough to ask whoever answers for the row.
const SOON: u32 = 14;

/// Reports the end of a row, once it is near.
pub fn lint_end(index: usize, row: &Row, today: Day, warnings: &mut Vec<Warning>) {
    let Some(until) = row.until.filter(|until| until.back(SOON) <= today) else { return };
    let owner = row.owner.as_ref().map(|owner| format!("ask {}: ", quote(owner))).unwrap_or_default();
    let (kind, problem, remedy) = if row.has_ended(today) {
        let remedy = format!(
            "{owner}write a later day, or delete the row; what it gave stays in AWS, unexplained, until somebody revokes \
             it"
        );
        (Kind::Ended, format!("the row ended on {until} and grants nothing"), remedy)
    } else {
        let remedy = format!("{owner}write a later day, or let it end: what it gave stays, unexplained");
        (Kind::EndsSoon, format!("the row ends with {until}"), remedy)
    };
    warnings.push(Warning { kind, row: index, field: "until".to_owned(), problem, remedy, other: None });
}
