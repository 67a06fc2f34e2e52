use time::{Duration, macros::datetime};

use super::*;
use crate::{
    controls::{
        Table,
        facts::{Attached, Drift, Fate, LandingZone, OperationStatus, Version},
        wish,
    },
    table,
};

const NOW: OffsetDateTime = datetime!(2026-11-01 12:00 UTC);
const REGION: &str = "eu-west-1";

/// An organization under test: what is, and what the table wants.
struct Case {
    catalogue: Catalogue,
    tree: Tree,
    facts: Facts,
    rules: Rules,
}

impl Case {
    fn new() -> Case {
        let policy = |kind: &str| format!("AWS::Organizations::Policy::{kind}");
        let (scp, rcp, declarative) = (
            policy("SERVICE_CONTROL_POLICY"),
            policy("RESOURCE_CONTROL_POLICY"),
            policy("DECLARATIVE_POLICY_EC2"),
        );
        let mut catalogue = Catalogue::default();
        let exempts = "ExemptedPrincipalArns";
        catalogue.add(Control::of("AWS-GR_RESTRICT_ROOT_USER", &scp, &[exempts, "ExemptAssumeRoot"]), &[]);
        catalogue.add(Control::of("CT.S3.PV.5", &rcp, &[exempts]), &[]);
        catalogue.add(Control::of("CT.EC2.PV.7", &declarative, &[]), &[]);
        catalogue.add(Control::of("SH.S3.1", "AWS::SecurityHub::SecurityControl", &[]), &[]);
        let tree = Tree::of(&["W", "W/P", "E", "S", "X"]);
        let zone = LandingZone { version: Version(4, 0), is_processing: false, security_unit: None };
        let mut facts = Facts::new(NOW, zone);
        for unit in tree.units() {
            for mechanism in [
                Mechanism::ServiceControlPolicy,
                Mechanism::ResourceControlPolicy,
                Mechanism::DeclarativePolicy,
            ] {
                facts.attached.insert((unit.id.clone(), mechanism), Attached::default());
            }
        }
        let quotas =
            Quotas { service_control_policies: 10, resource_control_policies: 5, declarative_policies: 10 };
        let rules = Rules { repair: false, retry_now: false, quotas, reads_policies: false };
        Case { catalogue, tree, facts, rules }
    }

    fn unit(&self, path: &str) -> (Place, String, String) {
        let place = self.tree.find(&crate::selector::OrganizationalUnit::parse(path).unwrap()).unwrap();
        let unit = &self.tree.units()[place];
        (place, unit.id.clone(), unit.arn.clone())
    }

    fn arn(&self, control: &str) -> String {
        self.catalogue.find(control).unwrap().arn.clone()
    }

    /// Enables a control, with these parameters.
    fn enable(&mut self, control: &str, path: &str, status: Enablement, parameters: &str) -> &mut Enabled {
        let arn = format!("arn:aws:controltower:eu-west-1:123456789012:enabledcontrol/{control}-{path}");
        let operation = format!("op-{control}-{path}");
        let enabled = Enabled {
            arn: arn.clone(),
            control: self.arn(control),
            target: self.unit(path).2,
            status,
            last_operation: Some(operation.clone()),
            drift: Drift::None,
        };
        let parameters = serde_json::from_str(parameters).unwrap();
        self.facts.parameters.insert((arn, Some(operation)), parameters);
        self.facts.enabled.push(enabled);
        self.facts.enabled.last_mut().unwrap()
    }

    fn operation(&self, control: &str, path: &str, status: OperationStatus, ago: Duration) -> Operation {
        Operation {
            id: format!("op-{control}-{path}"),
            kind: OperationKind::Enable,
            status,
            message: Some("AWS says no.".into()),
            started: Some(NOW - ago),
            ended: (status != OperationStatus::InProgress).then_some(NOW - ago),
            control: self.arn(control),
            target: self.unit(path).2,
        }
    }

    fn plan(&self, rows: &str) -> Plan {
        self.plan_of(&format!(r#"{{ "controls": [{rows}] }}"#))
    }

    fn plan_of(&self, text: &str) -> Plan {
        let table: Table = table::parse(text.as_bytes()).unwrap_or_else(|faults| panic!("{faults:#?}"));
        let wishes = wish::wishes(&table, &self.catalogue, &self.tree, None, NOW)
            .unwrap_or_else(|faults| panic!("{faults:#?}"));
        plan(&wishes, &table.rest, &self.catalogue, &self.tree, &self.facts, self.rules)
    }

    /// Returns each OU and control in short.
    fn words(&self, plan: &Plan) -> Vec<String> {
        let word = |item: &Item| {
            let what = match &item.verdict {
                Verdict::Present { .. } => "present".to_owned(),
                Verdict::Inherited { from, .. } => format!("inherited from {}", self.tree.path(*from)),
                Verdict::Due(action) => format!("{:?}", action.kind()).to_lowercase(),
                Verdict::UnderWay { .. } => "under way".to_owned(),
                Verdict::Held { .. } => "held".to_owned(),
                Verdict::Waiting { until, .. } => match until {
                    Some(until) => format!("waiting until {}", crate::day::rfc3339(*until)),
                    None => "waiting".to_owned(),
                },
                Verdict::Drifted { .. } => "drifted".to_owned(),
                Verdict::Failed { message, .. } => format!("failed: {message}"),
                Verdict::Blocked { .. } => "blocked".to_owned(),
                Verdict::Extra { .. } => "extra".to_owned(),
                Verdict::Unknown => "unknown".to_owned(),
            };
            format!("{} {} {what}", self.tree.path(item.unit), item.name)
        };
        plan.items.iter().map(word).collect()
    }

    fn verdict(&self, rows: &str, path: &str) -> String {
        let plan = self.plan(rows);
        let words = self.words(&plan);
        let of_unit = words.iter().find(|word| word.starts_with(&format!("{path} "))).cloned();
        of_unit
            .map(|word| word.splitn(3, ' ').last().unwrap().to_owned())
            .unwrap_or_else(|| "none".to_owned())
    }
}

const S3: &str = r#"{ "id": "s3", "control": "CT.S3.PV.5", "ous": ["W"] }"#;
const ROOT: &str = r#"{ "id": "root", "control": "AWS-GR_RESTRICT_ROOT_USER", "ous": ["W"] }"#;
const EC2: &str = r#"{ "id": "ec2", "control": "CT.EC2.PV.7", "ous": ["W"] }"#;
const HUB: &str = r#"{ "id": "hub", "control": "SH.S3.1", "ous": ["W"] }"#;

#[test]
fn from_nothing_each_wanted_control_is_due_once_and_the_ous_below_inherit() {
    let case = Case::new();
    let plan = case.plan(&format!("{S3}, {HUB}"));
    assert_eq!(
        case.words(&plan),
        ["W CT.S3.PV.5 enable", "W SH.S3.1 enable", "W/P CT.S3.PV.5 inherited from W", "W/P SH.S3.1 enable"]
    );
    let (_, _, target) = case.unit("W");
    let expected =
        Action::Enable { control: case.arn("CT.S3.PV.5"), target, parameters: Parameters::default() };
    assert_eq!(plan.items[0].verdict, Verdict::Due(expected));
    assert!(plan.needs.is_empty());
}

#[test]
fn what_is_enabled_by_the_other_form_of_its_arn_is_present() {
    for control in ["AWS-GR_RESTRICT_ROOT_USER", "WTDSMKDKDNLE"] {
        let mut case = Case::new();
        let arn = format!("arn:aws:controltower:{REGION}::control/{control}");
        case.enable("AWS-GR_RESTRICT_ROOT_USER", "W", Enablement::Succeeded, "{}").control = arn.clone();
        if control == "WTDSMKDKDNLE" {
            let plan = case.plan(ROOT);
            assert_eq!(plan.needs, BTreeSet::from([Need::Control(arn.clone())]), "it is asked which that is");
            let known = case.catalogue.find("AWS-GR_RESTRICT_ROOT_USER").unwrap().clone();
            case.catalogue.add(known, &[control]);
        }
        let plan = case.plan(ROOT);
        assert_eq!(case.verdict(ROOT, "W"), "present", "{control}");
        assert_eq!(plan.items[0].arn, arn, "the form in which it is enabled");
    }
}

#[test]
fn parameters_decide_whether_a_control_is_there_as_it_is_wanted() {
    let wanted = r#"{ "id": "root", "control": "AWS-GR_RESTRICT_ROOT_USER", "ous": ["W"],
        "parameters": { "ExemptAssumeRoot": true, "ExemptedPrincipalArns": ["a", "b"] } }"#;
    let past = r#"{ "id": "s3", "control": "CT.S3.PV.5", "ous": ["W"],
        "exempt": [{ "principal": "x", "until": "2026-10-31" }] }"#;
    let today = past.replace("10-31", "11-01");
    let name = "AWS-GR_RESTRICT_ROOT_USER";
    let cases = [
        (wanted, name, r#"{"ExemptAssumeRoot": true, "ExemptedPrincipalArns": ["b", "a"]}"#, "present"),
        (wanted, name, r#"{"ExemptAssumeRoot": "true", "ExemptedPrincipalArns": ["b", "a"]}"#, "present"),
        (wanted, name, r#"{"ExemptAssumeRoot": true, "ExemptedPrincipalArns": ["a"]}"#, "update"),
        (wanted, name, "{}", "update"),
        (ROOT, name, r#"{"ExemptedPrincipalArns": []}"#, "present"),
        (past, "CT.S3.PV.5", r#"{"ExemptedPrincipalArns": ["x"]}"#, "update"),
        (past, "CT.S3.PV.5", "{}", "present"),
        (&today, "CT.S3.PV.5", r#"{"ExemptedPrincipalArns": ["x"]}"#, "present"),
        (&today, "CT.S3.PV.5", "{}", "update"),
    ];
    for (row, control, present, expected) in cases {
        let mut case = Case::new();
        case.enable(control, "W", Enablement::Succeeded, present);
        assert_eq!(case.verdict(row, "W"), expected, "{row} {present}");
    }
    // To no exemption at all: the list is sent empty.
    let mut case = Case::new();
    case.enable("CT.S3.PV.5", "W", Enablement::Succeeded, r#"{"ExemptedPrincipalArns": ["x"]}"#);
    let Verdict::Due(Action::Update { parameters, .. }) = case.plan(past).items[0].verdict.clone() else {
        panic!("an update is due")
    };
    assert_eq!(serde_json::to_string(&parameters).unwrap(), r#"{"ExemptedPrincipalArns":[]}"#);
}

#[test]
fn parameters_that_are_not_known_are_asked_for_and_a_control_that_takes_none_is_not_asked() {
    let mut case = Case::new();
    case.enable("CT.S3.PV.5", "W", Enablement::Succeeded, "{}");
    case.enable("CT.EC2.PV.7", "W", Enablement::Succeeded, "{}");
    case.facts.parameters.clear();
    let plan = case.plan(&format!("{S3}, {EC2}"));
    assert_eq!(plan.needs.len(), 1, "{:?}", plan.needs);
    assert!(matches!(plan.needs.first(), Some(Need::Parameters(arn, Some(_))) if arn.contains("CT.S3.PV.5")));
    assert_eq!(case.words(&plan)[..2], ["W CT.S3.PV.5 unknown", "W CT.EC2.PV.7 present"]);
}

#[test]
fn what_runs_already_is_adopted() {
    let mut case = Case::new();
    case.facts.under_way =
        vec![case.operation("CT.S3.PV.5", "W", OperationStatus::InProgress, Duration::minutes(2))];
    assert_eq!(case.verdict(S3, "W"), "under way");
    let mut case = Case::new();
    case.enable("CT.S3.PV.5", "W", Enablement::UnderChange, "{}");
    assert_eq!(case.verdict(S3, "W"), "under way");
}

#[test]
fn what_failed_is_tried_again_an_hour_later_and_how_depends_on_what_is_listed() {
    let failed = OperationStatus::Failed;
    let (minutes, hours) = (Duration::minutes(59), Duration::minutes(61));
    // Listed, with parameters or without; or not listed at all.
    for (row, control, retry) in [(S3, "CT.S3.PV.5", "update"), (EC2, "CT.EC2.PV.7", "enable")] {
        for (ago, expected) in [(minutes, "failed: AWS says no."), (hours, retry)] {
            let mut case = Case::new();
            case.enable(control, "W", Enablement::Failed, "{}");
            case.facts.failed = vec![case.operation(control, "W", failed, ago)];
            assert_eq!(case.verdict(row, "W"), expected, "listed {control} {ago}");
            case.rules.retry_now = true;
            assert_eq!(case.verdict(row, "W"), retry, "listed {control} {ago}");
        }
    }
    for (ago, expected) in [(minutes, "failed: AWS says no."), (hours, "enable")] {
        let mut case = Case::new();
        case.facts.failed = vec![case.operation("CT.S3.PV.5", "W", failed, ago)];
        assert_eq!(case.verdict(S3, "W"), expected, "not listed {ago}");
    }
    // What became of the operation is asked for, and one that AWS forgot was long ago.
    let mut case = Case::new();
    case.enable("CT.S3.PV.5", "W", Enablement::Failed, "{}");
    let need = Need::Operation("op-CT.S3.PV.5-W".into());
    assert_eq!(case.plan(S3).needs, BTreeSet::from([need]));
    case.facts.fates.insert("op-CT.S3.PV.5-W".into(), Fate::Forgotten);
    assert_eq!(case.verdict(S3, "W"), "update");
    // It is listed as enabled, but its last operation failed: an update that was not made.
    let mut case = Case::new();
    case.enable("CT.S3.PV.5", "W", Enablement::Succeeded, r#"{"ExemptedPrincipalArns": ["x"]}"#);
    case.facts.failed = vec![case.operation("CT.S3.PV.5", "W", failed, minutes)];
    assert_eq!(case.verdict(S3, "W"), "failed: AWS says no.");
    case.facts.failed = vec![case.operation("CT.S3.PV.5", "W", failed, hours)];
    assert_eq!(case.verdict(S3, "W"), "update");
}

#[test]
fn drift_is_reset_if_that_is_asked_for_and_aws_can() {
    let cases = [
        (S3, "CT.S3.PV.5", "{}", Drift::Changed, false, "drifted"),
        (S3, "CT.S3.PV.5", "{}", Drift::Changed, true, "reset"),
        (S3, "CT.S3.PV.5", r#"{"ExemptedPrincipalArns": ["x"]}"#, Drift::Changed, true, "reset"),
        (S3, "CT.S3.PV.5", "{}", Drift::Inheritance, true, "drifted"),
        (ROOT, "AWS-GR_RESTRICT_ROOT_USER", "{}", Drift::Changed, true, "drifted"),
    ];
    for (row, control, parameters, drift, repair, expected) in cases {
        let mut case = Case::new();
        case.rules.repair = repair;
        case.enable(control, "W", Enablement::Succeeded, parameters).drift = drift;
        assert_eq!(case.verdict(row, "W"), expected, "{control} {drift:?} {repair}");
    }
}

#[test]
fn a_service_control_policy_is_there_only_with_its_statement_if_policies_are_read() {
    let mut case = Case::new();
    case.enable("AWS-GR_RESTRICT_ROOT_USER", "W", Enablement::Succeeded, "{}");
    assert_eq!(case.verdict(ROOT, "W"), "present", "nobody asked for the policies");
    case.rules.reads_policies = true;
    let asked = (case.unit("W").1, "GRRESTRICTROOTUSER".to_owned());
    let need = Need::Statement(asked.0.clone(), asked.1.clone());
    assert_eq!(case.plan(ROOT).needs, BTreeSet::from([need.clone()]));
    case.facts.statements.insert(asked.clone(), true);
    assert_eq!(case.verdict(ROOT, "W"), "present");
    case.facts.statements.insert(asked.clone(), false);
    assert_eq!(case.verdict(ROOT, "W"), "drifted");
    case.facts.statements.remove(&asked);
    case.facts.unread.insert(need, "access denied".into());
    assert_eq!(case.verdict(ROOT, "W"), "failed: what is there could not be read: access denied");
    // A resource control policy is checked by AWS.
    case.enable("CT.S3.PV.5", "W", Enablement::Succeeded, "{}");
    assert_eq!(case.verdict(S3, "W"), "present");
}

#[test]
fn an_ou_that_drifted_takes_no_other_control_and_drift_above_does_not_matter() {
    let mut case = Case::new();
    case.enable("CT.S3.PV.5", "W", Enablement::Succeeded, "{}").drift = Drift::Changed;
    let rows = format!(r#"{S3}, {{ "id": "b", "control": "CT.EC2.PV.7", "ous": ["W", "W/P"] }}"#);
    let words = |case: &Case| {
        let plan = case.plan(&rows);
        case.words(&plan)
    };
    let expected = |s3: &str, ec2: &str| {
        vec![
            format!("W CT.S3.PV.5 {s3}"),
            format!("W CT.EC2.PV.7 {ec2}"),
            "W/P CT.S3.PV.5 inherited from W".to_owned(),
            "W/P CT.EC2.PV.7 enable".to_owned(),
        ]
    };
    assert_eq!(words(&case), expected("drifted", "blocked"));
    case.rules.repair = true;
    assert_eq!(words(&case), expected("reset", "held"));
}

#[test]
fn a_landing_zone_before_4_needs_registered_ous_and_spares_the_security_ou() {
    let mut case = Case::new();
    case.facts.landing_zone.version = Version(3, 3);
    case.facts.landing_zone.security_unit = Some(case.unit("S").1);
    let needs = case.plan(S3).needs;
    assert_eq!(needs, BTreeSet::from([Need::Registered(case.unit("W").1)]));
    for path in ["W", "E", "S"] {
        let id = case.unit(path).1;
        case.facts.registered.insert(id, true);
    }
    let (w, x) = (case.unit("W").1, case.unit("X").1);
    case.facts.registered.insert(x, false);
    let everywhere = r#"{ "id": "a", "control": "CT.S3.PV.5", "ous": ["*"] }"#;
    let plan = case.plan(everywhere);
    assert_eq!(
        case.words(&plan),
        ["E CT.S3.PV.5 enable", "W CT.S3.PV.5 enable", "W/P CT.S3.PV.5 inherited from W"]
    );
    assert_eq!(plan.notes.len(), 2, "{:?}", plan.notes);
    assert!(plan.notes[0].starts_with("CT.S3.PV.5 is left out on S: the Security OU"), "{:?}", plan.notes);
    assert!(plan.notes[1].contains("left out on X: the OU is not registered"), "{:?}", plan.notes);
    let named = everywhere.replace("\"*\"", "\"S\", \"X\"");
    assert_eq!((case.verdict(&named, "S"), case.verdict(&named, "X")), ("blocked".into(), "blocked".into()));
    let root = everywhere.replace("CT.S3.PV.5", "AWS-GR_RESTRICT_ROOT_USER");
    assert_eq!(case.verdict(&root, "S"), "enable", "the Security OU takes controls by SCP");
    // An OU that has a control is registered, which nobody has to ask.
    case.facts.registered.remove(&w);
    case.enable("CT.EC2.PV.7", "W", Enablement::Succeeded, "{}");
    assert_eq!(case.verdict(S3, "W"), "enable");
    // From version 4.0 on none of this holds.
    case.facts.landing_zone.version = Version(4, 0);
    case.facts.registered.clear();
    assert_eq!((case.verdict(&named, "S"), case.verdict(&named, "X")), ("enable".into(), "enable".into()));
}

#[test]
fn nothing_is_sent_while_the_landing_zone_is_being_changed() {
    let mut case = Case::new();
    case.facts.landing_zone.is_processing = true;
    assert_eq!(case.verdict(S3, "W"), "held");
    case.enable("CT.S3.PV.5", "W", Enablement::Succeeded, "{}");
    assert_eq!(case.verdict(S3, "W"), "present");
}

#[test]
fn a_full_ou_is_blocked_unless_control_tower_has_a_policy_there() {
    for (count, has_control_towers, expected) in
        [(4, false, "enable"), (5, false, "blocked"), (5, true, "enable"), (6, false, "blocked")]
    {
        let mut case = Case::new();
        let key = (case.unit("W").1, Mechanism::ResourceControlPolicy);
        case.facts.attached.insert(key.clone(), Attached { count, has_control_towers });
        assert_eq!(case.verdict(S3, "W"), expected, "{count} {has_control_towers}");
        case.rules.quotas.resource_control_policies = 10;
        assert_eq!(case.verdict(S3, "W"), "enable", "the quota is a setting");
        case.facts.attached.remove(&key);
        assert_eq!(
            case.plan(S3).needs,
            BTreeSet::from([Need::Attached(key.0, Mechanism::ResourceControlPolicy)])
        );
    }
}

#[test]
fn controls_that_exclude_an_enabled_one_are_blocked() {
    let mut case = Case::new();
    let (one, other) = (case.arn("CT.S3.PV.5"), case.arn("CT.EC2.PV.7"));
    case.catalogue.exclude(&one, &other);
    case.enable("CT.EC2.PV.7", "W", Enablement::Succeeded, "{}");
    assert_eq!(case.verdict(S3, "W"), "blocked");
    let below = S3.replace("\"W\"", "\"W/P\"");
    assert_eq!(case.verdict(&below, "W/P"), "blocked", "it is inherited there");
}

#[test]
fn what_nobody_wants_is_extra_and_mandatory_controls_are_control_towers_own() {
    let mut case = Case::new();
    case.enable("CT.S3.PV.5", "W", Enablement::Succeeded, "{}");
    case.enable("CT.S3.PV.5", "W/P", Enablement::Succeeded, "{}");
    case.enable("CT.EC2.PV.7", "E", Enablement::Succeeded, "{}");
    case.enable("CT.EC2.PV.7", "X", Enablement::Failed, "{}");
    let mandatory = "arn:aws:controltower:eu-west-1::control/AWS-GR_CLOUDTRAIL_ENABLED";
    case.enable("CT.EC2.PV.7", "S", Enablement::Succeeded, "{}").control = mandatory.to_owned();
    let plan = case.plan(S3);
    assert_eq!(case.words(&plan), ["E CT.EC2.PV.7 extra", "W CT.S3.PV.5 present", "W/P CT.S3.PV.5 extra"]);
    assert!(plan.items[0].arn.contains(":enabledcontrol/"), "what disables it: {}", plan.items[0].arn);
    assert!(
        matches!(&plan.items[2].verdict, Verdict::Extra { reason: Some(reason) } if reason.contains("from W"))
    );
}

#[test]
fn later_waves_wait_until_the_control_has_soaked_in_the_earlier_ones() {
    let table = |waves: &str| {
        format!(
            r#"{{ "controls": [{{ "id": "a", "control": "CT.S3.PV.5", "ous": ["W", "E", "S"] }}], "waves": [{waves}] }}"#
        )
    };
    let waves = table(r#"{ "ous": ["S"], "soakHours": 24 }, { "ous": ["E", "S"], "soakHours": 2 }"#);
    let mut case = Case::new();
    let words = |case: &Case| {
        let plan = case.plan_of(&waves);
        let mut words = case.words(&plan);
        words.retain(|word| !word.contains("inherited"));
        words
    };
    let states = |e: &str, s: &str, w: &str| {
        vec![format!("E CT.S3.PV.5 {e}"), format!("S CT.S3.PV.5 {s}"), format!("W CT.S3.PV.5 {w}")]
    };
    assert_eq!(words(&case), states("waiting", "enable", "waiting"));
    // Enabled in the first wave; when that ended is asked for, and counts.
    case.enable("CT.S3.PV.5", "S", Enablement::Succeeded, "{}");
    let plan = case.plan_of(&waves);
    assert_eq!(plan.needs, BTreeSet::from([Need::Operation("op-CT.S3.PV.5-S".into())]));
    let ended = |case: &mut Case, path: &str, ago: Duration| {
        let operation = case.operation("CT.S3.PV.5", path, OperationStatus::Succeeded, ago);
        case.facts.fates.insert(operation.id.clone(), Fate::Known(operation));
    };
    ended(&mut case, "S", Duration::hours(23));
    assert_eq!(words(&case), states("waiting until 2026-11-01T13:00:00Z", "present", "waiting"));
    ended(&mut case, "S", Duration::hours(24));
    assert_eq!(words(&case), states("enable", "present", "waiting"));
    // The second wave has its own soak.
    case.enable("CT.S3.PV.5", "E", Enablement::Succeeded, "{}");
    ended(&mut case, "E", Duration::hours(1));
    assert_eq!(words(&case), states("present", "present", "waiting until 2026-11-01T13:00:00Z"));
    // What AWS has forgotten has soaked.
    case.facts.fates.insert("op-CT.S3.PV.5-E".into(), Fate::Forgotten);
    assert_eq!(words(&case), states("present", "present", "enable"));
    // A wave that failed holds the next, and so does one that differs.
    case.facts.enabled.retain(|enabled| !enabled.arn.ends_with("-E"));
    case.facts.failed =
        vec![case.operation("CT.S3.PV.5", "E", OperationStatus::Failed, Duration::minutes(5))];
    assert_eq!(words(&case), states("failed: AWS says no.", "present", "waiting"));
}

#[test]
fn waves_without_an_ou_that_is_wanted_hold_nobody() {
    let case = Case::new();
    let text =
        format!(r#"{{ "controls": [{S3}], "waves": [{{ "ous": ["S", "Nowhere"], "soakHours": 24 }}] }}"#);
    let plan = case.plan_of(&text);
    assert_eq!(case.words(&plan)[0], "W CT.S3.PV.5 enable");
}
