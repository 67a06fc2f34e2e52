"""`assignctl controls table push` and `pull`: what a table of controls has besides rows, and its own words."""

import json

import pytest
from test_assignctl_table import NAME, TABLE, Items

PUSH = (*TABLE[:2], "controls", "table", "push", "controls.json")
PULL = (*TABLE[:2], "controls", "table", "pull", "controls.json")
ROWS = [
    {"id": "root", "control": "AWS-GR_RESTRICT_ROOT_USER", "ous": ["*"]},
    {"id": "https", "control": "CT.S3.PV.5", "ous": ["Workloads"]},
]
WAVES = [{"ous": ["Sandbox"], "soakHours": 24}]


@pytest.fixture
def items(aws):
    items = Items(aws.client("dynamodb"))
    aws.calls.clear()
    return items


@pytest.fixture
def file(assignctl):
    """`file(rows, waves)` writes the file."""
    path = assignctl.directory / "controls.json"

    def write(rows, waves=None):
        path.write_text(json.dumps({"controls": rows} | ({"waves": waves} if waves else {})))
        return path

    return write


def test_rows_and_waves_go_there_and_come_back(aws, assignctl, items, file):
    path = file(ROWS, WAVES)
    done = assignctl(*PUSH, "--yes")
    assert done.returncode == 0, done.stderr
    assert '+ root  control: "AWS-GR_RESTRICT_ROOT_USER"  ous: ["*"]' in done.stdout
    assert set(items.rows()) == {"root", "https", "$waves"}
    assert assignctl(*PUSH).returncode == 0, "there is nothing to do"
    path.unlink()
    assert assignctl(*PULL).returncode == 0
    pulled = json.loads(path.read_text())
    assert (sorted(pulled["controls"], key=lambda row: row["id"]), pulled["waves"]) == (ROWS[::-1], WAVES)
    assert assignctl("controls", "check").returncode == 0


def test_waves_are_changed_and_removed_like_rows(assignctl, items, file):
    file(ROWS, WAVES)
    assert assignctl(*PUSH, "--yes").returncode == 0
    file(ROWS, [{**WAVES[0], "soakHours": 48}])
    done = assignctl(*PUSH, "--yes")
    assert "~ $waves" in done.stdout and "1 row: 0 added, 1 changed, 0 removed" in done.stdout, done.stderr
    file(ROWS)
    assert "1 row: 0 added, 0 changed, 1 removed" in assignctl(*PUSH, "--yes").stdout
    assert set(items.rows()) == {"root", "https"}


def test_what_somebody_else_changed_is_not_overwritten(assignctl, items, file):
    file(ROWS, WAVES)
    assert assignctl(*PUSH, "--yes").returncode == 0
    items.put({"id": "$waves", "waves": [{"ous": ["Sandbox", "Labs"], "soakHours": 1}]})
    file(ROWS, [{**WAVES[0], "soakHours": 48}])
    done = assignctl(*PUSH, "--yes")
    assert (done.returncode, "$waves" in done.stderr, "changed" in done.stderr) == (1, True, True), done.stderr
    assert items.rows()["$waves"]["waves"][0]["soakHours"] == 1


@pytest.mark.parametrize("waves", [None, WAVES])
def test_a_table_without_rows_is_not_pushed_and_not_one_that_removes_all(assignctl, items, file, waves):
    file(ROWS, waves)
    assert assignctl(*PUSH, "--yes").returncode == 0
    file([], waves)
    done = assignctl(*PUSH, "--yes")
    assert (done.returncode, "no OU would get any control" in done.stderr) == (2, True), done.stderr
    file([{**ROWS[0], "id": "other"}], waves)
    done = assignctl(*PUSH, "--yes")
    assert (done.returncode, "every row" in done.stderr) == (2, True), done.stderr


def test_a_table_of_assignments_is_no_table_of_controls(assignctl, items, file):
    items.put({"id": "students", "permissionSet": "PowerUserAccess", "group": "students"})
    done = assignctl(*PULL)
    assert (done.returncode, "students" in done.stderr, "control" in done.stderr) == (2, True, True), done.stderr


def test_what_has_to_be_named_is_named(assignctl, file):
    file(ROWS)
    done = assignctl("controls", "table", "push", "controls.json")
    assert (done.returncode, "ControlsTableName" in done.stderr) == (2, True)
    done = assignctl("--table", "dynamodb:nothing", "controls", "table", "push", "controls.json")
    assert (done.returncode, "ControlsTableSource" in done.stderr) == (2, True)
    assert NAME not in done.stderr
