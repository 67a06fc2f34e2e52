//! `controls impact`: files as they lie in an organization's bucket, and the OUs of the stand-in.

use std::{io::Write, path::PathBuf};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use snapbox::{assert_data_eq, str};
use tempfile::TempDir;
use world::Served;

#[cfg(target_os = "linux")]
use crate::memory;
use crate::{PROGRAM, assignctl};

/// A bucket, and a table of controls next to it.
struct Bucket(TempDir);

const BUILDER: &str = "arn:aws:iam::444455556666:role/builder";

impl Bucket {
    fn new(table: &str) -> Bucket {
        let bucket = Bucket(tempfile::tempdir().unwrap());
        bucket.write("controls.json", table.as_bytes());
        bucket
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) {
        std::fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Writes records of an account where CloudTrail would.
    fn put(&self, account: &str, name: &str, records: &[Value]) {
        let place = format!(
            "trail/o-a1b2c3d4e5/AWSLogs/o-a1b2c3d4e5/{account}/CloudTrail/eu-west-1/2026/11/20/{name}"
        );
        let text = json!({ "Records": records }).to_string();
        match name.ends_with(".gz") {
            true => self.write(&place, &packed(text.as_bytes())),
            false => self.write(&place, text.as_bytes()),
        }
    }

    /// A call of nothing special by each account, so that none is silent.
    fn quiet(&self) {
        for account in ["111122223333", "444455556666", "555566667777"] {
            self.put(account, "quiet.json.gz", &[call(account, "DescribeVpcs", "q")]);
        }
    }

    fn arguments(&self, more: &[&str]) -> Vec<String> {
        let of = |name: &str| self.path(name).to_str().unwrap().to_owned();
        let own = ["controls", "impact", "--table", &of("controls.json"), "--events", &of("trail")]
            .map(str::to_owned);
        own.into_iter().chain(more.iter().map(|one| (*one).to_owned())).collect()
    }

    fn json(&self, world: &Served, more: &[&str], code: i32) -> Value {
        let arguments = self.arguments(more);
        world.json(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), code)
    }

    /// Returns what goes to standard error.
    fn said(&self, world: &Served, more: &[&str], code: i32) -> String {
        let arguments = self.arguments(more);
        let run = world.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).assert().code(code);
        String::from_utf8_lossy(&run.get_output().stderr).into_owned()
    }
}

fn packed(text: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(text).unwrap();
    packer.finish().unwrap()
}

/// A call to EC2 by the role `builder` of an account.
fn call(account: &str, name: &str, id: &str) -> Value {
    json!({
        "eventVersion": "1.11", "eventID": id, "eventTime": "2026-11-20T10:11:12Z", "eventType": "AwsApiCall",
        "eventCategory": "Management", "eventSource": "ec2.amazonaws.com", "eventName": name,
        "awsRegion": "eu-west-1", "sourceIPAddress": "203.0.113.7", "recipientAccountId": account,
        "requestParameters": null, "responseElements": { "x": [1, 2.5, "\u{202e}"] },
        "userIdentity": {
            "type": "AssumedRole", "accountId": account,
            "arn": format!("arn:aws:sts::{account}:assumed-role/builder/person@example.com"),
            "sessionContext": { "sessionIssuer": { "arn": format!("arn:aws:iam::{account}:role/builder") } },
        },
    })
}

const TABLE: &str = r#"{ "controls": [
    { "id": "gateways", "control": "AWS-GR_DISALLOW_VPC_INTERNET_ACCESS", "ous": ["Workloads", "Education"] },
    { "id": "root", "control": "set:strongly-recommended-preventive", "ous": ["*"] },
    { "id": "https", "control": "CT.S3.PV.5", "ous": ["Workloads/Prod"] },
    { "id": "snapshots", "control": "CT.EC2.PV.7", "ous": ["Education"] } ] }"#;

const GATEWAYS: &str = r#"{ "controls": [{ "id": "gateways", "control": "AWS-GR_DISALLOW_VPC_INTERNET_ACCESS", "ous": ["Workloads"] }] }"#;

#[test]
fn a_bucket_is_read_and_the_answer_has_one_form() {
    let world = Served::new(PROGRAM);
    let bucket = Bucket::new(TABLE);
    bucket.quiet();
    bucket.put("444455556666", "one.json.gz", &[call("444455556666", "CreateInternetGateway", "a")]);
    // The same event again, as a second trail delivers it, and a second call.
    let again = [
        call("444455556666", "CreateInternetGateway", "a"),
        call("444455556666", "AttachInternetGateway", "b"),
    ];
    bucket.put("444455556666", "plain.json", &again);
    bucket.write(
        "trail/AWSLogs/444455556666/CloudTrail-Digest/x/digest.json.gz",
        &packed(b"{\"digestS3Bucket\":1}"),
    );
    bucket.write("trail/AWSLogs/444455556666/Config/x.json.gz", &packed(b"{}"));
    bucket.write("trail/readme.txt", b"?");
    let answer = bucket.json(&world, &[], 1);
    assert_data_eq!(
        serde_json::to_string_pretty(&json!({ "version": answer["version"], "window": answer["window"],
            "unread": answer["unread"], "rows": [answer["rows"][0], answer["rows"][3], answer["rows"][4]] }))
        .unwrap(),
        str![[r#"
{
  "rows": [
    {
      "control": "AWS-GR_DISALLOW_VPC_INTERNET_ACCESS",
      "id": "gateways",
      "ous": [
        {
          "id": "ou-ab12-22222222",
          "path": "Workloads",
          "principals": [
            {
              "calls": 2,
              "last": "2026-11-20T10:11:12Z",
              "principal": "arn:aws:iam::444455556666:role/builder"
            }
          ],
          "verdict": "in use"
        },
        {
          "id": "ou-ab12-55555555",
          "path": "Education",
          "principals": [],
          "verdict": "no use seen in 1 day"
        }
      ]
    },
    {
      "control": "CT.S3.PV.5",
      "id": "https",
      "ous": [
        {
          "id": "ou-ab12-33333333",
          "path": "Workloads/Prod",
          "principals": [],
          "reason": "CloudTrail records how objects are reached only where data events of S3 are on; 0 of 2 accounts has any",
          "verdict": "cannot tell"
        }
      ]
    },
    {
      "control": "CT.EC2.PV.7",
      "id": "snapshots",
      "ous": [
        {
          "id": "ou-ab12-55555555",
          "path": "Education",
          "principals": [],
          "reason": "it is a setting of each account, and CloudTrail does not record which snapshots are public; give EC2's account status report with --status-report",
          "verdict": "cannot tell"
        }
      ]
    }
  ],
  "unread": [],
  "version": 1,
  "window": {
    "from": "2026-11-20T10:11:12Z",
    "to": "2026-11-20T10:11:12Z"
  }
}
"#]]
    );
    let controls: Vec<&str> = answer["rows"][1]["ous"]
        .as_array()
        .unwrap()
        .iter()
        .map(|unit| unit["path"].as_str().unwrap())
        .collect();
    assert_eq!(controls, ["Education", "Security", "Workloads"], "every OU directly below the root");
    assert!(!answer.to_string().contains("person@example.com"), "no session is named");
    assert!(bucket.said(&world, &[], 1).contains("left out 3 files or folders without records of calls"));
}

#[test]
fn a_person_sees_rows_ous_and_principals() {
    let world = Served::new(PROGRAM);
    let bucket = Bucket::new(TABLE);
    bucket.quiet();
    bucket.put("444455556666", "one.json.gz", &[call("444455556666", "CreateInternetGateway", "a")]);
    let arguments = bucket.arguments(&[]);
    let text = world.stdout(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), 1);
    assert!(!text.contains("safe"));
    assert_data_eq!(
        text,
        str![[r#"
CloudTrail from 2026-11-20T10:11:12Z to 2026-11-20T10:11:12Z: 4 records of 4 files

gateways  AWS-GR_DISALLOW_VPC_INTERNET_ACCESS
  Workloads: in use
    arn:aws:iam::444455556666:role/builder  1 call, last 2026-11-20T10:11:12Z
  Education: no use seen in 1 day

root  AWS-GR_RESTRICT_ROOT_USER
  Education: no use seen in 1 day
  Security: cannot tell
    there is no record of accounts 222233334444 (log-archive), 333344445555 (audit)
  Workloads: no use seen in 1 day

root  AWS-GR_RESTRICT_ROOT_USER_ACCESS_KEYS
  Education: no use seen in 1 day
  Security: cannot tell
    there is no record of accounts 222233334444 (log-archive), 333344445555 (audit)
  Workloads: no use seen in 1 day

https  CT.S3.PV.5
  Workloads/Prod: cannot tell
    CloudTrail records how objects are reached only where data events of S3 are on; 0 of 2 accounts has any

snapshots  CT.EC2.PV.7
  Education: cannot tell
    it is a setting of each account, and CloudTrail does not record which snapshots are public; give EC2's account status report with --status-report

"#]]
    );
}

#[test]
fn it_needs_no_aws_with_a_snapshot_and_is_good_where_no_use_was_seen() {
    let world = Served::new(PROGRAM);
    let snapshot = world.snapshot();
    let bucket = Bucket::new(GATEWAYS);
    bucket.quiet();
    let live = bucket.json(&world, &[], 0);
    let arguments = bucket.arguments(&["--json", "--snapshot"]);
    let offline = assignctl(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).arg(snapshot.path());
    let offline = offline.assert().code(0).get_output().stdout.clone();
    assert_eq!(serde_json::from_slice::<Value>(&offline).unwrap(), live);
    assert_eq!(live["rows"][0]["ous"][0]["verdict"], "no use seen in 1 day");
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_counts() {
    let world = Served::new(PROGRAM);
    let bucket = Bucket::new(GATEWAYS);
    bucket.quiet();
    let text = json!({ "Records": [call("555566667777", "DescribeVpcs", "x")] }).to_string();
    let cut = packed(text.as_bytes());
    bucket.write("trail/AWSLogs/555566667777/CloudTrail/cut.json.gz", &cut[..cut.len() - 12]);
    let answer = bucket.json(&world, &[], 1);
    let unread = answer["unread"][0].as_str().unwrap();
    assert!(unread.ends_with("555566667777/CloudTrail/cut.json.gz"), "{unread}");
    let unit = &answer["rows"][0]["ous"][0];
    assert_eq!(unit["verdict"], "cannot tell", "{unit}");
    // Of an account of another OU it takes nothing away.
    bucket.write("trail/AWSLogs/111122223333/CloudTrail/none.json", b"{}");
    std::fs::remove_file(bucket.path("trail/AWSLogs/555566667777/CloudTrail/cut.json.gz")).unwrap();
    let answer = bucket.json(&world, &[], 1);
    assert_eq!(answer["rows"][0]["ous"][0]["verdict"], "no use seen in 1 day");
    assert!(bucket.said(&world, &[], 1).contains("none.json: it has no list of Records"));
    // A link to a folder is not followed, and says so.
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(bucket.path("trail"), bucket.path("trail/loop")).unwrap();
        assert!(bucket.said(&world, &[], 1).contains("a link to a folder is not followed"));
    }
}

#[test]
fn an_account_that_cannot_be_placed_may_be_anywhere() {
    let world = Served::new(PROGRAM);
    let bucket = Bucket::new(GATEWAYS);
    bucket.quiet();
    let mut snapshot: Value =
        serde_json::from_slice(&std::fs::read(world.snapshot().path()).unwrap()).unwrap();
    let accounts = snapshot["accounts"].as_array_mut().unwrap();
    let class = accounts.iter_mut().find(|account| account["name"] == "class-7").unwrap();
    (class["unread"], class["parents"]) = (json!("denied"), json!([]));
    bucket.write("org.json", snapshot.to_string().as_bytes());
    let answer = bucket.json(&world, &["--snapshot", bucket.path("org.json").to_str().unwrap()], 1);
    assert_eq!(answer["unread"], json!(["account 111122223333 (class-7)"]));
    let unit = &answer["rows"][0]["ous"][0];
    assert_eq!(unit["reason"], "account 111122223333 (class-7) could not be read whole");
}

#[test]
fn no_record_at_all_is_an_error() {
    let world = Served::new(PROGRAM);
    let bucket = Bucket::new(GATEWAYS);
    bucket.write("trail/empty.json", b"{\"Records\":[]}");
    assert!(bucket.said(&world, &[], 2).contains("has no record of CloudTrail in 1 file"));
    bucket.write("trail/other.json", b"[]");
    assert!(
        bucket.said(&world, &[], 2).contains("other.json: it is not a JSON object with a list of Records")
    );
    bucket.quiet();
    let said = bucket.said(&world, &["--days", "1"], 2);
    assert!(said.contains("3 are from before the days that were asked for"), "{said}");
    std::fs::remove_dir_all(bucket.path("trail")).unwrap();
    assert!(bucket.said(&world, &[], 2).contains("cannot read"));
}

#[test]
fn a_policy_and_a_report_of_settings_are_taken() {
    let world = Served::new(PROGRAM);
    let bucket = Bucket::new(TABLE);
    bucket.quiet();
    bucket.put("444455556666", "one.json.gz", &[call("444455556666", "CreateInternetGateway", "a")]);
    let statement = json!({ "Sid": "GRDISALLOWVPCINTERNETACCESS", "Effect": "Deny", "Action": "ec2:*InternetGateway",
        "Resource": "*", "Condition": { "ArnNotLike": { "aws:PrincipalARN": [BUILDER] } } });
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] });
    bucket.write("policy.json", policy.to_string().as_bytes());
    bucket.write(
        "status.csv",
        b"Account ID,Region,Snapshot block public access\n111122223333,eu-west-1,block-all-sharing\n",
    );
    let of = |name: &str| bucket.path(name).to_str().unwrap().to_owned();
    let answer =
        bucket.json(&world, &["--policy", &of("policy.json"), "--status-report", &of("status.csv")], 1);
    assert_eq!(answer["rows"][0]["ous"][0]["verdict"], "no use seen in 1 day", "{answer}");
    let settings = &answer["rows"][4]["ous"][0];
    assert_eq!(settings["verdict"], "no use seen in 1 day");
    assert_eq!(
        settings["reason"],
        "the account status report shows snapshot_block_public_access in each account already"
    );
    bucket.write("policy.json", policy.to_string().replace("GRDIS", "XX").as_bytes());
    assert!(bucket.said(&world, &["--policy", &of("policy.json")], 2).contains("no Sid is one of theirs"));
    bucket.write("policy.json", b"{\"Statement\": 7}");
    assert!(
        bucket.said(&world, &["--policy", &of("policy.json")], 2).contains("is not a service control policy")
    );
    bucket.write("status.csv", b"a,b\n");
    assert!(
        bucket
            .said(&world, &["--status-report", &of("status.csv")], 2)
            .contains("names no column account_id")
    );
    bucket.write("status.csv", b"account_id,image_block_public_access\n12,x\n");
    assert!(
        bucket.said(&world, &["--status-report", &of("status.csv")], 2).contains("line 2 names no account")
    );
}

#[test]
fn what_a_canary_has_is_taken_from_its_policies() {
    let world = Served::new(PROGRAM);
    let bucket = Bucket::new(GATEWAYS);
    bucket.quiet();
    let unit = "arn:aws:organizations::123456789012:ou/o-a1b2c3d4e5/ou-ab12-55555555";
    let controls = ["41ngl8m5c4eb1myoz0t707n7h", "5kvme4m5d2b4d7if2fs5yg2ui"];
    for id in controls {
        let arn = format!("arn:aws:controlcatalog:::control/{id}");
        world.stand_in.put_enabled_control(&arn, unit, Default::default());
    }
    // The stand-in's statements deny everything, so that a harmless call is use.
    assert_eq!(bucket.json(&world, &[], 0)["rows"][0]["ous"][0]["verdict"], "no use seen in 1 day");
    let answer = bucket.json(&world, &["--canary", "Education"], 1);
    assert_eq!(answer["rows"][0]["ous"][0]["verdict"], "in use", "{answer}");
    let said = bucket.said(&world, &["--canary", "ou-ab12-55555555"], 1);
    let note = "what AWS-GR_DISALLOW_VPC_INTERNET_ACCESS deny is taken from the OU ou-ab12-55555555";
    assert!(said.contains(note), "{said}");
    assert!(
        bucket.said(&world, &["--canary", "Security"], 2).contains("no statement of the OU Security denies")
    );
    assert!(bucket.said(&world, &["--canary", "Nowhere"], 2).contains("the organization has no OU Nowhere"));
}

/// The bound holds whatever is read: a file of 70 MB, in many parts, each packed for itself.
#[cfg(target_os = "linux")]
#[test]
fn memory_does_not_grow_with_what_is_read() {
    const MOST: u64 = 64 * 1024;
    let world = Served::new(PROGRAM);
    let snapshot = world.snapshot();
    let bucket = Bucket::new(GATEWAYS);
    bucket.quiet();
    let mut long = call("444455556666", "CreateInternetGateway", "a");
    long["requestParameters"] = json!("x".repeat(250_000));
    let one = packed(format!("{long},").as_bytes());
    let mut file = packed(b"{\"Records\":[");
    (0..280).for_each(|_| file.extend_from_slice(&one));
    file.extend(packed(format!("{}]}}", call("444455556666", "AttachInternetGateway", "b")).as_bytes()));
    bucket.write("trail/large.json.gz", &file);
    let mut arguments = bucket.arguments(&["--json", "--snapshot"]);
    arguments.push(snapshot.path().to_str().unwrap().to_owned());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let memory::Measured { stdout, peak, .. } = memory::run(&arguments);
    let answer: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(answer["rows"][0]["ous"][0]["principals"][0]["calls"], 2);
    assert!(peak < MOST, "{peak} kB");
}
