//! `assignctl snapshot`: what is true in AWS now, as a file.

use assigner_core::assignments::{access::AccountAccess, snapshot::Snapshot};
use assigner_engine::facts::Tags;

use crate::{
    arguments,
    exit::{Exit, Failure},
    session::Session,
    terminal::{self, clean},
};

pub async fn run(session: &Session, arguments: arguments::Snapshot) -> Result<Exit, Failure> {
    let arguments::Snapshot { selection, output } = arguments;
    let aws = session.aws().await?;
    // Every tag: the tables that will be planned with it are not known yet.
    let selection = selection.into();
    let facts = session.facts_from_aws(&aws, &selection, &[], Tags::All);
    let access = async { Ok(session.account_access(&aws).await) };
    let (facts, access) = tokio::try_join!(facts, access)?;
    if let AccountAccess::Unread { unread } = &access {
        session.note(&format!("note: what account access manager grants is not known: {}", clean(unread)));
    }
    let snapshot = Snapshot::from(&facts).with_account_access(access);
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
