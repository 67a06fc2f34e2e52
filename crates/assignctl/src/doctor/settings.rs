//! What a stack, its functions and its queues should be like. Pure.

use std::collections::BTreeMap;

use assigner_core::{table::TableLocation, work::Manners};
use assigner_engine::settings::Settings;

use super::{
    check::{Check, Status, Topic},
    compared::{Read, Same, reads_the_same},
};

/// Identity Center's quotas for the whole organization.
const REQUESTS_PER_SECOND: u64 = 20;
const OUTSTANDING: u64 = 15;
/// A creation takes seconds, or minutes if Identity Center is busy.
const SHORT_TIMEOUT: i32 = 60;

pub const REDEPLOY: &str = "change the stack's parameters, and deploy it again";

/// A function as Lambda describes it.
#[derive(Clone, Debug)]
pub struct Deployed {
    pub name: String,
    pub region: Option<String>,
    pub state: Option<String>,
    pub state_reason: Option<String>,
    pub last_update: Option<String>,
    pub last_update_reason: Option<String>,
    /// Seconds.
    pub timeout: Option<i32>,
    /// Megabytes.
    pub memory: Option<i32>,
    /// The ARN of the role that it runs as.
    pub role: Option<String>,
    /// An error says why it is not known.
    pub environment: Result<BTreeMap<String, String>, String>,
    /// `None`: nothing is reserved. An error says why it is not known.
    pub reserved: Result<Option<i32>, String>,
}

impl Deployed {
    /// Returns where the table is that it reads, if its settings say so.
    pub fn table(&self) -> Option<TableLocation> {
        self.settings().ok().map(|settings| settings.table)
    }

    fn settings(&self) -> Result<Settings, Vec<String>> {
        let environment = self.environment.as_ref().map_err(|why| vec![why.clone()])?;
        Settings::read(|name| environment.get(name).cloned())
    }
}

/// What the other checks found.
pub struct Expected<'a> {
    /// The table that this run is about.
    pub table: &'a Read,
    /// Those that the functions read.
    pub theirs: &'a [Read],
    pub instance: Option<&'a str>,
    /// Where the instance was looked for.
    pub instance_region: Option<String>,
    pub management: Option<&'a str>,
}

pub fn stack(topic: Topic, status: &str, reason: Option<&str>) -> Check {
    let detail = reason.map_or(status.to_owned(), |reason| format!("{status}: {reason}"));
    match status {
        "ROLLBACK_COMPLETE" | "DELETE_COMPLETE" => topic.failed(detail, "deploy it again"),
        _ if status.contains("FAILED") => {
            topic.failed(detail, "see the stack's events for the cause, and deploy it again")
        }
        "UPDATE_ROLLBACK_COMPLETE" => topic.is(
            Status::Warning,
            format!("{detail}; the last deployment was undone"),
            "see the stack's events for the cause, and deploy it again",
        ),
        _ if status.ends_with("_COMPLETE") => topic.ok(detail),
        _ if status.ends_with("_IN_PROGRESS") => {
            topic.is(Status::Warning, detail, "wait for the deployment to end, and run it again")
        }
        _ => topic.unknown(detail, "see the stack in the console"),
    }
}

pub fn state(topic: Topic, function: &Deployed) -> Check {
    let Deployed { name, state, state_reason, last_update, last_update_reason, timeout, memory, .. } =
        function;
    let because =
        |reason: &Option<String>| reason.as_ref().map_or(String::new(), |reason| format!(": {reason}"));
    let again = "deploy it again; `aws lambda get-function` shows more";
    match (state.as_deref(), last_update.as_deref()) {
        (Some("Failed"), _) => {
            return topic.failed(format!("{name} is in state Failed{}", because(state_reason)), again);
        }
        (_, Some("Failed")) => {
            return topic
                .failed(format!("{name}: its last update failed{}", because(last_update_reason)), again);
        }
        (Some("Pending"), _) | (_, Some("InProgress")) => {
            let detail = format!("{name} is being created or updated{}", because(state_reason));
            return topic.is(Status::Warning, detail, "wait for it, and run this again");
        }
        // An idle function becomes active with its next event.
        (Some("Active" | "Inactive"), Some("Successful") | None) => {}
        (state, update) => {
            let detail = format!("{name}: state {state:?}, last update {update:?}");
            return topic.unknown(detail, "see the function in the console");
        }
    }
    if let Ok(Some(0)) = function.reserved {
        return topic.failed(
            format!("{name} may not run: its reserved concurrency is 0"),
            "set the parameter ReservedConcurrency (or BackfillConcurrency), and deploy the stack again",
        );
    }
    let detail = format!(
        "{name}, {} s, {} MB{}",
        timeout.unwrap_or_default(),
        memory.unwrap_or_default(),
        match &function.reserved {
            Ok(Some(number)) => format!(", reserved concurrency {number}"),
            Ok(None) => ", no reserved concurrency".to_owned(),
            Err(_) => String::new(),
        }
    );
    match timeout {
        Some(timeout) if *timeout < SHORT_TIMEOUT => topic.is(
            Status::Warning,
            format!("{detail}: what it waits for can take longer than its timeout"),
            "give it 300 seconds, as template.yaml does",
        ),
        _ => topic.ok(detail),
    }
}

pub fn settings(topic: Topic, function: &Deployed, expected: &Expected<'_>) -> Check {
    if let Err(why) = &function.environment {
        let remedy = "allow this identity to decrypt the function's environment, or see it in the console";
        return topic.unknown(why, remedy);
    }
    let configured = match function.settings() {
        Ok(settings) => settings,
        Err(faults) => return topic.failed(faults.join("\n"), REDEPLOY),
    };
    let (mut failures, mut warnings) = (Vec::new(), Vec::new());
    if let (Some(set), Some(found)) = (&configured.instance_arn, expected.instance)
        && set != found
    {
        failures.push(format!("IDENTITY_CENTER_INSTANCE_ARN is {set}, but the instance is {found}"));
    }
    let region = configured.identity_center_region.as_ref().or(function.region.as_ref());
    if let (Some(region), Some(found), Some(_)) = (region, &expected.instance_region, expected.instance)
        && region != found
    {
        failures.push(format!("it looks for Identity Center in {region}, but the instance is in {found}"));
    }
    if let (Some(set), Some(management)) = (&configured.management_account, expected.management)
        && set.as_str() != management
    {
        failures.push(format!("MANAGEMENT_ACCOUNT_ID is {set}, but the management account is {management}"));
    }
    if configured.dry_run {
        warnings.push("DRY_RUN is true: it plans and creates nothing".to_owned());
    }
    let mut unknown = Vec::new();
    let table = match reads_the_same(&configured.table, expected.table, expected.theirs) {
        Same::Yes(detail) => detail,
        Same::No(detail) => {
            failures.push(detail);
            String::new()
        }
        Same::NotKnown(detail) => {
            unknown.push(detail);
            String::new()
        }
    };
    let status = match (failures.is_empty(), warnings.is_empty(), unknown.is_empty()) {
        (true, true, true) => return topic.ok(table),
        (false, ..) => Status::Failed,
        (true, false, _) => Status::Warning,
        (true, true, false) => Status::Unknown,
    };
    failures.append(&mut warnings);
    failures.append(&mut unknown);
    topic.is(
        status,
        failures.join("\n"),
        format!("push the table, or name the right one by --table; or {REDEPLOY}"),
    )
}

/// Compares what each function may take with the quotas, which hold for the organization. Functions see each other at
/// work and share, so they are not added up; but one of them has to yield.
pub fn limits(topic: Topic, functions: &[&Deployed]) -> Check {
    let mut details = Vec::new();
    let (mut too_many, mut yielding) = (false, 0);
    for function in functions {
        let Ok(configured) = function.settings() else { return topic.depends_on("settings") };
        let (requests, outstanding) =
            (u64::from(configured.max_requests_per_second), configured.max_outstanding as u64);
        too_many |= requests > REQUESTS_PER_SECOND || outstanding > OUTSTANDING;
        yielding += usize::from(configured.manners == Manners::Yields);
        details.push(format!("{} up to {requests} and {outstanding}", function.name));
    }
    let detail = format!(
        "of {REQUESTS_PER_SECOND} requests a second and {OUTSTANDING} outstanding creations: {}",
        details.join(", ")
    );
    if too_many {
        return topic.is(
            Status::Warning,
            format!("{detail}; that is more than Identity Center's quotas, so it will throttle"),
            "lower MaxRequestsPerSecond and MaxOutstanding, or those of the backfill, and deploy the stack again",
        );
    }
    if functions.len() > 1 && yielding == 0 {
        return topic.is(
            Status::Warning,
            format!("{detail}; no function yields, so that a backfill may hold up vended accounts"),
            "deploy the stack again: its template sets YIELD for the backfill",
        );
    }
    topic.ok(detail)
}

pub fn queue(topic: Topic, id: &str, url: &str, messages: Option<u64>) -> Check {
    let Some(messages) = messages else {
        return topic.unknown("the answer has no number of messages", "run it again");
    };
    if messages == 0 {
        return topic.ok("empty");
    }
    let event = match id {
        "undelivered-events" => "its body",
        _ => "the `requestPayload` in its body (`responsePayload` says what failed)",
    };
    let number = if messages == 1 { "1 message".to_owned() } else { format!("{messages} messages") };
    topic.failed(
        number,
        format!(
            "look: `aws sqs receive-message --max-number-of-messages 10 --queue-url {url}`\n\
             fix what the messages name, then redrive each: `aws lambda invoke` the function with {event}, or \
             `assignctl apply --all` for all of them\n\
             then empty it: `aws sqs purge-queue --queue-url {url}`"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::deployment::deployed;

    fn function(environment: &[(&str, &str)]) -> Deployed {
        let pairs = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Deployed {
            name: "f".into(),
            region: Some("eu-west-1".into()),
            state: Some("Active".into()),
            state_reason: None,
            last_update: Some("Successful".into()),
            last_update_reason: None,
            timeout: Some(300),
            memory: Some(256),
            role: None,
            environment: Ok(pairs.collect()),
            reserved: Ok(Some(1)),
        }
    }

    const INSTANCE: &str = "arn:aws:sso:::instance/ssoins-7223f7eef79824e1";
    const OTHER: &str = "arn:aws:sso:::instance/ssoins-0000000000000000";

    fn read(location: TableLocation, digest: &str) -> Read {
        Read { location, digest: Ok(digest.to_owned()) }
    }

    #[test]
    fn settings_are_judged_by_what_was_found() {
        let file = read(TableLocation::File("assignments.json".into()), "A");
        let dynamodb = read(TableLocation::DynamoDb("rules".into()), "A");
        let theirs = [
            read(TableLocation::Embedded("assignments.json"), "A"),
            read(TableLocation::DynamoDb("rules".into()), "A"),
            read(TableLocation::DynamoDb("others".into()), "B"),
            Read { location: TableLocation::DynamoDb("hidden".into()), digest: Err("denied".into()) },
        ];
        type Case<'a> = (&'a [(&'a str, &'a str)], &'a Read, Status, &'a str);
        let cases: Vec<Case<'_>> = vec![
            (&[], &file, Status::Ok, "embedded"),
            (&[("ASSIGNMENTS_TABLE", "rules")], &dynamodb, Status::Ok, "rules"),
            (
                &[("ASSIGNMENTS_TABLE", "rules")],
                &file,
                Status::Ok,
                "has the rows of assignments.json (digest A)",
            ),
            (&[("ASSIGNMENTS_TABLE", "others")], &file, Status::Failed, "the rows are not the same"),
            (&[("ASSIGNMENTS_TABLE", "others")], &dynamodb, Status::Failed, "others with digest B"),
            (&[("ASSIGNMENTS_TABLE", "hidden")], &file, Status::Unknown, "denied"),
            (&[("ASSIGNMENTS_TABLE", "hidden"), ("DRY_RUN", "true")], &file, Status::Warning, "denied"),
            (&[("ASSIGNMENTS_FILE", "/opt/a.json")], &file, Status::Unknown, "/opt/a.json"),
            (&[], &dynamodb, Status::Ok, "embedded"),
            (&[("DRY_RUN", "true")], &file, Status::Warning, "DRY_RUN"),
            (&[("DRY_RUN", "yes")], &file, Status::Failed, "DRY_RUN must be"),
            (&[("IDENTITY_CENTER_INSTANCE_ARN", INSTANCE)], &file, Status::Ok, ""),
            (&[("IDENTITY_CENTER_INSTANCE_ARN", OTHER), ("DRY_RUN", "true")], &file, Status::Failed, OTHER),
            (&[("IDENTITY_CENTER_REGION", "us-east-1")], &file, Status::Failed, "us-east-1"),
            (&[("IDENTITY_CENTER_REGION", "eu-west-1")], &file, Status::Ok, ""),
            (&[("MANAGEMENT_ACCOUNT_ID", "111122223333")], &file, Status::Failed, "111122223333"),
            (&[("MANAGEMENT_ACCOUNT_ID", "123456789012")], &file, Status::Ok, ""),
        ];
        for (environment, table, status, text) in cases {
            let expected = Expected {
                table,
                theirs: &theirs,
                instance: Some(INSTANCE),
                instance_region: Some("eu-west-1".into()),
                management: Some("123456789012"),
            };
            let check = settings(deployed("s", "settings"), &function(environment), &expected);
            assert_eq!(check.status, status, "{environment:?}: {check:?}");
            assert!(check.detail.contains(text), "{environment:?}: {check:?}");
            assert_eq!(check.remedy.is_some(), status != Status::Ok);
        }
    }

    #[test]
    fn what_was_not_found_is_not_a_fault_of_the_settings() {
        let file = read(TableLocation::File("assignments.json".into()), "A");
        let theirs = [read(TableLocation::Embedded("assignments.json"), "A")];
        let mut expected = Expected {
            table: &file,
            theirs: &theirs,
            instance: None,
            instance_region: Some("eu-west-1".into()),
            management: None,
        };
        let set = [("IDENTITY_CENTER_INSTANCE_ARN", OTHER), ("IDENTITY_CENTER_REGION", "us-east-1")];
        assert_eq!(settings(deployed("s", "s"), &function(&set), &expected).status, Status::Ok);
        let hidden = Deployed { environment: Err("no key".into()), ..function(&[]) };
        assert_eq!(settings(deployed("s", "s"), &hidden, &expected).status, Status::Unknown);
        expected.theirs = &[];
        assert_eq!(settings(deployed("s", "s"), &function(&[]), &expected).status, Status::Unknown);
    }

    #[test]
    fn each_function_stays_within_the_quotas_and_one_of_them_yields() {
        let with = |outstanding: &str, requests: &str, yields: &str| {
            let limits = [("MAX_OUTSTANDING", outstanding), ("MAX_REQUESTS_PER_SECOND", requests)];
            function(&[limits[0], limits[1], ("YIELD", yields)])
        };
        let cases = [
            (with("15", "20", "false"), with("8", "10", "true"), Status::Ok),
            (with("15", "20", "false"), with("15", "20", "true"), Status::Ok),
            (with("15", "21", "false"), with("8", "10", "true"), Status::Warning),
            (with("15", "20", "false"), with("8", "21", "true"), Status::Warning),
            (with("6", "9", "false"), with("4", "6", "false"), Status::Warning),
            (with("x", "9", "false"), with("4", "6", "true"), Status::Unknown),
        ];
        for (one, other, expected) in cases {
            let check = limits(deployed("limits", "limits"), &[&one, &other]);
            assert_eq!(check.status, expected, "{one:?} {other:?}: {check:?}");
        }
    }

    #[test]
    fn a_function_is_sound_only_if_lambda_reports_it() {
        let sound = || function(&[]);
        let text = |text: &str| Some(text.to_owned());
        let cases = [
            (sound(), Status::Ok),
            (Deployed { state: text("Inactive"), ..sound() }, Status::Ok),
            (Deployed { state: text("Failed"), ..sound() }, Status::Failed),
            (Deployed { state: text("Pending"), ..sound() }, Status::Warning),
            (Deployed { state: None, ..sound() }, Status::Unknown),
            (Deployed { last_update: text("Failed"), ..sound() }, Status::Failed),
            (Deployed { last_update: text("InProgress"), ..sound() }, Status::Warning),
            (Deployed { reserved: Ok(Some(0)), ..sound() }, Status::Failed),
            (Deployed { timeout: Some(3), ..sound() }, Status::Warning),
        ];
        for (function, expected) in cases {
            assert_eq!(state(deployed("f", "f"), &function).status, expected, "{function:?}");
        }
    }

    #[test]
    fn a_stack_and_a_queue_are_judged_by_their_state() {
        for (status, expected) in [
            ("CREATE_COMPLETE", Status::Ok),
            ("UPDATE_COMPLETE", Status::Ok),
            ("UPDATE_IN_PROGRESS", Status::Warning),
            ("UPDATE_ROLLBACK_COMPLETE", Status::Warning),
            ("ROLLBACK_COMPLETE", Status::Failed),
            ("UPDATE_ROLLBACK_FAILED", Status::Failed),
            ("", Status::Unknown),
        ] {
            assert_eq!(stack(deployed("stack", "stack"), status, None).status, expected, "{status}");
        }
        for (messages, expected) in
            [(Some(0), Status::Ok), (Some(1), Status::Failed), (None, Status::Unknown)]
        {
            assert_eq!(queue(deployed("q", "q"), "q", "url", messages).status, expected, "{messages:?}");
        }
    }
}
