//! The function's binary under a Lambda runtime API, over the wire, against the stand-in.

use std::{path::Path, time::Duration};

use serde_json::{Value, json};
use stand_in::{
    Organization, Settings, StandIn,
    lambda::{Function, Invocation},
};

const TIMEOUT: Duration = Duration::from_secs(20);

/// The account that `create-succeeded.json` vends has three of the four grants of the embedded table.
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

async fn start(environment: &[(&str, &str)]) -> Function {
    Function::start(Path::new(env!("CARGO_BIN_EXE_account-assigner")), environment).await.unwrap()
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
async fn the_embedded_table_is_applied_over_the_wire_and_logged_in_one_line() {
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
async fn a_bad_setting_is_told_to_every_event_with_every_fault() {
    let mut function = start(&[("MAX_OUTSTANDING", "many"), ("DRY_RUN", "")]).await;
    for _ in 0..2 {
        let (error_type, message) = error(function.invoke(&payload("by-hand"), TIMEOUT).await);
        assert_eq!(error_type, "InvalidConfig");
        assert!(message.contains("MAX_OUTSTANDING") && message.contains("DRY_RUN"), "{message}");
    }
}

#[tokio::test]
async fn a_bad_or_missing_table_is_told_before_any_call() {
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
