//! Gives a newly vended AWS account its IAM Identity Center account assignments: the function's shell.
//!
//! Every trigger means the same: *make account X have the assignments that the table says*. It reads what is true,
//! creates only what is missing, and reports what it saw. So it is safe to run twice, late, or at the same time as
//! another. `assigner_core` has the map of the house.

pub mod log;
pub mod metrics;
pub mod words;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use assigner_aws::{client::Tally, identity_center::IdentityCenter, organizations::Organizations};
use assigner_core::{
    assignments::{
        Row, Table,
        plan::{self, Plan},
        report::{self, Report},
        survey::{self, Survey},
        unexplained::{After, Count, Counts},
    },
    event::{self, Ensure, Request},
    ids::AccountId,
    organization::Account,
    selector::{OrganizationalUnit, Selection, tree::Tree},
    work::Manners,
};
use assigner_engine::{
    assignments::{create::Limits, ensure, resolve::Resolver, unexplained},
    clock,
    error::Error,
    facts::{Reader, Slice},
    settings::Settings,
    source::Source,
    units,
};
use aws_config::SdkConfig;
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::metrics::Figures;

/// The table that is compiled in; a test keeps it sound. In the repository it is empty, and refused.
const EMBEDDED: &[u8] = include_bytes!("../assignments.json");

/// The function: settings, clients and what is remembered between warm invocations.
#[derive(Debug)]
pub struct Function {
    settings: Settings,
    source: Source,
    organizations: Organizations,
    identity_center: IdentityCenter,
    resolver: Resolver,
    tally: Arc<Tally>,
}

/// What the function answers.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    Account(Report),
    Organization(Survey),
    Unexplained(Count),
}

/// What came of an event, and the figures of the invocation.
#[derive(Debug)]
pub struct Handled {
    pub answer: Result<Answer, Error>,
    pub figures: Figures,
}

impl Function {
    /// # Errors
    /// [`Error::InvalidConfig`] if no Region is set.
    pub fn new(settings: Settings, sdk: &SdkConfig) -> Result<Function, Error> {
        let tally = Arc::new(Tally::default());
        Ok(Function {
            source: Source::new(settings.table.clone(), EMBEDDED, sdk, tally.clone()),
            organizations: Organizations::new(sdk, tally.clone()),
            identity_center: IdentityCenter::new(&settings.identity_center(), sdk, tally.clone())?,
            resolver: Resolver::default(),
            tally,
            settings,
        })
    }

    /// Does what the payload asks for, and ends before `deadline`. Every answer other than success for all grants is an
    /// error; see [`Error`].
    pub async fn handle(&self, payload: &Value, deadline: Instant) -> Handled {
        let (retries, throttles) = (self.tally.retries(), self.tally.throttles());
        self.tally.forget_failure();
        let mut figures = Figures::default();
        // Boxed: the combined future is too large for the compiler to lay out.
        let answer = Box::pin(self.answer(payload, deadline, &mut figures)).await;
        figures.retries = self.tally.retries() - retries;
        figures.throttles = self.tally.throttles() - throttles;
        Handled { answer, figures }
    }

    async fn answer(
        &self,
        payload: &Value,
        deadline: Instant,
        figures: &mut Figures,
    ) -> Result<Answer, Error> {
        let started = Instant::now();
        let until = deadline - margin(deadline.saturating_duration_since(started));
        match event::parse(payload).map_err(Error::InvalidEvent)? {
            Request::Ignore { reason, failed_vending } => {
                figures.failed_vendings = u64::from(failed_vending);
                Ok(Answer::Account(Report::ignored(reason, None, started.elapsed())))
            }
            Request::Ensure(request) => {
                let (vended_at, asked) = (request.vended_at, request.dry_run);
                let report = self.ensure(request, started, until).await?;
                figures.read(&report, vended_at.map(SystemTime::from), SystemTime::now());
                if self.settings.dry_run && !asked {
                    figures.held_back = report.counts.planned as u64;
                }
                report.judge().map(Answer::Account).map_err(Error::AssignmentsIncomplete)
            }
            Request::Survey { below, after } => {
                // A slice ends a little before the deadline, so that what it has read is answered.
                let slice = Slice { after, until: until - margin(until.saturating_duration_since(started)) };
                let survey = timeout_at(until, self.survey(below, &slice)).await;
                let survey = survey.map_err(|_| self.late("the whole organization"))?;
                let seconds = report::seconds(started.elapsed());
                Ok(Answer::Organization(Survey { seconds, ..survey? }))
            }
            Request::Unexplained { after, before } => {
                let count = timeout_at(until, self.unexplained(after, before, until)).await;
                let count = count.map_err(|_| self.late("what no row explains"))??;
                figures.count(&count);
                let seconds = report::seconds(started.elapsed());
                Ok(Answer::Unexplained(Count { seconds, ..count }))
            }
        }
    }

    async fn survey(&self, below: Option<String>, slice: &Slice) -> Result<Survey, Error> {
        self.read_much();
        let table: Table = self.source.load_to_act().await?;
        let management: Vec<_> = self.settings.management_account.iter().collect();
        let selection =
            Selection { accounts: Vec::new(), ous: below.map(OrganizationalUnit::Id).into_iter().collect() };
        let (facts, next) = self.reader(&management, &selection, &[&table]).wanted(slice).await?;
        // An OU without accounts is fine; one that does not exist would look just as complete.
        if let (true, [OrganizationalUnit::Id(unit)]) = (facts.accounts.is_empty(), &selection.ous[..])
            && !self.organizations.has_unit(unit).await?
        {
            return Err(Error::InvalidConfig(vec![format!(
                "the organization has no OU {unit}; correct the id"
            )]));
        }
        Ok(Survey { next, ..survey::survey(&table, &facts, fastrand::usize(..)) })
    }

    /// Reading shows nobody else at work, and it lasts. What yields leaves a part of its requests to them.
    fn read_much(&self) {
        self.identity_center.share_requests(match self.settings.manners {
            Manners::GoesFirst => 1.0,
            Manners::Yields => 0.6,
        });
    }

    fn reader<'a>(
        &'a self,
        management: &'a [&'a AccountId],
        selection: &'a Selection,
        tables: &'a [&'a Table],
    ) -> Reader<'a> {
        Reader {
            organizations: &self.organizations,
            center: &self.identity_center,
            resolver: &self.resolver,
            management,
            selection,
            tables,
            watch: &|_| {},
        }
    }

    async fn unexplained(
        &self,
        after: Option<After>,
        before: Counts,
        until: Instant,
    ) -> Result<Count, Error> {
        self.read_much();
        let table: Table = self.source.load_to_act().await?;
        let management: Vec<_> = self.settings.management_account.iter().collect();
        let (everything, tables) = (Selection::default(), [&table]);
        let reader = self.reader(&management, &everything, &tables);
        unexplained::count(&reader, &table, after, before, until).await
    }

    async fn ensure(&self, request: Ensure, started: Instant, until: Instant) -> Result<Report, Error> {
        self.identity_center.begin();
        let share = self.settings.account_time.map(|time| started + time).filter(|share| *share < until);
        let until = share.unwrap_or(until);
        let table = timeout_at(until, self.source.load_to_act::<Row>()).await;
        let table = table.map_err(|_| self.late("the config table"))??;
        let late = |what| {
            let late = self.late(what);
            // It says nothing of the other accounts, and trying it again at once would cost another share.
            if share.is_some() && self.identity_center.instance_arn().is_some() {
                let account = &request.account;
                return Error::AccountNotReady(format!(
                    "account {account} has used up ACCOUNT_SECONDS: {late}"
                ));
            }
            late
        };
        let facts = timeout_at(until, self.facts(&request, &table)).await;
        let account = facts.map_err(|_| late("the account and the instance"))??;
        if let Some(place) = &request.place
            && account.may_receive()
            && account.unread.is_none()
            && place.is_awaited(&account.parents, SystemTime::now().into())
        {
            return Err(Error::AccountNotReady(format!(
                "account {} was put into {}, and AWS Organizations does not show it there yet",
                account.id, place.id
            )));
        }
        let tree = timeout_at(until, self.units(&table, &account)).await;
        let tree = tree.map_err(|_| late("the OUs that the table names"))?;
        match plan::plan(&table, &account, &tree, clock::day(SystemTime::now())) {
            Plan::Ignore(reason) => Ok(Report::ignored(reason, Some(&account), started.elapsed())),
            Plan::Wait(reason) => Err(Error::AccountNotReady(reason)),
            Plan::Ensure(grants) => {
                let dry_run = request.dry_run || self.settings.dry_run;
                let Settings { max_outstanding, manners, .. } = self.settings;
                let limits = Limits { max_outstanding, manners, until };
                let (center, resolver) = (&self.identity_center, &self.resolver);
                let settled = ensure::ensure(center, resolver, &account.id, grants, dry_run, limits).await;
                Ok(Report::of_grants(&account, settled, dry_run, started.elapsed(), words::remedy))
            }
        }
    }

    /// Looks for the OUs that keep this account in a row only because it is not in them.
    async fn units(&self, table: &Table, account: &Account) -> Tree {
        let today = clock::day(SystemTime::now());
        let units =
            if account.may_receive() { plan::relied_on(table, account, today) } else { Default::default() };
        units::look(&self.organizations, std::slice::from_ref(account), &units).await
    }

    fn late(&self, what: &'static str) -> Error {
        Error::Late { what, last: self.tally.last_failure() }
    }

    async fn facts(&self, request: &Ensure, table: &Table) -> Result<Account, Error> {
        let management: Vec<_> =
            [&self.settings.management_account, &request.management].into_iter().flatten().collect();
        let account = async {
            let found = self.organizations.account(&request.account, table.needs(), &management).await?;
            found.ok_or_else(|| Error::not_in_the_organization(&[request.account.as_str()]))
        };
        let instance = async { Ok(self.identity_center.find_instance().await?) };
        tokio::try_join!(account, instance).map(|(account, ())| account)
    }
}

/// Returns the time reserved for writing the report: a tenth of the time there is, two seconds at most.
fn margin(time: Duration) -> Duration {
    (time / 10).min(Duration::from_secs(2))
}

#[cfg(test)]
mod tests {
    use assigner_core::table;

    use super::*;

    #[test]
    fn the_embedded_table_is_sound() {
        let _: Table = table::parse(EMBEDDED).unwrap_or_else(|faults| panic!("{faults:#?}"));
    }
}
