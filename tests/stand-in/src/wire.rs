//! The ways in: HTTP through a router, and a client for the SDK that gives requests to that router in the
//! same process. Never looks into a request or an answer.

use crate::StandIn;
use crate::fault::Failure;
use crate::state::Exchange;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::State;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{AppendHeaders, IntoResponse, Response};
use futures_util::stream;
use std::io;
use std::time::Duration;
use tower::ServiceExt;

pub(crate) async fn aws_json(State(stand_in): State<StandIn>, headers: HeaderMap, body: Bytes) -> Response {
    let form =
        headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form"));
    if form {
        return crate::forms::query(&stand_in, &headers, &body).await;
    }
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let exchange = stand_in.state().receive(target, &headers, &body);
    tokio::time::sleep(exchange.delay).await;
    exchange.into_response()
}

pub(crate) async fn rest_json(
    State(stand_in): State<StandIn>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let query = uri.query().unwrap_or_default();
    let exchange = stand_in.state().receive_at(uri.path(), query, &headers, &body);
    tokio::time::sleep(exchange.delay).await;
    exchange.into_response()
}

impl IntoResponse for Exchange {
    fn into_response(self) -> Response {
        let (status, body, retry_after) = match self.outcome {
            Ok(answer) => (StatusCode::OK, answer, None),
            Err(Failure::Refused(refusal)) => (
                StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                refusal.body(),
                refusal.retry_after,
            ),
            Err(Failure::Cut) => return cut_connection(),
        };
        let headers =
            [(CONTENT_TYPE.as_str(), "application/x-amz-json-1.1"), ("x-amzn-requestid", &self.request_id)];
        let retry_after = retry_after.map(|seconds| [("retry-after", seconds.to_string())]);
        (status, headers, retry_after.map(AppendHeaders), body.to_string()).into_response()
    }
}

/// Promises a body and breaks off, so that the server has to close the connection.
fn cut_connection() -> Response {
    let body = stream::iter([Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset))]);
    ([(CONTENT_LENGTH, "1000")], Body::from_stream(body)).into_response()
}

pub(crate) fn in_process_client(router: Router) -> SharedHttpClient {
    http_client_fn(move |settings, _| {
        SharedHttpConnector::new(InProcess { router: router.clone(), read_timeout: settings.read_timeout() })
    })
}

#[derive(Clone, Debug)]
struct InProcess {
    router: Router,
    read_timeout: Option<Duration>,
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let InProcess { router, read_timeout } = self.clone();
        HttpConnectorFuture::new(async move {
            let answer = exchange(router, request);
            match read_timeout {
                Some(limit) => tokio::time::timeout(limit, answer)
                    .await
                    .unwrap_or_else(|elapsed| Err(ConnectorError::timeout(elapsed.into()))),
                None => answer.await,
            }
        })
    }
}

async fn exchange(router: Router, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let request = request.try_into_http1x().map_err(|fault| ConnectorError::user(fault.into()))?;
    let (parts, body) = request.into_parts();
    let body = body.bytes().map(Bytes::copy_from_slice).unwrap_or_default();
    let request = axum::http::Request::from_parts(parts, Body::from(body));
    let Ok(response) = router.oneshot(request).await;
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(|fault| ConnectorError::io(fault.into()))?;
    HttpResponse::try_from(axum::http::Response::from_parts(parts, SdkBody::from(body)))
        .map_err(|fault| ConnectorError::user(fault.into()))
}
