//! What the stack has for controls: `control-keeper`, what starts it, its table, and the landing zone that it works on.
//! A stack without it gets one line.

use std::path::Path;

use assigner_aws::{
    control_catalog::ControlCatalog,
    control_tower::{ControlTower, LandingZone},
};
use assigner_core::{
    cause::{CallError, Cause},
    controls::{Row, catalogue::PREVENTIVE},
    table::{self, TableLocation},
};
use assigner_engine::settings::{ControlSettings, EMBEDDED_CONTROLS};

use super::{
    Examined,
    actions::Samples,
    check::{self, Check, Group, MUCH_PATIENCE, Status, Topic, ask, within},
    compared::{Read, Same, reads_the_same, short},
    deployment,
    identity::Caller,
    keeper_role,
    resources::{Finding, together},
    settings::{self, Deployed, REDEPLOY},
};
use crate::terminal::plural;

/// The table that `assignctl controls` reads without `--table`.
const FILE: &str = "controls.json";

/// What the stack has for controls.
pub enum Controls {
    /// The stack could not be looked at.
    NotKnown,
    Disabled,
    Enabled(Box<Keeper>),
}

/// `control-keeper`, as far as the stack shows it.
pub struct Keeper {
    pub function: Result<Deployed, CallError>,
    /// What starts it, and how that went.
    pub resources: Vec<Check>,
    /// The digest of the table that its last execution read, or why it is not known.
    pub table: Result<String, String>,
}

impl Keeper {
    /// Returns where its table is, and the role that reads it.
    pub fn table_and_role(&self) -> Option<(Option<TableLocation>, &Option<String>)> {
        let function = self.function.as_ref().ok()?;
        Some((configured(function).ok().map(|settings| settings.table), &function.role))
    }
}

fn of_controls(id: &str, title: &str) -> Topic {
    check::topic(Group::Controls, id, title)
}

/// Returns the topic of which there is a check in any case.
pub fn topic() -> Topic {
    of_controls("controls", "controls of OUs")
}

pub async fn look(examined: &Examined<'_>, controls: &Controls, samples: &Samples) -> Vec<Check> {
    let keeper = match controls {
        Controls::NotKnown => return vec![topic().depends_on("stack")],
        Controls::Disabled => {
            return vec![topic().ok("not in this stack: its parameter Controls is disabled")];
        }
        Controls::Enabled(keeper) => keeper,
    };
    let tower = ControlTower::new(&examined.sdk, examined.tally.clone());
    let catalog = ControlCatalog::new(&examined.sdk, examined.tally.clone());
    let (zone, actions, of_function) = tokio::join!(
        landing_zone(examined, &tower),
        actions(examined, &tower, &catalog, samples),
        of_function(examined, keeper, samples),
    );
    let mut checks = vec![topic().ok("in this stack: its parameter Controls is enabled"), account(examined)];
    checks.extend([zone, actions]);
    checks.extend(of_function);
    checks.extend(keeper.resources.iter().cloned());
    checks
}

/// Control Tower answers in the management account alone.
fn account(examined: &Examined<'_>) -> Check {
    let topic = of_controls("controls-account", "account of control-keeper");
    match (&examined.caller, &examined.management) {
        (Some(Caller { account, .. }), Some(management)) if account == management => {
            topic.ok(format!("{account} is the management account"))
        }
        (Some(Caller { account, .. }), Some(management)) => topic.failed(
            format!(
                "{account} is not the management account, and Control Tower has no delegated administrator"
            ),
            format!("deploy a stack with Controls=enabled in {management}, and with Controls=disabled here"),
        ),
        (None, _) => topic.depends_on("credentials"),
        (_, None) => topic.depends_on("organization"),
    }
}

async fn landing_zone(examined: &Examined<'_>, tower: &ControlTower) -> Check {
    let topic = of_controls("landing-zone", "landing zone");
    match ask(examined.session, "controltower:GetLandingZone", tower.landing_zone()).await {
        Ok(zone) => {
            let region = examined.sdk.region().map(ToString::to_string).unwrap_or_default();
            judge_zone(topic, zone.as_ref(), &region)
        }
        Err(error) => topic.not_answered(&error, Status::Unknown),
    }
}

fn judge_zone(topic: Topic, zone: Option<&LandingZone>, region: &str) -> Check {
    let Some(zone) = zone else {
        return topic.failed(
            format!("there is none in {region}"),
            "set AWS_REGION to Control Tower's home Region, and deploy the stack there",
        );
    };
    let version = zone.version;
    if zone.has_failed {
        return topic.failed(
            format!("version {version}: its last change failed"),
            "see in Control Tower's console why, and repair or update the landing zone there",
        );
    }
    if zone.is_processing {
        return topic.is(
            Status::Warning,
            format!("version {version} is being changed: until that ends, Control Tower begins nothing else"),
            "wait for it, which can take an hour or two, and run this again",
        );
    }
    if zone.has_drifted {
        return topic.is(
            Status::Warning,
            format!("version {version} has drifted: something is not as Control Tower set it up"),
            "see in Control Tower's console what it is, and repair the landing zone there",
        );
    }
    let newer = match zone.latest.filter(|latest| *latest > version) {
        Some(latest) => format!("; {latest} is available"),
        None => String::new(),
    };
    let notices = match version.is_strict() {
        true => "; before 4.0 notices of drift go to SNS, so that the schedule has to find it",
        false => "",
    };
    topic.ok(format!("version {version}, in sync{newer}{notices}"))
}

/// Calls what `assignctl controls` and the function read before they decide.
async fn actions(
    examined: &Examined<'_>,
    tower: &ControlTower,
    catalog: &ControlCatalog,
    samples: &Samples,
) -> Check {
    let session = examined.session;
    let unit = samples.unit_arn();
    let enabled = async {
        const OPERATION: &str = "controltower:ListEnabledControls";
        (OPERATION, ask(session, OPERATION, tower.enabled(unit.as_deref())).await.map(drop))
    };
    let operations = async {
        const OPERATION: &str = "controltower:ListControlOperations";
        (OPERATION, ask(session, OPERATION, tower.under_way()).await.map(drop))
    };
    let catalogue = async {
        const OPERATION: &str = "controlcatalog:ListControls";
        // The shortest of the lists.
        (OPERATION, ask(session, OPERATION, catalog.controls(Some(PREVENTIVE[2]))).await.map(drop))
    };
    let (enabled, operations, catalogue) = tokio::join!(enabled, operations, catalogue);
    let findings = [enabled, operations, catalogue].map(|(name, answer)| match answer {
        // If something was not found, the identity was allowed to ask.
        Ok(()) | Err(CallError { cause: Cause::NotFound, .. }) => Finding::ok(format!("{name}: called")),
        Err(error) => {
            let check = of_controls("", "").not_answered(&error, Status::Failed);
            Finding::is(check.status, check.detail, check.remedy.unwrap_or_default())
        }
    });
    together(of_controls("controls-actions", "what this identity may read of controls"), &findings)
}

async fn of_function(examined: &Examined<'_>, keeper: &Keeper, samples: &Samples) -> Vec<Check> {
    let of_function = of_controls("control-keeper", "function control-keeper");
    let of_settings = of_controls("control-keeper-settings", "settings of control-keeper");
    let of_table = of_controls("controls-table", "table of controls");
    let function = match &keeper.function {
        Ok(function) => function,
        Err(error) => {
            let missing = "function control-keeper";
            let mut checks = vec![deployment::not_looked_at(of_function, error)];
            checks.extend([of_settings, of_table].map(|topic| topic.depends_on(missing)));
            checks.extend(keeper_role::topics().map(|topic| topic.depends_on(missing)));
            return checks;
        }
    };
    let configured = configured(function);
    let location = configured.as_ref().ok().map(|settings| &settings.table);
    let (table, role) = tokio::join!(
        async {
            match location {
                Some(location) => table(examined, of_table, location, &keeper.table).await,
                None => of_table.depends_on("settings of control-keeper"),
            }
        },
        keeper_role::look(examined, function, location, samples),
    );
    let settings = match (&function.environment, &configured) {
        (Err(why), _) => of_settings.unknown(
            why,
            "allow this identity to decrypt the function's environment, or see it in the console",
        ),
        (Ok(_), Ok(settings)) => judge_settings(of_settings, settings),
        (Ok(_), Err(faults)) => of_settings.failed(faults.join("\n"), REDEPLOY),
    };
    [settings::state(of_function, function), settings, table].into_iter().chain(role).collect()
}

fn configured(function: &Deployed) -> Result<ControlSettings, Vec<String>> {
    let environment = function.environment.as_ref().map_err(|why| vec![why.clone()])?;
    ControlSettings::read(|name| environment.get(name).cloned())
}

fn judge_settings(topic: Topic, settings: &ControlSettings) -> Check {
    if settings.dry_run {
        let detail = "DRY_RUN is true: it plans and enables nothing";
        return topic.is(
            Status::Warning,
            detail,
            "set ControlsDryRun and DryRun to false, and deploy it again",
        );
    }
    let drift = match settings.limits.repair {
        true => "resets what has drifted, where AWS can",
        false => "reports what has drifted",
    };
    topic.ok(format!("up to {} operations under way; it {drift}", settings.limits.max_operations))
}

/// Looks at the table that the function reads, next to the file of this directory if there is one.
async fn table(
    examined: &Examined<'_>,
    topic: Topic,
    location: &TableLocation,
    embedded: &Result<String, String>,
) -> Check {
    let (digest, rows) = match location {
        TableLocation::DynamoDb(name) => match read(examined, location).await {
            Ok(table) if table.rows.is_empty() => {
                return topic.is(
                    Status::Warning,
                    format!("the DynamoDB table {name} has no rows: no OU gets a control by it"),
                    format!("`assignctl --table dynamodb:{name} controls table push {FILE}`"),
                );
            }
            Ok(table) => (Ok(table.digest()), Some(table.rows.len())),
            Err((status, message)) => {
                let remedy = format!(
                    "see with `assignctl --table dynamodb:{name} controls check` what is wrong, and allow this identity \
                     dynamodb:Scan on it"
                );
                return topic.is(status, message, remedy);
            }
        },
        TableLocation::Embedded(_) => (embedded.clone(), None),
        TableLocation::File(_) => (Err("it is a file of the function".to_owned()), None),
    };
    let ours = TableLocation::File(FILE.into());
    if !Path::new(FILE).exists() {
        return match digest {
            Ok(digest) => {
                let rows = rows.map_or(String::new(), |rows| format!(", {}", plural(rows, "row")));
                topic.ok(format!("it reads {location}{rows} (digest {})", short(&digest)))
            }
            Err(why) => topic.unknown(
                format!("it reads {location}, and which rows that has is not known: {why}"),
                "start the state machine for controls once, and run this again",
            ),
        };
    }
    let local = examined.session.table_of::<Row>(&ours).await;
    let local = Read {
        location: ours,
        digest: local.map(|table| table.digest()).map_err(|_| "it is not sound, or was not read".to_owned()),
    };
    let theirs = [Read { location: location.clone(), digest }];
    match reads_the_same(location, &local, &theirs) {
        Same::Yes(detail) => topic.ok(detail),
        Same::No(detail) => {
            let remedy = match location {
                TableLocation::DynamoDb(name) => {
                    format!("`assignctl --table dynamodb:{name} controls table push {FILE}`, or pull it")
                }
                _ => format!("deploy the stack again from the {EMBEDDED_CONTROLS} that is wanted"),
            };
            topic.failed(detail, remedy)
        }
        Same::NotKnown(detail) => topic.unknown(
            detail,
            "start the state machine for controls once, or repair the file, and run this again",
        ),
    }
}

/// Reads the table as the function does: without rows it would be refused.
async fn read(
    examined: &Examined<'_>,
    location: &TableLocation,
) -> Result<table::Table<Row>, (Status, String)> {
    let source = examined.session.source(location).await;
    let source = source.map_err(|failure| (Status::Unknown, failure.message))?;
    match within(examined.session, MUCH_PATIENCE, source.load_rows::<Row>()).await {
        Some(Ok(table)) => Ok(table),
        Some(Err(error)) => Err((Status::Failed, error.to_string())),
        None => Err((Status::Unknown, "it was not read in time".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use assigner_core::controls::facts::Version;

    use super::*;

    fn zone() -> LandingZone {
        LandingZone {
            version: Version(4, 0),
            latest: Some(Version(4, 0)),
            is_processing: false,
            has_failed: false,
            has_drifted: false,
            security_unit: None,
            log_archive: None,
        }
    }

    #[test]
    fn a_landing_zone_is_judged_by_its_status_its_drift_and_its_version() {
        let cases = [
            (Some(zone()), Status::Ok, "version 4.0, in sync"),
            (Some(LandingZone { latest: Some(Version(4, 1)), ..zone() }), Status::Ok, "4.1 is available"),
            (Some(LandingZone { version: Version(3, 3), ..zone() }), Status::Ok, "SNS"),
            (Some(LandingZone { is_processing: true, ..zone() }), Status::Warning, "is being changed"),
            (Some(LandingZone { has_drifted: true, ..zone() }), Status::Warning, "has drifted"),
            (Some(LandingZone { has_failed: true, has_drifted: true, ..zone() }), Status::Failed, "failed"),
            (None, Status::Failed, "there is none in eu-west-1"),
        ];
        for (zone, status, text) in cases {
            let check = judge_zone(of_controls("z", "z"), zone.as_ref(), "eu-west-1");
            assert_eq!((check.status, check.detail.contains(text)), (status, true), "{check:?}");
        }
    }
}
