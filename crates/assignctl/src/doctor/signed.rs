//! Single calls to services of AWS that speak JSON, signed and sent with the parts that the SDKs bring along.
//!
//! An SDK for each of them would be compiled for one call, and that of CloudWatch would bring a second, older HTTP crate
//! into every AWS crate of this workspace. What is here only reads, and never repeats a call.

use std::{convert::Infallible, time::SystemTime};

use assigner_core::cause::{CallError, Cause};
use aws_config::SdkConfig;
use aws_credential_types::{Credentials, provider::ProvideCredentials};
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use aws_smithy_runtime::client::orchestrator::operation::Operation as Orchestrated;
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// What is called.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// As IAM calls it.
    pub name: &'static str,
    /// As hosts and signatures call the service.
    pub service: &'static str,
    /// The header `x-amz-target`.
    pub target: &'static str,
    pub content_type: &'static str,
}

/// Calls it in this Region, or in that of the configuration.
pub async fn call<T: DeserializeOwned>(
    sdk: &SdkConfig,
    operation: &Operation,
    region: Option<&str>,
    body: &Value,
) -> Result<T, CallError> {
    let failed = |cause, message: String| CallError { operation: operation.name, cause, code: None, message };
    let region = region.map(str::to_owned).or_else(|| sdk.region().map(ToString::to_string));
    let region = region.unwrap_or_default();
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let endpoint = sdk
        .endpoint_url()
        .map_or_else(|| format!("https://{}.{region}.{suffix}", operation.service), str::to_owned);
    let unsigned = |why: &str| failed(Cause::Credentials, why.to_owned());
    let provider = sdk.credentials_provider().ok_or_else(|| unsigned("there are no credentials"))?;
    let credentials = provider.provide_credentials().await.map_err(|error| unsigned(&error.to_string()))?;
    let http =
        sdk.http_client().ok_or_else(|| failed(Cause::Invalid, "there is no HTTP client".to_owned()))?;
    let (body, url, asked) = (body.to_string(), endpoint.clone(), *operation);
    let sent = Orchestrated::builder()
        .service_name(operation.service)
        .operation_name(operation.target)
        .http_client(http)
        .endpoint_url(&endpoint)
        .no_auth()
        .no_retry()
        .serializer(move |()| request(&asked, &url, &region, &body, &credentials))
        .deserializer(|response: &HttpResponse| {
            Ok::<_, OrchestratorError<Infallible>>((
                response.status().as_u16(),
                response.body().bytes().unwrap_or_default().to_vec(),
            ))
        })
        .build();
    let answer = sent.invoke(()).await;
    let (status, body) = answer.map_err(|error| failed(Cause::Unavailable, error.to_string()))?;
    match status {
        200 => serde_json::from_slice(&body)
            .map_err(|error| failed(Cause::Unavailable, format!("the answer cannot be read: {error}"))),
        _ => Err(refused(operation.name, status, &body)),
    }
}

/// Returns the error of an answer that is none.
fn refused(operation: &'static str, status: u16, body: &[u8]) -> CallError {
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
        _ if code.contains("NotFound") => Cause::NotFound,
        _ if code.contains("AccessDenied") || status == 403 => Cause::Denied,
        _ if status >= 500 => Cause::Unavailable,
        _ => Cause::Invalid,
    };
    let message =
        if message.is_empty() { format!("the service answered with status {status}") } else { message };
    CallError { operation, cause, code: Some(code).filter(|code| !code.is_empty()), message }
}

fn request(
    operation: &Operation,
    url: &str,
    region: &str,
    body: &str,
    credentials: &Credentials,
) -> Result<HttpRequest, BoxError> {
    let headers = [("content-type", operation.content_type), ("x-amz-target", operation.target)];
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(operation.service)
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let url = format!("{}/", url.trim_end_matches('/'));
    let signable = SignableRequest::new(
        "POST",
        url.as_str(),
        headers.into_iter(),
        SignableBody::Bytes(body.as_bytes()),
    )?;
    let (signed, _) = sign(signable, &parameters)?.into_parts();
    let mut request = HttpRequest::new(body.into());
    request.set_method("POST")?;
    // The endpoint is put before it.
    request.set_uri("/")?;
    for (name, value) in headers.into_iter().chain(signed.headers()) {
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
            (400, r#"{"__type": "NotFoundException"}"#, Cause::NotFound),
            (500, "<html>", Cause::Unavailable),
            (400, "{}", Cause::Invalid),
        ];
        for (status, body, expected) in cases {
            let error = refused("cloudwatch:DescribeAlarms", status, body.as_bytes());
            assert_eq!(error.cause, expected, "{status} {body}: {error}");
        }
    }
}
