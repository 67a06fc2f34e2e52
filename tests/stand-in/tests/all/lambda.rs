//! The runtime API with a real function in it: `examples/function.rs`, which cargo builds for these tests.

use serde_json::{Value, json};
use stand_in::lambda::{Function, Invocation};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// Next to the folder of the test programs. `cargo test` builds it; `cargo test --test all` expects it there.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let this = std::env::current_exe().expect("a path of this program");
    this.ancestors().nth(2).expect("a folder of built programs").join("examples/function")
});

async fn function() -> Function {
    Function::start(&PROGRAM, &[("GREETING", "hello")]).await.expect("a process")
}

#[tokio::test]
async fn a_function_answers_event_after_event() {
    let mut function = function().await;
    for number in 1..=2 {
        let Invocation::Answer(answer) = function.invoke(r#"{"do": "report"}"#, PATIENCE).await else {
            panic!("no answer; the log says {:#?}", function.log());
        };
        assert_eq!((&answer["greeting"], &answer["home"]), (&json!("hello"), &Value::Null));
        assert_eq!(answer["request"], json!(format!("00000000-0000-4000-8000-{number:012}")));
        assert!((1000..=20_000).contains(&answer["milliseconds"].as_u64().unwrap_or_default()), "{answer}");
        assert_eq!(function.log().iter().filter(|line| line.ends_with("saw \"report\"")).count(), number);
    }
}

#[tokio::test]
async fn the_time_of_an_event_begins_when_the_function_takes_it() {
    let program = PROGRAM.to_str().expect("a path in UTF-8");
    let slow = ["-c", "sleep 3; exec \"$0\"", program];
    let mut function = Function::start_with(Path::new("/bin/sh"), &slow, &[]).await.expect("a process");
    let Invocation::Answer(answer) = function.invoke(r#"{"do": "report"}"#, PATIENCE).await else {
        panic!("no answer; the log says {:#?}", function.log());
    };
    let left = answer["milliseconds"].as_u64().unwrap_or_default();
    assert!(left > 18_000, "{left}");
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
    assert!(matches!(function.invoke(r#"{"do": "report"}"#, PATIENCE).await, Invocation::Answer(_)));
    assert_eq!(function.invoke(r#"{"do": "sleep"}"#, Duration::from_millis(200)).await, Invocation::TimedOut);
    assert_eq!(function.invoke(r#"{"do": "report"}"#, PATIENCE).await, Invocation::Exited(None));
}

#[tokio::test]
async fn a_process_that_ends_reports_its_status_and_leaves_its_log() {
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
