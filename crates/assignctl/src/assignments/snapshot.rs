//! `assignctl snapshot`: what is true in AWS now, as a file.

use assigner_core::assignments::snapshot::Snapshot;
use assigner_engine::facts::Tags;

use crate::{
    arguments,
    exit::{Exit, Failure},
    session::Session,
    terminal,
};

pub async fn run(session: &Session, arguments: arguments::Snapshot) -> Result<Exit, Failure> {
    let arguments::Snapshot { selection, output } = arguments;
    let aws = session.aws().await?;
    // Every tag: the tables that will be planned with it are not known yet.
    let facts = session.facts_from_aws(&aws, &selection.into(), &[], Tags::All).await?;
    let snapshot = Snapshot::from(&facts);
    match output {
        None => session.print(&terminal::as_it_is(&snapshot)),
        Some(path) => {
            session.write(&path, terminal::as_it_is(&snapshot).as_bytes())?;
            let (accounts, assignments) = (facts.accounts.len(), facts.assigned.count());
            session
                .note(&format!("{accounts} accounts with {assignments} assignments in {}", path.display()));
        }
    }
    Ok(Exit::Good)
}
