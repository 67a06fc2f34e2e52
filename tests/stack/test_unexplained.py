"""The count of what no row explains, by the roles that are deployed."""

import json

from aws import eventually


def test_what_everybody_has_is_counted(stack):
    machine = stack.client("stepfunctions")
    arn = machine.start_execution(stateMachineArn=stack.outputs["UnexplainedArn"], input="{}")["executionArn"]
    execution = eventually(
        lambda: machine.describe_execution(executionArn=arn),
        lambda execution: execution["status"] != "RUNNING",
        "the end of the count",
    )
    assert execution["status"] == "SUCCEEDED", execution
    output = json.loads(execution["output"])
    assert (output["outcome"], output["counts"]["unread"]) == ("counted", 0)
