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
    let mut findings = Vec::new();
    let mut table = Err("no execution of the state machine has reported it".to_owned());
    for Resource { logical, physical, .. } in machines {
        findings.push(match last_execution(session, &client, physical).await {
            Ok(last) => {
                if let Some(digest) = last.as_ref().and_then(|last| last.table.clone()) {
                    table = Ok(digest);
                }
                judge_execution(logical, physical, last.as_ref())
            }
            Err(error) => {
                table = Err(error.to_string());
                Finding::not_answered(logical, &error)
            }
        });
    }
    let check = match findings.is_empty() {
        true => part.topic(Kind::Executions).failed(
            "the stack has no state machine, so nobody checks the whole organization",
            "deploy the stack of template.yaml, or name it by --stack",
        ),
        false => together(part.topic(Kind::Executions), &findings),
    };
    (check, table)
}

/// How an execution ended, if it has.
#[derive(Clone, Debug)]
struct Execution {
    arn: String,
    status: ExecutionStatus,
    /// When it ended, or else began; seconds since 1970.
    at: String,
    /// Step Functions' error and its cause.
    why: Option<String>,
    /// The digest of the table that it read.
    table: Option<String>,
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
        ExecutionStatus::Running => (None, None),
        _ => described(session, client, &last.execution_arn).await,
    };
    let at = last.stop_date.unwrap_or(last.start_date).to_string();
    Ok(Some(Execution { arn: last.execution_arn, status: last.status, at, why, table }))
}

/// Returns why an execution failed, and which table it read, if this identity may ask.
async fn described(
    session: &Session,
    client: &aws_sdk_sfn::Client,
    arn: &str,
) -> (Option<String>, Option<String>) {
    const OPERATION: &str = "states:DescribeExecution";
    let call = async {
        let answer = client.describe_execution().execution_arn(arn).send().await;
        answer.map_err(|error| call_error(OPERATION, error))
    };
    let Ok(answer) = ask(session, OPERATION, call).await else { return (None, None) };
    let why: Vec<String> = [answer.error, answer.cause].into_iter().flatten().collect();
    let output = answer.output.and_then(|output| serde_json::from_str::<Value>(&output).ok());
    let table = output.and_then(|output| output.get("table")?.as_str().map(str::to_owned));
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
            table: None,
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
}
