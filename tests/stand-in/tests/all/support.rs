//! Raw requests to a stand-in: signed in form, sent through its router.

use axum::body::{Body, to_bytes};
use axum::http::{Request, header};
use serde_json::{Value, json};
use stand_in::{Organization, Settings, StandIn};
use std::time::Duration;
use tower::ServiceExt;

pub const INSTANCE: &str = "arn:aws:sso:::instance/ssoins-7223f7eef79824e1";
pub const READ_ONLY: &str = "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-ef450dbf3b354e78";
pub const AUDITORS: &str = "1234567890-0d1f7b52-6a3c-4e0b-9d28-5c41f0a7e911";
pub const CLASS_7: &str = "111122223333";

/// Returns the sample organization, without quotas that a test would meet by chance.
pub fn stand_in() -> StandIn {
    stand_in_with(Settings {
        requests_per_second: 1000,
        identity_store_requests_per_second: 1000,
        ..settings()
    })
}

pub fn stand_in_with(settings: Settings) -> StandIn {
    StandIn::new(Organization::sample(), settings)
}

pub fn settings() -> Settings {
    Settings { latency: Duration::ZERO, ..Settings::default() }
}

pub fn create(account: &str) -> Value {
    json!({
        "InstanceArn": INSTANCE, "TargetId": account, "TargetType": "AWS_ACCOUNT",
        "PermissionSetArn": READ_ONLY, "PrincipalType": "GROUP", "PrincipalId": AUDITORS,
    })
}

pub fn target(operation: &str) -> String {
    let prefix = match operation {
        "DescribeGroup" | "DescribeUser" | "GetGroupId" | "GetUserId" | "ListGroups" | "ListUsers" => {
            "AWSIdentityStore"
        }
        "DescribeAccount"
        | "DescribeOrganization"
        | "DescribeOrganizationalUnit"
        | "ListAccounts"
        | "ListOrganizationalUnitsForParent"
        | "ListParents"
        | "ListPoliciesForTarget"
        | "DescribePolicy"
        | "ListRoots"
        | "ListTagsForResource" => "AWSOrganizationsV20161128",
        _ => "SWBExternalService",
    };
    format!("{prefix}.{operation}")
}

pub fn authorization(target: &str) -> String {
    let scope = match target.split('.').next() {
        Some("AWSIdentityStore") => "eu-west-1/identitystore",
        Some("AWSOrganizationsV20161128") => "us-east-1/organizations",
        _ => "eu-west-1/sso",
    };
    format!("AWS4-HMAC-SHA256 Credential=AKID/20260101/{scope}/aws4_request, SignedHeaders=host, Signature=0")
}

/// Returns the status, the answer and the wish to be left alone, of an operation that has a path.
pub async fn call_at(stand_in: &StandIn, path: &str, body: &Value) -> (u16, Value, Option<String>) {
    let catalog = ["/get-control", "/list-controls", "/list-control-mappings"];
    let name = path.split('?').next().unwrap_or_default();
    let service = if catalog.contains(&name) { "controlcatalog" } else { "controltower" };
    let scope = format!("eu-west-1/{service}");
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKID/20260101/{scope}/aws4_request, SignedHeaders=host, Signature=0"
    );
    let request = Request::post(path)
        .header(header::AUTHORIZATION, authorization)
        .body(Body::from(body.to_string()))
        .expect("a sound request");
    let response = stand_in.router().oneshot(request).await.expect("a router always answers");
    let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.expect("a whole body");
    (status, serde_json::from_slice(&body).expect("a JSON body"), retry_after)
}

/// Returns the status and the answer of one operation.
pub async fn call(stand_in: &StandIn, operation: &str, body: &Value) -> (u16, Value) {
    let target = target(operation);
    send(stand_in, &target, &authorization(&target), body.to_string()).await
}

pub async fn send(stand_in: &StandIn, target: &str, authorization: &str, body: String) -> (u16, Value) {
    let request = Request::post("/")
        .header("x-amz-target", target)
        .header(header::AUTHORIZATION, authorization)
        .body(Body::from(body))
        .expect("a sound request");
    let response = stand_in.router().oneshot(request).await.expect("a router always answers");
    assert!(response.headers().contains_key("x-amzn-requestid"), "every answer has a request id");
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), usize::MAX).await.expect("a whole body");
    (status, serde_json::from_slice(&body).expect("a JSON body"))
}
