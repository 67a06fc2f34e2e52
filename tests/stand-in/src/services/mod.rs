//! The services: which ones there are, and which operation a request names. What makes a service differ from
//! the others (its names, quota, errors and operations) is in its own file, and nothing here branches on it.
//!
//! A new service is a file with a `SERVICE`, its `mod` here, and its line in [`ALL`].

mod access_analyzer;
mod access_checks;
mod account_access;
mod cloudtrail;
pub(crate) mod control_catalog;
pub(crate) mod control_tower;
mod deletions;
mod iam;
pub(crate) mod identity_center;
mod identity_store;
mod organizations;
mod permission_set_provisioning;
mod permission_set_writes;
mod permission_sets;
mod request;
pub(crate) mod s3;
mod sts;

pub(crate) use request::{Answer, Operation, Problem, Refusal, Request, members};

use crate::Settings;
use axum::http::{HeaderMap, header::AUTHORIZATION};

pub(crate) static ALL: &[&Service] = &[
    // A line each: two changes that add a service then add different lines.
    &access_analyzer::SERVICE,
    &account_access::SERVICE,
    &cloudtrail::SERVICE,
    &control_catalog::SERVICE,
    &control_tower::SERVICE,
    &iam::SERVICE,
    &identity_center::SERVICE,
    &identity_store::SERVICE,
    &organizations::SERVICE,
    &s3::SERVICE,
    &sts::SERVICE,
];

pub(crate) struct Service {
    /// The part before the dot in `X-Amz-Target`; `/` for a service whose operations have paths.
    target_prefix: &'static str,
    /// Its name in the credential scope of a signature. No two services share one.
    pub(crate) signing_name: &'static str,
    signed_in: SignedIn,
    /// Requests in any second, over all operations; `None` if the service has no such quota.
    pub(crate) requests_per_second: fn(&Settings) -> Option<usize>,
    /// The HTTP status and the code by which it reports a problem.
    error: fn(Problem) -> (u16, &'static str),
    operations: &'static [Operation],
}

/// The Regions for which a service takes signatures.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SignedIn {
    RegionOfTheInstance,
    AnyRegion,
}

/// Returns the service and the operation that an `X-Amz-Target` names.
pub(crate) fn find(target: &str) -> Result<(&'static Service, &'static Operation), Refusal> {
    let (prefix, name) = target.rsplit_once('.').unwrap_or_default();
    // Some SDKs write a namespace before it.
    let prefix = prefix.rsplit('.').next().unwrap_or_default();
    let service = ALL.iter().find(|service| service.target_prefix == prefix);
    service
        .and_then(|&service| Some((service, service.operations.iter().find(|one| one.name == name)?)))
        .ok_or_else(|| Refusal::new(404, "UnknownOperationException", format!("no operation {target:?}")))
}

/// Returns the service and the operation that a path names, such as `/enable-control`.
pub(crate) fn at(path: &str) -> Result<(&'static Service, &'static Operation), Refusal> {
    let services = ALL.iter().filter(|service| service.target_prefix == "/");
    services
        .flat_map(|&service| service.operations.iter().map(move |operation| (service, operation)))
        .find(|(_, operation)| path_of(operation.name) == path)
        .ok_or_else(|| Refusal::new(404, "UnknownOperationException", format!("no operation {path:?}")))
}

/// Returns the path of an operation: its name in small letters, with a dash before each word.
fn path_of(name: &str) -> String {
    let name = name.replace("LandingZone", "Landingzone");
    let mut path = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            path.push(if path.is_empty() { '/' } else { '-' });
        }
        path.push(letter.to_ascii_lowercase());
    }
    path
}

/// Whether any service has an operation of this name.
pub(crate) fn knows(operation: &str) -> bool {
    ALL.iter().flat_map(|service| service.operations).any(|one| one.name == operation)
}

/// Returns the access key that signed a request, and the Region for which.
pub(crate) fn caller(headers: &HeaderMap) -> (String, String) {
    let authorization = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let credential = authorization.split_once("Credential=").map_or("", |(_, rest)| rest);
    let mut parts = credential.split('/').map(str::to_owned);
    (parts.next().unwrap_or_default(), parts.nth(1).unwrap_or_default())
}

/// Returns the error of most services. One that differs has a function of its own.
fn usual_error(problem: Problem) -> (u16, &'static str) {
    match problem {
        Problem::AccessDenied => (403, "AccessDeniedException"),
        Problem::Conflict => (409, "ConflictException"),
        Problem::Internal => (500, "InternalServerException"),
        Problem::Invalid => (400, "ValidationException"),
        Problem::NotFound => (404, "ResourceNotFoundException"),
        Problem::Throttled => (400, "ThrottlingException"),
    }
}

impl Service {
    /// Refuses a request that is not signed for this service, or for a Region that it does not take. The
    /// signature itself is not verified.
    pub(crate) fn authorize(&self, headers: &HeaderMap, region: &str) -> Result<(), Refusal> {
        let authorization =
            headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let refuse = |why: String| Refusal::new(403, "UnrecognizedClientException", why);
        let credential = authorization
            .strip_prefix("AWS4-HMAC-SHA256 Credential=")
            .and_then(|rest| rest.split_once(", SignedHeaders="))
            .and_then(|(credential, rest)| rest.contains(", Signature=").then_some(credential))
            .ok_or_else(|| refuse("the request is not signed with Signature Version 4".to_owned()))?;
        match credential.split('/').collect::<Vec<_>>()[..] {
            [_, _, _, name, "aws4_request"] if name != self.signing_name => {
                Err(refuse(format!("signed for {name:?}, not for {:?}", self.signing_name)))
            }
            [_, _, signed, _, "aws4_request"]
                if signed != region && self.signed_in == SignedIn::RegionOfTheInstance =>
            {
                Err(refuse(format!("signed for the Region {signed:?}; the instance is in {region:?}")))
            }
            [_, _, _, _, "aws4_request"] => Ok(()),
            _ => Err(refuse(format!("no credential scope in {credential:?}"))),
        }
    }

    /// Returns the error by which this service reports the problem.
    pub(crate) fn refuse(&self, problem: Problem, message: impl Into<String>) -> Refusal {
        let (status, code) = (self.error)(problem);
        Refusal::new(status, code, message)
    }
}
