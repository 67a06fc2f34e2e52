//! What starts the deployed functions, and how that went: the stack's rules, its pipe, its state machines and its
//! alarms, whatever they are called.

use assigner_aws::client::call_error;
use assigner_core::cause::{CallError, Cause};
use aws_config::SdkConfig;
use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::Value;

use super::{
    Examined, alarms,
    check::{Check, Group, Status, Topic, ask, topic},
};
use crate::{session::Session, terminal::plural};

/// What is looked at, in the order in which it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rules,
    Schedule,
    Pipes,
    Executions,
    Alarms,
}

const KINDS: [Kind; 5] = [Kind::Rules, Kind::Schedule, Kind::Pipes, Kind::Executions, Kind::Alarms];

impl Kind {
    fn topic(self) -> Topic {
        let (id, title) = match self {
            Kind::Rules => ("rules", "rules that start the functions"),
            Kind::Schedule => ("schedule", "schedule of the backfill"),
            Kind::Pipes => ("pipe", "pipe from the DynamoDB table"),
            Kind::Executions => ("executions", "last execution of each state machine"),
            Kind::Alarms => ("alarms", "alarms"),
        };
        topic(Group::Deployment, id, title)
    }
}

pub fn topics() -> Vec<Topic> {
    KINDS.map(Kind::topic).into()
}

/// A resource of the stack.
#[derive(Clone, Debug)]
struct Resource {
    kind: String,
    /// As the template calls it.
    logical: String,
    /// As its service calls it.
    physical: String,
}

/// What was found of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub status: Status,
    pub text: String,
    pub remedy: String,
}

impl Finding {
    pub fn ok(text: impl Into<String>) -> Finding {
        Finding { status: Status::Ok, text: text.into(), remedy: String::new() }
    }

    pub fn is(status: Status, text: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { status, text: text.into(), remedy: remedy.into() }
    }

    /// Returns the finding after a call that did not succeed. That a resource of the stack is gone is a fault; that this
    /// identity may not look says nothing.
    fn not_answered(name: &str, error: &CallError) -> Finding {
        let gone = error.cause == Cause::NotFound
            || error.code.as_deref().is_some_and(|code| code.contains("DoesNotExist"));
        match gone {
            true => Finding::is(
                Status::Failed,
                format!("{name}: {error}"),
                "it was deleted: deploy the stack again",
            ),
            false => {
                let check = topic(Group::Deployment, "", "").not_answered(error, Status::Unknown);
                Finding::is(
                    check.status,
                    format!("{name}: {}", check.detail),
                    check.remedy.unwrap_or_default(),
                )
            }
        }
    }
}

/// Returns one check of all findings: as bad as the worst, and with the text of each that is not good.
pub fn together(topic: Topic, findings: &[Finding]) -> Check {
    let worst = findings.iter().map(|finding| finding.status).max().unwrap_or(Status::Ok);
    if worst == Status::Ok {
        return topic.ok(findings.iter().map(|finding| finding.text.as_str()).collect::<Vec<_>>().join("\n"));
    }
    let bad = || findings.iter().filter(|finding| finding.status != Status::Ok);
    let mut remedies: Vec<&str> = bad().map(|finding| finding.remedy.as_str()).collect();
    remedies.dedup();
    let texts: Vec<&str> = bad().map(|finding| finding.text.as_str()).collect();
    topic.is(worst, texts.join("\n"), remedies.join("\n"))
}

/// Looks at the resources of the stack.
///
/// Also returns the digest of the table that the last execution read, or why it is not known.
pub async fn look(examined: &Examined<'_>, stack: &str) -> (Vec<Check>, Result<String, String>) {
    let Examined { session, sdk, .. } = examined;
    let resources = match list(session, sdk, stack).await {
        Ok(resources) => resources,
        Err(error) => {
            let unknown = topics().into_iter().map(|topic| topic.not_answered(&error, Status::Unknown));
            return (unknown.collect(), Err(error.to_string()));
        }
    };
    let of = |kind: &str| -> Vec<&Resource> { resources.iter().filter(|one| one.kind == kind).collect() };
    let (rules, pipes, machines) =
        (of("AWS::Events::Rule"), of("AWS::Pipes::Pipe"), of("AWS::StepFunctions::StateMachine"));
    let alarms: Vec<&str> =
        of("AWS::CloudWatch::Alarm").into_iter().map(|alarm| alarm.physical.as_str()).collect();
    let ((rules, schedule), pipes, (executions, table), alarms) = tokio::join!(
        look_at_rules(session, sdk, &rules),
        look_at_pipes(session, sdk, &pipes),
        look_at_machines(session, sdk, &machines),
        alarms::look(session, sdk, Kind::Alarms.topic(), &alarms),
    );
    (vec![rules, schedule, pipes, executions, alarms], table)
}

async fn list(session: &Session, sdk: &SdkConfig, stack: &str) -> Result<Vec<Resource>, CallError> {
    const OPERATION: &str = "cloudformation:ListStackResources";
    let client = aws_sdk_cloudformation::Client::new(sdk);
    let (mut resources, mut token) = (Vec::new(), None);
    loop {
        let call = async {
            let answer =
                client.list_stack_resources().stack_name(stack).set_next_token(token.take()).send().await;
            answer.map_err(|error| call_error(OPERATION, error))
        };
        let page = ask(session, OPERATION, call).await?;
        let text = |text: Option<String>| text.unwrap_or_default();
        resources.extend(page.stack_resource_summaries.unwrap_or_default().into_iter().map(|one| Resource {
            kind: text(one.resource_type),
            logical: text(one.logical_resource_id),
            physical: text(one.physical_resource_id),
        }));
        match page.next_token.filter(|next| !next.is_empty()) {
            Some(next) => token = Some(next),
            None => return Ok(resources),
        }
    }
}

async fn look_at_rules(session: &Session, sdk: &SdkConfig, rules: &[&Resource]) -> (Check, Check) {
    const OPERATION: &str = "events:DescribeRule";
    let client = aws_sdk_eventbridge::Client::new(sdk);
    let (mut findings, mut schedules) = (Vec::new(), Vec::new());
    for Resource { logical, physical, .. } in rules {
        // A rule of another bus than the default one is called bus|rule.
        let (bus, name) =
            physical.split_once('|').map_or((None, physical.as_str()), |(bus, name)| (Some(bus), name));
        let call = async {
            let call = client.describe_rule().name(name).set_event_bus_name(bus.map(str::to_owned));
            call.send().await.map_err(|error| call_error(OPERATION, error))
        };
        match ask(session, OPERATION, call).await {
            Ok(rule) => {
                let state = rule.state.as_ref().map_or("", |state| state.as_str());
                let finding = judge_rule(logical, name, state);
                schedules.extend(rule.schedule_expression.map(|when| (when, finding.clone())));
                findings.push(finding);
            }
            Err(error) => findings.push(Finding::not_answered(logical, &error)),
        }
    }
    let rules = match findings.is_empty() {
        true => Kind::Rules.topic().failed(
            "the stack has no rule, so nothing starts the function",
            "deploy the stack of template.yaml, or name it by --stack",
        ),
        false => together(Kind::Rules.topic(), &findings),
    };
    let unread = findings.iter().any(|finding| finding.status == Status::Unknown);
    (rules, judge_schedule(&schedules, unread))
}

/// Judges a rule by its state.
fn judge_rule(logical: &str, name: &str, state: &str) -> Finding {
    match state {
        "DISABLED" => Finding::is(
            Status::Failed,
            format!("{logical} is disabled: its events start nothing"),
            format!("`aws events enable-rule --name {name}`, or deploy the stack again"),
        ),
        _ if state.starts_with("ENABLED") => Finding::ok(format!("{logical} is enabled")),
        other => Finding::is(
            Status::Unknown,
            format!("{logical} is in state {other:?}"),
            "see the rule in the console",
        ),
    }
}

/// Judges the rules that have a schedule. `unread`: others could not be looked at, and may have one.
fn judge_schedule(schedules: &[(String, Finding)], unread: bool) -> Check {
    let topic = Kind::Schedule.topic();
    if schedules.is_empty() && unread {
        return topic.depends_on("rules that start the functions");
    }
    if schedules.is_empty() {
        return topic.is(
            Status::Warning,
            "there is none: an event that is lost is never made up for",
            "set the parameter Schedule, and deploy the stack again",
        );
    }
    let findings: Vec<Finding> = schedules
        .iter()
        .map(|(when, finding)| Finding { text: format!("{when}: {}", finding.text), ..finding.clone() })
        .collect();
    together(topic, &findings)
}

async fn look_at_pipes(session: &Session, sdk: &SdkConfig, pipes: &[&Resource]) -> Check {
    const OPERATION: &str = "pipes:DescribePipe";
    let client = aws_sdk_pipes::Client::new(sdk);
    let mut findings = Vec::new();
    for Resource { logical, physical, .. } in pipes {
        let call = async {
            let answer = client.describe_pipe().name(physical).send().await;
            answer.map_err(|error| call_error(OPERATION, error))
        };
        findings.push(match ask(session, OPERATION, call).await {
            Ok(pipe) => {
                let state = pipe.current_state.as_ref().map_or("", |state| state.as_str());
                judge_pipe(logical, physical, state, pipe.state_reason.as_deref())
            }
            Err(error) => Finding::not_answered(logical, &error),
        });
    }
    match findings.is_empty() {
        true => Kind::Pipes.topic().ok("there is none: the stack has no DynamoDB table"),
        false => together(Kind::Pipes.topic(), &findings),
    }
}

fn judge_pipe(logical: &str, name: &str, state: &str, reason: Option<&str>) -> Finding {
    let because = reason.map_or(String::new(), |reason| format!(": {reason}"));
    match state {
        "RUNNING" => Finding::ok(format!("{logical} is running")),
        "STARTING" | "CREATING" | "UPDATING" => Finding::is(
            Status::Warning,
            format!("{logical} is {state}{because}"),
            "wait for it, and run this again",
        ),
        "" => Finding::is(Status::Unknown, format!("{logical} has no state"), "see the pipe in the console"),
        _ => Finding::is(
            Status::Failed,
            format!("{logical} is {state}{because}: an edit of the table starts nothing"),
            format!("`aws pipes start-pipe --name {name}`, or deploy the stack again"),
        ),
    }
}

async fn look_at_machines(
    session: &Session,
    sdk: &SdkConfig,
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
        true => Kind::Executions.topic().failed(
            "the stack has no state machine, so nobody checks the whole organization",
            "deploy the stack of template.yaml, or name it by --stack",
        ),
        false => together(Kind::Executions.topic(), &findings),
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

/// Judges alarms by their names and states.
pub fn judge_alarms(topic: Topic, asked: &[&str], found: &[(String, String, String)]) -> Check {
    if asked.is_empty() {
        return topic.is(
            Status::Warning,
            "the stack has none: nobody is told of a failure",
            "deploy the stack of template.yaml, or name it by --stack",
        );
    }
    let mut findings: Vec<Finding> = found
        .iter()
        .map(|(name, state, reason)| match state.as_str() {
            // An alarm on what never happens has no data.
            "OK" | "INSUFFICIENT_DATA" => Finding::ok(format!("{name} is {state}")),
            "ALARM" => Finding::is(
                Status::Failed,
                format!("{name} is in ALARM: {reason}"),
                format!("fix what it names; its history: `aws cloudwatch describe-alarm-history --alarm-name {name}`"),
            ),
            other => Finding::is(Status::Unknown, format!("{name} is in state {other:?}"), "see the alarm in the console"),
        })
        .collect();
    let missing = asked.iter().filter(|name| !found.iter().any(|(found, ..)| found == *name));
    findings.extend(missing.map(|name| {
        Finding::is(
            Status::Failed,
            format!("{name} does not exist"),
            "it was deleted: deploy the stack again",
        )
    }));
    match findings.iter().all(|finding| finding.status == Status::Ok) {
        true => topic.ok(format!("none of {} is in ALARM", plural(findings.len(), "alarm"))),
        false => together(topic, &findings),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_starts_the_functions_is_judged_by_its_state() {
        for (state, expected) in [
            ("ENABLED", Status::Ok),
            ("ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS", Status::Ok),
            ("DISABLED", Status::Failed),
            ("", Status::Unknown),
        ] {
            assert_eq!(judge_rule("R", "r", state).status, expected, "rule {state}");
        }
        for (state, expected) in [
            ("RUNNING", Status::Ok),
            ("STARTING", Status::Warning),
            ("STOPPED", Status::Failed),
            ("START_FAILED", Status::Failed),
            ("DELETING", Status::Failed),
            ("", Status::Unknown),
        ] {
            assert_eq!(judge_pipe("P", "p", state, None).status, expected, "pipe {state}");
        }
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

    #[test]
    fn a_schedule_is_as_good_as_its_rule_and_none_is_a_warning() {
        let of = |state| vec![("rate(1 day)".to_owned(), judge_rule("R", "r", state))];
        assert_eq!(judge_schedule(&of("ENABLED"), false).status, Status::Ok);
        assert_eq!(judge_schedule(&of("DISABLED"), false).status, Status::Failed);
        assert_eq!(judge_schedule(&[], false).status, Status::Warning);
        assert_eq!(judge_schedule(&[], true).status, Status::Unknown);
    }

    #[test]
    fn several_findings_are_as_bad_as_the_worst_and_only_the_bad_ones_are_shown() {
        let findings = [
            Finding::ok("good"),
            Finding::is(Status::Unknown, "who knows", "look"),
            Finding::is(Status::Failed, "bad", "repair it"),
        ];
        let check = together(Kind::Rules.topic(), &findings);
        assert_eq!((check.status, check.detail.as_str()), (Status::Failed, "who knows\nbad"));
        assert_eq!(together(Kind::Rules.topic(), &findings[..1]).status, Status::Ok);
        assert_eq!(together(Kind::Rules.topic(), &findings[..2]).status, Status::Unknown);
    }

    #[test]
    fn an_alarm_in_alarm_or_one_that_is_gone_fails() {
        let found = |states: &[&str]| -> Vec<(String, String, String)> {
            let one =
                |(n, state): (usize, &&str)| (format!("a{n}"), (*state).to_owned(), "because".to_owned());
            states.iter().enumerate().map(one).collect()
        };
        let cases: [(&[&str], &[&str], Status); 6] = [
            (&[], &[], Status::Warning),
            (&["a0", "a1"], &["OK", "INSUFFICIENT_DATA"], Status::Ok),
            (&["a0", "a1"], &["OK", "ALARM"], Status::Failed),
            (&["a0", "a1"], &["OK"], Status::Failed),
            (&["a0"], &["NEW"], Status::Unknown),
            (&["a0"], &[], Status::Failed),
        ];
        for (asked, states, expected) in cases {
            let check = judge_alarms(Kind::Alarms.topic(), asked, &found(states));
            assert_eq!(check.status, expected, "{states:?}: {check:?}");
        }
    }
}
