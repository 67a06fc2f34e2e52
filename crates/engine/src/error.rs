//! Errors that end an invocation, and their stable names.
//!
//! What happens to a single grant is no error here: [`crate::report`] decides what it means.

use crate::{
    failure::{CallError, Kind},
    report::Report,
    table::Fault,
};

/// Why an invocation failed. [`Error::name`] is stable: queues, alarms and people match on it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    InvalidEvent(String),
    #[error("{table} is refused, with {}", list(faults))]
    InvalidTable { table: String, faults: Vec<Fault> },
    #[error("{}", .0.join("; "))]
    InvalidConfig(Vec<String>),
    #[error("{0}; the invocation fails so that it is tried again")]
    AccountNotReady(String),
    #[error("{0}; the invocation fails so that it is tried again")]
    ServiceUnavailable(String),
    #[error("{}\n{}", .0.sentence(), .0.to_json())]
    AssignmentsIncomplete(Box<Report>),
}

impl Error {
    pub fn name(&self) -> &'static str {
        match self {
            Error::InvalidEvent(_) => "InvalidEvent",
            Error::InvalidTable { .. } => "InvalidTable",
            Error::InvalidConfig(_) => "InvalidConfig",
            Error::AccountNotReady(_) => "AccountNotReady",
            Error::ServiceUnavailable(_) => "ServiceUnavailable",
            Error::AssignmentsIncomplete(_) => "AssignmentsIncomplete",
        }
    }
}

/// A call without which nothing can be decided.
impl From<CallError> for Error {
    fn from(error: CallError) -> Error {
        match error.cause.kind() {
            Kind::TryAgain => Error::ServiceUnavailable(error.to_string()),
            Kind::WaitForSomeone | Kind::Final => {
                Error::InvalidConfig(vec![format!("{error}: {}", error.cause.remedy())])
            }
        }
    }
}

fn list(faults: &[Fault]) -> String {
    let lines: Vec<_> = faults.iter().map(|fault| format!("\n- {fault}")).collect();
    let count = if lines.len() == 1 { "1 fault".to_owned() } else { format!("{} faults", lines.len()) };
    format!("{count}:{}", lines.concat())
}
