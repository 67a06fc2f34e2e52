//! One thing that was looked at, and what was found.

use std::time::Duration;

use assigner_core::cause::{CallError, Cause};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use crate::{session::Session, words};

/// From good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ok,
    /// It could not be found out. It never counts as good.
    Unknown,
    Warning,
    Failed,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// A stable id: scripts match on it.
    pub id: String,
    pub group: Group,
    pub title: String,
    pub status: Status,
    pub detail: String,
    /// For everything that is not ok.
    pub remedy: Option<String>,
}

/// In the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    Identity,
    Table,
    Actions,
    Deployment,
    Controls,
    #[serde(rename = "permission sets")]
    PermissionSets,
}

/// What is looked at.
#[derive(Clone, Debug)]
pub struct Topic {
    group: Group,
    id: String,
    title: String,
}

pub fn topic(group: Group, id: impl Into<String>, title: impl Into<String>) -> Topic {
    Topic { group, id: id.into(), title: title.into() }
}

impl Topic {
    pub fn title(&self) -> &str {
        &self.title
    }

    pub fn ok(self, detail: impl Into<String>) -> Check {
        let Topic { group, id, title } = self;
        Check { id, group, title, status: Status::Ok, detail: detail.into(), remedy: None }
    }

    pub fn is(self, status: Status, detail: impl Into<String>, remedy: impl Into<String>) -> Check {
        Check { status, remedy: Some(remedy.into()), ..self.ok(detail) }
    }

    pub fn failed(self, detail: impl Into<String>, remedy: impl Into<String>) -> Check {
        self.is(Status::Failed, detail, remedy)
    }

    pub fn unknown(self, detail: impl Into<String>, remedy: impl Into<String>) -> Check {
        self.is(Status::Unknown, detail, remedy)
    }

    /// Returns a check that was not made, because another has to be good first.
    pub fn depends_on(self, other: &str) -> Check {
        self.unknown(format!("not looked at: it needs what \"{other}\" did not find"), "fix that first")
    }

    /// Returns the check after a call that did not succeed. `denied` is the status if this identity may not make it.
    pub fn not_answered(self, error: &CallError, denied: Status) -> Check {
        let (status, remedy) = match error.cause {
            Cause::Denied => (denied, format!("allow this identity {}", error.operation)),
            Cause::Key | Cause::Credentials => {
                (Status::Failed, words::remedy(error.cause.remedy()).to_owned())
            }
            Cause::Throttled | Cause::Unavailable | Cause::Conflict => {
                (Status::Unknown, "run it again later".to_owned())
            }
            Cause::Unsupported => (Status::Unknown, words::remedy(error.cause.remedy()).to_owned()),
            Cause::NotFound | Cause::Quota | Cause::Invalid => {
                (Status::Unknown, "see what the service says".to_owned())
            }
        };
        self.is(status, error.to_string(), remedy)
    }
}

/// The longest that one check waits, and a check that has many calls to make.
pub const PATIENCE: Duration = Duration::from_secs(30);
pub const MUCH_PATIENCE: Duration = Duration::from_secs(180);

/// Waits for a call. An answer that does not come in time counts as none.
pub async fn ask<T>(
    session: &Session,
    operation: &'static str,
    call: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    within(session, PATIENCE, call).await.unwrap_or_else(|| {
        let message = format!("no answer within {} seconds", PATIENCE.as_secs());
        Err(CallError { operation, cause: Cause::Unavailable, code: None, message })
    })
}

pub async fn within<T>(session: &Session, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    timeout_at(session.until.min(Instant::now() + limit), work).await.ok()
}
