//! `assignctl permission-set logs`, and what `usage --open-logs` does around its work: the log bucket is open for Access
//! Analyzer's roles while they need it, and closed whatever happens then.

use std::{sync::Arc, time::Duration};

use assigner_aws::{client::Tally, control_tower::ControlTower, permissions::Sessions};
use assigner_core::permissions::logs::Status;
use assigner_engine::{
    error::Error,
    permissions::{
        access_role::AccessRoles,
        logs::{Change, Logs, Purpose},
    },
};
use serde::Serialize;
use tokio::time::{timeout, timeout_at};

use super::arguments;
use crate::{
    exit::{Exit, Failure},
    facts::Aws,
    session::Session,
    terminal::{GOOD, Signals, WARNING, clean, say},
};

/// How to close it by hand.
pub const CLOSE: &str = "close it with `assignctl permission-set logs close`";
/// The longest that closing may take. It does not count towards `--timeout`.
const LONGEST_CLOSE: Duration = Duration::from_secs(60);

pub async fn run(session: &Session, arguments: arguments::Logs) -> Result<Exit, Failure> {
    let aws = session.aws().await?;
    let sessions = Sessions::new(&aws.sdk, Arc::new(Tally::default()));
    let purpose = match arguments {
        arguments::Logs::Status => Purpose::Look,
        arguments::Logs::Open | arguments::Logs::Close => Purpose::Change,
    };
    let logs = find(session, &aws, &sessions, purpose).await?;
    let (status, change) = match arguments {
        arguments::Logs::Status => (logs.status().await?, Change::None),
        arguments::Logs::Open => {
            // A signal would otherwise end the command between a write and what it says of it.
            let _signals = Signals::listen();
            let change = logs.open().await.map_err(|error| unclear(&logs, error))?;
            (Status::Open, change)
        }
        arguments::Logs::Close => {
            let _signals = Signals::listen();
            (Status::Closed, logs.close().await.map_err(|error| unclear(&logs, error))?)
        }
    };
    show(session, &logs, status, change);
    Ok(if status == Status::Changed { Exit::Missing } else { Exit::Good })
}

pub async fn find(
    session: &Session,
    aws: &Aws,
    sessions: &Sessions,
    purpose: Purpose,
) -> Result<Logs, Failure> {
    let tower = ControlTower::new(&aws.sdk, Arc::new(Tally::default()));
    let found = timeout_at(session.until, Logs::find(sessions, &aws.organizations, &tower, purpose)).await;
    Ok(found.map_err(|_| Error::Late { what: "the log bucket", last: None })??)
}

/// Returns the failure of a change of which nobody knows whether it was made.
fn unclear(logs: &Logs, error: Error) -> Failure {
    Failure {
        next: format!(
            "`assignctl permission-set logs status` shows whether the bucket {} is open; {CLOSE}",
            clean(logs.bucket())
        ),
        ..Failure::from(error)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    bucket: &'a str,
    status: Status,
    changed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

fn show(session: &Session, logs: &Logs, status: Status, change: Change) {
    let key = logs.key();
    let changed = change == Change::Done;
    if session.json {
        let key = key.as_ref().map(|(key, _)| *key);
        session.print_json(&Answer { bucket: logs.bucket(), status, changed, key });
    } else {
        let (colour, word) = match status {
            Status::Closed => (GOOD, "closed"),
            Status::Open => (WARNING, "open"),
            Status::Changed => (WARNING, "changed"),
        };
        let more = match (status, changed) {
            (Status::Changed, _) => ", a statement has the Sid of ours and says something else",
            (_, true) => "",
            (Status::Open, false) => ", it was open before",
            (Status::Closed, false) => ", our statement is not there",
        };
        session.print(&format!("{colour}{word}{colour:#} {}{more}\n", clean(logs.bucket())));
    }
    if status != Status::Closed {
        session.note(CLOSE);
        if let Some((key, statement)) = key {
            session.note(&format!(
                "the log is encrypted with the key {}; its policy is yours to change, and the roles of Access Analyzer \
                 need this statement in it, and kms:Decrypt in their own policies:\n{statement}",
                clean(key)
            ));
        }
    }
}

/// The bucket while it is open for one run.
pub struct Opened {
    logs: Arc<Logs>,
    signals: Signals,
    ours: bool,
}

impl Opened {
    /// Opens the bucket. A bucket that was open before stays open in the end.
    pub async fn open(session: &Session, logs: Logs) -> Result<Opened, Failure> {
        // From now on a signal is noted and no longer ends the command, so that no write goes without its end.
        let signals = Signals::listen();
        let opening = logs.open().await;
        let mut opened = Opened { logs: Arc::new(logs), signals, ours: true };
        match opening {
            Ok(Change::Done) => {}
            Ok(Change::None) => {
                opened.ours = false;
                session.note(&format!(
                    "the bucket {} was open before and stays open; {CLOSE}",
                    clean(opened.logs.bucket())
                ));
            }
            // It may have been written all the same.
            Err(error) => {
                let (failure, closed) = (Failure::from(error), opened.close().await);
                return Err(match closed {
                    Ok(()) => failure,
                    Err(Failure { next, .. }) => Failure { next, ..failure },
                });
            }
        }
        Ok(opened)
    }

    pub fn logs(&self) -> Arc<Logs> {
        self.logs.clone()
    }

    /// Returns what `work` returns, or nothing if something asks the command to end.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.signals.next() => None,
            done = work => Some(done),
        }
    }

    /// Closes the bucket. No signal ends this.
    pub async fn close(&self) -> Result<(), Failure> {
        if !self.ours {
            return Ok(());
        }
        let bucket = clean(self.logs.bucket());
        let problem = match timeout(LONGEST_CLOSE, self.logs.close()).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        let failure = Failure {
            name: "LogsOpen",
            message: format!("the bucket {bucket} could not be closed: {}", clean(&problem)),
            next: CLOSE.to_owned(),
            exit: Exit::Missing,
        };
        // Whatever fails besides, this is said.
        say(&format!("{WARNING}warning{WARNING:#}: {}; {}\n", failure.message, failure.next));
        Err(failure)
    }
}

/// Takes away the roles that were made for one run. No signal ends this while the bucket is there.
pub async fn remove(roles: &AccessRoles, sessions: &Sessions) -> Result<(), Failure> {
    let left = timeout(LONGEST_CLOSE, roles.remove(sessions)).await;
    let late = || vec!["the roles that were made may be left: no answer in time".to_owned()];
    let left = left.unwrap_or_else(|_| late());
    if left.is_empty() {
        return Ok(());
    }
    let failure = Failure {
        name: "RoleLeft",
        message: clean(&left.join("; ")),
        next: "run it again with --open-logs, which takes it away, or delete it by hand".to_owned(),
        exit: Exit::Missing,
    };
    say(&format!("{WARNING}warning{WARNING:#}: {}; {}\n", failure.message, failure.next));
    Err(failure)
}

/// Returns the failure of a run that was asked to end.
pub fn interrupted() -> Failure {
    Failure {
        name: "Interrupted",
        message: "it was asked to end, and nothing was written".to_owned(),
        next: "run it again; policy generations that have finished by then are taken".to_owned(),
        exit: Exit::Missing,
    }
}
