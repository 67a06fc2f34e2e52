use serde_json::{Value, json};
use time::macros::datetime;

use super::{
    Asks, Report, Tally, Unread,
    denies::{Basis, Denies, arn_covers},
    record::Record,
    status::{Columns, Status},
    stream::Stream,
    tally::Moment,
};
use crate::controls::{ControlName, Row, Table, guide, tree::Tree, wish::Member};

const SAMPLE: &str = include_str!("../../../../../controls.json");

fn table(text: &str) -> Table {
    crate::table::parse::<Row>(text.as_bytes()).unwrap()
}

/// `W` with 1 in it and 2 in `W/P`, `E` with 3, and `N` with nobody.
fn asks_of(text: &str, denies: Denies) -> Asks {
    let tree = Tree::of(&["W", "W/P", "E", "N"]);
    let member =
        |id: &str, unit: &str| Member { id: id.into(), name: format!("n{}", &id[..1]), unit: unit.into() };
    let members = [
        member("111111111111", "ou-ab12-00000001"),
        member("222222222222", "ou-ab12-00000002"),
        member("333333333333", "ou-ab12-00000003"),
    ];
    Asks::new(&table(text), denies, &tree, &members, datetime!(2026-11-28 00:00 UTC))
}

fn asks(text: &str) -> Asks {
    asks_of(text, Denies::of_the_guide())
}

fn row(control: &str, more: &str) -> String {
    format!(r#"{{"controls": [{{"id": "a", "control": "{control}", "ous": ["W"]{more}}}]}}"#)
}

fn root(account: &str) -> Value {
    json!({ "type": "Root", "arn": format!("arn:aws:iam::{account}:root"), "accountId": account })
}

fn role(account: &str, name: &str) -> Value {
    json!({
        "type": "AssumedRole", "accountId": account,
        "arn": format!("arn:aws:sts::{account}:assumed-role/{}/somebody", name.rsplit('/').next().unwrap()),
        "sessionContext": { "sessionIssuer": { "type": "Role", "arn": format!("arn:aws:iam::{account}:role/{name}") } },
    })
}

/// A call of account 1 to make an internet gateway, with these fields changed.
fn call(changes: Value) -> Value {
    let mut call = json!({
        "eventVersion": "1.11", "eventID": "d1", "eventTime": "2026-11-20T10:11:12Z", "eventType": "AwsApiCall",
        "eventCategory": "Management", "eventSource": "ec2.amazonaws.com", "eventName": "CreateInternetGateway",
        "awsRegion": "eu-central-1", "sourceIPAddress": "203.0.113.7", "recipientAccountId": "111111111111",
        "requestParameters": { "a": ["]", "}", "\"Records\":["] }, "userIdentity": role("111111111111", "x/builder"),
    });
    for (name, value) in changes.as_object().unwrap() {
        call[name] = value.clone();
    }
    call
}

/// A tally of these records.
fn tally(asks: &Asks, records: &[Value]) -> Tally {
    let mut tally = Tally::new(None);
    let seen = std::cell::RefCell::new(std::collections::BTreeSet::new());
    let text = json!({ "Records": records }).to_string();
    let mut stream = Stream::default();
    stream
        .push(text.as_bytes(), &mut |record: &Record<'_>| {
            tally.add(asks, record, &|id| seen.borrow_mut().insert(id.to_owned()));
        })
        .unwrap();
    stream.finish().unwrap();
    tally
}

/// The verdict of the only row on its only OU, its reason, and the principals.
fn verdict(asks: &Asks, records: &[Value]) -> (String, String, Vec<(String, u64, String)>) {
    judged(asks, records, None, &[])
}

fn judged(
    asks: &Asks,
    records: &[Value],
    status: Option<&Status>,
    unread: &[Unread],
) -> (String, String, Vec<(String, u64, String)>) {
    let mut report = Report::of(asks, &tally(asks, records), status, unread).unwrap();
    let unit = report.rows.remove(0).ous.remove(0);
    let principals = unit.principals.into_iter().map(|one| (one.principal, one.calls, one.last)).collect();
    (unit.verdict.to_string(), unit.reason.unwrap_or_default(), principals)
}

/// A harmless call of account 2, so that no account of W is silent.
fn other() -> Value {
    call(json!({ "eventID": "o", "eventName": "DescribeInstances", "recipientAccountId": "222222222222",
                 "userIdentity": role("222222222222", "x") }))
}

const GATEWAYS: &str = "AWS-GR_DISALLOW_VPC_INTERNET_ACCESS";

#[test]
fn only_what_a_control_would_have_denied_is_use() {
    let builder = "arn:aws:iam::111111111111:role/x/builder";
    let root_arn = "arn:aws:iam::111111111111:root";
    let with = |name: &str, value: Value| json!({ name: value });
    let identity = |identity: Value| json!({ "userIdentity": identity });
    // control, more of the row, changes to the call, the principal whose use it is
    let cases: Vec<(&str, &str, Value, Option<&str>)> = vec![
        (GATEWAYS, "", json!({}), Some(builder)),
        (GATEWAYS, "", with("eventName", json!("AttachInternetGateway")), Some(builder)),
        (GATEWAYS, "", with("eventName", json!("DescribeInternetGateways")), None),
        (GATEWAYS, "", with("eventSource", json!("rds.amazonaws.com")), None),
        (GATEWAYS, "", with("errorCode", json!("Client.UnauthorizedOperation")), None),
        (GATEWAYS, "", with("errorCode", Value::Null), Some(builder)),
        (GATEWAYS, "", with("recipientAccountId", json!("333333333333")), None),
        (GATEWAYS, "", with("recipientAccountId", json!("999999999999")), None),
        // Of an account that is not the log's: it is in the log of its own account, too.
        (GATEWAYS, "", identity(role("222222222222", "x")), None),
        (GATEWAYS, "", with("eventType", json!("AwsServiceEvent")), None),
        (GATEWAYS, "", with("eventType", json!("AwsConsoleSignIn")), None),
        (GATEWAYS, "", with("eventCategory", json!("Insight")), None),
        (GATEWAYS, "", identity(role("111111111111", "AWSControlTowerExecution")), None),
        (GATEWAYS, "", identity(role("111111111111", "aws-service-role/ec2.amazonaws.com/R")), None),
        (GATEWAYS, "", identity(json!({ "type": "AWSService", "invokedBy": "ec2.amazonaws.com" })), None),
        (GATEWAYS, "", identity(json!({ "type": "AWSAccount", "accountId": "222222222222" })), None),
        (GATEWAYS, "", identity(json!({ "type": "WebIdentityUser" })), None),
        (GATEWAYS, "", identity(Value::Null), None),
        // A session whose role has to be taken from its own name.
        (
            GATEWAYS,
            "",
            identity(json!({ "type": "AssumedRole", "accountId": "111111111111",
                             "arn": "arn:aws:sts::111111111111:assumed-role/plain/me" })),
            Some("arn:aws:iam::111111111111:role/plain"),
        ),
        (
            GATEWAYS,
            "",
            identity(
                json!({ "type": "IAMUser", "arn": "arn:aws:iam::111111111111:user/u", "accountId": "111111111111" }),
            ),
            Some("arn:aws:iam::111111111111:user/u"),
        ),
        (
            GATEWAYS,
            r#", "parameters": {"ExemptedPrincipalArns": ["arn:aws:iam::*:role/x/*"]}"#,
            json!({}),
            None,
        ),
        (
            GATEWAYS,
            r#", "parameters": {"ExemptedPrincipalArns": ["arn:aws:iam::*:role/y/*"]}"#,
            json!({}),
            Some(builder),
        ),
        (
            GATEWAYS,
            r#", "exempt": [{"principal": "arn:aws:iam::111111111111:role/x/builder", "until": "2026-12-31"}]"#,
            json!({}),
            None,
        ),
        (
            GATEWAYS,
            r#", "exempt": [{"principal": "arn:aws:iam::111111111111:role/x/builder", "until": "2026-11-27"}]"#,
            json!({}),
            Some(builder),
        ),
        ("AWS-GR_RESTRICT_ROOT_USER", "", json!({}), None),
        ("AWS-GR_RESTRICT_ROOT_USER", "", identity(root("111111111111")), Some(root_arn)),
        (
            "AWS-GR_RESTRICT_ROOT_USER",
            "",
            json!({ "userIdentity": root("111111111111"), "eventType": "AwsConsoleSignIn" }),
            None,
        ),
        ("AWS-GR_RESTRICT_ROOT_USER_ACCESS_KEYS", "", identity(root("111111111111")), None),
        (
            "AWS-GR_RESTRICT_ROOT_USER_ACCESS_KEYS",
            "",
            json!({ "userIdentity": root("111111111111"), "eventSource": "iam.amazonaws.com", "eventName": "CreateAccessKey" }),
            Some(root_arn),
        ),
        (
            "AWS-GR_AUDIT_BUCKET_LOGGING_ENABLED",
            "",
            json!({ "eventSource": "s3.amazonaws.com", "eventName": "PutBucketLogging" }),
            Some(builder),
        ),
    ];
    for (control, more, changes, expected) in cases {
        let asks = asks(&row(control, more));
        let (verdict, reason, principals) = verdict(&asks, &[call(changes.clone()), other()]);
        let of: Vec<&str> = principals.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(of, expected.into_iter().collect::<Vec<_>>(), "{control} {more} {changes}");
        let in_use = if expected.is_some() { "in use" } else { "no use seen" };
        let silent = reason.contains("there is no record of account 111111111111 (n1)");
        assert!(verdict.starts_with(in_use) || silent, "{changes}: {verdict} {reason}");
    }
}

#[test]
fn centralized_root_access_is_told_apart_and_can_be_exempted() {
    let mut session = root("111111111111");
    session["sessionContext"] = json!({ "assumedRoot": "true", "attributes": {} });
    let call = call(json!({ "userIdentity": session }));
    let (in_use, _, principals) =
        verdict(&asks(&row("AWS-GR_RESTRICT_ROOT_USER", "")), &[call.clone(), other()]);
    assert_eq!(in_use, "in use");
    assert_eq!(principals[0].0, "arn:aws:iam::111111111111:root (centralized root access)");
    let exempted = asks(&row("AWS-GR_RESTRICT_ROOT_USER", r#", "parameters": {"ExemptAssumeRoot": true}"#));
    assert_eq!(verdict(&exempted, &[call, other()]).0, "no use seen in 1 day");
}

#[test]
fn one_event_counts_once_and_the_last_call_is_named() {
    let asks = asks(&row(GATEWAYS, ""));
    let later = json!({ "eventID": "d2", "eventTime": "2026-11-21T00:00:00Z" });
    let records = [call(json!({})), call(later.clone()), call(json!({})), call(later), other()];
    let (_, _, principals) = verdict(&asks, &records);
    assert_eq!(
        principals,
        [("arn:aws:iam::111111111111:role/x/builder".to_owned(), 2, "2026-11-21T00:00:00Z".to_owned())]
    );
}

#[test]
fn accounts_count_for_the_row_s_ou_and_silence_is_no_proof() {
    let below =
        call(json!({ "recipientAccountId": "222222222222", "userIdentity": role("222222222222", "x") }));
    let gateways = asks(&row(GATEWAYS, ""));
    assert_eq!(verdict(&gateways, &[below]).0, "in use", "an account of an OU below is the row's");
    let (verdict_, reason, _) = verdict(&gateways, &[other()]);
    assert_eq!(
        (verdict_.as_str(), reason.as_str()),
        ("cannot tell", "there is no record of account 111111111111 (n1)")
    );
    let quiet = call(json!({ "eventName": "DescribeVpcs", "eventTime": "2026-11-18T10:11:12Z" }));
    assert_eq!(
        verdict(&gateways, &[other(), quiet]).0,
        "no use seen in 2 days",
        "days with records, not days between"
    );
    let nobody = asks(&row(GATEWAYS, "").replace(r#"["W"]"#, r#"["N"]"#));
    assert_eq!(verdict(&nobody, &[other()]).1, "no active account is in it or below it");
    let nowhere = asks(&row(GATEWAYS, "").replace(r#"["W"]"#, r#"["W/Q"]"#));
    assert_eq!(verdict(&nowhere, &[other()]).1, "the organization has no such OU");
}

#[test]
fn a_file_that_was_not_read_leaves_it_open_where_it_matters() {
    let asks = asks(&row(GATEWAYS, ""));
    let quiet = [other(), call(json!({ "eventName": "DescribeVpcs" }))];
    let unread = |account| [Unread { file: "f".into(), reason: "r".into(), account }];
    assert_eq!(judged(&asks, &quiet, None, &unread(None)).1, "f could not be read whole");
    assert_eq!(judged(&asks, &quiet, None, &unread(Some(222222222222))).0, "cannot tell");
    assert_eq!(judged(&asks, &quiet, None, &unread(Some(333333333333))).0, "no use seen in 1 day");
}

#[test]
fn plain_http_is_seen_where_data_events_are_and_never_ruled_out() {
    let asks = asks(&row(
        "CT.S3.PV.5",
        r#", "parameters": {"ExemptedPrincipalArns": ["arn:aws:iam::*:role/legacy"]}"#,
    ));
    let get = |more: Value| {
        let mut get = call(
            json!({ "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "eventCategory": "Data",
                                   "additionalEventData": { "bytesTransferredIn": 0 } }),
        );
        for (name, value) in more.as_object().unwrap() {
            get[name] = value.clone();
        }
        get
    };
    // what is changed, the principal whose use it is
    let cases = [
        (json!({}), Some("arn:aws:iam::111111111111:role/x/builder")),
        (json!({ "tlsDetails": { "tlsVersion": "TLSv1.3" } }), None),
        (json!({ "additionalEventData": { "CipherSuite": "TLS_AES_128_GCM_SHA256" } }), None),
        (json!({ "additionalEventData": null }), None),
        (json!({ "sourceIPAddress": "athena.amazonaws.com" }), None),
        (json!({ "userIdentity": role("111111111111", "legacy") }), None),
        // From outside: what guards resources guards them against everybody.
        (
            json!({ "userIdentity": { "type": "AWSAccount", "accountId": "999999999999" } }),
            Some("account 999999999999"),
        ),
        (json!({ "userIdentity": { "type": "AWSService", "invokedBy": "x.amazonaws.com" } }), None),
    ];
    for (more, expected) in cases {
        let (verdict, reason, principals) = verdict(&asks, &[get(more.clone()), other()]);
        let of: Vec<&str> = principals.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(of, expected.into_iter().collect::<Vec<_>>(), "{more}");
        assert_eq!(verdict, if expected.is_some() { "in use" } else { "cannot tell" }, "{more}");
        assert!(
            expected.is_some() || reason.contains("data events of S3 are on; 1 of 2 accounts has any"),
            "{reason}"
        );
    }
    let (_, reason, _) = verdict(&asks, &[get(json!({ "additionalEventData": null })), other()]);
    assert!(reason.starts_with("one call depends on aws:SecureTransport, which"), "{reason}");
}

#[test]
fn a_setting_is_told_by_the_account_status_report() {
    let asks = asks(&row("CT.EC2.PV.7", ""));
    let (verdict_, reason, _) = verdict(&asks, &[other()]);
    assert_eq!(verdict_, "cannot tell");
    assert!(reason.contains("--status-report"), "{reason}");
    let wide = "account_id,region,ec2:Snapshot Block Public Access State\n111111111111,eu-central-1,block-all-sharing\n";
    let long = "Account ID,Region,Attribute,Value\n111111111111,eu-west-1,snapshot_block_public_access,block-all-sharing\n\
                111111111111,eu-west-1,image_block_public_access,unblocked\n";
    let read = |text: &str| {
        let mut lines = text.lines();
        let columns = Columns::read(lines.next().unwrap().split(',')).unwrap();
        let mut status = Status::default();
        for line in lines {
            let fields: Vec<&str> = line.split(',').collect();
            assert!(status.add(&columns, &|column| fields.get(column).copied()), "{line}");
        }
        status
    };
    for text in [wide, long] {
        let two = |line: &str| format!("{text}{}\n", line.replace("111111111111", "222222222222"));
        let last = text.lines().nth(1).unwrap();
        let told = |text: &str| {
            let (verdict, reason, _) = judged(&asks, &[other()], Some(&read(text)), &[]);
            (verdict, reason)
        };
        let set = told(&two(last));
        assert_eq!(set.0, "no use seen in 1 day", "{set:?}");
        assert!(set.1.contains("in each account already"), "{set:?}");
        let open = told(&two(&last.replace("block-all-sharing", "unblocked")));
        assert_eq!(open.0, "cannot tell");
        assert!(open.1.contains("in account 222222222222 (n2)"), "{open:?}");
        assert!(
            told(text).1.contains("says nothing of snapshot_block_public_access in account 222222222222")
        );
    }
    assert!(Columns::read(["region", "value"].into_iter()).is_err());
    assert!(Columns::read(["account_id", "value"].into_iter()).is_err());
}

#[test]
fn what_is_not_known_is_said() {
    let cases = [
        ("CT.LAMBDA.PR.2", "it denies no call"),
        ("CT.LAMBDA.PV.1", "give the policy of an OU that has it with --policy"),
    ];
    for (control, expected) in cases {
        let (verdict, reason, _) = verdict(&asks(&row(control, "")), &[other()]);
        assert_eq!(verdict, "cannot tell");
        assert!(reason.contains(expected), "{reason}");
    }
}

#[test]
fn a_policy_of_an_ou_is_read_by_its_sids() {
    let policy = |statement: Value| {
        json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "Allow", "Effect": "Allow", "Action": "*", "Resource": "*" }, statement ] })
    };
    let name = [ControlName::parse("CT.LAMBDA.PV.1").unwrap()];
    let of = |condition: Value, resource: &str| {
        let mut denies = Denies::of_the_guide();
        let text = policy(json!({ "Sid": "CTLAMBDAPV1", "Effect": "Deny", "Action": "ec2:*InternetGateway",
                                  "Resource": resource, "Condition": condition }));
        assert_eq!(denies.read(text.to_string().as_bytes(), &name).unwrap(), ["CT.LAMBDA.PV.1"]);
        asks_of(&row("CT.LAMBDA.PV.1", ""), denies)
    };
    let principal = |operator: &str, value: &str| json!({ operator: { "aws:PrincipalARN": value } });
    // condition, resource, verdict
    let cases = [
        (json!({}), "*", "in use"),
        (json!({}), "arn:aws:ec2:*:*:*", "in use"),
        (json!({}), "arn:aws:ec2:*:*:vpc/*", "cannot tell"),
        (principal("ArnNotLike", "arn:*:iam::*:role/AWSControlTowerExecution"), "*", "in use"),
        (principal("ArnNotLike", "arn:*:iam::*:role/x/*"), "*", "no use"),
        (principal("StringNotLike", "*builder"), "*", "no use"),
        (principal("StringEqualsIgnoreCase", "ARN:aws:iam::111111111111:role/x/builder"), "*", "in use"),
        (principal("ForAnyValue:ArnEquals", "arn:aws:iam::111111111111:role/x/builder"), "*", "in use"),
        (principal("StringEquals", "${aws:PrincipalArn}"), "*", "cannot tell"),
        (json!({ "StringNotEquals": { "aws:RequestedRegion": ["eu-central-1"] } }), "*", "no use"),
        (json!({ "StringNotEquals": { "aws:RequestedRegion": ["eu-west-1"] } }), "*", "in use"),
        (json!({ "StringEquals": { "aws:PrincipalAccount": "111111111111" } }), "*", "in use"),
        (json!({ "Null": { "aws:AssumedRoot": "true" } }), "*", "in use"),
        (json!({ "Null": { "aws:AssumedRoot": "false" } }), "*", "no use"),
        (json!({ "Bool": { "aws:AssumedRoot": "true" } }), "*", "no use"),
        (json!({ "BoolIfExists": { "aws:AssumedRoot": "false" } }), "*", "in use"),
        // What is not there differs from whatever it is compared with.
        (json!({ "StringNotEquals": { "aws:AssumedRoot": "true" } }), "*", "in use"),
        (json!({ "StringEquals": { "aws:AssumedRoot": "false" } }), "*", "no use"),
        (json!({ "Bool": { "aws:MultiFactorAuthPresent": "false" } }), "*", "cannot tell"),
        (json!({ "NumericEquals": { "aws:PrincipalAccount": "1" } }), "*", "cannot tell"),
        // What certainly does not hold outweighs what is not known.
        (
            json!({ "Bool": { "aws:MultiFactorAuthPresent": "false" }, "StringEquals": { "aws:RequestedRegion": "x" } }),
            "*",
            "no use",
        ),
    ];
    for (condition, resource, expected) in cases {
        let (verdict, reason, _) = verdict(&of(condition.clone(), resource), &[call(json!({})), other()]);
        assert!(verdict.starts_with(expected), "{condition} {resource}: {verdict} {reason}");
    }
    let mut denies = Denies::of_the_guide();
    let text =
        policy(json!({ "Sid": "Other", "Effect": "Deny", "Action": "s3:*", "Resource": "*" })).to_string();
    assert!(denies.read(text.as_bytes(), &name).unwrap().is_empty());
    assert!(denies.read(b"{}", &name).is_err());
    let mut denies = Denies::of_the_guide();
    let text =
        policy(json!({ "Sid": "CTLAMBDAPV1", "Effect": "Deny", "Action": "s3:GetObject", "Resource": "*" }));
    denies.read(text.to_string().as_bytes(), &name).unwrap();
    let (_, reason, _) =
        verdict(&asks_of(&row("CT.LAMBDA.PV.1", ""), denies), &[call(json!({ "eventName": "X" })), other()]);
    assert_eq!(reason, "CloudTrail records s3:GetObject only where data events are on");
}

#[test]
fn every_control_of_the_sample_can_be_judged() {
    let denies = Denies::of_the_guide();
    let sample = table(SAMPLE);
    for name in sample.rows.iter().flat_map(Row::controls) {
        assert!(!matches!(denies.basis(&name), Basis::Unknown(_)), "{name:?}");
    }
    let embedded: Value = serde_json::from_str(include_str!("denies.json")).unwrap();
    assert!(crate::day::Day::parse(embedded["read"].as_str().unwrap()).is_some());
    for control in embedded["controls"].as_array().unwrap() {
        assert!(guide::is_inherited(control["control"].as_str().unwrap()) == Some(true), "{control}");
        assert!(control["source"].as_str().unwrap().starts_with("https://docs.aws.amazon.com/controltower/"));
        assert!(control.get("denies").is_some() != control.get("setting").is_some(), "{control}");
    }
    assert_eq!(denies.all.len(), 5);
    assert!(denies.all.iter().all(|deny| deny.is_about(match deny.control.as_str() {
        "AWS-GR_RESTRICT_ROOT_USER_ACCESS_KEYS" => "iam:CreateAccessKey",
        "AWS-GR_DISALLOW_VPC_INTERNET_ACCESS" => "ec2:CreateDefaultVpc",
        _ => "s3:PutBucketLogging",
    })));
    assert_eq!(guide::sid_of("AWS-GR_RESTRICT_ROOT_USER"), "GRRESTRICTROOTUSER");
    assert_eq!(guide::sid_of("CT.S3.PV.5"), "CTS3PV5");
}

#[test]
fn an_arn_matches_part_by_part() {
    let cases = [
        ("arn:*:iam::*:root", "arn:aws:iam::111111111111:root", true),
        ("arn:*:iam::*:role/a*", "arn:aws-cn:iam::1:role/ab:c", true),
        ("arn:aws:iam::*", "arn:aws:iam::1:root", false),
        ("arn:*:root", "arn:aws:iam::1:root", false),
        ("*", "arn:aws:iam::1:root", true),
        ("arn:aws:iam::1:role/a", "arn:aws:iam::1:role/A", false),
    ];
    for (pattern, arn, covered) in cases {
        assert_eq!(arn_covers(pattern, arn), covered, "{pattern} {arn}");
    }
}

#[test]
fn only_the_days_that_are_asked_for_count() {
    let asks = asks(&row(GATEWAYS, ""));
    let mut tally = Tally::new(Moment::parse("2026-11-20T10:11:13Z"));
    let text = call(json!({})).to_string();
    let record: Record<'_> = serde_json::from_str(&text).unwrap();
    tally.add(&asks, &record, &|_| true);
    assert_eq!((tally.records, tally.older), (1, 1));
    assert!(Report::of(&asks, &tally, None, &[]).is_none(), "no record is no answer");
}
