"""What starts the function, each from the event on the bus to the assignments that stand in Identity Center."""

from aws import eventually

CLASS_7 = {
    ("class-7", "ReadOnlyAccess", "auditors"),
    ("class-7", "PowerUserAccess", "students"),
    ("class-7", "SupportUser", "teachers"),
}


def test_a_created_account_gets_its_assignments(aws, stack):
    stack.put_event("create-succeeded")
    eventually(aws.assignments, lambda found: found == CLASS_7, "the assignments of class-7")
