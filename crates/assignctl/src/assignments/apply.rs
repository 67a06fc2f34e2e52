//! `assignctl apply`: the plan, a confirmation, the creations with a progress bar, a summary. Deletes nothing, and
//! creates only what the plan showed: it looks again after the question, and refuses if anything is not as it was.

use std::collections::{BTreeSet, HashSet};

use assigner_core::{assignments::plan::Assignment, selector::Selection};
use assigner_engine::{
    assignments::create::{self, Batch, Limits},
    error::Error,
    facts::Tags,
};
use tokio::time::Instant;

use super::{
    overview::Overview,
    plan::exit,
    restore,
    saved::{self, SavedPlan},
    show::{self, Shown},
    watched::watched,
};
use crate::{
    arguments,
    exit::{Exit, Failure},
    facts::Aws,
    session::Session,
    terminal::{STRONG, plural},
};

pub async fn run(session: &Session, arguments: arguments::Apply) -> Result<Exit, Failure> {
    let arguments::Apply { selection, plan, restore, yes, max_outstanding } = arguments;
    if let Some(record) = restore {
        return restore::run(session, &record, yes, max_outstanding).await;
    }
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
    aws.require_writes("created")?;
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
    let created = watched(session, all, async |observer| {
        let others = create::describe(&aws.center, &in_progress, limits.until).await;
        create::create(&aws.center, Batch { missing, others }, None, limits, Some(observer)).await
    });
    let created = created.await;
    overview.settle(created);
    Ok(())
}
