//! `assignctl controls apply`: shows what is to be done, asks, and takes steps until nothing remains, the time runs out or
//! somebody stops it.

use std::time::Duration;

use assigner_core::controls::report::{ControlReport, Mode, Outcome, Report, Status};
use tokio::time::{Instant, timeout_at};

use super::{
    arguments,
    show::{self, Shown},
    steps::{Failed, Steps},
};
use crate::{
    exit::{Exit, Failure},
    session::Session,
    terminal::{STRONG, Signals, clean, plural},
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
    let plan = steps.take(Mode::Plan, Failed::Again).await?;
    let is_idle = plan.counts.planned == 0 && plan.outcome != Outcome::Working;
    if is_idle || !session.json {
        show::report(session, &plan, Shown::Open);
    }
    if is_idle {
        return Ok(show::exit(&plan));
    }
    if plan.controls_omitted > 0 {
        return Err(Failure::wrong(
            format!("{} are too many to show, and nothing is sent that was not shown", plan.controls_omitted),
            "choose OUs with --ou",
        ));
    }
    // Nothing is sent on the strength of a plan that nobody can read.
    session.written()?;
    let question = format!(
        "{STRONG}Send {} to {}?{STRONG:#}",
        plural(plan.counts.planned, "operation"),
        plural(show::units_with(&plan, Status::Planned), "OU")
    );
    // What others began is only waited for.
    if plan.counts.planned > 0 && !yes {
        if !session.confirm(&question)? {
            session.note("nothing was sent");
            return Ok(show::exit(&plan));
        }
        // A person may have taken long to answer.
        if planned(&steps.take(Mode::Plan, Failed::Again).await?) != planned(&plan) {
            return Err(Failure {
                name: "Changed",
                message: "what is to be done changed while the question stood; nothing was sent".to_owned(),
                next: "run the same command again".to_owned(),
                exit: Exit::Missing,
            });
        }
    }
    let Followed { report, end } = follow(session, &steps).await?;
    show::report(session, &report, Shown::Everything);
    let pending =
        || format!("{} pending in Control Tower, which goes on", plural(report.counts.pending, "control"));
    match end {
        End::Done => {}
        End::Late => session.note(&format!("the time ran out; {}; run the same command again", pending())),
        End::Stopped => session.note(&format!("stopped; {}", pending())),
        End::Failed(failure) => {
            session.note(&pending());
            return Err(failure);
        }
    }
    Ok(show::exit(&report))
}

/// What a plan would do, where.
fn planned(report: &Report) -> Vec<(&str, &ControlReport)> {
    let each =
        report.ous.iter().flat_map(|unit| unit.controls.iter().map(|control| (&unit.path[..], control)));
    each.filter(|(_, control)| control.status == Status::Planned).collect()
}

/// Why no more steps were taken.
enum End {
    Done,
    Late,
    Stopped,
    /// A step could not be taken, for example because the credentials have ended.
    Failed(Failure),
}

struct Followed {
    /// Of the last step that was taken.
    report: Report,
    end: End,
}

/// Takes steps.
///
/// # Errors
/// If the first one cannot be taken.
async fn follow(session: &Session, steps: &Steps<'_>) -> Result<Followed, Failure> {
    // A signal that comes during a step is obeyed after it: what a step sends may have an effect.
    let mut signals = Signals::listen();
    let mut report = steps.take(Mode::Write, Failed::Again).await?;
    let mut said = None;
    while report.outcome == Outcome::Working {
        let counts = report.counts;
        let done = counts.present + counts.inherited + counts.enabled + counts.updated + counts.reset;
        if said != Some((done, counts.pending, counts.failed)) {
            said = Some((done, counts.pending, counts.failed));
            let failed =
                if counts.failed > 0 { format!(", {} failed", counts.failed) } else { String::new() };
            session.note(&clean(&format!(
                "{done} in place, {} pending{failed}",
                plural(counts.pending, "control")
            )));
        }
        let again = Instant::now() + BETWEEN_STEPS;
        if again >= session.until {
            return Ok(Followed { report, end: End::Late });
        }
        if timeout_at(again, signals.next()).await.is_ok() {
            return Ok(Followed { report, end: End::Stopped });
        }
        report = match steps.take(Mode::Write, Failed::Stands).await {
            Ok(report) => report,
            Err(failure) => return Ok(Followed { report, end: End::Failed(failure) }),
        };
    }
    Ok(Followed { report, end: End::Done })
}
