//! Everything that a plan of any table could ask for, read at one moment, for a snapshot. Writes nothing.
//!
//! **Calls.** Two for each enabled control, three for each OU, some twelve for the list of all controls, and one for each
//! control that takes parameters, because no list tells which.

use std::collections::{BTreeMap, BTreeSet};

use assigner_core::{
    cause::CallError,
    controls::{
        ControlName, Row, Table,
        catalogue::{Catalogue, Mechanism},
        facts::{Enablement, Facts},
        guide,
        picture::Picture,
        plan::Need,
        tree::Tree,
        wish::Member,
    },
    ids,
};
use futures_util::{StreamExt, stream};
use time::OffsetDateTime;
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    keep::{Keeper, partition},
    known::{READS_AT_ONCE, arn_of},
    present::{self, LONGEST_READ, is_about_everything, too_long},
};
use crate::error::Error;

/// What was read.
#[derive(Clone, Debug)]
pub struct Everything {
    /// With all that is known of the catalogue.
    pub picture: Picture,
    /// What could not be read besides what the facts say.
    pub notes: Vec<String>,
}

/// The kinds of policies that controls are made of.
const POLICIES: [Mechanism; 3] =
    [Mechanism::ServiceControlPolicy, Mechanism::ResourceControlPolicy, Mechanism::DeclarativePolicy];

impl Keeper {
    /// Reads it. The catalogue is also asked which controls the names of these tables mean. What could not be read is in
    /// the facts, with the reason.
    ///
    /// # Errors
    /// If no plan could be made at all: OUs, landing zone, enabled controls or the list of all controls are not known.
    pub async fn everything(
        &self,
        tables: &[&Table],
        now: OffsetDateTime,
        until: Instant,
    ) -> Result<Everything, Error> {
        let late = || Error::Late { what: "what Control Tower has", last: self.tally.last_failure() };
        timeout_at(until, self.read_everything(tables, now)).await.map_err(|_| late())?
    }

    async fn read_everything(&self, tables: &[&Table], now: OffsetDateTime) -> Result<Everything, Error> {
        let tree = self.organizations.tree().await?;
        let facts = present::facts(&self.tower, &self.known, &tree, now);
        let listed = async { Ok(self.listed().await?) };
        let members = async { Ok(self.organizations.members().await) };
        let (mut facts, mut catalogue, members) = tokio::try_join!(facts, listed, members)?;
        let mut notes = Vec::new();
        let accounts: Option<Vec<Member>> = match members {
            Ok(members) => Some(members),
            Err(error) if is_about_everything(&error) => return Err(error.into()),
            Err(error) => {
                notes.push(format!("which accounts are in the OUs is not known: {error}"));
                None
            }
        };
        let asked = self.questions(&catalogue, &facts, tables, partition(&tree));
        facts.unread.extend(self.describe(&mut catalogue, asked).await?);
        let needs = needs(&catalogue, &tree, &facts);
        present::fill(&self.tower, &self.organizations, &self.known, &tree, &needs, &mut facts).await?;
        Ok(Everything { picture: Picture { tree, catalogue, facts, accounts }, notes })
    }

    /// Returns every control as lists tell it, and which exclude each other.
    async fn listed(&self) -> Result<Catalogue, CallError> {
        let (controls, exclusive) = tokio::try_join!(self.catalog.controls(None), self.catalog.exclusive())?;
        let mut catalogue = Catalogue::with(controls);
        exclusive.iter().for_each(|(one, other)| catalogue.exclude(one, other));
        Ok(catalogue)
    }

    /// Returns the ARNs that the catalogue has to be asked about, with the names by which they are asked for.
    fn questions(
        &self,
        catalogue: &Catalogue,
        facts: &Facts,
        tables: &[&Table],
        partition: &str,
    ) -> BTreeMap<String, String> {
        let takes_some = catalogue.controls().iter().filter(|control| control.parameters.is_none());
        let described = takes_some.map(|control| (control.arn.clone(), control.id().to_owned()));
        let enabled = facts.enabled.iter().map(|enabled| &enabled.control);
        let there = enabled.chain(facts.under_way.iter().map(|operation| &operation.control));
        let there = there
            .filter(|arn| catalogue.must_ask(arn))
            .map(|arn| (arn.clone(), ids::last_part(arn).to_owned()));
        let known = guide::known_names_of_arns().map(|name| ControlName::Guide(name.to_owned()));
        let of_tables = tables.iter().flat_map(|table| &table.rows).flat_map(Row::controls);
        let named = known
            .chain(of_tables)
            .filter(|name| catalogue.named(name).is_none())
            .filter_map(|name| Some((arn_of(&name, partition, &self.region)?, name.as_str().to_owned())));
        described.chain(there).chain(named).collect()
    }

    /// Adds what the catalogue says of these ARNs. Returns what could not be read, with the reason.
    async fn describe(
        &self,
        catalogue: &mut Catalogue,
        asked: BTreeMap<String, String>,
    ) -> Result<BTreeMap<Need, String>, CallError> {
        let answers: Vec<_> = stream::iter(asked)
            .map(async |(arn, name)| {
                let answer = timeout(LONGEST_READ, self.catalog.control(&arn)).await;
                (arn, name, answer)
            })
            .buffered(READS_AT_ONCE)
            .collect()
            .await;
        let mut unread = BTreeMap::new();
        for (arn, name, answer) in answers {
            match answer {
                Ok(Ok(Some(control))) => catalogue.add(control, &[ids::last_part(&arn), &name]),
                // One that a list has is described by the list alone.
                Ok(Ok(None)) if catalogue.find(&name).is_some() => {}
                Ok(Ok(None)) => catalogue.lacks(&name),
                Ok(Err(error)) if is_about_everything(&error) => return Err(error),
                Ok(Err(error)) => _ = unread.insert(Need::Control(arn), error.to_string()),
                Err(_) => _ = unread.insert(Need::Control(arn), too_long()),
            }
        }
        Ok(unread)
    }
}

/// Returns what a plan could ask for. What no table may want, nobody asks for.
fn needs(catalogue: &Catalogue, tree: &Tree, facts: &Facts) -> BTreeSet<Need> {
    let mut needs = BTreeSet::new();
    let is_unread = |unit: &str| facts.unread_units.contains_key(unit);
    for enabled in &facts.enabled {
        let control = catalogue.find(ids::last_part(&enabled.control));
        let Some(control) = control.filter(|control| control.forbidden().is_none()) else { continue };
        if tree.place(enabled.unit()).is_none() || is_unread(enabled.unit()) {
            continue;
        }
        if control.takes_parameters() && enabled.status == Enablement::Succeeded {
            needs.insert(Need::Parameters(enabled.arn.clone(), enabled.last_operation.clone()));
        }
        if let Some(last) = &enabled.last_operation
            && facts.fate(last).is_none()
        {
            needs.insert(Need::Operation(last.clone()));
        }
    }
    let has_one: BTreeSet<&str> = facts
        .enabled
        .iter()
        .filter(|enabled| enabled.status == Enablement::Succeeded)
        .map(|enabled| enabled.unit())
        .collect();
    for unit in tree.units().iter().filter(|unit| !is_unread(&unit.id)) {
        // An OU that has a control is governed.
        if facts.landing_zone.version.is_strict() && !has_one.contains(unit.id.as_str()) {
            needs.insert(Need::Registered(unit.id.clone()));
        }
        needs.extend(POLICIES.map(|kind| Need::Attached(unit.id.clone(), kind)));
    }
    needs
}
