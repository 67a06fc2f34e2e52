//! The function's answer, and that of `assignctl controls`: what is true of each OU and control. Says nothing that was
//! not seen.

mod words;

use std::time::Duration;

use serde::Serialize;

use super::{
    Table,
    catalogue::Catalogue,
    plan::{Kind, Plan},
    tree::{Place, Tree},
    wish::Wishes,
};

/// What is true of each OU and control.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub outcome: Outcome,
    /// Why nothing was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The digest of the table that was read; `None` if nothing was asked for.
    pub table: Option<String>,
    pub ous: Vec<UnitReport>,
    /// How many controls had to be left out so that the answer fits.
    #[serde(skip_serializing_if = "is_zero")]
    pub controls_omitted: usize,
    /// OUs that were only reached and that AWS excludes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    pub counts: Counts,
    pub seconds: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Something is under way, or could not be sent yet: another step is needed.
    Working,
    Ready,
    Planned,
    Ignored,
    /// Something is not as it is wanted, and waiting does not help.
    Incomplete,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitReport {
    /// `None`: there is no such OU.
    pub id: Option<String>,
    /// Names from the root down; as the row names it if there is no such OU.
    pub path: String,
    pub controls: Vec<ControlReport>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ControlReport {
    /// The ids of the rows that want it.
    pub rules: Vec<String>,
    pub control: NamedControl,
    pub status: Status,
    /// What is to be done, or was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Kind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation_id: Option<String>,
    /// When the operation began, or ended if it failed; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The path of the OU from which it is inherited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// When a wave may go on; RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NamedControl {
    pub name: String,
    pub arn: String,
}

macro_rules! statuses {
    ($($name:ident $field:ident,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        #[serde(rename_all = "lowercase")]
        pub enum Status {
            $($name,)*
        }

        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct Counts {
            $(pub $field: usize,)*
        }

        impl Counts {
            fn count(&mut self, status: Status) {
                match status {
                    $(Status::$name => self.$field += 1,)*
                }
            }

            /// Returns the statuses with their numbers.
            pub fn each(&self) -> [(&'static str, usize); [$(stringify!($field)),*].len()] {
                [$((stringify!($field), self.$field)),*]
            }
        }
    };
}

statuses! {
    Present present,
    Inherited inherited,
    Enabled enabled,
    Updated updated,
    Reset reset,
    Planned planned,
    Pending pending,
    Waiting waiting,
    Drifted drifted,
    Differs differs,
    Failed failed,
    Blocked blocked,
    Unresolved unresolved,
    Extra extra,
}

impl Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Enable => "enable",
            Kind::Update => "update",
            Kind::Reset => "reset",
        }
    }
}

/// What is said about writes that are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They have been sent, or will be.
    Write,
    /// They would be sent.
    Plan,
    /// Nothing is ever sent: other parameters are a difference.
    Look,
}

/// Everything that a report is made from.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'s> {
    pub table: &'s Table,
    pub catalogue: &'s Catalogue,
    pub tree: &'s Tree,
    pub wishes: &'s Wishes<'s>,
    pub plan: &'s Plan,
    /// Operations that are under way, anyone's, and those that were just accepted.
    pub under_way: usize,
    pub mode: Mode,
}

/// An answer must fit, with what state machines and destinations add to it, into 256 KiB.
const MOST_BYTES: usize = 160 * 1024;
const MOST_BYTES_OF_AN_ERROR: usize = 20 * 1024;

impl Report {
    /// Returns the report of an event that asks for nothing.
    pub fn ignored(reason: String, took: Duration) -> Report {
        Report {
            outcome: Outcome::Ignored,
            reason: Some(reason),
            table: None,
            ous: Vec::new(),
            controls_omitted: 0,
            notes: Vec::new(),
            counts: Counts::default(),
            seconds: crate::outcome::seconds(took),
        }
    }

    /// Returns the report of the OUs that are `selected`. `did` says which action an operation was, if this process sent
    /// it.
    pub fn of(
        seen: Seen<'_>,
        selected: impl Fn(Place) -> bool,
        did: impl Fn(&str) -> Option<Kind>,
        took: Duration,
    ) -> Report {
        let mut ous: Vec<UnitReport> = Vec::new();
        let mut last = None;
        for item in seen.plan.items.iter().filter(|item| selected(item.unit)) {
            if last != Some(item.unit) {
                last = Some(item.unit);
                ous.push(UnitReport {
                    id: Some(seen.tree.units()[item.unit].id.clone()),
                    path: seen.tree.path(item.unit),
                    controls: Vec::new(),
                });
            }
            if let Some(unit) = ous.last_mut() {
                unit.controls.push(words::control(&seen, item, &did));
            }
        }
        for unresolved in &seen.wishes.unresolved {
            let controls = words::missing(seen.table, unresolved);
            match ous.iter_mut().find(|unit| unit.id.is_none() && unit.path == unresolved.unit) {
                Some(unit) => unit.controls.extend(controls),
                None => ous.push(UnitReport { id: None, path: unresolved.unit.clone(), controls }),
            }
        }
        let mut counts = Counts::default();
        for control in ous.iter().flat_map(|unit| &unit.controls) {
            counts.count(control.status);
        }
        Report {
            outcome: outcome(&counts, seen.under_way, seen.mode),
            reason: None,
            table: Some(seen.table.digest()),
            ous,
            controls_omitted: 0,
            notes: seen.plan.notes.clone(),
            counts,
            seconds: crate::outcome::seconds(took),
        }
    }

    /// Returns the report without what does not fit into an answer of Lambda.
    pub fn fitting(mut self) -> Report {
        self.shorten(MOST_BYTES);
        self
    }

    /// Returns the success or failure of the invocation.
    pub fn judge(self) -> Result<Report, Box<Report>> {
        match self.outcome {
            Outcome::Working | Outcome::Ready | Outcome::Planned | Outcome::Ignored => Ok(self),
            Outcome::Incomplete => Err(Box::new(self)),
        }
    }

    /// Returns what is not as it is wanted, in one plain sentence.
    pub fn sentence(&self) -> String {
        let Counts { failed, blocked, unresolved, drifted, .. } = self.counts;
        let bad =
            [(failed, "failed"), (blocked, "blocked"), (unresolved, "unresolved"), (drifted, "drifted")];
        let listed: Vec<String> = bad
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let first = self.ous.iter().find_map(|unit| {
            let control = unit.controls.iter().find(|control| control.is_bad())?;
            let reason = control.reason.as_deref().unwrap_or_default();
            Some(format!("; the first is {} on {}: {reason}", control.control.name, unit.path))
        });
        let text = format!(
            "{} of {} controls are not as the table says: {}{}.",
            bad.iter().map(|(count, _)| count).sum::<usize>(),
            self.counts.each().iter().map(|(_, count)| count).sum::<usize>(),
            listed.join(", "),
            first.unwrap_or_default()
        );
        text.replace(char::is_control, " ").replace('{', "(").replace('}', ")")
    }

    pub fn to_json(&self) -> String {
        // Strings, numbers and lists cannot fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Returns what follows the sentence of an error: what is not as it is wanted comes first and is left out last. The
    /// cause of a failed execution of Step Functions has room for 32,768 characters, and writes JSON in JSON.
    pub fn to_short_json(&self) -> String {
        let mut report = self.clone();
        report.shorten(MOST_BYTES_OF_AN_ERROR);
        report.to_json()
    }

    /// Leaves out controls until the report fits: first what is inherited or there, then the last ones.
    fn shorten(&mut self, most: usize) {
        for is_kept in [
            |status: Status| status != Status::Inherited,
            |status: Status| !matches!(status, Status::Inherited | Status::Present),
        ] {
            if self.to_json().len() <= most {
                return;
            }
            for unit in &mut self.ous {
                let before = unit.controls.len();
                unit.controls.retain(|control| is_kept(control.status));
                self.controls_omitted += before - unit.controls.len();
            }
            self.ous.retain(|unit| !unit.controls.is_empty());
        }
        let mut bytes = self.to_json().len();
        self.ous.iter_mut().for_each(|unit| unit.controls.sort_by_key(|control| !control.is_bad()));
        self.ous.sort_by_key(|unit| !unit.controls.iter().any(ControlReport::is_bad));
        while bytes > most
            && let Some(unit) = self.ous.last_mut()
        {
            match unit.controls.pop() {
                Some(control) => {
                    bytes -= serde_json::to_string(&control).map_or(0, |text| text.len());
                    self.controls_omitted += 1;
                }
                None => _ = self.ous.pop(),
            }
        }
    }
}

impl ControlReport {
    /// Whether the invocation fails because of it.
    pub fn is_bad(&self) -> bool {
        matches!(self.status, Status::Failed | Status::Blocked | Status::Unresolved | Status::Drifted)
    }
}

fn outcome(counts: &Counts, under_way: usize, mode: Mode) -> Outcome {
    let bad = counts.failed + counts.blocked + counts.unresolved + counts.drifted;
    match mode {
        Mode::Write if under_way > 0 || counts.pending > 0 => Outcome::Working,
        _ if bad > 0 => Outcome::Incomplete,
        Mode::Write => Outcome::Ready,
        Mode::Plan | Mode::Look => Outcome::Planned,
    }
}

fn rules(table: &Table, rows: &[usize]) -> Vec<String> {
    rows.iter().filter_map(|row| table.rows.get(*row)).map(|row| row.id.clone()).collect()
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests;
