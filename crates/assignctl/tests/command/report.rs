//! `assignctl report` from the outside: the page, the CSV file and the JSON of an organization and a table.
//! `tests/browser` tests how the page behaves in a browser.

use std::{path::Path, process::Output, time::Duration};

use serde_json::{Value, json};
use stand_in::{Assignment, Organization, Settings, StandIn};
use tempfile::TempDir;

const NAMED: &str = "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-";
const AUDITORS: &str = "52d5f4a4-70b1-7016-4f5a-000000000001";
const STRANGERS: &str = "52d5f4a4-70b1-7016-4f5a-000000000002";

async fn assignctl(directory: &Path, url: &str, arguments: &[&str]) -> Output {
    tokio::process::Command::new(env!("CARGO_BIN_EXE_assignctl"))
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .envs([("AWS_ENDPOINT_URL", url), ("AWS_REGION", "eu-west-1")])
        .envs([("AWS_ACCESS_KEY_ID", "any"), ("AWS_SECRET_ACCESS_KEY", "any")])
        .kill_on_drop(true)
        .output()
        .await
        .unwrap()
}

fn read(directory: &TempDir, name: &str) -> String {
    std::fs::read_to_string(directory.path().join(name)).unwrap()
}

/// Returns the lines of a CSV file, each as fields by name.
fn lines(text: &str) -> Vec<Value> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers().unwrap().clone();
    let line = |record: csv::StringRecord| {
        names.iter().zip(&record).map(|(name, field)| (name.to_owned(), field.into())).collect()
    };
    reader.records().map(|record| Value::Object(line(record.unwrap()))).collect()
}

fn is(code: i32, output: &Output) {
    assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Writes a snapshot with an account in which all texts of others are hostile, and an account with nothing.
fn hostile(directory: &TempDir) {
    let account = |id: &str, name: &str, state: &str, management: bool, ou: &str| {
        json!({ "id": id, "name": name, "state": state, "management": management, "tags": {},
                "parents": [{ "id": "r-ab12", "name": null }, { "id": "ou-ab12-11111111", "name": ou }] })
    };
    let snapshot = json!({
        "version": 2,
        "takenAt": "2025-01-31T12:00:00Z\" } </style><script>alert(0)</script>",
        "instance": "arn:aws:sso:::instance/ssoins-7223f7eef79824e1",
        "method": "principals",
        "accounts": [
            account("111122223333", "<script>alert(1)</script>", "ACTIVE", false, "a\"b'c\nd"),
            account("222233334444", "=HYPERLINK(\"x\")", "ACTIVE", false, "Sandbox"),
            account("333344445555", "idle", "SUSPENDED", false, "-1"),
            account("123456789012", "management", "ACTIVE", true, "Root"),
        ],
        "permissionSets": { format!("{NAMED}0000000000000001"): "ReadOnlyAccess",
                            format!("{NAMED}0000000000000002"): "+Admin",
                            format!("{NAMED}0000000000000003"): "NobodyHasIt" },
        "groups": { AUDITORS: "auditors", STRANGERS: "\u{202e}</td></table>" },
        "users": {},
        "assignments": {
            "111122223333": [
                { "permissionSet": format!("{NAMED}0000000000000001"), "group": AUDITORS },
                { "permissionSet": format!("{NAMED}0000000000000002"), "group": STRANGERS } ],
            "333344445555": [{ "permissionSet": format!("{NAMED}0000000000000001"), "group": AUDITORS }],
            "123456789012": [{ "permissionSet": format!("{NAMED}0000000000000002"), "group": AUDITORS }] },
        "notes": ["<i>what account 123456789012 has</i> is not known"],
    });
    let table = json!({ "assignments": [
        { "id": "audit", "description": "<img src=x onerror=alert(2)>",
          "permissionSet": "ReadOnlyAccess", "group": "auditors" },
        { "id": "again", "permissionSet": "ReadOnlyAccess", "group": AUDITORS },
        { "id": "ghosts", "permissionSet": "NoSuchSet", "group": "ghosts",
          "accounts": { "ids": ["222233334444"] } },
    ] });
    std::fs::write(directory.path().join("org.json"), snapshot.to_string()).unwrap();
    std::fs::write(directory.path().join("assignments.json"), table.to_string()).unwrap();
}

#[tokio::test]
async fn what_aws_has_now_is_reported_with_the_rows_that_want_it_and_what_differs() {
    let settings = Settings { latency: Duration::from_millis(1), ..Settings::default() };
    let stand_in = StandIn::new(Organization::sample(), settings);
    let set = |name: &str| {
        let sets = stand_in.organization().permission_sets;
        sets.into_iter().find(|set| set.name == name).unwrap().arn
    };
    let group =
        |name: &str| stand_in.organization().groups.into_iter().find(|group| group.name == name).unwrap().id;
    let held = [
        ("444455556666", "ReadOnlyAccess", "auditors"),
        ("444455556666", "Billing", "students"),
        ("123456789012", "AdministratorAccess", "platform-admins"),
    ];
    for (account, permission_set, principal) in held {
        stand_in.put_assignment(Assignment {
            account: account.to_owned(),
            permission_set: set(permission_set),
            principal_type: "GROUP".to_owned(),
            principal_id: group(principal),
        });
    }
    let url = stand_in.start().await;
    let directory = tempfile::tempdir().unwrap();
    let table = format!("{}/examples/assignments.json", world::REPOSITORY);
    let arguments = ["--table", &table, "--json", "report", "--html", "access.html", "--csv", "access.csv"];
    let output = assignctl(directory.path(), &url, &arguments).await;
    is(0, &output);

    let overview: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&overview["outcome"], &overview["counts"]["unexplained"]), (&json!("planned"), &json!(1)));

    let lines = lines(&read(&directory, "access.csv"));
    let of = |account: &str, permission_set: &str| {
        let found = lines
            .iter()
            .find(|line| line["accountId"] == account && line["permissionSet"] == permission_set)
            .unwrap();
        ["accountName", "ou", "principal", "rows", "status"].map(|name| found[name].as_str().unwrap())
    };
    let payments = ["payments", "Workloads/Prod"];
    let [name, ou] = payments;
    assert_eq!(of("444455556666", "ReadOnlyAccess"), [name, ou, "auditors", "audit-everywhere", "present"]);
    assert_eq!(
        of("444455556666", "AdministratorAccess"),
        [name, ou, "platform-admins", "prod-admins", "missing"]
    );
    assert_eq!(of("444455556666", "Billing"), [name, ou, "students", "", "unexplained"]);
    let [_, _, principal, rows, status] = of("123456789012", "AdministratorAccess");
    assert_eq!([principal, rows, status], ["platform-admins", "", "outside"]);
    let billing = lines.iter().find(|line| line["permissionSet"] == "Billing").unwrap();
    assert_eq!(
        (&billing["permissionSetArn"], &billing["principalType"], &billing["principalId"]),
        (&json!(set("Billing")), &json!("GROUP"), &json!(group("students")))
    );

    let page = read(&directory, "access.html");
    for account in stand_in.organization().accounts {
        assert!(page.contains(&format!("<code>{}</code>", account.id)), "{} is not in the page", account.id);
    }
    assert!(page.contains(r#"<li class="bad"><b>~<span> unexplained </span></b><span>students</span>"#));
    assert!(page.contains("<span>platform-admins</span> <small>prod-admins</small>"));
}

#[tokio::test]
async fn texts_of_others_stay_texts() {
    let directory = tempfile::tempdir().unwrap();
    hostile(&directory);
    let arguments = ["report", "--snapshot", "org.json", "--html", "access.html", "--csv", "access.csv"];
    is(0, &assignctl(directory.path(), "http://127.0.0.1:9", &arguments).await);

    let page = read(&directory, "access.html");
    assert_eq!(page.matches("<script").count(), 1, "the page's own");
    assert_eq!(page.matches("</style").count(), 1, "the page's own");
    for markup in ["<img", "<i>what", "</td></table>", "\u{202e}", "onerror=alert(2)>"] {
        assert!(!page.contains(markup), "{markup} is in the page");
    }
    for shown in
        ["&#60;script&#62;alert(1)", r"c\nd", r"\u{202e}&#60;/td&#62;", "&#60;img src=x", "NobodyHasIt"]
    {
        assert!(page.contains(shown), "{shown} is not in the page");
    }

    let text = read(&directory, "access.csv");
    let lines = lines(&text);
    assert!(lines.iter().any(|line| line["accountName"] == "<script>alert(1)</script>"), "CSV is not HTML");
    assert!(lines.iter().any(|line| line["permissionSet"] == "'+Admin"));
    assert!(lines.iter().any(|line| line["accountName"] == "'=HYPERLINK(\"x\")"));
    assert!(lines.iter().any(|line| line["ou"] == "'-1"));
    assert!(lines.iter().any(|line| line["rows"] == "audit again"), "{text}");
    let ghosts = lines.iter().find(|line| line["principal"] == "ghosts").unwrap();
    assert_eq!((&ghosts["status"], &ghosts["permissionSetArn"]), (&json!("unresolved"), &json!("")));
    assert!(ghosts["reason"].as_str().unwrap().contains("NoSuchSet"), "{ghosts}");
}

#[tokio::test]
async fn the_page_may_load_and_send_nothing() {
    let directory = tempfile::tempdir().unwrap();
    hostile(&directory);
    let arguments = ["report", "--snapshot", "org.json", "--html", "access.html"];
    is(0, &assignctl(directory.path(), "http://127.0.0.1:9", &arguments).await);
    let page = read(&directory, "access.html");
    let policy =
        page.split_once("Content-Security-Policy\" content=\"").unwrap().1.split_once('"').unwrap().0;
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    for reference in [" src=", " href=", "url(", "@import", "http-equiv=\"refresh", " style=", " onclick="] {
        assert!(!page.contains(reference) || reference == " src=", "{reference} is in the page");
    }
    assert_eq!(page.matches(" src=").count(), 1, "the text of a description");
}

#[tokio::test]
async fn a_selection_is_said_and_unknown_accounts_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    hostile(&directory);
    let from = ["report", "--snapshot", "org.json", "--html", "access.html"];
    let some = [&from[..], &["--account", "111122223333"]].concat();
    is(0, &assignctl(directory.path(), "http://127.0.0.1:9", &some).await);
    let page = read(&directory, "access.html");
    assert!(page.contains("only account 111122223333: 1</dd>") && !page.contains("222233334444</code>"));

    let unknown = [&from[..], &["--account", "999999999999"]].concat();
    is(2, &assignctl(directory.path(), "http://127.0.0.1:9", &unknown).await);
    assert_eq!(read(&directory, "access.html"), page, "what was there is left");
}

#[tokio::test]
async fn what_cannot_be_written_is_refused_with_what_to_do_next() {
    let directory = tempfile::tempdir().unwrap();
    hostile(&directory);
    let arguments = ["--json", "report", "--snapshot", "org.json", "--html", "none/access.html"];
    let output = assignctl(directory.path(), "http://127.0.0.1:9", &arguments).await;
    is(2, &output);
    let error: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(error["error"]["message"].as_str().unwrap().contains("none/access.html"), "{error}");
    assert!(!error["error"]["next"].as_str().unwrap().is_empty());

    let output = assignctl(directory.path(), "", &["report", "--snapshot", "org.json"]).await;
    is(2, &output);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--html FILE"));
    let output = assignctl(directory.path(), "", &["--json", "report", "--snapshot", "org.json"]).await;
    is(0, &output);
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["counts"]["accounts"], 4);
}
