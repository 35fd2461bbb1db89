"""The table of channels by mouse and keyboard: sorting, editing a threshold in its cell and by its handle, copying."""

import numpy as np
import pytest

from tests.browser.one_app import ACTIVATION, begun_again, look_at, no_trouble, open_once, settle, value
from tests.browser.test_versions import CLIPBOARD

WEIGHT = "blocks.0.project.conv.weight"
AGAIN = "app.study.ask('channels', False)\napp.study.ask('side_by_side', False)\napp.study.set_recipe(start)"
LIST = ".wb-chan-list"
ROWS = ".wb-chan-body [data-channel]"


@pytest.fixture(scope="module")
def app_page(open_shared):
    """One app for all tests of this file."""
    opened = open_once(open_shared)
    opened.page.evaluate(CLIPBOARD)
    return opened


@pytest.fixture
def notebook(app_page, request):
    """The channels of one weight, opened by a click."""
    with begun_again(app_page, request, AGAIN) as opened:
        look_at(opened, WEIGHT)
        opened.page.locator("[data-view=channels]").click()
        opened.page.locator(ROWS).first.wait_for()
        settle(opened)
        yield opened


def order(notebook):
    return [int(i) for i in notebook.page.locator(ROWS).evaluate_all("(rows) => rows.map((r) => r.dataset.channel)")]


def ordered(notebook, wanted):
    """Wait until the rows stand so."""
    notebook.page.wait_for_function(
        "([rows, wanted]) => [...document.querySelectorAll(rows)].map((r) => +r.dataset.channel).join() === wanted",
        arg=[ROWS, ",".join(map(str, wanted))],
    )


def row(notebook, channel):
    return notebook.page.locator(f".wb-chan-body [data-channel='{channel}']")


def threshold(notebook, channel):
    return notebook.value(f"float(app.recipe[{WEIGHT!r}].high[{channel}])")


def errors(notebook):
    """Squared error of every channel, worked out in the kernel."""
    code = (
        f"((lambda a, q: ((a - q.fake_quantize(a)).astype(float) ** 2).reshape(len(a), -1).sum(1).tolist())"
        f"(app.study.model.tensors[{WEIGHT!r}].array(), app.recipe[{WEIGHT!r}].quantizer))"
    )
    return np.array(value(notebook, code))


def worst_first(notebook):
    return np.argsort(-errors(notebook), kind="stable").tolist()


def steps(notebook):
    return value(notebook, "len(app.study.state.history.past)")


def test_rows_are_sorted_chosen_and_edited_by_mouse(notebook):
    page = notebook.page
    worst, begun = worst_first(notebook), steps(notebook)
    assert order(notebook) == worst
    assert not page.locator(".wb-plot-stage").is_visible()
    page.locator(f"{LIST} .wb-sort[data-column=channel]").click()
    ordered(notebook, range(16))
    page.locator(f"{LIST} .wb-sort[data-column=share]").click()
    ordered(notebook, worst)

    first, before = worst[0], threshold(notebook, worst[0])
    row(notebook, first).locator("[data-column=top]").click()
    field = page.get_by_label(f"threshold of channel {first}", exact=True)
    assert field.is_visible() and page.evaluate("document.activeElement.classList.contains('wb-chan-input')")
    field.fill("0.25")
    page.locator(".wb-heading").first.click()  # leaving the field keeps the number
    settle(notebook)
    assert threshold(notebook, first) == 0.25
    ordered(notebook, worst_first(notebook))
    notebook.execute("app.study.undo()")
    settle(notebook)
    assert threshold(notebook, first) == before
    ordered(notebook, worst)

    row(notebook, first).locator("[data-column=channel]").click()
    handle = page.get_by_role("slider", name=f"Threshold of channel {first}")
    handle.wait_for()
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 60, y, steps=4)
    page.mouse.up()
    settle(notebook)
    assert 0.3 * before < threshold(notebook, first) < 0.95 * before
    assert steps(notebook) == begun + 1
    assert f"study.set_channel_range('{WEIGHT}', {first}, -" in value(notebook, "app.study.code()")
    page.locator("[data-view=plot]").click()
    page.locator(".wb-plot-stage").wait_for()
    settle(notebook)
    assert not page.locator(LIST).is_visible() and value(notebook, "'channels' not in app.study.state.asked")
    no_trouble(notebook)


def test_everything_by_keyboard(notebook):
    page = notebook.page
    worst, begun = worst_first(notebook), steps(notebook)
    page.locator(LIST).focus()
    for key in ("ArrowDown", "ArrowDown", "End", "Home", "ArrowDown"):
        page.keyboard.press(key)
    second = worst[1]
    page.locator(f"{LIST}[aria-activedescendant$='-{second}']").wait_for()
    page.locator(".wb-chan-about", has_text=f"Channel {second}").wait_for()
    before = threshold(notebook, second)

    page.keyboard.press("Enter")
    page.keyboard.type("not a number")
    page.keyboard.press("Enter")
    page.locator(".wb-chan-input[aria-invalid=true]").wait_for()
    page.keyboard.press("Escape")
    page.locator(".wb-chan-input").wait_for(state="detached")
    assert page.evaluate("document.activeElement.classList.contains('wb-chan-list')")

    page.keyboard.press("Enter")
    for key in ("ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    settle(notebook)
    assert threshold(notebook, second) == pytest.approx(before * 0.99**2, rel=1e-3)
    handle = page.get_by_role("slider", name=f"Threshold of channel {second}")
    handle.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    settle(notebook)
    assert threshold(notebook, second) < before * 0.98
    assert steps(notebook) == begun + 2
    no_trouble(notebook)


def test_tables_are_copied_and_reasons_are_given(notebook):
    page = notebook.page
    copies = page.locator(".wb-chan-copies")
    copies.get_by_role("button", name="CSV").click()
    page.wait_for_function("() => window.copied?.startsWith('ch,')")
    lines = page.evaluate("window.copied").splitlines()
    assert lines[0] == "ch,min,max,T,sat. %,MSE,SQNR dB,error %"
    cells = np.array([[float(cell) for cell in line.split(",")] for line in lines[1:]])
    assert cells[:, 0].astype(int).tolist() == worst_first(notebook)
    expected = errors(notebook)
    np.testing.assert_allclose(cells[:, 5], np.sort(expected)[::-1] / 32, rtol=1e-9)
    np.testing.assert_allclose(cells[:, 7], 100 * np.sort(expected)[::-1] / expected.sum(), rtol=1e-9)
    copies.get_by_role("button", name="Markdown").click()
    page.wait_for_function("() => window.copied.startsWith('| ch |')")

    notebook.execute(f"app.study.set_per_channel({WEIGHT!r}, False)")
    settle(notebook)
    page.locator(".wb-chan-words", has_text="one range for all").wait_for()
    row(notebook, 0).locator("[data-column=top]").click()
    page.locator(".wb-chan-about", has_text="one range for the tensor").wait_for()
    assert page.locator(".wb-chan-input").count() == 0
    look_at(notebook, ACTIVATION)
    page.get_by_text("not channel by channel").wait_for()
    assert not page.locator(LIST).is_visible()
    no_trouble(notebook)


def test_one_channel_takes_most_of_the_room_and_gives_it_back(notebook):
    page, plot = notebook.page, notebook.page.locator(".wb-chan-plot")
    row(notebook, worst_first(notebook)[0]).locator("[data-column=channel]").click()
    plot.wait_for()
    before = plot.bounding_box()["height"]
    button = page.get_by_role("button", name="larger")
    button.click()
    height = "document.querySelector('.wb-chan-plot').getBoundingClientRect().height"
    page.wait_for_function(f"{height} > {2 * before}")
    assert row(notebook, worst_first(notebook)[0]).is_visible()
    page.get_by_role("button", name="smaller").click()
    page.wait_for_function(f"{height} === {before}")
    no_trouble(notebook)


def test_weights_and_activations_stand_side_by_side(notebook):
    page, sides = notebook.page, notebook.page.locator(".wb-side")
    page.locator("[data-view=sides]").click()
    sides.nth(1).wait_for()
    settle(notebook)
    assert sides.count() == 2
    assert not page.locator(".wb-plot-stage").is_visible() and not page.locator(LIST).is_visible()
    places = [sides.nth(i).bounding_box() for i in range(2)]
    assert places[0]["x"] + places[0]["width"] <= places[1]["x"] and places[0]["y"] == places[1]["y"]
    activation = sides.nth(1).get_attribute("data-tensor")
    notebook.execute("import numpy as np")
    for side in sides.all():
        choice, labels = f"app.recipe[{side.get_attribute('data-tensor')!r}]", side.locator(".wb-side-T")
        low, high = value(notebook, f"[float(np.min({choice}.low)), float(np.max({choice}.high))]")
        shown = [float(text.replace("\u2212", "-").removeprefix("T ")) for text in labels.all_text_contents()]
        assert shown == pytest.approx([low, high] if low < 0 else [high], rel=0.01)
        assert "cut off" in side.text_content() and side.get_by_text("show alone").is_visible()
    assert "channels' thresholds" in sides.nth(0).text_content()
    sides.nth(1).focus()
    page.keyboard.press("Enter")
    page.locator(".wb-plot-stage").wait_for()
    settle(notebook)
    assert value(notebook, "app.study.selected") == activation
    assert page.locator("[data-view=plot]").get_attribute("aria-pressed") == "true"
    no_trouble(notebook)
