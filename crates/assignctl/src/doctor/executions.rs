//! How the last execution of each state machine of the stack went, and which table it read.

use assigner_aws::client::call_error;
use assigner_core::cause::CallError;
use aws_config::SdkConfig;
use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::Value;

use super::{
    check::{Check, Status, ask},
    resources::{Finding, Kind, Part, Resource, together},
};
use crate::session::Session;

/// Looks at the last execution of each state machine. Also returns the digest of the table that one of them read, or why it
/// is not known.
pub async fn look(
    session: &Session,
    sdk: &SdkConfig,
    part: Part,
    machines: &[&Resource],
) -> (Check, Result<String, String>) {
    let client = aws_sdk_sfn::Client::new(sdk);
    let (mut findings, mut tables) = (Vec::new(), Vec::new());
    for Resource { logical, physical, .. } in machines {
        let last = last_execution(session, &client, physical).await;
        let table = match &last {
            Ok(Some(last)) => last.table.clone(),
            Ok(None) => Err("it has never run".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        tables.push(table.map_err(|why| format!("{logical}: {why}")));
        findings.push(match last {
            Ok(last) => judge_execution(logical, physical, last.as_ref()),
            Err(error) => Finding::not_answered(logical, &error),
        });
    }
    let check = match findings.is_empty() {
        true => part.topic(Kind::Executions).failed(
            "the stack has no state machine, so nobody checks the whole organization",
            "deploy the stack of template.yaml, or name it by --stack",
        ),
        false => together(part.topic(Kind::Executions), &findings),
    };
    (check, reported(tables))
}

/// Returns the digest that a state machine has reported, or why none has.
fn reported(tables: Vec<Result<String, String>>) -> Result<String, String> {
    let mut unknown = Vec::new();
    for table in tables {
        match table {
            Ok(digest) => return Ok(digest),
            Err(why) => unknown.push(why),
        }
    }
    match unknown.is_empty() {
        true => Err("the stack has no state machine that reports it".to_owned()),
        false => Err(unknown.join("; ")),
    }
}

/// How an execution ended, if it has.
#[derive(Clone, Debug)]
struct Execution {
    arn: String,
    status: ExecutionStatus,
    /// When it ended, or else began; seconds since 1970.
    at: String,
    /// Step Functions' error and its cause, or why they are not known.
    why: Option<String>,
    /// The digest of the table that it read. An error says why it is not known.
    table: Result<String, String>,
}

async fn last_execution(
    session: &Session,
    client: &aws_sdk_sfn::Client,
    machine: &str,
) -> Result<Option<Execution>, CallError> {
    const OPERATION: &str = "states:ListExecutions";
    let call = async {
        let answer = client.list_executions().state_machine_arn(machine).max_results(1).send().await;
        answer.map_err(|error| call_error(OPERATION, error))
    };
    // The last one comes first.
    let Some(last) = ask(session, OPERATION, call).await?.executions.into_iter().next() else {
        return Ok(None);
    };
    let (why, table) = match last.status {
        ExecutionStatus::Running => (None, Err("its last execution still runs".to_owned())),
        _ => described(session, client, &last.execution_arn).await,
    };
    let at = last.stop_date.unwrap_or(last.start_date).to_string();
    Ok(Some(Execution { arn: last.execution_arn, status: last.status, at, why, table }))
}

/// Returns why an execution failed, and which table it read.
async fn described(
    session: &Session,
    client: &aws_sdk_sfn::Client,
    arn: &str,
) -> (Option<String>, Result<String, String>) {
    const OPERATION: &str = "states:DescribeExecution";
    let call = async {
        let answer = client.describe_execution().execution_arn(arn).send().await;
        answer.map_err(|error| call_error(OPERATION, error))
    };
    let answer = match ask(session, OPERATION, call).await {
        Ok(answer) => answer,
        Err(error) => return (Some(format!("why is not known: {error}")), Err(error.to_string())),
    };
    let why: Vec<String> = [answer.error, answer.cause].into_iter().flatten().collect();
    let output = answer.output.and_then(|output| serde_json::from_str::<Value>(&output).ok());
    let table = output.and_then(|output| output.get("table")?.as_str().map(str::to_owned));
    let table = table.ok_or_else(|| "its last execution has reported no table".to_owned());
    ((!why.is_empty()).then(|| why.join(": ")), table)
}

fn judge_execution(logical: &str, machine: &str, last: Option<&Execution>) -> Finding {
    let Some(Execution { arn, status, at, why, table: _ }) = last else {
        return Finding::is(
            Status::Warning,
            format!("{logical} has never run"),
            format!("`aws stepfunctions start-execution --state-machine-arn {machine}`"),
        );
    };
    let because = why.as_ref().map_or(String::new(), |why| format!(": {why}"));
    match status {
        ExecutionStatus::Succeeded => Finding::ok(format!("{logical} SUCCEEDED at {at}")),
        ExecutionStatus::Running => Finding::ok(format!("{logical} is RUNNING since {at}")),
        ExecutionStatus::Failed | ExecutionStatus::TimedOut | ExecutionStatus::Aborted => Finding::is(
            Status::Failed,
            format!("{logical} {} at {at}{because}", status.as_str()),
            format!(
                "look: `aws stepfunctions describe-execution --execution-arn {arn}`; fix what it names, then start it \
                 again: `aws stepfunctions start-execution --state-machine-arn {machine}`"
            ),
        ),
        other => Finding::is(
            Status::Unknown,
            format!("{logical} is {} since {at}", other.as_str()),
            "see the execution in the console",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_is_judged_by_how_it_ended() {
        let execution = |status| Execution {
            arn: "e".into(),
            status,
            at: "now".into(),
            why: Some("X: y".into()),
            table: Err("not looked at".into()),
        };
        for (status, expected) in [
            (ExecutionStatus::Succeeded, Status::Ok),
            (ExecutionStatus::Running, Status::Ok),
            (ExecutionStatus::Failed, Status::Failed),
            (ExecutionStatus::TimedOut, Status::Failed),
            (ExecutionStatus::Aborted, Status::Failed),
            (ExecutionStatus::PendingRedrive, Status::Unknown),
        ] {
            let finding = judge_execution("M", "m", Some(&execution(status.clone())));
            assert_eq!(finding.status, expected, "execution {status:?}");
        }
        assert_eq!(judge_execution("M", "m", None).status, Status::Warning, "it has never run");
        let failed = judge_execution("M", "m", Some(&execution(ExecutionStatus::Failed)));
        assert_eq!(failed.text, "M FAILED at now: X: y");
    }

    #[test]
    fn a_digest_counts_whichever_machine_reports_it_and_otherwise_every_reason_is_given() {
        let (digest, unread) = (|| Ok("d".to_owned()), |why: &str| Err(why.to_owned()));
        let cases = [
            (vec![digest(), unread("B: no")], digest()),
            (vec![unread("A: no"), digest()], digest()),
            (vec![unread("A: no"), unread("B: denied")], unread("A: no; B: denied")),
        ];
        for (tables, expected) in cases {
            assert_eq!(reported(tables.clone()), expected, "{tables:?}");
        }
    }
}
