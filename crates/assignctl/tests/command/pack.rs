//! The packing step of `make dist`, with small programs in place of those that take minutes to build.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const PACK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dist/pack");
const X86_64: &str = "assignctl-1.2.3-x86_64-unknown-linux-gnu";
const ARM64: &str = "assignctl-1.2.3-aarch64-unknown-linux-gnu";
/// Says what the command says, as far as packing asks for it.
const RUNS: &str = r#"#!/bin/sh
case "$1" in
    --version) echo "assignctl 1.2.3 (0123456789ab)" ;;
    completions) echo "completions of $2" ;;
    man) echo manual > "$2/assignctl.1"; echo manual > "$2/assignctl-plan.1" ;;
esac
"#;

fn program(path: PathBuf, text: &str) -> PathBuf {
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

/// Packs two programs of a directory into its `out`.
fn pack(directory: &Path) -> PathBuf {
    let runs = program(directory.join("runs"), RUNS);
    let other = program(directory.join("other"), "of another processor");
    let out = directory.join("out");
    let done = Command::new(PACK)
        .args([&out, &runs])
        .arg(format!("x86_64-unknown-linux-gnu={}", runs.display()))
        .arg(format!("aarch64-unknown-linux-gnu={}", other.display()))
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .output()
        .unwrap();
    text(done);
    out
}

/// Returns what a command printed. It must have succeeded.
fn text(done: Output) -> String {
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

fn run(directory: &Path, program: &str, arguments: &[&str]) -> String {
    text(Command::new(program).args(arguments).env("TZ", "UTC").current_dir(directory).output().unwrap())
}

#[test]
fn archives_have_what_an_operator_installs_and_verify() {
    let directory = tempfile::tempdir().unwrap();
    let out = pack(directory.path());
    let verified = run(&out, "sha256sum", &["--check", "SHA256SUMS"]);
    assert_eq!(verified, format!("{X86_64}.tar.gz: OK\n{ARM64}.tar.gz: OK\n"));

    let list =
        run(&out, "tar", &["--list", "--verbose", "--full-time", "--file", &format!("{X86_64}.tar.gz")]);
    let lines: Vec<(&str, &str)> = list
        .lines()
        .map(|line| {
            assert!(line.contains(" 0/0 ") && line.contains(" 2023-11-14 22:13:20 "), "{line}");
            let (before, name) = line.rsplit_once(' ').unwrap();
            (before.split(' ').next().unwrap(), name.strip_prefix(X86_64).unwrap())
        })
        .collect();
    let expected = [
        ("drwxr-xr-x", "/"),
        ("-rw-r--r--", "/LICENSE"),
        ("-rw-r--r--", "/README.txt"),
        ("-rwxr-xr-x", "/assignctl"),
        ("drwxr-xr-x", "/completions/"),
        ("-rw-r--r--", "/completions/_assignctl"),
        ("-rw-r--r--", "/completions/assignctl.bash"),
        ("-rw-r--r--", "/completions/assignctl.fish"),
        ("drwxr-xr-x", "/man/"),
        ("drwxr-xr-x", "/man/man1/"),
        ("-rw-r--r--", "/man/man1/assignctl-plan.1"),
        ("-rw-r--r--", "/man/man1/assignctl.1"),
    ];
    assert_eq!(lines, expected);

    // Each archive has its own program.
    run(&out, "tar", &["--extract", "--file", &format!("{ARM64}.tar.gz")]);
    let read = |name: &str| fs::read_to_string(out.join(ARM64).join(name)).unwrap();
    assert_eq!(read("assignctl"), "of another processor");
    assert_eq!(read("completions/_assignctl"), "completions of zsh\n");
}

#[test]
fn the_same_programs_give_the_same_bytes() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (one, other) = (pack(one.path()), pack(other.path()));
    // Neither a name nor a time is in the head of the compressed file.
    assert_eq!(fs::read(one.join(format!("{X86_64}.tar.gz"))).unwrap()[..8], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    for name in [format!("{X86_64}.tar.gz"), format!("{ARM64}.tar.gz"), "SHA256SUMS".to_owned()] {
        assert!(fs::read(one.join(&name)).unwrap() == fs::read(other.join(&name)).unwrap(), "{name}");
    }
}
