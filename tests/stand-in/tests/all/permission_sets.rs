//! What a permission set holds is a draft until it is provisioned in an account, over time.

use crate::support::{CLASS_7, INSTANCE, call, stand_in};
use serde_json::{Value, json};
use stand_in::{Fault, FaultKind, StandIn};
use std::time::Duration;

const POWER: &str = "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-3c9d17e2a4b5f608";
const POLICY: &str = "arn:aws:iam::aws:policy/PowerUserAccess";
const OTHER: &str = "444455556666";

fn with_set() -> StandIn {
    let stand_in = stand_in();
    let role = json!({ "name": "AWSReservedSSO_PowerUserAccess_0123456789abcdef", "path": "/aws-reserved/sso.amazonaws.com/" });
    let document = json!({
        "policies": { POLICY: {} },
        "sets": { POWER: { "managedPolicies": [POLICY] } },
        "accounts": { CLASS_7: { "roles": [role] } },
    });
    stand_in.set_access(serde_json::from_value(document).unwrap());
    stand_in
}

/// Sends a request about the set.
async fn ask(stand_in: &StandIn, operation: &str, members: Value) -> (u16, Value) {
    let mut all = json!({ "InstanceArn": INSTANCE, "PermissionSetArn": POWER });
    all.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    call(stand_in, operation, &all).await
}

async fn laggards(stand_in: &StandIn) -> usize {
    let status = json!({ "ProvisioningStatus": "LATEST_PERMISSION_SET_NOT_PROVISIONED" });
    let (_, answer) = ask(stand_in, "ListAccountsForProvisionedPermissionSet", status).await;
    answer["AccountIds"].as_array().unwrap().len()
}

fn here() -> Value {
    json!({ "TargetType": "AWS_ACCOUNT", "TargetId": CLASS_7 })
}

#[tokio::test(start_paused = true)]
async fn edits_are_a_draft_until_they_are_provisioned() {
    let stand_in = with_set();
    assert_eq!(laggards(&stand_in).await, 0);
    let inline = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
    let put = ask(&stand_in, "PutInlinePolicyToPermissionSet", json!({ "InlinePolicy": inline })).await;
    assert_eq!(put.0, 200);
    let managed = json!({ "ManagedPolicyArn": POLICY });
    assert_eq!(ask(&stand_in, "AttachManagedPolicyToPermissionSet", managed.clone()).await.0, 409);
    assert_eq!(ask(&stand_in, "DetachManagedPolicyFromPermissionSet", managed.clone()).await.0, 200);
    assert_eq!(ask(&stand_in, "DetachManagedPolicyFromPermissionSet", managed).await.0, 404);
    assert_eq!(laggards(&stand_in).await, 1);
    assert_eq!(stand_in.on_role(CLASS_7, POWER).managed_policies.len(), 1);

    let (code, answer) = ask(&stand_in, "ProvisionPermissionSet", here()).await;
    let status = &answer["PermissionSetProvisioningStatus"];
    assert_eq!((code, &status["Status"]), (200, &json!("IN_PROGRESS")));
    assert_eq!(ask(&stand_in, "ProvisionPermissionSet", here()).await.0, 409, "one at a time");
    assert_eq!(laggards(&stand_in).await, 1);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let id = json!({ "InstanceArn": INSTANCE, "ProvisionPermissionSetRequestId": status["RequestId"] });
    let (_, answer) = call(&stand_in, "DescribePermissionSetProvisioningStatus", &id).await;
    assert_eq!(answer["PermissionSetProvisioningStatus"]["Status"], "SUCCEEDED");
    assert_eq!(laggards(&stand_in).await, 0);
    let on_role = stand_in.on_role(CLASS_7, POWER);
    assert!(on_role.managed_policies.is_empty() && on_role.inline_policy.is_some());

    let elsewhere = json!({ "TargetType": "AWS_ACCOUNT", "TargetId": "123456789012" });
    assert_eq!(ask(&stand_in, "ProvisionPermissionSet", elsewhere).await.0, 403, "the management account");
    let all = json!({ "TargetType": "ALL_PROVISIONED_ACCOUNTS" });
    assert_eq!(ask(&stand_in, "ProvisionPermissionSet", all).await.0, 400);
    let nowhere = json!({ "TargetType": "AWS_ACCOUNT", "TargetId": OTHER });
    assert_eq!(ask(&stand_in, "ProvisionPermissionSet", nowhere).await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn a_provisioning_can_fail_later_and_needs_the_policies_of_the_account() {
    let stand_in = with_set();
    let reference = json!({ "CustomerManagedPolicyReference": { "Name": "Team", "Path": "/" } });
    let attach = "AttachCustomerManagedPolicyReferenceToPermissionSet";
    assert_eq!(ask(&stand_in, attach, reference.clone()).await.0, 200);
    let ended = async || {
        let (_, answer) = ask(&stand_in, "ProvisionPermissionSet", here()).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let id = answer["PermissionSetProvisioningStatus"]["RequestId"].clone();
        let id = json!({ "InstanceArn": INSTANCE, "ProvisionPermissionSetRequestId": id });
        let (_, answer) = call(&stand_in, "DescribePermissionSetProvisioningStatus", &id).await;
        let status = &answer["PermissionSetProvisioningStatus"];
        (status["Status"].clone(), status["FailureReason"].as_str().unwrap_or_default().to_owned())
    };
    let (status, reason) = ended().await;
    assert!(status == "FAILED" && reason.contains("policy/Team does not exist"), "{reason}");
    let detach = "DetachCustomerManagedPolicyReferenceFromPermissionSet";
    assert_eq!(ask(&stand_in, detach, reference).await.0, 200);
    let failed = FaultKind::FailedStatus { reason: Some("No room".to_owned()) };
    stand_in.set_faults(vec![Fault::on("ProvisionPermissionSet", failed).times(1).about(CLASS_7)]);
    assert_eq!(ended().await, (json!("FAILED"), "No room".to_owned()));
    assert_eq!(ended().await.0, "SUCCEEDED");
}

#[tokio::test(start_paused = true)]
async fn fields_are_changed_one_by_one() {
    let stand_in = with_set();
    for (operation, members, code) in [
        ("UpdatePermissionSet", json!({ "SessionDuration": "PT2H", "Description": "x" }), 200),
        ("UpdatePermissionSet", json!({ "Description": "" }), 400),
        ("DeleteInlinePolicyFromPermissionSet", json!({}), 404),
        ("DeletePermissionsBoundaryFromPermissionSet", json!({}), 404),
        (
            "PutPermissionsBoundaryToPermissionSet",
            json!({ "PermissionsBoundary": { "ManagedPolicyArn": POLICY } }),
            200,
        ),
        ("DeletePermissionsBoundaryFromPermissionSet", json!({}), 200),
    ] {
        assert_eq!(ask(&stand_in, operation, members.clone()).await.0, code, "{operation} {members}");
    }
    let tags =
        json!({ "InstanceArn": INSTANCE, "ResourceArn": POWER, "Tags": [{ "Key": "a", "Value": "b" }] });
    assert_eq!(call(&stand_in, "TagResource", &tags).await.0, 200);
    let set = stand_in.access().sets[POWER].clone();
    assert_eq!((set.session_duration.as_deref(), set.tags["a"].as_str()), (Some("PT2H"), "b"));
    let keys = json!({ "InstanceArn": INSTANCE, "ResourceArn": POWER, "TagKeys": ["a"] });
    assert_eq!(call(&stand_in, "UntagResource", &keys).await.0, 200);
    assert!(stand_in.access().sets[POWER].tags.is_empty());
}
