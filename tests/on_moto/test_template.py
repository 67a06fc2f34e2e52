"""What the template must keep true and no linter knows: who may do what, and where nothing is lost."""

import json
import re

import pytest
import yaml
from conftest import REPOSITORY

ACCOUNT, MANAGEMENT = "123456789012", "210987654321"
DEPLOYMENTS = {
    "with no parameter given": {},
    "with every place given": {
        "IdentityCenterInstanceArn": "arn:aws:sso:::instance/ssoins-7223f7eef79824e1",
        "IdentityCenterRegion": "eu-central-1",
        "IdentityStoreId": "d-9067230f1a",
        "ManagementAccountId": MANAGEMENT,
        "OrganizationId": "o-a1b2c3d4e5",
    },
}

# The types of resource that IAM knows for each action that finds or makes assignments. Everything
# else that the function may do is in OWN.
RESOURCE_TYPES = {
    "sso:CreateAccountAssignment": {"instance", "permissionSet", "account"},
    "sso:ListAccountAssignments": {"instance", "permissionSet", "account"},
    "sso:DescribeAccountAssignmentCreationStatus": {"instance"},
    "sso:ListAccountAssignmentCreationStatus": {"instance"},
    "sso:ListPermissionSets": {"instance"},
    "sso:DescribePermissionSet": {"instance", "permissionSet"},
    "sso:ListPermissionSetsProvisionedToAccount": {"instance", "account"},
    "sso:ListInstances": {"*"},
    "organizations:DescribeAccount": {"account"},
    "organizations:ListTagsForResource": {"account"},
    "organizations:ListParents": {"account", "ou"},
    "organizations:DescribeOrganizationalUnit": {"ou"},
    "identitystore:GetGroupId": {"identitystore", "group"},
    "identitystore:GetUserId": {"identitystore", "user"},
}
OWN = {"logs:CreateLogStream", "logs:PutLogEvents", "sqs:SendMessage", "events:PutEvents"}


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: `!Ref X` is {"Ref": "X"}, `!Sub X` is {"Fn::Sub": "X"}."""


def short_form(loader, tag, node):
    construct = {
        yaml.ScalarNode: loader.construct_scalar,
        yaml.SequenceNode: lambda node: loader.construct_sequence(node, deep=True),
        yaml.MappingNode: lambda node: loader.construct_mapping(node, deep=True),
    }
    value = construct[type(node)](node)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


Loader.add_multi_constructor("!", short_form)

TEMPLATE = yaml.load((REPOSITORY / "template.yaml").read_text(), Loader)
NO_VALUE = object()


class Deployed:
    """The template as CloudFormation would read it, with these parameters."""

    def __init__(self, parameters):
        defaults = {name: parameter["Default"] for name, parameter in TEMPLATE["Parameters"].items()}
        self.names = {
            **{name: str(value) for name, value in (defaults | parameters).items()},
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
            "AWS::Region": "eu-west-1",
            "AWS::StackName": "account-assigner",
            "AWS::NoValue": NO_VALUE,
        }
        self.resources = {
            name: self.value(resource)
            for name, resource in TEMPLATE["Resources"].items()
            if "Condition" not in resource or self.holds(resource["Condition"])
        }

    def value(self, node):
        if isinstance(node, list):
            return [value for item in node if (value := self.value(item)) is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        match list(node.items()):
            case [("Ref", name)]:
                return self.names.get(name, name)
            case [("Fn::GetAtt", name)]:
                return name if isinstance(name, str) else ".".join(name)
            case [("Fn::If", [condition, yes, no])]:
                return self.value(yes if self.holds(condition) else no)
            case [("Fn::Select", [index, items])]:
                return self.value(items)[index]
            case [("Fn::Split", [separator, text])]:
                return self.value(text).split(separator)
            case [("Fn::Sub", [text, names])]:
                return self.substitute(text, {name: self.value(value) for name, value in names.items()})
            case [("Fn::Sub", text)]:
                return self.substitute(text, {})
            case [(function, _)] if function.startswith("Fn::"):
                raise NotImplementedError(f"{function}: teach it to {__name__}")
        return {key: value for key, item in node.items() if (value := self.value(item)) is not NO_VALUE}

    def substitute(self, text, names):
        names = self.names | names
        return re.sub(r"\$\{([^!}]+)\}", lambda found: names.get(found[1], found[1]), text)

    def holds(self, condition):
        match condition:
            case str(name):
                return self.holds(TEMPLATE["Conditions"][name])
            case {"Fn::Not": [inner]}:
                return not self.holds(inner)
            case {"Fn::Equals": [one, other]}:
                return str(self.value(one)) == str(self.value(other))
        raise NotImplementedError(f"{condition}: teach it to {__name__}")

    def of_type(self, type):
        return {name: resource for name, resource in self.resources.items() if resource["Type"] == type}

    def properties(self, name):
        return self.resources[name]["Properties"]

    def statements(self, effect, role=None):
        """Every statement of every role, or of one."""
        return [
            {**statement, "Action": listed(statement["Action"]), "Resource": listed(statement["Resource"])}
            for name in ([role] if role else self.of_type("AWS::IAM::Role"))
            for policy in self.properties(name).get("Policies", [])
            for statement in policy["PolicyDocument"]["Statement"]
            if statement["Effect"] == effect
        ]


def listed(value):
    return value if isinstance(value, list) else [value]


def resource_type(arn):
    """arn:aws:sso:::account/* -> account"""
    return arn if arn == "*" else arn.split(":")[5].split("/")[0]


@pytest.fixture(params=DEPLOYMENTS, ids=lambda name: name.replace(" ", "-"))
def parameters(request):
    return DEPLOYMENTS[request.param]


@pytest.fixture
def deployed(parameters):
    return Deployed(parameters)


def test_the_management_account_is_denied_whatever_is_allowed(deployed, parameters):
    management = parameters.get("ManagementAccountId", ACCOUNT)
    denied = deployed.statements("Deny", "AccountAssignerRole")

    assert [(statement["Action"], statement["Resource"]) for statement in denied] == [
        (["sso:*"], [f"arn:aws:sso:::account/{management}"])
    ]
    assert "Condition" not in denied[0]
    environment = deployed.properties("AccountAssigner")["Environment"]["Variables"]
    assert environment["MANAGEMENT_ACCOUNT_ID"] == management


def test_the_function_may_do_what_it_needs_and_nothing_else(deployed):
    role = deployed.properties("AccountAssignerRole")
    allowed = [
        action for statement in deployed.statements("Allow", "AccountAssignerRole") for action in statement["Action"]
    ]

    assert sorted(allowed) == sorted([*RESOURCE_TYPES, *OWN])
    assert "ManagedPolicyArns" not in role
    function = deployed.properties("AccountAssigner")
    assert function["Role"] == "AccountAssignerRole.Arn"
    assert "Policies" not in function


def test_every_action_is_allowed_on_its_own_types_of_resource(deployed):
    for statement in deployed.statements("Allow", "AccountAssignerRole"):
        for action in set(statement["Action"]) - OWN:
            assert {resource_type(arn) for arn in statement["Resource"]} == RESOURCE_TYPES[action], action
            service = action.split(":")[0]
            assert all(arn == "*" or arn.startswith(f"arn:aws:{service}:") for arn in statement["Resource"])


def test_no_role_is_allowed_an_action_on_every_resource_unless_iam_knows_no_other(deployed):
    for statement in deployed.statements("Allow"):
        assert not [action for action in statement["Action"] if "*" in action]
        assert "NotAction" not in statement and "NotResource" not in statement
        if "*" in statement["Resource"]:
            assert set(statement["Action"]) <= {"sso:ListInstances", "organizations:ListAccounts"}


def test_every_statement_has_a_name_of_its_own(deployed):
    names = [statement["Sid"] for effect in ("Allow", "Deny") for statement in deployed.statements(effect)]
    assert len(names) == len(set(names))


def test_what_is_given_as_a_parameter_bounds_what_the_function_may_reach():
    deployed = Deployed(DEPLOYMENTS["with every place given"])
    reached = {arn for statement in deployed.statements("Allow", "AccountAssignerRole") for arn in statement["Resource"]}

    assert {arn for arn in reached if arn.startswith("arn:aws:sso:")} == {
        "arn:aws:sso:::account/*",
        "arn:aws:sso:::instance/ssoins-7223f7eef79824e1",
        "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/*",
    }
    assert {arn for arn in reached if arn.startswith("arn:aws:organizations:")} == {
        f"arn:aws:organizations::{MANAGEMENT}:account/o-a1b2c3d4e5/*",
        f"arn:aws:organizations::{MANAGEMENT}:ou/o-a1b2c3d4e5/ou-*",
    }
    assert {arn for arn in reached if ":identitystore/" in arn} == {
        f"arn:aws:identitystore::{MANAGEMENT}:identitystore/d-9067230f1a"
    }


def test_without_parameters_the_function_reaches_the_organization_of_its_own_account():
    deployed = Deployed({})
    reached = {arn for statement in deployed.statements("Allow", "AccountAssignerRole") for arn in statement["Resource"]}

    assert {arn for arn in reached if arn.startswith("arn:aws:sso:")} == {
        "arn:aws:sso:::account/*",
        "arn:aws:sso:::instance/*",
        "arn:aws:sso:::permissionSet/*/*",
    }
    assert {arn for arn in reached if arn.startswith("arn:aws:organizations:")} == {
        f"arn:aws:organizations::{ACCOUNT}:account/o-*/*",
        f"arn:aws:organizations::{ACCOUNT}:ou/o-*/ou-*",
    }
    assert {arn for arn in reached if ":identitystore/" in arn} == {
        f"arn:aws:identitystore::{ACCOUNT}:identitystore/*"
    }


def test_a_setting_without_a_value_is_left_out(deployed, parameters):
    environment = deployed.properties("AccountAssigner")["Environment"]["Variables"]

    always = {"MANAGEMENT_ACCOUNT_ID", "MAX_OUTSTANDING", "MAX_REQUESTS_PER_SECOND", "DRY_RUN"}
    given = {"IDENTITY_CENTER_INSTANCE_ARN", "IDENTITY_CENTER_REGION"} if parameters else set()
    assert set(environment) == always | given
    assert "" not in environment.values()


def test_sam_local_is_given_only_variables_that_the_template_declares():
    """It drops every other without a word, and the function would then talk to AWS itself."""
    [(function, variables)] = json.loads((REPOSITORY / "events/env.json").read_text()).items()
    declared = TEMPLATE["Resources"][function]["Properties"]["Environment"]["Variables"]
    assert set(variables) <= set(declared)
    assert "AWS_ENDPOINT_URL" in variables


def test_every_queue_is_encrypted_and_keeps_its_messages_as_long_as_sqs_can(deployed):
    queues = deployed.of_type("AWS::SQS::Queue")
    assert set(queues) == {"UndeliveredEvents", "FailedInvocations"}
    for queue in queues.values():
        assert queue["Properties"]["SqsManagedSseEnabled"] is True
        assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 24 * 60 * 60


def test_every_queue_refuses_what_is_not_tls_and_only_the_rule_is_let_in(deployed):
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
            assert allow["Condition"] == {"ArnEquals": {"aws:SourceArn": "VendingRule.Arn"}}


def test_the_rule_lets_every_vending_through_in_any_state(deployed):
    rule = deployed.properties("VendingRule")
    assert rule["EventPattern"] == {
        "source": ["aws.controltower"],
        "detail-type": ["AWS Service Event via CloudTrail"],
        "detail": {"eventName": ["CreateManagedAccount", "UpdateManagedAccount"]},
    }
    assert rule.get("State", "ENABLED") == "ENABLED"


def test_the_sample_events_pass_the_rule_as_they_should(deployed):
    pattern = deployed.properties("VendingRule")["EventPattern"]

    def passes(name):
        event = json.loads((REPOSITORY / f"events/{name}.json").read_text())
        return (
            event["source"] in pattern["source"]
            and event["detail-type"] in pattern["detail-type"]
            and event["detail"]["eventName"] in pattern["detail"]["eventName"]
        )

    assert all(map(passes, ["create-succeeded", "create-failed", "update-succeeded", "update-failed"]))
    assert not any(map(passes, ["create-api-call", "register-ou", "update-landing-zone"]))


def test_an_event_that_cannot_be_delivered_is_retried_and_then_kept(deployed):
    [target] = deployed.properties("VendingRule")["Targets"]
    assert target["Arn"] == "AccountAssigner.Arn"
    assert target["DeadLetterConfig"] == {"Arn": "UndeliveredEvents.Arn"}
    assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
    assert target["RetryPolicy"]["MaximumEventAgeInSeconds"] >= 3600
    permission = deployed.properties("VendingRulePermission")
    assert (permission["Principal"], permission["SourceArn"]) == ("events.amazonaws.com", "VendingRule.Arn")


def test_a_failed_invocation_is_retried_and_then_kept_and_a_success_is_announced(deployed):
    asynchronous = deployed.properties("AccountAssigner")["EventInvokeConfig"]
    assert (asynchronous["MaximumRetryAttempts"], asynchronous["MaximumEventAgeInSeconds"]) == (2, 21600)
    destinations = asynchronous["DestinationConfig"]
    assert destinations["OnFailure"] == {"Type": "SQS", "Destination": "FailedInvocations.Arn"}
    assert destinations["OnSuccess"] == {
        "Type": "EventBridge",
        "Destination": f"arn:aws:events:eu-west-1:{ACCOUNT}:event-bus/default",
    }
    # SAM grants these only to a role that it makes itself.
    for destination, action in {"OnFailure": "sqs:SendMessage", "OnSuccess": "events:PutEvents"}.items():
        [statement] = [
            statement for statement in deployed.statements("Allow", "AccountAssignerRole") if action in statement["Action"]
        ]
        assert statement["Resource"] == [destinations[destination]["Destination"]]


def test_one_invocation_runs_at_a_time_unless_the_reservation_is_given_up():
    assert Deployed({}).properties("AccountAssigner")["ReservedConcurrentExecutions"] == "1"
    assert "ReservedConcurrentExecutions" not in Deployed({"ReservedConcurrency": 0}).properties("AccountAssigner")


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
            ["", "arn:aws:sso:::instance/ssoins-7223f7eef79824e1", "arn:aws-us-gov:sso:::instance/ins-7223f7eef79824e1"],
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
    ],
)
def test_a_parameter_takes_what_is_right_and_refuses_what_would_widen_a_permission(parameter, good, bad):
    pattern = re.compile(TEMPLATE["Parameters"][parameter]["AllowedPattern"])
    assert [text for text in good if not pattern.search(text)] == []
    assert [text for text in bad if pattern.search(text)] == []
    assert "must be" in TEMPLATE["Parameters"][parameter]["ConstraintDescription"]
