//! What a report says of one OU and control.

use super::{ControlReport, Mode, NamedControl, Seen, Status, rules};
use crate::{
    controls::{
        Table,
        catalogue::Control,
        plan::{Item, Kind, Verdict},
        wish::Unresolved,
    },
    day::rfc3339,
};

pub(super) fn control(seen: &Seen<'_>, item: &Item, did: &impl Fn(&str) -> Option<Kind>) -> ControlReport {
    let mut report = ControlReport {
        rules: rules(seen.table, &item.rows),
        control: NamedControl { name: item.name.clone(), arn: item.arn.clone() },
        status: Status::Present,
        action: None,
        operation_id: None,
        since: None,
        from: None,
        until: None,
        reason: None,
        remedy: None,
    };
    match &item.verdict {
        Verdict::Present { operation } => {
            let done = operation.as_deref().and_then(|id| Some((id, did(id)?)));
            if let Some((id, kind)) = done {
                report.status = match kind {
                    Kind::Enable => Status::Enabled,
                    Kind::Update => Status::Updated,
                    Kind::Reset => Status::Reset,
                };
                report.action = Some(kind);
                report.operation_id = Some(id.to_owned());
            }
        }
        Verdict::Inherited { from, reason } => {
            report.status = Status::Inherited;
            report.from = Some(seen.tree.path(*from));
            report.reason = reason.clone();
        }
        Verdict::Due(action) => {
            let kind = action.kind();
            report.action = Some(kind);
            match (seen.mode, kind) {
                (Mode::Write, _) => {
                    report.status = Status::Pending;
                    report.reason = Some("waits for its turn: one operation at a time on each OU".to_owned());
                }
                (Mode::Look, Kind::Update) => {
                    report.status = Status::Differs;
                    report.reason = Some("it has other parameters than the table says".to_owned());
                }
                (Mode::Look | Mode::Plan, _) => report.status = Status::Planned,
            }
        }
        Verdict::UnderWay { operation, since, reason } => {
            report.status = Status::Pending;
            report.action = operation.as_deref().and_then(did);
            report.operation_id = operation.clone();
            report.since = since.map(rfc3339);
            report.reason = Some((*reason).to_owned());
        }
        Verdict::Held { reason, action } => {
            report.status = Status::Pending;
            report.action = *action;
            report.reason = Some(reason.clone());
        }
        Verdict::Waiting { until, reason, action } => {
            report.status = Status::Waiting;
            report.action = Some(*action);
            report.until = until.map(rfc3339);
            report.reason = Some(reason.clone());
        }
        Verdict::Drifted { reason, remedy } => {
            report.status = Status::Drifted;
            report.reason = Some(reason.clone());
            report.remedy = Some((*remedy).to_owned());
        }
        Verdict::Failed { message, operation, since, remedy } => {
            report.status = Status::Failed;
            report.operation_id = operation.clone();
            report.since = since.map(rfc3339);
            report.reason = Some(message.clone());
            report.remedy = Some((*remedy).to_owned());
        }
        Verdict::Blocked { reason, remedy } => {
            report.status = Status::Blocked;
            report.reason = Some(reason.clone());
            report.remedy = Some(remedy.clone());
        }
        Verdict::Extra { reason } => {
            report.status = Status::Extra;
            report.reason = reason.clone();
        }
        // The plan was not finished. Saying so is better than saying anything else.
        Verdict::Unknown => {
            report.status = Status::Failed;
            report.reason = Some("what is true of it could not be read".to_owned());
            report.remedy = Some("try again later".to_owned());
        }
    }
    report
}

pub(super) fn missing(table: &Table, unresolved: &Unresolved<'_>) -> Vec<ControlReport> {
    let report = |control: &&Control| ControlReport {
        rules: rules(table, &[unresolved.row]),
        control: NamedControl { name: control.name().to_owned(), arn: control.arn.clone() },
        status: Status::Unresolved,
        action: None,
        operation_id: None,
        since: None,
        from: None,
        until: None,
        reason: Some(format!("there is no OU {}", unresolved.unit)),
        remedy: Some("correct the id or path, or create the OU".to_owned()),
    };
    unresolved.controls.iter().map(report).collect()
}
