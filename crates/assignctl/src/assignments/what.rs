//! `assignctl what`: every account that a group or user reaches, with which permission set, through which group and row.
//! Reads only.

use std::{fmt::Write, path::Path, sync::Arc};

use assigner_core::{
    assignments::{
        Table,
        reach::{
            find::Asked,
            what::{self, What, concerning, everybody},
        },
    },
    selector::Selection,
};
use assigner_engine::{error::Error, facts::Reader};
use tokio::time::timeout_at;

use super::reach::{self, Line, Source};
use crate::{
    arguments,
    exit::{Exit, Failure},
    facts::{self, Kept},
    session::Session,
    terminal::{FAINT, STRONG, WARNING, clean, plural},
};

pub async fn run(session: &Session, arguments: arguments::What) -> Result<Exit, Failure> {
    let arguments::What { principal, snapshot } = arguments;
    let table = session.table(&session.table).await?;
    let what = match snapshot {
        Some(path) => offline(session, &principal, &table, &path).await?,
        None => live(session, &principal, &table).await?,
    };
    if session.json {
        session.print_json(&what);
    } else {
        session.print(&text(&what));
    }
    Ok(reach::exit(&what.unread))
}

async fn offline(session: &Session, asked: &Asked, table: &Table, path: &Path) -> Result<What, Failure> {
    let Kept { facts, access, members } = session.kept_in_snapshot(path, &Selection::default(), &[table])?;
    let source = Source::File(members);
    let principal = session.principal(asked, &facts.names_by_id, &source).await?;
    let belongs = session.belongs(&principal, &facts.names_by_id, &source).await?;
    let table = concerning(table, &facts.names, &everybody(&principal, &belongs));
    let mut what = what::what(&table, &facts, access.as_ref(), &principal, &belongs);
    if !facts.is_whole() {
        what.unread.push(format!("only {} was read", facts.selection.words()));
    }
    Ok(what)
}

/// Asks for the principal and its groups alone, so that a large organization takes few calls.
async fn live(session: &Session, asked: &Asked, table: &Table) -> Result<What, Failure> {
    let aws = Arc::new(session.aws().await?);
    let bar = session.spinner();
    let management: Vec<_> = aws.settings.management_account.iter().collect();
    let watch = |step| facts::watch(&bar, step);
    let selection = Selection::default();
    let tables = [table];
    let reader = Reader {
        organizations: &aws.organizations,
        center: &aws.center,
        resolver: &aws.resolver,
        management: &management,
        selection: &selection,
        tables: &tables,
        watch: &watch,
    };
    let late = |what| Error::Late { what, last: aws.center.tally().last_failure() };
    let known = timeout_at(session.until, reader.every_name()).await.map_err(|_| late("names"))??;
    let source = Source::Aws(aws.clone());
    let principal = session.principal(asked, &known.by_id, &source).await?;
    let mut belongs = session.belongs(&principal, &known.by_id, &source).await?;
    let everybody = everybody(&principal, &belongs);
    // Rows of others would ask for tags that decide nothing here.
    let table = concerning(table, &known.names, &everybody);
    let tables = [&table];
    let reader = Reader { tables: &tables, ..reader };
    let read = async { Ok(timeout_at(session.until, reader.of_principals(known, &everybody)).await) };
    let access = async { Ok::<_, Failure>(session.account_access(&aws).await) };
    let (read, access) = tokio::try_join!(read, access)?;
    bar.finish_and_clear();
    let (facts, unread) = read.map_err(|_| late("AWS"))??;
    facts.notes.iter().for_each(|note| session.note(&format!("note: {}", clean(note))));
    belongs.unread.extend(unread);
    Ok(what::what(&table, &facts, Some(&access), &principal, &belongs))
}

fn text(What { principal, groups, accounts, unread }: &What) -> String {
    let mut text = format!("{STRONG}{}{STRONG:#}", reach::principal(Some(principal)));
    if !groups.is_empty() {
        let groups: Vec<String> = groups.iter().map(|group| reach::principal(Some(group))).collect();
        let _ = write!(text, "  member of {}", groups.join(", "));
    }
    let _ = write!(text, "\n{}", plural(accounts.len(), "account"));
    let held = accounts.iter().filter(|account| account.ways.iter().any(|way| way.state.held)).count();
    if held < accounts.len() {
        let _ = write!(text, ", {held} of them with access now");
    }
    text.push('\n');
    for reached in accounts {
        let _ = writeln!(text, "\n{}", reach::account(&reached.account));
        if let Some(reason) = &reached.reason {
            let _ = writeln!(text, "  {FAINT}no row applies: {}{FAINT:#}", clean(reason));
        }
        let lines: Vec<Line<'_>> = reached.ways.iter().map(Line::of_way).collect();
        text.push_str(&reach::lines(&lines, "  "));
    }
    if accounts.is_empty() && unread.is_empty() {
        let _ = writeln!(text, "{WARNING}neither AWS nor the table gives it anything{WARNING:#}");
    }
    text + &reach::unread(unread)
}
