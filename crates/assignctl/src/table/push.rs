//! `assignctl table push`: makes the DynamoDB table the same as a file.

use std::{path::Path, pin::pin, time::Duration};

use assigner_aws::dynamodb::{Change, DynamoDbTable, Refusal, Unwritten};
use assigner_core::{cause::Cause, table::RowKind, work::Wish};
use aws_config::SdkConfig;
use tokio::{
    sync::watch,
    time::{Instant, timeout, timeout_at},
};

use super::{
    Deployed, Outcome, Remote, Rows, difference::Difference, digest::Digest, document, faults, list, memory,
    of_file, read, rows,
};
use crate::{
    caller,
    exit::{Exit, Failure},
    session::Session,
    terminal::{interrupted, plural},
};

/// What the person or the pipeline has agreed to.
pub struct Consent {
    /// Nothing is asked.
    pub yes: bool,
    pub force: bool,
    /// What the DynamoDB table is expected to be.
    pub expect: Option<Digest>,
}

/// After nothing new is started, this long is waited for what is under way.
const GRACE: Duration = Duration::from_secs(10);

pub async fn run<R: Deployed>(
    session: &Session,
    sdk: &SdkConfig,
    dynamodb: &DynamoDbTable,
    file: &Path,
    Consent { yes, force, expect }: Consent,
) -> Result<Exit, Failure> {
    let wanted = rows::<R>(&of_file(session, file)?);
    let (name, region) = (dynamodb.name(), dynamodb.region());
    let remote: Remote<R> = read(session, dynamodb).await?;
    let present = remote.rows(&wanted);
    let digest = remote.digest();
    if let Err(found) = &remote.table {
        session.note(&format!(
            "note: the DynamoDB table {name} is not sound, so the function refuses it:{}",
            faults(found)
        ));
    }
    if let Some(expected) = expect.as_ref().filter(|expected| **expected != digest) {
        let message = format!(
            "the DynamoDB table {name} is not the expected one: it is {}, not {}",
            digest.as_str(),
            expected.as_str()
        );
        let next =
            "somebody changed it since that digest was printed: look at the difference, then expect the \
                    digest that it has now"
                .into();
        return Err(Failure { name: "TableChanged", message, next, exit: Exit::Missing });
    }
    let difference = Difference::new(&present, &wanted);
    if difference.is_empty() {
        memory::remember(session, file, name, region, present);
        if session.json {
            session.print_json(&document(Outcome::Unchanged, name, file, &difference, &digest));
        } else {
            session.print(&format!(
                "nothing to do: the DynamoDB table {name} is the same as {}\ndigest {}\n",
                file.display(),
                digest.as_str()
            ));
        }
        return Ok(Exit::Good);
    }
    let identity = session.identity(sdk).await;
    if !session.json {
        let table =
            format!("the DynamoDB table {name}, {}, {}", plural(remote.items.len(), "row"), digest.as_str());
        session.print(&caller::lines(&[
            ("identity", caller::words(&identity)),
            ("Region", region.clone().unwrap_or_default()),
            ("table", table),
        ]));
        session.print(&format!("\n{}", difference.to_text(R::FIELDS)));
    }
    let changes = changes(&remote, &present, &wanted);
    if !force {
        refuse_emptiness::<R>(&present, &wanted, file, name)?;
    }
    refuse_large_items(&changes)?;
    if yes || !session.json {
        // Nothing is written without it, so a difference may be looked at without it too.
        let seen = Seen { session, file, name, region: region.as_ref(), digest: &digest };
        seen.refuse_what_was_not_seen(&changes, &remote, expect.is_some(), force)?;
    }
    if !yes {
        if session.json {
            session.print_json(&document(Outcome::Different, name, file, &difference, &digest));
            session.note("nothing was written; add --yes to write");
            return Ok(Exit::Missing);
        }
        if !session.confirm(&format!("Write this to the DynamoDB table {name}?"))? {
            session.note("nothing was written");
            return Ok(Exit::Missing);
        }
    }
    write::<R>(session, dynamodb, changes).await?;
    let digest = Digest::of::<R>(&wanted);
    memory::remember(session, file, name, region, wanted);
    if session.json {
        session.print_json(&document(Outcome::Written, name, file, &difference, &digest));
    } else {
        session.print(&format!(
            "written to the DynamoDB table {name}: {}\ndigest {}\n",
            difference.summary(),
            digest.as_str()
        ));
    }
    Ok(Exit::Good)
}

/// Writes, until it is done, a signal stops it, or the time runs out.
async fn write<R: RowKind>(
    session: &Session,
    dynamodb: &DynamoDbTable,
    changes: Vec<Change>,
) -> Result<(), Failure> {
    let bar = session.progress(changes.len(), "{bar:30} {pos} of {len} rows written");
    let (wish, wished) = watch::channel(Wish::GoOn);
    let written = |rows: usize| bar.set_position(rows as u64);
    let fields: Vec<&str> = R::FIELDS.iter().chain(R::REST).copied().collect();
    let mut writing = pin!(dynamodb.write(changes, &fields, wished, &written));
    let mut late = false;
    let done = {
        let stopped = stop(session.until, interrupted, &wish, |why| {
            late = why == Why::Late;
            bar.suspend(|| {
                session.note("no more is written; what is under way is waited for, up to 10 seconds");
            });
        });
        tokio::select! {
            done = &mut writing => Some(done),
            () = stopped => None,
        }
    };
    let done = match done {
        Some(done) => done,
        None => writing.await,
    };
    bar.finish_and_clear();
    done.map_err(|unwritten| failure(*unwritten, dynamodb.name(), late))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Signal,
    Late,
}

/// Returns when nothing more is to be waited for: a while after the first signal or the end of the time, or at once
/// after the next signal.
async fn stop<F: Future<Output = ()>>(
    until: Instant,
    signal: impl Fn() -> F,
    wish: &watch::Sender<Wish>,
    said: impl FnOnce(Why),
) {
    let why = match timeout_at(until, signal()).await {
        Ok(()) => Why::Signal,
        Err(_) => Why::Late,
    };
    said(why);
    wish.send_replace(Wish::StartNothing);
    // Whether another signal comes or not.
    let _ = timeout(GRACE, signal()).await;
    wish.send_replace(Wish::Stop);
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

/// Refuses to empty the table: with a wrong file or a wrong table, the next account or OU would get nothing.
fn refuse_emptiness<R: Deployed>(
    present: &Rows,
    wanted: &Rows,
    file: &Path,
    name: &str,
) -> Result<(), Failure> {
    // What a table has besides rows gives nothing to anybody.
    let is_row = |id: &&String| R::REST.is_empty() || *id != R::REST_ITEM;
    let mut rows = present.keys().filter(is_row).peekable();
    let message = if !wanted.keys().any(|id| is_row(&id)) {
        format!("{} has no rows; pushed, {}", file.display(), R::WITHOUT_ROWS)
    } else if rows.peek().is_some() && rows.all(|id| !wanted.contains_key(id)) {
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

/// What is known of those who look at the table.
struct Seen<'a> {
    session: &'a Session,
    file: &'a Path,
    name: &'a str,
    region: Option<&'a String>,
    digest: &'a Digest,
}

impl Seen<'_> {
    /// Refuses to overwrite or remove rows that nobody has seen here as they are now.
    fn refuse_what_was_not_seen<R: RowKind>(
        &self,
        changes: &[Change],
        remote: &Remote<R>,
        expected: bool,
        force: bool,
    ) -> Result<(), Failure> {
        let Seen { session, file, name, region, digest } = self;
        if expected {
            return Ok(());
        }
        let (rows, message) = match memory::recall(file, name, *region) {
            Ok(then) => {
                let now = remote.rows(&then);
                let changed = |id: &&String| then.get(*id) != now.get(*id);
                let rows: Vec<String> =
                    changes.iter().map(|change| &change.id).filter(changed).cloned().collect();
                let message = format!(
                    "{} changed in the DynamoDB table {name} since {} was pulled or pushed: {}",
                    plural(rows.len(), "row"),
                    file.display(),
                    list(&rows)
                );
                (rows, message)
            }
            Err(why) => {
                let rows: Vec<String> = changes
                    .iter()
                    .filter(|change| !change.is_new())
                    .map(|change| change.id.clone())
                    .collect();
                let message = format!(
                    "{why}, so it is not known who wrote {} that the push would overwrite or remove: {}",
                    plural(rows.len(), "row"),
                    list(&rows)
                );
                (rows, message)
            }
        };
        if rows.is_empty() {
            return Ok(());
        }
        if force {
            session.note(&format!("note: {message}"));
            return Ok(());
        }
        let next = format!(
            "if the difference is what you want, add --expect {}: it writes only if the table is still that one. If \
             not, take their rows into {} (`table pull OTHER` writes them to another file), and push again. --force \
             overwrites whatever is there",
            digest.as_str(),
            file.display()
        );
        Err(Failure { name: "TableChanged", message, next, exit: Exit::Missing })
    }
}

fn failure(unwritten: Unwritten, name: &str, late: bool) -> Failure {
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
        Refusal::Stopped if late => (
            "Late",
            "the time of --timeout ran out".to_owned(),
            "run it again to see the difference, or give it more time".to_owned(),
        ),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// How long it takes until each wish, if the signals come at these seconds and the time ends after a minute.
    async fn wishes(signals: &[u64]) -> (Why, Vec<(Wish, u64)>) {
        let began = Instant::now();
        let next = std::cell::Cell::new(0);
        let signal = || {
            let at = signals.get(next.replace(next.get() + 1)).copied();
            async move {
                match at {
                    Some(at) => {
                        _ = timeout_at(began + Duration::from_secs(at), std::future::pending::<()>()).await
                    }
                    None => std::future::pending().await,
                }
            }
        };
        let (wish, mut wished) = watch::channel(Wish::GoOn);
        let (mut why, mut seen) = (None, Vec::new());
        {
            let stopping = stop(began + Duration::from_secs(60), signal, &wish, |said| why = Some(said));
            let mut stopping = pin!(stopping);
            loop {
                tokio::select! {
                    biased;
                    changed = wished.changed() => {
                        changed.unwrap();
                        seen.push((*wished.borrow_and_update(), began.elapsed().as_secs()));
                    }
                    () = &mut stopping => break,
                }
            }
        }
        seen.push((*wished.borrow_and_update(), began.elapsed().as_secs()));
        (why.unwrap(), seen)
    }

    #[tokio::test(start_paused = true)]
    async fn a_signal_and_the_end_of_the_time_stop_a_push_and_neither_waits_for_ever() {
        let cases: &[(&[u64], Why, u64, u64)] =
            &[(&[5], Why::Signal, 5, 15), (&[5, 6], Why::Signal, 5, 6), (&[], Why::Late, 60, 70)];
        for (signals, why, nothing_new, nothing) in cases {
            let expected = (*why, vec![(Wish::StartNothing, *nothing_new), (Wish::Stop, *nothing)]);
            assert_eq!(wishes(signals).await, expected, "{signals:?}");
        }
    }
}
