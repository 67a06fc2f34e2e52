"""The stacks that the tests drive. All are on one ministack, each in an account or a Region of its own, because every
rule of an account and Region sees every event there."""

import aws as local
import pytest
from aws import ELSEWHERE, MANAGEMENT, ORGANIZATION, REGION

# What an instance may be encrypted with. No server here asks for it.
KEY = f"arn:aws:kms:{REGION}:{MANAGEMENT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.fixture(scope="session")
def template():
    """template.yaml as `sam build` has built it."""
    return or_fail(local.build)


@pytest.fixture(scope="session")
def servers(tmp_path_factory):
    aws = local.Aws(tmp_path_factory.mktemp("aws"))
    try:
        yield or_fail(aws.start)
    finally:
        aws.stop()


def or_fail(start):
    try:
        return start()
    except local.NotThere as missing:
        pytest.fail(str(missing), pytrace=False)


@pytest.fixture
def aws(servers):
    """The servers, with nobody assigned to anything; what a failed test's servers said is printed."""
    local.eventually(servers.idle, what="the end of what an earlier test began")
    servers.control("reset", {})
    servers.control("organization", local.ORGANIZATION, "PUT")
    begin = servers.server_log().stat().st_size
    yield servers
    with servers.server_log().open("rb") as log:
        log.seek(begin)
        print(log.read().decode(errors="replace"))


@pytest.fixture(scope="session")
def deployed(servers, template):
    """The stack with no parameter given, in the management account."""
    return servers.deploy(template, "account-assigner")


@pytest.fixture
def stack(aws, deployed):
    """That stack, with empty queues."""
    empty(deployed)
    return deployed


def empty(stack):
    for queue in ("UndeliveredEventsQueueUrl", "FailedInvocationsQueueUrl"):
        stack.client("sqs").purge_queue(QueueUrl=stack.outputs[queue])


@pytest.fixture(scope="session")
def with_every_place(servers, template):
    """A stack that is told everything it could find out, and writes to somebody. Its schedule is stopped, or it would
    give what it finds missing in the middle of another test."""
    stack = servers.deploy(
        template,
        "with-every-place",
        "eu-central-1",
        IdentityCenterInstanceArn=ORGANIZATION["instanceArn"],
        IdentityCenterKmsKeyArn=KEY,
        IdentityStoreId=ORGANIZATION["identityStoreId"],
        OrganizationId=ORGANIZATION["id"],
        ManagementAccountId=MANAGEMENT,
        AlarmEmail="oncall@example.com",
        Schedule="'rate(1 minute)'",
        **ELSEWHERE,
    )
    for name in ("ScheduleRule", "UnexplainedRule"):
        stack.client("events").disable_rule(Name=stack.resources()[name])
    return stack
