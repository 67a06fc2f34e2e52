"""`assignctl doctor` with a stack whose Controls is enabled: Control Tower is the stand-in, all else is moto."""

import json

import pytest
from conftest import REPOSITORY
from test_assignctl_doctor import KEEPER, caller, digest, doctor, error, stack  # noqa: F401

ORGANIZATION = json.loads((REPOSITORY / "tests/stand-in/organization.json").read_text())
TOWER = "/list-landingzones /get-landingzone /list-enabled-controls /list-control-operations /list-controls".split()
ROWS = [{"id": "root", "control": "AWS-GR_RESTRICT_ROOT_USER", "ous": ["*"]}]
NEVER = {"controltower:DisableControl", "controltower:DisableGuardrail"}
# moto makes no alarms from a template, and the state machine has not run yet, so that it has not reported its table.
FIRST = {"controls-alarms": "warning", "controls-executions": "warning", "controls-table": "unknown"}


def simulated(query, decide):
    """The answer of IAM's simulator: `decide(action)` for each action on each resource."""
    values = lambda name: [value[0] for key, value in query.items() if key.startswith(f"{name}.member.")]  # noqa: E731
    members = "".join(
        f"<member><EvalActionName>{action}</EvalActionName><EvalResourceName>{resource}</EvalResourceName>"
        f"<EvalDecision>{decide(action, resource)}</EvalDecision></member>"
        for action in values("ActionNames")
        for resource in values("ResourceArns")
    )
    return 200, (
        f"<SimulatePrincipalPolicyResponse xmlns='https://iam.amazonaws.com/doc/2010-05-08/'>"
        f"<SimulatePrincipalPolicyResult><EvaluationResults>{members}</EvaluationResults>"
        f"</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
    ).encode()


def sound(action, resource):
    return "explicitDeny" if action in NEVER else "allowed"


@pytest.fixture
def examine(aws, assignctl, stand_in, doctor, before_moto):  # noqa: F811
    """The checks of controls by their ids: `examine(zone={...}, decide=...)`."""

    def run(zone=None, decide=sound, answer=lambda operation: None, rows=None):
        organization = aws.client("organizations")
        id = organization.describe_organization()["Organization"]["Id"]
        root = organization.list_roots()["Roots"][0]["Id"]
        units = [{"id": unit, "name": path, "parent": root} for path, unit in aws.ous.items()]
        same = {"id": id, "managementAccountId": aws.management, "rootId": root, "organizationalUnits": units}
        management = [{**ORGANIZATION["accounts"][0], "id": aws.management, "parent": root}]
        tower = stand_in(ORGANIZATION | same | {"accounts": management, "landingZone": zone or {}})
        if rows is not None:
            (assignctl.directory / "controls.json").write_text(json.dumps({"controls": rows}))

        def answered(operation, query):
            if operation == "SimulatePrincipalPolicy":
                return simulated(query, decide)
            return answer(operation)

        def elsewhere(path):
            return tower.url if path.partition("?")[0] in TOWER else None

        checks = doctor(AWS_ENDPOINT_URL=before_moto(answered, query=True, elsewhere=elsewhere))
        return {id: check for id, check in checks.items() if check["group"] == "controls"}

    return run


def statuses(checks):
    return {id: check["status"] for id, check in checks.items() if check["status"] != "ok"}


def test_what_the_stack_has_for_controls_is_looked_at(stack, examine):  # noqa: F811
    stack(controls={})
    checks = examine()
    assert statuses(checks) == FIRST
    assert set(checks) == {
        *("controls", "controls-account", "landing-zone", "controls-actions", "control-keeper"),
        *("control-keeper-settings", "controls-table", "controls-role", "controls-never-disabled"),
        *("controls-rules", "controls-schedule", "controls-pipe", "controls-executions", "controls-alarms"),
    }
    assert checks["landing-zone"]["detail"] == "version 4.0, in sync"
    assert "ControlsRule is enabled" in checks["controls-rules"]["detail"]


def test_a_stack_without_controls_gets_one_line(stack, examine):  # noqa: F811
    stack()
    (check,) = examine().values()
    assert (check["status"], check["detail"]) == ("ok", "not in this stack: its parameter Controls is disabled")


@pytest.mark.parametrize(
    ("zone", "status", "text"),
    [
        ({"version": "3.3"}, "ok", "4.0 is available; before 4.0 notices of drift go to SNS"),
        ({"status": "PROCESSING"}, "warning", "is being changed"),
        ({"status": "FAILED"}, "failed", "its last change failed"),
        ({"drifted": True}, "warning", "has drifted"),
    ],
)
def test_the_landing_zone_is_judged(stack, examine, zone, status, text):  # noqa: F811
    stack(controls={})
    check = examine(zone)["landing-zone"]
    assert (check["status"], text in check["detail"]) == (status, True), check


@pytest.mark.parametrize(
    ("denied", "id", "status"),
    [
        ("organizations:AttachPolicy", "controls-role", "failed"),
        ("organizations:CreatePolicy", "controls-role", "failed"),
        ("controltower:EnableGuardrail", "controls-role", "failed"),
        ("controltower:DisableGuardrail", "controls-never-disabled", "warning"),
    ],
)
def test_one_action_that_the_role_lacks_is_named(stack, examine, denied, id, status):  # noqa: F811
    stack(controls={})
    checks = examine(decide=lambda *asked: "implicitDeny" if asked[0] == denied else sound(*asked))
    assert statuses(checks) == FIRST | {id: status}
    assert status == "warning" or f"{denied} is implicitDeny on" in checks[id]["detail"]


def test_a_role_that_could_disable_a_control_fails(stack, examine):  # noqa: F811
    stack(controls={})
    check = examine(decide=lambda action, resource: "allowed")["controls-never-disabled"]
    assert (check["status"], "DisableControl and controltower:DisableGuardrail" in check["detail"]) == ("failed", True)


@pytest.mark.parametrize(
    ("settings", "status", "text"),
    [
        ({"DRY_RUN": "true"}, "warning", "DRY_RUN is true"),
        ({"MAX_CONTROL_OPERATIONS": "101"}, "failed", "MAX_CONTROL_OPERATIONS must be"),
        ({"REPAIR": "true"}, "ok", "resets what has drifted"),
    ],
)
def test_the_settings_are_judged(stack, examine, settings, status, text):  # noqa: F811
    stack(controls=settings)
    check = examine()["control-keeper-settings"]
    assert (check["status"], text in check["detail"]) == (status, True), check


def test_the_table_of_controls_is_read_and_compared(aws, stack, examine):  # noqa: F811
    table = aws.client("dynamodb")
    table.create_table(
        TableName="controls",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    stack(controls={"CONTROLS_TABLE": "controls"})
    check = examine()["controls-table"]
    assert (check["status"], "controls table push" in check["remedy"]) == ("warning", True), "it has no rows"
    table.put_item(TableName="controls", Item={"id": {"S": "root"}})
    check = examine()["controls-table"]
    assert (check["status"], "controls check" in check["remedy"]) == ("failed", True), "its row is not one"
    item = {"id": {"S": "root"}, "control": {"S": "AWS-GR_RESTRICT_ROOT_USER"}, "ous": {"L": [{"S": "*"}]}}
    table.put_item(TableName="controls", Item=item)
    check = examine()["controls-table"]
    assert check["detail"] == f"it reads the DynamoDB table controls, 1 row (digest {digest(ROWS)[:12]})"
    check = examine(rows=ROWS)["controls-table"]
    assert (check["status"], "has the rows of controls.json" in check["detail"]) == ("ok", True), check
    check = examine(rows=[{**ROWS[0], "ous": ["Workloads"]}])["controls-table"]
    assert (check["status"], "controls table push controls.json" in check["remedy"]) == ("failed", True), check


def test_what_the_last_execution_reports_is_the_table_that_is_compiled_in(stack, examine):  # noqa: F811
    stack(controls={})

    def answer(operation):
        times = {"startDate": 1.0, "stopDate": 2.0}
        arns = {"executionArn": "arn:e", "stateMachineArn": "arn:m", "name": "e", "status": "SUCCEEDED", **times}
        if operation == "ListExecutions":
            return 200, json.dumps({"executions": [arns]}).encode()
        if operation == "DescribeExecution":
            return 200, json.dumps({**arns, "output": json.dumps({"table": digest(ROWS)})}).encode()
        return None

    assert statuses(examine(answer=answer, rows=ROWS)) == {"controls-alarms": "warning"}
    assert examine(answer=answer, rows=[{**ROWS[0], "id": "other"}])["controls-table"]["status"] == "failed"


def test_a_member_account_and_rules_that_are_disabled_fail(aws, stack, examine):  # noqa: F811
    stack(controls={})
    events = aws.client("events")
    events.disable_rule(Name="DriftRule")
    events.disable_rule(Name="controls-schedule")
    account = aws.accounts["payments"]
    arn = f"arn:aws:iam::{account}:user/me"
    checks = examine(answer=lambda operation: caller(account, arn) if operation == "GetCallerIdentity" else None)
    bad = {"controls-account": "failed", "controls-rules": "failed", "controls-schedule": "failed"}
    assert statuses(checks) == FIRST | bad
    assert "Controls=disabled here" in checks["controls-account"]["remedy"]
    detail = checks["controls-rules"]["detail"].splitlines()
    assert [line.partition(" is disabled: ")[0] for line in detail] == ["DriftRule", "ControlsScheduleRule"]


def test_a_function_that_was_deleted_fails_and_the_landing_zone_is_still_looked_at(aws, stack, examine):  # noqa: F811
    stack(controls={})
    aws.client("lambda").delete_function(FunctionName=KEEPER)
    checks = examine()
    assert checks["control-keeper"]["status"] == "failed"
    assert {checks[id]["status"] for id in ["control-keeper-settings", "controls-table", "controls-role"]} == {"unknown"}
    assert checks["landing-zone"]["status"] == "ok"


def test_a_control_tower_that_may_not_be_asked_fails_what_needs_it_and_nothing_else(stack, examine):  # noqa: F811
    stack(controls={})
    denied = {"/list-enabled-controls": "controltower:ListEnabledControls"}
    checks = examine(answer=lambda operation: error("AccessDeniedException") if operation in denied else None)
    assert statuses(checks) == FIRST | {"controls-actions": "failed"}
    assert checks["controls-actions"]["remedy"] == "allow this identity controltower:ListEnabledControls"
