//! The facts that a verb needs: from AWS as it is now, or from a snapshot.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use assigner_aws::{client::Tally, identity_center::IdentityCenter, organizations::Organizations};
use assigner_core::{
    assignments::{
        Table,
        access::AccountAccess,
        facts::{self, Facts},
        members::Memberships,
    },
    organization::Needs,
    selector::{OrganizationalUnit, Selection, tree::Look},
};
use assigner_engine::{
    assignments::resolve::Resolver,
    clock,
    error::Error,
    facts::{Reader, Step, Tags},
    settings::Settings,
    units,
};
use aws_config::SdkConfig;
use indicatif::ProgressBar;
use tokio::time::timeout_at;

use crate::{
    caller::Origin,
    entitlements::{self, Entitlements},
    exit::Failure,
    session::Session,
    terminal::{self, clean},
};

/// How a question begins that names what was probably meant.
const MEANT: &str = "did you mean";

/// The clients of AWS, with the settings of the function as far as the environment has them.
pub struct Aws {
    pub settings: Settings,
    pub organizations: Organizations,
    pub center: IdentityCenter,
    pub resolver: Resolver,
    pub sdk: SdkConfig,
}

impl Aws {
    /// Refuses if nothing may be written. `what` would have been done, such as "created".
    pub fn require_writes(&self, what: &str) -> Result<(), Failure> {
        match self.settings.dry_run {
            false => Ok(()),
            true => Err(Failure::wrong(
                format!("DRY_RUN is true, so nothing may be {what}"),
                "unset DRY_RUN, or use `plan`",
            )),
        }
    }
}

/// What a snapshot has.
pub struct Kept {
    pub facts: Facts,
    /// `None`: account access manager was not asked.
    pub access: Option<AccountAccess>,
    /// `None`: the members of groups were not asked for.
    pub members: Option<Memberships>,
}

impl Session {
    pub async fn aws(&self) -> Result<Aws, Failure> {
        let settings = Settings::from_environment().map_err(Failure::settings)?;
        let sdk = self.sdk().await?;
        let tally = Arc::new(Tally::default());
        let center = IdentityCenter::new(&settings.identity_center(), &sdk, tally.clone());
        Ok(Aws {
            organizations: Organizations::new(&sdk, tally),
            center: center.map_err(Error::from)?,
            resolver: Resolver::default(),
            settings,
            sdk,
        })
    }

    /// Returns what was read before, for these accounts, and what account access manager had, if it was asked.
    pub fn facts_from_snapshot(
        &self,
        path: &Path,
        selection: &Selection,
        tables: &[&Table],
    ) -> Result<(Facts, Option<AccountAccess>), Failure> {
        let Kept { facts, access, members: _ } = self.kept_in_snapshot(path, selection, tables)?;
        Ok((facts, access))
    }

    /// Does the same, and returns the members of groups if the snapshot has them.
    pub fn kept_in_snapshot(
        &self,
        path: &Path,
        selection: &Selection,
        tables: &[&Table],
    ) -> Result<Kept, Failure> {
        let snapshot = self.snapshot(path)?;
        let (access, members) = (snapshot.account_access().cloned(), snapshot.members().cloned());
        let mut facts = snapshot.facts(tables, clock::day(SystemTime::now()));
        let name = clean(&path.display().to_string());
        let beyond = selection.beyond(&facts.selection, &facts.accounts);
        if !beyond.is_empty() {
            return Err(Failure::wrong(
                format!(
                    "{name} says nothing of {}: only {} was read",
                    beyond.join(", "),
                    facts.selection.words()
                ),
                "write a snapshot of more, with `assignctl snapshot`",
            ));
        }
        let unknown = selection.unknown(&facts.accounts);
        if !unknown.is_empty() {
            let like = selection.accounts.iter().filter(|id| unknown.contains(&id.as_str()));
            let like = like.filter_map(|id| facts.account_like(id)).next();
            let like = like.map(|one| format!("{MEANT} {} ({})? ", one.id, clean(&one.name)));
            return Err(Failure::wrong(
                format!("{name} has no account {}", unknown.join(", ")),
                format!("{}correct the id, or write a new snapshot", like.unwrap_or_default()),
            ));
        }
        self.note_origin(&name, &facts.read_at);
        if !selection.is_everything() {
            somebody(selection, &facts)?;
            facts.accounts.retain(|account| selection.includes(account));
            facts.selection = selection.clone();
        } else if !facts.is_whole() {
            let only =
                format!("only {} was read, so nothing is said of any other account", facts.selection.words());
            facts.notes.push(only);
        }
        facts.notes.iter().for_each(|note| self.note(&format!("note: {}", clean(note))));
        Ok(Kept { facts, access, members })
    }

    /// Says how old a snapshot is. A plan of yesterday may be wrong today.
    pub fn note_origin(&self, name: &str, read_at: &str) {
        let age = clock::since(read_at, SystemTime::now());
        let ago = age.map_or("at an unknown moment".to_owned(), ago);
        self.note(&format!("note: {name} shows AWS as it was at {}, {ago}", clean(read_at)));
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
        let read = read.map_err(|_| Error::Late { what: "AWS", last: aws.center.tally().last_failure() })?;
        let facts = match read {
            Ok(facts) => facts,
            Err(error @ Error::AccountNotReady(_)) => {
                let mut failure = Failure::from(error);
                failure.next = self.meant(aws, selection).await + &failure.next;
                return Err(failure);
            }
            Err(error) => return Err(error.into()),
        };
        facts.notes.iter().for_each(|note| self.note(&format!("note: {}", clean(note))));
        if let Err(mut failure) = somebody(selection, &facts) {
            if !failure.next.starts_with(MEANT) {
                failure.next = self.meant(aws, selection).await + &failure.next;
            }
            return Err(failure);
        }
        Ok(facts)
    }

    /// Returns what was probably meant by an account or an OU that the organization does not have, as a question; empty
    /// if it has them all, if nothing is like them, or if it cannot be read.
    async fn meant(&self, aws: &Aws, selection: &Selection) -> String {
        let management: Vec<_> = aws.settings.management_account.iter().collect();
        let look = async {
            let accounts = aws.organizations.accounts(Needs::default(), &management).await.ok()?;
            let known: BTreeSet<_> = accounts.iter().map(|account| &account.id).collect();
            let unknown = selection.accounts.iter().filter(|id| !known.contains(id));
            let mut like = unknown.filter_map(|id| facts::account_like(&accounts, id));
            if let Some(one) = like.next() {
                return Some(format!("{} ({})", one.id, one.name));
            }
            let ous = selection.ous.iter().collect();
            let tree = units::look(&aws.organizations, &accounts, &ous).await;
            selection.ous.iter().find_map(|ou| match tree.look(ou) {
                Look::Absent { near } => near,
                _ => None,
            })
        };
        let like = timeout_at(self.until, look).await.ok().flatten();
        like.map(|like| format!("{MEANT} {}? ", clean(&like))).unwrap_or_default()
    }

    /// Returns the facts, from the file if there is one, else from AWS, and whose they are.
    pub async fn facts(
        &self,
        file: Option<&Path>,
        selection: &Selection,
        tables: &[&Table],
        tags: Tags,
    ) -> Result<(Facts, Origin), Failure> {
        match file {
            Some(path) => {
                let (facts, access) = self.facts_from_snapshot(path, selection, tables)?;
                let origin = Origin::offline(&facts, access.as_ref());
                Ok((facts, origin))
            }
            None => self.facts_for_a_plan(&self.aws().await?, selection, tables, tags).await,
        }
    }

    /// Returns what AWS reports now, and who asked for it.
    pub async fn facts_for_a_plan(
        &self,
        aws: &Aws,
        selection: &Selection,
        tables: &[&Table],
        tags: Tags,
    ) -> Result<(Facts, Origin), Failure> {
        let facts = self.facts_from_aws(aws, selection, tables, tags);
        let origin = async { Ok(self.origin(aws).await) };
        let (facts, (mut origin, access)) = tokio::try_join!(facts, origin)?;
        origin.account_access = Entitlements::named(&access, &facts);
        Ok((facts, origin))
    }

    /// Returns what account access manager has, or why that is not known.
    pub async fn account_access(&self, aws: &Aws) -> AccountAccess {
        let listed = timeout_at(self.until, entitlements::list(&aws.sdk, aws.center.region())).await;
        let unread = |unread: String| AccountAccess::Unread { unread };
        listed.map_or_else(
            |_| unread("no answer in time".to_owned()),
            |listed| listed.unwrap_or_else(|error| unread(error.to_string())),
        )
    }

    /// Returns who asks, and what account access manager has.
    async fn origin(&self, aws: &Aws) -> (Origin, AccountAccess) {
        let management = async {
            match &aws.settings.management_account {
                Some(id) => Some(id.to_string()),
                None => {
                    let asked = timeout_at(self.until, aws.organizations.management_account()).await;
                    asked.ok().and_then(Result::ok)
                }
            }
        };
        let region = aws.center.region();
        let (identity, management_account, access) =
            tokio::join!(self.identity(&aws.sdk), management, self.account_access(aws));
        let account_access = Entitlements::Unread { unread: "not asked yet".to_owned() };
        (Origin { identity, management_account, region, account_access }, access)
    }
}

/// Refuses OUs without any account: such a name is usually misspelt. The facts may be those of other accounts too.
fn somebody(selection: &Selection, facts: &Facts) -> Result<(), Failure> {
    if selection.is_everything() || facts.accounts.iter().any(|account| selection.includes(account)) {
        return Ok(());
    }
    let ous: Vec<String> = selection.ous.iter().map(OrganizationalUnit::to_string).collect();
    let like = ous.iter().find_map(|ou| facts.unit_like(ou));
    let like = like.map(|like| format!("{MEANT} {}? ", clean(&like))).unwrap_or_default();
    Err(Failure::wrong(
        format!("no active account is in {} or below it", clean(&ous.join(" or "))),
        format!("{like}give the path of names from the root down, such as Workloads/Prod, or the OU's id"),
    ))
}

/// Returns words such as "3 days ago".
fn ago(age: Duration) -> String {
    let minutes = age.as_secs() / 60;
    let (count, what) = match minutes {
        0 => return "less than a minute ago".to_owned(),
        1..60 => (minutes, "minute"),
        60..2_880 => (minutes / 60, "hour"),
        _ => (minutes / 1_440, "day"),
    };
    format!("{count} {what}{} ago", if count == 1 { "" } else { "s" })
}

pub fn watch(bar: &ProgressBar, step: Step) {
    let counted = |read: usize, all: usize, what: &str| {
        if bar.length() != Some(all as u64) {
            bar.set_style(terminal::bar_style("{spinner} {msg} {bar:30} {pos} of {len}, {eta} left"));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_said_in_the_unit_that_fits() {
        let cases = [
            (59, "less than a minute ago"),
            (60, "1 minute ago"),
            (3_599, "59 minutes ago"),
            (3_600, "1 hour ago"),
            (47 * 3_600, "47 hours ago"),
            (48 * 3_600, "2 days ago"),
            (400 * 86_400, "400 days ago"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(ago(Duration::from_secs(seconds)), expected);
        }
    }
}
