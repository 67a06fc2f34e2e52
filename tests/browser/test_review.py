"""The page of `assignctl permission-set report` in Debian's Chromium, by keyboard only: actions by accounts."""

import json
import subprocess

import pytest
from pages import TARGET, columns, counter, has_heads, lines_without_scripts, marks, picture, printed
from playwright.sync_api import expect

ACCOUNTS = 12
ACTIONS = 120
# Of an account whose use is not in the draft.
LEFT_OUT = "200000000999"
SERVICES = ["athena", "cloudformation", "dynamodb", "ec2", "lambda", "s3", "sqs", "ssm"]
VERBS = ["Describe", "List", "Create", "Get"]
THINGS = ["Instances", "Buckets", "Functions", "Stacks"]
# Used and kept; kept by hand; used and not allowed; used where it does not count.
KEPT = ACTIONS + 3 + 1
DROPPED = 2 + 1

count = counter("actions", KEPT + DROPPED)


def action(number):
    verb, thing = VERBS[number % len(VERBS)], THINGS[number // len(VERBS) % len(THINGS)]
    return f"{SERVICES[number % len(SERVICES)]}:{verb}{thing}Of{number}"


def account_id(number):
    return f"{200_000_000_000 + number}"


def used(name, day):
    return {"action": name, "last": f"2026-11-{day:02}", "sources": ["last-accessed"]}


def usage(accounts=ACCOUNTS, actions=ACTIONS, dense=False):
    def account(number):
        mine = [n for n in range(actions) if dense or n % accounts == number or n % 5 == number % 5]
        listed = [used(action(n), n % 27 + 1) for n in mine]
        if not dense and number < 3:
            names = ["ec2:RunInstances", "lambda:CreateFunction", "cloudformation:CreateStack"]
            listed += [{"action": name, "sources": ["generated"]} for name in names]
            listed.append({"action": "iam:CreateUser", "sources": ["generated"]})
            listed.append({"action": "organizations:ListAccounts", "sources": ["generated"]})
        generated = {"source": "generated", "from": "2026-08-29", "to": "2026-11-27", "complete": number != 4}
        if number == 5:
            generated["regions"] = ["eu-west-1", "us-east-1"]
        return {
            "id": account_id(number),
            "name": f"class-{number}",
            "sources": [generated, {"source": "last-accessed", "from": "2026-08-29", "to": "2026-11-27"}],
            "actions": listed,
            "services": [
                {"service": "s3", "last": "2026-11-20", "byAction": True},
                {"service": "quicksight", "last": "2026-10-02", "byAction": False},
                {"service": "glue", "byAction": True},
            ],
            "unused": [f"glue:Get{thing}" for thing in THINGS] + ["s3:PutBucketPolicy", "s3:DeleteBucket"],
        }

    failure = {
        "source": "generated",
        "cause": "AWSControlTowerExecution cannot be assumed: AccessDenied",
        "remedy": "name another role with --role",
    }
    return {
        "version": 1,
        "days": 90,
        "permissionSet": {
            "arn": "arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-3c9d17e2a4b5f608",
            "name": "PowerUserAccess",
            "managedPolicies": [
                {
                    "arn": "arn:aws:iam::aws:policy/PowerUserAccess",
                    "document": {
                        "Version": "2012-10-17",
                        "Statement": [
                            {"Effect": "Allow", "NotAction": ["iam:*", "organizations:*"], "Resource": "*"},
                            {"Effect": "Allow", "Action": ["iam:PassRole", "iam:ListRoles"], "Resource": "*"},
                        ],
                    },
                }
            ],
        },
        "accounts": [account(number) for number in range(accounts)]
        + [
            {
                "id": LEFT_OUT,
                "name": "sandbox",
                "actions": [used("bedrock:ListAgents", 3)],
                "failures": [failure],
            }
        ],
    }


def keep():
    return {
        "keep": [
            {
                "statement": {"Effect": "Allow", "Action": "sqs:PurgeQueue", "Resource": "*"},
                "reason": "the operator empties a queue after a fault",
                "until": "9999-12-31",
            }
        ]
    }


def made(directory, usage):
    (directory / "usage.json").write_text(json.dumps(usage))
    (directory / "keep.json").write_text(json.dumps(keep()))

    def run(*arguments):
        command = [TARGET / "debug/assignctl", "permission-set", *arguments]
        subprocess.run(command, cwd=directory, check=True, timeout=120, stdout=subprocess.DEVNULL)

    run("draft", "usage.json", "--keep", "keep.json", "--without", LEFT_OUT, "--output", "policy.json")
    run("report", "--usage", "usage.json", "--draft", "policy.json", "--html", "review.html")
    return directory / "review.html"


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    return made(tmp_path_factory.mktemp("review"), usage())


@pytest.fixture
def page(opened, report):
    with opened(report) as page:
        yield page


def test_what_to_decide_comes_first(page):
    points = page.locator(".decide > li")
    titles = points.locator("p > b").all_text_contents()
    assert titles[0] == "Accounts whose use is not in the draft."
    for title in ["Roles that may be passed to a service.", "Data events, which no source shows."]:
        assert title in titles
    expect(page.locator(".verdict")).to_contain_text(f"{len(titles)} points to decide")
    top = page.locator(".decide").bounding_box()["y"]
    assert top < page.locator(".facts").bounding_box()["y"] < page.locator("#matrix").bounding_box()["y"]


def test_actions_filter_by_keyboard(page):
    count(page, KEPT + DROPPED)
    assert columns(page)[:3] == ["Action", "by hand", f"class-0 {account_id(0)}"]
    page.keyboard.press("/")
    page.keyboard.type("action:=ec2:RunInstances")
    count(page, 1, 3)
    assert len(columns(page)) == 1 + 3
    page.keyboard.press("Escape")
    page.keyboard.type("mark:left")
    count(page, 2, 6)
    expect(page.locator("#matrix tr.group")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.type("why:operator")
    count(page, 1, 1)
    page.keyboard.press("Escape")
    page.keyboard.type(f"in:{LEFT_OUT}")
    count(page, 1, 1)
    assert marks(page) == ["? not counted"]
    page.keyboard.press("Escape")
    page.keyboard.type("last:2026-11-02 action:s3:")
    expect(page.locator("#count")).to_contain_text(" of ")
    days = set(page.locator("#matrix tr:not([hidden]) li:not([hidden]) > span").all_text_contents())
    assert days <= {"2026-11-02"}
    page.keyboard.press("Escape")
    count(page, KEPT + DROPPED)
    page.select_option("#set", f"class-1 {account_id(1)}")
    expect(page.locator("#count")).not_to_contain_text(f"{KEPT + DROPPED} of")
    assert columns(page) == ["Action", f"class-1 {account_id(1)}"]


def test_only_what_is_odd(page):
    page.locator("#drift").check()
    count(page, DROPPED, 2 * 3 + 1)
    assert set(marks(page)) == {"× left out", "? not counted"}


def test_actions_are_sorted_within_their_part(page):
    accounts = "[...document.querySelectorAll('#matrix tbody:first-of-type tr')].map((tr) => Number(tr.dataset.accounts))"
    before = page.evaluate(accounts)
    page.select_option("#sort", "most")
    assert page.evaluate(accounts) == sorted(before, reverse=True) != before
    page.select_option("#sort", "oldest")
    days = page.evaluate("[...document.querySelectorAll('#matrix tbody:first-of-type tr')].map((tr) => tr.dataset.last || '')")
    assert days == sorted(days)
    page.select_option("#sort", "")
    assert page.evaluate(accounts) == before


def test_a_screen_reader_finds_a_table_with_heads(page):
    page.keyboard.press("/")
    page.keyboard.type("ec2:RunInstances")
    count(page, 1)
    table = ['table "Actions by accounts', 'columnheader "Action"']
    has_heads(page, table, 'combobox "Account"', 'checkbox "only what is odd"', 'combobox "Order of the actions"')


def test_on_paper_each_action_lists_its_accounts_and_nothing_is_folded(page, tmp_path):
    page.keyboard.press("/")
    page.keyboard.type("action:s3:")
    expect(page.locator("#filtered")).to_contain_text("action:s3:")
    text = "".join(printed(page, tmp_path / "review.pdf"))
    assert "Account, last day of use" in text and "What was used of the permission set PowerUserAccess" in text
    assert "glue:GetInstances" in text, "a list that is folded on the screen"
    assert f"class-0 {account_id(0)}" in text


def test_on_a_telephone_nothing_is_wider_than_the_screen(page):
    page.set_viewport_size({"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    picture(page, "review-narrow")
    page.locator("#matrix").scroll_into_view_if_needed()
    page.evaluate("document.getElementById('bar').scrollIntoView()")
    picture(page, "review-narrow-matrix")


def test_without_scripts_everything_is_there_and_how_it_looks(page, chromium, report):
    assert lines_without_scripts(chromium, report) == KEPT + DROPPED
    picture(page, "review")
    picture(page, "review-dark", "dark")
    page.evaluate("document.getElementById('bar').scrollIntoView()")
    picture(page, "review-matrix")
    page.locator("footer h2").nth(1).scroll_into_view_if_needed()
    page.evaluate("document.querySelectorAll('footer h2')[1].scrollIntoView()")
    picture(page, "review-foot", "dark")


def test_a_hundred_accounts_by_a_thousand_actions_stay_usable(opened, tmp_path):
    path = made(tmp_path, usage(accounts=100, actions=1_000, dense=True))
    with opened(path) as page:
        expect(page.locator("#count")).to_contain_text("1,002 of 1,002 actions", timeout=60_000)
        took = page.evaluate(
            """async () => {
                const find = document.getElementById("find");
                const start = performance.now();
                find.value = "in:class-7 action:s3:";
                find.dispatchEvent(new Event("input"));
                await new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)));
                return performance.now() - start;
            }"""
        )
        loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
        print(f"{path.stat().st_size / 1e6:.1f} MB, loaded in {loaded:.0f} ms, filtered in {took:.0f} ms")
        assert took < 10_000
