"""Widgets share a page: no rule of the plot may reach into the number explorer by a class name that both have."""

import re
from pathlib import Path

import workbench

UI = Path(workbench.__file__).parent / "ui"
CLASS = re.compile(r"wb-[a-z0-9-]+")


def test_the_plot_does_not_style_the_number_explorer():
    own = {name for path in (UI / "number_explorer").glob("*.js") for name in CLASS.findall(path.read_text("utf-8"))}
    rules = re.findall(r"^([^{}@/]*)\{", (UI / "threshold" / "plot.css").read_text("utf-8"), re.MULTILINE)
    selectors = [selector.strip() for rule in rules for selector in rule.split(",")]
    reaching = {name for selector in selectors if " " not in selector for name in CLASS.findall(selector)}
    assert reaching and own and not own & reaching
