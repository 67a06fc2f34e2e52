"""The page of `assignctl controls report` in Debian's Chromium: 60 OUs by 8 controls, by keyboard only."""

import json
import os
import subprocess

import pytest
from pages import REPOSITORY, TARGET, columns, counter, has_heads, lines_without_scripts, marks, picture, printed
from playwright.sync_api import expect

TOPS = 10
BELOW = 5
UNITS = TOPS * (BELOW + 1)
# Enabled on this OU by the table, and then lost by it.
ENABLED = "U0"
INHERITED = [
    "AWS-GR_RESTRICT_ROOT_USER",
    "AWS-GR_RESTRICT_ROOT_USER_ACCESS_KEYS",
    "AWS-GR_AUDIT_BUCKET_LOGGING_ENABLED",
    "CT.S3.PV.5",
    "CT.EC2.PV.7",
    "CT.EC2.PV.11",
    "CT.EC2.PV.8",
]
ALONE = "SH.S3.11"

count = counter("OUs", UNITS + 1)


def unit(number):
    return f"ou-ab12-{number:08d}"


def world():
    """The sample organization with other OUs."""
    organization = json.loads((REPOSITORY / "tests/stand-in/organization.json").read_text())
    units = []
    for top in range(TOPS):
        number = top * 10
        units.append({"id": unit(number), "name": f"U{top}", "parent": "r-ab12"})
        units += [
            {"id": unit(number + below + 1), "name": f"part-{below}", "parent": unit(number)} for below in range(BELOW)
        ]
    organization["organizationalUnits"] = units
    for account in organization["accounts"]:
        account["parent"] = "r-ab12"
    return organization


def table():
    rows = [
        {"id": f"row-{place}", "control": control, "ous": ["*"] if place == 0 else [f"U{place}"]}
        for place, control in enumerate(INHERITED)
    ]
    rows.append({"id": "buckets", "description": "Finds public buckets", "control": ALONE, "ous": ["U9"]})
    rows.append({"id": "gone", "control": "CT.EC2.PV.8", "ous": ["Closed/Long Ago"]})
    return {"controls": rows}


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """The page of an organization in which one OU has what the table says."""
    directory = tmp_path_factory.mktemp("controls")
    (directory / "org.json").write_text(json.dumps(world()))
    (directory / "controls.json").write_text(json.dumps(table()))
    command = [
        os.environ.get("STAND_IN_BINARY", TARGET / "debug/stand-in"),
        *("--organization", "org.json", "--port", "0", "--control-operation-ms", "200", "--latency-ms", "1"),
    ]
    server = subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, text=True)
    try:
        url = server.stdout.readline().split()[-1]
        environment = {
            "AWS_ENDPOINT_URL": url,
            "AWS_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
        }

        def run(*arguments):
            command = [TARGET / "debug/assignctl", "controls", *arguments]
            subprocess.run(command, cwd=directory, env=environment, check=True, timeout=120)

        run("apply", "--ou", ENABLED, "--yes")
        run("report", "--html", "controls.html", "--framework", "Example-Framework")
    finally:
        server.kill()
        server.wait()
    return directory / "controls.html"


@pytest.fixture
def page(opened, report):
    with opened(report) as page:
        yield page


def test_the_tree_is_there_and_filters_by_keyboard(page):
    count(page, UNITS + 1)
    assert columns(page) == ["OU", *sorted([*INHERITED, ALONE])]
    inset = page.evaluate(
        "[...document.querySelectorAll('#matrix tbody th > b')].slice(0, 2).map((b) => parseFloat(getComputedStyle(b).paddingLeft))"
    )
    assert inset[0] == 0 and inset[1] > 10, "an OU is set in below its parent"
    page.keyboard.press("/")
    page.keyboard.type("from:U3 row:row-0")
    count(page, BELOW, BELOW)
    assert columns(page) == ["OU", "AWS-GR_RESTRICT_ROOT_USER"]
    page.keyboard.press("Escape")
    page.keyboard.type("mark:present")
    count(page, 1, 1)
    page.keyboard.press("Escape")
    page.keyboard.type("ou:u9/part-1 control:sh.s3")
    count(page, 1, 1)
    page.keyboard.press("Escape")
    page.keyboard.type("mark:unresolved")
    count(page, 1, 1)
    expect(page.locator("#matrix tr.group")).to_be_visible()
    page.keyboard.press("Escape")
    count(page, UNITS + 1)


def test_an_item_of_the_framework_finds_the_controls_that_serve_it(page):
    page.keyboard.press("/")
    page.keyboard.type('item:"item 7mo7"')
    expect(page.locator("#count")).to_contain_text(f"{BELOW + 1} of")
    assert columns(page) == ["OU", "CT.S3.PV.5"]


def test_a_word_after_an_equals_sign_is_the_whole_name(page):
    page.keyboard.press("/")
    page.keyboard.type("ou:=u1")
    count(page, 1)
    page.keyboard.press("Escape")
    page.keyboard.type("control:aws-gr_restrict_root_user")
    count(page, UNITS)
    assert len(columns(page)) == 3, "two controls begin alike"
    page.keyboard.press("Escape")
    page.keyboard.type("control:=aws-gr_restrict_root_user")
    expect(page.locator("#matrix thead th", has_text="ACCESS_KEYS")).to_be_hidden()
    assert columns(page) == ["OU", "AWS-GR_RESTRICT_ROOT_USER"]
    page.keyboard.press("Escape")
    page.keyboard.type('item:="item 7mo"')
    count(page, 0)


def test_only_differences_leaves_out_what_is_as_the_table_says(page):
    page.keyboard.press("/")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert set(marks(page)) == {"+ missing", "? unresolved"}
    assert page.locator("tr:not([hidden]) th b", has_text="U0").count() == 0


def test_a_screen_reader_finds_a_table_with_heads(page):
    page.keyboard.press("/")
    page.keyboard.type("ou:u9")
    count(page, BELOW + 1)
    table = ['table "OUs by controls', 'columnheader "OU"']
    has_heads(page, table, 'combobox "Control"', 'checkbox "only differences"')


def test_on_paper_each_ou_lists_what_it_has(page, tmp_path):
    page.keyboard.press("/")
    page.keyboard.type("ou:u1/")
    count(page, BELOW)
    text = "".join(printed(page, tmp_path / "controls.pdf"))
    expect(page.locator("#filtered")).to_contain_text("ou:u1/")
    assert "Control, its status" in text and "as AWS had them at" in text and "from U1" in text


def test_without_scripts_everything_is_there_and_how_it_looks(page, chromium, report):
    assert lines_without_scripts(chromium, report) == UNITS + 1
    picture(page, "controls")
    picture(page, "controls-dark", "dark")
