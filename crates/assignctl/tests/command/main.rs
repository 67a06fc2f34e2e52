//! The operator's command as a person or a script runs it: the binary, over the wire, against the stand-in.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "what goes wrong in a test fails it"
)]

mod access;
mod apply;
mod characters;
mod check;
mod controls;
mod controls_disable;
mod controls_impact;
mod controls_report;
mod controls_snapshot;
mod import;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod pack;
mod partial;
mod permission_set;
mod permission_set_apply;
mod permission_set_logs;
mod permission_set_replace;
mod permission_set_report;
mod permission_set_time;
mod permission_set_usage;
mod pictures;
mod pipeline;
mod plan;
mod reach;
mod report;
mod revoke;
mod saved;
mod streams;
mod unresolved;

use snapbox::{assert_data_eq, cmd::Command, str};
use world::{Served, path};

const PROGRAM: &str = env!("CARGO_BIN_EXE_assignctl");

fn assignctl(arguments: &[&str]) -> Command {
    Served::program(PROGRAM, arguments)
}

#[test]
fn help_names_every_verb_with_examples_and_exit_codes() {
    let help = assignctl(&["--help"]).assert().success();
    let text = String::from_utf8_lossy(&help.get_output().stdout).into_owned();
    for word in [
        "check",
        "plan",
        "apply",
        "import",
        "revoke",
        "snapshot",
        "table",
        "doctor",
        "report",
        "Examples:",
        "Exit status",
    ] {
        assert!(text.contains(word), "{word} is not in {text}");
    }
    for verb in
        ["check", "plan", "apply", "who", "what", "why", "import", "revoke", "snapshot", "doctor", "report"]
    {
        let help = assignctl(&[verb, "--help"]).assert().success();
        let text = String::from_utf8_lossy(&help.get_output().stdout).into_owned();
        assert!(text.contains(&format!("assignctl {verb}")), "{verb} has no example: {text}");
    }
}

#[test]
fn completions_and_manual_pages_are_of_this_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let made = assignctl(&["completions", shell]).assert().success();
        let text = String::from_utf8_lossy(&made.get_output().stdout).into_owned();
        assert!(text.contains("assignctl") && text.contains("snapshot"), "{shell}: {text}");
    }
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("man");
    assignctl(&["man"]).arg(&pages).assert().success();
    for page in ["assignctl.1", "assignctl-plan.1", "assignctl-table-push.1"] {
        let text = std::fs::read_to_string(pages.join(page)).unwrap();
        assert!(text.contains(".TH"), "{page}: {text}");
    }
}

#[test]
fn colours_are_for_a_terminal_or_on_demand_and_never_against_no_color() {
    let table = Served::file(r#"{ "assignments": [{}] }"#);
    let coloured = |environment: &[(&str, &str)]| {
        let command = assignctl(&["check", "--table"]).arg(table.path()).envs(environment.iter().copied());
        command.output().unwrap().stdout.contains(&0x1b)
    };
    assert!(!coloured(&[]));
    assert!(coloured(&[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[("NO_COLOR", "1")]));
}

#[test]
fn wrong_use_is_reported_with_what_to_do_and_exit_code_2() {
    let world = Served::new(PROGRAM);
    let cases: &[&[&str]] = &[
        &["plan", "--account", "1234"],
        &["plan", "--ou", "ou-x"],
        &["plan", "--ou", "No/Such"],
        &["plan", "--event", "no-such-file.json"],
        &["plan", "--event", "../Cargo.toml"],
        &["plan", "--event", "../events/env.json"],
        &["plan", "--snapshot", "assignments.json"],
        &["plan", "--explain", "111122223333", "--against", "assignments.json"],
        &["apply"],
        &["revoke", "--unexplained", "--all"],
        &["apply", "--all"],
        &["apply", "--all", "--yes", "--max-outstanding", "16"],
        &["check", "--table", "no-such-file.json"],
        &["check", "--table", "../src"],
        &["plan", "--table", "/dev/null"],
        &["check", "--table", "/dev/null"],
        &["plan", "--table", "dynamodb:a/b"],
        &["plan", "--timeout", "0"],
        &["paint"],
    ];
    for arguments in cases {
        let failed = world.run(arguments).assert().code(2);
        let error = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
        assert!(error.contains("error: "), "{arguments:?}: {error}");
        assert!(error.contains("next: ") || error.contains("--help"), "{arguments:?}: {error}");
    }
    assert_eq!(world.creates(), 0);
}

#[test]
fn an_account_is_meant_by_its_name_wherever_its_id_is_taken() {
    let world = Served::with_drift(PROGRAM);
    world.stand_in.edit(|organization| {
        for account in &mut organization.accounts {
            if account.id == "222233334444" || account.id == "333344445555" {
                account.name = "twin".to_owned();
            }
        }
    });
    fn joined<'a>(arguments: &[&'a str], more: &[&'a str]) -> Vec<&'a str> {
        [arguments, more].concat()
    }
    let snapshot = world.snapshot();
    let offline = ["--snapshot", path(&snapshot)];
    let by_id = world.json(&["plan", "--account", "111122223333"], 1);
    for more in [&[][..], &offline] {
        let by_name = world.json(&joined(&["plan", "--account", "class-7"], more), 1);
        assert_eq!(by_name["accounts"], by_id["accounts"]);
        let explained = world.stdout(&joined(&["plan", "--explain", "class-7"], more), 1);
        assert!(explained.contains("111122223333"), "{explained}");
        let report = world.json(&joined(&["report", "--account", "class-7"], more), 0);
        assert_eq!(report["counts"]["accounts"], 1);
        let cases = [
            ("clas-7", r#"no account is named "clas-7""#, "did you mean class-7? "),
            ("1234", r#"no account is named "1234""#, "its id of 12 digits"),
            ("twin", r#"2 accounts are named "twin": 222233334444, 333344445555"#, "give the id"),
        ];
        for (name, problem, next) in cases {
            for verb in [&["plan", "--account", name][..], &["plan", "--explain", name]] {
                let failed = world.run(&joined(verb, more)).assert().code(2);
                let error = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
                assert!(error.contains(problem) && error.contains(next), "{verb:?}: {error}");
            }
        }
    }
    let some = world.json(&["snapshot", "--account", "class-7"], 0);
    assert_eq!(some["selection"]["accounts"], serde_json::json!(["111122223333"]));
    world.run(&["apply", "--account", "clas-7", "--yes"]).assert().code(2);
    assert_eq!(world.creates(), 0);
    world.run(&["apply", "--account", "class-7", "--yes"]).assert().success();
    assert_eq!(world.assignments().iter().filter(|one| one.starts_with("111122223333")).count(), 4);
}

#[test]
fn a_failure_is_json_if_json_was_asked_for() {
    let world = Served::new(PROGRAM);
    let failed = world.run(&["plan", "--account", "999999999999", "--json"]).assert().code(1);
    assert_data_eq!(
        String::from_utf8_lossy(&failed.get_output().stdout).into_owned(),
        str![[r#"
{
  "version": 1,
  "error": {
    "message": "account 999999999999 is not in the organization, or cannot be seen in it yet",
    "next": "see `aws organizations describe-account`, or wait",
    "type": "AccountNotReady"
  }
}

"#]]
    );
}

#[test]
fn an_endpoint_that_nobody_listens_at_is_reported_soon() {
    let world = Served::new(PROGRAM);
    let failed = world.run(&["plan"]).env("AWS_ENDPOINT_URL", "http://127.0.0.1:9").assert().code(1);
    let error = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    assert!(error.contains("Connection refused") && error.contains("next: "), "{error}");
}

#[test]
fn missing_credentials_are_reported_with_how_to_get_some() {
    let world = Served::new(PROGRAM);
    let without = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let command = without.iter().fold(world.run(&["plan"]), |command, name| command.env_remove(name));
    let failed = command.env("AWS_EC2_METADATA_DISABLED", "true").assert().code(1);
    let error = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    assert!(error.contains("aws sso login"), "{error}");
}

#[test]
fn a_bad_setting_of_the_environment_is_reported() {
    let world = Served::new(PROGRAM);
    let failed = world.run(&["plan"]).env("MAX_OUTSTANDING", "many").assert().code(2);
    let error = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
    assert!(error.contains("MAX_OUTSTANDING") && error.contains("unset"), "{error}");
}

#[test]
fn a_missing_region_is_wrong_use_of_every_verb_that_needs_one() {
    let world = Served::new(PROGRAM);
    let cases: &[&[&str]] = &[
        &["plan"],
        &["apply", "--all", "--yes"],
        &["snapshot"],
        &["report", "--json"],
        &["check", "--table", "dynamodb:rules"],
        &["plan", "--table", "dynamodb:rules"],
        &["table", "pull", "--table", "dynamodb:rules"],
        &["table", "push", "assignments.json", "--table", "dynamodb:rules"],
    ];
    for arguments in cases {
        for region in [None, Some("")] {
            let command = world.run(arguments).env_remove("AWS_REGION").env("HOME", "/nonexistent");
            let command = region.iter().fold(command, |command, region| command.env("AWS_REGION", region));
            let failed = command.env("AWS_EC2_METADATA_DISABLED", "true").assert().code(2);
            let error = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
            assert!(
                error.contains("error: no Region is set") && error.contains("AWS_REGION"),
                "{arguments:?}: {error}"
            );
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_is_bad_input_with_the_right_sentence() {
    let world = Served::new(PROGRAM);
    // It can be opened, and not be read, whoever tries.
    let unreadable = "/proc/self/mem";
    for arguments in [
        &["check", "--table", unreadable][..],
        &["plan", "--table", unreadable],
        &["plan", "--against", unreadable],
        &["plan", "--event", unreadable],
        &["plan", "--snapshot", unreadable],
        &["check", "--snapshot", unreadable],
    ] {
        let failed = world.run(arguments).assert().code(2);
        let error = String::from_utf8_lossy(&failed.get_output().stderr).into_owned();
        assert!(error.contains(&format!("cannot read {unreadable}: ")), "{arguments:?}: {error}");
        assert!(error.contains("next: correct the path or its permissions"), "{arguments:?}: {error}");
    }
}
