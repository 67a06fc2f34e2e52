"""A small AWS organization in fakecloud, and the binaries in front of it.

fakecloud is a second opinion on Identity Center. It is a program of its own, run and never linked, and `make fakecloud`
installs it. How the binaries are run is what the tests with moto have.
"""

import importlib.util
import os
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def module(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


shared = module("with_moto", REPOSITORY / "tests/moto/conftest.py")
binary, emulator, deploy, assignctl = shared.binary, shared.emulator, shared.deploy, shared.assignctl

MANAGEMENT = "123456789012"
PERMISSION_SETS = [*shared.PERMISSION_SETS, *(f"Set-{number}" for number in range(20))]


@dataclass
class Aws(shared.Aws):
    def creations(self):
        """How many creations were accepted. fakecloud keeps no duplicate assignments, but each request."""
        pages = self.client("sso-admin").get_paginator("list_account_assignment_creation_status")
        return sum(
            len(page["AccountAssignmentsCreationStatus"]) for page in pages.paginate(InstanceArn=self.instance)
        )


@pytest.fixture(scope="session")
def program():
    path = Path(os.environ.get("FAKECLOUD_BINARY", REPOSITORY / ".tools/bin/fakecloud"))
    if not path.is_file():
        pytest.fail(f"there is no {path}: run `make fakecloud`, or name it in FAKECLOUD_BINARY", pytrace=False)
    return path.resolve()


@pytest.fixture
def server(program, tmp_path):
    """fakecloud on a free port, with nothing in it."""
    (port,) = shared.free_ports(1)
    log = tmp_path / "fakecloud.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, "--addr", f"127.0.0.1:{port}", "--region", shared.REGION, "--account-id", MANAGEMENT],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    url, until = f"http://127.0.0.1:{port}", time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(f"{url}/_fakecloud/health", timeout=2).close()
            break
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                process.kill()
                pytest.fail(f"fakecloud did not start:\n{log.read_text(errors='replace')}", pytrace=False)
            time.sleep(0.1)
    yield url
    process.kill()
    process.wait()


@pytest.fixture
def aws(server):
    aws = Aws(server, [], management=MANAGEMENT)
    organizations = aws.client("organizations")
    organizations.create_organization(FeatureSet="ALL")
    root = organizations.list_roots()["Roots"][0]["Id"]
    for path in shared.OUS:
        parent, _, name = path.rpartition("/")
        unit = organizations.create_organizational_unit(ParentId=aws.ous.get(parent, root), Name=name)
        aws.ous[path] = unit["OrganizationalUnit"]["Id"]
    for name, facts in shared.ACCOUNTS.items():
        account = aws.accounts[name] = created(organizations, name)
        organizations.move_account(
            AccountId=account, SourceParentId=root, DestinationParentId=aws.ous[facts["ou"]]
        )
        tags = [{"Key": key, "Value": value} for key, value in facts["tags"].items()]
        if tags:
            organizations.tag_resource(ResourceId=account, Tags=tags)

    sso = aws.client("sso-admin")
    # It is there from the start, as in an organization with Identity Center.
    (instance,) = sso.list_instances()["Instances"]
    aws.instance = instance["InstanceArn"]
    store, identity_store = instance["IdentityStoreId"], aws.client("identitystore")
    for name in PERMISSION_SETS:
        made = sso.create_permission_set(InstanceArn=aws.instance, Name=name, SessionDuration="PT1H")
        aws.permission_sets[name] = made["PermissionSet"]["PermissionSetArn"]
    for name in shared.GROUPS:
        aws.principals[name] = identity_store.create_group(IdentityStoreId=store, DisplayName=name)["GroupId"]
    for name in shared.USERS:
        user = identity_store.create_user(
            IdentityStoreId=store,
            UserName=name,
            DisplayName=name,
            Name={"GivenName": "A", "FamilyName": "Teacher"},
            Emails=[{"Value": name, "Primary": True}],
        )
        aws.principals[name] = user["UserId"]
    return aws


def created(organizations, name):
    """The id of a new account, which appears a moment after it was asked for."""
    status = organizations.create_account(AccountName=name, Email=f"{name}@example.com")["CreateAccountStatus"]
    until = time.monotonic() + 60
    while status["State"] == "IN_PROGRESS" and time.monotonic() < until:
        time.sleep(0.1)
        status = organizations.describe_create_account_status(CreateAccountRequestId=status["Id"])
        status = status["CreateAccountStatus"]
    assert status["State"] == "SUCCEEDED", status
    return status["AccountId"]
