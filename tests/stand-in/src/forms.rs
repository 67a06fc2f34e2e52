//! The ways in of services that do not speak AWS JSON: the query protocol, which answers in XML, and REST with JSON.
//! Each request becomes the one that AWS JSON would have sent, and takes the same way.

use crate::StandIn;
use crate::fault::Failure;
use crate::state::Exchange;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde_json::{Map, Value, json};

/// The paths of account access manager and of IAM Access Analyzer.
pub(crate) fn routes() -> Router<StandIn> {
    Router::new()
        .route("/applications-list", post(applications))
        .route("/entitlements-list", post(entitlements))
        .route("/policy/generation", put(start).get(list))
        .route("/policy/generation/{job}", get(generated).put(cancel))
        .route("/policy/validation", post(validate))
        .route("/policy/check-no-new-access", post(check))
}

async fn applications(State(stand_in): State<StandIn>, headers: HeaderMap, body: Bytes) -> Response {
    account_access(&stand_in, "ListApplications", &headers, &body).await
}

async fn entitlements(State(stand_in): State<StandIn>, headers: HeaderMap, body: Bytes) -> Response {
    account_access(&stand_in, "ListEntitlements", &headers, &body).await
}

/// Answers account access manager, whose members begin with a small letter.
async fn account_access(stand_in: &StandIn, operation: &str, headers: &HeaderMap, body: &[u8]) -> Response {
    let members: Value = serde_json::from_slice(body).unwrap_or_default();
    let members = renamed(members, &|first| first.to_ascii_uppercase()).to_string();
    let target = format!("AccountAccess.{operation}");
    let mut exchange = stand_in.state().receive(&target, headers, members.as_bytes());
    tokio::time::sleep(exchange.delay).await;
    exchange.outcome = exchange.outcome.map(|answer| renamed(answer, &|first| first.to_ascii_lowercase()));
    exchange.into_response()
}

/// Returns the value with another first letter of every member's name.
fn renamed(value: Value, letter: &dyn Fn(char) -> char) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                let first = name.chars().next().map(letter);
                let name: String = first.into_iter().chain(name.chars().skip(1)).collect();
                (name, renamed(value, letter))
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(|item| renamed(item, letter)).collect(),
        other => other,
    }
}

/// Answers S3's reads of a bucket.
pub(crate) async fn get_bucket(
    State(stand_in): State<StandIn>,
    Path(bucket): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let operation = match query.as_deref().unwrap_or_default().trim_end_matches('=') {
        "encryption" => "GetBucketEncryption",
        "ownershipControls" => "GetBucketOwnershipControls",
        _ => "GetBucketPolicy",
    };
    s3(&stand_in, operation, &headers, &json!({ "Bucket": bucket })).await
}

/// Answers S3's write of a bucket's policy.
pub(crate) async fn put_bucket_policy(
    State(stand_in): State<StandIn>,
    Path(bucket): Path<String>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let checksum = headers.keys().any(|name| name.as_str().starts_with("x-amz-checksum-"));
    let members = json!({ "Bucket": bucket, "Policy": body, "Checksum": checksum });
    s3(&stand_in, "PutBucketPolicy", &headers, &members).await
}

async fn s3(stand_in: &StandIn, operation: &str, headers: &HeaderMap, members: &Value) -> Response {
    let members = members.to_string();
    let exchange = stand_in.state().receive(&format!("AmazonS3.{operation}"), headers, members.as_bytes());
    tokio::time::sleep(exchange.delay).await;
    match &exchange.outcome {
        Ok(answer) => match (answer["Policy"].as_str(), answer.get("Xml")) {
            (Some(policy), _) => (StatusCode::OK, policy.to_owned()).into_response(),
            (None, Some(body)) => {
                (StatusCode::OK, [(CONTENT_TYPE, "application/xml")], xml(body)).into_response()
            }
            (None, None) => StatusCode::NO_CONTENT.into_response(),
        },
        Err(Failure::Refused(refusal)) => {
            let error = json!({ "Code": refusal.code, "Message": refusal.body()["Message"] });
            let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            (status, [(CONTENT_TYPE, "application/xml")], format!("<Error>{}</Error>", xml(&error)))
                .into_response()
        }
        Err(Failure::Cut) => exchange.into_response(),
    }
}

async fn start(State(stand_in): State<StandIn>, headers: HeaderMap, body: Bytes) -> Response {
    rest(&stand_in, "StartPolicyGeneration", &headers, &body).await
}

async fn list(State(stand_in): State<StandIn>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let members = Value::Object(pairs(&query.unwrap_or_default())).to_string();
    rest(&stand_in, "ListPolicyGenerations", &headers, members.as_bytes()).await
}

async fn generated(
    State(stand_in): State<StandIn>,
    Path(job): Path<String>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let mut members = pairs(&query.unwrap_or_default());
    members.insert("jobId".to_owned(), json!(job));
    let members = Value::Object(members).to_string();
    rest(&stand_in, "GetGeneratedPolicy", &headers, members.as_bytes()).await
}

async fn cancel(State(stand_in): State<StandIn>, Path(job): Path<String>, headers: HeaderMap) -> Response {
    let members = json!({ "jobId": job }).to_string();
    rest(&stand_in, "CancelPolicyGeneration", &headers, members.as_bytes()).await
}

async fn validate(State(stand_in): State<StandIn>, headers: HeaderMap, body: Bytes) -> Response {
    rest(&stand_in, "ValidatePolicy", &headers, &body).await
}

async fn check(State(stand_in): State<StandIn>, headers: HeaderMap, body: Bytes) -> Response {
    rest(&stand_in, "CheckNoNewAccess", &headers, &body).await
}

async fn rest(stand_in: &StandIn, operation: &str, headers: &HeaderMap, members: &[u8]) -> Response {
    let exchange = stand_in.state().receive(&format!("AccessAnalyzer.{operation}"), headers, members);
    tokio::time::sleep(exchange.delay).await;
    exchange.into_response()
}

/// Answers a form with XML.
pub(crate) async fn query(stand_in: &StandIn, headers: &HeaderMap, body: &[u8]) -> Response {
    let mut members = pairs(&String::from_utf8_lossy(body));
    let text =
        |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
    let (action, version) = (text(members.remove("Action")), text(members.remove("Version")));
    let service = match version.as_str() {
        "2010-05-08" => "IAM20100508",
        "2011-06-15" => "AWSSecurityTokenServiceV20110615",
        _ => "",
    };
    let members = Value::Object(members).to_string();
    let exchange = stand_in.state().receive(&format!("{service}.{action}"), headers, members.as_bytes());
    tokio::time::sleep(exchange.delay).await;
    xml_response(exchange, &action)
}

fn xml_response(exchange: Exchange, action: &str) -> Response {
    let id = &exchange.request_id;
    let (status, text) = match &exchange.outcome {
        Ok(answer) => {
            let result = format!("<{action}Result>{}</{action}Result>", xml(answer));
            let metadata = format!("<ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata>");
            (StatusCode::OK, format!("<{action}Response>{result}{metadata}</{action}Response>"))
        }
        Err(Failure::Refused(refusal)) => {
            let body = refusal.body();
            let kind = if refusal.status < 500 { "Sender" } else { "Receiver" };
            let error = json!({ "Type": kind, "Code": refusal.code, "Message": body["Message"] });
            (
                StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                format!(
                    "<ErrorResponse><Error>{}</Error><RequestId>{id}</RequestId></ErrorResponse>",
                    xml(&error)
                ),
            )
        }
        Err(Failure::Cut) => return exchange.into_response(),
    };
    (status, [(CONTENT_TYPE, "text/xml")], text).into_response()
}

fn xml(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            members.iter().map(|(name, value)| format!("<{name}>{}</{name}>", xml(value))).collect()
        }
        Value::Array(items) => items.iter().map(|item| format!("<member>{}</member>", xml(item))).collect(),
        Value::String(text) => text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Returns the pairs of a form or of a query, all of them as text.
fn pairs(text: &str) -> Map<String, Value> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), json!(decoded(value))))
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let (high, low) = (digit(rest.next()), digit(rest.next()));
                high.zip(low).map_or(b'%', |(high, low)| (high * 16 + low) as u8)
            }
            other => other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
