"""The table of speed in README, from the JSON of a run: `python -m tests.benchmarks.speed.readme_table [FILE]`."""

import json
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.speed.figures import FIGURES
from tests.benchmarks.speed.results import cells, setting

PROJECT = Path(__file__).resolve().parents[3]
PAGE = PROJECT / "README.md"
COMMAND = "python -m tests.benchmarks.speed.readme_table"
BEGIN, END = "<!-- speed: begin -->", "<!-- speed: end -->"
HEADING = ("what", "beside", "ours", "beside it", "ratio", "wanted", "reached")


def section(record: Mapping[str, Any]) -> str:
    """What stands between the markers. ValueError where a figure was not measured."""
    if missing := [figure.what for key, figure in FIGURES.items() if key not in record["rows"]]:
        raise ValueError(f"not measured: {'; '.join(missing)}; run all of `make bench`")
    lines = [f"| {' | '.join(line)} |" for line in (HEADING, *(cells(record["rows"][key]) for key in FIGURES))]
    table = "\n".join([lines[0], "|" + "---|" * len(HEADING), *lines[1:]])
    words = (
        "Medians; both sides take turns in one run, each with one thread. The ratio is that of the medians, with the "
        "least and the largest of a round: with ≥ how many times better ours is, with ≤ how many times more it takes. "
        f"The network that is calibrated has the shape of ResNet-50 and seeded weights, {record['images']} images. "
        "Memory is what comes on top of imports and inputs, each side in a process of its own. "
        f"Measured on {setting(record)}"
    )
    return f"{table}\n\n{textwrap.fill(words, 120, break_on_hyphens=False)}\n"


def renewed(page: str, record: Mapping[str, Any]) -> str:
    """The page with the section replaced."""
    before, begin, rest = page.partition(f"{BEGIN}\n")
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page needs the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{section(record)}{END}{after}"


if __name__ == "__main__":
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else PROJECT / "test-artifacts" / "benchmarks.json"
    stored = json.loads(source.read_text(encoding="utf-8"))
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8"), stored), encoding="utf-8")
    print(f"wrote the table of {source.name} into {PAGE.name}")
