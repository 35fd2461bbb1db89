"""Lessons as reading copies: run once, with pictures in place of what only moves beside a kernel."""

import json
import uuid
from pathlib import Path
from typing import Any

FIGURE = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
SECONDS = 300  # for one cell
WIDEST = 640  # px that a figure may ask for; a wider one takes the room that there is

# Runs in the kernel before the lesson: explorers and apps show the picture that their own button saves.
STILL = """
import json as _json
def _still(self, **_):
    study = getattr(self, "study", None)
    if study is not None:
        study.wait(120)
    return {"application/vnd.plotly.v1+json": _json.loads(self.picture().to_json()) | {"still": True}}
from workbench.ui.app import App as _App
from workbench.ui.explorer import Explorer as _Explorer
_App._repr_mimebundle_ = _Explorer._repr_mimebundle_ = _still
"""
LIVE = '<p class="live">Live in JupyterLab: open the notebook with <code>make lab</code> to use what stands here.</p>'
MOVES = '<p class="live">A picture of what can be dragged in JupyterLab.</p>'


def reading_copy(path: Path, target: Path, work: Path) -> None:
    """Run a notebook in the folder `work` and write it to `target` with outputs that a plain page can show.

    Raises nbclient's CellExecutionError where a cell ends with an error.
    """
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(STILL))
    work.mkdir(parents=True, exist_ok=True)
    resources = {"metadata": {"path": str(work)}}
    NotebookClient(
        notebook, timeout=SECONDS, kernel_name="python3", store_widget_state=False, resources=resources
    ).execute()
    del notebook.cells[0]
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if "data" in output:
                output["data"] = plain(output["data"])
    notebook.metadata.pop("widgets", None)
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)


def plain(data: dict[str, Any]) -> dict[str, Any]:
    """A cell's answer without figures and widgets in the forms that need JupyterLab."""
    if FIGURE in data:
        return {"text/html": _drawn(data[FIGURE])}
    if WIDGET in data:
        return {"text/html": LIVE}
    return {kind: value for kind, value in data.items() if kind.startswith(("text/", "image/"))}


def _drawn(figure: dict[str, Any]) -> str:
    """HTML that draws a figure with the plotly.js of the page, which comes last on it."""
    name = f"figure-{uuid.uuid4().hex}"
    figure = {**figure, "layout": {**figure.get("layout", {}), "autosize": True}}
    if figure["layout"].get("width", 0) > WIDEST:
        del figure["layout"]["width"]  # as wide as the page
    parts = [json.dumps(figure.get(part, {})).replace("</", "<\\/") for part in ("data", "layout")]
    call = f'Plotly.newPlot("{name}", {parts[0]}, {parts[1]}, {{responsive: true, displaylogo: false}})'
    script = f'<script>addEventListener("DOMContentLoaded", () => {call});</script>'
    return f'<div class="figure" id="{name}"></div>{script}{MOVES if figure.get("still") else ""}'


def uses_figures(path: Path) -> bool:
    """Whether a reading copy draws something, so that its page needs plotly.js."""
    return path.suffix == ".ipynb" and "Plotly.newPlot" in json.dumps(json.loads(path.read_text(encoding="utf-8")))
