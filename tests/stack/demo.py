"""The whole product on this machine, to be tried by hand: `make stack-demo` runs it, `tests/stack/try` talks to it."""

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import aws as local
from aws import ORGANIZATION, REPOSITORY, TARGET, eventually, program

STACK = "account-assigner"
DIRECTORY = TARGET / "stack/demo"
# Where `AWS_ENDPOINT_URL` of most tools for local servers points by habit, and the next one.
PORT = int(os.environ.get("STACK_PORT", 4566))
NAMES = {
    **{found["arn"]: found["name"] for found in ORGANIZATION["permissionSets"]},
    **{found["id"]: found["name"] for found in ORGANIZATION["groups"] + ORGANIZATION["users"]},
}

THINGS_TO_TRY = """\
The stack runs. In another terminal:

  tests/stack/try grants                    who has what in which account now: nobody anything
  tests/stack/try event create-succeeded    an account is vended: the event, and the function's answer
  tests/stack/try grants                    its people are in
  tests/stack/try event create-succeeded    the same event again: nothing is created
  tests/stack/try event update-succeeded    any event of events/, or a file of your own
  tests/stack/try backfill                  every account gets what it lacks
  tests/stack/try table                     the config table, in DynamoDB
  tests/stack/try edit                      edit it in $EDITOR: the change starts the backfill
  tests/stack/try break                     nobody has anything, and Identity Center refuses; vend again, then:
  tests/stack/try queue                     what failed at every attempt, with the reason
  tests/stack/try repair                    Identity Center works again; nobody has anything
  tests/stack/try log                       what the function has logged
  tests/stack/try assignctl plan            the operator's command, with any of its verbs

With the AWS CLI or an SDK, as the management account:

  {export}

Ctrl-C here ends it, and nothing of it stays."""


def serve():
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    DIRECTORY.mkdir(parents=True)
    # A demo that is ended from outside stops its servers, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    servers = local.Aws(DIRECTORY)
    try:
        print("building and deploying: half a minute", flush=True)
        servers.start(port=PORT, stand_in_port=PORT + 1)
        stack = servers.deploy(local.build(), STACK, TableSource="dynamodb")
        assignctl(stack, "table", "push", REPOSITORY / "examples/assignments.json", "--yes", quiet=True)
        stack.ended(1)
        servers.control("reset", {})
        variables = {"AWS_ENDPOINT_URL": servers.url, **servers.credentials()}
        export = "export " + " ".join(f"{name}={value}" for name, value in variables.items())
        print(THINGS_TO_TRY.format(export=export), flush=True)
        signal.pause()
    except KeyboardInterrupt:
        print()
    finally:
        servers.stop()


def connected():
    servers = local.Aws(DIRECTORY, f"http://127.0.0.1:{PORT}", f"http://127.0.0.1:{PORT + 1}")
    try:
        servers.control("calls")
        return servers.deployed(STACK)
    except OSError:
        sys.exit("nothing runs here yet: `make stack-demo` in another terminal, and wait until it says so")


def assignctl(stack, *words, quiet=False):
    """The operator's command, for that stack's table and organization."""
    servers = stack.aws
    environment = {
        **os.environ,
        **servers.credentials(),
        "AWS_ENDPOINT_URL": servers.url,
        "AWS_ENDPOINT_URL_SSO_ADMIN": servers.stand_in,
        "AWS_ENDPOINT_URL_IDENTITYSTORE": servers.stand_in,
        "AWS_ENDPOINT_URL_ORGANIZATIONS": servers.stand_in,
    }
    path = program("assignctl", "ASSIGNCTL_BINARY", "cargo build --workspace")
    table = f"dynamodb:{stack.outputs['AssignmentsTableName']}"
    done = subprocess.run(
        [path, "--table", table, *map(str, words)],
        env=environment,
        stdout=subprocess.DEVNULL if quiet else None,
    )
    return done.returncode


def event(stack, name):
    file = Path(name) if Path(name).is_file() else REPOSITORY / f"events/{name.removesuffix('.json')}.json"
    if not file.is_file():
        known = sorted(
            file.stem for file in (REPOSITORY / "events").glob("*.json") if "detail-type" in file.read_text()
        )
        sys.exit(f"there is no event {name}; events/ has {', '.join(known)}")
    sent = json.loads(file.read_text())
    if "detail-type" not in sent:
        return print(json.dumps(stack.invoke(sent), indent=2))
    before, failed = len(results(stack)), len(stack.messages("FailedInvocationsQueueUrl"))
    executions = len(stack.executions())
    began = time.monotonic()
    stack.put_event(sent)

    def answered():
        """What the function said to the event, in the end, or the backfill that the event has started."""
        found = results(stack)[before:]
        good = [result for result in found if result.get("outcome") != "incomplete"]
        gave_up = len(stack.messages("FailedInvocationsQueueUrl")) > failed
        return good or (gave_up and found) or [ending(one) for one in stack.executions()[executions:] if over(one)]

    try:
        answer = eventually(answered, what="an answer", seconds=30)[-1]
    except AssertionError:
        return print("no answer within 30 seconds: no rule sees this event")
    print(json.dumps(answer, indent=2))
    print(f"\nfrom the event to the answer: {time.monotonic() - began:.1f} s")


def over(execution):
    return execution["status"] != "RUNNING"


def ending(execution):
    said = execution.get("output") or json.dumps(execution.get("cause"))
    return {"backfill": execution["status"], "input": json.loads(execution["input"]), "said": json.loads(said)}


def results(stack):
    return [json.loads(line)["result"] for line in stack.log() if line.startswith("{") and '"result"' in line]


def grants(stack):
    accounts = {found["id"]: found["name"] for found in stack.aws.control("organization")["accounts"]}
    rows = [
        (
            accounts.get(found["account"], found["account"]),
            NAMES.get(found["permissionSet"], found["permissionSet"]),
            NAMES.get(found["principalId"], found["principalId"]),
        )
        for found in stack.aws.control("assignments")
    ]
    for account, permission_set, principal in sorted(rows):
        print(f"{account:<14}{permission_set:<24}{principal}")
    print(f"{len(rows)} assignments")


def backfill(stack):
    print(json.dumps(ending(stack.start_backfill()), indent=2))


def edit(stack):
    file = DIRECTORY / "assignments.json"
    before = len(stack.executions())
    file.unlink(missing_ok=True)
    if assignctl(stack, "table", "pull", file) != 0:
        return
    subprocess.run([*shlex.split(os.environ.get("EDITOR", "vi")), str(file)], check=True)
    if assignctl(stack, "table", "push", file) == 0:
        print("the change starts the backfill ...", flush=True)
        try:
            print(json.dumps(ending(stack.ended(before + 1)[-1]), indent=2))
        except AssertionError:
            print("it has not started: nothing was changed")


def queue(stack):
    for title, name in [
        ("failed at every attempt", "FailedInvocationsQueueUrl"),
        ("never delivered", "UndeliveredEventsQueueUrl"),
    ]:
        messages = stack.messages(name)
        print(f"{len(messages)} {title}")
        for message in messages:
            print(json.dumps(message.get("responsePayload", message), indent=2))


def refuse(stack):
    reason = "Received a 404 status error: not found"
    fault = {"operation": "CreateAccountAssignment", "kind": {"FailedStatus": {"reason": reason}}}
    stack.aws.control("reset", {})
    stack.aws.control("faults", [fault])
    print("nobody has anything, and from now on no creation succeeds")


def repair(stack):
    stack.aws.control("reset", {})
    print("Identity Center works, and nobody has anything")


def log(stack):
    print("\n".join(stack.log()))


def main():
    parser = argparse.ArgumentParser(prog="tests/stack/try")
    verbs = parser.add_subparsers(dest="verb", required=True)
    simple = {
        "grants": grants,
        "backfill": backfill,
        "edit": edit,
        "queue": queue,
        "break": refuse,
        "repair": repair,
        "log": log,
    }
    for name in [*simple, "table", "serve"]:
        verbs.add_parser(name)
    verbs.add_parser("event").add_argument("event")
    verbs.add_parser("assignctl", add_help=False)
    known, rest = parser.parse_known_args()
    if rest and known.verb != "assignctl":
        parser.error(f"unknown: {' '.join(rest)}")
    match known.verb:
        case "serve":
            serve()
        case "event":
            event(connected(), known.event)
        case "table":
            assignctl(connected(), "table", "pull")
        case "assignctl":
            sys.exit(assignctl(connected(), *rest))
        case verb:
            simple[verb](connected())


if __name__ == "__main__":
    try:
        main()
    except local.NotThere as missing:
        sys.exit(str(missing))
