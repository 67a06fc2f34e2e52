//! `assignctl doctor`: can this identity, in this Region, do the job, and is the deployed function sound? It only
//! reads, and never calls a write to see whether it is allowed.
//!
//! A failed check does not stop the others. What could not be found out is `unknown`, with the reason, and never `ok`.

mod actions;
mod alarms;
mod check;
mod compared;
mod controls;
mod deployment;
mod executions;
mod identity;
mod keeper_role;
mod keys;
mod log_bucket;
mod names;
mod resources;
mod settings;
mod signed;
mod simulation;

use std::{fmt::Write, sync::Arc};

use assigner_aws::{
    client::{self, Tally},
    identity_center::IdentityCenter,
    organizations::Organizations,
};
use assigner_core::assignments::Table;
use assigner_engine::assignments::resolve::Resolver;
use aws_config::SdkConfig;
use serde::Serialize;

use self::{
    check::{Check, Group, Status},
    identity::Caller,
};
use crate::{
    arguments,
    exit::{Exit, Failure},
    session::Session,
    terminal::{ERROR, FAINT, GOOD, STRONG, WARNING, clean, counted, plural},
};

/// Attempts at one call: a person waits, and what does not answer is reported.
const ATTEMPTS: u32 = 3;

pub async fn run(session: &Session, arguments: arguments::Doctor) -> Result<Exit, Failure> {
    let bar = session.spinner();
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
    let CheckCounts { failed, unknown, .. } = report.counts;
    let good = failed == 0 && (unknown == 0 || arguments.allow_unknown);
    Ok(if good { Exit::Good } else { Exit::Missing })
}

/// The clients, and what is known when the first checks are done.
struct Examined<'a> {
    session: &'a Session,
    sdk: SdkConfig,
    tally: Arc<Tally>,
    organizations: Organizations,
    center: IdentityCenter,
    resolver: Resolver,
    table: Option<Table>,
    caller: Option<Caller>,
    management: Option<String>,
}

async fn examine(session: &Session, arguments: &arguments::Doctor) -> Vec<Check> {
    let (settings_check, settings, sdk) =
        identity::settings(client::attempts(ATTEMPTS), &session.named).await;
    let Some(sdk) = sdk else {
        let missing = settings_check.title.clone();
        return [settings_check].into_iter().chain(without(&missing, arguments)).collect();
    };
    let region = identity::region(&sdk, settings.as_ref());
    let ((sound, table, scan), (credentials, caller)) =
        tokio::join!(names::table(session), identity::caller(session, &sdk));
    let first = [settings_check, region, credentials];
    let tally = Arc::new(Tally::default());
    let center = settings
        .as_ref()
        .map(|settings| IdentityCenter::new(&settings.identity_center(), &sdk, tally.clone()));
    let missing = first.iter().find(|check| check.status == Status::Failed);
    let missing = missing.map(|check| check.title.clone());
    let mut checks: Vec<Check> = first.into_iter().chain([sound]).chain(scan).collect();
    let (Some(settings), Some(Ok(center)), None) = (settings, center, &missing) else {
        checks.extend(without(missing.as_deref().unwrap_or("Region"), arguments));
        return checks;
    };
    let organizations = Organizations::new(&sdk, tally.clone());
    let resolver = Resolver::default();
    let management = settings.management_account.as_ref().map(ToString::to_string);
    let mut examined =
        Examined { session, sdk, tally, organizations, center, resolver, table, caller, management };
    let ((whole, management), (instance, found), stack) = tokio::join!(
        identity::organization(&examined),
        identity::instance(&examined),
        deployment::look(&examined, &arguments.stack),
    );
    examined.management = management;
    let (administrator, is) = identity::administrator(&examined).await;
    let (called, samples) = actions::call(&examined, found).await;
    let ((named, sets), units, simulated, controls, keys, log_bucket) = tokio::join!(
        names::resolve(&examined, found),
        names::units(&examined, samples.account.as_ref()),
        simulation::simulate(&examined, arguments.role.as_deref(), &samples),
        controls::look(&examined, &stack.controls, &samples),
        keys::look(&examined, found, &stack),
        log_bucket::look(&examined),
    );
    let pinned = names::pinned(&examined, sets, is).await;
    checks.extend([whole, administrator, instance, named, units, pinned]);
    checks.extend(called);
    checks.extend(simulated);
    checks.extend(deployment::judge(&examined, stack));
    checks.push(keys);
    checks.extend(controls);
    checks.push(log_bucket);
    checks
}

/// Returns the checks that cannot be made without a Region and credentials.
fn without(missing: &str, arguments: &arguments::Doctor) -> Vec<Check> {
    let topics = identity::topics()
        .into_iter()
        .chain(names::topics())
        .chain(actions::topics())
        .chain(simulation::topics(arguments.role.as_deref()))
        .chain(deployment::topics(&arguments.stack))
        .chain([keys::topic(), controls::topic(), log_bucket::topic()]);
    topics.map(|topic| topic.depends_on(missing)).collect()
}

#[derive(Serialize)]
struct Report {
    outcome: Status,
    counts: CheckCounts,
    checks: Vec<Check>,
}

#[derive(Default, Serialize)]
struct CheckCounts {
    ok: usize,
    warning: usize,
    failed: usize,
    unknown: usize,
}

impl Report {
    fn new(checks: Vec<Check>) -> Report {
        let count = |status| checks.iter().filter(|check| check.status == status).count();
        let counts = CheckCounts {
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
                    Group::Controls => "Controls",
                    Group::PermissionSets => "Permission sets",
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
        let CheckCounts { ok, warning, failed, unknown } = self.counts;
        let counts = counted(&[(ok, "ok"), (warning, "warning"), (failed, "failed"), (unknown, "unknown")]);
        text + &format!("\n{}: {counts}\n", plural(self.checks.len(), "check"))
    }
}

fn indented(text: &str) -> String {
    text.lines().map(clean).collect::<Vec<_>>().join("\n             ")
}
