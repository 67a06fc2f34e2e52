//! `assignctl apply`: the plan, a confirmation, the creations with a progress bar, a summary. Deletes nothing, and
//! creates only what the plan showed: it looks again after the question, and refuses if anything is not as it was.

use std::{
    collections::{BTreeSet, HashSet},
    io::IsTerminal,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

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
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use super::{
    overview::Overview,
    plan::exit,
    saved::{self, SavedPlan},
    show::{self, Shown},
};
use crate::{
    arguments,
    exit::{Exit, Failure},
    facts::Aws,
    session::Session,
    terminal::{STRONG, obey_signals, plural, show_progress},
};

pub async fn run(session: &Session, arguments: arguments::Apply) -> Result<Exit, Failure> {
    let arguments::Apply { selection, plan, yes, max_outstanding } = arguments;
    let saved = plan.map(|path| SavedPlan::read(session, &path)).transpose()?;
    let selection = match &saved {
        Some(saved) => {
            saved.require_table(session)?;
            saved.selection()?
        }
        None => session.selection(selection, None).await?,
    };
    let table = session.table(&session.table).await?;
    let mut aws = session.aws().await?;
    if aws.settings.dry_run {
        return Err(Failure::wrong(
            "DRY_RUN is true, so nothing may be created",
            "unset DRY_RUN, or use `plan`",
        ));
    }
    aws.center.find_instance().await.map_err(Error::from)?;
    // This comes before the search for what is missing: what an interrupted run has asked for is waited for, not asked
    // for again.
    let in_progress = aws.center.creations_in_progress().await.unwrap_or_default();
    let (facts, origin) = session.facts_for_a_plan(&aws, &selection, &[&table], Tags::ThatDecide).await?;
    let mut overview = Overview::new(&facts, &table, &session.table, origin)?;
    if let Some(saved) = &saved {
        saved.require_unchanged(&overview)?;
    }
    let to_create = overview.counts.grants.planned;
    if !session.json {
        session.print(&show::head(&overview));
    }
    if to_create > 0 {
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
            plural(to_create, "assignment"),
            plural(accounts, "account")
        );
        if !yes {
            if !session.confirm(&question)? {
                session.note("nothing was created");
                return Ok(exit(&overview, &selection));
            }
            // A person may have taken long to answer.
            aws = look_again(session, &overview).await?;
        }
        let max_outstanding = max_outstanding.map_or(aws.settings.max_outstanding, usize::from);
        let limits = Limits { max_outstanding, manners: aws.settings.manners, until: session.until };
        create(session, &aws, &mut overview, in_progress, limits).await?;
        if !session.json {
            session.print("\n");
        }
    }
    if session.json {
        session.print_json(&overview);
    } else {
        if to_create > 0 {
            session.print(&show::accounts(&overview, Shown::Attempted));
        } else {
            session.print(&show::accounts(&overview, Shown::Incomplete));
        }
        session.print(&show::unresolved(&overview));
        session.print(&show::summary(&overview.counts));
        if overview.counts.grants.pending > 0 {
            session.note(match saved {
                None => {
                    "next: log in if your credentials have ended, then run the same command again; it goes on where this \
                     one ended"
                }
                Some(_) => {
                    "next: log in if your credentials have ended, then make the plan again and apply it; what is done \
                     by then is there already"
                }
            });
        }
    }
    Ok(exit(&overview, &selection))
}

/// Reads the accounts in which something is to be created once more, by new clients that remember nothing, and refuses
/// to go on if anything is not as it was shown.
async fn look_again(session: &Session, shown: &Overview) -> Result<Aws, Failure> {
    let table = session.table(&session.table).await?;
    let aws = session.aws().await?;
    let accounts = shown.accounts.iter().filter(|account| account.planned().next().is_some());
    let accounts = accounts.map(|account| account.account.id.clone()).collect();
    let selection = Selection { accounts, ous: Vec::new() };
    let facts = session.facts_from_aws(&aws, &selection, &[&table], Tags::ThatDecide).await?;
    let now = Overview::new(&facts, &table, &session.table, shown.origin.clone())?;
    saved::require_as_shown(shown, &now)?;
    Ok(aws)
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
    // Reading may have taken long.
    if !aws.resolver.confirm(&aws.center, arns, Instant::now()).await? {
        return Err(Failure {
            name: "Changed",
            message: "a permission set was deleted or recreated since the plan was made; nothing was created"
                .to_owned(),
            next: "run the same command again".to_owned(),
            exit: Exit::Missing,
        });
    }
    let all = missing.len();
    let bar = session.progress(all, "{bar:30} {pos} of {len} assignments, {per_sec}, {eta} left{msg}");
    let (wish, wished) = watch::channel(Wish::GoOn);
    let lines = Lines { session, all, seen: Mutex::default() };
    let progress = |count: Count| {
        show_progress(&bar, count);
        lines.progress(count);
    };
    let observer = Observer { wish: wished, progress: &progress };
    let created = {
        let others = create::describe(&aws.center, &in_progress, limits.until).await;
        let creations = create::create(&aws.center, missing, &others, limits, Some(observer));
        tokio::pin!(creations);
        tokio::select! {
            created = &mut creations => created,
            ((), ()) = async { tokio::join!(obey_signals(&wish, &bar), lines.at_intervals()) } => creations.await,
        }
    };
    bar.finish_and_clear();
    overview.settle(created);
    Ok(())
}

/// Lines in place of a bar, if nobody sees one: in a pipeline, silence looks like a hang.
struct Lines<'a> {
    session: &'a Session,
    all: usize,
    seen: Mutex<Count>,
}

const INTERVAL: Duration = Duration::from_secs(30);

impl Lines<'_> {
    /// Writes a line whenever another tenth is done.
    fn progress(&self, count: Count) {
        let tenths = |count: Count| count.done * 10 / self.all.max(1);
        let before = std::mem::replace(&mut *self.seen(), count);
        if tenths(count) > tenths(before) {
            self.say();
        }
    }

    /// Writes a line now and then, whatever is done. Never ends.
    async fn at_intervals(&self) {
        loop {
            // The time is all that can end this.
            let _ = timeout(INTERVAL, std::future::pending::<()>()).await;
            self.say();
        }
    }

    fn say(&self) {
        if std::io::stderr().is_terminal() {
            return;
        }
        let Count { done, failed, outstanding } = *self.seen();
        let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
        self.session
            .note(&format!("{done} of {} assignments done, {outstanding} under way{failed}", self.all));
    }

    fn seen(&self) -> MutexGuard<'_, Count> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
