//! `assignctl apply`: the plan, a confirmation, the creations with a progress bar, a summary. Deletes nothing, and
//! creates only what the plan showed.

use std::collections::{BTreeSet, HashSet};

use assigner_core::{
    assignments::plan::Assignment,
    selector::Selection,
    work::{Count, Wish},
};
use assigner_engine::{
    assignments::create::{self, Limits},
    drive::Observer,
    error::Error,
    facts::Tags,
};
use indicatif::ProgressBar;
use tokio::{sync::watch, time::Instant};

use super::{
    overview::Overview,
    plan::exit,
    show::{self, Shown},
};
use crate::{
    arguments,
    exit::{Exit, Failure},
    facts::Aws,
    session::Session,
    terminal::{STRONG, interrupted, plural, say},
};

pub async fn run(session: &Session, arguments: arguments::Apply) -> Result<Exit, Failure> {
    let arguments::Apply { selection, yes, max_outstanding } = arguments;
    let selection = Selection::from(selection);
    let table = session.table(&session.table).await?;
    let aws = session.aws().await?;
    if aws.settings.dry_run {
        return Err(Failure::wrong(
            "DRY_RUN is true, so nothing may be created",
            "unset DRY_RUN, or use `plan`",
        ));
    }
    aws.center.find_instance().await.map_err(Error::from)?;
    // This comes before the search for what is missing: what an interrupted run has asked for is waited for, not asked
    // for again.
    let in_progress = aws.center.creations_in_progress().await;
    let facts = session.facts_from_aws(&aws, &selection, &[&table], Tags::ThatDecide).await?;
    let mut overview = Overview::new(&facts, &table, &session.table);
    if overview.counts.grants.planned > 0 {
        if !session.json {
            session.print(&show::accounts(&overview, Shown::Incomplete));
            session.print(&show::unresolved(&overview));
            session.print(&show::summary(&overview.counts));
        }
        let accounts = overview.accounts.iter().filter(|account| account.planned().next().is_some()).count();
        // Nothing is created on the strength of a plan that nobody can read.
        session.written()?;
        let question = format!(
            "{STRONG}Create {} in {}?{STRONG:#}",
            plural(overview.counts.grants.planned, "assignment"),
            plural(accounts, "account")
        );
        if !yes && !session.confirm(&question)? {
            session.note("nothing was created");
            return Ok(exit(&overview, &selection));
        }
        let max_outstanding = max_outstanding.map_or(aws.settings.max_outstanding, usize::from);
        let limits = Limits { max_outstanding, until: session.until };
        create(session, &aws, &mut overview, in_progress, limits).await?;
        if !session.json {
            session.print("\n");
        }
    }
    if session.json {
        session.print_json(&overview);
    } else {
        session.print(&show::accounts(&overview, Shown::Incomplete));
        session.print(&show::unresolved(&overview));
        session.print(&show::summary(&overview.counts));
        if overview.counts.grants.pending > 0 {
            session.note(
                "next: log in if your credentials have ended, then run the same command again; it goes on where this one \
                 ended",
            );
        }
    }
    Ok(exit(&overview, &selection))
}

async fn create(
    session: &Session,
    aws: &Aws,
    overview: &mut Overview,
    in_progress: Vec<String>,
    limits: Limits,
) -> Result<(), Failure> {
    let missing: HashSet<Assignment> = overview.planned().cloned().collect();
    let arns: BTreeSet<&str> = missing.iter().map(|assignment| assignment.permission_set.as_str()).collect();
    // A person may have taken long to answer.
    if !aws.resolver.confirm(&aws.center, arns, Instant::now()).await? {
        return Err(Failure {
            name: "Changed",
            message: "a permission set was deleted or recreated since the plan was made; nothing was created"
                .to_owned(),
            next: "run the same command again".to_owned(),
            exit: Exit::Missing,
        });
    }
    let bar =
        session.progress(missing.len(), "{bar:30} {pos} of {len} assignments, {per_sec}, {eta} left{msg}");
    let (wish, wished) = watch::channel(Wish::GoOn);
    let progress = |count: Count| show_progress(&bar, count);
    let observer = Observer { wish: wished, progress: &progress };
    let created = {
        let creations = create::create(&aws.center, missing, in_progress, limits, Some(observer));
        tokio::pin!(creations);
        tokio::select! {
            created = &mut creations => created,
            () = obey_signals(&wish, &bar) => creations.await,
        }
    };
    bar.finish_and_clear();
    overview.settle(created);
    Ok(())
}

/// Obeys signals. After the first one nothing new is started; after the second one nothing is waited for.
async fn obey_signals(wish: &watch::Sender<Wish>, bar: &ProgressBar) {
    interrupted().await;
    wish.send_replace(Wish::StartNothing);
    bar.suspend(|| {
        say("Nothing new is started; what is under way is waited for. Ctrl-C again waits no longer.\n");
    });
    interrupted().await;
    wish.send_replace(Wish::Stop);
}

fn show_progress(bar: &ProgressBar, Count { done, failed, outstanding }: Count) {
    bar.set_position(done as u64);
    let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    bar.set_message(format!(", {outstanding} under way{failed}"));
}
