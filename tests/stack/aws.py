"""AWS on this machine: ministack for everything that the templates make, the stand-in for Identity Center,
Organizations and Control Tower, and the real `sam build` and `sam deploy`."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import boto3
from botocore.config import Config

REPOSITORY = Path(__file__).parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
ORGANIZATION = json.loads((REPOSITORY / "tests/stand-in/organization.json").read_text())
MANAGEMENT = ORGANIZATION["managementAccountId"]
REGION = ORGANIZATION["region"]
# What makes a Region of the same account the home of another stack, with Identity Center where it is.
ELSEWHERE = {"IdentityCenterRegion": REGION}
# Nothing here depends on speed: an effect that has not come by then does not come.
DEADLINE = float(os.environ.get("STACK_DEADLINE", 60))


class NotThere(Exception):
    """A program that the tests need is missing."""


def program(name, variable, remedy):
    path = Path(os.environ.get(variable, TARGET / "debug" / name))
    if not path.is_file():
        raise NotThere(f"there is no {path}: run `{remedy}`, or name it in {variable}")
    return path.resolve()


def tool(name):
    path = REPOSITORY / ".venv/bin" / name
    if not path.is_file():
        raise NotThere(f"there is no {path}: run `make tools`")
    return path


def eventually(look, wanted=bool, what="the effect", seconds=DEADLINE):
    """What `look()` gives, as soon as it is as wanted."""
    until = time.monotonic() + seconds
    while True:
        seen = look()
        if wanted(seen):
            return seen
        if time.monotonic() > until:
            raise AssertionError(f"{what} has not come in {seconds} seconds; last seen: {seen!r}")
        time.sleep(0.1)


def build(directory=None, config=None):
    """The built template, by the real `sam build`, with what samconfig.toml says or another file. Its compiler is
    replaced: see tests/stack/cargo."""
    directory = Path(directory or TARGET / "stack")
    wrapped = directory / "bin"
    wrapped.mkdir(parents=True, exist_ok=True)
    shutil.copy(REPOSITORY / "tests/stack/cargo", wrapped / "cargo")
    environment = {
        **os.environ,
        "PATH": f"{wrapped}:{REPOSITORY / '.venv/bin'}:{os.environ['PATH']}",
        "STACK_CARGO": shutil.which("cargo"),
        "ACCOUNT_ASSIGNER_BINARY": str(program("account-assigner", "ACCOUNT_ASSIGNER_BINARY", "cargo build")),
        "CONTROL_KEEPER_BINARY": str(program("control-keeper", "CONTROL_KEEPER_BINARY", "cargo build --workspace")),
        # Where `cargo metadata` says that programs are, so that a real build for AWS is not overwritten.
        "CARGO_TARGET_DIR": str(directory),
        "SAM_CLI_TELEMETRY": "0",
    }
    config = ["--config-file", config or REPOSITORY / "samconfig.toml"]
    run([tool("sam"), "build", *config, "--build-dir", directory / "build"], environment)
    return directory / "build/template.yaml"


def run(command, environment):
    done = subprocess.run(
        [str(word) for word in command],
        cwd=REPOSITORY,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    if done.returncode:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


@dataclass
class Stack:
    """A stack as it is deployed, in one account and Region."""

    aws: "Aws"
    name: str
    account: str
    region: str
    outputs: dict[str, str] = field(default_factory=dict)

    def client(self, service):
        return self.aws.client(service, self.region, self.account)

    def resources(self):
        """Logical ids, with the physical ones."""
        pages = self.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=self.name)
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
        }

    def put_event(self, event, detail=None):
        """Puts an event of `events/`, or this one, on the default bus."""
        event = sample(event) if isinstance(event, str) else event
        entry = {
            "Source": event["source"],
            "DetailType": event["detail-type"],
            "Detail": json.dumps(detail or event["detail"]),
            "Resources": event["resources"],
        }
        answer = self.client("events").put_events(Entries=[entry])
        assert answer["FailedEntryCount"] == 0, answer

    def invoke(self, payload, function="FunctionName"):
        answer = self.client("lambda").invoke(FunctionName=self.outputs[function], Payload=json.dumps(payload))
        return json.load(answer["Payload"])

    def messages(self, queue):
        """What waits in this queue of the outputs; it stays there."""
        url = self.outputs[queue]
        answer = self.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    def log(self, group="LogGroupName"):
        """Every line of the function's log."""
        pages = self.client("logs").get_paginator("filter_log_events").paginate(logGroupName=self.outputs[group])
        return [event["message"] for page in pages for event in page["events"]]

    def watch(self, pattern):
        """A rule of somebody else, and its queue: a function that gives what has come, in order."""
        name = f"watch-{uuid.uuid4()}"
        queue = self.client("sqs").create_queue(QueueName=name)["QueueUrl"]
        arn = f"arn:aws:sqs:{self.region}:{self.account}:{name}"
        self.client("events").put_rule(Name=name, EventPattern=json.dumps(pattern))
        self.client("events").put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
        seen = []

        def come():
            answer = self.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10)
            seen.extend(json.loads(message["Body"]) for message in answer.get("Messages", []))
            return seen

        return come

    def results(self):
        """What the function answered to events from now on, as somebody who waits for accounts sees it."""
        come = self.watch(
            {
                "source": ["lambda"],
                "detail-type": ["Lambda Function Invocation Result - Success"],
                "resources": [f"{self.outputs['FunctionArn']}:$LATEST"],
            }
        )
        return lambda number=1: [
            event["detail"]["responsePayload"]
            for event in eventually(come, lambda seen: len(seen) >= number, f"result {number} of the function")
        ]

    def start_backfill(self, request=None, machine="BackfillArn"):
        """Starts the backfill, or another state machine of the outputs, by hand; gives the execution once it has ended."""
        client = self.client("stepfunctions")
        arn = client.start_execution(stateMachineArn=self.outputs[machine], input=json.dumps(request or {}))[
            "executionArn"
        ]
        return eventually(
            lambda: client.describe_execution(executionArn=arn),
            lambda execution: execution["status"] != "RUNNING",
            "the end of the execution",
        )

    def executions(self, machine="BackfillArn"):
        """Every execution of the backfill, or of another state machine, in the order they began."""
        client = self.client("stepfunctions")
        found = client.list_executions(stateMachineArn=self.outputs[machine])["executions"]
        return [client.describe_execution(executionArn=one["executionArn"]) for one in reversed(found)]

    def ended(self, number=1, machine="BackfillArn"):
        """The executions of the backfill, or of another state machine, once so many have ended."""
        return eventually(
            lambda: [execution for execution in self.executions(machine) if execution["status"] != "RUNNING"],
            lambda ended: len(ended) >= number,
            f"execution {number} of the state machine",
        )


def sample(name):
    return json.loads((REPOSITORY / f"events/{name}.json").read_text())


@dataclass
class Aws:
    """The running servers."""

    directory: Path
    url: str = ""
    stand_in: str = ""
    gate: str = ""
    processes: list = field(default_factory=list)

    def start(self, organization=ORGANIZATION, port=0, stand_in_port=0):
        """`port` 0 is any free one."""
        file = self.directory / "organization.json"
        file.write_text(json.dumps(organization))
        # Quick, and without quotas that only time would fill again.
        limits = {"--provisioning-ms": 50, "--latency-ms": 1, "--requests-per-second": 400, "--outstanding": 100}
        limits["--control-operation-ms"] = 200
        server = subprocess.Popen(
            [
                program("stand-in", "STAND_IN_BINARY", "cargo build --workspace"),
                *("--port", str(stand_in_port), "--organization", file),
                *(str(word) for option in limits.items() for word in option),
            ],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.processes.append(server)
        self.stand_in = server.stdout.readline().split()[-1]

        python = REPOSITORY / ".venv-stack/bin/python"
        if not python.is_file():
            raise NotThere(f"there is no {python}: run `make .venv-stack/.installed`")
        gate, port = free_port(), port or free_port()
        self.gate = f"http://127.0.0.1:{gate}"
        self.url = f"http://127.0.0.1:{port}"
        temporary = self.directory / "tmp"
        temporary.mkdir(exist_ok=True)
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "TMPDIR": str(temporary),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "MINISTACK_ACCOUNT_ID": MANAGEMENT,
            "MINISTACK_REGION": REGION,
            # A Wait of the state machine takes a fifth of a second instead of a minute, and so do the pauses before
            # its retries.
            "SFN_WAIT_SCALE": "0.003",
            "LAMBDA_ASYNC_RETRY_BASE_SECONDS": "0.2",
            # The functions inherit all of these. Identity Center, Organizations and Control Tower are the stand-in,
            # behind a gate that asks the roles; everything else is ministack.
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ENDPOINT_URL_SSO_ADMIN": self.gate,
            "AWS_ENDPOINT_URL_IDENTITYSTORE": self.gate,
            "AWS_ENDPOINT_URL_ORGANIZATIONS": self.gate,
            "AWS_ENDPOINT_URL_CONTROLTOWER": self.gate,
            "AWS_ENDPOINT_URL_CONTROLCATALOG": self.gate,
            "STACK_STAND_IN": self.stand_in,
            "STACK_GATE_PORT": str(gate),
            "STACK_TABLE": str(REPOSITORY / "examples/assignments.json"),
            "STACK_ORGANIZATION_ID": organization["id"],
            "STACK_MANAGEMENT_ACCOUNT_ID": organization["managementAccountId"],
        }
        with self.server_log().open("ab") as output:
            ministack = subprocess.Popen(
                [python, "-B", REPOSITORY / "tests/stack/server.py"],
                cwd=self.directory,
                env=environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self.processes.append(ministack)

        def answers():
            if ministack.poll() is not None:
                raise AssertionError(f"ministack did not start:\n{self.server_log().read_text()}")
            try:
                urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=5).close()
                return True
            except OSError:
                return False

        eventually(answers, what="ministack's first answer")
        return self

    def idle(self):
        """Whether no event and no execution is under way."""
        with urllib.request.urlopen(self.gate, timeout=10) as answer:
            return answer.read() == b"0"

    def encrypt_with(self, key):
        """From now on Identity Center asks for this customer managed key, in the name of whoever calls, or for none."""
        request = urllib.request.Request(self.gate, key.encode(), method="PUT")
        urllib.request.urlopen(request, timeout=10).close()

    def server_log(self):
        return self.directory / "ministack.log"

    def stop(self):
        for process in self.processes:
            # Each is a process group of its own: ministack with the functions it has started.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if process.stdout:
                process.stdout.close()

    def credentials(self, region=REGION, account=MANAGEMENT):
        """For ministack, a key of twelve digits is the root of that account."""
        return {"AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": region}

    def client(self, service, region=REGION, account=MANAGEMENT):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 1}, read_timeout=120),
        )

    def deploy(
        self, template, name, region=REGION, account=MANAGEMENT, environment="default", config=None, **parameters
    ):
        """`sam deploy`, with what samconfig.toml or another file says, and these parameters."""
        given = [f"{name}={value}" for name, value in parameters.items()]
        self.sam(
            *("deploy", "--config-file", config or REPOSITORY / "samconfig.toml", "--config-env", environment),
            *("--no-confirm-changeset", "--template-file", template),
            *("--stack-name", name, "--region", region),
            *(["--parameter-overrides", *given] if given else []),
            region=region,
            account=account,
        )
        return self.deployed(name, region, account)

    def sam(self, *words, region=REGION, account=MANAGEMENT):
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "SAM_CLI_TELEMETRY": "0",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": region,
            **self.credentials(region, account),
        }
        return run([tool("sam"), *words], environment)

    def deployed(self, name, region=REGION, account=MANAGEMENT):
        """The stack of this name, with its outputs."""
        described = self.client("cloudformation", region, account).describe_stacks(StackName=name)["Stacks"][0]
        assert described["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), described
        outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
        return Stack(self, name, account, region, outputs)

    def control(self, path, body=None, method=None):
        """A control path of the stand-in."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.stand_in}/stand-in/{path}", data, {"content-type": "application/json"}, method=method
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or "null")

    def assignments(self):
        """Who has what: {(account, permission set, principal)}, by name."""
        names = {
            **{found["arn"]: found["name"] for found in ORGANIZATION["permissionSets"]},
            **{found["id"]: found["name"] for found in ORGANIZATION["groups"] + ORGANIZATION["users"]},
            **{found["id"]: found["name"] for found in ORGANIZATION["accounts"]},
        }
        return {
            tuple(names.get(found[key], found[key]) for key in ("account", "permissionSet", "principalId"))
            for found in self.control("assignments")
        }

    def creations(self):
        return self.control("creations")

    def controls(self):
        """Which control is enabled on which OU: {(OU, the last part of the control's ARN)}, once it is in place."""
        return {
            tuple(found[key].rpartition("/")[2] for key in ("target", "control"))
            for found in self.control("controls")
            if found["status"] == "SUCCEEDED"
        }

    def disable(self, unit, control):
        """Disables a control as a person does it, and waits until it is gone."""
        [arn] = [
            found["arn"]
            for found in self.control("controls")
            if found["target"].endswith(f"/{unit}") and found["control"].endswith(f"/{control}")
        ]
        client = boto3.client(
            "controltower",
            endpoint_url=self.stand_in,
            region_name=REGION,
            aws_access_key_id="person",
            aws_secret_access_key="test",
        )
        client.disable_control(enabledControlIdentifier=arn)
        eventually(lambda: arn not in [found["arn"] for found in self.control("controls")], what="the end of a control")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]
