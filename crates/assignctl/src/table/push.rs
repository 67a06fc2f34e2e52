//! `assignctl table push`: makes the DynamoDB table the same as a file.

use std::path::Path;

use assigner_aws::dynamodb::{Change, DynamoDbTable, Refusal, Unwritten};
use assigner_core::{cause::Cause, table::RowKind};

use super::{
    Outcome, Remote, Rows, difference::Difference, document, faults, list, memory, of_file, read, rows,
};
use crate::{
    exit::{Exit, Failure},
    session::Session,
    terminal::plural,
};

pub async fn run<R: RowKind>(
    session: &Session,
    dynamodb: &DynamoDbTable,
    file: &Path,
    yes: bool,
    force: bool,
) -> Result<Exit, Failure> {
    let wanted = rows::<R>(&of_file(session, file).await?);
    let (name, region) = (dynamodb.name(), dynamodb.region());
    let remote: Remote<R> = read(session, dynamodb).await?;
    let present = remote.rows(&wanted);
    if let Err(found) = &remote.table {
        session.note(&format!(
            "note: the DynamoDB table {name} is not sound, so the function refuses it:{}",
            faults(found)
        ));
    }
    let difference = Difference::new(&present, &wanted);
    if difference.is_empty() {
        memory::remember(session, file, name, region, present);
        if session.json {
            session.print_json(&document(Outcome::Unchanged, name, file, &difference));
        } else {
            session.print(&format!(
                "nothing to do: the DynamoDB table {name} is the same as {}\n",
                file.display()
            ));
        }
        return Ok(Exit::Good);
    }
    if !session.json {
        session.print(&difference.to_text(R::FIELDS));
    }
    let changes = changes(&remote, &present, &wanted);
    if !force {
        refuse_emptiness(&present, &wanted, file, name)?;
    }
    refuse_large_items(&changes)?;
    let changed = changed_since_the_pull(session, &changes, &remote, file, name, region.as_ref());
    if !changed.is_empty() {
        let message = format!(
            "{} changed in the DynamoDB table {name} since {} was pulled or pushed: {}",
            plural(changed.len(), "row"),
            file.display(),
            list(&changed)
        );
        if !force {
            let next = "pull, make your edit again and push; or add --force to overwrite their change".into();
            return Err(Failure { name: "TableChanged", message, next, exit: Exit::Missing });
        }
        session.note(&format!("note: {message}"));
    }
    if !yes {
        if session.json {
            session.print_json(&document(Outcome::Different, name, file, &difference));
            session.note("nothing was written; add --yes to write");
            return Ok(Exit::Missing);
        }
        if !session.confirm(&format!("Write this to the DynamoDB table {name}?"))? {
            session.note("nothing was written");
            return Ok(Exit::Missing);
        }
    }
    let stop = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    dynamodb.write(changes, R::FIELDS, stop).await.map_err(|unwritten| failure(*unwritten, name))?;
    memory::remember(session, file, name, region, wanted);
    if session.json {
        session.print_json(&document(Outcome::Written, name, file, &difference));
    } else {
        session.print(&format!("written to the DynamoDB table {name}: {}\n", difference.summary()));
    }
    Ok(Exit::Good)
}

fn changes<R: RowKind>(remote: &Remote<R>, present: &Rows, wanted: &Rows) -> Vec<Change> {
    let mut changes: Vec<Change> = wanted
        .iter()
        .filter(|(id, _)| !present.contains_key(*id))
        .map(|(id, row)| Change::add(id, row))
        .collect();
    for item in &remote.items {
        match wanted.get(&item.id) {
            None => changes.push(Change::remove(item)),
            Some(row) if present.get(&item.id) != Some(row) => changes.push(Change::replace(item, row)),
            Some(_) => {}
        }
    }
    changes
}

/// Refuses to empty the table: with a wrong file or a wrong table, nobody would get access to the next account.
fn refuse_emptiness(present: &Rows, wanted: &Rows, file: &Path, name: &str) -> Result<(), Failure> {
    let message = if wanted.is_empty() {
        format!("{} has no rows; pushed, no account would get any assignment", file.display())
    } else if !present.is_empty() && present.keys().all(|id| !wanted.contains_key(id)) {
        format!("every row of the DynamoDB table {name} would be removed")
    } else {
        return Ok(());
    };
    let next = "see that it is the right file and the right table, then add --force".into();
    Err(Failure { name: "EmptyTable", message, next, exit: Exit::Wrong })
}

fn refuse_large_items(changes: &[Change]) -> Result<(), Failure> {
    let large: Vec<String> =
        changes.iter().filter(|change| change.is_too_large()).map(|change| change.id.clone()).collect();
    if large.is_empty() {
        return Ok(());
    }
    Err(Failure::wrong(
        format!("DynamoDB takes no row of more than 400 KB: {}", list(&large)),
        "shorten its description or its lists, or split it into several rows",
    ))
}

/// Returns the rows that changed since the pull and would be overwritten.
fn changed_since_the_pull<R: RowKind>(
    session: &Session,
    changes: &[Change],
    remote: &Remote<R>,
    file: &Path,
    name: &str,
    region: Option<&String>,
) -> Vec<String> {
    match memory::recall(file, name, region) {
        Ok(then) => {
            let now = remote.rows(&then);
            let changed = |id: &&String| then.get(*id) != now.get(*id);
            changes.iter().map(|change| &change.id).filter(changed).cloned().collect()
        }
        Err(why) => {
            if !remote.items.is_empty() {
                session.note(&format!("note: {why}, so only the difference shows what others changed"));
            }
            Vec::new()
        }
    }
}

fn failure(unwritten: Unwritten, name: &str) -> Failure {
    let Unwritten { why, standing, unclear } = unwritten;
    let (error, mut message, mut next) = match why {
        Refusal::Changed(ids) => (
            "TableChanged",
            format!(
                "{} changed in the DynamoDB table {name} since it was read: {}",
                plural(ids.len(), "row"),
                list(&ids)
            ),
            "run it again to see the new difference".to_owned(),
        ),
        Refusal::Failed(error) => {
            let next = match error.cause {
                Cause::Denied => {
                    "allow this identity dynamodb:PutItem and dynamodb:DeleteItem on the table".to_owned()
                }
                _ => "run it again to see the difference that is left".to_owned(),
            };
            ("WriteFailed", error.to_string(), next)
        }
        Refusal::Stopped => {
            ("Stopped", "it was stopped".to_owned(), "run it again to see the difference".to_owned())
        }
    };
    if standing.is_empty() && unclear.is_empty() {
        message += "; nothing was written";
    }
    if !standing.is_empty() {
        message += &format!(
            "; {} written before and not undone: {}",
            plural(standing.len(), "row"),
            list(&standing)
        );
        next += "; a new run shows what is left, and goes on from there";
    }
    if !unclear.is_empty() {
        message += &format!(
            "; {} may have been written, because there was no clear answer: {}",
            plural(unclear.len(), "row"),
            list(&unclear)
        );
    }
    Failure { name: error, message, next, exit: Exit::Missing }
}
