//! `permission-set draft`: from files to a file, offline.

use std::path::Path;

use serde_json::{Value, json};
use snapbox::{
    assert_data_eq,
    cmd::{Command, OutputAssert},
    str,
};
use tempfile::TempDir;

use crate::assignctl;

/// A set, and what two accounts did. In a third one a source failed.
pub fn usage() -> Value {
    let failure = json!({ "source": "generated", "cause": "the role cannot be assumed", "remedy": "name another one with --role" });
    json!({
        "version": 1, "days": 90,
        "permissionSet": {
            "arn": "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-3c9d17e2a4b5f608",
            "name": "PowerUserAccess",
            "managedPolicies": [{ "arn": "arn:aws:iam::aws:policy/PowerUserAccess", "document": {
                "Version": "2012-10-17",
                "Statement": [
                    { "Effect": "Allow", "NotAction": ["iam:*", "organizations:*"], "Resource": "*" },
                    { "Effect": "Allow", "Action": ["iam:ListRoles"], "Resource": "*" },
                ],
            } }],
            "inlinePolicy": { "Version": "2012-10-17", "Statement": {
                "Sid": "Bucket", "Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*",
            } },
        },
        "accounts": [
            { "id": "111122223333", "name": "class-7",
              "sources": [{ "source": "last-accessed", "from": "2026-08-29", "to": "2026-11-27" }],
              "actions": [
                { "action": "s3:ListAllMyBuckets", "last": "2026-11-20", "sources": ["generated", "last-accessed"] },
                { "action": "s3:DeleteBucket", "sources": ["generated"] },
                { "action": "iam:CreateUser", "sources": ["generated"] } ],
              "services": [{ "service": "glue", "byAction": true }],
              "unused": ["s3:PutBucketPolicy", "glue:GetJob"] },
            { "id": "222233334444", "actions": [{ "action": "iam:ListRoles", "last": "2026-11-02", "sources": ["last-accessed"] }] },
            { "id": "333344445555", "failures": [failure] },
        ],
    })
}

pub struct Files(TempDir);

impl Files {
    pub fn new(usage: &Value) -> Files {
        let files = Files(tempfile::tempdir().unwrap());
        files.write("usage.json", usage);
        files
    }

    pub fn write(&self, name: &str, content: &Value) {
        std::fs::write(self.path(name), content.to_string()).unwrap();
    }

    pub fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    /// Drafts without the account whose use is not known.
    pub fn draft(&self, arguments: &[&str]) -> OutputAssert {
        self.command(&["--without", "333344445555"]).args(arguments).assert()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let command = assignctl(&["permission-set", "draft", "usage.json"]);
        command.args(arguments).current_dir(self.0.path())
    }

    pub fn policy(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.path("policy.json")).unwrap()).unwrap()
    }
}

pub fn error(failed: &OutputAssert) -> String {
    String::from_utf8_lossy(&failed.get_output().stderr).into_owned()
}

#[test]
fn a_draft_is_shown_and_written_with_its_reasons() {
    let files = Files::new(&usage());
    files.draft(&["--output", "policy.json"]).code(0).stdout_eq(str![[r#"
without account 333344445555: generated: the role cannot be assumed; name another one with --role
PowerUserAccess: 2 actions from the use of 2 accounts

action               account       last day    source
iam:ListRoles        222233334444  2026-11-02  last-accessed
s3:ListAllMyBuckets  111122223333  2026-11-20  generated, last-accessed
left out iam:CreateUser, used in 111122223333: no statement of the set allows it
left out s3:DeleteBucket, used in 111122223333: the set denies it

Gaps: what no source can show
- data events of s3: no source shows s3:AbortMultipartUpload, s3:DeleteObject, s3:DeleteObjectTagging, s3:DeleteObjectVersion, s3:GetObject, s3:GetObjectAcl, s3:GetObjectAttributes, s3:GetObjectTagging, s3:GetObjectVersion, s3:ListBucket, s3:ListBucketMultipartUploads, s3:ListMultipartUploadParts, s3:PutObject, s3:PutObjectAcl, s3:PutObjectTagging, s3:RestoreObject; keep what is used

Old and new, by service
*: now all but iam:*, organizations:*; then only what is kept below
glue: then goes away, no use was seen; nobody used glue:GetJob
iam: now iam:ListRoles; then 1 action kept
s3: then 1 action kept; nobody used s3:PutBucketPolicy

Size: 121 of 10240 bytes as inline policy: fits
      as customer managed policies of at most 6144 bytes: 1 (121)

"#]]);
    let policy = files.policy();
    let expected = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Action": ["iam:ListRoles", "s3:ListAllMyBuckets"], "Resource": "*" },
    ] });
    assert_eq!(policy["policy"], expected);
    assert_eq!(policy["permissionSet"], {
        let mut set = usage()["permissionSet"].clone();
        // A statement alone is written as a list of one, and a list of one as a string.
        set["inlinePolicy"]["Statement"] = json!([set["inlinePolicy"]["Statement"]]);
        set["managedPolicies"][0]["document"]["Statement"][1]["Action"] = json!("iam:ListRoles");
        set
    });
    let before = std::fs::read(files.path("policy.json")).unwrap();
    files.draft(&["--output", "policy.json"]).code(0);
    assert_eq!(std::fs::read(files.path("policy.json")).unwrap(), before, "the same bytes again");
}

#[test]
fn json_is_what_the_file_has() {
    let files = Files::new(&usage());
    let shown = files.draft(&["--output", "policy.json", "--json"]).code(0);
    let shown: Value = serde_json::from_slice(&shown.get_output().stdout).unwrap();
    assert_eq!(shown, files.policy());
    let failed = files.command(&["--json"]).assert().code(1);
    let failed: Value = serde_json::from_slice(&failed.get_output().stdout).unwrap();
    assert_eq!(failed["error"]["type"], "UsageIncomplete");
}

#[test]
fn an_account_without_use_is_refused_unless_it_is_left_out() {
    let files = Files::new(&usage());
    let failed = files.command(&["--output", "policy.json"]).assert().code(1);
    assert_data_eq!(
        error(&failed),
        str![[r#"
error: no draft of usage.json, 1 problem:
- account 333344445555: generated: the role cannot be assumed; name another one with --role
next: read the use again with `assignctl permission-set usage`, or leave an account out with --without ACCOUNT

"#]]
    );
    assert!(!files.path("policy.json").exists());
}

#[test]
fn strict_fails_on_a_gap_and_a_kept_statement_closes_it() {
    let files = Files::new(&usage());
    let failed = files.draft(&["--strict", "--output", "policy.json"]).code(1);
    assert!(error(&failed).contains("nothing was written: 1 gap with --strict"), "{}", error(&failed));
    assert!(!files.path("policy.json").exists());
    let objects = json!({ "Effect": "Allow", "Action": ["s3:*Object*", "s3:*Multipart*", "s3:ListBucket"], "Resource": "arn:aws:s3:::lab/*" });
    files.write(
        "keep.json",
        &json!({ "keep": [{ "statement": objects, "reason": "the lab's data", "until": "9999-12-31" }] }),
    );
    files.draft(&["--strict", "--keep", "keep.json", "--output", "policy.json"]).code(0);
    assert!(files.policy()["policy"].to_string().contains("arn:aws:s3:::lab/*"));
}

#[test]
fn bad_input_is_refused_with_every_fault_and_nothing_is_written() {
    let files = Files::new(&usage());
    let statement = |action: &str| json!({ "Effect": "Allow", "Action": action, "Resource": "*" });
    files.write(
        "keep.json",
        &json!({ "keep": [{ "statement": statement("iam:CreateUser"), "reason": "x" }, { "statement": statement("s3:GetObject") }] }),
    );
    let failed = files.draft(&["--keep", "keep.json", "--output", "policy.json"]).code(2);
    let text = error(&failed);
    assert!(text.contains("no draft of keep.json, 2 problems"), "{text}");
    assert!(text.contains("row 1, statement: iam:CreateUser: no statement of the set allows it"), "{text}");
    assert!(text.contains("row 2, reason: is missing"), "{text}");
    for (arguments, problem) in [
        (&["--without", "999999999999"][..], "999999999999, to be left out, is not in the usage file"),
        (&["--output", "usage.json"][..], "would overwrite what is read"),
        (&["--keep", "no-such-file.json"][..], "cannot read no-such-file.json"),
    ] {
        let failed = files.draft(arguments).code(2);
        assert!(error(&failed).contains(problem), "{}", error(&failed));
    }
    let other = Files::new(&json!({ "version": 2 }));
    assert!(error(&other.draft(&[]).code(2)).contains("usage.json: a usage file of version 2"));
    assert!(!files.path("policy.json").exists());
    assert_eq!(json_of(&files.path("usage.json")), usage());
}

fn json_of(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn what_is_too_large_for_an_inline_policy_is_offered_as_several_policies() {
    let mut usage = usage();
    let actions: Vec<Value> = (0..500)
        .map(|n| json!({ "action": format!("service{}:AnActionWithALongName{n}", n % 9), "sources": ["generated"] }))
        .collect();
    usage["accounts"] = json!([{ "id": "111122223333", "actions": actions }]);
    let files = Files::new(&usage);
    let shown = files.command(&["--output", "policy.json"]).assert().code(0);
    let text = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
    assert!(text.contains("of 10240 bytes as inline policy: does not fit"), "{text}");
    let sizes = files.policy()["sizes"]["managed"].clone();
    assert!(sizes.as_array().unwrap().len() > 1, "{sizes}");
    // A part that cannot be divided is reported, and the file is written all the same: a person may shorten it.
    let buckets: Vec<String> =
        (0..300).map(|n| format!("arn:aws:s3:::a-bucket-with-a-long-name-{n}")).collect();
    usage["permissionSet"]["managedPolicies"] = json!([]);
    usage["permissionSet"]["inlinePolicy"]["Statement"] =
        json!({ "Effect": "Allow", "Action": "*", "NotResource": buckets });
    let files = Files::new(&usage);
    let shown = files.command(&["--output", "policy.json"]).assert().code(1);
    let text = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
    assert!(text.contains("as customer managed policies it does not fit"), "{text}");
    assert!(files.path("policy.json").exists());
}
