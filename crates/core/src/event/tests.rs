use serde_json::json;
use time::macros::datetime;

use super::*;

/// Returns one of the sample payloads, which people and `sam local invoke` also use.
#[expect(clippy::disallowed_methods, reason = "a test may read a sample")]
fn sample(name: &str) -> Value {
    let path = format!("{}/../../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap()
}

/// Returns `sample` with the value at a JSON pointer replaced, or removed if `value` is `None`.
fn with(name: &str, pointer: &str, value: Option<Value>) -> Value {
    let mut event = sample(name);
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = event.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    match value {
        Some(value) => parent.insert(key.to_owned(), value),
        None => parent.remove(key),
    };
    event
}

const STATUS: &str = "/detail/serviceEventDetails/createManagedAccountStatus";

fn ensure(payload: &Value) -> Ensure {
    match parse(payload) {
        Ok(Request::Ensure(ensure)) => ensure,
        other => panic!("expected a request to ensure, got {other:?} for {payload}"),
    }
}

#[test]
fn a_successful_vending_asks_for_the_account() {
    let create = ensure(&sample("create-succeeded"));
    assert_eq!(
        create,
        Ensure {
            account: AccountId::parse("111122223333").unwrap(),
            dry_run: false,
            management: AccountId::parse("123456789012"),
            vended_at: Some(datetime!(2026-11-02 09:30:18 UTC)),
            place: Some(Place { id: "ou-ab12-66666666".into(), at: datetime!(2026-11-02 09:30:20 UTC) }),
        }
    );
    let update = ensure(&sample("update-succeeded"));
    assert_eq!(update.account.as_str(), "444455556666");
    assert_eq!(update.vended_at, Some(datetime!(2026-11-02 10:04:31 UTC)));
    assert_eq!(ensure(&sample("minimal")).account.as_str(), "111122223333");
}

#[test]
fn what_is_not_needed_may_be_missing_null_or_of_another_kind() {
    let status = |field: &str| format!("{STATUS}/{field}");
    let places = [
        "/version".into(),
        "/id".into(),
        "/source".into(),
        "/detail-type".into(),
        "/account".into(),
        "/time".into(),
        "/region".into(),
        "/resources".into(),
        "/detail/eventVersion".into(),
        "/detail/userIdentity".into(),
        "/detail/eventTime".into(),
        "/detail/eventType".into(),
        "/detail/recipientAccountId".into(),
        status("organizationalUnit"),
        status("message"),
        status("requestedTimestamp"),
        status("completedTimestamp"),
        status("account/accountName"),
    ];
    for place in &places {
        for value in [None, Some(Value::Null)] {
            assert_eq!(
                ensure(&with("create-succeeded", place, value)).account.as_str(),
                "111122223333",
                "{place}"
            );
        }
        if place != "/source" {
            let odd = with("create-succeeded", place, Some(json!([{"odd": 1}])));
            assert_eq!(ensure(&odd).account.as_str(), "111122223333", "{place}");
        }
        let extra = with("create-succeeded", &format!("{STATUS}/extra"), Some(json!({"a": [1, null]})));
        assert_eq!(ensure(&extra).account.as_str(), "111122223333");
    }
}

#[test]
fn the_time_is_read_in_every_form_and_never_prevents_an_answer() {
    let cases = [
        (json!("2019-11-15T11:45:18+0000"), Some(datetime!(2019-11-15 11:45:18 UTC))),
        (json!("2019-11-15T11:45:18Z"), Some(datetime!(2019-11-15 11:45:18 UTC))),
        (json!("2019-11-15T12:45:18+01:00"), Some(datetime!(2019-11-15 11:45:18 UTC))),
        (json!("2019-11-15T12:45:18+0100"), Some(datetime!(2019-11-15 11:45:18 UTC))),
        (json!("yesterday"), None),
        (json!(1573818318), None),
    ];
    for (text, expected) in cases {
        let mut event = with("create-succeeded", &format!("{STATUS}/completedTimestamp"), Some(text.clone()));
        event["time"] = Value::Null;
        assert_eq!(ensure(&event).vended_at, expected, "{text}");
    }
    let without = with("create-succeeded", &format!("{STATUS}/completedTimestamp"), None);
    assert_eq!(ensure(&without).vended_at, Some(datetime!(2026-11-02 09:30:21 UTC)), "the envelope's time");
}

#[test]
fn what_asks_for_nothing_is_ignored_with_a_reason() {
    let cases = [
        ("create-failed", "Not SUCCEEDED", true),
        ("update-failed", "not SUCCEEDED", true),
        ("create-api-call", "only starts the work", false),
        ("register-ou", "RegisterOrganizationalUnit", false),
        ("update-landing-zone", "UpdateLandingZone", false),
        ("enable-baseline-failed", "account 111122223333 ended in state FAILED", true),
        ("enable-baseline-ou", "the OU ou-ab12-55555555", false),
        ("reset-baseline-ou", "a rule starts the backfill", false),
        ("update-baseline-ou", "UpdateEnabledBaseline", false),
        ("move-by-control-tower", "Control Tower itself", false),
    ];
    for (name, expected, expected_failed) in cases {
        match parse(&sample(name)) {
            Ok(Request::Ignore { reason, failed_vending }) => {
                assert!(reason.to_lowercase().contains(&expected.to_lowercase()), "{name}: {reason}");
                assert_eq!(failed_vending, expected_failed, "{name}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    let names = [
        "DeregisterOrganizationalUnit",
        "PrecheckOrganizationalUnit",
        "EnableGuardrail",
        "DisableGuardrail",
        "SetupLandingZone",
        "DisableBaseline",
        "SomethingNewOf2027",
    ];
    for name in names {
        let event = with("create-succeeded", "/detail/eventName", Some(json!(name)));
        assert!(matches!(parse(&event), Ok(Request::Ignore { failed_vending: false, .. })), "{name}");
    }
    for state in ["IN_PROGRESS", "", "succeeded"] {
        let event = with("create-succeeded", &format!("{STATUS}/state"), Some(json!(state)));
        assert!(matches!(parse(&event), Ok(Request::Ignore { failed_vending: false, .. })), "{state}");
    }
}

#[test]
fn what_control_tower_says_of_a_failure_is_repeated_only_if_it_says_something() {
    let reason =
        |message: Value| match parse(&with("create-failed", &format!("{STATUS}/message"), Some(message))) {
            Ok(Request::Ignore { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
    assert!(reason(json!("no room")).ends_with("; Control Tower says: no room"));
    for nothing in [json!(""), json!(null), json!(1)] {
        assert!(reason(nothing).ends_with("not SUCCEEDED"));
    }
}

#[test]
fn few_fields_are_all_named() {
    assert!(parse(&json!({"a": 1, "b": 1})).unwrap_err().ends_with("got an object with the fields a, b"));
}

#[test]
fn the_api_call_is_known_by_either_of_its_marks() {
    let mut by_type = sample("create-api-call");
    by_type["detail-type"] = Value::Null;
    let mut by_detail_type = sample("create-api-call");
    by_detail_type["detail"]["eventType"] = Value::Null;
    for event in [by_type, by_detail_type] {
        assert!(matches!(parse(&event), Ok(Request::Ignore { .. })), "{event}");
    }
}

#[test]
fn each_event_is_read_from_its_own_key() {
    let mut event = sample("create-succeeded");
    event["detail"]["eventName"] = json!("UpdateManagedAccount");
    assert!(parse(&event).unwrap_err().contains("updateManagedAccountStatus"));
}

#[test]
fn a_payload_by_hand_names_the_account_and_nothing_else() {
    let request = ensure(&json!({"accountId": "111122223333", "dryRun": true}));
    assert!(request.dry_run);
    assert!(!ensure(&json!({"accountId": "111122223333", "dryRun": null})).dry_run);
    assert!(!ensure(&sample("by-hand")).dry_run);
    assert!(ensure(&sample("dry-run")).dry_run);
}

#[test]
fn a_moved_account_asks_for_the_account_unless_the_call_was_refused() {
    let moved = ensure(&sample("move-account"));
    assert_eq!((moved.account.as_str(), moved.management), ("111122223333", None));
    let refused = with("move-account", "/detail/errorCode", Some(json!("AccountNotFoundException")));
    assert!(matches!(parse(&refused), Ok(Request::Ignore { .. })));
    let other = with("move-account", "/detail/eventName", Some(json!("TagResource")));
    assert!(matches!(parse(&other), Ok(Request::Ignore { .. })));
    let without = with("move-account", "/detail/requestParameters", Some(Value::Null));
    assert!(parse(&without).unwrap_err().contains("requestParameters.accountId"));
}

/// The three events of a baseline, each with the place of its details.
const BASELINES: [(&str, &str); 3] = [
    ("EnableBaseline", "enableBaselineStatus"),
    ("ResetEnabledBaseline", "resetEnabledBaselineStatus"),
    ("UpdateEnabledBaseline", "updateEnabledBaselineStatus"),
];

/// Returns the event of a baseline under another name, with these details.
fn baseline(name: &str, key: &str, edit: impl Fn(&mut Value)) -> Value {
    let mut event = sample("enable-baseline-account");
    event["detail"]["eventName"] = json!(name);
    let details = &mut event["detail"]["serviceEventDetails"];
    let mut status = details["enableBaselineStatus"].take();
    edit(&mut status);
    *details = json!({ key: status });
    event
}

#[test]
fn a_baseline_on_an_account_asks_for_the_account() {
    let seen = ensure(&sample("enable-baseline-account"));
    assert_eq!(
        (seen.account.as_str(), seen.management.as_ref().map(AccountId::as_str), seen.dry_run),
        ("111122223333", Some("123456789012"), false)
    );
    assert_eq!(seen.vended_at, Some(datetime!(2026-11-02 09:30:18 UTC)));
    let targets = [
        "arn:aws:organizations::123456789012:account/o-a1b2c3d4e5/444455556666",
        "arn:aws-us-gov:organizations::123456789012:account/o-a1b2c3d4e5/444455556666",
        "arn:aws-eusc:organizations::123456789012:account/o-a1b2c3d4e5/444455556666",
        "444455556666",
    ];
    for (name, key) in BASELINES {
        for target in targets {
            let event = baseline(name, key, |status| {
                status["enabledBaselineDetails"]["targetIdentifier"] = json!(target);
            });
            assert_eq!(ensure(&event).account.as_str(), "444455556666", "{name} {target}");
        }
        // As every other event of Control Tower has it.
        let flat = baseline(name, key, |status| {
            *status = json!({"targetIdentifier": targets[0], "state": "SUCCEEDED"});
        });
        assert_eq!(ensure(&flat).account.as_str(), "444455556666", "{name}");
    }
}

#[test]
fn a_baseline_asks_for_nothing_unless_it_succeeded_on_an_account() {
    let ou = "arn:aws:organizations::123456789012:ou/o-a1b2c3d4e5/ou-ab12-55555555";
    let account = "arn:aws:organizations::123456789012:account/o-a1b2c3d4e5/111122223333";
    let cases = [
        (ou, "SUCCEEDED", "a rule starts the backfill", false),
        (ou, "FAILED", "the OU ou-ab12-55555555 ended in state FAILED", false),
        (account, "FAILED", "account 111122223333 ended in state FAILED", true),
        (account, "UNDER_CHANGE", "UNDER_CHANGE", false),
        ("Not Available", "FAILED", "something without an id", true),
    ];
    for (name, key) in BASELINES {
        for (target, state, expected, expected_failed) in cases {
            let event = baseline(name, key, |status| {
                status["enabledBaselineDetails"]["targetIdentifier"] = json!(target);
                status["enabledBaselineDetails"]["statusSummary"]["status"] = json!(state);
            });
            match parse(&event) {
                Ok(Request::Ignore { reason, failed_vending }) => {
                    assert!(reason.contains(expected) && reason.contains(name), "{reason}");
                    assert_eq!(failed_vending, expected_failed, "{reason}");
                }
                other => panic!("{name} {target} {state}: {other:?}"),
            }
        }
    }
    // The call that starts the work has the same name.
    let mut call = sample("enable-baseline-account");
    call["detail-type"] = json!("AWS API Call via CloudTrail");
    call["detail"]["eventType"] = json!("AwsApiCall");
    assert!(matches!(parse(&call), Ok(Request::Ignore { failed_vending: false, .. })));
}

#[test]
fn a_baseline_on_what_nobody_can_find_is_refused_with_what_to_do() {
    type Edit = fn(&mut Value);
    let cases: [(Edit, &str); 10] = [
        (
            |status| status["enabledBaselineDetails"]["targetIdentifier"] = json!("Not Available"),
            "Not Available",
        ),
        (|status| status["enabledBaselineDetails"]["targetIdentifier"] = json!(["x"]), "got a list"),
        (|status| status["enabledBaselineDetails"]["targetIdentifier"] = Value::Null, "got null"),
        (
            |status| {
                drop(status["enabledBaselineDetails"].as_object_mut().unwrap().remove("targetIdentifier"))
            },
            "got nothing",
        ),
        (
            |status| {
                status["enabledBaselineDetails"]["targetIdentifier"] =
                    json!("arn:aws:organizations::123456789012:root/o-a1b2c3d4e5/r-ab12");
            },
            "root/o-a1b2c3d4e5/r-ab12",
        ),
        // The rules do not know an OU in these forms, so nothing has started the backfill.
        (
            |status| status["enabledBaselineDetails"]["targetIdentifier"] = json!("ou-ab12-55555555"),
            "ou-ab12-55555555",
        ),
        (
            |status| {
                *status = json!({
                    "targetIdentifier": "arn:aws:organizations::123456789012:ou/o-a1b2c3d4e5/ou-ab12-55555555",
                    "state": "SUCCEEDED",
                });
            },
            "{\"ou\": \"ou-ab12-55555555\"}",
        ),
        (|status| status["enabledBaselineDetails"]["statusSummary"] = Value::Null, "it is missing"),
        (|status| status["enabledBaselineDetails"]["statusSummary"]["status"] = json!([1]), "it is a list"),
        (|status| *status = json!("done"), "it is a string"),
    ];
    for (name, key) in BASELINES {
        for (edit, came) in cases {
            let message = parse(&baseline(name, key, edit)).expect_err(came);
            assert!(
                message.contains("expected") && message.contains(name) && message.contains(came),
                "{message}"
            );
        }
    }
}

#[test]
fn an_account_that_control_tower_moves_is_left_to_its_own_event() {
    let service = json!("controltower.amazonaws.com");
    let marks = [
        ("/detail/userIdentity/invokedBy", service.clone()),
        ("/detail/sourceIPAddress", service),
        (
            "/detail/userIdentity/arn",
            json!("arn:aws:sts::123456789012:assumed-role/AWSControlTowerAdmin/AssumeAdminRole"),
        ),
    ];
    for (place, mark) in marks {
        let event = with("move-account", place, Some(mark));
        assert!(matches!(parse(&event), Ok(Request::Ignore { failed_vending: false, .. })), "{place}");
    }
    // Others of the same fields are people and their tools, and a move that says nothing counts as theirs.
    let others = [
        ("/detail/userIdentity/invokedBy", Some(json!("cloudformation.amazonaws.com"))),
        ("/detail/userIdentity/invokedBy", Some(json!(7))),
        ("/detail/sourceIPAddress", Some(json!("192.0.2.1"))),
        (
            "/detail/userIdentity/arn",
            Some(json!("arn:aws:sts::123456789012:assumed-role/Admin/AWSControlTowerAdmin")),
        ),
        ("/detail/userIdentity", Some(Value::Null)),
        ("/detail/userIdentity", None),
    ];
    for (place, value) in others {
        let event = with("move-account", place, value);
        assert_eq!(ensure(&event).account.as_str(), "111122223333", "{place}");
    }
}

#[test]
fn a_survey_is_of_the_whole_organization_or_of_an_ou_and_goes_on_after_an_account() {
    let survey = |payload: Value| match parse(&payload) {
        Ok(Request::Survey { below, after }) => (below, after),
        other => panic!("{other:?}"),
    };
    let below = |payload: Value| survey(payload).0;
    let after = |payload: Value| survey(payload).1.map(|id| id.to_string());
    assert_eq!(after(sample("survey")), None);
    assert_eq!(after(json!({"survey": true, "after": null})), None);
    assert_eq!(after(json!({"survey": true, "after": "111122223333"})).as_deref(), Some("111122223333"));
    assert_eq!(below(sample("survey")), None);
    assert_eq!(below(json!({"survey": true, "ou": null})), None);
    assert_eq!(below(json!({"survey": true, "ou": "r-ab12"})).as_deref(), Some("r-ab12"));
    let arns = [
        "arn:aws:organizations::123456789012:ou/o-a1b2c3d4e5/ou-ab12-55555555",
        "arn:aws-cn:organizations::123456789012:ou/o-a1b2c3d4e5/ou-ab12-55555555",
    ];
    for ou in ["ou-ab12-55555555"].iter().chain(&arns) {
        assert_eq!(below(json!({"survey": true, "ou": ou})).as_deref(), Some("ou-ab12-55555555"));
    }
}

#[test]
fn anything_else_is_refused_with_what_was_expected_and_what_came() {
    let account =
        |value: Value| with("create-succeeded", &format!("{STATUS}/account/accountId"), Some(value));
    let cases = [
        (json!(null), "null"),
        (json!("hello"), "a string"),
        (json!([sample("by-hand")]), "a list"),
        (json!({}), "an empty object"),
        (json!({"acountId": "111122223333"}), "acountId"),
        (
            json!({"a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1, "g": 1, "h": 1, "i": 1, "j": 1}),
            "the fields a, b, c, d, e, f, g, h and 2 more",
        ),
        (json!({"accountId": 111122223333_u64}), "the number 111122223333"),
        (json!({"accountId": "1111-2222-3333"}), "1111-2222-3333"),
        (json!({"accountId": "111122223333", "dryrun": true}), "dryrun is not a field"),
        (json!({"accountId": "111122223333", "dryRun": "true"}), "dryRun must be true or false"),
        (json!({"accountId": "1", "dryRun": 1, "note": 1}), "dryRun must be"),
        (json!({"survey": false}), "survey must be true, got false"),
        (json!({"survey": true, "after": "1"}), "after must be the id of an account"),
        (json!({"survey": true, "ou": "Education"}), "ou must be the id"),
        (
            json!({"survey": true, "ou": "arn:aws:organizations::123456789012:account/o-a1b2c3d4e5/111122223333"}),
            "ou must be the id",
        ),
        (json!({"survey": true, "accountId": "111122223333"}), "accountId is not a field"),
        (json!({"source": "aws.ec2", "detail": {}}), "aws.ec2"),
        (json!({"source": "aws.controltower"}), "detail is missing"),
        (json!({"source": "aws.controltower", "detail": "x"}), "detail is a string"),
        (json!({"detail": {}}), "detail.eventName is missing"),
        (json!({"detail": {"eventName": ""}}), "detail.eventName is a string"),
        (with("create-succeeded", "/detail/serviceEventDetails", None), "createManagedAccountStatus"),
        (with("create-succeeded", STATUS, Some(Value::Null)), "it is null"),
        (with("create-succeeded", &format!("{STATUS}/state"), None), "it is missing"),
        (with("create-succeeded", &format!("{STATUS}/account"), None), "got nothing"),
        (account(json!("Not Available")), "Not Available"),
        (account(json!(111122223333_u64)), "the number 111122223333"),
        (account(Value::Null), "got null"),
    ];
    for (payload, came) in cases {
        let message = parse(&payload).expect_err(&payload.to_string());
        assert!(message.contains("expected"), "{message}");
        assert!(message.contains(came), "{came:?} is not in {message:?}");
    }
}

#[test]
fn a_long_text_of_the_event_is_not_repeated_whole() {
    let long = "x".repeat(100_000);
    let event = with("create-failed", &format!("{STATUS}/message"), Some(json!(long)));
    let Ok(Request::Ignore { reason, .. }) = parse(&event) else { panic!("not ignored") };
    assert!(reason.len() < 1_000);
    assert!(parse(&json!({ long: 1 })).unwrap_err().len() < 1_000);
}
