"""The config table in DynamoDB, and the survey, with the function's binary against moto."""

import pytest
from boto3.dynamodb.types import TypeSerializer
from test_assignments import ROWS, WANTED, vended

TABLE = "assignments"


@pytest.fixture
def config_table(aws):
    """`config_table(rows)` writes one item a row."""
    client = aws.client("dynamodb")
    client.create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )

    def write(rows):
        for row in rows:
            item = {name: TypeSerializer().serialize(value) for name, value in row.items()}
            client.put_item(TableName=TABLE, Item=item)

    return write


def from_dynamodb(deploy):
    return deploy([], ASSIGNMENTS_FILE="", ASSIGNMENTS_TABLE=TABLE)


def test_rows_in_dynamodb_mean_the_same_and_an_edit_is_seen_by_the_next_event(aws, deploy, config_table):
    function = from_dynamodb(deploy)
    empty = function.invoke(vended(aws, "class-7"))
    assert (empty["outcome"], empty["grants"]) == ("ready", [])
    config_table(ROWS)
    answer = function.invoke(vended(aws, "class-7"))
    assert (answer["outcome"], answer["counts"]["created"]) == ("ready", 3)
    assert aws.assignments() == WANTED


def test_a_table_of_several_pages_is_read_whole(aws, deploy, config_table):
    # DynamoDB answers 1 MB a page.
    description = "x" * 20_000
    config_table(
        [
            {"id": f"row-{n}", "description": description, "permissionSet": "ReadOnlyAccess", "group": "auditors"}
            for n in range(120)
        ]
    )
    answer = from_dynamodb(deploy).invoke(vended(aws, "class-7"))
    assert len(answer["grants"]) == 1
    assert len(answer["grants"][0]["rules"]) == 120
    assert aws.count("Scan") > 1


def test_a_bad_item_refuses_the_table_and_is_named_with_its_field(aws, deploy, config_table):
    config_table([*ROWS, {"id": "broken", "permissionSet": "No Such Name", "group": 7, "acounts": {}}])
    answer = from_dynamodb(deploy).invoke(vended(aws, "class-7"))
    assert answer["errorType"] == "InvalidTable"
    for fault in ["(broken), permissionSet", "(broken), group", "(broken), acounts"]:
        assert fault in answer["errorMessage"]
    assert aws.identity_center_calls() == []


def test_a_table_that_is_not_there_is_reported(aws, deploy):
    answer = from_dynamodb(deploy).invoke(vended(aws, "class-7"))
    assert answer["errorType"] == "InvalidConfig"
    assert "dynamodb:Scan" in answer["errorMessage"]


def test_the_survey_names_the_accounts_that_lack_something_until_they_have_it(aws, deploy):
    function = deploy(ROWS)
    survey = function.invoke({"survey": True})
    assert survey["outcome"] == "surveyed"
    assert survey["accounts"] == sorted([aws.accounts["class-7"], aws.accounts["compiler"]])
    assert (survey["counts"]["missing"], survey["counts"]["management"]) == (4, 1)
    assert aws.assignments().total() == 0
    for account in survey["accounts"]:
        assert function.invoke({"accountId": account})["outcome"] == "ready"
    survey = function.invoke({"survey": True})
    assert (survey["accounts"], survey["counts"]["incomplete"]) == ([], 0)
