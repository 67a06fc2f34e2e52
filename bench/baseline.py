"""Baselines of the benchmark: the job as a plain Python function with boto3 does it.

`sequential` creates one assignment after another; `pool` does the same on ten threads. Both ask every two seconds
whether a creation has ended. Neither looks at what is there already, tries again what was refused, or keeps to a
deadline; a throttled call is repeated by boto3, ten times at most: with its default of three attempts, reading the
names of twenty permission sets fails at the quota of twenty requests a second.
"""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 10})
sso = boto3.client("sso-admin", config=CONFIG)
identity_store = boto3.client("identitystore", config=CONFIG)

with open(os.environ["ASSIGNMENTS_FILE"], encoding="utf-8") as file:
    ROWS = json.load(file)["assignments"]


def sequential(event, _context):
    return answer([create(assignment) for assignment in wanted(event["accountId"])])


def pool(event, _context):
    with ThreadPoolExecutor(10) as threads:
        return answer(list(threads.map(create, wanted(event["accountId"]))))


def wanted(account):
    """One CreateAccountAssignment request for each row, its names looked up."""
    instance = sso.list_instances()["Instances"][0]
    arn = instance["InstanceArn"]
    permission_sets = {}
    for page in sso.get_paginator("list_permission_sets").paginate(InstanceArn=arn):
        for permission_set in page["PermissionSets"]:
            described = sso.describe_permission_set(InstanceArn=arn, PermissionSetArn=permission_set)
            permission_sets[described["PermissionSet"]["Name"]] = permission_set
    groups = {
        name: identity_store.get_group_id(
            IdentityStoreId=instance["IdentityStoreId"],
            AlternateIdentifier={"UniqueAttribute": {"AttributePath": "displayName", "AttributeValue": name}},
        )["GroupId"]
        for name in {row["group"] for row in ROWS}
    }
    return [
        {
            "InstanceArn": arn,
            "TargetId": account,
            "TargetType": "AWS_ACCOUNT",
            "PermissionSetArn": permission_sets[row["permissionSet"]],
            "PrincipalType": "GROUP",
            "PrincipalId": groups[row["group"]],
        }
        for row in ROWS
    ]


def create(assignment):
    status = sso.create_account_assignment(**assignment)["AccountAssignmentCreationStatus"]
    while status["Status"] == "IN_PROGRESS":
        time.sleep(2)
        status = sso.describe_account_assignment_creation_status(
            InstanceArn=assignment["InstanceArn"],
            AccountAssignmentCreationRequestId=status["RequestId"],
        )["AccountAssignmentCreationStatus"]
    return status


def answer(statuses):
    failed = [status for status in statuses if status["Status"] != "SUCCEEDED"]
    if failed:
        raise RuntimeError(f"{len(failed)} creations failed: {failed[0].get('FailureReason')}")
    return {"outcome": "ready", "counts": {"created": len(statuses)}}
