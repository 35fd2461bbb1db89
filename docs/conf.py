"""Sphinx's configuration: pages in Markdown, lessons as notebooks that are not run again, no address but our own."""

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from reading_copies import uses_figures  # noqa: E402  # the file beside this one

import workbench  # noqa: E402

project = "Quantization workbench"
version = release = workbench.__version__
copyright = "the quantization workbench authors, MIT"
extensions = ["myst_nb", "sphinx.ext.autodoc"]
html_theme = "furo"
html_title = f"Quantization workbench {version}"
html_css_files = ["site.css"]
html_copy_source = html_show_sourcelink = False
templates_path: list[str] = []

nb_execution_mode = "off"  # `build.py` has run them
nb_merge_streams = True
nb_ipywidgets_js: dict[str, Any] = {}  # else two scripts of a content delivery network
myst_heading_anchors = 3
myst_enable_extensions: list[str] = []
# links to files of the tree, which are no pages; functions as defaults have addresses in their text
suppress_warnings = ["myst.xref_missing", "myst.header"]

default_role = "code"
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 100

SPECIAL = re.compile(r"([*|\\]|_(?!\w))")


def as_text(_app: Any, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]) -> None:
    """Docstrings are plain words: nothing in them is markup but `code` and indented examples."""
    made: list[str] = []
    in_code = False
    for line in lines:
        indented = line.startswith("    ") and (in_code or not made or not made[-1])
        if indented and not in_code:
            made += ["", ".. code-block:: python", ""]
        in_code = indented or (in_code and not line.strip())
        pieces = line.split("`")
        made.append(
            line if in_code else "`".join(SPECIAL.sub(r"\\\1", p) if i % 2 == 0 else p for i, p in enumerate(pieces))
        )
    lines[:] = made


def with_figures(app: Any, page: str, _template: str, _context: dict[str, Any], _tree: Any) -> None:
    """Pages that draw something load plotly.js, from the site itself."""
    source = Path(app.env.doc2path(page)) if page in app.env.found_docs else Path()
    if uses_figures(Path(app.srcdir) / source):
        app.add_js_file("plotly.min.js", loading_method=None)


def setup(app: Any) -> None:
    app.connect("autodoc-process-docstring", as_text)
    app.connect("html-page-context", with_figures)
