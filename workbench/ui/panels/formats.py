"""`FormatsPanel`: the list of all formats behind "more", and their comparison on the selected tensor."""

import re
from typing import Any

import traitlets

from workbench.catalogue import Catalogue
from workbench.numerics.formats.catalogue import FORMATS
from workbench.numerics.formats.format import Format
from workbench.numerics.formats.presets import PRESETS, Preset
from workbench.ui.panel import Panel, script
from workbench.ui.state import FormatRow, State
from workbench.ui.study import Study
from workbench.ui.words import FAMILIES, OWN, first_line, plain

LEAST_SERIES = 3  # widths of one kind that become a row of chips instead of lines of their own


class FormatsPanel(Panel):
    """A menu and a dialog; nothing is worked out while both are closed.

    catalogue: what there is to choose, sent anew only where something was registered. view: what it does to the tensor.
    """

    _esm = script("popup.js", "dialog.js", "copying.js", "table.js", "formats.js")
    parts = ("recipe", "selected", "formats", "errors", "catalogues", "asked", "target")
    catalogue = traitlets.Dict().tag(sync=True)

    def __init__(self, study: Study) -> None:
        self._catalogues = study.state.catalogues
        super().__init__(study, catalogue=catalogue_view(FORMATS))

    def look(self, state: State) -> dict[str, Any]:
        choice = state.recipe.choices.get(state.selected)
        view: dict[str, Any] = {
            "tensor": state.selected,
            "format": "fp32" if choice is None else choice.format,
            "rows": {},
            "done": False,
            "asked": bool(state.asked.keys() & {"formats", "comparison"}),
            "refused": {},
            "presets_refused": {},
        }
        if view["asked"] and state.selected:
            view |= self._refused(state)
        table = state.formats
        if table is not None and view["asked"]:
            same = table.choice is choice
            view["rows"] = {name: _row(row) for name, row in table.rows.items()}
            view["done"] = table.done and same and len(table.rows) >= len(FORMATS)
        return view

    def _refused(self, state: State) -> dict[str, dict[str, str]]:
        """Formats and presets that the target cannot express of this tensor, with the reason."""
        limits, target, tensor = self.study.limits, state.target, state.selected

        def of_preset(preset: Preset) -> str:
            fields: dict[str, Any] = {"rounding": preset.rounding}
            if preset.overflow is not None:
                fields["overflow"] = preset.overflow
            own = limits.of_format(target, tensor, preset.format)
            return own or limits.of_option(target, tensor, preset.format, **fields)

        formats = {name: limits.of_format(target, tensor, name) for name in FORMATS}
        presets = {name: of_preset(preset) for name, preset in PRESETS.items()}
        return {
            "refused": {name: why for name, why in formats.items() if why},
            "presets_refused": {name: why for name, why in presets.items() if why},
        }

    def moved(self, state: State) -> None:
        if state.catalogues != self._catalogues:
            self._catalogues = state.catalogues
            self.catalogue = catalogue_view(FORMATS)
        self.view = self.look(state)

    def on_look(self, content: Any) -> None:
        """The menu or the comparison was opened or closed."""
        what = "comparison" if content["what"] == "comparison" else "formats"
        self.study.ask(what, bool(content["open"]))

    def on_adopt(self, content: Any) -> None:
        self._choose(content, f"choosing {FORMATS[str(content['format'])].title}", "set_format", str(content["format"]))

    def on_preset(self, content: Any) -> None:
        preset = PRESETS[str(content["preset"])]
        self._choose(content, f"choosing {preset.title}", "set_preset", preset.name)

    def _choose(self, content: Any, what: str, verb: str, member: str) -> None:
        study, name = self.study, self.study.state.selected
        scope, same_kind = study.scope(str(content.get("scope") or "tensor")), bool(content.get("same_kind"))
        study.in_background(what, lambda: getattr(study, verb)(name, member, scope, same_kind=same_kind), of=name)


def catalogue_view(formats: Catalogue[Format]) -> dict[str, Any]:
    """Formats in groups by family, widths of one kind as series, and the presets; JSON values."""
    groups: dict[str, dict[str, Any]] = {}
    order = (*dict.fromkeys(FAMILIES.values()), OWN)
    package = formats.built_in
    for title in order:
        members = [f for f in formats.values() if _group(f, package) == title]
        if members:
            groups[title] = {"title": title, **_series(members)}
    facts = {
        name: {
            "title": format.title,
            "bits": format.bits + (8 / format.block_size if format.block_size else 0),
            "family": _group(format, package),
            "hint": first_line(type(format)),
        }
        for name, format in formats.items()
    }
    presets = [{"name": p.name, "title": p.title, "sentence": p.sentence, "source": p.source} for p in PRESETS.values()]
    return {"groups": list(groups.values()), "formats": facts, "presets": presets}


def _group(format: Format, package: frozenset[str]) -> str:
    return OWN if format.name not in package else FAMILIES.get(format.family, OWN)


def _series(members: list[Format]) -> dict[str, Any]:
    """Members that differ in their width alone as series, ascending; the others as rows."""
    stems: dict[str, list[Format]] = {}
    for format in members:
        stems.setdefault(_without_bits(format.name, format.bits, "#"), []).append(format)
    series = [
        {
            "title": _without_bits(kind[0].title, kind[0].bits, "").replace(" bit", "").strip(),
            "members": [{"name": f.name, "width": f.bits} for f in sorted(kind, key=lambda f: f.bits)],
        }
        for kind in stems.values()
        if len(kind) >= LEAST_SERIES
    ]
    rows = [f.name for kind in stems.values() if len(kind) < LEAST_SERIES for f in kind]
    return {"series": series, "rows": sorted(rows, key=lambda n: [f.name for f in members].index(n))}


def _without_bits(text: str, bits: int, instead: str) -> str:
    return re.sub(rf"(?<!\d){bits}(?!\d)", instead, text, count=1)


def _row(row: FormatRow) -> dict[str, Any]:
    error = row.error
    figures: dict[str, Any] = {"why": row.why, "n": row.n_samples}
    if error is not None:
        figures |= {"sqnr_db": plain(error.sqnr_db), "mse": plain(error.mse), "levels": error.levels_used}
        figures |= {"low": plain(row.low), "high": plain(row.high)}
        if row.whole:
            figures |= {"kl": plain(error.kl), "coded": plain(row.coded_bits)}
    return figures
