//! The function's binary under a Lambda runtime API, over the wire, against the stand-in.

use std::{path::Path, time::Duration};

use futures_util::future::join_all;
use serde_json::{Value, json};
use stand_in::{
    Fault, FaultKind, Organization, Settings, StandIn,
    lambda::{Function, Invocation},
};

const TIMEOUT: Duration = Duration::from_secs(20);

/// An invocation that ends by its deadline. On a busy processor it may answer later than it means to.
const SHORT: Duration = Duration::from_secs(3);

/// The account that `create-succeeded.json` vends has three of the four grants of the sample.
const VENDED: usize = 3;

fn payload(name: &str) -> String {
    std::fs::read_to_string(format!("{}/events/{name}.json", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn quick() -> Settings {
    Settings {
        provisioning: Duration::from_millis(300),
        latency: Duration::from_millis(1),
        ..Settings::default()
    }
}

/// Starts the program, with the sample as its table unless the environment names another one.
async fn start(environment: &[(&str, &str)]) -> Function {
    let sample = ("ASSIGNMENTS_FILE", concat!(env!("CARGO_MANIFEST_DIR"), "/examples/assignments.json"));
    let environment: Vec<_> = std::iter::once(sample).chain(environment.iter().copied()).collect();
    Function::start(Path::new(env!("CARGO_BIN_EXE_account-assigner")), &environment).await.unwrap()
}

fn error(invocation: Invocation) -> (String, String) {
    match invocation {
        Invocation::Error { error_type, error_message } => (error_type, error_message),
        other => panic!("expected an error, got {other:?}"),
    }
}

fn answer(invocation: Invocation) -> Value {
    match invocation {
        Invocation::Answer(answer) => answer,
        other => panic!("expected an answer, got {other:?}"),
    }
}

#[tokio::test]
async fn a_table_is_applied_over_the_wire_and_logged_in_one_line() {
    let stand_in = StandIn::new(Organization::sample(), quick());
    let url = stand_in.start().await;
    let mut function = start(&[("AWS_ENDPOINT_URL", &url)]).await;
    let first = answer(function.invoke(&payload("create-succeeded"), TIMEOUT).await);
    assert_eq!((&first["outcome"], &first["counts"]["created"]), (&json!("ready"), &json!(VENDED)));
    assert_eq!(stand_in.assignments().len(), VENDED);

    stand_in.forget_calls();
    let second = answer(function.invoke(&payload("create-succeeded"), TIMEOUT).await);
    assert_eq!((&second["outcome"], &second["counts"]["present"]), (&json!("ready"), &json!(VENDED)));
    assert_eq!(stand_in.calls().get("CreateAccountAssignment"), None);

    let results: Vec<Value> = function
        .log()
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line: &Value| line.get("result").is_some())
        .collect();
    assert_eq!(results.len(), 2, "{:?}", function.log());
    assert_eq!(results[0]["result"], first);
    assert!(!function.log().concat().contains("AWS Internal"), "the payload is not logged");
}

#[tokio::test]
async fn what_fails_has_a_stable_type_and_carries_the_result() {
    let mut organization = Organization::sample();
    organization.groups.retain(|group| group.name != "students");
    let stand_in = StandIn::new(organization, quick());
    let url = stand_in.start().await;
    let mut function = start(&[("AWS_ENDPOINT_URL", &url)]).await;
    let (error_type, message) = error(function.invoke(&payload("create-succeeded"), TIMEOUT).await);
    assert_eq!(error_type, "AssignmentsIncomplete");
    let (sentence, result) = message.split_once('\n').unwrap();
    assert!(
        sentence.contains("1 of 3 assignments for account 111122223333 (class-7) are not in place"),
        "{sentence}"
    );
    let result: Value = serde_json::from_str(result).unwrap();
    assert_eq!((&result["counts"]["created"], &result["counts"]["unresolved"]), (&json!(2), &json!(1)));
    assert_eq!(stand_in.assignments().len(), 2);

    let (error_type, message) = error(function.invoke(r#"{"acountId": "111122223333"}"#, TIMEOUT).await);
    assert_eq!(error_type, "InvalidEvent");
    assert!(message.contains("acountId"), "{message}");
    let (error_type, _) = error(function.invoke(&payload("pending-account"), TIMEOUT).await);
    assert_eq!(error_type, "AccountNotReady");
    let ignored = answer(function.invoke(&payload("create-failed"), TIMEOUT).await);
    assert_eq!(ignored["outcome"], "ignored");
}

#[tokio::test]
async fn a_bad_setting_is_reported_to_every_event_with_every_fault() {
    let mut function = start(&[("MAX_OUTSTANDING", "many"), ("DRY_RUN", "perhaps")]).await;
    for _ in 0..2 {
        let (error_type, message) = error(function.invoke(&payload("by-hand"), TIMEOUT).await);
        assert_eq!(error_type, "InvalidConfig");
        assert!(message.contains("MAX_OUTSTANDING") && message.contains("DRY_RUN"), "{message}");
    }
}

#[tokio::test]
async fn the_table_of_the_repository_is_empty_and_refused_with_what_to_do() {
    let stand_in = StandIn::new(Organization::sample(), quick());
    let url = stand_in.start().await;
    // An empty variable is one that is not set.
    let mut function = start(&[("AWS_ENDPOINT_URL", &url), ("ASSIGNMENTS_FILE", "")]).await;
    for payload in [&payload("create-succeeded"), r#"{"survey": true}"#] {
        let (error_type, message) = error(function.invoke(payload, TIMEOUT).await);
        assert_eq!(error_type, "InvalidTable", "{message}");
        for part in ["assignments.json", "is empty, so nobody would get anything", "TableSource=dynamodb"] {
            assert!(message.contains(part), "{part} is not in {message}");
        }
    }
    assert!(stand_in.calls().is_empty());
}

#[tokio::test]
async fn an_account_has_the_share_of_the_time_that_is_set() {
    let stand_in = StandIn::new(Organization::sample(), quick());
    let url = stand_in.start().await;
    stand_in.set_faults(vec![Fault::on("CreateAccountAssignment", FaultKind::Stuck)]);
    let mut function = start(&[("AWS_ENDPOINT_URL", &url), ("ACCOUNT_SECONDS", "1")]).await;
    let (error_type, message) = error(function.invoke(&payload("create-succeeded"), TIMEOUT).await);
    assert_eq!(error_type, "AssignmentsIncomplete", "{message}");
    let result: Value = serde_json::from_str(message.split_once('\n').unwrap().1).unwrap();
    assert_eq!(result["counts"]["pending"], VENDED);
    let seconds = result["seconds"].as_f64().unwrap();
    assert!(seconds < TIMEOUT.as_secs_f64() / 2.0, "{seconds}");
}

#[tokio::test]
async fn a_bad_or_missing_table_is_reported_before_any_call() {
    let stand_in = StandIn::new(Organization::sample(), quick());
    let url = stand_in.start().await;
    let table = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        table.path(),
        r#"{ "assignments": [ { "id": "One", "group": "a", "user": "b", "extra": 1 } ] }"#,
    )
    .unwrap();
    let path = table.path().to_str().unwrap().to_owned();
    let mut function = start(&[("AWS_ENDPOINT_URL", &url), ("ASSIGNMENTS_FILE", &path)]).await;
    let (error_type, message) = error(function.invoke(&payload("create-succeeded"), TIMEOUT).await);
    assert_eq!(error_type, "InvalidTable");
    for part in
        ["extra: is unknown", "id: is \"One\"", "permissionSet: is missing", "both `group` and `user`"]
    {
        assert!(message.contains(part), "{part} is not in {message}");
    }
    drop(table);
    let (error_type, message) = error(function.invoke(&payload("create-succeeded"), TIMEOUT).await);
    assert_eq!(error_type, "InvalidConfig");
    assert!(message.contains(&path), "{message}");
    assert!(stand_in.calls().is_empty());
}

/// Faults that never end, each with the error that a short invocation must still report.
#[tokio::test]
async fn no_invocation_ends_by_lambdas_timeout() {
    use FaultKind::*;
    let create = "CreateAccountAssignment";
    let cases = [
        (create, Stuck, "AssignmentsIncomplete", "IN_PROGRESS when the time ran out"),
        (create, Throttle, "AssignmentsIncomplete", "was not created when the time ran out"),
        (create, Conflict, "AssignmentsIncomplete", "when the time ran out"),
        (create, CutBefore, "AssignmentsIncomplete", "when the time ran out"),
        (create, Slow { millis: 60_000 }, "AssignmentsIncomplete", "no answer had come"),
        (
            "ListPermissionSetsProvisionedToAccount",
            Slow { millis: 60_000 },
            "AssignmentsIncomplete",
            "looked up",
        ),
        ("GetGroupId", Throttle, "AssignmentsIncomplete", "looked up"),
        ("*", Throttle, "ServiceUnavailable", "time ran out"),
        ("*", Internal, "ServiceUnavailable", "time ran out"),
        ("*", Slow { millis: 60_000 }, "ServiceUnavailable", "time ran out"),
        ("*", CutBefore, "ServiceUnavailable", "time ran out"),
    ];
    let invoked = cases.map(async |(operation, kind, expected, reason)| {
        let stand_in = StandIn::new(Organization::sample(), quick());
        let url = stand_in.start().await;
        stand_in.set_faults(vec![Fault::on(operation, kind.clone())]);
        let mut function = start(&[("AWS_ENDPOINT_URL", &url)]).await;
        let invocation = function.invoke_patiently(&payload("create-succeeded"), SHORT, TIMEOUT).await;
        let (error_type, message) = error(invocation);
        assert_eq!(error_type, expected, "{operation} {kind:?}: {message}");
        assert!(message.contains(reason), "{operation} {kind:?}: {reason:?} is not in {message}");
    });
    join_all(invoked).await;
}

#[tokio::test]
async fn an_endpoint_that_nobody_listens_at_is_reported_before_the_deadline() {
    let mut function = start(&[("AWS_ENDPOINT_URL", "http://127.0.0.1:9")]).await;
    let (error_type, message) = error(function.invoke_patiently(&payload("by-hand"), SHORT, TIMEOUT).await);
    assert_eq!(error_type, "ServiceUnavailable", "{message}");
    assert!(function.log().concat().contains("Connection refused"), "{:?}", function.log());
}

#[tokio::test]
async fn what_a_killed_invocation_asked_for_is_waited_for_and_not_asked_for_again() {
    let settings = Settings { provisioning: Duration::from_secs(4), ..quick() };
    let stand_in = StandIn::new(Organization::sample(), settings);
    let url = stand_in.start().await;
    let mut killed = start(&[("AWS_ENDPOINT_URL", &url)]).await;
    let event = payload("create-succeeded");
    let invocation = killed.invoke(&event, Duration::from_secs(20));
    // It is killed once all three are asked for.
    let asked = async {
        while stand_in.creations().len() < VENDED {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        answer = invocation => panic!("answered before it was killed: {answer:?}"),
        () = asked => {}
    }
    killed.kill().await;
    let mut function = start(&[("AWS_ENDPOINT_URL", &url)]).await;
    let report = answer(function.invoke(&payload("create-succeeded"), TIMEOUT).await);
    assert_eq!(report["outcome"], "ready");
    assert_eq!(stand_in.assignments().len(), VENDED);
    assert_eq!(stand_in.creations().len(), VENDED, "nothing was asked for twice");
}

#[tokio::test]
async fn a_cold_start_that_cannot_work_says_why_to_every_event() {
    type Settings<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Settings<'_>, Option<Fault>, &str); 5] = [
        (&[("AWS_REGION", "us-east-1")], None, "UnrecognizedClientException"),
        (&[("AWS_REGION", "")], None, "region"),
        (
            &[("IDENTITY_CENTER_INSTANCE_ARN", "arn:aws:sso:::instance/ssoins-0000000000000000")],
            None,
            "ssoins-7223f7eef79824e1",
        ),
        (&[], Some(Fault::on("ListInstances", FaultKind::AccessDenied)), "sso:ListInstances"),
        (&[], Some(Fault::on("DescribeAccount", FaultKind::AccessDenied)), "organizations:DescribeAccount"),
    ];
    for (environment, fault, expected) in cases {
        let stand_in = StandIn::new(Organization::sample(), quick());
        let url = stand_in.start().await;
        stand_in.set_faults(fault.into_iter().collect());
        let environment: Vec<_> =
            [("AWS_ENDPOINT_URL", url.as_str())].iter().chain(environment).copied().collect();
        let mut function = start(&environment).await;
        for _ in 0..2 {
            let (error_type, message) = error(function.invoke(&payload("create-succeeded"), TIMEOUT).await);
            assert_eq!(error_type, "InvalidConfig", "{message}");
            assert!(message.contains(expected), "{expected} is not in {message}");
        }
    }
}

#[tokio::test]
async fn the_metrics_are_one_line_of_embedded_metric_format_for_each_invocation() {
    let stand_in = StandIn::new(Organization::sample(), quick());
    let url = stand_in.start().await;
    let mut function = start(&[("AWS_ENDPOINT_URL", &url)]).await;
    for name in ["create-succeeded", "create-failed"] {
        answer(function.invoke(&payload(name), TIMEOUT).await);
    }
    let lines: Vec<Value> = function
        .log()
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|line: &Value| line.get("_aws").is_some())
        .collect();
    let [vended, failed] = lines.as_slice() else { panic!("{:?}", function.log()) };
    assert_eq!(vended["FunctionName"], "account-assigner");
    assert_eq!(vended["GrantsCreated"], VENDED);
    assert!(vended["TimeToAccess"].as_f64().is_some_and(|seconds| seconds > 0.0));
    assert_eq!((&failed["FailedVendings"], &failed["GrantsCreated"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn a_payload_that_cannot_be_read_is_an_invalid_event_with_a_line_and_metrics() {
    let stand_in = StandIn::new(Organization::sample(), quick());
    let url = stand_in.start().await;
    let mut function = start(&[("AWS_ENDPOINT_URL", &url)]).await;
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    for payload in [r#"{"accountId": "\ud800"}"#, deep.as_str(), r#"{"accountId": 1e400}"#] {
        let (error_type, message) = error(function.invoke(payload, TIMEOUT).await);
        assert_eq!(error_type, "InvalidEvent", "{payload}: {message}");
        let log = function.log();
        let lines: Vec<Value> = log.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let named = lines.iter().filter(|line| line["errorType"] == "InvalidEvent").count();
        let metrics = lines.iter().filter(|line| line.get("_aws").is_some()).count();
        assert_eq!(named, metrics, "{payload}: {log:?}");
    }
    // The next event finds a function that works.
    answer(function.invoke(&payload("create-succeeded"), TIMEOUT).await);
    assert_eq!(stand_in.assignments().len(), VENDED);
}

#[tokio::test]
async fn every_line_has_the_level_and_the_time_without_which_lambda_drops_it() {
    let stand_in = StandIn::new(Organization::sample(), quick());
    stand_in.set_faults(vec![Fault::on("ListAccountAssignmentCreationStatus", FaultKind::AccessDenied)]);
    let url = stand_in.start().await;
    for level in ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"] {
        let environment = [
            ("AWS_ENDPOINT_URL", url.as_str()),
            ("AWS_LAMBDA_LOG_LEVEL", level),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ];
        let mut function = start(&environment).await;
        function.invoke(&payload("create-succeeded"), TIMEOUT).await;
        function.invoke(r#"{"accountId": 1}"#, TIMEOUT).await;
        let lines: Vec<Value> = function
            .log()
            .iter()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{level}: {line}")))
            .collect();
        for line in &lines {
            assert!(line["level"].is_string() && line["timestamp"].is_string(), "{level}: {line}");
        }
        let metrics: Vec<&Value> = lines.iter().filter(|line| line.get("_aws").is_some()).collect();
        assert_eq!(metrics.len(), 2, "{level}");
        assert!(metrics.iter().all(|line| line["level"] == level), "as severe as what Lambda lets pass");
        assert!(lines.iter().any(|line| line["level"] == "ERROR" && line["errorType"] == "InvalidEvent"));
    }
}

#[tokio::test]
async fn lines_of_text_have_no_colours() {
    let stand_in = StandIn::new(Organization::sample(), quick());
    stand_in.set_faults(vec![Fault::on("ListAccountAssignmentCreationStatus", FaultKind::AccessDenied)]);
    let url = stand_in.start().await;
    let mut function = start(&[("AWS_ENDPOINT_URL", &url), ("AWS_LAMBDA_LOG_FORMAT", "Text")]).await;
    function.invoke(&payload("create-succeeded"), TIMEOUT).await;
    let log = function.log().concat();
    assert!(log.contains("WARN") && !log.contains('\u{1b}'), "{log}");
}
