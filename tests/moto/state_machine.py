"""Runs the state machines of the template in moto's interpreter, with any callable as its function.

The interpreter is moto's own; what it lacks is made up for in `interpreter`, each with its reason. Time is not waited
for but counted.
"""

import contextlib
import json
import sys
import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from unittest import mock

import boto3
from botocore.exceptions import ClientError
from conftest import CREDENTIALS, REGION
from deployed import Deployed
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.itemprocessor import (
    distributed_item_processor_worker as map_worker,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_aws_sdk as aws_sdk
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction

# The limits of Step Functions for one state's input or output, one execution's history, and a Fail state's cause.
MOST_BYTES, MOST_EVENTS, MOST_CAUSE = 256 * 1024, 25_000, 32_768


MACHINE = f"arn:aws:states:{REGION}:123456789012:stateMachine:backfill"
ME = MACHINE.replace("stateMachine", "execution") + ":test"


class NotInvoked(Exception):
    """Lambda's own refusal, such as `TooManyRequestsException`: the function has not run."""


class Refused(Exception):
    """Step Functions' own refusal of a call, such as `ThrottlingException`."""


def other(name, machine=MACHINE):
    """Another execution, as a list of them has it."""
    return {
        "ExecutionArn": machine.replace("stateMachine", "execution") + f":{name}",
        "StateMachineArn": machine,
        "Name": name,
        "Status": "RUNNING",
        "StartDate": "2026-01-01T00:00:00.000Z",
    }


def alone(action, parameters):
    """Step Functions while no other execution of the machine runs."""
    assert (action, parameters["StateMachineArn"]) == ("listExecutions", MACHINE)
    return {"Executions": [other("test")]}


@dataclass
class Execution:
    status: str
    output: dict | None
    error: str | None
    cause: str | None
    history: list[dict]
    """Without the events of the children, which have histories of their own."""
    payloads: list[dict]
    """What the function was invoked with, in order."""
    waits: list[float] = field(default_factory=list)
    """Seconds, of Wait states and before retries."""

    def ensured(self):
        return [payload["accountId"] for payload in self.payloads if "accountId" in payload]

    def surveys(self):
        return [payload for payload in self.payloads if "survey" in payload]

    def states(self):
        """The names of the states that were entered."""
        return [details["name"] for event in self.history if (details := event.get("stateEnteredEventDetails"))]

    def largest(self):
        """The size of the largest input or output of any state, in bytes."""
        texts = [
            text
            for event in self.history
            for details in event.values()
            if isinstance(details, dict)
            for name in ("input", "output", "parameters")
            if (text := details.get(name))
        ]
        return max(len(text.encode()) for text in texts)


def run(invoke, input=None, without_children=False, step_functions=alone, machine="Backfill", **parameters):
    """Runs a state machine as it is deployed with these parameters, to its end.

    `invoke` is the function: it gets a payload and returns an answer; one with `errorType` is a failed invocation. Or
    it raises NotInvoked. `step_functions` gets the name and the parameters of each call to Step Functions, and returns
    its answer or raises Refused. `without_children` asks it for every account directly and not through an execution of its
    own, which takes moto ten milliseconds for each.
    """
    definition = Deployed(parameters).definition(machine)
    # moto's grammar knows this number with a decimal point alone, AWS's either way.
    definition = definition.replace('"ToleratedFailurePercentage": 100,', '"ToleratedFailurePercentage": 100.0,')
    assert ("100.0," in definition or machine != "Backfill") and "${" not in definition
    payloads, waits = [], []

    def recording(payload):
        payloads.append(payload)
        return invoke(payload)

    config = {"stepfunctions": {"execute_state_machine": True}}
    with interpreter(recording, step_functions, waits, without_children), mock_aws(config=config):
        client = boto3.client(
            "stepfunctions",
            region_name=REGION,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )
        role = "arn:aws:iam::123456789012:role/backfill"
        created = client.create_state_machine(name=machine.lower(), definition=definition, roleArn=role)
        given = json.dumps({} if input is None else input)
        state_machine = created["stateMachineArn"]
        arn = client.start_execution(stateMachineArn=state_machine, name="test", input=given)["executionArn"]
        assert (state_machine, arn) == (MACHINE, ME) or machine != "Backfill"
        until = time.monotonic() + 300
        while (described := client.describe_execution(executionArn=arn))["status"] == "RUNNING":
            assert time.monotonic() < until, f"still running, after {payloads[-3:]}"
            time.sleep(0.01)
        history = client.get_execution_history(executionArn=arn)["events"]
    # A fault of the definition or of a test: if it concerns the turns, the execution begins nevertheless. moto counts an
    # index out of range among them; for Step Functions it is a States.IntrinsicFailure, which is caught.
    events = [json.dumps(event, default=str) for event in history]
    faults = [event for event in events if "States.Runtime" in event and "index out of range" not in event]
    assert not faults, faults
    output = described.get("output")
    return Execution(
        described["status"],
        output and json.loads(output),
        described.get("error"),
        described.get("cause"),
        history,
        payloads,
        waits,
    )


@contextlib.contextmanager
def interpreter(invoke, step_functions, waits, without_children):
    """moto's interpreter, with this function, with these other executions, and with clocks that do not wait."""

    def invoke_function(parameters, region, state_credentials):
        try:
            answer = invoke(json.loads(parameters["Payload"]))
        except NotInvoked as refusal:
            response = {"Error": {"Code": str(refusal), "Message": "Rate Exceeded."}}
            metadata = {"ResponseMetadata": {"HTTPStatusCode": 429, "RequestId": "test"}}
            raise ClientError(response | metadata, "Invoke") from None
        failed = {"FunctionError": "Unhandled"} if "errorType" in answer else {}
        return {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": answer, **failed}

    def call_step_functions(task, env, normalised_parameters, **_):
        """moto answers with the names of the API, which begin with a small letter; Step Functions with those of SDKs."""
        try:
            answer = step_functions(task.resource.api_action, normalised_parameters)
            env.stack.append(json.loads(json.dumps(answer)))
        except Refused as refusal:
            response = {"Error": {"Code": str(refusal), "Message": "no"}}
            metadata = {"ResponseMetadata": {"HTTPStatusCode": 400, "RequestId": "test"}}
            raise ClientError(response | metadata, task.resource.api_action) from None

    evaluate = ExecutionState._eval_state

    def evaluate_from_zero(state, env):
        """moto goes on counting the retries of a state that is entered again. Step Functions counts from zero."""
        for key in [key for key in env.heap if key.startswith(("MaxAttemptsDecl-", "BackoffRateDecl-"))]:
            del env.heap[key]
        evaluate(state, env)

    def answer_children(worker):
        """Every child ends with one word, as its definition says."""
        while job := worker._job_pool.next_job():
            answer = invoke({"accountId": job.job_input})
            job.job_output = answer.get("outcome", "left")
            worker._job_pool.close_job(job)

    # moto goes one call deeper for every item of a map.
    recursion = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    with contextlib.ExitStack() as patches:
        for thing, name, replacement in [
            (lambda_eval_utils, "_invoke_lambda_function", invoke_function),
            (aws_sdk.StateTaskServiceAwsSdk, "_eval_service_task", call_step_functions),
            (retrier_decl, "time", SimpleNamespace(sleep=waits.append)),
            (WaitFunction, "_wait_interval", lambda self, env, wait_seconds: waits.append(wait_seconds)),
            (ExecutionState, "_eval_state", evaluate_from_zero),
            *([(map_worker.DistributedItemProcessorWorker, "eval", answer_children)] if without_children else []),
        ]:
            patches.enter_context(mock.patch.object(thing, name, replacement))
        patches.callback(sys.setrecursionlimit, recursion)
        yield
