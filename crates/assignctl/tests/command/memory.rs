//! How much memory the command takes at most. Only Linux says what a process has had.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use world::{Served, path};

use crate::PROGRAM;

/// What a run without a network said, its exit code, and the most memory that it had, in kB.
pub struct Measured {
    pub stdout: String,
    pub code: i32,
    pub peak: u64,
}

pub fn run(arguments: &[&str]) -> Measured {
    let output = tempfile::tempfile().unwrap();
    let mut child = Command::new(PROGRAM)
        .args(arguments)
        .env_clear()
        // A file, so that what is said never waits for somebody to read it.
        .stdout(output.try_clone().unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let code = loop {
        peak = peak.max(high_water(Path::new(&status)).unwrap_or(0));
        if let Some(ended) = child.try_wait().unwrap() {
            break ended.code().unwrap();
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(peak > 0, "its memory was seen");
    let mut output = output;
    std::io::Seek::rewind(&mut output).unwrap();
    Measured { stdout: std::io::read_to_string(output).unwrap(), code, peak }
}

/// Returns the most memory that a process has had so far.
fn high_water(status: &Path) -> Option<u64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

/// A snapshot of so many accounts in one OU, and a table of so many rows that all mean every account, each another group.
fn world_of(accounts: usize, rows: usize) -> (tempfile::NamedTempFile, tempfile::NamedTempFile) {
    let world = Served::new(PROGRAM);
    let mut snapshot: Value =
        serde_json::from_slice(&std::fs::read(world.snapshot().path()).unwrap()).unwrap();
    let model =
        snapshot["accounts"].as_array().unwrap().iter().find(|one| one["name"] == "class-7").unwrap().clone();
    let account = |number: usize| {
        let mut account = model.clone();
        account["id"] = json!(format!("{:012}", 200_000_000_000 + number));
        account["name"] = json!(format!("account-{number}"));
        account
    };
    snapshot["accounts"] = (0..accounts).map(account).collect();
    snapshot["assignments"] = json!({});
    let row = |number: usize| json!({ "id": format!("row-{number}"), "permissionSet": "ReadOnlyAccess", "group": format!("group-{number}") });
    let table = json!({ "assignments": (0..rows).map(row).collect::<Vec<_>>() });
    (Served::file(&snapshot.to_string()), Served::file(&table.to_string()))
}

#[test]
fn too_much_for_a_machine_is_refused_with_the_count_before_it_takes_memory() {
    let (snapshot, table) = world_of(2_000, 5_000);
    let plan = ["plan", "--json", "--snapshot", path(&snapshot), "--table", path(&table)];
    let Measured { stdout, code, peak } = run(&plan);
    assert_eq!(code, 2, "{stdout}");
    let answer: Value = serde_json::from_str(&stdout).unwrap();
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("match 10000000 times in 2000 accounts"), "{message}");
    assert!(peak < 128 * 1024, "{peak} kB");
}

/// The limit of matches stands for a memory: so much a match, and not more.
#[test]
fn a_match_of_a_row_and_an_account_takes_two_kilobytes_at_most() {
    const ROWS: usize = 50;
    const ACCOUNTS: usize = 1_000;
    let (snapshot, table) = world_of(ACCOUNTS, ROWS);
    let (fewer, _) = world_of(1, 1);
    let plan = |snapshot: &str| run(&["plan", "--json", "--snapshot", snapshot, "--table", path(&table)]);
    let (all, one) = (plan(path(&snapshot)), plan(path(&fewer)));
    assert_eq!((all.code, one.code), (1, 1));
    let each = (all.peak - one.peak) * 1024 / (ROWS * ACCOUNTS) as u64;
    assert!(each <= 2048, "{each} bytes a match; {} kB and {} kB", all.peak, one.peak);
}
