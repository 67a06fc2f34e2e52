//! The verbs of the capability *controls*: a file for each.

pub mod arguments;
mod impact;

use std::path::Path;

use assigner_core::{controls::Table, table::TableLocation};

use self::arguments::Controls;
use crate::{
    exit::{Exit, Failure},
    session::Session,
};

pub async fn run(session: &Session, arguments: Controls) -> Result<Exit, Failure> {
    match arguments {
        Controls::Impact(arguments) => {
            let location = location(session);
            let table: Table = session.source(&location).await?.load_rows().await?;
            impact::run(session, &table, arguments).await
        }
    }
}

/// Returns where the table of controls is: `controls.json`, unless --table says otherwise.
fn location(session: &Session) -> TableLocation {
    match &session.table {
        TableLocation::File(path) if path == Path::new("assignments.json") => {
            TableLocation::File("controls.json".into())
        }
        other => other.clone(),
    }
}
