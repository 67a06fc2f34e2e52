//! Everything that a decision about controls rests on, as the part `controls` of the file that `assignctl snapshot`
//! writes.
//!
//! A plan made from it is the plan that would have been made from AWS at that moment. What the file does not have, a plan
//! takes as not read, and says so of what depends on it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    ControlName, Row, Table,
    catalogue::{self, Catalogue, Mechanism, PREVENTIVE},
    facts::{Attached, Enabled, Facts, Fate, LandingZone, Operation, Version},
    guide,
    parameters::Parameters,
    picture::Picture,
    plan::{Need, Rules},
    tree::{Tree, Unit},
    wish::Member,
};
use crate::{day::moment, ids};

/// What the file says of controls.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    Read(Box<Snapshot>),
    /// Why nothing is known.
    Unread(String),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Snapshot {
    /// Decisions are those of this moment.
    #[serde(with = "moment")]
    taken_at: OffsetDateTime,
    /// The id of the root.
    root: String,
    organizational_units: Vec<Unit>,
    landing_zone: Zone,
    catalogue: catalogue::Saved,
    enabled: Vec<Enabled>,
    under_way: Vec<Operation>,
    failed: Vec<Operation>,
    /// By id; those that AWS did not know any more have none.
    operations: BTreeMap<String, Option<Operation>>,
    parameters: Vec<Given>,
    /// By the id of an OU: whether Control Tower governs it.
    registered: BTreeMap<String, bool>,
    attached: Vec<Policies>,
    unread: Vec<Unread>,
    /// Why the enabled controls of OUs, by id, are not here.
    unread_units: BTreeMap<String, String>,
    /// Absent if they could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accounts: Option<Vec<Member>>,
    /// What else could not be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Zone {
    version: String,
    is_processing: bool,
    /// The id of an OU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    security_unit: Option<String>,
}

/// The parameters of an enabled control after its last operation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Given {
    enabled: String,
    operation: Option<String>,
    parameters: Parameters,
}

/// The policies of one kind that are attached to an OU.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Policies {
    organizational_unit: String,
    kind: Mechanism,
    attached: Attached,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Unread {
    fact: Need,
    reason: String,
}

/// Why there is no picture for a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The parts of the file contradict each other.
    Damaged(String),
    /// Names of the table of which the file does not say which control they mean, with the reason if there is one.
    Unasked(Vec<String>),
}

impl Snapshot {
    /// `notes` say what could not be read besides what the facts say. Parameters of controls that the catalogue did not
    /// give are in the facts as unread, by the control's ARN.
    pub fn new(picture: &Picture, notes: Vec<String>) -> Snapshot {
        let Picture { tree, catalogue, facts, accounts } = picture;
        let Facts {
            now,
            landing_zone: LandingZone { version, is_processing, security_unit },
            enabled,
            under_way,
            failed,
            fates,
            parameters,
            registered,
            attached,
            // Only a look at drift asks for them, and a snapshot is not asked for drift: AWS alone knows what is in a
            // policy now.
            statements: _,
            unread,
            unread_units,
        } = facts;
        let known = |fate: &Fate| match fate {
            Fate::Known(operation) => Some(operation.clone()),
            Fate::Forgotten => None,
        };
        let mut accounts = accounts.clone();
        if let Some(accounts) = &mut accounts {
            accounts.sort_by(|one, other| one.id.cmp(&other.id));
        }
        Snapshot {
            taken_at: *now,
            root: tree.root().to_owned(),
            organizational_units: tree.units().to_vec(),
            landing_zone: Zone {
                version: version.to_string(),
                is_processing: *is_processing,
                security_unit: security_unit.clone(),
            },
            catalogue: catalogue.saved(),
            enabled: enabled.clone(),
            under_way: under_way.clone(),
            failed: failed.clone(),
            operations: fates.iter().map(|(id, fate)| (id.clone(), known(fate))).collect(),
            parameters: parameters
                .iter()
                .map(|((enabled, operation), parameters)| Given {
                    enabled: enabled.clone(),
                    operation: operation.clone(),
                    parameters: parameters.clone(),
                })
                .collect(),
            registered: registered.clone(),
            attached: attached
                .iter()
                .map(|((unit, kind), attached)| Policies {
                    organizational_unit: unit.clone(),
                    kind: *kind,
                    attached: *attached,
                })
                .collect(),
            unread: unread
                .iter()
                .map(|(fact, reason)| Unread { fact: fact.clone(), reason: reason.clone() })
                .collect(),
            unread_units: unread_units.clone(),
            accounts,
            notes,
        }
    }

    pub fn taken_at(&self) -> OffsetDateTime {
        self.taken_at
    }

    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Returns how many OUs and enabled controls it has.
    pub fn counts(&self) -> (usize, usize) {
        (self.organizational_units.len(), self.enabled.len())
    }

    /// Returns the reasons of what could not be read, each once.
    pub fn unread(&self) -> BTreeSet<&str> {
        let facts = self.unread.iter().map(|one| one.reason.as_str());
        facts.chain(self.unread_units.values().map(String::as_str)).collect()
    }

    /// Returns everything that a decision about these tables rests on: the facts of that moment, and of the catalogue what
    /// would have been read for these tables.
    ///
    /// # Errors
    /// If the file contradicts itself, or does not say which control a name means.
    pub fn picture(self, tables: &[&Table], rules: Rules) -> Result<Picture, Problem> {
        const ABSENT: &str = "the snapshot does not have it";
        let all = self.whole()?;
        let mut picture = Picture { catalogue: known_for(&all, tables)?, ..all };
        for table in tables {
            // The faults of a table are those of whoever decides about it.
            while let Ok((_, plan)) = picture.decide(table, rules) {
                if plan.needs.is_empty() {
                    break;
                }
                picture.facts.unread.extend(plan.needs.into_iter().map(|need| (need, ABSENT.to_owned())));
            }
        }
        Ok(picture)
    }

    /// Returns everything that was read, with all that is known of the catalogue.
    fn whole(self) -> Result<Picture, Problem> {
        let Zone { version, is_processing, security_unit } = self.landing_zone;
        let zone = LandingZone { version: Version::parse(&version), is_processing, security_unit };
        let fate = |operation: Option<Operation>| operation.map_or(Fate::Forgotten, Fate::Known);
        let facts = Facts {
            enabled: self.enabled,
            under_way: self.under_way,
            failed: self.failed,
            fates: self.operations.into_iter().map(|(id, operation)| (id, fate(operation))).collect(),
            parameters: self
                .parameters
                .into_iter()
                .map(|given| ((given.enabled, given.operation), given.parameters))
                .collect(),
            registered: self.registered,
            attached: self
                .attached
                .into_iter()
                .map(|one| ((one.organizational_unit, one.kind), one.attached))
                .collect(),
            unread: self.unread.into_iter().map(|one| (one.fact, one.reason)).collect(),
            unread_units: self.unread_units,
            ..Facts::new(self.taken_at, zone)
        };
        if !is_tree(&self.root, &self.organizational_units) {
            return Err(Problem::Damaged("the parents of its OUs do not lead to the root".to_owned()));
        }
        let tree = Tree::new(self.root, self.organizational_units);
        let catalogue = self.catalogue.catalogue().map_err(Problem::Damaged)?;
        Ok(Picture { tree, catalogue, facts, accounts: self.accounts })
    }
}

/// Whether each OU is there once, and its parents lead to the root. A file may say anything, also that OUs are as deep as
/// no organization has them.
fn is_tree(root: &str, units: &[Unit]) -> bool {
    const DEEPEST: usize = 10;
    let parents: BTreeMap<&str, &str> =
        units.iter().map(|unit| (unit.id.as_str(), unit.parent.as_str())).collect();
    let leads_to_root = |unit: &Unit| {
        let above = std::iter::successors(Some(unit.parent.as_str()), |parent| parents.get(parent).copied());
        above.take(DEEPEST).any(|parent| parent == root)
    };
    parents.len() == units.len() && units.iter().all(leads_to_root)
}

/// Returns of the catalogue what is read for these tables when a plan is made from AWS: the plan shall be the same.
fn known_for(all: &Picture, tables: &[&Table]) -> Result<Catalogue, Problem> {
    let Picture { catalogue: whole, facts, .. } = all;
    let names: BTreeSet<ControlName> =
        tables.iter().flat_map(|table| &table.rows).flat_map(Row::controls).collect();
    let is_alias =
        |name: &ControlName| matches!(name, ControlName::Guide(name) if !guide::is_part_of_arn(name));
    let mut known = Catalogue::default();
    if names.iter().any(is_alias) {
        let is_preventive = |kind: &str| PREVENTIVE.contains(&kind);
        let preventive = whole.controls().iter().filter(|control| is_preventive(&control.implementation));
        preventive.for_each(|control| known.add(control.clone(), &[]));
    }
    let (mut unasked, mut lacking) = (Vec::new(), Vec::new());
    let reason = |last: &str| {
        let is_it = |need: &Need| matches!(need, Need::Control(arn) if ids::last_part(arn) == last);
        facts.unread.iter().find(|(need, _)| is_it(need)).map(|(_, reason)| reason)
    };
    for name in &names {
        let text = name.as_str();
        let because = |last: &str| reason(last).map(|reason| format!("{text}: {reason}"));
        match whole.named(name) {
            Some(control) if control.parameters.is_none() && reason(control.id()).is_some() => {
                unasked.extend(because(control.id()));
            }
            Some(control) => known.add(control.clone(), &[text]),
            None => match name {
                // The list of all controls has these.
                _ if whole.is_unknown(text).is_some() => lacking.push(text),
                ControlName::Global(_) if reason(text).is_none() => lacking.push(text),
                ControlName::Guide(guide) if !guide::is_part_of_arn(guide) => lacking.push(text),
                // Only a question about the Regional ARN tells, and it was not asked.
                _ => unasked.push(because(text).unwrap_or_else(|| text.to_owned())),
            },
        }
    }
    if !unasked.is_empty() {
        return Err(Problem::Unasked(unasked));
    }
    let enabled = facts.enabled.iter().map(|enabled| &enabled.control);
    for arn in enabled.chain(facts.under_way.iter().map(|operation| &operation.control)) {
        let last = ids::last_part(arn);
        match whole.find(last) {
            Some(control) if known.must_ask(arn) => known.add(control.clone(), &[last]),
            None if whole.is_unknown(last).is_some() => known.lacks(last),
            _ => {}
        }
    }
    // What is not found is looked for in the whole list, which also has the name that was meant.
    if !lacking.is_empty() {
        whole.controls().iter().for_each(|control| known.add(control.clone(), &[]));
        lacking.into_iter().for_each(|name| known.lacks(name));
    }
    if names.len() > 1 {
        known.take_exclusive(whole);
    }
    Ok(known)
}

#[cfg(test)]
mod tests;
