//! The policy of one S3 bucket, read and written, and who owns and what encrypts its objects.
//!
//! S3's SDK would bring a second, older HTTP crate and its own encryption of checksums into every AWS crate of this
//! workspace. The few calls are signed and sent here with the SDK's own parts, as they are in its place.

use std::{sync::Arc, time::SystemTime};

use assigner_core::{
    cause::{CallError, Cause},
    ids::AccountId,
};
use aws_config::SdkConfig;
use aws_credential_types::{Credentials, provider::ProvideCredentials};
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError},
};
use aws_smithy_types::error::ErrorMetadata;
use sha2::{Digest, Sha256};

use super::quiet;
use crate::{
    calls::{Calls, Patience},
    client::{self, Tally, Watch},
};

/// A call, as S3 and as IAM call it.
#[derive(Clone, Copy, Debug)]
struct Call {
    name: &'static str,
    action: &'static str,
    /// What of the bucket it is about.
    query: &'static str,
}

const READ: Call = Call { name: "GetBucketPolicy", action: "s3:GetBucketPolicy", query: "policy" };
const WRITE: Call = Call { name: "PutBucketPolicy", action: "s3:PutBucketPolicy", query: "policy" };
const OWNERSHIP: Call = Call {
    name: "GetBucketOwnershipControls",
    action: "s3:GetBucketOwnershipControls",
    query: "ownershipControls",
};
const ENCRYPTION: Call =
    Call { name: "GetBucketEncryption", action: "s3:GetEncryptionConfiguration", query: "encryption" };

/// One bucket, in the account that owns it.
#[derive(Debug)]
pub struct Bucket {
    sdk: SdkConfig,
    calls: Calls,
    tally: Arc<Tally>,
    name: String,
    owner: AccountId,
    region: String,
}

impl Bucket {
    pub(super) fn new(
        sdk: &SdkConfig,
        tally: Arc<Tally>,
        name: &str,
        owner: &AccountId,
        region: &str,
    ) -> Bucket {
        Bucket {
            sdk: sdk.clone(),
            calls: Calls::new(sdk, tally.clone()).obedient(),
            tally,
            name: name.to_owned(),
            owner: owner.clone(),
            region: region.to_owned(),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the policy, a text of JSON; `None` if the bucket has none.
    pub async fn policy(&self) -> Result<Option<String>, CallError> {
        self.read(READ, "NoSuchBucketPolicy").await
    }

    /// Returns the rule of who owns an object, such as `BucketOwnerEnforced`; `None` if the bucket has none.
    pub async fn ownership(&self) -> Result<Option<String>, CallError> {
        let text = self.read(OWNERSHIP, "OwnershipControlsNotFoundError").await?;
        Ok(text.and_then(|text| element(&text, "ObjectOwnership").map(str::to_owned)))
    }

    /// Returns the KMS key that encrypts new objects, if the bucket names one.
    pub async fn key(&self) -> Result<Option<String>, CallError> {
        let text = self.read(ENCRYPTION, "ServerSideEncryptionConfigurationNotFoundError").await?;
        Ok(text.and_then(|text| element(&text, "KMSMasterKeyID").map(str::to_owned)))
    }

    /// Returns an answer; `None` after the error `none`.
    async fn read(&self, call: Call, none: &str) -> Result<Option<String>, CallError> {
        let operation = self.operation(call, None).await?;
        match quiet(self.calls.ask(call.action, Patience::OfOne, || operation.invoke(())).await) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.code.as_deref() == Some(none) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces the policy. It is sent once: the caller reads before it writes again.
    pub async fn write_policy(&self, policy: String) -> Result<(), CallError> {
        let operation = self.operation(WRITE, Some(policy)).await?;
        quiet(self.calls.once(WRITE.action, || operation.invoke(())).await).map(drop)
    }

    /// Returns a request that reads, or writes `body`.
    async fn operation(
        &self,
        call: Call,
        body: Option<String>,
    ) -> Result<Operation<(), String, ErrorMetadata>, CallError> {
        let failed =
            |cause, message: String| CallError { operation: call.action, cause, code: None, message };
        let unsigned = |why: &str| failed(Cause::Credentials, why.to_owned());
        let provider = self.sdk.credentials_provider().ok_or_else(|| unsigned("there are no credentials"))?;
        let credentials =
            provider.provide_credentials().await.map_err(|error| unsigned(&error.to_string()))?;
        let http = self.sdk.http_client();
        let http = http.ok_or_else(|| failed(Cause::Invalid, "there is no HTTP client".to_owned()))?;
        let suffix = match &self.region {
            region if region.starts_with("cn-") => "amazonaws.com.cn",
            region if region.starts_with("eusc-") => "amazonaws.eu",
            _ => "amazonaws.com",
        };
        let endpoint = self
            .sdk
            .endpoint_url()
            .map_or_else(|| format!("https://s3.{}.{suffix}", self.region), str::to_owned);
        let (bucket, owner, region, url) =
            (self.name.clone(), self.owner.clone(), self.region.clone(), endpoint.clone());
        Ok(Operation::builder()
            .service_name("s3")
            .operation_name(call.name)
            .http_client(http)
            .endpoint_url(&endpoint)
            .timeout_config(client::timeouts())
            .interceptor(Watch { pace: None, tally: self.tally.clone() })
            .no_auth()
            .no_retry()
            .serializer(move |()| {
                request(&url, (&bucket, call.query), &owner, &region, body.as_deref(), &credentials)
            })
            .deserializer(read)
            .build())
    }
}

/// Returns the body of an answer, or its error.
fn read(response: &HttpResponse) -> Result<String, OrchestratorError<ErrorMetadata>> {
    let body = String::from_utf8_lossy(response.body().bytes().unwrap_or_default()).into_owned();
    if response.status().is_success() {
        return Ok(body);
    }
    let mut error = ErrorMetadata::builder();
    if let Some(code) = element(&body, "Code") {
        error = error.code(code);
    }
    if let Some(message) = element(&body, "Message") {
        error = error.message(message);
    }
    Err(OrchestratorError::operation(error.build()))
}

/// Returns the text of an element that has no others within.
fn element<'b>(body: &'b str, name: &str) -> Option<&'b str> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

fn request(
    endpoint: &str,
    (bucket, query): (&str, &str),
    owner: &AccountId,
    region: &str,
    body: Option<&str>,
    credentials: &Credentials,
) -> Result<HttpRequest, BoxError> {
    let checksum = body.map(|body| aws_smithy_types::base64::encode(Sha256::digest(body.as_bytes())));
    // It is refused if the bucket is somebody else's.
    let mut headers = vec![("x-amz-expected-bucket-owner", owner.as_str())];
    if let Some(checksum) = &checksum {
        headers.extend([("content-type", "application/json"), ("x-amz-checksum-sha256", checksum.as_str())]);
    }
    let mut settings = SigningSettings::default();
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("s3")
        .time(SystemTime::now())
        .settings(settings)
        .build()?
        .into();
    let method = if body.is_some() { "PUT" } else { "GET" };
    let path = format!("/{bucket}?{query}");
    let url = format!("{}{path}", endpoint.trim_end_matches('/'));
    let signed_body = SignableBody::Bytes(body.unwrap_or_default().as_bytes());
    let signable = SignableRequest::new(method, url.as_str(), headers.iter().copied(), signed_body)?;
    let (signed, _) = sign(signable, &parameters)?.into_parts();
    let mut request = HttpRequest::new(body.unwrap_or_default().into());
    request.set_method(method)?;
    // The endpoint is put before it.
    request.set_uri(path)?;
    for (name, value) in headers.into_iter().chain(signed.headers()) {
        request.headers_mut().insert(name.to_owned(), value.to_owned());
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_read_and_a_write_carries_its_checksum_and_its_owner() {
        let body = "<?xml version=\"1.0\"?><Error><Code>NoSuchBucketPolicy</Code><Message>no policy</Message></Error>";
        assert_eq!(element(body, "Code"), Some("NoSuchBucketPolicy"));
        assert_eq!(element("<html>", "Code"), None);
        let owner = AccountId::parse("222233334444").unwrap();
        let credentials = Credentials::new("AKID", "secret", Some("token".to_owned()), None, "test");
        let request = |body| {
            request(
                "https://s3.eu-west-1.amazonaws.com",
                ("logs", "policy"),
                &owner,
                "eu-west-1",
                body,
                &credentials,
            )
            .unwrap()
        };
        let write = request(Some("{}"));
        assert_eq!((write.method(), write.uri()), ("PUT", "/logs?policy"));
        let header = |request: &HttpRequest, name: &str| request.headers().get(name).map(str::to_owned);
        // sha256 of {}, in base64 and in hexadecimal.
        let base64 = "RBNvo1WzZ4oRRq0W9+hknpT7T8If536DEMBg9hyq/4o=";
        let hexadecimal = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
        assert_eq!(header(&write, "x-amz-checksum-sha256").as_deref(), Some(base64));
        assert_eq!(header(&write, "x-amz-content-sha256").as_deref(), Some(hexadecimal));
        assert_eq!(header(&write, "x-amz-security-token").as_deref(), Some("token"));
        assert_eq!(header(&write, "x-amz-expected-bucket-owner").as_deref(), Some("222233334444"));
        let signed = header(&write, "authorization").unwrap();
        assert!(signed.contains("/eu-west-1/s3/aws4_request"), "{signed}");
        assert!(signed.contains("x-amz-expected-bucket-owner"), "{signed}");
        let read = request(None);
        assert_eq!((read.method(), header(&read, "x-amz-checksum-sha256")), ("GET", None));
    }
}
