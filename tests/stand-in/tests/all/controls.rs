//! Control Tower and its catalogue over raw JSON: what they take and refuse, and operations over time.

use crate::support::{call, call_at, settings, stand_in_with};
use serde_json::{Value, json};
use stand_in::{EnablementStatus, Fault, FaultKind, LandingZoneStatus, Settings, StandIn};
use std::time::Duration;

const OU: &str = "arn:aws:organizations::123456789012:ou/o-a1b2c3d4e5/";
const WORKLOADS: &str = "ou-ab12-22222222";
const PROD: &str = "ou-ab12-33333333";
const EDUCATION: &str = "ou-ab12-55555555";
const SECURITY: &str = "ou-ab12-11111111";
const ROOT_USER: &str = "5kvme4m5d2b4d7if2fs5yg2ui";
const HTTPS: &str = "7mo7a2h2ebsq71l8k6uzr96ou";
const SNAPSHOTS: &str = "ek6wc2bmgzmho1kk6bn236mqt";

fn global(id: &str) -> String {
    format!("arn:aws:controlcatalog:::control/{id}")
}

fn regional(name: &str) -> String {
    format!("arn:aws:controltower:eu-west-1::control/{name}")
}

fn target(unit: &str) -> String {
    format!("{OU}{unit}")
}

async fn enable(stand_in: &StandIn, control: &str, unit: &str) -> (u16, Value) {
    let body = json!({ "controlIdentifier": control, "targetIdentifier": target(unit) });
    let (status, answer, _) = call_at(stand_in, "/enable-control", &body).await;
    (status, answer)
}

async fn ask(stand_in: &StandIn, path: &str, body: Value) -> Value {
    let (status, answer, _) = call_at(stand_in, path, &body).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

fn minute() -> Settings {
    Settings { control_operation: Duration::from_secs(60), ..settings() }
}

#[tokio::test(start_paused = true)]
async fn an_enabled_control_comes_to_be_over_time_and_is_found_by_every_read() {
    let stand_in = stand_in_with(minute());
    let (status, answer) = enable(&stand_in, &global(HTTPS), WORKLOADS).await;
    assert_eq!(status, 200, "{answer}");
    let (operation, arn) = (&answer["operationIdentifier"], &answer["arn"]);
    let state = async || {
        let of = ask(&stand_in, "/get-control-operation", json!({ "operationIdentifier": operation })).await;
        let listed = ask(&stand_in, "/list-enabled-controls", json!({})).await;
        assert_eq!(listed["nextToken"], "", "an empty token is the end");
        (
            of["controlOperation"]["status"].clone(),
            listed["enabledControls"][0]["statusSummary"]["status"].clone(),
        )
    };
    assert_eq!(state().await, (json!("IN_PROGRESS"), json!("UNDER_CHANGE")));
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(state().await, (json!("SUCCEEDED"), json!("SUCCEEDED")));
    let details = ask(&stand_in, "/get-enabled-control", json!({ "enabledControlIdentifier": arn })).await;
    assert_eq!(details["enabledControlDetails"]["parameters"], json!([]));
    let filter = json!({ "filter": { "statuses": ["SUCCEEDED"] } });
    let operations = ask(&stand_in, "/list-control-operations", filter).await;
    assert_eq!(operations["controlOperations"][0]["statusMessage"], "Operation was successful.");
}

#[tokio::test(start_paused = true)]
async fn ten_operations_run_and_the_others_wait_and_one_too_many_is_402() {
    let settings = Settings { control_operations: 12, one_control_operation_a_unit: false, ..minute() };
    let stand_in = stand_in_with(settings);
    let units = [WORKLOADS, PROD, EDUCATION, "ou-ab12-66666666"];
    let controls = [global(HTTPS), global(SNAPSHOTS), global(ROOT_USER)];
    for unit in units {
        for control in &controls {
            assert_eq!(enable(&stand_in, control, unit).await.0, 200);
        }
    }
    let (status, answer) = enable(&stand_in, &global(HTTPS), SECURITY).await;
    assert_eq!((status, &answer["__type"]), (402, &json!("ServiceQuotaExceededException")));
    let in_progress = async || {
        let filter = json!({ "filter": { "statuses": ["IN_PROGRESS"] } });
        let listed = ask(&stand_in, "/list-control-operations", filter).await;
        listed["controlOperations"].as_array().unwrap().len()
    };
    assert_eq!(in_progress().await, 12, "those that wait read as in progress too");
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(in_progress().await, 2);
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(in_progress().await, 0);
    assert_eq!(stand_in.peak_control_operations(), 12);
}

#[tokio::test(start_paused = true)]
async fn what_control_tower_would_refuse_is_refused() {
    let stand_in = stand_in_with(Settings { control_operation: Duration::ZERO, ..settings() });
    stand_in.put_enabled_control(
        &regional("AWS-GR_RESTRICT_ROOT_USER"),
        &target(WORKLOADS),
        Default::default(),
    );
    let with = |parameters: Value| json!({ "controlIdentifier": global(ROOT_USER), "targetIdentifier": target(EDUCATION), "parameters": parameters });
    let plain =
        |control: String, target: String| json!({ "controlIdentifier": control, "targetIdentifier": target });
    let account = "arn:aws:organizations::123456789012:account/o-a1b2c3d4e5/111122223333";
    let cases = [
        (plain(global(ROOT_USER), target(WORKLOADS)), 400, "already enabled"),
        (plain(regional("AWS-GR_RESTRICT_ROOT_USER"), target(WORKLOADS)), 400, "already enabled"),
        (plain(regional("AWS-GR_CLOUDTRAIL_ENABLED"), target(WORKLOADS)), 400, "Mandatory"),
        (plain(regional("AWS-GR_NOTHING"), target(WORKLOADS)), 404, "does not exist"),
        (plain(global(HTTPS), target("ou-ab12-99999999")), 404, "does not exist"),
        (plain(global(HTTPS), account.to_owned()), 400, "not an organizational unit"),
        (plain("CT.S3.PV.5".to_owned(), target(WORKLOADS)), 400, "must match"),
        (with(json!([{ "key": "ExemptAssumeRoot", "value": false }])), 400, "is not a value"),
        (with(json!([{ "key": "Nothing", "value": [] }])), 400, "is not a parameter"),
        (with(json!([{ "key": "ExemptedPrincipalArns", "value": "x" }])), 400, "is not a value"),
        (plain(global("ka8e3pkqefnjsxuyc26ji580"), target(EDUCATION)), 400, "AllowedRegions is required"),
        (
            json!({ "controlIdentifier": global(HTTPS), "targetIdentifier": target(EDUCATION), "x": 1 }),
            400,
            "unknown field",
        ),
    ];
    for (body, expected, said) in cases {
        let (status, answer, _) = call_at(&stand_in, "/enable-control", &body).await;
        assert_eq!(status, expected, "{body}: {answer}");
        assert!(answer["message"].as_str().unwrap().contains(said), "{body}: {answer}");
    }
    let good = with(
        json!([{ "key": "ExemptAssumeRoot", "value": true }, { "key": "ExemptedPrincipalArns", "value": [] }]),
    );
    assert_eq!(call_at(&stand_in, "/enable-control", &good).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn an_update_must_change_something_and_drift_is_reset_but_not_of_scps() {
    let stand_in = stand_in_with(Settings { control_operation: Duration::ZERO, ..settings() });
    let https = stand_in.put_enabled_control(&global(HTTPS), &target(WORKLOADS), Default::default());
    let root = stand_in.put_enabled_control(&global(ROOT_USER), &target(WORKLOADS), Default::default());
    let update = async |parameters: Value| {
        let body = json!({ "enabledControlIdentifier": https, "parameters": parameters });
        call_at(&stand_in, "/update-enabled-control", &body).await.0
    };
    let exempt = |principals: Value| json!([{ "key": "ExemptedPrincipalArns", "value": principals }]);
    assert_eq!(update(json!([])).await, 400);
    assert_eq!(update(exempt(json!([]))).await, 400, "an empty list is like none");
    assert_eq!(update(exempt(json!(["a", "b"]))).await, 200);
    assert_eq!(update(exempt(json!(["b", "a"]))).await, 400, "a list is a set");
    stand_in.edit_enabled_controls(|all| all.values_mut().for_each(|one| one.drifted = true));
    assert_eq!(update(exempt(json!(["c"]))).await, 400, "it is drifted");
    let listed =
        ask(&stand_in, "/list-enabled-controls", json!({ "filter": { "driftStatuses": ["DRIFTED"] } })).await;
    assert_eq!(listed["enabledControls"].as_array().unwrap().len(), 1, "SCPs show no drift: {listed}");
    assert_eq!(enable(&stand_in, &global(SNAPSHOTS), WORKLOADS).await.0, 400, "the OU is drifted");
    let reset = async |arn: &str| {
        call_at(&stand_in, "/reset-enabled-control", &json!({ "enabledControlIdentifier": arn })).await.0
    };
    assert_eq!((reset(&root).await, reset(&https).await), (400, 200));
    assert_eq!(update(exempt(json!(["c"]))).await, 200);
}

#[tokio::test(start_paused = true)]
async fn an_old_landing_zone_wants_registered_ous_and_spares_the_security_ou() {
    let stand_in = stand_in_with(Settings { control_operation: Duration::ZERO, ..settings() });
    stand_in.edit(|organization| {
        organization.landing_zone.version = "3.3".to_owned();
        organization.landing_zone.registered = Some(vec![WORKLOADS.to_owned(), SECURITY.to_owned()]);
    });
    assert_eq!(enable(&stand_in, &global(HTTPS), EDUCATION).await.0, 404);
    let listed =
        call_at(&stand_in, "/list-enabled-controls", &json!({ "targetIdentifier": target(EDUCATION) })).await;
    assert!(listed.1["message"].as_str().unwrap().contains("is not registered"), "{listed:?}");
    assert_eq!(enable(&stand_in, &global(HTTPS), SECURITY).await.0, 400);
    assert_eq!(enable(&stand_in, &global(ROOT_USER), SECURITY).await.0, 200);
    stand_in.edit(|organization| organization.landing_zone.version = "4.0".to_owned());
    assert_eq!(enable(&stand_in, &global(HTTPS), EDUCATION).await.0, 200);
    assert_eq!(enable(&stand_in, &global(HTTPS), SECURITY).await.0, 200);
    stand_in.edit(|organization| organization.landing_zone.status = LandingZoneStatus::Processing);
    assert_eq!(enable(&stand_in, &global(HTTPS), WORKLOADS).await.0, 409);
}

#[tokio::test(start_paused = true)]
async fn policies_are_packed_and_a_full_ou_fails_only_later() {
    let stand_in = stand_in_with(Settings { control_operation: Duration::ZERO, ..settings() });
    let kinds = std::collections::BTreeMap::from([("RESOURCE_CONTROL_POLICY".to_owned(), 4)]);
    stand_in.edit(|organization| _ = organization.landing_zone.policies.insert(WORKLOADS.to_owned(), kinds));
    assert_eq!(enable(&stand_in, &global(HTTPS), WORKLOADS).await.0, 200);
    assert_eq!(stand_in.enabled_controls()[0].status, EnablementStatus::Failed);
    assert_eq!(enable(&stand_in, &global(ROOT_USER), EDUCATION).await.0, 200);
    let filter = json!({ "TargetId": EDUCATION, "Filter": "SERVICE_CONTROL_POLICY" });
    let (status, listed) = call(&stand_in, "ListPoliciesForTarget", &filter).await;
    assert_eq!(status, 200, "{listed}");
    let policies = listed["Policies"].as_array().unwrap();
    assert_eq!(policies.len(), 2, "{listed}");
    assert!(policies[1]["Name"].as_str().unwrap().starts_with("aws-guardrails-"), "{listed}");
    let (_, policy) = call(&stand_in, "DescribePolicy", &json!({ "PolicyId": policies[1]["Id"] })).await;
    assert!(policy["Policy"]["Content"].as_str().unwrap().contains("Deny"), "{policy}");
}

#[tokio::test(start_paused = true)]
async fn faults_fire_for_controls_as_for_assignments() {
    let stand_in = stand_in_with(minute());
    stand_in.set_faults(vec![
        Fault::on("EnableControl", FaultKind::ThrottleFor { seconds: 7 }).times(1),
        Fault::on("EnableControl", FaultKind::FailedStatus { reason: Some("no".into()) }).about(WORKLOADS),
    ]);
    let body = json!({ "controlIdentifier": global(HTTPS), "targetIdentifier": target(WORKLOADS) });
    let (status, _, retry_after) = call_at(&stand_in, "/enable-control", &body).await;
    assert_eq!((status, retry_after.as_deref()), (429, Some("7")));
    assert_eq!(enable(&stand_in, &global(HTTPS), WORKLOADS).await.0, 200);
    assert_eq!(enable(&stand_in, &global(HTTPS), EDUCATION).await.0, 200);
    assert_eq!(enable(&stand_in, &global(SNAPSHOTS), EDUCATION).await.0, 409, "one at a time on an OU");
    tokio::time::advance(Duration::from_secs(60)).await;
    let statuses: Vec<_> =
        stand_in.enabled_controls().iter().map(|one| (one.target.clone(), one.status)).collect();
    assert!(statuses.contains(&(target(WORKLOADS), EnablementStatus::Failed)), "{statuses:?}");
    assert!(statuses.contains(&(target(EDUCATION), EnablementStatus::Succeeded)), "{statuses:?}");
    let filter = json!({ "filter": { "statuses": ["FAILED"] } });
    let failed = ask(&stand_in, "/list-control-operations", filter).await;
    assert_eq!(failed["controlOperations"][0]["statusMessage"], "no");
}

#[tokio::test(start_paused = true)]
async fn the_catalogue_answers_both_forms_and_pages_by_its_query() {
    let stand_in = stand_in_with(settings());
    for arn in [regional("QWERTYUIOPAS"), global(HTTPS)] {
        let control = ask(&stand_in, "/get-control", json!({ "ControlArn": arn })).await;
        assert_eq!((&control["Arn"], &control["Aliases"]), (&json!(global(HTTPS)), &json!(["CT.S3.PV.5"])));
    }
    let kind = json!({ "Filter": { "Implementations": { "Types": ["AWS::Organizations::Policy::DECLARATIVE_POLICY_EC2"] } } });
    let first = ask(&stand_in, "/list-controls?maxResults=2", kind.clone()).await;
    assert_eq!(first["Controls"].as_array().unwrap().len(), 2);
    let next = first["NextToken"].as_str().unwrap();
    let second = ask(&stand_in, &format!("/list-controls?maxResults=2&nextToken={next}"), kind).await;
    assert_eq!(second["Controls"].as_array().unwrap().len(), 1);
    assert!(second.get("NextToken").is_none());
    let filter = json!({ "Filter": { "MappingTypes": ["RELATED_CONTROL"] } });
    let mappings = ask(&stand_in, "/list-control-mappings", filter).await;
    let relation = &mappings["ControlMappings"][0]["Mapping"]["RelatedControl"]["RelationType"];
    assert_eq!(relation, "MUTUALLY_EXCLUSIVE");
    let two = json!({ "Filter": { "MappingTypes": ["RELATED_CONTROL", "FRAMEWORK"] } });
    assert_eq!(call_at(&stand_in, "/list-control-mappings", &two).await.0, 400, "one value");
}

#[tokio::test(start_paused = true)]
async fn the_landing_zone_is_found_by_its_arn() {
    let stand_in = stand_in_with(settings());
    stand_in.edit(|organization| organization.landing_zone.version = "3.3".to_owned());
    let zones = ask(&stand_in, "/list-landingzones", json!({})).await;
    let arn = &zones["landingZones"][0]["arn"];
    let zone = ask(&stand_in, "/get-landingzone", json!({ "landingZoneIdentifier": arn })).await;
    assert_eq!(zone["landingZone"]["version"], "3.3");
    assert_eq!(zone["landingZone"]["manifest"]["organizationStructure"]["security"]["name"], "Security");
}
