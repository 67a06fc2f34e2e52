//! What the function writes to its log: one line an invocation, the metrics, and warnings.
//!
//! Lambda drops a JSON line that has no `level` and no `timestamp` as soon as its log level is above INFO. So every line
//! has both. The metrics bear whatever level Lambda lets pass: they are wanted at every level.

use std::time::SystemTime;

use assigner_engine::{clock, error::Error, settings};
use lambda_runtime::tracing::subscriber::{self, filter::LevelFilter};
use serde_json::{Value, json};

use crate::{Answer, metrics::Figures, words};

/// Prepares what the runtime and the crates log: as Lambda's settings say, with times, and without colours.
pub fn start() {
    let level: LevelFilter = settings::log_level().parse().unwrap_or(LevelFilter::INFO);
    let lines = subscriber::fmt().with_target(false).with_ansi(false).with_max_level(level);
    if settings::logs_json() { lines.json().init() } else { lines.init() }
}

/// Returns the line of an invocation: the result as it is answered, or the error.
pub fn line(request_id: &str, answer: &Result<Answer, Error>) -> Value {
    let level = if answer.is_ok() { "INFO" } else { "ERROR" };
    let mut line = json!({
        "timestamp": clock::rfc3339(SystemTime::now()),
        "level": level,
        "requestId": request_id,
    });
    match answer {
        Ok(answer) => line["result"] = json!(answer),
        Err(error) => {
            line["errorType"] = error.name().into();
            match error {
                Error::AssignmentsIncomplete(report) => line["result"] = json!(report),
                error => line["errorMessage"] = words::message(error).into(),
            }
        }
    }
    line
}

/// Writes the line and the metrics of an invocation.
pub fn write(request_id: &str, function_name: &str, answer: &Result<Answer, Error>, figures: &Figures) {
    println!("{}", line(request_id, answer));
    match figures.line(function_name, &settings::log_level(), SystemTime::now()) {
        Ok(line) => println!("{line}"),
        Err(error) => tracing::warn!(error, "the metrics of this invocation are lost"),
    }
}
