"""The page of `assignctl report` in Debian's Chromium: 1,000 accounts by 30 permission sets, by keyboard only.

No test depends on speed; how long things took is printed (`pytest -s`).
"""

import json
import re
import subprocess

import organization
import pytest
from pages import TARGET, columns, counter, has_heads, lines_without_scripts, marks, picture, printed
from playwright.sync_api import expect

ACCOUNTS = 1_000
PERMISSION_SETS = 30
# Of different OUs, so that both kinds of drift are in sight together.
MISSING = [3, 100, 197]
UNEXPLAINED = [0, 111, 222, 333]

count = counter("accounts", ACCOUNTS + 1)


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """The page of an organization that the table mostly explains."""
    directory = tmp_path_factory.mktemp("report")
    snapshot = organization.snapshot(ACCOUNTS, PERMISSION_SETS, missing_in=MISSING, unexplained_in=UNEXPLAINED)
    (directory / "org.json").write_text(json.dumps(snapshot))
    (directory / "assignments.json").write_text(json.dumps(organization.table(PERMISSION_SETS)))
    command = [TARGET / "debug/assignctl", "report", "--snapshot", "org.json", "--html", "access.html"]
    subprocess.run(command, cwd=directory, check=True, timeout=120)
    return directory / "access.html"


@pytest.fixture
def page(opened, report):
    """The report, opened."""
    with opened(report) as page:
        yield page


def focused(page):
    return page.evaluate("document.activeElement.id")


def test_everything_is_there_at_once_and_filters_by_keyboard(page):
    count(page, ACCOUNTS + 1)
    everything = columns(page)
    page.keyboard.press("/")
    assert focused(page) == "find"

    # What an account says of itself: all that it has is shown.
    page.keyboard.type("0123")
    count(page, 1)
    assert page.locator("tr:not([hidden]) th b", has_text="-0123").count() == 1
    page.keyboard.press("Escape")
    count(page, ACCOUNTS + 1)
    assert focused(page) == "find", "the next word can be typed at once"
    assert columns(page) == everything

    # Who has it: only that is shown, and no column without it.
    page.keyboard.type("contractors")
    count(page, len(UNEXPLAINED), len(UNEXPLAINED))
    assert columns(page) == ["Account", organization.permission_set(1)]

    # Words combine, over account and entry alike, and so do all filters.
    page.keyboard.type(" ou:education")
    some = [number for number in UNEXPLAINED if organization.ou_of(number) == "Education"]
    count(page, len(some), len(some))
    page.keyboard.press("Escape")
    page.keyboard.type("row:audit-everywhere mark:missing")
    count(page, len(MISSING), len(MISSING))
    page.keyboard.press("Escape")
    page.keyboard.type("who:user")
    count(page, 1, 1)
    expect(page.locator("#matrix tr.group")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.type("nothing is called so")
    count(page, 0, 0)
    expect(page.locator("#none")).to_be_visible()
    page.keyboard.press("Escape")
    count(page, ACCOUNTS + 1)
    expect(page.locator("#none")).to_be_hidden()


def test_a_word_after_an_equals_sign_is_the_whole_name(page):
    page.keyboard.press("/")
    page.keyboard.type("who:team-1")
    # team-1 and team-10 to team-19.
    alike = page.locator("#count").inner_text()
    page.keyboard.press("Escape")
    page.keyboard.type("who:=team-1")
    expect(page.locator("#count")).not_to_have_text(alike)
    names = set(page.locator("#matrix tr:not([hidden]) li:not([hidden]) > span").all_text_contents())
    assert names == {"team-1"}
    page.keyboard.press("Escape")
    page.keyboard.type('account:="education-0000"')
    count(page, 1)
    page.keyboard.press("Escape")
    page.keyboard.type("account:=education")
    count(page, 0)


def test_accounts_are_sorted_within_their_part(page):
    names = "[...document.querySelectorAll('#matrix tbody:first-of-type tr:not(.group) th b')].map((b) => b.textContent)"
    before = page.evaluate(names)
    page.select_option("#sort", "name")
    assert page.evaluate(names) == sorted(before) != before
    page.select_option("#sort", "drift")
    assert page.locator("#matrix tbody").first.locator("tr").first.locator("li.warn, li.bad").count() == 1
    page.select_option("#sort", "")
    assert page.evaluate(names) == before


def test_the_same_is_there_by_group_and_user(page):
    expect(page.locator("#people")).to_be_hidden()
    page.select_option("#view", "who")
    expect(page.locator("#matrix")).to_be_hidden()
    expect(page.locator("#people")).to_be_visible()
    rows = page.locator("#people tbody tr:not([hidden])")
    everything = rows.count()
    page.keyboard.press("/")
    page.keyboard.type("who:=contractors")
    expect(page.locator("#count")).to_contain_text("1 of ")
    assert rows.count() == 1
    text = rows.first.inner_text()
    assert "unexplained" in text and str(len(UNEXPLAINED)) in text, text
    page.keyboard.press("Escape")
    page.locator("#drift").check()
    expect(page.locator("#count")).to_contain_text(f", 3 of {everything} entries")
    page.locator("#drift").uncheck()
    # By the number of accounts, least first and most first.
    head = page.locator("#people thead th", has_text="Accounts").locator("button")
    numbers = "[...document.querySelectorAll('#people tbody td.number')].map((cell) => Number(cell.textContent))"
    head.click()
    assert page.evaluate(numbers) == sorted(page.evaluate(numbers))
    head.click()
    assert page.evaluate(numbers) == sorted(page.evaluate(numbers), reverse=True)
    assert "view=who" in page.url


def test_only_drift_shows_each_difference_by_sign_and_word(page):
    page.keyboard.press("/")
    for _ in range(4):
        page.keyboard.press("Tab")
    assert focused(page) == "drift"
    page.keyboard.press("Space")
    drifting = len(MISSING) + len(UNEXPLAINED)
    count(page, drifting, drifting)
    assert sorted(marks(page)) == ["+ missing"] * len(MISSING) + ["~ unexplained"] * len(UNEXPLAINED)
    page.keyboard.press("/")
    page.keyboard.type("contractors")
    count(page, len(UNEXPLAINED), len(UNEXPLAINED))
    page.keyboard.press("Escape")
    count(page, ACCOUNTS + 1)


def test_a_view_can_be_sent_as_an_address(page, report):
    page.keyboard.press("/")
    page.keyboard.type("contractors")
    expect(page).to_have_url(report.as_uri() + "#find=contractors")
    page.goto("about:blank")
    page.goto(report.as_uri() + "#find=who%3Ateam-5&drift=1&marks=1")
    count(page, 0)
    page.goto("about:blank")
    page.goto(report.as_uri() + "#find=contractors&marks=1")
    count(page, len(UNEXPLAINED), len(UNEXPLAINED))
    assert page.locator("#marks").is_checked()


def test_heads_stay_in_sight_and_what_has_the_focus_shows_it(page):
    page.evaluate("scrollTo(2000, 5000)")
    assert page.evaluate("[scrollX > 1000, scrollY > 1000]") == [True, True]
    head = page.locator("#matrix thead th").first.bounding_box()
    bar = page.locator("#bar").bounding_box()
    assert (head["x"], bar["x"], bar["y"]) == (0, 0, 0)
    assert abs(head["y"] - bar["height"]) < 2
    page.keyboard.press("/")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_screen_reader_finds_a_table_with_heads_and_labelled_controls(page):
    page.keyboard.press("/")
    page.keyboard.type("contractors")
    count(page, len(UNEXPLAINED))
    table = ['table "Accounts by permission sets', 'columnheader "Account"']
    has_heads(page, table, 'combobox "Permission set"', 'checkbox "only drift"')


def test_on_paper_each_account_lists_what_it_has(page, tmp_path):
    page.keyboard.press("/")
    page.keyboard.type("ou:workloads/prod who:team-0")
    count(page, ACCOUNTS // len(organization.OUS))
    sheets = printed(page, tmp_path / "access.pdf")
    expect(page.locator("#filtered")).to_contain_text("ou:workloads/prod")
    assert page.locator("#matrix td:visible").count() == ACCOUNTS // len(organization.OUS)
    assert len(sheets) > 1
    assert all("as AWS had it at 2025-01-31T12:00:00Z" in sheet for sheet in sheets)
    assert "Permission set, who has it" in sheets[0] and "Permission set, who has it" in sheets[1]
    assert re.search(rf"prod-0003 +{organization.permission_set(0)} +\+ missing +team-0 +audit-", "".join(sheets))


def test_without_scripts_everything_is_there(chromium, report):
    assert lines_without_scripts(chromium, report) == ACCOUNTS + 1


def test_how_it_looks_and_how_long_it_takes(page, report):
    loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    picture(page, "light")
    figures = [f"{report.stat().st_size / 1e6:.1f} MB, loaded in {loaded:.0f} ms"]
    for text in ["team-5", "", "prod", ""]:
        took = page.evaluate(
            """async (text) => {
                const find = document.getElementById("find");
                const start = performance.now();
                find.value = text;
                find.dispatchEvent(new Event("input"));
                await new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)));
                return performance.now() - start;
            }""",
            text,
        )
        figures.append(f"{text!r} filtered in {took:.0f} ms")
    print(*figures, f"pictures in {TARGET / 'report'}", sep="\n")
    views = [
        ("dark", "dark", "#drift=1"),
        ("marks", "light", "#marks=1"),
        ("people", "light", "#view=who"),
        ("people-dark", "dark", "#view=who"),
    ]
    for name, scheme, address in views:
        page.goto("about:blank")
        page.goto(report.as_uri() + address)
        picture(page, name, scheme)
