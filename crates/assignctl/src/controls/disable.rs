//! `assignctl controls disable`: disables the enabled controls that a person names, and nothing else.
//!
//! What no row wants stays enabled until somebody runs this. It refuses all of them while a row wants one.

use std::{
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
};

use assigner_aws::{client::Tally, control_catalog::ControlCatalog};
use assigner_core::controls::{
    ControlName,
    disable::{self, Doomed},
    guide,
    impact::denies::{Basis, Denies},
    picture::Picture,
    report::Mode,
};
use assigner_engine::{
    controls::disable::{Disabling, Ended},
    error::Error,
};
use serde::Serialize;
use tokio::time::timeout_at;

use super::{arguments, steps::Steps};
use crate::{
    exit::{Exit, Failure},
    session::Session,
    terminal::{ERROR, FAINT, GOOD, STRONG, Signals, WARNING, clean, plural},
};

/// What `--json` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'d> {
    controls: Vec<Line<'d>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'d> {
    /// Of the enabled control.
    arn: &'d str,
    control: &'d str,
    ou: Unit<'d>,
    /// `disabled`, `failed` or `pending`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation_id: Option<&'d str>,
    /// AWS's own words if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'d str>,
}

#[derive(Serialize)]
struct Unit<'d> {
    id: &'d str,
    path: &'d str,
}

pub async fn run(session: &Session, arguments: arguments::Disable) -> Result<Exit, Failure> {
    let arguments::Disable { ids, yes } = arguments;
    let steps = Steps::of(session, &[]).await?;
    if steps.settings.dry_run {
        return Err(Failure::wrong("DRY_RUN is true, so nothing may be sent", "unset DRY_RUN"));
    }
    let (picture, doomed) = look(&steps, session, &ids).await?;
    let described = described(session, &steps, &picture, &doomed).await?;
    session.note(&words(&doomed, &described));
    if !yes {
        let question = format!("{STRONG}Disable {}?{STRONG:#}", plural(doomed.len(), "control"));
        if !session.confirm(&question)? {
            session.note("nothing was disabled");
            return Ok(Exit::Missing);
        }
        // A person may have taken long to answer.
        if look(&steps, session, &ids).await?.1 != doomed {
            return Err(Failure {
                name: "Changed",
                message: "what is enabled changed while the question stood; nothing was disabled".to_owned(),
                next: "run the same command again".to_owned(),
                exit: Exit::Missing,
            });
        }
    }
    let room = steps.settings.limits.max_operations.saturating_sub(picture.facts.under_way.len());
    let ends = follow(session, &steps, &doomed, room).await;
    Ok(told(session, &doomed, &ends))
}

/// Returns what is there, and the enabled controls if each may be disabled.
async fn look(
    steps: &Steps<'_>,
    session: &Session,
    ids: &[String],
) -> Result<(Picture, Vec<Doomed>), Failure> {
    let picture = steps.picture(Mode::Plan, &[]).await?;
    let decided = picture.decide(steps.table(), steps.rules(Mode::Plan));
    let (wishes, _) =
        decided.map_err(|faults| Error::InvalidTable { table: session.table.to_string(), faults })?;
    let doomed =
        disable::judge(ids, &picture, steps.table(), &wishes).map_err(|reasons| refused(&reasons))?;
    Ok((picture, doomed))
}

fn refused(reasons: &[String]) -> Failure {
    Failure {
        name: "Refused",
        message: match reasons {
            [one] => format!("nothing is disabled: {}", clean(one)),
            all => {
                let lines: String = all.iter().map(|one| format!("\n- {}", clean(one))).collect();
                format!("nothing is disabled:{lines}")
            }
        },
        next: "correct what is named, then run it again with all of them".to_owned(),
        exit: Exit::Wrong,
    }
}

/// Returns what becomes possible again, for each.
async fn described(
    session: &Session,
    steps: &Steps<'_>,
    picture: &Picture,
    doomed: &[Doomed],
) -> Result<Vec<Vec<String>>, Failure> {
    let catalog = ControlCatalog::new(&steps.sdk, Arc::<Tally>::default());
    let denies = Denies::of_the_guide();
    let (mut all, mut forbidden) = (Vec::new(), Vec::new());
    for one in doomed {
        let mut lines = Vec::new();
        let asked = timeout_at(session.until, catalog.described(&one.control)).await;
        // Whether it is mandatory may only show here, so nothing is disabled if the catalogue cannot be asked.
        match asked.map_err(|_| Error::Late { what: "the Control Catalog", last: None })?? {
            Some(found) => {
                if let Some(why) = found.aliases.iter().find_map(|name| guide::forbidden(name)) {
                    forbidden.push(format!("{} {}; it cannot be disabled", one.name, why.problem()));
                }
                lines.push(format!("{}: {}", found.name, found.description));
            }
            None => lines.push("the catalogue does not describe it".to_owned()),
        }
        let id = picture.catalogue.identity(&one.control);
        let name = guide::known_name(id).unwrap_or(&one.name);
        lines.push(match (&one.above, denies.basis(&ControlName::Guide(name.to_owned()))) {
            (Some(above), _) => format!("nothing becomes possible: {above} above has it as well"),
            (None, Basis::Denies(index)) => {
                format!("possible again: {}", denies.all[index].words().join("; "))
            }
            (None, Basis::Setting(setting)) => format!("possible again: {}", setting.undone),
            (None, Basis::Unknown(reason)) => format!("what becomes possible again is not known: {reason}"),
        });
        all.push(lines);
    }
    if forbidden.is_empty() { Ok(all) } else { Err(refused(&forbidden)) }
}

fn words(doomed: &[Doomed], described: &[Vec<String>]) -> String {
    let mut text = String::new();
    for (one, lines) in doomed.iter().zip(described) {
        let Doomed { arn, path, name, under_way, .. } = one;
        _ = writeln!(text, "{STRONG}{}{STRONG:#} on {STRONG}{}{STRONG:#}", clean(name), clean(path));
        _ = writeln!(text, "  {}", clean(arn));
        for line in lines {
            _ = writeln!(text, "  {}", clean(line));
        }
        if let Some(operation) = under_way {
            _ = writeln!(text, "  {WARNING}it is being disabled{WARNING:#}: operation {}", clean(operation));
        }
    }
    text.trim_end().to_owned()
}

/// Disables them, until all have ended, the time runs out, or somebody stops it. Control Tower goes on with what it has.
async fn follow(session: &Session, steps: &Steps<'_>, doomed: &[Doomed], room: usize) -> Vec<Ended> {
    let disabling = Disabling::new(&steps.sdk);
    let ends = Mutex::new(vec![Ended::Pending; doomed.len()]);
    let ended = |index: usize, end: Ended| {
        ends.lock().unwrap_or_else(PoisonError::into_inner)[index] = end;
    };
    let mut signals = Signals::listen();
    let spinner = session.spinner();
    tokio::select! {
        () = disabling.run(doomed, room, session.until, &ended) => {}
        () = signals.next() => {
            session.note("stopped; Control Tower goes on with what it has; run the same command again to see its end");
        }
    }
    spinner.finish_and_clear();
    ends.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Says what became of each.
fn told(session: &Session, doomed: &[Doomed], ends: &[Ended]) -> Exit {
    let line = |(one, end): (&'_ Doomed, &'_ Ended)| {
        let (style, status, reason) = match end {
            Ended::Disabled { .. } => (GOOD, "disabled", None),
            Ended::Failed { message, .. } => (ERROR, "failed", Some(message.clone())),
            Ended::Pending => (WARNING, "pending", None),
        };
        let mut text = format!("{style}{status:<8}{style:#} {} on {}\n", clean(&one.name), clean(&one.path));
        if let Some(reason) = reason {
            _ = writeln!(text, "         {FAINT}{}{FAINT:#}", clean(&reason));
        }
        text
    };
    if session.json {
        session.print_json(&Document { controls: doomed.iter().zip(ends).map(document).collect() });
    } else {
        session.print(&doomed.iter().zip(ends).map(line).collect::<String>());
    }
    let all = ends.iter().all(|end| matches!(end, Ended::Disabled { .. }));
    if all { Exit::Good } else { Exit::Missing }
}

fn document<'d>((one, end): (&'d Doomed, &'d Ended)) -> Line<'d> {
    let (status, operation, reason) = match end {
        Ended::Disabled { operation } => ("disabled", operation.as_deref(), None),
        Ended::Failed { operation, message } => ("failed", operation.as_deref(), Some(message.as_str())),
        Ended::Pending => ("pending", None, None),
    };
    Line {
        arn: &one.arn,
        control: &one.name,
        ou: Unit { id: &one.unit, path: &one.path },
        status,
        operation_id: operation,
        reason,
    }
}
