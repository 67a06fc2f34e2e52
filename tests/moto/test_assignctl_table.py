"""`assignctl table push` and `pull`, between a file and a DynamoDB table in moto."""

import json
import re
import signal
import subprocess
import threading

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

NAME = "assignments"
TABLE = ("--table", f"dynamodb:{NAME}", "table")

ROWS = [
    {"id": "students", "permissionSet": "PowerUserAccess", "group": "students", "accounts": {"ous": ["Education"]}},
    {"id": "auditors", "description": "Auditors", "permissionSet": "ReadOnlyAccess", "group": "auditors"},
    {
        "id": "on-call",
        "permissionSet": "AdministratorAccess",
        "user": "teacher@example.com",
        "accounts": {"names": ["pay*"], "tags": {"course": "*"}, "except": {"ids": ["111122223333"]}},
    },
]


class Items:
    """The DynamoDB table, as anybody else may edit it."""

    def __init__(self, client):
        self.client = client
        client.create_table(
            TableName=NAME,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )

    def put(self, *rows):
        for row in rows:
            self.client.put_item(TableName=NAME, Item={n: TypeSerializer().serialize(v) for n, v in row.items()})

    def delete(self, id):
        self.client.delete_item(TableName=NAME, Key={"id": {"S": id}})

    def rows(self):
        pages = self.client.get_paginator("scan").paginate(TableName=NAME)
        items = [item for page in pages for item in page["Items"]]
        rows = [{name: TypeDeserializer().deserialize(value) for name, value in item.items()} for item in items]
        return {row["id"]: row for row in rows}


@pytest.fixture
def items(aws):
    items = Items(aws.client("dynamodb"))
    aws.calls.clear()
    return items


@pytest.fixture
def file(assignctl):
    """`file(rows)` writes the file that is pushed."""
    path = assignctl.directory / "mine.json"

    def write(rows):
        path.write_text(json.dumps({"assignments": rows}))
        return path

    return write


def by_id(rows):
    return {row["id"]: row for row in rows}


def row(n, **fields):
    return {"id": f"row-{n:03}", "permissionSet": "ReadOnlyAccess", "group": "auditors", **fields}


def push(assignctl, *arguments, **environment):
    return assignctl(*TABLE, "push", "mine.json", *arguments, **environment)


def expected(assignctl):
    """`--expect DIGEST`, as a pipeline has it from the last time that it looked at the table."""
    _, document = assignctl.document(*TABLE, "push", "mine.json")
    return "--expect", document["digest"]


def test_a_file_is_pushed_into_an_empty_table_and_a_second_push_has_nothing_to_do(aws, assignctl, items, file):
    file(ROWS)
    done = push(assignctl, "--yes")
    assert done.returncode == 0, done.stderr
    assert '+ auditors  description: "Auditors"  permissionSet: "ReadOnlyAccess"  group: "auditors"' in done.stdout
    assert "3 rows: 3 added, 0 changed, 0 removed" in done.stdout
    assert items.rows() == by_id(ROWS)
    aws.calls.clear()
    again = push(assignctl)
    assert again.returncode == 0, again.stderr
    assert "nothing to do" in again.stdout
    assert aws.count("TransactWriteItems") == 0


def test_the_difference_names_every_field_that_changes_and_nothing_is_written_without_an_answer(
    aws, assignctl, items, file
):
    items.put(*ROWS)
    edited = {**ROWS[0], "accounts": {"ous": ["Education", "Workloads"]}, "description": "New"}
    file([edited, ROWS[2], row(1)])
    done = push(assignctl, *expected(assignctl))
    assert done.returncode == 2, done.stdout
    assert "--yes" in done.stderr
    head, shown = done.stdout.split("\n\n")
    assert [line.split()[0] for line in head.splitlines()] == ["identity", "Region", "table"]
    assert "arn:aws:sts::" in head and "eu-west-1" in head and expected(assignctl)[1] in head
    assert shown.splitlines() == [
        '+ row-001  permissionSet: "ReadOnlyAccess"  group: "auditors"',
        "~ students",
        '    accounts.ous: ["Education"] → ["Education","Workloads"]',
        '    description: (not there) → "New"',
        '- auditors  description: "Auditors"  permissionSet: "ReadOnlyAccess"  group: "auditors"',
        "3 rows: 1 added, 1 changed, 1 removed",
    ]
    code, document = assignctl.document(*TABLE, "push", "mine.json")
    assert (code, document["outcome"]) == (1, "different")
    assert document["counts"] == {"added": 1, "changed": 1, "removed": 1}
    assert document["difference"]["changed"][0]["fields"][0] == {
        "field": "accounts.ous",
        "old": ["Education"],
        "new": ["Education", "Workloads"],
    }
    assert items.rows() == by_id(ROWS)
    assert aws.count("TransactWriteItems") == 0
    code, document = assignctl.document(*TABLE, "push", "mine.json", "--yes", "--expect", document["digest"])
    assert (code, document["outcome"]) == (0, "written")
    assert items.rows() == by_id([edited, ROWS[2], row(1)])
    code, document = assignctl.document(*TABLE, "push", "mine.json")
    assert (code, document["outcome"]) == (0, "unchanged")


def test_only_a_yes_is_a_yes(assignctl, items, file):
    file(ROWS)
    code, said = assignctl.asked(*TABLE, "push", "mine.json", answer="")
    assert code == 1, said
    assert "nothing was written" in said
    assert items.rows() == {}
    code, said = assignctl.asked(*TABLE, "push", "mine.json", answer="y")
    assert code == 0, said
    assert items.rows() == by_id(ROWS)


EDITS = {
    "a field that the push changes": lambda items: items.put({**ROWS[0], "group": "auditors"}),
    "a field that was not there": lambda items: items.put({**ROWS[0], "description": "Mine"}),
    "a row that the push removes": lambda items: items.put({**ROWS[1], "description": "Mine"}),
    "a row that the push changes, gone": lambda items: items.delete("students"),
    "a row that the push removes, gone": lambda items: items.delete("auditors"),
    "a row that the push adds": lambda items: items.put(row(1, description="Mine")),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_somebody_edits_while_the_difference_is_looked_at_is_never_overwritten(assignctl, items, file, edit):
    items.put(*ROWS)
    file([{**ROWS[0], "permissionSet": "ReadOnlyAccess"}, ROWS[2], row(1)])
    theirs = {}

    def meanwhile():
        EDITS[edit](items)
        theirs.update(items.rows())

    code, said = assignctl.asked(*TABLE, "push", "mine.json", *expected(assignctl), meanwhile=meanwhile)
    assert code == 1, said
    assert "1 row changed" in said
    assert "nothing was written" in said
    assert "run it again to see the new difference" in said
    assert items.rows() == theirs


def test_what_changed_since_the_pull_is_refused_and_force_overwrites_it(assignctl, items):
    items.put(*ROWS)
    pulled = assignctl(*TABLE, "pull", "mine.json")
    assert pulled.returncode == 0, pulled.stderr
    path = assignctl.directory / "mine.json"
    mine = json.loads(path.read_text())
    for one in mine["assignments"]:
        one["description"] = "Mine"
    path.write_text(json.dumps(mine))
    items.put({**ROWS[0], "description": "Theirs"})
    items.delete("auditors")
    theirs = items.rows()
    code, document = assignctl.document(*TABLE, "push", "mine.json", "--yes")
    assert (code, document["error"]["type"]) == (1, "TableChanged")
    assert "2 rows changed" in document["error"]["message"]
    assert "auditors, students" in document["error"]["message"]
    assert "--force" in document["error"]["next"]
    assert items.rows() == theirs
    done = push(assignctl, "--yes", "--force")
    assert done.returncode == 0, done.stderr
    assert "auditors, students" in done.stderr
    assert items.rows() == by_id(mine["assignments"])
    # The push is remembered as the pull was: the next edit is reported again.
    items.put({**ROWS[0], "description": "Theirs again"})
    code, document = assignctl.document(*TABLE, "push", "mine.json", "--yes")
    assert (code, document["error"]["type"]) == (1, "TableChanged")


def test_an_edit_of_a_row_that_the_push_leaves_alone_is_not_a_conflict(assignctl, items):
    items.put(*ROWS)
    assert assignctl(*TABLE, "pull", "mine.json").returncode == 0
    path = assignctl.directory / "mine.json"
    mine = json.loads(path.read_text())
    theirs = {**ROWS[0], "description": "Both say so"}
    for one in mine["assignments"]:
        one.update(theirs if one["id"] == "students" else {"description": "Mine"})
    path.write_text(json.dumps(mine))
    items.put(theirs)
    done = push(assignctl, "--yes")
    assert done.returncode == 0, done.stderr
    assert "2 rows: 0 added, 2 changed" in done.stdout


def test_a_memory_of_another_table_or_a_broken_one_is_no_memory_and_says_so(assignctl, items, file):
    items.put(*ROWS)
    file(ROWS[:2])
    memory = assignctl.directory / ".mine.json.pulled"
    for text, warning in [
        ("{", "cannot be read"),
        (json.dumps({"table": "another", "region": "eu-west-1", "rows": {}}), "from the DynamoDB table another"),
        (json.dumps({"table": NAME, "region": "us-east-1", "rows": {}}), "in us-east-1"),
    ]:
        memory.write_text(text)
        done = push(assignctl, "--yes")
        assert done.returncode == 1, done.stdout
        assert warning in done.stderr
        assert "1 row that the push would overwrite or remove: on-call" in done.stderr
    assert items.rows() == by_id(ROWS)


@pytest.mark.parametrize("rows", [[], [row(1)]], ids=["no rows", "no row that is there"])
def test_a_push_that_leaves_nothing_is_refused_without_force(assignctl, items, file, rows):
    items.put(*ROWS)
    file(rows)
    code, document = assignctl.document(*TABLE, "push", "mine.json", "--yes")
    assert (code, document["error"]["type"]) == (2, "EmptyTable")
    assert items.rows() == by_id(ROWS)
    done = push(assignctl, "--yes", "--force")
    assert done.returncode == 0, done.stderr
    assert items.rows() == by_id(rows)


def test_a_bad_file_is_refused_whole_with_every_fault_before_anything_is_read(aws, assignctl, items, file):
    file([{**ROWS[0], "group": ""}, {**ROWS[1], "acounts": {}}])
    done = push(assignctl, "--yes")
    assert done.returncode == 2
    for fault in ["(students), group", "(auditors), acounts"]:
        assert fault in done.stderr
    assert aws.calls == []


def test_a_row_too_large_for_dynamodb_is_named_before_anything_is_written(aws, assignctl, items, file):
    file([*ROWS, row(1, description="ä" * 205_000)])
    done = push(assignctl, "--yes")
    assert done.returncode == 2
    assert "400 KB: row-001" in done.stderr
    assert aws.count("TransactWriteItems") == 0


def test_a_bad_table_is_fixed_by_a_push_and_sets_of_strings_count_as_lists(assignctl, items, file):
    items.put({**ROWS[1], "group": 7, "count": 3}, {**ROWS[0], "accounts": {"ous": {"Workloads", "Education"}}})
    file([ROWS[1], {**ROWS[0], "accounts": {"ous": ["Workloads", "Education"]}}])
    code, document = assignctl.document(*TABLE, "push", "mine.json")
    assert code == 1
    assert document["difference"]["added"] == document["difference"]["removed"] == []
    assert document["difference"]["changed"] == [
        {"id": "auditors", "fields": [{"field": "count", "old": 3}, {"field": "group", "old": 7, "new": "auditors"}]}
    ]
    done = push(assignctl, "--yes", "--expect", document["digest"])
    assert done.returncode == 0, done.stderr
    assert "is not sound" in done.stderr
    assert "(auditors), group" in done.stderr
    assert items.rows()["auditors"] == ROWS[1]


def test_many_rows_are_written_in_several_transactions_and_puts_come_before_deletes(
    assignctl, items, file, before_moto
):
    items.put(*(row(n) for n in range(20)))
    rows = [row(n, description="edited") for n in range(10, 260)]
    file(rows)
    digest, seen = expected(assignctl), []
    url = before_moto(lambda operation: seen.append(len(items.rows())) if operation == "TransactWriteItems" else None)
    done = push(assignctl, "--yes", *digest, AWS_ENDPOINT_URL=url)
    assert done.returncode == 0, done.stderr
    assert "260 rows: 240 added, 10 changed, 10 removed" in done.stdout
    assert items.rows() == by_id(rows)
    # What the function would read in between: never fewer rows than before or after.
    assert seen == [20, 120, 220]


def test_if_a_later_transaction_is_refused_the_earlier_ones_are_undone(aws, assignctl, items, file):
    before = [row(n) for n in range(20)]
    items.put(*before)
    file([row(n, description="edited") for n in range(10, 260)])
    theirs = row(0, description="Theirs")
    # Rows to remove are in the last transaction.
    digest = expected(assignctl)
    code, said = assignctl.asked(*TABLE, "push", "mine.json", *digest, meanwhile=lambda: items.put(theirs))
    assert code == 1, said
    assert "1 row changed" in said
    assert "row-000; nothing was written" in said
    assert items.rows() == by_id([theirs, *before[1:]])
    assert aws.count("TransactWriteItems") == 3 + 2


def test_what_cannot_be_undone_is_reported(assignctl, items, file, before_moto):
    before = [row(n) for n in range(20)]
    items.put(*before)
    file([row(n, description="edited") for n in range(10, 260)])
    transactions = []

    def answer(operation):
        if operation != "TransactWriteItems":
            return None
        transactions.append(operation)
        if len(transactions) == 3:
            # While the third is under way, somebody edits what is to be removed, and what was written just now.
            items.put(row(0, description="Theirs"), row(100, description="Theirs"))
        return None

    digest = expected(assignctl)
    code, document = assignctl.document(
        *TABLE, "push", "mine.json", "--yes", *digest, AWS_ENDPOINT_URL=before_moto(answer)
    )
    assert (code, document["error"]["type"]) == (1, "TableChanged")
    assert "row-000; 1 row written before and not undone: row-100" in document["error"]["message"]
    after = by_id(before)
    after["row-000"], after["row-100"] = row(0, description="Theirs"), row(100, description="Theirs")
    assert items.rows() == after


def test_an_answer_that_denies_a_later_transaction_undoes_and_says_what_to_allow(assignctl, items, file, before_moto):
    file([row(n) for n in range(150)])
    transactions = []

    def answer(operation):
        if operation == "TransactWriteItems":
            transactions.append(operation)
            if len(transactions) == 2:
                return 400, b'{"__type": "com.amazon.coral.service#AccessDeniedException", "Message": "no"}'
        return None

    code, document = assignctl.document(
        *TABLE, "push", "mine.json", "--yes", AWS_ENDPOINT_URL=before_moto(answer)
    )
    assert (code, document["error"]["type"]) == (1, "WriteFailed")
    assert "nothing was written" in document["error"]["message"]
    assert "dynamodb:PutItem" in document["error"]["next"]
    assert items.rows() == {}


def test_without_a_clear_answer_nothing_is_claimed(assignctl, items, file, before_moto):
    file([row(n) for n in range(150)])
    transactions = []

    def answer(operation):
        if operation == "TransactWriteItems":
            transactions.append(operation)
            if len(transactions) >= 2:
                return 500, b'{"__type": "InternalServerError", "message": "no"}'
        return None

    code, document = assignctl.document(
        *TABLE, "push", "mine.json", "--yes", AWS_ENDPOINT_URL=before_moto(answer)
    )
    assert code == 1
    assert "100 rows written before and not undone" in document["error"]["message"]
    assert "50 rows may have been written" in document["error"]["message"]
    assert len(items.rows()) == 100


@pytest.mark.parametrize("arguments", [("push", "mine.json"), ("pull", "mine.json"), ("pull",)])
def test_only_a_dynamodb_table_is_pushed_to_and_pulled_from(aws, assignctl, file, arguments):
    file(ROWS)
    done = assignctl("--table", "assignments.json", "table", *arguments)
    assert done.returncode == 2
    assert "--table dynamodb:NAME" in done.stderr
    assert aws.calls == []


def test_a_table_that_is_not_there_is_reported(assignctl, file):
    file(ROWS)
    done = push(assignctl, "--yes")
    assert done.returncode == 2
    assert "there is no DynamoDB table assignments in eu-west-1" in done.stderr


def test_a_table_with_another_key_is_not_a_config_table(aws, assignctl, file):
    file(ROWS)
    client = aws.client("dynamodb")
    client.create_table(
        TableName=NAME,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "LockID", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "LockID", "AttributeType": "S"}],
    )
    client.put_item(TableName=NAME, Item={"LockID": {"S": "a"}})
    done = push(assignctl, "--yes", "--force")
    assert done.returncode != 0
    assert "the partition key is not `id`" in done.stderr


def test_a_table_is_pulled_to_standard_output_and_to_a_new_file_and_pushed_back_is_the_same(assignctl, items):
    items.put(*ROWS)
    printed = assignctl(*TABLE, "pull")
    assert printed.returncode == 0, printed.stderr
    document = json.loads(printed.stdout)
    assert document["$schema"] == "./assignments.schema.json"
    assert by_id(document["assignments"]) == by_id(ROWS)
    done = assignctl(*TABLE, "pull", "mine.json")
    assert done.returncode == 0, done.stderr
    assert (assignctl.directory / "mine.json").read_text() == printed.stdout
    assert "nothing to do" in push(assignctl, "--yes").stdout
    assert "nothing to do" in assignctl(*TABLE, "pull", "mine.json").stdout


def test_a_file_is_overwritten_after_a_yes_and_keeps_its_order_and_its_schema(assignctl, items):
    path = assignctl.directory / "mine.json"
    before = json.dumps({"$schema": "../schema.json", "assignments": [ROWS[2], row(1), ROWS[1]]})
    path.write_text(before)
    items.put(*ROWS, row(0))
    done = assignctl(*TABLE, "pull", "mine.json")
    assert (done.returncode, path.read_text()) == (2, before)
    assert "- row-001" in done.stdout
    code, document = assignctl.document(*TABLE, "pull", "mine.json")
    assert (code, document["outcome"]) == (1, "different")
    assert document["counts"] == {"added": 2, "changed": 0, "removed": 1}
    code, said = assignctl.asked(*TABLE, "pull", "mine.json", answer="n")
    assert (code, path.read_text()) == (1, before), said
    code, said = assignctl.asked(*TABLE, "pull", "mine.json")
    assert code == 0, said
    after = json.loads(path.read_text())
    assert after["$schema"] == "../schema.json"
    assert [one["id"] for one in after["assignments"]] == ["on-call", "auditors", "row-000", "students"]


def test_a_file_that_is_not_a_table_is_not_overwritten_without_yes(assignctl, items):
    path = assignctl.directory / "mine.json"
    path.write_text('{"assignments": [{"id": "A"}]}')
    items.put(*ROWS)
    done = assignctl(*TABLE, "pull", "mine.json")
    assert done.returncode == 2
    assert "(A), id" in done.stderr
    assert "--yes" in done.stderr
    assert path.read_text() == '{"assignments": [{"id": "A"}]}'
    done = assignctl(*TABLE, "pull", "mine.json", "--yes")
    assert done.returncode == 0, done.stderr
    assert by_id(json.loads(path.read_text())["assignments"]) == by_id(ROWS)


def test_a_bad_table_is_not_pulled_and_every_fault_is_reported(assignctl, items, file):
    path = file(ROWS)
    before = path.read_text()
    items.put({**ROWS[0], "group": 7}, {**ROWS[1], "acounts": {}})
    for arguments in [("mine.json", "--yes"), ()]:
        done = assignctl(*TABLE, "pull", *arguments)
        assert done.returncode == 2
        assert done.stdout == ""
        for fault in ["(students), group", "(auditors), acounts"]:
            assert fault in done.stderr
    assert path.read_text() == before


def test_a_checkout_without_a_memory_only_adds_rows(aws, assignctl, items, file):
    items.put(*ROWS)
    file([*ROWS, row(1)])
    done = push(assignctl, "--yes")
    assert done.returncode == 0, done.stderr
    assert items.rows() == by_id([*ROWS, row(1)])
    theirs = {**ROWS[0], "description": "Theirs"}
    items.put(theirs, row(2))
    # Another checkout: the file is what it was, and nothing says what the table was.
    (assignctl.directory / ".mine.json.pulled").unlink()
    aws.calls.clear()
    code, document = assignctl.document(*TABLE, "push", "mine.json", "--yes")
    assert (code, document["error"]["type"]) == (1, "TableChanged")
    assert "2 rows that the push would overwrite or remove: row-002, students" in document["error"]["message"]
    assert aws.count("TransactWriteItems") == 0
    assert items.rows() == by_id([theirs, *ROWS[1:], row(1), row(2)])
    # Its remedy is one: the digest that it names.
    digest = re.search("sha256:[0-9a-f]{64}", document["error"]["next"])[0]
    done = push(assignctl, "--yes", "--expect", digest)
    assert done.returncode == 0, done.stderr
    assert items.rows() == by_id([*ROWS, row(1)])


def test_a_digest_is_expected_and_any_change_refuses_the_push(assignctl, items, file):
    items.put(*ROWS)
    _, pulled = assignctl.document(*TABLE, "pull", "seen.json")
    file(ROWS[:1])
    items.put(row(1))
    code, document = assignctl.document(*TABLE, "push", "mine.json", "--yes", "--expect", pulled["digest"])
    assert (code, document["error"]["type"]) == (1, "TableChanged")
    assert "is not the expected one" in document["error"]["message"]
    assert items.rows() == by_id([*ROWS, row(1)])
    items.delete("row-001")
    code, document = assignctl.document(*TABLE, "push", "mine.json", "--yes", "--expect", pulled["digest"])
    assert (code, document["outcome"]) == (0, "written")
    assert items.rows() == by_id(ROWS[:1])
    assert push(assignctl, "--yes", "--expect", "sha256:1234").returncode == 2


def test_pull_push_and_plan_print_the_same_digest_for_the_same_rows(assignctl, items, file):
    items.put(*ROWS)
    file(ROWS)
    printed = {
        assignctl.document(*TABLE, "pull", "seen.json")[1]["digest"],
        assignctl.document(*TABLE, "push", "mine.json")[1]["digest"],
        assignctl.document("--table", f"dynamodb:{NAME}", "plan")[1]["digest"],
        assignctl.document("--table", "mine.json", "plan")[1]["digest"],
    }
    assert len(printed) == 1
    (digest,) = printed
    assert f"digest {digest}" in assignctl(*TABLE, "pull").stderr
    assert digest in assignctl("--table", "mine.json", "plan").stdout


def test_pull_changes_only_what_changed_and_keeps_links(assignctl, items):
    kept = assignctl.directory / "kept"
    kept.mkdir()
    lines = [
        '{"$schema": "s",',
        ' "assignments": [',
        '   {"id": "on-call",   "user": "teacher@example.com", "permissionSet": "AdministratorAccess"},',
        '   {"id": "auditors", "permissionSet": "ReadOnlyAccess", "group": "auditors"}',
        " ]",
        "}",
    ]
    (kept / "mine.json").write_text("\n".join(lines))
    (assignctl.directory / "mine.json").symlink_to("kept/mine.json")
    (assignctl.directory / "new.json").symlink_to("kept/new.json")
    on_call = {"id": "on-call", "user": "teacher@example.com", "permissionSet": "AdministratorAccess"}
    items.put(on_call, {"id": "auditors", "permissionSet": "ReadOnlyAccess", "group": "students"}, row(1))
    done = assignctl(*TABLE, "pull", "mine.json", "--yes")
    assert done.returncode == 0, done.stderr
    assert (assignctl.directory / "mine.json").is_symlink()
    assert (kept / "mine.json").read_text().splitlines() == [
        *lines[:3],
        '   {"id": "auditors", "permissionSet": "ReadOnlyAccess", "group": "students"},',
        '   {"id": "row-001", "permissionSet": "ReadOnlyAccess", "group": "auditors"}',
        *lines[4:],
    ]
    done = assignctl(*TABLE, "pull", "new.json")
    assert done.returncode == 0, done.stderr
    assert (assignctl.directory / "new.json").is_symlink()
    assert by_id(json.loads((kept / "new.json").read_text())["assignments"]).keys() == {"on-call", "auditors", "row-001"}


@pytest.mark.parametrize("name", [signal.SIGINT, signal.SIGTERM])
def test_a_push_that_hangs_is_stopped_by_signals(assignctl, items, file, before_moto, name):
    file([row(n) for n in range(150)])
    hangs, released, transactions = threading.Event(), threading.Event(), []

    def answer(operation):
        if operation == "TransactWriteItems":
            transactions.append(operation)
            if len(transactions) == 2:
                hangs.set()
                released.wait(60)
        return None

    process = subprocess.Popen(
        [assignctl.path, "--json", *TABLE, "push", "mine.json", "--yes"],
        cwd=assignctl.directory,
        env={**assignctl.environment, "AWS_ENDPOINT_URL": before_moto(answer)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert hangs.wait(60)
        process.send_signal(name)
        said = process.stderr.readline()
        assert "no more is written" in said, said
        process.send_signal(name)
        stdout, stderr = process.communicate(timeout=30)
    finally:
        process.kill()
        released.set()
    error = json.loads(stdout)["error"]
    assert (process.returncode, error["type"]) == (1, "Stopped"), stderr
    assert "100 rows written before and not undone" in error["message"]
    assert "50 rows may have been written" in error["message"]
