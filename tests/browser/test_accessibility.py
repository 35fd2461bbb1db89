"""What a checker for people with a screen reader or weak eyes finds in the app: nothing serious, in either theme."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.one_app import open_once, settle


@pytest.fixture(scope="module")
def notebook(open_shared):
    return open_once(open_shared)


def violations(page):
    found = Axe().run(page, context=".workbench-app").response["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    return [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in serious]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_and_dialog(notebook, theme):
    page = notebook.page
    notebook.set_theme(theme)
    for tab in page.locator(".wb-page-tabs [role=tab]").all():
        tab.click()
        settle(notebook)
        assert violations(page) == [], f"{theme}, page {tab.text_content()!r}"
    for button in ("Versions", "Export…"):
        page.get_by_role("button", name=button).click()
        assert violations(page) == [], f"{theme}, {button}"
        page.keyboard.press("Escape")
    for menu in (
        ".wb-more",
        ".wb-menu-button",
        ".wb-facts",
        ".wb-icon-save",
        ".wb-save-page",
        "[aria-label='explain SQNR']",
    ):
        page.locator(menu).first.click()
        assert violations(page) == [], f"{theme}, what {menu} opens"
        page.keyboard.press("Escape")
