"""The rail that stands for the choice where the app is small; the tabs of the network room."""

from workbench.ui.panels.pages import Page, PagesPanel
from workbench.ui.panels.rail import RailPanel


def test_the_rail_names_the_present_format(study):
    panel = RailPanel(study)
    tensor = study.model.layers[0].weight
    study.select(tensor)
    assert panel.view == {"tensor": tensor, "format": "INT8", "bits": 8}
    study.set_format(tensor, "fp32")
    assert panel.view == {"tensor": tensor, "format": "FP32", "bits": 32}
    study.set_format(tensor, "fp16")
    assert panel.view == {"tensor": tensor, "format": "FP16", "bits": 16}
    study.set_format(tensor, "int5")
    assert panel.view == {"tensor": tensor, "format": "INT5", "bits": 5}
    study.undo()
    assert panel.view["format"] == "FP16"
    panel.close()


def test_pages_ask_only_while_they_are_open(study):
    panel = PagesPanel(
        study, [Page("first", "First", "one"), Page("second", "Second", "two", ("causes",), picture=True)]
    )
    assert panel.view == {
        "tabs": [
            {"name": "first", "title": "First", "hint": "one", "picture": False},
            {"name": "second", "title": "Second", "hint": "two", "picture": True},
        ],
        "open": "first",
    }
    assert "causes" not in study.state.asked
    panel._hear(panel, {"kind": "open", "page": "second"}, [])
    assert panel.view["open"] == "second" and "causes" in study.state.asked
    panel.turn_to("first")
    assert "causes" not in study.state.asked
    panel._hear(panel, {"kind": "open", "page": "third"}, [])
    assert "unknown page 'third'; expected one of first, second" in study.state.latest_trouble
    panel.close()


def test_a_page_that_is_folded_in_every_view_asks_nothing(study):
    pages = [Page("first", "First", "one", ("samples",)), Page("second", "Second", "two", ("causes",))]
    panel = PagesPanel(study, pages)

    def told(view, folded, gone=False):
        panel._hear(panel, {"kind": "fold", "view": view, "folded": folded, "gone": gone}, [])
        return {"samples", "causes"} & study.state.asked.keys()

    assert told("a", False) == {"samples"}
    assert told("b", True) == {"samples"}  # the other view is still looked at
    assert told("a", True) == set()
    panel._hear(panel, {"kind": "open", "page": "second"}, [])
    assert told("a", True) == set()
    assert told("b", False) == {"causes"}
    assert told("b", True) == set()
    assert told("a", True, gone=True) == set()
    assert told("b", True, gone=True) == {"causes"}  # nobody says that it is folded
    assert told("c", True) == set()
    panel.turn_to("first")  # which a cell may wait for at once
    assert study.state.asked.keys() & {"samples", "causes"} == {"samples"}
    assert study.wait(60) and study.state.answers["samples"].done
    panel.close()
