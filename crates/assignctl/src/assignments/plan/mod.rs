//! `assignctl plan`: what would be created and which row causes it; why a row matches an account or does not; what an
//! edit of the table means. Creates nothing.

use std::{path::Path, process::ExitCode};

use account_assigner::{
    event::{self, Request},
    snapshot::Selection,
    table::OrganizationalUnit,
};
use serde_json::{Value, json};

use crate::{
    against, arguments, explain,
    failure::{Failure, MISSING},
    overview::{Outcome, Overview, Standing},
    session::Session,
    show::{self, Shown},
};

pub async fn run(session: &Session, arguments: arguments::Plan) -> Result<ExitCode, Failure> {
    let arguments::Plan { selection, event, snapshot, explain, against, full } = arguments;
    let table = session.table(&session.table).await?;
    let selection = match (event, &explain) {
        (Some(path), _) => match selected(&path)? {
            Selected::These(selection) => selection,
            Selected::Nothing(reason) => return Ok(ignored(session, &reason)),
        },
        (None, Some(account)) => Selection { accounts: vec![account.clone()], ous: Vec::new() },
        (None, None) => selection.into(),
    };
    if let Some(place) = against {
        let before = session.table(&place).await?;
        let facts = session.facts(snapshot.as_deref(), &selection, &[&table, &before]).await?;
        let (old, new) = ((&before, &place), (&table, &session.table));
        let difference = against::Difference::new(&facts, old, new);
        if session.json {
            session.print_json(&difference);
        } else {
            session.print(&difference.to_markdown());
        }
        return Ok(ExitCode::SUCCESS);
    }
    let facts = session.facts(snapshot.as_deref(), &selection, &[&table]).await?;
    let overview = Overview::new(&facts.snapshot, &facts.directory, &table, &session.table);
    if explain.is_some() {
        for (account, access) in facts.snapshot.accounts.iter().zip(&overview.accounts) {
            let explanation = explain::Explanation::new(&table, account, access);
            if session.json {
                session.print_json(&explanation);
            } else {
                session.print(&explanation.to_text());
            }
        }
    } else if session.json {
        session.print_json(&overview);
    } else {
        let shown =
            if full || !selection.accounts.is_empty() { Shown::Everything } else { Shown::Noteworthy };
        session.print(&show::accounts(&overview, shown));
        session.print(&show::summary(&overview.counts));
        session.note(show::LEGEND);
        if overview.counts.planned > 0 {
            session.note("next: `assignctl apply` with the same selection creates what is missing");
        }
    }
    Ok(exit_code(&overview, &selection))
}

/// Accounts that are not ready count only where they were asked for: an organization always has some.
pub fn exit_code(overview: &Overview, selection: &Selection) -> ExitCode {
    let asked_for = |id| selection.accounts.contains(id);
    let not_ready = overview
        .accounts
        .iter()
        .any(|access| access.standing == Standing::NotReady && asked_for(&access.account.id));
    if overview.outcome == Outcome::Ready && !not_ready { ExitCode::SUCCESS } else { ExitCode::from(MISSING) }
}

/// What an event asks for.
enum Selected {
    These(Selection),
    Nothing(String),
}

fn selected(path: &Path) -> Result<Selected, Failure> {
    let text = std::fs::read(path).map_err(|error| Failure::file("read", path, &error))?;
    let wrong = |problem: String| {
        Failure::wrong(
            format!("{}: {problem}", path.display()),
            "give a payload as the function takes it; events/ has one of each kind",
        )
    };
    let payload: Value =
        serde_json::from_slice(&text).map_err(|error| wrong(format!("not JSON: {error}")))?;
    Ok(match event::parse(&payload).map_err(wrong)? {
        Request::Ensure(request) => {
            Selected::These(Selection { accounts: vec![request.account], ous: Vec::new() })
        }
        Request::Survey { below } => Selected::These(Selection {
            accounts: Vec::new(),
            ous: below.map(OrganizationalUnit::Id).into_iter().collect(),
        }),
        Request::Ignore { reason, .. } => Selected::Nothing(reason),
    })
}

fn ignored(session: &Session, reason: &str) -> ExitCode {
    if session.json {
        session.print_json(&json!({ "outcome": "ignored", "reason": reason }));
    } else {
        session.print(&format!("nothing is done: {}\n", show::clean(reason)));
    }
    ExitCode::SUCCESS
}
