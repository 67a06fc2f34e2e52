//! The statements of the service control policies of OUs: one list an OU, and each policy read once, however many OUs it is
//! attached to.

use std::collections::{BTreeMap, BTreeSet};

use assigner_aws::organizations::Organizations;
use assigner_core::{
    cause::CallError,
    controls::statements::{self, Asked, Statements},
};
use futures_util::{StreamExt, stream};
use tokio::time::timeout;

use super::{
    known::READS_AT_ONCE,
    present::{LONGEST_READ, is_about_everything, too_long},
};

/// Returns for each OU and Sid whether a policy of the OU denies by such a statement, or why that is not known.
///
/// # Errors
/// If every other call would fail alike.
pub(super) async fn read(
    organizations: &Organizations,
    asked: &BTreeSet<Asked>,
) -> Result<BTreeMap<Asked, Result<bool, String>>, CallError> {
    let units: BTreeSet<&String> = asked.iter().map(|(unit, _)| unit).collect();
    let lists: Vec<_> = stream::iter(units)
        .map(async |unit| (unit, timeout(LONGEST_READ, organizations.service_control_policies(unit)).await))
        .buffered(READS_AT_ONCE)
        .collect()
        .await;
    let mut known = Statements::default();
    for (unit, listed) in lists {
        known.lists.insert(unit.clone(), settled(listed)?);
    }
    loop {
        let next = known.next(asked);
        if next.is_empty() {
            break;
        }
        let texts: Vec<_> = stream::iter(next)
            .map(async |id| {
                let text = timeout(LONGEST_READ, organizations.policy_text(&id)).await;
                (id, text)
            })
            .buffered(READS_AT_ONCE)
            .collect()
            .await;
        for (id, text) in texts {
            let sids = settled(text)?.and_then(|text| statements::denied(&text));
            known.sids.insert(id, sids);
        }
    }
    Ok(asked.iter().map(|asked| (asked.clone(), known.has(asked))).collect())
}

/// Returns what was read, or why it was not.
fn settled<T>(
    read: Result<Result<T, CallError>, tokio::time::error::Elapsed>,
) -> Result<Result<T, String>, CallError> {
    match read {
        Ok(Ok(read)) => Ok(Ok(read)),
        Ok(Err(error)) if is_about_everything(&error) => Err(error),
        Ok(Err(error)) => Ok(Err(error.to_string())),
        Err(_) => Ok(Err(too_long())),
    }
}
