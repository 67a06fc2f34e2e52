//! `assignctl doctor`: can this identity, in this Region, do the job, and is the deployed function well? Reads only,
//! and never calls a write to see whether it is allowed.
//!
//! It goes on after a check that failed. What could not be found out is `unknown`, with the reason, and never `ok`.

mod actions;
mod check;
mod deployment;
mod identity;
mod names;
mod settings;
mod simulation;

use std::{fmt::Write, process::ExitCode, sync::Arc, time::Duration};

use account_assigner::{
    aws::{self, Tally},
    identity_center::IdentityCenter,
    names::Names,
    organization::Organization,
    table::Table,
};
use aws_config::SdkConfig;
use indicatif::{ProgressBar, ProgressDrawTarget};
use serde::Serialize;

use crate::{
    arguments,
    doctor::{
        check::{Check, Group, Status},
        identity::Caller,
    },
    failure::{ERROR, FAINT, Failure, GOOD, MISSING, STRONG, WARNING},
    session::Session,
    show::{clean, plural},
};

/// Attempts at one call: a person waits, and what does not answer is told.
const ATTEMPTS: u32 = 3;

pub async fn run(session: &Session, arguments: arguments::Doctor) -> Result<ExitCode, Failure> {
    let bar = ProgressBar::new_spinner();
    if session.json {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar.set_message("Looking");
    let mut checks = examine(session, &arguments).await;
    bar.finish_and_clear();
    checks.sort_by_key(|check| check.group);
    let report = Report::new(checks);
    if session.json {
        session.print_json(&report);
    } else {
        session.print(&report.to_text());
    }
    Ok(if report.counts.failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(MISSING) })
}

/// The clients, and what is known when the first checks are done.
struct Patient<'a> {
    session: &'a Session,
    sdk: SdkConfig,
    organization: Organization,
    center: IdentityCenter,
    names: Names,
    table: Option<Table>,
    caller: Option<Caller>,
    management: Option<String>,
}

async fn examine(session: &Session, arguments: &arguments::Doctor) -> Vec<Check> {
    let (settings, config) = identity::settings();
    let sdk = aws::load(aws::attempts(ATTEMPTS)).await;
    let region = identity::region(&sdk, config.as_ref());
    let ((sound, table, scan), (credentials, caller)) =
        tokio::join!(names::table(session), identity::caller(session, &sdk));
    let first = [settings, region, credentials];
    let tally = Arc::new(Tally::default());
    let center = config.as_ref().map(|config| IdentityCenter::new(config, &sdk, tally.clone()));
    let missing = first.iter().find(|check| check.status == Status::Failed);
    let missing = missing.map(|check| check.title.clone());
    let mut checks: Vec<Check> = first.into_iter().chain([sound]).chain(scan).collect();
    let (Some(config), Some(Ok(center)), None) = (config, center, &missing) else {
        checks.extend(without(missing.as_deref().unwrap_or("Region"), arguments));
        return checks;
    };
    let organization = Organization::new(&sdk, tally);
    let names = Names::default();
    let management = config.management_account.as_ref().map(ToString::to_string);
    let mut patient = Patient { session, sdk, organization, center, names, table, caller, management };
    let ((whole, management), (instance, found), stack) = tokio::join!(
        identity::organization(&patient),
        identity::instance(&patient),
        deployment::look(&patient, &arguments.stack),
    );
    patient.management = management;
    let (administrator, is) = identity::administrator(&patient).await;
    let (called, samples) = actions::call(&patient, found).await;
    let ((named, sets), simulated) = tokio::join!(
        names::resolve(&patient, found),
        simulation::simulate(&patient, arguments.role.as_deref(), &samples),
    );
    let pinned = names::pinned(&patient, sets, is).await;
    checks.extend([whole, administrator, instance, named, pinned]);
    checks.extend(called);
    checks.extend(simulated);
    checks.extend(deployment::judge(&patient, stack));
    checks
}

/// All that cannot be looked at without a Region and credentials.
fn without(missing: &str, arguments: &arguments::Doctor) -> Vec<Check> {
    let topics = identity::topics()
        .into_iter()
        .chain(names::topics())
        .chain(actions::topics())
        .chain(simulation::topics(arguments.role.as_deref()))
        .chain(deployment::topics(&arguments.stack));
    topics.map(|topic| topic.depends_on(missing)).collect()
}

#[derive(Serialize)]
struct Report {
    outcome: Status,
    counts: Counts,
    checks: Vec<Check>,
}

#[derive(Default, Serialize)]
struct Counts {
    ok: usize,
    warning: usize,
    failed: usize,
    unknown: usize,
}

impl Report {
    fn new(checks: Vec<Check>) -> Report {
        let count = |status| checks.iter().filter(|check| check.status == status).count();
        let counts = Counts {
            ok: count(Status::Ok),
            warning: count(Status::Warning),
            failed: count(Status::Failed),
            unknown: count(Status::Unknown),
        };
        let outcome = checks.iter().map(|check| check.status).max().unwrap_or(Status::Unknown);
        Report { outcome, counts, checks }
    }

    fn to_text(&self) -> String {
        let mut text = String::new();
        let mut group = None;
        for check in &self.checks {
            if group != Some(check.group) {
                let before = if group.is_some() { "\n" } else { "" };
                let name = match check.group {
                    Group::Identity => "Identity",
                    Group::Table => "Table",
                    Group::Actions => "Actions",
                    Group::Deployment => "Deployment",
                };
                let _ = writeln!(text, "{before}{STRONG}{name}{STRONG:#}");
                group = Some(check.group);
            }
            let (word, style) = match check.status {
                Status::Ok => ("ok", GOOD),
                Status::Warning => ("warning", WARNING),
                Status::Failed => ("failed", ERROR),
                Status::Unknown => ("unknown", WARNING),
            };
            let (title, detail) = (clean(&check.title), indented(&check.detail));
            let _ = write!(text, "  {style}{word:7}{style:#}  {title}");
            let _ = match detail.is_empty() {
                true => writeln!(text),
                false => writeln!(text, ": {detail}"),
            };
            if let Some(remedy) = &check.remedy {
                let _ = writeln!(text, "           {FAINT}remedy:{FAINT:#} {}", indented(remedy));
            }
        }
        let Counts { ok, warning, failed, unknown } = self.counts;
        let of = |count: usize, what: &str| (count > 0).then(|| format!("{count} {what}"));
        let told: Vec<String> =
            [of(ok, "ok"), of(warning, "warning"), of(failed, "failed"), of(unknown, "unknown")]
                .into_iter()
                .flatten()
                .collect();
        text + &format!("\n{}: {}\n", plural(self.checks.len(), "check"), told.join(", "))
    }
}

fn indented(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n             ")
}
