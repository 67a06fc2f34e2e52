"""assignctl's plan, apply, explain and snapshot against moto, and its question on a terminal."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from test_assignments import ROWS
from test_assignments import WANTED as WANTED_OF_CLASS_7

# What ROWS mean for the whole organization.
WANTED = WANTED_OF_CLASS_7 + Counter([("compiler", "AdministratorAccess", "platform-admins")])


@pytest.fixture
def table(assignctl):
    path = assignctl.directory / "assignments.json"
    path.write_text(json.dumps({"assignments": ROWS}))
    return path


def test_apply_creates_what_plan_shows_and_then_there_is_nothing_to_do(aws, assignctl, table):
    status, planned = assignctl.document("plan")
    assert (status, planned["outcome"]) == (1, "planned")
    assert planned["counts"]["planned"] == WANTED.total()
    grants = {(account["name"], row) for account in planned["accounts"] for grant in account["grants"] for row in grant["rules"]}
    assert grants == {
        ("class-7", "cohort-students"),
        ("class-7", "rust-auditors"),
        ("class-7", "course-teacher"),
        ("compiler", "other-rust-admins"),
    }
    assert aws.assignments().total() == 0

    status, applied = assignctl.document("apply", "--all", "--yes")
    assert (status, applied["outcome"], applied["counts"]["created"]) == (0, "ready", WANTED.total())
    assert aws.assignments() == WANTED

    status, again = assignctl.document("apply", "--all", "--yes")
    assert (status, again["counts"]["present"], again["counts"]["unexplained"]) == (0, WANTED.total(), 0)
    assert aws.assignments() == WANTED


def test_what_no_row_explains_is_reported_and_left_alone(aws, assignctl, table):
    sso = aws.client("sso-admin")
    for account in (aws.accounts["payments"], aws.management):
        sso.create_account_assignment(
            InstanceArn=aws.instance,
            TargetId=account,
            TargetType="AWS_ACCOUNT",
            PermissionSetArn=aws.permission_sets["AdministratorAccess"],
            PrincipalType="GROUP",
            PrincipalId=aws.principals["students"],
        )
    # This is of every account: moto does not list which permission sets a single one has.
    _, planned = assignctl.document("plan")
    names = {aws.management: "management", **{id: name for name, id in aws.accounts.items()}}
    unexplained = [
        (names[account["id"]], held["permissionSet"]["name"], held["principal"]["name"])
        for account in planned["accounts"]
        for held in account["unexplained"]
    ]
    stray = [(name, "AdministratorAccess", "students") for name in ("management", "payments")]
    assert sorted(unexplained) == stray
    assignctl("apply", "--all", "--yes")
    assert aws.assignments() == WANTED + Counter(stray)


def test_explain_has_the_values_of_the_account(aws, assignctl, table):
    _, explained = assignctl.document("plan", "--explain", aws.accounts["compiler"])
    assert explained["ou"] == "Workloads/Rust"
    assert {row["row"] for row in explained["rows"]} == {row["id"] for row in ROWS}
    assert [row["row"] for row in explained["rows"] if row["matches"]] == ["other-rust-admins"]
    (tag,) = next(row["mismatches"] for row in explained["rows"] if row["row"] == "course-teacher")
    assert (tag["selector"], tag["actual"]) == ("tags.course", 'its tag course is "none"')


def test_a_snapshot_of_moto_gives_the_same_plan_offline(aws, assignctl, table):
    assignctl("apply", "--account", aws.accounts["class-7"], "--yes")
    done = assignctl("snapshot", "--output", "org.json")
    assert done.returncode == 0, done.stderr
    _, live = assignctl.document("plan")
    before = len(aws.calls)
    _, offline = assignctl.document("plan", "--snapshot", "org.json")
    assert len(aws.calls) == before
    assert offline["accounts"] == live["accounts"]
    assert offline["counts"] == live["counts"]


ORGANIZATION = {
    "id": "o-a1b2c3d4e5",
    "managementAccountId": "123456789012",
    "region": "eu-west-1",
    "rootId": "r-ab12",
    "instanceArn": "arn:aws:sso:::instance/ssoins-7223f7eef79824e1",
    "identityStoreId": "d-1234567890",
    "permissionSets": [
        {"name": "ReadOnlyAccess", "arn": "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-ef450dbf3b354e78"}
    ],
    "groups": [{"name": "auditors", "id": "1234567890-0d1f7b52-6a3c-4e0b-9d28-5c41f0a7e911"}],
    "users": [],
    "organizationalUnits": [],
    "accounts": [
        {"id": "123456789012", "name": "management", "email": "management@example.com", "parent": "r-ab12"},
        {"id": "111122223333", "name": "class-7", "email": "class-7@example.com", "parent": "r-ab12"},
    ],
}


@pytest.fixture
def at_a_terminal(assignctl, stand_in):
    """The command in front of the stand-in, and the stand-in."""
    server = stand_in(ORGANIZATION)
    rows = [{"id": "audit", "permissionSet": "ReadOnlyAccess", "group": "auditors"}]
    (assignctl.directory / "assignments.json").write_text(json.dumps({"assignments": rows}))
    environment = {**assignctl.environment, "AWS_ENDPOINT_URL": server.url, "MAX_REQUESTS_PER_SECOND": "100"}
    return replace(assignctl, environment=environment), server


def test_apply_shows_the_plan_and_asks_and_no_is_no(at_a_terminal):
    assignctl, server = at_a_terminal
    for answer in ("n", "", "no", "perhaps"):
        status, said = assignctl.asked("apply", "--all", answer=answer)
        assert status == 1, said
        assert "+ ReadOnlyAccess  group auditors  row audit" in said
        assert "Create 1 assignment in 1 account?" in said
        assert "nothing was created" in said
    assert server.creations() == []
    status, said = assignctl.asked("apply", "--all", answer="yes")
    assert (status, len(server.creations())) == (0, 1), said
    assert "1 created" in said


def test_a_permission_set_that_was_recreated_before_the_answer_is_not_assigned(at_a_terminal):
    assignctl, server = at_a_terminal

    def recreate():
        organization = server.control("organization")
        organization["permissionSets"][0]["arn"] = organization["permissionSets"][0]["arn"][:-1] + "9"
        server.put("organization", organization)

    status, said = assignctl.asked("apply", "--all", answer="y", meanwhile=recreate)
    assert status == 1, said
    assert "nothing was created" in said
    assert server.creations() == []


def test_an_account_that_moved_before_the_answer_does_not_get_the_grants_of_its_old_ou(aws, assignctl, table):
    organizations = aws.client("organizations")
    compiler = aws.accounts["compiler"]

    def move():
        organizations.move_account(
            AccountId=compiler, SourceParentId=aws.ous["Workloads/Rust"], DestinationParentId=aws.ous["Workloads/Prod"]
        )

    status, said = assignctl.asked("apply", "--account", compiler, meanwhile=move)
    assert status == 1, said
    assert f'account {compiler}: grants changed, ou was "Workloads/Rust" and is "Workloads/Prod"' in said
    assert "nothing was created" in said
    assert aws.assignments().total() == 0


def test_a_table_that_was_edited_before_the_answer_grants_nothing(at_a_terminal):
    assignctl, server = at_a_terminal
    path = assignctl.directory / "assignments.json"
    rows = [{"id": "other", "permissionSet": "ReadOnlyAccess", "group": "auditors"}]
    edit = lambda: path.write_text(json.dumps({"assignments": rows}))
    status, said = assignctl.asked("apply", "--all", meanwhile=edit)
    assert status == 1, said
    assert "the table assignments.json is another one" in said
    assert server.creations() == []


def test_before_a_write_it_says_who_asks_where_and_for_which_table(aws, assignctl, table):
    status, said = assignctl.asked("apply", "--account", aws.accounts["class-7"], answer="n")
    assert status == 1, said
    for line in ["identity      arn:aws:sts::", f"organization  of management account {aws.management}", "in eu-west-1", "table         assignments.json"]:
        assert line in said.partition("Create ")[0], line
