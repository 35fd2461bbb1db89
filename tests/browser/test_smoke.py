"""The means of the browser tests work: widgets render, values travel, drags are seen. No workbench is used."""

import pytest

SLIDER = """
import ipywidgets as widgets
from IPython.display import HTML, display
slider = widgets.IntSlider(value=3, min=0, max=100, description="Amount")
number = widgets.HTML()
def show(change=None):
    number.value = f'<b data-metric="amount" data-value="{slider.value}">{slider.value}</b>'
slider.observe(show, "value")
show()
display(slider, number)
"""


def test_widgets_render_and_nothing_complains(open_notebook):
    notebook = open_notebook([SLIDER])
    notebook.run()
    handle = notebook.page.get_by_role("slider").first
    handle.wait_for(state="visible")
    assert notebook.metric("amount") == 3
    assert notebook.value("slider.value") == 3
    assert notebook.websocket_bytes > 1000
    assert notebook.console_errors == []
    assert notebook.foreign_requests == []
    assert notebook.page.get_by_text("Jupyter news").count() == 0
    assert notebook.screenshot("slider").stat().st_size > 10_000


def test_a_drag_shows_values_before_the_release(open_notebook):
    notebook = open_notebook([SLIDER])
    notebook.run()
    handle = notebook.page.get_by_role("slider").first
    seen = notebook.drag(handle, 80, seconds=1.5, release=False)
    print(seen)
    assert len(seen.values["amount"]) >= 3
    assert seen.lag_p50_ms is not None and seen.frames_per_s > 10
    notebook.page.mouse.up()
    notebook.wait_idle()
    before = notebook.value("slider.value")
    assert before > 3
    seen = notebook.press(handle, "ArrowRight", "ArrowRight", pause=0.3)
    assert seen.values["amount"][-1] == str(before + 2)


def test_theme_errors_and_restart(open_notebook):
    notebook = open_notebook(["kept = 1", "kept = 2\nraise KeyError('on purpose')"], theme="dark")
    assert notebook.page.evaluate("document.body.dataset.jpThemeLight") == "false"
    notebook.run(check=False)
    assert notebook.cell_errors() == ["cell 1: KeyError: 'on purpose'"]
    with pytest.raises(AssertionError, match="on purpose"):
        notebook.run()
    assert notebook.value("kept") == 2
    notebook.restart_kernel()
    with pytest.raises(AssertionError, match="NameError"):
        notebook.value("kept")
    notebook.set_theme("light")
    assert notebook.page.evaluate("document.body.dataset.jpThemeLight") == "true"


def test_a_busy_kernel_is_told_from_a_quiet_one(open_notebook):
    notebook = open_notebook(["1 + 1"])
    notebook.keep_busy(3)
    with pytest.raises(TimeoutError, match="not quiet"):
        notebook.wait_idle(timeout=1)
    notebook.wait_idle(timeout=30)
    assert notebook.value("1 + 1") == 2
