//! What ends an invocation or a verb, and its stable name.
//!
//! What happens to a single grant is not an error here: it becomes a status. Each error keeps the call that caused it,
//! so nobody has to parse a sentence.

use assigner_aws::{
    dynamodb::NoItems,
    identity_center::{NoClient, NoInstance},
};
use assigner_core::{
    assignments::report::Report,
    cause::{CallError, Retry},
    controls,
    reading::{self, Fault},
};

/// Why it ended. [`Error::name`] is stable: queues, alarms and people match on it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    InvalidEvent(String),
    #[error("{table} is refused, with {}", list(faults))]
    InvalidTable { table: String, faults: Vec<Fault> },
    /// What is wrong with the settings, or with what AWS has, as sentences.
    #[error("{}", .0.join("; "))]
    InvalidConfig(Vec<String>),
    #[error("{0}")]
    AccountNotReady(String),
    /// A call without which nothing can be decided.
    #[error("{0}")]
    Call(#[from] CallError),
    /// The time ran out.
    #[error("the time ran out while {what} was read; {}", last_failure(.last.as_ref()))]
    Late {
        /// What was read at that moment.
        what: &'static str,
        #[source]
        last: Option<CallError>,
    },
    #[error("{}", .0.sentence())]
    AssignmentsIncomplete(Box<Report>),
    #[error("{}", .0.sentence())]
    ControlsIncomplete(Box<controls::report::Report>),
}

impl Error {
    /// Returns the error for accounts that Organizations does not know, or not yet.
    pub fn not_in_the_organization(accounts: &[&str]) -> Error {
        let (accounts, are) = match accounts {
            [one] => (format!("account {one}"), "is"),
            several => (format!("accounts {}", several.join(", ")), "are"),
        };

        Error::AccountNotReady(format!(
            "{accounts} {are} not in the organization, or cannot be seen in it yet"
        ))
    }

    pub fn name(&self) -> &'static str {
        match self {
            Error::InvalidEvent(_) => "InvalidEvent",
            Error::InvalidTable { .. } => "InvalidTable",
            Error::InvalidConfig(_) => "InvalidConfig",
            Error::AccountNotReady(_) => "AccountNotReady",
            Error::Call(error) => match error.cause.retry() {
                Retry::Again => "ServiceUnavailable",
                Retry::WhenFixed | Retry::Never => "InvalidConfig",
            },
            Error::Late { .. } => "ServiceUnavailable",
            Error::AssignmentsIncomplete(_) => "AssignmentsIncomplete",
            Error::ControlsIncomplete(_) => "ControlsIncomplete",
        }
    }
}

impl From<NoInstance> for Error {
    fn from(error: NoInstance) -> Error {
        match error {
            NoInstance::Call(error) => error.into(),
            NoInstance::Doubt(problem) => Error::InvalidConfig(vec![problem]),
        }
    }
}

impl From<NoClient> for Error {
    fn from(error: NoClient) -> Error {
        Error::InvalidConfig(vec![error.to_string()])
    }
}

impl From<NoItems> for Error {
    fn from(error: NoItems) -> Error {
        match error {
            NoItems::Call(error) => error.into(),
            NoItems::NotATable(problem) => Error::InvalidConfig(vec![problem]),
        }
    }
}

fn last_failure(last: Option<&CallError>) -> String {
    last.map_or("AWS was slow".to_owned(), |last| format!("the last failure: {last}"))
}

/// The longest list of faults, in bytes. An answer must fit, with the payload that caused it, into one message of
/// 256 KiB, where each quotation mark takes two bytes.
const MOST_BYTES: usize = 64 * 1024;

fn list(faults: &[Fault]) -> String {
    let all = reading::count(faults);
    let mut text = format!("{all} fault{}:", if all == 1 { "" } else { "s" });
    for (listed, fault) in faults.iter().enumerate() {
        let line = format!("\n- {fault}");
        if text.len() + line.len() > MOST_BYTES {
            let more = reading::count(&faults[listed..]);
            text += &format!("\n- and {more} more; `assignctl check` lists them");
            break;
        }
        text += &line;
    }
    text
}

#[cfg(test)]
mod tests {
    use assigner_core::reading::Part;

    use super::*;

    #[test]
    fn a_long_list_of_faults_is_cut_with_its_true_count() {
        let fault = Fault {
            row: None,
            field: "accounts.names[0]".into(),
            part: Part::Value,
            problem: format!("is {:?}", "\"".repeat(300)),
            remedy: "x".repeat(300),
            count: 1,
        };
        let error = Error::InvalidTable { table: "t".into(), faults: vec![fault; 1_000] };
        let text = error.to_string();
        assert!(text.starts_with("t is refused, with 1000 faults:\n- "), "{}", &text[..60]);
        let listed = text.matches("\n- table, accounts").count();
        assert!(text.ends_with(&format!("and {} more; `assignctl check` lists them", 1_000 - listed)));
        assert!(format!("{text:?}").len() < 160 * 1024, "as a JSON string");
    }
}
