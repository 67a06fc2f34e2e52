"""The state machine of controls.asl.yaml, run by its own definition: it steps until nothing remains, and says the truth."""

import json

import pytest
from conftest import REPOSITORY
from state_machine import MOST_BYTES, MOST_CAUSE, MOST_EVENTS, NotInvoked, run

EVERYTHING = {"controls": {}}
STATUSES = (
    "present inherited enabled updated reset planned pending waiting drifted differs failed blocked unresolved extra"
).split()


class Steps:
    """Replaces the function: each step is the number of controls that are pending after it, an outcome that ends it, or
    an error. The last one is repeated."""

    def __init__(self, *steps):
        self.steps = list(steps)

    def __call__(self, payload):
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, str) and step.startswith("Lambda."):
            raise NotInvoked(step.removeprefix("Lambda."))
        if isinstance(step, dict):
            return step
        if isinstance(step, str) and step[0].isupper():
            return {"errorType": step, "errorMessage": f"{step} on order"}
        pending = step if isinstance(step, int) else 0
        counts = dict.fromkeys(STATUSES, 0) | {"present": 240 - pending, "pending": pending}
        controls = [{"rules": ["row"], "control": {"name": "CT.S3.PV.5", "arn": "arn:" + 70 * "c"}, "status": "present"}]
        return {
            "outcome": "working" if isinstance(step, int) else step,
            "table": 64 * "a",
            "ous": [{"id": f"ou-ab12-{n:08}", "path": f"Unit {n}", "controls": controls * 8} for n in range(30)],
            "counts": counts,
            "seconds": 2.5,
        }


def keep(steps, given=None, **parameters):
    return run(steps, given, machine="KeepControls", Controls="enabled", **parameters)


def sample(name):
    return json.loads((REPOSITORY / f"events/{name}.json").read_text())


@pytest.mark.parametrize("outcome", ["ready", "planned", "ignored"])
def test_a_step_that_leaves_nothing_to_wait_for_is_all(outcome):
    execution = keep(Steps(outcome))

    assert (execution.status, execution.output["outcome"], execution.output["rounds"]) == ("SUCCEEDED", outcome, 0)
    assert (execution.output["counts"]["present"], execution.output["table"]) == (240, 64 * "a")
    assert (execution.payloads, execution.waits) == ([EVERYTHING], [])


def test_it_steps_until_nothing_is_under_way_and_the_last_step_has_the_last_word():
    execution = keep(Steps(13, 13, 3, 0, "ready"))

    assert (execution.status, execution.output["outcome"], execution.output["rounds"]) == ("SUCCEEDED", "ready", 4)
    assert execution.payloads == [EVERYTHING] * 5
    assert execution.waits == [5] * 4
    assert execution.largest() < MOST_BYTES


@pytest.mark.parametrize(
    "event", ["register-ou", "update-landing-zone", "disable-control", "disable-guardrail", "drift-detected"]
)
def test_the_event_is_handed_to_every_step_as_it_came(event):
    execution = keep(Steps(2, 1, "ready"), sample(event))

    assert execution.status == "SUCCEEDED"
    assert execution.payloads == [sample(event)] * 3


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ({"controls": {"ou": "ou-ab12-55555555"}}, {"controls": {"ou": "ou-ab12-55555555"}}),
        ({"controls": {}, "dryRun": True}, {"controls": {}, "dryRun": True}),
        ([{}] * 10_000, EVERYTHING),
        ({"Comment": "Insert your JSON here"}, EVERYTHING),
        ({}, EVERYTHING),
        # The function says that it does not know these.
        ({"ou": "ou-ab12-55555555"}, {"ou": "ou-ab12-55555555"}),
        ({"dryRun": True}, {"dryRun": True}),
    ],
    ids=["one-ou", "dry-run", "of-the-pipe", "of-the-console", "nothing", "a-mistake", "a-dry-run-of-nothing"],
)
def test_an_input_means_what_it_says_and_nothing_means_all_organizational_units(given, asked):
    execution = keep(Steps(1, "ready"), given)

    assert (execution.status, execution.payloads) == ("SUCCEEDED", [asked] * 2)
    assert execution.largest() < MOST_BYTES


@pytest.mark.parametrize("error", ["InvalidTable", "InvalidConfig", "InvalidEvent", "ControlsIncomplete"])
def test_what_waiting_does_not_fix_fails_at_once_with_its_name(error):
    execution = keep(Steps(4, error))

    assert (execution.status, execution.error) == ("FAILED", error)
    assert execution.cause.startswith("After 1 rounds: ") and f"{error} on order" in execution.cause
    assert len(execution.payloads) == 2


def test_what_is_not_as_the_table_says_is_in_the_cause_with_its_sentence():
    # As long as the function makes it.
    message = "1 of 13 controls are not as the table says: 1 drifted.\n" + json.dumps({"ous": "x" * 20_000})
    execution = keep(Steps({"errorType": "ControlsIncomplete", "errorMessage": message}))

    assert (execution.status, execution.error) == ("FAILED", "ControlsIncomplete")
    assert "1 of 13 controls are not as the table says: 1 drifted." in execution.cause
    assert len(execution.cause) < MOST_CAUSE


def test_a_function_that_is_busy_killed_or_not_answered_is_asked_again():
    troubles = [
        *["Lambda.TooManyRequestsException"] * 30,
        "Sandbox.Timedout",
        "Runtime.ExitError",
        "Lambda.ServiceException",
        "ServiceUnavailable",
    ]
    execution = keep(Steps(3, *troubles, 1, "ready"))

    assert (execution.status, execution.output["rounds"]) == ("SUCCEEDED", 2)


@pytest.mark.parametrize(
    ("error", "asked"),
    [("Sandbox.Timedout", 7), ("ServiceUnavailable", 5), ("Lambda.TooManyRequestsException", 201)],
)
def test_a_step_that_keeps_failing_fails_the_execution_with_its_own_error(error, asked):
    execution = keep(Steps(error))

    assert (execution.status, execution.error) == ("FAILED", error)
    assert len(execution.payloads) == asked
    assert len(execution.history) < MOST_EVENTS


def test_rounds_that_make_it_no_better_end_after_three_hours_and_not_before():
    # An hour without a change is a landing zone that is being updated.
    patient = keep(Steps(*[5] * 120, 4, *[4] * 120, 0, "ready"))
    assert (patient.status, patient.output["outcome"]) == ("SUCCEEDED", "ready")

    execution = keep(Steps(5))
    assert (execution.status, execution.error) == ("FAILED", "ControlsIncomplete")
    assert execution.cause.startswith("5 controls are pending after 241 rounds")
    assert 3 * 3600 <= sum(execution.waits) < 4 * 3600
    assert len(execution.history) < MOST_EVENTS


def test_what_goes_up_and_down_is_not_better():
    execution = keep(Steps(*[5, 6] * 300, "ready"))

    assert (execution.status, execution.error) == ("FAILED", "ControlsIncomplete")


def test_an_execution_is_bounded_whatever_gets_better():
    execution = keep(Steps(*range(2_000, 0, -1)))

    assert (execution.status, execution.error) == ("FAILED", "ControlsIncomplete")
    assert "after 1700 rounds, the most of one execution" in execution.cause
    assert len(execution.history) < MOST_EVENTS
