"""Scripts are sent without what only people read, and nothing in them hangs on it."""

from pathlib import Path

import pytest

from workbench.ui import sources
from workbench.ui.sources import joined

SCRIPTS = sorted(Path(sources.__file__).parent.rglob("*.js"))


def test_comments_and_indentation_stay_at_home(tmp_path):
    (tmp_path / "a.js").write_text("// what it is for\nfunction f() {\n  // how\n\n  return 1; // here\n}\n")
    (tmp_path / "b.css").write_text(".a {\n  color: red;\n}\n")
    assert joined(tmp_path, "a.js", "b.css") == "function f() {\nreturn 1; // here\n}\n.a {\ncolor: red;\n}"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_text_goes_over_a_line(path):
    for line in path.read_text(encoding="utf-8").splitlines():
        assert line.count("`") % 2 == 0 and not line.endswith("\\"), line
