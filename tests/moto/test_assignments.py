"""The function's binary, from the outside: events go in, and moto shows which assignments are there."""

import copy
import json
from collections import Counter

from conftest import REPOSITORY

ROWS = [
    {
        "id": "cohort-students",
        "permissionSet": "PowerUserAccess",
        "group": "students",
        "accounts": {"ous": ["Education/Rust/Cohort-7"]},
    },
    {
        "id": "rust-auditors",
        "description": "Covers the OUs below it",
        "permissionSet": "ReadOnlyAccess",
        "group": "auditors",
        "accounts": {"ous": ["Education/Rust"]},
    },
    {
        "id": "course-teacher",
        "permissionSet": "AdministratorAccess",
        "user": "teacher@example.com",
        "accounts": {"tags": {"course": "rust-*"}},
    },
    {
        "id": "other-rust-admins",
        "description": "An OU of the same name elsewhere",
        "permissionSet": "AdministratorAccess",
        "group": "platform-admins",
        "accounts": {"ous": ["Workloads/Rust"]},
    },
]

# What ROWS mean for the account class-7: these, each once, and nothing for anybody else.
WANTED = Counter(
    [
        ("class-7", "PowerUserAccess", "students"),
        ("class-7", "ReadOnlyAccess", "auditors"),
        ("class-7", "AdministratorAccess", "teacher@example.com"),
    ]
)


def vended(aws, account, state="SUCCEEDED"):
    """The sample CreateManagedAccount event, as it would come for an account of moto's organization."""
    event = copy.deepcopy(json.loads((REPOSITORY / "events/create-succeeded.json").read_text()))
    event["account"] = aws.management
    status = event["detail"]["serviceEventDetails"]["createManagedAccountStatus"]
    status["state"] = state
    status["account"] = {"accountName": account, "accountId": aws.accounts[account]}
    return event


def result_in(message):
    """The result that the message of AssignmentsIncomplete carries after its opening sentence."""
    return json.JSONDecoder().raw_decode(message[message.index("{") :])[0]


def test_a_vended_account_gets_exactly_the_assignments_of_the_table(aws, deploy):
    answer = deploy(ROWS).invoke(vended(aws, "class-7"))

    assert answer["outcome"] == "ready", answer
    assert answer["account"]["id"] == aws.accounts["class-7"]
    assert aws.assignments() == WANTED
    assert {tuple(grant["rules"]): grant["status"] for grant in answer["grants"]} == {
        ("cohort-students",): "created",
        ("rust-auditors",): "created",
        ("course-teacher",): "created",
    }
    assert (answer["counts"]["created"], answer["counts"]["present"]) == (3, 0)


def test_a_second_delivery_of_the_event_creates_nothing(aws, deploy):
    function, event = deploy(ROWS), vended(aws, "class-7")
    function.invoke(event)
    assert aws.count("CreateAccountAssignment") == 3
    aws.calls.clear()

    answer = function.invoke(event)

    assert answer["outcome"] == "ready", answer
    assert (answer["counts"]["created"], answer["counts"]["present"]) == (0, 3)
    assert aws.count("CreateAccountAssignment") == 0
    assert aws.assignments() == WANTED


def test_a_new_instance_of_the_function_completes_what_an_earlier_one_began(aws, deploy):
    # moto never lists a permission set as provisioned, and its ARNs are random. The function then asks for the first
    # ARN alone, to see whether the list is right. So the first is the one that is there.
    done = min(ROWS[:3], key=lambda row: aws.permission_sets[row["permissionSet"]])
    deploy([done]).invoke(vended(aws, "class-7"))
    aws.calls.clear()

    answer = deploy(ROWS).invoke({"accountId": aws.accounts["class-7"]})

    assert (answer["counts"]["created"], answer["counts"]["present"]) == (2, 1), answer
    assert aws.count("CreateAccountAssignment") == 2
    assert aws.assignments() == WANTED


def test_two_rows_for_the_same_grant_create_it_once_and_are_both_named(aws, deploy):
    by_name = {
        "id": "by-name",
        "permissionSet": "ReadOnlyAccess",
        "group": "auditors",
        "accounts": {"names": ["class-*"]},
    }
    by_id = {
        "id": "by-id",
        "permissionSet": "ReadOnlyAccess",
        "group": aws.principals["auditors"],
        "accounts": {"ids": [aws.accounts["class-7"]]},
    }

    answer = deploy([by_name, by_id]).invoke(vended(aws, "class-7"))

    assert answer["outcome"] == "ready", answer
    assert [sorted(grant["rules"]) for grant in answer["grants"]] == [["by-id", "by-name"]]
    assert aws.assignments() == Counter([("class-7", "ReadOnlyAccess", "auditors")])


def test_a_dry_run_plans_and_creates_nothing(aws, deploy):
    answer = deploy(ROWS).invoke({"accountId": aws.accounts["class-7"], "dryRun": True})

    assert answer["outcome"] == "planned", answer
    assert answer["counts"]["planned"] == 3
    assert aws.count("CreateAccountAssignment") == 0
    assert not aws.assignments()


def test_a_dry_run_by_setting_holds_for_events_too(aws, deploy):
    answer = deploy(ROWS, DRY_RUN="true").invoke(vended(aws, "class-7"))

    assert answer["outcome"] == "planned", answer
    assert aws.count("CreateAccountAssignment") == 0


def test_a_failed_vending_is_ignored_and_says_why(aws, deploy):
    answer = deploy(ROWS).invoke(vended(aws, "class-7", state="FAILED"))

    assert answer["outcome"] == "ignored", answer
    assert "FAILED" in answer["reason"]
    assert aws.calls == []


def test_the_management_account_receives_nothing_whatever_the_table_says(aws, deploy):
    everywhere = {"id": "everywhere", "permissionSet": "AdministratorAccess", "group": "platform-admins"}
    by_id = {**everywhere, "id": "by-id", "accounts": {"ids": [aws.management]}}

    deploy([everywhere, by_id]).invoke({"accountId": aws.management})

    assert aws.count("CreateAccountAssignment") == 0
    assert not aws.assignments()


def test_a_bad_table_is_refused_whole_with_every_fault_named(aws, deploy):
    faulty = [
        ROWS[0],
        {"id": "unknown-field", "permissionSet": "ReadOnlyAccess", "group": "auditors", "colour": "blue"},
        {"id": "two-principals", "permissionSet": "ReadOnlyAccess", "group": "auditors", "user": "teacher@example.com"},
        {"id": "bad-account", "permissionSet": "ReadOnlyAccess", "group": "auditors", "accounts": {"ids": ["1234"]}},
    ]

    answer = deploy(faulty).invoke(vended(aws, "class-7"))

    assert answer["errorType"] == "InvalidTable", answer
    for part in ["unknown-field", "colour", "two-principals", "bad-account", "1234"]:
        assert part in answer["errorMessage"]
    assert aws.identity_center_calls() == []


def test_a_group_that_does_not_exist_fails_the_invocation_after_the_other_grants_are_created(aws, deploy):
    nobody = {"id": "nobody", "permissionSet": "ReadOnlyAccess", "group": "no-such-group"}

    answer = deploy([nobody, *ROWS]).invoke(vended(aws, "class-7"))

    assert answer["errorType"] == "AssignmentsIncomplete", answer
    assert not answer["errorMessage"].startswith("{")
    result = result_in(answer["errorMessage"])
    assert (result["counts"]["created"], result["counts"]["unresolved"]) == (3, 1)
    [unresolved] = [grant for grant in result["grants"] if grant["status"] == "unresolved"]
    assert unresolved["rules"] == ["nobody"]
    assert unresolved["principal"]["name"] == "no-such-group"
    assert aws.assignments() == WANTED


def test_an_unknown_payload_is_an_error_that_says_what_was_expected(aws, deploy):
    answer = deploy(ROWS).invoke({"account": "111122223333"})

    assert answer["errorType"] == "InvalidEvent", answer
    assert "accountId" in answer["errorMessage"]
    assert aws.calls == []
