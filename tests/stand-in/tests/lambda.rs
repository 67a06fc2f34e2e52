//! The runtime API with a real function in it: this test program itself, started again.

use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::{Value, json};
use stand_in::lambda::{Function, Invocation};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// A script that starts this program as the function, or in its place says two words and ends. It is
/// written before any process is started: one that is forked meanwhile would hold it open.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("function.sh");
    let this = std::env::current_exe().expect("a path of this program");
    let script = format!(
        "#!/bin/sh\n\
         if [ \"$PART\" = ends ]; then echo to output; echo to error >&2; exit 7; fi\n\
         exec '{}' --exact plays_the_function --ignored --nocapture\n",
        this.display()
    );
    std::fs::write(&path, script).expect("a written script");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("an executable script");
    path
});

async fn function() -> Function {
    Function::start(&PROGRAM, &[("GREETING", "hello")]).await.expect("a process")
}

async fn answer(event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    println!("saw {}", event.payload["do"]);
    match event.payload["do"].as_str() {
        Some("tell") => Ok(json!({
            "greeting": std::env::var("GREETING").ok(),
            "home": std::env::var("HOME").ok(),
            "request": event.context.request_id,
            "milliseconds": event.context.deadline().duration_since(std::time::SystemTime::now()).unwrap_or_default().as_millis() as u64,
        })),
        Some("sleep") => std::future::pending().await,
        Some("exit") => std::process::exit(3),
        Some("confuse") => Ok(json!(answer_to_another_event())),
        _ => Err(Diagnostic {
            error_type: "InvalidEvent".to_owned(),
            error_message: "nothing to do".to_owned(),
        }),
    }
}

/// The status that the runtime API gives to an answer with the id of no event.
fn answer_to_another_event() -> Option<String> {
    let mut stream = TcpStream::connect(std::env::var("AWS_LAMBDA_RUNTIME_API").ok()?).ok()?;
    let request = "POST /2018-06-01/runtime/invocation/another/response HTTP/1.1\r\nhost: api\r\ncontent-length: 2\r\n\r\n{}";
    stream.write_all(request.as_bytes()).ok()?;
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status).ok()?;
    status.split(' ').nth(1).map(str::to_owned)
}

#[tokio::test]
#[ignore = "started by the other tests, as their function"]
async fn plays_the_function() {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        lambda_runtime::run(service_fn(answer)).await.expect("a runtime API");
    }
}

#[tokio::test]
async fn a_function_answers_event_after_event() {
    let mut function = function().await;
    for number in 1..=2 {
        let Invocation::Answer(answer) = function.invoke(r#"{"do": "tell"}"#, PATIENCE).await else {
            panic!("no answer; the log says {:#?}", function.log());
        };
        assert_eq!((&answer["greeting"], &answer["home"]), (&json!("hello"), &Value::Null));
        assert_eq!(answer["request"], json!(format!("00000000-0000-4000-8000-{number:012}")));
        assert!((1000..=20_000).contains(&answer["milliseconds"].as_u64().unwrap_or_default()), "{answer}");
        assert_eq!(function.log().iter().filter(|line| line.ends_with("saw \"tell\"")).count(), number);
    }
}

#[tokio::test]
async fn an_error_has_its_type_and_message_and_the_function_lives_on() {
    let mut function = function().await;
    for _ in 0..2 {
        let expected = Invocation::Error {
            error_type: "InvalidEvent".to_owned(),
            error_message: "nothing to do".to_owned(),
        };
        assert_eq!(function.invoke("{}", PATIENCE).await, expected);
    }
}

#[tokio::test]
async fn an_answer_to_another_event_is_refused() {
    let mut function = function().await;
    let outcome = function.invoke(r#"{"do": "confuse"}"#, PATIENCE).await;
    assert_eq!(outcome, Invocation::Answer(json!("400")));
}

#[tokio::test]
async fn a_function_past_its_deadline_is_killed() {
    let mut function = function().await;
    assert!(matches!(function.invoke(r#"{"do": "tell"}"#, PATIENCE).await, Invocation::Answer(_)));
    assert_eq!(function.invoke(r#"{"do": "sleep"}"#, Duration::from_millis(200)).await, Invocation::TimedOut);
    assert_eq!(function.invoke(r#"{"do": "tell"}"#, PATIENCE).await, Invocation::Exited(None));
}

#[tokio::test]
async fn a_process_that_ends_tells_its_status_and_leaves_its_log() {
    let mut function = function().await;
    assert_eq!(function.invoke(r#"{"do": "exit"}"#, PATIENCE).await, Invocation::Exited(Some(3)));
    assert!(function.log().iter().any(|line| line.ends_with("saw \"exit\"")), "{:#?}", function.log());

    let mut function = Function::start(&PROGRAM, &[("PART", "ends")]).await.expect("a process");
    assert_eq!(function.invoke("{}", PATIENCE).await, Invocation::Exited(Some(7)));
    assert_eq!(function.log(), ["to output", "to error"]);
}

#[tokio::test]
async fn a_program_that_is_not_there_does_not_start() {
    assert!(Function::start(Path::new("/nonexistent/bootstrap"), &[]).await.is_err());
}
