//! `assignctl permission-set restore`: gives a set back every field that it had, provisions it, and proves both.

use assigner_core::permissions::{
    apply::differences,
    before::Before,
    change::{Way, within_reach},
};
use assigner_engine::{
    files::LARGEST_SNAPSHOT,
    permissions::{apply, edit},
};

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
    let reading = async {
        let now = apply::read(&live.aws.center, &live.sessions, &wanted.arn).await?;
        let accounts = live.require_open(&now).await?;
        Ok::<_, Failure>((now, accounts))
    };
    let (now, accounts) = live.in_time(session, reading).await?;
    let wanted = within_reach(wanted, &now);
    let way = Way::back(&now, &wanted);
    let edited = !way.edits().is_empty();
    let rollout = live.rollout(session, &wanted, &accounts, &role);
    let (behind, mut ends) = live.in_time(session, live.behind(rollout, edited)).await?;
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
        let editing = async {
            live.read_again(&wanted.arn, &accounts).await?;
            Ok::<_, Failure>(edit::follow(&live.aws.center, &live.sessions, &wanted.arn, &way).await?)
        };
        writes = live.in_time(session, editing).await.map_err(|failure| {
            let next = "run the same command again, it goes on where this one ended".to_owned();
            Failure { next, ..failure }
        })?;
        ends.extend(live.provision(session, rollout, &behind, None).await);
    }
    let reading = apply::read(&live.aws.center, &live.sessions, &wanted.arn);
    let after = live.in_time(session, reading).await?;
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
