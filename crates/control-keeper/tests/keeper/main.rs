//! The function against the stand-in, in one process: no socket, so that a paused clock rules every delay.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by them")]

mod machine;

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use assigner_aws::client;
use assigner_core::controls::report::{Outcome, Report};
use assigner_engine::{error::Error, settings::ControlSettings};
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use control_keeper::Function;
use serde_json::{Value, json};
use stand_in::{EnablementStatus, Fault, FaultKind, LandingZoneStatus, Organization, Settings, StandIn};
use tempfile::NamedTempFile;
use tokio::time::Instant;

const OU: &str = "arn:aws:organizations::123456789012:ou/o-a1b2c3d4e5/";
const WORKLOADS: &str = "ou-ab12-22222222";
const EDUCATION: &str = "ou-ab12-55555555";
const HTTPS: &str = "arn:aws:controlcatalog:::control/7mo7a2h2ebsq71l8k6uzr96ou";

struct World {
    stand_in: StandIn,
    table: NamedTempFile,
    environment: Vec<(&'static str, String)>,
    function: Function,
    began: Instant,
    began_at: SystemTime,
}

impl World {
    async fn new(table: &Value) -> World {
        World::with(table, Settings::default(), &[]).await
    }

    async fn with(table: &Value, settings: Settings, environment: &[(&'static str, &str)]) -> World {
        let (began, began_at) = (Instant::now(), SystemTime::now());
        let stand_in = StandIn::new(Organization::sample(), settings);
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), table.to_string()).unwrap();
        let mut set: Vec<(&'static str, String)> =
            environment.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        set.push(("CONTROLS_FILE", file.path().to_str().unwrap().to_owned()));
        let function = function(&stand_in, &set).await;
        World { stand_in, table: file, environment: set, function, began, began_at }
    }

    fn write_table(&self, table: &Value) {
        std::fs::write(self.table.path(), table.to_string()).unwrap();
    }

    /// Forgets everything, as a new instance does.
    async fn restart(&mut self) {
        self.function = function(&self.stand_in, &self.environment).await;
    }

    async fn handle(&self, payload: Value) -> Result<Report, Error> {
        let now = self.began_at + self.began.elapsed();
        let deadline = Instant::now() + Duration::from_secs(300);
        self.function.handle(&payload, now, deadline).await.answer
    }

    async fn step(&self) -> Report {
        match self.handle(json!({ "controls": {} })).await {
            Ok(report) => report,
            Err(Error::ControlsIncomplete(report)) => *report,
            Err(error) => panic!("{error}"),
        }
    }

    /// Steps until nothing is under way, as the state machine does. Returns the last report.
    async fn run(&self) -> Report {
        for _ in 0..200 {
            let report = self.step().await;
            if report.outcome != Outcome::Working {
                return report;
            }
            tokio::time::advance(Duration::from_secs(20)).await;
        }
        panic!("it never ends: {:#?}", self.step().await);
    }

    fn put(&self, control: &str, unit: &str, parameters: Value) -> String {
        let parameters: BTreeMap<String, Value> = serde_json::from_value(parameters).unwrap();
        self.stand_in.put_enabled_control(control, &format!("{OU}{unit}"), parameters)
    }

    fn writes(&self) -> u64 {
        let calls = self.stand_in.calls();
        let writes = ["EnableControl", "UpdateEnabledControl", "ResetEnabledControl", "DisableControl"];
        writes.iter().filter_map(|name| calls.get(*name)).sum()
    }

    /// Returns the calls to Control Tower and the catalogue.
    fn calls(&self) -> u64 {
        let of_organizations =
            ["ListRoots", "ListOrganizationalUnitsForParent", "ListPoliciesForTarget", "ListAccounts"];
        let calls = self.stand_in.calls();
        calls
            .iter()
            .filter(|(name, _)| !of_organizations.contains(&name.as_str()))
            .map(|(_, count)| count)
            .sum()
    }

    /// Returns the OU and the last part of the control of each that is enabled.
    fn enabled(&self) -> Vec<String> {
        let all = self.stand_in.enabled_controls();
        let mut lines: Vec<String> = all
            .iter()
            .filter(|one| one.status == EnablementStatus::Succeeded)
            .map(|one| {
                let last = |text: &str| text.rsplit('/').next().unwrap().to_owned();
                format!("{} {}", last(&one.target), last(&one.control))
            })
            .collect();
        lines.sort();
        lines
    }
}

async fn function(stand_in: &StandIn, environment: &[(&'static str, String)]) -> Function {
    let settings = ControlSettings::read(|name| {
        environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
    });
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(stand_in.http_client())
        .retry_config(client::until_the_deadline())
        .load()
        .await;
    Function::new(settings.unwrap(), &sdk).unwrap()
}

fn sample() -> Value {
    serde_json::from_str(include_str!("../../../../controls.json")).unwrap()
}

fn https(ous: &[&str]) -> Value {
    json!({ "controls": [{ "id": "https", "control": "CT.S3.PV.5", "ous": ous }] })
}

fn statuses(report: &Report) -> Vec<String> {
    let report = serde_json::to_value(report).unwrap();
    let mut lines = Vec::new();
    for unit in report["ous"].as_array().unwrap() {
        for control in unit["controls"].as_array().unwrap() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            lines.push(format!(
                "{} {} {}",
                text(&unit["path"]),
                text(&control["control"]["name"]),
                text(&control["status"])
            ));
        }
    }
    lines
}

#[tokio::test(start_paused = true)]
async fn the_sample_is_made_true_from_nothing_and_a_second_run_writes_nothing() {
    let mut world = World::new(&sample()).await;
    let report = world.run().await;
    assert_eq!(report.outcome, Outcome::Ready, "{report:#?}");
    let wanted = 13;
    assert_eq!(world.enabled().len(), wanted, "{:#?}", world.enabled());
    assert_eq!(report.counts.enabled, wanted, "what this instance did is said once");
    assert_eq!(world.step().await.counts.present, wanted);
    let writes = world.writes();
    assert_eq!(writes, wanted as u64, "each was asked for once");
    assert!(world.stand_in.peak_control_operations() <= 10);

    world.restart().await;
    assert_eq!(world.run().await.outcome, Outcome::Ready);
    assert_eq!(world.writes(), writes, "another instance writes nothing");
    world.stand_in.forget_calls();
    assert_eq!(world.step().await.outcome, Outcome::Ready);
    assert!(world.calls() <= 6, "warm: {:?}", world.stand_in.calls());
    assert_eq!(world.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_others_enabled_by_either_form_is_present() {
    let world = World::new(&sample()).await;
    let root_user = "arn:aws:controltower:eu-west-1::control/AWS-GR_RESTRICT_ROOT_USER";
    world.put(root_user, WORKLOADS, json!({ "ExemptAssumeRoot": true }));
    world.put(
        "arn:aws:controltower:eu-west-1::control/QWERTYUIOPAS",
        WORKLOADS,
        json!({ "ExemptedPrincipalArns": [] }),
    );
    world.put("arn:aws:controltower:eu-west-1::control/AWS-GR_CLOUDTRAIL_ENABLED", WORKLOADS, json!({}));
    let report = world.handle(json!({ "controls": {}, "dryRun": true })).await.unwrap();
    assert_eq!(report.outcome, Outcome::Planned);
    let lines = statuses(&report);
    for line in ["Workloads AWS-GR_RESTRICT_ROOT_USER present", "Workloads CT.S3.PV.5 present"] {
        assert!(lines.iter().any(|one| one == line), "{line}: {lines:#?}");
    }
    assert_eq!(report.counts.extra, 0, "mandatory controls are Control Tower's own");
    assert_eq!(world.writes(), 0, "a dry run writes nothing");
    assert_eq!(world.run().await.outcome, Outcome::Ready);
    let on_workloads = world.enabled().iter().filter(|line| line.ends_with("RESTRICT_ROOT_USER")).count();
    assert_eq!(on_workloads, 1, "it was not enabled by the other form");
}

#[tokio::test(start_paused = true)]
async fn exemptions_end_parameters_follow_the_table_and_drift_is_repaired_if_asked() {
    let mut table = https(&["Workloads"]);
    table["controls"][0]["exempt"] =
        json!([{ "principal": "arn:aws:iam::*:role/sync", "until": "2020-01-01" }]);
    let world = World::with(&table, Settings::default(), &[("REPAIR", "true")]).await;
    let arn = world.put(HTTPS, WORKLOADS, json!({ "ExemptedPrincipalArns": ["arn:aws:iam::*:role/sync"] }));
    world.stand_in.edit_enabled_controls(|all| all.get_mut(&arn).unwrap().drifted = true);
    let report = world.run().await;
    assert_eq!(report.outcome, Outcome::Ready, "{report:#?}");
    let calls = world.stand_in.calls();
    let count = |name: &str| calls.get(name).copied().unwrap_or(0);
    assert_eq!((count("ResetEnabledControl"), count("UpdateEnabledControl")), (1, 1), "{calls:?}");
    let one = &world.stand_in.enabled_controls()[0];
    assert_eq!(one.parameters.get("ExemptedPrincipalArns"), Some(&json!([])));
}

#[tokio::test(start_paused = true)]
async fn killed_at_random_moments_it_still_ends_and_sends_nothing_twice() {
    for seed in 0..8 {
        let settings = Settings { seed, latency: Duration::from_millis(200), ..Settings::default() };
        let mut world = World::with(&sample(), settings, &[]).await;
        let mut moments = fastrand::Rng::with_seed(seed);
        for _ in 0..12 {
            let alive = Duration::from_millis(moments.u64(100..12_000));
            // Dropped wherever it is, as a process that is killed.
            _ = tokio::time::timeout(alive, world.handle(json!({ "controls": {} }))).await;
            world.restart().await;
            tokio::time::advance(Duration::from_secs(moments.u64(1..60))).await;
        }
        assert_eq!(world.run().await.outcome, Outcome::Ready, "seed {seed}");
        let accepted = world
            .stand_in
            .history()
            .iter()
            .filter(|call| call.operation == "EnableControl" && call.status == 200)
            .count();
        assert_eq!((world.enabled().len(), accepted), (13, 13), "seed {seed}");
        assert_eq!(world.stand_in.calls().get("DisableControl"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn many_operations_take_hardly_longer_than_control_tower_needs() {
    let (units, each, takes, poll) = (10, 8, 60.0, Duration::from_secs(5));
    let mut table = sample();
    for row in table["controls"].as_array_mut().unwrap() {
        row["ous"] = (0..units).map(|n| Value::from(format!("U{n}"))).collect();
    }
    let world = World::new(&table).await;
    world.stand_in.edit(|organization| {
        let unit = |n: usize| json!({ "id": format!("ou-ab12-a{n:07}"), "name": format!("U{n}"), "parent": "r-ab12" });
        let more = (0..units).map(|n| serde_json::from_value(unit(n)).unwrap());
        organization.organizational_units.extend(more.collect::<Vec<_>>());
    });
    let began = Instant::now();
    while world.step().await.outcome == Outcome::Working {
        tokio::time::advance(poll).await;
    }
    let least = (units as f64 * f64::from(each) / 10.0).ceil() * takes;
    let took = began.elapsed().as_secs_f64();
    assert_eq!(world.enabled().len(), units * each as usize);
    assert!(took < 1.15 * least, "{took} s, and {least} s at least");
}

#[tokio::test(start_paused = true)]
async fn every_operation_may_fail_at_times() {
    let operations = [
        "EnableControl",
        "ListEnabledControls",
        "ListControlOperations",
        "GetEnabledControl",
        "GetControlOperation",
        "GetControl",
        "ListControls",
        "ListControlMappings",
        "GetLandingZone",
        "ListLandingZones",
        "ListPoliciesForTarget",
        "ListOrganizationalUnitsForParent",
    ];
    for kind in [FaultKind::Throttle, FaultKind::Internal, FaultKind::CutAfter] {
        for operation in operations {
            let world = World::new(&sample()).await;
            world.stand_in.set_faults(vec![Fault::on(operation, kind.clone()).with_probability(0.3)]);
            let report = world.run().await;
            assert_eq!(report.outcome, Outcome::Ready, "{operation} {kind:?}: {report:#?}");
            assert_eq!(world.enabled().len(), 13, "{operation} {kind:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_ou_that_always_fails_does_not_stop_the_others() {
    let kinds = [
        FaultKind::Throttle,
        FaultKind::Conflict,
        FaultKind::Internal,
        FaultKind::CutBefore,
        FaultKind::AccessDenied,
        FaultKind::QuotaExceeded,
        FaultKind::NotFound,
        FaultKind::Error {
            code: "ValidationException".into(),
            status: 400,
            message: "already enabled".into(),
        },
        FaultKind::FailedStatus { reason: Some("A role is missing.".into()) },
        FaultKind::Stuck,
    ];
    for kind in kinds {
        let world = World::new(&https(&["Workloads", "Education", "Security"])).await;
        world.stand_in.set_faults(vec![Fault::on("EnableControl", kind.clone()).about(WORKLOADS)]);
        for _ in 0..12 {
            world.step().await;
            tokio::time::advance(Duration::from_secs(20)).await;
        }
        let enabled = world.enabled();
        assert_eq!(enabled.len(), 2, "{kind:?}: {enabled:?}");
        assert!(enabled.iter().any(|line| line.starts_with(EDUCATION)), "{kind:?}: {enabled:?}");
        assert_eq!(world.stand_in.calls().get("DisableControl"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn one_ou_on_which_updates_or_resets_always_fail_does_not_stop_the_others() {
    let kinds = [
        FaultKind::Throttle,
        FaultKind::Conflict,
        FaultKind::Internal,
        FaultKind::CutBefore,
        FaultKind::AccessDenied,
        FaultKind::QuotaExceeded,
        FaultKind::NotFound,
        FaultKind::FailedStatus { reason: Some("A role is missing.".into()) },
        FaultKind::Stuck,
    ];
    for (operation, is_reset) in [("UpdateEnabledControl", false), ("ResetEnabledControl", true)] {
        for kind in &kinds {
            let table = https(&["Workloads", "Education", "Security"]);
            let world = World::with(&table, Settings::default(), &[("REPAIR", "true")]).await;
            let old = json!({ "ExemptedPrincipalArns": ["arn:aws:iam::*:role/old"] });
            let parameters = if is_reset { json!({}) } else { old };
            let units = [WORKLOADS, EDUCATION, "ou-ab12-11111111"];
            let arns: Vec<String> =
                units.iter().map(|unit| world.put(HTTPS, unit, parameters.clone())).collect();
            world.stand_in.edit_enabled_controls(|all| {
                all.values_mut().for_each(|one| one.drifted = is_reset);
            });
            world.stand_in.set_faults(vec![Fault::on(operation, kind.clone()).about(&arns[0])]);
            for _ in 0..12 {
                world.step().await;
                tokio::time::advance(Duration::from_secs(20)).await;
            }
            let all = world.stand_in.enabled_controls();
            let is_good = |one: &stand_in::EnabledControl| {
                one.status == EnablementStatus::Succeeded
                    && !one.drifted
                    && one.parameters.values().all(|value| value == &json!([]))
            };
            let good: Vec<_> = all.iter().filter(|one| is_good(one)).map(|one| &one.arn).collect();
            assert_eq!(good.len(), 2, "{operation} {kind:?}: {all:#?}");
            assert!(!good.contains(&&arns[0]), "{operation} {kind:?}: the fault has fired");
            assert_eq!(world.stand_in.calls().get("DisableControl"), None);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_ou_of_which_nothing_can_be_read_does_not_stop_the_others_and_is_not_written_to() {
    // By one list of the organization, and by a list for each OU.
    for (operation, unscoped_lists) in [("ListPoliciesForTarget", true), ("ListEnabledControls", false)] {
        for kind in [FaultKind::Throttle, FaultKind::Internal, FaultKind::CutBefore, FaultKind::AccessDenied]
        {
            let settings = Settings { unscoped_lists, ..Settings::default() };
            let world = World::with(&https(&["Workloads", "Education", "Security"]), settings, &[]).await;
            world.stand_in.set_faults(vec![Fault::on(operation, kind.clone()).about(WORKLOADS)]);
            let mut report = world.step().await;
            for _ in 0..6 {
                tokio::time::advance(Duration::from_secs(20)).await;
                report = world.step().await;
            }
            let (enabled, all) = (world.enabled(), format!("{operation} {kind:?}: {report:#?}"));
            assert_eq!(enabled.len(), 2, "{all}");
            assert!(!enabled.iter().any(|line| line.starts_with(WORKLOADS)), "{all}");
            let sick = report.ous.iter().find(|ou| ou.id.as_deref() == Some(WORKLOADS)).unwrap();
            let reason = sick.controls[0].reason.as_deref().unwrap_or_default();
            assert!(reason.contains("could not be read") && report.counts.failed == 1, "{all}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_is_cut_is_found_by_the_next_read_and_not_sent_twice() {
    for kind in [FaultKind::CutAfter, FaultKind::Slow { millis: 30_000 }] {
        let mut world = World::new(&https(&["Workloads", "Education"])).await;
        world.stand_in.set_faults(vec![Fault::on("EnableControl", kind.clone())]);
        world.step().await;
        world.restart().await;
        let report = world.run().await;
        assert_eq!(report.outcome, Outcome::Ready, "{kind:?}: {report:#?}");
        assert_eq!((world.writes(), world.enabled().len()), (2, 2), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_control_says_why_and_is_tried_again_after_an_hour() {
    let world = World::new(&https(&["Workloads"])).await;
    let reason = "You don't have sufficient permissions: organizations:AttachPolicy.";
    world.stand_in.set_faults(vec![
        Fault::on("EnableControl", FaultKind::FailedStatus { reason: Some(reason.into()) }).times(1),
    ]);
    let report = world.run().await;
    assert_eq!(report.outcome, Outcome::Incomplete);
    assert_eq!(report.ous[0].controls[0].reason.as_deref(), Some(reason), "word for word");
    assert!(matches!(world.handle(json!({ "controls": {} })).await, Err(Error::ControlsIncomplete(_))));
    assert_eq!(world.writes(), 1, "not within the hour");
    tokio::time::advance(Duration::from_secs(60 * 60)).await;
    assert_eq!(world.run().await.outcome, Outcome::Ready);
    let calls = world.stand_in.calls();
    assert_eq!(calls.get("UpdateEnabledControl"), Some(&1), "it is listed and takes parameters: {calls:?}");
}

#[tokio::test(start_paused = true)]
async fn a_throttle_is_waited_out_as_it_asks() {
    let world = World::new(&https(&["Workloads", "Education"])).await;
    world
        .stand_in
        .set_faults(vec![Fault::on("EnableControl", FaultKind::ThrottleFor { seconds: 30 }).times(1)]);
    let began = Instant::now();
    world.step().await;
    assert!(began.elapsed() >= Duration::from_secs(30), "{:?}", began.elapsed());
    let history = world.stand_in.history();
    let throttled = history.iter().position(|call| call.status == 429).unwrap();
    let of_control_tower =
        |call: &&stand_in::Call| !call.operation.contains("Root") && !call.operation.contains("Unit");
    let next = history[throttled + 1..].iter().find(of_control_tower).unwrap();
    assert!(next.at - history[throttled].at >= Duration::from_secs(30), "nothing is sent before: {next:?}");
    assert_eq!(world.run().await.outcome, Outcome::Ready);
    assert_eq!(world.enabled().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn waves_wait_for_the_soak_and_the_answer_says_until_when() {
    let mut table = https(&["Workloads", "Education"]);
    table["waves"] = json!([{ "ous": ["Education"], "soakHours": 24 }]);
    let mut world = World::new(&table).await;
    let report = world.run().await;
    assert_eq!(report.outcome, Outcome::Ready, "waiting never fails: {report:#?}");
    assert_eq!((world.enabled().len(), report.counts.waiting), (1, 1));
    let waiting = report.ous.iter().flat_map(|unit| &unit.controls).find(|one| one.until.is_some()).unwrap();
    assert!(waiting.until.as_ref().unwrap().ends_with('Z'), "{waiting:?}");
    tokio::time::advance(Duration::from_secs(23 * 60 * 60)).await;
    world.restart().await;
    assert_eq!(world.run().await.counts.waiting, 1, "nothing of it is stored here");
    tokio::time::advance(Duration::from_secs(60 * 60)).await;
    assert_eq!(world.run().await.counts.waiting, 0);
    assert_eq!(world.enabled().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_list_of_the_whole_organization_that_is_refused_is_read_ou_by_ou() {
    let settings = Settings { unscoped_lists: false, ..Settings::default() };
    let world = World::with(&https(&["Workloads"]), settings, &[]).await;
    world.stand_in.edit(|organization| {
        organization.landing_zone.version = "3.3".to_owned();
        organization.landing_zone.registered = Some(vec![WORKLOADS.to_owned()]);
    });
    assert_eq!(world.run().await.outcome, Outcome::Ready);
    assert_eq!(world.enabled().len(), 1);
    world.write_table(&https(&["Education"]));
    let report = world.step().await;
    assert_eq!((report.outcome, report.counts.blocked), (Outcome::Incomplete, 1), "{report:#?}");
    world.write_table(&https(&["*"]));
    let report = world.step().await;
    assert_eq!((report.outcome, report.notes.len()), (Outcome::Ready, 2), "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_landing_zone_that_is_being_changed_is_waited_for() {
    let world = World::new(&https(&["Workloads"])).await;
    world.stand_in.edit(|organization| organization.landing_zone.status = LandingZoneStatus::Processing);
    let report = world.step().await;
    assert_eq!((report.outcome, report.counts.pending, world.writes()), (Outcome::Working, 1, 0));
    world.stand_in.edit(|organization| organization.landing_zone.status = LandingZoneStatus::Active);
    assert_eq!(world.run().await.outcome, Outcome::Ready);
}

#[tokio::test(start_paused = true)]
async fn faults_of_the_table_are_found_before_anything_is_written() {
    let cases = [
        (json!({ "control": "CT.S3.PV.55" }), "did you mean CT.S3.PV.5?"),
        (json!({ "control": "AWS-GR_RESTRICT_ROOT_USERS" }), "did you mean AWS-GR_RESTRICT_ROOT_USER?"),
        (json!({ "control": "CT.MULTISERVICE.PV.1" }), "has no AllowedRegions"),
        (
            json!({ "control": "CT.EC2.PV.7", "parameters": { "A": true } }),
            "is not a parameter of CT.EC2.PV.7",
        ),
        (
            json!({ "control": "CT.S3.PV.5", "except": { "ous": ["Workloads/Prod"] } }),
            "Workloads/Offline, Workloads/Sandbox",
        ),
    ];
    for (row, expected) in cases {
        let mut table = https(&["Workloads"]);
        for (name, value) in row.as_object().unwrap() {
            table["controls"][0][name] = value.clone();
        }
        let world = World::new(&table).await;
        let error = world.handle(json!({ "controls": {} })).await.unwrap_err();
        assert_eq!(error.name(), "InvalidTable", "{error}");
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(world.writes(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_is_about_the_ou_that_it_names() {
    let world = World::new(&https(&["Workloads", "Education", "Nowhere"])).await;
    let register: Value = serde_json::from_str(include_str!("../../../../events/register-ou.json")).unwrap();
    let report = world.handle(register).await.unwrap();
    assert_eq!(report.outcome, Outcome::Working);
    assert_eq!(statuses(&report), ["Education CT.S3.PV.5 pending", "Education/Rust CT.S3.PV.5 inherited"]);
    assert_eq!(world.writes(), 1);
    let echo = json!({ "source": "aws.controltower", "detail-type": "AWS Service Event via CloudTrail",
        "detail": { "eventName": "EnableControl" } });
    assert_eq!(world.handle(echo).await.unwrap().outcome, Outcome::Ignored);
    let error = world.handle(json!({ "controls": {}, "x": 1 })).await.unwrap_err();
    assert_eq!(error.name(), "InvalidEvent");
    let report = world.run().await;
    assert_eq!((report.outcome, report.counts.unresolved), (Outcome::Incomplete, 1), "{report:#?}");
}
