//! `assignctl table pull`: makes a file the same as the DynamoDB table.

use std::{collections::HashMap, path::Path, process::ExitCode};

use account_assigner::{
    error::Error,
    table::{self, Place, Row, Table},
};
use serde::Serialize;
use serde_json::Value;

use super::{Outcome, Remote, Rows, document, memory, read, rows};
use crate::{
    failure::{Failure, MISSING, WRONG},
    session::Session,
    table::difference::Difference,
};

pub async fn run(session: &Session, name: &str, file: Option<&Path>, yes: bool) -> Result<ExitCode, Failure> {
    let source = session.source(&session.table).await;
    let region = source.region();
    let remote = read(session, &source, name).await?;
    let Remote { table: Ok(table), .. } = &remote else {
        return Err(refused(session, remote));
    };
    let Some(file) = file else {
        session.print_json(table);
        return Ok(ExitCode::SUCCESS);
    };
    let existing = match existing(session, file).await {
        Ok(existing) => existing,
        Err(failure) if yes && failure.name == "InvalidTable" => {
            session.note(&format!("note: {}\n{} is overwritten", failure.message, file.display()));
            None
        }
        Err(failure) if failure.name == "InvalidTable" => {
            let next = "name another file, or add --yes to overwrite this one".into();
            return Err(Failure { next, ..failure });
        }
        Err(failure) => return Err(failure),
    };
    let remembered = remote.rows(&Rows::new());
    let old = existing.as_ref().map(|existing| rows(&existing.table)).unwrap_or_default();
    let difference = Difference::new(&old, &rows(table));
    if existing.is_some() && difference.is_empty() {
        memory::remember(session, file, name, region, remembered);
        if session.json {
            session.print_json(&document(Outcome::Unchanged, name, file, &difference));
        } else {
            session.print(&format!(
                "nothing to do: {} is the same as the DynamoDB table {name}\n",
                file.display()
            ));
        }
        return Ok(ExitCode::SUCCESS);
    }
    if existing.is_some() && !session.json {
        session.print(&difference.to_text());
    }
    if existing.is_some() && !yes {
        if session.json {
            session.print_json(&document(Outcome::Different, name, file, &difference));
            session.note("nothing was written; add --yes to write");
            return Ok(ExitCode::from(MISSING));
        }
        if !session.confirm(&format!("Write this to {}?", file.display()))? {
            session.note("nothing was written");
            return Ok(ExitCode::from(MISSING));
        }
    }
    let text = text(table, existing.as_ref());
    if let Err(faults) = table::parse(text.as_bytes()) {
        let error = Error::InvalidTable { table: format!("{} as a file", session.table), faults };
        return Err(Failure { next: "use fewer or shorter rows".into(), ..error.into() });
    }
    session.write(file, text.as_bytes())?;
    memory::remember(session, file, name, region, remembered);
    if session.json {
        session.print_json(&document(Outcome::Written, name, file, &difference));
    } else {
        session.print(&format!("written to {}: {}\n", file.display(), difference.summary()));
    }
    Ok(ExitCode::SUCCESS)
}

fn refused(session: &Session, remote: Remote) -> Failure {
    let faults = remote.table.err().unwrap_or_default();
    let error = Error::InvalidTable { table: session.table.to_string(), faults };
    let next = "correct these items in DynamoDB, or push a sound file over them".into();
    Failure { next, code: WRONG, ..error.into() }
}

/// The file that is to be overwritten.
struct Existing {
    table: Table,
    schema: Option<String>,
}

async fn existing(session: &Session, file: &Path) -> Result<Option<Existing>, Failure> {
    match std::fs::metadata(file) {
        Ok(found) if found.is_file() => {}
        Ok(found) if found.is_dir() => {
            return Err(Failure::wrong(format!("{} is a directory", file.display()), "name a file"));
        }
        _ => return Ok(None),
    }
    let table = session.table(&Place::File(file.to_owned())).await?;
    let text = std::fs::read(file).map_err(|error| Failure::file("read", file, &error))?;
    let document: Value = serde_json::from_slice(&text).unwrap_or_default();
    let schema = document.get("$schema").and_then(Value::as_str).map(str::to_owned);
    Ok(Some(Existing { table, schema }))
}

/// Rows stay where the existing file has them, and new ones come at the end, so that a version control shows what
/// changed and no more.
fn text(table: &Table, existing: Option<&Existing>) -> String {
    #[derive(Serialize)]
    struct Document<'a> {
        #[serde(rename = "$schema", skip_serializing_if = "Option::is_none")]
        schema: Option<&'a str>,
        assignments: Vec<&'a Row>,
    }
    let text = match existing {
        None => serde_json::to_string_pretty(table),
        Some(Existing { table: before, schema }) => {
            let place: HashMap<&str, usize> =
                before.rows.iter().enumerate().map(|(index, row)| (row.id.as_str(), index)).collect();
            let mut assignments: Vec<&Row> = table.rows.iter().collect();
            assignments.sort_by_key(|row| place.get(row.id.as_str()).copied().unwrap_or(usize::MAX));
            serde_json::to_string_pretty(&Document { schema: schema.as_deref(), assignments })
        }
    };
    // Strings, lists and objects cannot fail to be written.
    text.unwrap_or_default() + "\n"
}
