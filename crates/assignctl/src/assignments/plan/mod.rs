//! `assignctl plan`: what would be created and which row causes it; why a row matches an account or does not; what an
//! edit of the table means. Creates nothing.

mod against;
mod explain;

use std::path::Path;

use assigner_core::{
    event::{self, Request},
    selector::{OrganizationalUnit, Selection},
};
use assigner_engine::{facts::Tags, files::LARGEST_EVENT};
use serde_json::{Value, json};

use super::{
    overview::{Outcome, Overview, Standing},
    saved::SavedPlan,
    show::{self, Shown},
};
use crate::{
    arguments::{self, FailOn},
    exit::{Exit, Failure},
    files::require_one_input,
    session::Session,
    terminal::clean,
};

pub async fn run(session: &Session, arguments: arguments::Plan) -> Result<Exit, Failure> {
    let arguments::Plan { selection, event, snapshot, explain, against, full, out, fail_on } = arguments;
    if let Some(before) = &against {
        require_one_input(&session.table, before)?;
    }
    let table = session.table(&session.table).await?;
    let explain = match explain {
        Some(account) => Some(session.account_id(&account, snapshot.as_deref()).await?),
        None => None,
    };
    let selection = match (event, &explain) {
        (Some(path), _) => match selected(session, &path)? {
            Selected::These(selection) => selection,
            Selected::Nothing(reason) => return Ok(ignored(session, &reason)),
        },
        (None, Some(account)) => Selection { accounts: vec![account.clone()], ous: Vec::new() },
        (None, None) => session.selection(selection, snapshot.as_deref()).await?,
    };
    if let Some(location) = against {
        let before = session.table(&location).await?;
        let (facts, origin) =
            session.facts(snapshot.as_deref(), &selection, &[&table, &before], Tags::ThatDecide).await?;
        let (old, new) = ((&before, &location), (&table, &session.table));
        let difference = against::Difference::new(&facts, old, new, origin)?;
        if session.json {
            session.print_json(&difference);
        } else {
            session.print(&difference.to_markdown());
        }
        return Ok(Exit::Good);
    }
    // What is explained is shown with what the account has, also where it decides nothing.
    let tags = explain.as_ref().map_or(Tags::ThatDecide, |_| Tags::All);
    let (facts, origin) = session.facts(snapshot.as_deref(), &selection, &[&table], tags).await?;
    let overview = Overview::new(&facts, &table, &session.table, origin)?;
    if let Some(explained) = &explain {
        let account = facts.accounts.iter().find(|account| account.id == *explained);
        let access = overview.accounts.iter().find(|access| access.account.id == *explained);
        if let (Some(account), Some(access)) = (account, access) {
            let explanation = explain::Explanation::new(&table, account, access, facts.today);
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
        session.print(&show::head(&overview));
        session.print(&show::accounts(&overview, shown));
        session.print(&show::unresolved(&overview));
        session.print(&show::account_access(&overview));
        session.print(&show::summary(&overview.counts));
        session.note(show::LEGEND);
        match &out {
            Some(path) => session.note(&format!(
                "next: `assignctl apply {}` creates this, if nothing has changed by then",
                path.display()
            )),
            None if overview.counts.grants.planned > 0 => {
                session.note("next: `assignctl apply` with the same selection creates what is missing");
            }
            None => {}
        }
    }
    if let Some(path) = &out {
        SavedPlan::new(&overview, &selection)?.write(session, path)?;
    }
    Ok(if fail_on.is_empty() {
        exit(&overview, &selection)
    } else {
        failing(&overview, &selection, &fail_on)
    })
}

/// Returns the exit code if somebody says what counts. What could not be found out always counts.
fn failing(overview: &Overview, selection: &Selection, fail_on: &[FailOn]) -> Exit {
    let counts = &overview.counts;
    let not_known = counts.grants.failed + counts.grants.pending > 0 || !overview.is_known(fail_on);
    let counted = |what: &FailOn| match what {
        FailOn::Missing => exit(overview, selection) != Exit::Good,
        FailOn::Unexplained => counts.unexplained > 0,
        FailOn::Orphaned => counts.orphaned > 0,
    };
    if not_known || fail_on.iter().any(counted) { Exit::Missing } else { Exit::Good }
}

/// Returns the exit code. An account that is not ready counts only if it was asked for: an organization always has
/// some.
pub fn exit(overview: &Overview, selection: &Selection) -> Exit {
    let asked_for = |id| selection.accounts.contains(id);
    let not_ready = overview
        .accounts
        .iter()
        .any(|access| access.standing == Standing::NotReady && asked_for(&access.account.id));
    if overview.outcome == Outcome::Ready && !not_ready { Exit::Good } else { Exit::Missing }
}

/// What an event asks for.
enum Selected {
    These(Selection),
    Nothing(String),
}

fn selected(session: &Session, path: &Path) -> Result<Selected, Failure> {
    let text = session.read(path, LARGEST_EVENT)?;
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
        Request::Survey { below, after: _ } => Selected::These(Selection {
            accounts: Vec::new(),
            ous: below.map(OrganizationalUnit::Id).into_iter().collect(),
        }),
        Request::Unexplained { .. } => Selected::These(Selection::default()),
        Request::Ignore { reason, .. } => Selected::Nothing(reason),
    })
}

fn ignored(session: &Session, reason: &str) -> Exit {
    if session.json {
        session.print_json(&json!({ "outcome": "ignored", "reason": reason }));
    } else {
        session.print(&format!("nothing is done: {}\n", clean(reason)));
    }
    Exit::Good
}
