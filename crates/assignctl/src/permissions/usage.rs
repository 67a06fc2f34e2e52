//! `assignctl permission-set usage`: what the roles of a set did, as a file for `draft`.

use std::{collections::BTreeSet, sync::Arc, time::SystemTime};

use assigner_aws::{client::Tally, control_tower::ControlTower, permissions::Sessions};
use assigner_core::permissions::usage::{Account, Source, Usage};
use assigner_engine::{
    clock,
    error::Error,
    permissions::{
        access_role::AccessRoles,
        logs::Purpose,
        usage::{self, Ask, Aws, Step},
    },
};

use super::{
    arguments::{self, SourceName},
    logs::{self, Opened},
};
use crate::{
    exit::{Exit, Failure},
    session::Session,
    terminal::{self, GOOD, WARNING, clean, plural},
};

pub async fn run(session: &Session, arguments: arguments::Usage) -> Result<Exit, Failure> {
    let arguments::Usage { set, days, source, role, open_logs, output } = arguments;
    let sources = match source {
        None => BTreeSet::from([Source::Generated, Source::LastAccessed]),
        Some(SourceName::Generated) => BTreeSet::from([Source::Generated]),
        Some(SourceName::LastAccessed) => BTreeSet::from([Source::LastAccessed]),
    };
    if open_logs && !sources.contains(&Source::Generated) {
        return Err(Failure::wrong(
            "--open-logs with --source last-accessed, which reads no log",
            "leave one of them out",
        ));
    }
    let ask = Ask { set, days, sources, role, day: clock::day(SystemTime::now()) };
    let aws = session.aws().await?;
    let sessions = Sessions::new(&aws.sdk, Arc::new(Tally::default()));
    let mut opened = match open_logs {
        true => {
            Some(Opened::open(session, logs::find(session, &aws, &sessions, Purpose::Change).await?).await?)
        }
        false => None,
    };
    let bar = session.spinner();
    let watch = |step: Step| match step {
        Step::Set => bar.set_message("Reading the permission set"),
        Step::Accounts { read, all } => {
            if bar.length() != Some(all as u64) {
                bar.set_style(terminal::bar_style("{spinner} {msg} {bar:30} {pos} of {len}"));
                bar.set_length(all as u64);
            }
            bar.set_message("Reading accounts");
            bar.set_position(read as u64);
        }
    };
    let tower = ControlTower::new(&aws.sdk, Arc::new(Tally::default()));
    let clients =
        Aws { center: &aws.center, organizations: &aws.organizations, tower: &tower, sessions: &sessions };
    let roles = opened.as_ref().map(|opened| AccessRoles::new(opened.logs(), ask.role.clone()));
    let reading = tokio::time::timeout_at(session.until, usage::read(clients, &ask, roles.as_ref(), &watch));
    let read = match &mut opened {
        Some(opened) => opened.during(reading).await,
        None => Some(reading.await),
    };
    bar.finish_and_clear();
    // Before anything is said: nobody may be listening.
    let (closed, removed) = match (&opened, &roles) {
        (Some(opened), Some(roles)) => tokio::join!(opened.close(), logs::remove(roles, &sessions)),
        _ => (Ok(()), Ok(())),
    };
    let usage = read.ok_or_else(logs::interrupted)?.map_err(|_| Error::Late {
        what: "the use of the permission set",
        last: aws.center.tally().last_failure(),
    })??;

    // Strings, lists and objects cannot fail to be written.
    let text = serde_json::to_string_pretty(&usage).unwrap_or_default() + "\n";
    session.write(&output, text.as_bytes())?;
    if session.json {
        session.print_json(&usage);
    } else {
        session.print(&summary(&usage));
    }
    session.note(&format!("written to {}", output.display()));
    closed.and(removed)?;
    let failed = usage.accounts.iter().any(|account| !account.failures.is_empty());
    Ok(if failed { Exit::Missing } else { Exit::Good })
}

/// Returns a line an account, and one for each failure.
fn summary(usage: &Usage) -> String {
    let mut text = String::new();
    for Account { id, name, actions, failures, left_out, .. } in &usage.accounts {
        let name = if name.is_empty() { String::new() } else { format!(" ({})", clean(name)) };
        let left = match left_out.len() {
            0 => String::new(),
            count => format!(", {count} more that the set does not allow"),
        };
        let colour = if failures.is_empty() { GOOD } else { WARNING };
        text += &format!("{colour}{id}{name}{colour:#}: {}{left}\n", plural(actions.len(), "action"));
        for failure in failures {
            let source = failure.source.map(|source| format!("{}: ", source.as_str())).unwrap_or_default();
            text += &format!(
                "  {WARNING}-{WARNING:#} {source}{}; {}\n",
                clean(&failure.cause),
                clean(&failure.remedy)
            );
        }
    }
    text
}
