//! `assignctl who`: every group and user with access to an account, by which permission set and row; with `--members`, the
//! people behind the groups. Reads only.

use std::fmt::Write;

use assigner_core::assignments::{
    plan::Index,
    reach::{
        in_account,
        who::{self, Who},
    },
};
use assigner_engine::facts::Tags;

use super::reach::{self, Line, Looked};
use crate::{
    arguments,
    exit::{Exit, Failure},
    session::Session,
    terminal::{FAINT, STRONG, clean},
};

pub async fn run(session: &Session, arguments: arguments::Who) -> Result<Exit, Failure> {
    let arguments::Who { account, members, snapshot } = arguments;
    let snapshot = snapshot.as_deref();
    let table = session.table(&session.table).await?;
    let id = session.account_id(&account, snapshot).await?;
    let Looked { facts, account, access, source } =
        session.look_at(&id, &table, snapshot, Tags::ThatDecide).await?;
    let here = in_account(&Index::new(&table, facts.today), &account, &facts, access.as_ref());
    let members = match members {
        true => Some(session.members_from(&source, &who::groups(&here)).await?),
        false => None,
    };
    let who = who::who(here, members.as_ref(), &facts.names_by_id);
    if session.json {
        session.print_json(&who);
    } else {
        session.print(&text(&who));
    }
    Ok(reach::exit(&who.here.unread))
}

fn text(Who { here, people }: &Who) -> String {
    let mut text = reach::account(&here.account) + "\n";
    if let Some(reason) = &here.reason {
        let _ = writeln!(text, "  {FAINT}no row applies: {}{FAINT:#}", clean(reason));
    }
    if here.access.is_empty() {
        let _ = writeln!(text, "  {FAINT}nobody has access{FAINT:#}");
    }
    let lines: Vec<Line<'_>> = here
        .access
        .iter()
        .map(|link| Line {
            gives: &link.gives,
            who: reach::principal(link.principal.as_ref()),
            state: &link.state,
        })
        .collect();
    text.push_str(&reach::lines(&lines, "  "));
    if let Some(people) = people {
        let _ = writeln!(text, "\n{STRONG}People{STRONG:#}  {}", people.len());
        for person in people {
            let _ = writeln!(text, "  {}", reach::principal(Some(&person.principal)));
            let lines: Vec<Line<'_>> = person.ways.iter().map(Line::of_way).collect();
            text.push_str(&reach::lines(&lines, "    "));
        }
    }
    text + &reach::unread(&here.unread)
}
