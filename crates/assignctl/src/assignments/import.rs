//! `assignctl import`: a table from what AWS has. Changes nothing in AWS, and never replaces a file.

use assigner_core::assignments::import::{self, Imported};
use assigner_engine::facts::Tags;

use crate::{
    assignments::arguments,
    exit::{Exit, Failure},
    session::Session,
    terminal::{self, clean, plural},
};

pub async fn run(session: &Session, arguments: arguments::Import) -> Result<Exit, Failure> {
    let arguments::Import { selection, snapshot, output } = arguments;
    // Before AWS is read for it.
    output.as_deref().map(|path| session.require_new(path)).transpose()?;
    let selection = session.selection(selection, snapshot.as_deref()).await?;
    let (facts, _) = session.facts(snapshot.as_deref(), &selection, &[], Tags::Later).await?;
    if !facts.method.sees_everything() {
        return Err(Failure::wrong(
            "not every assignment was read, so no table can say what there is",
            "write a new snapshot with `assignctl snapshot`",
        ));
    }
    let imported = import::import(&facts).map_err(|problem| Failure {
        name: "NotImported",
        message: clean(&problem),
        next: "choose other accounts with --ou or --account, or run it again later; nothing was written"
            .to_owned(),
        exit: Exit::Missing,
    })?;
    let Imported { table, explained, left_out, suggestions } = imported;
    let left_out = left_out.words();
    if table.rows.is_empty() {
        left_out.iter().for_each(|line| session.note(line));
        return Err(Failure::wrong(
            "there is no assignment that a table could explain",
            "choose other accounts with --ou or --account",
        ));
    }
    let text = terminal::as_it_is(&table);
    match &output {
        None => session.print(&text),
        Some(path) => session.write_new(path, text.as_bytes())?,
    }
    session.note(&format!(
        "{} for {explained} of {} assignments; nothing missing, nothing else unexplained",
        plural(table.rows.len(), "row"),
        facts.assigned.count()
    ));
    left_out.iter().for_each(|line| session.note(line));
    suggestions.iter().for_each(|line| session.note(&format!("suggestion: {}", clean(line))));
    Ok(Exit::Good)
}
