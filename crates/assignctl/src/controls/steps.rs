//! The function's steps, taken from a terminal: the same keeper, settings and report.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use assigner_core::{
    controls::{
        Table,
        picture::Picture,
        plan::Rules,
        report::{Mode, Report},
        tree::Tree,
    },
    selector::OrganizationalUnit,
};
use assigner_engine::{
    clock,
    controls::keep::{Asked, Keeper},
    settings::ControlSettings,
};
use aws_config::SdkConfig;
use tokio::time::Instant;

use crate::{exit::Failure, session::Session, terminal::clean};

/// What one step may take at most: as long as the function's.
const LONGEST_STEP: Duration = Duration::from_secs(300);

/// What is done about an operation that failed a short while ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// A person wants it to be tried again now.
    Again,
    /// It stands as failed: what fails again in this run is not sent for ever.
    Stands,
}

/// Returns the ids of these OUs.
///
/// # Errors
/// If one does not exist.
pub fn ids(tree: &Tree, units: &[OrganizationalUnit]) -> Result<Vec<String>, Failure> {
    let id = |unit: &OrganizationalUnit| tree.find(unit).map(|place| tree.units()[place].id.clone());
    let missing: Vec<&OrganizationalUnit> = units.iter().filter(|unit| id(unit).is_none()).collect();
    if missing.is_empty() {
        return Ok(units.iter().filter_map(id).collect());
    }
    let like = missing.iter().find_map(|unit| tree.like(unit));
    let like = like.map(|path| format!("did you mean {}? ", clean(&path))).unwrap_or_default();
    let missing: Vec<String> = missing.into_iter().map(|unit| clean(&unit.to_string())).collect();
    Err(Failure::wrong(
        format!("the organization has no OU {}", missing.join(", ")),
        format!(
            "{like}give the path of names from the root, such as Workloads/Prod, or the id of an OU; the root is none"
        ),
    ))
}

pub struct Steps<'s> {
    session: &'s Session,
    keeper: Keeper,
    pub sdk: SdkConfig,
    pub settings: ControlSettings,
    table: Table,
    /// Ids of the OUs that were asked for, each with every OU below it; empty for all.
    ous: Vec<String>,
}

impl<'s> Steps<'s> {
    /// # Errors
    /// If the table is bad, the settings are, or an OU does not exist.
    pub async fn of(session: &'s Session, units: &[OrganizationalUnit]) -> Result<Steps<'s>, Failure> {
        let table = super::table(session).await?;
        let settings = ControlSettings::from_environment().map_err(Failure::settings)?;
        let sdk = session.sdk().await?;
        let keeper = Keeper::new(&sdk, Arc::default())?;
        let ous = match units {
            [] => Vec::new(),
            units => ids(&keeper.tree().await?, units)?,
        };
        Ok(Steps { session, keeper, sdk, settings, table, ous })
    }

    pub fn table(&self) -> &Table {
        &self.table
    }

    pub fn into_table(self) -> Table {
        self.table
    }

    /// Returns the ids of the OUs that were asked for, each with every OU below it; empty for all.
    pub fn ous(&self) -> &[String] {
        &self.ous
    }

    /// Returns how a plan is made.
    pub fn rules(&self, mode: Mode) -> Rules {
        self.settings.limits.rules(mode)
    }

    /// Returns everything that a decision about the table rests on, and about `others`, each with its location. Sends
    /// nothing.
    pub async fn picture(&self, mode: Mode, others: &[(&Table, &str)]) -> Result<Picture, Failure> {
        let location = self.session.table.to_string();
        let tables: Vec<(&Table, &str)> =
            [(&self.table, location.as_str())].into_iter().chain(others.iter().copied()).collect();
        let now = clock::moment(SystemTime::now());
        let spinner = self.session.spinner();
        let picture = self.keeper.picture(&tables, self.rules(mode), now, self.session.until).await;
        spinner.finish_and_clear();
        let picture = picture?;
        match self.ous.iter().find(|id| picture.tree.place(id).is_none()) {
            None => Ok(picture),
            Some(gone) => Err(Failure::wrong(
                format!("the OU {} was closed while its controls were read", clean(gone)),
                "name OUs that exist, and run it again",
            )),
        }
    }

    /// Takes one step. Only [`Mode::Write`] sends anything. `failed`: what to do about operations that failed within the
    /// last hour.
    pub async fn take(&self, mode: Mode, failed: Failed) -> Result<Report, Failure> {
        let mut limits = self.settings.limits;
        limits.retry_now = failed == Failed::Again;
        let asked = Asked {
            ous: &self.ous,
            mode,
            limits,
            now: clock::moment(SystemTime::now()),
            until: self.session.until.min(Instant::now() + LONGEST_STEP),
        };
        let spinner = self.session.spinner();
        let report = self.keeper.step(&self.table, &self.session.table.to_string(), asked).await;
        spinner.finish_and_clear();
        Ok(report?)
    }
}
