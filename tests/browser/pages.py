"""What the tests of the pages of reports share: all pages have one frame."""

import os
import subprocess
from pathlib import Path

from playwright.sync_api import expect

REPOSITORY = Path(__file__).parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))


def counter(line, lines):
    """Returns `count(page, shown, entries)` for a matrix of so many `lines`, which are called `line`."""

    def count(page, shown, entries=None):
        """Waits until so many lines are said to be shown, and checks that they are."""
        text = f"{shown:,} of {lines:,} {line}"
        expect(page.locator("#count")).to_contain_text(text + (f", {entries:,} of" if entries is not None else ""))
        assert page.locator("#matrix tbody tr:not(.group):not([hidden])").count() == shown
        if entries is not None:
            assert page.locator("#matrix tbody tr:not([hidden]) li:not([hidden])").count() == entries

    return count


def columns(page):
    return page.evaluate(
        "[...document.querySelectorAll('#matrix thead th')].filter((th) => th.offsetWidth).map((th) => th.textContent)"
    )


def marks(page):
    """Returns sign and word of each entry that is shown."""
    # Not `inner_text`, which is empty for a line out of sight.
    shown = page.locator("#matrix tr:not([hidden]) li:not([hidden]) > b").all_text_contents()
    return [mark.strip() for mark in shown]


def has_heads(page, table, *controls):
    """A screen reader finds a table with heads, and labelled controls."""
    tree = page.locator("main").aria_snapshot()
    for part in [*table, "rowgroup", "rowheader", "cell"]:
        assert part in tree, tree
    bar = page.locator("#bar").aria_snapshot()
    for part in ['searchbox "Find"', 'button "Clear"', "status", *controls]:
        assert part in bar, bar


def printed(page, path):
    """Prints the page, and returns the text of each sheet."""
    page.emulate_media(media="print")
    expect(page.locator("#bar")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "something is outside the sheet"
    page.pdf(path=path, prefer_css_page_size=True)
    text = subprocess.run(["pdftotext", "-layout", path, "-"], check=True, capture_output=True, text=True).stdout
    sheets = text.split("\f")[:-1]
    for number, sheet in enumerate(sheets, 1):
        assert f"{number} of {len(sheets)}" in sheet
    return sheets


def lines_without_scripts(chromium, path):
    """Returns how many lines the page has in a browser that runs no script."""
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    expect(page.locator("#bar")).to_be_hidden()
    lines = page.locator("#matrix tbody tr:not(.group)").count()
    context.close()
    return lines


def picture(page, name, scheme="light"):
    pictures = TARGET / "report"
    pictures.mkdir(parents=True, exist_ok=True)
    page.emulate_media(color_scheme=scheme)
    page.screenshot(path=pictures / f"{name}.png")
    assert (pictures / f"{name}.png").stat().st_size > 10_000
