//! A Lambda function that does what its event says, for the tests of the runtime API.

use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    if std::env::var("PART").is_ok_and(|part| part == "ends") {
        println!("to output");
        eprintln!("to error");
        std::process::exit(7);
    }
    lambda_runtime::run(service_fn(answer)).await
}

async fn answer(event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
    println!("saw {}", event.payload["do"]);
    match event.payload["do"].as_str() {
        Some("report") => Ok(json!({
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

/// Returns the status that the runtime API gives to an answer for an unknown event.
fn answer_to_another_event() -> Option<String> {
    let mut stream = TcpStream::connect(std::env::var("AWS_LAMBDA_RUNTIME_API").ok()?).ok()?;
    let request = "POST /2018-06-01/runtime/invocation/another/response HTTP/1.1\r\nhost: api\r\ncontent-length: 2\r\n\r\n{}";
    stream.write_all(request.as_bytes()).ok()?;
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status).ok()?;
    status.split(' ').nth(1).map(str::to_owned)
}
