//! `assignctl`, the operator's command: the function's library with a terminal in front.
//!
//! Every verb reads through the library, decides nothing that the library decides, and ends with 0 (good), 1
//! (something is missing or failed) or 2 (wrong use or bad input). It never deletes an assignment.

#![forbid(unsafe_code)]

mod against;
mod apply;
mod arguments;
mod check;
mod doctor;
mod explain;
mod failure;
mod lint;
mod overview;
mod plan;
mod report;
mod session;
mod show;
mod snapshot;
mod table;

use std::{process::ExitCode, time::Duration};

use clap::{CommandFactory, Parser};
use tokio::time::Instant;

use crate::{
    arguments::{Arguments, Verb},
    failure::Failure,
    session::Session,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Arguments { table, json, timeout, verb } = Arguments::parse();
    let session =
        Session { table, json, until: Instant::now() + Duration::from_secs(u64::from(timeout) * 60) };
    match run(&session, verb).await {
        Ok(code) => code,
        Err(failure) => failure.tell(json),
    }
}

async fn run(session: &Session, verb: Verb) -> Result<ExitCode, Failure> {
    match verb {
        Verb::Check(arguments) => check::run(session, arguments).await,
        Verb::Plan(arguments) => plan::run(session, arguments).await,
        Verb::Apply(arguments) => apply::run(session, arguments).await,
        Verb::Snapshot(arguments) => snapshot::run(session, arguments).await,
        Verb::Table(arguments) => table::run(session, arguments).await,
        Verb::Doctor(arguments) => doctor::run(session, arguments).await,
        Verb::Report(arguments) => report::run(session, arguments).await,
        Verb::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "assignctl", &mut text);
            session.print(&String::from_utf8_lossy(&text));
            Ok(ExitCode::SUCCESS)
        }
        Verb::Man { directory } => {
            std::fs::create_dir_all(&directory)
                .and_then(|()| clap_mangen::generate_to(Arguments::command(), &directory))
                .map_err(|error| Failure::file("write the manual pages into", &directory, &error))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
