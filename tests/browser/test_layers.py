"""Many layers at once: picked in the list for one choice; the overview of the network; by mouse and keyboard."""

import pytest

from tests.browser.one_app import no_trouble, open_once, settle, value
from workbench.ui.panel import PANELS


@pytest.fixture(scope="module")
def notebook(open_shared):
    return open_once(open_shared)


def line(notebook, index):
    return notebook.page.locator(f".wb-list [data-index='{index}']")


SHOWN = "() => [...document.querySelectorAll('.wb-list .wb-cell-0')].map((cell) => cell.textContent)"
FITS = (
    "() => [...document.querySelectorAll('.wb-list .wb-cell-0')].every((cell) => cell.scrollWidth <= cell.clientWidth)"
)
SHORT = "([names, room]) => { %s; return shortNames(names, () => room, (text) => [...text].length); }"


def picked(notebook):
    settle(notebook)
    return value(notebook, "list(app.study.state.picked)")


def test_picked_layers_take_one_choice(notebook):
    page = notebook.page
    names = value(notebook, "[layer.name for layer in app.study.model.layers]")
    line(notebook, 0).click()
    line(notebook, 2).click(modifiers=["Control"])
    assert picked(notebook) == [names[0], names[2]]
    line(notebook, 3).click(modifiers=["Shift"])
    assert picked(notebook) == names[2:4]
    page.keyboard.press("Shift+ArrowDown")
    assert picked(notebook) == names[2:5]
    page.get_by_text("3 picked", exact=True).wait_for()
    page.locator(".wb-scope").select_option("picked")
    page.get_by_role("radio", name="FP16").click()
    settle(notebook)
    formats = value(notebook, "{name: choice.format for name, choice in app.recipe.choices.items()}")
    weights = value(notebook, "{layer.weight: layer.name for layer in app.study.model.layers if layer.weight}")
    assert {weights[name] for name in weights if formats[name] == "fp16"} == {
        n for n in names[2:5] if n in weights.values()
    }
    page.locator(".wb-list").focus()
    page.keyboard.press("Escape")
    assert picked(notebook) == [] and page.locator(".wb-scope option[value='picked']").count() == 0
    page.get_by_role("searchbox", name="search layers").fill("expand")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Control+a")
    assert picked(notebook) == [name for name in names if "expand" in name]
    page.keyboard.press("Escape")
    page.get_by_role("searchbox", name="search layers").fill("")
    no_trouble(notebook)


def test_the_overview_shows_where_a_layer_stands(notebook):
    page = notebook.page
    page.get_by_role("tab", name="Overview").click()
    heat = page.get_by_role("slider", name="layer", exact=True)
    page.locator(".wb-heat[aria-valuemax]").wait_for()
    heat.focus()
    page.keyboard.press("Home")
    page.locator(".wb-heat[aria-valuenow='1']").wait_for()
    first = value(notebook, "app.study.state.layer")
    assert first == value(notebook, "app.study.model.layers[0].name")
    assert heat.get_attribute("aria-valuetext").startswith(first)
    page.keyboard.press("ArrowRight")
    page.locator(".wb-heat[aria-valuenow='2']").wait_for()
    box = heat.bounding_box()
    heat.click(position={"x": box["width"] - 3, "y": box["height"] / 2})
    settle(notebook)
    assert value(notebook, "app.study.state.layer == app.study.model.layers[-1].name")
    before = page.locator(".wb-neighbour:not(.wb-selected)").first
    name = before.text_content()
    before.click()
    settle(notebook)
    assert value(notebook, "app.study.state.layer") == name
    assert page.locator(".wb-neighbour.wb-selected").text_content() == name
    painted = "(c) => new Set(c.getContext('2d').getImageData(0, 0, c.width, c.height).data).size"
    assert heat.evaluate(painted) > 10
    no_trouble(notebook)


def test_more_height_for_the_pages_leaves_the_plot_as_it_is(notebook):
    page = notebook.page
    plot, room = page.locator(".wb-plot-stage"), page.locator(".wb-room-network")
    before = plot.bounding_box()["height"], room.bounding_box()["height"]
    page.get_by_role("button", name="more height for this part").click()
    page.wait_for_function(f"() => document.querySelector('.wb-room-network').clientHeight > {before[1] + 100}")
    assert plot.bounding_box()["height"] == before[0]
    page.get_by_role("button", name="more height for this part").click()
    page.wait_for_function(f"() => document.querySelector('.wb-room-network').clientHeight < {before[1] + 5}")


def test_layers_can_be_told_apart_where_there_is_little_room(notebook):
    page = notebook.page
    names = value(notebook, "[layer.name for layer in app.study.model.layers]")
    page.wait_for_function(f"(names) => JSON.stringify(({SHOWN})()) === JSON.stringify(names)", arg=names)
    for width in (1300, 1100, 1000, 900):
        page.set_viewport_size({"width": width, "height": 1000})
        page.wait_for_function(
            f"(names) => ({FITS})() && JSON.stringify(({SHOWN})()) !== JSON.stringify(names)", arg=names
        )
        shown = page.evaluate(SHOWN)
        assert len(set(shown)) == len(names) and all(a[0] == b[0] for a, b in zip(shown, names, strict=True))
        cell = line(notebook, names.index("blocks.0.depthwise.conv")).get_by_role("gridcell").first
        assert cell.get_attribute("aria-label") == "blocks.0.depthwise.conv"
        assert cell.get_attribute("title").startswith("blocks.0.depthwise.conv (")
    page.set_viewport_size({"width": 1480, "height": 1000})
    page.wait_for_function(f"(names) => JSON.stringify(({SHOWN})()) === JSON.stringify(names)", arg=names)
    no_trouble(notebook)


@pytest.mark.parametrize(
    ("names", "room", "expected"),
    [
        (["stem.conv", "blocks.0.depthwise.conv"], 23, ["stem.conv", "blocks.0.depthwise.conv"]),
        (["stem.conv", "blocks.0.depthwise.conv"], 18, ["stem.conv", "b.0.depthwise.conv"]),
        (["a.down.conv", "a.deep.conv"], 9, ["a.do.conv", "a.de.conv"]),
        (["a.block12.conv", "a.block1.conv"], 10, ["a.b12.conv", "a.b1.conv"]),
        (["x" * 30 + "1", "x" * 30 + "2"], 7, ["xx…xxx1", "xx…xxx2"]),
        (["1" + "x" * 30, "x" * 9 + "2" + "x" * 21], 8, ["1x…xxxxx", "xx…xxxxx"]),
        (["left_" + "x" * 30, "lest_" + "x" * 30], 8, ["1: l…xxx", "2: l…xxx"]),
    ],
)
def test_names_are_shortened_to_what_tells_them_apart(notebook, names, room, expected):
    script = (PANELS / "names.js").read_text(encoding="utf-8")
    assert notebook.page.evaluate(SHORT % script, [names, room]) == expected


def test_thousands_of_names_stay_different(notebook):
    script = (PANELS / "names.js").read_text(encoding="utf-8")
    names = [
        f"model.layers.{i}.{part}.{side}" for i in range(500) for part in ("attn.q", "attn.k", "mlp") for side in "ab"
    ]
    shown = notebook.page.evaluate(SHORT % script, [names, 12])
    assert len(set(shown)) == len(names) and max(map(len, shown)) <= 12
