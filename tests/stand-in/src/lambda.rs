//! The Lambda runtime API for one function process: starts a program as Lambda would, gives it one event
//! at a time, and reports its outcome. Never retries, and never runs two invocations at once.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

const NAME: &str = "account-assigner";

/// A process that has not asked for work after so long never will.
const LONGEST_INIT: Duration = Duration::from_secs(60);

/// The outcome of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Invocation {
    Answer(Value),
    Error {
        error_type: String,
        error_message: String,
    },
    /// The function said that it cannot start.
    InitError {
        error_type: String,
        error_message: String,
    },
    /// The deadline passed and the process was killed.
    TimedOut,
    /// The process ended without an answer, with this status if it was not killed.
    Exited(Option<i32>),
}

/// A function's process. It is killed when this is dropped.
pub struct Function {
    process: Child,
    started_at: Instant,
    asked_at: watch::Receiver<Option<Instant>>,
    output: File,
    events: UnboundedSender<Event>,
    outcomes: UnboundedReceiver<Invocation>,
    invocations: u64,
    server: JoinHandle<io::Result<()>>,
}

struct Event {
    request_id: String,
    payload: String,
    timeout: Duration,
    delivered: oneshot::Sender<()>,
}

struct RuntimeApi {
    events: tokio::sync::Mutex<UnboundedReceiver<Event>>,
    outcomes: UnboundedSender<Invocation>,
    in_flight: Mutex<Option<String>>,
    /// When the function first asked for work.
    asked_at: watch::Sender<Option<Instant>>,
}

impl Function {
    /// Starts `program` with the environment that Lambda gives, then `environment`, and of this process's
    /// own only `PATH`.
    pub async fn start(program: &Path, environment: &[(&str, &str)]) -> io::Result<Function> {
        Function::start_with(program, &[], environment).await
    }

    /// Starts `program` with these arguments, as runtimes of other languages need them.
    pub async fn start_with(
        program: &Path,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> io::Result<Function> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (events, events_to_deliver) = mpsc::unbounded_channel();
        let (outcomes_to_report, outcomes) = mpsc::unbounded_channel();
        let (report_asked, asked_at) = watch::channel(None);
        let api = RuntimeApi {
            events: tokio::sync::Mutex::new(events_to_deliver),
            outcomes: outcomes_to_report,
            in_flight: Mutex::new(None),
            asked_at: report_asked,
        };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(Arc::new(api));
        let output = nameless_file()?;
        let started_at = Instant::now();
        let process = Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs([
                ("AWS_LAMBDA_RUNTIME_API", address.as_str()),
                ("AWS_LAMBDA_FUNCTION_NAME", NAME),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
                ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/account-assigner"),
                ("AWS_LAMBDA_LOG_STREAM_NAME", "stand-in"),
                ("AWS_REGION", "eu-west-1"),
                ("AWS_ACCESS_KEY_ID", "any"),
                ("AWS_SECRET_ACCESS_KEY", "any"),
            ])
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?)
            .kill_on_drop(true)
            .spawn()?;
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Function { process, started_at, asked_at, output, events, outcomes, invocations: 0, server })
    }

    /// Waits until the process asks for work, and returns how long that took. `None` if it ended before.
    pub async fn init(&mut self) -> Option<Duration> {
        tokio::select! {
            asked_at = self.asked_at.wait_for(Option::is_some) => Some((*asked_at.ok()?)?.duration_since(self.started_at)),
            _ = self.process.wait() => None,
        }
    }

    /// Returns the time since the process was started.
    pub fn age(&self) -> Duration {
        self.started_at.elapsed()
    }

    /// Returns the id of the process, or `None` if it has ended.
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// Delivers one event. The function has `timeout` to answer it, from when it takes it.
    pub async fn invoke(&mut self, payload: &str, timeout: Duration) -> Invocation {
        self.invoke_patiently(payload, timeout, timeout).await
    }

    /// Like [`Function::invoke`], but kills the process only after `patience`: that it answers in time can be tested where
    /// the processor has other things to do as well.
    pub async fn invoke_patiently(
        &mut self,
        payload: &str,
        timeout: Duration,
        patience: Duration,
    ) -> Invocation {
        self.invocations += 1;
        let (delivered, taken) = oneshot::channel();
        let event = Event {
            request_id: format!("00000000-0000-4000-8000-{:012}", self.invocations),
            payload: payload.to_owned(),
            timeout,
            delivered,
        };
        // Fails only if the server is gone. Then the process ends or runs out of time, and both are outcomes.
        let _ = self.events.send(event);
        let expired = async {
            let _ = tokio::time::timeout(LONGEST_INIT, taken).await;
            tokio::time::sleep(patience).await;
        };
        let outcome = tokio::select! {
            biased;
            Some(outcome) = self.outcomes.recv() => return outcome,
            status = self.process.wait() => Invocation::Exited(status.ok().and_then(|status| status.code())),
            () = expired => Invocation::TimedOut,
        };
        if outcome == Invocation::TimedOut {
            self.kill().await;
        }
        outcome
    }

    /// Returns the lines that the process has written so far, to its standard output and error.
    pub fn log(&self) -> Vec<String> {
        let mut text = vec![0; self.output.metadata().map_or(0, |metadata| metadata.len() as usize)];
        let read = self.output.read_at(&mut text, 0).unwrap_or(0);
        String::from_utf8_lossy(&text[..read]).lines().map(str::to_owned).collect()
    }

    pub async fn kill(&mut self) {
        // Fails only if the process has already ended.
        let _ = self.process.kill().await;
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Returns a file for a log. It holds what a process wrote as soon as it is written, so a log read after an answer is
/// complete. A pipe does not promise that.
fn nameless_file() -> io::Result<File> {
    let path =
        std::env::temp_dir().join(format!("stand-in-{}-{:016x}", std::process::id(), fastrand::u64(..)));
    let file = OpenOptions::new().create_new(true).read(true).append(true).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

async fn next(State(api): State<Arc<RuntimeApi>>) -> Response {
    api.asked_at.send_modify(|asked_at| _ = asked_at.get_or_insert_with(Instant::now));
    let Some(Event { request_id, payload, timeout, delivered }) = api.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    api.in_flight().replace(request_id.clone());
    let deadline = SystemTime::now() + timeout;
    // Fails only if nobody waits for an outcome any more.
    let _ = delivered.send(());
    let deadline = deadline.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis().to_string();
    let headers = [
        ("content-type", "application/json"),
        ("lambda-runtime-aws-request-id", &request_id),
        ("lambda-runtime-deadline-ms", &deadline),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-west-1:123456789012:function:account-assigner",
        ),
        ("lambda-runtime-trace-id", "Root=1-00000000-000000000000000000000000;Sampled=0"),
    ];
    (headers, payload).into_response()
}

async fn response(
    State(api): State<Arc<RuntimeApi>>,
    UrlPath(id): UrlPath<String>,
    body: Bytes,
) -> StatusCode {
    match serde_json::from_slice(&body) {
        Ok(answer) => api.finish(&id, Invocation::Answer(answer)),
        Err(fault) => {
            let error_message = format!("the answer is not JSON: {fault}");
            api.finish(
                &id,
                Invocation::Error { error_type: "Runtime.InvalidResponse".to_owned(), error_message },
            )
        }
    }
}

async fn error(
    State(api): State<Arc<RuntimeApi>>,
    UrlPath(id): UrlPath<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let (error_type, error_message) = diagnostic(&headers, &body);
    api.finish(&id, Invocation::Error { error_type, error_message })
}

async fn init_error(State(api): State<Arc<RuntimeApi>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let (error_type, error_message) = diagnostic(&headers, &body);
    api.report(Invocation::InitError { error_type, error_message })
}

/// Returns the error's type and message. The type is the header's if the body has none.
fn diagnostic(headers: &HeaderMap, body: &[u8]) -> (String, String) {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let header = headers.get("lambda-runtime-function-error-type").and_then(|value| value.to_str().ok());
    let error_type = body["errorType"].as_str().or(header).unwrap_or_default().to_owned();
    (error_type, body["errorMessage"].as_str().unwrap_or_default().to_owned())
}

impl RuntimeApi {
    /// Takes the outcome of the event in flight. Any other id is a fault of the runtime.
    fn finish(&self, id: &str, outcome: Invocation) -> StatusCode {
        match self.in_flight().take_if(|in_flight| in_flight == id) {
            Some(_) => self.report(outcome),
            None => StatusCode::BAD_REQUEST,
        }
    }

    fn report(&self, outcome: Invocation) -> StatusCode {
        match self.outcomes.send(outcome) {
            Ok(()) => StatusCode::ACCEPTED,
            Err(_) => StatusCode::GONE,
        }
    }

    fn in_flight(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
