"""An organization of any size, as `assignctl snapshot` would write it, and a table that mostly explains it."""

INSTANCE = "arn:aws:sso:::instance/ssoins-7223f7eef79824e1"
OUS = ["Education", "Sandbox", "Security", "Workloads/Prod", "Workloads/Staging"]
# As wide as names of permission sets are.
JOBS = ["Administrator", "Billing", "DatabaseAdministrator", "NetworkAdministrator", "PowerUser", "SecurityAudit"]
SCOPES = ["Access", "ReadOnly", "Break", "Support", "Deploy"]


def permission_set(number):
    return f"{JOBS[number % len(JOBS)]}{SCOPES[number // len(JOBS) % len(SCOPES)]}"


def arn(number):
    return f"arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-{number:016x}"


def group(number):
    return f"52d5f4a4-70b1-7016-4f5a-{number:012x}"


def ou_of(number):
    return OUS[number % len(OUS)]


def account_id(number):
    return f"{200_000_000_000 + number}"


def table(permission_sets=30, rows_of_an_account=8):
    """A row for every account, and more for the accounts of an OU."""
    rows = [{"id": "audit-everywhere", "permissionSet": permission_set(0), "group": "team-0"}]
    for place, ou in enumerate(OUS):
        for row in range(1, rows_of_an_account):
            number = (place * 5 + row * 3) % permission_sets
            slug = ou.lower().replace("/", "-")
            rows.append(
                {
                    "id": f"{slug}-{row}",
                    "description": f"What team {number} does in {ou}",
                    "permissionSet": permission_set(number),
                    "group": f"team-{number}",
                    "accounts": {"ous": [ou]},
                }
            )
    return {"assignments": rows}


def snapshot(accounts=1_000, permission_sets=30, missing_in=(), unexplained_in=(), **of_table):
    """AWS has what the table wants, except in the accounts `missing_in`, by number; `unexplained_in` have one more."""
    rows = table(permission_sets, **of_table)["assignments"]
    numbers = {permission_set(number): number for number in range(permission_sets)}

    def parents(ou):
        names = ou.split("/")
        return [{"id": "r-ab12", "name": None}] + [
            {"id": f"ou-ab12-{OUS.index(ou) * 10 + depth:08d}", "name": name} for depth, name in enumerate(names)
        ]

    def assignments(number):
        wanted = [row for row in rows if ou_of(number) in row.get("accounts", {"ous": [ou_of(number)]})["ous"]]
        held = {(arn(numbers[row["permissionSet"]]), group(int(row["group"].split("-")[1]))) for row in wanted}
        if number in missing_in:
            held.remove(min(held))
        if number in unexplained_in:
            held.add((arn(1), group(999)))
        return [{"permissionSet": arn, "group": group} for arn, group in sorted(held)]

    return {
        "version": 2,
        "takenAt": "2025-01-31T12:00:00Z",
        "instance": INSTANCE,
        "method": "principals",
        "accounts": [
            {
                "id": account_id(number),
                "name": f"{ou_of(number).split('/')[-1].lower()}-{number:04d}",
                "state": "ACTIVE",
                "management": False,
                "parents": parents(ou_of(number)),
                "tags": {},
            }
            for number in range(accounts)
        ]
        + [
            {
                "id": "123456789012",
                "name": "management",
                "state": "ACTIVE",
                "management": True,
                "parents": [{"id": "r-ab12", "name": None}],
                "tags": {},
            },
        ],
        "permissionSets": {arn(number): permission_set(number) for number in range(permission_sets)},
        "groups": {group(number): f"team-{number}" for number in range(permission_sets)} | {group(999): "contractors"},
        "users": {"1234567890-c85f2e61-9b04-4a7d-b6f3-17d0e42a958c": "oncall@example.com"},
        "assignments": {account_id(number): assignments(number) for number in range(accounts)}
        | {
            "123456789012": [
                {"permissionSet": arn(0), "user": "1234567890-c85f2e61-9b04-4a7d-b6f3-17d0e42a958c"}
            ]
        },
    }
