"""ministack, and what it lacks to run this project's stack as AWS would. All of that is here, and nowhere else.

It is run with the Python of .venv-stack; see `aws.py` for the settings it is given. Each part names what ministack
1.5.33 does without it. Nothing of the product is changed for ministack: the templates are deployed as they are.

IAM is enforced (AUTH=true): ministack checks the calls that come over HTTP, such as the Scan of the config table.
What one of its services does inside another one it does not check, so each part below does, with ministack's own
evaluator. A denied step is logged with the word DENIED and does not happen.
"""

import contextlib
import contextvars
import http.server
import json
import logging
import os
import re
import threading
import time
import urllib.error
import urllib.request
import uuid

# Before ministack, which reads it when it is imported.
os.environ["AUTH"] = "true"

import yaml
from ministack import app
from ministack.core import iam_evaluator as iam
from ministack.core.responses import get_account_id, get_region, set_request_account_id, set_request_region
from ministack.services import eventbridge, lambda_svc, pipes, sqs, stepfunctions, sts
from ministack.services import iam as iam_service
from ministack.services.cloudformation import changesets, provisioners, stacks

log = logging.getLogger("stack")

ORGANIZATION = os.environ["STACK_ORGANIZATION_ID"]
MANAGEMENT = os.environ["STACK_MANAGEMENT_ACCOUNT_ID"]
STAND_IN = os.environ["STACK_STAND_IN"]
TABLE = os.environ["STACK_TABLE"]
GATE_PORT = int(os.environ["STACK_GATE_PORT"])


# ------------------------------------------------------------------------------------------ who may do what


def context(action, resource, principal="", **keys):
    return iam.EvalContext(
        principal_arn=principal,
        principal_type="AssumedRole",
        principal_account=get_account_id(),
        action=action,
        resource_arn=resource,
        region=get_region(),
        service_context={f"aws:{name.lower()}": value for name, value in keys.items()},
        secure_transport=True,
    )


def role_may(role_arn, service, action, *resources, keys=None):
    """Whether `service` may assume the role, and the role may do this to every one of the resources, with these keys
    of conditions."""
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    role = iam_service._roles.get_scoped(account, None, name)
    trusted = role is not None and iam.evaluate_resource_policy(
        trust_policy(role), context("sts:AssumeRole", "*", SourceAccount=get_account_id()), service=service
    )
    policies = iam._gather_role_policies(name, account)
    denied = []
    for resource in resources:
        asked = context(action, resource, role_arn)
        asked.service_context |= {name.lower(): value for name, value in (keys or {}).items()}
        if iam.evaluate(asked, policies).decision != "Allow":
            denied.append(resource)
    if trusted and trusted.decision == "Allow" and not denied:
        return True
    log.error("DENIED: %s for %s: %s on %s", role_arn, service, action, denied or "its trust policy")
    return False


def trust_policy(role):
    """A trust policy names no resource; the evaluator wants one."""
    document = role["AssumeRolePolicyDocument"]
    document = json.loads(document) if isinstance(document, str) else document
    return {**document, "Statement": [{**statement, "Resource": "*"} for statement in document["Statement"]]}


def resource_lets(policy, service, action, resource, source_arn):
    """Whether the resource's own policy lets the service do this for that source."""
    allowed = iam.evaluate_resource_policy(
        policy, context(action, resource, SourceArn=source_arn, SourceAccount=get_account_id()), service=service
    )
    if allowed.decision == "Allow":
        return True
    log.error("DENIED: %s for %s: %s on %s", source_arn, service, action, resource)
    return False


def over_tls(source_ip, _):
    """The policies of the queues and the topic refuse whoever comes without TLS. ministack is asked over plain HTTP on
    the loopback interface, and each request counts as one over TLS."""
    pin_request_origin(source_ip, True)


pin_request_origin = app.pin_request_origin
app.pin_request_origin = over_tls


# ------------------------------------------------------------------------------------------ EventBridge

put_events = eventbridge._put_events
invoke_target = eventbridge._invoke_target
dispatch_to_event_bus = eventbridge._dispatch_to_event_bus
current = contextvars.ContextVar("the rule and the target that an event goes to")


def put_events_of_aws(data, allow_aws_source=True):
    """ministack refuses sources that begin with `aws.`, as AWS does: only AWS's services put those. Here the tests
    put them in their place, so that the rules are tried with the patterns that are deployed."""
    return put_events(data, allow_aws_source=True)


def checked_target(target, event, rule, view=None):
    """ministack asks neither the target's role nor the function's policy, and knows no dead-letter queue."""
    token = current.set((rule, target))
    try:
        if target_may(target, rule):
            invoke_target(target, event, rule, view)
        else:
            keep_undelivered(target, event, rule, view)
    finally:
        current.reset(token)


def target_may(target, rule):
    arn, role = target["Arn"], target.get("RoleArn")
    match arn.split(":")[2]:
        case "lambda":
            function, _, _ = lambda_svc._get_func_record_for_ref(arn)
            # A function that does not exist is an undelivered event, too.
            return function is not None and resource_lets(
                function["policy"], "events.amazonaws.com", "lambda:InvokeFunction", arn, rule["Arn"]
            )
        case "states":
            return role is not None and role_may(role, "events.amazonaws.com", "states:StartExecution", arn)
        case "events":
            return role is not None and role_may(role, "events.amazonaws.com", "events:PutEvents", arn)
    # A rule that a test made, to watch.
    return True


def keep_undelivered(target, event, rule, view):
    queue = (target.get("DeadLetterConfig") or {}).get("Arn")
    kept = sqs._queue_by_arn(queue) if queue else None
    if kept is None:
        log.error("LOST: an event that the rule %s could not deliver", rule["Name"])
        return
    policy = kept["attributes"].get("Policy") or "{}"
    if resource_lets(policy, "events.amazonaws.com", "sqs:SendMessage", queue, rule["Arn"]):
        view = view or eventbridge._pattern_event_view(event)
        invoke_target({"Arn": queue}, event, rule, view)


def dispatch_to_lambda(arn, payload):
    """ministack runs the function once, without retries and destinations, and drops the event if the function is at
    its reserved concurrency."""
    function, config, _ = lambda_svc._get_func_record_for_ref(arn)
    invoke_asynchronously(lambda_svc._execution_record_for_config(function, config), json.loads(payload))


def dispatch_to_any_event_bus(spec, event, rule, event_path, target_input_payload=None):
    """ministack drops an event for the bus of another Region or account. AWS delivers it as it was, to another
    account if the policy of the bus lets that account put events."""
    sender = get_account_id()
    if (spec.account_id, spec.region) == (sender, get_region()):
        return dispatch_to_event_bus(spec, event, rule, event_path, target_input_payload)

    def deliver():
        set_request_account_id(spec.account_id)
        set_request_region(spec.region)
        name = spec.resource.partition("/")[2]
        policy = bus_policy(name)
        asks = context("events:PutEvents", str(spec), f"arn:aws:iam::{sender}:root")
        asks.service_context |= {"events:source": event["Source"], "events:detail-type": event["DetailType"]}
        if sender != spec.account_id and iam.evaluate_resource_policy(policy, asks).decision != "Allow":
            log.error("DENIED: %s puts no events on %s", sender, spec)
            return
        eventbridge._dispatch_event({**event, "EventBusName": name})

    contextvars.copy_context().run(deliver)


def bus_policy(name):
    return eventbridge._event_bus_policies.get(name) or {"Statement": []}


def create_bus_policy(logical_id, properties, stack):
    """ministack does not know AWS::Events::EventBusPolicy, and its PutPermission no statement with conditions."""
    name, sid = properties.get("EventBusName", "default"), properties["StatementId"]
    policy = eventbridge._event_bus_policies.get(name) or {"Version": "2012-10-17", "Statement": []}
    others = [statement for statement in policy["Statement"] if statement["Sid"] != sid]
    statements = [*others, {"Sid": sid, **properties["Statement"]}]
    eventbridge._event_bus_policies[name] = {**policy, "Statement": statements}
    return sid, {}


def delete_bus_policy(sid, properties):
    eventbridge._remove_permission({"EventBusName": properties.get("EventBusName", "default"), "StatementId": sid})


provisioners._RESOURCE_HANDLERS["AWS::Events::EventBusPolicy"] = {
    "create": create_bus_policy,
    "delete": delete_bus_policy,
}
eventbridge._put_events = put_events_of_aws
eventbridge._invoke_target = checked_target
eventbridge._dispatch_to_lambda = dispatch_to_lambda
eventbridge._dispatch_to_event_bus = dispatch_to_any_event_bus
# A schedule is looked at every ten seconds there.
eventbridge._SCHEDULER_TICK_INTERVAL = 1


# --------------------------------------------------------------------------------- asynchronous invocation

under_way = []
"""A token for each event and each execution that is not at its end. The gate says how many: see `Gate.do_GET`."""


@contextlib.contextmanager
def counted():
    token = object()
    under_way.append(token)
    try:
        yield
    finally:
        under_way.remove(token)


def invoke_asynchronously(function, event):
    """As Lambda does it: what is throttled waits, what failed is retried, and the end goes to a destination.

    ministack counts a throttled attempt as a failed one, and knows no destination for a success. Lambda waits one
    minute and then two before it retries; here it is LAMBDA_ASYNC_RETRY_BASE_SECONDS, and twice that.
    """

    def serve():
        config = function.get("config") or function
        account, region = lambda_svc._account_region_from_function_config(config)
        set_request_account_id(account)
        set_request_region(region)
        settings = function.get("event_invoke_config") or {}
        settings = settings or (function.get("event_invoke_configs") or {}).get("$LATEST") or {}
        attempts, until = 0, time.time() + settings.get("MaximumEventAgeInSeconds", 21600)
        while time.time() < until:
            result = lambda_svc._execute_function(function, event)
            if result.get("throttle"):
                time.sleep(0.2)
                continue
            attempts += 1
            if not result.get("error"):
                return announce(config, settings, event, result)
            if attempts > settings.get("MaximumRetryAttempts", 2):
                break
            time.sleep(lambda_svc._LAMBDA_ASYNC_RETRY_BASE_SECONDS * 2 ** (attempts - 1))
        keep_failed(config, settings, event, result)

    stack = contextlib.ExitStack()
    # From now on, and not from when the thread begins.
    stack.enter_context(counted())

    def run():
        with stack:
            serve()

    threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True).start()


def destination(settings, outcome):
    return (settings.get("DestinationConfig") or {}).get(outcome, {}).get("Destination")


def keep_failed(config, settings, event, result):
    arn = destination(settings, "OnFailure")
    if arn and role_may(config["Role"], "lambda.amazonaws.com", "sqs:SendMessage", arn):
        lambda_svc._route_async_failure(arn, config["FunctionName"], event, result)


def announce(config, settings, event, result):
    arn = destination(settings, "OnSuccess")
    if not arn or not role_may(config["Role"], "lambda.amazonaws.com", "events:PutEvents", arn):
        return
    function = f"{config['FunctionArn']}:$LATEST"
    record = {
        "version": "1.0",
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()),
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": function,
            "condition": "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"},
        "responsePayload": result.get("body"),
    }
    put_events(
        {
            "Entries": [
                {
                    "Source": "lambda",
                    "DetailType": "Lambda Function Invocation Result - Success",
                    "Detail": json.dumps(record),
                    "Resources": [arn, function],
                    "EventBusName": arn,
                }
            ]
        }
    )


lambda_svc.invoke_async_with_retry = invoke_asynchronously


# ------------------------------------------------------------------------------------------- the functions

environment_of = lambda_svc._provided_worker_env
write_log = lambda_svc._emit_lambda_logs


def environment_with_log_format(config, code, port):
    """ministack does not tell the program what LoggingConfig says.

    And the program is built with the table of the repository, which is empty: whoever deploys writes rows into it first.
    As if that was done, it is given a table in a file. The functions of the stack `untouched` are not."""
    logging_config = config.get("LoggingConfig") or {}
    variables = (config.get("Environment") or {}).get("Variables") or {}
    embedded = "ASSIGNMENTS_TABLE" not in variables and not config["FunctionName"].startswith("untouched-")
    said = {
        "AWS_LAMBDA_LOG_FORMAT": logging_config.get("LogFormat"),
        "AWS_LAMBDA_LOG_LEVEL": logging_config.get("ApplicationLogLevel"),
        "AWS_LAMBDA_FUNCTION_TIMEOUT": str(config.get("Timeout", 3)),
        "ASSIGNMENTS_FILE": TABLE if embedded else None,
    }
    return environment_of(config, code, port) | {name: value for name, value in said.items() if value}


def write_log_as(function, *rest, **more):
    """ministack writes the log whatever the role may."""
    config = function.get("config") or function
    account, region = lambda_svc._account_region_from_function_config(config)
    group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
    stream = f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:any"
    actions = ("logs:CreateLogStream", "logs:PutLogEvents")
    if all(role_may(config["Role"], "lambda.amazonaws.com", action, stream) for action in actions):
        write_log(function, *rest, **more)


lambda_svc._provided_worker_env = environment_with_log_format
lambda_svc._emit_lambda_logs = write_log_as


# ----------------------------------------------------------------------------------- Step Functions and Pipes

call_lambda = stepfunctions._call_lambda
run_execution = stepfunctions._run_execution
execute_task = stepfunctions._execute_task
call_sdk = stepfunctions._invoke_aws_sdk_integration
run_distributed_map = stepfunctions._run_distributed_map
start_from_records = pipes._start_state_machine_from_records
create_pipe = provisioners._RESOURCE_HANDLERS["AWS::Pipes::Pipe"]["create"]
machine = contextvars.ContextVar("the state machine of this execution")
context_object = contextvars.ContextVar("what $$ is for the state that runs", default=None)


def run_execution_of(execution_arn):
    execution = stepfunctions._executions.get(execution_arn)
    machine.set(stepfunctions._state_machines.get(execution["stateMachineArn"]))
    with counted():
        run_execution(execution_arn)


def call_lambda_as(function, event):
    """ministack does not ask the machine's role, and calls the refusal of a busy function Lambda.Unknown."""
    if not role_may(machine.get()["roleArn"], "states.amazonaws.com", "lambda:InvokeFunction", function):
        raise stepfunctions._ExecutionError("Lambda.AWSLambdaException", "the machine's role may not invoke it")
    try:
        return call_lambda(function, event)
    except stepfunctions._ExecutionError as refused:
        if "TooManyRequestsException" in (refused.cause or ""):
            raise stepfunctions._ExecutionError("Lambda.TooManyRequestsException", refused.cause) from refused
        raise


def call_sdk_as(resource, parameters):
    """ministack does not ask the machine's role."""
    action = resource.rpartition(":")[2]
    asked = {"listExecutions": "StateMachineArn", "describeExecution": "ExecutionArn"}[action]
    action = f"states:{action[0].upper()}{action[1:]}"
    if not role_may(machine.get()["roleArn"], "states.amazonaws.com", action, parameters[asked]):
        raise stepfunctions._ExecutionError("Sfn.AccessDeniedException", f"the machine's role may not {action}")
    return call_sdk(resource, parameters)


def execute_task_in_context(state, raw_input, execution, ctx):
    context_object.set(ctx)
    return execute_task(state, raw_input, execution, ctx)


def select_with_context(state, result):
    """ministack knows no $$ in a ResultSelector."""
    selector = state.get("ResultSelector")
    return stepfunctions._resolve_params_obj(selector, result, context_object.get()) if selector else result


def run_bounded_map(state, raw_input, effective, iterator, execution, ctx):
    """ministack does not know MaxConcurrencyPath, and starts up to 64 children at once."""
    arn = execution["stateMachineArn"]
    role = machine.get()["roleArn"]
    child = f"{arn.replace(':stateMachine:', ':execution:')}/{state.get('Label')}:any"
    if not (
        role_may(role, "states.amazonaws.com", "states:StartExecution", arn)
        and role_may(role, "states.amazonaws.com", "states:DescribeExecution", child)
        and role_may(role, "states.amazonaws.com", "states:StopExecution", child)
    ):
        raise stepfunctions._ExecutionError("States.Permissions", "the machine's role may not run its children")
    path = state.get("MaxConcurrencyPath")
    if path:
        most = stepfunctions._resolve_path_or_ctx(path, effective, ctx)
        # It must stay a number of children that a machine can run; a text would have been refused.
        if not isinstance(most, int):
            raise stepfunctions._ExecutionError("States.Runtime", f"{path} is no number")
        state = {**state, "MaxConcurrency": most}
    return run_distributed_map(state, raw_input, effective, iterator, execution, ctx)


def pipe_with_its_template(logical_id, properties, stack):
    """ministack forgets the target's parameters."""
    name, attributes = create_pipe(logical_id, properties, stack)
    pipes._pipes[name]["TargetParameters"] = properties.get("TargetParameters")
    return name, attributes


def start_from_checked_records(target, pipe, records):
    """ministack does not ask the pipe's role, and passes the records on as they are, without the InputTemplate."""
    role, source = pipe["RoleArn"], pipe["Source"]
    read = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams")
    service = "pipes.amazonaws.com"
    if not all(role_may(role, service, action, source) for action in read):
        return False
    if not role_may(role, service, "states:StartExecution", target):
        return False
    template = (pipe.get("TargetParameters") or {}).get("InputTemplate")
    if template:
        records = [json.loads(re.sub(r"<[^>]*>", "null", template)) for _ in records]
    return start_from_records(target, pipe, records)


stepfunctions._call_lambda = call_lambda_as
stepfunctions._invoke_aws_sdk_integration = call_sdk_as
stepfunctions._execute_task = execute_task_in_context
stepfunctions._apply_result_selector = select_with_context
stepfunctions._run_execution = run_execution_of
stepfunctions._run_distributed_map = run_bounded_map
provisioners._RESOURCE_HANDLERS["AWS::Pipes::Pipe"]["create"] = pipe_with_its_template
pipes._start_state_machine_from_records = start_from_checked_records


# ------------------------------------------------------------------------------------------- CloudFormation

metric_alarm = provisioners._cw_metric_alarm_record
evaluate_conditions = changesets._evaluate_conditions
definition_of = provisioners._sfn_definition


def conditions_here(template, params):
    """ministack knows no Region and no account in the Conditions of a template."""
    here = {"AWS::Region": get_region(), "AWS::AccountId": get_account_id()}
    return evaluate_conditions(template, params | {name: {"Value": value} for name, value in here.items()})


def definition_from_yaml(properties):
    """ministack reads a definition as JSON only, and would fail each execution of backfill.asl.yaml. What is YAML is
    read as CloudFormation reads it, once the substitutions are in the text."""
    return json.dumps(yaml.safe_load(definition_of(properties)))


def alarm_with_metric_math(name, properties):
    """ministack refuses an alarm on an expression (BackfillAlarm). It is made as an alarm on the first metric of
    the expression: the stack deploys whole, and that alarm is never judged here."""
    measured = [metric["MetricStat"] for metric in properties.get("Metrics") or [] if "MetricStat" in metric]
    if measured:
        first = measured[0]
        properties = {
            **{name: value for name, value in properties.items() if name != "Metrics"},
            **first["Metric"],
            "Statistic": first["Stat"],
            "Period": first["Period"],
        }
    return metric_alarm(name, properties)


function_handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
create_function, update_function = function_handlers["create"], function_handlers["update"]


def create_reserving(logical_id, properties, stack):
    """ministack leaves out ReservedConcurrentExecutions."""
    name, attributes = create_function(logical_id, properties, stack)
    reserve(name, properties)
    return name, attributes


def update_reserving(name, before, after, *rest, **more):
    answer = update_function(name, before, after, *rest, **more)
    reserve(answer[0] if isinstance(answer, tuple) else name, after)
    return answer


def reserve(name, properties):
    reserved = properties.get("ReservedConcurrentExecutions")
    lambda_svc._functions[name]["concurrency"] = None if reserved is None else int(reserved)


function_handlers.update(create=create_reserving, update=update_reserving)
provisioners._sfn_definition = definition_from_yaml
changesets._evaluate_conditions = stacks._evaluate_conditions = conditions_here
provisioners._cw_metric_alarm_record = alarm_with_metric_math


# -------------------------------------- Identity Center, Organizations and Control Tower, under the roles


def resources_of(service, operation, request):
    """The resources that IAM asks for in a call, as the service authorization reference has them."""
    account = f"arn:aws:organizations::{MANAGEMENT}:account/{ORGANIZATION}/"
    ou = f"arn:aws:organizations::{MANAGEMENT}:ou/{ORGANIZATION}/"
    instance = request.get("InstanceArn")
    permission_set = request.get("PermissionSetArn")
    target = "arn:aws:sso:::account/" + str(request.get("TargetId") or request.get("AccountId"))
    match operation:
        case "ListInstances" | "ListAccounts" | "DescribeOrganization" | "ListRoots":
            return ["*"]
        case "ListPoliciesForTarget":
            return [ou + request["TargetId"]]
        case "CreateAccountAssignment" | "ListAccountAssignments":
            return [instance, permission_set, target]
        case "ListPermissionSetsProvisionedToAccount":
            return [instance, target]
        case "DescribePermissionSet" | "ListAccountsForProvisionedPermissionSet":
            return [instance, permission_set]
        case "DescribeAccount":
            return [account + request["AccountId"]]
        case "ListTagsForResource" if service == "organizations":
            return [account + request["ResourceId"]]
        case "ListParents":
            child = request["ChildId"]
            return [(ou if child.startswith("ou-") else account) + child]
        case "DescribeOrganizationalUnit":
            return [ou + request["OrganizationalUnitId"]]
        case "ListOrganizationalUnitsForParent":
            parent = request["ParentId"]
            return [(ou if parent.startswith("ou-") else ou.replace(":ou/", ":root/")) + parent]
        case "GetGroupId" | "GetUserId" | "DescribeGroup" | "DescribeUser" | "ListGroups" | "ListUsers":
            kind = "group" if "Group" in operation else "user"
            store = request["IdentityStoreId"]
            return [f"arn:aws:identitystore::{MANAGEMENT}:identitystore/{store}", f"arn:aws:identitystore:::{kind}/any"]
    if service == "sso" and instance:
        return [instance]
    if service == "controlcatalog":
        return ["arn:aws:controlcatalog:::control/any"]
    if service == "controltower":
        return resources_of_control_tower(operation, request)
    raise NotImplementedError(f"{service}:{operation}: say here which resources IAM asks for")


def resources_of_control_tower(operation, request):
    here = f"arn:aws:controltower:{get_region()}:{MANAGEMENT}"
    match operation:
        case "EnableControl":
            return [f"{here}:enabledcontrol/any"]
        case "UpdateEnabledControl" | "ResetEnabledControl" | "GetEnabledControl":
            return [request["enabledControlIdentifier"]]
        case "GetLandingZone":
            return [request["landingZoneIdentifier"]]
        case "ListLandingZones" | "ListEnabledControls" | "ListControlOperations" | "GetControlOperation":
            return ["*"]
    raise NotImplementedError(f"controltower:{operation}: say here which resources IAM asks for")


def what_control_tower_does(request):
    """What Control Tower asks of whoever enables a control: its older action, and what it does in AWS Organizations in
    the name of the caller. With one missing, AWS's operation ends FAILED; here the call itself is refused."""
    unit = request["targetIdentifier"]
    account = unit.replace(":ou/", ":account/").rpartition("/")[0] + "/111122223333"
    kinds = ("service_control_policy", "resource_control_policy", "declarative_policy_ec2")
    yield "controltower:EnableGuardrail", ["*"], {}
    for action in ("ListGuardrailsForTarget", "DescribeGuardrailForTarget"):
        yield f"controltower:{action}", ["*"], {}
    for action in ("DescribeOrganization", "ListAccounts", "ListRoots", "ListAWSServiceAccessForOrganization"):
        yield f"organizations:{action}", ["*"], {}
    for action in ("ListChildren", "ListOrganizationalUnitsForParent", "ListPoliciesForTarget"):
        yield f"organizations:{action}", [unit], {}
    yield "organizations:ListParents", [unit, account], {}
    for kind in kinds:
        policy = f"arn:aws:organizations::{MANAGEMENT}:policy/{ORGANIZATION}/{kind}/p-12345678"
        key = {"organizations:PolicyType": kind.upper()}
        yield "organizations:CreatePolicy", ["*"], key
        for action in ("UpdatePolicy", "DeletePolicy", "DescribePolicy", "ListTargetsForPolicy"):
            yield f"organizations:{action}", [policy], key
        for action in ("AttachPolicy", "DetachPolicy"):
            yield f"organizations:{action}", [policy, unit], key


SERVICES = {
    "SWBExternalService": "sso",
    "AWSIdentityStore": "identitystore",
    "AWSOrganizationsV20161128": "organizations",
}


def contexts_of_key(service, request):
    """The condition keys with which Identity Center and its identity store ask KMS, in the name of whoever calls."""
    encryption, region = "kms:EncryptionContext:aws:", os.environ["MINISTACK_REGION"]
    via = {"kms:ViaService": f"{service}.{region}.amazonaws.com"}
    match service:
        case "sso":
            instance = request.get("InstanceArn")
            # ListInstances names none.
            return {**via, f"{encryption}sso:instance-arn": instance} if instance else None
        case "identitystore":
            store = f"arn:aws:identitystore::{MANAGEMENT}:identitystore/{request['IdentityStoreId']}"
            return {**via, f"{encryption}identitystore:identitystore-arn": store}
    return None


class Gate(http.server.BaseHTTPRequestHandler):
    """In front of the stand-in, which checks no permissions: whoever calls may do what the calling role may."""

    protocol_version = "HTTP/1.1"
    key = None
    """The customer managed key of the Identity Center instance: none, until a test puts one."""

    def do_GET(self):
        """How much is under way, for tests that must not begin in the middle of something."""
        self.reply(200, str(len(under_way)).encode())

    def do_PUT(self):
        """From now on the instance is encrypted with this key, or with none."""
        Gate.key = self.rfile.read(int(self.headers.get("content-length", 0))).decode() or None
        self.reply(200, b"")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        denied = self.denied(body)
        refused = 403 if self.path != "/" else 400
        status, content = (refused, denied) if denied else self.ask(body)
        self.reply(status, content)

    def reply(self, status, content):
        self.send_response(status)
        self.send_header("content-type", "application/x-amz-json-1.1")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def denied(self, body):
        """AWS's refusal, or nothing."""
        key = re.search(r"Credential=([^/]+)/", self.headers.get("authorization", ""))
        session = sts._sessions.get(key[1]) if key else None
        service, operation = self.named()
        action = f"{service}:{operation}"
        if session is None:
            return self.refusal(action, "whoever signed this")
        account, role = session["Arn"].split(":")[4], session["Arn"].split("/")[1]
        set_request_account_id(account)
        set_request_region(os.environ["MINISTACK_REGION"])
        request, role = json.loads(body or b"{}"), f"arn:aws:iam::{account}:role/{role}"
        if not role_may(role, "lambda.amazonaws.com", action, *resources_of(service, operation, request)):
            return self.refusal(action, session["Arn"])
        for also, resources, keys in what_control_tower_does(request) if operation == "EnableControl" else ():
            if not role_may(role, "lambda.amazonaws.com", also, *resources, keys=keys):
                return self.refusal(also, session["Arn"])
        keys = contexts_of_key(service, request) if Gate.key else None
        if keys and not role_may(role, "lambda.amazonaws.com", "kms:Decrypt", Gate.key, keys=keys):
            return self.refusal("kms:Decrypt", session["Arn"], Reason="KMS_AccessDeniedException")
        return None

    def named(self):
        """The service and the operation: by a header, or by the name in the signature and the path."""
        target = self.headers.get("x-amz-target")
        if target:
            prefix, _, operation = target.rpartition(".")
            return SERVICES[prefix], operation
        service = re.search(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/", self.headers["authorization"])[1]
        words = self.path.partition("?")[0].strip("/").split("-")
        return service, "".join(word.capitalize() for word in words).replace("Landingzone", "LandingZone")

    def refusal(self, action, who, **fields):
        message = f"User: {who} is not authorized to perform: {action}"
        return json.dumps({"__type": "AccessDeniedException", "Message": message, **fields}).encode()

    def ask(self, body):
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        try:
            asked = urllib.request.Request(STAND_IN + self.path, body, headers, method="POST")
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def log_message(self, *_):
        pass


def main():
    gate = http.server.ThreadingHTTPServer(("127.0.0.1", GATE_PORT), Gate)
    threading.Thread(target=gate.serve_forever, daemon=True).start()
    app.main()


if __name__ == "__main__":
    main()
