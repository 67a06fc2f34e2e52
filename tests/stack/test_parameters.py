"""Each set of parameters that changes the wiring of template.yaml, and the second stack, deployed."""

import json
import uuid

import aws as local
import pytest
from aws import ELSEWHERE, MANAGEMENT, ORGANIZATION, REGION, REPOSITORY, eventually, sample
from conftest import KEY
from test_backfill import EVERYBODY, output
from test_vending import CLASS_7, stand

DELEGATED = "333344445555"
PAYMENTS_ACCOUNT = "444455556666"


@pytest.fixture(scope="session")
def for_moved_accounts(servers, deployed):
    """The stack of move-account.yaml, with what samconfig.toml says, next to the main one."""
    template = REPOSITORY / "move-account.yaml"
    return servers.deploy(template, "account-assigner-move-account", "us-east-1", environment="move-account")


@pytest.fixture(scope="session")
def delegated(servers, template):
    """What docs/deployment.md says for a delegated administrator: the stack in that account, and the second template
    twice in the management account, with what samconfig.toml says. The home Region is another than in other tests."""
    region = "eu-west-2"
    stack = servers.deploy(
        template, "delegated", region, DELEGATED, ManagementAccountId=MANAGEMENT, Schedule='""', **ELSEWHERE
    )
    second, given = REPOSITORY / "move-account.yaml", {"HomeRegion": region, "DelegatedAdministratorId": DELEGATED}
    stack.in_home_region = servers.deploy(second, "account-assigner-forward", region, environment="forward", **given)
    # This one is next to the stack of those who have no delegated administrator, and sees the same events.
    stack.of_moves = servers.deploy(second, "move-to-delegated", "us-east-1", environment="move-account", **given)
    return stack


def statement(action, **rest):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, **rest}]})


def test_told_every_place_its_narrow_roles_are_enough(aws, with_every_place):
    with_every_place.put_event("create-succeeded")
    stand(aws, CLASS_7)
    assert output(with_every_place.start_backfill())["outcome"] == "complete"
    assert aws.assignments() == EVERYBODY


def test_every_alarm_goes_to_the_address_that_was_given(with_every_place):
    alarms = with_every_place.client("cloudwatch").describe_alarms()["MetricAlarms"]
    topic = with_every_place.outputs["AlarmTopicArn"]
    assert len(alarms) == 9
    assert all(alarm["AlarmActions"] == [topic] for alarm in alarms)
    subscriptions = with_every_place.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [(one["Protocol"], one["Endpoint"]) for one in subscriptions] == [("email", "oncall@example.com")]


def test_without_an_address_no_alarm_goes_anywhere(stack):
    alarms = stack.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert len(alarms) == 9
    assert all(alarm["AlarmActions"] == [] for alarm in alarms)


@pytest.fixture
def encrypted(aws):
    """Identity Center with a customer managed key."""
    yield aws.encrypt_with
    aws.encrypt_with("")


def test_told_the_key_of_identity_center_its_roles_may_use_it(aws, with_every_place, encrypted):
    encrypted(KEY)
    with_every_place.put_event("create-succeeded")
    stand(aws, CLASS_7)
    assert output(with_every_place.start_backfill())["outcome"] == "complete"
    assert aws.assignments() == EVERYBODY


@pytest.mark.parametrize("told", [True, False])
def test_no_role_may_use_a_key_that_it_was_not_told(aws, stack, with_every_place, encrypted, told):
    encrypted(KEY.replace("1234abcd", "00000000") if told else KEY)
    answer = (with_every_place if told else stack).invoke(sample("minimal"))
    assert answer["errorType"] in ("InvalidConfig", "AssignmentsIncomplete")
    assert "IdentityCenterKmsKeyArn" in answer["errorMessage"]
    assert aws.creations() == []


def test_the_architecture_is_set_once_for_what_is_built_and_what_is_deployed(aws, tmp_path):
    said, config = (REPOSITORY / "samconfig.toml").read_text(), tmp_path / "samconfig.toml"
    assert said.count('"Architecture=x86_64"') == 1
    config.write_text(said.replace('"Architecture=x86_64"', '"Architecture=arm64"'))
    template = local.build(tmp_path, config)
    assert "--arm64" in (tmp_path / "arguments").read_text().split()
    stack = aws.deploy(template, "architecture", "sa-east-1", config=config)
    for name in ("FunctionName", "BackfillFunctionName"):
        function = stack.client("lambda").get_function_configuration(FunctionName=stack.outputs[name])
        assert function["Architectures"] == ["arm64"]


def test_a_dry_run_plans_and_creates_nothing(aws, template):
    dry = aws.deploy(template, "dry-run", "eu-west-3", DryRun="true", **ELSEWHERE)
    results = dry.results()
    dry.put_event("create-succeeded")
    assert (results()[0]["outcome"], results()[0]["counts"]["planned"]) == ("planned", 3)
    ended = output(dry.start_backfill())
    assert (ended["outcome"], ended["rounds"], ended["counts"]["missing"]) == ("planned", 1, len(EVERYBODY))
    assert aws.creations() == []
    # What DryRunAlarm looks at, of both functions.
    for group, held in (("LogGroupName", 3), ("BackfillLogGroupName", len(EVERYBODY))):
        metrics = [json.loads(line) for line in dry.log(group) if '"GrantsHeldBack"' in line]
        assert sum(line["GrantsHeldBack"] for line in metrics) == held


def test_deployed_without_a_table_every_event_and_every_backfill_fails_and_says_so(aws, template):
    """The functions of a stack with this name have the table that is in the repository."""
    untouched = aws.deploy(template, "untouched", "ap-southeast-2", Schedule='""', **ELSEWHERE)
    untouched.put_event("create-succeeded")
    message = eventually(lambda: untouched.messages("FailedInvocationsQueueUrl"), what="the failed event")[0]
    execution = untouched.start_backfill()
    assert (execution["status"], execution["error"]) == ("FAILED", "InvalidTable")
    assert message["responsePayload"]["errorType"] == "InvalidTable"
    for said in (message["responsePayload"]["errorMessage"], execution["cause"]):
        assert "assignments.json" in said and "nobody would get anything" in said
    # Nothing is lost: with a table, the same event gives the account what it lacks.
    assert message["requestPayload"]["detail"] == sample("create-succeeded")["detail"]
    assert aws.creations() == []


def test_a_moved_account_is_seen_in_us_east_1_and_served_in_the_home_region(aws, stack, for_moved_accounts):
    results = stack.results()
    for_moved_accounts.put_event("move-account")
    assert results()[0]["account"]["name"] == "class-7"
    stand(aws, CLASS_7)


def test_the_second_stack_is_refused_where_it_could_do_nothing(aws):
    # The home Region needs no forwarding within the account, and in other Regions nothing is recorded.
    second = REPOSITORY / "move-account.yaml"
    for region, home, why in [("us-east-1", "us-east-1", "already here"), ("us-west-2", "eu-west-1", "us-gov-west-1")]:
        with pytest.raises(AssertionError, match=why):
            aws.deploy(second, "useless", region, environment="move-account", HomeRegion=home)


def test_a_move_that_cannot_be_forwarded_ends_in_the_queue_there(aws, for_moved_accounts):
    roles, role = for_moved_accounts.client("iam"), for_moved_accounts.resources()["ForwardRole"]
    policy = roles.get_role_policy(RoleName=role, PolicyName="forward")["PolicyDocument"]
    roles.delete_role_policy(RoleName=role, PolicyName="forward")
    try:
        for_moved_accounts.put_event("move-account")
        kept = eventually(lambda: for_moved_accounts.messages("UndeliveredEventsQueueUrl"), what="the event")[0]
    finally:
        roles.put_role_policy(RoleName=role, PolicyName="forward", PolicyDocument=json.dumps(policy))
    assert kept["detail"] == sample("move-account")["detail"]


@pytest.mark.parametrize("event", ["create-succeeded", "enable-baseline-account"])
def test_a_delegated_administrator_gets_the_events_of_the_management_account(aws, delegated, event):
    results = delegated.results()
    delegated.in_home_region.put_event(event)
    # Nobody else is there: the stacks of the management account are in other Regions.
    assert results()[0]["outcome"] == "ready"
    stand(aws, CLASS_7)


@pytest.mark.parametrize("event", ["register-ou", "update-baseline-ou"])
def test_a_delegated_administrator_gets_the_organizational_units_of_the_management_account(aws, delegated, event):
    before = len(delegated.executions())
    delegated.in_home_region.put_event(event)
    assert output(delegated.ended(before + 1)[-1])["outcome"] == "complete"
    stand(aws, CLASS_7)


def test_a_delegated_administrator_gets_the_moves_straight_from_where_they_are_recorded(aws, delegated):
    results = delegated.results()
    delegated.of_moves.put_event("move-account")
    assert results()[0]["account"]["name"] == "class-7"
    stand(aws, CLASS_7)


def test_a_delegated_administrator_s_bus_takes_nothing_else_and_from_nobody_else(aws, delegated):
    come = delegated.watch({"account": [MANAGEMENT, PAYMENTS_ACCOUNT]})
    bus = f"arn:aws:events:{delegated.region}:{DELEGATED}:event-bus/default"

    def forward(account, source):
        """As a stack like ours does it: a rule and a role in this account."""
        roles, events = aws.client("iam", account=account), aws.client("events", delegated.region, account)
        role = f"forward-{uuid.uuid4()}"
        trust = statement("sts:AssumeRole", Principal={"Service": "events.amazonaws.com"})
        arn = roles.create_role(RoleName=role, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        roles.put_role_policy(
            RoleName=role, PolicyName="forward", PolicyDocument=statement("events:PutEvents", Resource=bus)
        )
        events.put_rule(Name=role, EventPattern=json.dumps({"source": [source]}))
        events.put_targets(Rule=role, Targets=[{"Id": "bus", "Arn": bus, "RoleArn": arn}])
        event = {"Source": source, "DetailType": "AWS Service Event via CloudTrail", "Detail": "{}"}
        events.put_events(Entries=[event])

    forward(PAYMENTS_ACCOUNT, "aws.controltower")
    forward(MANAGEMENT, "aws.ec2")
    # This one is let in, so the others have been refused by then.
    forward(MANAGEMENT, "aws.organizations")
    seen = eventually(come, what="an event that is let in")
    assert {(event["account"], event["source"]) for event in seen} == {(MANAGEMENT, "aws.organizations")}


def test_a_delegated_administrator_s_stack_that_is_not_told_the_management_account_says_so(aws, template):
    region = "ap-south-1"
    stack = aws.deploy(template, "untold", region, DELEGATED, Schedule='""', **ELSEWHERE)
    answer = stack.invoke(sample("minimal"))
    assert answer["errorType"] == "InvalidConfig"
    assert "ManagementAccountId" in answer["errorMessage"]
    assert aws.creations() == []


def test_a_delegated_administrator_cannot_touch_the_management_account(aws, delegated):
    assert output(delegated.start_backfill())["outcome"] == "complete"
    assert aws.assignments() == EVERYBODY - {grant for grant in EVERYBODY if grant[0] == DELEGATED}


# ------------------------------------------------------------------------------- which event starts what

# The events of `events/`, and those of Control Tower that nothing starts, by the rules that see them. A rule that is
# not here has no test.
SEEN_BY = {
    "create-api-call": [],
    "create-failed": ["VendingRule"],
    "create-management-account": ["VendingRule"],
    "create-succeeded": ["VendingRule"],
    # These start only what Controls=enabled adds: see test_controls.py.
    "disable-control": [],
    "disable-control-account": [],
    "disable-guardrail": [],
    "drift-detected": [],
    "enable-baseline-account": ["BaselineRule"],
    "enable-baseline-failed": ["BaselineRule"],
    "enable-baseline-ou": ["BaselineRule", "EnableBaselineRule"],
    "move-account": ["MoveAccountRule"],
    "move-by-control-tower": [],
    "register-ou": ["RegisterOrganizationalUnitRule"],
    "reset-baseline-ou": ["BaselineRule", "ResetEnabledBaselineRule"],
    "update-baseline-ou": ["BaselineRule", "UpdateEnabledBaselineRule"],
    "update-failed": ["VendingRule"],
    "update-landing-zone": [],
    "update-succeeded": ["VendingRule"],
}


def patterns(stack):
    rules = {rule["Name"]: rule for rule in stack.client("events").list_rules(NamePrefix=f"{stack.name}-")["Rules"]}
    return {logical: rules[physical] for logical, physical in stack.resources().items() if physical in rules}


def matching(stack, event):
    events = stack.client("events")
    return [
        logical
        for logical, rule in patterns(stack).items()
        if "EventPattern" in rule
        and events.test_event_pattern(EventPattern=rule["EventPattern"], Event=json.dumps(event))["Result"]
    ]


def test_every_rule_has_an_event_that_starts_it_and_every_event_its_rules(stack):
    files = {file.stem for file in (REPOSITORY / "events").glob("*.json") if "detail-type" in file.read_text()}
    assert {name: matching(stack, sample(name)) for name in sorted(files)} == SEEN_BY
    scheduled = [logical for logical, rule in patterns(stack).items() if "ScheduleExpression" in rule]
    assert sorted(scheduled) == ["ScheduleRule", "UnexplainedRule"]
    assert set(patterns(stack)) == {*scheduled, *(rule for rules in SEEN_BY.values() for rule in rules)}


@pytest.mark.parametrize("name", ["DisableBaseline", "DeregisterOrganizationalUnit", "EnableControl"])
def test_what_takes_something_away_or_is_about_controls_starts_nothing(stack, name):
    event = sample("enable-baseline-ou")
    event["detail"]["eventName"] = name
    assert matching(stack, event) == []
