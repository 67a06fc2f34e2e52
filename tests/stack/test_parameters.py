"""Each set of parameters that changes the wiring of template.yaml, and the second stack, deployed."""

import json

import pytest
from aws import ELSEWHERE, MANAGEMENT, REPOSITORY, eventually, sample
from test_backfill import EVERYBODY, output
from test_vending import CLASS_7, stand

DELEGATED = "333344445555"


@pytest.fixture(scope="session")
def for_moved_accounts(servers, deployed):
    """The stack of move-account.yaml, with what samconfig.toml says, next to the main one."""
    template = REPOSITORY / "move-account.yaml"
    return servers.deploy(template, "account-assigner-move-account", "us-east-1", environment="move-account")


@pytest.fixture(scope="session")
def delegated(servers, template):
    """A stack in the delegated administrator's account, and what docs/deployment.md says to make for it: its bus lets
    the management account in, and a rule there forwards the events."""
    region = "eu-west-2"
    stack = servers.deploy(
        template, "delegated", region, DELEGATED, ManagementAccountId=MANAGEMENT, Schedule='""', **ELSEWHERE
    )
    stack.client("events").put_permission(
        StatementId="management-account", Action="events:PutEvents", Principal=MANAGEMENT
    )
    bus = f"arn:aws:events:{region}:{DELEGATED}:event-bus/default"
    roles = servers.client("iam")
    trust = statement("sts:AssumeRole", Principal={"Service": "events.amazonaws.com"})
    role = roles.create_role(RoleName="forward", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    roles.put_role_policy(
        RoleName="forward", PolicyName="forward", PolicyDocument=statement("events:PutEvents", Resource=bus)
    )
    pattern = {
        "source": ["aws.controltower"],
        "detail-type": ["AWS Service Event via CloudTrail"],
        "detail": {"eventName": ["CreateManagedAccount", "UpdateManagedAccount", "RegisterOrganizationalUnit"]},
    }
    events = servers.client("events", region)
    events.put_rule(Name="forward", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="forward", Targets=[{"Id": "delegated", "Arn": bus, "RoleArn": role}])
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
    assert len(alarms) == 7
    assert all(alarm["AlarmActions"] == [topic] for alarm in alarms)
    subscriptions = with_every_place.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [(one["Protocol"], one["Endpoint"]) for one in subscriptions] == [("email", "oncall@example.com")]


def test_without_an_address_no_alarm_goes_anywhere(stack):
    alarms = stack.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert len(alarms) == 7
    assert all(alarm["AlarmActions"] == [] for alarm in alarms)


def test_a_dry_run_plans_and_creates_nothing(aws, template):
    dry = aws.deploy(template, "dry-run", "eu-west-3", DryRun="true", **ELSEWHERE)
    results = dry.results()
    dry.put_event("create-succeeded")
    assert (results()[0]["outcome"], results()[0]["counts"]["planned"]) == ("planned", 3)
    ended = output(dry.start_backfill())
    assert (ended["outcome"], ended["rounds"], ended["counts"]["missing"]) == ("planned", 1, len(EVERYBODY))
    assert aws.creations() == []


def test_a_moved_account_is_seen_in_us_east_1_and_served_in_the_home_region(aws, stack, for_moved_accounts):
    for_moved_accounts.put_event("move-account")
    stand(aws, CLASS_7)


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


def test_a_delegated_administrator_gets_the_events_of_the_management_account(aws, delegated):
    # The same Region of the management account.
    aws.client("events", delegated.region).put_events(
        Entries=[
            {
                "Source": event["source"],
                "DetailType": event["detail-type"],
                "Detail": json.dumps(event["detail"]),
            }
            for event in [sample("create-succeeded"), sample("register-ou")]
        ]
    )
    assert output(delegated.ended(1)[-1])["outcome"] == "complete"
    stand(aws, CLASS_7)


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
    "move-account": ["MoveAccountRule"],
    "register-ou": ["RegisterOrganizationalUnitRule"],
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
    assert scheduled == ["ScheduleRule"]
    assert set(patterns(stack)) == {*scheduled, *(rule for rules in SEEN_BY.values() for rule in rules)}


@pytest.mark.parametrize("name", ["EnableBaseline", "ResetEnabledBaseline", "UpdateEnabledBaseline", "DisableBaseline"])
def test_the_events_of_a_baseline_start_nothing(stack, name):
    event = sample("register-ou")
    event["detail"]["eventName"] = name
    assert matching(stack, event) == []
