"""What `assignctl permission-set draft` makes of a set means the same for what was used, and allows nothing else.

An evaluator that nobody here wrote decides, before and after: see judge.py. The sets are random ones and every policy
that AWS manages, in moto's copy.
"""

import json
import random
import re
import subprocess

import pytest
from aws import NotThere, REPOSITORY, program
from moto.iam.aws_managed_policies import aws_managed_policies_data

ACCOUNT = "111122223333"
SEEDS = range(300)

ACTIONS = ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "ec2:RunInstances", "ec2:DescribeInstances", "iam:PassRole"]
PATTERNS = ["*", "s3:*", "S3:get*", "*:*Instances", "ec2:R?nInstances", "ec2:*", "s3:P*", "iam:PassRole", "s3:ListBucket"]
RESOURCES = [
    "arn:aws:s3:::a",
    "arn:aws:s3:::a/x",
    "arn:aws:s3:::b",
    "arn:aws:ec2:eu-west-1:111122223333:instance/i-1",
    "arn:aws:iam::111122223333:role/app",
]
PLACES = ["*", "arn:aws:s3:::*", "arn:aws:s3:::a*", "arn:aws:s3:::a", "arn:aws:*:::?", "arn:aws:ec2:*:*:instance/*", "arn:aws:iam::*:role/*"]
CONDITIONS = [
    {"Bool": {"aws:MultiFactorAuthPresent": True}},
    {"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}},
    {"StringNotEquals": {"aws:RequestedRegion": ["eu-west-1", "us-east-1"]}},
    {"StringLike": {"iam:PassedToService": "ec2.*"}, "Null": {"aws:MultiFactorAuthPresent": "false"}},
]
CONTEXTS = [
    {},
    {"aws:multifactorauthpresent": "true"},
    {"aws:multifactorauthpresent": "false", "iam:passedtoservice": "ec2.amazonaws.com"},
    {"aws:multifactorauthpresent": "true", "iam:passedtoservice": "lambda.amazonaws.com"},
]


@pytest.fixture(scope="module")
def judge():
    """Answers which of some requests policies allow, within limits."""
    python = REPOSITORY / ".venv-stack/bin/python"
    process = subprocess.Popen(
        [python, REPOSITORY / "tests/stack/judge.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def decide(policies, limits, requests):
        process.stdin.write(json.dumps({"policies": policies, "limits": limits, "requests": requests}) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield decide
    process.stdin.close()
    assert process.wait() == 0


@pytest.fixture
def draft(tmp_path):
    """`draft(set, used, keep)`: the exit code and the policy file, or the text of the refusal."""
    try:
        binary = program("assignctl", "ASSIGNCTL_BINARY", "cargo build --package assignctl")
    except NotThere as missing:
        pytest.fail(str(missing), pytrace=False)

    def run(permission_set, used, keep=None, *options):
        usage, output = tmp_path / "usage.json", tmp_path / "policy.json"
        output.unlink(missing_ok=True)
        actions = [{"action": action, "sources": ["generated"]} for action in used]
        identity = {"arn": "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-ef450dbf3b354e78", "name": "Power"}
        usage.write_text(
            json.dumps(
                {
                    "version": 1,
                    "days": 90,
                    "permissionSet": {**identity, **permission_set},
                    "accounts": [{"id": ACCOUNT, "actions": actions}],
                }
            )
        )
        command = [binary, "permission-set", "draft", usage, "--output", output, *options]
        if keep is not None:
            (tmp_path / "keep.json").write_text(json.dumps({"keep": keep}))
            command += ["--keep", tmp_path / "keep.json"]
        run = subprocess.run(command, capture_output=True, text=True)
        return run.returncode, json.loads(output.read_text()) if output.exists() else run.stderr

    return run


def document(statements):
    return {"Version": "2012-10-17", "Statement": statements}


def statement(pick):
    some = lambda all: pick.sample(all, pick.randint(1, 2))  # noqa: E731
    made = {
        "Effect": "Allow" if pick.random() < 0.65 else "Deny",
        "NotAction" if pick.random() < 0.3 else "Action": some(PATTERNS),
        "NotResource" if pick.random() < 0.2 else "Resource": some(PLACES),
    }
    if pick.random() < 0.3:
        made["Condition"] = pick.choice(CONDITIONS)
    return made


def everything():
    return [(action, resource, context) for action in ACTIONS for resource in RESOURCES for context in CONTEXTS]


@pytest.mark.parametrize("seeds", [SEEDS[start::10] for start in range(10)], ids=str)
def test_of_a_random_set_what_was_used_means_the_same_and_nothing_else_is_allowed(judge, draft, seeds):
    drafted = kept = 0
    for seed in seeds:
        pick = random.Random(seed)
        inline = document([statement(pick) for _ in range(pick.randint(1, 4))])
        managed = [document([statement(pick) for _ in range(pick.randint(1, 3))]) for _ in range(pick.randint(0, 2))]
        boundary = [document([statement(pick) for _ in range(pick.randint(1, 3))])] if pick.random() < 0.4 else None
        used = pick.sample(ACTIONS, pick.randint(1, 3))
        permission_set = {
            "inlinePolicy": inline,
            "managedPolicies": [
                {"arn": f"arn:aws:iam::aws:policy/P{number}", "document": policy} for number, policy in enumerate(managed)
            ],
        }
        if boundary:
            permission_set["boundary"] = {
                "managed": {"arn": "arn:aws:iam::aws:policy/Limit", "document": boundary[0]}
            }
        # Something that the set allows by one statement, or something random, which may be refused.
        whole = [each for policy in (inline, *managed) for each in policy["Statement"]]
        whole = [each for each in whole if each["Effect"] == "Allow" and "Action" in each]
        keep = pick.choice([{**statement(pick), "Effect": "Allow"}, *whole])
        rows = [{"statement": keep, "reason": "a test"}] if pick.random() < 0.5 else None
        status, made = draft(permission_set, used, rows)
        if status == 2 and rows:
            rows = None
            status, made = draft(permission_set, used)
        limits = [boundary] if boundary else []
        old = judge([inline, *managed], limits, everything())
        if status != 0:
            assert "nothing would be left" in made, f"seed {seed}: {made}"
            new = [False] * len(old)
        else:
            drafted += 1
            new = judge([made["policy"]], limits, everything())
        keeps = judge([document([rows[0]["statement"]])], [], everything()) if rows else [False] * len(old)
        kept += bool(rows)
        for (action, resource, context), before, after, keep in zip(everything(), old, new, keeps):
            assert after == (before and (action in used or keep)), (
                f"seed {seed}: {action} on {resource} with {context}: {before} became {after}"
            )
    assert drafted and kept, "the cases are about something"


def test_of_every_policy_of_aws_what_was_used_means_the_same_and_nothing_else_is_allowed(judge, draft):
    """Each is taken as a set of its own, of which some of its actions were used."""
    policies = {name: policy["Document"] for name, policy in json.loads(aws_managed_policies_data).items()}
    assert len(policies) > 1000
    with_not_action = 0
    pick = random.Random(0)
    chosen = [name for name, policy in policies.items() if "NotAction" in json.dumps(policy) or "Deny" in json.dumps(policy)]
    chosen += pick.sample(sorted(set(policies) - set(chosen)), 250)
    for name in chosen:
        policy = policies[name]
        with_not_action += "NotAction" in json.dumps(policy)
        literal = sorted(
            action
            for action in re.findall(r'"([a-z0-9-]+:[A-Za-z0-9]+)"', json.dumps(policy))
            if not action.startswith(("aws:", "arn:"))
        )
        asked = sorted({*pick.sample(literal, min(len(literal), 8)), "s3:GetObject", "ec2:RunInstances", "iam:CreateUser"})
        used = pick.sample(asked, 3)
        status, made = draft({"managedPolicies": [{"arn": f"arn:aws:iam::aws:policy/{name}", "document": policy}]}, used)
        arns = sorted({arn for arn in re.findall(r'"(arn:[^"]+)"', json.dumps(policy))})
        resources = [arn.replace("*", "x") for arn in pick.sample(arns, min(len(arns), 6))] + ["arn:aws:s3:::some/thing"]
        requests = [(action, resource, context) for action in asked for resource in resources for context in CONTEXTS]
        old = judge([policy], [], requests)
        if status == 0:
            new = judge([made["policy"]], [], requests)
        else:
            assert status == 1 and "nothing would be left" in made, f"{name}: {made}"
            new = [False] * len(old)
        for (action, resource, context), before, after in zip(requests, old, new):
            assert after == (before and action in used), f"{name}: {action} on {resource} with {context}: {before} became {after}"
    assert with_not_action > 5


def allow(**members):
    return {"Effect": "Allow", "Resource": "*", **members}


def deny(**members):
    return {"Effect": "Deny", "Resource": "*", **members}


BUCKET, OBJECT, OTHER = "arn:aws:s3:::a", "arn:aws:s3:::a/x", "arn:aws:s3:::b/x"
INSTANCE = "arn:aws:ec2:eu-west-1:111122223333:instance/i-1"
APP = "arn:aws:iam::111122223333:role/app"
# The statements of a set, what was used, what is kept; and requests, with whether each is allowed before and after. The
# answers are written by hand, from what IAM documents: they judge the evaluator too.
FORMS = {
    "NotAction": (
        [allow(NotAction=["iam:*", "organizations:*"])],
        ["s3:GetObject", "iam:PassRole"],
        [],
        [
            ("s3:GetObject", OBJECT, True, True),
            ("s3:PutObject", OBJECT, True, False),
            ("ec2:RunInstances", INSTANCE, True, False),
            ("iam:PassRole", APP, False, False),
        ],
    ),
    "NotAction, and a row that is kept": (
        [allow(NotAction="iam:*")],
        ["s3:GetObject"],
        [allow(Action="ec2:DescribeInstances")],
        [
            ("s3:GetObject", OBJECT, True, True),
            ("ec2:DescribeInstances", INSTANCE, True, True),
            ("ec2:RunInstances", INSTANCE, True, False),
        ],
    ),
    "NotAction, and a Deny with a wildcard": (
        [allow(NotAction="iam:*"), deny(Action="s3:P*")],
        ["s3:PutObject", "s3:GetObject"],
        [],
        [
            ("s3:PutObject", OBJECT, False, False),
            ("s3:GetObject", OBJECT, True, True),
            ("s3:ListBucket", BUCKET, True, False),
        ],
    ),
    "a Deny of one place": (
        [allow(Action="*"), deny(Action="s3:*", Resource="arn:aws:s3:::b*")],
        ["s3:GetObject"],
        [],
        [
            ("s3:GetObject", OBJECT, True, True),
            ("s3:GetObject", OTHER, False, False),
            ("s3:PutObject", OBJECT, True, False),
        ],
    ),
    "a Deny with NotAction": (
        [allow(Action="*"), deny(NotAction=["s3:*", "ec2:Describe*"])],
        ["s3:GetObject", "ec2:RunInstances", "ec2:DescribeInstances"],
        [],
        [
            ("s3:GetObject", OBJECT, True, True),
            ("ec2:DescribeInstances", INSTANCE, True, True),
            ("ec2:RunInstances", INSTANCE, False, False),
            ("s3:PutObject", OBJECT, True, False),
        ],
    ),
    "a Deny with NotResource": (
        [allow(Action="s3:*"), {"Effect": "Deny", "Action": "s3:*", "NotResource": "arn:aws:s3:::a/*"}],
        ["s3:GetObject", "s3:ListBucket"],
        [],
        [
            ("s3:GetObject", OBJECT, True, True),
            ("s3:GetObject", OTHER, False, False),
            ("s3:ListBucket", BUCKET, False, False),
            ("s3:PutObject", OBJECT, True, False),
        ],
    ),
    "wildcards of actions, in any case": (
        [allow(Action=["ec2:R?nInstances", "S3:get*"])],
        ["ec2:RunInstances", "s3:GetObject", "s3:PutObject"],
        [],
        [
            ("ec2:RunInstances", INSTANCE, True, True),
            ("s3:GetObject", OBJECT, True, True),
            ("ec2:DescribeInstances", INSTANCE, False, False),
            ("s3:PutObject", OBJECT, False, False),
        ],
    ),
    "wildcards of resources": (
        [allow(Action="s3:*", Resource=["arn:aws:s3:::?", "arn:aws:s3:::a/*"])],
        ["s3:ListBucket", "s3:GetObject"],
        [],
        [
            ("s3:ListBucket", BUCKET, True, True),
            ("s3:ListBucket", "arn:aws:s3:::ab", False, False),
            ("s3:GetObject", OBJECT, True, True),
            ("s3:GetObject", OTHER, False, False),
            ("s3:PutObject", OBJECT, True, False),
        ],
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_of_each_form_of_a_statement_the_answers_are_those_that_iam_documents(judge, draft, form):
    statements, used, keeps, expected = FORMS[form]
    rows = [{"statement": keep, "reason": "a test"} for keep in keeps]
    status, made = draft({"inlinePolicy": document(statements)}, used, rows or None)
    assert status == 0, made
    requests = [(action, resource, {}) for action, resource, *_ in expected]
    assert judge([document(statements)], [], requests) == [before for *_, before, _ in expected], "the evaluator"
    assert judge([made["policy"]], [], requests) == [after for *_, after in expected], made["policy"]
