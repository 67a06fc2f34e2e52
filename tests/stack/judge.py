"""Decides requests by ministack's evaluator of IAM policies, which nobody here wrote. It runs in ministack's own
environment: one JSON document a line in, one list of decisions a line out.

Of the evaluators at hand it is the sound one. It knows NotAction, NotResource, Deny before Allow, `*` and `?`, the case
rules of actions and resources, conditions and boundaries. moto's reads a statement with NotResource as one about every
resource, a condition that is not met as a Deny, and `?` and `.` as a regular expression does, and its actions mind the
case.
"""

import json
import sys

from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document


def decide(case):
    policies = [parse_policy_document(document) for document in case["policies"]]
    limits = [[parse_policy_document(document) for document in limit] for limit in case["limits"]]
    for action, resource, context in case["requests"]:
        request = EvalContext(
            principal_arn="arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Power_0123456789abcdef/session",
            principal_type="AssumedRole",
            principal_account="111122223333",
            action=action,
            resource_arn=resource,
            region="eu-west-1",
            service_context=context,
        )
        yield evaluate(request, policies, *limits).decision == "Allow"


for line in sys.stdin:
    print(json.dumps(list(decide(json.loads(line)))), flush=True)
