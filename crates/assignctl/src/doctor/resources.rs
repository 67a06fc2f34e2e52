//! What starts the deployed functions, and how that went: the stack's rules, its pipes, its state machines and its
//! alarms, whatever they are called.

use assigner_aws::client::call_error;
use assigner_core::cause::{CallError, Cause};
use aws_config::SdkConfig;

use super::{
    Examined, alarms,
    check::{Check, Group, Status, Topic, ask, topic},
    executions,
};
use crate::{session::Session, terminal::plural};

/// What is looked at, in the order in which it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Rules,
    Schedule,
    Pipes,
    Executions,
    Alarms,
}

const KINDS: [Kind; 5] = [Kind::Rules, Kind::Schedule, Kind::Pipes, Kind::Executions, Kind::Alarms];

/// What a resource of the stack serves. Each capability is judged by its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Assignments,
    Controls,
}

/// The resources of controls, as the template calls them. All others serve assignments.
const OF_CONTROLS: [&str; 8] = [
    "ControlsRule",
    "DisableControlRule",
    "DriftRule",
    "ControlsScheduleRule",
    "ControlsTableChanges",
    "KeepControls",
    "KeepControlsAlarm",
    "PlannedControlsAlarm",
];

impl Part {
    fn of(resource: &Resource) -> Part {
        match OF_CONTROLS.contains(&resource.logical.as_str()) {
            true => Part::Controls,
            false => Part::Assignments,
        }
    }

    pub fn topic(self, kind: Kind) -> Topic {
        let (id, title) = match (self, kind) {
            (Part::Assignments, Kind::Rules) => ("rules", "rules that start the functions"),
            (Part::Assignments, Kind::Schedule) => ("schedule", "schedule of the backfill"),
            (Part::Assignments, Kind::Pipes) => ("pipe", "pipe from the DynamoDB table"),
            (Part::Assignments, Kind::Executions) => ("executions", "last execution of each state machine"),
            (Part::Assignments, Kind::Alarms) => ("alarms", "alarms"),
            (Part::Controls, Kind::Rules) => ("controls-rules", "rules that start control-keeper"),
            (Part::Controls, Kind::Schedule) => ("controls-schedule", "schedule of control-keeper"),
            (Part::Controls, Kind::Pipes) => ("controls-pipe", "pipe from the DynamoDB table of controls"),
            (Part::Controls, Kind::Executions) => {
                ("controls-executions", "last execution of the state machine for controls")
            }
            (Part::Controls, Kind::Alarms) => ("controls-alarms", "alarms on controls"),
        };
        let group = match self {
            Part::Assignments => Group::Deployment,
            Part::Controls => Group::Controls,
        };
        topic(group, id, title)
    }

    /// Returns the rules without which something goes unnoticed. An older stack may lack one.
    fn rules(self) -> &'static [&'static str] {
        match self {
            Part::Assignments => &[],
            Part::Controls => &["ControlsRule", "DisableControlRule", "DriftRule"],
        }
    }

    /// Returns what follows if nothing starts it by the clock.
    fn without_schedule(self) -> &'static str {
        match self {
            Part::Assignments => "there is none: an event that is lost is never made up for",
            Part::Controls => {
                "there is none: drift that Control Tower does not report, and an event that is lost, go unnoticed"
            }
        }
    }

    pub fn topics(self) -> Vec<Topic> {
        KINDS.map(|kind| self.topic(kind)).into()
    }
}

/// A resource of the stack.
#[derive(Clone, Debug)]
pub struct Resource {
    kind: String,
    /// As the template calls it.
    pub logical: String,
    /// As its service calls it.
    pub physical: String,
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
    pub fn not_answered(name: &str, error: &CallError) -> Finding {
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

/// Looks at the resources of the stack that serve this part.
///
/// Also returns the digest of the table that its last execution read, or why it is not known.
pub async fn look(
    examined: &Examined<'_>,
    part: Part,
    resources: &Result<Vec<Resource>, CallError>,
) -> (Vec<Check>, Result<String, String>) {
    let Examined { session, sdk, .. } = examined;
    let resources = match resources {
        Ok(resources) => resources,
        Err(error) => {
            let unknown = part.topics().into_iter().map(|topic| topic.not_answered(error, Status::Unknown));
            return (unknown.collect(), Err(error.to_string()));
        }
    };
    let of = |kind: &str| -> Vec<&Resource> {
        resources.iter().filter(|one| one.kind == kind && Part::of(one) == part).collect()
    };
    let (rules, pipes, machines) =
        (of("AWS::Events::Rule"), of("AWS::Pipes::Pipe"), of("AWS::StepFunctions::StateMachine"));
    let alarms: Vec<&str> =
        of("AWS::CloudWatch::Alarm").into_iter().map(|alarm| alarm.physical.as_str()).collect();
    let ((rules, schedule), pipes, (executions, table), alarms) = tokio::join!(
        look_at_rules(session, sdk, part, &rules),
        look_at_pipes(session, sdk, part, &pipes),
        executions::look(session, sdk, part, &machines),
        alarms::look(session, sdk, part.topic(Kind::Alarms), &alarms),
    );
    (vec![rules, schedule, pipes, executions, alarms], table)
}

/// Lists the resources of the stack.
pub async fn list(session: &Session, sdk: &SdkConfig, stack: &str) -> Result<Vec<Resource>, CallError> {
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

async fn look_at_rules(
    session: &Session,
    sdk: &SdkConfig,
    part: Part,
    rules: &[&Resource],
) -> (Check, Check) {
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
    let unread = findings.iter().any(|finding| finding.status == Status::Unknown);
    let schedule = judge_schedule(part, &schedules, unread);
    let topic = part.topic(Kind::Rules);
    if findings.is_empty() {
        let rules = topic.failed(
            "the stack has no rule, so nothing starts the function",
            "deploy the stack of template.yaml, or name it by --stack",
        );
        return (rules, schedule);
    }
    let missing = part.rules().iter().filter(|name| rules.iter().all(|rule| rule.logical != **name));
    findings.extend(missing.map(|name| {
        Finding::is(
            Status::Failed,
            format!("the stack has no {name}: its events start nothing"),
            "deploy the present version of template.yaml",
        )
    }));
    (together(topic, &findings), schedule)
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
fn judge_schedule(part: Part, schedules: &[(String, Finding)], unread: bool) -> Check {
    let topic = part.topic(Kind::Schedule);
    if schedules.is_empty() && unread {
        return topic.depends_on(part.topic(Kind::Rules).title());
    }
    if schedules.is_empty() {
        return topic.is(
            Status::Warning,
            part.without_schedule(),
            "set the parameter Schedule, and deploy the stack again",
        );
    }
    let findings: Vec<Finding> = schedules
        .iter()
        .map(|(when, finding)| Finding { text: format!("{when}: {}", finding.text), ..finding.clone() })
        .collect();
    together(topic, &findings)
}

async fn look_at_pipes(session: &Session, sdk: &SdkConfig, part: Part, pipes: &[&Resource]) -> Check {
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
        true => part.topic(Kind::Pipes).ok("there is none: the stack has no such table"),
        false => together(part.topic(Kind::Pipes), &findings),
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
    }

    #[test]
    fn a_schedule_is_as_good_as_its_rule_and_none_is_a_warning() {
        let of = |state| vec![("rate(1 day)".to_owned(), judge_rule("R", "r", state))];
        assert_eq!(judge_schedule(Part::Assignments, &of("ENABLED"), false).status, Status::Ok);
        assert_eq!(judge_schedule(Part::Assignments, &of("DISABLED"), false).status, Status::Failed);
        assert_eq!(judge_schedule(Part::Assignments, &[], false).status, Status::Warning);
        assert_eq!(judge_schedule(Part::Assignments, &[], true).status, Status::Unknown);
    }

    #[test]
    fn several_findings_are_as_bad_as_the_worst_and_only_the_bad_ones_are_shown() {
        let findings = [
            Finding::ok("good"),
            Finding::is(Status::Unknown, "who knows", "look"),
            Finding::is(Status::Failed, "bad", "repair it"),
        ];
        let check = together(Part::Assignments.topic(Kind::Rules), &findings);
        assert_eq!((check.status, check.detail.as_str()), (Status::Failed, "who knows\nbad"));
        assert_eq!(together(Part::Assignments.topic(Kind::Rules), &findings[..1]).status, Status::Ok);
        assert_eq!(together(Part::Assignments.topic(Kind::Rules), &findings[..2]).status, Status::Unknown);
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
            let check = judge_alarms(Part::Assignments.topic(Kind::Alarms), asked, &found(states));
            assert_eq!(check.status, expected, "{states:?}: {check:?}");
        }
    }
}
