//! `assignctl permission-set report`: who used what where, and what a draft keeps, drops and cannot know, as a page and as a
//! CSV file for reviewers. Offline: it reads the usage file and the policy file, and the same files make the same bytes.
//!
//! It names accounts, and no person: neither file has an e-mail address or a name of a session, and what looks like one is
//! hidden here once more.

mod matrix;
mod page;

use std::path::Path;

use assigner_core::permissions::{
    draft::Draft,
    gaps::Gap,
    privacy,
    review::{self, Decision, Review},
    usage::{Source, Usage},
};
use assigner_engine::files::LARGEST_SNAPSHOT;
use serde::Serialize;

use self::{matrix::Matrix, page::Page};
use super::{arguments, draft};
use crate::{
    exit::{Exit, Failure},
    page::{render, unwritten},
    session::Session,
    spreadsheet,
    terminal::{GOOD, STRONG, WARNING, clean, plural},
};

pub fn run(session: &Session, arguments: arguments::Report) -> Result<Exit, Failure> {
    let arguments::Report { usage: usage_path, draft: draft_path, html, csv } = arguments;
    if html.is_none() && csv.is_none() && !session.json {
        return Err(Failure::wrong("no file to write", "add --html FILE or --csv FILE, or --json"));
    }
    for output in [&html, &csv].into_iter().flatten() {
        draft::refuse_input_as_output(output, [Some(usage_path.as_path()), Some(draft_path.as_path())])?;
    }
    let mut usage = draft::read(session, &usage_path)?;
    let mut drafted = review::parse(&session.read(&draft_path, LARGEST_SNAPSHOT)?).map_err(|problems| {
        refused(
            &draft_path,
            &problems,
            "draft again with `assignctl permission-set draft`, or correct the policy",
        )
    })?;
    hide(&mut usage, &mut drafted);
    let review = Review::new(&usage, &drafted).map_err(|problems| {
        refused(
            &draft_path,
            &problems,
            &format!(
                "name the usage file that it was made from, or draft again from {}",
                clean(&usage_path.display().to_string())
            ),
        )
    })?;
    let decisions = review.decisions();
    let matrix = Matrix::new(&review);
    // Both are made before either is written.
    let page = html.map(|path| Ok::<_, Failure>((path, render(&Page::new(&review, &decisions, &matrix))?)));
    let lines = csv.map(|path| Ok::<_, Failure>((path, to_csv(&review, &matrix).map_err(unwritten)?)));
    for (path, content) in [page.transpose()?, lines.transpose()?].into_iter().flatten() {
        session.write(&path, &content)?;
        session.note(&format!("{} written", path.display()));
    }
    if session.json {
        session.print_json(&Answer {
            permission_set: &usage.permission_set.name,
            days: usage.days,
            accounts: drafted.accounts.len(),
            actions: drafted.actions.len(),
            decisions: &decisions,
        });
    } else {
        session.print(&summary(&review, &decisions));
    }
    Ok(Exit::Good)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    permission_set: &'a str,
    /// How many days were asked for.
    days: u32,
    /// How many accounts the draft covers.
    accounts: usize,
    /// How many it keeps.
    actions: usize,
    decisions: &'a [Decision],
}

fn refused(path: &Path, problems: &[String], next: &str) -> Failure {
    let list: String = problems.iter().map(|problem| format!("\n- {}", clean(problem))).collect();
    let path = path.display().to_string();
    Failure::wrong(
        format!("no report of {}, {}:{list}", clean(&path), plural(problems.len(), "problem")),
        next.to_owned(),
    )
}

/// Hides what a file that was edited by hand may say of persons. The policies stay as they are.
fn hide(usage: &mut Usage, drafted: &mut Draft) {
    let hide = |text: &mut String| *text = privacy::hide(text);
    for account in &mut usage.accounts {
        hide(&mut account.name);
        for failure in &mut account.failures {
            hide(&mut failure.cause);
            hide(&mut failure.remedy);
        }
    }
    for account in &mut drafted.accounts {
        hide(&mut account.name);
    }
    for left in &mut drafted.without {
        hide(&mut left.name);
        left.causes.iter_mut().for_each(hide);
    }
    drafted.actions.iter_mut().flat_map(|line| &mut line.keep).for_each(hide);
    drafted.kept.iter_mut().for_each(|row| hide(&mut row.reason));
    drafted.ended.iter_mut().for_each(|row| hide(&mut row.reason));
}

fn summary(review: &Review<'_>, decisions: &[Decision]) -> String {
    let mut text = format!(
        "{STRONG}{}{STRONG:#}: {} kept, from the use of {}\n",
        clean(&review.usage.permission_set.name),
        plural(review.draft.actions.len(), "action"),
        plural(review.draft.accounts.len(), "account")
    );
    for decision in decisions {
        text += &format!("{WARNING}-{WARNING:#} {}: {}\n", decision.kind.title(), decision.items.len());
    }
    if decisions.is_empty() {
        text += &format!("{GOOD}nothing is left to decide{GOOD:#}\n");
    }
    text
}

/// Returns the CSV file: a line for each action and account, then what nobody used, what was edited, what no source can
/// show, and the accounts that are left out.
fn to_csv(review: &Review<'_>, matrix: &Matrix<'_>) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut write = |record: [&str; 7]| {
        writer.write_record(record.map(spreadsheet::cell).each_ref().map(AsRef::<str>::as_ref))
    };
    write(["action", "account", "accountName", "status", "last", "sources", "reason"])?;
    for line in matrix.lines() {
        for entry in &line.entries {
            let (id, name) = match entry.column.checked_sub(matrix.by_hand()) {
                Some(place) => (matrix.accounts[place].id.as_str(), matrix.accounts[place].name.as_str()),
                None => ("", ""),
            };
            let (last, sources) =
                (entry.last.map(|day| day.to_string()).unwrap_or_default(), entry.sources());
            let reason = match (&entry.reason, line.left) {
                (Some(reason), _) => reason,
                (None, Some(reason)) => reason.sentence(),
                (None, None) => "",
            };
            write([line.action, id, name, entry.mark.word(), &last, &sources, reason])?;
        }
    }
    for service in &review.services {
        for action in &service.unused {
            write([
                action,
                "",
                "",
                "unused",
                "",
                Source::LastAccessed.as_str(),
                "AWS knows that nobody used it",
            ])?;
        }
    }
    for sentence in &review.edited {
        write(["", "", "", "edited", "", "", sentence])?;
    }
    for gap in &review.gaps {
        write(["", "", "", "unknown", "", "", &Gap::sentence(gap)])?;
    }
    for left in &review.draft.without {
        write(["", left.account.as_str(), &left.name, "without", "", "", &left.causes.join("; ")])?;
    }
    Ok(writer.into_inner().map_err(csv::IntoInnerError::into_error)?)
}
