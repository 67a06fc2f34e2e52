//! `assignctl controls apply`: steps, until nothing remains or a round made it no better.

use std::time::Duration;

use assigner_core::controls::report::{Mode, Outcome, Report, Status};
use tokio::time::timeout_at;

use super::{
    arguments,
    show::{self, Shown},
    steps::Steps,
};
use crate::{
    exit::{Exit, Failure},
    session::Session,
    terminal::{STRONG, interrupted, plural},
};

/// Operations take a minute or so, and what they leave free is used at once.
const BETWEEN_STEPS: Duration = Duration::from_secs(5);

pub async fn run(session: &Session, arguments: arguments::Apply) -> Result<Exit, Failure> {
    let arguments::Apply { selection, yes } = arguments;
    let steps = Steps::of(session, &selection.ous).await?;
    if steps.settings.dry_run {
        return Err(Failure::wrong(
            "DRY_RUN is true, so nothing may be sent",
            "unset DRY_RUN, or use `controls plan`",
        ));
    }
    let plan = steps.take(Mode::Plan).await?;
    if plan.counts.planned == 0 && plan.outcome != Outcome::Working {
        show::report(session, &plan, Shown::Open);
        return Ok(show::exit(&plan));
    }
    if !session.json {
        show::report(session, &plan, Shown::Open);
    }
    // Nothing is sent on the strength of a plan that nobody can read.
    session.written()?;
    let question = format!(
        "{STRONG}Send {} to {}?{STRONG:#}",
        plural(plan.counts.planned, "operation"),
        plural(show::units_with(&plan, Status::Planned), "OU")
    );
    // What others began is only waited for.
    if plan.counts.planned > 0 && !yes && !session.confirm(&question)? {
        session.note("nothing was sent");
        return Ok(show::exit(&plan));
    }
    let (report, stopped) = follow(session, &steps).await?;
    show::report(session, &report, Shown::Everything);
    if report.outcome == Outcome::Working {
        let under_way = plural(report.counts.pending, "control");
        session.note(&match stopped {
            true => format!("stopped: Control Tower goes on with what is under way; {under_way} pending"),
            false => format!("the time ran out; {under_way} pending; run the same command again to go on"),
        });
    }
    Ok(show::exit(&report))
}

/// Takes steps until one is the last, the time runs out, or somebody stops it. Returns the last report, and whether it was
/// stopped.
async fn follow(session: &Session, steps: &Steps<'_>) -> Result<(Report, bool), Failure> {
    let mut said = None;
    loop {
        // A step is not cut off: what it sends may have an effect.
        let report = steps.take(Mode::Write).await?;
        if report.outcome != Outcome::Working {
            return Ok((report, false));
        }
        let done: usize =
            report.counts.each().iter().map(|(_, count)| count).sum::<usize>() - report.counts.pending;
        if said != Some((done, report.counts.pending)) {
            said = Some((done, report.counts.pending));
            session.note(&format!("{done} controls done, {} pending", report.counts.pending));
        }
        let again = tokio::time::Instant::now() + BETWEEN_STEPS;
        if again >= session.until {
            return Ok((report, false));
        }
        if timeout_at(again, interrupted()).await.is_ok() {
            return Ok((report, true));
        }
    }
}
