//! The states of alarms, by one call to CloudWatch.
//!
//! Its SDK would bring a second, older HTTP crate into every AWS crate of this workspace. The call is one POST of JSON, so
//! it is signed and sent here with the SDK's own parts.

use std::{convert::Infallible, time::SystemTime};

use assigner_core::cause::{CallError, Cause};
use aws_config::SdkConfig;
use aws_credential_types::{Credentials, provider::ProvideCredentials};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::orchestrator::{HttpRequest, HttpResponse},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    check::{Check, Status, Topic, ask},
    resources::judge_alarms,
};
use crate::session::Session;

const OPERATION: &str = "cloudwatch:DescribeAlarms";
/// As many names as one call takes.
const MOST: usize = 100;

/// Looks at these alarms.
pub async fn look(session: &Session, sdk: &SdkConfig, topic: Topic, names: &[&str]) -> Check {
    let mut found = Vec::new();
    for names in names.chunks(MOST) {
        match ask(session, OPERATION, describe(sdk, names)).await {
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
    let failed = |cause, message: String| CallError { operation: OPERATION, cause, code: None, message };
    let region = sdk.region().map(ToString::to_string).unwrap_or_default();
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let endpoint =
        sdk.endpoint_url().map_or_else(|| format!("https://monitoring.{region}.{suffix}"), str::to_owned);
    let unsigned = |why: &str| failed(Cause::Credentials, why.to_owned());
    let provider = sdk.credentials_provider().ok_or_else(|| unsigned("there are no credentials"))?;
    let credentials = provider.provide_credentials().await.map_err(|error| unsigned(&error.to_string()))?;
    let http =
        sdk.http_client().ok_or_else(|| failed(Cause::Invalid, "there is no HTTP client".to_owned()))?;
    let body =
        json!({ "AlarmNames": names, "AlarmTypes": ["MetricAlarm", "CompositeAlarm"], "MaxRecords": MOST });
    let (body, url) = (body.to_string(), endpoint.clone());
    let operation = Operation::builder()
        .service_name("monitoring")
        .operation_name("DescribeAlarms")
        .http_client(http)
        .endpoint_url(&endpoint)
        .no_auth()
        .no_retry()
        .serializer(move |()| request(&url, &region, &body, &credentials))
        .deserializer(|response: &HttpResponse| {
            Ok::<_, aws_smithy_runtime_api::client::orchestrator::OrchestratorError<Infallible>>((
                response.status().as_u16(),
                response.body().bytes().unwrap_or_default().to_vec(),
            ))
        })
        .build();
    let answer = operation.invoke(()).await;
    let (status, body) = answer.map_err(|error| failed(Cause::Unavailable, error.to_string()))?;
    match (status, serde_json::from_slice::<Alarms>(&body)) {
        (200, Ok(Alarms { metric_alarms, composite_alarms })) => {
            let alarms = metric_alarms.into_iter().chain(composite_alarms);
            Ok(alarms.map(|alarm| (alarm.alarm_name, alarm.state_value, alarm.state_reason)).collect())
        }
        (200, Err(error)) => Err(failed(Cause::Unavailable, format!("the answer cannot be read: {error}"))),
        (status, _) => Err(refused(status, &body)),
    }
}

/// Returns the error of an answer that is none.
fn refused(status: u16, body: &[u8]) -> CallError {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Refusal {
        #[serde(rename = "__type")]
        code: String,
        #[serde(alias = "Message")]
        message: String,
    }
    let Refusal { code, message } = serde_json::from_slice(body).unwrap_or_default();
    // Such as com.amazonaws.monitoring#AccessDenied.
    let code = code.rsplit('#').next().unwrap_or_default().to_owned();
    let cause = match code.as_str() {
        _ if code.contains("Throttl") || status == 429 => Cause::Throttled,
        _ if code.contains("ExpiredToken") => Cause::Credentials,
        _ if code.contains("AccessDenied") || status == 403 => Cause::Denied,
        _ if status >= 500 => Cause::Unavailable,
        _ => Cause::Invalid,
    };
    let message =
        if message.is_empty() { format!("the service answered with status {status}") } else { message };
    CallError { operation: OPERATION, cause, code: Some(code).filter(|code| !code.is_empty()), message }
}

fn request(url: &str, region: &str, body: &str, credentials: &Credentials) -> Result<HttpRequest, BoxError> {
    const HEADERS: [(&str, &str); 2] = [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", "GraniteServiceVersion20100801.DescribeAlarms"),
    ];
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("monitoring")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let url = format!("{}/", url.trim_end_matches('/'));
    let signable = SignableRequest::new(
        "POST",
        url.as_str(),
        HEADERS.into_iter(),
        SignableBody::Bytes(body.as_bytes()),
    )?;
    let (signed, _) = sign(signable, &parameters)?.into_parts();
    let mut request = HttpRequest::new(body.into());
    request.set_method("POST")?;
    // The endpoint is put before it.
    request.set_uri("/")?;
    for (name, value) in HEADERS.into_iter().chain(signed.headers()) {
        request.headers_mut().insert(name.to_owned(), value.to_owned());
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_none_means_what_it_says() {
        let cases = [
            (403, r#"{"__type": "com.amazonaws.monitoring#AccessDenied", "Message": "no"}"#, Cause::Denied),
            (400, r#"{"__type": "ExpiredToken", "message": "old"}"#, Cause::Credentials),
            (400, r#"{"__type": "ThrottlingException"}"#, Cause::Throttled),
            (500, "<html>", Cause::Unavailable),
            (400, "{}", Cause::Invalid),
        ];
        for (status, body, expected) in cases {
            let error = refused(status, body.as_bytes());
            assert_eq!(error.cause, expected, "{status} {body}: {error}");
        }
    }
}
