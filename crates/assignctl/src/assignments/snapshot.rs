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
    let arguments::Snapshot { selection, members, output } = arguments;
    let aws = session.aws().await?;
    // Every tag: the tables that will be planned with it are not known yet.
    let selection = session.selection(selection, None).await?;
    let facts = session.facts_from_aws(&aws, &selection, &[], Tags::All);
    let access = async { Ok(session.account_access(&aws).await) };
    let (facts, access) = tokio::try_join!(facts, access)?;
    if let AccountAccess::Unread { unread } = &access {
        session.note(&format!("note: what account access manager grants is not known: {}", clean(unread)));
    }
    let mut snapshot = Snapshot::from(&facts).with_account_access(access);
    if members {
        let groups: Vec<String> = facts.names_by_id.groups.keys().cloned().collect();
        let members = session.members(&aws, &groups).await?;
        let unread = groups.iter().filter_map(|group| members.unread_of(group, &facts.names_by_id));
        unread.for_each(|why| session.note(&format!("note: {}", clean(&why))));
        snapshot = snapshot.with_members(members);
    }
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
