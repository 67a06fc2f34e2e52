//! `assignctl controls report`: which OU has which control, from where and because of which row, as a page and as a CSV file
//! for auditors. Drift is marked in it and is not a failure.

mod framework;
mod matrix;
mod page;

use std::{collections::BTreeSet, time::Duration};

use assigner_aws::{client::Tally, control_catalog::ControlCatalog};
use assigner_core::controls::{
    picture::Picture,
    report::{Mode, Report, Seen},
};
use assigner_engine::error::Error;
use tokio::time::timeout_at;

use self::{
    framework::Framework,
    matrix::{Line, Matrix},
    page::{About, Page},
};
use super::{arguments, steps::Steps};
use crate::{
    exit::{Exit, Failure},
    page::{render, unwritten},
    session::Session,
    spreadsheet,
};

pub async fn run(session: &Session, arguments: arguments::Report) -> Result<Exit, Failure> {
    let arguments::Report { selection, html, csv, framework } = arguments;
    if html.is_none() && csv.is_none() && !session.json {
        return Err(Failure::wrong("no file to write", "add --html FILE or --csv FILE, or --json"));
    }
    let steps = Steps::of(session, &selection.ous).await?;
    // A name that does not exist is refused before everything else is read.
    let framework = match framework {
        Some(name) => Some(of_catalogue(session, &steps, &name).await?),
        None => None,
    };
    let picture = steps.picture(Mode::Look, &[]).await?;
    let table = steps.table();
    let decided = picture.decide(table, steps.rules(Mode::Look));
    let (mut wishes, plan) =
        decided.map_err(|faults| Error::InvalidTable { table: session.table.to_string(), faults })?;
    let selected = picture.tree.selection(steps.ous());
    // An OU that does not exist is below none of those that were asked for.
    wishes.unresolved.retain(|_| steps.ous().is_empty());
    let Picture { tree, catalogue, facts, .. } = &picture;
    let seen = Seen {
        table,
        catalogue,
        tree,
        wishes: &wishes,
        plan: &plan,
        under_way: facts.under_way.len(),
        mode: Mode::Look,
    };
    let report = Report::of(seen, selected, |_| None, Duration::ZERO);
    // What an OU inherits is there if it is there above, also above those that were asked for.
    let whole = Report::of(seen, |_| true, |_| None, Duration::ZERO);
    let matrix = Matrix::new(&report, &whole, &picture, framework.as_ref(), selected);
    // Both are made before either is written.
    let page = html.map(|path| {
        let about = About {
            table: &session.table.to_string(),
            asked_for: selection.ous.iter().map(ToString::to_string).collect(),
            rows: table,
            picture: &picture,
            report: &report,
            framework: framework.as_ref(),
        };
        Ok::<_, Failure>((path, render(&Page::new(&about, &matrix))?))
    });
    let lines = csv.map(|path| Ok::<_, Failure>((path, to_csv(&matrix).map_err(unwritten)?)));
    for (path, content) in [page.transpose()?, lines.transpose()?].into_iter().flatten() {
        session.write(&path, &content)?;
        session.note(&format!("{} written", path.display()));
    }
    if session.json {
        session.print_json(&report);
    } else {
        super::show::summary(session, &report);
    }
    Ok(Exit::Good)
}

/// Returns the framework of this name with the controls that serve its items.
async fn of_catalogue(session: &Session, steps: &Steps<'_>, name: &str) -> Result<Framework, Failure> {
    let catalog = ControlCatalog::new(&steps.sdk, std::sync::Arc::<Tally>::default());
    let spinner = session.spinner();
    let read = timeout_at(session.until, catalog.frameworks()).await;
    spinner.finish_and_clear();
    let serves = read.map_err(|_| Error::Late { what: "the Control Catalog", last: None })??;
    Framework::new(name, serves)
}

/// Returns the CSV file: one line for each OU and control, and one for each OU of which it is not known what it has.
fn to_csv(matrix: &Matrix<'_>) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["ou", "control", "status", "rows", "frameworkItems"])?;
    for Line { path, cells, unread, .. } in matrix.lines() {
        for (column, entries) in matrix.columns.iter().zip(cells) {
            let items = column.items.join("; ");
            for entry in entries {
                let rows = entry.control.rules.join(" ");
                let record = [path.as_str(), column.name, entry.mark.word(), &rows, &items];
                writer.write_record(record.map(spreadsheet::cell).each_ref().map(AsRef::<str>::as_ref))?;
            }
        }
        if unread.is_some() {
            writer.write_record([&*spreadsheet::cell(path), "", "unread", "", ""])?;
        }
    }
    // An item that no control serves is a gap, which a list of what is there would hide.
    let named: BTreeSet<&str> =
        matrix.columns.iter().flat_map(|column| &column.items).map(String::as_str).collect();
    for item in matrix.items.iter().filter(|item| !named.contains(item.as_str())) {
        writer.write_record(["", "", "unserved", "", &*spreadsheet::cell(item)])?;
    }
    Ok(writer.into_inner().map_err(csv::IntoInnerError::into_error)?)
}
