"""What starts the function, each from the event on the bus to the assignments that stand in Identity Center, and what
becomes of an event that cannot be served."""

import json

import pytest
from aws import eventually, sample

CLASS_7 = {
    ("class-7", "ReadOnlyAccess", "auditors"),
    ("class-7", "PowerUserAccess", "students"),
    ("class-7", "SupportUser", "teachers"),
}
PAYMENTS = {("payments", "ReadOnlyAccess", "auditors"), ("payments", "AdministratorAccess", "platform-admins")}


def stand(aws, wanted):
    assert eventually(aws.assignments, lambda found: found == wanted, f"exactly {sorted(wanted)}") == wanted


def always(kind, operation="CreateAccountAssignment"):
    return [{"operation": operation, "kind": kind}]


@pytest.mark.parametrize(
    ("event", "wanted"),
    [("create-succeeded", CLASS_7), ("update-succeeded", PAYMENTS), ("move-account", CLASS_7)],
)
def test_an_account_that_was_created_updated_or_moved_gets_its_assignments(aws, stack, event, wanted):
    stack.put_event(event)
    stand(aws, wanted)


def on_account(name):
    """The event of this baseline operation, on the account class-7."""
    event = sample("enable-baseline-account")
    [status] = event["detail"]["serviceEventDetails"].values()
    event["detail"]["eventName"] = name
    event["detail"]["serviceEventDetails"] = {f"{name[0].lower()}{name[1:]}Status": status}
    return event


@pytest.mark.parametrize("name", ["EnableBaseline", "ResetEnabledBaseline", "UpdateEnabledBaseline"])
def test_an_account_with_a_baseline_gets_its_assignments_and_no_backfill_starts(aws, stack, name):
    before, results = len(stack.executions()), stack.results()
    # Control Tower sends such an event for each account of an OU, and sends it twice.
    stack.put_event(on_account(name))
    stack.put_event(on_account(name))
    assert [result["outcome"] for result in results(2)] == ["ready", "ready"]
    stand(aws, CLASS_7)
    # Both may have begun before one saw what the other had asked for.
    assert len(aws.creations()) <= 2 * len(CLASS_7)
    eventually(aws.idle, what="the end of all events")
    assert len(stack.executions()) == before


def test_a_baseline_on_nothing_that_can_be_found_ends_in_the_queue_and_says_what_to_do(aws, stack):
    event = sample("enable-baseline-account")
    [status] = event["detail"]["serviceEventDetails"].values()
    status["enabledBaselineDetails"]["targetIdentifier"] = "Not Available"
    stack.put_event(event)
    message = eventually(lambda: stack.messages("FailedInvocationsQueueUrl"), what="the failed event")[0]
    assert message["responsePayload"]["errorType"] == "InvalidEvent"
    assert "start the state machine" in message["responsePayload"]["errorMessage"]
    assert aws.creations() == []


def test_a_move_that_control_tower_makes_while_it_vends_starts_nothing(aws, stack):
    results = stack.results()
    stack.put_event("move-by-control-tower")
    # The next event is served, and only that one.
    stack.put_event("update-succeeded")
    assert [result["account"]["name"] for result in results(1)] == ["payments"]
    eventually(aws.idle, what="the end of all events")
    assert [result["account"]["name"] for result in results(1)] == ["payments"]
    stand(aws, PAYMENTS)


def test_another_rule_sees_what_an_account_got_and_the_log_has_it(aws, stack):
    results = stack.results()
    stack.put_event("create-succeeded")
    result = results()[0]
    assert (result["outcome"], result["account"]["id"]) == ("ready", "111122223333")
    assert result["counts"]["created"] == 3
    assert {(grant["permissionSet"]["name"], grant["principal"]["name"]) for grant in result["grants"]} == {
        (permission_set, principal) for _, permission_set, principal in CLASS_7
    }
    # One line in JSON, as LoggingConfig has it.
    logged = [json.loads(line)["result"] for line in stack.log() if '"result"' in line]
    assert result["grants"][0]["requestId"] in [grant.get("requestId") for one in logged for grant in one["grants"]]


@pytest.mark.parametrize("event", ["create-failed", "update-failed", "enable-baseline-failed"])
def test_a_vending_that_failed_gives_nobody_anything_and_is_counted(aws, stack, event):
    results = stack.results()
    stack.put_event(event)
    result = results()[0]
    assert result["outcome"] == "ignored"
    assert "FAILED" in result["reason"]
    assert aws.creations() == []
    # What FailedVendingsAlarm looks at.
    assert any('"FailedVendings":1' in line for line in stack.log())


def test_an_event_that_comes_twice_changes_nothing_the_second_time(aws, stack):
    for counts in ((3, 0), (0, 3)):
        results = stack.results()
        stack.put_event("create-succeeded")
        [result] = results()
        assert (result["counts"]["created"], result["counts"]["present"]) == counts
    assert len(aws.creations()) == 3
    stand(aws, CLASS_7)


def test_of_events_at_once_some_wait_in_line_and_none_is_lost(aws, stack):
    # Five at a time: ReservedConcurrency. First each account once, then more events than that.
    for times in (1, 4):
        results = stack.results()
        for _ in range(times):
            stack.put_event("create-succeeded")
            stack.put_event("update-succeeded")
        assert [result["outcome"] for result in results(2 * times)] == ["ready"] * 2 * times
        stand(aws, CLASS_7 | PAYMENTS)
        assert len(aws.creations()) == len(CLASS_7 | PAYMENTS)


def test_what_fails_at_first_is_tried_again_until_it_is_there(aws, stack):
    aws.control("faults", [{"operation": "CreateAccountAssignment", "kind": "AccessDenied", "count": 1}])
    results = stack.results()
    stack.put_event("create-succeeded")
    assert results()[0]["outcome"] == "ready"
    stand(aws, CLASS_7)
    assert stack.messages("FailedInvocationsQueueUrl") == []


def test_an_event_that_fails_at_every_attempt_ends_in_the_queue_with_its_result(aws, stack):
    aws.control("faults", always({"FailedStatus": {"reason": "Received a 404 status error: not found"}}))
    stack.put_event("create-succeeded")
    message = eventually(lambda: stack.messages("FailedInvocationsQueueUrl"), what="the failed event")[0]
    # So that it can be sent again.
    assert message["requestPayload"]["detail"] == sample("create-succeeded")["detail"]
    assert message["responsePayload"]["errorType"] == "AssignmentsIncomplete"
    sentence, _, result = message["responsePayload"]["errorMessage"].partition("{")
    assert "3" in sentence
    result = json.loads("{" + result)
    assert result["counts"]["failed"] == 3
    assert all("404" in grant["reason"] for grant in result["grants"])
    # Three attempts, each of all three assignments.
    assert len(aws.creations()) == 9
    assert aws.assignments() == set()


@pytest.mark.parametrize("event", ["create-succeeded", "enable-baseline-account", "move-account"])
def test_an_event_that_the_function_may_not_be_given_ends_in_the_other_queue(aws, stack, event):
    functions, name = stack.client("lambda"), stack.outputs["FunctionName"]
    statements = json.loads(functions.get_policy(FunctionName=name)["Policy"])["Statement"]
    assert len(statements) == 3
    for statement in statements:
        functions.remove_permission(FunctionName=name, StatementId=statement["Sid"])
    try:
        stack.put_event(event)
        kept = eventually(lambda: stack.messages("UndeliveredEventsQueueUrl"), what="the undelivered event")[0]
    finally:
        for statement in statements:
            functions.add_permission(
                FunctionName=name,
                StatementId=statement["Sid"],
                Action=statement["Action"],
                Principal=statement["Principal"]["Service"],
                SourceArn=statement["Condition"]["ArnLike"]["AWS:SourceArn"],
            )
    assert kept["detail"] == sample(event)["detail"]
    # The message is all that is needed to do it by hand.
    assert stack.invoke(kept)["outcome"] == "ready"
    stand(aws, CLASS_7)


def test_by_hand_a_dry_run_says_what_would_be_made_and_then_it_is_made(aws, stack):
    planned = stack.invoke(sample("dry-run"))
    assert (planned["outcome"], planned["counts"]["planned"]) == ("planned", 3)
    assert aws.creations() == []
    ready = stack.invoke(sample("minimal"))
    assert (ready["outcome"], ready["counts"]["created"]) == ("ready", 3)
    stand(aws, CLASS_7)


def test_the_management_account_gets_nothing_and_its_role_could_give_it_nothing(aws, stack):
    answer = stack.invoke(sample("create-management-account"))
    assert answer["outcome"] == "ignored"
    assert aws.creations() == []
    arn = f"arn:aws:iam::{stack.account}:role/{stack.resources()['AccountAssignerRole']}"

    def decision(account):
        simulated = stack.client("iam").simulate_principal_policy(
            PolicySourceArn=arn,
            ActionNames=["sso:CreateAccountAssignment"],
            ResourceArns=[f"arn:aws:sso:::account/{account}"],
        )
        return [result["EvalDecision"] for result in simulated["EvaluationResults"]]

    assert decision("123456789012") == ["explicitDeny"]
    assert decision("111122223333") == ["allowed"]


def test_a_role_that_may_not_do_one_thing_fails_the_invocation_and_names_it(aws, stack):
    # So the other tests show that the roles may do all that is needed.
    roles, role = stack.client("iam"), stack.resources()["AccountAssignerRole"]
    deny = {"Effect": "Deny", "Action": "sso:CreateAccountAssignment", "Resource": "*"}
    roles.put_role_policy(
        RoleName=role, PolicyName="deny", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [deny]})
    )
    try:
        answer = stack.invoke(sample("minimal"))
    finally:
        roles.delete_role_policy(RoleName=role, PolicyName="deny")
    assert answer["errorType"] == "AssignmentsIncomplete"
    assert "sso:CreateAccountAssignment" in answer["errorMessage"]
    assert aws.assignments() == set()
