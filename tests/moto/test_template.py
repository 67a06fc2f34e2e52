"""What the template must keep true and no linter knows: who may do what, and that nothing is lost."""

import itertools
import json
import re

import cfnlint.api
import pytest
import yaml
from conftest import REPOSITORY
from deployed import ACCOUNT, MOVE_ACCOUNT, STACK, TEMPLATE, Deployed, Loader
from samcli.yamlhelper import yaml_dump, yaml_parse

MANAGEMENT = "210987654321"
DEPLOYMENTS = {
    "with no parameter given": {},
    "with every place given": {
        "IdentityCenterInstanceArn": "arn:aws:sso:::instance/ssoins-7223f7eef79824e1",
        "IdentityCenterRegion": "eu-central-1",
        "IdentityStoreId": "d-9067230f1a",
        "ManagementAccountId": MANAGEMENT,
        "OrganizationId": "o-a1b2c3d4e5",
    },
    "with the table in DynamoDB and no schedule": {"TableSource": "dynamodb", "Schedule": ""},
}
FUNCTIONS = {"AccountAssigner": "AccountAssignerRole", "BackfillFunction": "BackfillRole"}

LOG = ["logs:CreateLogStream", "logs:PutLogEvents"]
DELIVER_LOGS = [
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
]
# IAM knows no resource for these.
EVERYWHERE = {"sso:ListInstances", "organizations:ListAccounts", *DELIVER_LOGS}


def permissions(parameters):
    """What each role is allowed, action by action: this much with these parameters, no more and no less."""
    in_stack = f"eu-west-1:{ACCOUNT}"
    management = parameters.get("ManagementAccountId", ACCOUNT)
    organization = parameters.get("OrganizationId", "o-*")
    id_of_instance = parameters.get("IdentityCenterInstanceArn", "/*").rpartition("/")[2]
    # The types of resource that IAM knows for these actions.
    instance = f"arn:aws:sso:::instance/{id_of_instance}"
    permission_set = f"arn:aws:sso:::permissionSet/{id_of_instance}/*"
    target = "arn:aws:sso:::account/*"
    account = f"arn:aws:organizations::{management}:account/{organization}/*"
    ou = f"arn:aws:organizations::{management}:ou/{organization}/ou-*"
    store = f"arn:aws:identitystore::{management}:identitystore/{parameters.get('IdentityStoreId', '*')}"
    children = [f"arn:aws:states:{in_stack}:execution:{STACK}-backfill{end}" for end in (":*", "/*")]
    stream = ["AssignmentsTable.StreamArn"]
    table = parameters.get("TableSource") == "dynamodb"
    ensure = {
        "sso:CreateAccountAssignment": [target, instance, permission_set],
        "sso:ListAccountAssignments": [target, instance, permission_set],
        "sso:DescribeAccountAssignmentCreationStatus": [instance],
        "sso:ListAccountAssignmentCreationStatus": [instance],
        "sso:ListPermissionSets": [instance],
        "sso:DescribePermissionSet": [instance, permission_set],
        "sso:ListPermissionSetsProvisionedToAccount": [target, instance],
        "sso:ListInstances": ["*"],
        "organizations:DescribeAccount": [account],
        "organizations:ListTagsForResource": [account],
        "organizations:ListParents": [account, ou],
        "organizations:DescribeOrganizationalUnit": [ou],
        "identitystore:GetGroupId": [store, "arn:aws:identitystore:::group/*"],
        "identitystore:GetUserId": [store, "arn:aws:identitystore:::user/*"],
        **({"dynamodb:Scan": ["AssignmentsTable.Arn"]} if table else {}),
    }
    roles = {
        "AccountAssignerRole": {
            **ensure,
            **dict.fromkeys(LOG, [f"arn:aws:logs:{in_stack}:log-group:AccountAssignerLogGroup:log-stream:*"]),
            "sqs:SendMessage": ["FailedInvocations.Arn"],
            "events:PutEvents": [f"arn:aws:events:{in_stack}:event-bus/default"],
        },
        "BackfillRole": {
            **ensure,
            "organizations:ListAccounts": ["*"],
            "sso:ListAccountAssignmentsForPrincipal": [instance],
            **dict.fromkeys(LOG, [f"arn:aws:logs:{in_stack}:log-group:BackfillLogGroup:log-stream:*"]),
        },
        "BackfillMachineRole": {
            "lambda:InvokeFunction": ["BackfillFunction.Arn"],
            "states:StartExecution": [f"arn:aws:states:{in_stack}:stateMachine:{STACK}-backfill"],
            "states:DescribeExecution": children,
            "states:StopExecution": children,
            **dict.fromkeys(DELIVER_LOGS, ["*"]),
        },
        "StartBackfillRole": {"states:StartExecution": ["Backfill"]},
        "TableChangesRole": {
            "dynamodb:DescribeStream": stream,
            "dynamodb:GetRecords": stream,
            "dynamodb:GetShardIterator": stream,
            "dynamodb:ListStreams": stream,
            "states:StartExecution": ["Backfill"],
            "sqs:SendMessage": ["UndeliveredEvents.Arn"],
        },
    }
    return roles if table else {name: actions for name, actions in roles.items() if name != "TableChangesRole"}


def aliases(text):
    """The `*name` in this YAML."""
    return [event.anchor for event in yaml.parse(text) if isinstance(event, yaml.AliasEvent)]


@pytest.fixture(params=DEPLOYMENTS, ids=lambda name: name.replace(" ", "-"))
def parameters(request):
    return DEPLOYMENTS[request.param]


@pytest.fixture
def deployed(parameters):
    return Deployed(parameters)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_management_account_is_denied_whatever_is_allowed(deployed, parameters, function):
    management = parameters.get("ManagementAccountId", ACCOUNT)
    denied = deployed.statements("Deny", FUNCTIONS[function])

    assert [(statement["Action"], statement["Resource"]) for statement in denied] == [
        (["sso:*"], [f"arn:aws:sso:::account/{management}"])
    ]
    assert "Condition" not in denied[0]
    environment = deployed.properties(function)["Environment"]["Variables"]
    assert environment["MANAGEMENT_ACCOUNT_ID"] == management


@pytest.mark.parametrize("table", ["embedded", "dynamodb"])
def test_every_role_may_do_what_it_needs_and_nothing_else_whatever_parameters_are_given(table):
    places = DEPLOYMENTS["with every place given"].items()
    for given in itertools.chain.from_iterable(itertools.combinations(places, n) for n in range(len(places) + 1)):
        parameters = {"TableSource": table, **dict(given)}
        deployed = Deployed(parameters)
        allowed = {
            role: sorted(
                (action, resource)
                for statement in deployed.statements("Allow", role)
                for action in statement["Action"]
                for resource in statement["Resource"]
            )
            for role in deployed.of_type("AWS::IAM::Role")
        }
        assert allowed == {
            role: sorted((action, resource) for action, resources in actions.items() for resource in resources)
            for role, actions in permissions(parameters).items()
        }, parameters


@pytest.mark.parametrize("function", FUNCTIONS)
def test_each_function_has_a_role_of_its_own_and_no_other_permissions(deployed, function):
    assert deployed.properties(FUNCTIONS[function])["ManagedPolicyArns"] == ["EnsurePolicy"]
    assert deployed.properties(function)["Role"] == f"{FUNCTIONS[function]}.Arn"
    assert "Policies" not in deployed.properties(function)


def test_no_role_may_delete_or_change_an_assignment_or_the_config_table(deployed):
    writes = [
        action
        for statement in deployed.statements("Allow")
        for action in statement["Action"]
        if action.startswith(("sso:", "dynamodb:", "organizations:", "identitystore:"))
        and not action.split(":")[1].startswith(("List", "Describe", "Get", "Scan"))
    ]
    assert set(writes) == {"sso:CreateAccountAssignment"}


def test_no_role_is_allowed_an_action_on_every_resource_unless_iam_knows_no_other(deployed):
    for statement in deployed.statements("Allow"):
        assert not [action for action in statement["Action"] if "*" in action]
        assert "NotAction" not in statement and "NotResource" not in statement
        if "*" in statement["Resource"]:
            assert set(statement["Action"]) <= EVERYWHERE


def test_the_state_machine_has_the_name_that_its_role_knows_it_by(deployed):
    machine = deployed.properties("Backfill")
    assert (machine["Name"], machine["Role"]) == (f"{STACK}-backfill", "BackfillMachineRole.Arn")


def test_every_statement_has_a_name_of_its_own(deployed):
    names = [statement["Sid"] for effect in ("Allow", "Deny") for statement in deployed.statements(effect)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_setting_without_a_value_is_left_out(deployed, parameters, function):
    environment = deployed.properties(function)["Environment"]["Variables"]

    settings = {
        "IdentityCenterInstanceArn": "IDENTITY_CENTER_INSTANCE_ARN",
        "IdentityCenterRegion": "IDENTITY_CENTER_REGION",
        "TableSource": "ASSIGNMENTS_TABLE",
    }
    always = {"MANAGEMENT_ACCOUNT_ID", "MAX_OUTSTANDING", "MAX_REQUESTS_PER_SECOND", "DRY_RUN"}
    assert set(environment) == always | {setting for name, setting in settings.items() if name in parameters}
    assert "" not in environment.values()


def test_sam_local_is_given_only_variables_that_the_template_declares():
    """It drops every other without a word, and the function would then talk to AWS itself."""
    [(function, variables)] = json.loads((REPOSITORY / "events/env.json").read_text()).items()
    shared = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    declared = TEMPLATE["Resources"][function]["Properties"]["Environment"]["Variables"]
    assert set(variables) <= {*shared, *declared}
    assert "AWS_ENDPOINT_URL" in variables


def test_every_queue_is_encrypted_and_keeps_its_messages_as_long_as_sqs_can(deployed):
    queues = deployed.of_type("AWS::SQS::Queue")
    assert set(queues) == {"UndeliveredEvents", "FailedInvocations"}
    for queue in queues.values():
        assert queue["Properties"]["SqsManagedSseEnabled"] is True
        assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 60 * 60


def test_every_queue_refuses_what_is_not_tls_and_only_rules_of_this_stack_are_let_in(deployed):
    policies = {}
    for policy in deployed.of_type("AWS::SQS::QueuePolicy").values():
        for queue in policy["Properties"]["Queues"]:
            policies[queue] = policy["Properties"]["PolicyDocument"]["Statement"]

    for queue in deployed.of_type("AWS::SQS::Queue"):
        [deny] = [statement for statement in policies[queue] if statement["Effect"] == "Deny"]
        assert (deny["Principal"], deny["Action"]) == ("*", "sqs:*")
        assert deny["Resource"] == f"{queue}.Arn"
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for allow in (statement for statement in policies[queue] if statement["Effect"] == "Allow"):
            assert queue == "UndeliveredEvents"
            assert allow["Principal"] == {"Service": "events.amazonaws.com"}
            assert allow["Action"] == "sqs:SendMessage"
            rules = [f"{rule}.Arn" for rule in deployed.of_type("AWS::Events::Rule")]
            assert sorted(allow["Condition"]["ArnEquals"]["aws:SourceArn"]) == sorted(rules)
            assert list(allow["Condition"]) == ["ArnEquals"]


def test_the_rule_lets_every_vending_through_in_any_state(deployed):
    rule = deployed.properties("VendingRule")
    assert rule["EventPattern"] == {
        "source": ["aws.controltower"],
        "detail-type": ["AWS Service Event via CloudTrail"],
        "detail": {"eventName": ["CreateManagedAccount", "UpdateManagedAccount"]},
    }
    assert rule.get("State", "ENABLED") == "ENABLED"


def passes(pattern, event):
    """EventBridge's matching, as far as these rules use it."""
    if isinstance(pattern, dict):
        event = event if isinstance(event, dict) else {}
        return all(passes(inner, event.get(name)) for name, inner in pattern.items())
    for wish in pattern:
        match wish:
            case {"exists": exists}:
                matched = (event is not None) == exists
            case {"prefix": prefix}:
                matched = isinstance(event, str) and event.startswith(prefix)
            case _:
                matched = event == wish
        if matched:
            return True
    return False


def sample(name):
    return json.loads((REPOSITORY / f"events/{name}.json").read_text())


@pytest.mark.parametrize(
    ("event", "rules"),
    [
        ("create-succeeded", ["VendingRule"]),
        ("create-failed", ["VendingRule"]),
        ("update-succeeded", ["VendingRule"]),
        ("update-failed", ["VendingRule"]),
        ("move-account", ["MoveAccountRule"]),
        ("register-ou", ["RegisterOrganizationalUnitRule"]),
        ("create-api-call", []),
        ("update-landing-zone", []),
    ],
)
def test_the_sample_events_pass_the_rules_as_they_should(deployed, event, rules):
    patterns = {
        name: rule["Properties"]["EventPattern"]
        for name, rule in deployed.of_type("AWS::Events::Rule").items()
        if "EventPattern" in rule["Properties"]
    }
    assert [name for name, pattern in patterns.items() if passes(pattern, sample(event))] == rules


def test_a_move_or_a_registration_that_failed_starts_nothing(deployed):
    move, register = sample("move-account"), sample("register-ou")
    move["detail"]["errorCode"] = "ConcurrentModificationException"
    assert not passes(deployed.properties("MoveAccountRule")["EventPattern"], move)

    status = register["detail"]["serviceEventDetails"]["registerOrganizationalUnitStatus"]
    status["organizationalUnit"]["organizationalUnitId"] = "Not Available"
    assert not passes(deployed.properties("RegisterOrganizationalUnitRule")["EventPattern"], register)
    status["organizationalUnit"]["organizationalUnitId"] = "ou-ab12-55555555"
    status["state"] = "FAILED"
    assert not passes(deployed.properties("RegisterOrganizationalUnitRule")["EventPattern"], register)


def test_a_registered_organizational_unit_becomes_the_input_of_the_backfill(deployed):
    [target] = deployed.properties("RegisterOrganizationalUnitRule")["Targets"]
    transformer, place = target["InputTransformer"], sample("register-ou")
    for name in transformer["InputPathsMap"]["ou"].removeprefix("$.").split("."):
        place = place[name]
    assert json.loads(transformer["InputTemplate"].replace("<ou>", json.dumps(place))) == {"ou": "ou-ab12-55555555"}


def test_an_event_that_cannot_be_delivered_is_retried_and_then_kept(deployed):
    for name, rule in deployed.of_type("AWS::Events::Rule").items():
        [target] = rule["Properties"]["Targets"]
        assert target["DeadLetterConfig"] == {"Arn": "UndeliveredEvents.Arn"}
        assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
        assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] >= 3600
        assert rule["Properties"].get("State", "ENABLED") == "ENABLED"
        if name in ("VendingRule", "MoveAccountRule"):
            assert target["Arn"] == "AccountAssigner.Arn"
            permission = deployed.properties(f"{name}Permission")
            assert (permission["Principal"], permission["SourceArn"]) == ("events.amazonaws.com", f"{name}.Arn")
        else:
            assert (target["Arn"], target["RoleArn"]) == ("Backfill", "StartBackfillRole.Arn")


def test_the_organization_is_checked_once_a_day_unless_the_schedule_is_given_up():
    rule = Deployed({}).properties("ScheduleRule")
    assert (rule["ScheduleExpression"], rule["Targets"][0]["Input"]) == ("rate(1 day)", "{}")
    assert "ScheduleRule" not in Deployed({"Schedule": ""}).resources


def test_the_config_table_is_created_only_if_it_is_asked_for():
    deployed = Deployed({})
    assert not {"AssignmentsTable", "TableChanges", "TableChangesRole"} & set(deployed.resources)
    actions = [action for statement in deployed.statements("Allow") for action in statement["Action"]]
    assert not [action for action in actions if action.startswith("dynamodb:")]


def test_the_config_table_is_encrypted_can_be_restored_and_is_not_deleted_by_mistake():
    table = Deployed({"TableSource": "dynamodb"}).resources["AssignmentsTable"]
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    properties = table["Properties"]
    assert properties["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["SSESpecification"] == {"SSEEnabled": True}
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["DeletionProtectionEnabled"] is True
    # A name would be in the way if the table is kept and the stack recreated.
    assert "TableName" not in properties


def test_the_functions_read_the_config_table_and_no_other():
    deployed = Deployed({"TableSource": "dynamodb"})
    for function, role in FUNCTIONS.items():
        assert deployed.properties(function)["Environment"]["Variables"]["ASSIGNMENTS_TABLE"] == "AssignmentsTable"
        [statement] = [
            statement for statement in deployed.statements("Allow", role) if "dynamodb:Scan" in statement["Action"]
        ]
        assert statement["Resource"] == ["AssignmentsTable.Arn"]


def test_all_changes_of_the_table_within_a_minute_start_the_backfill_once():
    pipe = Deployed({"TableSource": "dynamodb"}).properties("TableChanges")
    assert (pipe["Source"], pipe["Target"]) == ("AssignmentsTable.StreamArn", "Backfill")
    stream = pipe["SourceParameters"]["DynamoDBStreamParameters"]
    assert (stream["MaximumBatchingWindowInSeconds"], stream["BatchSize"]) == (60, 10_000)
    assert stream["DeadLetterConfig"] == {"Arn": "UndeliveredEvents.Arn"}
    # Both have an end, because an endless one would stop all that follow.
    assert stream["MaximumRetryAttempts"] > 0 and stream["MaximumRecordAgeInSeconds"] > 0
    # One for each change: small enough that 10,000 are an input that Step Functions takes.
    assert pipe["TargetParameters"]["InputTemplate"] == "{}"


def test_sam_writes_out_the_aliases_that_cloudformation_refuses():
    """Every command of SAM that hands a template on reads and writes it by these two functions."""
    written = yaml_dump(yaml_parse((REPOSITORY / "template.yaml").read_text()))
    assert aliases(written) == []
    for parameters in DEPLOYMENTS.values():
        assert Deployed(parameters, yaml.load(written, Loader)).resources == Deployed(parameters).resources


def test_the_second_template_needs_nothing_written_out():
    """It names no local file, so that CloudFormation may be given it as it is."""
    text = (REPOSITORY / "move-account.yaml").read_text()
    assert aliases(text) == []


def test_both_functions_are_one_program_that_is_built_once():
    one, other = (TEMPLATE["Resources"][function] for function in FUNCTIONS)
    assert one["Metadata"] == other["Metadata"]
    own = {"Description", "Timeout", "ReservedConcurrentExecutions", "Role", "LoggingConfig", "Environment"}
    assert set(other["Properties"]) == own
    assert set(one["Properties"]) == own | {"EventInvokeConfig"}


def test_both_functions_together_stay_within_the_quotas_of_identity_center(deployed):
    variables = [deployed.properties(function)["Environment"]["Variables"] for function in FUNCTIONS]
    assert sum(int(each["MAX_REQUESTS_PER_SECOND"]) for each in variables) == 15
    assert sum(int(each["MAX_OUTSTANDING"]) for each in variables) == 10


def test_the_definition_is_one_that_the_linter_knows():
    """cfn-lint reads no file that the template names, so it gets the definition as a part of a template."""
    properties = {
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{STACK}",
        "Definition": json.loads(Deployed({}).definition()),
    }
    machine = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Machine": machine}}
    faults = cfnlint.api.lint_all(json.dumps(template))
    assert [f"{fault.rule.id}: {fault.message}" for fault in faults if fault.rule.id.startswith("E")] == []


def test_the_definition_is_plain_yaml_and_takes_exactly_the_values_that_the_template_gives():
    """CloudFormation's parser reads an alias as the text of its name."""
    text = (REPOSITORY / Deployed({}).properties("Backfill")["DefinitionUri"]).read_text()
    assert aliases(text) == []
    given = TEMPLATE["Resources"]["Backfill"]["Properties"]["DefinitionSubstitutions"]
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(given)


def test_a_task_waits_a_little_longer_than_its_function_may_run():
    states = json.loads(Deployed({}).definition())["States"]
    timeout = Deployed({}).properties("BackfillFunction")["Timeout"]
    ensure = states["MendAccounts"]["ItemProcessor"]["States"]["Ensure"]
    for task in (states["Survey"], ensure):
        assert timeout < task["TimeoutSeconds"] <= timeout + 60


def test_nothing_that_happens_to_one_account_ends_the_map():
    """moto's interpreter tolerates every failure, so the test looks at the definition."""
    map_state = json.loads(Deployed({}).definition())["States"]["MendAccounts"]
    assert map_state["ToleratedFailurePercentage"] == 100
    assert map_state["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    states = map_state["ItemProcessor"]["States"]
    [catch] = states["Ensure"]["Catch"]
    assert (catch["ErrorEquals"], states[catch["Next"]]["End"]) == (["States.ALL"], True)
    # The answers of 12,000 children are one output of a state: each has to be a word.
    assert (states["Ensure"]["OutputPath"], states[catch["Next"]]["Result"]) == ("$.outcome", "left")
    assert [each["ErrorEquals"] for each in map_state["Catch"]] == [["States.ALL"]]


def test_a_failed_backfill_is_logged_and_alarms():
    deployed = Deployed({})
    assert deployed.properties("Backfill")["Logging"]["Level"] == "ERROR"
    alarm = deployed.properties("BackfillAlarm")
    metrics = {
        each["MetricStat"]["Metric"]["MetricName"]: each["MetricStat"]["Metric"]["Dimensions"]
        for each in alarm["Metrics"]
        if "MetricStat" in each
    }
    machine = [{"Name": "StateMachineArn", "Value": "Backfill"}]
    assert metrics == {"ExecutionsFailed": machine, "ExecutionsTimedOut": machine}


def test_a_failed_invocation_is_retried_and_then_kept_and_a_success_is_announced(deployed):
    asynchronous = deployed.properties("AccountAssigner")["EventInvokeConfig"]
    assert (asynchronous["MaximumRetryAttempts"], asynchronous["MaximumEventAgeInSeconds"]) == (2, 21600)
    destinations = asynchronous["DestinationConfig"]
    assert destinations["OnFailure"] == {"Type": "SQS", "Destination": "FailedInvocations.Arn"}
    assert destinations["OnSuccess"] == {
        "Type": "EventBridge",
        "Destination": f"arn:aws:events:eu-west-1:{ACCOUNT}:event-bus/default",
    }
    # SAM grants these only to a role that it creates.
    for destination, action in {"OnFailure": "sqs:SendMessage", "OnSuccess": "events:PutEvents"}.items():
        statements = deployed.statements("Allow", "AccountAssignerRole")
        [statement] = [statement for statement in statements if action in statement["Action"]]
        assert statement["Resource"] == [destinations[destination]["Destination"]]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_one_invocation_of_each_function_runs_at_a_time_unless_the_reservation_is_given_up(function):
    assert Deployed({}).properties(function)["ReservedConcurrentExecutions"] == "1"
    assert "ReservedConcurrentExecutions" not in Deployed({"ReservedConcurrency": 0}).properties(function)


def test_every_alarm_writes_to_the_address_that_is_given():
    alarms = Deployed({"AlarmEmail": "oncall@example.com"}).of_type("AWS::CloudWatch::Alarm")
    assert alarms
    for alarm in alarms.values():
        assert alarm["Properties"]["AlarmActions"] == ["AlarmTopic"]
        assert alarm["Properties"]["TreatMissingData"] == "notBreaching"
    topic = Deployed({"AlarmEmail": "oncall@example.com"}).properties("AlarmTopic")
    assert topic["Subscription"] == [{"Protocol": "email", "Endpoint": "oncall@example.com"}]
    assert topic.get("KmsMasterKeyId") != "alias/aws/sns"

    silent = Deployed({})
    assert not silent.of_type("AWS::SNS::Topic")
    assert not any("AlarmActions" in alarm["Properties"] for alarm in silent.of_type("AWS::CloudWatch::Alarm").values())


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        (
            "IdentityCenterInstanceArn",
            [
                "",
                "arn:aws:sso:::instance/ssoins-7223f7eef79824e1",
                "arn:aws-us-gov:sso:::instance/ins-7223f7eef79824e1",
            ],
            ["ssoins-7223f7eef79824e1", "arn:aws:sso:::instance/*", "arn:aws:sso:::instance/ssoins-7223f7eef79824e1/x"],
        ),
        ("IdentityCenterRegion", ["", "eu-west-1", "us-gov-west-1", "ap-southeast-4"], ["Ireland", "eu-west", "*"]),
        (
            "IdentityStoreId",
            ["", "d-9067230f1a", "a1b2c3d4-5678-90ab-cdef-0123456789ab"],
            ["*", "d-*", "D-9067230F1A"],
        ),
        ("ManagementAccountId", ["", "210987654321"], ["*", "1234", "2109876543210"]),
        ("OrganizationId", ["", "o-a1b2c3d4e5"], ["*", "o-*", "r-a1b2"]),
        ("AlarmEmail", ["", "oncall@example.com"], ["oncall", "a@b", "one@example.com two@example.com"]),
        ("Schedule", ["", "rate(1 day)", "cron(0 5 ? * MON-FRI *)"], ["1 day", "at(2026-01-01T00:00:00)"]),
    ],
)
def test_a_parameter_takes_what_is_right_and_refuses_what_would_widen_a_permission(parameter, good, bad):
    pattern = re.compile(TEMPLATE["Parameters"][parameter]["AllowedPattern"])
    assert [text for text in good if not pattern.search(text)] == []
    assert [text for text in bad if pattern.search(text)] == []
    assert "must be" in TEMPLATE["Parameters"][parameter]["ConstraintDescription"]


# ------------------------------------------------------------------ the second stack, for moved accounts


@pytest.fixture
def forwarding():
    return Deployed({"HomeRegion": "eu-west-1"}, MOVE_ACCOUNT, "us-east-1")


def test_the_second_stack_sends_what_the_first_one_waits_for(forwarding, deployed):
    rule = forwarding.properties("MoveAccountRule")
    assert rule["EventPattern"] == deployed.properties("MoveAccountRule")["EventPattern"]
    [target] = rule["Targets"]
    assert target["Arn"] == f"arn:aws:events:eu-west-1:{ACCOUNT}:event-bus/default"
    assert target["RoleArn"] == "ForwardRole.Arn"
    assert target["DeadLetterConfig"] == {"Arn": "UndeliveredEvents.Arn"}


def test_the_second_stack_may_put_events_on_that_bus_and_nothing_else(forwarding):
    [statement] = forwarding.statements("Allow")
    assert statement["Action"] == ["events:PutEvents"]
    assert statement["Resource"] == [f"arn:aws:events:eu-west-1:{ACCOUNT}:event-bus/default"]


def test_the_second_stack_never_sends_an_event_to_the_region_it_comes_from():
    gov_cloud = Deployed({"HomeRegion": "us-gov-west-1"}, MOVE_ACCOUNT, "us-gov-west-1")
    assert not gov_cloud.of_type("AWS::Events::Rule")
    pattern = re.compile(MOVE_ACCOUNT["Parameters"]["HomeRegion"]["AllowedPattern"])
    assert pattern.search("eu-west-1") and pattern.search("us-east-2")
    assert not pattern.search("us-east-1")


def test_the_queue_of_the_second_stack_is_encrypted_and_lets_its_rule_alone_in(forwarding):
    queue = forwarding.properties("UndeliveredEvents")
    assert (queue["SqsManagedSseEnabled"], queue["MessageRetentionPeriod"]) == (True, 14 * 24 * 60 * 60)
    allow, deny = forwarding.properties("UndeliveredEventsPolicy")["PolicyDocument"]["Statement"]
    assert allow["Condition"] == {"ArnEquals": {"aws:SourceArn": "MoveAccountRule.Arn"}}
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
