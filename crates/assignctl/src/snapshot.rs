//! `assignctl snapshot`: what is true in AWS now, as a file.

use assigner_core::{assignments::access::AccountAccess, controls::snapshot::Part};
use assigner_engine::facts::Tags;

use crate::{
    arguments,
    controls::{self, offline},
    exit::{Exit, Failure},
    files::Snapshot,
    session::Session,
    terminal::{self, clean, plural},
};

pub async fn run(session: &Session, arguments: arguments::Snapshot) -> Result<Exit, Failure> {
    let arguments::Snapshot { selection, members, controls, output } = arguments;
    let table = match &controls {
        Some(Some(location)) => Some(controls::table_of(session, location).await?),
        Some(None) | None => None,
    };
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
    let controls = match controls {
        Some(_) => Some(offline::read(session, &aws.sdk, table.as_ref()).await?),
        None => None,
    };
    let exit = if let Some(Part::Unread(_)) = controls { Exit::Missing } else { Exit::Good };
    let mut counts = vec![format!(
        "{} with {}",
        plural(facts.accounts.len(), "account"),
        plural(facts.assigned.count(), "assignment")
    )];
    if let Some(Part::Read(controls)) = &controls {
        let (ous, enabled) = controls.counts();
        counts.push(format!("{} with {}", plural(ous, "OU"), plural(enabled, "enabled control")));
    }
    if let Some(controls) = controls {
        snapshot = snapshot.with_controls(controls);
    }
    let text = terminal::as_it_is(&snapshot);
    match output {
        None => session.print(&text),
        Some(path) => {
            session.write(&path, text.as_bytes())?;
            session.note(&format!("{} in {}", counts.join(", "), path.display()));
        }
    }
    Ok(exit)
}
