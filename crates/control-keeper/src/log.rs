//! What the function writes to its log: one line an invocation, the metrics, and warnings. Every line has a level and a
//! time, because Lambda drops JSON lines without them.

use std::time::SystemTime;

use assigner_core::controls::report::Report;
use assigner_engine::{clock, error::Error, settings};
use lambda_runtime::tracing::subscriber::{self, filter::LevelFilter};
use serde_json::{Value, json};

use crate::metrics::Figures;

/// Prepares what the runtime and the crates log: as Lambda's settings say, with times, and without colours.
pub fn start() {
    let level: LevelFilter = settings::log_level().parse().unwrap_or(LevelFilter::INFO);
    let lines = subscriber::fmt().with_target(false).with_ansi(false).with_max_level(level);
    if settings::logs_json() { lines.json().init() } else { lines.init() }
}

/// Returns the line of an invocation: the result as it is answered, or the error.
pub fn line(request_id: &str, answer: &Result<Report, Error>) -> Value {
    let level = if answer.is_ok() { "INFO" } else { "ERROR" };
    let mut line = json!({
        "timestamp": clock::rfc3339(SystemTime::now()),
        "level": level,
        "requestId": request_id,
    });
    if let Some(report) = crate::report(answer) {
        line["result"] = json!(report);
    }
    if let Err(error) = answer {
        line["errorType"] = error.name().into();
        if crate::report(answer).is_none() {
            line["errorMessage"] = crate::message(error).into();
        }
    }
    line
}

/// Writes the line and the metrics of an invocation.
pub fn write(request_id: &str, function_name: &str, answer: &Result<Report, Error>, figures: &Figures) {
    println!("{}", line(request_id, answer));
    match figures.line(function_name, &settings::log_level(), SystemTime::now()) {
        Ok(line) => println!("{line}"),
        Err(error) => tracing::warn!(error, "the metrics of this invocation are lost"),
    }
}
