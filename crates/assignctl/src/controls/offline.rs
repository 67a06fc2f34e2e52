//! What a snapshot says of controls: everything that a decision rests on, without AWS.

use std::{path::Path, sync::Arc, time::SystemTime};

use assigner_core::{
    controls::{
        Table,
        picture::Picture,
        plan::Rules,
        snapshot::{Part, Problem, Snapshot},
    },
    day::rfc3339,
};
use assigner_engine::{clock, controls::keep::Keeper};
use aws_config::SdkConfig;

use crate::{
    exit::Failure,
    session::Session,
    terminal::{clean, plural},
};

/// Reads what a snapshot keeps of controls. With a table, the catalogue is also asked what its names mean. What AWS does
/// not answer is part of the snapshot.
pub async fn read(session: &Session, sdk: &SdkConfig, table: Option<&Table>) -> Result<Part, Failure> {
    let keeper = Keeper::new(sdk, Arc::default())?;
    let spinner = session.spinner();
    spinner.set_message("Reading controls");
    let tables: Vec<&Table> = table.into_iter().collect();
    let read = keeper.everything(&tables, clock::moment(SystemTime::now()), session.until).await;
    spinner.finish_and_clear();
    let everything = match read {
        Ok(everything) => everything,
        Err(error) => {
            let reason = error.to_string();
            session.note(&format!("note: what Control Tower has is not known: {}", clean(&reason)));
            return Ok(Part::Unread(reason));
        }
    };
    let snapshot = Snapshot::new(&everything.picture, everything.notes);
    notes(session, &snapshot);
    Ok(Part::Read(Box::new(snapshot)))
}

/// Says what could not be read.
fn notes(session: &Session, snapshot: &Snapshot) {
    snapshot.notes().iter().for_each(|note| session.note(&format!("note: {}", clean(note))));
    let unread = snapshot.unread();
    if let Some(first) = unread.first() {
        let more = match unread.len() - 1 {
            0 => String::new(),
            more => format!("; and {} more", plural(more, "reason")),
        };
        session.note(&format!("note: not all that is about controls could be read: {}{more}", clean(first)));
    }
}

/// Returns what a snapshot has for decisions about these tables. Says how old it is.
pub fn picture(session: &Session, path: &Path, tables: &[&Table], rules: Rules) -> Result<Picture, Failure> {
    let name = clean(&path.display().to_string());
    let again = "write a new one with `assignctl snapshot --controls`";
    let part = session.snapshot(path)?.into_controls();
    let part = part.ok_or_else(|| {
        Failure::wrong(format!("{name} says nothing of controls: it was written without --controls"), again)
    })?;
    let snapshot = match part {
        Part::Read(snapshot) => snapshot,
        Part::Unread(reason) => {
            return Err(Failure::wrong(
                format!("{name} says nothing of controls: they could not be read: {}", clean(&reason)),
                format!("{again}, with credentials that may read Control Tower in its home Region"),
            ));
        }
    };
    session.note_origin(&name, &rfc3339(snapshot.taken_at()));
    notes(session, &snapshot);
    snapshot.picture(tables, rules).map_err(|problem| match problem {
        Problem::Damaged(problem) => {
            Failure::wrong(format!("{name}: not a snapshot: {}", clean(&problem)), again)
        }
        Problem::Unasked(names) => Failure::wrong(
            format!("{name} does not say which controls these are:\n- {}", clean_lines(&names)),
            "correct the name, or ask for it: `assignctl snapshot --controls=TABLE`, with this table",
        ),
    })
}

fn clean_lines(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| clean(name)).collect();
    names.join("\n- ")
}
