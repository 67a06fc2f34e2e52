//! An invocation's figures as one line of CloudWatch's embedded metric format: no call, no permission.

use std::time::{Duration, SystemTime};

use assigner_engine::clock;
use metrique_writer::{
    Entry, EntryWriter,
    format::Format,
    unit::{AsCount, AsSeconds},
};
use metrique_writer_format_emf::Emf;

use assigner_core::{
    assignments::{report::Report, unexplained::Count},
    outcome::{Counts, Outcome},
};

/// The namespace of the metrics; `FunctionName` is their only dimension.
pub const NAMESPACE: &str = "AccountAssigner";
const FUNCTION_NAME: &str = "FunctionName";

/// What an invocation adds to the metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    pub grants: Counts,
    /// From when Control Tower reported the account as vended until all its access was there.
    pub time_to_access: Option<Duration>,
    /// Requests to AWS that were repeated.
    pub retries: u64,
    pub throttles: u64,
    /// Control Tower said that it could not vend or update an account.
    pub failed_vendings: u64,
    /// Accounts for which the table has no row.
    pub unmatched_accounts: u64,
    /// Grants that the setting `DRY_RUN` kept from being created. A dry run that somebody asks for counts none.
    pub held_back: u64,
    /// Assignments that no row explains, once all have been counted.
    pub unexplained: Option<u64>,
}

impl Figures {
    pub fn read(&mut self, report: &Report, vended_at: Option<SystemTime>, now: SystemTime) {
        self.grants = report.counts;
        self.unmatched_accounts =
            u64::from(report.outcome != Outcome::Ignored && report.counts == Counts::default());
        // A second delivery finds everything there, and says nothing about how long anybody waited.
        if report.outcome == Outcome::Ready && report.counts.created > 0 {
            self.time_to_access = vended_at.and_then(|vended_at| now.duration_since(vended_at).ok());
        }
    }

    /// Takes the count of the last part: it has those of the parts before it. A zero of what was not all read would end
    /// an alarm.
    pub fn count(&mut self, count: &Count) {
        let is_known = count.counts.unread == 0 || count.counts.unexplained > 0;
        self.unexplained = (count.next.is_none() && is_known).then_some(count.counts.unexplained as u64);
    }

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
        let Figures {
            grants,
            time_to_access,
            retries,
            throttles,
            failed_vendings,
            unmatched_accounts,
            held_back,
            unexplained,
        } = self.figures;
        let Counts { created, present, planned, failed, unresolved, pending } = *grants;
        writer.value(FUNCTION_NAME, self.function_name);
        writer.value("level", self.level);
        writer.value("timestamp", self.timestamp);
        for (name, count) in [
            ("GrantsCreated", created),
            ("GrantsPresent", present),
            ("GrantsPlanned", planned),
            ("GrantsFailed", failed),
            ("GrantsUnresolved", unresolved),
            ("GrantsPending", pending),
        ] {
            writer.value(name, &AsCount::from(count as u64));
        }
        writer.value("Retries", &AsCount::from(*retries));
        writer.value("Throttles", &AsCount::from(*throttles));
        writer.value("FailedVendings", &AsCount::from(*failed_vendings));
        writer.value("UnmatchedAccounts", &AsCount::from(*unmatched_accounts));
        writer.value("GrantsHeldBack", &AsCount::from(*held_back));
        if let Some(count) = unexplained {
            writer.value("UnexplainedAssignments", &AsCount::from(*count));
        }
        if let Some(time) = time_to_access {
            writer.value("TimeToAccess", &AsSeconds::from(*time));
        }
    }
}

#[cfg(test)]
mod tests {
    use assigner_core::assignments::{
        facts::Method,
        unexplained::{self, After, Next},
    };

    use super::*;

    #[test]
    fn a_zero_is_counted_only_if_all_was_read() {
        let of = |unexplained, unread, more: bool| {
            let counts = unexplained::Counts { unexplained, unread, ..unexplained::Counts::default() };
            let next = more.then(|| Next { unexplained: true, after: After::Group("g".into()), counts });
            let mut figures = Figures::default();
            figures.count(&Count {
                outcome: "counted",
                counts,
                unexplained: Vec::new(),
                unread: Vec::new(),
                method: Method::Principals,
                next,
                seconds: 0.0,
            });
            figures.unexplained
        };
        assert_eq!((of(0, 0, false), of(3, 0, false)), (Some(0), Some(3)));
        assert_eq!((of(0, 1, false), of(3, 1, false)), (None, Some(3)));
        assert_eq!(of(3, 0, true), None, "the next part has the sum");
    }

    #[test]
    fn the_line_is_embedded_metric_format_with_the_function_as_dimension() {
        let figures = Figures {
            grants: Counts { created: 2, pending: 1, ..Counts::default() },
            time_to_access: Some(Duration::from_millis(2500)),
            retries: 3,
            throttles: 1,
            failed_vendings: 0,
            unmatched_accounts: 0,
            held_back: 4,
            unexplained: Some(7),
        };
        let line: serde_json::Value =
            serde_json::from_str(&figures.line("assigner", "WARN", SystemTime::UNIX_EPOCH).unwrap()).unwrap();
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], NAMESPACE);
        assert_eq!(directive["Dimensions"], serde_json::json!([["FunctionName"]]));
        assert_eq!(line["FunctionName"], "assigner");
        let metrics: Vec<(&str, &str)> = directive["Metrics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|metric| (metric["Name"].as_str().unwrap(), metric["Unit"].as_str().unwrap_or("None")))
            .collect();
        assert!(
            metrics.contains(&("GrantsCreated", "Count")) && metrics.contains(&("TimeToAccess", "Seconds"))
        );
        assert_eq!(metrics.len(), 13, "{metrics:?}");
        assert_eq!(line["UnexplainedAssignments"], 7);
        assert_eq!((&line["level"], &line["timestamp"]), (&"WARN".into(), &"1970-01-01T00:00:00Z".into()));
        assert_eq!(line["GrantsCreated"], 2);
        assert_eq!((&line["GrantsPending"], &line["GrantsHeldBack"]), (&1.into(), &4.into()));
        assert_eq!(line["TimeToAccess"], 2.5);
        assert_eq!((&line["Retries"], &line["Throttles"]), (&3.into(), &1.into()));
    }
}
