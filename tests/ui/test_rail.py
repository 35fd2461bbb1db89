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
