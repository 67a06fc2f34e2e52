//! What the verbs show of OUs and their controls.

use std::fmt::Write;

use assigner_core::controls::report::{ControlReport, Outcome, Report, Status, UnitReport};

use crate::{
    exit::Exit,
    session::Session,
    terminal::{ERROR, FAINT, GOOD, STRONG, WARNING, clean, plural},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Everything,
    /// What is not as the table says, and what no row wants.
    Open,
}

/// Prints a report: as text, or as the function's result.
pub fn report(session: &Session, report: &Report, shown: Shown) {
    if session.json {
        session.print_json(report);
    } else {
        session.print(&text(report, shown));
    }
}

/// 1 if anything is not as the table says, or not yet. What no row wants, waits for its wave or is inherited is as it
/// should be.
pub fn exit(report: &Report) -> Exit {
    let counts = &report.counts;
    let open = counts.planned
        + counts.pending
        + counts.drifted
        + counts.differs
        + counts.failed
        + counts.blocked
        + counts.unresolved;
    match report.outcome {
        Outcome::Ready | Outcome::Ignored | Outcome::Planned if open == 0 => Exit::Good,
        _ => Exit::Missing,
    }
}

/// Returns how many OUs have a control of this status.
pub fn units_with(report: &Report, status: Status) -> usize {
    report.ous.iter().filter(|unit| unit.controls.iter().any(|control| control.status == status)).count()
}

fn text(report: &Report, shown: Shown) -> String {
    let mut text = String::new();
    for unit in &report.ous {
        let controls: Vec<&ControlReport> =
            unit.controls.iter().filter(|control| shown == Shown::Everything || is_open(control)).collect();
        if !controls.is_empty() {
            head(&mut text, unit);
            controls.into_iter().for_each(|control| line(&mut text, control));
            text.push('\n');
        }
    }
    if report.controls_omitted > 0 {
        let omitted = plural(report.controls_omitted, "control");
        _ = writeln!(text, "{WARNING}{omitted} left out{WARNING:#}: choose OUs with --ou\n");
    }
    for note in &report.notes {
        _ = writeln!(text, "{FAINT}note: {}{FAINT:#}", clean(note));
    }
    let style = if exit(report) == Exit::Good { GOOD } else { WARNING };
    _ = writeln!(text, "{style}{}{style:#}", counted(report));
    text
}

/// Says how many controls have each status, next to what a verb prints.
pub fn summary(session: &Session, report: &Report) {
    session.note(&counted(report));
}

fn counted(report: &Report) -> String {
    let counts = report.counts.each().into_iter().filter(|(_, count)| *count > 0);
    let counts: Vec<String> = counts.map(|(status, count)| format!("{count} {status}")).collect();
    if counts.is_empty() { "no controls".to_owned() } else { counts.join(", ") }
}

fn is_open(control: &ControlReport) -> bool {
    !matches!(control.status, Status::Present | Status::Inherited)
}

fn head(text: &mut String, unit: &UnitReport) {
    let path = clean(&unit.path);
    _ = match &unit.id {
        Some(id) => writeln!(text, "{STRONG}{path}{STRONG:#} {FAINT}{id}{FAINT:#}"),
        None => writeln!(text, "{STRONG}{path}{STRONG:#} {ERROR}there is no such OU{ERROR:#}"),
    };
}

fn line(text: &mut String, control: &ControlReport) {
    let style = match control.status {
        Status::Present | Status::Inherited | Status::Enabled | Status::Updated | Status::Reset => GOOD,
        Status::Failed | Status::Blocked | Status::Unresolved => ERROR,
        Status::Extra => FAINT,
        _ => WARNING,
    };
    // The names of statuses are those of the JSON document.
    let status = serde_json::to_value(control.status).ok();
    let status = status.as_ref().and_then(|status| status.as_str()).unwrap_or_default();
    let action = match (control.status, control.action) {
        (Status::Planned, Some(action)) => format!("{status}: {}", action.as_str()),
        _ => status.to_owned(),
    };
    let rules = match control.rules.len() {
        0 => "no row".to_owned(),
        _ => clean(&control.rules.join(", ")),
    };
    _ = writeln!(
        text,
        "  {style}{action:<16}{style:#} {} {FAINT}({rules}){FAINT:#}",
        clean(&control.control.name)
    );
    let details = [
        control.from.as_ref().map(|from| format!("from {from}")),
        control.until.as_ref().map(|until| format!("until {until}")),
        control.reason.clone(),
        control.operation_id.as_ref().map(|id| format!("operation {id}")),
        control.remedy.as_ref().map(|remedy| format!("next: {remedy}")),
        (control.status == Status::Extra).then(|| control.control.arn.clone()),
    ];
    for detail in details.into_iter().flatten() {
        _ = writeln!(text, "                   {FAINT}{}{FAINT:#}", clean(&detail));
    }
}
