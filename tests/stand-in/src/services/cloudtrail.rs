//! The operation of AWS CloudTrail that shows the organization's trail, in every account, as a shadow outside its home.

use crate::services::{Answer, Operation, Request, Service, SignedIn, members, usual_error};
use crate::state::State;
use serde_json::json;

pub(crate) static SERVICE: Service = Service {
    target_prefix: "CloudTrail_20131101",
    signing_name: "cloudtrail",
    signed_in: SignedIn::AnyRegion,
    requests_per_second: |_| None,
    error: usual_error,
    operations: &[Operation::single("DescribeTrails", describe_trails)],
};

fn describe_trails(state: &mut State, request: &Request) -> Answer {
    let members = members!(request {
        #[serde(rename = "trailNameList", default)]
        names: Vec<String>,
        #[serde(rename = "includeShadowTrails")]
        shadows: Option<bool>,
    });
    let at_home = |home: &str| home == state.access.region;
    let trails: Vec<_> = state
        .access
        .document
        .trail
        .iter()
        .filter(|trail| {
            members.names.is_empty()
                || members.names.iter().any(|name| [&trail.name, &trail.arn].contains(&name))
        })
        .filter(|trail| members.shadows != Some(false) || at_home(&trail.home_region))
        .map(|trail| {
            let mut shown = json!({
                "Name": trail.name,
                "TrailARN": trail.arn,
                "S3BucketName": trail.bucket,
                "HomeRegion": trail.home_region,
                "IsMultiRegionTrail": true,
                "IsOrganizationTrail": true,
            });
            if let Some(prefix) = &trail.prefix {
                shown["S3KeyPrefix"] = json!(prefix);
            }
            if let Some(key) = &trail.kms_key_id {
                shown["KmsKeyId"] = json!(key);
            }
            shown
        })
        .collect();
    Ok(json!({ "trailList": trails }))
}
