//! Rows that are sound and yet doubtful: nothing here is a fault, and the function takes such a table. It reports what
//! holds in every organization, and which OUs one organization does not have; a plan shows the rest.

use time::OffsetDateTime;

use super::{
    Table, guide,
    row::{Row, Target},
    tree::Tree,
    wish::{Unresolved, Wishes},
};
use crate::selector::OrganizationalUnit;

/// A doubt about a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub kind: Kind,
    /// Index of the row, from 0.
    pub row: usize,
    /// From the row down, such as `exempt[0].until`.
    pub field: String,
    pub problem: String,
    pub remedy: String,
    /// Index of the other row that it is about.
    pub other: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The row wants on an OU what a row above it gives already.
    CoveredAbove,
    /// The row wants what another row wants, on the same OU.
    Duplicate,
    /// The exemption has ended.
    PastExemption,
    /// The exemption ends so late that it is hardly one for a while.
    FarExemption,
    /// The exemption is for everybody.
    EveryPrincipal,
    /// An OU that the organization does not have.
    Unknown,
}

impl Kind {
    /// Returns a stable word: scripts match on it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::CoveredAbove => "covered-above",
            Kind::Duplicate => "duplicate",
            Kind::PastExemption => "past-exemption",
            Kind::FarExemption => "far-exemption",
            Kind::EveryPrincipal => "every-principal",
            Kind::Unknown => "unknown",
        }
    }
}

/// An exemption that ends later than this, in days, is far away.
const FAR: i64 = 366;
/// More rows than this are not compared with each other.
const MOST_COMPARED: usize = 500;

/// Returns every doubt, in the order of the rows.
pub fn lint(table: &Table, now: OffsetDateTime) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for (index, row) in table.rows.iter().enumerate() {
        exemptions(index, row, now, &mut warnings);
        if table.rows.len() <= MOST_COMPARED {
            covered(index, row, table, &mut warnings);
        }
    }
    warnings
        .sort_by(|one, other| (one.row, one.kind, &one.field).cmp(&(other.row, other.kind, &other.field)));
    warnings
}

/// Returns the OUs that the organization does not have, in the order of the rows.
pub fn unknown(table: &Table, wishes: &Wishes<'_>, tree: &Tree) -> Vec<Warning> {
    let warning = |one: &Unresolved<'_>| {
        let row = &table.rows[one.row];
        let named = row.ous.iter().position(|target| target.to_string() == one.unit);
        let except = || row.except.as_ref()?.ous.iter().position(|unit| unit.to_string() == one.unit);
        let field = match (named, except()) {
            (Some(place), _) => format!("ous[{place}]"),
            (None, Some(place)) => format!("except.ous[{place}]"),
            (None, None) => "ous".to_owned(),
        };
        let like = OrganizationalUnit::parse(&one.unit).ok().and_then(|unit| tree.like(&unit));
        let meant = like.map(|path| format!("did you mean {path}? ")).unwrap_or_default();
        Warning {
            kind: Kind::Unknown,
            row: one.row,
            field,
            problem: format!("the organization has no OU {}", one.unit),
            remedy: format!("{meant}correct it, or create the OU"),
            other: None,
        }
    };
    wishes.unresolved.iter().map(warning).collect()
}

fn exemptions(index: usize, row: &Row, now: OffsetDateTime, warnings: &mut Vec<Warning>) {
    let mut warn = |kind, field: String, problem: String, remedy: &str| {
        let remedy = remedy.to_owned();
        warnings.push(Warning { kind, row: index, field, problem, remedy, other: None });
    };
    let everybody = "name the roles that need it: with this the control denies nobody";
    for (place, exemption) in row.exempt.iter().enumerate() {
        let until = exemption.until;
        if until.has_passed(now) {
            let problem = format!("ended on {until}");
            warn(Kind::PastExemption, format!("exempt[{place}].until"), problem, "take the exemption out");
        } else if until.days_ahead(now) > FAR {
            let problem = format!("ends on {until}, in {} days", until.days_ahead(now));
            let remedy =
                "choose a day within a year, or write it into parameters.ExemptedPrincipalArns if it lasts";
            warn(Kind::FarExemption, format!("exempt[{place}].until"), problem, remedy);
        }
        if is_everybody(&exemption.principal) {
            let problem = format!("{} is every principal", exemption.principal);
            warn(Kind::EveryPrincipal, format!("exempt[{place}].principal"), problem, everybody);
        }
    }
    for principal in row.parameters.exempted().into_iter().filter(|principal| is_everybody(principal)) {
        let field = format!("parameters.{}", guide::PARAMETER_OF_EXEMPTIONS);
        warn(Kind::EveryPrincipal, field, format!("{principal} is every principal"), everybody);
    }
}

/// Whether every role and user matches: nothing is left but wildcards where an ARN names the account and the principal.
fn is_everybody(principal: &str) -> bool {
    let bare = principal.strip_prefix("arn:").map_or(principal, |rest| {
        let parts: Vec<&str> = rest.splitn(5, ':').collect();
        match parts[..] {
            [_, _, _, account, name] if account.bytes().all(|byte| byte == b'*') => name,
            [_, _, _, _, _] => "one account",
            _ => rest,
        }
    });
    !bare.is_empty() && bare.bytes().all(|byte| byte == b'*' || byte == b'?')
}

/// Adds the OUs on which another row, or another OU of the same row, gives the same.
fn covered(index: usize, row: &Row, table: &Table, warnings: &mut Vec<Warning>) {
    for (place, target) in row.ous.iter().enumerate() {
        let field = format!("ous[{place}]");
        for (other, above) in table.rows.iter().enumerate() {
            let controls: Vec<_> = above.controls().into_iter().map(|control| control.known()).collect();
            if !row.controls().into_iter().all(|control| controls.contains(&control.known())) {
                continue;
            }
            let another = (other != index).then_some(other);
            let same = above.ous.iter().enumerate().any(|(at, outer)| {
                // Without knowing the organization, a path of one name is certain to be among the OUs of `*`.
                let is_top =
                    matches!(target, Target::Unit(OrganizationalUnit::Path(names)) if names.len() == 1);
                let before = other < index || (other == index && at < place);
                (outer == target && before) || (is_top && *outer == Target::EveryTop)
            });
            let outer = above.ous.iter().find(|outer| is_below(target, outer));
            let taken_out = above.except.is_some() || row.except.is_some();
            if same {
                warnings.push(Warning {
                    kind: Kind::Duplicate,
                    row: index,
                    field: field.clone(),
                    problem: format!("{target} gets the same from {}", name(table, another)),
                    remedy: "keep one".to_owned(),
                    other: another,
                });
            } else if let (Some(outer), false) = (outer, taken_out) {
                warnings.push(Warning {
                    kind: Kind::CoveredAbove,
                    row: index,
                    field: field.clone(),
                    problem: format!(
                        "{target} is below {outer}, to which {} gives the same",
                        name(table, another)
                    ),
                    remedy: "leave it out: the OUs below are covered, and each policy takes a place"
                        .to_owned(),
                    other: another,
                });
            }
        }
    }
}

fn name(table: &Table, row: Option<usize>) -> String {
    match row.and_then(|row| table.rows.get(row)) {
        Some(row) => format!("row {}", row.id),
        None => "this row".to_owned(),
    }
}

/// Whether `inner` is certain to be below `outer`, in every organization.
fn is_below(inner: &Target, outer: &Target) -> bool {
    match (inner, outer) {
        (Target::Unit(OrganizationalUnit::Path(names)), Target::EveryTop) => names.len() > 1,
        (Target::Unit(OrganizationalUnit::Path(inner)), Target::Unit(OrganizationalUnit::Path(outer))) => {
            inner.len() > outer.len() && inner.starts_with(outer)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::table;

    #[test]
    fn each_doubt_has_its_place_and_a_sound_row_has_none() {
        let row = |id: &str, rest: &str| format!(r#"{{ "id": "{id}", "control": "CT.S3.PV.5", {rest} }}"#);
        let exempt = |principal: &str, until: &str| {
            row(
                "a",
                &format!(r#""ous": ["W"], "exempt": [{{ "principal": "{principal}", "until": "{until}" }}]"#),
            )
        };
        let role = "arn:aws:iam::*:role/legacy";
        type Doubts = Vec<(Kind, usize, &'static str)>;
        let cases: Vec<(Vec<String>, Doubts)> = vec![
            (vec![row("a", r#""ous": ["W"]"#), row("b", r#""ous": ["E"]"#)], vec![]),
            (vec![exempt(role, "2027-03-31")], vec![]),
            (vec![exempt(role, "2026-10-31")], vec![(Kind::PastExemption, 0, "exempt[0].until")]),
            (vec![exempt(role, "2026-11-01")], vec![]),
            (vec![exempt(role, "2030-03-31")], vec![(Kind::FarExemption, 0, "exempt[0].until")]),
            (vec![exempt("*", "2027-03-31")], vec![(Kind::EveryPrincipal, 0, "exempt[0].principal")]),
            (
                vec![exempt("arn:aws:iam::*:*", "2027-03-31")],
                vec![(Kind::EveryPrincipal, 0, "exempt[0].principal")],
            ),
            (vec![exempt("arn:aws:iam::111122223333:*", "2027-03-31")], vec![]),
            (
                vec![row("a", r#""ous": ["W"], "parameters": { "ExemptedPrincipalArns": ["*"] }"#)],
                vec![(Kind::EveryPrincipal, 0, "parameters.ExemptedPrincipalArns")],
            ),
            (
                vec![row("a", r#""ous": ["W/P"]"#), row("b", r#""ous": ["W"]"#)],
                vec![(Kind::CoveredAbove, 0, "ous[0]")],
            ),
            (
                vec![row("a", r#""ous": ["*", "W/P", "W"]"#)],
                vec![(Kind::CoveredAbove, 0, "ous[1]"), (Kind::Duplicate, 0, "ous[2]")],
            ),
            (
                vec![row("a", r#""ous": ["W"]"#), row("b", r#""ous": ["W"]"#)],
                vec![(Kind::Duplicate, 1, "ous[0]")],
            ),
            (
                vec![
                    r#"{ "id": "s", "control": "set:strongly-recommended-preventive", "ous": ["W"] }"#.into(),
                    r#"{ "id": "t", "control": "5kvme4m5d2b4d7if2fs5yg2ui", "ous": ["W/P"] }"#.into(),
                ],
                vec![(Kind::CoveredAbove, 1, "ous[0]")],
            ),
        ];
        for (rows, expected) in cases {
            let text = format!(r#"{{ "controls": [{}] }}"#, rows.join(","));
            let table: Table = table::parse(text.as_bytes()).unwrap_or_else(|faults| panic!("{faults:#?}"));
            let warnings = lint(&table, datetime!(2026-11-01 12:00 UTC));
            let found: Vec<_> =
                warnings.iter().map(|warning| (warning.kind, warning.row, &*warning.field)).collect();
            assert_eq!(found, expected, "{text}: {warnings:#?}");
        }
    }
}
