//! How a verb ends badly: one message, what to do next, and the exit status.

use std::{io, path::Path, process::ExitCode};

use account_assigner::{error::Error, failure::CallError};
use anstyle::{AnsiColor, Style};
use serde_json::json;

pub const ERROR: Style = AnsiColor::Red.on_default().bold();
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
pub const GOOD: Style = AnsiColor::Green.on_default();
pub const STRONG: Style = Style::new().bold();
pub const FAINT: Style = Style::new().dimmed();

/// Something is missing or failed.
pub const MISSING: u8 = 1;
/// Wrong use or bad input.
pub const WRONG: u8 = 2;

/// Why a verb could not do its work.
#[derive(Debug)]
pub struct Failure {
    /// Stable, as the function's error types are.
    pub name: &'static str,
    pub message: String,
    /// What to do next.
    pub next: String,
    pub code: u8,
}

impl Failure {
    pub fn wrong(message: impl Into<String>, next: impl Into<String>) -> Failure {
        Failure { name: "WrongUse", message: message.into(), next: next.into(), code: WRONG }
    }

    /// A file that could not be read or written: `what` is a verb, such as "read".
    pub fn file(what: &str, path: &Path, error: &io::Error) -> Failure {
        Failure::wrong(
            format!("cannot {what} {}: {error}", path.display()),
            "correct the path or its permissions",
        )
    }

    /// Tells it on standard error, and as JSON on standard output where that was asked for.
    pub fn tell(&self, json: bool) -> ExitCode {
        let Failure { name, message, next, code } = self;
        if json {
            anstream::println!("{}", json!({ "error": { "type": name, "message": message, "next": next } }));
        }
        anstream::eprintln!("{ERROR}error{ERROR:#}: {message}");
        if !next.is_empty() {
            anstream::eprintln!("{STRONG}next{STRONG:#}: {next}");
        }
        ExitCode::from(*code)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let (next, code) = match &error {
            Error::InvalidTable { .. } => ("`assignctl check` shows each fault in its place", WRONG),
            Error::InvalidEvent(_) => ("see events/ for payloads that are understood", WRONG),
            Error::InvalidConfig(_) => ("`assignctl doctor` looks for the cause", MISSING),
            Error::AccountNotReady(_) => ("see `aws organizations describe-account`, or wait", MISSING),
            // The SDK makes credentials that are not there look like a call that nobody answered.
            Error::ServiceUnavailable(message) if message.contains("credentials") => (
                "log in, for example with `aws sso login`, or name a profile in AWS_PROFILE; `assignctl doctor` looks \
                 for the cause",
                MISSING,
            ),
            Error::ServiceUnavailable(_) => ("wait a moment, then run the same command again", MISSING),
            Error::AssignmentsIncomplete(_) => ("run the same command again", MISSING),
        };
        // The library speaks of invocations.
        let message = error.to_string().replace("; the invocation fails so that it is tried again", "");
        Failure { name: error.name(), message, next: next.to_owned(), code }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Failure {
        Error::from(error).into()
    }
}
