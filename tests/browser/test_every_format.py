"""Formats of every family, shown in one app: figures, handles and curves, and nothing that goes wrong.

The whole catalogue stands behind the mark `full`.
"""

import json
import math

import pytest

from tests.browser.one_app import no_trouble, open_app
from workbench.numerics.formats.catalogue import FORMATS

WEIGHT = "blocks.0.depthwise.conv.weight"
CELL = "import workbench as wb\napp = wb.App(wb.demo.model(), autosave=None)\napp"
CHOOSE = """import json
app.study.set_format({tensor!r}, {format!r})
_error, _figure = app.study.error({tensor!r}), app.plot.figure
print(json.dumps(dict(mse=_error.mse, kl=None if _error.kl != _error.kl else _error.kl, kind=app.plot.subject["kind"],
    errors=list(_figure.layout.yaxis2.range or []), nats=list(_figure.layout.yaxis3.range or []),
    trouble=app.study.state.latest_trouble)))"""
METRIC = """([name, wanted]) => {
  const { value } = document.querySelector(`.wb-numbers [data-metric=${name}]`).dataset;
  return wanted === null ? value === "" : value !== "" && Number(value) === wanted;
}"""
DRAWN = """([handled, errors, nats]) => {
  const shown = (selector) => [...document.querySelectorAll(selector)].some((e) => e.offsetParent);
  const { yaxis2, yaxis3 } = document.querySelector(".js-plotly-plot")._fullLayout;
  const near = (a, b) => a.length === b.length && a.every((v, i) => Math.abs(v - b[i]) < 1e-6);
  const curves = !handled || (yaxis2.visible && near(yaxis2.range, errors) && near(yaxis3.range, nats));
  const words = document.querySelector(".wb-note-words");
  return curves && shown(".wb-handle") === handled && (handled || words.textContent.length > 10);
}"""


def of_every_kind():
    """The narrowest and the widest format of each family, and each with its own range before one with a threshold."""
    families = {}
    for name, format in FORMATS.items():
        families.setdefault((format.family, format.has_scale, format.step), []).append(name)
    ends = [name for members in families.values() for name in dict.fromkeys((members[0], members[-1]))]
    own = [name for name in ends if not FORMATS[name].has_scale and FORMATS[name].family == "floating"]
    return [*ends, *(name for each in own for name in (each, "int8", each, "gfpq16"))]


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.full)])
def test_formats_are_shown(open_notebook, whole):
    order = [*FORMATS, *of_every_kind()] if whole else of_every_kind()
    notebook = open_app(open_notebook, CELL)
    page = notebook.page
    skip = page.get_by_role("button", name="Skip")
    if skip.count():
        skip.click()
    notebook.value(f"app.study.select({WEIGHT!r})")
    for format in order:
        known = json.loads(notebook.execute(CHOOSE.format(tensor=WEIGHT, format=format)))
        assert math.isfinite(known["mse"]) and (known["mse"] > 0) == (format != "fp32"), format
        assert known["trouble"] == "", format
        handled = FORMATS[format].has_scale
        assert (known["kind"] == "handles") == handled, format
        try:
            for name in ("mse", "kl"):
                page.wait_for_function(METRIC, arg=[name, known[name]], timeout=10_000)
            page.wait_for_function(DRAWN, arg=[handled, known["errors"], known["nats"]], timeout=10_000)
        except Exception as late:
            raise AssertionError(f"{format} is not shown: {known}; {notebook.screenshot(format)}") from late
        assert (known["kl"] is None) == (FORMATS[format].block_size is not None), format
        assert page.locator(".wb-toast").count() == 0, format
    no_trouble(notebook)
