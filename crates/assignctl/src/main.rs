//! `assignctl`, the operator's command: a terminal in front of the engine.
//!
//! Every verb reads through the engine, decides nothing that the core decides, and ends with 0 (good), 1 (something is
//! missing or failed) or 2 (wrong use or bad input). Only `revoke` deletes an assignment.
//!
//! | room | what |
//! |---|---|
//! | `arguments` | what is typed |
//! | `assignments` | a file for each verb: plan, apply, who, what, why, import, revoke, report; what they show |
//! | `controls` | a file for each verb of `controls` |
//! | `permissions` | a file for each verb of `permission-set` |
//! | `snapshot` | what is true in AWS, of every capability that a plan is made of, as a file |
//! | `table` | check, push and pull, for any kind of row |
//! | `doctor` | can this identity do the job? |
//! | `session`, `facts`, `files`, `terminal` | what the verbs share: the table, the facts, files, the person |
//! | `accounts` | accounts by id or by name |
//! | `caller` | who asks, and of which organization |
//! | `entitlements` | what account access manager has, which no table decides about |
//! | `page`, `spreadsheet`, `markdown` | what reports and reviews share: the frame of a page, a cell of a CSV file, comments |
//! | `exit`, `words` | how a verb ends, and what it says to do |
//! | `calls` | `-v`: each call to AWS |

mod accounts;
mod arguments;
mod assignments;
mod caller;
mod calls;
mod controls;
mod doctor;
mod entitlements;
mod exit;
mod facts;
mod files;
mod markdown;
mod page;
mod permissions;
mod session;
mod snapshot;
mod spreadsheet;
mod style;
mod table;
mod terminal;
mod words;

use std::{process::ExitCode, time::Duration};

use assigner_aws::client::Named;
use assigner_core::table::TableLocation;
use clap::{CommandFactory, Parser};
use tokio::time::Instant;

use crate::{
    arguments::{Arguments, Verb},
    exit::{Exit, Failure},
    session::Session,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Arguments { table, json, timeout, profile, region, verbose, verb } = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return arguments::refuse(&error).into(),
    };
    if verbose {
        calls::show();
    }
    let until = Instant::now() + Duration::from_secs(u64::from(timeout) * 60);
    let table = table.unwrap_or_else(|| {
        TableLocation::File(match &verb {
            Verb::Controls(_) => "controls.json".into(),
            _ => "assignments.json".into(),
        })
    });
    let session = Session::new(table, json, verbose, until, Named { profile, region });
    // A verb that could not say what it had to say has not done its work.
    let ended = run(&session, verb).await.and_then(|exit| session.written().map(|()| exit));
    ended.unwrap_or_else(|failure| failure.tell(json)).into()
}

async fn run(session: &Session, verb: Verb) -> Result<Exit, Failure> {
    match verb {
        Verb::Check(arguments) => assignments::check(session, arguments).await,
        Verb::Plan(arguments) => assignments::plan::run(session, arguments).await,
        Verb::Apply(arguments) => assignments::apply::run(session, arguments).await,
        Verb::Who(arguments) => assignments::who::run(session, arguments).await,
        Verb::What(arguments) => assignments::what::run(session, arguments).await,
        Verb::Why(arguments) => assignments::why::run(session, arguments).await,
        Verb::Import(arguments) => assignments::import::run(session, arguments).await,
        Verb::Revoke(arguments) => assignments::revoke::run(session, arguments).await,
        Verb::Snapshot(arguments) => snapshot::run(session, arguments).await,
        Verb::Table(arguments) => table::run::<assigner_core::assignments::Row>(session, arguments).await,
        Verb::Doctor(arguments) => doctor::run(session, arguments).await,
        Verb::Report(arguments) => assignments::report::run(session, arguments).await,
        Verb::Controls(arguments) => controls::run(session, arguments).await,
        Verb::PermissionSet(arguments) => permissions::run(session, arguments).await,
        Verb::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "assignctl", &mut text);
            session.print(&String::from_utf8_lossy(&text));
            Ok(Exit::Good)
        }
        Verb::Man { directory } => {
            std::fs::create_dir_all(&directory)
                .and_then(|()| clap_mangen::generate_to(Arguments::command(), &directory))
                .map_err(|error| Failure::file("write the manual pages into", &directory, error))?;
            Ok(Exit::Good)
        }
    }
}
