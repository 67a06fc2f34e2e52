//! The variant for controls: an event through the real handler of `control-keeper`, step by step as the state machine
//! invokes it, against the stand-in.

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use assigner_core::controls::report::{Outcome, Report};
use assigner_engine::settings::ControlSettings;
use aws_config::SdkConfig;
use control_keeper::Function;
use serde_json::Value;
use stand_in::{Organization, Settings, StandIn};
use tokio::time::{Instant, sleep};

/// Takes a second instead of the minute or two of Control Tower.
pub fn stand_in() -> StandIn {
    let settings = Settings { control_operation: Duration::from_secs(1), ..Settings::default() };
    StandIn::new(Organization::sample(), settings)
}

pub async fn run(
    stand_in: &StandIn,
    sdk: &SdkConfig,
    event: &Value,
    path: &str,
) -> Result<(), Box<dyn Error>> {
    let settings = ControlSettings::from_environment().map_err(|faults| faults.join("; "))?;
    let function = Function::new(settings, sdk)?;
    println!("{} controls are enabled before.\n", stand_in.enabled_controls().len());
    for delivery in ["First", "Second"] {
        println!("{delivery} delivery of {path}");
        stand_in.forget_calls();
        for step in 1.. {
            let deadline = Instant::now() + Duration::from_secs(60);
            match function.handle(event, SystemTime::now(), deadline).await.answer {
                Ok(report) => {
                    show(step, &report)?;
                    if report.outcome != Outcome::Working {
                        break;
                    }
                }
                Err(error) => {
                    println!("{}: {}", error.name(), control_keeper::message(&error));
                    break;
                }
            }
            pause().await;
        }
        let enables = stand_in.calls().get("EnableControl").copied().unwrap_or(0);
        println!("EnableControl calls: {enables}\n");
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "waits between two steps, as the state machine does")]
async fn pause() {
    sleep(Duration::from_millis(500)).await;
}

fn show(step: usize, report: &Report) -> Result<(), Box<dyn Error>> {
    let counts = report.counts.each();
    let counts: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(status, count)| format!("{count} {status}"))
        .collect();
    let written = serde_json::to_value(report)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    println!("step {step}: {}: {}", text(&written["outcome"]), counts.join(", "));
    if report.outcome == Outcome::Working {
        return Ok(());
    }
    for unit in written["ous"].as_array().into_iter().flatten() {
        for control in unit["controls"].as_array().into_iter().flatten() {
            let (path, name, status) =
                (text(&unit["path"]), text(&control["control"]["name"]), text(&control["status"]));
            println!("  {path:<16} {name:<40} {status}");
        }
    }
    Ok(())
}
