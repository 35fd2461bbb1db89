"""Every picture saves as SVG and PNG, with thresholds and numbers drawn in."""

from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from tests.browser.one_app import ACTIVATION, no_trouble, settle, value

AGAIN = f"app.study.set_recipe(start)\napp.pages.turn_to('depth')\napp.study.select({ACTIVATION!r})"
TENSOR = "save picture of the tensor"
PAGE = "save picture of this page"


def saved(notebook, opener, kind, *, by_keys=False):
    """(name, content) of the file that the browser downloads."""
    page = notebook.page
    button = page.locator(".workbench-app").get_by_role("button", name=opener)
    menu = page.get_by_role("dialog", name="save the picture")
    if by_keys:
        button.focus()
        page.keyboard.press("Enter")
    else:
        button.click()
    menu.wait_for(state="visible")
    with page.expect_download() as waiting:
        if by_keys:
            page.keyboard.press("ArrowRight" if kind == "PNG" else "Home")
            page.keyboard.press("Enter")
        else:
            menu.get_by_role("button", name=kind).click()
    menu.wait_for(state="detached")
    settle(notebook)
    return waiting.value.suggested_filename, Path(waiting.value.path()).read_bytes()


def texts_of(svg):
    """All words of an SVG file."""
    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    return " | ".join("".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text"))


def check_pixels(png, least_width=1200):
    """A PNG on white paper on which there is something."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    image = np.asarray(Image.open(BytesIO(png)).convert("RGB"))
    assert image.shape[1] > least_width and image.shape[0] > 600
    assert (image[:8] == 255).all() and 0.01 < (image != 255).any(axis=2).mean() < 0.9


def test_a_tensor_saves_with_its_thresholds_and_numbers(notebook):
    notebook.execute(f"app.study.set_range({ACTIVATION!r}, 0.0, 3.25)")
    settle(notebook)
    notebook.set_theme("dark")
    name, svg = saved(notebook, TENSOR, "SVG")
    words = texts_of(svg)
    assert name == f"digits-{ACTIVATION}-int8.svg"
    error = f"{value(notebook, f'app.study.error({ACTIVATION!r}).sqnr_db'):.1f} dB"
    for part in (ACTIVATION, "3.25", error, "INT8", "by hand", "saturated", "least MSE"):
        assert part in words, (part, words)
    notebook.execute(f"app.study.set_format({ACTIVATION!r}, 'fp16')")
    settle(notebook)
    name, png = saved(notebook, TENSOR, "PNG", by_keys=True)
    assert name == f"digits-{ACTIVATION}-fp16.png"
    check_pixels(png)
    no_trouble(notebook)


def test_pages_that_draw_save_what_they_draw(notebook):
    name, svg = saved(notebook, PAGE, "SVG", by_keys=True)
    assert name == "digits-depth.svg"
    worst = value(notebook, "min(e.sqnr_db for e in app.study.comparison.tensors.values())")
    assert f"{worst:.1f}" in texts_of(svg) and "head.flatten_out" in texts_of(svg)
    notebook.execute("app.pages.turn_to('overview')")
    settle(notebook)
    name, png = saved(notebook, PAGE, "PNG")
    assert name == "digits-overview.png"
    check_pixels(png)
    notebook.execute("app.pages.turn_to('calibration_quality')")
    settle(notebook)
    assert value(notebook, "app.study.wait(120)")
    name, svg = saved(notebook, PAGE, "SVG")
    assert ACTIVATION in texts_of(svg) and name == "digits-calibration_quality.svg"
    notebook.execute("app.pages.turn_to('causes')")
    notebook.page.get_by_role("button", name=PAGE).wait_for(state="hidden")
    no_trouble(notebook)
