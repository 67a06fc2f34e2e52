//! What is remembered between steps: what the catalogue says, parameters by the enabled control and its last operation,
//! and what became of operations that have ended. Nothing that is remembered can be out of date but the catalogue, which
//! is asked again after some hours.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use assigner_aws::control_catalog::ControlCatalog;
use assigner_core::{
    cause::CallError,
    controls::{
        ControlName, Table,
        catalogue::{Catalogue, Control, PREVENTIVE},
        facts::Fate,
        guide,
        parameters::Parameters,
        plan::Kind,
    },
    ids,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::time::Instant;

/// The catalogue changes with AWS's releases.
const CATALOGUE_FOR: Duration = Duration::from_secs(6 * 60 * 60);
/// Fewer than elsewhere: AWS publishes no rates for these services.
pub(super) const READS_AT_ONCE: usize = 4;
/// More operations and parameters than this are not remembered.
const MOST_REMEMBERED: usize = 20_000;

#[derive(Debug, Default)]
pub struct Known(Mutex<Remembered>);

#[derive(Debug, Default)]
pub(super) struct Remembered {
    pub catalogue: Catalogue,
    read_at: Option<Instant>,
    has_preventive: bool,
    has_exclusive: bool,
    has_all: bool,
    pub parameters: BTreeMap<(String, Option<String>), Parameters>,
    pub fates: BTreeMap<String, Fate>,
    /// The operations that this process started.
    pub started: BTreeMap<String, Kind>,
}

impl Known {
    pub(super) fn lock(&self) -> MutexGuard<'_, Remembered> {
        // No code panics while it holds the lock; if it did, what is remembered would still be true.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.parameters.len() > MOST_REMEMBERED || known.fates.len() > MOST_REMEMBERED {
            known.parameters.clear();
            known.fates.clear();
        }
        known
    }

    /// Returns what the catalogue says of each control of the table. Three lists know every preventive control; a name
    /// that they do not have is looked for in all of them. `arns` are others that have to be known.
    pub async fn catalogue(
        &self,
        catalog: &ControlCatalog,
        table: &Table,
        partition: &str,
        region: &str,
        arns: &[String],
    ) -> Result<Catalogue, CallError> {
        {
            let mut known = self.lock();
            if known.read_at.is_none_or(|at| at.elapsed() > CATALOGUE_FOR) {
                known.catalogue = Catalogue::default();
                (known.has_preventive, known.has_exclusive, known.has_all) = (false, false, false);
                known.read_at = Some(Instant::now());
            }
        }
        let names: Vec<ControlName> = table.rows.iter().flat_map(|row| row.controls()).collect();
        let is_open = |known: &Remembered, name: &ControlName| {
            known.catalogue.named(name).is_none() && known.catalogue.is_unknown(name.as_str()).is_none()
        };
        // Names of the guide are aliases there, except those that are part of a Regional ARN.
        let by_alias =
            |name: &&ControlName| matches!(name, ControlName::Guide(name) if !guide::is_part_of_arn(name));
        let is_needed = {
            let known = self.lock();
            !known.has_preventive && names.iter().filter(by_alias).any(|name| is_open(&known, name))
        };
        if is_needed {
            let lists: Vec<Vec<Control>> = stream::iter(PREVENTIVE)
                .map(async |kind| catalog.controls(Some(kind)).await)
                .buffered(READS_AT_ONCE)
                .try_collect()
                .await?;
            let mut known = self.lock();
            lists.into_iter().flatten().for_each(|control| known.catalogue.add(control, &[]));
            known.has_preventive = true;
        }
        let is_needed = !self.lock().has_exclusive && names.len() > 1;
        if is_needed {
            let exclusive = catalog.exclusive().await?;
            let mut known = self.lock();
            exclusive.iter().for_each(|(one, other)| known.catalogue.exclude(one, other));
            known.has_exclusive = true;
        }
        // Each control of the table is described once, with its parameters.
        let mut asked: Vec<(String, String)> = Vec::new();
        {
            let known = self.lock();
            for name in &names {
                let found = known.catalogue.named(name);
                let is_described = found.is_some_and(|control| control.parameters.is_some());
                if is_described || known.catalogue.is_unknown(name.as_str()).is_some() {
                    continue;
                }
                let arn = match found {
                    Some(control) => Some(control.arn.clone()),
                    None => arn_of(name, partition, region),
                };
                asked.extend(arn.map(|arn| (arn, name.as_str().to_owned())));
            }
            asked.extend(arns.iter().map(|arn| (arn.clone(), ids::last_part(arn).to_owned())));
        }
        asked.sort();
        asked.dedup();
        self.describe(catalog, asked).await?;
        self.look_everywhere(catalog, &names).await?;
        Ok(self.lock().catalogue.clone())
    }

    async fn describe(
        &self,
        catalog: &ControlCatalog,
        asked: Vec<(String, String)>,
    ) -> Result<(), CallError> {
        let answers: Vec<(String, String, Option<Control>)> = stream::iter(asked)
            .map(async |(arn, name)| Ok::<_, CallError>((arn.clone(), name, catalog.control(&arn).await?)))
            .buffered(READS_AT_ONCE)
            .try_collect()
            .await?;
        let mut known = self.lock();
        for (arn, name, control) in answers {
            match control {
                Some(control) => known.catalogue.add(control, &[ids::last_part(&arn), &name]),
                // A name may still be an alias, which the whole catalogue tells.
                None if !known.has_all && ids::is_control_name(&name) => {}
                None => known.catalogue.lacks(&name),
            }
        }
        Ok(())
    }

    /// Reads the whole catalogue if a control was not found, which also gives the names that are near.
    async fn look_everywhere(
        &self,
        catalog: &ControlCatalog,
        names: &[ControlName],
    ) -> Result<(), CallError> {
        let missing = |known: &Remembered| {
            let is_missing = |name: &&ControlName| {
                known.catalogue.named(name).is_none() && known.catalogue.is_unknown(name.as_str()).is_none()
            };
            names.iter().filter(is_missing).cloned().collect::<Vec<_>>()
        };
        let is_complete = missing(&self.lock()).is_empty();
        if is_complete {
            return Ok(());
        }
        let is_needed = !self.lock().has_all;
        if is_needed {
            let all = catalog.controls(None).await?;
            let mut known = self.lock();
            all.into_iter().for_each(|control| known.catalogue.add(control, &[]));
            known.has_all = true;
        }
        let mut found = Vec::new();
        {
            let mut known = self.lock();
            for name in missing(&known) {
                known.catalogue.lacks(name.as_str());
            }
            for name in names {
                let control = known.catalogue.named(name);
                found.extend(
                    control
                        .filter(|control| control.parameters.is_none())
                        .map(|control| (control.arn.clone(), name.as_str().to_owned())),
                );
            }
        }
        self.describe(catalog, found).await
    }
}

/// Returns the ARN by which the catalogue is asked what a name means; `None` for an alias, which only lists tell.
pub(super) fn arn_of(name: &ControlName, partition: &str, region: &str) -> Option<String> {
    match name {
        ControlName::Global(id) => Some(format!("arn:{partition}:controlcatalog:::control/{id}")),
        ControlName::Guide(name) if !guide::is_part_of_arn(name) => None,
        ControlName::Regional(last) | ControlName::Guide(last) => {
            Some(format!("arn:{partition}:controltower:{region}::control/{last}"))
        }
    }
}
