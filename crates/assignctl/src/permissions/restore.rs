//! `assignctl permission-set restore`: gives a set back every field that it had, provisions it, and proves both.

use assigner_core::permissions::{
    apply::differences,
    before::Before,
    change::{Way, within_reach},
};
use assigner_engine::{
    error::Error,
    files::LARGEST_SNAPSHOT,
    permissions::{apply, edit, rollout::Rollout},
};
use tokio::time::timeout_at;

use super::{
    arguments,
    live::Live,
    show::{self, Answer},
};
use crate::{
    exit::{Exit, Failure},
    session::Session,
    terminal::{GOOD, STRONG, WARNING, clean, plural},
};

pub async fn run(session: &Session, arguments: arguments::Restore) -> Result<Exit, Failure> {
    let arguments::Restore { before: path, role, yes } = arguments;
    let Before { permission_set: wanted, .. } = Before::parse(&session.read(&path, LARGEST_SNAPSHOT)?)
        .map_err(|problem| {
            Failure::wrong(
                format!("{}: {}", clean(&path.display().to_string()), clean(&problem)),
                "name the file that `assignctl permission-set apply` wrote",
            )
        })?;
    let live = Live::new(session).await?;
    let late = || Error::Late { what: "the permission set", last: live.aws.center.tally().last_failure() };
    let reading = async {
        let now = apply::read(&live.aws.center, &live.sessions, &wanted.arn).await?;
        let accounts = live.require_open(&now).await?;
        Ok::<_, Failure>((now, accounts))
    };
    let (now, accounts) = timeout_at(session.until, reading).await.map_err(|_| late())??;
    let wanted = within_reach(wanted, &now);
    let way = Way::back(&now, &wanted);
    let edited = !way.edits().is_empty();
    let rollout = Rollout {
        center: &live.aws.center,
        sessions: &live.sessions,
        set: &wanted,
        accounts: &accounts,
        own: live.own(),
        role: &role,
        max_outstanding: live.aws.settings.max_outstanding,
        manners: live.aws.settings.manners,
        until: session.until,
    };
    let looking = live.behind(rollout, edited);
    let (behind, mut ends) = timeout_at(session.until, looking).await.map_err(|_| late())??;
    if !session.json {
        let what = match (edited, behind.len()) {
            (false, 0) => "is as it was".to_owned(),
            (false, _) => format!("is as it was, and not yet in {}", show::accounts(&behind)),
            (true, _) => format!("in {}", show::accounts(&behind)),
        };
        let name = clean(&now.name);
        session.print(&format!("{STRONG}{name}{STRONG:#} {what}\n{}", show::changes(&way)));
    }
    session.written()?;
    let mut writes = 0;
    if edited || !behind.is_empty() {
        let question = format!(
            "{STRONG}Give this back to {}, and provision it in {}?{STRONG:#}",
            clean(&now.name),
            plural(behind.len(), "account")
        );
        if !yes && !session.confirm(&question)? {
            session.note("nothing was written");
            return Ok(Exit::Missing);
        }
        let editing = edit::follow(&live.aws.center, &live.sessions, &wanted.arn, &way);
        let written = timeout_at(session.until, editing).await.map_err(|_| late()).and_then(|ended| ended);
        writes = written.map_err(|error| {
            let next = "run the same command again, it goes on where this one ended".to_owned();
            Failure { next, ..Failure::from(error) }
        })?;
        ends.extend(live.provision(session, rollout, &behind, None).await);
    }
    let reading = apply::read(&live.aws.center, &live.sessions, &wanted.arn);
    let after = timeout_at(session.until, reading).await.map_err(|_| late())??;
    let differ = differences(&wanted, &after);
    if session.json {
        let accounts = show::in_accounts(&ends);
        session.print_json(&Answer { name: &wanted.name, arn: &wanted.arn, writes, accounts });
    } else {
        session.print(&show::ended(&wanted.name, &ends));
        session.print(&match differ.is_empty() {
            true => format!("{GOOD}every field is as it was{GOOD:#}\n"),
            false => format!("{WARNING}not as it was{WARNING:#}: {}\n", differ.join(", ")),
        });
    }
    if differ.is_empty() && show::is_everywhere(&ends) {
        return Ok(Exit::Good);
    }
    session.note(match differ.is_empty() {
        true => "next: correct what failed, then run the same command again; it goes on with the rest",
        false => {
            "next: change by hand what cannot be given back: AWS renames no set, and takes no description and no relay \
             state away"
        }
    });
    Ok(Exit::Missing)
}
