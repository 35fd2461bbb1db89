"""The number explorer in a real JupyterLab: typing, dragging, flipping bits, keys, themes, narrow pages."""

import math
import re
import struct

import pytest

CELL = """
from workbench.ui.number_explorer import numbers
explorer = numbers(0.1)
"""


@pytest.fixture
def explorer(show):
    """Shows an explorer of 0.1; returns the notebook when the table is there."""

    def show_one(**options):
        notebook = show(CELL, "explorer", **options)
        answered(notebook)
        return notebook

    return show_one


def answered(notebook):
    """Wait until the table shows the newest number."""
    notebook.page.locator(".wb-anatomy[data-state=ready]").wait_for()


def number_field(notebook):
    return notebook.page.get_by_role("textbox", name="number")


def type_number(notebook, text):
    number_field(notebook).fill(text)
    answered(notebook)


def raw(notebook, name):
    return notebook.page.locator(f'[data-metric="{name}"]').get_attribute("data-value")


def bit(notebook, place):
    return notebook.page.locator(f'[data-bit="{place}"]')


def pattern(value):
    return f"0x{struct.pack('>f', value).hex()}"


def test_a_typed_number_is_taken_apart_in_every_format(explorer):
    notebook = explorer()
    assert raw(notebook, "float32.hex") == "0x3dcccccd"
    assert raw(notebook, "fp16.bits") == "0010111001100110"
    type_number(notebook, "65520")
    assert raw(notebook, "fp16.decoded") == "inf" and raw(notebook, "fp16.number_class") == "infinity"
    assert raw(notebook, "bf16.decoded") == "65536.0"
    assert raw(notebook, "overflow.toward_zero.saturate") == "65504.0"
    assert notebook.value("explorer.value") == 65520.0
    assert notebook.console_errors == [] and notebook.foreign_requests == []


@pytest.mark.parametrize("kind", ["numbers", "others"])
def test_everything_that_can_be_typed_is_understood(explorer, kind):
    notebook = explorer()
    typed = {
        "numbers": {"1e-8": 1e-8, "1/3": 1 / 3, "pi": math.pi, "-2^-14": -(2.0**-14), "2**10": 1024.0, ".5": 0.5},
        "others": {
            "inf": math.inf,
            "-Infinity": -math.inf,
            "-0.0": -0.0,
            "0x1.8p3": 12.0,
            "0x3f800000": 1.0,
            "0b1": 1e-45,
        },
    }[kind]
    for text, value in typed.items():
        number_field(notebook).fill(text)
        assert raw(notebook, "float32.hex") == pattern(value), text  # without waiting for Python
        answered(notebook)
        seen = notebook.value("repr(float(explorer.value))")
        assert float(seen) == pytest.approx(value, rel=1e-6) and math.copysign(1, float(seen)) == math.copysign(
            1, value
        )
    type_number(notebook, "nan")
    assert raw(notebook, "fp16.number_class") == "NaN" and notebook.page.get_by_text("NaN is not rounded").is_visible()


def test_what_is_no_number_is_said_and_changes_nothing(explorer):
    notebook = explorer()
    for text in ("ten", "1/", "0x", "2)", "1e", "0b12", "1 2", "--", "alert(1)", "0x123456789"):
        number_field(notebook).fill(text)
        assert "This is no number" in notebook.page.get_by_role("status").first.inner_text(), text
        assert number_field(notebook).get_attribute("aria-invalid") == "true"
        assert raw(notebook, "float32.hex") == "0x3dcccccd", text
    number_field(notebook).fill("0.25")
    assert number_field(notebook).get_attribute("aria-invalid") is None
    assert raw(notebook, "float32.hex") == pattern(0.25)


def test_a_click_flips_a_bit_and_so_does_the_space_bar(explorer):
    notebook = explorer()
    bit(notebook, 31).click()
    assert number_field(notebook).input_value() == "-0.1"
    bit(notebook, 23).click()
    answered(notebook)
    assert number_field(notebook).input_value() == "-0.05"
    assert raw(notebook, "float32.class") == "normal" and raw(notebook, "fp32.bits")[:9] == "101111010"
    notebook.page.keyboard.press("ArrowRight")  # from bit 23 to bit 22
    notebook.page.keyboard.press("Space")
    answered(notebook)
    assert bit(notebook, 22).get_attribute("aria-pressed") == "false"
    assert int(raw(notebook, "float32.hex"), 16) == (int(pattern(-0.1), 16) ^ (1 << 23) ^ (1 << 22))
    for place in range(30, 22, -1):
        if bit(notebook, place).get_attribute("aria-pressed") == "false":
            bit(notebook, place).click()
    assert raw(notebook, "float32.class") == "NaN"


def test_numbers_follow_the_dragged_ruler(explorer):
    notebook = explorer()
    seen = notebook.drag("Value", 120, seconds=2)
    print(f"drag: {seen}")
    assert len(seen.values["float32"]) >= 20 and len(seen.values["fp16.decoded"]) >= 5
    answered(notebook)
    value = float(number_field(notebook).input_value())
    assert value > 0.1 and notebook.value("explorer.value") == pytest.approx(value, rel=1e-6)
    assert float(notebook.slider("Value").get_attribute("aria-valuenow")) == pytest.approx(value, rel=1e-6)


def test_the_ruler_goes_through_zero_by_mouse_and_keys(explorer):
    notebook = explorer()
    track = notebook.page.locator(".wb-ruler-track").bounding_box()
    middle = track["x"] + track["width"] / 2
    notebook.page.mouse.click(middle, track["y"] + 14)
    assert number_field(notebook).input_value() == "0"
    notebook.page.mouse.click(middle - 200, track["y"] + 14)
    assert float(number_field(notebook).input_value()) < 0
    type_number(notebook, "1")
    notebook.press("Value", "PageUp")
    assert number_field(notebook).input_value() == "10"
    notebook.press("Value", "PageDown", "PageDown", "ArrowRight")
    assert float(number_field(notebook).input_value()) == pytest.approx(0.1 * 10 ** (1 / 40), rel=5e-3)
    type_number(notebook, "1")
    notebook.press("Value", "Shift+ArrowRight")
    assert int(raw(notebook, "float32.hex"), 16) == 0x3F800001
    notebook.press("Value", "Shift+ArrowLeft", "Shift+ArrowLeft")
    assert int(raw(notebook, "float32.hex"), 16) == 0x3F7FFFFF
    type_number(notebook, "1e-9")
    notebook.press("Value", "ArrowLeft", "ArrowLeft")
    assert float(number_field(notebook).input_value()) == -1e-9
    notebook.press("Value", "End")
    assert float(number_field(notebook).input_value()) == 1e9


def test_the_notebook_takes_no_key(explorer):
    notebook = explorer()
    for used in (notebook.slider("Value"), bit(notebook, 31), notebook.page.locator('[data-format="fp16"]')):
        used.focus()
        for key in "ddxbm":  # cut and delete the cell, add one, turn it into text
            notebook.page.keyboard.press(key)
        assert notebook.slider("Value").count() == 1
        assert notebook.page.evaluate("jupyterapp.shell.currentWidget.content.widgets.length") == 1


def test_escape_gives_the_number_back(explorer):
    notebook = explorer()
    notebook.drag("Value", -150, seconds=0.5, release=False)
    assert number_field(notebook).input_value() != "0.1"
    notebook.page.keyboard.press("Escape")
    notebook.page.mouse.up()
    answered(notebook)
    assert notebook.value("explorer.value") == pytest.approx(0.1)


def test_a_row_is_chosen_by_click_and_by_arrow_keys(explorer):
    notebook = explorer()
    notebook.page.locator('[data-row="int8"] td').nth(2).click()
    answered(notebook)
    assert notebook.value("explorer.chosen") == "int8"
    assert raw(notebook, "chosen.formula") == "13 · 0.007874016"
    assert raw(notebook, "rounding.up") == notebook.value("repr(explorer.anatomy.above)")
    assert raw(notebook, "rounding.stochastic").split() == notebook.value(
        "[repr(explorer.anatomy.below), repr(explorer.anatomy.above)]"
    )
    shares = notebook.page.locator('[data-metric="rounding.stochastic"] [data-share]')
    assert sum(float(each.get_attribute("data-share")) for each in shares.all()) == pytest.approx(1)
    notebook.page.locator('[data-format="int8"]').focus()
    notebook.page.keyboard.press("ArrowDown")
    answered(notebook)
    assert notebook.value("explorer.chosen") == "uint8"
    assert notebook.page.evaluate("document.activeElement.dataset.format") == "uint8"


def test_the_scale_is_a_field_or_follows_the_number(explorer):
    notebook = explorer()
    scale = notebook.page.get_by_role("textbox", name="scale T")
    type_number(notebook, "3")
    assert scale.input_value() == "4"
    scale.fill("1")
    answered(notebook)
    assert raw(notebook, "int8.number_class") == "saturated" and float(raw(notebook, "int8.decoded")) == 1
    type_number(notebook, "5")
    assert scale.input_value() == "1"
    scale.fill("-2")
    assert scale.get_attribute("aria-invalid") == "true" and notebook.value("explorer.threshold") == 1
    notebook.page.get_by_role("button", name="scale T automatic").click()
    answered(notebook)
    notebook.page.wait_for_function("document.querySelector('.wb-threshold-field').value === '8'")
    assert raw(notebook, "int8.number_class") == "normal"


def test_all_formats_can_be_shown(explorer):
    notebook = explorer()
    notebook.page.get_by_role("button", name=re.compile("show all")).click()
    answered(notebook)
    assert notebook.page.locator("[data-row]").count() == notebook.value("explorer.view['n_formats']") > 70
    notebook.page.locator('[data-row="mxfp4"]').click()
    answered(notebook)
    assert notebook.page.locator('[data-row="mxfp4"] [data-field]').evaluate_all(
        "all => all.map((e) => e.dataset.field)"
    ) == [
        "shared",
        "sign",
        "exponent",
        "mantissa",
    ]
    notebook.page.get_by_role("button", name="show few").click()
    answered(notebook)
    assert notebook.page.locator("[data-row]").count() == 15  # the chosen one stays


def test_python_and_examples_set_the_number_too(explorer):
    notebook = explorer()
    notebook.page.get_by_role("button", name="1/3", exact=True).click()
    answered(notebook)
    assert notebook.value("explorer.value") == 1 / 3
    notebook.execute("explorer.value = 2049; explorer.chosen = 'bf16'")
    notebook.page.wait_for_function("document.querySelector('.wb-value-field').value === '2049'")
    assert raw(notebook, "float32.hex") == pattern(2049) and raw(notebook, "fp16.decoded") == "2048.0"
    assert notebook.page.locator(".wb-chosen").get_attribute("data-row") == "bf16"
    notebook.execute("explorer.value = float('nan')")
    notebook.page.wait_for_function("document.querySelector('.wb-value-field').value === 'nan'")


def test_a_busy_kernel_holds_up_neither_bits_nor_the_table(explorer):
    notebook = explorer()
    notebook.page.wait_for_timeout(1500)  # the hello and its answer move the comm to the subshell
    with notebook.kept_busy():
        number_field(notebook).fill("2049")
        assert raw(notebook, "float32.hex") == pattern(2049)
        notebook.page.wait_for_function(
            "document.querySelector('[data-metric=\"fp16.decoded\"]').dataset.value === '2048.0'"
        )


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_cut_off_at_700_pixels(explorer, theme):
    notebook = explorer(theme=theme, size=(908, 1300))
    width = notebook.page.evaluate("document.querySelector('.wb-anatomy').getBoundingClientRect().width")
    assert 690 <= width <= 740
    for text in ("0.1", "6e-8", "-3.4e38", "65520"):
        type_number(notebook, text)
        too_wide = notebook.page.evaluate(
            """() => [".wb-anatomy", ".wb-table-frame", ".wb-captions", ".wb-bit-row", ".wb-lanes"]
                .filter((name) => ((e) => e.scrollWidth > e.clientWidth + 1)(document.querySelector(name)))"""
        )
        assert too_wide == [], text
        cut = notebook.page.evaluate(
            """() => [...document.querySelectorAll(".wb-table td:not(.wb-cell-bits)")]
                .filter((cell) => cell.scrollWidth > cell.clientWidth + 1).map((cell) => cell.dataset.metric)"""
        )
        assert cut == [], text
    ink, paper = notebook.page.evaluate(
        "['color', 'backgroundColor'].map((name) => getComputedStyle(document.querySelector('.wb-anatomy'))[name])"
    )
    assert (ink, paper) == {
        "light": ("rgb(31, 35, 40)", "rgb(255, 255, 255)"),
        "dark": ("rgb(232, 234, 237)", "rgb(17, 20, 24)"),
    }[theme]


def test_everything_that_can_be_used_has_a_name(explorer):
    notebook = explorer()
    nameless = notebook.page.evaluate(
        """() => [...document.querySelectorAll(".wb-anatomy :is(button, input, [role=slider])")]
            .filter((e) => !(e.getAttribute("aria-label") || e.textContent.trim())).length"""
    )
    assert nameless == 0
    labels = [bit(notebook, place).get_attribute("aria-label") for place in (31, 30, 22)]
    assert labels == ["bit 31, sign, 0", "bit 30, exponent, 0", "bit 22, mantissa, 1"]
