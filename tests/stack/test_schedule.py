"""The schedule, by the clock. The stack is among the first that are deployed, so that its minute is mostly over."""

from aws import DEADLINE, eventually
from test_backfill import EVERYBODY, output


def test_the_schedule_starts_the_backfill(aws, with_every_place):
    before = len(with_every_place.executions())
    events, rule = with_every_place.client("events"), with_every_place.resources()["ScheduleRule"]
    events.enable_rule(Name=rule)
    try:
        # No rate is shorter than a minute.
        patience = DEADLINE + 60
        eventually(with_every_place.executions, lambda found: len(found) > before, "the next minute", patience)
    finally:
        events.disable_rule(Name=rule)
    execution = with_every_place.ended(before + 1)[-1]
    assert execution["input"] == "{}"
    assert output(execution)["outcome"] == "complete"
    assert aws.assignments() == EVERYBODY
