//! `assignctl controls plan`: what would be done on which OU, and because of which row. Sends nothing.

use assigner_core::{controls::report::Mode, selector::OrganizationalUnit, table::TableLocation};
use assigner_engine::error::Error;

use super::{
    against, arguments, show,
    steps::{Failed, Steps},
};
use crate::{
    exit::{Exit, Failure},
    files::{named, require_one_input},
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
    units: &[OrganizationalUnit],
) -> Result<Exit, Failure> {
    require_one_input(&session.table, location)?;
    let before = super::table_of(session, location).await?;
    let steps = Steps::of(session, units).await?;
    let picture = steps.picture(Mode::Plan, &[(&before, &named(location))]).await?;
    let difference = against::difference(
        &picture,
        (&before, named(location)),
        (steps.table(), named(&session.table)),
        steps.rules(Mode::Plan),
        picture.tree.selection(steps.ous()),
    );
    let difference = difference.map_err(|(table, faults)| Error::InvalidTable { table, faults })?;
    if session.json {
        session.print_json(&difference);
    } else {
        session.print(&difference.to_markdown());
    }
    Ok(Exit::Good)
}
