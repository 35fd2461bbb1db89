"""The quick-start notebook as a newcomer meets it: ten numbers to drag, then the app, side by side on one page."""

from pathlib import Path

QUICK_START = Path(__file__).parents[2] / "notebooks" / "01_quickstart.ipynb"


def test_ten_numbers_and_the_app_share_a_page(open_notebook):
    notebook = open_notebook(QUICK_START)
    notebook.run(timeout=240)
    page = notebook.page
    explorer, app = page.locator(".workbench-app:not(.wb-shell)").first, page.locator(".workbench-app.wb-shell").first
    app.wait_for(timeout=60_000)
    explorer.scroll_into_view_if_needed()
    explorer.evaluate("(e) => e.scrollIntoView({ block: 'center' })")
    # each has the layout of its own: the app's grid must not reach into the explorer
    assert explorer.evaluate("(e) => getComputedStyle(e).display") == "flex"
    assert app.evaluate("(e) => getComputedStyle(e).display") == "grid"
    plot, numbers = (
        explorer.locator(":scope > *").nth(0).bounding_box(),
        explorer.locator(":scope > *").nth(1).bounding_box(),
    )
    assert plot["width"] > 500 and plot["height"] > 300
    last = explorer.locator("[data-metric=levels_used]").bounding_box()
    assert last["y"] + last["height"] <= numbers["y"] + numbers["height"]
    seen = notebook.drag(explorer.get_by_role("slider"), -120, seconds=1.5)
    assert len(seen.values["mse"]) >= 10
    # the drag that the text asks for: the spoilt range, from 50 to where the values end
    app.evaluate("(e) => e.scrollIntoView({ block: 'center' })")
    figure = "document.querySelector('.wb-header [data-metric=output_sqnr_db]').dataset.value"
    page.wait_for_function(f"{figure} > 10", timeout=60_000)
    poor = notebook.metric("output_sqnr_db")
    ends = [app.get_by_role("slider", name=f"{name} threshold") for name in ("Lower", "Upper")]
    low, high = (end.bounding_box()["x"] for end in ends)
    notebook.drag(ends[1], 0.89 * (low - high), seconds=1.5)
    page.wait_for_function(f"{figure} > {poor + 3}", timeout=60_000)
    assert not notebook.console_errors and not notebook.foreign_requests
