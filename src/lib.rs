//! Gives a newly vended AWS account its IAM Identity Center account assignments.
//!
//! Every trigger means the same: *make account X have the assignments that the table says*. It is safe to run
//! twice, late, or at the same time as another, because it reads what is true, creates only what is missing, and
//! reports what it saw.
//!
//! ```text
//! payload ─► event ─┬► source ─► organization ─► plan ─► ensure (names ─► apply) ─► report
//!            (pure) │  (table)   (facts)        (pure)  (ids)   (create and poll)  (result or failure)
//!                   └► source ─► survey (organization, names, assignments ─► compare) ─► accounts that lack something
//!
//! assignctl ─► source ─► snapshot (organization, names, assignments) ─► compare ─► what it shows; apply
//! ```
//!
//! Arrows point down only. [`Function`], and the operator's command `assignctl`, call the effects: [`source`],
//! [`organization`], [`ensure`], [`survey`], `snapshot`, and below these [`names`], [`assignments`], [`apply`] and
//! [`identity_center`]. All use the pure part, [`event`], [`table`], [`plan`], [`directory`], [`compare`], [`report`],
//! [`failure`] and [`ids`], which has no async, clock, environment or SDK. SDK types stay in [`aws`], [`source`],
//! [`organization`] and [`identity_center`].
//!
//! What only the command needs is behind the feature `assignctl`, so that the function neither compiles nor carries it.
//!
//! What it never does: delete an assignment, touch the management account, take an account's place or name from
//! an event, say `ready` while something is missing, or run past its deadline.

#![forbid(unsafe_code)]

pub mod apply;
pub mod assignments;
pub mod aws;
pub mod compare;
pub mod config;
pub mod directory;
pub mod ensure;
pub mod error;
pub mod event;
pub mod failure;
pub mod identity_center;
pub mod ids;
pub mod metrics;
pub mod names;
pub mod organization;
pub mod pace;
pub mod plan;
pub mod report;
#[cfg(feature = "assignctl")]
pub mod snapshot;
pub mod source;
pub mod survey;
pub mod table;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_config::SdkConfig;
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::{
    apply::Limits,
    aws::Tally,
    config::Config,
    error::Error,
    event::{Ensure, Request},
    identity_center::IdentityCenter,
    metrics::Figures,
    names::Names,
    organization::Organization,
    plan::{Account, Plan},
    report::Report,
    source::Source,
    survey::Survey,
};

/// The function: settings, clients and what is remembered between warm invocations.
#[derive(Debug)]
pub struct Function {
    config: Config,
    source: Source,
    organization: Organization,
    identity_center: IdentityCenter,
    names: Names,
    tally: Arc<Tally>,
}

/// What the function answers.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    Account(Report),
    Organization(Survey),
}

/// What came of an event, and the figures of the invocation.
#[derive(Debug)]
pub struct Handled {
    pub answer: Result<Answer, Error>,
    pub figures: Figures,
}

impl Function {
    /// # Errors
    /// [`Error::InvalidConfig`] where no Region is set.
    pub fn new(config: Config, sdk: &SdkConfig) -> Result<Function, Error> {
        let tally = Arc::new(Tally::default());
        Ok(Function {
            source: Source::new(config.table.clone(), sdk, tally.clone()),
            organization: Organization::new(sdk, tally.clone()),
            identity_center: IdentityCenter::new(&config, sdk, tally.clone())?,
            names: Names::default(),
            tally,
            config,
        })
    }

    /// Does what the payload asks for, and ends before `deadline`. Every answer but a success of all grants is an
    /// error; see [`Error`].
    pub async fn handle(&self, payload: &Value, deadline: Instant) -> Handled {
        let (retries, throttles) = (self.tally.retries(), self.tally.throttles());
        let mut figures = Figures::default();
        // Boxed, because the layout of one future of everything is more than the compiler wants to work out.
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
                let vended_at = request.vended_at;
                let report = self.ensure(request, started, until).await?;
                figures.read(&report, vended_at.map(SystemTime::from), SystemTime::now());
                report.judge().map(Answer::Account).map_err(Error::AssignmentsIncomplete)
            }
            Request::Survey { below } => {
                let survey =
                    timeout_at(until, self.survey(below.as_deref())).await.map_err(|_| late("the survey"))?;
                let seconds = report::seconds(started.elapsed());
                Ok(Answer::Organization(Survey { seconds, ..survey? }))
            }
        }
    }

    async fn survey(&self, below: Option<&str>) -> Result<Survey, Error> {
        let table = self.source.load().await?;
        let management: Vec<_> = self.config.management_account.iter().collect();
        survey::survey(&self.organization, &self.identity_center, &self.names, &table, below, &management)
            .await
    }

    async fn ensure(&self, request: Ensure, started: Instant, until: Instant) -> Result<Report, Error> {
        let table = timeout_at(until, self.source.load()).await.map_err(|_| late("the config table"))??;
        let facts = timeout_at(until, self.facts(&request, &table)).await;
        let account = facts.map_err(|_| late("the account and the instance"))??;
        match plan::plan(&table, &account) {
            Plan::Ignore(reason) => Ok(Report::ignored(reason, Some(&account), started.elapsed())),
            Plan::Wait(reason) => Err(Error::AccountNotReady(reason)),
            Plan::Ensure(grants) => {
                let dry_run = request.dry_run || self.config.dry_run;
                let limits = Limits { max_outstanding: self.config.max_outstanding, until };
                let (center, names) = (&self.identity_center, &self.names);
                let settled = ensure::ensure(center, names, &account.id, grants, dry_run, limits).await;
                Ok(Report::of_grants(&account, settled, dry_run, started.elapsed()))
            }
        }
    }

    async fn facts(&self, request: &Ensure, table: &table::Table) -> Result<Account, Error> {
        let management: Vec<_> =
            [&self.config.management_account, &request.management].into_iter().flatten().collect();
        let account = self.organization.account(&request.account, table.needs(), &management);
        tokio::try_join!(account, self.identity_center.find_instance()).map(|(account, ())| account)
    }
}

fn late(what: &str) -> Error {
    Error::ServiceUnavailable(format!("the time ran out while {what} was read; AWS was slow or throttled"))
}

/// What is kept back for the report: a tenth of the time there is, two seconds at most.
fn margin(time: Duration) -> Duration {
    (time / 10).min(Duration::from_secs(2))
}
