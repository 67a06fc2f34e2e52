"""A small AWS organization in moto, and the function's binary under the Lambda runtime interface emulator.

The emulator is the one that aws-sam-cli carries; it needs no container. moto is not Identity Center,
and if it differs, the seeding here makes up for it, with a comment.
"""

import errno
import http.server
import importlib.util
import itertools
import json
import os
import platform
import pty
import select
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

REPOSITORY = Path(__file__).parents[2]
REGION = "eu-west-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}

PERMISSION_SETS = ["AdministratorAccess", "PowerUserAccess", "ReadOnlyAccess"]
GROUPS = ["auditors", "platform-admins", "students"]
USERS = ["teacher@example.com"]
# Two OUs are called Rust, so that a row for one of them must not reach the other.
OUS = ["Workloads", "Workloads/Prod", "Workloads/Rust", "Education", "Education/Rust", "Education/Rust/Cohort-7"]
ACCOUNTS = {
    "class-7": {"ou": "Education/Rust/Cohort-7", "tags": {"course": "rust-101", "cost-center": "42"}},
    "compiler": {"ou": "Workloads/Rust", "tags": {"course": "none"}},
    "payments": {"ou": "Workloads/Prod", "tags": {}},
}


@dataclass
class Aws:
    """The organization, and what was asked of AWS about it."""

    url: str
    calls: list[str]
    """Every call since the seeding, such as `SWBExternalService.CreateAccountAssignment`."""
    management: str = ""
    instance: str = ""
    accounts: dict[str, str] = field(default_factory=dict)
    ous: dict[str, str] = field(default_factory=dict)
    permission_sets: dict[str, str] = field(default_factory=dict)
    principals: dict[str, str] = field(default_factory=dict)

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )

    def assignments(self):
        """Every assignment in the organization: how often (account, permission set, principal) is there.

        moto stores a duplicate twice, which is how one shows.
        """
        sso, found = self.client("sso-admin"), Counter()
        names = {id: name for name, id in self.principals.items()}
        for account, account_id in {**self.accounts, "management": self.management}.items():
            for permission_set, arn in self.permission_sets.items():
                answer = sso.list_account_assignments(
                    InstanceArn=self.instance, AccountId=account_id, PermissionSetArn=arn
                )
                for assignment in answer["AccountAssignments"]:
                    found[account, permission_set, names[assignment["PrincipalId"]]] += 1
        return found

    def count(self, action):
        return sum(call.endswith(f".{action}") for call in self.calls)

    def identity_center_calls(self):
        return [call for call in self.calls if call.startswith("SWBExternalService.")]


@pytest.fixture(scope="session")
def moto_server():
    """moto on a free port, with the list of the calls that reach it."""
    moto, calls = DomainDispatcherApplication(create_backend_app), []
    # moto goes through what another thread of its changes meanwhile: "dictionary changed size during iteration".
    one_at_a_time = threading.Lock()

    def recording(environ, start_response):
        target = environ.get("HTTP_X_AMZ_TARGET")
        if target:
            calls.append(target)
        with one_at_a_time:
            return moto(environ, start_response)

    class Quiet(WSGIRequestHandler):
        def log_request(self, *_):
            pass

    server = make_server("127.0.0.1", 0, recording, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", calls
    server.shutdown()
    thread.join()


@pytest.fixture
def aws(moto_server):
    url, calls = moto_server
    urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST")).close()
    aws = Aws(url, calls)

    organizations = aws.client("organizations")
    aws.management = organizations.create_organization(FeatureSet="ALL")["Organization"]["MasterAccountId"]
    root = organizations.list_roots()["Roots"][0]["Id"]
    for path in OUS:
        parent, _, name = path.rpartition("/")
        ou = organizations.create_organizational_unit(ParentId=aws.ous.get(parent, root), Name=name)
        aws.ous[path] = ou["OrganizationalUnit"]["Id"]
    for name, facts in ACCOUNTS.items():
        status = organizations.create_account(AccountName=name, Email=f"{name}@example.com")
        account = aws.accounts[name] = status["CreateAccountStatus"]["AccountId"]
        organizations.move_account(
            AccountId=account, SourceParentId=root, DestinationParentId=aws.ous[facts["ou"]]
        )
        tags = [{"Key": key, "Value": value} for key, value in facts["tags"].items()]
        organizations.tag_resource(ResourceId=account, Tags=tags)

    sso = aws.client("sso-admin")
    instance = sso.list_instances()["Instances"][0]
    aws.instance, store = instance["InstanceArn"], instance["IdentityStoreId"]
    for name in PERMISSION_SETS:
        # Without a session duration moto answers one that is empty, which no SDK but boto3 reads.
        made = sso.create_permission_set(InstanceArn=aws.instance, Name=name, SessionDuration="PT1H")
        arn = aws.permission_sets[name] = made["PermissionSet"]["PermissionSetArn"]
    identity_store = aws.client("identitystore")
    for name in GROUPS:
        group = identity_store.create_group(IdentityStoreId=store, DisplayName=name)
        aws.principals[name] = group["GroupId"]
    for name in USERS:
        user = identity_store.create_user(
            IdentityStoreId=store,
            UserName=name,
            DisplayName=name,
            Name={"GivenName": "A", "FamilyName": "Teacher"},
            Emails=[{"Value": name, "Primary": True}],
        )
        aws.principals[name] = user["UserId"]

    calls.clear()
    return aws


@pytest.fixture(scope="session")
def binary():
    path = Path(os.environ.get("ACCOUNT_ASSIGNER_BINARY", REPOSITORY / "target/debug/account-assigner"))
    if not path.is_file():
        pytest.fail(
            f"the function's binary is not at {path}: run `cargo build`, or name it in ACCOUNT_ASSIGNER_BINARY",
            pytrace=False,
        )
    return path.resolve()


@pytest.fixture(scope="session")
def emulator():
    architecture = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
    name = f"aws-lambda-rie-{architecture[platform.machine().lower()]}"
    return Path(importlib.util.find_spec("samcli").origin).parent / "local/rapid" / name


@dataclass
class Function:
    """The binary as Lambda runs it."""

    process: subprocess.Popen
    port: int

    def invoke(self, payload):
        """What the function answers; an answer with `errorType` is a failed invocation."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/2015-03-31/functions/function/invocations",
            data=json.dumps(payload).encode(),
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            pytest.fail(f"the binary gave no answer, the emulator says {error}: the log below shows why")


@pytest.fixture
def deploy(aws, binary, emulator, tmp_path):
    """`deploy(rows)` starts the function with this table; its log is printed if a test fails."""
    running, log = [], tmp_path / "log"

    def deploy(rows, **settings):
        table = tmp_path / "assignments.json"
        table.write_text(json.dumps({"assignments": rows}))
        port, runtime_port = free_ports(2)
        command = [
            emulator,
            *("--runtime-interface-emulator-address", f"127.0.0.1:{port}"),
            *("--runtime-api-address", f"127.0.0.1:{runtime_port}"),
            binary,
        ]
        environment = {
            **CREDENTIALS,
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "50",
            "AWS_LAMBDA_LOG_FORMAT": "JSON",
            "ASSIGNMENTS_FILE": str(table),
            # As the template does it.
            "MANAGEMENT_ACCOUNT_ID": aws.management,
            **settings,
        }
        with log.open("ab") as output:
            process = subprocess.Popen(
                command, cwd=tmp_path, env=environment, stdout=output, stderr=output, start_new_session=True
            )
        running.append(process)
        wait_for(process, port, log)
        return Function(process, port)

    yield deploy
    for process in running:
        # The emulator and the binary are one process group, and no other.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if log.exists():
        print(log.read_text(errors="replace"))


@dataclass
class Assignctl:
    """The operator's command, in a directory of its own."""

    path: Path
    directory: Path
    environment: dict[str, str]

    def __call__(self, *arguments, **environment):
        """Runs it without a terminal, so nobody can answer."""
        return subprocess.run(
            [self.path, *map(str, arguments)],
            cwd=self.directory,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def document(self, *arguments, **environment):
        """With `--json`: the exit status, and the one document on standard output."""
        done = self("--json", *arguments, **environment)
        return done.returncode, json.loads(done.stdout)

    def asked(self, *arguments, answer="y", meanwhile=lambda: None):
        """Runs it on a terminal, and answers its question after `meanwhile()`. The exit status, and what it said."""
        terminal, its_end = pty.openpty()
        process = subprocess.Popen(
            [self.path, *map(str, arguments)],
            cwd=self.directory,
            env={**self.environment, "NO_COLOR": "1", "TERM": "dumb"},
            stdin=its_end,
            stdout=its_end,
            stderr=its_end,
            start_new_session=True,
        )
        os.close(its_end)
        said, answered, until = b"", False, time.monotonic() + 60
        try:
            while time.monotonic() < until:
                ready, _, _ = select.select([terminal], [], [], 1)
                try:
                    more = os.read(terminal, 65536) if ready else None
                except OSError:
                    # This is how Linux reports that the other end is closed.
                    break
                if more == b"":
                    break
                said += more or b""
                if not answered and b"[y/N]" in said:
                    meanwhile()
                    os.write(terminal, f"{answer}\n".encode())
                    answered = True
            return process.wait(timeout=10), said.decode().replace("\r\n", "\n")
        finally:
            process.kill()
            process.wait()
            os.close(terminal)


@pytest.fixture
def assignctl(aws, tmp_path):
    """`assignctl("table", "pull")` runs it with the organization in moto."""
    path = Path(os.environ.get("ASSIGNCTL_BINARY", REPOSITORY / "target/debug/assignctl"))
    if not path.is_file():
        pytest.fail(
            f"there is no {path}: run `cargo build --package assignctl`, or name it in "
            "ASSIGNCTL_BINARY",
            pytrace=False,
        )
    directory = tmp_path / "assignctl"
    directory.mkdir()
    environment = {**CREDENTIALS, "PATH": os.environ["PATH"], "HOME": str(directory), "AWS_ENDPOINT_URL": aws.url}
    return Assignctl(path.resolve(), directory, environment)


@pytest.fixture
def before_moto(aws):
    """`before_moto(answer)` is the URL of a server in front of moto.

    It calls `answer(operation)` for every request, such as `TransactWriteItems`. `None` lets the request
    through; a status and a body answer in place of moto. With `query`, it calls `answer(operation, query)` with the
    parameters of the query protocol. `elsewhere(path)` is the URL that a request goes to instead of moto, or `None`.
    """
    running = []

    def start(answer, query=False, elsewhere=lambda path: None):
        asked = answer if query else lambda operation, _: answer(operation)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                target = self.headers.get("x-amz-target", "")
                parameters = urllib.parse.parse_qs(body.decode(errors="replace")) if not target else {}
                operation = target.rpartition(".")[2] or parameters.get("Action", [self.path])[0]
                status, content = asked(operation, parameters) or self.let_through(body)
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST

            def let_through(self, body):
                headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
                request = urllib.request.Request((elsewhere(self.path) or aws.url) + self.path, body or None, headers, method=self.command)
                try:
                    with urllib.request.urlopen(request, timeout=30) as got:
                        return got.status, got.read()
                except urllib.error.HTTPError as error:
                    return error.code, error.read()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@dataclass
class StandIn:
    """The stand-in for AWS: unlike moto it provisions asynchronously, keeps quotas, and can fail on order."""

    url: str

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )

    def control(self, name, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/stand-in/{name}", data, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or "null")

    def put(self, name, body):
        request = urllib.request.Request(
            f"{self.url}/stand-in/{name}",
            json.dumps(body).encode(),
            {"content-type": "application/json"},
            method="PUT",
        )
        urllib.request.urlopen(request, timeout=10).close()

    def assign(self, assignments):
        """Gives each account its assignments: (account, permission set, group)."""
        sso = self.client("sso-admin")
        instance = self.control("organization")["instanceArn"]
        for account, permission_set, group in sorted(assignments):
            sso.create_account_assignment(
                InstanceArn=instance,
                TargetId=account,
                TargetType="AWS_ACCOUNT",
                PermissionSetArn=permission_set,
                PrincipalType="GROUP",
                PrincipalId=group,
            )
        until = time.monotonic() + 10
        while len(self.assignments()) < len(assignments) and time.monotonic() < until:
            time.sleep(0.05)

    def assignments(self):
        return {
            (found["account"], found["permissionSet"], found["principalId"]) for found in self.control("assignments")
        }

    def creations(self):
        return self.control("creations")

    def fail(self, faults):
        self.control("faults", faults)


@pytest.fixture
def stand_in(tmp_path):
    """`stand_in(organization)` serves this organization on a free port."""
    path = Path(os.environ.get("STAND_IN_BINARY", REPOSITORY / "target/debug/stand-in"))
    if not path.is_file():
        pytest.fail(f"there is no {path}: run `cargo build --workspace`, or name it in STAND_IN_BINARY", pytrace=False)
    running = []

    def start(organization):
        file = tmp_path / "organization.json"
        file.write_text(json.dumps(organization))
        limits = {"--provisioning-ms": 20, "--latency-ms": 1, "--requests-per-second": 400, "--outstanding": 100}
        options = [str(word) for option in limits.items() for word in option]
        process = subprocess.Popen(
            [path.resolve(), "--port", "0", "--organization", file, *options],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        running.append(process)
        first = process.stdout.readline()
        if "http://" not in first:
            pytest.fail(f"the stand-in did not start: {first}", pytrace=False)
        return StandIn(first.split()[-1])

    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


# Below those that the system gives out, which any other process may be given before they are used.
PORTS = itertools.count(12_000 + 1_200 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")))


def free_ports(number):
    """Ports that nobody listens on. Each process of the tests has its own to choose from."""
    found = []
    while len(found) < number:
        port = next(PORTS)
        try:
            socket.create_server(("127.0.0.1", port)).close()
            found.append(port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    return found


def wait_for(process, port, log):
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    pytest.fail(f"the runtime interface emulator did not start:\n{log.read_text(errors='replace')}", pytrace=False)
