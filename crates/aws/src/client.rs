//! How the AWS clients behave, and how their errors become ours: decided once, for all services.
//!
//! Reads are repeated by [`crate::calls`]. The one write, creating an account
//! assignment, is never repeated: a lost reply may hide an effect, and only `assigner_core::work` knows to look for
//! the evidence. Every attempt to reach Identity Center, first or repeated, takes its turn in a [`Pace`].

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use assigner_core::cause::{CallError, Cause};
use aws_config::{
    BehaviorVersion, Region, SdkConfig, profile::ProfileFileCredentialsProvider,
    provider_config::ProviderConfig, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_credential_types::provider::{SharedCredentialsProvider, error::CredentialsError};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
            SharedHttpConnector,
        },
        interceptors::{Intercept, context::FinalizerInterceptorContextRef},
        orchestrator::{HttpRequest, HttpResponse},
        result::SdkError,
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{config_bag::ConfigBag, error::metadata::ProvideErrorMetadata};
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    http::{self, Trust},
    pace::Pace,
};

/// Whose credentials and which Region, if a person names them. They count before the environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// A profile of the shared configuration files.
    pub profile: Option<String>,
    pub region: Option<String>,
}

/// Loads credentials, Region and endpoint as the SDK defines them, with one HTTP client and one `patience` for all
/// services.
pub async fn load(patience: RetryConfig, trust: Trust) -> SdkConfig {
    load_named(patience, trust, &Named::default()).await
}

/// Does the same for what a person names.
pub async fn load_named(patience: RetryConfig, trust: Trust, Named { profile, region }: &Named) -> SdkConfig {
    let http = SharedHttpClient::new(Reported(http::client(trust)));
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(region) = region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = profile {
        loader = loader.profile_name(profile);
    }
    let sdk = loader.http_client(http.clone()).retry_config(patience).load().await;
    let Some(profile) = profile else { return sdk };
    // The SDK takes keys of the environment before those of a profile, even of one that a person names.
    let provider = ProviderConfig::without_region().with_region(sdk.region().cloned()).with_http_client(http);
    let credentials =
        ProfileFileCredentialsProvider::builder().configure(&provider).profile_name(profile).build();
    sdk.into_builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build()
}

/// The target of an event for each request to AWS that was answered, or was not, at level DEBUG.
pub const CALLS: &str = "assigner_aws::calls";

/// An HTTP client that reports each request to whoever listens to [`CALLS`]: who asked what, never with which values.
#[derive(Debug)]
struct Reported(SharedHttpClient);

impl HttpClient for Reported {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(ReportedConnector(self.0.http_connector(settings, components)))
    }
}

#[derive(Debug)]
struct ReportedConnector(SharedHttpConnector);

impl HttpConnector for ReportedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if !tracing::enabled!(target: CALLS, tracing::Level::DEBUG) {
            return self.0.call(request);
        }
        let (call, began) = (called(&request), Instant::now());
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await;
            let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
            match &answer {
                Ok(response) => {
                    let id =
                        ["x-amzn-requestid", "x-amz-request-id"].map(|name| response.headers().get(name));
                    let request = id.into_iter().flatten().next().unwrap_or_default();
                    let status = response.status().as_u16();
                    tracing::debug!(target: CALLS, call, status, milliseconds, request);
                }
                Err(error) => {
                    tracing::debug!(target: CALLS, call, failed = innermost(error), milliseconds);
                }
            }
            answer
        })
    }
}

/// Returns what a request asks for, such as `sso:ListInstances in eu-west-1`, or as much of it as it shows.
fn called(request: &HttpRequest) -> String {
    let header = |name| request.headers().get(name).unwrap_or_default();
    let path = request.uri().split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| rest);
    let (host, path) = path.split_once('/').unwrap_or((path, ""));
    // The protocols of AWS name an operation in a header, at the end of a path, in a form, or by the path itself.
    let target = header("x-amz-target").rsplit_once('.').map(|(_, operation)| operation);
    let in_path = path.rsplit_once("/operation/").map(|(_, operation)| operation);
    let form = || {
        let body = request.body().bytes().and_then(|body| std::str::from_utf8(body).ok())?;
        body.split('&').find_map(|pair| pair.strip_prefix("Action="))
    };
    let operation = target.or(in_path).or_else(form).map(str::to_owned);
    // The path of a container's credentials is what fetches them.
    let operation = operation.unwrap_or_else(|| match http::stays_here(host) {
        true => request.method().to_owned(),
        false => format!("{} /{path}", request.method()),
    });
    // AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, ...
    let scope = header("authorization").split(',').next().unwrap_or_default();
    match scope.split('/').collect::<Vec<_>>()[..] {
        [_, _, region, service, "aws4_request"] => format!("{service}:{operation} in {region}"),
        _ => format!("{host}: {operation}"),
    }
}

/// The attempts of one call are limited by the caller's deadline; this number only has to be out of reach.
const ATTEMPTS: u32 = 1_000;

/// Returns the function's patience with reads, which may be repeated without harm.
pub fn until_the_deadline() -> RetryConfig {
    attempts(ATTEMPTS)
}

pub fn attempts(most: u32) -> RetryConfig {
    RetryConfig::standard().with_max_attempts(most).with_max_backoff(Duration::from_secs(5))
}

/// Returns the bounds of one attempt. A turn in the pace counts towards `operation_attempt_timeout`, so that bound is
/// wide.
pub(crate) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .read_timeout(Duration::from_secs(10))
        .operation_attempt_timeout(Duration::from_secs(60))
        .build()
}

/// An HTTP client each of whose requests waits for its turn.
#[derive(Debug)]
pub(crate) struct Paced {
    pub http: SharedHttpClient,
    pub pace: Arc<Pace>,
}

impl HttpClient for Paced {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(PacedConnector {
            connector: self.http.http_connector(settings, components),
            pace: self.pace.clone(),
        })
    }
}

#[derive(Debug)]
struct PacedConnector {
    connector: SharedHttpConnector,
    pace: Arc<Pace>,
}

impl HttpConnector for PacedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (connector, pace) = (self.connector.clone(), self.pace.clone());
        HttpConnectorFuture::new(async move {
            let turn = pace.turn().await;
            let answer = connector.call(request).await;
            pace.reached(turn);
            answer
        })
    }
}

/// How often attempts were repeated and throttled since the start, by all clients together.
#[derive(Debug, Default)]
pub struct Tally {
    retries: AtomicU64,
    throttles: AtomicU64,
    /// The last failure that was worth another attempt.
    last: Mutex<Option<CallError>>,
}

impl Tally {
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    pub fn throttles(&self) -> u64 {
        self.throttles.load(Ordering::Relaxed)
    }

    /// Returns what went wrong last, for a caller that ran out of time.
    pub fn last_failure(&self) -> Option<CallError> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets the last failure. An invocation starts with this, because earlier failures are not its own.
    pub fn forget_failure(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn failed(&self, error: &CallError) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
    }

    pub fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }
}

/// Reports to the pace and the tally how each attempt went, and logs one that was not answered.
#[derive(Debug)]
pub(crate) struct Watch {
    pub pace: Option<Arc<Pace>>,
    pub tally: Arc<Tally>,
}

impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let throttled = context.response().is_some_and(is_throttle);
        if throttled {
            self.tally.throttles.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(pace) = &self.pace {
            if throttled {
                pace.throttled();
            } else if context.response().is_some_and(|response| response.status().is_success()) {
                pace.answered();
            }
        }
        if let Some(Err(error)) = context.output_or_error()
            && !error.is_operation_error()
        {
            tracing::warn!(error = innermost(error), "a request to AWS was not answered");
        }
        Ok(())
    }
}

/// Whether the answer is a throttle, judged by its text: an interceptor does not see the operation's own error type.
fn is_throttle(response: &HttpResponse) -> bool {
    if response.status().is_success() {
        return false;
    }
    let says = |text: &str| text.contains("Throttl") || text.contains("TooManyRequests");
    response.status().as_u16() == 429
        || response.headers().get("x-amzn-errortype").is_some_and(says)
        || response.body().bytes().and_then(|body| std::str::from_utf8(body).ok()).is_some_and(says)
}

/// Returns how long the service asks to be left alone, by the header `Retry-After` in seconds.
pub(crate) fn retry_after<E>(error: &SdkError<E, HttpResponse>) -> Option<Duration> {
    let seconds = error.raw_response()?.headers().get("retry-after")?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Translates an SDK error. This is done once, at the edge.
pub fn call_error<E>(operation: &'static str, error: SdkError<E, HttpResponse>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let without_answer = |cause, message: String| CallError { operation, cause, code: None, message };
    match &error {
        SdkError::ServiceError(answer) => {
            let code = answer.err().code();
            let status = answer.raw().status().as_u16();
            let body = answer.raw().body().bytes().unwrap_or_default();
            CallError {
                operation,
                cause: cause(code.unwrap_or_default(), status, body),
                code: code.map(str::to_owned),
                message: match answer.err().message() {
                    Some(message) => message.to_owned(),
                    None => format!("the service answered with status {status} and said no more"),
                },
            }
        }
        // The SDK reports missing credentials like a call that nobody answered.
        _ if lacks_credentials(&error) => without_answer(Cause::Credentials, innermost(&error)),
        SdkError::ConstructionFailure(_) => without_answer(Cause::Invalid, innermost(&error)),
        SdkError::DispatchFailure(failure) if failure.is_user() => {
            without_answer(Cause::Invalid, innermost(&error))
        }
        SdkError::TimeoutError(_) => without_answer(Cause::Unavailable, "no answer in time".into()),
        _ => without_answer(Cause::Unavailable, innermost(&error)),
    }
}

fn cause(code: &str, status: u16, body: &[u8]) -> Cause {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let says = |member: &str, begins: &str| {
        body.get(member).and_then(Value::as_str).is_some_and(|text| text.starts_with(begins))
    };
    match code {
        _ if code.contains("Throttl") || code.contains("TooManyRequests") || status == 429 => {
            Cause::Throttled
        }
        // A key's trouble comes as the `Reason` of an otherwise ordinary error, such as "not found".
        _ if says("Reason", "KMS_") => Cause::Key,
        // That the store itself is not there says nothing of the group that was looked for in it.
        "ResourceNotFoundException" if says("ResourceType", "IDENTITY_STORE") => Cause::Invalid,
        "ConflictException" | "ConcurrentModificationException" => Cause::Conflict,
        // Of a resource, account, target, child, OU, and what AWS adds.
        _ if code.ends_with("NotFoundException") => Cause::NotFound,
        "AccessDeniedException" | "AWSOrganizationsNotInUseException" => Cause::Denied,
        // They are of nobody, or of somebody no more.
        "ExpiredTokenException"
        | "ExpiredToken"
        | "RequestExpired"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException" => Cause::Credentials,
        "ServiceQuotaExceededException" => Cause::Quota,
        "UnknownOperationException" => Cause::Unsupported,
        // Control Tower's quotas, whatever the code.
        _ if status == 402 => Cause::Quota,
        _ if status == 501 => Cause::Unsupported,
        _ if status >= 500 || status == 408 => Cause::Unavailable,
        _ if status == 403 => Cause::Denied,
        _ => Cause::Invalid,
    }
}

/// Whether it failed because there are no credentials, or they cannot be loaded.
fn lacks_credentials(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<CredentialsError>())
}

/// Returns the text of the last source. It says what happened; those around it only say that something did.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_named_in_every_protocol_and_without_its_values() {
        const SIGNED: &str =
            "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/SERVICE/aws4_request, SignedHeaders=host";
        let cases = [
            (
                "sso",
                "https://sso.eu-west-1.amazonaws.com/",
                "SWB.ListInstances",
                "{}",
                "sso:ListInstances in eu-west-1",
            ),
            (
                "iam",
                "https://iam.amazonaws.com/",
                "",
                "Action=GetRole&RoleName=secret",
                "iam:GetRole in eu-west-1",
            ),
            (
                "monitoring",
                "https://m.example/service/Granite/operation/DescribeAlarms",
                "",
                "",
                "monitoring:DescribeAlarms in eu-west-1",
            ),
            (
                "lambda",
                "https://l.example/v1/functions/f?Marker=secret",
                "",
                "",
                "lambda:GET /v1/functions/f in eu-west-1",
            ),
        ];
        for (service, uri, target, body, expected) in cases {
            let mut request = HttpRequest::new(body.into());
            request.set_uri(uri).unwrap();
            request.headers_mut().insert("authorization", SIGNED.replace("SERVICE", service));
            if !target.is_empty() {
                request.headers_mut().insert("x-amz-target", target.to_owned());
            }
            assert_eq!(called(&request), expected);
        }
        let mut unsigned = HttpRequest::new("refresh_token=secret".into());
        unsigned.set_uri("https://oidc.example/token").unwrap();
        assert_eq!(called(&unsigned), "oidc.example: GET /token");
    }

    #[test]
    fn an_error_means_what_its_code_and_its_members_say_and_not_what_its_message_mentions() {
        let cases = [
            ("ThrottlingException", 400, "{}", Cause::Throttled),
            ("TooManyRequestsException", 400, "{}", Cause::Throttled),
            ("ConflictException", 409, "{}", Cause::Conflict),
            ("ResourceNotFoundException", 400, "{}", Cause::NotFound),
            ("TargetNotFoundException", 400, "{}", Cause::NotFound),
            ("ChildNotFoundException", 400, "{}", Cause::NotFound),
            ("ResourceNotFoundException", 400, r#"{"ResourceType": "GROUP"}"#, Cause::NotFound),
            ("ResourceNotFoundException", 400, r#"{"ResourceType": "IDENTITY_STORE"}"#, Cause::Invalid),
            ("AccessDeniedException", 400, r#"{"Reason": "KMS_AccessDeniedException"}"#, Cause::Key),
            ("AccessDeniedException", 400, r#"{"Message": "no \"KMS_ for KMS_admins"}"#, Cause::Denied),
            ("ExpiredTokenException", 400, "{}", Cause::Credentials),
            ("UnrecognizedClientException", 400, "{}", Cause::Credentials),
            ("InvalidClientTokenId", 403, "", Cause::Credentials),
            ("InvalidSignatureException", 403, "{}", Cause::Credentials),
            ("UnknownOperationException", 400, "{}", Cause::Unsupported),
            ("ValidationException", 400, "{}", Cause::Invalid),
            ("ServiceQuotaExceededException", 402, "{}", Cause::Quota),
            ("", 402, "", Cause::Quota),
            ("", 429, "", Cause::Throttled),
            ("InternalServerException", 500, "", Cause::Unavailable),
            ("", 503, "<html>", Cause::Unavailable),
            ("", 403, "", Cause::Denied),
        ];
        for (code, status, body, expected) in cases {
            assert_eq!(cause(code, status, body.as_bytes()), expected, "{code} {status} {body}");
        }
    }
}
