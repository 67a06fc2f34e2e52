//! The facts that a verb needs: from AWS as it is now, or from a snapshot.

use std::{path::Path, sync::Arc};

use assigner_aws::{
    client::{self, Tally},
    identity_center::IdentityCenter,
    organizations::Organizations,
};
use assigner_core::{
    assignments::{Table, facts::Facts},
    selector::{OrganizationalUnit, Selection},
};
use assigner_engine::{
    assignments::resolve::Resolver,
    error::Error,
    facts::{Reader, Step, Tags},
    sdk,
    settings::Settings,
};
use indicatif::ProgressBar;

use crate::{
    exit::Failure,
    session::{ATTEMPTS, Session},
    terminal,
};

/// The clients of AWS, with the settings of the function as far as the environment has them.
pub struct Aws {
    pub settings: Settings,
    pub organizations: Organizations,
    pub center: IdentityCenter,
    pub resolver: Resolver,
}

impl Session {
    pub async fn aws(&self) -> Result<Aws, Failure> {
        let settings = Settings::from_environment().map_err(Error::InvalidConfig)?;
        let sdk = sdk::load(&settings.network, client::attempts(ATTEMPTS)).await?;
        let tally = Arc::new(Tally::default());
        let center = IdentityCenter::new(&settings.identity_center(), &sdk, tally.clone());
        Ok(Aws {
            organizations: Organizations::new(&sdk, tally),
            center: center.map_err(Error::from)?,
            resolver: Resolver::default(),
            settings,
        })
    }

    /// Returns what was read before, for these accounts.
    pub fn facts_from_snapshot(
        &self,
        path: &Path,
        selection: &Selection,
        tables: &[&Table],
    ) -> Result<Facts, Failure> {
        let mut facts = self.snapshot(path)?.facts(tables);
        let unknown = selection.unknown(&facts.accounts);
        if !unknown.is_empty() {
            return Err(Failure::wrong(
                format!("{} has no account {}", path.display(), unknown.join(", ")),
                "correct the id, or write a new snapshot",
            ));
        }
        facts.accounts.retain(|account| selection.includes(account));
        somebody(selection, &facts)?;
        Ok(facts)
    }

    /// Returns what AWS reports now of these accounts.
    pub async fn facts_from_aws(
        &self,
        aws: &Aws,
        selection: &Selection,
        tables: &[&Table],
        tags: Tags,
    ) -> Result<Facts, Failure> {
        let bar = self.spinner();
        let management: Vec<_> = aws.settings.management_account.iter().collect();
        let watch = |step| watch(&bar, step);
        let reader = Reader {
            organizations: &aws.organizations,
            center: &aws.center,
            resolver: &aws.resolver,
            management: &management,
            selection,
            tables,
            watch: &watch,
        };
        let read = tokio::time::timeout_at(self.until, reader.everything(tags)).await;
        bar.finish_and_clear();
        let facts =
            read.map_err(|_| Error::Late { what: "AWS", last: aws.center.tally().last_failure() })??;
        facts.notes.iter().for_each(|note| self.note(&format!("note: {note}")));
        somebody(selection, &facts)?;
        Ok(facts)
    }

    /// Returns the facts, from the file if there is one, else from AWS.
    pub async fn facts(
        &self,
        file: Option<&Path>,
        selection: &Selection,
        tables: &[&Table],
    ) -> Result<Facts, Failure> {
        match file {
            Some(path) => self.facts_from_snapshot(path, selection, tables),
            None => self.facts_from_aws(&self.aws().await?, selection, tables, Tags::ThatDecide).await,
        }
    }
}

/// Refuses OUs without any account: such a name is usually misspelt.
fn somebody(selection: &Selection, facts: &Facts) -> Result<(), Failure> {
    if !facts.accounts.is_empty() || selection.is_everything() {
        return Ok(());
    }
    let ous: Vec<String> = selection.ous.iter().map(OrganizationalUnit::to_string).collect();
    Err(Failure::wrong(
        format!("no active account is in {} or below it", ous.join(" or ")),
        "give the path of names from the root down, such as Workloads/Prod, or the OU's id",
    ))
}

fn watch(bar: &ProgressBar, step: Step) {
    let counted = |read: usize, all: usize, what: &str| {
        if bar.length() != Some(all as u64) {
            bar.set_style(terminal::style("{spinner} {msg} {bar:30} {pos} of {len}, {eta} left"));
            bar.set_length(all as u64);
        }
        bar.set_message(format!("Reading {what}"));
        bar.set_position(read as u64);
    };
    match step {
        Step::Names => bar.set_message("Reading names of permission sets, groups and users"),
        Step::Accounts => bar.set_message("Reading names and accounts"),
        Step::Tags { read, all } => counted(read, all, "tags of accounts"),
        Step::Assignments { read, all } => counted(read, all, "assignments"),
    }
}
