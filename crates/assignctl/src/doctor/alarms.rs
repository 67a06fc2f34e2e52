//! The states of alarms, by one call to CloudWatch.

use assigner_core::cause::CallError;
use aws_config::SdkConfig;
use serde::Deserialize;
use serde_json::json;

use super::{
    check::{Check, Status, Topic, ask},
    resources::judge_alarms,
    signed::{self, Operation},
};
use crate::session::Session;

const DESCRIBE_ALARMS: Operation = Operation {
    name: "cloudwatch:DescribeAlarms",
    service: "monitoring",
    target: "GraniteServiceVersion20100801.DescribeAlarms",
    content_type: "application/x-amz-json-1.0",
};
/// As many names as one call takes.
const MOST: usize = 100;

/// Looks at these alarms.
pub async fn look(session: &Session, sdk: &SdkConfig, topic: Topic, names: &[&str]) -> Check {
    let mut found = Vec::new();
    for names in names.chunks(MOST) {
        match ask(session, DESCRIBE_ALARMS.name, describe(sdk, names)).await {
            Ok(alarms) => found.extend(alarms),
            Err(error) => return topic.not_answered(&error, Status::Unknown),
        }
    }
    judge_alarms(topic, names, &found)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Alarms {
    #[serde(default)]
    metric_alarms: Vec<Alarm>,
    #[serde(default)]
    composite_alarms: Vec<Alarm>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Alarm {
    alarm_name: String,
    state_value: String,
    #[serde(default)]
    state_reason: String,
}

/// Returns name, state and its reason of each alarm.
async fn describe(sdk: &SdkConfig, names: &[&str]) -> Result<Vec<(String, String, String)>, CallError> {
    let asked =
        json!({ "AlarmNames": names, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": MOST });
    let Alarms { metric_alarms, composite_alarms } =
        signed::call(sdk, &DESCRIBE_ALARMS, None, &asked).await?;
    let alarms = metric_alarms.into_iter().chain(composite_alarms);
    Ok(alarms.map(|alarm| (alarm.alarm_name, alarm.state_value, alarm.state_reason)).collect())
}
