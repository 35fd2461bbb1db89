"""`page`: the report as HTML text. Whatever a model or a person wrote goes through `said` or `named`."""

import math
from collections.abc import Iterable, Mapping
from html import escape
from itertools import chain

import numpy as np

from workbench.workflow.choice import Bound
from workbench.workflow.export.html_report_facts import Facts, Row
from workbench.workflow.export.html_report_pictures import Point, along_depth, bars, histogram, number, split_bar
from workbench.workflow.export.html_report_style import STYLE
from workbench.workflow.export.html_report_summary import summary
from workbench.workflow.export.html_report_text import named, said
from workbench.workflow.export.own_errors import distribution_of

RECIPE_ID = "recipe-json"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(facts: Facts, worst: int, date: str) -> str:
    """The whole document."""
    model = facts.order.model
    title = f"Quantization report: {model.name}"
    parts = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{said(title)}</title><style>{STYLE}</style></head><body><main>",
        f"<h1>Quantization report: {named(model.name)}</h1>",
        f'<p class="quiet">{said(date)}</p>' if date else "",
        summary(facts),
        _depth(facts),
        _own(facts),
        _worst(facts, worst),
        _tensors(facts),
        _notices(facts),
        _recipe(facts),
        _made_with(facts),
        "</main></body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _depth(facts: Facts) -> str:
    if facts.comparison is None:
        return ""
    points = [Point(name, error.sqnr_db) for name, error in facts.comparison.tensors.items()]
    label = f"SQNR of {len(points)} tensors in the order of the network, in dB; the table of tensors has the numbers"
    picture = along_depth(points, label)
    if not picture:
        return ""
    words = "Each tensor of the quantized network against the float network's, with all error that reaches it; higher "
    words += "is better. A steep fall is where the network is hurt."
    return f'<h2>Error along the depth</h2><figure class="wide">{picture}<figcaption>{words}</figcaption></figure>'


def _own(facts: Facts) -> str:
    points = [
        Point(row.name, row.own.sqnr_db, "weight" if row.is_weight else "activation")
        for row in facts.rows
        if row.own is not None
    ]
    picture = bars(points, f"SQNR of {len(points)} tensors by themselves, in dB; the table of tensors has the numbers")
    if not picture:
        return ""
    keys = '<span class="key activation"></span>activation<span class="key weight"></span>weight. '
    words = "SQNR of each tensor by itself: its values against the codes chosen for it. The shorter, the worse."
    caption = f"<figcaption>{keys}{words}</figcaption>"
    return f'<h2>Error of each tensor by itself</h2><figure class="wide">{picture}{caption}</figure>'


def _worst(facts: Facts, n: int) -> str:
    known = [row for row in facts.rows if row.own is not None and not math.isinf(row.own.sqnr_db)]
    ranked = sorted(known, key=lambda row: row.own.sqnr_db if row.own else math.inf)[:n]
    if not ranked:
        return ""
    words = "The lowest SQNR by themselves. What a tensor costs the output also depends on the layers behind it."
    keys = '<span class="key rounding"></span>rounding<span class="key clipping"></span>clipping'
    legend = f"<p>{keys} (bar below each picture). Orange: thresholds and levels; a band where channels differ.</p>"
    figures = "".join(_figure(facts, row) for row in ranked)
    return f'<h2>Worst tensors</h2><p>{words}</p>{legend}<div class="worst">{figures}</div>'


def _figure(facts: Facts, row: Row) -> str:
    distribution, choice, error = distribution_of(facts.order, row.name), row.choice, row.own
    assert distribution is not None and choice is not None and error is not None
    kind = "weight" if row.is_weight else "activation"
    label = f"Histogram of {kind} {row.name} with its thresholds, {span(choice.low, choice.high)}"
    share = error.rounding_mse / error.mse if error.mse > 0 and math.isfinite(error.mse) else 1.0
    parts = f"{100 * share:.0f} % rounding, {100 * (1 - share):.0f} % clipping"
    words = (
        f"{choice.format} by {choice.method}, {span(choice.low, choice.high)}; SQNR {error.sqnr_db:.1f} dB; {parts}; "
    )
    words += f"{100 * error.saturated_fraction:.3g} % of the values lie beyond the thresholds"
    pictures = histogram(distribution, choice.quantizer, label) + split_bar(error, parts)
    return f"<figure><h3>{kind} {named(row.name)}</h3>{pictures}<figcaption>{said(words)}.</figcaption></figure>"


def span(low: Bound, high: Bound) -> str:
    """A range, or how many there are and the widest ends."""
    ends = f"{number(float(np.min(low)))} to {number(float(np.max(high)))}"
    return f"{np.size(low)} ranges within {ends}" if np.ndim(low) else f"range {ends}"


def _several(value: object) -> str:
    """One number, or the smallest and the largest of many."""
    array = np.asarray(value)
    low, high = float(array.min()), float(array.max())
    return number(low) if low == high else f"{number(low, 3)} … {number(high, 3)}"


_COLUMNS = {
    "Tensor": "words",
    "Kind": "words",
    "Format": "words",
    "Method": "words",
    "SQNR by itself, dB": "",
    "SQNR in the network, dB": "",
    "Ranges": "",
    "Low": "",
    "High": "",
    "Scale": "",
    "Zero point": "",
    "Name at the target": "words",
    "Note": "words",
}


def _tensors(facts: Facts) -> str:
    shown = dict(_COLUMNS)
    empty = {
        "SQNR by itself, dB": all(row.own is None for row in facts.rows),
        "SQNR in the network, dB": all(row.reached is None for row in facts.rows),
        "Name at the target": all(row.called == row.name for row in facts.rows),
        "Note": not any(row.note for row in facts.rows),
    }
    for column in (name for name, gone in empty.items() if gone):
        del shown[column]
    head = "".join(f'<th scope="col" class="{kind}">{name}</th>' for name, kind in shown.items())
    body = "".join(_row(row, shown) for row in facts.rows)
    caption = "<caption>In the order of the network. A tensor without a format stays float32.</caption>"
    table = f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    region = 'class="scroll" tabindex="0" role="region" aria-label="Table of all tensors"'
    return f"<h2>All tensors</h2><div {region}>{table}</div>"


def _row(row: Row, shown: Mapping[str, str]) -> str:
    choice, own, reached = row.choice, row.own, row.reached
    cells = {
        "Kind": "weight" if row.is_weight else "activation",
        "Format": "fp32" if choice is None else choice.format,
        "SQNR by itself, dB": "" if own is None else _db(own.sqnr_db),
        "SQNR in the network, dB": "" if reached is None else _db(reached.sqnr_db),
        "Name at the target": "" if row.called == row.name else row.called,
        "Note": row.note,
    }
    if choice is not None:
        method = choice.method + (", estimated" if choice.estimated else "")
        cells["Method"] = method + (f", dynamic by {choice.dynamic}" if choice.dynamic else "")
        cells["Ranges"] = str(np.size(choice.low))
        cells["Low"], cells["High"] = _several(choice.low), _several(choice.high)
        cells["Scale"] = _several(choice.quantizer.scale) if choice.variation.has_scale else "none"
        cells["Zero point"] = _several(choice.quantizer.zero_point)
    filled = []
    for column, kind in shown.items():
        if column != "Tensor":
            kind = "long" if column in ("Name at the target", "Note") else kind
            filled.append(f'<td class="{kind}">{said(cells.get(column, ""))}</td>')
    return f'<tr data-tensor="{said(row.name)}"><th scope="row">{named(row.name)}</th>{"".join(filled)}</tr>'


def _db(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else number(value)


def _notices(facts: Facts) -> str:
    if not facts.notices:
        return "<h2>Remarks</h2><p>None.</p>"
    return f"<h2>Remarks</h2><ul>{_items(str(notice) for notice in facts.notices)}</ul>"


def _items(sentences: Iterable[str]) -> str:
    return "".join(f"<li><bdi>{said(sentence)}</bdi></li>" for sentence in sentences)


def _recipe(facts: Facts) -> str:
    words = "The whole recipe as JSON: a click into it selects all of it; saved in a file, Recipe.load reads it."
    # html.escape alone: JSON has no control characters, and every other one belongs to the recipe
    text = f'<pre id="{RECIPE_ID}" tabindex="0" aria-label="Recipe as JSON">{escape(facts.recipe)}</pre>'
    return f"<h2>Recipe</h2><p>{words}</p><details><summary>Show the recipe</summary>{text}</details>"


def _made_with(facts: Facts) -> str:
    rows = "".join(
        f'<tr><th scope="row">{said(name)}</th><td class="long"><code>{said(value)}</code></td></tr>'
        for name, value in chain(facts.versions.items(), facts.hashes.items())
    )
    body = f'<tbody class="facts">{rows}</tbody>'
    return f"<h2>Versions and hashes</h2><table><caption>What made this page, and of what.</caption>{body}</table>"
