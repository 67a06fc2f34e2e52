"""The function and the command against fakecloud: what other servers do in another way is found here.

Its ListAccountAssignmentCreationStatus says IN_PROGRESS until somebody describes the creation, it lists in the order of
random request ids, and it ignores the filter by status.
"""

import json
from collections import Counter

ROWS = [
    {"id": "students", "permissionSet": "PowerUserAccess", "group": "students", "accounts": {"ous": ["Education"]}},
    {"id": "audit", "permissionSet": "ReadOnlyAccess", "group": "auditors"},
    {
        "id": "teacher",
        "permissionSet": "AdministratorAccess",
        "user": "teacher@example.com",
        "accounts": {"tags": {"course": "rust-*"}},
    },
]
WANTED = Counter(
    [
        ("class-7", "PowerUserAccess", "students"),
        ("class-7", "ReadOnlyAccess", "auditors"),
        ("class-7", "AdministratorAccess", "teacher@example.com"),
    ]
)


def test_an_account_gets_exactly_the_assignments_of_the_table_and_a_second_run_creates_nothing(aws, deploy):
    function, event = deploy(ROWS), {"accountId": aws.accounts["class-7"]}
    first = function.invoke(event)
    assert (first["outcome"], first["counts"]["created"], first["counts"]["pending"]) == ("ready", 3, 0), first
    assert aws.assignments() == WANTED
    second = function.invoke(event)
    assert (second["outcome"], second["counts"]["created"], second["counts"]["present"]) == ("ready", 0, 3), second
    assert aws.creations() == 3


def test_a_list_that_says_in_progress_for_ever_keeps_no_grant_waiting_to_the_deadline(aws, deploy):
    rows = [{"id": f"row-{n}", "permissionSet": f"Set-{n}", "group": "auditors"} for n in range(20)]
    answer = deploy(rows).invoke({"accountId": aws.accounts["class-7"]})
    assert (answer["outcome"], answer["counts"]["created"]) == ("ready", 20), answer
    assert aws.assignments() == Counter(("class-7", row["permissionSet"], "auditors") for row in rows)
    assert aws.creations() == 20


def test_a_survey_finds_what_is_missing_and_nothing_after_it_was_created(aws, deploy):
    function = deploy(ROWS)
    before = function.invoke({"survey": True})
    assert sorted(before["accounts"]) == sorted(aws.accounts.values()), before
    # class-7 has three rows, and each other account one.
    assert (before["counts"]["missing"], before["counts"]["management"]) == (5, 1), before
    assert aws.creations() == 0
    for account in before["accounts"]:
        assert function.invoke({"accountId": account})["outcome"] == "ready"
    after = function.invoke({"survey": True})
    assert (after["accounts"], after["counts"]["complete"], after["unread"]) == ([], 3, []), after


def test_the_command_applies_the_table_and_plans_nothing_afterwards(aws, assignctl):
    table = assignctl.directory / "assignments.json"
    table.write_text(json.dumps({"assignments": ROWS}))
    selection = ("--table", table, "--account", aws.accounts["class-7"])
    assert assignctl("plan", *selection).returncode == 1, "assignments are missing"
    done = assignctl("apply", "--yes", *selection)
    assert done.returncode == 0, done.stdout + done.stderr
    assert aws.assignments() == WANTED
    assert assignctl("plan", *selection).returncode == 0
