"""Controls=enabled: what starts the state machine, each to the controls that are enabled in Control Tower. The servers are
its own, because every rule of an account and Region sees every event there, and Control Tower is in one Region."""

import json

import aws as local
import pytest
from aws import DEADLINE, MANAGEMENT, ORGANIZATION, REPOSITORY, eventually, sample
from boto3.dynamodb.types import TypeSerializer
from conftest import or_fail

MACHINE = "KeepControlsArn"
ROOT_KEYS = "8ui9y3oace2513xarz8aqojl7"
EDUCATION, OFFLINE = "ou-ab12-55555555", "ou-ab12-77777777"
# What controls.json says of it.
OF_EDUCATION = {
    (EDUCATION, control)
    for control in (
        ROOT_KEYS,
        "5kvme4m5d2b4d7if2fs5yg2ui",
        "ek6wc2bmgzmho1kk6bn236mqt",
        "clmlaa2in1wkntwekh7uw2jyx",
    )
}
EVERYTHING = 13
EVERY_OU = {"controls": {}}


@pytest.fixture(scope="module")
def controlled(tmp_path_factory):
    servers = local.Aws(tmp_path_factory.mktemp("controls"))
    try:
        yield or_fail(servers.start)
    finally:
        servers.stop()


@pytest.fixture(scope="module")
def with_controls(controlled, template):
    """The stack with controls and their table in DynamoDB. Its schedules are stopped."""
    stack = controlled.deploy(
        template, "with-controls", Controls="enabled", ControlsTableSource="dynamodb", Schedule="'rate(1 minute)'"
    )
    for name in ("ScheduleRule", "UnexplainedRule", "ControlsScheduleRule"):
        stack.client("events").disable_rule(Name=stack.resources()[name])
    before = len(stack.executions(MACHINE))
    push(stack)
    stack.ended(before + 1, MACHINE)
    return stack


@pytest.fixture
def stack(controlled, with_controls):
    """That stack, with no control enabled; what a failed test's servers said is printed."""
    eventually(controlled.idle, what="the end of what an earlier test began")
    controlled.control("reset", {})
    controlled.control("organization", ORGANIZATION, "PUT")
    with_controls.client("sqs").purge_queue(QueueUrl=with_controls.outputs["UndeliveredEventsQueueUrl"])
    begin = controlled.server_log().stat().st_size
    yield with_controls
    with controlled.server_log().open("rb") as log:
        log.seek(begin)
        print(log.read().decode(errors="replace"))


def push(stack, rows=None):
    """Puts these rows, or those of controls.json, into the table of controls."""
    rows = rows or json.loads((REPOSITORY / "controls.json").read_text())["controls"]
    for row in rows:
        item = {name: TypeSerializer().serialize(value) for name, value in row.items()}
        stack.client("dynamodb").put_item(TableName=stack.outputs["ControlsTableName"], Item=item)


def output(execution):
    assert execution["status"] == "SUCCEEDED", execution
    return json.loads(execution["output"])


def test_started_by_hand_it_makes_the_table_true_and_then_writes_nothing(controlled, stack):
    ended = output(stack.start_backfill(EVERY_OU, MACHINE))
    assert (ended["outcome"], ended["counts"]["enabled"]) == ("ready", EVERYTHING)
    assert len(controlled.controls()) == EVERYTHING
    writes = controlled.control("calls")["EnableControl"]
    again = output(stack.start_backfill(EVERY_OU, MACHINE))
    assert (again["outcome"], again["rounds"], again["counts"]["present"]) == ("ready", 0, EVERYTHING)
    calls = controlled.control("calls")
    assert calls["EnableControl"] == writes
    assert "DisableControl" not in calls


def test_an_ou_that_was_registered_gets_its_controls_and_the_event_goes_to_every_step(controlled, stack):
    before = len(stack.executions(MACHINE))
    stack.put_event("register-ou")
    execution = stack.ended(before + 1, MACHINE)[-1]
    assert json.loads(execution["input"])["detail"] == sample("register-ou")["detail"]
    assert output(execution)["outcome"] == "ready" and output(execution)["rounds"] > 0
    assert controlled.controls() == OF_EDUCATION


@pytest.mark.parametrize("name", ["SetupLandingZone", "UpdateLandingZone"])
def test_a_landing_zone_that_was_changed_gets_all_controls(controlled, stack, name):
    before = len(stack.executions(MACHINE))
    event = sample("update-landing-zone")
    event["detail"]["eventName"] = name
    status = event["detail"]["serviceEventDetails"].pop("updateLandingZoneStatus")
    event["detail"]["serviceEventDetails"][f"{name[0].lower()}{name[1:]}Status"] = status
    stack.put_event(event)
    assert output(stack.ended(before + 1, MACHINE)[-1])["outcome"] == "ready"
    assert len(controlled.controls()) == EVERYTHING


@pytest.mark.parametrize("event", ["disable-control", "disable-guardrail", "drift-detected"])
def test_what_somebody_took_away_is_enabled_again(controlled, stack, event):
    stack.start_backfill({"controls": {"ou": EDUCATION}}, MACHINE)
    assert controlled.controls() == OF_EDUCATION
    controlled.disable(EDUCATION, ROOT_KEYS)
    assert controlled.controls() == OF_EDUCATION - {(EDUCATION, ROOT_KEYS)}
    before = len(stack.executions(MACHINE))
    stack.put_event(event)
    assert output(stack.ended(before + 1, MACHINE)[-1])["outcome"] == "ready"
    # On the OU that the event names, and on no other.
    assert controlled.controls() == OF_EDUCATION


def test_an_event_of_an_account_or_of_what_failed_enables_nothing(controlled, stack):
    before = len(stack.executions(MACHINE))
    stack.put_event("disable-control-account")
    failed = sample("register-ou")
    failed["detail"]["serviceEventDetails"]["registerOrganizationalUnitStatus"]["state"] = "FAILED"
    stack.put_event(failed)
    [execution] = stack.ended(before + 1, MACHINE)[before:]
    # The event of the account came first, so the first to be started is the other one's only if that started nothing.
    assert json.loads(execution["input"])["detail"]["eventName"] == "RegisterOrganizationalUnit"
    assert output(execution)["outcome"] == "ignored"
    eventually(controlled.idle, what="the end of both events")
    assert len(stack.executions(MACHINE)) == before + 1
    assert controlled.controls() == set()


def test_an_edit_of_the_table_gives_ous_what_it_says_now(controlled, stack):
    before = len(stack.executions(MACHINE))
    rows = json.loads((REPOSITORY / "controls.json").read_text())["controls"]
    [images] = [row for row in rows if row["id"] == "no-public-images"]
    try:
        push(stack, [{**images, "ous": ["Workloads", "Education", "Security"]}])
        execution = stack.ended(before + 1, MACHINE)[-1]
        assert json.loads(execution["input"]) == [{}]
        assert output(execution)["outcome"] == "ready"
        assert ("ou-ab12-11111111", "clmlaa2in1wkntwekh7uw2jyx") in controlled.controls()
        assert len(controlled.controls()) == EVERYTHING + 1
    finally:
        push(stack, [images])
        stack.ended(before + 2, MACHINE)


def test_the_schedule_checks_every_ou(controlled, stack):
    before = len(stack.executions(MACHINE))
    events, rule = stack.client("events"), stack.resources()["ControlsScheduleRule"]
    events.enable_rule(Name=rule)
    try:
        # No rate is shorter than a minute.
        patience = DEADLINE + 60
        eventually(lambda: stack.executions(MACHINE), lambda found: len(found) > before, "the next minute", patience)
    finally:
        events.disable_rule(Name=rule)
    execution = stack.ended(before + 1, MACHINE)[-1]
    assert json.loads(execution["input"]) == EVERY_OU
    assert output(execution)["outcome"] == "ready"
    assert len(controlled.controls()) == EVERYTHING


def test_what_is_not_as_the_table_says_fails_the_execution_and_names_it(controlled, stack):
    reason = "You do not have the permissions for this."
    fault = {"operation": "EnableControl", "kind": {"FailedStatus": {"reason": reason}}, "about": EDUCATION}
    controlled.control("faults", [fault])
    execution = stack.start_backfill(EVERY_OU, MACHINE)
    assert (execution["status"], execution["error"]) == ("FAILED", "ControlsIncomplete"), execution
    assert "4 failed" in execution["cause"] and reason in execution["cause"]
    # The other OUs have theirs.
    assert len(controlled.controls()) == EVERYTHING - len(OF_EDUCATION)


def test_a_payload_that_nobody_knows_fails_the_execution_with_what_is_expected(controlled, stack):
    execution = stack.start_backfill({"ou": EDUCATION}, MACHINE)
    assert (execution["status"], execution["error"]) == ("FAILED", "InvalidEvent")
    assert "RegisterOrganizationalUnit" in execution["cause"]
    assert controlled.controls() == set()


def test_a_dry_run_by_hand_plans_and_enables_nothing(controlled, stack):
    ended = output(stack.start_backfill({"controls": {}, "dryRun": True}, MACHINE))
    assert (ended["outcome"], ended["counts"]["planned"]) == ("planned", EVERYTHING)
    assert controlled.controls() == set()


def decision(stack, role, action, resource="*"):
    arn = f"arn:aws:iam::{MANAGEMENT}:role/{stack.resources()[role]}"
    simulated = stack.client("iam").simulate_principal_policy(
        PolicySourceArn=arn, ActionNames=[action], ResourceArns=[resource]
    )
    return simulated["EvaluationResults"][0]["EvalDecision"]


def test_its_role_could_disable_nothing_and_the_others_could_enable_nothing(stack):
    enabled = f"arn:aws:controltower:{stack.region}:{MANAGEMENT}:enabledcontrol/ABC"
    assert decision(stack, "ControlKeeperRole", "controltower:EnableControl", enabled) == "allowed"
    for action in ("controltower:DisableControl", "controltower:DisableGuardrail"):
        assert decision(stack, "ControlKeeperRole", action, enabled) == "explicitDeny"
    for role in ("AccountAssignerRole", "BackfillRole"):
        assert decision(stack, role, "controltower:EnableControl", enabled) == "implicitDeny"
    account = "arn:aws:sso:::account/111122223333"
    assert decision(stack, "ControlKeeperRole", "sso:CreateAccountAssignment", account) == "implicitDeny"


def test_a_permission_that_control_tower_needs_of_the_role_is_named_if_it_is_missing(controlled, stack):
    roles, role = stack.client("iam"), stack.resources()["ControlKeeperRole"]
    deny = {"Effect": "Deny", "Action": "organizations:AttachPolicy", "Resource": "*"}
    roles.put_role_policy(
        RoleName=role, PolicyName="deny", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    )
    try:
        execution = stack.start_backfill({"controls": {"ou": EDUCATION}}, MACHINE)
    finally:
        roles.delete_role_policy(RoleName=role, PolicyName="deny")
    assert (execution["status"], execution["error"]) == ("FAILED", "ControlsIncomplete")
    assert "organizations:AttachPolicy" in execution["cause"]
    assert controlled.controls() == set()


def test_an_event_that_may_not_start_it_ends_in_the_queue(controlled, stack):
    roles, role = stack.client("iam"), stack.resources()["StartControlsRole"]
    policy = roles.get_role_policy(RoleName=role, PolicyName="start")["PolicyDocument"]
    roles.delete_role_policy(RoleName=role, PolicyName="start")
    try:
        for event in ("drift-detected", "disable-control", "disable-guardrail"):
            stack.put_event(event)
        kept = eventually(
            lambda: stack.messages("UndeliveredEventsQueueUrl"), lambda kept: len(kept) == 3, "the undelivered events"
        )
    finally:
        roles.put_role_policy(RoleName=role, PolicyName="start", PolicyDocument=json.dumps(policy))
    # A message is all that is needed to do it by hand.
    for message in kept:
        assert output(stack.start_backfill(message, MACHINE))["outcome"] == "ready"
    assert controlled.controls() == OF_EDUCATION


def test_it_has_an_alarm_a_log_and_a_concurrency_of_its_own(stack):
    alarms = stack.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert len(alarms) == 10
    name = stack.outputs["ControlKeeperFunctionName"]
    functions = stack.client("lambda")
    assert functions.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 1
    assert functions.get_function_configuration(FunctionName=name)["Timeout"] == 300
    stack.start_backfill({"controls": {"ou": OFFLINE}}, MACHINE)
    assert any('"outcome":"ready"' in line for line in stack.log("ControlKeeperLogGroupName"))


def test_every_rule_of_controls_has_an_event_that_starts_it(stack):
    rules = {rule["Name"]: rule for rule in stack.client("events").list_rules(NamePrefix=f"{stack.name}-")["Rules"]}
    new = {
        logical: rules[physical]
        for logical, physical in stack.resources().items()
        if physical in rules and (logical.startswith("Control") or logical in ("DisableControlRule", "DriftRule"))
    }
    assert set(new) == {"ControlsRule", "DisableControlRule", "DriftRule", "ControlsScheduleRule"}
    seen = {
        "register-ou": ["ControlsRule"],
        "update-landing-zone": ["ControlsRule"],
        "disable-guardrail": ["ControlsRule"],
        "disable-control": ["DisableControlRule"],
        "disable-control-account": [],
        "drift-detected": ["DriftRule"],
        "create-succeeded": [],
        "enable-baseline-ou": [],
    }
    for name, expected in seen.items():
        matching = [
            logical
            for logical, rule in new.items()
            if "EventPattern" in rule
            and stack.client("events").test_event_pattern(
                EventPattern=rule["EventPattern"], Event=json.dumps(sample(name))
            )["Result"]
        ]
        assert matching == expected, name


def test_the_table_outlives_a_change_of_ControlsTableSource_and_what_is_compiled_in_is_used(
    controlled, stack, template
):
    table = stack.outputs["ControlsTableName"]
    changed = controlled.deploy(
        template,
        "with-controls",
        Controls="enabled",
        ControlsTableSource="embedded",
        ControlsDryRun="true",
        Schedule='""',
    )
    assert "ControlsTableName" not in changed.outputs
    ended = output(changed.start_backfill({}, MACHINE))
    assert (ended["outcome"], ended["counts"]["planned"]) == ("planned", EVERYTHING)
    assert controlled.controls() == set()
    # What PlannedControlsAlarm looks at.
    lines = [json.loads(line) for line in changed.log("ControlKeeperLogGroupName") if '"ControlsPlanned"' in line]
    assert lines[-1]["ControlsPlanned"] == EVERYTHING
    assert {"PlannedControlsAlarm", "KeepControlsAlarm"} <= set(changed.resources())
    dynamodb = stack.client("dynamodb")
    with pytest.raises(dynamodb.exceptions.ClientError, match="protect"):
        dynamodb.delete_table(TableName=table)


def test_it_is_refused_in_a_delegated_administrator_s_account(controlled, template):
    with pytest.raises(AssertionError, match="no delegated administrator"):
        controlled.deploy(
            template, "useless", "eu-west-2", "333344445555", Controls="enabled", ManagementAccountId=MANAGEMENT
        )
