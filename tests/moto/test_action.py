"""The composite action of the repository, by its shell steps: no runner of workflows is needed."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
ACTION = REPOSITORY / ".github/actions/review"
STEPS = yaml.safe_load((ACTION / "action.yml").read_text())["runs"]["steps"]
INSTANCE = "arn:aws:sso:::instance/ssoins-7223f7eef79824e1"
SET = "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-ef450dbf3b354e78"

# It answers as `gh api` does, and keeps what it was asked.
GH = """#!/usr/bin/env bash
printf '%s\\n' "$*" >> "$CALLS"
case "$*" in
  *--paginate*) cat "$COMMENTS" ;;
  *--field\\ body=@*)
    last=${*: -1}
    cp "${last#body=@}" "$POSTED"
    ;;
esac
"""


def git(directory, *arguments):
    identity = ["-c", "user.name=any", "-c", "user.email=any@example.com"]
    done = subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def review(tmp_path):
    return Review(tmp_path)


class Review:
    """A repository with a change of the table, and what a runner gives to the steps."""

    def __init__(self, directory):
        self.checkout = directory / "checkout"
        self.checkout.mkdir()
        self.temporary = directory / "temporary"
        self.temporary.mkdir()
        self.write([])
        account = {
            "id": "111122223333",
            "name": "class-7",
            "state": "ACTIVE",
            "management": False,
            "parents": [{"id": "r-ab12", "name": None}],
            "tags": {},
        }
        snapshot = {
            "version": 2,
            "takenAt": "2025-01-31T12:00:00Z",
            "instance": INSTANCE,
            "method": "accounts",
            "accounts": [account],
            "permissionSets": {SET: "ReadOnlyAccess"},
            "groups": {"52d5f4a4-70b1-7016-4f5a-000000000001": "auditors"},
            "users": {},
            "assignments": {},
        }
        (self.checkout / "org.json").write_text(json.dumps(snapshot))
        git(self.checkout, "init", "--quiet")
        git(self.checkout, "add", ".")
        git(self.checkout, "commit", "--quiet", "--message", "before")
        self.base = git(self.checkout, "rev-parse", "HEAD")
        self.write([{"id": "audit", "permissionSet": "ReadOnlyAccess", "group": "auditors"}])
        programs = directory / "programs"
        programs.mkdir()
        (programs / "gh").write_text(GH)
        (programs / "gh").chmod(0o755)
        files = {name: directory / name for name in ["CALLS", "COMMENTS", "POSTED", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"]}
        self.files = files
        files["COMMENTS"].write_text("[]")
        self.environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(directory),
            "GITHUB_ACTION_PATH": str(ACTION),
            "GITHUB_REPOSITORY": "example/accounts",
            "RUNNER_TEMP": str(self.temporary),
            **{name: str(path) for name, path in files.items()},
        }
        self.inputs = {
            "table": "assignments.json",
            "snapshot": "org.json",
            "base": self.base,
            "strict": "true",
            "token": "any",
            "author": "github-actions[bot]",
            "assignctl": str(TARGET / "debug/assignctl"),
        }

    def write(self, rows):
        (self.checkout / "assignments.json").write_text(json.dumps({"assignments": rows}))

    def value(self, expression):
        """Returns the value of `${{ expression }}` for this review."""
        name = re.fullmatch(r"\$\{\{ (.*) \}\}", expression).group(1)
        if name == "github.event.pull_request.number":
            return "7"
        if name == "steps.plan.outputs.difference":
            return self.files["GITHUB_OUTPUT"].read_text().split("=", 1)[1].strip()
        return self.inputs[name.removeprefix("inputs.")]

    def run(self, number):
        """Runs a step as a runner does, with bash and what the action gives it."""
        step = STEPS[number]
        variables = {name: self.value(value) for name, value in step["env"].items()}
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        environment = {**self.environment, **variables}
        return subprocess.run(command, cwd=self.checkout, env=environment, capture_output=True, text=True, timeout=120)

    def good(self, number):
        done = self.run(number)
        assert done.returncode == 0, done.stdout + done.stderr
        return done


def test_no_step_has_a_text_of_others_in_its_script_or_an_action_of_others():
    for step in STEPS:
        assert step["shell"] == "bash" and "uses" not in step
        assert "${{" not in step["run"]
    assert "eval" not in (ACTION / "review.sh").read_text()


def test_a_change_is_checked_compared_and_kept_as_one_comment(review):
    for number in range(3):
        review.good(number)
    posted = review.files["POSTED"].read_text()
    assert posted.startswith("### Effect on access: ") and "`ReadOnlyAccess`" in posted and "`audit`" in posted, posted
    assert posted == review.files["GITHUB_STEP_SUMMARY"].read_text()
    calls = review.files["CALLS"].read_text().splitlines()
    assert calls[1].startswith("api --silent --method POST repos/example/accounts/issues/7/comments "), calls

    # The second time it is the same comment that changes, and nobody else's.
    heading = posted.splitlines()[0]
    comments = [
        {"id": 1, "user": {"login": "somebody"}, "body": heading},
        {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "another"},
        {"id": 3, "user": {"login": "github-actions[bot]"}, "body": heading + "\nold"},
    ]
    # A page after the other, as gh writes them.
    review.files["COMMENTS"].write_text(json.dumps(comments[:1]) + json.dumps(comments[1:]))
    review.good(2)
    calls = review.files["CALLS"].read_text().splitlines()
    assert calls[3].startswith("api --silent --method PATCH repos/example/accounts/issues/comments/3 "), calls


def test_a_table_with_a_fault_or_a_doubt_fails_the_check(review):
    review.write([{"id": "audit", "permissionSet": "ReadOnlyAccess", "group": "auditrs"}])
    assert review.run(0).returncode == 1
    review.inputs["strict"] = "false"
    assert review.run(0).returncode == 0
    review.write([{}])
    assert review.run(0).returncode == 2
    assert review.run(1).returncode != 0
    assert not review.files["GITHUB_OUTPUT"].exists()


def test_a_table_that_the_change_begins_is_compared_with_nothing(review):
    table = review.checkout / "assignments.json"
    (review.checkout / "new").mkdir()
    table.rename(review.checkout / "new/assignments.json")
    review.inputs["table"] = "new/assignments.json"
    review.good(1)
    assert "`audit`" in review.files["GITHUB_STEP_SUMMARY"].read_text()


def test_a_table_that_git_cannot_look_up_is_not_taken_for_one_that_the_change_begins(review):
    outside = review.checkout.parent / "assignments.json"
    outside.write_text((review.checkout / "assignments.json").read_text())
    review.inputs["table"] = "../assignments.json"
    assert review.run(1).returncode != 0
    assert not review.files["GITHUB_OUTPUT"].exists()


@pytest.mark.parametrize("base", ["", "HEAD", "--output=x", "0" * 40])
def test_a_base_that_is_no_commit_here_is_refused(review, base):
    review.inputs["base"] = base
    done = review.run(1)
    assert done.returncode == 1 and done.stdout.startswith("::error::"), done.stdout + done.stderr


def test_a_text_of_others_is_never_run(review):
    review.inputs["table"] = '$(touch "$RUNNER_TEMP/run")`touch "$RUNNER_TEMP/run"`"; touch "$RUNNER_TEMP/run"; "'
    for number in range(2):
        assert review.run(number).returncode != 0
    assert not (review.temporary / "run").exists()
