//! Gives each OU the Control Tower controls that the table says: the function's shell.
//!
//! Each invocation is one step: it reads what is, sends what may be sent now, and answers. A state machine waits and
//! invokes it again until nothing remains. So it is safe to run twice, late, or at the same time as another. It cannot
//! disable a control. `assigner_core` has the map of the house.

pub mod log;
pub mod metrics;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use assigner_aws::client::Tally;
use assigner_core::controls::{
    Table,
    event::{self, Request},
    report::{Mode, Report},
};
use assigner_engine::{
    controls::keep::{Asked, Keeper},
    error::Error,
    settings::ControlSettings,
    source::Source,
};
use aws_config::SdkConfig;
use serde_json::Value;
use time::OffsetDateTime;
use tokio::time::{Instant, timeout_at};

use crate::metrics::Figures;

/// The table that is compiled in; a test keeps it sound.
const EMBEDDED: &[u8] = include_bytes!("../../../controls.json");

/// The function: settings, clients and what is remembered between warm invocations.
#[derive(Debug)]
pub struct Function {
    settings: ControlSettings,
    source: Source,
    keeper: Keeper,
    tally: Arc<Tally>,
}

/// What came of an event, and the figures of the invocation.
#[derive(Debug)]
pub struct Handled {
    pub answer: Result<Report, Error>,
    pub figures: Figures,
}

impl Function {
    /// # Errors
    /// [`Error::InvalidConfig`] if no Region is set.
    pub fn new(settings: ControlSettings, sdk: &SdkConfig) -> Result<Function, Error> {
        let tally = Arc::new(Tally::default());
        Ok(Function {
            source: Source::new(settings.table.clone(), EMBEDDED, sdk, tally.clone()),
            keeper: Keeper::new(sdk, tally.clone())?,
            tally,
            settings,
        })
    }

    /// Does one step, and ends before `deadline`. `now` is the moment by which exemptions, soaks and failed operations are
    /// judged.
    pub async fn handle(&self, payload: &Value, now: SystemTime, deadline: Instant) -> Handled {
        let (retries, throttles) = (self.tally.retries(), self.tally.throttles());
        self.tally.forget_failure();
        let mut figures = Figures::default();
        // Boxed: the combined future is too large for the compiler to lay out.
        let answer = Box::pin(self.answer(payload, now, deadline)).await;
        if let Some(report) = report(&answer) {
            figures.counts = report.counts;
        }
        figures.retries = self.tally.retries() - retries;
        figures.throttles = self.tally.throttles() - throttles;
        Handled { answer, figures }
    }

    async fn answer(&self, payload: &Value, now: SystemTime, deadline: Instant) -> Result<Report, Error> {
        let started = Instant::now();
        let until = deadline - margin(deadline.saturating_duration_since(started));
        let (ous, dry_run) = match event::parse(payload).map_err(Error::InvalidEvent)? {
            Request::Ignore { reason } => return Ok(Report::ignored(reason, started.elapsed())),
            Request::Step { ous, dry_run } => (ous, dry_run || self.settings.dry_run),
        };
        let table = timeout_at(until, self.source.load()).await;
        let late = |_| Error::Late { what: "the table of controls", last: self.tally.last_failure() };
        let table: Table = table.map_err(late)??;
        let asked = Asked {
            ous: &ous,
            mode: if dry_run { Mode::Plan } else { Mode::Write },
            limits: self.settings.limits,
            now: OffsetDateTime::from(now),
            until,
        };
        let report = self.keeper.step(&table, &self.settings.table.to_string(), asked).await?;
        report.judge().map_err(Error::ControlsIncomplete)
    }
}

/// Returns the report of an answer, good or bad.
pub fn report(answer: &Result<Report, Error>) -> Option<&Report> {
    match answer {
        Ok(report) => Some(report),
        Err(Error::ControlsIncomplete(report)) => Some(report),
        Err(_) => None,
    }
}

/// Returns the message of an error: one plain sentence, and what follows from it.
pub fn message(error: &Error) -> String {
    const AGAIN: &str = "; the invocation fails so that it is tried again";
    match error {
        // People and the state machine find the result after the sentence. The log has all of it.
        Error::ControlsIncomplete(report) => format!("{error}\n{}", report.to_short_json()),
        Error::Call(call) if error.name() == "ServiceUnavailable" => format!("{call}{AGAIN}"),
        Error::Call(call) => {
            format!("{call}: {}", call.remedy().in_general())
        }
        Error::Late { .. } => format!("{error}{AGAIN}"),
        _ => error.to_string(),
    }
}

/// Returns the time reserved for writing the report: a tenth of the time there is, two seconds at most.
fn margin(time: Duration) -> Duration {
    (time / 10).min(Duration::from_secs(2))
}

#[cfg(test)]
mod tests {
    use assigner_core::table;

    use super::*;

    #[test]
    fn the_embedded_table_is_sound() {
        let table: Table = table::parse(EMBEDDED).unwrap_or_else(|faults| panic!("{faults:#?}"));
        assert!(!table.rows.is_empty());
    }
}
