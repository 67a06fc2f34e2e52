//! `assignctl controls plan`: what would be done on which OU, and because of which row. Sends nothing.

use assigner_core::{
    controls::{report::Mode, tree::Place},
    table::TableLocation,
};
use assigner_engine::error::Error;

use super::{
    against, arguments, show,
    steps::{Failed, Steps},
};
use crate::{
    exit::{Exit, Failure},
    files::{is_standard_input, named},
    session::Session,
};

pub async fn run(session: &Session, arguments: arguments::Plan) -> Result<Exit, Failure> {
    let arguments::Plan { selection, explain, against } = arguments;
    let units = match &explain {
        Some(unit) => std::slice::from_ref(unit),
        None => &selection.ous[..],
    };
    if let Some(before) = against {
        return difference(session, &before, units).await;
    }
    let report = Steps::of(session, units).await?.take(Mode::Plan, Failed::Again).await?;
    let shown = if explain.is_some() { show::Shown::Everything } else { show::Shown::Open };
    show::report(session, &report, shown);
    Ok(show::exit(&report))
}

/// Prints what changes if the table takes the place of another one.
async fn difference(
    session: &Session,
    location: &TableLocation,
    units: &[assigner_core::selector::OrganizationalUnit],
) -> Result<Exit, Failure> {
    let is_input =
        |table: &TableLocation| matches!(table, TableLocation::File(path) if is_standard_input(path));
    if is_input(&session.table) && is_input(location) {
        return Err(Failure::wrong(
            "both tables would come from standard input",
            "name a file for --table or --against",
        ));
    }
    let before = super::table_of(session, location).await?;
    let steps = Steps::of(session, units).await?;
    let picture = steps.picture(Mode::Plan, &[(&before, &named(location))]).await?;
    let asked: Vec<Place> = steps.ous().iter().filter_map(|id| picture.tree.place(id)).collect();
    let selected =
        |place: Place| asked.is_empty() || asked.iter().any(|above| picture.tree.is_within(place, *above));
    let difference = against::difference(
        &picture,
        (&before, named(location)),
        (steps.table(), named(&session.table)),
        steps.rules(Mode::Plan),
        selected,
    );
    let difference = difference.map_err(|(table, faults)| Error::InvalidTable { table, faults })?;
    if session.json {
        session.print_json(&difference);
    } else {
        session.print(&difference.to_markdown());
    }
    Ok(Exit::Good)
}
