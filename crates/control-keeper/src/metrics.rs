//! An invocation's figures as one line of CloudWatch's embedded metric format: no call, no permission.

use std::time::SystemTime;

use assigner_core::controls::report::Counts;
use assigner_engine::clock;
use metrique_writer::{Entry, EntryWriter, format::Format, unit::AsCount};
use metrique_writer_format_emf::Emf;

/// The namespace of the metrics, the same as the assigner's; `FunctionName` is their only dimension.
pub const NAMESPACE: &str = "AccountAssigner";
const FUNCTION_NAME: &str = "FunctionName";

/// What an invocation adds to the metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    pub counts: Counts,
    /// Requests to AWS that were repeated.
    pub retries: u64,
    pub throttles: u64,
}

impl Figures {
    /// Returns one line, or why it could not be written. `level` and `now` are for Lambda, which drops lines without
    /// them.
    pub fn line(&self, function_name: &str, level: &str, now: SystemTime) -> Result<String, String> {
        let mut line = Vec::new();
        let timestamp = clock::rfc3339(now);
        let entry = Named { figures: self, function_name, level, timestamp: &timestamp };
        let dimensions = vec![vec![FUNCTION_NAME.to_owned()]];
        let mut format = Emf::builder(NAMESPACE.to_owned(), dimensions).build();
        format.format(&entry, &mut line).map_err(|error| error.to_string())?;
        String::from_utf8(line).map(|line| line.trim_end().to_owned()).map_err(|error| error.to_string())
    }
}

struct Named<'a> {
    figures: &'a Figures,
    function_name: &'a str,
    level: &'a str,
    timestamp: &'a str,
}

impl Entry for Named<'_> {
    fn write<'a>(&'a self, writer: &mut impl EntryWriter<'a>) {
        let Figures { counts, retries, throttles } = self.figures;
        writer.value(FUNCTION_NAME, self.function_name);
        writer.value("level", self.level);
        writer.value("timestamp", self.timestamp);
        for (name, count) in [
            ("ControlsPresent", counts.present),
            ("ControlsInherited", counts.inherited),
            ("ControlsEnabled", counts.enabled),
            ("ControlsUpdated", counts.updated),
            ("ControlsReset", counts.reset),
            ("ControlsPlanned", counts.planned),
            ("ControlsPending", counts.pending),
            ("ControlsWaiting", counts.waiting),
            ("ControlsDrifted", counts.drifted),
            ("ControlsDiffering", counts.differs),
            ("ControlsFailed", counts.failed),
            ("ControlsBlocked", counts.blocked),
            ("ControlsUnresolved", counts.unresolved),
            ("ControlsExtra", counts.extra),
        ] {
            writer.value(name, &AsCount::from(count as u64));
        }
        writer.value("Retries", &AsCount::from(*retries));
        writer.value("Throttles", &AsCount::from(*throttles));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_embedded_metric_format_with_a_metric_for_each_status() {
        let figures =
            Figures { counts: Counts { drifted: 2, ..Counts::default() }, retries: 3, throttles: 1 };
        let line = figures.line("keeper", "WARN", SystemTime::UNIX_EPOCH).unwrap();
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!((&directive["Namespace"], &line["FunctionName"]), (&NAMESPACE.into(), &"keeper".into()));
        let metrics = directive["Metrics"].as_array().unwrap();
        assert_eq!(metrics.len(), Counts::default().each().len() + 2, "{metrics:?}");
        assert_eq!((&line["ControlsDrifted"], &line["Retries"]), (&2.into(), &3.into()));
        assert_eq!((&line["level"], &line["timestamp"]), (&"WARN".into(), &"1970-01-01T00:00:00Z".into()));
    }
}
