"""What the template must keep true and no linter knows: who may do what, and that nothing is lost."""

import itertools
import json
import re
import tomllib
from pathlib import Path

import botocore
import cfnlint.api
import pytest
import yaml
from conftest import REPOSITORY
from deployed import ACCOUNT, MOVE_ACCOUNT, STACK, TEMPLATE, Deployed, Loader
from samcli.yamlhelper import yaml_dump, yaml_parse

MANAGEMENT = "210987654321"
KEY = "arn:aws:kms:eu-central-1:210987654321:key/1234abcd-12ab-34cd-56ef-1234567890ab"
DEPLOYMENTS = {
    "with no parameter given": {},
    "with every place given": {
        "IdentityCenterInstanceArn": "arn:aws:sso:::instance/ssoins-7223f7eef79824e1",
        "IdentityCenterRegion": "eu-central-1",
        "IdentityCenterKmsKeyArn": KEY,
        "IdentityStoreId": "d-9067230f1a",
        "ManagementAccountId": MANAGEMENT,
        "OrganizationId": "o-a1b2c3d4e5",
    },
    "with the table in DynamoDB and no schedule": {"TableSource": "dynamodb", "Schedule": ""},
}
FUNCTIONS = {"AccountAssigner": "AccountAssignerRole", "BackfillFunction": "BackfillRole"}
MACHINES = ["Backfill", "Unexplained"]

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
    root = f"arn:aws:organizations::{management}:root/{organization}/r-*"
    group, user = "arn:aws:identitystore:::group/*", "arn:aws:identitystore:::user/*"
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
        "organizations:ListOrganizationalUnitsForParent": [ou, root],
        **dict.fromkeys(["identitystore:DescribeGroup", "identitystore:GetGroupId"], [store, group]),
        **dict.fromkeys(["identitystore:DescribeUser", "identitystore:GetUserId"], [store, user]),
        # By way of two services: see `conditions`.
        **({"kms:Decrypt": [KEY, KEY]} if "IdentityCenterKmsKeyArn" in parameters else {}),
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
            "identitystore:ListGroups": [store, group],
            "identitystore:ListUsers": [store, user],
            **dict.fromkeys(LOG, [f"arn:aws:logs:{in_stack}:log-group:BackfillLogGroup:log-stream:*"]),
        },
        "BackfillMachineRole": {
            "lambda:InvokeFunction": ["BackfillFunction.Arn"],
            "states:StartExecution": [f"arn:aws:states:{in_stack}:stateMachine:{STACK}-backfill"],
            "states:ListExecutions": [f"arn:aws:states:{in_stack}:stateMachine:{STACK}-backfill"],
            "states:DescribeExecution": children,
            "states:StopExecution": children,
            **dict.fromkeys(DELIVER_LOGS, ["*"]),
        },
        "UnexplainedMachineRole": {
            "lambda:InvokeFunction": ["BackfillFunction.Arn"],
            **dict.fromkeys(DELIVER_LOGS, ["*"]),
        },
        "StartBackfillRole": {"states:StartExecution": ["Unexplained", "Backfill"]},
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


def conditions(parameters):
    """What narrows a statement of a role: this, and nothing in any other statement."""
    if "IdentityCenterKmsKeyArn" not in parameters:
        return {}
    management = parameters.get("ManagementAccountId", ACCOUNT)
    instance = parameters.get("IdentityCenterInstanceArn", "arn:aws:sso:::instance/*")
    store = f"arn:aws:identitystore::{management}:identitystore/{parameters.get('IdentityStoreId', '*')}"
    return {
        "DecryptByWayOfIdentityCenter": {
            "StringLike": {"kms:ViaService": "sso.eu-central-1.*"},
            "ArnLike": {"kms:EncryptionContext:aws:sso:instance-arn": instance},
        },
        "DecryptByWayOfTheIdentityStore": {
            "StringLike": {"kms:ViaService": "identitystore.eu-central-1.*"},
            "ArnLike": {"kms:EncryptionContext:aws:identitystore:identitystore-arn": store},
        },
    }


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
        narrowed = {
            statement["Sid"]: statement["Condition"]
            for statement in deployed.statements("Allow")
            if "Condition" in statement
        }
        assert narrowed == conditions(parameters), parameters


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
    assert deployed.properties("Unexplained")["Role"] == "UnexplainedMachineRole.Arn"


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
    of_backfill = {"ACCOUNT_SECONDS", "YIELD"} if function == "BackfillFunction" else set()
    given = {setting for name, setting in settings.items() if name in parameters}
    assert set(environment) == always | of_backfill | given
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
            case {"anything-but": others}:
                matched = event is not None and event not in others
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
        ("move-by-control-tower", []),
        ("register-ou", ["RegisterOrganizationalUnitRule"]),
        ("enable-baseline-account", ["BaselineRule"]),
        ("enable-baseline-failed", ["BaselineRule"]),
        ("enable-baseline-ou", ["BaselineRule", "EnableBaselineRule"]),
        ("reset-baseline-ou", ["BaselineRule", "ResetEnabledBaselineRule"]),
        ("update-baseline-ou", ["BaselineRule", "UpdateEnabledBaselineRule"]),
        ("create-api-call", []),
        ("update-landing-zone", []),
    ],
)
def test_the_sample_events_pass_the_rules_as_they_should(deployed, parameters, event, rules):
    management = parameters.get("ManagementAccountId", ACCOUNT)
    event = json.loads(json.dumps(sample(event)).replace(ACCOUNT, management))
    patterns = {
        name: rule["Properties"]["EventPattern"]
        for name, rule in deployed.of_type("AWS::Events::Rule").items()
        if "EventPattern" in rule["Properties"]
    }
    assert [name for name, pattern in patterns.items() if passes(pattern, event)] == rules


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


OF_AN_OU = {
    "RegisterOrganizationalUnitRule": ("register-ou", "ou-ab12-55555555"),
    **{
        f"{event}Rule": (sample_, "arn:aws:organizations::123456789012:ou/o-a1b2c3d4e5/ou-ab12-55555555")
        for event, sample_ in {
            "EnableBaseline": "enable-baseline-ou",
            "ResetEnabledBaseline": "reset-baseline-ou",
            "UpdateEnabledBaseline": "update-baseline-ou",
        }.items()
    },
}


@pytest.mark.parametrize("rule", OF_AN_OU)
def test_the_organizational_unit_of_an_event_becomes_the_input_of_the_backfill(deployed, rule):
    event, ou = OF_AN_OU[rule]
    [target] = deployed.properties(rule)["Targets"]
    transformer, place = target["InputTransformer"], sample(event)
    for name in transformer["InputPathsMap"]["ou"].removeprefix("$.").split("."):
        place = place[name]
    assert json.loads(transformer["InputTemplate"].replace("<ou>", json.dumps(place))) == {"ou": ou}


@pytest.mark.parametrize("rule", [rule for rule in OF_AN_OU if rule != "RegisterOrganizationalUnitRule"])
def test_a_baseline_starts_the_backfill_only_once_it_is_in_place_on_an_ou(deployed, parameters, rule):
    pattern = deployed.properties(rule)["EventPattern"]
    management = parameters.get("ManagementAccountId", ACCOUNT)
    cases = {
        (f"arn:aws:organizations::{management}:ou/o-a1b2c3d4e5/ou-ab12-55555555", "SUCCEEDED"): True,
        (f"arn:aws:organizations::{management}:ou/o-a1b2c3d4e5/ou-ab12-55555555", "FAILED"): False,
        (f"arn:aws:organizations::{management}:ou/o-a1b2c3d4e5/ou-ab12-55555555", "UNDER_CHANGE"): False,
        (f"arn:aws:organizations::{management}:account/o-a1b2c3d4e5/111122223333", "SUCCEEDED"): False,
        ("111122223333", "SUCCEEDED"): False,
        ("Not Available", "SUCCEEDED"): False,
        (None, "SUCCEEDED"): False,
    }
    for (target, state), wanted in cases.items():
        event = sample(OF_AN_OU[rule][0])
        [status] = event["detail"]["serviceEventDetails"].values()
        status["enabledBaselineDetails"] |= {"targetIdentifier": target, "statusSummary": {"status": state}}
        assert passes(pattern, event) is wanted, (target, state)
    # The API call that starts the work has the same name.
    assert not passes(pattern, sample(OF_AN_OU[rule][0]) | {"detail-type": "AWS API Call via CloudTrail"})


def test_a_move_is_a_person_s_unless_control_tower_says_that_it_is_its_own(deployed):
    pattern = deployed.properties("MoveAccountRule")["EventPattern"]
    service = "controltower.amazonaws.com"
    for place, mark in [("userIdentity", {"invokedBy": service}), ("sourceIPAddress", service)]:
        event = sample("move-account")
        event["detail"][place] = mark
        assert not passes(pattern, event), place
    for place, mark in [
        ("userIdentity", {"invokedBy": "cloudformation.amazonaws.com"}),
        ("userIdentity", None),
        ("sourceIPAddress", "192.0.2.1"),
    ]:
        event = sample("move-account")
        event["detail"][place] = mark
        assert passes(pattern, event), place


def test_an_event_that_cannot_be_delivered_is_retried_and_then_kept(deployed):
    for name, rule in deployed.of_type("AWS::Events::Rule").items():
        [target] = rule["Properties"]["Targets"]
        assert target["DeadLetterConfig"] == {"Arn": "UndeliveredEvents.Arn"}
        assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
        assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] >= 3600
        assert rule["Properties"].get("State", "ENABLED") == "ENABLED"
        if name in ("VendingRule", "BaselineRule", "MoveAccountRule"):
            assert target["Arn"] == "AccountAssigner.Arn"
            permission = deployed.properties(f"{name}Permission")
            assert (permission["Principal"], permission["SourceArn"]) == ("events.amazonaws.com", f"{name}.Arn")
        else:
            machine = "Unexplained" if name == "UnexplainedRule" else "Backfill"
            assert (target["Arn"], target["RoleArn"]) == (machine, "StartBackfillRole.Arn")


@pytest.mark.parametrize("name", ["ScheduleRule", "UnexplainedRule"])
def test_the_organization_is_checked_once_a_day_unless_the_schedule_is_given_up(name):
    rule = Deployed({}).properties(name)
    assert (rule["ScheduleExpression"], rule["Targets"][0]["Input"]) == ("rate(1 day)", "{}")
    assert name not in Deployed({"Schedule": ""}).resources


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


def test_a_vended_account_finds_room_beside_a_backfill_that_has_not_seen_it_yet(deployed):
    vended, backfill = (
        deployed.properties(function)["Environment"]["Variables"] for function in FUNCTIONS
    )
    assert (vended.get("YIELD"), backfill["YIELD"]) == (None, "true")
    # It begins with half of its requests and three creations.
    assert int(vended["MAX_REQUESTS_PER_SECOND"]) <= 20
    assert int(vended["MAX_REQUESTS_PER_SECOND"]) // 2 + int(backfill["MAX_REQUESTS_PER_SECOND"]) <= 20
    assert int(vended["MAX_OUTSTANDING"]) == 15
    assert int(backfill["MAX_OUTSTANDING"]) + 3 <= 15


@pytest.mark.parametrize("name", MACHINES)
def test_the_definition_is_one_that_the_linter_knows(name):
    """cfn-lint reads no file that the template names, so it gets the definition as a part of a template."""
    properties = {
        "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{STACK}",
        "Definition": json.loads(Deployed({}).definition(name)),
    }
    machine = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Machine": machine}}
    faults = cfnlint.api.lint_all(json.dumps(template))
    assert [f"{fault.rule.id}: {fault.message}" for fault in faults if fault.rule.id.startswith("E")] == []


@pytest.mark.parametrize("name", MACHINES)
def test_the_definition_is_plain_yaml_and_takes_exactly_the_values_that_the_template_gives(name):
    """CloudFormation's parser reads an alias as the text of its name."""
    text = (REPOSITORY / Deployed({}).properties(name)["DefinitionUri"]).read_text()
    assert aliases(text) == []
    given = TEMPLATE["Resources"][name]["Properties"]["DefinitionSubstitutions"]
    assert set(re.findall(r"\$\{(\w+)\}", text)) == set(given)


def test_a_task_waits_a_little_longer_than_its_function_may_run():
    states = json.loads(Deployed({}).definition())["States"]
    timeout = Deployed({}).properties("BackfillFunction")["Timeout"]
    ensure = states["MendAccounts"]["ItemProcessor"]["States"]["Ensure"]
    for task in (states["Survey"], ensure):
        assert timeout < task["TimeoutSeconds"] <= timeout + 60


def test_one_account_has_a_small_share_of_the_time_that_a_survey_may_take():
    backfill = Deployed({}).properties("BackfillFunction")
    assert int(backfill["Environment"]["Variables"]["ACCOUNT_SECONDS"]) * 5 < backfill["Timeout"]


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
    metrics = [each["MetricStat"]["Metric"] for each in alarm["Metrics"] if "MetricStat" in each]
    [expression] = [each["Expression"] for each in alarm["Metrics"] if "Expression" in each]
    assert {(each["MetricName"], each["Dimensions"][0]["Value"]) for each in metrics} == set(
        itertools.product(["ExecutionsFailed", "ExecutionsTimedOut"], ["Backfill", "Unexplained"])
    )
    assert all(f"FILL({each['Id']}, 0)" in expression for each in alarm["Metrics"] if "MetricStat" in each)


def test_what_no_row_explains_is_counted_and_alarms_only_if_that_is_wanted():
    assert "UnexplainedAssignmentsAlarm" not in Deployed({}).resources
    deployed = Deployed({"UnexplainedAlarm": "enabled", "AlarmEmail": "oncall@example.com"})
    alarm = deployed.properties("UnexplainedAssignmentsAlarm")
    assert (alarm["MetricName"], alarm["Statistic"], alarm["Threshold"]) == ("UnexplainedAssignments", "Maximum", 0)
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": "BackfillFunction"}]
    # Nothing was counted, so nothing is known to have gone away.
    assert (alarm["TreatMissingData"], alarm["AlarmActions"]) == ("ignore", ["AlarmTopic"])
    assert deployed.properties("Unexplained")["Logging"]["Level"] == "ERROR"
    states = json.loads(deployed.definition("Unexplained"))["States"]
    timeout = deployed.properties("BackfillFunction")["Timeout"]
    assert timeout < states["Count"]["TimeoutSeconds"] <= timeout + 60


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
def test_as_many_invocations_run_as_accounts_are_vended_unless_the_reservation_is_given_up(function):
    assert Deployed({}).properties(function)["ReservedConcurrentExecutions"] == {"AccountAssigner": "5"}.get(function, "1")
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


def mails(alarm, *points, minutes=600, template=TEMPLATE):
    """How often this alarm writes, judged each minute as CloudWatch does.

    A point is the minute that it counts for, and the minute from which it can be seen. Its value is 1.
    """
    properties = Deployed({}, template).properties(alarm)
    assert (properties["Statistic"], properties["EvaluationPeriods"]) == ("Sum", 1)
    compare = {"GreaterThanThreshold": int.__gt__, "GreaterThanOrEqualToThreshold": int.__ge__}
    breaches = compare[properties["ComparisonOperator"]]
    alarms = []
    for now in range(minutes):
        since = now - properties["Period"] // 60
        value = sum(since <= at < now and seen <= now for at, seen in points)
        alarms.append(breaches(value, properties["Threshold"]))
    return sum(now and not before for before, now in zip([False, *alarms], alarms))


@pytest.mark.parametrize(
    ("template", "alarm", "queue"),
    [
        (TEMPLATE, "FailedInvocationsAlarm", "FailedInvocations"),
        (TEMPLATE, "UndeliveredEventsAlarm", "UndeliveredEvents"),
        (MOVE_ACCOUNT, "UndeliveredEventsAlarm", "UndeliveredEvents"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_failure_sends_a_mail_while_the_message_of_the_one_before_lies_in_the_queue(template, alarm, queue):
    properties = Deployed({}, template).properties(alarm)
    # What was sent. What lies there would be an alarm that ends when somebody deletes the messages.
    assert (properties["Namespace"], properties["MetricName"]) == ("AWS/SQS", "NumberOfMessagesSent")
    assert properties["Dimensions"] == [{"Name": "QueueName", "Value": f"{queue}.QueueName"}]
    assert mails(alarm, (0, 1), (60, 61), (200, 201), template=template) == 3
    # The first metrics of an idle queue come up to 15 minutes late.
    assert mails(alarm, (0, 15), template=template) == 1


def test_a_message_that_nobody_looks_at_is_reported_before_it_is_deleted():
    deployed = Deployed({})
    alarm = deployed.properties("ForgottenMessagesAlarm")
    metrics = [each["MetricStat"]["Metric"] for each in alarm["Metrics"] if "MetricStat" in each]
    assert {metric["MetricName"] for metric in metrics} == {"ApproximateAgeOfOldestMessage"}
    assert {metric["Dimensions"][0]["Value"] for metric in metrics} == {
        f"{queue}.QueueName" for queue in deployed.of_type("AWS::SQS::Queue")
    }
    for queue in deployed.of_type("AWS::SQS::Queue").values():
        assert alarm["Threshold"] <= queue["Properties"]["MessageRetentionPeriod"] // 2


def test_three_slow_failures_of_one_event_raise_the_alarm_on_errors():
    """Each attempt takes 300 seconds, and is counted at its beginning when it has ended."""
    assert mails("ErrorsAlarm", (0, 5), (6, 11), (13, 18)) == 1
    # The function may serve another slow event between two attempts.
    assert mails("ErrorsAlarm", (0, 5), (11, 16), (23, 28)) == 1
    # Two are an account that was not ready yet.
    assert mails("ErrorsAlarm", (0, 1), (2, 3), (300, 301)) == 0


def test_grants_that_are_only_planned_raise_an_alarm_for_both_functions():
    alarm = Deployed({}).properties("DryRunAlarm")
    metrics = [each["MetricStat"]["Metric"] for each in alarm["Metrics"] if "MetricStat" in each]
    assert {(metric["Namespace"], metric["MetricName"]) for metric in metrics} == {("AccountAssigner", "GrantsHeldBack")}
    assert [metric["Dimensions"][0]["Value"] for metric in metrics] == list(FUNCTIONS)


# One Region of each kind of name, with its partition.
REGIONS = {
    "us-east-1": "aws",
    "eu-west-1": "aws",
    "ap-southeast-4": "aws",
    "mx-central-1": "aws",
    "us-gov-west-1": "aws-us-gov",
    "cn-northwest-1": "aws-cn",
    "eusc-de-east-1": "aws-eusc",
    "us-iso-east-1": "aws-iso",
    "us-isob-east-1": "aws-iso-b",
    "eu-isoe-west-1": "aws-iso-e",
    "us-isof-south-1": "aws-iso-f",
}


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        (
            "IdentityCenterInstanceArn",
            [
                "",
                "arn:aws:sso:::instance/ssoins-7223f7eef79824e1",
                *(f"arn:{partition}:sso:::instance/ins-7223f7eef79824e1" for partition in REGIONS.values()),
            ],
            ["ssoins-7223f7eef79824e1", "arn:aws:sso:::instance/*", "arn:aws:sso:::instance/ssoins-7223f7eef79824e1/x"],
        ),
        ("IdentityCenterRegion", ["", *REGIONS], ["Ireland", "eu-west", "*", "eu-west-1a", "EU-WEST-1"]),
        (
            "IdentityCenterKmsKeyArn",
            [
                "",
                KEY,
                *(
                    f"arn:{partition}:kms:{region}:123456789012:key/mrk-1234abcd12ab34cd56ef1234567890ab"
                    for region, partition in REGIONS.items()
                ),
            ],
            [
                "*",
                "1234abcd-12ab-34cd-56ef-1234567890ab",
                "arn:aws:kms:eu-west-1:123456789012:alias/identity-center",
                "arn:aws:kms:eu-west-1:123456789012:key/*",
                "arn:aws:kms:*:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
            ],
        ),
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


def test_the_shapes_of_regions_and_instances_are_those_that_the_function_takes():
    ids = (REPOSITORY / "crates/core/src/ids.rs").read_text()
    shapes = dict(re.findall(r'pub const (\w+): &str =\s*r"([^"]+)";', ids))
    digits = shapes["REGION"].replace(r"\d", "[0-9]")
    assert TEMPLATE["Parameters"]["IdentityCenterRegion"]["AllowedPattern"] == f"^$|{digits}"
    assert MOVE_ACCOUNT["Parameters"]["HomeRegion"]["AllowedPattern"] == digits
    instance, given = shapes["INSTANCE_ARN"], TEMPLATE["Parameters"]["IdentityCenterInstanceArn"]["AllowedPattern"]
    assert given == "^$|" + instance.replace("[a-zA-Z0-9-.]", "[a-zA-Z0-9.-]")
    for region, partition in REGIONS.items():
        assert re.search(digits, region)
        assert re.search(instance, f"arn:{partition}:sso:::instance/ssoins-7223f7eef79824e1")


@pytest.mark.parametrize(("region", "partition"), REGIONS.items())
def test_in_every_partition_its_own_arns_are_used_and_no_other(region, partition):
    places = DEPLOYMENTS["with every place given"].items()
    own = {name: value.replace("arn:aws:", f"arn:{partition}:") for name, value in places}
    stacks = [Deployed({**own, "TableSource": "dynamodb"}, region=region, partition=partition)]
    forwarded = {"HomeRegion": region, "DelegatedAdministratorId": MANAGEMENT}
    stacks.append(Deployed(forwarded, MOVE_ACCOUNT, region, partition))
    for stack in stacks:
        arns = set(re.findall(r"arn:([^:]*):", json.dumps(stack.resources)))
        assert arns == {partition}
    definition = (REPOSITORY / "backfill.asl.yaml").read_text()
    assert "arn:" not in definition


def test_the_bus_takes_the_events_of_the_management_account_only_if_it_is_another_account():
    for parameters in ({}, {"ManagementAccountId": ACCOUNT}):
        assert not Deployed(parameters).of_type("AWS::Events::EventBusPolicy")
    [policy] = Deployed({"ManagementAccountId": MANAGEMENT}).of_type("AWS::Events::EventBusPolicy").values()
    # On the default bus, and for nobody else.
    assert set(policy["Properties"]) == {"StatementId", "Statement"}
    assert policy["Properties"]["Statement"] == {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{MANAGEMENT}:root"},
        "Action": "events:PutEvents",
        "Resource": f"arn:aws:events:eu-west-1:{ACCOUNT}:event-bus/default",
        "Condition": {
            "ForAllValues:StringEquals": {"events:source": ["aws.controltower", "aws.organizations"]},
            "StringEquals": {
                "events:detail-type": ["AWS Service Event via CloudTrail", "AWS API Call via CloudTrail"]
            },
            "Null": {"events:source": "false"},
        },
    }


def test_parameters_are_set_once_for_build_and_deploy_alike():
    """A program for one architecture would land in a function of the other: each command that is given flags or a
    section of its own reads another value, and `sam deploy` keeps what a stack has if it is given none."""
    config = tomllib.loads((REPOSITORY / "samconfig.toml").read_text())["default"]
    sections = {name: values["parameters"] for name, values in config.items()}
    assert [name for name, parameters in sections.items() if "parameter_overrides" in parameters] == ["global"]
    assert "Architecture=x86_64" in sections["global"]["parameter_overrides"].split()


# ------------------------------------------------------------------ the second stack, for moved accounts and for the
# events of a delegated administrator


@pytest.fixture
def forwarding():
    return Deployed({"HomeRegion": "eu-west-1"}, MOVE_ACCOUNT, "us-east-1")


DELEGATED = "333344445555"
OWN_BUS = f"arn:aws:events:eu-west-1:{ACCOUNT}:event-bus/default"
DELEGATED_BUS = f"arn:aws:events:eu-west-1:{DELEGATED}:event-bus/default"


@pytest.mark.parametrize(
    ("region", "delegated", "rules", "bus"),
    [
        ("us-east-1", "", ["MoveAccountRule"], OWN_BUS),
        ("us-east-1", DELEGATED, ["MoveAccountRule"], DELEGATED_BUS),
        ("eu-west-1", DELEGATED, ["MoveAccountRule", "VendingRule"], DELEGATED_BUS),
    ],
)
def test_the_second_stack_sends_what_the_first_one_waits_for_and_may_do_nothing_else(region, delegated, rules, bus):
    stack = Deployed({"HomeRegion": "eu-west-1", "DelegatedAdministratorId": delegated}, MOVE_ACCOUNT, region)
    assert stack.refusals == []
    assert list(stack.of_type("AWS::Events::Rule")) == rules
    for rule in stack.of_type("AWS::Events::Rule").values():
        [target] = rule["Properties"]["Targets"]
        assert (target["Arn"], target["RoleArn"]) == (bus, "ForwardRole.Arn")
        assert target["DeadLetterConfig"] == {"Arn": "UndeliveredEvents.Arn"}
        assert target["RetryPolicy"] == {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 21600}
    [statement] = stack.statements("Allow")
    assert (statement["Action"], statement["Resource"]) == (["events:PutEvents"], [bus])
    allow, deny = stack.properties("UndeliveredEventsPolicy")["PolicyDocument"]["Statement"]
    assert allow["Condition"] == {"ArnEquals": {"aws:SourceArn": [f"{rule}.Arn" for rule in rules]}}
    assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    queue = stack.properties("UndeliveredEvents")
    assert (queue["SqsManagedSseEnabled"], queue["MessageRetentionPeriod"]) == (True, 14 * 24 * 60 * 60)


def test_every_event_that_starts_something_is_forwarded_to_a_delegated_administrator(deployed, parameters):
    stack = Deployed({"HomeRegion": "eu-west-1", "DelegatedAdministratorId": DELEGATED}, MOVE_ACCOUNT)
    forwarded = [rule["Properties"]["EventPattern"] for rule in stack.of_type("AWS::Events::Rule").values()]
    waited_for = [
        rule["Properties"]["EventPattern"]
        for rule in deployed.of_type("AWS::Events::Rule").values()
        if "EventPattern" in rule["Properties"]
    ]
    samples = [json.loads(file.read_text()) for file in (REPOSITORY / "events").glob("*.json")]
    management = parameters.get("ManagementAccountId", ACCOUNT)
    for event in (json.loads(json.dumps(event).replace(ACCOUNT, management)) for event in samples):
        starts = any(passes(pattern, event) for pattern in waited_for)
        assert any(passes(pattern, event) for pattern in forwarded) == starts, event


def test_the_second_stack_sends_moves_as_the_first_one_waits_for_them(forwarding, deployed):
    rule = forwarding.properties("MoveAccountRule")
    assert rule["EventPattern"] == deployed.properties("MoveAccountRule")["EventPattern"]


@pytest.mark.parametrize(
    ("region", "parameters", "refusal"),
    [
        # Nothing is in the other Regions, and the events of the home Region need no sending within one account.
        ("us-east-2", {"HomeRegion": "eu-west-1"}, "Events appear in the home Region"),
        ("us-east-2", {"HomeRegion": "eu-west-1", "DelegatedAdministratorId": DELEGATED}, "Events appear in the home"),
        ("us-east-1", {"HomeRegion": "us-east-1"}, "already here"),
        ("us-gov-west-1", {"HomeRegion": "us-gov-west-1"}, "already here"),
        ("eu-west-1", {"HomeRegion": "eu-west-1"}, "already here"),
        ("eu-west-1", {"HomeRegion": "eu-west-1", "DelegatedAdministratorId": ACCOUNT}, "is this account"),
    ],
)
def test_the_second_stack_is_refused_where_it_could_do_nothing_or_would_go_in_circles(region, parameters, refusal):
    stack = Deployed(parameters, MOVE_ACCOUNT, region)
    assert [text for text in stack.refusals if refusal in text]


@pytest.mark.parametrize("region", sorted({*REGIONS} - {"eu-west-1", "ap-southeast-4", "mx-central-1"}))
def test_the_second_stack_is_taken_where_organizations_is_in_every_partition(region):
    home = {"us-east-1": "eu-west-1", "eusc-de-east-1": "eusc-de-east-2"}.get(region, region.replace("-1", "-2"))
    assert Deployed({"HomeRegion": home}, MOVE_ACCOUNT, region, REGIONS[region]).refusals == []
    partitions = json.loads((Path(botocore.__file__).parent / "data/partitions.json").read_text())["partitions"]
    assert region in [partition["outputs"]["implicitGlobalRegion"] for partition in partitions]


def test_the_second_stack_never_sends_an_event_to_the_bus_it_comes_from():
    """Not even if the rules of the template are not looked at."""
    for region in ("us-east-1", "us-gov-west-1", "eu-west-1"):
        assert not Deployed({"HomeRegion": region}, MOVE_ACCOUNT, region).of_type("AWS::Events::Rule")
