//! `assignctl apply`: the plan, a confirmation, the creations with a progress bar, a summary. Deletes nothing, and
//! creates only what the plan showed.

use std::{collections::BTreeSet, process::ExitCode, time::Duration};

use account_assigner::{
    apply::{self, Count, Course, Limits, Onlooker},
    plan::Assignment,
    report::Settled,
    snapshot::Selection,
};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::{sync::watch, time::Instant};

use crate::{
    arguments,
    failure::{Failure, STRONG},
    overview::Overview,
    plan::exit_code,
    session::{Aws, Session},
    show::{self, Shown, plural},
};

pub async fn run(session: &Session, arguments: arguments::Apply) -> Result<ExitCode, Failure> {
    let arguments::Apply { selection, yes, max_outstanding } = arguments;
    let selection = Selection::from(selection);
    let table = session.table(&session.table).await?;
    let aws = session.aws().await?;
    if aws.config.dry_run {
        return Err(Failure::wrong(
            "DRY_RUN is true, so nothing may be created",
            "unset DRY_RUN, or use `plan`",
        ));
    }
    aws.center.find_instance().await?;
    // Before anything is found to be missing: what an interrupted run has asked for is waited for, not asked for again.
    let in_progress = aws.center.creations_in_progress().await;
    let facts = session.facts_from_aws(&aws, &selection, &[&table], false).await?;
    let mut overview = Overview::new(&facts.snapshot, &facts.directory, &table, &session.table);
    if overview.counts.planned > 0 {
        if !session.json {
            session.print(&show::accounts(&overview, Shown::Incomplete));
            session.print(&show::summary(&overview.counts));
        }
        let accounts = overview.accounts.iter().filter(|account| account.planned().next().is_some()).count();
        let question = format!(
            "{STRONG}Create {} in {}?{STRONG:#}",
            plural(overview.counts.planned, "assignment"),
            plural(accounts, "account")
        );
        if !yes && !session.confirm(&question)? {
            session.note("nothing was created");
            return Ok(exit_code(&overview, &selection));
        }
        let max_outstanding = max_outstanding.map_or(aws.config.max_outstanding, usize::from);
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
        session.print(&show::summary(&overview.counts));
        if overview.counts.pending > 0 {
            session.note("next: run the same command again; it goes on where this one ended");
        }
    }
    Ok(exit_code(&overview, &selection))
}

async fn create(
    session: &Session,
    aws: &Aws,
    overview: &mut Overview,
    in_progress: Vec<String>,
    limits: Limits,
) -> Result<(), Failure> {
    let (places, missing): (Vec<(usize, usize)>, Vec<Assignment>) = overview
        .accounts
        .iter()
        .enumerate()
        .flat_map(|(account, access)| {
            access.planned().map(move |(grant, assignment)| ((account, grant), assignment))
        })
        .unzip();
    let arns: BTreeSet<&str> = missing.iter().map(|assignment| assignment.permission_set.as_str()).collect();
    // The answer to the question may have taken its time.
    if !aws.names.confirm(&aws.center, arns, Instant::now()).await? {
        return Err(Failure {
            name: "Changed",
            message:
                "a permission set was deleted or made again since the plan was made; nothing was created"
                    .to_owned(),
            next: "run the same command again".to_owned(),
            code: crate::failure::MISSING,
        });
    }
    let bar = bar(session, missing.len());
    let (course, told) = watch::channel(Course::GoOn);
    let progress = |count: Count| show_progress(&bar, count);
    let onlooker = Onlooker { course: told, progress: &progress };
    let created = {
        let creations = apply::create(&aws.center, missing, in_progress, limits, Some(onlooker));
        tokio::pin!(creations);
        tokio::select! {
            created = &mut creations => created,
            () = obey_signals(&course, &bar) => creations.await,
        }
    };
    bar.finish_and_clear();
    for ((account, grant), Settled { status, request_id, took }) in places.into_iter().zip(created) {
        let grant = overview.accounts.get_mut(account).and_then(|access| access.grants.get_mut(grant));
        if let Some(grant) = grant {
            grant.status = status;
            grant.request_id = request_id;
            grant.seconds = took.map(account_assigner::report::seconds);
        }
    }
    overview.recount();
    Ok(())
}

/// The first signal ends what is not started, the second the waiting.
async fn obey_signals(course: &watch::Sender<Course>, bar: &ProgressBar) {
    interrupted().await;
    course.send_replace(Course::StartNothing);
    bar.suspend(|| {
        anstream::eprintln!(
            "Nothing new is started; what is under way is waited for. Ctrl-C again waits no longer."
        );
    });
    interrupted().await;
    course.send_replace(Course::Stop);
}

/// By Ctrl-C, or by whoever ends a job.
async fn interrupted() {
    #[cfg(unix)]
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => _ = signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminated = std::future::pending();
    let ctrl_c = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        () = ctrl_c => {}
        () = terminated => {}
    }
}

fn bar(session: &Session, all: usize) -> ProgressBar {
    let target = if session.json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(all as u64), target);
    let style = "{bar:30} {pos} of {len} assignments, {per_sec}, {eta} left{msg}";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn show_progress(bar: &ProgressBar, Count { done, failed, outstanding }: Count) {
    bar.set_position(done as u64);
    let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    bar.set_message(format!(", {outstanding} under way{failed}"));
}
