//! `permission-set report`: from the usage file and the policy file to a page and a CSV file, offline.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use snapbox::{assert_data_eq, cmd::OutputAssert, str};

use crate::{
    assignctl,
    permission_set::{Files, error, usage},
};

/// The most that a debug build may take for 100 accounts that each used 1,000 actions.
const LONGEST: Duration = Duration::from_secs(60);

fn drafted(usage: &Value) -> Files {
    let files = Files::new(usage);
    let statement = json!({ "Effect": "Allow", "Action": "ec2:DescribeVpcs", "Resource": "*" });
    files.write(
        "keep.json",
        &json!({ "keep": [
            { "statement": statement, "reason": "the alarm", "until": "9999-12-31" },
            { "statement": statement, "reason": "an old one", "until": "2020-01-31" },
        ] }),
    );
    files.draft(&["--keep", "keep.json", "--output", "policy.json"]).code(0);
    files
}

fn report(files: &Files, arguments: &[&str]) -> OutputAssert {
    let verb = ["permission-set", "report", "--usage", "usage.json", "--draft", "policy.json"];
    let command = assignctl(&verb).args(arguments);
    command.current_dir(files.path("")).assert()
}

fn page(files: &Files) -> String {
    report(files, &["--html", "page.html"]).code(0);
    std::fs::read_to_string(files.path("page.html")).unwrap()
}

/// Returns the part of a page from one text to another.
fn between<'p>(page: &'p str, from: &str, to: &str) -> &'p str {
    let (_, rest) = page.split_once(from).unwrap_or_else(|| panic!("{from} is not in {page}"));
    rest.split_once(to).unwrap_or_else(|| panic!("{to} is not in {rest}")).0
}

#[test]
fn the_page_says_first_what_to_decide_and_then_who_used_what_where() {
    let files = drafted(&usage());
    let shown = report(&files, &["--html", "page.html", "--csv", "list.csv"]).code(0);
    shown.stdout_eq(str![[r#"
PowerUserAccess: 3 actions kept, from the use of 2 accounts
- Accounts whose use is not in the draft: 1
- Data events, which no source shows: 1
- Rows of the keep file that have ended: 1
- Kept by the keep file, whether it was used or not: 1

"#]]);
    let text = std::fs::read_to_string(files.path("page.html")).unwrap();
    let decide = between(&text, "<ol class=\"decide\"", "</ol>");
    for part in [
        "333344445555: generated: the role cannot be assumed; name another one with --role",
        "s3:GetObject, ",
        "row 2, until 2020-01-31: an old one",
        "row 1, ec2:DescribeVpcs, until 9999-12-31: the alarm",
    ] {
        assert!(decide.contains(part), "{part}: {decide}");
    }
    assert!(text.find("<ol class=\"decide\"") < text.find("<dl class=\"facts\">"), "it comes first");
    let matrix = between(&text, "<table id=\"matrix\"", "</table>");
    for part in [
        "class-7 111122223333",
        "<span>2026-11-20</span> <small>generated, last-accessed</small>",
        "<small>the alarm</small> <em>row 1, until 9999-12-31</em>",
        "1 account: no statement of the set allows it",
        "1 account: the set denies it",
    ] {
        assert!(matrix.contains(part), "{part}: {matrix}");
    }
    for part in [
        "2026-08-29 to 2026-11-27",
        "not known: the role cannot be assumed; name another one with --role",
        "<code>all but iam:*, organizations:*</code>",
        "<code>s3:PutBucketPolicy</code>",
        "&#34;iam:ListRoles&#34;",
    ] {
        assert!(text.contains(part), "{part}");
    }
    assert_data_eq!(
        std::fs::read_to_string(files.path("list.csv")).unwrap(),
        str![[r#"
action,account,accountName,status,last,sources,reason
ec2:DescribeVpcs,,,kept,,,the alarm
iam:ListRoles,222233334444,,used,2026-11-02,last-accessed,
s3:ListAllMyBuckets,111122223333,class-7,used,2026-11-20,"generated, last-accessed",
iam:CreateUser,111122223333,class-7,left out,,generated,no statement of the set allows it
s3:DeleteBucket,111122223333,class-7,left out,,generated,the set denies it
glue:GetJob,,,unused,,last-accessed,AWS knows that nobody used it
s3:PutBucketPolicy,,,unused,,last-accessed,AWS knows that nobody used it
,,,unknown,,,"data events of s3: no source shows [..]; keep what is used"
,333344445555,,without,,,generated: the role cannot be assumed; name another one with --role

"#]]
    );
    assert_eq!(page(&files), text, "the same bytes again");
}

#[test]
fn json_has_what_to_decide() {
    let files = drafted(&usage());
    let shown = report(&files, &["--json"]).code(0);
    let shown: Value = serde_json::from_slice(&shown.get_output().stdout).unwrap();
    let kinds: Vec<&str> =
        shown["decisions"].as_array().unwrap().iter().filter_map(|one| one["kind"].as_str()).collect();
    assert_eq!(kinds, ["without", "dataEvents", "ended", "kept"]);
    assert_eq!((&shown["actions"], &shown["accounts"], &shown["days"]), (&json!(3), &json!(2), &json!(90)));
}

#[test]
fn what_a_person_changed_in_the_policy_is_said() {
    let files = drafted(&usage());
    let mut policy = files.policy();
    policy["policy"]["Statement"] = json!({ "Effect": "Allow", "Action": ["iam:ListRoles", "ec2:Describe*", "ec2:RunInstances"], "Resource": "*" });
    files.write("policy.json", &policy);
    let text = page(&files);
    let decide = between(&text, "<ol class=\"decide\"", "</ol>");
    let removed = between(decide, "Taken out of the policy by hand", "</ul>");
    assert!(removed.contains("<li>s3:ListAllMyBuckets"), "{removed}");
    let added = between(decide, "Added to the policy by hand", "</ul>");
    assert!(added.contains("<li>ec2:Describe*<li>ec2:RunInstances"), "{added}");
    assert!(!removed.contains("ec2:DescribeVpcs"), "a wider pattern allows it: {removed}");
    assert!(!decide.contains("were edited by hand"), "the resources are as drafted: {decide}");
    // The gaps are those of the policy as it is.
    assert!(!decide.contains("iam:PassRole to ec2.amazonaws.com"), "the set does not allow it: {decide}");
}

#[test]
fn what_a_person_changed_besides_actions_is_said() {
    let files = drafted(&usage());
    let mut policy = files.policy();
    policy["policy"]["Statement"][0]["Resource"] = json!("arn:aws:s3:::only/*");
    files.write("policy.json", &policy);
    let shown = report(&files, &["--html", "page.html", "--csv", "list.csv"]).code(0);
    let title = "Resources, conditions and denials that were edited by hand";
    let said = String::from_utf8_lossy(&shown.get_output().stdout).into_owned();
    assert!(said.contains(&format!("- {title}: ")), "{said}");
    let text = std::fs::read_to_string(files.path("page.html")).unwrap();
    let edited = between(between(&text, "<ol class=\"decide\"", "</ol>"), title, "</ul>");
    let now = "no longer allowed: ec2:describevpcs, iam:listroles, s3:listallmybuckets on *";
    assert!(edited.contains(&format!("<li>{now}")), "{edited}");
    let list = std::fs::read_to_string(files.path("list.csv")).unwrap();
    assert!(list.contains(&format!(",,,edited,,,\"{now}\"")), "{list}");
}

#[test]
fn what_was_used_only_in_an_account_that_is_left_out_is_named() {
    let mut usage = usage();
    usage["accounts"][2]["actions"] = json!([
        { "action": "ec2:DescribeImages", "last": "2026-11-19", "sources": ["last-accessed"] },
        { "action": "iam:ListRoles", "last": "2026-11-19", "sources": ["last-accessed"] },
    ]);
    let text = page(&drafted(&usage));
    let uncounted = between(&text, "Used only in accounts that are left out", "</ul>");
    assert!(uncounted.contains("<li>ec2:DescribeImages, in 333344445555"), "{uncounted}");
    assert!(!uncounted.contains("iam:ListRoles"), "it is kept for others: {uncounted}");
}

#[test]
fn files_that_do_not_belong_together_are_refused() {
    let files = drafted(&usage());
    type Change = fn(&mut Value);
    let change = |change: Change| {
        let mut other = usage();
        change(&mut other);
        files.write("usage.json", &other);
        let failed = report(&files, &["--html", "page.html"]).code(2);
        assert!(!files.path("page.html").exists());
        error(&failed)
    };
    let cases: [(Change, &str); 6] = [
        (|usage| usage["permissionSet"]["description"] = json!("x"), "the usage file is about"),
        (
            |usage| _ = usage["accounts"].as_array_mut().unwrap().pop(),
            "usage file does not have account 333344445555",
        ),
        (
            |usage| usage["accounts"][2]["id"] = json!("444455556666"),
            "draft does not have account 444455556666",
        ),
        (
            |usage| usage["accounts"][0]["sources"][0]["to"] = json!("2026-11-28"),
            "account 111122223333: other days",
        ),
        (
            |usage| usage["accounts"][0]["actions"][0]["last"] = json!("2026-11-21"),
            "1 of its actions in accounts",
        ),
        (
            |usage| _ = usage["accounts"][0]["actions"].as_array_mut().unwrap().remove(1),
            "1 of its actions in accounts",
        ),
    ];
    for (alter, problem) in cases {
        let said = change(alter);
        assert!(said.contains(problem), "{problem}: {said}");
    }
    files.write("usage.json", &usage());
    for (arguments, problem) in [
        (&[][..], "no file to write"),
        (&["--html", "usage.json"][..], "would overwrite what is read"),
        (&["--csv", "policy.json"][..], "would overwrite what is read"),
    ] {
        let failed = report(&files, arguments).code(2);
        assert!(error(&failed).contains(problem), "{}", error(&failed));
    }
    files.write("policy.json", &json!({ "version": 7 }));
    assert!(error(&report(&files, &["--html", "page.html"]).code(2)).contains("not a policy file"));
}

#[test]
fn texts_of_others_are_texts_and_name_nobody() {
    const MARKUP: &str = "\"><script>alert(1)</script><!--\u{202e}";
    let mut usage = usage();
    usage["permissionSet"]["name"] = json!(MARKUP);
    usage["permissionSet"]["arn"] = json!(MARKUP);
    usage["permissionSet"]["inlinePolicy"]["Statement"]["Sid"] = json!("Bucket");
    usage["accounts"][0]["name"] = json!(format!("{MARKUP} ann@example.com"));
    usage["accounts"][0]["services"][0]["service"] = json!(MARKUP);
    usage["accounts"][0]["services"][0]["last"] = json!("2026-11-01");
    usage["accounts"][0]["unused"] = json!([MARKUP]);
    usage["accounts"][0]["sources"][0]["regions"] = json!([MARKUP]);
    usage["accounts"][0]["sources"][0]["source"] = json!("generated");
    usage["accounts"][2]["name"] = json!(MARKUP);
    usage["accounts"][2]["failures"][0]["cause"] =
        json!(format!("{MARKUP} arn:aws:sts::111122223333:assumed-role/X/ann-smith and bob@example.com"));
    usage["accounts"][2]["failures"][0]["remedy"] = json!(MARKUP);
    let files = Files::new(&usage);
    let statement = json!({ "Effect": "Allow", "Action": "ec2:*", "Resource": "arn:aws:ec2:*:*:x/\"><script>alert(1)</script><!--" });
    files.write(
        "keep.json",
        &json!({ "keep": [{ "statement": statement, "reason": format!("{MARKUP} cid@example.com") }] }),
    );
    files.draft(&["--keep", "keep.json", "--output", "policy.json"]).code(0);
    report(&files, &["--html", "page.html", "--csv", "list.csv"]).code(0);
    let text = std::fs::read_to_string(files.path("page.html")).unwrap();
    assert!(
        text.matches("&lt;script&gt;").count() + text.matches("&#60;script&#62;").count() > 8,
        "all of them are there"
    );
    assert_eq!(text.matches("<script").count(), 1, "its own");
    assert_eq!(text.matches("<!--").count(), 0);
    let list = std::fs::read_to_string(files.path("list.csv")).unwrap();
    for file in [&text, &list] {
        assert!(!file.contains('\u{202e}'));
        for person in ["ann@", "bob@", "cid@", "ann-smith"] {
            assert!(!file.contains(person), "{person}");
        }
    }
}

#[test]
fn a_hundred_accounts_that_each_used_a_thousand_actions_make_a_page_in_bounded_time() {
    let actions: Vec<Value> = (0..1_000)
        .map(|n| {
            let day = format!("2026-11-{:02}", n % 28 + 1);
            json!({ "action": format!("service{}:DescribeThing{n}", n % 40), "last": day, "sources": ["last-accessed"] })
        })
        .collect();
    let mut usage = usage();
    usage["accounts"] =
        (0..100).map(|n| json!({ "id": format!("2000000000{n:02}"), "name": format!("class-{n}"), "actions": actions })).collect();
    let files = Files::new(&usage);
    assignctl(&["permission-set", "draft", "usage.json", "--output", "policy.json"])
        .current_dir(files.path(""))
        .assert()
        .code(0);
    let began = Instant::now();
    let text = page(&files);
    let took = began.elapsed();
    assert_eq!(text.matches("<li class=\"good\">").count(), 100_000);
    assert!(took < LONGEST, "{took:?}");
    assert!(text.len() < 25_000_000, "{} bytes", text.len());
}
