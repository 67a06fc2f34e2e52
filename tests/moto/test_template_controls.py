"""What the template must keep true of controls: who may do what, and what starts it."""

import itertools
import json
import re

import cfnlint.api
import pytest
from conftest import REPOSITORY
from deployed import ACCOUNT, STACK, TEMPLATE, Deployed
from test_template import DELIVER_LOGS, LOG, aliases, passes, sample

ENABLED = {"Controls": "enabled"}
WITH_TABLE = {**ENABLED, "ControlsTableSource": "dynamodb"}
EVENT_RULES = ["ControlsRule", "DisableControlRule", "DriftRule"]
ROLES = ["ControlKeeperRole", "KeepControlsRole", "StartControlsRole", "ControlsTableChangesRole"]
KINDS = ["service_control_policy", "resource_control_policy", "declarative_policy_ec2"]


def permissions(parameters):
    """What each role for controls is allowed, action by action: this much, no more and no less."""
    in_stack = f"eu-west-1:{ACCOUNT}"
    organization = parameters.get("OrganizationId", "o-*")
    enabled = [f"arn:aws:controltower:{in_stack}:enabledcontrol/*"]
    account = f"arn:aws:organizations::{ACCOUNT}:account/{organization}/*"
    ou = f"arn:aws:organizations::{ACCOUNT}:ou/{organization}/ou-*"
    root = f"arn:aws:organizations::{ACCOUNT}:root/{organization}/r-*"
    policies = [f"arn:aws:organizations::{ACCOUNT}:policy/{organization}/{kind}/p-*" for kind in KINDS]
    read = [*policies, "arn:aws:organizations::aws:policy/*"]
    table = parameters.get("ControlsTableSource") == "dynamodb"
    stream = ["ControlsTable.StreamArn"]
    everywhere = [
        *("ListLandingZones", "ListEnabledControls", "ListControlOperations", "GetControlOperation"),
        *("EnableGuardrail", "ListGuardrailsForTarget", "DescribeGuardrailForTarget"),
    ]
    of_organization = [
        *("DescribeOrganization", "ListAccounts", "ListAWSServiceAccessForOrganization", "ListRoots", "CreatePolicy")
    ]
    roles = {
        "ControlKeeperRole": {
            **{
                f"controltower:{action}": enabled
                for action in ("EnableControl", "UpdateEnabledControl", "ResetEnabledControl", "GetEnabledControl")
            },
            "controltower:GetLandingZone": [f"arn:aws:controltower:{in_stack}:landingzone/*"],
            **{f"controltower:{action}": ["*"] for action in everywhere},
            **{f"controlcatalog:{each}": ["*"] for each in ("GetControl", "ListControls", "ListControlMappings")},
            "organizations:ListChildren": [ou, root],
            "organizations:ListOrganizationalUnitsForParent": [ou, root],
            "organizations:ListParents": [account, ou],
            **{f"organizations:{action}": ["*"] for action in of_organization},
            "organizations:ListPoliciesForTarget": [ou],
            "organizations:DescribePolicy": read,
            "organizations:ListTargetsForPolicy": read,
            "organizations:DeletePolicy": policies,
            "organizations:UpdatePolicy": policies,
            "organizations:AttachPolicy": [*policies, ou],
            "organizations:DetachPolicy": [*policies, ou],
            **({"dynamodb:Scan": ["ControlsTable.Arn"]} if table else {}),
            **dict.fromkeys(LOG, [f"arn:aws:logs:{in_stack}:log-group:ControlKeeperLogGroup:log-stream:*"]),
        },
        "KeepControlsRole": {
            "lambda:InvokeFunction": ["ControlKeeper.Arn"],
            **dict.fromkeys(DELIVER_LOGS, ["*"]),
        },
        "StartControlsRole": {"states:StartExecution": ["KeepControls"]},
        "ControlsTableChangesRole": {
            "dynamodb:DescribeStream": stream,
            "dynamodb:GetRecords": stream,
            "dynamodb:GetShardIterator": stream,
            "dynamodb:ListStreams": stream,
            "states:StartExecution": ["KeepControls"],
            "sqs:SendMessage": ["UndeliveredEvents.Arn"],
        },
    }
    return roles if table else {name: actions for name, actions in roles.items() if name != "ControlsTableChangesRole"}


def test_by_default_nothing_of_it_is_there():
    names = set(Deployed(WITH_TABLE).resources) - set(Deployed({}).resources)
    assert names >= {"ControlKeeper", "KeepControls", "ControlsTable", "KeepControlsAlarm", *EVENT_RULES, *ROLES}
    # Other parameters of it do not bring it.
    off = {"ControlsTableSource": "dynamodb", "ControlsDryRun": "true", "RepairControls": "true"}
    assert set(Deployed(off).resources) == set(Deployed({}).resources)


def test_with_it_the_other_resources_are_what_they_were_without():
    without, with_it = Deployed({}).resources, Deployed(WITH_TABLE).resources
    changed = {name for name in without if with_it[name] != without[name]}
    # Its rules may send there what they could not deliver.
    assert changed == {"UndeliveredEventsPolicy"}


@pytest.mark.parametrize(
    "parameters",
    [ENABLED, WITH_TABLE, {**ENABLED, "OrganizationId": "o-a1b2c3d4e5", "ManagementAccountId": ACCOUNT}],
    ids=["embedded", "dynamodb", "every-place"],
)
def test_every_role_may_do_what_it_needs_and_nothing_else(parameters):
    deployed = Deployed(parameters)
    new = set(deployed.of_type("AWS::IAM::Role")) - set(Deployed({}).of_type("AWS::IAM::Role"))
    allowed = {
        role: sorted(
            (action, resource)
            for statement in deployed.statements("Allow", role)
            for action in statement["Action"]
            for resource in statement["Resource"]
        )
        for role in new
    }
    assert allowed == {
        role: sorted((action, resource) for action, resources in actions.items() for resource in resources)
        for role, actions in permissions(parameters).items()
    }
    assert not any("ManagedPolicyArns" in deployed.properties(role) for role in new)
    narrowed = {
        statement["Sid"]: statement["Condition"]
        for role in new
        for statement in deployed.statements("Allow", role)
        if "Condition" in statement
    }
    kinds = [kind.upper() for kind in KINDS]
    assert narrowed == {
        "CreatePoliciesByWayOfControlTower": {"StringEquals": {"organizations:PolicyType": kinds}}
    }


def test_no_role_of_the_stack_may_disable_a_control_and_one_is_denied_it():
    deployed = Deployed(WITH_TABLE)
    [deny] = deployed.statements("Deny", "ControlKeeperRole")
    assert (deny["Action"], deny["Resource"]) == (["controltower:DisableControl", "controltower:DisableGuardrail"], ["*"])
    assert "Condition" not in deny
    actions = [action for statement in deployed.statements("Allow") for action in statement["Action"]]
    assert not [action for action in actions if "*" in action or "Disable" in action or "Deregister" in action]


def test_every_statement_has_a_name_of_its_own():
    deployed = Deployed({**WITH_TABLE, "TableSource": "dynamodb"})
    names = [statement["Sid"] for effect in ("Allow", "Deny") for statement in deployed.statements(effect)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("role", ["AccountAssignerRole", "BackfillRole", "BackfillMachineRole", "StartBackfillRole"])
def test_nothing_of_it_is_in_the_roles_of_the_assigner(role):
    with_it, without = Deployed(WITH_TABLE), Deployed({})
    assert with_it.properties(role) == without.properties(role)
    actions = [action for statement in with_it.statements("Allow", role) for action in statement["Action"]]
    assert not [action for action in actions if action.startswith(("controltower:", "controlcatalog:"))]


def test_the_function_is_a_program_of_its_own_and_is_told_its_own_settings_alone():
    function = TEMPLATE["Resources"]["ControlKeeper"]
    assert function["Metadata"]["BuildProperties"] == {"Binary": "control-keeper"}
    manifest = (REPOSITORY / "crates/control-keeper/Cargo.toml").read_text()
    # So it is built alone, and adds no features to what the other functions are built from.
    assert '[package.metadata.lambda.build]\npackages = ["control-keeper"]' in manifest

    properties = Deployed(ENABLED).properties("ControlKeeper")
    settings = {"MAX_CONTROL_OPERATIONS": "10", "REPAIR": "false", "DRY_RUN": "false"}
    assert properties["Environment"]["Variables"] == settings
    assert (properties["Role"], properties["ReservedConcurrentExecutions"]) == ("ControlKeeperRole.Arn", 1)
    assert properties["LoggingConfig"]["LogGroup"] == "ControlKeeperLogGroup"
    assert "ReservedConcurrentExecutions" not in Deployed({**ENABLED, "ReservedConcurrency": 0}).properties(
        "ControlKeeper"
    )
    given = {**WITH_TABLE, "MaxControlOperations": 3, "RepairControls": "true", "ControlsDryRun": "true"}
    assert Deployed(given).properties("ControlKeeper")["Environment"]["Variables"] == {
        "CONTROLS_TABLE": "ControlsTable",
        "MAX_CONTROL_OPERATIONS": "3",
        "REPAIR": "true",
        "DRY_RUN": "true",
    }


@pytest.mark.parametrize("parameter", ["DryRun", "ControlsDryRun"])
def test_what_is_only_planned_alarms_while_a_parameter_says_so(parameter):
    assert "PlannedControlsAlarm" not in Deployed(ENABLED).resources
    assert "PlannedControlsAlarm" not in Deployed({parameter: "true"}).resources
    deployed = Deployed({**ENABLED, parameter: "true"})
    alarm = deployed.properties("PlannedControlsAlarm")
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Threshold"]) == ("AccountAssigner", "ControlsPlanned", 0)
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": "ControlKeeper"}]
    assert deployed.properties("ControlKeeper")["Environment"]["Variables"]["DRY_RUN"] == "true"
    assigner = deployed.properties("AccountAssigner")["Environment"]["Variables"]
    assert assigner["DRY_RUN"] == ("true" if parameter == "DryRun" else "false")


@pytest.mark.parametrize(
    ("event", "rules"),
    [
        ("register-ou", ["ControlsRule"]),
        ("update-landing-zone", ["ControlsRule"]),
        ("disable-guardrail", ["ControlsRule"]),
        ("disable-control", ["DisableControlRule"]),
        ("disable-control-account", []),
        ("drift-detected", ["DriftRule"]),
        ("create-succeeded", []),
        ("enable-baseline-ou", []),
    ],
)
def test_the_sample_events_pass_the_rules_of_controls_as_they_should(event, rules):
    deployed, event = Deployed(ENABLED), sample(event)
    patterns = {name: deployed.properties(name)["EventPattern"] for name in EVENT_RULES}
    assert [name for name, pattern in patterns.items() if passes(pattern, event)] == rules
    # The API call that starts the work has the same name.
    call = event | {"detail-type": "AWS API Call via CloudTrail"}
    assert not any(passes(pattern, call) for pattern in patterns.values())


def test_what_the_function_itself_brings_about_starts_nothing():
    deployed = Deployed(ENABLED)
    for name in ("EnableControl", "EnableGuardrail", "UpdateEnabledControl", "ResetEnabledControl"):
        event = sample("disable-control")
        event["detail"]["eventName"] = name
        assert not any(passes(deployed.properties(rule)["EventPattern"], event) for rule in EVENT_RULES), name


def test_a_landing_zone_that_was_set_up_passes_too():
    event = sample("update-landing-zone")
    event["detail"]["eventName"] = "SetupLandingZone"
    assert passes(Deployed(ENABLED).properties("ControlsRule")["EventPattern"], event)


@pytest.mark.parametrize("rule", [*EVENT_RULES, "ControlsScheduleRule"])
def test_a_rule_hands_over_the_whole_event_and_what_cannot_be_delivered_is_kept(rule):
    deployed = Deployed(ENABLED)
    [target] = deployed.properties(rule)["Targets"]
    assert (target["Arn"], target["RoleArn"]) == ("KeepControls", "StartControlsRole.Arn")
    assert target["DeadLetterConfig"] == {"Arn": "UndeliveredEvents.Arn"}
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 21600}
    assert target.get("Input") == ('{"controls": {}}' if rule == "ControlsScheduleRule" else None)
    assert not {"InputPath", "InputTransformer"} & set(target)
    let_in = deployed.properties("UndeliveredEventsPolicy")["PolicyDocument"]["Statement"][0]
    assert f"{rule}.Arn" in let_in["Condition"]["ArnEquals"]["aws:SourceArn"]


def test_the_schedule_is_that_of_the_stack():
    deployed = Deployed(ENABLED)
    for name in ("ScheduleRule", "ControlsScheduleRule"):
        assert deployed.properties(name)["ScheduleExpression"] == "rate(1 day)"
    assert "ControlsScheduleRule" not in Deployed({**ENABLED, "Schedule": ""}).resources


def test_the_table_of_controls_is_as_safe_as_that_of_assignments_and_starts_the_machine_when_it_changes():
    deployed = Deployed({**WITH_TABLE, "TableSource": "dynamodb"})
    one, other = (deployed.resources[name] for name in ("AssignmentsTable", "ControlsTable"))
    assert {**one, "Condition": ""} == {**other, "Condition": ""}
    one, other = (deployed.properties(name) for name in ("TableChanges", "ControlsTableChanges"))
    assert (other["Source"], other["Target"]) == ("ControlsTable.StreamArn", "KeepControls")
    for same in ("SourceParameters", "TargetParameters"):
        assert one[same] == other[same]
    assert not {"ControlsTable", "ControlsTableChanges"} & set(Deployed(ENABLED).resources)


def test_the_definition_is_one_that_the_linter_knows_and_takes_what_the_template_gives():
    machine = Deployed(ENABLED).properties("KeepControls")
    properties = {
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{STACK}",
        "Definition": json.loads(Deployed(ENABLED).definition("KeepControls")),
    }
    resource = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Machine": resource}}
    faults = cfnlint.api.lint_all(json.dumps(template))
    assert [f"{fault.rule.id}: {fault.message}" for fault in faults if fault.rule.id.startswith("E")] == []
    text = (REPOSITORY / machine["DefinitionUri"]).read_text()
    assert aliases(text) == [] and "arn:" not in text
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(machine["DefinitionSubstitutions"])
    timeout = Deployed(ENABLED).properties("ControlKeeper")["Timeout"]
    assert timeout < properties["Definition"]["States"]["Step"]["TimeoutSeconds"] <= timeout + 60


def test_a_failed_execution_is_logged_and_alarms():
    deployed = Deployed({**ENABLED, "AlarmEmail": "oncall@example.com"})
    assert deployed.properties("KeepControls")["Logging"]["Level"] == "ERROR"
    alarm = deployed.properties("KeepControlsAlarm")
    metrics = [each["MetricStat"]["Metric"] for each in alarm["Metrics"] if "MetricStat" in each]
    [expression] = [each["Expression"] for each in alarm["Metrics"] if "Expression" in each]
    assert {(each["MetricName"], each["Dimensions"][0]["Value"]) for each in metrics} == set(
        itertools.product(["ExecutionsFailed", "ExecutionsTimedOut"], ["KeepControls"])
    )
    assert all(f"FILL({each['Id']}, 0)" in expression for each in alarm["Metrics"] if "MetricStat" in each)
    assert (alarm["AlarmActions"], alarm["TreatMissingData"]) == (["AlarmTopic"], "notBreaching")


def test_it_is_refused_in_a_delegated_administrator_s_account():
    elsewhere = {"ManagementAccountId": "210987654321"}
    assert "no delegated administrator" in Deployed({**ENABLED, **elsewhere}).refusals[0]
    for parameters in (elsewhere, ENABLED, {**ENABLED, "ManagementAccountId": ACCOUNT}):
        assert Deployed(parameters).refusals == []


@pytest.mark.parametrize(("region", "partition"), [("us-gov-west-1", "aws-us-gov"), ("cn-northwest-1", "aws-cn")])
def test_in_every_partition_its_own_arns_are_used_and_no_other(region, partition):
    stack = Deployed(WITH_TABLE, region=region, partition=partition)
    assert set(re.findall(r"arn:([^:]*):", json.dumps(stack.resources))) == {partition}
