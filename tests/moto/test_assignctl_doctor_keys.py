"""`assignctl doctor` with customer managed keys: of Identity Center, of a DynamoDB table, and of a queue."""

import json

import pytest
from test_assignctl_doctor import doctor, stack  # noqa: F401
from test_assignctl_doctor_controls import simulated

KEYS = "there is none: Identity Center, tables and queues use keys of AWS's own"


@pytest.fixture
def key(aws):
    made = aws.client("kms").create_key()["KeyMetadata"]
    aws.calls.clear()
    return made["Arn"]


@pytest.fixture
def look(aws, doctor, before_moto):  # noqa: F811
    """The check of keys: `look(key)` with this key of Identity Center, `decide(resource, query)` for each decryption."""

    def run(key=None, decide=lambda query: "allowed", code=None):
        details = {"KeyType": "CUSTOMER_MANAGED_KEY", "KmsKeyArn": key, "EncryptionStatus": "ENABLED"}
        if key is None:
            details = {"KeyType": "AWS_OWNED_KMS_KEY", "EncryptionStatus": "ENABLED"}

        def answer(operation, query):
            if operation == "DescribeInstance":
                # moto does not know it.
                return 200, json.dumps({"InstanceArn": aws.instance, "EncryptionConfigurationDetails": details}).encode()
            if operation == code:
                return 400, json.dumps({"__type": "AccessDeniedException", "message": "not you"}).encode()
            if operation == "SimulatePrincipalPolicy":
                return simulated(query, lambda action, resource: decide(query))
            return None

        return doctor(AWS_ENDPOINT_URL=before_moto(answer, query=True))["keys"]

    return run


def conditions(query):
    """The values of the conditions that were given to the simulator."""
    names = {key: value[0] for key, value in query.items() if key.startswith("ContextEntries.")}
    return {
        names[key]: names[key.replace("ContextKeyName", "ContextKeyValues.member.1")]
        for key in names
        if key.endswith("ContextKeyName")
    }


def test_keys_of_aws_need_nothing(stack, look):  # noqa: F811
    stack()
    check = look()
    assert (check["status"], check["detail"]) == ("ok", KEYS)


def test_the_key_of_identity_center_is_looked_at_and_both_services_must_be_able_to_use_it(aws, stack, look, key):  # noqa: F811
    stack()
    asked = []

    def decide(query):
        if query["ActionNames.member.1"] == ["kms:Decrypt"]:
            asked.append((query["ResourceArns.member.1"][0], conditions(query)))
        return "allowed"

    check = look(key, decide)
    assert check["status"] == "ok", check
    assert f"Identity Center: the key {key} is Enabled" in check["detail"]
    of_sso = {"kms:ViaService": "sso.eu-west-1.amazonaws.com", "kms:EncryptionContext:aws:sso:instance-arn": aws.instance}
    assert asked.count((key, of_sso)) == 2, "for the roles of both functions"
    assert {given["kms:ViaService"] for _, given in asked} == {
        "sso.eu-west-1.amazonaws.com",
        "identitystore.eu-west-1.amazonaws.com",
    }
    store = "kms:EncryptionContext:aws:identitystore:identitystore-arn"
    assert any(given.get(store, "").startswith("arn:aws:identitystore::") for _, given in asked)


def test_a_role_that_may_not_decrypt_fails_and_names_the_parameter(stack, look, key):  # noqa: F811
    stack()

    def decide(query):
        return "implicitDeny" if "identitystore" in conditions(query).get("kms:ViaService", "") else "allowed"

    check = look(key, decide)
    assert (check["status"], "IdentityCenterKmsKeyArn" in check["remedy"]) == ("failed", True), check
    assert "may not decrypt by way of identitystore.eu-west-1.amazonaws.com" in check["detail"]
    assert "way of sso." not in check["detail"]


@pytest.mark.parametrize(
    ("spoil", "text", "remedy"),
    [
        (lambda kms, key: kms.disable_key(KeyId=key), "is Disabled", "enable-key"),
        (lambda kms, key: kms.schedule_key_deletion(KeyId=key), "is PendingDeletion", "cancel-key-deletion"),
    ],
)
def test_a_key_that_cannot_be_used_fails(aws, stack, look, key, spoil, text, remedy):  # noqa: F811
    stack()
    # moto takes the id alone here.
    spoil(aws.client("kms"), key.rpartition("/")[2])
    check = look(key)
    assert (check["status"], text in check["detail"], remedy in check["remedy"]) == ("failed", True, True), check


def test_a_key_that_does_not_exist_fails_and_one_that_may_not_be_looked_at_is_unknown(stack, look, key):  # noqa: F811
    stack()
    assert look(key.rpartition("/")[0] + "/00000000-0000-4000-8000-000000000000")["status"] == "failed"
    check = look(key, code="DescribeKey")
    assert (check["status"], check["remedy"]) == ("unknown", "allow this identity kms:DescribeKey")


def test_the_keys_of_a_table_and_a_queue_are_looked_at_too(aws, stack, look, key):  # noqa: F811
    aws.client("dynamodb").create_table(
        TableName="rules",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key},
    )
    queue = stack(ASSIGNMENTS_TABLE="rules")["FailedInvocationsQueueUrl"]
    aws.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"KmsMasterKeyId": key})
    detail = look()["detail"]
    for text in ["the DynamoDB table rules: the key", "by way of dynamodb.eu-west-1", "queue of failed invocations: the key"]:
        assert text in detail, detail
    check = look(decide=lambda query: "explicitDeny" if "kms:ViaService" in conditions(query) else "allowed")
    assert (check["status"], "kms:Decrypt with the key, by way of DynamoDB" in check["remedy"]) == ("failed", True), check
