//! What became of one wanted thing, and of all of them. Says nothing that was not seen.

use std::time::Duration;

use serde::Serialize;

use crate::cause::{CallError, Remedy, Retry};

/// What became of one wanted thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    Created,
    /// It was there already.
    Present,
    Planned,
    Failed {
        reason: String,
        remedy: Remedy,
    },
    /// A name that does not exist yet.
    Unresolved {
        reason: String,
        remedy: Remedy,
    },
    /// Not finished when the time ran out.
    Pending {
        reason: String,
    },
}

impl Status {
    /// Returns the status of whatever the failed call was for.
    pub fn of(error: &CallError) -> Status {
        let (reason, remedy) = (error.to_string(), error.remedy());
        match error.cause.retry() {
            Retry::WhenFixed => Status::Unresolved { reason, remedy },
            Retry::Again | Retry::Never => Status::Failed { reason, remedy },
        }
    }

    pub fn pending(reason: impl Into<String>) -> Status {
        Status::Pending { reason: reason.into() }
    }

    /// Whether AWS has it.
    pub fn is_in_place(&self) -> bool {
        matches!(self, Status::Created | Status::Present)
    }
}

/// Returns seconds, rounded to the millisecond.
pub fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

/// A status, and how it came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    pub status: Status,
    pub request_id: Option<String>,
    /// From the first request to create it until it was seen to be done.
    pub took: Option<Duration>,
}

impl From<Status> for Settled {
    fn from(status: Status) -> Settled {
        Settled { status, request_id: None, took: None }
    }
}

/// How many have each status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub created: usize,
    pub present: usize,
    pub planned: usize,
    pub failed: usize,
    pub unresolved: usize,
    pub pending: usize,
}

impl Counts {
    pub fn of<'s>(statuses: impl Iterator<Item = &'s Status>) -> Counts {
        let mut counts = Counts::default();
        for status in statuses {
            *match status {
                Status::Created => &mut counts.created,
                Status::Present => &mut counts.present,
                Status::Planned => &mut counts.planned,
                Status::Failed { .. } => &mut counts.failed,
                Status::Unresolved { .. } => &mut counts.unresolved,
                Status::Pending { .. } => &mut counts.pending,
            } += 1;
        }
        counts
    }

    pub fn all(self) -> usize {
        let Counts { created, present, planned, failed, unresolved, pending } = self;
        created + present + planned + failed + unresolved + pending
    }

    /// Returns how many are neither in place nor planned.
    pub fn not_in_place(self) -> usize {
        self.failed + self.unresolved + self.pending
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// Everything wanted is there.
    Ready,
    Ignored,
    /// A dry run; nothing was created.
    Planned,
    /// At least one is failed, unresolved or pending.
    Incomplete,
}
