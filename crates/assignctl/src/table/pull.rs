//! `assignctl table pull`: makes a file the same as the DynamoDB table.

use std::{collections::HashMap, path::Path};

use assigner_aws::dynamodb::DynamoDbTable;
use assigner_core::table::{self, MAX_BYTES, RowKind, Table};
use assigner_engine::error::Error;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

use super::{Deployed, Outcome, Remote, Rows, difference::Difference, document, edit, memory, read, rows};
use crate::{
    exit::{Exit, Failure},
    session::Session,
    terminal,
};

pub async fn run<R: Deployed>(
    session: &Session,
    dynamodb: &DynamoDbTable,
    file: Option<&Path>,
    yes: bool,
) -> Result<Exit, Failure> {
    let (name, region) = (dynamodb.name(), dynamodb.region());
    let remote: Remote<R> = read(session, dynamodb).await?;
    let Remote { table: Ok(table), .. } = &remote else {
        return Err(refused(session, remote));
    };
    let digest = remote.digest();
    let Some(file) = file else {
        session.print(&terminal::as_it_is(table));
        session.note(&format!("digest {}", digest.as_str()));
        return Ok(Exit::Good);
    };
    let existing = match existing::<R>(session, file).await {
        Ok(existing) => existing,
        Err(Unusable::Faults(failure)) if yes => {
            session.note(&format!("note: {}\n{} is overwritten", failure.message, file.display()));
            None
        }
        Err(Unusable::Faults(failure)) => {
            let next = "name another file, or add --yes to overwrite this one".into();
            return Err(Failure { next, ..failure });
        }
        Err(Unusable::Unread(failure)) => return Err(failure),
    };
    let remembered = remote.rows(&Rows::new());
    let old = existing.as_ref().map(|existing| rows(&existing.table)).unwrap_or_default();
    let difference = Difference::new(&old, &rows(table));
    if existing.is_some() && difference.is_empty() {
        memory::remember(session, file, name, region, remembered);
        if session.json {
            session.print_json(&document(Outcome::Unchanged, name, file, &difference, &digest));
        } else {
            session.print(&format!(
                "nothing to do: {} is the same as the DynamoDB table {name}\ndigest {}\n",
                file.display(),
                digest.as_str()
            ));
        }
        return Ok(Exit::Good);
    }
    if existing.is_some() && !session.json {
        session.print(&difference.to_text(R::FIELDS));
    }
    if existing.is_some() && !yes {
        if session.json {
            session.print_json(&document(Outcome::Different, name, file, &difference, &digest));
            session.note("nothing was written; add --yes to write");
            return Ok(Exit::Missing);
        }
        if !session.confirm(&format!("Write this to {}?", file.display()))? {
            session.note("nothing was written");
            return Ok(Exit::Missing);
        }
    }
    let text = text(table, existing.as_ref());
    if let Err(faults) = table::parse::<R>(text.as_bytes()) {
        let error = Error::InvalidTable { table: format!("{} as a file", session.table), faults };
        return Err(Failure { next: "use fewer or shorter rows".into(), ..error.into() });
    }
    session.write(file, text.as_bytes())?;
    memory::remember(session, file, name, region, remembered);
    if session.json {
        session.print_json(&document(Outcome::Written, name, file, &difference, &digest));
    } else {
        session.print(&format!(
            "written to {}: {}\ndigest {}\n",
            file.display(),
            difference.summary(),
            digest.as_str()
        ));
    }
    Ok(Exit::Good)
}

fn refused<R: RowKind>(session: &Session, remote: Remote<R>) -> Failure {
    let faults = remote.table.err().unwrap_or_default();
    let error = Error::InvalidTable { table: session.table.to_string(), faults };
    let next = "correct these items in DynamoDB, or push a sound file over them".into();
    Failure { next, exit: Exit::Wrong, ..error.into() }
}

/// The file that is to be overwritten.
struct Existing<R: RowKind> {
    table: Table<R>,
    text: String,
}

/// Why it cannot be compared with the table.
enum Unusable {
    /// It is a file, but not a sound table.
    Faults(Failure),
    Unread(Failure),
}

impl From<Failure> for Unusable {
    fn from(failure: Failure) -> Unusable {
        Unusable::Unread(failure)
    }
}

async fn existing<R: RowKind>(session: &Session, file: &Path) -> Result<Option<Existing<R>>, Unusable> {
    match std::fs::metadata(file) {
        Ok(found) if found.is_file() => {}
        Ok(found) if found.is_dir() => {
            return Err(Failure::wrong(format!("{} is a directory", file.display()), "name a file").into());
        }
        _ => return Ok(None),
    }
    let text = session.read_first(file, MAX_BYTES)?;
    let table = table::parse(&text).map_err(|faults| {
        let table = file.display().to_string();
        Unusable::Faults(Error::InvalidTable { table, faults }.into())
    })?;
    Ok(Some(Existing { table, text: String::from_utf8_lossy(&text).into_owned() }))
}

/// Returns the text of the file. What has not changed keeps every character, if that can be done.
fn text<R: RowKind>(table: &Table<R>, existing: Option<&Existing<R>>) -> String {
    let edited = existing.and_then(|Existing { table: before, text }| edit::edited(text, before, table));
    edited.unwrap_or_else(|| whole(table, existing))
}

/// Returns the text, written whole: rows stay at their places in the existing file, and new ones come at the end.
fn whole<R: RowKind>(table: &Table<R>, existing: Option<&Existing<R>>) -> String {
    struct Document<'a, R: RowKind> {
        schema: Option<String>,
        rows: Vec<&'a R>,
        rest: &'a R::Rest,
    }
    impl<R: RowKind> Serialize for Document<'_, R> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut document = serializer.serialize_map(None)?;
            if let Some(schema) = &self.schema {
                document.serialize_entry("$schema", schema)?;
            }
            document.serialize_entry(R::LIST, &self.rows)?;
            R::write_rest(self.rest, &mut document)?;
            document.end()
        }
    }
    let mut rows: Vec<&R> = table.rows.iter().collect();
    let schema = match existing {
        None => Some(R::SCHEMA.to_owned()),
        Some(Existing { table: before, text }) => {
            let position: HashMap<&str, usize> =
                before.rows.iter().enumerate().map(|(index, row)| (row.id(), index)).collect();
            rows.sort_by_key(|row| position.get(row.id()).copied().unwrap_or(usize::MAX));
            let document: Value =
                serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_default();
            document.get("$schema").and_then(Value::as_str).map(str::to_owned)
        }
    };
    let document = Document { schema, rows, rest: &table.rest };
    // Strings, lists and objects cannot fail to be written.
    let text = serde_json::to_string_pretty(&document).unwrap_or_default() + "\n";
    if text.len() <= MAX_BYTES {
        return text;
    }
    // A table that is sound in DynamoDB can be pulled, even if that takes one long line.
    serde_json::to_string(&document).unwrap_or_default() + "\n"
}
