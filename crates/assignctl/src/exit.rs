//! How a verb ends: its exit code, or one message and what to do next.

use std::{
    fmt::Display,
    io::{self, ErrorKind},
    path::Path,
    process::ExitCode,
};

use assigner_aws::dynamodb::NoItems;
use assigner_core::cause::CallError;
use assigner_engine::error::Error;
use serde_json::json;

use crate::{
    style::{ERROR, STRONG},
    terminal::{self, clean},
    words,
};

/// The exit codes, which scripts match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Good,
    /// Something is missing or failed.
    Missing,
    /// Wrong use or bad input.
    Wrong,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Good => 0,
            Exit::Missing => 1,
            Exit::Wrong => 2,
        })
    }
}

/// Why a verb could not do its work.
#[derive(Debug)]
pub struct Failure {
    /// A stable name, as the function's error types are.
    pub name: &'static str,
    pub message: String,
    /// What to do next.
    pub next: String,
    pub exit: Exit,
}

impl Failure {
    pub fn wrong(message: impl Into<String>, next: impl Into<String>) -> Failure {
        Failure { name: "WrongUse", message: message.into(), next: next.into(), exit: Exit::Wrong }
    }

    /// Returns the failure of variables of the environment that mean nothing.
    pub fn settings(faults: Vec<String>) -> Failure {
        Failure::wrong(faults.join("; "), "correct these variables of the environment, or unset them")
    }

    /// Returns the failure of a file that could not be read or written. `what` is a verb, such as "read".
    pub fn file(what: &str, path: &Path, error: impl Display) -> Failure {
        Failure::wrong(
            format!("cannot {what} {}: {error}", clean(&path.display().to_string())),
            "correct the path or its permissions",
        )
    }

    /// Returns the failure of a write to standard output.
    pub fn unwritten(error: &io::Error) -> Failure {
        Failure {
            name: "WriteFailed",
            message: format!("cannot write to standard output: {error}"),
            next: "make room, or write to another place; what was done before is done".to_owned(),
            exit: Exit::Missing,
        }
    }

    /// Writes it to standard error, and as JSON to standard output if that was asked for.
    pub fn tell(&self, json: bool) -> Exit {
        let Failure { name, message, next, exit } = self;
        if json {
            let error = json!({ "error": { "type": name, "message": message, "next": next } });
            if let Err(error) = terminal::print(&terminal::document(&error))
                && error.kind() != ErrorKind::BrokenPipe
            {
                terminal::say(&format!("{ERROR}error{ERROR:#}: {}\n", Failure::unwritten(&error).message));
            }
        }
        terminal::say(&format!("{ERROR}error{ERROR:#}: {message}\n"));
        if !next.is_empty() {
            terminal::say(&format!("{STRONG}next{STRONG:#}: {next}\n"));
        }
        *exit
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let exit = match error {
            Error::InvalidTable { .. } | Error::InvalidEvent(_) => Exit::Wrong,
            Error::InvalidConfig(_)
            | Error::AccountNotReady(_)
            | Error::Call(_)
            | Error::Late { .. }
            | Error::AssignmentsIncomplete(_)
            | Error::ControlsIncomplete(_) => Exit::Missing,
        };
        let (name, next) = (error.name(), words::next(&error).to_owned());
        Failure { name, message: error.to_string(), next, exit }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Failure {
        Error::from(error).into()
    }
}

impl From<NoItems> for Failure {
    fn from(error: NoItems) -> Failure {
        Error::from(error).into()
    }
}
