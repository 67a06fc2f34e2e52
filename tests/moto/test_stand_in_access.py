"""The stand-in's roles, use and policy generations as boto3 sees them, which knows the shapes of AWS from its own model."""

import json
import time
from datetime import datetime, timedelta, timezone

import boto3
import pytest
from botocore.exceptions import ClientError
from conftest import REPOSITORY

ORGANIZATION = json.loads((REPOSITORY / "tests/stand-in/organization.json").read_text())
POWER = next(found["arn"] for found in ORGANIZATION["permissionSets"] if found["name"] == "PowerUserAccess")
ACCOUNT = "111122223333"
PATH = "/aws-reserved/sso.amazonaws.com/eu-west-1/"
ROLE = f"arn:aws:iam::{ACCOUNT}:role{PATH}AWSReservedSSO_PowerUserAccess_0123456789abcdef"
ANALYZER_ROLE = f"arn:aws:iam::{ACCOUNT}:role/service-role/AccessAnalyzerMonitorServiceRole_X"
TRAIL = "arn:aws:cloudtrail:eu-west-1:123456789012:trail/aws-controltower-BaselineCloudTrail"
MANAGED = "arn:aws:iam::aws:policy/PowerUserAccess"
POLICY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "NotAction": ["iam:*"], "Resource": "*"}]}

ACCESS = {
    "trail": {
        "name": "aws-controltower-BaselineCloudTrail",
        "arn": TRAIL,
        "homeRegion": "eu-west-1",
        "bucket": "aws-controltower-logs-222233334444-eu-west-1",
        "prefix": "o-a1b2c3d4e5",
    },
    "policies": {MANAGED: POLICY},
    "sets": {
        POWER: {
            "description": "Builds things",
            "sessionDuration": "PT8H",
            "tags": {"team": "platform"},
            "managedPolicies": [MANAGED],
            "customerManagedPolicies": [{"name": "Team", "path": "/"}],
            "boundary": {"customerManaged": {"name": "Limit", "path": "/"}},
        }
    },
    "accounts": {
        ACCOUNT: {
            "assumable": ["AWSControlTowerExecution"],
            "policies": {"/Team": POLICY},
            "roles": [
                {
                    "name": "AWSReservedSSO_PowerUserAccess_0123456789abcdef",
                    "path": PATH,
                    "logged": ["s3:ListAllMyBuckets", "ec2:RunInstances"],
                    "tracked": {"s3:ListAllMyBuckets": 7, "s3:PutBucketPolicy": None},
                    "services": {"s3": 7, "glue": None},
                },
                {"name": "AccessAnalyzerMonitorServiceRole_X", "path": "/service-role/"},
            ],
        }
    },
    "jobMillis": 300,
}
WINDOW = {"startTime": datetime.now(timezone.utc) - timedelta(days=90), "endTime": datetime.now(timezone.utc)}


@pytest.fixture
def aws(stand_in):
    server = stand_in(ORGANIZATION)
    server.put("access", ACCESS)
    return server


def client(server, service, credentials=None):
    keys = credentials or {"AccessKeyId": "any", "SecretAccessKey": "any", "SessionToken": None}
    return boto3.client(
        service,
        endpoint_url=server.url,
        region_name="eu-west-1",
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


def session(server, *actions, account=ACCOUNT):
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}
    return client(server, "sts").assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/AWSControlTowerExecution",
        RoleSessionName="assignctl",
        Policy=json.dumps(policy),
    )["Credentials"]


def refused(call, **members):
    with pytest.raises(ClientError) as refusal:
        call(**members)
    return refusal.value.response["Error"]["Code"]


def finished(call):
    while (answer := call())["jobDetails"]["status"] == "IN_PROGRESS":
        time.sleep(0.02)
    return answer


def start(analyzer, **change):
    trail = {"cloudTrailArn": TRAIL, "allRegions": True}
    details = {"trails": [trail], "accessRole": ANALYZER_ROLE, **WINDOW, **change}
    return analyzer.start_policy_generation(policyGenerationDetails={"principalArn": ROLE}, cloudTrailDetails=details)


def test_a_permission_set_shows_what_it_holds(aws):
    sso = client(aws, "sso-admin")
    of = {"InstanceArn": ORGANIZATION["instanceArn"], "PermissionSetArn": POWER}
    described = sso.describe_permission_set(**of)["PermissionSet"]
    assert (described["Description"], described["SessionDuration"]) == ("Builds things", "PT8H")
    assert sso.get_inline_policy_for_permission_set(**of)["InlinePolicy"] == ""
    attached = sso.list_managed_policies_in_permission_set(**of)["AttachedManagedPolicies"]
    assert attached == [{"Name": "PowerUserAccess", "Arn": MANAGED}]
    references = sso.list_customer_managed_policy_references_in_permission_set(**of)
    assert references["CustomerManagedPolicyReferences"] == [{"Name": "Team", "Path": "/"}]
    boundary = sso.get_permissions_boundary_for_permission_set(**of)["PermissionsBoundary"]
    assert boundary == {"CustomerManagedPolicyReference": {"Name": "Limit", "Path": "/"}}
    tags = sso.list_tags_for_resource(InstanceArn=of["InstanceArn"], ResourceArn=POWER)["Tags"]
    assert tags == [{"Key": "team", "Value": "platform"}]
    assert sso.list_accounts_for_provisioned_permission_set(**of)["AccountIds"] == [ACCOUNT]
    other = {**of, "PermissionSetArn": ORGANIZATION["permissionSets"][0]["arn"]}
    assert refused(sso.get_permissions_boundary_for_permission_set, **other) == "ResourceNotFoundException"
    assert sso.list_accounts_for_provisioned_permission_set(**other)["AccountIds"] == []


def test_a_session_is_of_the_account_and_may_do_what_its_policy_says(aws):
    sts = client(aws, "sts")
    arn = f"arn:aws:iam::{ACCOUNT}:role/AWSControlTowerExecution"
    assert refused(sts.assume_role, RoleArn=arn, RoleSessionName="assignctl") == "AccessDenied"
    missing = {"RoleArn": arn.replace("Execution", "Admin"), "RoleSessionName": "assignctl", "Policy": "{}"}
    assert refused(sts.assume_role, **missing) == "AccessDenied"
    assert sts.get_caller_identity()["Account"] == ORGANIZATION["managementAccountId"]

    reader = session(aws, "iam:ListRoles", "iam:Get*")
    assert client(aws, "sts", reader).get_caller_identity()["Account"] == ACCOUNT
    iam = client(aws, "iam", reader)
    assert [role["Arn"] for role in iam.list_roles(PathPrefix="/aws-reserved/sso.amazonaws.com/")["Roles"]] == [ROLE]
    assert refused(iam.generate_service_last_accessed_details, Arn=ROLE) == "AccessDenied"
    for policy in (MANAGED, f"arn:aws:iam::{ACCOUNT}:policy/Team"):
        version = iam.get_policy(PolicyArn=policy)["Policy"]["DefaultVersionId"]
        document = iam.get_policy_version(PolicyArn=policy, VersionId=version)["PolicyVersion"]["Document"]
        assert document == POLICY
    assert refused(iam.get_policy, PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/No") == "NoSuchEntity"


def test_last_accessed_data_is_for_the_session_that_asked(aws):
    credentials = session(aws, "iam:*")
    iam = client(aws, "iam", credentials)
    job = iam.generate_service_last_accessed_details(Arn=ROLE, Granularity="ACTION_LEVEL")["JobId"]
    assert refused(client(aws, "iam", session(aws, "iam:*")).get_service_last_accessed_details, JobId=job) == "AccessDenied"
    while (answer := iam.get_service_last_accessed_details(JobId=job))["JobStatus"] == "IN_PROGRESS":
        time.sleep(0.02)
    assert (answer["JobStatus"], answer["JobType"], answer["IsTruncated"]) == ("COMPLETED", "ACTION_LEVEL", False)
    glue, s3 = answer["ServicesLastAccessed"]
    assert (glue["ServiceNamespace"], "LastAuthenticated" in glue) == ("glue", False)
    assert (datetime.now(timezone.utc) - s3["LastAuthenticated"]).days == 7
    tracked = {action["ActionName"]: action.get("LastAccessedTime") for action in s3["TrackedActionsLastAccessed"]}
    assert tracked["PutBucketPolicy"] is None and tracked["ListAllMyBuckets"] is not None


def test_a_policy_generation_runs_alone_and_gives_a_text(aws):
    analyzer = client(aws, "accessanalyzer", session(aws, "access-analyzer:*"))
    job = start(analyzer)["jobId"]
    with pytest.raises(ClientError) as second:
        start(analyzer)
    assert second.value.response["Error"]["Code"] == "ServiceQuotaExceededException"
    assert second.value.response["ResponseMetadata"]["HTTPStatusCode"] == 402
    answer = finished(lambda: analyzer.get_generated_policy(jobId=job))
    assert answer["jobDetails"]["status"] == "SUCCEEDED"
    result = answer["generatedPolicyResult"]
    assert result["properties"]["isComplete"] is True
    assert (WINDOW["endTime"] - result["properties"]["cloudTrailProperties"]["startTime"]).days == 90
    [policy] = result["generatedPolicies"]
    assert json.loads(policy["policy"])["Statement"][0]["Action"] == ["ec2:RunInstances", "s3:ListAllMyBuckets"]
    with_placeholders = analyzer.get_generated_policy(jobId=job, includeResourcePlaceholders=True)
    assert "${BucketName}" in with_placeholders["generatedPolicyResult"]["generatedPolicies"][0]["policy"]
    listed = analyzer.list_policy_generations(principalArn=ROLE)["policyGenerations"]
    assert [(found["jobId"], found["status"]) for found in listed] == [(job, "SUCCEEDED")]
    other = client(aws, "accessanalyzer")
    assert refused(other.get_generated_policy, jobId=job) == "ResourceNotFoundException"
    assert other.list_policy_generations()["policyGenerations"] == []

    second = start(analyzer)["jobId"]
    analyzer.cancel_policy_generation(jobId=second)
    assert analyzer.get_generated_policy(jobId=second)["jobDetails"]["status"] == "CANCELED"


def test_a_policy_generation_fails_as_it_does_on_aws(aws):
    analyzer = client(aws, "accessanalyzer", session(aws, "access-analyzer:*"))
    job = start(analyzer, accessRole=ANALYZER_ROLE.replace("_X", "_Y"))["jobId"]
    error = finished(lambda: analyzer.get_generated_policy(jobId=job))["jobDetails"]["jobError"]
    assert error["code"] == "AUTHORIZATION_ERROR"

    account = {**ACCESS["accounts"][ACCOUNT], "jobError": {"code": "SERVICE_QUOTA_EXCEEDED_ERROR", "message": "too many log files", "unlessDays": 14, "unlessRegions": 1}}
    aws.put("access", {**ACCESS, "accounts": {ACCOUNT: account}})
    analyzer = client(aws, "accessanalyzer", session(aws, "access-analyzer:*"))
    fortnight = {"startTime": WINDOW["endTime"] - timedelta(days=14)}
    one_region = {"trails": [{"cloudTrailArn": TRAIL, "regions": ["us-east-1"]}]}
    for change, status in [({}, "FAILED"), (fortnight, "FAILED"), ({**fortnight, **one_region}, "SUCCEEDED")]:
        job = start(analyzer, **change)["jobId"]
        assert finished(lambda: analyzer.get_generated_policy(jobId=job))["jobDetails"]["status"] == status

    aws.put("access", {**ACCESS, "accounts": {ACCOUNT: {**account, "quotaUsedUp": True}}})
    analyzer = client(aws, "accessanalyzer", session(aws, "access-analyzer:*"))
    with pytest.raises(ClientError) as used_up:
        start(analyzer)
    assert used_up.value.response["Error"]["Code"] == "ServiceQuotaExceededException"


def test_the_trail_shows_in_every_account(aws):
    trail = client(aws, "cloudtrail", session(aws, "cloudtrail:DescribeTrails"))
    [found] = trail.describe_trails()["trailList"]
    assert (found["TrailARN"], found["S3KeyPrefix"], found["HomeRegion"]) == (TRAIL, "o-a1b2c3d4e5", "eu-west-1")
    assert "KmsKeyId" not in found
