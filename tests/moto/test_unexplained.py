"""The state machine of unexplained.asl.yaml, run by its own definition: part by part, to the end."""

import pytest
from state_machine import NotInvoked, run


class Parts:
    """Replaces the function: parts of a count, and what is in the way of some."""

    def __init__(self, *counts, unread=0):
        self.counts, self.unread, self.troubles = list(counts), unread, []

    def __call__(self, payload):
        assert payload["unexplained"] is True
        if self.troubles:
            error = self.troubles.pop(0)
            if error.startswith("Lambda."):
                raise NotInvoked(error.removeprefix("Lambda."))
            return {"errorType": error, "errorMessage": f"{error} on order"}
        before = payload.get("counts", {"unexplained": 0, "controlTower": 0, "unread": 0})
        counts = before | {"unexplained": before["unexplained"] + self.counts.pop(0), "unread": self.unread}
        after = {"group": f"g-{len(self.counts)}"}
        return {
            "outcome": "counting" if self.counts else "counted",
            "counts": counts,
            "unexplained": [],
            "unread": ["what group auditors has is not known"] * self.unread,
            "next": {"unexplained": True, "after": after, "counts": counts} if self.counts else None,
        }


def count(parts):
    return run(parts, machine="Unexplained")


def test_the_parts_follow_each_other_and_the_last_one_has_the_count():
    execution = count(Parts(2, 0, 3))

    assert (execution.status, execution.output["outcome"]) == ("SUCCEEDED", "counted")
    assert execution.output["counts"]["unexplained"] == 5
    assert [payload.get("after") for payload in execution.payloads] == [None, {"group": "g-2"}, {"group": "g-1"}]


def test_it_waits_for_its_turn_and_for_a_service_that_recovers():
    parts = Parts(1)
    parts.troubles = ["Lambda.TooManyRequestsException"] * 5 + ["ServiceUnavailable"]

    execution = count(parts)

    assert execution.status == "SUCCEEDED"
    assert sum(execution.waits) > 60


def test_what_could_not_be_read_fails_the_execution_with_what_is_known():
    execution = count(Parts(4, unread=1))

    assert (execution.status, execution.error) == ("FAILED", "CountIncomplete")
    assert "4 assignments are explained by no row, but 1 principals" in execution.cause
    assert "what group auditors has is not known" in execution.cause


@pytest.mark.parametrize("error", ["InvalidTable", "InvalidConfig"])
def test_what_waiting_does_not_fix_fails_at_once_with_its_name(error):
    parts = Parts(1)
    parts.troubles = [error]

    execution = count(parts)

    assert (execution.status, execution.error) == ("FAILED", error)
    assert f"{error} on order" in execution.cause and execution.waits == []
