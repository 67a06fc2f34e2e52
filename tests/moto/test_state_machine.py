"""The state machine of backfill.asl.yaml, run by its own definition: the backfill ends, and says the truth."""

import json
import time
from collections import Counter

import pytest
from deployed import TEMPLATE, Deployed
from state_machine import MACHINE, MOST_BYTES, MOST_CAUSE, MOST_EVENTS, NotInvoked, Refused, other, run

# The longest list of accounts in one answer of the survey.
MOST_LISTED = 12_000


class Organization:
    """Replaces the function: accounts, what each of them lacks, and how ensure changes that."""

    def __init__(self, *lacking, most_listed=MOST_LISTED, slices=()):
        self.slices = slices
        """The last account of each slice but the last, if the survey is read account by account."""
        self.lacking = {account: 1 for account in lacking}
        self.broken, self.unresolved, self.unread, self.troubles = set(), [], [], {}
        self.dry_run = False
        self.most_listed = most_listed

    def trouble(self, kind, *errors):
        """Sets how the next invocations end that survey, or that ensure this account."""
        self.troubles[kind] = list(errors)

    def __call__(self, payload):
        kind = "survey" if "survey" in payload else payload["accountId"]
        if self.troubles.get(kind):
            error = self.troubles[kind].pop(0)
            if error.startswith("Lambda."):
                raise NotInvoked(error.removeprefix("Lambda."))
            return {"errorType": error, "errorMessage": f"{error} on order"}
        return self.survey(payload.get("after", "")) if kind == "survey" else self.ensure(kind)

    def survey(self, after):
        end = next((end for end in self.slices if end > after), None)
        accounts = sorted(account for account in self.lacking if after < account <= (end or "9"))
        listed = accounts[: self.most_listed]
        return {
            "outcome": "surveyed",
            "table": "0f1e2d3c",
            "accounts": listed,
            "accountsOmitted": len(accounts) - len(listed),
            "counts": {
                "accounts": 100_000,
                "complete": 100_000 - len(accounts),
                "incomplete": len(accounts),
                "missing": sum(self.lacking[account] for account in accounts),
                "management": 1,
                "suspended": 0,
                "notReady": 0,
                "unexplained": 50,
            },
            "unresolved": self.unresolved,
            "unread": self.unread,
            "unexplained": [
                {"account": "111122223333", "permissionSet": "arn:" + 80 * "p", "principal": "GROUP " + 47 * "g"}
            ]
            * 50,
            "method": "principals",
            "next": end,
            "seconds": 1.2,
        }

    def ensure(self, account):
        if self.dry_run:
            return {"outcome": "planned"}
        if account in self.broken:
            return {"errorType": "AssignmentsIncomplete", "errorMessage": "1 of 1 assignments failed\n{}"}
        self.lacking.pop(account, None)
        return {"outcome": "ready", "grants": [{"rules": ["row"], "status": "created"}] * 100}


def accounts(number):
    return [f"{200_000_000_000 + index}" for index in range(number)]


def test_if_nothing_is_missing_one_survey_is_all():
    execution = run(Organization())

    assert (execution.status, execution.output["outcome"]) == ("SUCCEEDED", "complete")
    assert execution.output["table"] == "0f1e2d3c", "doctor reads from it which table was read"
    assert execution.output["rounds"] == 0
    assert execution.payloads == [{"survey": True}]


def test_every_account_that_lacks_assignments_is_fixed_and_a_survey_has_the_last_word():
    organization = Organization(*accounts(3))

    execution = run(organization)

    assert (execution.status, execution.output["outcome"]) == ("SUCCEEDED", "complete")
    assert not organization.lacking
    assert execution.payloads == [
        {"survey": True},
        *({"accountId": account} for account in accounts(3)),
        {"survey": True},
    ]
    assert execution.output["counts"]["incomplete"] == 0


def test_an_organizational_unit_in_the_input_is_asked_for_in_every_survey():
    execution = run(Organization(*accounts(1)), {"ou": "ou-ab12-55555555"})

    assert execution.status == "SUCCEEDED"
    assert execution.surveys() == [{"survey": True, "ou": "ou-ab12-55555555"}] * 2


@pytest.mark.parametrize("given", [{}, {"ou": "ou-ab12-55555555"}], ids=["everything", "one-ou"])
def test_a_survey_in_slices_fixes_one_after_the_other_to_the_last(given):
    organization = Organization(*accounts(9), slices=(accounts(9)[2], accounts(9)[5]))

    execution = run(organization, given)

    assert (execution.status, execution.output["outcome"]) == ("SUCCEEDED", "complete")
    assert not organization.lacking
    assert execution.ensured() == accounts(9)
    survey = {"survey": True, **given}
    second, third = ({**survey, "after": after} for after in organization.slices)
    assert execution.surveys() == [survey, survey, second, second, third, third]


def test_what_cannot_be_fixed_in_one_slice_holds_up_no_other_and_is_not_forgotten():
    organization = Organization(*accounts(9), slices=(accounts(9)[2], accounts(9)[5]))
    organization.broken = {accounts(9)[0]}

    execution = run(organization)

    assert set(organization.lacking) == organization.broken
    assert (execution.status, execution.error) == ("FAILED", "AssignmentsIncomplete")
    assert execution.cause.startswith("1 accounts of earlier parts and 0 of the last part lack assignments")


def test_what_cannot_be_read_in_one_slice_is_not_forgotten():
    organization = Organization(slices=(accounts(1)[0],))
    whole = organization.survey

    def survey(after):
        return {**whole(after), "unread": [] if after else ["account 1: it is sick"]}

    organization.survey = survey

    execution = run(organization)

    assert (execution.status, execution.error) == ("FAILED", "AssignmentsIncomplete")
    assert "and 1 and 0 things could not be read" in execution.cause


def test_a_dry_run_of_slices_is_planned_if_any_of_them_lacks_something():
    organization = Organization(accounts(9)[0], slices=(accounts(9)[2],))
    organization.dry_run = True

    execution = run(organization, DryRun="true")

    assert (execution.status, execution.output["outcome"]) == ("SUCCEEDED", "planned")


@pytest.mark.parametrize(
    "given", [[{}, {}, {}], {"Comment": "Insert your JSON here"}], ids=["of-the-pipe", "of-the-console"]
)
def test_an_input_that_names_no_organizational_unit_means_the_whole_organization(given):
    execution = run(Organization(), given)

    assert (execution.status, execution.surveys()) == ("SUCCEEDED", [{"survey": True}])


def test_an_account_that_always_fails_stops_no_other_and_the_execution_fails_and_names_it():
    organization = Organization(*accounts(20))
    bad = accounts(20)[0]
    organization.broken = {bad}

    execution = run(organization)

    assert set(organization.lacking) == {bad}
    assert (execution.status, execution.error) == ("FAILED", "AssignmentsIncomplete")
    assert execution.cause.startswith("1 accounts lack 1 assignments")
    assert bad in execution.cause
    # Once with all the others, and in two more rounds, which did not fix it.
    tried = Counter(execution.ensured())
    assert tried.pop(bad) == 3
    assert set(tried.values()) == {1}


def test_an_account_that_fails_is_tried_again_after_every_other_has_had_its_turn():
    organization = Organization(*accounts(4))
    first = accounts(4)[0]
    for error in ["AssignmentsIncomplete", "AccountNotReady"]:
        organization.lacking = {account: 1 for account in accounts(4)}
        organization.trouble(first, error)

        execution = run(organization)

        assert execution.status == "SUCCEEDED"
        assert execution.ensured() == [*accounts(4), first]
        # Between two rounds, and never while other accounts wait.
        assert execution.waits == [60, 60]


def test_if_aws_does_not_answer_the_account_is_tried_again_at_once_and_not_without_end():
    organization = Organization(*accounts(2))
    one, two = accounts(2)
    organization.trouble(one, "ServiceUnavailable", "Lambda.ServiceException", "Lambda.TooManyRequestsException")
    organization.trouble(two, *["ServiceUnavailable"] * 3)

    execution = run(organization)

    assert execution.status == "SUCCEEDED"
    assert execution.ensured() == [one] * 4 + [two] * 3 + [two]
    # The others wait meanwhile.
    assert sum(seconds for seconds in execution.waits if seconds != 60) < 60


def test_every_error_in_a_child_leaves_the_account_to_the_next_round():
    organization = Organization(*accounts(3))
    organization.trouble(accounts(3)[1], "InvalidTable", "Runtime.ExitError")

    execution = run(organization)

    assert execution.status == "SUCCEEDED"
    assert execution.states().count("MendAccounts") == 3


def test_a_survey_that_is_throttled_is_tried_again():
    organization = Organization(*accounts(2))
    busy = ["Lambda.TooManyRequestsException"] * 30
    organization.trouble("survey", *busy, "ServiceUnavailable", "Lambda.SdkClientException")

    execution = run(organization)

    assert execution.status == "SUCCEEDED"
    assert len(execution.surveys()) == 34
    assert len(execution.history) < MOST_EVENTS


@pytest.mark.parametrize(
    ("error", "surveys"),
    [
        ("InvalidTable", 1),
        ("InvalidConfig", 1),
        ("Sandbox.Timedout", 1),
        ("ServiceUnavailable", 5),
        ("Lambda.TooManyRequestsException", 101),
    ],
)
def test_a_survey_that_keeps_failing_fails_the_execution_with_its_own_error(error, surveys):
    organization = Organization(*accounts(2))
    organization.trouble("survey", *[error] * 300)

    execution = run(organization)

    assert (execution.status, execution.error) == ("FAILED", error)
    assert execution.cause.startswith("The survey after 0 rounds failed")
    assert len(execution.surveys()) == surveys
    assert execution.ensured() == []
    assert len(execution.history) < MOST_EVENTS


def test_names_that_do_not_exist_fail_the_execution_when_everything_else_is_in_place():
    organization = Organization(*accounts(2))
    organization.unresolved = ["group \"no-such-group\"", "permission set Admin{istrator}"]

    execution = run(organization)

    assert not organization.lacking
    assert (execution.status, execution.error) == ("FAILED", "NamesUnresolved")
    assert "no-such-group" in execution.cause and "Admin{istrator}" in execution.cause


def test_what_could_not_be_read_fails_the_execution_when_everything_else_is_in_place():
    organization = Organization(*accounts(2))
    organization.unread = ["account 111122223333: organizations:ListTagsForResource failed"]

    execution = run(organization)

    assert not organization.lacking
    assert (execution.status, execution.error) == ("FAILED", "SurveyIncomplete")
    assert "111122223333: organizations:ListTagsForResource" in execution.cause


def test_accounts_that_did_not_fit_into_a_survey_are_fixed_in_the_next_rounds():
    organization = Organization(*accounts(10), most_listed=4)

    execution = run(organization)

    assert (execution.status, execution.output["rounds"]) == ("SUCCEEDED", 3)
    assert execution.ensured() == accounts(10)


def test_rounds_that_only_shorten_what_an_account_lacks_are_progress():
    organization = Organization(*accounts(1))
    account = accounts(1)[0]
    organization.lacking[account] = 5

    def one_at_a_time(payload):
        if "survey" in payload or organization.lacking[account] == 1:
            return organization(payload)
        organization.lacking[account] -= 1
        return {"errorType": "AssignmentsIncomplete", "errorMessage": "still pending\n{}"}

    execution = run(one_at_a_time)

    assert (execution.status, execution.output["rounds"]) == ("SUCCEEDED", 5)


def test_the_loop_ends_at_the_last_round_even_while_accounts_are_omitted():
    organization = Organization(*accounts(6), most_listed=2)
    organization.broken = set(accounts(2))

    execution = run(organization, BackfillRounds=3)

    assert (execution.status, execution.error) == ("FAILED", "AssignmentsIncomplete")
    assert execution.cause.startswith("6 accounts lack 6 assignments after 3 rounds")
    assert execution.states().count("MendAccounts") == 3


def test_a_dry_run_plans_every_account_once_and_is_not_a_failure():
    organization = Organization(*accounts(3))
    organization.dry_run = True

    execution = run(organization, DryRun="true")

    assert (execution.status, execution.output["outcome"]) == ("SUCCEEDED", "planned")
    assert execution.output["counts"]["incomplete"] == 3
    assert execution.ensured() == accounts(3)


def test_as_many_accounts_are_worked_on_at_a_time_as_the_parameter_says():
    organization, at_work, most = Organization(*accounts(12)), set(), [0]

    def counting(payload):
        at_work.add(json.dumps(payload))
        most.append(len(at_work))
        time.sleep(0.05)
        at_work.remove(json.dumps(payload))
        return organization(payload)

    assert run(counting, BackfillConcurrency=3).status == "SUCCEEDED"
    assert max(most) == 3


@pytest.mark.parametrize("number", [10_000, 40_000])
def test_the_limits_of_step_functions_hold_for_very_many_accounts(number):
    organization = Organization(*accounts(number))
    organization.unresolved = [f"group {index}-{'x' * 240}" for index in range(50)]
    organization.broken = set(accounts(number)[:3_000])

    execution = run(organization, without_children=True)

    # Two rounds do not fix the broken accounts.
    rounds = execution.states().count("MendAccounts")
    assert rounds == -(-(number - 3_000) // (MOST_LISTED - 3_000)) + 2 if number > MOST_LISTED else 3
    assert set(organization.lacking) == organization.broken
    assert (execution.status, execution.error) == ("FAILED", "AssignmentsIncomplete")
    assert execution.largest() < MOST_BYTES
    assert len(execution.cause) < MOST_CAUSE
    assert len(execution.history) <= 17 * rounds + 21 + OF_ITS_TURN


def test_the_history_stays_within_its_limit_even_if_every_survey_waits_for_its_turn_to_the_end():
    organization = Organization(*accounts(1))
    organization.broken = set(accounts(1))
    attempts = 100
    organization.trouble("survey", *["Lambda.TooManyRequestsException"] * attempts)
    execution = run(organization)

    rounds = 2
    assert execution.states().count("MendAccounts") == rounds
    of_a_wait = (len(execution.history) - 17 * (rounds + 1) - OF_ITS_TURN) / attempts
    survey = json.loads(Deployed({}).definition())["States"]["Survey"]
    waits = sum(retrier["MaxAttempts"] for retrier in survey["Retry"])
    most_rounds = TEMPLATE["Parameters"]["BackfillRounds"]["MaxValue"]
    assert (most_rounds + 1) * (17 + of_a_wait * waits) + OF_SEVEN_DAYS < MOST_EVENTS


# ------------------------------------------------------------------------------ executions that take turns

# The events of an execution that looks once, sees that it is alone, and begins; and those of the longest wait.
OF_ITS_TURN = 10
OF_SEVEN_DAYS = 7_000
TEST = other("test")
OU = {"ou": "ou-ab12-55555555"}
BY_ARN = {"ou": f"arn:aws:organizations::123456789012:ou/o-a1b2c3d4e5/{OU['ou']}"}


def line(*looks, inputs=None):
    """Step Functions with these executions, the newest first, at one look after the other; the last one stays."""
    looks, inputs = list(looks), inputs or {}

    def answer(action, parameters):
        if action == "describeExecution":
            given = inputs[parameters["ExecutionArn"].rpartition(":")[2]]
            if isinstance(given, Exception):
                raise given
            return {"Input": json.dumps(given)}
        assert (parameters["StatusFilter"], parameters["MaxResults"]) == ("RUNNING", 100)
        seen = looks.pop(0) if len(looks) > 1 else looks[0]
        if isinstance(seen, Exception):
            raise seen
        return {"Executions": seen}

    return answer


def test_an_execution_begins_when_no_older_one_is_left_and_not_before():
    older, oldest = other("older"), other("oldest")
    turns = line([TEST, older, oldest], [TEST, older], [TEST, older], [TEST])

    execution = run(Organization(), step_functions=turns)

    assert (execution.status, execution.output["outcome"]) == ("SUCCEEDED", "complete")
    assert execution.waits == [60, 70, 80]
    assert execution.states().count("Survey") == 1


@pytest.mark.parametrize(
    ("given", "newest", "covered"),
    [
        ({}, {}, True),
        ({}, [{}, {}], True),
        ({}, OU, False),
        (OU, {}, True),
        (OU, OU, True),
        (OU, {"ou": "ou-ab12-66666666"}, False),
        (OU, BY_ARN, True),
        (BY_ARN, OU, True),
        (BY_ARN, {"ou": "ou-ab12-66666666"}, False),
        ({}, BY_ARN, False),
        (OU, {"ou": None}, True),
        ({}, {"ou": "r-ab12"}, True),
        # Nothing that the function takes.
        (OU, {"ou": 7}, False),
        (OU, {"ou": ""}, False),
    ],
)
def test_one_that_waits_is_covered_by_a_newest_one_for_as_many_accounts(given, newest, covered):
    older, newer = other("older"), other("newer")
    turns = line([newer, other("between"), TEST, older], [newer, TEST], inputs={"newer": newest})

    execution = run(Organization(), given, step_functions=turns)

    assert execution.status == "SUCCEEDED"
    if covered:
        assert execution.output == {"outcome": "covered", "by": newer["ExecutionArn"]}
        assert (execution.payloads, execution.waits) == ([], [])
    else:
        assert execution.output["outcome"] == "complete"
        assert execution.waits == [60]


def test_the_oldest_begins_even_if_newer_ones_keep_coming():
    """Otherwise edits that never end would keep everything from ever beginning."""
    execution = run(Organization(), step_functions=line([other("newer"), TEST], inputs={"newer": {}}))

    assert (execution.output["outcome"], execution.waits) == ("complete", [])


def test_an_execution_that_is_not_in_the_list_yet_is_covered_by_none():
    """The list may lag behind. What is in it can be older, and can have made its last survey."""
    older = other("older")
    turns = line([older], [TEST, older], [TEST], inputs={"older": {}})

    execution = run(Organization(), step_functions=turns)

    assert (execution.output["outcome"], execution.waits) == ("complete", [60, 70])


def test_the_children_of_a_map_run_would_cover_nothing():
    child = other("child", f"{MACHINE}/MendAccounts")
    turns = line([child, TEST, other("older")], [child, TEST], inputs={"child": {"accountId": "111122223333"}})

    execution = run(Organization(), step_functions=turns)

    assert (execution.output["outcome"], execution.waits) == ("complete", [60])


@pytest.mark.parametrize(
    "look",
    [[], Refused("AccessDeniedException"), Refused("ThrottlingException"), [other(f"n-{n}") for n in range(100)]],
    ids=["empty", "denied", "throttled", "a-hundred-that-are-newer"],
)
def test_if_nobody_can_say_whose_turn_it_is_the_execution_begins(look):
    execution = run(Organization(*accounts(2)), step_functions=line(look))

    assert (execution.status, execution.output["outcome"]) == ("SUCCEEDED", "complete")
    # Nothing but the pauses before it asks again, and the one between two rounds.
    assert sum(execution.waits) <= 60 + 60


def test_an_execution_that_cannot_be_described_covers_nothing():
    newer, older = other("newer"), other("older")
    turns = line([newer, TEST, older], [newer, TEST], inputs={"newer": Refused("ThrottlingException")})

    execution = run(Organization(), step_functions=turns)

    assert (execution.output["outcome"], execution.waits[-1]) == ("complete", 60)


def test_the_history_has_room_for_a_wait_of_seven_days():
    """The longest there can be: the execution times out then, and so has the one that it waits for."""
    newer, older = other("newer"), other("older")
    waiting = [[newer, TEST, older]] * 20
    history = [
        len(run(Organization(), step_functions=line(*waiting[:looks], [newer, TEST], inputs={"newer": OU})).history)
        for looks in (10, 20)
    ]

    timeout = json.loads(Deployed({}).definition())["TimeoutSeconds"]
    looks = next(looks for looks in range(10_000) if sum(range(60, 60 + 10 * looks, 10)) > timeout)
    assert looks > 300
    assert (history[1] - history[0]) / 10 * looks < OF_SEVEN_DAYS


# --------------------------------------------------------------------------------- with the real function

ROOT = "r-ab12"
OUS = {"Prod": "ou-ab12-11111111", "Test": "ou-ab12-22222222", "Education": "ou-ab12-33333333"}
GROUPS = {
    name: f"1234567890-00000000-0000-0000-0000-00000000000{n}"
    for n, name in enumerate(["auditors", "admins", "students"])
}
PERMISSION_SETS = {
    name: f"arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-000000000000000{n}"
    for n, name in enumerate(["ReadOnlyAccess", "AdministratorAccess", "PowerUserAccess"])
}
MANAGEMENT = "123456789012"
OLD_ROWS = [
    {"id": "audit", "permissionSet": "ReadOnlyAccess", "group": "auditors"},
    {"id": "prod", "permissionSet": "AdministratorAccess", "group": "admins", "accounts": {"ous": ["Prod"]}},
    {"id": "course", "permissionSet": "PowerUserAccess", "group": "students", "accounts": {"tags": {"course": "rust"}}},
]
NEW_ROW = {"id": "learn", "permissionSet": "ReadOnlyAccess", "group": "students", "accounts": {"ous": ["Education"]}}


def wanted(rows, world):
    """What the rows mean for these accounts, worked out apart from the function."""
    found = set()
    for account in world.values():
        for row in rows:
            selector = row.get("accounts", {})
            in_ou = "ous" not in selector or account["parent"] in [OUS[name] for name in selector["ous"]]
            tagged = selector.get("tags", {}).items() <= account["tags"].items()
            if in_ou and tagged:
                found.add((account["id"], PERMISSION_SETS[row["permissionSet"]], GROUPS[row["group"]]))
    return found


def world(*names):
    """Accounts by name, in the three OUs in turns."""
    places = list(OUS.values())
    return {
        name: {"id": f"{300_000_000_000 + n}", "name": name, "parent": places[n % 3], "tags": {}}
        for n, name in enumerate(names)
    }


# Accounts that drifted in each way.
OF_EACH = 12


def test_an_organization_that_drifted_in_five_ways_is_brought_to_exactly_what_the_table_says(stand_in, deploy):
    ways = ["untouched", "deleted", "moved", "tagged", "new"]
    accounts = world(*(f"{way}-{n}" for way in ways for n in range(OF_EACH)))
    groups = {way: [accounts[f"{way}-{n}"] for n in range(OF_EACH)] for way in ways}
    # All are moved from Education to Prod, for which there is a row.
    for account in groups["moved"]:
        account["parent"] = OUS["Education"]
    vended = {name: account for name, account in accounts.items() if not name.startswith("new")}
    before = wanted(OLD_ROWS, vended)
    # By hand: somebody deletes all of one account's assignments, or one of them.
    for n, account in enumerate(groups["deleted"]):
        of_account = sorted(assignment for assignment in before if assignment[0] == account["id"])
        before -= set(of_account if n % 2 else of_account[:1])
    # An assignment that no row explains must stay.
    stray = (groups["untouched"][0]["id"], PERMISSION_SETS["AdministratorAccess"], GROUPS["students"])
    before.add(stray)
    # An account is moved to another OU; a tag is set; and the table has a new row, for the untouched accounts too.
    for account in groups["moved"]:
        account["parent"] = OUS["Prod"]
    for account in groups["tagged"]:
        account["tags"]["course"] = "rust"
    rows = [*OLD_ROWS, NEW_ROW]
    aws = stand_in(
        {
            "id": "o-a1b2c3d4e5",
            "managementAccountId": MANAGEMENT,
            "region": "eu-west-1",
            "rootId": ROOT,
            "instanceArn": "arn:aws:sso:::instance/ssoins-7223f7eef79824e1",
            "identityStoreId": "d-1234567890",
            "permissionSets": [{"name": name, "arn": arn} for name, arn in PERMISSION_SETS.items()],
            "groups": [{"name": name, "id": id} for name, id in GROUPS.items()],
            "users": [],
            "organizationalUnits": [{"id": id, "name": name, "parent": ROOT} for name, id in OUS.items()],
            "accounts": [{"id": MANAGEMENT, "name": "management", "parent": ROOT}, *accounts.values()],
        }
    )
    aws.assign(before)
    assert aws.assignments() == before
    drifted = {assignment[0] for assignment in wanted(rows, accounts) - before}
    assert all(any(account["id"] in drifted for account in groups[way]) for way in ways)
    aws.fail([{"operation": "*", "kind": "Throttle", "probability": 0.02}])
    function = deploy(rows, AWS_ENDPOINT_URL=aws.url, MANAGEMENT_ACCOUNT_ID=MANAGEMENT, MAX_REQUESTS_PER_SECOND="100")

    # First one OU, as when it has been registered.
    of_prod = {account["id"] for account in accounts.values() if account["parent"] == OUS["Prod"]}
    execution = run(function.invoke, {"ou": OUS["Prod"]})
    assert execution.status == "SUCCEEDED", execution.cause
    assert set(execution.ensured()) == drifted & of_prod
    assert {assignment[0] for assignment in aws.assignments() - before} == drifted & of_prod

    execution = run(function.invoke)

    assert execution.status == "SUCCEEDED", execution.cause
    assert aws.assignments() == wanted(rows, accounts) | {stray}
    assert execution.output["counts"]["unexplained"] == 1
    assert set(execution.ensured()) == drifted - of_prod
    # What was there was not created again.
    assert len(aws.creations()) == len(before) + len(wanted(rows, accounts) - before)
