//! The faults that no row of controls has alone, as far as the text shows them: two rows that want unlike parameters
//! of one control on one OU, and an exemption that a row above lacks. [`super::wish`] finds the others, when the
//! catalogue and the tree of OUs are known.

use std::collections::BTreeMap;

use super::{
    guide,
    parameters::covers,
    row::{ControlName, Row, Target},
};
use crate::{
    reading::{Faults, RowRef},
    selector::OrganizationalUnit,
};

/// More rows for one control than this are not compared by their text. The plan compares them all.
const MOST_COMPARED: usize = 500;

pub(super) const UNLIKE: &str =
    "give both rows the same parameters and exemptions, or leave the OU to one of them";
pub(super) const LACKING: &str =
    "add it to the row above as well, or take it out here: a deny above counts too";

pub fn compare(rows: &[(RowRef, Row)], faults: &mut Faults) {
    let mut of_control: BTreeMap<ControlName, Vec<usize>> = BTreeMap::new();
    for (index, (_, row)) in rows.iter().enumerate() {
        for control in row.controls() {
            of_control.entry(control.known()).or_default().push(index);
        }
    }
    let mut found: Vec<(usize, String, String, &str)> = Vec::new();
    for (control, of_control) in of_control.iter().filter(|(_, rows)| rows.len() <= MOST_COMPARED) {
        let inherited = guide::is_inherited(control.as_str()) == Some(true);
        for (place, &index) in of_control.iter().enumerate() {
            for (other_place, &other) in of_control.iter().enumerate() {
                let ((_, row), (before, above)) = (&rows[index], &rows[other]);
                if other_place < place
                    && let Some(target) = row.ous.iter().find(|target| above.ous.contains(target))
                    && let Some(field) = unlike(row, above)
                {
                    let problem =
                        format!("unlike that of row {} for the same control on {target}", name(before));
                    found.push((index, field.to_owned(), problem, UNLIKE));
                }
                if inherited
                    && index != other
                    && let Some((inner, outer)) = below(row, above)
                    && let Some((field, principal)) = lacking(row, above)
                {
                    let problem = format!(
                        "exempts {principal} on {inner}, but row {} does not on {outer} above it",
                        name(before)
                    );
                    found.push((index, field, problem, LACKING));
                }
            }
        }
    }
    found.sort();
    found.dedup();
    for (index, field, problem, remedy) in found {
        faults.in_row(Some(rows[index].0.clone()));
        faults.add(&field, problem, remedy);
    }
}

fn name(row: &RowRef) -> String {
    match &row.id {
        Some(id) => format!("{} ({id})", row.number),
        None => row.number.to_string(),
    }
}

/// Returns the field in which two rows differ in what they want of a control.
fn unlike(one: &Row, other: &Row) -> Option<&'static str> {
    let exempted = |row: &Row| {
        let mut exempted: Vec<_> =
            row.exempt.iter().map(|exemption| (exemption.principal.clone(), exemption.until)).collect();
        exempted.sort();
        exempted.dedup();
        exempted
    };
    if !one.parameters.is_like(&other.parameters) {
        Some("parameters")
    } else {
        (exempted(one) != exempted(other)).then_some("exempt")
    }
}

/// Returns an OU of `row` that is certain to be below an OU of `above`, and that OU.
fn below<'r>(row: &'r Row, above: &'r Row) -> Option<(&'r Target, &'r Target)> {
    let is_below = |inner: &Target, outer: &Target| match (inner, outer) {
        (Target::Unit(OrganizationalUnit::Path(inner)), Target::EveryTop) => inner.len() > 1,
        (Target::Unit(OrganizationalUnit::Path(inner)), Target::Unit(OrganizationalUnit::Path(outer))) => {
            inner.len() > outer.len() && inner.starts_with(outer)
        }
        _ => false,
    };
    row.ous.iter().find_map(|inner| {
        let outer = above.ous.iter().find(|outer| is_below(inner, outer))?;
        Some((inner, outer))
    })
}

/// Returns the first exemption of `row` that `above` does not have for as long.
fn lacking(row: &Row, above: &Row) -> Option<(String, String)> {
    let always = |principal: &str| above.parameters.exempted().iter().any(|outer| covers(outer, principal));
    if let Some(principal) = row.parameters.exempted().into_iter().find(|principal| !always(principal)) {
        return Some((format!("parameters.{}", guide::PARAMETER_OF_EXEMPTIONS), principal.to_owned()));
    }
    row.exempt.iter().enumerate().find_map(|(index, exemption)| {
        let as_long = above
            .exempt
            .iter()
            .any(|outer| outer.until >= exemption.until && covers(&outer.principal, &exemption.principal));
        (!always(&exemption.principal) && !as_long)
            .then(|| (format!("exempt[{index}]"), exemption.principal.clone()))
    })
}
