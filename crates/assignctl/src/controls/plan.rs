//! `assignctl controls plan`: what would be done on which OU, and because of which row. Sends nothing.

use std::path::Path;

use assigner_core::{
    controls::{
        Table,
        picture::Picture,
        plan::Rules,
        report::{Mode, Report, Seen},
    },
    reading::Fault,
    selector::OrganizationalUnit,
    table::TableLocation,
};
use assigner_engine::{error::Error, settings::ControlSettings};
use tokio::time::Instant;

use super::{
    against, arguments, offline, show,
    steps::{Failed, Steps, ids},
};
use crate::{
    exit::{Exit, Failure},
    files::{named, require_one_input},
    session::Session,
};

pub async fn run(session: &Session, arguments: arguments::Plan) -> Result<Exit, Failure> {
    let arguments::Plan { selection, explain, against, snapshot } = arguments;
    let units = match &explain {
        Some(unit) => std::slice::from_ref(unit),
        None => &selection.ous[..],
    };
    if let Some(before) = against {
        return difference(session, &before, units, snapshot.as_deref()).await;
    }
    let report = match snapshot {
        Some(path) => from_snapshot(session, &path, units).await?,
        None => Steps::of(session, units).await?.take(Mode::Plan, Failed::Again).await?,
    };
    let shown = if explain.is_some() { show::Shown::Everything } else { show::Shown::Open };
    show::report(session, &report, shown);
    Ok(show::exit(&report))
}

/// Returns the report of a step that would have been taken from AWS when the snapshot was written.
async fn from_snapshot(
    session: &Session,
    path: &Path,
    units: &[OrganizationalUnit],
) -> Result<Report, Failure> {
    let began = Instant::now();
    let table = super::table(session).await?;
    // As a live plan: what failed a short while ago would be tried again.
    let rules = Rules { retry_now: true, ..rules()? };
    let picture = offline::picture(session, path, &[&table], rules)?;
    let asked = ids(&picture.tree, units)?;
    let decided = picture.decide(&table, rules);
    let (mut wishes, plan) = decided.map_err(|faults| refused(named(&session.table), faults))?;
    picture.ask(&table, &asked, &mut wishes);
    let Picture { tree, catalogue, .. } = &picture;
    let under_way = picture.under_way(&asked);
    let seen =
        Seen { table: &table, catalogue, tree, wishes: &wishes, plan: &plan, under_way, mode: Mode::Plan };
    Ok(Report::of(seen, tree.selection(&asked), |_| None, began.elapsed()).fitting())
}

/// Returns how a plan is made, as the environment says.
pub fn rules() -> Result<Rules, Failure> {
    let settings = ControlSettings::from_environment().map_err(Failure::settings)?;
    Ok(settings.limits.rules(Mode::Plan))
}

fn refused(table: String, faults: Vec<Fault>) -> Error {
    Error::InvalidTable { table, faults }
}

/// Everything that a difference rests on.
struct Known {
    table: Table,
    picture: Picture,
    rules: Rules,
    /// Ids of the OUs that were asked for.
    asked: Vec<String>,
}

/// Prints what changes if the table takes the place of another one.
async fn difference(
    session: &Session,
    location: &TableLocation,
    units: &[OrganizationalUnit],
    snapshot: Option<&Path>,
) -> Result<Exit, Failure> {
    require_one_input(&session.table, location)?;
    let before = super::table_of(session, location).await?;
    let Known { table, picture, rules, asked } = match snapshot {
        Some(path) => {
            let table = super::table(session).await?;
            let rules = rules()?;
            let picture = offline::picture(session, path, &[&table, &before], rules)?;
            let asked = ids(&picture.tree, units)?;
            Known { table, picture, rules, asked }
        }
        None => {
            let steps = Steps::of(session, units).await?;
            let picture = steps.picture(Mode::Plan, &[(&before, &named(location))]).await?;
            let (rules, asked) = (steps.rules(Mode::Plan), steps.ous().to_vec());
            Known { table: steps.into_table(), picture, rules, asked }
        }
    };
    let difference = against::difference(
        &picture,
        (&before, named(location)),
        (&table, named(&session.table)),
        rules,
        picture.tree.selection(&asked),
    );
    let difference = difference.map_err(|(table, faults)| refused(table, faults))?;
    if session.json {
        session.print_json(&difference);
    } else {
        session.print(&difference.to_markdown());
    }
    Ok(Exit::Good)
}
