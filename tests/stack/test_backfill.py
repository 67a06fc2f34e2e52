"""What starts the backfill, each to the assignments that stand in Identity Center."""

import json
import os
import subprocess
import uuid

import pytest
from aws import ELSEWHERE, MANAGEMENT, ORGANIZATION, eventually, program, sample
from test_vending import CLASS_7, PAYMENTS, stand

OTHERS = {(account, "ReadOnlyAccess", "auditors") for account in ("log-archive", "audit", "vault")}
EVERYBODY = CLASS_7 | PAYMENTS | OTHERS
EDUCATION = {"ou": "ou-ab12-55555555"}


def output(execution):
    assert execution["status"] == "SUCCEEDED", execution
    return json.loads(execution["output"])


def test_started_by_hand_it_gives_every_account_what_it_lacks(aws, stack):
    ended = output(stack.start_backfill())
    assert (ended["outcome"], ended["rounds"]) == ("complete", 1)
    assert aws.assignments() == EVERYBODY
    # The second finds nothing to do.
    assert output(stack.start_backfill())["rounds"] == 0
    assert len(aws.creations()) == len(EVERYBODY)


def test_started_by_hand_for_an_ou_it_leaves_the_others_alone(aws, stack):
    assert output(stack.start_backfill(EDUCATION))["outcome"] == "complete"
    assert aws.assignments() == CLASS_7


def test_an_ou_that_was_registered_gets_what_its_accounts_lack(aws, stack):
    before = len(stack.executions())
    stack.put_event("register-ou")
    execution = stack.ended(before + 1)[-1]
    assert json.loads(execution["input"]) == EDUCATION
    assert output(execution)["outcome"] == "complete"
    assert aws.assignments() == CLASS_7


@pytest.mark.parametrize("event", ["enable-baseline-ou", "reset-baseline-ou", "update-baseline-ou"])
def test_an_ou_with_a_baseline_gets_what_its_accounts_lack(aws, stack, event):
    before, results = len(stack.executions()), stack.results()
    stack.put_event(event)
    execution = stack.ended(before + 1)[-1]
    # The event has no id of the OU.
    assert json.loads(execution["input"]) == {
        "ou": f"arn:aws:organizations::{MANAGEMENT}:ou/{ORGANIZATION['id']}/ou-ab12-55555555"
    }
    assert output(execution)["outcome"] == "complete"
    assert aws.assignments() == CLASS_7
    # The function has seen it too, and left it to the backfill.
    [result] = results(1)
    assert (result["outcome"], "ou-ab12-55555555" in result["reason"]) == ("ignored", True)
    assert len(stack.executions()) == before + 1


def test_it_fixes_one_account_at_a_time_as_BackfillConcurrency_says(aws, stack):
    execution = stack.start_backfill()
    machine = stack.client("stepfunctions")
    runs = machine.list_map_runs(executionArn=execution["executionArn"])["mapRuns"]
    described = [machine.describe_map_run(mapRunArn=run["mapRunArn"]) for run in runs]
    assert [run["maxConcurrency"] for run in described] == [1]
    assert described[0]["executionCounts"]["succeeded"] == 5


def test_executions_that_pile_up_end_as_covered_and_the_newest_surveys_once_its_turn_has_come(aws, stack):
    # The first is held up in its first survey, until the others are there.
    aws.control("faults", [{"operation": "ListAccounts", "kind": {"Slow": {"millis": 6000}}, "count": 1}])
    machine = stack.client("stepfunctions")
    inputs = [{}, {}, EDUCATION, [{}, {}], {}]
    arns = []
    for given in inputs:
        started = machine.start_execution(stateMachineArn=stack.outputs["BackfillArn"], input=json.dumps(given))
        arns.append(started["executionArn"])
    ended = [
        eventually(
            lambda arn=arn: machine.describe_execution(executionArn=arn),
            lambda execution: execution["status"] != "RUNNING",
            "the end of an execution",
        )
        for arn in arns
    ]
    outcomes = [output(execution)["outcome"] for execution in ended]
    assert outcomes == ["complete", "covered", "covered", "covered", "complete"]
    assert {output(execution)["by"] for execution in ended[1:4]} <= set(arns[2:])
    # So an edit that started one of those that were covered is seen by the last.
    surveys = [
        event["timestamp"]
        for event in machine.get_execution_history(executionArn=arns[-1], maxResults=1000)["events"]
        if event.get("stateEnteredEventDetails", {}).get("name") == "Survey"
    ]
    assert surveys and min(surveys) >= ended[0]["stopDate"]
    assert aws.assignments() == EVERYBODY


def test_an_account_of_the_backfill_has_a_share_of_the_time_and_a_vended_one_all_of_it(stack):
    variables = [
        stack.client("lambda").get_function_configuration(FunctionName=stack.outputs[name])["Environment"]["Variables"]
        for name in ("FunctionName", "BackfillFunctionName")
    ]
    assert [each.get("ACCOUNT_SECONDS") for each in variables] == [None, "120"]


def test_it_fails_and_says_why_if_nothing_it_does_helps(aws, stack):
    reason = "Received a 404 status error: not found"
    aws.control("faults", [{"operation": "CreateAccountAssignment", "kind": {"FailedStatus": {"reason": reason}}}])
    execution = stack.start_backfill()
    assert (execution["status"], execution["error"]) == ("FAILED", "AssignmentsIncomplete")
    assert "5 accounts lack 8 assignments" in execution["cause"]


def test_an_event_that_may_not_start_it_ends_in_the_queue(aws, stack):
    roles, role = stack.client("iam"), stack.resources()["StartBackfillRole"]
    policy = roles.get_role_policy(RoleName=role, PolicyName="start")["PolicyDocument"]
    roles.delete_role_policy(RoleName=role, PolicyName="start")
    try:
        stack.put_event("register-ou")
        kept = eventually(lambda: stack.messages("UndeliveredEventsQueueUrl"), what="the undelivered event")[0]
    finally:
        roles.put_role_policy(RoleName=role, PolicyName="start", PolicyDocument=json.dumps(policy))
    assert kept["detail"] == sample("register-ou")["detail"]


# ------------------------------------------------------------------------ with the table in DynamoDB


WITH_TABLE = {"Schedule": '""', "ReservedConcurrency": 0, "BackfillConcurrency": 3, **ELSEWHERE}


@pytest.fixture(scope="session")
def with_table(servers, template):
    """A stack whose table is edited without a deployment, and for which nothing is reserved. Identity Center is in
    another Region."""
    return servers.deploy(template, "with-table", "eu-north-1", TableSource="dynamodb", **WITH_TABLE)


@pytest.fixture
def assignctl(aws, with_table, tmp_path):
    """`assignctl("table", "push", file)` on that stack's table."""

    def run(*words):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AWS_ENDPOINT_URL": aws.url,
            **aws.credentials(with_table.region),
        }
        table = f"dynamodb:{with_table.outputs['AssignmentsTableName']}"
        command = [program("assignctl", "ASSIGNCTL_BINARY", "cargo build --workspace"), "--table", table, *words]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def push(assignctl, tmp_path, rows):
    """Makes the table have these rows, each of them changed."""
    file = tmp_path / "rows.json"
    changed = [{**row, "description": f"as of {uuid.uuid4()}"} for row in rows]
    file.write_text(json.dumps({"assignments": changed}))
    # Every test has a file of its own, and so none knows what another wrote.
    assignctl("table", "push", file, "--yes", "--force")


AUDITORS = {"id": "audit-everywhere", "permissionSet": "ReadOnlyAccess", "group": "auditors"}
ADMINS = {"id": "admins", "permissionSet": "AdministratorAccess", "group": "platform-admins"}


def test_an_edit_of_the_table_gives_forty_accounts_what_it_says(aws, with_table, assignctl, tmp_path):
    more = [
        {"id": f"{800_000_000_000 + n}", "name": f"new-{n}", "email": f"new-{n}@example.com", "parent": "r-ab12"}
        for n in range(40)
    ]
    aws.control("organization", {**ORGANIZATION, "accounts": ORGANIZATION["accounts"] + more}, "PUT")
    before = len(with_table.executions())
    push(assignctl, tmp_path, [AUDITORS])
    execution = with_table.ended(before + 1)[-1]
    # What the pipe sends names no OU: the whole organization.
    assert all(change == {} for change in json.loads(execution["input"]))
    assert output(execution)["outcome"] == "complete"
    assert {account for account, _, _ in aws.assignments()} >= {account["id"] for account in more}
    assert len(aws.assignments()) == 45
    machine = with_table.client("stepfunctions")
    run = machine.list_map_runs(executionArn=execution["executionArn"])["mapRuns"][0]
    assert machine.describe_map_run(mapRunArn=run["mapRunArn"])["maxConcurrency"] == 3

    # A row that is added, and then a row that is taken away: what it gave stays.
    push(assignctl, tmp_path, [AUDITORS, ADMINS])
    assert output(with_table.ended(before + 2)[-1])["outcome"] == "complete"
    assert len(aws.assignments()) == 90
    push(assignctl, tmp_path, [AUDITORS])
    assert output(with_table.ended(before + 3)[-1])["outcome"] == "complete"
    assert len(aws.assignments()) == 90


def test_a_vended_account_gets_what_the_table_says_now(aws, with_table, assignctl, tmp_path):
    before = len(with_table.executions())
    push(assignctl, tmp_path, [AUDITORS])
    # The edit starts the backfill, and that is not what is tried here.
    with_table.ended(before + 1)
    aws.control("reset", {})
    with_table.put_event("create-succeeded")
    stand(aws, {("class-7", "ReadOnlyAccess", "auditors")})


def test_a_name_that_does_not_exist_fails_the_backfill_and_is_named(aws, with_table, assignctl, tmp_path):
    before = len(with_table.executions())
    push(assignctl, tmp_path, [AUDITORS, {"id": "typo", "permissionSet": "ReadOnlyAccess", "group": "auditorz"}])
    execution = with_table.ended(before + 1)[-1]
    assert (execution["status"], execution["error"]) == ("FAILED", "NamesUnresolved"), execution
    assert "auditorz" in execution["cause"]
    assert len(aws.assignments()) == 5


def test_with_nothing_reserved_and_no_schedule_there_is_neither(with_table):
    assert reserved(with_table) == [None, None]
    assert not {"ScheduleRule", "UnexplainedRule"} & set(with_table.resources())


def test_by_default_executions_are_reserved_for_five_accounts_and_the_backfill_and_the_schedule_is_daily(stack):
    assert reserved(stack) == [5, 1]
    for name in ("ScheduleRule", "UnexplainedRule"):
        rule = stack.client("events").describe_rule(Name=stack.resources()[name])
        assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 day)", "ENABLED")


def reserved(stack):
    answers = [
        stack.client("lambda").get_function_concurrency(FunctionName=stack.outputs[name])
        for name in ("FunctionName", "BackfillFunctionName")
    ]
    return [answer.get("ReservedConcurrentExecutions") for answer in answers]


def test_the_table_outlives_a_change_of_TableSource_and_the_stack(aws, template, assignctl, with_table, tmp_path):
    push(assignctl, tmp_path, [AUDITORS])
    table, dynamodb = with_table.outputs["AssignmentsTableName"], with_table.client("dynamodb")
    with pytest.raises(dynamodb.exceptions.ClientError, match="protect"):
        dynamodb.delete_table(TableName=table)

    changed = aws.deploy(template, "with-table", with_table.region, TableSource="embedded", **WITH_TABLE)
    assert "AssignmentsTableName" not in changed.outputs
    assert changed.invoke(sample("minimal"))["outcome"] == "ready"
    assert {grant for grant in aws.assignments() if grant[0] == "class-7"} == CLASS_7
    assert [item["id"]["S"] for item in dynamodb.scan(TableName=table)["Items"]] == ["audit-everywhere"]

    aws.sam("delete", "--stack-name", "with-table", "--region", with_table.region, "--no-prompts", region="eu-north-1")
    assert [item["id"]["S"] for item in dynamodb.scan(TableName=table)["Items"]] == ["audit-everywhere"]
    assert with_table.client("lambda").list_functions()["Functions"] == []
    assert with_table.client("events").list_rules(NamePrefix="with-table")["Rules"] == []
    assert with_table.client("stepfunctions").list_state_machines()["stateMachines"] == []
    # Nobody loses access by it.
    assert ("class-7", "ReadOnlyAccess", "auditors") in aws.assignments()
