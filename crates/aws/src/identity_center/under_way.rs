//! What takes a while, whatever it is: how far one is, a page of them, and those that are under way in the whole instance.
//! Creations, deletions and provisionings have the same shape.

use assigner_core::{
    cause::CallError,
    work::{Listed, Progress},
};
use aws_sdk_ssoadmin::types::{OperationStatusFilter, StatusValues};

/// More pages of what is in progress are not read: few may be under way.
const MOST_PAGES: usize = 5;

/// Reads the pages that `page` returns for a token until there is none left.
pub(super) async fn every_page<F>(page: impl Fn(Option<String>) -> F) -> Result<Listed, CallError>
where
    F: Future<Output = Result<Listed, CallError>>,
{
    let (mut found, mut token) = (Listed::default(), None);
    for _ in 0..MOST_PAGES {
        let page = page(token.clone()).await?;
        found.progress.extend(page.progress);
        // A token that is the same again leads nowhere.
        if page.next.is_none() || page.next == token {
            break;
        }
        token = page.next;
    }
    Ok(found)
}

/// Translates a page: request ids with their status, and the token of the next page.
pub(super) fn listed(
    entries: impl Iterator<Item = (Option<String>, Option<StatusValues>)>,
    next: Option<String>,
) -> Listed {
    let progress = entries.filter_map(|(request_id, status)| Some((request_id?, progress(status, None))));
    // An empty token means the same as none.
    Listed { progress: progress.collect(), next: next.filter(|next| !next.is_empty()) }
}

/// Returns what a list is limited to. `None`: to nothing.
pub(super) fn only(status: Option<StatusValues>) -> Option<OperationStatusFilter> {
    status.map(|status| OperationStatusFilter::builder().status(status).build())
}

/// Translates a status. One that is missing or new counts as unfinished: success is never assumed.
pub(super) fn progress(status: Option<StatusValues>, reason: Option<String>) -> Progress {
    match status {
        Some(StatusValues::Succeeded) => Progress::Succeeded,
        Some(StatusValues::Failed) => Progress::Failed(reason),
        _ => Progress::InProgress,
    }
}
