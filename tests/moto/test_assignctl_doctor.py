"""`assignctl doctor` with the organization, a stack, its functions and its queues in moto."""

import hashlib
import io
import json
import re
import urllib.request
import zipfile

import pytest
from deployed import TEMPLATE as DEPLOYED

STACK = "account-assigner"
REGION = "eu-west-1"
ROWS = [
    {"id": "students", "permissionSet": "PowerUserAccess", "group": "students"},
    {"id": "auditors", "permissionSet": "ReadOnlyAccess", "group": "auditors"},
    {"id": "teacher", "permissionSet": "ReadOnlyAccess", "user": "teacher@example.com"},
]
DEFAULTS = {name: str(parameter.get("Default")) for name, parameter in DEPLOYED["Parameters"].items()}
FUNCTIONS = {
    f"{STACK}-assigner": {
        "MAX_OUTSTANDING": DEFAULTS["MaxOutstanding"],
        "MAX_REQUESTS_PER_SECOND": DEFAULTS["MaxRequestsPerSecond"],
    },
    f"{STACK}-backfill": {
        "MAX_OUTSTANDING": DEFAULTS["BackfillMaxOutstanding"],
        "MAX_REQUESTS_PER_SECOND": DEFAULTS["BackfillMaxRequestsPerSecond"],
        "YIELD": "true",
    },
}
DEFINITION = json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
TEMPLATE = {
    "Resources": {
        "Undelivered": {"Type": "AWS::SQS::Queue"},
        "Failed": {"Type": "AWS::SQS::Queue"},
        "VendingRule": {
            "Type": "AWS::Events::Rule",
            "Properties": {"Name": "vending", "State": "ENABLED", "EventPattern": {"source": ["aws.controltower"]}},
        },
        "ScheduleRule": {
            "Type": "AWS::Events::Rule",
            "Properties": {"Name": "schedule", "State": "ENABLED", "ScheduleExpression": "rate(1 day)"},
        },
        "Backfill": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "StateMachineName": "backfill",
                "DefinitionString": DEFINITION,
                "RoleArn": "arn:aws:iam::123456789012:role/backfill",
            },
        },
    },
    "Outputs": {
        "FunctionName": {"Value": f"{STACK}-assigner"},
        "BackfillFunctionName": {"Value": f"{STACK}-backfill"},
        "UndeliveredEventsQueueUrl": {"Value": {"Ref": "Undelivered"}},
        "FailedInvocationsQueueUrl": {"Value": {"Ref": "Failed"}},
    },
}

KEEPER = f"{STACK}-controls"


def with_controls():
    """The stack with Controls=enabled."""
    rules = {
        name: {
            "Type": "AWS::Events::Rule",
            "Properties": {"Name": name, "State": "ENABLED", "EventPattern": {"source": ["aws.controltower"]}},
        }
        for name in ["ControlsRule", "DisableControlRule", "DriftRule"]
    }
    machine = TEMPLATE["Resources"]["Backfill"]
    machine = {**machine, "Properties": {**machine["Properties"], "StateMachineName": "controls"}}
    clock = {"Name": "controls-schedule", "State": "ENABLED", "ScheduleExpression": "rate(1 day)"}
    schedule = {"Type": "AWS::Events::Rule", "Properties": clock}
    resources = {**TEMPLATE["Resources"], **rules, "ControlsScheduleRule": schedule, "KeepControls": machine}
    outputs = {**TEMPLATE["Outputs"], "ControlKeeperFunctionName": {"Value": KEEPER}}
    return {"Resources": resources, "Outputs": outputs}


# moto does not know these, so the answer is unknown.
NOT_IN_MOTO = {"action/sso:ListAccountAssignmentCreationStatus", "keys"}
# moto makes no alarms from a template, and its state machine has not run yet.
DOUBTFUL = {"alarms": "warning", "executions": "warning"}
# No execution has reported which table is compiled in.
NOT_REPORTED = {"function-settings", "backfill-function-settings"}
# moto's identity is a user of STS, which has no policies.
SIMULATED = {"action/sso:CreateAccountAssignment", "action/sso:DescribeAccountAssignmentCreationStatus"}
# No write is ever called to see whether it is allowed.
READS = re.compile(r"\.(List|Describe|Get|Scan|Simulate)")


@pytest.fixture
def stack(aws):
    """Deploys the stack: `stack(**settings)` sets these in both functions."""

    def deploy(reserved=1, timeout=300, controls=None, **settings):
        role = aws.client("iam").create_role(RoleName="assigner", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("bootstrap", "")
        functions = aws.client("lambda")
        keeper = {} if controls is None else {KEEPER: controls}
        for name, environment in (FUNCTIONS | keeper).items():
            functions.create_function(
                FunctionName=name,
                Role=role,
                Runtime="provided.al2023",
                Handler="bootstrap",
                Code={"ZipFile": code.getvalue()},
                Timeout=timeout,
                Environment={
                    "Variables": {"MANAGEMENT_ACCOUNT_ID": aws.management, "DRY_RUN": "false", **environment, **settings}
                },
            )
            if reserved is not None:
                functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
        cloudformation = aws.client("cloudformation")
        template = TEMPLATE if controls is None else with_controls()
        cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(template))
        outputs = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
        aws.calls.clear()
        return {output["OutputKey"]: output["OutputValue"] for output in outputs}

    return deploy


@pytest.fixture
def doctor(assignctl):
    """`doctor()` runs it with `--json`: the exit status, and the checks by their ids."""

    def run(*arguments, rows=ROWS, **environment):
        (assignctl.directory / "assignments.json").write_text(json.dumps({"assignments": rows}))
        code, document = assignctl.document("doctor", *arguments, **environment)
        checks = {check["id"]: check for check in document["checks"]}
        assert len(checks) == len(document["checks"])
        for check in checks.values():
            assert (check["remedy"] is None) == (check["status"] == "ok"), check
        statuses = [check["status"] for check in checks.values()]
        assert document["counts"] == {s: statuses.count(s) for s in ["ok", "warning", "failed", "unknown"]}
        bad = {"failed"} if "--allow-unknown" in arguments else {"failed", "unknown"}
        assert code == (1 if bad & set(statuses) else 0)
        return checks

    return run


def others_than_ok(checks):
    return {id: check["status"] for id, check in checks.items() if check["status"] != "ok"}


def test_all_is_well_except_what_moto_does_not_know(aws, assignctl, stack, doctor):
    stack()
    checks = doctor()
    assert others_than_ok(checks) == {id: "unknown" for id in NOT_IN_MOTO | SIMULATED | NOT_REPORTED} | DOUBTFUL
    assert checks["administrator"]["detail"] == f"{aws.management} is the management account"
    assert aws.instance in checks["instance"]["detail"]
    assert [call for call in aws.calls if not READS.search(call)] == []
    assert aws.assignments().total() == 0
    assert assignctl("doctor").returncode == 1, "what is not known is not good"
    done = assignctl("doctor", "--allow-unknown")
    assert done.returncode == 0
    text = done.stdout.splitlines()
    assert f"  ok       organization: its management account is {aws.management}" in text
    assert text[-1].endswith("6 unknown")
    assert [line for line in text if not line.startswith(" ") and line] == [
        "Identity",
        "Table",
        "Actions",
        "Deployment",
        "Controls",
        "Permission sets",
        text[-1],
    ]
    assert "  ok       controls of OUs: not in this stack: its parameter Controls is disabled" in text


def test_without_credentials_everything_that_needs_them_is_unknown_and_the_table_is_still_judged(doctor):
    nothing = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}
    checks = doctor(rows=[{"id": "A"}], **nothing)
    failed = {id for id, status in others_than_ok(checks).items() if status == "failed"}
    assert failed == {"credentials", "table"}
    assert "(A), id" in checks["table"]["detail"]
    assert "aws sso login" in checks["credentials"]["remedy"]
    for id in ["instance", "names", "action/sso:ListInstances", "stack", "failed-invocations"]:
        assert checks[id]["status"] == "unknown"
        assert "credentials" in checks[id]["detail"]
    assert {id for id, check in checks.items() if check["status"] == "ok"} == {"settings", "region"}


def test_the_same_checks_are_reported_with_and_without_credentials(stack, doctor):
    stack()
    nothing = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}
    assert set(doctor()) == set(doctor(**nothing))


def test_a_missing_region_is_reported(doctor):
    checks = doctor(AWS_REGION="")
    assert checks["region"]["status"] == "failed"
    assert "AWS_REGION" in checks["region"]["remedy"]
    assert checks["instance"]["status"] == "unknown"


def test_bad_settings_here_are_named(doctor):
    checks = doctor(MAX_OUTSTANDING="16", IDENTITY_CENTER_REGION="Ireland")
    assert checks["settings"]["status"] == "failed"
    for name in ["MAX_OUTSTANDING", "IDENTITY_CENTER_REGION"]:
        assert name in checks["settings"]["detail"]
    checks = doctor(MANAGEMENT_ACCOUNT_ID="111122223333")
    assert checks["organization"]["status"] == "failed"
    assert "MANAGEMENT_ACCOUNT_ID" in checks["organization"]["remedy"]


def test_an_instance_that_is_not_there_fails_and_hints_at_the_region(doctor):
    other = "arn:aws:sso:::instance/ssoins-0000000000000000"
    checks = doctor(IDENTITY_CENTER_INSTANCE_ARN=other)
    assert checks["instance"]["status"] == "failed"
    assert "IDENTITY_CENTER_REGION" in checks["instance"]["remedy"]
    assert checks["action/sso:ListInstances"]["status"] == "ok"
    assert checks["names"]["status"] == checks["action/sso:ListPermissionSets"]["status"] == "unknown"
    assert (checks["keys"]["status"], "the instance of Identity Center" in checks["keys"]["detail"]) == ("unknown", True)


def test_names_that_mean_nothing_are_reported_with_their_rows(doctor):
    ghost = "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-ef450dbf3b354e78"
    rows = [
        *ROWS,
        {"id": "no-set", "permissionSet": "Nothing", "group": "auditors"},
        {"id": "no-group", "permissionSet": "ReadOnlyAccess", "group": "nobody"},
        {"id": "no-user", "permissionSet": "ReadOnlyAccess", "user": "nobody@example.com"},
        {"id": "no-arn", "permissionSet": ghost, "group": "auditors"},
    ]
    detail = doctor(rows=rows)["names"]
    assert detail["status"] == "failed"
    assert detail["detail"].splitlines() == [
        'row no-set: no permission set is named "Nothing"',
        'row no-group: no group is named "nobody"',
        'row no-user: no user is named "nobody@example.com"',
        f"row no-arn: no permission set has the ARN {ghost}",
    ]


def test_a_stack_that_does_not_exist_fails_and_the_rest_of_the_deployment_is_unknown(doctor):
    checks = doctor("--stack", "another", "--allow-unknown")
    assert checks["stack"]["title"] == "stack another"
    assert checks["stack"]["status"] == "failed"
    assert "--stack" in checks["stack"]["remedy"]
    for id in ["function", "function-settings", "backfill-function", "limits", "undelivered-events", "keys", *RESOURCES]:
        assert checks[id]["status"] == "unknown"


RESOURCES = ["rules", "schedule", "pipe", "executions", "alarms"]


@pytest.fixture
def resources(aws, stack, before_moto):
    """A stack with a resource of each kind; `resources(*kinds)` is the URL at which it lists those of these kinds."""
    stack()
    role = f"arn:aws:iam::{aws.management}:role/any"
    queue = f"arn:aws:sqs:{REGION}:{aws.management}:any"
    aws.client("pipes").create_pipe(Name="table-changes", Source=queue, Target=queue, RoleArn=role)
    aws.client("cloudwatch").put_metric_alarm(
        AlarmName="errors",
        Namespace="AWS/Lambda",
        MetricName="Errors",
        ComparisonOperator="GreaterThanThreshold",
        EvaluationPeriods=1,
        Period=60,
        Statistic="Sum",
        Threshold=0,
    )
    machine = aws.client("stepfunctions").list_state_machines()["stateMachines"][0]["stateMachineArn"]
    physical = {
        "AWS::Events::Rule": ["vending", "schedule"],
        "AWS::Pipes::Pipe": ["table-changes"],
        "AWS::StepFunctions::StateMachine": [machine],
        "AWS::CloudWatch::Alarm": ["errors"],
    }

    def listing(*kinds):
        members = "".join(
            f"<member><ResourceType>{kind}</ResourceType><LogicalResourceId>{name.rpartition(':')[2]}</LogicalResourceId>"
            f"<PhysicalResourceId>{name}</PhysicalResourceId><ResourceStatus>CREATE_COMPLETE</ResourceStatus>"
            f"<LastUpdatedTimestamp>2026-01-01T00:00:00Z</LastUpdatedTimestamp></member>"
            for kind, names in physical.items()
            for name in names
            if not kinds or kind in kinds
        )
        answer = (
            "<ListStackResourcesResponse xmlns='http://cloudformation.amazonaws.com/doc/2010-05-15/'>"
            f"<ListStackResourcesResult><StackResourceSummaries>{members}</StackResourceSummaries>"
            "</ListStackResourcesResult></ListStackResourcesResponse>"
        ).encode()
        return before_moto(lambda operation: (200, answer) if operation == "ListStackResources" else None)

    return listing


def test_what_starts_the_functions_is_looked_at(aws, doctor, resources):
    machines = aws.client("stepfunctions")
    machine = machines.list_state_machines()["stateMachines"][0]["stateMachineArn"]
    url = resources()
    checks = doctor(AWS_ENDPOINT_URL=url)
    assert {id: checks[id]["status"] for id in RESOURCES} == {
        "rules": "ok",
        "schedule": "ok",
        "pipe": "ok",
        "executions": "warning",
        "alarms": "ok",
    }
    assert checks["schedule"]["detail"].startswith("rate(1 day): ")
    assert "start-execution" in checks["executions"]["remedy"]

    events = aws.client("events")
    events.disable_rule(Name="vending")
    aws.client("pipes").stop_pipe(Name="table-changes")
    execution = machines.start_execution(stateMachineArn=machine)["executionArn"]
    machines.stop_execution(executionArn=execution)
    aws.client("cloudwatch").set_alarm_state(AlarmName="errors", StateValue="ALARM", StateReason="3 errors")
    checks = doctor(AWS_ENDPOINT_URL=url)
    expected = {"rules": "vending is disabled", "executions": "ABORTED", "alarms": "errors is in ALARM: 3 errors"}
    for id, text in expected.items():
        assert (checks[id]["status"], text in checks[id]["detail"]) == ("failed", True), checks[id]
    assert "enable-rule --name vending" in checks["rules"]["remedy"]
    assert execution in checks["executions"]["remedy"]
    assert checks["pipe"]["status"] == "failed" and "start-pipe --name table-changes" in checks["pipe"]["remedy"]
    assert checks["schedule"]["status"] == "ok"
    events.disable_rule(Name="schedule")
    assert doctor(AWS_ENDPOINT_URL=url)["schedule"]["status"] == "failed"


def test_what_the_stack_has_and_aws_has_not_fails(aws, doctor, resources):
    url = resources()
    aws.client("events").delete_rule(Name="vending")
    aws.client("pipes").delete_pipe(Name="table-changes")
    aws.client("cloudwatch").delete_alarms(AlarmNames=["errors"])
    checks = doctor(AWS_ENDPOINT_URL=url)
    for id in ["rules", "pipe", "alarms"]:
        assert (checks[id]["status"], "deploy the stack again" in checks[id]["remedy"]) == ("failed", True), checks[id]


def test_a_stack_without_rules_or_a_state_machine_does_nothing(doctor, resources):
    checks = doctor(AWS_ENDPOINT_URL=resources("AWS::Pipes::Pipe"))
    assert {id: checks[id]["status"] for id in RESOURCES} == {
        "rules": "failed",
        "schedule": "warning",
        "pipe": "ok",
        "executions": "failed",
        "alarms": "warning",
    }


@pytest.mark.parametrize(
    ("denied", "ids"),
    [
        ("ListStackResources", RESOURCES),
        ("DescribeRule", ["rules", "schedule"]),
        ("ListExecutions", ["executions"]),
        ("DescribeAlarms", ["alarms"]),
    ],
)
def test_what_may_not_be_looked_at_is_unknown(aws, doctor, resources, before_moto, denied, ids):
    behind = resources()

    def answer(operation):
        if operation == denied:
            return error("AccessDenied" if denied == "DescribeAlarms" else "AccessDeniedException")
        if operation == "ListStackResources":
            body = f"Action={operation}&Version=2010-05-15&StackName={STACK}".encode()
            with urllib.request.urlopen(urllib.request.Request(behind, body)) as got:
                return 200, got.read()
        return None

    checks = doctor(AWS_ENDPOINT_URL=before_moto(answer))
    for id in ids:
        assert checks[id]["status"] == "unknown", checks[id]


@pytest.mark.parametrize(
    ("deployment", "id", "status", "text"),
    [
        ({"DRY_RUN": "true"}, "function-settings", "warning", "DRY_RUN"),
        ({"DRY_RUN": "perhaps"}, "backfill-function-settings", "failed", "DRY_RUN must be true or false"),
        ({"IDENTITY_CENTER_REGION": "us-east-1"}, "function-settings", "failed", "us-east-1"),
        ({"MANAGEMENT_ACCOUNT_ID": "111122223333"}, "function-settings", "failed", "111122223333"),
        ({"ASSIGNMENTS_TABLE": "rules"}, "function-settings", "unknown", "it reads the DynamoDB table rules"),
        ({}, "function-settings", "unknown", "it has never run"),
        ({"MAX_REQUESTS_PER_SECOND": "25"}, "limits", "warning", "more than Identity Center's quotas"),
        ({"YIELD": "false"}, "limits", "warning", "no function yields"),
        ({"reserved": 0}, "function", "failed", "may not run"),
        ({"timeout": 3}, "function", "warning", "timeout"),
    ],
)
def test_what_is_wrong_with_the_functions_is_reported(stack, doctor, deployment, id, status, text):
    stack(**deployment)
    check = doctor()[id]
    assert (check["status"], text in check["detail"]) == (status, True), check


def test_a_function_that_was_deleted_fails_and_the_other_is_still_judged(aws, stack, doctor):
    stack()
    aws.client("lambda").delete_function(FunctionName=f"{STACK}-backfill")
    checks = doctor()
    assert checks["backfill-function"]["status"] == "failed"
    assert checks["backfill-function-settings"]["status"] == checks["limits"]["status"] == "unknown"
    assert checks["function"]["status"] == "ok"
    assert checks["function-settings"]["status"] == "unknown", "which table is compiled in was not reported"
    assert (checks["keys"]["status"], "of the backfill" in checks["keys"]["detail"]) == ("unknown", True), "nor its table"


@pytest.mark.parametrize(
    ("output", "id", "redrive"),
    [
        ("UndeliveredEventsQueueUrl", "undelivered-events", "its body"),
        ("FailedInvocationsQueueUrl", "failed-invocations", "requestPayload"),
    ],
)
def test_a_queue_that_is_not_empty_fails_and_says_how_to_look_and_to_redrive(
    aws, assignctl, stack, doctor, output, id, redrive
):
    url = stack()[output]
    queue = aws.client("sqs")
    queue.send_message(QueueUrl=url, MessageBody="{}")
    queue.send_message(QueueUrl=url, MessageBody="{}")
    # What somebody is looking at is there nevertheless.
    queue.receive_message(QueueUrl=url, MaxNumberOfMessages=1)
    checks = doctor()
    assert (checks[id]["status"], checks[id]["detail"]) == ("failed", "2 messages")
    for text in ["receive-message", url, redrive, "purge-queue"]:
        assert text in checks[id]["remedy"]
    assert {id for id, status in others_than_ok(checks).items() if status == "failed"} == {id}


def test_a_dynamodb_table_is_read_and_compared_with_that_of_the_functions(aws, assignctl, stack, doctor):
    checks = doctor("--table", "dynamodb:rules")
    assert checks["table"]["status"] == checks["action/dynamodb:Scan"]["status"] == "failed"
    client = aws.client("dynamodb")
    client.create_table(
        TableName="rules",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    client.put_item(TableName="rules", Item={"id": {"S": "a"}})
    stack(ASSIGNMENTS_TABLE="rules")
    checks = doctor("--table", "dynamodb:rules")
    assert checks["table"]["status"] == "failed"
    assert checks["action/dynamodb:Scan"]["status"] == "ok"
    assert checks["names"]["status"] == "unknown"
    assert checks["function-settings"]["status"] == "ok"


def digest(rows):
    lines = [json.dumps(row, sort_keys=True, separators=(",", ":")) + "\n" for row in rows]
    return hashlib.sha256("".join(sorted(lines, key=lambda line: json.loads(line)["id"])).encode()).hexdigest()


def test_a_function_that_reads_other_rows_fails_and_one_that_reads_the_same_rows_elsewhere_does_not(
    aws, stack, doctor
):
    table = aws.client("dynamodb")
    table.create_table(
        TableName="rules",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    for row in ROWS:
        table.put_item(TableName="rules", Item={name: {"S": value} for name, value in row.items()})
    stack(ASSIGNMENTS_TABLE="rules")
    check = doctor()["function-settings"]
    assert check["status"] == "ok"
    assert check["detail"].endswith(f"which has the rows of assignments.json (digest {digest(ROWS)[:12]})")
    check = doctor(rows=ROWS[:2])["function-settings"]
    assert check["status"] == "failed"
    for text in [digest(ROWS)[:12], digest(ROWS[:2])[:12], "the rows are not the same"]:
        assert text in check["detail"]


def test_what_the_last_execution_reports_is_the_table_that_is_compiled_in(stack, doctor, before_moto):
    stack()
    reported = []

    def answer(operation):
        times = {"startDate": 1.0, "stopDate": 2.0}
        arns = {"executionArn": "arn:e", "stateMachineArn": "arn:m", "name": "e", "status": "SUCCEEDED", **times}
        if operation == "ListExecutions":
            return 200, json.dumps({"executions": [arns]}).encode()
        if operation == "DescribeExecution":
            return 200, json.dumps({**arns, "output": json.dumps({"table": reported[-1]})}).encode()
        return None

    url = before_moto(answer)
    for rows, status in [(ROWS, "ok"), (ROWS[:1], "failed")]:
        reported.append(digest(rows))
        checks = doctor(AWS_ENDPOINT_URL=url)
        assert checks["executions"]["status"] == "ok"
        for id in NOT_REPORTED:
            assert checks[id]["status"] == status, checks[id]


def test_an_execution_that_may_not_be_described_does_not_count_as_one_that_reported_nothing(stack, doctor, before_moto):
    stack()

    def answer(operation):
        times = {"startDate": 1.0, "stopDate": 2.0}
        arns = {"executionArn": "arn:e", "stateMachineArn": "arn:m", "name": "e", "status": "FAILED", **times}
        if operation == "ListExecutions":
            return 200, json.dumps({"executions": [arns]}).encode()
        return error("AccessDeniedException") if operation == "DescribeExecution" else None

    checks = doctor(AWS_ENDPOINT_URL=before_moto(answer))
    for id in ["executions", *NOT_REPORTED]:
        assert "states:DescribeExecution" in checks[id]["detail"], checks[id]
    assert "why is not known" in checks["executions"]["detail"]


def error(code):
    return 400, json.dumps({"__type": code, "message": "not you"}).encode()


def caller(account, arn):
    return 200, (
        f"<GetCallerIdentityResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><GetCallerIdentityResult>"
        f"<Arn>{arn}</Arn><UserId>A</UserId><Account>{account}</Account></GetCallerIdentityResult>"
        f"</GetCallerIdentityResponse>"
    ).encode()


def decision(decision):
    result = (
        f"<member><EvalActionName>a</EvalActionName><EvalResourceName>r</EvalResourceName>"
        f"<EvalDecision>{decision}</EvalDecision></member>"
    )
    return 200, (
        f"<SimulatePrincipalPolicyResponse xmlns='https://iam.amazonaws.com/doc/2010-05-08/'>"
        f"<SimulatePrincipalPolicyResult><EvaluationResults>{result}</EvaluationResults>"
        f"</SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"
    ).encode()


@pytest.mark.parametrize(
    ("denied", "id", "status"),
    [
        ("ListPermissionSets", "action/sso:ListPermissionSets", "failed"),
        ("GetGroupId", "action/identitystore:GetGroupId", "failed"),
        ("ListAccounts", "action/organizations:ListAccounts", "failed"),
        ("ListGroups", "action/identitystore:ListGroups", "warning"),
        ("ListAccountAssignmentsForPrincipal", "action/sso:ListAccountAssignmentsForPrincipal", "warning"),
    ],
)
def test_an_action_that_is_denied_is_reported_with_what_to_allow(doctor, before_moto, denied, id, status):
    url = before_moto(lambda operation: error("AccessDeniedException") if operation == denied else None)
    checks = doctor(AWS_ENDPOINT_URL=url)
    assert checks[id]["status"] == status
    assert id.removeprefix("action/") in checks[id]["remedy"]
    assert checks["credentials"]["status"] == "ok"


def test_what_cannot_be_asked_because_another_call_is_denied_is_unknown(doctor, before_moto):
    url = before_moto(lambda operation: error("AccessDeniedException") if operation == "ListAccounts" else None)
    checks = doctor(AWS_ENDPOINT_URL=url)
    for name in ["sso:ListAccountAssignments", "organizations:DescribeAccount", "sso:CreateAccountAssignment"]:
        assert checks[f"action/{name}"]["status"] == "unknown"


def test_an_account_that_administers_nothing_fails_and_one_that_is_delegated_does_not(aws, doctor, before_moto):
    account, arn = aws.accounts["payments"], "arn:aws:sts::111122223333:assumed-role/Admin/me"
    delegated = []

    def answer(operation):
        if operation == "GetCallerIdentity":
            return caller(account, arn)
        # moto knows no administrators of Identity Center.
        if operation == "ListDelegatedAdministrators":
            return 200, json.dumps({"DelegatedAdministrators": [{"Id": id} for id in delegated]}).encode()
        return None

    url = before_moto(answer)
    checks = doctor(AWS_ENDPOINT_URL=url)
    assert checks["administrator"]["status"] == "failed"
    assert f"register-delegated-administrator --account-id {account}" in checks["administrator"]["remedy"]
    assert checks["action/sso:ListAccountAssignmentsForPrincipal"]["status"] == "ok"
    delegated.append(account)
    checks = doctor(AWS_ENDPOINT_URL=url)
    assert checks["administrator"]["status"] == "ok"
    assert checks["administrator"]["detail"] == f"{account} is a delegated administrator"


def test_a_permission_set_of_the_management_account_is_out_of_a_delegated_administrators_reach(
    aws, doctor, before_moto
):
    account = aws.accounts["payments"]
    callers = [caller(account, f"arn:aws:iam::{account}:user/me")]

    def answer(operation):
        if operation == "GetCallerIdentity" and callers:
            return callers[0]
        if operation == "ListDelegatedAdministrators":
            return 200, json.dumps({"DelegatedAdministrators": [{"Id": account}]}).encode()
        # moto lists what was provisioned by hand only.
        if operation == "ListPermissionSetsProvisionedToAccount":
            return 200, json.dumps({"PermissionSets": [aws.permission_sets["ReadOnlyAccess"]]}).encode()
        return None

    url = before_moto(answer)
    pinned = doctor(AWS_ENDPOINT_URL=url)["pinned"]
    assert pinned["status"] == "failed"
    assert "rows auditors, teacher" in pinned["detail"]
    callers.clear()
    pinned = doctor(AWS_ENDPOINT_URL=url)["pinned"]
    assert pinned["status"] == "ok"
    assert "this account may assign them" in pinned["detail"]


def test_a_member_account_that_may_not_ask_is_unknown(aws, doctor, before_moto):
    account = aws.accounts["payments"]

    def answer(operation):
        if operation == "GetCallerIdentity":
            return caller(account, f"arn:aws:iam::{account}:user/me")
        return error("AccessDeniedException") if "Delegated" in operation else None

    check = doctor(AWS_ENDPOINT_URL=before_moto(answer))["administrator"]
    assert check["status"] == "unknown"
    assert aws.management in check["remedy"]


@pytest.mark.parametrize(("decided", "status"), [("allowed", "ok"), ("implicitDeny", "failed")])
def test_the_write_is_simulated_and_never_called(aws, doctor, before_moto, decided, status):
    asked = []

    def answer(operation):
        asked.append(operation)
        if operation == "GetCallerIdentity":
            return caller(aws.management, f"arn:aws:iam::{aws.management}:user/me")
        return decision(decided) if operation == "SimulatePrincipalPolicy" else None

    checks = doctor(AWS_ENDPOINT_URL=before_moto(answer))
    for id in SIMULATED:
        assert checks[id]["status"] == status
    assert not [operation for operation in asked if operation.startswith("Create")]


def test_another_role_is_simulated_for_every_action_of_the_function(aws, doctor, before_moto):
    role = f"arn:aws:iam::{aws.management}:role/assigner"
    url = before_moto(lambda operation: decision("allowed") if operation == "SimulatePrincipalPolicy" else None)
    checks = doctor("--role", role, AWS_ENDPOINT_URL=url)
    of_role = {id: check for id, check in checks.items() if id.startswith("role/")}
    assert {check["status"] for check in of_role.values()} == {"ok"}
    for name in ["sso:CreateAccountAssignment", "organizations:DescribeOrganizationalUnit", "identitystore:GetUserId"]:
        assert role in of_role[f"role/{name}"]["title"]
    assert not SIMULATED & set(checks)


def test_a_service_that_does_not_answer_is_unknown_and_the_others_are_still_asked(stack, doctor, before_moto):
    stack()
    broken = (500, b"{}")
    url = before_moto(lambda operation: broken if operation in ("DescribeStacks", "ListInstances") else None)
    checks = doctor(AWS_ENDPOINT_URL=url)
    assert checks["instance"]["status"] == checks["stack"]["status"] == "unknown"
    assert checks["action/organizations:ListAccounts"]["status"] == "ok"
